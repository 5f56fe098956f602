/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * An event in its transaction, and the steps of it.
 *
 * An event is delivered (delivery.c), is what Stripe has answered when it was asked (told.c), or is a stored one that
 * is applied again (replay.c): each has a transaction of its own, made of these steps. All or nothing: a failure of
 * ours leaves no trace, and Stripe sends the event again. No call to Stripe may ever be made from here.
 *
 * A step that fails says so by its status; one that ends the event says why by w->verdict and returns APR_SUCCESS.
 */
#ifndef SAAS_WEBHOOKS_WORK_H
#define SAAS_WEBHOOKS_WORK_H

#include "webhooks.h"

#include "state.h"

#define SAAS_SECONDS_A_DAY 86400

/** Verdicts that more than one step knows; those of sales elsewhere are in claims.h. */
#define SAAS_VERDICT_APPLIED "applied"
#define SAAS_VERDICT_DUPLICATE "duplicate"
#define SAAS_VERDICT_REFUSED "refused:"
#define SAAS_VERDICT_OTHER_MODE "ignored:mode of the account"
#define SAAS_VERDICT_OTHER_PRODUCT "ignored:other product"
#define SAAS_VERDICT_UNKNOWN_STATUS "ignored:unknown status"
#define SAAS_VERDICT_SUPERSEDED "ignored:superseded"
#define SAAS_VERDICT_MISSING "ignored:Stripe does not have it"

typedef struct saas_work_t {
    saas_request_t *rq;    /**< NULL for a job */
    saas_job_t *job;       /**< NULL for a delivery */
    apr_pool_t *pool;
    server_rec *server;
    const saas_event_t *event;
    const char *payload;   /**< NULL: it is stored already */
    apr_time_t asked;      /**< an answer: our clock when the asking began; 0: an event */
    saas_db_t *db;

    /* Set anew by each try of the transaction. */
    const char *org;       /**< whose event it is */
    saas_rows_t *named;    /**< what was read of the organization that its metadata names, which is locked; NULL: nothing */
    int customer_bound, subscription_bound;
    int claimed;           /**< it is bound now, to an organization for which it was paid elsewhere */
    const char *buyer;     /**< by whom; NULL: not known */
    const char *verdict;
    const char *differed;  /**< an answer: what it changed, in words */
    int wake;              /**< jobs were added */
} saas_work_t;

/** An organization and what is known of its subscriptions, under the lock of its row. */
typedef struct saas_holding_t {
    const saas_rows_t *rows;   /**< as they were read; none: there is no such organization any more */
    const char *customer;      /**< that it has; NULL: none */
    saas_subscription_t *subs; /**< with room for one more */
    int n;
} saas_holding_t;

/** Why the event was refused; NULL: it was not. */
static inline const char *saas_work_refusal(const saas_work_t *w)
{
    const apr_size_t length = sizeof(SAAS_VERDICT_REFUSED) - 1;
    return strncmp(w->verdict, SAAS_VERDICT_REFUSED, length) ? NULL : w->verdict + length;
}

/** NULL is as good as "". */
static inline int same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

/** One of Stripe's times, as a statement's argument; 0: NULL. */
static inline const char *time_arg(apr_pool_t *p, apr_int64_t seconds)
{
    return seconds ? saas_time_text(p, apr_time_from_sec(seconds)) : NULL;
}

/** Seconds of access in arrears. */
static inline apr_int64_t grace_of(const saas_work_t *w)
{
    return (apr_int64_t)saas_webhooks_config_grace_days(w->server) * SAAS_SECONDS_A_DAY;
}

/* apply.c */

/** Runs a transaction of this event on a connection of its own, and wakes the jobs that it added. */
apr_status_t saas_work_run(saas_work_t *w, apr_status_t (*body)(saas_db_t *db, void *baton))
    __attribute__((visibility("hidden")));
/** The first step of every try: forgets what the one before found; w->verdict: the event is none of ours, or NULL. */
void saas_work_begin(saas_work_t *w, saas_db_t *db) __attribute__((visibility("hidden")));
/** Stores the event with its verdict so far; another delivery of it waits here until this transaction ends. */
apr_status_t saas_work_record(saas_work_t *w) __attribute__((visibility("hidden")));
/** Applies the event to its organization, w->org. */
apr_status_t saas_work_apply(saas_work_t *w) __attribute__((visibility("hidden")));
/** Stores the verdict with the stored event. */
apr_status_t saas_work_give_verdict(saas_work_t *w) __attribute__((visibility("hidden")));

/* ours.c */

/** Why an event is none of ours, from itself alone; NULL: it may be ours. */
const char *saas_work_foreign(const saas_work_t *w) __attribute__((visibility("hidden")));
/** Is it about what is sold here, by its prices or as one that is bound to w->org?  Else it is another product of the
 *  account's.  *price: the one of its prices that counts, NULL without one. */
int saas_work_is_sold(const saas_work_t *w, const char **price) __attribute__((visibility("hidden")));

/* whose.c */

/** Finds the organization: w->org, or w->verdict says why there is none, also that the event was recorded before. */
apr_status_t saas_work_resolve(saas_work_t *w) __attribute__((visibility("hidden")));

/* organization.c */

/** Locks an organization and reads what is known of it; from here on tenant statements are its own. */
apr_status_t saas_work_read(saas_work_t *w, const char *org, saas_rows_t **rows) __attribute__((visibility("hidden")));
/** The same of w->org, where it has not been done. */
apr_status_t saas_work_load(saas_work_t *w, saas_holding_t *held) __attribute__((visibility("hidden")));
/** Writes what the organization's subscriptions now amount to, if that changed. */
apr_status_t saas_work_settle(saas_work_t *w, const saas_holding_t *held) __attribute__((visibility("hidden")));
/** Writes what Stripe's own entitlements say: all that the customer has, each time.  Nothing is to be loaded for it. */
apr_status_t saas_work_entitle(saas_work_t *w) __attribute__((visibility("hidden")));

/* fold.c */

/** Folds the event's fact into the organization's rows, and stores the row that it changed. */
apr_status_t saas_work_fold(saas_work_t *w, const char *price, saas_holding_t *held)
    __attribute__((visibility("hidden")));

/* news.c */

/** saas_subscription_due() by this server's grace and patience. */
apr_int64_t saas_work_due(const saas_work_t *w, const saas_subscription_t *row) __attribute__((visibility("hidden")));
/** Writes when Stripe is to be asked next for the event's subscription, which has been folded. */
apr_status_t saas_work_expect_news(saas_work_t *w, const saas_holding_t *held) __attribute__((visibility("hidden")));

/* admins.c */

/** Mails the organization's ADMINs, where a plugin sends mail. */
apr_status_t saas_work_tell_admins(saas_work_t *w, const char *template) __attribute__((visibility("hidden")));

#endif
