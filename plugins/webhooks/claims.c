/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See claims.h. A claim alone never gives access and binds nobody while prices are named that are sold here
 * (SaasStripePrice): else the cheapest thing that the account sells would open the product for whoever writes an
 * organization's id into its address.
 */
#include "claims.h"

#include "webhooks.h"

#define ASK_SECONDS "5"

int saas_webhooks_claims_on(const server_rec *s, int in_job)
{
    for (; s && !saas_webhooks_config_client_reference(s); s = next_server(s, in_job)) {
    }
    return s != NULL;
}

static int has_key(const server_rec *s, int in_job)
{
    for (; s && saas_webhooks_config_key_mode(s) == SAAS_UNSET; s = next_server(s, in_job)) {
    }
    return s != NULL;
}

/* Is it known that something was bought that is sold here? */
static int is_sold(const server_rec *s, int in_job, const saas_event_t *event)
{
    int any = 1;

    for (; s; s = next_server(s, in_job)) {
        any &= !saas_webhooks_config_prices(s)->nelts;
        if (saas_webhooks_sold_price(s, event)) {
            return 1;
        }
    }
    return any;
}

/* Adds a replay of each event that is the subscription's or its customer's and had this verdict. */
static apr_status_t replay(saas_db_t *db, const saas_event_t *event, const char *org, const char *also, int *wake)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, statement(SAAS_WEBHOOKS_STRAYS), &rows,
                                    SAAS_ARGS(event->subscription, event->customer, also));
    int i;

    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        rv = saas_job_enqueue(db, SAAS_WEBHOOKS_REPLAY_JOB, org, saas_cell(rows, i, 0), NULL, 0);
        *wake = 1;
    }
    return rv;
}

apr_status_t saas_webhooks_claim_replay(saas_db_t *db, const saas_event_t *event, const char *org, int *wake)
{
    return replay(db, event, org, SAAS_CLAIM_WAITS, wake);
}

apr_status_t saas_webhooks_claim_end(saas_db_t *db, const saas_event_t *event)
{
    return saas_db_queue(db, statement(SAAS_WEBHOOKS_CLAIM_END), SAAS_ARGS(event->subscription));
}

/* May this organization, which is somebody's word, be bound to the event's customer?  *verdict: no. */
static apr_status_t judge(saas_db_t *db, const saas_event_t *event, const char *org, const char **verdict)
{
    saas_rows_t *rows;
    const char *customer;
    apr_status_t rv = saas_db_query(db, statement(SAAS_WEBHOOKS_CLAIMED), &rows, SAAS_ARGS(org));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    customer = saas_cell(rows, 0, 0);
    *verdict = !rows->count                                  ? SAAS_CLAIM_UNBOUND
               : customer && strcmp(customer, event->customer) ? SAAS_CLAIM_HAS_CUSTOMER
                                                             : NULL;
    return APR_SUCCESS;
}

/* Asked with the claim's row locked, so that nobody binds it from here on: has somebody done so while this event waited for
 * the row?  Then the row is settled, and what the wait has left of it goes. */
static apr_status_t look_again(saas_db_t *db, const saas_event_t *event, saas_claim_t *claim)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, statement(SAAS_WEBHOOKS_BOUND), &rows, SAAS_ARGS(event->subscription));

    if (rv == APR_SUCCESS && rows->count) {
        claim->bound = 1;
        rv = saas_webhooks_claim_end(db, event);
    }
    return rv;
}

