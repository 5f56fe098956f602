/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The steps of an event's transaction, in their order (work.h): its row, the
 * organization it belongs to, the subscription's new state, the organization's,
 * when news is due next, the trail, the verdict.
 */
#include "work.h"

#include "claims.h"

#include <apr_strings.h>

void saas_work_begin(saas_work_t *w, saas_db_t *db)
{
    w->db = db;
    w->org = w->differed = w->buyer = NULL;
    w->named = NULL;
    w->customer_bound = w->subscription_bound = w->claimed = w->wake = 0;
    w->verdict = saas_work_foreign(w);
}

apr_status_t saas_work_record(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_RECORD),
                         SAAS_ARGS(event->id, event->type, event->api_version, event->livemode ? "live" : "test",
                                   apr_psprintf(w->pool, "%" APR_INT64_T_FMT, event->created), w->verdict,
                                   w->payload));
}

apr_status_t saas_work_give_verdict(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    return w->org ? saas_db_queue(w->db, statement(SAAS_WEBHOOKS_VERDICT), SAAS_ARGS(event->id, w->verdict, w->org))
                  : saas_db_queue(w->db, statement(SAAS_WEBHOOKS_UNBOUND),
                                  SAAS_ARGS(event->id, w->verdict, event->customer, event->subscription));
}

apr_status_t saas_work_run(saas_work_t *w, apr_status_t (*body)(saas_db_t *db, void *baton))
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, w->pool, w->server, NULL);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, w);
        saas_db_close(db);
    }
    if (rv == APR_SUCCESS && w->wake) {
        saas_jobs_wake();
    }
    return rv;
}

static apr_status_t bind_object(saas_work_t *w, const char *stripe_id)
{
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_BIND), SAAS_ARGS(stripe_id, w->org));
}

/* A sale that did not begin here has been bound: its ADMINs are told, and what came before takes effect. */
static apr_status_t begin_elsewhere(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    saas_activity_t activity = {
        .action = "checkout.bound", .target_type = "subscription", .target_id = event->subscription,
        .target_label = w->buyer, .actor_type = "stripe", .actor_id = event->id,
        .new_value = json_pack("{s:s, s:s, s:s?}", "customer", event->customer, "subscription", event->subscription,
                               "buyer", w->buyer),
    };
    apr_status_t rv = saas_activity(w->db, w->rq, &activity);

    json_decref(activity.new_value);
    if (rv == APR_SUCCESS && (rv = saas_work_tell_admins(w, "subscription_bought")) == APR_SUCCESS
        && (rv = saas_webhooks_claim_replay(w->db, event, w->org, &w->wake)) == APR_SUCCESS) {
        rv = saas_webhooks_claim_end(w->db, event);
    }
    return rv;
}

/* Objects that were nobody's are the organization's from here on. */
static apr_status_t bind_objects(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    apr_status_t rv = APR_SUCCESS;

    if (event->customer && !w->customer_bound && (rv = bind_object(w, event->customer)) == APR_SUCCESS
        && event->kind != SAAS_EVENT_CUSTOMER_DELETED) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_CUSTOMER), SAAS_ARGS(event->customer, w->org));
    }
    if (rv == APR_SUCCESS && event->subscription && !w->subscription_bound) {
        rv = bind_object(w, event->subscription);
    }
    return rv;
}

/* Of a checkout session that has ended, and of a customer that is no more, nothing is to be asked. */
static apr_status_t end_objects(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    int complete = event->kind == SAAS_EVENT_SESSION_COMPLETED;
    apr_status_t rv;

    if (event->kind == SAAS_EVENT_CUSTOMER_DELETED) {
        return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(event->customer));
    }
    if (!complete && event->kind != SAAS_EVENT_SESSION_EXPIRED) {
        return APR_SUCCESS;
    }
    rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_SESSION),
                       SAAS_ARGS(event->session, complete ? "complete" : "expired"));
    return rv == APR_SUCCESS ? saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(event->session)) : rv;
}

apr_status_t saas_work_apply(saas_work_t *w)
{
    saas_holding_t held;
    const char *price;
    apr_status_t rv;

    if (w->event->kind == SAAS_EVENT_ENTITLEMENTS) {
        return saas_work_entitle(w);
    }
    if (!saas_work_is_sold(w, &price)) {
        w->verdict = SAAS_VERDICT_OTHER_PRODUCT;
        return APR_SUCCESS;
    }
    if ((rv = saas_work_load(w, &held)) != APR_SUCCESS) {
        return rv;
    }
    if (!held.rows->count) {
        w->verdict = SAAS_CLAIM_UNBOUND;
        return APR_SUCCESS;
    }
    if (w->claimed && held.customer && !same(held.customer, w->event->customer)) {
        w->verdict = SAAS_CLAIM_HAS_CUSTOMER;
        return saas_webhooks_claim_end(w->db, w->event);
    }
    if ((rv = saas_work_fold(w, price, &held)) != APR_SUCCESS || saas_work_refusal(w)) {
        return rv;
    }
    /* The organization's own tables first: each change between them and the others is one more statement. */
    if ((rv = saas_work_settle(w, &held)) != APR_SUCCESS || (rv = end_objects(w)) != APR_SUCCESS
        || (rv = bind_objects(w)) != APR_SUCCESS || (rv = saas_work_expect_news(w, &held)) != APR_SUCCESS) {
        return rv;
    }
    if (w->claimed) {
        rv = begin_elsewhere(w);
    }
    if (rv == APR_SUCCESS && w->event->kind == SAAS_EVENT_INVOICE_FAILED && !strcmp(w->verdict, SAAS_VERDICT_APPLIED)) {
        rv = saas_work_tell_admins(w, "payment_failed");
    }
    return rv;
}
