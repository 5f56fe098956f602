/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the webhooks plugin. */
#ifndef SAAS_WEBHOOKS_H
#define SAAS_WEBHOOKS_H

#include <mod_saas.h>

#include "event.h"

/** Which of Stripe's two worlds this server belongs to, as SaasStripeMode has their words. */
typedef enum { SAAS_STRIPE_TEST, SAAS_STRIPE_LIVE, SAAS_STRIPE_ANY } saas_stripe_mode_e;

/** SaasStripePrice, SaasStripeSecretKey and SaasFrontendURL are the billing plugin's too: httpd asks every module that
 *  knows a directive.  Without a price any is ours; without SaasStripeMode the key says which world it is. */
#define SAAS_WEBHOOKS_DIRECTIVES(X, of) \
    X(of, LIST, secrets, "SaasStripeWebhookSecret", SAAS_VHOST, NULL, SAAS_CHECKED(check_secret), \
      "signing secrets (whsec_...) of the webhook endpoint, or file:/path or env:NAME") \
    X(of, LIST, prices, "SaasStripePrice", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_plain), \
      "prices (price_...) that are sold here") \
    X(of, OWN_NUMBER, key_mode, "SaasStripeSecretKey", SAAS_VHOST, NULL, note_key, \
      "secret key of the Stripe account, or file:/path or env:NAME") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages") \
    X(of, WORD, mode, "SaasStripeMode", SAAS_VHOST, NULL, SAAS_WORDS("test", "live", "any"), \
      "events of which of Stripe's modes count: test, live or any (default: as the secret key)") \
    X(of, FLAG, client_reference, "SaasStripeClientReference", SAAS_VHOST, "Off", SAAS_ANY, \
      "whether a sale that did not begin here may name its organization as client_reference_id") \
    X(of, NUMBER, grace_days, "SaasPastDueGrace", SAAS_VHOST, "14", SAAS_RANGE(0, 365), \
      "days of access after a renewal failed, 0: none") \
    X(of, FLAG, entitlements, "SaasStripeEntitlements", SAAS_GLOBAL, "Off", SAAS_ANY, \
      "On: Stripe's entitlements of a customer are features, too, by their lookup keys") \
    X(of, NUMBER, overdue_days, "SaasStripeOverdue", SAAS_VHOST, "3", SAAS_RANGE(0, 60), \
      "days after a period's end without news of it, until Stripe is asked")

SAAS_DIRECTIVES_DECLARE(saas_webhooks_config, saas_webhooks_module, SAAS_WEBHOOKS_DIRECTIVES)

/** Indices into saas_webhooks_statements. */
enum {
    SAAS_WEBHOOKS_RECORD = 0,
    SAAS_WEBHOOKS_RESOLVE,
    SAAS_WEBHOOKS_BIND,
    SAAS_WEBHOOKS_VERDICT,
    SAAS_WEBHOOKS_LOCK,
    SAAS_WEBHOOKS_LOAD,
    SAAS_WEBHOOKS_STORE,
    SAAS_WEBHOOKS_EFFECTIVE,
    SAAS_WEBHOOKS_ADMINS,
    SAAS_WEBHOOKS_SESSION,
    SAAS_WEBHOOKS_NEWS_TOLD,
    SAAS_WEBHOOKS_NEWS_ANSWERED,
    SAAS_WEBHOOKS_NEWS_CUSTOMER,
    SAAS_WEBHOOKS_NEWS_OVER,
    SAAS_WEBHOOKS_DETAIL,
    SAAS_WEBHOOKS_EVENT,
    SAAS_WEBHOOKS_OVERDUE,
    SAAS_WEBHOOKS_ENTITLED,
    SAAS_WEBHOOKS_UNBOUND,
    SAAS_WEBHOOKS_STRAYS,
    SAAS_WEBHOOKS_CLAIM,
    SAAS_WEBHOOKS_CLAIM_MEET,
    SAAS_WEBHOOKS_CLAIM_OTHER,
    SAAS_WEBHOOKS_CLAIM_END,
    SAAS_WEBHOOKS_CLAIMED,
    SAAS_WEBHOOKS_BOUND
};
extern saas_statement_t saas_webhooks_statements[] __attribute__((visibility("hidden")));

static inline saas_statement_t *statement(int index)
{
    return &saas_webhooks_statements[index];
}

/** The servers whose directives count, from the first on: a job is of none, so any that has them will do. */
static inline const server_rec *next_server(const server_rec *s, int in_job)
{
    return in_job ? s->next : NULL;
}

/** The first of an event's prices that is sold on this server, by its SaasStripePrice; NULL: none. */
const char *saas_webhooks_sold_price(const server_rec *s, const saas_event_t *event)
    __attribute__((visibility("hidden")));

/** What became of a delivery, for the counter; the words are in webhooks.c. */
typedef enum {
    SAAS_WEBHOOK_APPLIED, SAAS_WEBHOOK_DUPLICATE, SAAS_WEBHOOK_SUPERSEDED, SAAS_WEBHOOK_UNBOUND, SAAS_WEBHOOK_OTHER_MODE,
    SAAS_WEBHOOK_UNKNOWN_STATUS, SAAS_WEBHOOK_IGNORED, SAAS_WEBHOOK_REFUSED, SAAS_WEBHOOK_INVALID_SIGNATURE,
    SAAS_WEBHOOK_STALE_SIGNATURE, SAAS_WEBHOOK_INVALID_PAYLOAD, SAAS_WEBHOOK_NOT_CONFIGURED, SAAS_WEBHOOK_FAILED
} saas_webhook_e;
void saas_webhooks_count(saas_webhook_e what) __attribute__((visibility("hidden")));

/** What became of an answer of Stripe's. */
typedef enum {
    SAAS_ANSWER_SAME, SAAS_ANSWER_DIFFERED, SAAS_ANSWER_MISSING, SAAS_ANSWER_UNKNOWN_STATUS, SAAS_ANSWER_REFUSED
} saas_answer_e;
void saas_webhooks_count_answer(saas_answer_e what) __attribute__((visibility("hidden")));

/** What saasctl doctor asks. */
void saas_webhooks_examine(saas_examination_t *e) __attribute__((visibility("hidden")));
/** POST billing/webhooks/stripe/ */
int saas_webhooks_receive(saas_request_t *rq) __attribute__((visibility("hidden")));

/**
 * Stores a verified event and applies it, in one transaction.
 * @param payload  the body as it came
 * @return APR_SUCCESS also for a duplicate and for what is ignored or refused;
 *         anything else: nothing was stored, Stripe shall send it again
 */
apr_status_t saas_webhooks_deliver(saas_request_t *rq, const saas_event_t *event, const char *payload)
    __attribute__((visibility("hidden")));

/** The job that applies what the billing plugin was answered; its payload:
 *  {"asked": microseconds, "at": Stripe's seconds, "subscriptions": […], "missing": id}. */
#define SAAS_WEBHOOKS_TOLD_JOB "stripe.told"
apr_status_t saas_webhooks_told(saas_job_t *job) __attribute__((visibility("hidden")));
/** The job that applies a stored event again; its object is the event's id. */
#define SAAS_WEBHOOKS_REPLAY_JOB "stripe.replay"
apr_status_t saas_webhooks_replay(saas_job_t *job) __attribute__((visibility("hidden")));

#endif
