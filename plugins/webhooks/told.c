/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job "stripe.told": what Stripe has answered when the billing plugin asked it, because an event was a hint, or because
 * none came.  The asking needs a key and is another plugin's; this one knows what an answer means.  Never decides more than
 * an event could.
 */
#include "webhooks.h"

#include <apr_strings.h>
#include <stdlib.h>

/* Records are by id: each subscription of each answer has one of its own. */
static const char *id_of(const saas_job_t *job, size_t n)
{
    return n ? apr_psprintf(job->pool, "read_%s-%d", job->id, (int)n) : apr_pstrcat(job->pool, "read_", job->id, NULL);
}

static const char *text_of(apr_pool_t *p, const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    const char *copy = text ? apr_pstrdup(p, text) : NULL;
    free(text);
    return copy;
}

static apr_status_t apply(saas_job_t *job, const json_t *told)
{
    apr_time_t asked = (apr_time_t)json_integer_value(json_object_get(told, "asked"));
    apr_int64_t at = (apr_int64_t)json_integer_value(json_object_get(told, "at"));
    const char *missing = json_string_value(json_object_get(told, "missing"));
    const json_t *object;
    saas_event_t answer;
    apr_status_t rv = APR_SUCCESS;
    size_t i;

    if (asked <= 0 || at <= 0) {
        saas_job_fail(job, 1, "it does not say when Stripe was asked");
        return APR_EINVAL;
    }
    if (missing) {
        saas_event_missing(apr_pstrdup(job->pool, missing), id_of(job, 0), at, &answer, job->pool);
        return saas_webhooks_apply_answer(job, &answer,
                                          apr_psprintf(job->pool, "{\"id\":\"%s\",\"missing\":true}", missing), asked);
    }
    json_array_foreach(json_object_get(told, "subscriptions"), i, object) {
        const char *wrong = saas_event_read_answer(job->pool, object, id_of(job, i), at, &answer);
        const char *text = wrong ? NULL : text_of(job->pool, object);
        if (wrong || !text) {
            SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1613",
                     "an answer of Stripe's of organization %s was left out: %s", job->org_id ? job->org_id : "-",
                     wrong ? wrong : "it is no JSON");
            continue;
        }
        if ((rv = saas_webhooks_apply_answer(job, &answer, text, asked)) != APR_SUCCESS) {
            break;
        }
    }
    return rv;
}

/* The checkout session that the answer is about has ended. */
static apr_status_t close_session(saas_job_t *job, const json_t *session)
{
    const char *id = json_string_value(json_object_get(session, "id"));
    const char *status = json_string_value(json_object_get(session, "status"));
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;

    if (!id || !status) {
        return APR_SUCCESS;
    }
    rv = saas_db_open(&db, job->pool, job->server, job->org_id);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &saas_webhooks_statements[SAAS_WEBHOOKS_SESSION], &rows, SAAS_ARGS(id, status));
        saas_db_close(db);
    }
    return rv;
}

apr_status_t saas_webhooks_told(saas_job_t *job)
{
    json_t *told = json_loads(job->payload ? job->payload : "", 0, NULL);
    apr_status_t rv = apply(job, told);

    if (rv == APR_SUCCESS) {
        rv = close_session(job, json_object_get(told, "session"));
    }
    json_decref(told);
    return rv;
}
