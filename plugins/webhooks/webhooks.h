/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the webhooks plugin. */
#ifndef SAAS_WEBHOOKS_H
#define SAAS_WEBHOOKS_H

#include <mod_saas.h>

#include "event.h"

/** Which of Stripe's two worlds this server belongs to. */
typedef enum { SAAS_STRIPE_UNSET = 0, SAAS_STRIPE_TEST, SAAS_STRIPE_LIVE, SAAS_STRIPE_ANY } saas_stripe_mode_e;

/** A server's settings, merged per virtual host. */
typedef struct saas_webhooks_config_t {
    apr_array_header_t *secrets; /**< const char *; empty: not configured */
    apr_array_header_t *prices;  /**< const char *; empty: any price is ours */
    saas_stripe_mode_e mode;     /**< by SaasStripeMode */
    saas_stripe_mode_e key_mode; /**< by the secret key */
    const char *frontend;        /**< without a slash at its end; NULL: no links in mail */
    int grace_days;              /**< -1: not set */
} saas_webhooks_config_t;

const saas_webhooks_config_t *saas_webhooks_config(const server_rec *s);

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
    SAAS_WEBHOOKS_SESSION
};
extern saas_statement_t saas_webhooks_statements[] __attribute__((visibility("hidden")));

/** What became of a delivery, for the counter; the words are in webhooks.c. */
typedef enum {
    SAAS_WEBHOOK_APPLIED, SAAS_WEBHOOK_DUPLICATE, SAAS_WEBHOOK_SUPERSEDED, SAAS_WEBHOOK_UNBOUND, SAAS_WEBHOOK_OTHER_MODE,
    SAAS_WEBHOOK_UNKNOWN_STATUS, SAAS_WEBHOOK_IGNORED, SAAS_WEBHOOK_REFUSED, SAAS_WEBHOOK_INVALID_SIGNATURE,
    SAAS_WEBHOOK_STALE_SIGNATURE, SAAS_WEBHOOK_INVALID_PAYLOAD, SAAS_WEBHOOK_NOT_CONFIGURED, SAAS_WEBHOOK_FAILED
} saas_webhook_e;
void saas_webhooks_count(saas_webhook_e what) __attribute__((visibility("hidden")));

/** POST billing/webhooks/stripe/ */
int saas_webhooks_receive(saas_request_t *rq) __attribute__((visibility("hidden")));

/**
 * Stores a verified event and applies it, in one transaction.
 * @param payload  the body as it came
 * @return APR_SUCCESS also for a duplicate and for what is ignored or refused;
 *         anything else: nothing was stored, Stripe shall send it again
 */
apr_status_t saas_webhooks_apply(saas_request_t *rq, const saas_event_t *event, const char *payload)
    __attribute__((visibility("hidden")));

#endif
