/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* GET billing/subscription/: what Stripe's events, or a trial of ours, have made of it; GET billing/usage/: what of its plan
 * the organization uses.  Each in one round trip and without asking Stripe. */
#include "billing.h"

enum {
    COL_STATUS, COL_STRIPE_STATUS, COL_PRICE, COL_PERIOD_END, COL_CANCEL_SCHEDULED, COL_ENDS_AT, COL_STARTED_AT,
    COL_HAS_ACTIVE, COL_TRIAL_ENDS_AT, COL_BY_TRIAL
};

/* Access while a renewal is unpaid, and until when. */
static json_t *grace(saas_request_t *rq, const saas_rows_t *rows)
{
    const char *stripe_status = saas_cell(rows, 0, COL_STRIPE_STATUS);
    if (!stripe_status || strcmp(stripe_status, "past_due") || !saas_cell(rows, 0, COL_ENDS_AT)) {
        return json_null();
    }
    return json_pack("{s:o, s:b}", "ends_at", saas_cell_json_time(rq->pool, rows, 0, COL_ENDS_AT), "running",
                     saas_cell_bool(rows, 0, COL_HAS_ACTIVE));
}

/* Ours, or Stripe's: what gives the access now, or did. */
static json_t *trial(saas_request_t *rq, const saas_rows_t *rows)
{
    int running = saas_cell_bool(rows, 0, COL_HAS_ACTIVE) && saas_cell_bool(rows, 0, COL_BY_TRIAL);
    if (!running && !saas_cell(rows, 0, COL_TRIAL_ENDS_AT)) {
        return json_null();
    }
    return json_pack("{s:o, s:b}", "ends_at", saas_cell_json_time(rq->pool, rows, 0, COL_TRIAL_ENDS_AT), "running", running);
}

int saas_billing_subscription(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &saas_billing_statements[SAAS_BILLING_SUBSCRIPTION], &rows, SAAS_NO_ARGS);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!rows->count) {
        return saas_reply_not_found(rq);
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:b, s:o, s:o}",
                                     "status", saas_cell_json(rows, 0, COL_STATUS),
                                     "stripe_status", saas_cell_json(rows, 0, COL_STRIPE_STATUS),
                                     "price", saas_cell_json(rows, 0, COL_PRICE),
                                     "period_end", saas_cell_json_time(rq->pool, rows, 0, COL_PERIOD_END),
                                     "cancel_scheduled", saas_cell_bool(rows, 0, COL_CANCEL_SCHEDULED),
                                     "ends_at", saas_cell_json_time(rq->pool, rows, 0, COL_ENDS_AT),
                                     "started_at", saas_cell_json_time(rq->pool, rows, 0, COL_STARTED_AT),
                                     "has_active_subscription", saas_cell_bool(rows, 0, COL_HAS_ACTIVE),
                                     "grace", grace(rq, rows), "trial", trial(rq, rows)));
}

int saas_billing_usage(saas_request_t *rq)
{
    json_t *usage;
    apr_status_t rv = saas_limits_usage(rq, &usage);

    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_OK, usage) : saas_reply_failure(rq, rv);
}
