/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* Private to the billing plugin. */
#ifndef SAAS_BILLING_H
#define SAAS_BILLING_H

#include <mod_saas.h>

#include "stripe.h"

/** Where Stripe's API is, unless SaasStripeAPI says otherwise. */
#define SAAS_BILLING_API "https://api.stripe.com"

/** The first price is what is sold by default; without a key billing is not configured. SaasFrontendURL is other plugins'
 *  too: httpd asks every module that knows a directive. */
#define SAAS_BILLING_DIRECTIVES(X, of) \
    X(of, TEXT, api, "SaasStripeAPI", SAAS_VHOST, SAAS_BILLING_API, SAAS_CHECKED(saas_check_url), \
      "base URL of Stripe's API; for tests") \
    X(of, TEXT, key, "SaasStripeSecretKey", SAAS_VHOST, NULL, SAAS_CHECKED(check_key), \
      "secret key of the Stripe account, or file:/path or env:NAME") \
    X(of, LIST, prices, "SaasStripePrice", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_plain), \
      "prices (price_...) that are sold here, the default one first") \
    X(of, TEXT, quantity, "SaasStripeQuantity", SAAS_VHOST, "1", SAAS_CHECKED(saas_billing_check_quantity), \
      "quantity that a checkout sells, or least-most, of which the request names one, 0: the price is metered") \
    X(of, NUMBER, trial_days, "SaasStripeTrialDays", SAAS_VHOST, "0", SAAS_RANGE(0, 730), \
      "days of trial for an organization's first subscription, 0: none") \
    X(of, WORD, trial_without_card, "SaasStripeTrialWithoutCard", SAAS_VHOST, "off", SAAS_WORDS("off", "cancel", "pause"), \
      "whether a trial begins without a card, and what becomes of it when it ends without one: off, cancel or pause") \
    X(of, FLAG, promotion_codes, "SaasStripePromotionCodes", SAAS_VHOST, "Off", SAAS_ANY, \
      "whether promotion codes may be entered at checkout") \
    X(of, FLAG, tax, "SaasStripeTax", SAAS_VHOST, "Off", SAAS_ANY, "whether Stripe computes and collects tax") \
    X(of, FLAG, tax_ids, "SaasStripeTaxIDs", SAAS_VHOST, "Off", SAAS_ANY, "whether checkout asks for the buyer's tax id") \
    X(of, WORD, billing_address, "SaasStripeBillingAddress", SAAS_VHOST, "auto", SAAS_WORDS("auto", "required"), \
      "whether checkout asks for a billing address: auto (where it is needed) or required") \
    X(of, TEXT, version, "SaasStripeVersion", SAAS_VHOST, SAAS_STRIPE_VERSION, SAAS_CHECKED(saas_check_plain), \
      "version of Stripe's API") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the product's own pages")

/** The words of SaasStripeTrialWithoutCard and of SaasStripeBillingAddress. */
enum { SAAS_TRIAL_CARD, SAAS_TRIAL_CANCEL, SAAS_TRIAL_PAUSE };
enum { SAAS_ADDRESS_AUTO, SAAS_ADDRESS_REQUIRED };

SAAS_DIRECTIVES_DECLARE(saas_billing_config, saas_billing_module, SAAS_BILLING_DIRECTIVES)

/** The account at Stripe of a server that has a key. */
static inline saas_stripe_account_t saas_billing_account(const server_rec *s)
{
    return (saas_stripe_account_t){ .base = saas_billing_config_api(s), .key = saas_billing_config_key(s),
                                    .version = saas_billing_config_version(s) };
}

/** Indices into saas_billing_statements. */
enum {
    SAAS_BILLING_LOOK = 0,
    SAAS_BILLING_LOCK,
    SAAS_BILLING_KEEP_CUSTOMER,
    SAAS_BILLING_KEEP_SESSION,
    SAAS_BILLING_BIND,
    SAAS_BILLING_SUBSCRIPTION,
    SAAS_BILLING_CUSTOMER,
    SAAS_BILLING_NEWS_EXPECT,
    SAAS_BILLING_NEWS_QUEUED,
    SAAS_BILLING_NEWS_DUE,
    SAAS_BILLING_NEWS_HANDED,
    SAAS_BILLING_NEWS_ASKED,
    SAAS_BILLING_NEWS_FAILED,
    SAAS_BILLING_NEWS_OVER,
    SAAS_BILLING_NEWS_SOON,
    SAAS_BILLING_SESSION_OVER,
    SAAS_BILLING_WHOSE_SESSION,
    SAAS_BILLING_SESSION,
    SAAS_BILLING_SEATS_NONE,
    SAAS_BILLING_SEATS_DUE,
    SAAS_BILLING_SEATS_HANDED,
    SAAS_BILLING_SEATS_AGAIN,
    SAAS_BILLING_MEMBERS
};
extern saas_statement_t saas_billing_statements[] __attribute__((visibility("hidden")));

