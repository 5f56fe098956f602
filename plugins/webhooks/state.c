/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See state.h.  Every function here must stay free of clocks and of the order
 * of its inputs: the permutation tests hold it to that.
 */
#include "state.h"

#include <string.h>

typedef enum { OURS_FREE, OURS_CANCELED, OURS_EXPIRED, OURS_ACTIVE } ours_e;

static const char *const ours_text[] = { "free", "canceled", "expired", "active" };

/* Weight of a fact; 0 is no fact at all. */
enum { GRADE_INCOMPLETE = 1, GRADE_CHECKOUT, GRADE_INVOICE, GRADE_SNAPSHOT, GRADE_TERMINAL };

/* What each of Stripe's statuses means, in the order of a subscription's life. */
static const struct {
    const char *status;
    int grade;
    ours_e ours;
} statuses[] = {
    { "incomplete", GRADE_INCOMPLETE, OURS_FREE },
    { "trialing", GRADE_SNAPSHOT, OURS_ACTIVE },
    { "active", GRADE_SNAPSHOT, OURS_ACTIVE },
    { "past_due", GRADE_SNAPSHOT, OURS_ACTIVE },
    { "unpaid", GRADE_SNAPSHOT, OURS_EXPIRED },
    { "paused", GRADE_SNAPSHOT, OURS_EXPIRED },
    { "incomplete_expired", GRADE_TERMINAL, OURS_FREE },
    { "canceled", GRADE_TERMINAL, OURS_CANCELED },
};
#define STATUSES ((int)(sizeof(statuses) / sizeof(statuses[0])))

/* A rank packs, from the top: grade, place in the life, kind of event, flags. */
#define RANK(grade, place, kind) ((grade) << 12 | (place) << 8 | (kind) << 4)
#define RANK_GRADE(rank) ((rank) >> 12)
#define RANK_TIE(rank) ((rank) >> 4 & 0xff)
/* The greatest fact did not say the period's end or the price: they are lesser facts'. */
#define PERIOD_BORROWED 1
#define PRICE_BORROWED 2
/* past_due_since is when it began, not the last time it was known to be well. */
#define PAST_DUE_BEGAN 4

enum { KIND_CREATED, KIND_CHANGED, KIND_DELETED, KIND_ANSWER };

#define SECONDS_AN_HOUR 3600

static int find_status(const char *status)
{
    int i;
    for (i = 0; status && i < STATUSES; i++) {
        if (!strcmp(status, statuses[i].status)) {
            return i;
        }
    }
    return -1;
}

static int is_past_due(const char *status)
{
    return status && !strcmp(status, "past_due");
}

static saas_fact_e snapshot_fact(const saas_event_t *event, saas_subscription_t *fact)
{
    int deleted = event->kind == SAAS_EVENT_SUBSCRIPTION_DELETED;
    int created = event->kind == SAAS_EVENT_SUBSCRIPTION_CREATED;
    int place = find_status(deleted ? "canceled" : event->status);

    if (place < 0) {
        return SAAS_FACT_UNKNOWN;
    }
    fact->status = statuses[place].status;
    fact->cancel_at = event->cancel_at;
    fact->cancel_at_period_end = event->cancel_at_period_end;
    fact->started_at = event->started_at;
    fact->ended_at = deleted && !event->ended_at ? event->created : event->ended_at;
    fact->rank = RANK(statuses[place].grade, place,
                      deleted ? KIND_DELETED : created ? KIND_CREATED : KIND_CHANGED);
    if (is_past_due(fact->status)
        && (created || (event->previous_status && strcmp(event->previous_status, "past_due")))) {
        fact->past_due_since = event->created;
        fact->rank |= PAST_DUE_BEGAN;
    }
    return SAAS_FACT_GIVEN;
}

/* Money came in, so there is an active subscription; its snapshots will follow. */
static saas_fact_e payment_fact(const saas_event_t *event, int grade, saas_subscription_t *fact)
{
    (void)event;
    fact->status = "active";
    fact->rank = RANK(grade, find_status("active"), KIND_CREATED);
    return SAAS_FACT_GIVEN;
}

