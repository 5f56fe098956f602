/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * POST billing/checkout-session/: a page at Stripe's on which an organization
 * subscribes.
 *
 *   1. look: the organization, its customer at Stripe, a checkout still open;
 *   2. the customer, made once for the organization, and kept;
 *   3. the session at Stripe;
 *   4. kept under the organization's lock - unless another click was first,
 *      whose session is then the answer.
 *
 * No connection and no lock is held while Stripe is asked.  What keeps two
 * clicks from making two customers or two sessions is the idempotency keys:
 * they are made of what both clicks see, so Stripe gives both the same object.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>
#include <stdlib.h>

/* A key of Stripe's keeps its answer, failures included, for a day at least; a
 * later click shall be free of an earlier one's. */
#define BUCKET_SECONDS 600
/* What is left of a session's life for a person to pay in. */
#define SESSION_MARGIN_SECONDS 60
#define NAME_MAX_BYTES 256

/* Columns of SAAS_BILLING_LOOK. */
enum { COL_NAME, COL_STATUS, COL_STRIPE_STATUS, COL_CUSTOMER, COL_IN_TIME, COL_SESSIONS, COL_SESSION, COL_URL };

typedef struct {
    saas_request_t *rq;
    const server_rec *server;
    saas_stripe_t *stripe;
    saas_stripe_result_t result; /* of the last call */
    const char *price;
    const char *sessions;        /* how many the organization has had */
    const char *name;
    const char *customer;
    const char *stale;           /* a customer that Stripe does not have any more */
    const char *session, *url;
    apr_int64_t expires_at;
    int live;
} checkout_t;

static saas_statement_t *statement(int index)
{
    return &saas_billing_statements[index];
}

/* At most as much of a name as Stripe takes, whole characters only. */
static const char *shorten(apr_pool_t *p, const char *name)
{
    apr_size_t len = strnlen(name, NAME_MAX_BYTES + 1);
    if (len > NAME_MAX_BYTES) {
        for (len = NAME_MAX_BYTES; len && ((unsigned char)name[len] & 0xc0) == 0x80; len--) {
        }
    }
    return apr_pstrmemdup(p, name, len);
}

/* Statuses in which Stripe still has, or will again have, something to collect. */
static int is_live(const saas_rows_t *rows)
{
    static const char *const going[] = { "trialing", "active" };
    static const char *const owing[] = { "past_due", "unpaid", "paused" };
    const char *stripe_status = saas_cell(rows, 0, COL_STRIPE_STATUS);
    int in_time = saas_cell_bool(rows, 0, COL_IN_TIME);
    apr_size_t i;

    if (!strcmp(saas_cell(rows, 0, COL_STATUS), "active") && in_time) {
        return 1;
    }
    for (i = 0; stripe_status && i < sizeof(going) / sizeof(going[0]); i++) {
        if (!strcmp(stripe_status, going[i])) {
            return in_time;
        }
    }
    for (i = 0; stripe_status && i < sizeof(owing) / sizeof(owing[0]); i++) {
        if (!strcmp(stripe_status, owing[i])) {
            return 1;
        }
    }
    return 0;
}

/* The price to sell; NULL: the one asked for is not sold here, noted. */
static const char *choose_price(saas_request_t *rq)
{
    const apr_array_header_t *prices = saas_billing_config_prices(rq->r->server);
    const char *wanted = saas_request_field(rq, "price", SAAS_FIELD_NULLABLE, 255);
    int i;

    if (rq->errors) {
        return NULL;
    }
    if (!wanted) {
        return APR_ARRAY_IDX(prices, 0, const char *);
    }
    for (i = 0; i < prices->nelts; i++) {
        if (!strcmp(wanted, APR_ARRAY_IDX(prices, i, const char *))) {
            return wanted;
        }
    }
    saas_request_error(rq, "price", "This price is not for sale.");
    return NULL;
}

static int reply_subscribed(saas_request_t *rq)
{
    return saas_reply_json(rq, HTTP_CONFLICT,
                           json_pack("{s:s, s:s, s:s}", "detail",
                                     "This organization already has a subscription. Use the billing portal to change it.",
                                     "code", "already_subscribed", "portal",
                                     apr_pstrcat(rq->pool, saas_request_base_url(rq), "/billing/portal-session/", NULL)));
}

