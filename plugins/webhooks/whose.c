/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Whose event it is (never decided by e-mail):
 *   1. the organization that its customer, subscription or checkout session is
 *      bound to - the session only because we created it;
 *   2. else the existing organization that the object's metadata names;
 *   3. else, where that is switched on, the one for which it was paid elsewhere
 *      (claims.h).
 * Two that disagree: the event is refused, recorded and warned about.  A
 * binding is never removed, so that late events of a deleted customer still find
 * home; the organization forgets that customer, and its next checkout makes one.
 */
#include "work.h"

#include "claims.h"

/* Nobody's, unless it was paid for somebody elsewhere. */
static apr_status_t find_claim(saas_work_t *w)
{
    saas_claim_t claim;
    apr_status_t rv = saas_webhooks_claim(w->db, w->pool, w->server, w->job != NULL, w->event, &claim);

    w->org = claim.org;
    w->claimed = claim.org != NULL;
    w->buyer = claim.buyer;
    w->wake |= claim.wake;
    if (rv == APR_SUCCESS && claim.bound) {
        return saas_work_resolve(w); /* which finds it, as it is committed */
    }
    if (!claim.org) {
        w->verdict = claim.verdict;
    }
    return rv;
}

/* What the event's objects are bound to.  An organization that its metadata names can be no other's than this event's, or
 * the event is refused: so it is locked and read in the same round trip. */
static apr_status_t look_up(saas_work_t *w, saas_rows_t **rows)
{
    const saas_event_t *event = w->event;
    const char *const args[] = { event->id, event->customer, event->subscription, event->session, event->metadata_org };
    const int n = sizeof(args) / sizeof(*args);
    apr_status_t rv;

    if (!event->metadata_org || event->kind == SAAS_EVENT_ENTITLEMENTS) {
        return saas_db_query(w->db, statement(SAAS_WEBHOOKS_RESOLVE), rows, args, n);
    }
    rv = saas_db_queue_rows(w->db, statement(SAAS_WEBHOOKS_RESOLVE), rows, args, n);
    return rv == APR_SUCCESS ? saas_work_read(w, event->metadata_org, &w->named) : rv;
}

apr_status_t saas_work_resolve(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    const char *bound = NULL, *named = NULL;
    saas_rows_t *rows;
    int i;
    apr_status_t rv = look_up(w, &rows);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!w->job && saas_cell_int(rows, 0, 0) != 1) {
        w->verdict = SAAS_VERDICT_DUPLICATE;
        return APR_SUCCESS;
    }
    for (i = 0; i < rows->count; i++) {
        const char *what = saas_cell(rows, i, 1), *org = saas_cell(rows, i, 2);
        if (!what) {
            continue;
        }
        if (!strcmp(what, "metadata")) {
            named = org;
            continue;
        }
        if (bound && strcmp(bound, org)) {
            w->verdict = SAAS_VERDICT_REFUSED "its objects belong to different organizations";
            return APR_SUCCESS;
        }
        bound = org;
        w->customer_bound |= same(what, event->customer);
        w->subscription_bound |= same(what, event->subscription);
        if (same(what, event->session) && event->client_reference && strcmp(event->client_reference, org)) {
            w->verdict = SAAS_VERDICT_REFUSED "its client_reference_id is not the session's organization";
            return APR_SUCCESS;
        }
    }
    if (bound && named && strcmp(bound, named)) {
        w->verdict = SAAS_VERDICT_REFUSED "its metadata names another organization";
        return APR_SUCCESS;
    }
    if (bound && event->reference_org && strcmp(bound, event->reference_org)
        && saas_webhooks_claims_on(w->server, w->job != NULL)) {
        w->verdict = SAAS_VERDICT_REFUSED "its client_reference_id names another organization";
        return APR_SUCCESS;
    }
    w->org = bound ? bound : named;
    return w->org ? APR_SUCCESS : find_claim(w);
}
