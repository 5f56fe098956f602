/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the billing plugin. */
#ifndef SAAS_BILLING_H
#define SAAS_BILLING_H

#include <mod_saas.h>

/** Where Stripe's API is, unless SaasStripeAPI says otherwise. */
#define SAAS_BILLING_API "https://api.stripe.com"

/** A server's settings, merged per virtual host. */
typedef struct saas_billing_config_t {
    const char *api;            /**< no slash at the end; NULL: Stripe's own */
    const char *key;            /**< NULL: billing is not configured */
    const char *version;        /**< NULL: SAAS_STRIPE_VERSION */
    const char *frontend;       /**< where people come back to; no slash at the end */
    apr_array_header_t *prices; /**< const char *; the first is what is sold by default */
} saas_billing_config_t;

const saas_billing_config_t *saas_billing_config(const server_rec *s) __attribute__((visibility("hidden")));

/** Indices into saas_billing_statements. */
enum {
    SAAS_BILLING_LOOK = 0,
    SAAS_BILLING_LOCK,
    SAAS_BILLING_KEEP_CUSTOMER,
    SAAS_BILLING_KEEP_SESSION,
    SAAS_BILLING_BIND,
    SAAS_BILLING_SUBSCRIPTION
};
extern saas_statement_t saas_billing_statements[] __attribute__((visibility("hidden")));

/** POST billing/checkout-session/ */
int saas_billing_checkout(saas_request_t *rq) __attribute__((visibility("hidden")));
/** GET billing/subscription/ */
int saas_billing_subscription(saas_request_t *rq) __attribute__((visibility("hidden")));

/** The job that ends what Stripe has of a deleted organization; its object is
 *  the id of a subscription or of a checkout session. */
#define SAAS_BILLING_CANCEL_JOB "stripe.cancel"
#define SAAS_BILLING_CANCEL_ATTEMPTS 12
apr_status_t saas_billing_cancel(saas_job_t *job) __attribute__((visibility("hidden")));
void saas_billing_cancel_gave_up(saas_job_t *job, const char *why) __attribute__((visibility("hidden")));

#endif
