/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * For saasctl doctor: does Stripe take the key, of which mode is it, and are the prices there that are sold here?
 */
#include "billing.h"

#include <apr_strings.h>

/* True when Stripe has told us of the price. */
static int examine_price(saas_examination_t *e, saas_stripe_t *stripe, const char *id, const char *mode)
{
    saas_stripe_result_t result;
    if (!saas_billing_is_id(id)) {
        saas_found(e, SAAS_FOUND_WRONG, "price", apr_psprintf(e->p, "SaasStripePrice %s is no id of a price", id),
                   "name a price of Stripe's (price_...)");
        return 1;
    }
    saas_stripe_call(stripe, SAAS_STRIPE_GET, apr_pstrcat(e->p, "/v1/prices/", id, NULL), NULL, NULL, &result);
    if (result.status == 401 || result.status == 403) {
        saas_found(e, SAAS_FOUND_WRONG, "key",
                   apr_psprintf(e->p, "Stripe refuses the %s key (HTTP %ld): nothing can be sold", mode, result.status),
                   "put a key of the account that has the prices into SaasStripeSecretKey, allowed to read and write "
                   "checkout sessions, customers, prices, subscriptions");
        return 0;
    }
    if (result.status == 404) {
        saas_found(e, SAAS_FOUND_WRONG, "price",
                   apr_psprintf(e->p, "Stripe has no price %s for the %s key: it cannot be sold", id, mode),
                   "name a price of the same account and mode (SaasStripePrice, SaasPlan)");
        return 1;
    }
    if (!result.body) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "price",
                   apr_psprintf(e->p, "Stripe could not be asked for the price %s (HTTP %ld): %s", id, result.status,
                                result.message ? result.message : "no answer"),
                   "let this machine reach Stripe's API (SaasStripeAPI), and look at status.stripe.com");
        return 0;
    }
    if (!json_is_true(json_object_get(result.body, "active"))) {
        saas_found(e, SAAS_FOUND_WRONG, "price",
                   apr_psprintf(e->p, "the price %s is archived at Stripe: no checkout can be made", id),
                   "activate it at Stripe, or sell another (SaasStripePrice, SaasPlan)");
        return 1;
    }
    saas_found(e, SAAS_FOUND_WELL, "price", apr_psprintf(e->p, "Stripe has the price %s, and it is active", id), NULL);
    return 1;
}

/* Another server's same key and price need not be asked for again. */
static int is_told(const saas_examination_t *e, const server_rec *s, const char *price)
{
    const server_rec *other;
    int i;
    for (other = e->s; other != s; other = other->next) {
        const apr_array_header_t *prices = saas_billing_config_prices(other);
        const char *key = saas_billing_config_key(other);
        for (i = 0; key && !strcmp(key, saas_billing_config_key(s)) && i < prices->nelts; i++) {
            if (!price || !strcmp(price, APR_ARRAY_IDX(prices, i, const char *))) {
                return 1;
            }
        }
    }
    return 0;
}

static void examine_server(saas_examination_t *e, server_rec *s)
{
    const saas_stripe_account_t account = saas_billing_account(s);
    const apr_array_header_t *prices = saas_billing_config_prices(s);
    const char *mode = strstr(account.key, "_live_") ? "live" : "test";
    saas_stripe_t *stripe = saas_stripe_create(e->p, &account);
    int i;
    saas_stripe_hurry(stripe);
    if (!is_told(e, s, NULL)) {
        saas_found(e, SAAS_FOUND_WELL, "key",
                   apr_psprintf(e->p, "%s: a %s key for %s", s->server_hostname ? s->server_hostname : "the main server",
                                mode, account.base), NULL);
    }
    if (!prices->nelts) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "price", "there is a key of Stripe's, and nothing is sold",
                   "name what is sold: SaasStripePrice price_...");
    }
    for (i = 0; i < prices->nelts; i++) {
        const char *price = APR_ARRAY_IDX(prices, i, const char *);
        if (!is_told(e, s, price) && !examine_price(e, stripe, price, mode)) {
            break;
        }
    }
}

void saas_billing_examine(saas_examination_t *e)
{
    server_rec *s;
    int keys = 0;
    if (!saas_stripe_global_init()) {
        saas_found(e, SAAS_FOUND_WRONG, "key", "libcurl could not be initialized: calls to Stripe will fail",
                   "look for exhausted memory");
        return;
    }
    for (s = e->s; s; s = s->next) {
        if (saas_billing_config_key(s)) {
            keys++;
            examine_server(e, s);
        }
    }
    if (!keys) {
        saas_found(e, SAAS_FOUND_DOUBTFUL, "key", "billing is loaded without a key of Stripe's: nothing can be bought",
                   "set SaasStripeSecretKey file:/path, or do not load mod_saas_billing");
    }
}
