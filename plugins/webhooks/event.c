/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See event.h.  Nothing in a payload is trusted to be there or to be of its
 * type: what is missing or odd reads as "not said".
 */
#include "event.h"

#include <apr_strings.h>
#include <string.h>

/* 9999-12-31T23:59:59Z: what is later than this is no time. */
#define TIME_MAX APR_INT64_C(253402300799)
#define UUID_LEN 36

typedef void reader_fn(apr_pool_t *p, const json_t *object, saas_event_t *event);

/* An id as Stripe makes them: visible ASCII.  NULL: it is none. */
static const char *id_text(apr_pool_t *p, const char *text)
{
    const char *c;
    if (!text || !*text || strlen(text) > SAAS_EVENT_ID_MAX) {
        return NULL;
    }
    for (c = text; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f) {
            return NULL;
        }
    }
    return apr_pstrdup(p, text);
}

/* An id given as it is or as the expanded object. */
static const char *get_id(apr_pool_t *p, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return id_text(p, json_string_value(json_is_object(value) ? json_object_get(value, "id") : value));
}

static apr_int64_t get_time(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    json_int_t t = json_is_integer(value) ? json_integer_value(value) : 0;
    return t > 0 && t <= TIME_MAX ? (apr_int64_t)t : 0;
}

static const char *org_text(apr_pool_t *p, const char *text)
{
    char *org;
    int i;

    if (!text || strlen(text) != UUID_LEN) {
        return NULL;
    }
    org = apr_pstrdup(p, text);
    for (i = 0; i < UUID_LEN; i++) {
        if (org[i] >= 'A' && org[i] <= 'F') {
            org[i] = (char)(org[i] - 'A' + 'a');
        }
        if (i == 8 || i == 13 || i == 18 || i == 23 ? org[i] != '-'
                                                    : !strchr("0123456789abcdef", org[i])) {
            return NULL;
        }
    }
    return org;
}

static const char *get_org(apr_pool_t *p, const json_t *metadata)
{
    return org_text(p, json_string_value(json_object_get(metadata, "org_id")));
}

/* Whoever buys has typed it: no more is known of it than that it is short, and one word around an @. */
static const char *get_buyer(apr_pool_t *p, const json_t *session)
{
    const char *text = json_string_value(json_object_get(json_object_get(session, "customer_details"), "email")), *c;

    if (!text || strlen(text) > SAAS_EVENT_BUYER_MAX || !strchr(text, '@')) {
        return NULL;
    }
    for (c = text; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("<>\"", *c)) {
            return NULL;
        }
    }
    return apr_pstrdup(p, text);
}

static void add_price(saas_event_t *event, const char *price)
{
    if (price) {
        APR_ARRAY_PUSH(event->prices, const char *) = price;
    }
}

static void read_session(apr_pool_t *p, const json_t *session, saas_event_t *event)
{
    event->session = get_id(p, session, "id");
    event->customer = get_id(p, session, "customer");
    event->subscription = get_id(p, session, "subscription");
    event->client_reference = get_id(p, session, "client_reference_id");
    event->reference_org = event->client_reference ? org_text(p, event->client_reference) : NULL;
    event->buyer = get_buyer(p, session);
    event->mode = get_id(p, session, "mode");
    event->payment_status = get_id(p, session, "payment_status");
}

static void read_subscription(apr_pool_t *p, const json_t *subscription, saas_event_t *event)
{
    const json_t *items = json_object_get(json_object_get(subscription, "items"), "data");
    const json_t *item;
    size_t i;

    event->subscription = get_id(p, subscription, "id");
    event->customer = get_id(p, subscription, "customer");
    event->metadata_org = get_org(p, json_object_get(subscription, "metadata"));
    event->status = get_id(p, subscription, "status");
    event->cancel_at = get_time(subscription, "cancel_at");
    event->cancel_at_period_end = json_is_true(json_object_get(subscription, "cancel_at_period_end"));
    event->ended_at = get_time(subscription, "ended_at");
    event->started_at = get_time(subscription, "start_date");
    json_array_foreach(items, i, item) {
        apr_int64_t end = get_time(item, "current_period_end"), start = get_time(item, "current_period_start");
        const char *price = get_id(p, item, "price");
        if (end > event->period_end) {
            event->period_end = end;
        }
        if (start > event->period_start) {
            event->period_start = start;
        }
        add_price(event, price ? price : get_id(p, item, "plan"));
    }
    if (!event->period_end) {
        event->period_end = get_time(subscription, "current_period_end");
    }
    if (!event->period_start) {
        event->period_start = get_time(subscription, "current_period_start");
    }
}

/* The period that was paid for is that of the lines: the invoice's own is the
 * one before. */
static void read_invoice(apr_pool_t *p, const json_t *invoice, saas_event_t *event)
{
    const json_t *details = json_object_get(json_object_get(invoice, "parent"), "subscription_details");
    const json_t *lines = json_object_get(json_object_get(invoice, "lines"), "data");
    const json_t *line;
    size_t i;

    event->customer = get_id(p, invoice, "customer");
    event->subscription = get_id(p, details, "subscription");
    if (!event->subscription) {
        event->subscription = get_id(p, invoice, "subscription");
    }
    event->metadata_org = get_org(p, json_object_get(details, "metadata"));
    if (!event->metadata_org) {
        event->metadata_org = get_org(p, json_object_get(json_object_get(invoice, "subscription_details"), "metadata"));
    }
    json_array_foreach(lines, i, line) {
        apr_int64_t end = get_time(json_object_get(line, "period"), "end");
        const char *price = get_id(p, json_object_get(json_object_get(line, "pricing"), "price_details"), "price");
        if (end > event->period_end) {
            event->period_end = end;
        }
        add_price(event, price ? price : get_id(p, line, "price"));
    }
}

