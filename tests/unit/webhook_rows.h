#ifndef WEBHOOK_ROWS_H
#define WEBHOOK_ROWS_H

/*
 * An organization's rows of subscriptions, kept as the webhook's transaction keeps them, for the tests of the state
 * machine and for its fuzz target. No database: what a row holds is all that is known of the events before.
 */

#include <string.h>

#include <apr_strings.h>

#include "plugins/webhooks/state.h"

#define ROWS_MAX 8

typedef struct {
    saas_subscription_t rows[ROWS_MAX];
    int n;
} rows_t;

/** Takes an event; 1: it changed something. A row more than there is room for is not taken. */
static inline int rows_take(rows_t *to, const saas_event_t *event)
{
    saas_subscription_t fact;
    int i;
    const char *price = event->prices->nelts ? APR_ARRAY_IDX(event->prices, 0, const char *) : NULL;
    if (saas_subscription_fact(event, price, &fact) != SAAS_FACT_GIVEN) {
        return 0;
    }
    for (i = 0; i < to->n && strcmp(to->rows[i].id, fact.id); i++) {
    }
    if (i == ROWS_MAX) {
        return 0;
    }
    if (i == to->n) {
        memset(&to->rows[to->n++], 0, sizeof(fact));
    }
    return saas_subscription_join(&to->rows[i], &fact);
}

static inline const saas_subscription_t *rows_find(const rows_t *in, const char *id)
{
    int i;
    for (i = 0; i < in->n; i++) {
        if (!strcmp(in->rows[i].id, id)) {
            return &in->rows[i];
        }
    }
    return NULL;
}

static inline int rows_text_same(const char *a, const char *b)
{
    return a == b || !strcmp(a ? a : "", b ? b : "");
}

static inline int rows_row_same(const saas_subscription_t *a, const saas_subscription_t *b)
{
    return rows_text_same(a->id, b->id) && rows_text_same(a->customer, b->customer) && rows_text_same(a->status, b->status)
           && rows_text_same(a->price, b->price) && a->period_end == b->period_end && a->cancel_at == b->cancel_at
           && a->cancel_at_period_end == b->cancel_at_period_end && a->started_at == b->started_at
           && a->ended_at == b->ended_at && a->past_due_since == b->past_due_since && a->created == b->created
           && a->rank == b->rank;
}

/** The same rows, in whatever order they came to be. */
static inline int rows_same(const rows_t *a, const rows_t *b)
{
    int i;
    for (i = 0; i < a->n; i++) {
        const saas_subscription_t *other = rows_find(b, a->rows[i].id);
        if (!other || !rows_row_same(&a->rows[i], other)) {
            return 0;
        }
    }
    return a->n == b->n;
}

static inline int rows_effective_same(const saas_effective_t *a, const saas_effective_t *b)
{
    return rows_text_same(a->status, b->status) && rows_text_same(a->stripe_status, b->stripe_status)
           && rows_text_same(a->subscription, b->subscription) && a->started_at == b->started_at && a->ends_at == b->ends_at;
}

/** For messages. */
static inline const char *rows_show(apr_pool_t *p, const rows_t *of)
{
    const char *text = "";
    int i;
    for (i = 0; i < of->n; i++) {
        const saas_subscription_t *r = &of->rows[i];
        text = apr_psprintf(p, "%s[%s %s %s %s end %ld cancel %ld/%d start %ld ended %ld due %ld at %ld #%x]", text, r->id,
                            r->customer ? r->customer : "-", r->status, r->price ? r->price : "-", (long)r->period_end,
                            (long)r->cancel_at, r->cancel_at_period_end, (long)r->started_at, (long)r->ended_at,
                            (long)r->past_due_since, (long)r->created, (unsigned)r->rank);
    }
    return text;
}

#endif
