/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Plans that are paid for each member (SaasPlan … seats): the quantity at Stripe follows the members.
 *
 * Whoever becomes a member, or is one no longer, leaves a row in stripe_seats (a trigger's).  "stripe.due" hands such an
 * organization's subscription to "stripe.ask", which has Stripe's answer in its hands whenever one comes, and there the
 * quantities are compared: what somebody has changed at Stripe is put right as well, and nothing is sent that is so already.
 * The number sent is the number of members, never a difference, so it may be sent twice.
 *
 * Proration is Stripe's default.  In a subscription that is not begun, is over or is not paid (unpaid, paused) nothing is
 * changed; it is when it goes on, with the answer that says so.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>

/* Stripe takes at most so many items of a subscription. */
#define ITEMS_MAX 20

static int is_in(const json_t *list, const char *text)
{
    const json_t *each;
    size_t i;

    json_array_foreach(list, i, each) {
        if (!strcmp(json_string_value(each), text)) {
            return 1;
        }
    }
    return 0;
}

/* True when a plan with this price is paid for each member; price NULL: when any plan is. */
static int is_seats(const json_t *plans, const char *price)
{
    const json_t *plan;
    size_t i;

    json_array_foreach(plans, i, plan) {
        if (json_is_true(json_object_get(plan, "seats")) && (!price || is_in(json_object_get(plan, "prices"), price))) {
            return 1;
        }
    }
    return 0;
}

int saas_billing_is_by_seat(const char *price)
{
    json_t *plans = saas_plans();
    int is = is_seats(plans, price);

    json_decref(plans);
    return is;
}

/* ------------------------------------------------------------------ due -- */

apr_status_t saas_billing_seats_due(saas_db_t *db, int *handed)
{
    saas_rows_t *rows;
    apr_status_t rv;
    int i;

    if (!saas_billing_is_by_seat(NULL)) {
        return saas_db_queue(db, &saas_billing_statements[SAAS_BILLING_SEATS_NONE], SAAS_NO_ARGS);
    }
    rv = saas_db_query(db, &saas_billing_statements[SAAS_BILLING_SEATS_DUE], &rows, SAAS_NO_ARGS);
    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        const char *org = saas_cell(rows, i, 0), *subscription = saas_cell(rows, i, 1);
        if (subscription) {
            rv = saas_job_enqueue(db, SAAS_BILLING_ASK_JOB, org, subscription, NULL, 0);
            ++*handed;
        }
        if (rv == APR_SUCCESS) {
            rv = saas_db_queue(db, &saas_billing_statements[SAAS_BILLING_SEATS_HANDED], SAAS_ARGS(org));
        }
    }
    return rv;
}

/* ------------------------------------------------------------------ ask -- */

static apr_status_t count_members(saas_job_t *job, apr_int64_t *members)
{
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, job->pool, job->server, job->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &saas_billing_statements[SAAS_BILLING_MEMBERS], &rows, SAAS_NO_ARGS);
        *members = rv == APR_SUCCESS ? saas_cell_int(rows, 0, 0) : 0;
        saas_db_close(db);
    }
    return rv;
}

/* Can its quantity be changed now? */
static int is_running(const json_t *subscription)
{
    static const char *const running[] = { "trialing", "active", "past_due" };
    const char *status = json_string_value(json_object_get(subscription, "status"));
    apr_size_t i;

    for (i = 0; status && i < sizeof(running) / sizeof(*running); i++) {
        if (!strcmp(status, running[i])) {
            return 1;
        }
    }
    return 0;
}

/* The items that are paid for each member: their ids and quantities. A metered one has no quantity. */
static int find_seats(const json_t *subscription, const char *items[ITEMS_MAX], apr_int64_t quantities[ITEMS_MAX])
{
    json_t *plans = saas_plans();
    const json_t *item;
    size_t i;
    int n = 0;

    json_array_foreach(json_object_get(json_object_get(subscription, "items"), "data"), i, item) {
        const json_t *price = json_object_get(item, "price"), *quantity = json_object_get(item, "quantity");
        const char *id = json_string_value(json_object_get(item, "id"));
        const char *price_id = json_string_value(json_is_object(price) ? json_object_get(price, "id") : price);
        if (n < ITEMS_MAX && id && price_id && json_is_integer(quantity) && is_seats(plans, price_id)) {
            items[n] = id;
            quantities[n++] = json_integer_value(quantity);
        }
    }
    json_decref(plans);
    return n;
}

saas_billing_seats_e saas_billing_seats_keep(saas_job_t *job, saas_stripe_t *stripe, const json_t *subscription,
                                             saas_stripe_result_t *result)
{
    const char *id = json_string_value(json_object_get(subscription, "id"));
    const char *items[ITEMS_MAX], *number;
    saas_stripe_pair_t pairs[ITEMS_MAX * 2 + 1];
    apr_int64_t quantities[ITEMS_MAX], members;
    int n = id && job->org_id && is_running(subscription) ? find_seats(subscription, items, quantities) : 0, i, k = 0;

    if (!n) {
        return SAAS_BILLING_SEATS_RIGHT;
    }
    if (count_members(job, &members) != APR_SUCCESS) {
        return SAAS_BILLING_SEATS_LATER;
    }
    number = apr_psprintf(job->pool, "%" APR_INT64_T_FMT, members);
    for (i = 0; i < n; i++) {
        if (quantities[i] != members && members > 0) {
            pairs[k * 2] = (saas_stripe_pair_t){ apr_psprintf(job->pool, "items[%d][id]", k), items[i] };
            pairs[k * 2 + 1] = (saas_stripe_pair_t){ apr_psprintf(job->pool, "items[%d][quantity]", k), number };
            k++;
        }
    }
    if (!k) {
        return SAAS_BILLING_SEATS_RIGHT;
    }
    pairs[k * 2] = (saas_stripe_pair_t){ NULL, NULL };
    /* A key of its own each time: the same number may be wanted again within the day that Stripe keeps an answer. */
    saas_stripe_call(stripe, SAAS_STRIPE_POST, apr_pstrcat(job->pool, "/v1/subscriptions/", id, NULL), pairs,
                     apr_pstrcat(job->pool, "seats-", saas_uuid(job->pool), NULL), result);
    if (result->status >= 200 && result->status < 300 && result->body) {
        SAAS_LOG(job->server, APLOG_INFO, 0, "SAAS1514", "subscription %s of organization %s is for %s members now", id,
                 job->org_id, number);
        return SAAS_BILLING_SEATS_SET;
    }
    SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1513",
             "subscription %s of organization %s is to be for %s members, and Stripe has not changed it (HTTP %ld, %s, code %s, "
             "request %s): %s; it is tried again, or set the quantity in Stripe's dashboard", id, job->org_id, number,
             result->status, result->type ? result->type : "-", result->code ? result->code : "-",
             result->request_id ? result->request_id : "-", result->message ? result->message : "-");
    return SAAS_BILLING_SEATS_LATER;
}