static void read_customer(apr_pool_t *p, const json_t *customer, saas_event_t *event)
{
    event->customer = get_id(p, customer, "id");
    event->metadata_org = get_org(p, json_object_get(customer, "metadata"));
}

/* Lookup keys are the operator's own words: one with a blank in it, which would be two, is left out. */
static void read_entitlements(apr_pool_t *p, const json_t *summary, saas_event_t *event)
{
    const json_t *list = json_object_get(summary, "entitlements"), *entitlement;
    size_t i;

    event->customer = get_id(p, summary, "customer");
    event->entitled = " ";
    event->entitled_more = json_is_true(json_object_get(list, "has_more"));
    json_array_foreach(json_object_get(list, "data"), i, entitlement) {
        const char *key = get_id(p, entitlement, "lookup_key");
        if (key && i < SAAS_ENTITLEMENTS_MAX) {
            event->entitled = apr_pstrcat(p, event->entitled, key, " ", NULL);
        }
    }
}

static const struct {
    const char *type;
    saas_event_e kind;
    reader_fn *read;
} types[] = {
    { "checkout.session.completed", SAAS_EVENT_SESSION_COMPLETED, read_session },
    { "checkout.session.async_payment_succeeded", SAAS_EVENT_SESSION_PAID, read_session },
    { "checkout.session.async_payment_failed", SAAS_EVENT_SESSION_FAILED, read_session },
    { "checkout.session.expired", SAAS_EVENT_SESSION_EXPIRED, read_session },
    { "customer.subscription.created", SAAS_EVENT_SUBSCRIPTION_CREATED, read_subscription },
    { "customer.subscription.updated", SAAS_EVENT_SUBSCRIPTION_CHANGED, read_subscription },
    { "customer.subscription.paused", SAAS_EVENT_SUBSCRIPTION_CHANGED, read_subscription },
    { "customer.subscription.resumed", SAAS_EVENT_SUBSCRIPTION_CHANGED, read_subscription },
    { "customer.subscription.trial_will_end", SAAS_EVENT_SUBSCRIPTION_CHANGED, read_subscription },
    { "customer.subscription.deleted", SAAS_EVENT_SUBSCRIPTION_DELETED, read_subscription },
    { "invoice.paid", SAAS_EVENT_INVOICE_PAID, read_invoice },
    { "invoice.payment_failed", SAAS_EVENT_INVOICE_FAILED, read_invoice },
    { "customer.deleted", SAAS_EVENT_CUSTOMER_DELETED, read_customer },
    { "entitlements.active_entitlement_summary.updated", SAAS_EVENT_ENTITLEMENTS, read_entitlements },
};

const char *saas_event_read(apr_pool_t *p, const json_t *root, saas_event_t *event)
{
    const char *object = json_string_value(json_object_get(root, "object"));
    const json_t *data = json_object_get(root, "data");
    const json_t *subject = json_object_get(data, "object");
    size_t i;

    memset(event, 0, sizeof(*event));
    event->prices = apr_array_make(p, 1, sizeof(const char *));
    if (object && !strncmp(object, "v2.", 3)) {
        return "it is a thin event: configure a snapshot destination at Stripe";
    }
    if (!object || strcmp(object, "event")) {
        return "it is no event object";
    }
    event->id = get_id(p, root, "id");
    event->type = get_id(p, root, "type");
    event->created = get_time(root, "created");
    if (!event->id || !event->type || !event->created || !json_is_object(subject)) {
        return "it lacks id, type, created or data.object";
    }
    event->api_version = get_id(p, root, "api_version");
    event->livemode = json_is_true(json_object_get(root, "livemode"));
    event->account = get_id(p, root, "account");
    if (!event->account && json_object_get(root, "account") && !json_is_null(json_object_get(root, "account"))) {
        event->account = "unreadable";
    }
    event->previous_status = get_id(p, json_object_get(data, "previous_attributes"), "status");
    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!strcmp(event->type, types[i].type)) {
            event->kind = types[i].kind;
            types[i].read(p, subject, event);
            break;
        }
    }
    return NULL;
}

/* What stands for an event where none was sent; no signed event is of these types. */
static void begin_answer(apr_pool_t *p, saas_event_t *event, saas_event_e kind, const char *type, const char *id,
                         apr_int64_t at)
{
    memset(event, 0, sizeof(*event));
    event->prices = apr_array_make(p, 1, sizeof(const char *));
    event->kind = kind;
    event->type = type;
    event->id = id;
    event->created = at;
}

const char *saas_event_read_answer(apr_pool_t *p, const json_t *subscription, const char *id, apr_int64_t at,
                                   saas_event_t *event)
{
    const char *object = json_string_value(json_object_get(subscription, "object"));

    begin_answer(p, event, SAAS_EVENT_SUBSCRIPTION_READ, "saas.subscription.read", id, at);
    if (!object || strcmp(object, "subscription")) {
        return "it is no subscription";
    }
    read_subscription(p, subscription, event);
    event->livemode = json_is_true(json_object_get(subscription, "livemode"));
    return event->subscription ? NULL : "it lacks an id";
}

void saas_event_missing(const char *subscription, const char *id, apr_int64_t at, saas_event_t *event, apr_pool_t *p)
{
    begin_answer(p, event, SAAS_EVENT_SUBSCRIPTION_MISSING, "saas.subscription.missing", id, at);
    event->subscription = subscription;
}
