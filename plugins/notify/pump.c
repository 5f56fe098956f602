/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See pump.h.  One endpoint's trouble must stay its own:
 *   - No more than SaasNotifyPerEndpoint messages are under way to an endpoint, SaasNotifyPerOrganization for an
 *     organization; one message to an endpoint that fails, or has not yet shown that it works.
 *   - Endpoints that fail share half of what the node sends at once.
 *   - What is under way for longer than a moment does not count against SaasNotifyConcurrency, only against a bound that is
 *     four times as high: many endpoints that begin to hang at once hold up nobody else.
 *   - Endpoints are gone through one after the other, from where the last look ended, however much waits for each.
 *   - An endpoint that goes on failing is left alone for a while (schedule.h).
 */
#include "pump.h"

#include "queue.h"
#include "schedule.h"

#include <apr_strings.h>

#define ID_SIZE 37
#define NOBODY "00000000-0000-0000-0000-000000000000"
#define LOOK_MS 500          /* an idle node looks this often */
#define LOOK_BUSY_MS 20      /* one that has found something */
#define LOOK_PAGES 8         /* of NOTIFY_LOOK_MOST endpoints, at a time */
#define WAIT_MS 20
#define SETTLE_MS 4          /* results are collected for so long */
#define SETTLE_MOST 200      /* or so many */
#define RETRY_MS 500         /* after a database that did not answer */
#define LEAVE_MS 1000        /* what is under way gets so long when the server goes down */
#define SLOW_FACTOR 4
#define OLD_MS 600000
/* A result is worth writing as long as nobody else can have claimed the message. */
#define RESULT_MS ((NOTIFY_LEASE_SECONDS - 5) * 1000)

struct saas_notify_pump_t {
    server_rec *server;
    apr_pool_t *pool, *scratch;
    saas_notify_sender_t *sender;
    int concurrency;
    apr_int64_t made_at;
    apr_int64_t look_at;         /* ms */
    apr_int64_t settle_at;
    int backlog;                 /* something is due that had no room */
    char after_org[ID_SIZE], after_endpoint[ID_SIZE];
    apr_array_header_t *results; /* saas_notify_parcel_t *: ended, not written yet */
    int failing;                 /* the database could not be asked; said once */
};

static void go_to(saas_notify_pump_t *pump, const char *org_id, const char *endpoint_id)
{
    apr_cpystrn(pump->after_org, org_id, sizeof(pump->after_org));
    apr_cpystrn(pump->after_endpoint, endpoint_id, sizeof(pump->after_endpoint));
}

saas_notify_pump_t *saas_notify_pump_make(server_rec *s)
{
    saas_notify_pump_t *pump;
    apr_allocator_t *allocator;
    apr_pool_t *p;

    /* An allocator of its own: memory that a rush has taken goes back to the system. */
    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_pool_create_ex(&p, NULL, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, p);
    apr_allocator_max_free_set(allocator, 4 * 1024 * 1024);
    apr_pool_tag(p, "saas_notify");
    pump = apr_pcalloc(p, sizeof(*pump));
    pump->server = s;
    pump->pool = p;
    pump->concurrency = saas_notify_config_concurrency(s);
    pump->made_at = saas_notify_clock();
    pump->results = apr_array_make(p, SETTLE_MOST, sizeof(saas_notify_parcel_t *));
    go_to(pump, NOBODY, NOBODY);
    apr_pool_create(&pump->scratch, p);
    if (!(pump->sender = saas_notify_sender_make(p, s, pump->concurrency * SLOW_FACTOR))) {
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS2606", "libcurl could not be initialized: no outgoing webhooks are sent by this node");
        apr_pool_destroy(p);
        return NULL;
    }
    return pump;
}

void saas_notify_pump_end(saas_notify_pump_t *pump)
{
    apr_pool_destroy(pump->pool);
}

int saas_notify_pump_is_old(const saas_notify_pump_t *pump)
{
    return saas_notify_clock() - pump->made_at > OLD_MS;
}

