/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job "stripe.cancel": ends at Stripe what belongs to an organization that
 * is gone.  Its object is the id of a subscription, which is canceled at once,
 * or of a checkout session that is still open, which is expired so that nobody
 * can pay for nothing.  What Stripe does not have, or has ended already, is a
 * success: the job may run more than once.
 *
 * The organization's rows may be gone by now, so the job needs none of them.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define ID_MAX 255

/* Ends an object; true when nothing is left to be done at this account. */
typedef int ending_fn(saas_stripe_t *stripe, apr_pool_t *p, const char *id, saas_stripe_result_t *result);

static int is_success(const saas_stripe_result_t *result)
{
    return result->status >= 200 && result->status < 300;
}

static int is_missing(const saas_stripe_result_t *result)
{
    return result->code && !strcmp(result->code, "resource_missing");
}

int saas_billing_is_id(const char *id)
{
    const char *c;
    for (c = id; apr_isalnum(*c) || *c == '_'; c++) {
    }
    return !*c && c > id && c - id <= ID_MAX;
}

static int end_subscription(saas_stripe_t *stripe, apr_pool_t *p, const char *id, saas_stripe_result_t *result)
{
    saas_stripe_call(stripe, SAAS_STRIPE_DELETE, apr_pstrcat(p, "/v1/subscriptions/", id, NULL), NULL, NULL, result);
    return is_success(result) || is_missing(result);
}

/* A session that cannot be expired has ended: if it was paid, there is a
 * subscription that nobody here has heard of. */
static int end_session(saas_stripe_t *stripe, apr_pool_t *p, const char *id, saas_stripe_result_t *result)
{
    const char *path = apr_pstrcat(p, "/v1/checkout/sessions/", id, NULL), *subscription;

    saas_stripe_call(stripe, SAAS_STRIPE_POST, apr_pstrcat(p, path, "/expire", NULL), NULL,
                     apr_pstrcat(p, "expire-", saas_uuid(p), NULL), result);
    if (is_success(result) || is_missing(result)) {
        return 1;
    }
    if (result->status != HTTP_BAD_REQUEST) {
        return 0;
    }
    saas_stripe_call(stripe, SAAS_STRIPE_GET, path, NULL, NULL, result);
    if (!is_success(result)) {
        return 0;
    }
    subscription = json_string_value(json_object_get(result->body, "subscription"));
    return !subscription || !saas_billing_is_id(subscription)
           || end_subscription(stripe, p, apr_pstrdup(p, subscription), result);
}

static const struct {
    const char *prefix;
    ending_fn *end;
} endings[] = { { "sub_", end_subscription }, { "cs_", end_session } };

static ending_fn *ending_of(const char *id)
{
    apr_size_t i;

    for (i = 0; id && i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (!strncmp(id, endings[i].prefix, strlen(endings[i].prefix)) && saas_billing_is_id(id)) {
            return endings[i].end;
        }
    }
    return NULL;
}

static apr_status_t end_at(saas_job_t *job, const server_rec *s, ending_fn *end)
{
    saas_stripe_account_t account = saas_billing_account(s);
    saas_stripe_result_t result;

    if (end(saas_stripe_create(job->pool, &account), job->pool, job->object_id, &result)) {
        return APR_SUCCESS;
    }
    SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1506",
             "%s of the deleted organization %s could not be ended at Stripe (HTTP %ld, %s, code %s, request %s): %s; "
             "it is tried again", job->object_id, job->org_id ? job->org_id : "-", result.status,
             result.type ? result.type : "-", result.code ? result.code : "-",
             result.request_id ? result.request_id : "-", result.message ? result.message : "-");
    return APR_EGENERAL;
}

/* Virtual hosts may have accounts of their own, and the job does not know in
 * which one the object is: each is asked once. */
static int is_first_with_key(const saas_job_t *job, const server_rec *s, const char *key)
{
    const server_rec *earlier;

    for (earlier = job->server; earlier != s; earlier = earlier->next) {
        const char *other = saas_billing_config_key(earlier);
        if (other && !strcmp(other, key)) {
            return 0;
        }
    }
    return 1;
}

apr_status_t saas_billing_cancel(saas_job_t *job)
{
    ending_fn *end = ending_of(job->object_id);
    server_rec *s;
    apr_status_t rv = APR_SUCCESS;
    int asked = 0;

    if (!end) {
        return APR_EINVAL;
    }
    for (s = job->server; s && rv == APR_SUCCESS; s = s->next) {
        const char *key = saas_billing_config_key(s);
        if (key && is_first_with_key(job, s, key)) {
            if (saas_job_stopped(job)) {
                return APR_EINTR;
            }
            rv = end_at(job, s, end);
            asked++;
        }
    }
    /* Without a key nobody can be asked: a later configuration may have one. */
    return asked ? rv : APR_ENOTIMPL;
}

void saas_billing_cancel_gave_up(saas_job_t *job, const char *why)
{
    SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS1507",
             "%s of the deleted organization %s has not been ended at Stripe (%s): cancel it in Stripe's dashboard, or "
             "its customer goes on paying", job->object_id ? job->object_id : "-", job->org_id ? job->org_id : "-", why);
}
