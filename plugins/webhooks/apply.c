/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The transaction of an event: its row, the organization it belongs to, the
 * subscription's new state, the organization's, when news is due next, the trail.
 * All or nothing: a failure of ours leaves no trace, and Stripe sends the event
 * again.  No call to Stripe may ever be made from here.
 *
 * What Stripe has answered when it was asked (told.c), and a stored event that is
 * applied again (replay.c), go the same way.
 *
 * Whose event it is (never decided by e-mail):
 *   1. the organization that its customer, subscription or checkout session is
 *      bound to - the session only because we created it;
 *   2. else the existing organization that the object's metadata names;
 *   3. else, where that is switched on, the one for which it was paid elsewhere
 *      (claims.h).
 * Two that disagree: the event is refused, recorded and warned about.  A
 * binding is never removed, so that late events of a deleted customer still find
 * home; the organization forgets that customer, and its next checkout makes one.
 */
#include "webhooks.h"

#include "claims.h"
#include "state.h"

#include <apr_strings.h>

#define SECONDS_A_DAY 86400
#define OTHER_MODE "ignored:mode of the account"
#define DUPLICATE "duplicate"
#define MISSING "ignored:Stripe does not have it"

/* An event is a hint, and several come at once: Stripe is asked what is so when they have come. */
#define HINT_SECONDS 5
#define ASK_AGAIN_SECONDS SECONDS_A_DAY
#define ASK_SELDOM_SECONDS (30 * SECONDS_A_DAY)

/* Columns of SAAS_WEBHOOKS_LOAD. */
enum {
    COL_STATUS, COL_STARTED_AT, COL_ENDS_AT, COL_CUSTOMER, COL_SUBSCRIPTION, COL_STRIPE_STATUS, COL_PRICE,
    COL_SUB, COL_SUB_CUSTOMER, COL_SUB_STATUS, COL_SUB_PRICE, COL_SUB_PERIOD_END, COL_SUB_CANCEL_AT,
    COL_SUB_CANCEL_AT_END, COL_SUB_STARTED_AT, COL_SUB_ENDED_AT, COL_SUB_PAST_DUE, COL_SUB_CREATED, COL_SUB_RANK,
    COL_TRIAL_STARTED_AT, COL_TRIAL_ENDS_AT
};

typedef struct {
    saas_request_t *rq;    /* NULL for a job */
    saas_job_t *job;       /* NULL for a delivery */
    apr_pool_t *pool;
    server_rec *server;
    const saas_event_t *event;
    const char *payload;
    apr_time_t asked;      /* an answer: our clock when the asking began; 0: an event */
    saas_db_t *db;

    /* Set anew by each try of the transaction. */
    const char *org;       /* whose event it is */
    int customer_bound, subscription_bound;
    int claimed;           /* it is bound now, to an organization for which it was paid elsewhere */
    const char *buyer;     /* by whom; NULL: not known */
    const char *verdict;
    const char *differed;  /* an answer: what it changed, in words */
    int wake;              /* jobs were added */
} work_t;

static saas_statement_t *statement(int index)
{
    return &saas_webhooks_statements[index];
}

static const char *time_arg(apr_pool_t *p, apr_int64_t seconds)
{
    return seconds ? saas_time_text(p, apr_time_from_sec(seconds)) : NULL;
}

static apr_int64_t time_cell(const saas_rows_t *rows, int row, int column)
{
    apr_time_t t;
    const char *text = saas_cell(rows, row, column);
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? apr_time_sec(t) : 0;
}

static int same(const char *a, const char *b)
{
    return !strcmp(a ? a : "", b ? b : "");
}

