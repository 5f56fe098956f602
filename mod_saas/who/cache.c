/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Principals in memory.
 *
 * An entry answers one question, whole: this credential, this way of choosing the organization.  It may be used
 * only if all of this holds, in this order:
 *
 * 1. The feed lives: every change committed up to SaasFeedTimeout ago is in the marks (feed/).
 * 2. No change is marked, for its user, its organization, its credential or everything, since the number that was
 *    taken BEFORE its database read (core/marks.c).
 * 3. It is not out by clock: token, session or paid period, turned into this host's own steady clock when it was
 *    read, by the difference to the database's now(), so that clocks that differ, or are set, do not matter.
 *
 * Whatever is in doubt is asked of the database.  Refusals, failures and "choose one" are never kept: nobody can
 * fill the memory without a valid credential, and a new right is seen at once.  Neither is a claim of an address whose
 * owner another module has just brought.
 *
 * On the way of a hit: no lock, no system call but the clock (which is none on Linux), no memory but r->pool's.
 */
#include "cache.h"
#include "core/shtable.h"
#include "count/count.h"
#include "feed/feed.h"

#include <apr_shm.h>

#define LINE 64
#define SECONDS(clock) ((uint32_t)((clock) / 1000000))
/* A token's use is noted once a minute; the second is for the two clocks in it. */
#define TOUCH_EVERY apr_time_from_sec(61)

/* The texts of a principal, in the order in which they lie in an entry. */
static const apr_size_t texts[] = {
    APR_OFFSETOF(saas_principal_t, credential_id), APR_OFFSETOF(saas_principal_t, user_id),
    APR_OFFSETOF(saas_principal_t, email),         APR_OFFSETOF(saas_principal_t, name),
    APR_OFFSETOF(saas_principal_t, org_id),        APR_OFFSETOF(saas_principal_t, org_slug),
    APR_OFFSETOF(saas_principal_t, org_name),      APR_OFFSETOF(saas_principal_t, subscription),
    APR_OFFSETOF(saas_principal_t, price),         APR_OFFSETOF(saas_principal_t, entitled),
};
#define N_TEXTS (sizeof(texts) / sizeof(*texts))

/* An entry's value: this, and the texts with their NULs. */
typedef struct record_t {
    apr_uint64_t since;
    apr_int64_t until, touch;
    apr_time_t ends_at;
    apr_uint32_t mark[3];
    apr_uint16_t nmarks;
    apr_byte_t role, active, verified, trial;
    apr_uint16_t at[N_TEXTS]; /* 1 + offset; 0: NULL */
    char text[];
} record_t;

static saas_shtable_t *table;

/* ------------------------------------------------------------- counters -- */

SAAS_WARM static void count(saas_count_e what)
{
    saas_counters_add(what, 0, 0, 1);
}

static apr_uint64_t total(saas_count_e what)
{
    return saas_counters_get(saas_counters_family(what), 0, 0);
}

apr_status_t saas_cache_count(saas_cache_counters_t *counters)
{
    if (!table) {
        return APR_NOTFOUND;
    }
    counters->hits = total(SAAS_COUNT_CACHE_HITS);
    counters->misses = total(SAAS_COUNT_CACHE_MISSES);
    counters->bypasses = total(SAAS_COUNT_CACHE_BYPASSES);
    counters->stores = total(SAAS_COUNT_CACHE_STORES);
    counters->evictions = total(SAAS_COUNT_CACHE_EVICTIONS);
    return APR_SUCCESS;
}

/* ------------------------------------------------------------------ keys -- */

#define KEY_ROOM 512

/* Kind of credential, way of choosing, object, credential, value; 0: too long. */
SAAS_WARM static apr_size_t make_key(char *to, const saas_credential_t *credential, const saas_selector_t *selector)
{
    const char *own = saas_credential_key(credential);
    apr_size_t hash = strlen(own), value = selector->value ? strlen(selector->value) : 0;
    apr_uint32_t object = selector->choice == SAAS_CHOOSE_OBJECT ? (apr_uint32_t)selector->object : 0;
    if (hash + value + 8 > KEY_ROOM) {
        return 0;
    }
    to[0] = (char)credential->by;
    to[1] = (char)selector->choice;
    memcpy(to + 2, &object, sizeof(object));
    memcpy(to + 6, own, hash + 1);
    if (value) {
        memcpy(to + 7 + hash, selector->value, value);
    }
    return hash + value + 7;
}

/* ------------------------------------------------------------------ find -- */

/* Texts of the entry as members of the principal: it stays where it has been read to. */
SAAS_WARM static void unpack(const record_t *record, const saas_credential_t *credential, saas_principal_t *who)
{
    apr_size_t i;
    for (i = 0; i < N_TEXTS; i++) {
        *(const char **)((char *)who + texts[i]) = record->at[i] ? record->text + record->at[i] - 1 : NULL;
    }
    who->by = credential->by;
    who->role = (saas_role_e)record->role;
    who->has_active_subscription = record->active;
    who->email_verified = record->verified;
    who->in_trial = record->trial;
    who->subscription_ends_at = record->ends_at;
}

/* Of all requests that find a token's use not noted, the one that says so in the entry notes it. */
SAAS_COLD static int claim_touch(const saas_shtable_handle_t *handle, saas_shtable_bytes_t key,
                                 saas_shtable_bytes_t value, apr_int64_t now)
{
    record_t *record = (record_t *)value.data; /* the request's own copy */
    record->touch = now + TOUCH_EVERY;
    return saas_shtable_replace(table, handle, key, value, SECONDS(now)) == APR_SUCCESS;
}

