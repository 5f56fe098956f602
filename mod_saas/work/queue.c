/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What there is to do: the kinds of work that plugins have declared, and the rows of the table jobs.  A job is added and
 * canceled in the transaction of what wants it.  Whatever is written for a claimed job is conditional on its lease (MINE).
 */
#include "jobs.h"
#include "core/id.h"

#include <apr_strings.h>

#include <time.h>

/* By the database's clock, which may be set too (SQLite's is this machine's).  A lease that ends much later than any can is one of
 * before the clock was put back, and holds nothing; its owner finds that it has lost it.  What was to run at once, by a time
 * that is yet to come, is due. */
#define LEASE_OVER "(lease_until < now() OR lease_until > saas_now_plus(300))"
#define DUE "(j.run_after <= now() OR (j.created_at > now() AND j.run_after = j.created_at))"

/* $1 kind, $2 node, $3 cap per organization, $4 cap per node. */
#define DUE_ROW \
    " FROM jobs j WHERE j.kind = $1 AND j.state = 'queued' AND " DUE \
    " AND (j.organization_id IS NULL OR j.organization_id NOT IN" \
    " (SELECT b.organization_id FROM jobs b WHERE b.kind = $1 AND b.state = 'running' AND b.lease_until >= now()" \
    " AND b.organization_id IS NOT NULL GROUP BY b.organization_id HAVING count(*) >= CAST($3 AS integer)))" \
    " AND (SELECT count(*) FROM jobs n WHERE n.kind = $1 AND n.state = 'running' AND n.lease_until >= now()" \
    " AND n.lease_node = $2) < CAST($4 AS integer)" \
    " ORDER BY j.turn, j.run_after LIMIT 1"

/* The turn of a new job, $2 kind, $3 organization: the one after the organization's last, or the one that is being served
 * if that is later, so that nobody saves up turns.  (Goyal, Vin, Cheng: Start-time Fair Queuing, 1996.) */
#define TURN \
    "coalesce((SELECT max(t) FROM (" \
    "SELECT max(o.turn) + 1 AS t FROM jobs o WHERE o.kind = $2 AND o.organization_id = $3 AND o.state <> 'dead'" \
    " UNION ALL SELECT coalesce((SELECT max(r.turn) FROM jobs r WHERE r.kind = $2 AND r.state = 'running')," \
    " (SELECT min(q.turn) FROM jobs q WHERE q.kind = $2 AND q.state = 'queued'))) AS turns), 0)"

#define NO_LEASE "lease_node = NULL, lease_owner = NULL, lease_until = NULL"
#define MINE " WHERE id = $1 AND lease_owner = $2"

