/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * When Stripe is to be asked next for a subscription: the asking needs a key and is the billing plugin's, which finds
 * in stripe_news what is due.
 */
#include "work.h"

#include <apr_strings.h>

/* An event is a hint, and several come at once: Stripe is asked what is so when they have come. */
#define HINT_SECONDS 5
#define ASK_AGAIN_SECONDS SAAS_SECONDS_A_DAY
#define ASK_SELDOM_SECONDS (30 * SAAS_SECONDS_A_DAY)

apr_int64_t saas_work_due(const saas_work_t *w, const saas_subscription_t *row)
{
    return saas_subscription_due(row, grace_of(w),
                                 (apr_int64_t)saas_webhooks_config_overdue_days(w->server) * SAAS_SECONDS_A_DAY);
}

/* With a key an event is a hint, whatever it changed; without one nobody asks,
 * and what is overdue can be seen. */
apr_status_t saas_work_expect_news(saas_work_t *w, const saas_holding_t *held)
{
    const char *id = w->event->subscription;
    int i = saas_subscription_find(held->subs, held->n, id);
    int has_key = saas_webhooks_config_key_mode(w->server) != SAAS_UNSET;
    apr_int64_t due, now = apr_time_sec(apr_time_now()), wait;

    if (!id) {
        return APR_SUCCESS;
    }
    if (i < held->n && saas_subscription_is_over(&held->subs[i])) {
        return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(id));
    }
    due = i < held->n ? saas_work_due(w, &held->subs[i]) : 0;
    wait = !due ? ASK_SELDOM_SECONDS : due > now ? due - now : w->asked ? ASK_AGAIN_SECONDS : 0;
    if (!w->asked) {
        return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_TOLD),
                             SAAS_ARGS(id, w->org, time_arg(w->pool, due),
                                       apr_psprintf(w->pool, "%" APR_INT64_T_FMT, has_key ? HINT_SECONDS : wait)));
    }
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_ANSWERED),
                         SAAS_ARGS(id, w->org, time_arg(w->pool, due),
                                   apr_psprintf(w->pool, "%" APR_INT64_T_FMT, wait),
                                   saas_time_text(w->pool, w->asked)));
}
