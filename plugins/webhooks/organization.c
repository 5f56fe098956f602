/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The organization of an event: its row and those of its subscriptions, read under the row's lock, and what they amount
 * to once the event is among them, with the trail.
 */
#include "work.h"

#include <apr_strings.h>

/* Columns of SAAS_WEBHOOKS_LOAD. */
enum {
    COL_STATUS, COL_STARTED_AT, COL_ENDS_AT, COL_CUSTOMER, COL_SUBSCRIPTION, COL_STRIPE_STATUS, COL_PRICE,
    COL_SUB, COL_SUB_CUSTOMER, COL_SUB_STATUS, COL_SUB_PRICE, COL_SUB_PERIOD_END, COL_SUB_CANCEL_AT,
    COL_SUB_CANCEL_AT_END, COL_SUB_STARTED_AT, COL_SUB_ENDED_AT, COL_SUB_PAST_DUE, COL_SUB_CREATED, COL_SUB_RANK,
    COL_TRIAL_STARTED_AT, COL_TRIAL_ENDS_AT
};

static apr_int64_t time_cell(const saas_rows_t *rows, int row, int column)
{
    apr_time_t t;
    const char *text = saas_cell(rows, row, column);
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? apr_time_sec(t) : 0;
}

static void read_row(const saas_rows_t *rows, int row, saas_subscription_t *s)
{
    memset(s, 0, sizeof(*s));
    s->id = saas_cell(rows, row, COL_SUB);
    s->customer = saas_cell(rows, row, COL_SUB_CUSTOMER);
    s->status = saas_cell(rows, row, COL_SUB_STATUS);
    s->price = saas_cell(rows, row, COL_SUB_PRICE);
    s->period_end = time_cell(rows, row, COL_SUB_PERIOD_END);
    s->cancel_at = time_cell(rows, row, COL_SUB_CANCEL_AT);
    s->cancel_at_period_end = saas_cell_bool(rows, row, COL_SUB_CANCEL_AT_END);
    s->started_at = time_cell(rows, row, COL_SUB_STARTED_AT);
    s->ended_at = time_cell(rows, row, COL_SUB_ENDED_AT);
    s->past_due_since = time_cell(rows, row, COL_SUB_PAST_DUE);
    s->created = saas_cell_int(rows, row, COL_SUB_CREATED);
    s->rank = (int)saas_cell_int(rows, row, COL_SUB_RANK);
}

apr_status_t saas_work_read(saas_work_t *w, const char *org, saas_rows_t **rows)
{
    apr_status_t rv = saas_db_set_organization(w->db, org);

    if (rv == APR_SUCCESS) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_LOCK), SAAS_NO_ARGS);
    }
    return rv == APR_SUCCESS ? saas_db_query(w->db, statement(SAAS_WEBHOOKS_LOAD), rows, SAAS_NO_ARGS) : rv;
}