saas_statement_t saas_job_statements[] = {
    [JOB_ENQUEUE] = { .name = "job_enqueue", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO jobs (id, kind, organization_id, object_id, payload, run_after, created_at, turn)"
        " VALUES ($1, $2, $3, $4, $5, saas_now_plus(CAST($6 AS double precision)), now(), " TURN ")" },
    /* Marking first locks the row, so that the removal sees the state it will keep. */
    [JOB_CANCEL_MARK] = { .name = "job_cancel_mark", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET cancel_requested = TRUE WHERE kind = $1 AND object_id = $2" },
    [JOB_CANCEL_REMOVE] = { .name = "job_cancel_remove", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM jobs WHERE kind = $1 AND object_id = $2 AND state <> 'running'" },
    [JOB_PEEK] = { .name = "job_peek", .scope = SAAS_SYSTEM, .sql =
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE kind = $1 AND state = 'running' AND " LEASE_OVER ")"
        " OR EXISTS (SELECT 1" DUE_ROW ") THEN 1 ELSE 0 END" },
    /* Caps are counts: two claims at the same moment would each see room for one. */
    [JOB_CLAIM_ALONE] = { .name = "job_claim_alone", .scope = SAAS_SYSTEM, .sql =
        "SELECT pg_advisory_xact_lock(hashtext('saas job ' || $1))", .sqlite = "SELECT $1" },
    [JOB_RECLAIM] = { .name = "job_reclaim", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'queued', run_after = CASE WHEN lease_until < now() THEN lease_until ELSE now() END, " NO_LEASE
        " WHERE kind = $1 AND state = 'running' AND " LEASE_OVER },
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
    /* Work that comes back has one row, whose id its kind gives it. */
    [JOB_PERIODIC_SEEN] = { .name = "job_periodic_seen", .scope = SAAS_SYSTEM, .sql =
        "SELECT 1 FROM jobs WHERE id = $1" },
    [JOB_PERIODIC] = { .name = "job_periodic", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO jobs (id, kind, run_after, created_at) VALUES ($1, $2, now(), now()) ON CONFLICT (id) DO NOTHING" },
    [JOB_COMES_BACK] = { .name = "job_comes_back", .scope = SAAS_SYSTEM, .sql =
        "UPDATE jobs SET state = 'queued', attempts = 0, run_after = saas_now_plus(CAST($3 AS double precision)),"
        " error = $4, cancel_requested = FALSE, " NO_LEASE MINE },
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

const saas_job_kind_t *saas_jobs_kind_at(int i)
{
    return APR_ARRAY_IDX(kinds, i, const saas_job_kind_t *);
}

const char *const *saas_jobs_names(apr_pool_t *p, int *n)
{
    const char **names = apr_pcalloc(p, sizeof(*names) * (apr_size_t)(kinds->nelts + 1));
    for (*n = 0; *n < kinds->nelts; ++*n) {
        names[*n] = saas_jobs_kind_at(*n)->kind;
    }
    return names;
}

/* ------------------------------------------------- work that comes back -- */

static apr_array_header_t *periodic;

void saas_periodic_begin(apr_pool_t *p)
{
    periodic = apr_array_make(p, 4, sizeof(const saas_periodic_t *));
}

void saas_periodic_add(const saas_periodic_t *list)
{
    for (; list && list->kind; list++) {
        APR_ARRAY_PUSH(periodic, const saas_periodic_t *) = list;
    }
}

int saas_jobs_period(const char *kind)
{
    int i;
    for (i = 0; i < periodic->nelts; i++) {
        const saas_periodic_t *it = APR_ARRAY_IDX(periodic, i, const saas_periodic_t *);
        if (!strcmp(it->kind, kind)) {
            return it->every;
        }
    }
    return 0;
}

/* The row is there for good; two nodes that miss it at once make one. */
static apr_status_t plan(saas_db_t *db, const char *kind)
{
    char id[SAAS_UUID_LEN + 1];
    saas_rows_t *rows;
    apr_status_t rv = saas_uuid_named(id, "saas job", kind);

    if (rv == APR_SUCCESS) {
        rv = saas_db_query_impl(db, &saas_job_statements[JOB_PERIODIC_SEEN], &rows, SAAS_ARGS(id));
    }
    if (rv != APR_SUCCESS || rows->count) {
        return rv;
    }
    return saas_db_query_impl(db, &saas_job_statements[JOB_PERIODIC], &rows, SAAS_ARGS(id, kind));
}

apr_status_t saas_jobs_plan(apr_pool_t *p, server_rec *s)
{
    saas_db_t *db;
    apr_status_t rv;
    int i;

    if (!periodic->nelts) {
        return APR_SUCCESS;
    }
    if ((rv = saas_db_open_impl(&db, p, s, NULL)) != APR_SUCCESS) {
        return rv;
    }
    for (i = 0, rv = APR_SUCCESS; i < periodic->nelts && rv == APR_SUCCESS; i++) {
        rv = plan(db, APR_ARRAY_IDX(periodic, i, const saas_periodic_t *)->kind);
    }
    saas_db_close_impl(db);
    return rv;
}

/* The number of kinds for one that nobody has declared. */
int saas_jobs_number(const char *kind)
{
    int i;
    for (i = 0; i < kinds->nelts && strcmp(saas_jobs_kind_at(i)->kind, kind); i++) {
    }
    return i;
}

int saas_job_known_impl(const char *kind)
{
    return saas_jobs_number(kind) < kinds->nelts;
}

/* -------------------------------------------------------------- helpers -- */

apr_int64_t saas_jobs_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

const char *saas_jobs_status_text(apr_pool_t *p, apr_status_t rv)
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

/* ------------------------------------------------------ enqueue, cancel -- */

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
