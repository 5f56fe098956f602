/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Sales that did not begin here: payment links and pricing tables, where SaasStripeClientReference is on.
 *
 * Two of Stripe's events have to meet. The checkout session says for which organization the buyer has paid, in a text that
 * whoever opens the page may set (client_reference_id), but not what was bought; the subscription's own events say what was
 * bought, but not for whom. The first leaves a claim, the second sees whether that is sold here; whichever comes second
 * binds customer and subscription. Both write the same row of stripe_claims, so the second waits for the first's commit, and
 * so does a third, which then finds the binding instead of the claim.
 */
#ifndef SAAS_WEBHOOKS_CLAIMS_H
#define SAAS_WEBHOOKS_CLAIMS_H

#include <mod_saas.h>

#include "event.h"

/** Verdicts of events that are applied again once their organization is known. */
#define SAAS_CLAIM_UNBOUND "ignored:unbound"
#define SAAS_CLAIM_WAITS "ignored:waits for its subscription"
/** An organization has one customer: this one is another. */
#define SAAS_CLAIM_HAS_CUSTOMER "refused:its client_reference_id names an organization that has another customer"

/** What an event that is bound to nobody comes to. */
typedef struct saas_claim_t {
    const char *org;     /**< the organization that it is for, to be bound; NULL: see the verdict */
    const char *buyer;   /**< with org: who paid, an address of mail; NULL: not known */
    const char *verdict; /**< without org */
    int bound;           /**< without org: somebody has bound it meanwhile, so look again who it belongs to */
    int wake;            /**< jobs were added */
} saas_claim_t;

/** Is it switched on where the event came in? In a job: anywhere. */
int saas_webhooks_claims_on(const server_rec *s, int in_job) __attribute__((visibility("hidden")));

/** Says for whom an event is that is bound to nobody; in the event's transaction. */
apr_status_t saas_webhooks_claim(saas_db_t *db, apr_pool_t *p, const server_rec *s, int in_job, const saas_event_t *event,
                                 saas_claim_t *claim) __attribute__((visibility("hidden")));

/** The claim is settled: bound, or refused. */
apr_status_t saas_webhooks_claim_end(saas_db_t *db, const saas_event_t *event) __attribute__((visibility("hidden")));

/** Has the events applied again that came before the binding, in its transaction; *wake: there are some. */
apr_status_t saas_webhooks_claim_replay(saas_db_t *db, const saas_event_t *event, const char *org, int *wake)
    __attribute__((visibility("hidden")));

#endif