static int reply_session(saas_request_t *rq, const char *url, const char *session)
{
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:s, s:s}", "checkout_url", url, "session_id", session));
}

/* ------------------------------------------------------------- customer -- */

static apr_status_t keep_customer(saas_db_t *db, void *baton)
{
    checkout_t *c = baton;
    const char *org = c->rq->who->org_id;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, statement(SAAS_BILLING_KEEP_CUSTOMER), &rows,
                                    SAAS_ARGS(c->customer, c->stale));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (saas_cell(rows, 0, 0)) {
        c->customer = saas_cell(rows, 0, 0);
    }
    rv = saas_db_queue(db, statement(SAAS_BILLING_BIND), SAAS_ARGS(c->customer, org));
    return rv == APR_SUCCESS ? saas_billing_expect(db, c->customer, org, SAAS_BILLING_CUSTOMER_SECONDS) : rv;
}

static apr_status_t in_transaction(checkout_t *c, apr_status_t (*body)(saas_db_t *db, void *baton))
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(c->rq, &db);
    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, c);
        saas_db_close(db);
    }
    return rv;
}

/* Makes the organization's customer.  False: c->result or *rv says why not.
 * Nothing of the person goes along: two admins' clicks must be one call. */
static int make_customer(checkout_t *c, apr_status_t *rv)
{
    const char *org = c->rq->who->org_id;
    const char *key = apr_pstrcat(c->rq->pool, "cust-", org, c->stale ? "-" : NULL, c->stale, NULL);
    const saas_stripe_pair_t pairs[] = {
        { "name", c->name },
        { "metadata[org_id]", org },
        { NULL, NULL },
    };

    *rv = APR_SUCCESS;
    saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/customers", pairs, key, &c->result);
    if (c->result.type && !strcmp(c->result.type, "idempotency_error")) {
        /* Renamed since the key was first used. */
        saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/customers", pairs,
                         saas_stripe_digest_key(c->rq->pool, key, pairs), &c->result);
    }
    c->customer = saas_billing_text(c->rq->pool, &c->result, "id", SAAS_BILLING_ID_MAX);
    if (!c->customer) {
        return 0;
    }
    *rv = in_transaction(c, keep_customer);
    return *rv == APR_SUCCESS;
}

/* -------------------------------------------------------------- session -- */

static void ask_session(checkout_t *c)
{
    apr_pool_t *p = c->rq->pool;
    const char *org = c->rq->who->org_id;
    const saas_stripe_pair_t pairs[] = {
        { "mode", "subscription" },
        { "customer", c->customer },
        { "client_reference_id", org },
        { "line_items[0][price]", c->price },
        { "line_items[0][quantity]", "1" },
        { "success_url",
          apr_pstrcat(p, saas_billing_config_frontend(c->server), "/billing/return?session_id={CHECKOUT_SESSION_ID}", NULL) },
        { "cancel_url", apr_pstrcat(p, saas_billing_config_frontend(c->server), "/billing", NULL) },
        { "metadata[org_id]", org },
        { "subscription_data[metadata][org_id]", org },
        { NULL, NULL },
    };
    /* An earlier session of the same minutes, paid or expired, must not be given
     * again: their number is part of the key. */
    const char *prefix = apr_psprintf(p, "cs-%s-%.80s-%" APR_INT64_T_FMT "-%s", org, c->price,
                                      (apr_int64_t)apr_time_sec(apr_time_now()) / BUCKET_SECONDS, c->sessions);
    saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/checkout/sessions", pairs,
                     saas_stripe_digest_key(p, prefix, pairs), &c->result);
}