/* The session: leaves the claim, and binds where nothing is to be known of what was bought. */
static apr_status_t claim_by_session(saas_db_t *db, const server_rec *s, int in_job, const saas_event_t *event,
                                     saas_claim_t *claim)
{
    saas_rows_t *rows;
    apr_status_t rv;

    if (!event->reference_org) {
        return APR_SUCCESS;
    }
    rv = judge(db, event, event->reference_org, &claim->verdict);
    if (rv != APR_SUCCESS || claim->verdict) {
        return rv;
    }
    rv = saas_db_query(db, statement(SAAS_WEBHOOKS_CLAIM), &rows,
                       SAAS_ARGS(event->subscription, event->customer, event->reference_org, event->buyer));
    if (rv != APR_SUCCESS || (rv = look_again(db, event, claim)) != APR_SUCCESS || claim->bound) {
        return rv;
    }
    if (strcmp(saas_cell(rows, 0, 0), event->reference_org) != 0) {
        claim->verdict = "refused:another session of its subscription names another organization";
        return APR_SUCCESS;
    }
    if (is_sold(s, in_job, event)) {
        claim->org = event->reference_org;
        claim->buyer = event->buyer;
        return APR_SUCCESS;
    }
    claim->verdict = SAAS_CLAIM_WAITS;
    rv = replay(db, event, event->reference_org, SAAS_CLAIM_UNBOUND, &claim->wake);
    if (rv == APR_SUCCESS && has_key(s, in_job)) {
        rv = saas_db_queue(db, statement(SAAS_WEBHOOKS_NEWS_TOLD),
                           SAAS_ARGS(event->subscription, event->reference_org, NULL, ASK_SECONDS));
    }
    return rv;
}

/* An event of the subscription: what was bought is known, and a session may have said for whom. */
static apr_status_t claim_by_subscription(saas_db_t *db, apr_pool_t *p, const server_rec *s, int in_job,
                                          const saas_event_t *event, saas_claim_t *claim)
{
    saas_rows_t *rows;
    apr_status_t rv;

    if (!is_sold(s, in_job, event)) {
        if (!event->prices->nelts) {
            return APR_SUCCESS;
        }
        rv = saas_db_query(db, statement(SAAS_WEBHOOKS_CLAIM_OTHER), &rows, SAAS_ARGS(event->subscription));
        if (rv == APR_SUCCESS && rows->count) {
            claim->verdict = "ignored:other product";
            rv = saas_db_queue(db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(event->subscription));
        }
        return rv;
    }
    rv = saas_db_query(db, statement(SAAS_WEBHOOKS_CLAIM_MEET), &rows, SAAS_ARGS(event->subscription));
    if (rv != APR_SUCCESS || (rv = look_again(db, event, claim)) != APR_SUCCESS || claim->bound || !saas_cell(rows, 0, 0)) {
        return rv;
    }
    claim->org = apr_pstrdup(p, saas_cell(rows, 0, 0));
    claim->buyer = saas_cell(rows, 0, 1) ? apr_pstrdup(p, saas_cell(rows, 0, 1)) : NULL;
    rv = judge(db, event, claim->org, &claim->verdict);
    if (rv == APR_SUCCESS && claim->verdict) {
        claim->org = NULL;
        rv = saas_webhooks_claim_end(db, event);
    }
    return rv;
}

apr_status_t saas_webhooks_claim(saas_db_t *db, apr_pool_t *p, const server_rec *s, int in_job, const saas_event_t *event,
                                 saas_claim_t *claim)
{
    apr_status_t rv = APR_SUCCESS;

    memset(claim, 0, sizeof(*claim));
    if (event->subscription && event->customer && saas_webhooks_claims_on(s, in_job)) {
        switch (event->kind) {
        case SAAS_EVENT_SESSION_COMPLETED:
        case SAAS_EVENT_SESSION_PAID:
            rv = claim_by_session(db, s, in_job, event, claim);
            break;
        case SAAS_EVENT_SUBSCRIPTION_CREATED:
        case SAAS_EVENT_SUBSCRIPTION_CHANGED:
        case SAAS_EVENT_SUBSCRIPTION_DELETED:
        case SAAS_EVENT_SUBSCRIPTION_READ:
        case SAAS_EVENT_INVOICE_PAID:
        case SAAS_EVENT_INVOICE_FAILED:
            rv = claim_by_subscription(db, p, s, in_job, event, claim);
            break;
        default:
            break;
        }
    }
    if (!claim->org && !claim->verdict && !claim->bound) {
        claim->verdict = SAAS_CLAIM_UNBOUND;
    }
    return rv;
}