/* The price that counts: the first that is sold here, else the first. */
static const char *pick_price(const work_t *w, int *ours)
{
    const apr_array_header_t *given = w->event->prices, *sold = saas_webhooks_config_prices(w->server);
    int i, k;

    *ours = sold->nelts == 0 || given->nelts == 0;
    for (i = 0; i < given->nelts; i++) {
        for (k = 0; k < sold->nelts; k++) {
            if (!strcmp(APR_ARRAY_IDX(given, i, const char *), APR_ARRAY_IDX(sold, k, const char *))) {
                *ours = 1;
                return APR_ARRAY_IDX(given, i, const char *);
            }
        }
    }
    return given->nelts ? APR_ARRAY_IDX(given, 0, const char *) : NULL;
}

static saas_stripe_mode_e mode_of(const server_rec *s)
{
    int said = saas_webhooks_config_mode(s), by_key = saas_webhooks_config_key_mode(s);
    return said != SAAS_UNSET ? (saas_stripe_mode_e)said
           : by_key != SAAS_UNSET ? (saas_stripe_mode_e)by_key
                                  : SAAS_STRIPE_TEST;
}

/* A job is of no server: any that takes such events will do. */
static int is_of_mode(const work_t *w)
{
    const server_rec *s;
    for (s = w->server; s; s = w->job ? s->next : NULL) {
        if (mode_of(s) == SAAS_STRIPE_ANY || w->event->livemode == (mode_of(s) == SAAS_STRIPE_LIVE)) {
            return 1;
        }
    }
    return 0;
}

/* Why an event is none of ours, from itself alone; NULL: it may be ours. */
static const char *foreign(const work_t *w)
{
    const saas_event_t *event = w->event;

    if (event->account) {
        return "ignored:connected account";
    }
    if (!w->asked && !is_of_mode(w)) {
        return OTHER_MODE;
    }
    switch (event->kind) {
    case SAAS_EVENT_OTHER:
        return "ignored:type";
    case SAAS_EVENT_INVOICE_PAID:
    case SAAS_EVENT_INVOICE_FAILED:
        return event->subscription ? NULL : "ignored:no subscription";
    case SAAS_EVENT_SUBSCRIPTION_CREATED:
    case SAAS_EVENT_SUBSCRIPTION_CHANGED:
    case SAAS_EVENT_SUBSCRIPTION_DELETED:
    case SAAS_EVENT_SUBSCRIPTION_READ:
    case SAAS_EVENT_SUBSCRIPTION_MISSING:
        return event->subscription ? NULL : "ignored:no subscription";
    case SAAS_EVENT_ENTITLEMENTS:
        return saas_webhooks_config_entitlements(w->server) != 1 ? "ignored:type"
               : event->customer                                 ? NULL
                                                                 : "ignored:no customer";
    case SAAS_EVENT_CUSTOMER_DELETED:
        return event->customer ? NULL : "ignored:no customer";
    default:
        return event->mode && !strcmp(event->mode, "subscription") ? NULL : "ignored:no subscription";
    }
}

/* Stores the delivery; another one of the same event waits here until this transaction ends. */
static apr_status_t record(work_t *w)
{
    const saas_event_t *event = w->event;
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_RECORD),
                         SAAS_ARGS(event->id, event->type, event->api_version, event->livemode ? "live" : "test",
                                   apr_psprintf(w->pool, "%" APR_INT64_T_FMT, event->created), w->verdict,
                                   w->payload));
}

static apr_status_t resolve(work_t *w);

/* Nobody's, unless it was paid for somebody elsewhere. */
static apr_status_t find_claim(work_t *w)
{
    saas_claim_t claim;
    apr_status_t rv = saas_webhooks_claim(w->db, w->pool, w->server, w->job != NULL, w->event, &claim);

    w->org = claim.org;
    w->claimed = claim.org != NULL;
    w->buyer = claim.buyer;
    w->wake |= claim.wake;
    if (rv == APR_SUCCESS && claim.bound) {
        return resolve(w); /* which finds it, as it is committed */
    }
    if (!claim.org) {
        w->verdict = claim.verdict;
    }
    return rv;
}

