/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * An event that Stripe has delivered: its transaction, what is counted and logged of it.
 */
#include "work.h"

#include "claims.h"

/* Two round trips to PostgreSQL: record, resolve, lock and load; what is written, with the commit.  Three where the
 * event does not name the organization. */
static apr_status_t transaction(saas_db_t *db, void *baton)
{
    saas_work_t *w = baton;
    apr_status_t rv;

    saas_work_begin(w, db);
    if (w->verdict) {
        return saas_work_record(w);
    }
    w->verdict = SAAS_VERDICT_APPLIED;
    if ((rv = saas_work_record(w)) != APR_SUCCESS || (rv = saas_work_resolve(w)) != APR_SUCCESS
        || !strcmp(w->verdict, SAAS_VERDICT_DUPLICATE)) {
        return rv;
    }
    if (w->org) {
        rv = saas_work_apply(w);
    }
    return rv == APR_SUCCESS && (w->org || strcmp(w->verdict, SAAS_VERDICT_APPLIED)) ? saas_work_give_verdict(w) : rv;
}

/* A verdict as it is stored, among those that are counted. */
static saas_webhook_e counted_as(const char *verdict)
{
    static const struct {
        const char *begins;
        saas_webhook_e what;
    } words[] = {
        { SAAS_VERDICT_APPLIED, SAAS_WEBHOOK_APPLIED },
        { SAAS_VERDICT_DUPLICATE, SAAS_WEBHOOK_DUPLICATE },
        { SAAS_VERDICT_REFUSED, SAAS_WEBHOOK_REFUSED },
        { SAAS_VERDICT_SUPERSEDED, SAAS_WEBHOOK_SUPERSEDED },
        { SAAS_CLAIM_UNBOUND, SAAS_WEBHOOK_UNBOUND },
        { SAAS_VERDICT_UNKNOWN_STATUS, SAAS_WEBHOOK_UNKNOWN_STATUS },
        { SAAS_VERDICT_OTHER_MODE, SAAS_WEBHOOK_OTHER_MODE },
    };
    apr_size_t i;
    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!strncmp(verdict, words[i].begins, strlen(words[i].begins))) {
            return words[i].what;
        }
    }
    return SAAS_WEBHOOK_IGNORED;
}

apr_status_t saas_webhooks_deliver(saas_request_t *rq, const saas_event_t *event, const char *payload)
{
    saas_work_t w = { .rq = rq, .pool = rq->pool, .server = rq->r->server, .event = event, .payload = payload };
    apr_status_t rv = saas_work_run(&w, transaction);

    saas_webhooks_count(rv == APR_SUCCESS ? counted_as(w.verdict) : SAAS_WEBHOOK_FAILED);
    if (rv == APR_SUCCESS && saas_work_refusal(&w)) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS1606",
                  "event %s (%s) was refused: %s; compare customer %s and subscription %s with the organization in "
                  "Stripe's dashboard",
                  event->id, event->type, saas_work_refusal(&w), event->customer ? event->customer : "-",
                  event->subscription ? event->subscription : "-");
    } else if (rv == APR_SUCCESS && !strcmp(w.verdict, SAAS_VERDICT_OTHER_MODE)) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS1608",
                  "event %s (%s) was ignored: it is a %s event; give the SaasStripeSecretKey of that mode, or say "
                  "SaasStripeMode",
                  event->id, event->type, event->livemode ? "live" : "test");
    } else if (rv == APR_SUCCESS) {
        SAAS_RLOG(rq->r, APLOG_INFO, 0, "SAAS1607", "event %s (%s): %s", event->id, event->type, w.verdict);
    }
    return rv;
}
