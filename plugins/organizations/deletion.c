/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The end of an organization.  It is gone for everybody when its row says so,
 * in one small transaction; all else is a background job's work:
 *   - stops its audits, its invites and tokens, and what Stripe could still
 *     collect for;
 *   - removes its rows in batches, so that no transaction is long, however
 *     large the organization was;
 *   - removes the row itself, last: a job that is interrupted begins again.
 */

#include "organizations.h"

#include <apr_strings.h>

/* Kinds of work that other plugins do, if they are loaded. */
#define AUDIT_JOB "audit"
#define CANCEL_JOB "stripe.cancel"

typedef struct deletion_t {
    saas_request_t *rq;
    const organizations_refusal_t *refusal; /* set anew by each attempt */
} deletion_t;

static apr_status_t note_deletion(deletion_t *deletion, saas_db_t *db)
{
    const saas_principal_t *who = deletion->rq->who;
    saas_activity_t activity = {
        .action = "organization.deleted", .target_type = "organization", .target_id = who->org_id,
        .target_label = who->org_name
    };
    apr_status_t rv;

    activity.old_value = json_pack("{s:s, s:s}", "name", who->org_name, "slug", who->org_slug);
    rv = saas_activity(db, deletion->rq, &activity);
    json_decref(activity.old_value);
    return rv;
}

static apr_status_t delete_organization(saas_db_t *db, void *baton)
{
    deletion_t *deletion = baton;
    const char *org_id = deletion->rq->who->org_id;
    saas_role_e caller;
    apr_status_t rv;

    deletion->refusal = NULL;
    if ((rv = organizations_enter(deletion->rq, db, &caller)) != APR_SUCCESS) {
        return rv;
    }
    if (caller != SAAS_ROLE_ADMIN) {
        deletion->refusal = caller ? &organizations_wrong_role : &organizations_not_found;
        return ORGANIZATIONS_REFUSED;
    }
    if ((rv = saas_db_queue(db, &organizations_statements[ORGANIZATION_DELETE], SAAS_NO_ARGS)) == APR_SUCCESS
        && (rv = note_deletion(deletion, db)) == APR_SUCCESS) {
        rv = saas_job_enqueue(db, ORGANIZATIONS_PURGE_JOB, org_id, org_id, NULL, 0);
    }
    return rv;
}

int organizations_delete(saas_request_t *rq)
{
    deletion_t deletion = { .rq = rq };
    apr_status_t rv = organizations_transact(rq, delete_organization, &deletion);

    if (rv == ORGANIZATIONS_REFUSED) {
        return organizations_reply_refusal(rq, deletion.refusal);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    saas_jobs_wake();
    return saas_reply_json(rq, HTTP_NO_CONTENT, NULL);
}

/* ----------------------------------------------------------------- purge -- */

/* What is removed, in this order, and how much at a time. */
static const struct {
    int statement;
    const char *batch;
} steps[] = {
    { PURGE_EVIDENCE, "2000" },      { PURGE_AUDITS, "100" },        { PURGE_INVITES, "500" },
    { PURGE_SESSIONS, "500" },       { PURGE_SUBSCRIPTIONS, "500" }, { PURGE_MEMBERSHIPS, "500" },
    { PURGE_DELIVERIES, "1000" },    { PURGE_ENDPOINTS, "500" },
    { PURGE_ACTIVITY, "1000" },      { PURGE_ORGANIZATION, NULL },
};
#define N_STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

typedef struct purge_t {
    saas_job_t *job;
    apr_pool_t *pool;          /* of one transaction */
    int step;
    apr_int64_t gone;          /* rows of the last transaction */
    int deleted;               /* the organization's row is there, and says so */
    int unbilled;              /* things at Stripe that nobody here can end */
} purge_t;

/* Ends all that `find` finds: its job first, then its row by `end`.  Who runs an
 * audit locks in this order too. */
static apr_status_t stop_jobs(saas_db_t *db, const char *kind, int find, int end)
{
    saas_rows_t *rows;
    apr_status_t rv;
    int i;

    do {
        rv = saas_db_query(db, &organizations_statements[find], &rows, SAAS_NO_ARGS);
        for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
            rv = saas_job_cancel(db, kind, saas_cell(rows, i, 0));
        }
        for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
            rv = saas_db_queue(db, &organizations_statements[end], SAAS_ARGS(saas_cell(rows, i, 0)));
        }
    } while (rv == APR_SUCCESS && rows->count > 0);
    return rv;
}