/* Whether the database answers is said when that changes. */
static int answered(saas_notify_pump_t *pump, apr_status_t rv)
{
    if (rv != APR_SUCCESS && rv != SAAS_ESERIALIZATION && !pump->failing) {
        pump->failing = 1;
        SAAS_LOG(pump->server, APLOG_WARNING, 0, "SAAS2601",
                 "outgoing webhooks wait for the database; they go on by themselves, and earlier lines say what is wrong");
    }
    else if (rv == APR_SUCCESS && pump->failing) {
        pump->failing = 0;
        SAAS_LOG(pump->server, APLOG_NOTICE, 0, "SAAS2602", "outgoing webhooks go on");
    }
    return rv == APR_SUCCESS;
}

/* --------------------------------------------------------------- claim -- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/** What may be begun in this look. */
typedef struct room_t {
    int all, failing;
    const char *org_id;   /* the organization that was last looked at, */
    int organization;     /* and the room that it has left */
} room_t;

/* How much of one endpoint; the endpoints of an organization come one after the other. */
static int share(const saas_notify_pump_t *pump, room_t *room, const saas_notify_waiting_t *w)
{
    int most = w->streak > 0 ? 1 : saas_notify_config_per_endpoint(pump->server), take;

    if (!w->ready || !w->due) {
        return 0;
    }
    if (!room->org_id || strcmp(room->org_id, w->org_id)) {
        room->org_id = w->org_id;
        room->organization = saas_notify_config_per_organization(pump->server)
                             - saas_notify_under_way_of(pump->sender, w->org_id, NULL);
    }
    take = least(most - saas_notify_under_way_of(pump->sender, NULL, w->endpoint_id), w->due);
    take = least(take, least(room->all, room->organization));
    take = w->streak > 0 ? least(take, room->failing) : take;
    if (take <= 0) {
        return 0;
    }
    room->all -= take;
    room->organization -= take;
    room->failing -= w->streak > 0 ? take : 0;
    return take;
}

static room_t room_now(const saas_notify_pump_t *pump)
{
    int slow, under_way = saas_notify_under_way(pump->sender, &slow);
    room_t room = { 0 };

    room.all = least(pump->concurrency - (under_way - slow), pump->concurrency * SLOW_FACTOR - under_way);
    room.failing = (pump->concurrency + 1) / 2 - saas_notify_under_way_failing(pump->sender);
    return room;
}

/* What becomes of one that has ended, well or not. */
static void decide(saas_notify_parcel_t *parcel, void *baton)
{
    saas_notify_pump_t *pump = baton;
    apr_int64_t patience = apr_time_sec(saas_notify_config_retry(pump->server));

    parcel->delay = saas_notify_backoff(parcel->tries, parcel->retry_after, (double)ap_random_pick(0, 1000) / 1000);
    parcel->state = !parcel->error ? "succeeded"
                    : parcel->status == HTTP_GONE || parcel->age + parcel->delay > patience ? "failed" : "queued";
    APR_ARRAY_PUSH(pump->results, saas_notify_parcel_t *) = parcel;
}

static void begin(saas_notify_pump_t *pump, const apr_array_header_t *parcels)
{
    int i;

    for (i = 0; i < parcels->nelts; i++) {
        saas_notify_parcel_t *parcel = APR_ARRAY_IDX(parcels, i, saas_notify_parcel_t *);
        if (!parcel->error && saas_notify_send(pump->sender, parcel) != APR_SUCCESS && !parcel->error) {
            parcel->error = "the message could not be sent";
        }
        if (parcel->error) {
            parcel->began = saas_notify_clock();
            decide(parcel, pump);
        }
    }
}

/* Claims what has been chosen, and begins to send it. */
static apr_status_t claim(saas_notify_pump_t *pump, const saas_notify_waiting_t *waiting, int n)
{
    apr_array_header_t *parcels = apr_array_make(pump->scratch, 32, sizeof(saas_notify_parcel_t *));
    apr_status_t rv = saas_notify_claim(pump->pool, pump->scratch, pump->server, waiting, n, parcels);

    begin(pump, parcels);
    return rv;
}

