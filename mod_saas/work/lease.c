/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Whose a job is.  The lease is the only claim to it: it lasts LEASE_SECONDS, is renewed by saas_job_stopped(), and its
 * owner is a fencing token, so that a process that was stopped, cut off or slow can never overwrite what its successor
 * did.  A node that dies merely stops renewing, and whoever looks next takes the job over.
 */
#include "jobs.h"
#include "core/id.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#define RENEW_MS 2000         /* a lease older than this is renewed */
#define RENEW_RETRY_MS 1000   /* after a renewal that could not be made */
#define NO_CAP 1000000000

/** Renews the lease if it can be.  Without the database the job goes on while
 *  its lease lasts: nobody else can have taken it. */
static void renew(saas_job_t *job, claim_t *claim, apr_int64_t now)
{
    saas_db_t *db;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_open_beside(&db, claim->scratch, job->server, NULL);

    if (rv == APR_EBUSY) {
        /* Whoever would take the job over has to write, and this job is the one that writes. */
        claim->renew_at = now + RENEW_MS;
        claim->expires = now + LEASE_SECONDS * 1000;
        apr_pool_clear(claim->scratch);
        return;
    }
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
    claim->renew_at = rv == APR_SUCCESS ? now + RENEW_MS : saas_jobs_clock() + RENEW_RETRY_MS;
    apr_pool_clear(claim->scratch);
}

apr_status_t saas_job_beside_impl(saas_job_t *job, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    claim_t *claim = job->host;
    saas_db_t *db;
    apr_status_t rv = saas_db_open_beside(&db, claim->scratch, job->server, job->org_id);
    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction_impl(db, body, baton);
        saas_db_close_impl(db);
    }
    apr_pool_clear(claim->scratch);
    return rv;
}

int saas_job_stopped_impl(saas_job_t *job)
{
    claim_t *claim = job->host;
    apr_int64_t now;

    if (!claim->stopped && saas_jobs_child_stops()) {
        claim->stopped = 1;
    }
    if (!claim->stopped) {
        now = saas_jobs_clock();
        if (now >= claim->renew_at) {
            renew(job, claim, now);
            now = saas_jobs_clock();
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
    asked = saas_jobs_clock();
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
apr_status_t saas_jobs_claim(apr_pool_t *p, server_rec *s, saas_job_t **job)
{
    static volatile apr_uint32_t turn;
    saas_db_t *db;
    apr_status_t rv;
    apr_uint32_t first;
    int i, count = saas_jobs_kinds()->nelts;

    *job = NULL;
    if ((rv = saas_db_open_impl(&db, p, s, NULL)) != APR_SUCCESS) {
        return rv;
    }
    first = apr_atomic_inc32(&turn);
    for (i = 0; i < count && !*job && rv == APR_SUCCESS; i++) {
        int at = (int)((first + (apr_uint32_t)i) % (apr_uint32_t)count);
        rv = claim_kind(db, p, s, saas_jobs_kind_at(at), job);
    }
    saas_db_close_impl(db);
    return rv;
}
