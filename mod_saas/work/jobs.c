/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Background work: rows of the table jobs, claimed under a lease and run on
 * mod_watchdog threads of the children.
 *
 * The lease is the only claim to a job.  It lasts LEASE_SECONDS, is renewed by
 * saas_job_stopped(), and its owner is a fencing token: whatever is written for
 * a job is conditional on it, so that a process that was stopped, cut off or
 * slow can never overwrite what its successor did.  A node that dies merely
 * stops renewing, and whoever looks next takes the job over.
 *
 * A watchdog callback that returns anything but APR_SUCCESS is never called
 * again, so nothing here may: failures are logged and tried again.
 */

#include "work.h"
#include "core/id.h"
#include "count/count.h"
#include "db/db.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <mod_watchdog.h>

#include <time.h>

#define LEASE_SECONDS 10
#define RENEW_MS 2000         /* a lease older than this is renewed */
#define RENEW_RETRY_MS 1000   /* after a renewal that could not be made */
#define LOOK_MS 1000          /* a node looks at least this often */
#define SETTLE_RETRY_MS 500
#define BACKOFF_FIRST 5       /* seconds, doubled by each attempt */
#define BACKOFF_MOST 900
#define NO_CAP 1000000000

/** Shared by the children of one start of the server.  due: there may be work,
 *  one thread shall look (it passes the word on when it finds some).
 *  last_look: when any thread of this node looked, in ms, so that an idle node
 *  asks the database once a second however many threads it has. */
typedef struct board_t {
    apr_uint32_t due;
    apr_uint32_t last_look;
} board_t;

/** What the host knows about a claimed job: saas_job_t.host. */
typedef struct claim_t {
    const saas_job_kind_t *kind;
    apr_pool_t *scratch;
    apr_int64_t renew_at;     /* ms, monotonic */
    apr_int64_t expires;      /* not later than the lease's end in the database */
    int stopped;
    int canceled;
    const char *why;          /* what run() said about its failure, or NULL */
    int final;
} claim_t;

static board_t *board;
static volatile apr_uint32_t going_down;   /* this child's; set by whatever thread runs STOPPING */
static volatile apr_uint32_t started;      /* this child's modules are all initialized */
static volatile apr_uint32_t busy;         /* threads of this child that may use the database */
static volatile apr_uint32_t failing;      /* the database could not be asked; said once */

/* ---------------------------------------------------------- statements -- */

/* $1 kind, $2 node, $3 cap per organization, $4 cap per node. */
#define DUE_ROW \
    " FROM jobs j WHERE j.kind = $1 AND j.state = 'queued' AND j.run_after <= now()" \
    " AND (j.organization_id IS NULL OR j.organization_id NOT IN" \
    " (SELECT b.organization_id FROM jobs b WHERE b.kind = $1 AND b.state = 'running' AND b.lease_until >= now()" \
    " AND b.organization_id IS NOT NULL GROUP BY b.organization_id HAVING count(*) >= CAST($3 AS integer)))" \
    " AND (SELECT count(*) FROM jobs n WHERE n.kind = $1 AND n.state = 'running' AND n.lease_until >= now()" \
    " AND n.lease_node = $2) < CAST($4 AS integer)" \
    " ORDER BY j.run_after LIMIT 1"

#define NO_LEASE "lease_node = NULL, lease_owner = NULL, lease_until = NULL"
#define MINE " WHERE id = $1 AND lease_owner = $2"

enum {
    JOB_ENQUEUE, JOB_CANCEL_MARK, JOB_CANCEL_REMOVE, JOB_PEEK, JOB_CLAIM_ALONE, JOB_RECLAIM, JOB_CLAIM,
    JOB_RENEW, JOB_FENCE, JOB_DONE, JOB_RELEASE, JOB_RELEASE_CANCELED, JOB_AGAIN, JOB_DEAD
};