/* One page of endpoints; *end: it was the last one, or there is no more room. */
static apr_status_t look_at_page(saas_notify_pump_t *pump, int *taken, int *end)
{
    saas_notify_waiting_t *waiting;
    room_t room = room_now(pump);
    int i, n, chosen = 0;
    apr_status_t rv = saas_notify_look(pump->scratch, pump->server, pump->after_org, pump->after_endpoint, &waiting, &n);

    *end = 1;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < n && chosen < NOTIFY_CLAIM_MOST && room.all > 0; i++) {
        waiting[i].take = share(pump, &room, &waiting[i]);
        chosen += waiting[i].take > 0;
        *taken += waiting[i].take;
        pump->backlog |= waiting[i].ready && waiting[i].due > waiting[i].take;
        go_to(pump, waiting[i].org_id, waiting[i].endpoint_id);
    }
    *end = room.all <= 0;
    pump->backlog |= i < n;
    if (i == n && n < NOTIFY_LOOK_MOST) {
        go_to(pump, NOBODY, NOBODY);
        *end = 1;
    }
    return chosen ? claim(pump, waiting, i) : APR_SUCCESS;
}

static void look(saas_notify_pump_t *pump)
{
    int taken = 0, end = 0, page;
    apr_status_t rv = APR_SUCCESS;

    pump->backlog = 0;
    if (room_now(pump).all <= 0) {
        pump->backlog = 1;
        pump->look_at = saas_notify_clock() + LOOK_BUSY_MS;
        return;
    }
    for (page = 0; page < LOOK_PAGES && !end && rv == APR_SUCCESS; page++) {
        rv = look_at_page(pump, &taken, &end);
        apr_pool_clear(pump->scratch);
    }
    answered(pump, rv);
    pump->look_at = saas_notify_clock() + (rv != APR_SUCCESS ? RETRY_MS : taken || !end ? LOOK_BUSY_MS : LOOK_MS);
}

/* ------------------------------------------------------------- results -- */

static int is_given_up(const saas_notify_parcel_t *parcel)
{
    return !strcmp(parcel->state, "failed");
}

/* An endpoint that is gone is disabled before that is written, one that has failed for days after: then a node that dies
 * in between leaves something that brings it up again. */
static void disable(saas_notify_pump_t *pump, int gone)
{
    int i, disabled = 0;

    for (i = 0; i < pump->results->nelts; i++) {
        const saas_notify_parcel_t *parcel = APR_ARRAY_IDX(pump->results, i, saas_notify_parcel_t *);
        if (!is_given_up(parcel) || gone != (parcel->status == HTTP_GONE)) {
            continue;
        }
        if (saas_notify_disable(pump->scratch, pump->server, parcel, gone, &disabled) == APR_SUCCESS && disabled) {
            saas_notify_count_disabled(gone);
            saas_jobs_wake();
            SAAS_LOG(pump->server, APLOG_NOTICE, 0, "SAAS2603",
                     "endpoint %s of organization %s is disabled: %s; its ADMINs are told, and enable it again once it is mended",
                     parcel->endpoint_id, parcel->org_id, gone ? "it says that it is gone (410)" : "it has failed for too long");
        }
    }
}

static void forget(saas_notify_pump_t *pump)
{
    int i;

    for (i = 0; i < pump->results->nelts; i++) {
        apr_pool_destroy(APR_ARRAY_IDX(pump->results, i, saas_notify_parcel_t *)->pool);
    }
    apr_array_clear(pump->results);
}

static void count(const saas_notify_pump_t *pump, int written)
{
    int i, sums[3] = { 0 };

    for (i = 0; i < pump->results->nelts; i++) {
        const saas_notify_parcel_t *parcel = APR_ARRAY_IDX(pump->results, i, saas_notify_parcel_t *);
        sums[!parcel->error ? NOTIFY_SUCCEEDED : is_given_up(parcel) ? NOTIFY_GIVEN_UP : NOTIFY_FAILED]++;
    }
    for (i = 0; i < 3; i++) {
        saas_notify_count((saas_notify_outcome_e)i, (apr_uint64_t)sums[i]);
    }
    if (written < pump->results->nelts) {
        saas_notify_count(NOTIFY_LOST, (apr_uint64_t)(pump->results->nelts - written));
    }
}

/* When the first of the results was begun. */
static apr_int64_t oldest(const saas_notify_pump_t *pump)
{
    apr_int64_t began = saas_notify_clock();
    int i;

    for (i = 0; i < pump->results->nelts; i++) {
        const saas_notify_parcel_t *parcel = APR_ARRAY_IDX(pump->results, i, saas_notify_parcel_t *);
        began = parcel->began < began ? parcel->began : began;
    }
    return began;
}