/** What saasctl doctor asks. */
void saas_billing_examine(saas_examination_t *e) __attribute__((visibility("hidden")));
/** POST billing/checkout-session/ */
int saas_billing_checkout(saas_request_t *rq) __attribute__((visibility("hidden")));
/** POST billing/portal-session/ */
int saas_billing_portal(saas_request_t *rq) __attribute__((visibility("hidden")));
/** GET billing/return/ */
int saas_billing_return(saas_request_t *rq) __attribute__((visibility("hidden")));
/** GET billing/plans/ */
int saas_billing_plans(saas_request_t *rq) __attribute__((visibility("hidden")));
/** In a child that begins: there is room for what Stripe says of prices. */
apr_status_t saas_billing_plans_begin(apr_pool_t *p) __attribute__((visibility("hidden")));
/** GET billing/subscription/ */
int saas_billing_subscription(saas_request_t *rq) __attribute__((visibility("hidden")));
/** GET billing/usage/ */
int saas_billing_usage(saas_request_t *rq) __attribute__((visibility("hidden")));

/* What a checkout offers. */

/** Most that Stripe sells of one price at once. */
#define SAAS_BILLING_QUANTITY_MAX 999999
/** An organization's wish. */
typedef struct saas_billing_order_t {
    const char *org_id;
    const char *customer;
    const char *price;
    int quantity;     /**< 0: not said, the price is metered */
    int trial;        /**< it may have the trial, where there is one */
} saas_billing_order_t;
/** The parameters of its checkout session, ending with a NULL name; in p. */
const saas_stripe_pair_t *saas_billing_offer(apr_pool_t *p, const server_rec *s, const saas_billing_order_t *order)
    __attribute__((visibility("hidden")));
/** Reads SaasStripeQuantity: "5", "1-100" or "0".  False: it is none of these. */
int saas_billing_quantity_bounds(const char *text, int *least, int *most) __attribute__((visibility("hidden")));
const char *saas_billing_check_quantity(apr_pool_t *p, const char *arg, const char **value)
    __attribute__((visibility("hidden")));
/** The quantity that the request's body names, else the least; what is wrong with it is noted in rq->errors. */
int saas_billing_choose_quantity(saas_request_t *rq) __attribute__((visibility("hidden")));
/** Where each member is paid for: the quantity is their number, and the body may name no other.  False: it does, which is
 *  noted in rq->errors. */
int saas_billing_take_members(saas_request_t *rq, apr_int64_t members, int *quantity) __attribute__((visibility("hidden")));

/* What has become of a checkout session. */

typedef enum {
    SAAS_SESSION_UNKNOWN, /**< Stripe gave no answer: see the result */
    SAAS_SESSION_OPEN,    /**< a person can pay */
    SAAS_SESSION_PAID,    /**< complete: its subscription is there, or its payment on the way */
    SAAS_SESSION_OVER     /**< expired, not there, or its subscription has ended */
} saas_billing_session_e;
/** Asks Stripe. */
saas_billing_session_e saas_billing_session_look(saas_stripe_t *stripe, apr_pool_t *p, const char *id,
                                                 saas_stripe_result_t *result) __attribute__((visibility("hidden")));
/** Ends it, so that nobody can pay any more: SAAS_SESSION_OVER, or what has become of it before. */
saas_billing_session_e saas_billing_session_end(saas_stripe_t *stripe, apr_pool_t *p, const char *id,
                                                saas_stripe_result_t *result) __attribute__((visibility("hidden")));
/** True for what looks like a session's id; nothing else may stand in a path. */
int saas_billing_is_session(const char *id) __attribute__((visibility("hidden")));

/* What Stripe's answers become. */

/** Longest id of Stripe's that is kept. */
#define SAAS_BILLING_ID_MAX 255
/** A text of Stripe's answer that goes into our headers, rows and answers: visible ASCII of at most max bytes, in p, or
 *  NULL. */