SAAS_WARM static void *in_pool(void *pool, size_t bytes)
{
    return apr_palloc(pool, bytes);
}

SAAS_WARM int saas_cache_find(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                              saas_context_t *ctx, saas_cache_ticket_t *ticket)
{
    char name[KEY_ROOM];
    saas_shtable_bytes_t key = { name, 0 }, value;
    saas_shtable_handle_t handle;
    const record_t *record;
    const apr_int64_t now = saas_changes_clock();

    if (ticket) {
        memset(ticket, 0, sizeof(*ticket));
        ticket->began = now;
    }
    if (!table) {
        return 0;
    }
    if (!saas_changes_live(now)) {
        if (ticket) {
            count(SAAS_COUNT_CACHE_BYPASSES);
        }
        return 0;
    }
    if (ticket) {
        ticket->since = saas_marks_now(saas_changes_marks());
    }
    if (!(key.len = make_key(name, credential, selector))
        || saas_shtable_get(table, key, SECONDS(now), in_pool, r->pool, &value, &handle) != APR_SUCCESS
        || value.len < sizeof(*record) || now >= (record = value.data)->until
        || !saas_marks_good(saas_changes_marks(), record->since, record->mark, record->nmarks)) {
        if (ticket) {
            count(SAAS_COUNT_CACHE_MISSES);
        }
        return 0;
    }
    unpack(record, credential, &ctx->who);
    ctx->loaded = SAAS_GRANTED;
    ctx->touch_token = now >= record->touch && claim_touch(&handle, key, value, now);
    count(SAAS_COUNT_CACHE_HITS);
    return 1;
}

/* ------------------------------------------------------------------ keep -- */

/* Puts the texts behind the record; its length, or 0 when there is no room. */
static apr_size_t pack(record_t *record, apr_size_t room, const saas_principal_t *who)
{
    apr_size_t i, used = 0;
    for (i = 0; i < N_TEXTS; i++) {
        const char *text = *(const char *const *)((const char *)who + texts[i]);
        apr_size_t len = text ? strlen(text) + 1 : 0;
        if (sizeof(*record) + used + len > room) {
            return 0;
        }
        record->at[i] = text ? (apr_uint16_t)(used + 1) : 0;
        if (len) {
            memcpy(record->text + used, text, len);
        }
        used += len;
    }
    return sizeof(*record) + used;
}

void saas_cache_keep(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                     const saas_context_t *ctx, const saas_cache_ticket_t *ticket)
{
    apr_uint64_t buffer[SAAS_SHTABLE_ROOM / sizeof(apr_uint64_t)];
    const saas_principal_t *who = &ctx->who;
    const char *const subjects[] = { who->user_id, who->org_id, who->credential_id };
    char name[KEY_ROOM];
    saas_shtable_bytes_t key = { name, 0 }, value = { buffer, 0 };
    record_t *record = (record_t *)buffer;
    int i, evicted;
    (void)r;
    if (!table || !ticket->since || ticket->until <= ticket->began || ctx->loaded != SAAS_GRANTED || ctx->several
        || !who->user_id || (who->by == SAAS_BY_SERVER && !who->email_verified) || (selector->choice != SAAS_CHOOSE_NOT && !who->org_id)) {
        return;
    }
    memset(record, 0, sizeof(*record));
    record->since = ticket->since;
    record->until = ticket->until;
    record->touch = ticket->touch;
    record->ends_at = who->subscription_ends_at;
    record->role = (apr_byte_t)who->role;
    record->active = who->has_active_subscription != 0;
    record->verified = who->email_verified != 0;
    record->trial = who->in_trial != 0;
    for (i = 0; i < 3; i++) {
        if (subjects[i]) {
            record->mark[record->nmarks++] = saas_marks_of(saas_changes_marks(), subjects[i]);
        }
    }
    if (!(key.len = make_key(name, credential, selector)) || !(value.len = pack(record, sizeof(buffer), who))) {
        return;
    }
    if (saas_shtable_put(table, key, value, SECONDS(ticket->began), &evicted) == APR_SUCCESS) {
        count(SAAS_COUNT_CACHE_STORES);
        if (evicted) {
            count(SAAS_COUNT_CACHE_EVICTIONS);
        }
    }
}

/* ----------------------------------------------------------------- start -- */

int saas_cache_post_config(apr_pool_t *pconf, server_rec *s)
{
    apr_size_t size = (apr_size_t)saas_config_cache_size(s), marks = 1024, rest;
    apr_shm_t *shm;
    apr_status_t rv;
    char *memory;
    int status;

    table = NULL;
    /* A sixteenth of the memory for the marks. */
    while (marks * 2 * sizeof(apr_uint64_t) <= size / 16) {
        marks *= 2;
    }
    if ((status = saas_changes_post_config(pconf, s, size ? marks : 0)) != OK || !saas_changes_marks()) {
        return status;
    }
    rest = size - saas_marks_size(marks) - 3 * LINE; /* with what the feed and alignment take */
    if ((rv = apr_shm_create(&shm, rest, NULL, pconf)) == APR_SUCCESS) {
        memory = apr_shm_baseaddr_get(shm);
        rest -= (apr_size_t)(-(apr_uintptr_t)memory & (LINE - 1));
        memory += -(apr_uintptr_t)memory & (LINE - 1);
        rv = saas_shtable_init(memory, rest, &table);
    }
    if (rv != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1704",
                 "no shared memory for %" APR_SIZE_T_FMT " bytes of cached principals: set a smaller SaasCacheSize, or "
                 "0", size);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
