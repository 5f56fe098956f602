/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Counting attempts, in memory that all children share: a log-in that is
 * guessed at through eight connections is one guesser.  A table per window
 * length, made before the children are forked.
 *
 * With SaasThrottleCache the nodes also tell one another through redis or
 * memcached, and whoever has counted more is believed.  Those counters are read
 * and written back, so some attempts made at the very same moment on several
 * nodes go uncounted there; the node's own table misses none.  Without the
 * server each node is on its own, as if it had not been configured.
 */
#include "who.h"
#include "core/slots.h"
#include "core/token.h"
#include "count/count.h"

#include <ap_socache.h>
#include <apr_atomic.h>
#include <apr_shm.h>
#include <apr_strings.h>

#define KEYS 8192
#define ALIGNMENT 64 /* what a table wants; apr_shm puts a header of its own first */
#define ID_LEN 32    /* hex digits of a key's SHA-256; memcached takes keys of 250 */
#define REST_SECONDS 5 /* after a failure the server is left alone for so long */
#define SLOW apr_time_from_sec(1)
#define SLOW_IN_A_ROW 2 /* one is a hiccup, and no reason to let somebody guess at each node anew */

static struct {
    int seconds;
    apr_shm_t *memory;
    saas_slots_t *slots;
} windows[] = { { .seconds = 60 }, { .seconds = 300 }, { .seconds = 3600 }, { .seconds = 86400 } };
#define N_WINDOWS ((int)(sizeof(windows) / sizeof(*windows)))

static struct {
    const ap_socache_provider_t *provider; /* NULL: none */
    ap_socache_instance_t *instance;
    server_rec *server;
    volatile apr_uint32_t rest_until;      /* seconds; this child's */
    volatile apr_uint32_t slow;            /* answers in a row, this child's */
} shared;

static void *aligned(void *memory)
{
    return (void *)(((apr_uintptr_t)memory + ALIGNMENT - 1) & ~(apr_uintptr_t)(ALIGNMENT - 1));
}

const char *saas_throttle_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    const char *servers, *wrong;
    const char *name = saas_config_throttle_provider(s, &servers);

    shared.provider = NULL;
    shared.instance = NULL;
    shared.server = s;
    shared.rest_until = 0;
    shared.slow = 0;
    if (!name) {
        return NULL;
    }
    shared.provider = ap_lookup_provider(AP_SOCACHE_PROVIDER_GROUP, name, AP_SOCACHE_PROVIDER_VERSION);
    if (!shared.provider) {
        return apr_psprintf(pconf, "SaasThrottleCache %s: add LoadModule socache_%s_module", name, name);
    }
    wrong = shared.provider->create(&shared.instance, servers, ptemp, pconf);
    return wrong ? apr_psprintf(pconf, "SaasThrottleCache %s:%s: %s", name, servers, wrong) : NULL;
}

static apr_status_t close_cache(void *baton)
{
    (void)baton;
    if (shared.provider) {
        shared.provider->destroy(shared.instance, shared.server);
        shared.provider = NULL;
    }
    return APR_SUCCESS;
}

int saas_throttle_post_config(apr_pool_t *pconf, server_rec *s)
{
    apr_status_t rv;
    int i;
    for (i = 0; i < N_WINDOWS; i++) {
        rv = apr_shm_create(&windows[i].memory, saas_slots_size(KEYS) + ALIGNMENT, NULL, pconf);
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
    if (shared.provider) {
        static const struct ap_socache_hints hints = { ID_LEN, 32, apr_time_from_sec(60) };
        if ((rv = shared.provider->init(shared.instance, "saas-throttle", &hints, s, pconf)) != APR_SUCCESS) {
            SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1007", "SaasThrottleCache: %s cannot be used; check its address",
                     shared.provider->name);
            return !OK;
        }
        apr_pool_cleanup_register(pconf, NULL, close_cache, apr_pool_cleanup_null);
    }
    return OK;
}

/* The table of the shortest window that is long enough. */
static int window_of(int seconds)
{
    int i;
    for (i = 0; i < N_WINDOWS - 1 && windows[i].seconds < seconds; i++) {
    }
    return i;
}

/* ---------------------------------------------------------- other nodes -- */

/* What the server keeps for a key: "<number of the window> <before> <now>". */
typedef struct {
    unsigned long window;
    unsigned before, now;
} record_t;

