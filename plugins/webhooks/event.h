/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Reads a Stripe event into the facts that matter here.  Pure: jansson and APR
 * only.  It takes every payload generation (period end on the subscription, on
 * its items, or both; invoice -> subscription through "parent" or directly)
 * and ids as strings or as expanded objects.  It decides nothing.
 */
#ifndef SAAS_WEBHOOKS_EVENT_H
#define SAAS_WEBHOOKS_EVENT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <jansson.h>

/** What an event is about, by its type. */
typedef enum {
    SAAS_EVENT_OTHER = 0,
    SAAS_EVENT_SESSION_COMPLETED,
    SAAS_EVENT_SESSION_PAID,    /**< checkout.session.async_payment_succeeded */
    SAAS_EVENT_SESSION_FAILED,  /**< checkout.session.async_payment_failed */
    SAAS_EVENT_SESSION_EXPIRED,
    SAAS_EVENT_SUBSCRIPTION_CREATED,
    SAAS_EVENT_SUBSCRIPTION_CHANGED,
    SAAS_EVENT_SUBSCRIPTION_DELETED,
    SAAS_EVENT_INVOICE_PAID,
    SAAS_EVENT_INVOICE_FAILED,
    SAAS_EVENT_CUSTOMER_DELETED,
    SAAS_EVENT_ENTITLEMENTS,        /**< what a customer may use, all of it */
    SAAS_EVENT_SUBSCRIPTION_READ,   /**< no event: Stripe's answer when it was asked for a subscription */
    SAAS_EVENT_SUBSCRIPTION_MISSING /**< no event: Stripe does not have it */
} saas_event_e;

/** The facts of an event.  Texts live in the pool; NULL and 0 are "not said".
 *  Times are Stripe's, in seconds since 1970. */
typedef struct saas_event_t {
    const char *id;
    const char *type;
    saas_event_e kind;
    const char *api_version;
    int livemode;
    const char *account;          /**< a connected account's event */
    apr_int64_t created;

    const char *customer;
    const char *subscription;
    const char *session;
    const char *client_reference; /**< may have been set by whoever opened a payment link */
    const char *reference_org;    /**< the same when it is a UUID, lower-cased */
    const char *buyer;            /**< of a checkout session: the address of mail that was given there; for people to read */
    const char *metadata_org;     /**< metadata.org_id when it is a UUID, lower-cased */

    const char *mode;             /**< of a checkout session */
    const char *payment_status;

    const char *status;           /**< of a subscription, Stripe's word */
    const char *previous_status;  /**< the status that this event ended, if it says so */
    apr_array_header_t *prices;   /**< const char *: ids of all items or lines; never NULL */
    apr_int64_t period_start;     /**< of the current period, where a subscription says so */
    apr_int64_t period_end;       /**< latest end of a paid or current period */
    apr_int64_t cancel_at;
    int cancel_at_period_end;
    apr_int64_t started_at;
    apr_int64_t ended_at;

    const char *entitled;         /**< of entitlements: their lookup keys, a blank on both sides of each */
    int entitled_more;            /**< there are others, which it does not say */
} saas_event_t;

/** Most lookup keys that are kept of a customer. */
#define SAAS_ENTITLEMENTS_MAX 64
/** Longest id that is stored. */
#define SAAS_EVENT_ID_MAX 255
/** Longest address of mail that is kept (RFC 5321, 4.5.3.1.3). */
#define SAAS_EVENT_BUYER_MAX 254

/**
 * Reads an event.  The result borrows nothing from root.
 * @return NULL, or why this is not an event that can be stored: no snapshot
 *         event of Stripe's ("thin" events of API v2 included)
 */
const char *saas_event_read(apr_pool_t *p, const json_t *root, saas_event_t *event);

/**
 * Reads a subscription as Stripe's API has answered it, into the form of an
 * event of kind SAAS_EVENT_SUBSCRIPTION_READ.
 * @param id  of the answer, for records
 * @param at  Stripe's clock when it answered, in seconds
 * @return NULL, or why it cannot be taken
 */
const char *saas_event_read_answer(apr_pool_t *p, const json_t *subscription, const char *id, apr_int64_t at,
                                   saas_event_t *event);

/** The same for a subscription that Stripe does not have.  Texts are borrowed. */
void saas_event_missing(const char *subscription, const char *id, apr_int64_t at, saas_event_t *event, apr_pool_t *p);

#endif
