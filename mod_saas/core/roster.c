#include "roster.h"

#include <stdatomic.h>
#include <string.h>

enum { FREE, ENTERING, READY };

typedef struct place_t {
    _Atomic uint64_t count;
    _Atomic int state;
    char name[SAAS_ROSTER_NAME_MAX + 1]; /* constant once READY */
} place_t;

struct saas_roster_t {
    place_t at[SAAS_ROSTER_NAMES];
    _Atomic uint64_t other;
};

size_t saas_roster_size(void)
{
    return sizeof(saas_roster_t);
}

saas_roster_t *saas_roster_init(void *memory)
{
    return memset(memory, 0, sizeof(saas_roster_t));
}

static int is_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return len && !name[len] && len <= SAAS_ROSTER_NAME_MAX;
}

/* Two processes may enter one name at the same moment, each at a place of its own: reading puts them together. */
static _Atomic uint64_t *find(saas_roster_t *roster, const char *name)
{
    int i;
    for (i = 0; i < SAAS_ROSTER_NAMES; i++) {
        place_t *place = &roster->at[i];
        int state = atomic_load_explicit(&place->state, memory_order_acquire);
        if (state == FREE && atomic_compare_exchange_strong(&place->state, &state, ENTERING)) {
            strcpy(place->name, name); /* is_name() has measured it */
            atomic_store_explicit(&place->state, READY, memory_order_release);
            return &place->count;
        }
        if (state == READY && !strcmp(place->name, name)) {
            return &place->count;
        }
    }
    return &roster->other;
}

void saas_roster_add(saas_roster_t *roster, const char *name)
{
    _Atomic uint64_t *count = is_name(name) && strcmp(name, SAAS_ROSTER_OTHER) ? find(roster, name) : &roster->other;
    atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

static const place_t *ready(const saas_roster_t *roster, int i)
{
    return atomic_load_explicit(&roster->at[i].state, memory_order_acquire) == READY ? &roster->at[i] : NULL;
}

void saas_roster_each(const saas_roster_t *roster, void (*each)(void *baton, const char *name, uint64_t count),
                      void *baton)
{
    uint64_t other = atomic_load_explicit(&roster->other, memory_order_relaxed);
    int i, k;
    for (i = 0; i < SAAS_ROSTER_NAMES; i++) {
        const place_t *place = ready(roster, i), *same;
        uint64_t sum = 0;
        for (k = 0; place && k < i; k++) {
            if ((same = ready(roster, k)) && !strcmp(same->name, place->name)) {
                place = NULL; /* told with the first of its name */
            }
        }
        for (k = i; place && k < SAAS_ROSTER_NAMES; k++) {
            if ((same = ready(roster, k)) && !strcmp(same->name, place->name)) {
                sum += atomic_load_explicit(&same->count, memory_order_relaxed);
            }
        }
        if (place) {
            each(baton, place->name, sum);
        }
    }
    if (other) {
        each(baton, SAAS_ROSTER_OTHER, other);
    }
}