/* Finds the organization: w->org, or w->verdict says why there is none, also that the event was recorded before. */
static apr_status_t resolve(work_t *w)
{
    const saas_event_t *event = w->event;
    const char *bound = NULL, *named = NULL;
    saas_rows_t *rows;
    int i;
    apr_status_t rv = saas_db_query(w->db, statement(SAAS_WEBHOOKS_RESOLVE), &rows,
                                    SAAS_ARGS(event->id, event->customer, event->subscription, event->session,
                                              event->metadata_org));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!w->job && saas_cell_int(rows, 0, 0) != 1) {
        w->verdict = DUPLICATE;
        return APR_SUCCESS;
    }
    for (i = 0; i < rows->count; i++) {
        const char *what = saas_cell(rows, i, 1), *org = saas_cell(rows, i, 2);
        if (!what) {
            continue;
        }
        if (!strcmp(what, "metadata")) {
            named = org;
            continue;
        }
        if (bound && strcmp(bound, org)) {
            w->verdict = "refused:its objects belong to different organizations";
            return APR_SUCCESS;
        }
        bound = org;
        w->customer_bound |= same(what, event->customer);
        w->subscription_bound |= same(what, event->subscription);
        if (same(what, event->session) && event->client_reference && strcmp(event->client_reference, org)) {
            w->verdict = "refused:its client_reference_id is not the session's organization";
            return APR_SUCCESS;
        }
    }
    if (bound && named && strcmp(bound, named)) {
        w->verdict = "refused:its metadata names another organization";
        return APR_SUCCESS;
    }
    if (bound && event->reference_org && strcmp(bound, event->reference_org)
        && saas_webhooks_claims_on(w->server, w->job != NULL)) {
        w->verdict = "refused:its client_reference_id names another organization";
        return APR_SUCCESS;
    }
    w->org = bound ? bound : named;
    return w->org ? APR_SUCCESS : find_claim(w);
}

/* A subscription to something else that this Stripe account sells.  What our
 * own checkout made carries our metadata and our customer. */
static int is_other_product(const work_t *w, int price_is_ours)
{
    return !price_is_ours && !w->subscription_bound && !w->claimed && !(w->customer_bound && w->event->metadata_org);
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

static apr_status_t store(work_t *w, const saas_subscription_t *s)
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

static apr_status_t bind_object(work_t *w, const char *stripe_id)
{
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_BIND), SAAS_ARGS(stripe_id, w->org));
}

static json_t *picture(apr_pool_t *p, const char *status, const char *stripe_status, apr_int64_t ends_at)
{
    return json_pack("{s:s?, s:s?, s:s?}", "status", status, "stripe_status", stripe_status, "ends_at",
                     time_arg(p, ends_at));
}

static apr_status_t leave_trail(work_t *w, const saas_rows_t *rows, const saas_effective_t *now)
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

static apr_int64_t grace_of(const work_t *w)
{
    return (apr_int64_t)saas_webhooks_config_grace_days(w->server) * SECONDS_A_DAY;
}

static apr_int64_t due_of(const work_t *w, const saas_subscription_t *row)
{
    return saas_subscription_due(row, grace_of(w),
                                 (apr_int64_t)saas_webhooks_config_overdue_days(w->server) * SECONDS_A_DAY);
}

