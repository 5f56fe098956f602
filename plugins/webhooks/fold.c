/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What an event, or an answer, says of its subscription, among what is known of it (state.h): the row is the greatest
 * of the facts that were told.
 */
#include "work.h"

#include <apr_strings.h>

/* What an answer has changed, in words; NULL: nothing of what Stripe says. */
static const char *difference(apr_pool_t *p, const saas_subscription_t *before, const saas_subscription_t *after)
{
    const struct {
        const char *what, *was, *is;
    } facts[] = {
        { "status", before->status, after->status },
        { "price", before->price, after->price },
        { "period end", time_arg(p, before->period_end), time_arg(p, after->period_end) },
        { "cancel at", time_arg(p, before->cancel_at), time_arg(p, after->cancel_at) },
        { "cancel at period end", before->cancel_at_period_end ? "yes" : "no",
          after->cancel_at_period_end ? "yes" : "no" },
    };
    const char *words = NULL;
    apr_size_t i;

    for (i = 0; i < sizeof(facts) / sizeof(*facts); i++) {
        if (!same(facts[i].was, facts[i].is)) {
            words = apr_pstrcat(p, words ? words : "", words ? ", " : "", facts[i].what, " ",
                                facts[i].was ? facts[i].was : "none", " -> ", facts[i].is ? facts[i].is : "none", NULL);
        }
    }
    return words;
}

static saas_fact_e fact_of(const saas_work_t *w, const char *price, const saas_subscription_t *known,
                           saas_subscription_t *fact)
{
    return w->asked ? saas_subscription_answer(w->event, price, known, fact)
                    : saas_subscription_fact(w->event, price, fact);
}

static apr_status_t store(saas_work_t *w, const saas_subscription_t *s)
{
    apr_pool_t *p = w->pool;
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_STORE),
                         SAAS_ARGS(s->id, s->customer ? s->customer : "", s->status, s->price,
                                   time_arg(p, s->period_end), time_arg(p, s->cancel_at),
                                   s->cancel_at_period_end ? "yes" : "no", time_arg(p, s->started_at),
                                   time_arg(p, s->ended_at), time_arg(p, s->past_due_since),
                                   apr_psprintf(p, "%" APR_INT64_T_FMT, s->created),
                                   apr_psprintf(p, "%d", s->rank)));
}

apr_status_t saas_work_fold(saas_work_t *w, const char *price, saas_holding_t *held)
{
    saas_subscription_t *subs = held->subs, fact, before;
    int i = saas_subscription_find(subs, held->n, w->event->subscription);

    if (w->event->kind == SAAS_EVENT_SUBSCRIPTION_MISSING) {
        apr_int64_t due = i < held->n ? saas_work_due(w, &subs[i]) : 0;
        if (!due || due > w->event->created) {
            w->verdict = SAAS_VERDICT_MISSING;
            return APR_SUCCESS;
        }
    }
    switch (fact_of(w, price, &subs[i], &fact)) {
    case SAAS_FACT_NONE:
        return APR_SUCCESS;
    case SAAS_FACT_UNKNOWN:
        w->verdict = apr_psprintf(w->pool, SAAS_VERDICT_UNKNOWN_STATUS " %.64s",
                                  w->event->status ? w->event->status : "none");
        SAAS_LOG(w->server, w->asked ? APLOG_INFO : APLOG_WARNING, 0, "SAAS1605",
                 "event %s: subscription %s has a status this version does not know (%.64s); nothing was changed, "
                 "look at it in Stripe's dashboard",
                 w->event->id, w->event->subscription, w->event->status ? w->event->status : "none");
        return APR_SUCCESS;
    case SAAS_FACT_GIVEN:
        break;
    }
    i = saas_subscription_find(subs, held->n, fact.id);
    if (i < held->n && fact.customer && subs[i].customer && *subs[i].customer
        && strcmp(subs[i].customer, fact.customer)) {
        w->verdict = SAAS_VERDICT_REFUSED "the subscription belongs to another customer";
        return APR_SUCCESS;
    }
    if (i == held->n) {
        memset(&subs[held->n++], 0, sizeof(subs[0]));
    }
    before = subs[i];
    if (!saas_subscription_join(&subs[i], &fact)) {
        w->verdict = SAAS_VERDICT_SUPERSEDED;
        return APR_SUCCESS;
    }
    w->differed = w->asked ? difference(w->pool, &before, &subs[i]) : NULL;
    return store(w, &subs[i]);
}