apr_status_t saas_work_load(saas_work_t *w, saas_holding_t *held)
{
    saas_rows_t *rows = w->named;
    int i;
    apr_status_t rv = APR_SUCCESS;

    if (!rows || strcmp(w->org, w->event->metadata_org) != 0) {
        rv = saas_work_read(w, w->org, &rows);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    memset(held, 0, sizeof(*held));
    held->rows = rows;
    held->customer = rows->count ? saas_cell(rows, 0, COL_CUSTOMER) : NULL;
    held->subs = apr_pcalloc(w->pool, sizeof(*held->subs) * (apr_size_t)(rows->count + 1));
    for (i = 0; i < rows->count; i++) {
        if (saas_cell(rows, i, COL_SUB)) {
            read_row(rows, i, &held->subs[held->n++]);
        }
    }
    return APR_SUCCESS;
}

static json_t *picture(apr_pool_t *p, const char *status, const char *stripe_status, apr_int64_t ends_at)
{
    return json_pack("{s:s?, s:s?, s:s?}", "status", status, "stripe_status", stripe_status, "ends_at",
                     time_arg(p, ends_at));
}

static apr_status_t leave_trail(saas_work_t *w, const saas_rows_t *rows, const saas_effective_t *now)
{
    apr_pool_t *p = w->pool;
    saas_activity_t activity = {
        .action = "subscription.changed",
        .target_type = "subscription",
        .target_id = now->subscription ? now->subscription : saas_cell(rows, 0, COL_SUBSCRIPTION),
        .target_label = now->stripe_status,
        .old_value = picture(p, saas_cell(rows, 0, COL_STATUS), saas_cell(rows, 0, COL_STRIPE_STATUS),
                             time_cell(rows, 0, COL_ENDS_AT)),
        .new_value = picture(p, now->status, now->stripe_status, now->ends_at),
        .actor_type = "stripe",
        .actor_id = w->event->id,
    };
    apr_status_t rv = saas_activity(w->db, w->rq, &activity);
    json_decref(activity.old_value);
    json_decref(activity.new_value);
    return rv;
}

apr_status_t saas_work_settle(saas_work_t *w, const saas_holding_t *held)
{
    apr_pool_t *p = w->pool;
    const saas_event_t *event = w->event;
    const saas_rows_t *rows = held->rows;
    const char *customer = held->customer;
    const char *trial_end = saas_cell(rows, 0, COL_TRIAL_ENDS_AT);
    const saas_trial_t trial = { time_cell(rows, 0, COL_TRIAL_STARTED_AT), time_cell(rows, 0, COL_TRIAL_ENDS_AT) };
    int i, deleted = event->kind == SAAS_EVENT_CUSTOMER_DELETED, by_trial;
    saas_effective_t now;
    apr_status_t rv;

    saas_subscription_effective(held->subs, held->n, grace_of(w), &now);
    by_trial = saas_subscription_try(&now, &trial, apr_time_sec(apr_time_now()));
    for (i = 0; event->customer && i < held->n; i++) {
        deleted |= same(held->subs[i].id, event->customer);
    }
    if (deleted && same(customer, event->customer)) {
        customer = NULL;
    } else if (!deleted && !customer) {
        customer = event->customer;
    }
    if (same(now.status, saas_cell(rows, 0, COL_STATUS))
        && same(now.stripe_status, saas_cell(rows, 0, COL_STRIPE_STATUS))
        && same(now.subscription, saas_cell(rows, 0, COL_SUBSCRIPTION))
        && same(now.price, saas_cell(rows, 0, COL_PRICE))
        && same(customer, held->customer)
        && now.started_at == time_cell(rows, 0, COL_STARTED_AT) && now.ends_at == time_cell(rows, 0, COL_ENDS_AT)) {
        return APR_SUCCESS;
    }
    /* The trial's end to the microsecond: the same end is how it is known that the access is the trial's. */
    rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_EFFECTIVE),
                       SAAS_ARGS(now.status,
                                 by_trial ? saas_cell(rows, 0, COL_TRIAL_STARTED_AT) : time_arg(p, now.started_at),
                                 by_trial ? trial_end : time_arg(p, now.ends_at), now.subscription, now.stripe_status,
                                 customer, now.price));
    /* Access that somebody pays for from now on is another, though it goes on. */
    if (rv == APR_SUCCESS && (!same(now.status, saas_cell(rows, 0, COL_STATUS))
                              || by_trial != (trial_end && same(trial_end, saas_cell(rows, 0, COL_ENDS_AT))))) {
        rv = leave_trail(w, rows, &now);
    }
    return rv;
}

apr_status_t saas_work_entitle(saas_work_t *w)
{
    const saas_event_t *event = w->event;
    apr_status_t rv = saas_db_set_organization(w->db, w->org);

    if (event->entitled_more) {
        SAAS_LOG(w->server, APLOG_NOTICE, 0, "SAAS1614",
                 "event %s: customer %s has more entitlements than the event tells; those count", event->id,
                 event->customer);
    }
    return rv == APR_SUCCESS
               ? saas_db_queue(w->db, statement(SAAS_WEBHOOKS_ENTITLED),
                               SAAS_ARGS(event->entitled, apr_psprintf(w->pool, "%" APR_INT64_T_FMT, event->created)))
               : rv;
}