/* Writes what the organization's subscriptions now amount to, if that changed. */
static apr_status_t settle(work_t *w, const saas_rows_t *rows, const saas_subscription_t *subs, int n)
{
    apr_pool_t *p = w->pool;
    const saas_event_t *event = w->event;
    const char *customer = saas_cell(rows, 0, COL_CUSTOMER);
    const char *trial_end = saas_cell(rows, 0, COL_TRIAL_ENDS_AT);
    const saas_trial_t trial = { time_cell(rows, 0, COL_TRIAL_STARTED_AT), time_cell(rows, 0, COL_TRIAL_ENDS_AT) };
    int i, deleted = event->kind == SAAS_EVENT_CUSTOMER_DELETED, by_trial;
    saas_effective_t now;
    apr_status_t rv;

    saas_subscription_effective(subs, n, grace_of(w), &now);
    by_trial = saas_subscription_try(&now, &trial, apr_time_sec(apr_time_now()));
    for (i = 0; event->customer && i < n; i++) {
        deleted |= same(subs[i].id, event->customer);
    }
    if (deleted && same(customer, event->customer)) {
        customer = NULL;
    } else if (!deleted && !customer) {
        customer = event->customer;
    }
    if (same(now.status, saas_cell(rows, 0, COL_STATUS))
        && same(now.stripe_status, saas_cell(rows, 0, COL_STRIPE_STATUS))
        && same(now.subscription, saas_cell(rows, 0, COL_SUBSCRIPTION)) && same(now.price, saas_cell(rows, 0, COL_PRICE))
        && same(customer, saas_cell(rows, 0, COL_CUSTOMER))
        && now.started_at == time_cell(rows, 0, COL_STARTED_AT) && now.ends_at == time_cell(rows, 0, COL_ENDS_AT)) {
        return APR_SUCCESS;
    }
    /* The trial's end to the microsecond: the same end is how it is known that the access is the trial's. */
    rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_EFFECTIVE),
                       SAAS_ARGS(now.status, by_trial ? saas_cell(rows, 0, COL_TRIAL_STARTED_AT) : time_arg(p, now.started_at),
                                 by_trial ? trial_end : time_arg(p, now.ends_at), now.subscription, now.stripe_status,
                                 customer, now.price));
    /* Access that somebody pays for from now on is another, though it goes on. */
    if (rv == APR_SUCCESS && (!same(now.status, saas_cell(rows, 0, COL_STATUS))
                              || by_trial != (trial_end && same(trial_end, saas_cell(rows, 0, COL_ENDS_AT))))) {
        rv = leave_trail(w, rows, &now);
    }
    return rv;
}

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
        { "cancel at period end", before->cancel_at_period_end ? "yes" : "no", after->cancel_at_period_end ? "yes" : "no" },
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

static saas_fact_e fact_of(const work_t *w, const char *price, const saas_subscription_t *known, saas_subscription_t *fact)
{
    return w->asked ? saas_subscription_answer(w->event, price, known, fact)
                    : saas_subscription_fact(w->event, price, fact);
}

static int find(const saas_subscription_t *subs, int n, const char *id)
{
    int i;
    for (i = 0; i < n && !same(subs[i].id, id); i++) {
    }
    return i;
}

/* Folds the event's fact into the organization's rows; subs has room for one
 * more than the *n rows there are. */
static apr_status_t fold(work_t *w, const char *price, saas_subscription_t *subs, int *n)
{
    saas_subscription_t fact, before;
    int i = find(subs, *n, w->event->subscription);

    if (w->event->kind == SAAS_EVENT_SUBSCRIPTION_MISSING) {
        apr_int64_t due = i < *n ? due_of(w, &subs[i]) : 0;
        if (!due || due > w->event->created) {
            w->verdict = MISSING;
            return APR_SUCCESS;
        }
    }
    switch (fact_of(w, price, &subs[i], &fact)) {
    case SAAS_FACT_NONE:
        return APR_SUCCESS;
    case SAAS_FACT_UNKNOWN:
        w->verdict = apr_psprintf(w->pool, "ignored:unknown status %.64s", w->event->status ? w->event->status : "none");
        SAAS_LOG(w->server, w->asked ? APLOG_INFO : APLOG_WARNING, 0, "SAAS1605",
                 "event %s: subscription %s has a status this version does not know (%.64s); nothing was changed, "
                 "look at it in Stripe's dashboard",
                 w->event->id, w->event->subscription, w->event->status ? w->event->status : "none");
        return APR_SUCCESS;
    case SAAS_FACT_GIVEN:
        break;
    }
    i = find(subs, *n, fact.id);
    if (i < *n && fact.customer && subs[i].customer && *subs[i].customer && strcmp(subs[i].customer, fact.customer)) {
        w->verdict = "refused:the subscription belongs to another customer";
        return APR_SUCCESS;
    }
    if (i == *n) {
        memset(&subs[(*n)++], 0, sizeof(subs[0]));
    }
    before = subs[i];
    if (!saas_subscription_join(&subs[i], &fact)) {
        w->verdict = "ignored:superseded";
        return APR_SUCCESS;
    }
    w->differed = w->asked ? difference(w->pool, &before, &subs[i]) : NULL;
    return store(w, &subs[i]);
}

