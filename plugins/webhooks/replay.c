/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job "stripe.replay": a stored event is applied once more, because what stood against it is gone - its organization
 * was not bound, its status was not known, its price was not sold here.  The order of events does not matter to what comes
 * of them, so an old one does no harm.
 */
#include "work.h"

static apr_status_t transaction(saas_db_t *db, void *baton)
{
    saas_work_t *w = baton;
    apr_status_t rv = saas_job_fence(w->job, db);

    saas_work_begin(w, db);
    if (rv == APR_SUCCESS && !w->verdict) {
        w->verdict = SAAS_VERDICT_APPLIED;
        rv = saas_work_resolve(w);
        if (rv == APR_SUCCESS && w->org) {
            rv = saas_work_apply(w);
        }
    }
    return rv == APR_SUCCESS ? saas_work_give_verdict(w) : rv;
}

static apr_status_t apply_again(saas_job_t *job, const saas_event_t *event)
{
    saas_work_t w = { .job = job, .pool = job->pool, .server = job->server, .event = event };
    apr_status_t rv = saas_work_run(&w, transaction);

    if (rv == APR_SUCCESS) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1612", "event %s (%s) was applied again: %s", event->id,
                 event->type, w.verdict);
    }
    return rv;
}

apr_status_t saas_webhooks_replay(saas_job_t *job)
{
    saas_rows_t *rows;
    saas_event_t event;
    saas_db_t *db;
    json_t *root;
    const char *wrong;
    apr_status_t rv = saas_db_open(&db, job->pool, job->server, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_query(db, statement(SAAS_WEBHOOKS_EVENT), &rows, SAAS_ARGS(job->object_id));
    saas_db_close(db);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!rows->count) {
        saas_job_fail(job, 1, "there is no such event");
        return APR_NOTFOUND;
    }
    root = json_loads(saas_cell(rows, 0, 0), JSON_REJECT_DUPLICATES, NULL);
    wrong = saas_event_read(job->pool, root, &event);
    json_decref(root);
    if (wrong) {
        saas_job_fail(job, 1, "it is no event of Stripe's that can be applied");
        return APR_EINVAL;
    }
    return apply_again(job, &event);
}