static int by_endpoint(const void *a, const void *b)
{
    return strcmp((*(const saas_notify_parcel_t *const *)a)->endpoint_id, (*(const saas_notify_parcel_t *const *)b)->endpoint_id);
}

/* Writes what has ended, always in the same order of endpoints: nodes that write at the same moment wait for each other and
 * never in a circle.  A database that is away is waited for as long as the claims last. */
static void settle(saas_notify_pump_t *pump)
{
    apr_int64_t now = saas_notify_clock();
    int written = 0;
    apr_status_t rv;

    qsort(pump->results->elts, (size_t)pump->results->nelts, sizeof(saas_notify_parcel_t *), by_endpoint);
    disable(pump, 1);
    rv = saas_notify_settle(pump->scratch, pump->server, pump->results, &written);
    if (answered(pump, rv)) {
        count(pump, written);
        disable(pump, 0);
        forget(pump);
        pump->look_at = pump->backlog ? now : pump->look_at;
    }
    else if (now - oldest(pump) > RESULT_MS) {
        saas_notify_count(NOTIFY_LOST, (apr_uint64_t)pump->results->nelts);
        forget(pump);
    }
    else {
        pump->settle_at = now + RETRY_MS;
    }
    apr_pool_clear(pump->scratch);
}

/* The results that are collected are written when they are many, or have waited for a moment. */
static void settle_when_due(saas_notify_pump_t *pump, int at_once)
{
    apr_int64_t now = saas_notify_clock();
    int n = pump->results->nelts;

    if (!n) {
        pump->settle_at = 0;
        return;
    }
    if (!pump->settle_at) {
        pump->settle_at = now + SETTLE_MS;
    }
    if (at_once || now >= pump->settle_at || (n >= SETTLE_MOST && !pump->failing)) {
        pump->settle_at = 0;
        settle(pump);
    }
}

/* ----------------------------------------------------------------- run -- */

/* Has what is under way end, and hands the rest over. */
static void leave(saas_notify_pump_t *pump)
{
    apr_int64_t until = saas_notify_clock() + LEAVE_MS;
    apr_array_header_t *parcels = apr_array_make(pump->scratch, 32, sizeof(saas_notify_parcel_t *));
    saas_notify_parcel_t *parcel;
    apr_pool_t *scratch;
    int slow;

    while (saas_notify_under_way(pump->sender, &slow) && saas_notify_clock() < until) {
        saas_notify_sender_wait(pump->sender, WAIT_MS);
        saas_notify_sender_step(pump->sender, decide, pump);
    }
    while ((parcel = saas_notify_break_off(pump->sender)) != NULL) {
        APR_ARRAY_PUSH(parcels, saas_notify_parcel_t *) = parcel;
    }
    apr_pool_create(&scratch, pump->pool);
    if (parcels->nelts && saas_notify_release(scratch, pump->server, parcels) == APR_SUCCESS) {
        saas_notify_count(NOTIFY_RELEASED, (apr_uint64_t)parcels->nelts);
    }
    settle_when_due(pump, 1);
}

void saas_notify_pump_run(saas_notify_pump_t *pump, int call, int (*called)(void), int (*stops)(void))
{
    int slow;

    if (call) {
        pump->look_at = 0;
    }
    do {
        if (called()) {
            pump->look_at = 0;
        }
        /* While results cannot be written nothing more is begun. */
        if (saas_notify_clock() >= pump->look_at && !(pump->failing && pump->results->nelts)) {
            look(pump);
        }
        saas_notify_sender_step(pump->sender, decide, pump);
        settle_when_due(pump, !saas_notify_under_way(pump->sender, &slow) && !pump->failing);
        if (saas_notify_under_way(pump->sender, &slow) || pump->results->nelts) {
            saas_notify_sender_wait(pump->sender, pump->results->nelts ? SETTLE_MS : WAIT_MS);
        }
    } while (!stops() && (saas_notify_under_way(pump->sender, &slow) || pump->results->nelts
                          || saas_notify_clock() >= pump->look_at));
    if (stops()) {
        leave(pump);
    }
}
