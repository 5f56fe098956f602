/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * POST billing/checkout-session/: a page at Stripe's on which an organization
 * subscribes.
 *
 *   1. look: the organization, its customer at Stripe, its checkouts that have
 *      not ended as far as is known;
 *   2. what has become of those, by Stripe's word: the one for the same order,
 *      while it is open, is the answer; one for another order is ended; one
 *      that was paid, of which no event has come, forbids another;
 *   3. the customer, made once for the organization, and kept;
 *   4. the session at Stripe;
 *   5. kept under the organization's lock - unless another click was first,
 *      whose session is then the answer; what was opened for another order
 *      meanwhile is ended before anybody is sent to pay.
 *
 * So at most one page is open on which an organization can pay.  No connection
 * and no lock is held while Stripe is asked.  What keeps two clicks from making
 * two customers or two sessions is the idempotency keys: they are made of what
 * both clicks see, so Stripe gives both the same object.
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
enum {
    COL_NAME, COL_STATUS, COL_STRIPE_STATUS, COL_CUSTOMER, COL_IN_TIME, COL_SESSIONS, COL_SUBSCRIBED, COL_SESSION, COL_URL,
    COL_ORDER, COL_BY_TRIAL, COL_MEMBERS
};

/* How a step leaves the request. */
typedef enum {
    GO_ON,
    NOT_FOUND,       /* the organization has gone */
    SUBSCRIBED,      /* there is a subscription */
    PAID,            /* there is one that no event has told of yet */
    INVALID,         /* what is wrong is noted */
    READY,           /* c->session and c->url are the answer */
    STRIPE_FAILED,   /* c->result says why */
    DATABASE_FAILED  /* c->rv says why */
} step_e;

typedef struct {
    saas_request_t *rq;
    const server_rec *server;
    saas_stripe_account_t account;
    saas_stripe_t *stripe;
    saas_stripe_result_t result; /* of the last call */
    apr_status_t rv;
    saas_billing_order_t order;
    const saas_stripe_pair_t *pairs;
    const char *digest;          /* of the pairs: which order it is */
    int by_seat;                 /* the price is paid for each member */
    const char *sessions;        /* how many the organization has had */
    const char *name;
    const char *stale;           /* a customer that Stripe does not have any more */
    const char *session, *url;
    const char *made, *made_url; /* by Stripe for this click; another's may be the answer */
    apr_int64_t expires_at;
    const saas_rows_t *rows;     /* as looked at last */
    const char *ended;           /* a session, and what it has become */
    const char *as;
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

    /* A trial of ours is no subscription: whoever is in one may subscribe. */
    if (!strcmp(saas_cell(rows, 0, COL_STATUS), "active") && in_time && !saas_cell_bool(rows, 0, COL_BY_TRIAL)) {
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

static int reply_paid(saas_request_t *rq)
{
    return saas_reply_error(rq, HTTP_CONFLICT, "checkout_completed",
                            "This organization's checkout has been completed, and its subscription is being set up. Please "
                            "wait a moment.");
}

static int reply_session(saas_request_t *rq, const char *url, const char *session)
{
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:s, s:s}", "checkout_url", url, "session_id", session));
}

/* ------------------------------------------------------------- customer -- */

static apr_status_t keep_customer(saas_db_t *db, void *baton)
{
    checkout_t *c = baton;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, statement(SAAS_BILLING_KEEP_CUSTOMER), &rows,
                                    SAAS_ARGS(c->order.customer, c->stale));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (saas_cell(rows, 0, 0)) {
        c->order.customer = saas_cell(rows, 0, 0);
    }
    rv = saas_db_queue(db, statement(SAAS_BILLING_BIND), SAAS_ARGS(c->order.customer, c->order.org_id));
    return rv == APR_SUCCESS ? saas_billing_expect(db, c->order.customer, c->order.org_id, SAAS_BILLING_CUSTOMER_SECONDS) : rv;
}

static apr_status_t in_transaction(checkout_t *c, apr_status_t (*body)(saas_db_t *db, void *baton))
{
    saas_db_t *db;
    c->rv = saas_request_db(c->rq, &db);
    if (c->rv == APR_SUCCESS) {
        c->rv = saas_db_transaction(db, body, c);
        saas_db_close(db);
    }
    return c->rv;
}

/* What the order comes to, now that the customer is known. */
static void describe(checkout_t *c)
{
    c->pairs = saas_billing_offer(c->rq->pool, c->server, &c->order);
    c->digest = saas_stripe_digest_key(c->rq->pool, "order", c->pairs);
}

/* Makes the organization's customer.  Nothing of the person goes along: two
 * admins' clicks must be one call. */