/* Writes when Stripe is to be asked next.  With a key an event is a hint, whatever it changed; without one nobody asks,
 * and what is overdue can be seen. */
static apr_status_t expect_news(work_t *w, const saas_subscription_t *subs, int n)
{
    const char *id = w->event->subscription;
    int i = find(subs, n, id), has_key = saas_webhooks_config_key_mode(w->server) != SAAS_UNSET;
    apr_int64_t due, now = apr_time_sec(apr_time_now()), wait;

    if (!id) {
        return APR_SUCCESS;
    }
    if (i < n && saas_subscription_is_over(&subs[i])) {
        return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(id));
    }
    due = i < n ? due_of(w, &subs[i]) : 0;
    wait = !due ? ASK_SELDOM_SECONDS : due > now ? due - now : w->asked ? ASK_AGAIN_SECONDS : 0;
    if (!w->asked) {
        return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_TOLD),
                             SAAS_ARGS(id, w->org, time_arg(w->pool, due),
                                       apr_psprintf(w->pool, "%" APR_INT64_T_FMT, has_key ? HINT_SECONDS : wait)));
    }
    return saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_ANSWERED),
                         SAAS_ARGS(id, w->org, time_arg(w->pool, due),
                                   apr_psprintf(w->pool, "%" APR_INT64_T_FMT, wait), saas_time_text(w->pool, w->asked)));
}

/* Mail to the ADMINs, where a plugin sends mail. */
static apr_status_t tell_admins(work_t *w, const char *template)
{
    const char *frontend = saas_webhooks_config_frontend(w->server);
    saas_rows_t *rows;
    apr_status_t rv;
    int row;

    if (!saas_job_known("mail")) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(w->db, statement(SAAS_WEBHOOKS_ADMINS), &rows, SAAS_NO_ARGS);
    for (row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        json_t *payload = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s*}}", "template", template,
                                    "to", saas_cell(rows, row, 0), "vars", "name", saas_cell(rows, row, 1),
                                    "organization", saas_cell(rows, row, 2), "url",
                                    frontend ? apr_pstrcat(w->pool, frontend, "/billing", NULL) : "", "buyer", w->buyer);
        rv = saas_job_enqueue(w->db, "mail", w->org, w->event->id, payload, 0);
        json_decref(payload);
        w->wake = 1;
    }
    return rv;
}

/* A sale that did not begin here has been bound: its ADMINs are told, and what came before takes effect. */
static apr_status_t begin_elsewhere(work_t *w)
{
    const saas_event_t *event = w->event;
    saas_activity_t activity = {
        .action = "checkout.bound", .target_type = "subscription", .target_id = event->subscription,
        .target_label = w->buyer, .actor_type = "stripe", .actor_id = event->id,
        .new_value = json_pack("{s:s, s:s, s:s?}", "customer", event->customer, "subscription", event->subscription,
                               "buyer", w->buyer),
    };
    apr_status_t rv = saas_activity(w->db, w->rq, &activity);

    json_decref(activity.new_value);
    if (rv == APR_SUCCESS && (rv = tell_admins(w, "subscription_bought")) == APR_SUCCESS
        && (rv = saas_webhooks_claim_replay(w->db, event, w->org, &w->wake)) == APR_SUCCESS) {
        rv = saas_webhooks_claim_end(w->db, event);
    }
    return rv;
}