/* False: c->result or *rv says why there is none. */
static int make_session(checkout_t *c, apr_status_t *rv)
{
    *rv = APR_SUCCESS;
    ask_session(c);
    if (saas_billing_misses(&c->result, "customer")) {
        SAAS_RLOG(c->rq->r, APLOG_NOTICE, 0, "SAAS1505",
                  "Stripe no longer has customer %s of organization %s; a new one is made", c->customer,
                  c->rq->who->org_id);
        c->stale = c->customer;
        if (!make_customer(c, rv)) {
            return 0;
        }
        ask_session(c);
    }
    c->session = saas_billing_text(c->rq->pool, &c->result, "id", SAAS_BILLING_ID_MAX);
    c->url = saas_billing_url(c->rq, &c->result);
    c->expires_at = json_integer_value(json_object_get(c->result.body, "expires_at"));
    return c->session && c->url && c->expires_at > apr_time_sec(apr_time_now()) + SESSION_MARGIN_SECONDS;
}

static apr_status_t keep_session(saas_db_t *db, void *baton)
{
    checkout_t *c = baton;
    const char *org = c->rq->who->org_id;
    saas_activity_t activity = { .action = "checkout.started", .target_type = "checkout_session" };
    saas_rows_t *rows;
    apr_status_t rv = saas_db_queue(db, statement(SAAS_BILLING_LOCK), SAAS_NO_ARGS);

    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, statement(SAAS_BILLING_LOOK), &rows, SAAS_ARGS(c->price));
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    c->live = rows->count && is_live(rows);
    if (c->live) {
        return APR_SUCCESS;
    }
    if (saas_cell(rows, 0, COL_SESSION)) {
        c->session = saas_cell(rows, 0, COL_SESSION);
        c->url = saas_cell(rows, 0, COL_URL);
        return APR_SUCCESS;
    }
    rv = saas_db_queue(db, statement(SAAS_BILLING_KEEP_SESSION),
                       SAAS_ARGS(c->session, c->price, c->url, c->rq->who->user_id,
                                 saas_time_text(c->rq->pool, apr_time_from_sec(c->expires_at))));
    if (rv == APR_SUCCESS) {
        rv = saas_db_queue(db, statement(SAAS_BILLING_BIND), SAAS_ARGS(c->session, org));
    }
    if (rv == APR_SUCCESS) {
        rv = saas_billing_expect(db, c->session, org, SAAS_BILLING_SESSION_SECONDS);
    }
    if (rv == APR_SUCCESS) {
        activity.target_id = c->session;
        activity.target_label = c->price;
        rv = saas_activity(db, c->rq, &activity);
    }
    return rv;
}

int saas_billing_checkout(saas_request_t *rq)
{
    const server_rec *s = rq->r->server;
    saas_stripe_account_t account = saas_billing_account(s);
    checkout_t c = { .rq = rq, .server = s };
    saas_rows_t *rows;
    apr_status_t rv;

    if (!account.key || !saas_billing_config_frontend(s) || !saas_billing_config_prices(s)->nelts) {
        return saas_billing_reply_not_configured(rq);
    }
    c.price = choose_price(rq);
    if (!c.price) {
        return saas_reply_errors(rq);
    }
    rv = saas_query(rq, statement(SAAS_BILLING_LOOK), &rows, SAAS_ARGS(c.price));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!rows->count) {
        return saas_reply_not_found(rq);
    }
    if (is_live(rows)) {
        return reply_subscribed(rq);
    }
    if (saas_cell(rows, 0, COL_SESSION)) {
        return reply_session(rq, saas_cell(rows, 0, COL_URL), saas_cell(rows, 0, COL_SESSION));
    }
    c.name = shorten(rq->pool, saas_cell(rows, 0, COL_NAME));
    c.customer = saas_cell(rows, 0, COL_CUSTOMER);
    c.sessions = saas_cell(rows, 0, COL_SESSIONS);
    c.stripe = saas_stripe_create(rq->pool, &account);
    if ((!c.customer && !make_customer(&c, &rv)) || !make_session(&c, &rv)) {
        return rv != APR_SUCCESS ? saas_reply_failure(rq, rv) : saas_billing_reply_stripe(rq, &c.result);
    }
    rv = in_transaction(&c, keep_session);
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return c.live ? reply_subscribed(rq) : reply_session(rq, c.url, c.session);
}