static step_e make_customer(checkout_t *c)
{
    const char *org = c->order.org_id;
    const char *key = apr_pstrcat(c->rq->pool, "cust-", org, c->stale ? "-" : NULL, c->stale, NULL);
    const saas_stripe_pair_t pairs[] = {
        { "name", c->name },
        { "metadata[org_id]", org },
        { NULL, NULL },
    };

    saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/customers", pairs, key, &c->result);
    if (c->result.type && !strcmp(c->result.type, "idempotency_error")) {
        /* Renamed since the key was first used. */
        saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/customers", pairs,
                         saas_stripe_digest_key(c->rq->pool, key, pairs), &c->result);
    }
    c->order.customer = saas_billing_text(c->rq->pool, &c->result, "id", SAAS_BILLING_ID_MAX);
    if (!c->order.customer) {
        return STRIPE_FAILED;
    }
    if (in_transaction(c, keep_customer) != APR_SUCCESS) {
        return DATABASE_FAILED;
    }
    describe(c);
    return GO_ON;
}

/* --------------------------------------------- sessions that are there -- */

static apr_status_t note_end(saas_db_t *db, void *baton)
{
    checkout_t *c = baton;
    return saas_db_queue(db, statement(SAAS_BILLING_SESSION_OVER), SAAS_ARGS(c->ended, c->as));
}

/* What is said of a session here is what Stripe has said of it just now. */
static step_e note(checkout_t *c, const char *session)
{
    const char *status = saas_billing_text(c->rq->pool, &c->result, "status", SAAS_BILLING_ID_MAX);
    c->ended = session;
    c->as = status && !strcmp(status, "complete") ? "complete" : "expired";
    return in_transaction(c, note_end) == APR_SUCCESS ? GO_ON : DATABASE_FAILED;
}

/* A session for another order: nobody shall pay there as well. */
static step_e end_other(checkout_t *c, const char *session)
{
    switch (saas_billing_session_end(c->stripe, c->rq->pool, session, &c->result)) {
    case SAAS_SESSION_OVER:
        return note(c, session);
    case SAAS_SESSION_PAID:
        saas_billing_ask_soon(c->rq, session);
        return PAID;
    default:
        return STRIPE_FAILED;
    }
}

/* The session for this very order.  Where Stripe gives no answer the page that
 * it has made before is still the best there is. */
static step_e use_again(checkout_t *c, const char *session, const char *url)
{
    saas_stripe_t *stripe = saas_stripe_create(c->rq->pool, &c->account);

    saas_stripe_hurry(stripe);
    switch (saas_billing_session_look(stripe, c->rq->pool, session, &c->result)) {
    case SAAS_SESSION_OVER:
        return note(c, session);
    case SAAS_SESSION_PAID:
        saas_billing_ask_soon(c->rq, session);
        return PAID;
    default:
        c->session = session;
        c->url = url;
        return READY;
    }
}

static step_e settle(checkout_t *c, const saas_rows_t *rows)
{
    const char *same = NULL, *url = NULL;
    step_e step = GO_ON;
    int i;

    for (i = 0; i < rows->count && step == GO_ON; i++) {
        const char *session = saas_cell(rows, i, COL_SESSION), *digest = saas_cell(rows, i, COL_ORDER);
        if (!session || (c->session && !strcmp(session, c->session))) {
            continue;
        }
        if (!c->session && !same && c->digest && digest && !strcmp(digest, c->digest)) {
            same = session;
            url = saas_cell(rows, i, COL_URL);
        } else {
            step = end_other(c, session);
        }
    }
    return step == GO_ON && same ? use_again(c, same, url) : step;
}

/* -------------------------------------------------------------- session -- */

static void ask_session(checkout_t *c)
{
    apr_pool_t *p = c->rq->pool;
    /* An earlier session of the same minutes, paid or expired, must not be given
     * again: their number is part of the key. */
    const char *prefix = apr_psprintf(p, "cs-%s-%.80s-%" APR_INT64_T_FMT "-%s", c->order.org_id, c->order.price,
                                      (apr_int64_t)apr_time_sec(apr_time_now()) / BUCKET_SECONDS, c->sessions);
    saas_stripe_call(c->stripe, SAAS_STRIPE_POST, "/v1/checkout/sessions", c->pairs,
                     saas_stripe_digest_key(p, prefix, c->pairs), &c->result);
}

static step_e make_session(checkout_t *c)
{
    ask_session(c);
    if (saas_billing_misses(&c->result, "customer")) {
        step_e step;
        SAAS_RLOG(c->rq->r, APLOG_NOTICE, 0, "SAAS1505",
                  "Stripe no longer has customer %s of organization %s; a new one is made", c->order.customer,
                  c->order.org_id);
        c->stale = c->order.customer;
        if ((step = make_customer(c)) != GO_ON) {
            return step;
        }
        ask_session(c);
    }
    c->made = saas_billing_text(c->rq->pool, &c->result, "id", SAAS_BILLING_ID_MAX);
    c->made_url = saas_billing_url(c->rq, &c->result);
    c->expires_at = json_integer_value(json_object_get(c->result.body, "expires_at"));
    return c->made && c->made_url && c->expires_at > apr_time_sec(apr_time_now()) + SESSION_MARGIN_SECONDS ? GO_ON
                                                                                                        : STRIPE_FAILED;
}