const char *saas_billing_text(apr_pool_t *p, const saas_stripe_result_t *result, const char *key, apr_size_t max)
    __attribute__((visibility("hidden")));
/** Where people are sent: over TLS, unless Stripe's API itself is a stand-in's.  NULL: nowhere. */
const char *saas_billing_url(const saas_request_t *rq, const saas_stripe_result_t *result)
    __attribute__((visibility("hidden")));
/** True when Stripe does not have the object that this parameter names. */
int saas_billing_misses(const saas_stripe_result_t *result, const char *param) __attribute__((visibility("hidden")));
/** Answers what Stripe's last answer, or silence, makes of the request: 503 or 502, and logs it. */
int saas_billing_reply_stripe(saas_request_t *rq, const saas_stripe_result_t *result)
    __attribute__((visibility("hidden")));
int saas_billing_reply_not_configured(saas_request_t *rq) __attribute__((visibility("hidden")));

/** The job that ends what Stripe has of a deleted organization; its object is
 *  the id of a subscription or of a checkout session. */
#define SAAS_BILLING_CANCEL_JOB "stripe.cancel"
#define SAAS_BILLING_CANCEL_ATTEMPTS 12
apr_status_t saas_billing_cancel(saas_job_t *job) __attribute__((visibility("hidden")));
void saas_billing_cancel_gave_up(saas_job_t *job, const char *why) __attribute__((visibility("hidden")));

/* What Stripe is asked when news may have got lost.  The table stripe_news says
 * for what, and when: whoever learns something of an object writes it there. */

/** The job that comes back and hands on what is to be asked now. */
#define SAAS_BILLING_DUE_JOB "stripe.due"
#define SAAS_BILLING_DUE_SECONDS 5
apr_status_t saas_billing_due(saas_job_t *job) __attribute__((visibility("hidden")));
/** The job that asks; its object is the id of a subscription, of a customer, who
 *  is asked for all subscriptions, or of a checkout session. */
#define SAAS_BILLING_ASK_JOB "stripe.ask"
#define SAAS_BILLING_ASK_ATTEMPTS 8
apr_status_t saas_billing_ask(saas_job_t *job) __attribute__((visibility("hidden")));
/** What came of an asking. */
typedef enum { SAAS_BILLING_ANSWERED, SAAS_BILLING_MISSING, SAAS_BILLING_ASK_FAILED } saas_billing_asked_e;
void saas_billing_count_asked(saas_billing_asked_e what) __attribute__((visibility("hidden")));
/** In the transaction that keeps an object of Stripe's: it is asked for in so many seconds if nothing is told before. */
apr_status_t saas_billing_expect(saas_db_t *db, const char *stripe_id, const char *org_id, int seconds)
    __attribute__((visibility("hidden")));
/** It is asked for in a few seconds, whatever has been planned: somebody waits for news that are late.  A database that is
 *  away leaves it as planned. */
void saas_billing_ask_soon(saas_request_t *rq, const char *stripe_id) __attribute__((visibility("hidden")));
/** A customer is asked for once a week; a checkout whose payment nobody told of, after half an hour. */
#define SAAS_BILLING_CUSTOMER_SECONDS (7 * 24 * 3600)
#define SAAS_BILLING_SESSION_SECONDS 1800
/* Plans that are paid for each member. */

/** True when the plan with this price is; with NULL, when any plan is. */
int saas_billing_is_by_seat(const char *price) __attribute__((visibility("hidden")));
/** Hands on whose members have changed, in the transaction of "stripe.due"; adds to *handed. */
apr_status_t saas_billing_seats_due(saas_db_t *db, int *handed) __attribute__((visibility("hidden")));
typedef enum {
    SAAS_BILLING_SEATS_RIGHT, /**< nothing was to be done */
    SAAS_BILLING_SEATS_SET,   /**< result->body is the subscription as it is now */
    SAAS_BILLING_SEATS_LATER  /**< it has to be tried again; why was logged */
} saas_billing_seats_e;
/** Sets the quantity of a subscription as Stripe has just told it to the number of the organization's members. */
saas_billing_seats_e saas_billing_seats_keep(saas_job_t *job, saas_stripe_t *stripe, const json_t *subscription,
                                             saas_stripe_result_t *result) __attribute__((visibility("hidden")));

/** Nothing but what Stripe's ids are made of may stand in a path. */
int saas_billing_is_id(const char *id) __attribute__((visibility("hidden")));

#endif
