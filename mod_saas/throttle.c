/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Counting attempts, in memory that all children share: a log-in that is
 * guessed at through eight connections is one guesser.  A table per window
 * length, made before the children are forked.
 */
#include "request.h"
#include "core/slots.h"

#include <apr_shm.h>

#define KEYS 8192
#define ALIGNMENT 64 /* what a table wants; apr_shm puts a header of its own first */

static struct {
    int seconds;
    apr_shm_t *memory;
    saas_slots_t *slots;
} windows[] = { { .seconds = 60 }, { .seconds = 300 }, { .seconds = 3600 }, { .seconds = 86400 } };
#define N_WINDOWS ((int)(sizeof(windows) / sizeof(*windows)))

static void *aligned(void *memory)
{
    return (void *)(((apr_uintptr_t)memory + ALIGNMENT - 1) & ~(apr_uintptr_t)(ALIGNMENT - 1));
}

int saas_throttle_post_config(apr_pool_t *pconf, server_rec *s)
{
    int i;
    for (i = 0; i < N_WINDOWS; i++) {
        apr_status_t rv = apr_shm_create(&windows[i].memory, saas_slots_size(KEYS) + ALIGNMENT, NULL, pconf);
        if (rv == APR_SUCCESS) {
            rv = saas_slots_init(aligned(apr_shm_baseaddr_get(windows[i].memory)), KEYS,
                                 apr_time_from_sec(windows[i].seconds), &windows[i].slots);
        }
        if (rv != APR_SUCCESS) {
            SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1003",
                     "no shared memory for the log-in throttle: free some (anonymous, about 1 MiB) and start again");
            return !OK;
        }
    }
    return OK;
}

/* The table of the shortest window that is long enough. */
static saas_slots_t *slots_of(int seconds)
{
    int i;
    for (i = 0; i < N_WINDOWS - 1 && windows[i].seconds < seconds; i++) {
    }
    return windows[i].slots;
}

int saas_throttle_impl(const char *bucket, const char *key, int limit, int window_seconds)
{
    saas_slots_t *slots = slots_of(window_seconds);
    return (int)saas_slots_hit(slots, saas_slots_key(slots, bucket, key), (unsigned)limit, apr_time_now());
}

int saas_throttle_peek_impl(const char *bucket, const char *key, int limit, int window_seconds)
{
    saas_slots_t *slots = slots_of(window_seconds);
    return (int)saas_slots_peek(slots, saas_slots_key(slots, bucket, key), (unsigned)limit, apr_time_now());
}
