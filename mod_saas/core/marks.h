#ifndef SAAS_CORE_MARKS_H
#define SAAS_CORE_MARKS_H

/*
 * When did something last change? Numbers in a fixed piece of shared memory, for whoever keeps copies of it: take
 * saas_marks_now() BEFORE reading what you copy, keep the number with the copy, and the copy is good as long as
 * saas_marks_good() says so. Lock-free; a process that is killed in the middle leaves nothing behind.
 *
 * Subjects (an organization's id, a user's id) share a fixed number of marks: a change of one subject may void
 * copies of another one, never the other way round.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct saas_marks_t saas_marks_t;

/** Bytes of memory for so many marks, a power of two. */
size_t saas_marks_size(size_t marks);

/** Lays the marks out in memory of saas_marks_size(marks) bytes, aligned to 64; once, before it is shared. */
saas_marks_t *saas_marks_init(void *memory, size_t marks);

/** The number of the last change; at least 1. */
uint64_t saas_marks_now(const saas_marks_t *m);

/** The mark of a subject. */
uint32_t saas_marks_of(const saas_marks_t *m, const char *subject);

/** To be called once a change of what has this mark can be seen by everybody who reads from now on. */
void saas_marks_change(saas_marks_t *m, uint32_t mark);

/** The same for everything at once. */
void saas_marks_change_all(saas_marks_t *m);

/** True when nothing was called for these marks (and not for all) since `since` was taken. */
int saas_marks_good(const saas_marks_t *m, uint64_t since, const uint32_t *marks, int n);

#endif