static int is_paid(const saas_event_t *event)
{
    return event->kind == SAAS_EVENT_SESSION_PAID
           || (event->payment_status
               && (!strcmp(event->payment_status, "paid") || !strcmp(event->payment_status, "no_payment_required")));
}

saas_fact_e saas_subscription_fact(const saas_event_t *event, const char *price, saas_subscription_t *fact)
{
    memset(fact, 0, sizeof(*fact));
    fact->id = event->subscription;
    fact->customer = event->customer;
    fact->created = event->created;
    fact->price = price;
    fact->period_end = event->period_end;
    if (event->kind == SAAS_EVENT_CUSTOMER_DELETED) {
        fact->id = event->customer;
        fact->status = "canceled";
        fact->ended_at = event->created;
        fact->rank = RANK(GRADE_TERMINAL, find_status("canceled"), KIND_DELETED);
        return fact->id ? SAAS_FACT_GIVEN : SAAS_FACT_NONE;
    }
    if (!fact->id) {
        return SAAS_FACT_NONE;
    }
    switch (event->kind) {
    case SAAS_EVENT_SUBSCRIPTION_CREATED:
    case SAAS_EVENT_SUBSCRIPTION_CHANGED:
    case SAAS_EVENT_SUBSCRIPTION_DELETED:
        return snapshot_fact(event, fact);
    case SAAS_EVENT_INVOICE_PAID:
        return payment_fact(event, GRADE_INVOICE, fact);
    case SAAS_EVENT_SESSION_COMPLETED:
    case SAAS_EVENT_SESSION_PAID:
        return is_paid(event) ? payment_fact(event, GRADE_CHECKOUT, fact) : SAAS_FACT_NONE;
    default:
        return SAAS_FACT_NONE;
    }
}

static apr_int64_t later(apr_int64_t a, apr_int64_t b)
{
    return a > b ? a : b;
}

saas_fact_e saas_subscription_answer(const saas_event_t *answer, const char *price, const saas_subscription_t *row,
                                     saas_subscription_t *fact)
{
    int missing = answer->kind == SAAS_EVENT_SUBSCRIPTION_MISSING;
    int place = find_status(missing ? "canceled" : answer->status);

    memset(fact, 0, sizeof(*fact));
    if (place < 0) {
        return SAAS_FACT_UNKNOWN;
    }
    fact->id = answer->subscription;
    fact->customer = answer->customer;
    fact->status = statuses[place].status;
    fact->price = price;
    fact->period_end = answer->period_end;
    fact->cancel_at = answer->cancel_at;
    fact->cancel_at_period_end = answer->cancel_at_period_end;
    fact->started_at = answer->started_at;
    fact->ended_at = missing ? answer->created : answer->ended_at;
    fact->created = answer->created;
    fact->rank = RANK(missing ? GRADE_SNAPSHOT : statuses[place].grade, place, KIND_ANSWER);
    if (is_past_due(fact->status)) {
        /* The event that began it may never have come: it was not before the period, nor when all was known to be well. */
        fact->past_due_since = row->id && is_past_due(row->status) ? saas_subscription_past_due_since(row)
                               : later(answer->period_start, row->id ? row->created + 1 : 0);
        fact->rank |= PAST_DUE_BEGAN;
    }
    return SAAS_FACT_GIVEN;
}

int saas_subscription_is_tombstone(const saas_subscription_t *row)
{
    return row->id && row->customer && !strcmp(row->id, row->customer);
}