/* What Stripe's own entitlements say: all that the customer has, each time. */
static apr_status_t entitle(work_t *w)
{
    const saas_event_t *event = w->event;
    apr_status_t rv = saas_db_set_organization(w->db, w->org);

    if (event->entitled_more) {
        SAAS_LOG(w->server, APLOG_NOTICE, 0, "SAAS1614",
                 "event %s: customer %s has more entitlements than the event tells; those count", event->id, event->customer);
    }
    return rv == APR_SUCCESS
               ? saas_db_queue(w->db, statement(SAAS_WEBHOOKS_ENTITLED),
                               SAAS_ARGS(event->entitled, apr_psprintf(w->pool, "%" APR_INT64_T_FMT, event->created)))
               : rv;
}

static apr_status_t apply_to_organization(work_t *w)
{
    const saas_event_t *event = w->event;
    saas_subscription_t *subs;
    saas_rows_t *rows;
    const char *price;
    int i, n = 0, ours;
    apr_status_t rv;

    if (event->kind == SAAS_EVENT_ENTITLEMENTS) {
        return entitle(w);
    }
    price = pick_price(w, &ours);
    if (is_other_product(w, ours)) {
        w->verdict = "ignored:other product";
        return APR_SUCCESS;
    }
    rv = saas_db_set_organization(w->db, w->org);
    if (rv == APR_SUCCESS) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_LOCK), SAAS_NO_ARGS);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(w->db, statement(SAAS_WEBHOOKS_LOAD), &rows, SAAS_NO_ARGS);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!rows->count) {
        w->verdict = SAAS_CLAIM_UNBOUND;
        return APR_SUCCESS;
    }
    if (w->claimed && saas_cell(rows, 0, COL_CUSTOMER) && !same(saas_cell(rows, 0, COL_CUSTOMER), event->customer)) {
        w->verdict = SAAS_CLAIM_HAS_CUSTOMER;
        return saas_webhooks_claim_end(w->db, event);
    }
    subs = apr_pcalloc(w->pool, sizeof(*subs) * (apr_size_t)(rows->count + 1));
    for (i = 0; i < rows->count; i++) {
        if (saas_cell(rows, i, COL_SUB)) {
            read_row(rows, i, &subs[n++]);
        }
    }
    rv = fold(w, price, subs, &n);
    if (rv != APR_SUCCESS || !strncmp(w->verdict, "refused:", 8)) {
        return rv;
    }
    if (event->customer && !w->customer_bound && (rv = bind_object(w, event->customer)) == APR_SUCCESS
        && event->kind != SAAS_EVENT_CUSTOMER_DELETED) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_CUSTOMER), SAAS_ARGS(event->customer, w->org));
    }
    if (rv == APR_SUCCESS && event->subscription && !w->subscription_bound) {
        rv = bind_object(w, event->subscription);
    }
    if (rv == APR_SUCCESS && (event->kind == SAAS_EVENT_SESSION_COMPLETED || event->kind == SAAS_EVENT_SESSION_EXPIRED)) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_SESSION),
                           SAAS_ARGS(event->session,
                                     event->kind == SAAS_EVENT_SESSION_COMPLETED ? "complete" : "expired"));
        if (rv == APR_SUCCESS) {
            rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(event->session));
        }
    }
    if (rv == APR_SUCCESS && event->kind == SAAS_EVENT_CUSTOMER_DELETED) {
        rv = saas_db_queue(w->db, statement(SAAS_WEBHOOKS_NEWS_OVER), SAAS_ARGS(event->customer));
    }
    if (rv == APR_SUCCESS) {
        rv = expect_news(w, subs, n);
    }
    if (rv == APR_SUCCESS) {
        rv = settle(w, rows, subs, n);
    }
    if (rv == APR_SUCCESS && w->claimed) {
        rv = begin_elsewhere(w);
    }
    if (rv == APR_SUCCESS && event->kind == SAAS_EVENT_INVOICE_FAILED && !strcmp(w->verdict, "applied")) {
        rv = tell_admins(w, "payment_failed");
    }
    return rv;
}