/* The one of the same order that another click has kept, or -1. */
static int kept_by_another(const checkout_t *c, const saas_rows_t *rows)
{
    int i;
    for (i = 0; i < rows->count; i++) {
        const char *digest = saas_cell(rows, i, COL_ORDER);
        if (saas_cell(rows, i, COL_SESSION) && digest && !strcmp(digest, c->digest)) {
            return i;
        }
    }
    return -1;
}

static apr_status_t keep_session(saas_db_t *db, void *baton)
{
    checkout_t *c = baton;
    saas_activity_t activity = { .action = "checkout.started", .target_type = "checkout_session" };
    saas_rows_t *rows;
    int other;
    apr_status_t rv = saas_db_queue(db, statement(SAAS_BILLING_LOCK), SAAS_NO_ARGS);

    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, statement(SAAS_BILLING_LOOK), &rows, SAAS_NO_ARGS);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    c->rows = rows;
    c->session = c->made;
    c->url = c->made_url;
    if (!rows->count || is_live(rows)) {
        return APR_SUCCESS;
    }
    if ((other = kept_by_another(c, rows)) >= 0) {
        c->session = saas_cell(rows, other, COL_SESSION);
        c->url = saas_cell(rows, other, COL_URL);
        return APR_SUCCESS;
    }
    rv = saas_db_queue(db, statement(SAAS_BILLING_KEEP_SESSION),
                       SAAS_ARGS(c->session, c->order.price, c->url, c->rq->who->user_id,
                                 saas_time_text(c->rq->pool, apr_time_from_sec(c->expires_at)), c->digest));
    if (rv == APR_SUCCESS) {
        rv = saas_db_queue(db, statement(SAAS_BILLING_BIND), SAAS_ARGS(c->session, c->order.org_id));
    }
    if (rv == APR_SUCCESS) {
        rv = saas_billing_expect(db, c->session, c->order.org_id, SAAS_BILLING_SESSION_SECONDS);
    }
    if (rv == APR_SUCCESS) {
        activity.target_id = c->session;
        activity.target_label = c->order.price;
        rv = saas_activity(db, c->rq, &activity);
    }
    return rv;
}

static step_e keep(checkout_t *c)
{
    step_e step;
    if (in_transaction(c, keep_session) != APR_SUCCESS) {
        return DATABASE_FAILED;
    }
    step = !c->rows->count ? NOT_FOUND : is_live(c->rows) ? SUBSCRIBED : GO_ON;
    if (step != GO_ON || strcmp(c->made, c->session)) {
        /* Nobody has its address.  Should this fail, it ends by itself. */
        saas_stripe_result_t result;
        saas_billing_session_end(c->stripe, c->rq->pool, c->made, &result);
    }
    if (step == GO_ON) {
        step = settle(c, c->rows);
    }
    return step == GO_ON ? READY : step;
}

static step_e run(checkout_t *c)
{
    saas_rows_t *rows;
    step_e step;

    c->rv = saas_query(c->rq, statement(SAAS_BILLING_LOOK), &rows, SAAS_NO_ARGS);
    if (c->rv != APR_SUCCESS) {
        return DATABASE_FAILED;
    }
    if (!rows->count) {
        return NOT_FOUND;
    }
    if (is_live(rows)) {
        return SUBSCRIBED;
    }
    c->name = shorten(c->rq->pool, saas_cell(rows, 0, COL_NAME));
    c->sessions = saas_cell(rows, 0, COL_SESSIONS);
    if (c->by_seat && !saas_billing_take_members(c->rq, saas_cell_int(rows, 0, COL_MEMBERS), &c->order.quantity)) {
        return INVALID;
    }
    c->order.trial = !saas_cell_bool(rows, 0, COL_SUBSCRIBED);
    if ((c->order.customer = saas_cell(rows, 0, COL_CUSTOMER))) {
        describe(c);
    }
    if ((step = settle(c, rows)) == GO_ON && (c->order.customer || (step = make_customer(c)) == GO_ON)
        && (step = make_session(c)) == GO_ON) {
        step = keep(c);
    }
    return step;
}

int saas_billing_checkout(saas_request_t *rq)
{
    const server_rec *s = rq->r->server;
    checkout_t c = { .rq = rq, .server = s, .account = saas_billing_account(s) };

    if (!c.account.key || !saas_billing_config_frontend(s) || !saas_billing_config_prices(s)->nelts) {
        return saas_billing_reply_not_configured(rq);
    }
    c.order.org_id = rq->who->org_id;
    c.order.price = choose_price(rq);
    c.by_seat = c.order.price && saas_billing_is_by_seat(c.order.price);
    c.order.quantity = c.by_seat ? 1 : saas_billing_choose_quantity(rq);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    c.stripe = saas_stripe_create(rq->pool, &c.account);
    switch (run(&c)) {
    case NOT_FOUND:
        return saas_reply_not_found(rq);
    case SUBSCRIBED:
        return reply_subscribed(rq);
    case PAID:
        return reply_paid(rq);
    case INVALID:
        return saas_reply_errors(rq);
    case STRIPE_FAILED:
        return saas_billing_reply_stripe(rq, &c.result);
    case DATABASE_FAILED:
        return saas_reply_failure(rq, c.rv);
    default:
        return reply_session(rq, c.url, c.session);
    }
}
