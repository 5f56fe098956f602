#include "tally.h"
#include "warm.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define LINE 64

typedef _Atomic uint64_t cell_t;

struct saas_tally_t {
    unsigned cells;
    unsigned stride; /* cells from one stripe to the next: whole cache lines */
    char rest[LINE - 2 * sizeof(unsigned)];
    cell_t at[];
};

_Static_assert(sizeof(saas_tally_t) == LINE, "the stripes begin on a cache line");

static unsigned stride_of(unsigned cells)
{
    const unsigned in_a_line = LINE / sizeof(cell_t);
    return (cells + in_a_line - 1) / in_a_line * in_a_line;
}

size_t saas_tally_size(unsigned cells)
{
    return sizeof(saas_tally_t) + (size_t)stride_of(cells) * SAAS_TALLY_STRIPES * sizeof(cell_t);
}

saas_tally_t *saas_tally_init(void *memory, unsigned cells)
{
    saas_tally_t *tally = memory;
    memset(memory, 0, saas_tally_size(cells));
    tally->cells = cells;
    tally->stride = stride_of(cells);
    return tally;
}

SAAS_WARM void saas_tally_add(saas_tally_t *tally, unsigned cell, uint64_t amount)
{
    int processor = sched_getcpu();
    size_t stripe = processor < 0 ? 0 : (size_t)processor % SAAS_TALLY_STRIPES;
    if (cell < tally->cells) {
        atomic_fetch_add_explicit(&tally->at[stripe * tally->stride + cell], amount, memory_order_relaxed);
    }
}

uint64_t saas_tally_total(const saas_tally_t *tally, unsigned cell)
{
    uint64_t sum = 0;
    unsigned i;
    for (i = 0; cell < tally->cells && i < SAAS_TALLY_STRIPES; i++) {
        sum += atomic_load_explicit(&tally->at[(size_t)i * tally->stride + cell], memory_order_relaxed);
    }
    return sum;
}
