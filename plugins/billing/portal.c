/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * POST billing/portal-session/: a page at Stripe's on which an organization changes its card or its plan, sees invoices,
 * cancels and comes back.  Made anew for each click, since it lives for minutes only; for everybody whom Stripe knows as a
 * customer, also when the subscription has ended.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>

static int reply_no_customer(saas_request_t *rq)
{
    return saas_reply_error(rq, HTTP_CONFLICT, "no_customer",
                            "This organization has no billing account yet. Subscribe first.");
}

int saas_billing_portal(saas_request_t *rq)
{
    const server_rec *s = rq->r->server;
    saas_stripe_account_t account = saas_billing_account(s);
    saas_stripe_result_t result;
    saas_rows_t *rows;
    const char *customer, *url;
    apr_status_t rv;

    if (!account.key || !saas_billing_config_frontend(s)) {
        return saas_billing_reply_not_configured(rq);
    }
    rv = saas_query(rq, &saas_billing_statements[SAAS_BILLING_CUSTOMER], &rows, SAAS_NO_ARGS);
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!rows->count) {
        return saas_reply_not_found(rq);
    }
    if (!(customer = saas_cell(rows, 0, 0))) {
        return reply_no_customer(rq);
    }
    /* The key is of this click alone: it is for the client's own attempts. */
    saas_stripe_call(saas_stripe_create(rq->pool, &account), SAAS_STRIPE_POST, "/v1/billing_portal/sessions",
                     (const saas_stripe_pair_t[]){
                         { "customer", customer },
                         { "return_url", apr_pstrcat(rq->pool, saas_billing_config_frontend(s), "/billing", NULL) },
                         { NULL, NULL },
                     },
                     apr_pstrcat(rq->pool, "portal-", saas_uuid(rq->pool), NULL), &result);
    if (saas_billing_misses(&result, "customer")) {
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1508", "Stripe no longer has customer %s of organization %s; its next "
                  "checkout makes a new one", customer, rq->who->org_id);
        return reply_no_customer(rq);
    }
    url = saas_billing_url(rq, &result);
    return url ? saas_reply_json(rq, HTTP_OK, json_pack("{s:s}", "portal_url", url))
               : saas_billing_reply_stripe(rq, &result);
}