static void begin(work_t *w, saas_db_t *db)
{
    w->db = db;
    w->org = w->differed = w->buyer = NULL;
    w->customer_bound = w->subscription_bound = w->claimed = w->wake = 0;
    w->verdict = foreign(w);
}

static apr_status_t give_verdict(work_t *w)
{
    const saas_event_t *event = w->event;
    return w->org ? saas_db_queue(w->db, statement(SAAS_WEBHOOKS_VERDICT), SAAS_ARGS(event->id, w->verdict, w->org))
                  : saas_db_queue(w->db, statement(SAAS_WEBHOOKS_UNBOUND),
                                  SAAS_ARGS(event->id, w->verdict, event->customer, event->subscription));
}

/* Three round trips to PostgreSQL: record and resolve; lock and load; what is written, with the commit. */
static apr_status_t transaction(saas_db_t *db, void *baton)
{
    work_t *w = baton;
    apr_status_t rv;

    begin(w, db);
    if (w->verdict) {
        return record(w);
    }
    w->verdict = "applied";
    if ((rv = record(w)) != APR_SUCCESS || (rv = resolve(w)) != APR_SUCCESS || !strcmp(w->verdict, DUPLICATE)) {
        return rv;
    }
    if (w->org) {
        rv = apply_to_organization(w);
    }
    return rv == APR_SUCCESS && (w->org || strcmp(w->verdict, "applied")) ? give_verdict(w) : rv;
}

/* A verdict as it is stored, among those that are counted. */
static saas_webhook_e counted_as(const char *verdict)
{
    static const struct {
        const char *begins;
        saas_webhook_e what;
    } words[] = {
        { "applied", SAAS_WEBHOOK_APPLIED },
        { DUPLICATE, SAAS_WEBHOOK_DUPLICATE },
        { "refused:", SAAS_WEBHOOK_REFUSED },
        { "ignored:superseded", SAAS_WEBHOOK_SUPERSEDED },
        { SAAS_CLAIM_UNBOUND, SAAS_WEBHOOK_UNBOUND },
        { "ignored:unknown status", SAAS_WEBHOOK_UNKNOWN_STATUS },
        { OTHER_MODE, SAAS_WEBHOOK_OTHER_MODE },
    };
    apr_size_t i;
    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!strncmp(verdict, words[i].begins, strlen(words[i].begins))) {
            return words[i].what;
        }
    }
    return SAAS_WEBHOOK_IGNORED;
}

static apr_status_t run(work_t *w, apr_status_t (*body)(saas_db_t *db, void *baton))
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, w->pool, w->server, NULL);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, w);
        saas_db_close(db);
    }
    if (rv == APR_SUCCESS && w->wake) {
        saas_jobs_wake();
    }
    return rv;
}

apr_status_t saas_webhooks_apply(saas_request_t *rq, const saas_event_t *event, const char *payload)
{
    work_t w = { .rq = rq, .pool = rq->pool, .server = rq->r->server, .event = event, .payload = payload };
    apr_status_t rv = run(&w, transaction);

    saas_webhooks_count(rv == APR_SUCCESS ? counted_as(w.verdict) : SAAS_WEBHOOK_FAILED);
    if (rv == APR_SUCCESS && !strncmp(w.verdict, "refused:", 8)) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS1606",
                  "event %s (%s) was refused: %s; compare customer %s and subscription %s with the organization in "
                  "Stripe's dashboard",
                  event->id, event->type, w.verdict + 8, event->customer ? event->customer : "-",
                  event->subscription ? event->subscription : "-");
    } else if (rv == APR_SUCCESS && !strcmp(w.verdict, OTHER_MODE)) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS1608",
                  "event %s (%s) was ignored: it is a %s event; give the SaasStripeSecretKey of that mode, or say "
                  "SaasStripeMode",
                  event->id, event->type, event->livemode ? "live" : "test");
    } else if (rv == APR_SUCCESS) {
        SAAS_RLOG(rq->r, APLOG_INFO, 0, "SAAS1607", "event %s (%s): %s", event->id, event->type, w.verdict);
    }
    return rv;
}

