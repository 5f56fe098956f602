/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What has become of a checkout session, by Stripe's own word: its events may be on their way, or lost.  Stripe is asked;
 * nothing here changes what is kept, and nothing that comes of a browser is believed.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>

int saas_billing_is_session(const char *id)
{
    return !strncmp(id, "cs_", 3) && saas_billing_is_id(id);
}

/* Statuses of a subscription that no payment brings back. */
static int has_ended(const json_t *subscription)
{
    const char *status = json_string_value(json_object_get(subscription, "status"));
    return status && (!strcmp(status, "canceled") || !strcmp(status, "incomplete_expired"));
}

static saas_billing_session_e read_answer(const saas_stripe_result_t *result)
{
    const char *status = json_string_value(json_object_get(result->body, "status"));

    if (!status) {
        return result->code && !strcmp(result->code, "resource_missing") ? SAAS_SESSION_OVER : SAAS_SESSION_UNKNOWN;
    }
    if (!strcmp(status, "open")) {
        return SAAS_SESSION_OPEN;
    }
    if (!strcmp(status, "expired")) {
        return SAAS_SESSION_OVER;
    }
    if (!strcmp(status, "complete")) {
        return has_ended(json_object_get(result->body, "subscription")) ? SAAS_SESSION_OVER : SAAS_SESSION_PAID;
    }
    return SAAS_SESSION_UNKNOWN;
}

saas_billing_session_e saas_billing_session_look(saas_stripe_t *stripe, apr_pool_t *p, const char *id,
                                                 saas_stripe_result_t *result)
{
    static const saas_stripe_pair_t expanded[] = { { "expand[0]", "subscription" }, { NULL, NULL } };

    saas_stripe_call(stripe, SAAS_STRIPE_GET, apr_pstrcat(p, "/v1/checkout/sessions/", id, NULL), expanded, NULL, result);
    return read_answer(result);
}

saas_billing_session_e saas_billing_session_end(saas_stripe_t *stripe, apr_pool_t *p, const char *id,
                                                saas_stripe_result_t *result)
{
    saas_stripe_call(stripe, SAAS_STRIPE_POST, apr_pstrcat(p, "/v1/checkout/sessions/", id, "/expire", NULL), NULL,
                     apr_pstrcat(p, "expire-", saas_uuid(p), NULL), result);
    /* One that is not open any more is refused: it has expired, or somebody was faster and has paid. */
    return result->status == HTTP_BAD_REQUEST ? saas_billing_session_look(stripe, p, id, result) : read_answer(result);
}