static void rest(const char *what)
{
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now());
    if (apr_atomic_xchg32(&shared.rest_until, now + REST_SECONDS) < now) {
        SAAS_LOG(shared.server, APLOG_WARNING, 0, "SAAS1008",
                 "SaasThrottleCache: %s %s; attempts are counted by this node alone until it answers again",
                 shared.provider->name, what);
    }
}

static void read_record(const unsigned char *id, unsigned long window, record_t *record, apr_pool_t *p)
{
    unsigned char data[64];
    unsigned len = sizeof(data) - 1;
    unsigned long then;
    unsigned before, now;

    memset(record, 0, sizeof(*record));
    record->window = window;
    if (shared.provider->retrieve(shared.instance, shared.server, id, ID_LEN, data, &len, p) != APR_SUCCESS
        || len >= sizeof(data)) {
        return;
    }
    data[len] = '\0';
    if (sscanf((const char *)data, "%lu %u %u", &then, &before, &now) != 3 || before > SAAS_SLOTS_LIMIT_MAX
        || now > SAAS_SLOTS_LIMIT_MAX) {
        return;
    }
    /* Another node's clock may be a window ahead of this one's. */
    if (then == window || then == window + 1) {
        record->before = before;
        record->now = now;
    }
    else if (then + 1 == window) {
        record->before = now;
    }
}

/* Seconds to wait by what all nodes have counted; count adds one if it is 0. */
static unsigned ask_others(const char *bucket, const char *key, unsigned limit, int seconds, apr_time_t now, int count)
{
    apr_interval_time_t window = apr_time_from_sec(seconds);
    char id[SAAS_HASH_LEN + 1];
    apr_time_t asked = apr_time_now();
    apr_pool_t *p;
    record_t record;
    unsigned wait;
    int failed = 0;

    if (!shared.provider || apr_atomic_read32(&shared.rest_until) > (apr_uint32_t)apr_time_sec(now)
        || apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return 0;
    }
    if (saas_token_hash(id, apr_pstrcat(p, bucket, "\n", apr_itoa(p, seconds), "\n", key, NULL)) != APR_SUCCESS) {
        apr_pool_destroy(p);
        return 0;
    }
    limit = limit > SAAS_SLOTS_LIMIT_MAX ? SAAS_SLOTS_LIMIT_MAX : limit;
    read_record((const unsigned char *)id, (unsigned long)(now / window), &record, p);
    wait = saas_slots_wait(record.before, record.now, limit, now % window, window);
    if (count && !wait) {
        char *text = apr_psprintf(p, "%lu %u %u", record.window, record.before, record.now + 1);
        failed = shared.provider->store(shared.instance, shared.server, (const unsigned char *)id, ID_LEN,
                                        now + 2 * window, (unsigned char *)text, (unsigned)strlen(text), p)
                 != APR_SUCCESS;
    }
    apr_pool_destroy(p);
    if (failed) {
        rest("takes no counters");
    }
    else if (apr_time_now() - asked <= SLOW) {
        apr_atomic_set32(&shared.slow, 0);
    }
    else if (apr_atomic_inc32(&shared.slow) + 1 >= SLOW_IN_A_ROW) {
        rest("is slow to answer");
    }
    return wait;
}

static int answer(const char *bucket, unsigned here, unsigned others)
{
    if (here || others) {
        saas_counters_throttled(bucket);
    }
    return (int)(here > others ? here : others);
}

int saas_throttle_impl(const char *bucket, const char *key, int limit, int window_seconds)
{
    int at = window_of(window_seconds);
    saas_slots_t *slots = windows[at].slots;
    apr_time_t now = apr_time_now();
    unsigned others = ask_others(bucket, key, (unsigned)limit, windows[at].seconds, now, 1);
    return answer(bucket, saas_slots_hit(slots, saas_slots_key(slots, bucket, key), (unsigned)limit, now), others);
}

int saas_throttle_peek_impl(const char *bucket, const char *key, int limit, int window_seconds)
{
    int at = window_of(window_seconds);
    saas_slots_t *slots = windows[at].slots;
    apr_time_t now = apr_time_now();
    unsigned others = ask_others(bucket, key, (unsigned)limit, windows[at].seconds, now, 0);
    return answer(bucket, saas_slots_peek(slots, saas_slots_key(slots, bucket, key), (unsigned)limit, now), others);
}
