#ifndef SAAS_CORE_SLOTS_H
#define SAAS_CORE_SLOTS_H

/*
 * Attempts counted per key in a fixed piece of shared memory: the throttle of logins and other guessable things.
 * Lock-free, so a child that is killed in the middle leaves nothing locked. All functions may be called from any
 * thread of any process that has the memory mapped.
 *
 * The count is the usual sliding window: that of the running window plus the previous one's, weighted by how much
 * of it still lies within a window's length. A full bucket forgets its oldest key, and of equally old ones the
 * least used, so that a flood of new keys pushes out itself before it pushes out a key under attack.
 */

#include <stddef.h>
#include <stdint.h>

#include <apr_errno.h>
#include <apr_time.h>

/** The largest limit that can be counted to. */
#define SAAS_SLOTS_LIMIT_MAX 4095

typedef struct saas_slots_t saas_slots_t;

/** Bytes of memory for a table of at least so many keys (rounded up to a power of two, at least 64). */
size_t saas_slots_size(size_t keys);

/**
 * Lays out an empty table in memory of saas_slots_size(keys) bytes, aligned to 64; once, before it is shared.
 * The table is seeded with random bytes, so that nobody outside can aim at a bucket.
 * @param window the window that counts are over; 1 s to 1 day
 * @return APR_EINVAL for a bad window or alignment, APR_EGENERAL when OpenSSL's random generator fails.
 */
apr_status_t saas_slots_init(void *memory, size_t keys, apr_interval_time_t window, saas_slots_t **slots);

/**
 * The key of a subject under a rule ("login-address", "192.0.2.7"); equal strings give equal keys within one
 * table. 0 when OpenSSL fails: a valid key, shared by all to whom that happens, so it throttles too much and
 * never too little.
 */
uint64_t saas_slots_key(const saas_slots_t *slots, const char *rule, const char *subject);

/**
 * Counts an attempt if it is within the limit; an attempt that is refused does not count.
 * @param limit attempts per window, cut at SAAS_SLOTS_LIMIT_MAX; 0 refuses all
 * @param now one clock for all callers; a step back by more than a window forgets what was counted
 * @return 0 when allowed, else the whole seconds (at least 1) after which one attempt will be.
 */
unsigned saas_slots_hit(saas_slots_t *slots, uint64_t key, unsigned limit, apr_time_t now);

/** What saas_slots_hit would answer, without counting. */
unsigned saas_slots_peek(const saas_slots_t *slots, uint64_t key, unsigned limit, apr_time_t now);

/**
 * The rule itself, for counters that are kept elsewhere: given the counts of the window before and of the running
 * one, of which `elapsed` has passed, how long until one more attempt fits.
 * @return 0 for now, else whole seconds (at least 1).
 */
unsigned saas_slots_wait(unsigned before, unsigned now, unsigned limit, apr_interval_time_t elapsed,
                         apr_interval_time_t window);

/** Forgets a key, as after a login that succeeded. */
void saas_slots_clear(saas_slots_t *slots, uint64_t key);

#endif
