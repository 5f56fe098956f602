/*
 * Changes are numbered 1, 2, 3 …; the mark of a subject is the number of its last change, the floor that of the last
 * change of everything.
 *
 * Invariant: a copy with number q shows every change c <= q. Proof: the caller calls saas_marks_change() when its
 * change c is visible; c is drawn inside that call; whoever reads q >= c from the counter does so after c was drawn,
 * and reads the data after that. So a copy is good exactly while each mark it depends on, and the floor, is <= q.
 * The counter is raised before the mark: in between, a copy with q < c still passes, one with q >= c rightly does;
 * when the call returns, no copy with q < c passes any more. Marks only grow, whoever of two callers comes last.
 */

#include "marks.h"
#include "warm.h"

#include <stdatomic.h>
#include <string.h>

#define LINE 64

struct saas_marks_t {
    _Atomic uint64_t counter;
    char pad1[LINE - sizeof(uint64_t)];
    _Atomic uint64_t floor;
    uint32_t mask;
    char pad2[LINE - 2 * sizeof(uint64_t)];
    _Atomic uint64_t mark[];
};

_Static_assert(sizeof(struct saas_marks_t) == 2 * LINE, "marks must begin on a cache line");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the marks live in memory shared by processes");

size_t saas_marks_size(size_t marks)
{
    return sizeof(saas_marks_t) + marks * sizeof(uint64_t);
}

saas_marks_t *saas_marks_init(void *memory, size_t marks)
{
    saas_marks_t *m = memory;
    memset(memory, 0, saas_marks_size(marks));
    m->mask = (uint32_t)(marks - 1);
    atomic_store(&m->counter, 1);
    return m;
}

uint64_t saas_marks_now(const saas_marks_t *m)
{
    return atomic_load(&((saas_marks_t *)m)->counter);
}

/* FNV-1a, 64 bits, its upper half folded in. Subjects are ids that the server has made: nobody aims at a mark. */
uint32_t saas_marks_of(const saas_marks_t *m, const char *subject)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *subject; subject++) {
        h = (h ^ (unsigned char)*subject) * UINT64_C(1099511628211);
    }
    return (uint32_t)(h ^ h >> 32) & m->mask;
}

static void raise_to(_Atomic uint64_t *at, uint64_t number)
{
    uint64_t seen = atomic_load(at);
    while (seen < number && !atomic_compare_exchange_weak(at, &seen, number)) {
    }
}

void saas_marks_change(saas_marks_t *m, uint32_t mark)
{
    raise_to(&m->mark[mark & m->mask], atomic_fetch_add(&m->counter, 1) + 1);
}

void saas_marks_change_all(saas_marks_t *m)
{
    raise_to(&m->floor, atomic_fetch_add(&m->counter, 1) + 1);
}

SAAS_WARM int saas_marks_good(const saas_marks_t *marks, uint64_t since, const uint32_t *list, int n)
{
    saas_marks_t *m = (saas_marks_t *)marks;
    int i;
    if (atomic_load_explicit(&m->floor, memory_order_acquire) > since) {
        return 0;
    }
    for (i = 0; i < n; i++) {
        if (atomic_load_explicit(&m->mark[list[i] & m->mask], memory_order_acquire) > since) {
            return 0;
        }
    }
    return 1;
}
