/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job "stripe.replay": a stored event is applied once more, because what stood against it is gone - its organization
 * was not bound, its status was not known, its price was not sold here.  The order of events does not matter to what comes
 * of them, so an old one does no harm.
 */
#include "webhooks.h"

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
    rv = saas_db_query(db, &saas_webhooks_statements[SAAS_WEBHOOKS_EVENT], &rows, SAAS_ARGS(job->object_id));
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
    return saas_webhooks_apply_again(job, &event);
}
