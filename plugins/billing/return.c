/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * GET billing/return/?session_id=: for the page to which Stripe sends people back.  For which organization they have been
 * at checkout, how it ended, and whether this server knows.
 *
 * The address of that page proves nothing, so nothing is granted or changed here: the webhook opens access, or, should it
 * be lost, the job that asks Stripe, which is then not waited for as long as planned.  Until it has
 * come, Stripe is asked what the session has come to, with one attempt and no more often than every few seconds, for pages
 * ask again and again; when there is no answer, the rows alone are told.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_atomic.h>
#include <apr_hash.h>
#include <apr_strings.h>

/* Between two questions of a child's about one session. */
#define ASK_SECONDS 3
#define PLACES 256

enum { COL_ID, COL_NAME, COL_SLUG, COL_STATUS, COL_ACTIVE };

/* Whether Stripe may be asked now; then it is this request that asks.  A place remembers the session that was asked for last
 * (its hash, above) and when (below): another one that shares it does not have to wait. */
static int may_ask(const char *id)
{
    static volatile apr_uint64_t asked[PLACES];
    apr_ssize_t len = APR_HASH_KEY_STRING;
    apr_uint32_t hash = apr_hashfunc_default(id, &len), now = (apr_uint32_t)apr_time_sec(apr_time_now());
    volatile apr_uint64_t *place = &asked[hash % PLACES];
    apr_uint64_t last = apr_atomic_read64(place);

    return ((apr_uint32_t)(last >> 32) != hash || now - (apr_uint32_t)last >= ASK_SECONDS)
           && apr_atomic_cas64(place, (apr_uint64_t)hash << 32 | now, last) == last;
}

static const char *text_of(const saas_stripe_result_t *result, const char *key, const char *const *words)
{
    const char *text = json_string_value(json_object_get(result->body, key));
    for (; text && *words && strcmp(text, *words); words++) {
    }
    return text && *words ? *words : NULL;
}

/* The session's row, of the organization that it was made for, if the caller is in it. */
static apr_status_t find(saas_request_t *rq, const char *id, saas_rows_t **rows)
{
    const char *token = rq->who->by == SAAS_BY_TOKEN ? rq->who->credential_id : NULL;
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, rq->pool, rq->r->server, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_query(db, &saas_billing_statements[SAAS_BILLING_WHOSE_SESSION], rows,
                       SAAS_ARGS(id, rq->who->user_id, token));
    if (rv == APR_SUCCESS && (*rows)->count) {
        rv = saas_db_set_organization(db, saas_cell(*rows, 0, 0));
        if (rv == APR_SUCCESS) {
            rv = saas_db_query(db, &saas_billing_statements[SAAS_BILLING_SESSION], rows, SAAS_ARGS(id));
        }
    }
    saas_db_close(db);
    return rv;
}

int saas_billing_return(saas_request_t *rq)
{
    static const char *const statuses[] = { "open", "complete", "expired", NULL };
    static const char *const payments[] = { "paid", "unpaid", "no_payment_required", NULL };
    const char *id = saas_request_query(rq, "session_id"), *status, *told, *payment = NULL;
    saas_stripe_account_t account = saas_billing_account(rq->r->server);
    saas_rows_t *rows;
    apr_status_t rv;
    int arrived;

    if (!id || !*id) {
        saas_request_error(rq, "session_id", "This field is required.");
        return saas_reply_errors(rq);
    }
    if (!saas_billing_is_session(id)) {
        return saas_reply_not_found(rq);
    }
    rv = find(rq, id, &rows);
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!rows->count) {
        return saas_reply_not_found(rq);
    }
    status = saas_cell(rows, 0, COL_STATUS);
    arrived = strcmp(status, "open") != 0;
    if (!arrived && account.key && may_ask(id)) {
        saas_stripe_t *stripe = saas_stripe_create(rq->pool, &account);
        saas_stripe_result_t result;

        saas_stripe_hurry(stripe);
        if (saas_billing_session_look(stripe, rq->pool, id, &result) == SAAS_SESSION_PAID) {
            saas_billing_ask_soon(rq, id);
        }
        if ((told = text_of(&result, "status", statuses))) {
            status = told;
            payment = text_of(&result, "payment_status", payments);
        }
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:{s:o, s:o, s:o}, s:s, s:s, s:s?, s:b, s:b}", "organization",
                                     "id", saas_cell_json(rows, 0, COL_ID), "name", saas_cell_json(rows, 0, COL_NAME),
                                     "slug", saas_cell_json(rows, 0, COL_SLUG), "session_id", id, "status", status,
                                     "payment_status", payment, "webhook_received", arrived, "has_active_subscription",
                                     saas_cell_bool(rows, 0, COL_ACTIVE)));
}
