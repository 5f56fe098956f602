#ifndef SAAS_CORE_TALLY_H
#define SAAS_CORE_TALLY_H

/*
 * Counters in shared memory that many threads of many processes add to all the time: one relaxed atomic addition, no
 * lock, and hardly ever on a cache line that another processor is writing: each has one of SAAS_TALLY_STRIPES copies of
 * all cells, and reading adds the copies up. A process that is killed in the middle
 * leaves nothing behind but what it has counted.
 */

#include <stddef.h>
#include <stdint.h>

#define SAAS_TALLY_STRIPES 64

typedef struct saas_tally_t saas_tally_t;

/** Bytes of memory for so many cells. */
size_t saas_tally_size(unsigned cells);

/** Lays out cells of zero in memory of saas_tally_size(cells) bytes, aligned to 64; once, before it is shared. */
saas_tally_t *saas_tally_init(void *memory, unsigned cells);

/** Adds to a cell; cell numbers beyond those that were laid out are ignored. From any thread of any process that has
 *  the memory mapped. */
void saas_tally_add(saas_tally_t *tally, unsigned cell, uint64_t amount);

/** What has been added to a cell. While others count, cells that were read one after the other need not agree. */
uint64_t saas_tally_total(const saas_tally_t *tally, unsigned cell);

#endif