/* ------------------------------------------------------------------ jobs -- */

/* Only what differed is recorded: most answers say what is known. */
static apr_status_t answer_transaction(saas_db_t *db, void *baton)
{
    work_t *w = baton;
    apr_status_t rv = saas_job_fence(w->job, db);

    begin(w, db);
    if (rv != APR_SUCCESS || w->verdict) {
        return rv;
    }
    w->verdict = "applied";
    if ((rv = resolve(w)) != APR_SUCCESS || !w->org) {
        return rv;
    }
    if (w->job->org_id && strcmp(w->org, w->job->org_id)) {
        w->verdict = "refused:it was asked for another organization";
        return APR_SUCCESS;
    }
    rv = apply_to_organization(w);
    if (rv == APR_SUCCESS && w->differed && (rv = record(w)) == APR_SUCCESS) {
        rv = saas_db_queue(db, statement(SAAS_WEBHOOKS_DETAIL), SAAS_ARGS(w->event->id, w->org, w->differed));
    }
    return rv;
}

static saas_answer_e answer_counted_as(const work_t *w)
{
    return w->differed                                ? SAAS_ANSWER_DIFFERED
           : !strcmp(w->verdict, MISSING)             ? SAAS_ANSWER_MISSING
           : !strncmp(w->verdict, "refused:", 8)      ? SAAS_ANSWER_REFUSED
           : !strncmp(w->verdict, "ignored:unknown", 15) ? SAAS_ANSWER_UNKNOWN_STATUS
                                                      : SAAS_ANSWER_SAME;
}

apr_status_t saas_webhooks_apply_answer(saas_job_t *job, const saas_event_t *answer, const char *payload, apr_time_t asked)
{
    work_t w = { .job = job, .pool = job->pool, .server = job->server, .event = answer, .payload = payload, .asked = asked };
    apr_status_t rv = run(&w, answer_transaction);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    saas_webhooks_count_answer(answer_counted_as(&w));
    if (w.differed) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1609",
                 "subscription %s of organization %s: %s; Stripe was asked, its events had not told", answer->subscription,
                 w.org, w.differed);
    } else if (!strcmp(w.verdict, MISSING)) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1610",
                 "Stripe does not have subscription %s of organization %s: nothing is changed before news of it is "
                 "overdue; is SaasStripeSecretKey of the account that sends the events?", answer->subscription, w.org);
    } else if (!strncmp(w.verdict, "refused:", 8)) {
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1611",
                 "what Stripe answers of subscription %s (customer %s) was refused: %s; compare it with the "
                 "organization in Stripe's dashboard", answer->subscription, answer->customer ? answer->customer : "-",
                 w.verdict + 8);
    }
    return APR_SUCCESS;
}

static apr_status_t again_transaction(saas_db_t *db, void *baton)
{
    work_t *w = baton;
    apr_status_t rv = saas_job_fence(w->job, db);

    begin(w, db);
    if (rv == APR_SUCCESS && !w->verdict) {
        w->verdict = "applied";
        rv = resolve(w);
        if (rv == APR_SUCCESS && w->org) {
            rv = apply_to_organization(w);
        }
    }
    return rv == APR_SUCCESS ? give_verdict(w) : rv;
}

apr_status_t saas_webhooks_apply_again(saas_job_t *job, const saas_event_t *event)
{
    work_t w = { .job = job, .pool = job->pool, .server = job->server, .event = event };
    apr_status_t rv = run(&w, again_transaction);

    if (rv == APR_SUCCESS) {
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1612", "event %s (%s) was applied again: %s", event->id, event->type,
                 w.verdict);
    }
    return rv;
}
