/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job "stripe.told": what Stripe has answered when the billing plugin asked it, because an event was a hint, or because
 * none came.  The asking needs a key and is another plugin's; this one knows what an answer means.  Never decides more than
 * an event could.
 */
#include "work.h"

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

/* Only what differed is recorded: most answers say what is known. */
static apr_status_t transaction(saas_db_t *db, void *baton)
{
    saas_work_t *w = baton;
    apr_status_t rv = saas_job_fence(w->job, db);

    saas_work_begin(w, db);
    if (rv != APR_SUCCESS || w->verdict) {
        return rv;
    }
    w->verdict = SAAS_VERDICT_APPLIED;
    if ((rv = saas_work_resolve(w)) != APR_SUCCESS || !w->org) {
        return rv;
    }
    if (w->job->org_id && strcmp(w->org, w->job->org_id)) {
        w->verdict = SAAS_VERDICT_REFUSED "it was asked for another organization";
        return APR_SUCCESS;
    }
    rv = saas_work_apply(w);
    if (rv == APR_SUCCESS && w->differed && (rv = saas_work_record(w)) == APR_SUCCESS) {
        rv = saas_db_queue(db, statement(SAAS_WEBHOOKS_DETAIL), SAAS_ARGS(w->event->id, w->org, w->differed));
    }
    return rv;
}

static saas_answer_e counted_as(const saas_work_t *w)
{
    const apr_size_t unknown = sizeof(SAAS_VERDICT_UNKNOWN_STATUS) - 1;
    return w->differed                                                   ? SAAS_ANSWER_DIFFERED
           : !strcmp(w->verdict, SAAS_VERDICT_MISSING)                   ? SAAS_ANSWER_MISSING
           : saas_work_refusal(w)                                        ? SAAS_ANSWER_REFUSED
           : !strncmp(w->verdict, SAAS_VERDICT_UNKNOWN_STATUS, unknown) ? SAAS_ANSWER_UNKNOWN_STATUS
                                                                         : SAAS_ANSWER_SAME;
}

/* payload: the answer as JSON text; asked: our clock when the asking began - an event that came since is newer. */
static apr_status_t apply_answer(saas_job_t *job, const saas_event_t *answer, const char *payload, apr_time_t asked)
{
    saas_work_t w = { .job = job, .pool = job->pool, .server = job->server, .event = answer, .payload = payload,
                      .asked = asked };
    apr_status_t rv = saas_work_run(&w, transaction);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    saas_webhooks_count_answer(counted_as(&w));
    if (w.differed) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1609",
                 "subscription %s of organization %s: %s; Stripe was asked, its events had not told",
                 answer->subscription, w.org, w.differed);
    } else if (!strcmp(w.verdict, SAAS_VERDICT_MISSING)) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1610",
                 "Stripe does not have subscription %s of organization %s: nothing is changed before news of it is "
                 "overdue; is SaasStripeSecretKey of the account that sends the events?", answer->subscription, w.org);
    } else if (saas_work_refusal(&w)) {
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1611",
                 "what Stripe answers of subscription %s (customer %s) was refused: %s; compare it with the "
                 "organization in Stripe's dashboard", answer->subscription, answer->customer ? answer->customer : "-",
                 saas_work_refusal(&w));
    }
    return APR_SUCCESS;
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
        return apply_answer(job, &answer, apr_psprintf(job->pool, "{\"id\":\"%s\",\"missing\":true}", missing), asked);
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
        if ((rv = apply_answer(job, &answer, text, asked)) != APR_SUCCESS) {
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
        rv = saas_db_query(db, statement(SAAS_WEBHOOKS_SESSION), &rows, SAAS_ARGS(id, status));
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
