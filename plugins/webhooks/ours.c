/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Which events are about this product: of this server's mode, of its own account, of a kind that says something of a
 * subscription, and that to something that is sold here.  An account's other products are none of ours.
 */
#include "work.h"

static saas_stripe_mode_e mode_of(const server_rec *s)
{
    int said = saas_webhooks_config_mode(s), by_key = saas_webhooks_config_key_mode(s);
    return said != SAAS_UNSET     ? (saas_stripe_mode_e)said
           : by_key != SAAS_UNSET ? (saas_stripe_mode_e)by_key
                                  : SAAS_STRIPE_TEST;
}

static int is_of_mode(const saas_work_t *w)
{
    const server_rec *s;
    for (s = w->server; s; s = next_server(s, w->job != NULL)) {
        if (mode_of(s) == SAAS_STRIPE_ANY || w->event->livemode == (mode_of(s) == SAAS_STRIPE_LIVE)) {
            return 1;
        }
    }
    return 0;
}

const char *saas_work_foreign(const saas_work_t *w)
{
    const saas_event_t *event = w->event;

    if (event->account) {
        return "ignored:connected account";
    }
    if (!w->asked && !is_of_mode(w)) {
        return SAAS_VERDICT_OTHER_MODE;
    }
    switch (event->kind) {
    case SAAS_EVENT_OTHER:
        return "ignored:type";
    case SAAS_EVENT_INVOICE_PAID:
    case SAAS_EVENT_INVOICE_FAILED:
        return event->subscription ? NULL : "ignored:no subscription";
    case SAAS_EVENT_SUBSCRIPTION_CREATED:
    case SAAS_EVENT_SUBSCRIPTION_CHANGED:
    case SAAS_EVENT_SUBSCRIPTION_DELETED:
    case SAAS_EVENT_SUBSCRIPTION_READ:
    case SAAS_EVENT_SUBSCRIPTION_MISSING:
        return event->subscription ? NULL : "ignored:no subscription";
    case SAAS_EVENT_ENTITLEMENTS:
        return saas_webhooks_config_entitlements(w->server) != 1 ? "ignored:type"
               : event->customer                                 ? NULL
                                                                 : "ignored:no customer";
    case SAAS_EVENT_CUSTOMER_DELETED:
        return event->customer ? NULL : "ignored:no customer";
    default:
        return event->mode && !strcmp(event->mode, "subscription") ? NULL : "ignored:no subscription";
    }
}

const char *saas_webhooks_sold_price(const server_rec *s, const saas_event_t *event)
{
    const apr_array_header_t *given = event->prices, *sold = saas_webhooks_config_prices(s);
    int i, k;

    for (i = 0; i < given->nelts; i++) {
        for (k = 0; k < sold->nelts; k++) {
            if (!strcmp(APR_ARRAY_IDX(given, i, const char *), APR_ARRAY_IDX(sold, k, const char *))) {
                return APR_ARRAY_IDX(given, i, const char *);
            }
        }
    }
    return NULL;
}

int saas_work_is_sold(const saas_work_t *w, const char **price)
{
    const apr_array_header_t *given = w->event->prices;
    const char *sold = saas_webhooks_sold_price(w->server, w->event);

    *price = sold ? sold : given->nelts ? APR_ARRAY_IDX(given, 0, const char *) : NULL;
    if (sold || !given->nelts || !saas_webhooks_config_prices(w->server)->nelts) {
        return 1;
    }
    /* What our own checkout made carries our metadata and our customer. */
    return w->subscription_bound || w->claimed || (w->customer_bound && w->event->metadata_org);
}