saas_statement_t saas_job_statements[] = {
    [JOB_ENQUEUE] = { .name = "job_enqueue", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO jobs (id, kind, organization_id, object_id, payload, run_after, created_at)"
        " VALUES ($1, $2, $3, $4, $5, saas_now_plus(CAST($6 AS double precision)), now())" },
    /* Marking first locks the row, so that the removal sees the state it will keep. */
    [JOB_CANCEL_MARK] = { .name = "job_cancel_mark", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET cancel_requested = TRUE WHERE kind = $1 AND object_id = $2" },
    [JOB_CANCEL_REMOVE] = { .name = "job_cancel_remove", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM jobs WHERE kind = $1 AND object_id = $2 AND state <> 'running'" },
    [JOB_PEEK] = { .name = "job_peek", .scope = SAAS_SYSTEM, .sql =
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE kind = $1 AND state = 'running' AND lease_until < now())"
        " OR EXISTS (SELECT 1" DUE_ROW ") THEN 1 ELSE 0 END" },
    /* Caps are counts: two claims at the same moment would each see room for one. */
    [JOB_CLAIM_ALONE] = { .name = "job_claim_alone", .scope = SAAS_SYSTEM, .sql =
        "SELECT pg_advisory_xact_lock(hashtext('saas job ' || $1))", .sqlite = "SELECT $1" },
    [JOB_RECLAIM] = { .name = "job_reclaim", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'queued', run_after = lease_until, " NO_LEASE
        " WHERE kind = $1 AND state = 'running' AND lease_until < now()" },
    [JOB_CLAIM] = { .name = "job_claim", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_node = $2, lease_owner = $5,"
        " lease_until = saas_now_plus(10)"
        " WHERE id = (SELECT j.id" DUE_ROW " FOR UPDATE OF j SKIP LOCKED)"
        " RETURNING id, organization_id, object_id, payload, attempts, cancel_requested" },
    [JOB_RENEW] = { .name = "job_renew", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET lease_until = saas_now_plus(10)" MINE " RETURNING cancel_requested" },
    [JOB_FENCE] = { .name = "job_fence", .scope = SAAS_SYSTEM, .sql =
        "SELECT 1 FROM jobs" MINE " FOR UPDATE" },
    [JOB_DONE] = { .name = "job_done", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM jobs" MINE },
    [JOB_RELEASE] = { .name = "job_release", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'queued', run_after = now(), attempts = attempts - CAST($3 AS integer), " NO_LEASE
        MINE " AND NOT cancel_requested" },
    /* What the statement before has not let go is canceled. */
    [JOB_RELEASE_CANCELED] = { .name = "job_release_canceled", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM jobs" MINE " AND cancel_requested" },
    [JOB_AGAIN] = { .name = "job_again", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'queued', run_after = saas_now_plus(CAST($3 AS double precision)), error = $4, "
        NO_LEASE MINE " AND NOT cancel_requested" },
    [JOB_DEAD] = { .name = "job_dead", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'dead', error = $3, " NO_LEASE MINE },
    { .name = NULL }
};

/* ---------------------------------------------------------------- kinds -- */

static apr_array_header_t *kinds;

void saas_jobs_begin(apr_pool_t *p)
{
    kinds = apr_array_make(p, 8, sizeof(const saas_job_kind_t *));
}

void saas_jobs_add(const saas_job_kind_t *list)
{
    for (; list && list->kind; list++) {
        APR_ARRAY_PUSH(kinds, const saas_job_kind_t *) = list;
    }
}

const apr_array_header_t *saas_jobs_kinds(void)
{
    return kinds;
}

static const saas_job_kind_t *kind_at(int i)
{
    return APR_ARRAY_IDX(kinds, i, const saas_job_kind_t *);
}

const char *const *saas_jobs_names(apr_pool_t *p, int *n)
{
    const char **names = apr_pcalloc(p, sizeof(*names) * (apr_size_t)(kinds->nelts + 1));
    for (*n = 0; *n < kinds->nelts; ++*n) {
        names[*n] = kind_at(*n)->kind;
    }
    return names;
}

/* The number of kinds for one that nobody has declared. */
static int number_of(const char *kind)
{
    int i;
    for (i = 0; i < kinds->nelts && strcmp(kind_at(i)->kind, kind); i++) {
    }
    return i;
}

int saas_job_known_impl(const char *kind)
{
    return number_of(kind) < kinds->nelts;
}

/* -------------------------------------------------------------- helpers -- */

static apr_int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int child_stops(void)
{
    int state = 0;
    return apr_atomic_read32(&going_down) || ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS
           || state == AP_MPMQ_STOPPING;
}

static const char *status_text(apr_pool_t *p, apr_status_t rv)
{
    char text[200];
    switch (rv) {
    case SAAS_EUNAVAILABLE: return "the database is unavailable";
    case SAAS_ESERIALIZATION: return "the database could not serialize the transaction";
    case SAAS_EDATABASE: return "the database refused a statement";
    case SAAS_EUNIQUE: return "the database refused a row that exists already";
    default: return apr_pstrdup(p, apr_strerror(rv, text, sizeof(text)));
    }
}

/* ------------------------------------------------- enqueue, cancel, wake -- */

apr_status_t saas_job_enqueue_impl(saas_db_t *db, const char *kind, const char *org_id, const char *object_id,
                                   json_t *payload, int delay_seconds)
{
    char id[SAAS_UUID_LEN + 1];
    char delay[24];
    char *text = NULL;
    apr_status_t rv = saas_uuid7(id);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (payload && !(text = json_dumps(payload, JSON_COMPACT))) {
        return APR_EINVAL;
    }
    apr_snprintf(delay, sizeof(delay), "%d", delay_seconds > 0 ? delay_seconds : 0);
    rv = saas_db_queue_impl(db, &saas_job_statements[JOB_ENQUEUE],
                            SAAS_ARGS(id, kind, org_id, object_id, text, delay));
    free(text);
    return rv;
}

apr_status_t saas_job_cancel_impl(saas_db_t *db, const char *kind, const char *object_id)
{
    apr_status_t rv = saas_db_queue_impl(db, &saas_job_statements[JOB_CANCEL_MARK], SAAS_ARGS(kind, object_id));
    if (rv == APR_SUCCESS) {
        rv = saas_db_queue_impl(db, &saas_job_statements[JOB_CANCEL_REMOVE], SAAS_ARGS(kind, object_id));
    }
    return rv;
}

void saas_jobs_wake_impl(void)
{
    if (board) {
        apr_atomic_set32(&board->due, 1);
    }
}

/* ---------------------------------------------------------------- lease -- */

/** Renews the lease if it can be.  Without the database the job goes on while
 *  its lease lasts: nobody else can have taken it. */
static void renew(saas_job_t *job, claim_t *claim, apr_int64_t now)
{
    saas_db_t *db;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_open_impl(&db, claim->scratch, job->server, NULL);

    if (rv == APR_SUCCESS) {
        rv = saas_db_query_impl(db, &saas_job_statements[JOB_RENEW], &rows, SAAS_ARGS(job->id, job->lease_owner));
        if (rv == APR_SUCCESS && rows->count == 0) {
            claim->stopped = 1;
        }
        else if (rv == APR_SUCCESS) {
            claim->expires = now + LEASE_SECONDS * 1000;
            claim->canceled = saas_cell_bool(rows, 0, 0);
            claim->stopped = claim->canceled;
        }
        saas_db_close_impl(db);
    }
    claim->renew_at = rv == APR_SUCCESS ? now + RENEW_MS : monotonic_ms() + RENEW_RETRY_MS;
    apr_pool_clear(claim->scratch);
}

int saas_job_stopped_impl(saas_job_t *job)
{
    claim_t *claim = job->host;
    apr_int64_t now;

    if (!claim->stopped && child_stops()) {
        claim->stopped = 1;
    }
    if (!claim->stopped) {
        now = monotonic_ms();
        if (now >= claim->renew_at) {
            renew(job, claim, now);
            now = monotonic_ms();
        }
        if (now >= claim->expires) {
            claim->stopped = 1;
        }
    }
    return claim->stopped;
}

int saas_job_canceled_impl(saas_job_t *job)
{
    return ((claim_t *)job->host)->canceled;
}

void saas_job_fail_impl(saas_job_t *job, int final, const char *why)
{
    claim_t *claim = job->host;

    claim->why = apr_pstrdup(job->pool, why);
    claim->final = final;
}

apr_status_t saas_job_fence_impl(saas_job_t *job, saas_db_t *db)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query_impl(db, &saas_job_statements[JOB_FENCE], &rows,
                                         SAAS_ARGS(job->id, job->lease_owner));
    if (rv == APR_SUCCESS && rows->count == 0) {
        ((claim_t *)job->host)->stopped = 1;
        rv = APR_EINTR;
    }
    return rv;
}

/* --------------------------------------------------------------- settle -- */

typedef enum { SETTLE_DONE, SETTLE_RELEASE, SETTLE_AGAIN, SETTLE_DEAD } settle_e;

static const saas_job_outcome_e outcomes[] = {
    [SETTLE_DONE] = SAAS_JOB_DONE, [SETTLE_RELEASE] = SAAS_JOB_RELEASED, [SETTLE_AGAIN] = SAAS_JOB_AGAIN,
    [SETTLE_DEAD] = SAAS_JOB_DEAD
};

/** Seconds until the next attempt: 2^attempt times BACKOFF_FIRST, at most
 *  BACKOFF_MOST, give or take a quarter. */
static int backoff(int attempt)
{
    apr_uint32_t base = attempt < 8 ? (apr_uint32_t)BACKOFF_FIRST << attempt : BACKOFF_MOST;
    if (base > BACKOFF_MOST) {
        base = BACKOFF_MOST;
    }
    return (int)ap_random_pick(base - base / 4, base + base / 4);
}

static apr_status_t settle_once(saas_job_t *job, apr_pool_t *p, settle_e how, const char *number, const char *error)
{
    saas_db_t *db;
    saas_statement_t *sql = saas_job_statements;
    apr_status_t rv = saas_db_open_impl(&db, p, job->server, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_begin_impl(db, SAAS_WRITE);
    if (rv == APR_SUCCESS && how == SETTLE_DONE) {
        rv = saas_db_queue_impl(db, &sql[JOB_DONE], SAAS_ARGS(job->id, job->lease_owner));
    }
    else if (rv == APR_SUCCESS && how == SETTLE_DEAD) {
        rv = saas_db_queue_impl(db, &sql[JOB_DEAD], SAAS_ARGS(job->id, job->lease_owner, error));
    }
    else if (rv == APR_SUCCESS) {
        rv = how == SETTLE_RELEASE
                 ? saas_db_queue_impl(db, &sql[JOB_RELEASE], SAAS_ARGS(job->id, job->lease_owner, number))
                 : saas_db_queue_impl(db, &sql[JOB_AGAIN], SAAS_ARGS(job->id, job->lease_owner, number, error));
        if (rv == APR_SUCCESS) {
            rv = saas_db_queue_impl(db, &sql[JOB_RELEASE_CANCELED], SAAS_ARGS(job->id, job->lease_owner));
        }
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_commit_impl(db);
    }
    saas_db_close_impl(db);
    return rv;
}

/** Writes how an attempt ended, trying as long as the lease lasts; after that
 *  the row speaks for itself and is claimed again. */
static void settle(saas_job_t *job, settle_e how, int number, const char *error)
{
    claim_t *claim = job->host;
    const char *text = apr_itoa(job->pool, number);
    apr_status_t rv;

    for (;;) {
        rv = settle_once(job, claim->scratch, how, text, error);
        apr_pool_clear(claim->scratch);
        if (rv == APR_SUCCESS || child_stops() || monotonic_ms() + SETTLE_RETRY_MS >= claim->expires) {
            break;
        }
        apr_sleep(apr_time_from_msec(SETTLE_RETRY_MS));
    }
    saas_counters_add(SAAS_COUNT_JOBS, number_of(job->kind),
                      rv != APR_SUCCESS                              ? SAAS_JOB_LOST
                      : how == SETTLE_RELEASE && claim->canceled ? SAAS_JOB_CANCELED
                                                                     : outcomes[how], 1);
    if (rv != APR_SUCCESS) {
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1206",
                 "job %s (%s): its end could not be written (%s); it runs again when its lease is over",
                 job->id, job->kind, status_text(job->pool, rv));
    }
}

/** The plugin settles the object first, and keeps trying until the lease is
 *  over: only then may the row be closed, or the object would stay as it is. */
static void give_up(saas_job_t *job, const char *why)
{
    claim_t *claim = job->host;

    SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS1205", "job %s (%s) of %s: given up after attempt %d: %s",
             job->id, job->kind, job->object_id ? job->object_id : "-", job->attempt, why);
    if (claim->kind->gave_up) {
        claim->kind->gave_up(job, why);
        saas_db_reclaim();
    }
    if (claim->stopped && !claim->canceled) {
        settle(job, SETTLE_RELEASE, 0, NULL);
    }
    else {
        settle(job, SETTLE_DEAD, 0, why);
    }
}

static void run(saas_job_t *job)
{
    claim_t *claim = job->host;
    const char *why;
    apr_status_t rv;
    int seconds;

    if (job->attempt > claim->kind->max_attempts) {
        give_up(job, "it was interrupted too often");
        return;
    }
    rv = claim->kind->run(job);
    if (saas_db_reclaim()) {
        SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS1207",
                 "job %s (%s) left a database connection borrowed: every saas_db_open() needs its saas_db_close()",
                 job->id, job->kind);
    }
    if (rv == APR_SUCCESS) {
        settle(job, SETTLE_DONE, 0, NULL);
    }
    else if (APR_STATUS_IS_EINTR(rv)) {
        settle(job, SETTLE_RELEASE, 1, NULL);
    }
    else if (job->attempt < claim->kind->max_attempts && !claim->final) {
        why = claim->why ? claim->why : status_text(job->pool, rv);
        seconds = backoff(job->attempt);
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1204",
                 "job %s (%s) of %s: attempt %d failed (%s); the next one is in %d seconds",
                 job->id, job->kind, job->object_id ? job->object_id : "-", job->attempt, why, seconds);
        settle(job, SETTLE_AGAIN, seconds, why);
    }
    else if (saas_job_stopped_impl(job)) {
        settle(job, SETTLE_RELEASE, 0, NULL);
    }
    else {
        give_up(job, claim->why ? claim->why : status_text(job->pool, rv));
    }
}

/* ---------------------------------------------------------------- claim -- */

static const char *cap_text(apr_pool_t *p, int cap)
{
    return apr_itoa(p, cap > 0 ? cap : NO_CAP);
}

/** Claims a job of one kind.  *job is NULL when there is none to be had.  The
 *  look that finds nothing writes nothing: SQLite has but one writer. */
static apr_status_t claim_kind(saas_db_t *db, apr_pool_t *p, server_rec *s, const saas_job_kind_t *kind,
                               saas_job_t **job)
{
    saas_statement_t *sql = saas_job_statements;
    const char *node = saas_config_node(s);
    const char *per_organization = cap_text(p, kind->per_organization);
    const char *per_node = cap_text(p, kind->per_node);
    char owner[SAAS_UUID_LEN + 1];
    saas_rows_t *rows;
    claim_t *claim;
    apr_int64_t asked;
    apr_status_t rv;

    *job = NULL;
    rv = saas_db_query_impl(db, &sql[JOB_PEEK], &rows, SAAS_ARGS(kind->kind, node, per_organization, per_node));
    if (rv != APR_SUCCESS || saas_cell_int(rows, 0, 0) == 0) {
        return rv;
    }
    if ((rv = saas_uuid7(owner)) != APR_SUCCESS) {
        return rv;
    }
    asked = monotonic_ms();
    if ((rv = saas_db_begin_impl(db, SAAS_WRITE)) != APR_SUCCESS
        || (rv = saas_db_queue_impl(db, &sql[JOB_CLAIM_ALONE], SAAS_ARGS(kind->kind))) != APR_SUCCESS
        || (rv = saas_db_queue_impl(db, &sql[JOB_RECLAIM], SAAS_ARGS(kind->kind))) != APR_SUCCESS
        || (rv = saas_db_query_impl(db, &sql[JOB_CLAIM], &rows,
                                    SAAS_ARGS(kind->kind, node, per_organization, per_node, owner))) != APR_SUCCESS
        || (rv = saas_db_commit_impl(db)) != APR_SUCCESS) {
        saas_db_rollback_impl(db);
        return rv;
    }
    if (rows->count == 0) {
        return APR_SUCCESS;
    }

    *job = apr_pcalloc(p, sizeof(**job));
    (*job)->pool = p;
    (*job)->server = s;
    (*job)->kind = kind->kind;
    (*job)->id = saas_cell(rows, 0, 0);
    (*job)->org_id = saas_cell(rows, 0, 1);
    (*job)->object_id = saas_cell(rows, 0, 2);
    (*job)->payload = saas_cell(rows, 0, 3);
    (*job)->attempt = (int)saas_cell_int(rows, 0, 4);
    (*job)->lease_owner = apr_pstrdup(p, owner);
    (*job)->host = claim = apr_pcalloc(p, sizeof(*claim));
    claim->kind = kind;
    claim->canceled = claim->stopped = saas_cell_bool(rows, 0, 5);
    claim->renew_at = asked + RENEW_MS;
    claim->expires = asked + LEASE_SECONDS * 1000;
    apr_pool_create(&claim->scratch, p);
    return APR_SUCCESS;
}

/** Claims a job of any kind; the kinds take turns at being asked first. */
static apr_status_t claim_any(apr_pool_t *p, server_rec *s, saas_job_t **job)
{
    static volatile apr_uint32_t turn;
    saas_db_t *db;
    apr_status_t rv;
    apr_uint32_t first;
    int i;

    *job = NULL;
    if ((rv = saas_db_open_impl(&db, p, s, NULL)) != APR_SUCCESS) {
        return rv;
    }
    first = apr_atomic_inc32(&turn);
    for (i = 0; i < kinds->nelts && !*job && rv == APR_SUCCESS; i++) {
        int at = (int)((first + (apr_uint32_t)i) % (apr_uint32_t)kinds->nelts);
        rv = claim_kind(db, p, s, kind_at(at), job);
    }
    saas_db_close_impl(db);
    return rv;
}

/** True when it is this thread's turn to look: somebody called, or nobody of
 *  this node has looked for a while. */
static int my_turn(void)
{
    apr_uint32_t now = (apr_uint32_t)monotonic_ms();
    apr_uint32_t last = apr_atomic_read32(&board->last_look);

    if (apr_atomic_cas32(&board->due, 0, 1) == 1) {
        apr_atomic_set32(&board->last_look, now);
        return 1;
    }
    return now - last >= LOOK_MS && apr_atomic_cas32(&board->last_look, now, last) == last;
}

/** Looks once, and runs what was found.  True: there may be more. */
static int work(server_rec *s)
{
    apr_allocator_t *allocator;
    apr_pool_t *p;
    saas_job_t *job;
    apr_status_t rv;

    /* An allocator of its own: an attempt's memory goes back to the system. */
    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return 0;
    }
    if (apr_pool_create_ex(&p, NULL, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return 0;
    }
    apr_allocator_owner_set(allocator, p);
    apr_pool_tag(p, "saas_job");

    rv = claim_any(p, s, &job);
    if (rv == SAAS_ESERIALIZATION) {
        rv = APR_SUCCESS;
        saas_jobs_wake_impl();
    }
    if (rv != APR_SUCCESS && apr_atomic_cas32(&failing, 1, 0) == 0) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1202", "background jobs wait: %s; they go on by themselves",
                 status_text(p, rv));
    }
    else if (rv == APR_SUCCESS && apr_atomic_cas32(&failing, 0, 1) == 1) {
        SAAS_LOG(s, APLOG_NOTICE, 0, "SAAS1203", "background jobs go on");
    }
    if (job) {
        saas_jobs_wake_impl();
        run(job);
        saas_jobs_wake_impl();
    }
    rv = job ? APR_SUCCESS : APR_NOTFOUND;
    apr_pool_destroy(p);
    return rv == APR_SUCCESS;
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *p)
{
    (void)p;
    if (state == AP_WATCHDOG_STATE_STOPPING) {
        apr_atomic_set32(&going_down, 1);
    }
    /* The thread may be there before mod_dbd has made its pool. */
    else if (state == AP_WATCHDOG_STATE_RUNNING && apr_atomic_read32(&started)) {
        /* Counted before it is asked whether the child stops: see leave(). */
        apr_atomic_inc32(&busy);
        while (!child_stops() && my_turn() && work(data)) {
        }
        apr_atomic_dec32(&busy);
    }
    return APR_SUCCESS;
}