static int compare_number(apr_int64_t a, apr_int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static apr_int64_t own_period(const saas_subscription_t *s)
{
    return s->rank & PERIOD_BORROWED ? 0 : s->period_end;
}

static const char *own_price(const saas_subscription_t *s)
{
    return s->rank & PRICE_BORROWED ? NULL : s->price;
}

/* The total order of facts. */
static int compare(const saas_subscription_t *a, const saas_subscription_t *b)
{
    int order = compare_number(RANK_GRADE(a->rank), RANK_GRADE(b->rank));
    if (!order) {
        order = compare_number(a->created, b->created);
    }
    if (!order) {
        order = compare_number(RANK_TIE(a->rank), RANK_TIE(b->rank));
    }
    if (!order) {
        order = compare_number(own_period(a), own_period(b));
    }
    if (!order) {
        order = compare_number(a->cancel_at, b->cancel_at);
    }
    if (!order) {
        order = compare_number(a->cancel_at_period_end, b->cancel_at_period_end);
    }
    if (!order) {
        order = compare_number(a->ended_at, b->ended_at);
    }
    return order ? order : compare_text(own_price(a), own_price(b));
}

/* Where arrears stand: the later of "began at" and "was well at", the latter in
 * a tie.  A snapshot in good standing says so by its own time. */
static apr_int64_t arrears(const saas_subscription_t *s, int *began)
{
    *began = 0;
    if (is_past_due(s->status)) {
        *began = (s->rank & PAST_DUE_BEGAN) != 0;
        return s->past_due_since;
    }
    return RANK_GRADE(s->rank) >= GRADE_SNAPSHOT ? s->created : 0;
}

static void join_arrears(saas_subscription_t *to, const saas_subscription_t *a, const saas_subscription_t *b)
{
    int a_began, b_began;
    apr_int64_t a_time = arrears(a, &a_began), b_time = arrears(b, &b_began);
    int take_b = b_time > a_time || (b_time == a_time && !b_began);

    to->past_due_since = 0;
    to->rank &= ~PAST_DUE_BEGAN;
    if (is_past_due(to->status)) {
        to->past_due_since = take_b ? b_time : a_time;
        if (take_b ? b_began : a_began) {
            to->rank |= PAST_DUE_BEGAN;
        }
    }
}

/* What the greater fact leaves unsaid is filled from the lesser; among several,
 * with the latest end and the last price by name.  Stripe's snapshots say both. */
static void borrow(saas_subscription_t *to, const saas_subscription_t *lesser)
{
    if (!own_period(to)) {
        to->period_end = to->period_end > lesser->period_end ? to->period_end : lesser->period_end;
        to->rank |= to->period_end ? PERIOD_BORROWED : 0;
    }
    if (!own_price(to)) {
        to->price = compare_text(to->price, lesser->price) > 0 ? to->price : lesser->price;
        to->rank |= to->price ? PRICE_BORROWED : 0;
    }
    if (!to->started_at || (lesser->started_at && lesser->started_at < to->started_at)) {
        to->started_at = lesser->started_at;
    }
    if (!to->customer) {
        to->customer = lesser->customer;
    }
}

int saas_subscription_join(saas_subscription_t *row, const saas_subscription_t *fact)
{
    saas_subscription_t before = *row;
    int newer = compare(fact, &before) > 0;

    *row = newer ? *fact : before;
    row->id = fact->id;
    borrow(row, newer ? &before : fact);
    join_arrears(row, &before, fact);
    return !before.id || row->rank != before.rank || row->created != before.created
           || row->period_end != before.period_end || row->cancel_at != before.cancel_at
           || row->cancel_at_period_end != before.cancel_at_period_end || row->started_at != before.started_at
           || row->ended_at != before.ended_at || row->past_due_since != before.past_due_since
           || compare_text(row->price, before.price) || compare_text(row->customer, before.customer)
           || compare_text(row->status, before.status);
}

apr_int64_t saas_subscription_past_due_since(const saas_subscription_t *row)
{
    return row->rank & PAST_DUE_BEGAN ? row->past_due_since : row->created;
}

int saas_subscription_find(const saas_subscription_t *rows, int n, const char *id)
{
    int i;
    for (i = 0; i < n && (!id || strcmp(rows[i].id, id)); i++) {
    }
    return i;
}

int saas_subscription_is_over(const saas_subscription_t *row)
{
    int place = find_status(row->status);
    return place >= 0 && statuses[place].grade == GRADE_TERMINAL;
}

static apr_int64_t earlier(apr_int64_t a, apr_int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

apr_int64_t saas_subscription_due(const saas_subscription_t *row, apr_int64_t grace, apr_int64_t patience)
{
    int place = find_status(row->status);

    if (place < 0 || saas_subscription_is_over(row)) {
        return 0;
    }
    if (is_past_due(row->status)) {
        return saas_subscription_past_due_since(row) + (grace > 0 ? grace + SECONDS_AN_HOUR : patience);
    }
    if (statuses[place].ours == OURS_ACTIVE) {
        apr_int64_t end = earlier(row->period_end, row->cancel_at);
        return end ? end + patience : row->created + SECONDS_AN_HOUR;
    }
    return statuses[place].grade == GRADE_INCOMPLETE ? later(row->started_at, row->created) + 24 * SECONDS_AN_HOUR : 0;
}

static ours_e judge(const saas_subscription_t *row, const saas_subscription_t *tombstone, apr_int64_t grace,
                    apr_int64_t *ends_at, const char **stripe_status)
{
    int place = find_status(row->status);
    ours_e ours = place < 0 ? OURS_FREE : statuses[place].ours;
    apr_int64_t scheduled = row->cancel_at ? row->cancel_at : row->cancel_at_period_end ? row->period_end : 0;

    *stripe_status = row->status;
    *ends_at = 0;
    if (tombstone && RANK_GRADE(row->rank) < GRADE_TERMINAL) {
        *stripe_status = "canceled";
        *ends_at = tombstone->ended_at;
        return OURS_CANCELED;
    }
    if (is_past_due(row->status)) {
        *ends_at = earlier(saas_subscription_past_due_since(row) + grace, scheduled);
        return grace > 0 ? OURS_ACTIVE : OURS_EXPIRED;
    }
    if (ours == OURS_ACTIVE) {
        *ends_at = scheduled;
    } else if (ours == OURS_CANCELED) {
        *ends_at = row->ended_at;
    }
    return ours;
}

static const saas_subscription_t *find_tombstone(const saas_subscription_t *rows, int n, const char *customer)
{
    int i;
    for (i = 0; customer && i < n; i++) {
        if (rows[i].id && !strcmp(rows[i].id, customer)) {
            return &rows[i];
        }
    }
    return NULL;
}

void saas_subscription_effective(const saas_subscription_t *rows, int n, apr_int64_t grace, saas_effective_t *out)
{
    const saas_subscription_t *best = NULL;
    ours_e best_ours = OURS_FREE;
    apr_int64_t best_reach = 0;
    int i;

    memset(out, 0, sizeof(*out));
    for (i = 0; i < n; i++) {
        const saas_subscription_t *row = &rows[i];
        const char *stripe_status;
        apr_int64_t ends_at, reach;
        ours_e ours = judge(row, find_tombstone(rows, n, row->customer), grace, &ends_at, &stripe_status);
        int order = best ? compare_number(ours, best_ours) : 1;

        /* The one that gives access for longest, a real one before a tombstone. */
        reach = ours == OURS_ACTIVE && !ends_at ? APR_INT64_MAX : ends_at;
        if (!order) {
            order = compare_number(!saas_subscription_is_tombstone(row), !saas_subscription_is_tombstone(best));
        }
        if (!order) {
            order = compare_number(reach, best_reach);
        }
        if (!order) {
            order = compare_number(row->period_end, best->period_end);
        }
        if (!order) {
            order = compare_text(row->id, best->id);
        }
        if (order > 0) {
            best = row;
            best_ours = ours;
            best_reach = reach;
            out->ends_at = ends_at;
            out->stripe_status = stripe_status;
        }
    }
    out->status = ours_text[best_ours];
    if (best && !saas_subscription_is_tombstone(best)) {
        out->subscription = best->id;
        out->price = best->price;
        out->started_at = best->started_at;
    }
}

int saas_subscription_try(saas_effective_t *now, const saas_trial_t *trial, apr_int64_t at)
{
    int has_access = !strcmp(now->status, ours_text[OURS_ACTIVE]);

    if (!trial->ends_at || trial->ends_at <= now->ends_at || (has_access && !now->ends_at)
        || (trial->ends_at <= at && strcmp(now->status, ours_text[OURS_FREE]) != 0)) {
        return 0;
    }
    now->status = ours_text[OURS_ACTIVE];
    now->price = has_access ? now->price : NULL;
    now->started_at = trial->started_at;
    now->ends_at = trial->ends_at;
    return 1;
}
