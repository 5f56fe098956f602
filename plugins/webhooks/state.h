/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The subscription state machine.  Pure: no clock, no database.
 *
 * Stripe promises no order of delivery, and its timestamps have a resolution of
 * one second.  So what is known of a subscription is the *maximum* of the facts
 * its events carried, under a total order of facts: taking a maximum gives the
 * same result in every order and with every repetition.
 *
 * A fact is greater by, in this order:
 *   1. its grade: a first payment under way < a paid checkout < a paid invoice
 *      < a snapshot of the subscription < a snapshot in a terminal state;
 *   2. Stripe's clock;
 *   3. in a tie, the later state of a subscription's life;
 *   4. its content, so that no two different facts are equal.
 * Therefore "incomplete" overwrites nothing, a terminal state stays, and older
 * news never overwrites newer.
 */
#ifndef SAAS_WEBHOOKS_STATE_H
#define SAAS_WEBHOOKS_STATE_H

#include "event.h"

/** What is known of one subscription; also one fact about it.  Texts are
 *  borrowed.  Times are Stripe's, in seconds; 0: not known. */
typedef struct saas_subscription_t {
    const char *id;
    const char *customer;
    const char *status;         /**< Stripe's word; NULL: nothing is known */
    const char *price;
    apr_int64_t period_end;
    apr_int64_t cancel_at;
    int cancel_at_period_end;
    apr_int64_t started_at;
    apr_int64_t ended_at;
    apr_int64_t past_due_since; /**< see saas_subscription_past_due_since() */
    apr_int64_t created;        /**< of the greatest fact */
    int rank;                   /**< its grade and more; opaque, but stored */
} saas_subscription_t;

/** What an event says about its subscription. */
typedef enum {
    SAAS_FACT_NONE = 0, /**< nothing about its state */
    SAAS_FACT_GIVEN,
    SAAS_FACT_UNKNOWN   /**< a status that this version does not know: changes nothing */
} saas_fact_e;

/**
 * Turns an event into a fact.
 * @param price  the one of the event's prices that counts, or NULL
 */
saas_fact_e saas_subscription_fact(const saas_event_t *event, const char *price, saas_subscription_t *fact);

/**
 * Turns what Stripe answered when it was asked into a fact: the snapshot of
 * that moment, against what is known by then (row->id NULL: nothing), from which
 * an answer that is in arrears takes since when.  A subscription that Stripe does
 * not have is over, but not for ever: later news of it counts.
 */
saas_fact_e saas_subscription_answer(const saas_event_t *answer, const char *price, const saas_subscription_t *row,
                                     saas_subscription_t *fact);

/** True for the row that records a deleted customer: its id is the customer's. */
int saas_subscription_is_tombstone(const saas_subscription_t *row);

/** The row of that id among n; n: there is none. */
int saas_subscription_find(const saas_subscription_t *rows, int n, const char *id);

/** Adds a fact to what is known; true when that changed anything.  row->id NULL:
 *  nothing was known. */
int saas_subscription_join(saas_subscription_t *row, const saas_subscription_t *fact);

/** Since when a past_due subscription is in arrears: the event that began it,
 *  else the latest that told of it. */
apr_int64_t saas_subscription_past_due_since(const saas_subscription_t *row);

/** True for a subscription that is not expected to change again. */
int saas_subscription_is_over(const saas_subscription_t *row);

/**
 * By when Stripe should have told something new of a subscription: its period or
 * trial is over, its arrears' grace is, its first payment is given up (after 23
 * hours, Stripe's documentation, "Subscription statuses").  0: nothing is expected.
 * @param grace     seconds of access in arrears
 * @param patience  seconds that a period may be over
 */
apr_int64_t saas_subscription_due(const saas_subscription_t *row, apr_int64_t grace, apr_int64_t patience);

/** An organization's subscription, out of all of its rows. */
typedef struct saas_effective_t {
    const char *status;          /**< free, active, expired, canceled */
    const char *stripe_status;   /**< NULL without a subscription */
    const char *subscription;    /**< id, or NULL */
    const char *price;           /**< that is paid; NULL: none, or not known */
    apr_int64_t started_at;
    apr_int64_t ends_at;         /**< 0: open-ended, or not known */
} saas_effective_t;

/**
 * The best subscription decides.  Active ones end when a cancellation is
 * scheduled; past_due is active until grace seconds after it began.
 */
void saas_subscription_effective(const saas_subscription_t *rows, int n, apr_int64_t grace, saas_effective_t *out);

/** A trial that Stripe knows nothing of; ends_at 0: the organization has had none. */
typedef struct saas_trial_t {
    apr_int64_t started_at, ends_at;
} saas_trial_t;

/**
 * What a trial adds to what Stripe's subscriptions amount to: access until its end, where they do not give it for longer.
 * What Stripe says of them stays. A trial that is over adds nothing, unless there is nothing else to tell: it has expired.
 * @param at  the time, by which a trial may be over
 * @return    whether status, started_at and ends_at are the trial's; the price stays one's that gives access, too
 */
int saas_subscription_try(saas_effective_t *now, const saas_trial_t *trial, apr_int64_t at);

#endif
