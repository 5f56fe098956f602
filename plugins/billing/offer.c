/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a checkout offers, as the directives say: price and quantity, a trial, promotion codes, tax and addresses; and the
 * parameters of a checkout session that say so to Stripe.  Two checkouts with the same parameters are one: the page that
 * is open for the one will do for the other.
 *
 * What Stripe demands of a session for an existing customer (its API's errors say so): automatic tax needs
 * customer_update[address], the collection of tax ids that and customer_update[name].
 */
#include "billing.h"

#include "stripe.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <stdlib.h>

const char *saas_billing_check_quantity(apr_pool_t *p, const char *arg, const char **value)
{
    int least, most;
    (void)value;
    return saas_billing_quantity_bounds(arg, &least, &most)
               ? NULL
               : apr_psprintf(p, "\"%s\" is neither 0, nor a number from 1 to %d, nor two of them such as 1-100", arg,
                              SAAS_BILLING_QUANTITY_MAX);
}

/* Reads a number without sign and zeros in front; -1: there is none. */
static int number(const char **text)
{
    const char *begin = *text;
    int n = 0;

    while (apr_isdigit(**text) && *text - begin < 7) {
        n = n * 10 + (*(*text)++ - '0');
    }
    return *text == begin || (*begin == '0' && *text - begin > 1) ? -1 : n;
}

int saas_billing_quantity_bounds(const char *text, int *least, int *most)
{
    *most = *least = number(&text);
    if (*text == '-') {
        text++;
        *most = number(&text);
        return !*text && *least >= 1 && *most >= *least && *most <= SAAS_BILLING_QUANTITY_MAX;
    }
    return !*text && *least >= 0 && *least <= SAAS_BILLING_QUANTITY_MAX;
}

int saas_billing_choose_quantity(saas_request_t *rq)
{
    const json_t *wanted = json_object_get(rq->body, "quantity");
    json_int_t quantity = json_integer_value(wanted);
    int least, most;

    saas_billing_quantity_bounds(saas_billing_config_quantity(rq->r->server), &least, &most);
    if (!wanted || json_is_null(wanted)) {
        return least;
    }
    if (!json_is_integer(wanted)) {
        saas_request_error(rq, "quantity", "A valid integer is required.");
    } else if (quantity < least) {
        saas_request_error(rq, "quantity", apr_psprintf(rq->pool, "Ensure this value is greater than or equal to %d.", least));
    } else if (quantity > most) {
        saas_request_error(rq, "quantity", apr_psprintf(rq->pool, "Ensure this value is less than or equal to %d.", most));
    }
    return rq->errors ? least : (int)quantity;
}

int saas_billing_take_members(saas_request_t *rq, apr_int64_t members, int *quantity)
{
    const json_t *wanted = json_object_get(rq->body, "quantity");

    *quantity = (int)members;
    if (wanted && !json_is_null(wanted) && (!json_is_integer(wanted) || json_integer_value(wanted) != members)) {
        saas_request_error(rq, "quantity",
                           apr_psprintf(rq->pool, "This price is paid for each member, of whom there are %d.", *quantity));
    }
    return !rq->errors;
}

static void say(apr_array_header_t *pairs, const char *name, const char *value)
{
    saas_stripe_pair_t *pair = apr_array_push(pairs);
    pair->name = name;
    pair->value = value;
}

/* Without a card there is something to be done when the trial ends. */
static void say_trial(apr_array_header_t *pairs, const server_rec *s)
{
    static const char *const endings[] = { [SAAS_TRIAL_CANCEL] = "cancel", [SAAS_TRIAL_PAUSE] = "pause" };
    int days = saas_billing_config_trial_days(s), without = saas_billing_config_trial_without_card(s);

    if (!days) {
        return;
    }
    say(pairs, "subscription_data[trial_period_days]", apr_itoa(pairs->pool, days));
    if (without != SAAS_TRIAL_CARD) {
        say(pairs, "payment_method_collection", "if_required");
        say(pairs, "subscription_data[trial_settings][end_behavior][missing_payment_method]", endings[without]);
    }
}

const saas_stripe_pair_t *saas_billing_offer(apr_pool_t *p, const server_rec *s, const saas_billing_order_t *order)
{
    static const char *const addresses[] = { [SAAS_ADDRESS_AUTO] = "auto", [SAAS_ADDRESS_REQUIRED] = "required" };
    const char *frontend = saas_billing_config_frontend(s);
    apr_array_header_t *pairs = apr_array_make(p, 24, sizeof(saas_stripe_pair_t));
    int tax = saas_billing_config_tax(s), tax_ids = saas_billing_config_tax_ids(s);

    say(pairs, "mode", "subscription");
    say(pairs, "customer", order->customer);
    say(pairs, "client_reference_id", order->org_id);
    say(pairs, "line_items[0][price]", order->price);
    if (order->quantity) {
        say(pairs, "line_items[0][quantity]", apr_itoa(p, order->quantity));
    }
    say(pairs, "success_url", apr_pstrcat(p, frontend, "/billing/return?session_id={CHECKOUT_SESSION_ID}", NULL));
    say(pairs, "cancel_url", apr_pstrcat(p, frontend, "/billing", NULL));
    say(pairs, "metadata[org_id]", order->org_id);
    say(pairs, "subscription_data[metadata][org_id]", order->org_id);
    if (order->trial) {
        say_trial(pairs, s);
    }
    if (saas_billing_config_promotion_codes(s)) {
        say(pairs, "allow_promotion_codes", "true");
    }
    if (tax) {
        say(pairs, "automatic_tax[enabled]", "true");
    }
    if (tax_ids) {
        say(pairs, "tax_id_collection[enabled]", "true");
        say(pairs, "customer_update[name]", "auto");
    }
    if (tax || tax_ids) {
        say(pairs, "customer_update[address]", "auto");
    }
    if (saas_billing_config_billing_address(s) != SAAS_ADDRESS_AUTO) {
        say(pairs, "billing_address_collection", addresses[saas_billing_config_billing_address(s)]);
    }
    say(pairs, NULL, NULL);
    return (const saas_stripe_pair_t *)pairs->elts;
}