/** mod_watchdog joins its threads when the process's pool goes, but mod_dbd's
 *  connections go with the child's, before that.  So the child waits here until
 *  the jobs have let go, which is also when they are handed over. */
static apr_status_t leave(void *baton)
{
    (void)baton;
    apr_atomic_set32(&going_down, 1);
    while (apr_atomic_read32(&busy)) {
        apr_sleep(apr_time_from_msec(5));
    }
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *pchild, server_rec *s)
{
    (void)s;
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
    apr_atomic_set32(&started, 1);
}

/* ---------------------------------------------------------------- start -- */

int saas_jobs_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_shm_t *shm;
    apr_status_t rv;
    int i, threads = saas_config_job_threads(s);

    (void)ptemp;
    board = NULL;
    apr_atomic_set32(&going_down, 0);
    apr_atomic_set32(&failing, 0);
    if (threads <= 0 || !kinds->nelts) {
        return OK;
    }
    if (!get || !add) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS1201",
                 "background jobs need mod_watchdog: add LoadModule watchdog_module, or set SaasJobThreads 0 "
                 "to leave them to other nodes");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    if ((rv = apr_shm_create(&shm, sizeof(*board), NULL, pconf)) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1208", "background jobs: no shared memory to be had");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    board = apr_shm_baseaddr_get(shm);
    memset(board, 0, sizeof(*board));
    board->due = 1;
    for (i = 0; i < threads; i++) {
        const char *name = apr_psprintf(pconf, "saas-jobs-%d", i);
        if ((rv = get(&watchdog, name, 0, 0, pconf)) != APR_SUCCESS
            || (rv = add(watchdog, AP_WD_TM_SLICE, s, on_watchdog)) != APR_SUCCESS) {
            SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1209", "background jobs: mod_watchdog refuses the thread %s", name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_REALLY_LAST);
    return OK;
}