static apr_status_t cancel_subscriptions(purge_t *purge, saas_db_t *db)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &organizations_statements[PURGE_STRIPE], &rows, SAAS_NO_ARGS);
    int i;

    if (rv == APR_SUCCESS && !saas_job_known(CANCEL_JOB)) {
        purge->unbilled = rows->count;
        return APR_SUCCESS;
    }
    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        rv = saas_job_enqueue(db, CANCEL_JOB, purge->job->org_id, saas_cell(rows, i, 0), NULL, 0);
    }
    return rv;
}

static apr_status_t stop_all(saas_db_t *db, void *baton)
{
    purge_t *purge = baton;
    const char *org_id = purge->job->org_id;
    saas_rows_t *rows;
    apr_status_t rv;

    purge->deleted = 0;
    if ((rv = saas_job_fence(purge->job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[PURGE_CHECK], &rows, SAAS_NO_ARGS)) != APR_SUCCESS
        || rows->count == 0 || !saas_cell_bool(rows, 0, 1)) {
        return rv;
    }
    purge->deleted = 1;
    if ((rv = stop_jobs(db, AUDIT_JOB, PURGE_RUNNING, PURGE_STOP)) != APR_SUCCESS
        || (rv = stop_jobs(db, ORGANIZATIONS_MAIL_JOB, PURGE_PENDING, PURGE_REVOKE)) != APR_SUCCESS
        || (rv = cancel_subscriptions(purge, db)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &organizations_statements[PURGE_TOKENS], SAAS_ARGS(org_id))) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_queue(db, &organizations_statements[PURGE_DEFAULTS], SAAS_ARGS(org_id));
}

static apr_status_t remove_batch(saas_db_t *db, void *baton)
{
    purge_t *purge = baton;
    saas_statement_t *statement = &organizations_statements[steps[purge->step].statement];
    const char *batch = steps[purge->step].batch, *org_id = purge->job->org_id;
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = saas_job_fence(purge->job, db)) != APR_SUCCESS) {
        return rv;
    }
    if (statement->scope == SAAS_TENANT) {
        rv = saas_db_query(db, statement, &rows, SAAS_ARGS(batch));
    }
    else {
        rv = batch ? saas_db_query(db, statement, &rows, SAAS_ARGS(org_id, batch))
                   : saas_db_query(db, statement, &rows, SAAS_ARGS(org_id));
    }
    if (rv == APR_SUCCESS) {
        /* A function says how many; a DELETE is counted. */
        purge->gone = rows->count ? saas_cell_int(rows, 0, 0) : rows->affected;
    }
    return rv;
}

static apr_status_t transact(purge_t *purge, apr_status_t (*body)(saas_db_t *db, void *baton))
{
    saas_job_t *job = purge->job;
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, purge->pool, job->server, job->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, purge);
        saas_db_close(db);
    }
    apr_pool_clear(purge->pool);
    return rv;
}

apr_status_t organizations_purge_run(saas_job_t *job)
{
    purge_t purge = { .job = job };
    apr_int64_t all = 0;
    apr_status_t rv;

    apr_pool_create(&purge.pool, job->pool);
    if ((rv = transact(&purge, stop_all)) != APR_SUCCESS || !purge.deleted) {
        return rv;
    }
    if (purge.unbilled) {
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS2103",
                 "organization %s is deleted, and no plugin is loaded that could cancel its subscription at Stripe "
                 "(%d objects): cancel it in Stripe's dashboard", job->org_id, purge.unbilled);
    }
    while (purge.step < N_STEPS) {
        if (saas_job_stopped(job)) {
            return APR_EINTR;
        }
        if ((rv = transact(&purge, remove_batch)) != APR_SUCCESS) {
            return rv;
        }
        all += purge.gone;
        if (!purge.gone || !steps[purge.step].batch) {
            purge.step++;
        }
    }
    SAAS_LOG(job->server, APLOG_INFO, 0, "SAAS2101", "organization %s is purged: %" APR_INT64_T_FMT " rows", job->org_id,
             all);
    return APR_SUCCESS;
}

void organizations_purge_gave_up(saas_job_t *job, const char *why)
{
    SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS2102",
             "organization %s is deleted, but what is left of it could not be removed: %s; nobody can see it",
             job->org_id, why);
}
