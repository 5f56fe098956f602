/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Asking Stripe, where a webhook may have got lost.  The job "stripe.due" comes
 * back every few seconds and hands on what is to be asked now; "stripe.ask" asks,
 * for a subscription, for all of a customer's, or for a checkout session, and
 * hands the answer to whoever takes Stripe's events (the job "stripe.told").
 * What is paid for each member is compared with the answer (seats.c).
 *
 * While Stripe cannot be asked nothing changes: it is asked again after a minute,
 * four, sixteen and so on, at least once a day.  What Stripe does not have is told as missing; what
 * that means is decided where the subscription's state is known.  No connection
 * and no lock is held while Stripe is asked.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>
#include <stdlib.h>

#define TOLD_JOB "stripe.told"
/* No more is handed on than can be asked within minutes. */
#define QUEUE_MOST 500
/* Longest time that an asking sleeps because Stripe wants it. */
#define WAIT_MOST 60
#define ANSWERED_SECONDS (24 * 3600)
/* After a session's end its event has had the time to come. */
#define SESSION_GRACE_SECONDS 300

static saas_statement_t *statement(int index)
{
    return &saas_billing_statements[index];
}

static const char *number(apr_pool_t *p, apr_int64_t n)
{
    return apr_psprintf(p, "%" APR_INT64_T_FMT, n);
}

apr_status_t saas_billing_expect(saas_db_t *db, const char *stripe_id, const char *org_id, int seconds)
{
    char text[16];
    apr_snprintf(text, sizeof(text), "%d", seconds);
    return saas_db_queue(db, statement(SAAS_BILLING_NEWS_EXPECT), SAAS_ARGS(stripe_id, org_id, text));
}

void saas_billing_ask_soon(saas_request_t *rq, const char *stripe_id)
{
    saas_rows_t *rows;
    saas_query(rq, statement(SAAS_BILLING_NEWS_SOON), &rows, SAAS_ARGS(stripe_id));
}

/* A database that is away is no failure of the job's. */
static apr_status_t patiently(apr_status_t rv)
{
    return rv == SAAS_EUNAVAILABLE ? APR_EINTR : rv;
}

/* ------------------------------------------------------------------ due -- */

static int can_ask(const server_rec *s)
{
    for (; s; s = s->next) {
        if (saas_billing_config_key(s)) {
            return saas_job_known(TOLD_JOB);
        }
    }
    return 0;
}

typedef struct {
    saas_job_t *job;
    int handed;
} due_t;

static apr_status_t hand_on(saas_db_t *db, void *baton)
{
    due_t *due = baton;
    saas_rows_t *rows;
    apr_status_t rv = saas_job_fence(due->job, db);
    int i;

    due->handed = 0;
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, statement(SAAS_BILLING_NEWS_QUEUED), &rows, SAAS_ARGS(SAAS_BILLING_ASK_JOB));
    }
    if (rv != APR_SUCCESS || saas_cell_int(rows, 0, 0) >= QUEUE_MOST) {
        return rv;
    }
    if ((rv = saas_billing_seats_due(db, &due->handed)) == APR_SUCCESS) {
        rv = saas_db_query(db, statement(SAAS_BILLING_NEWS_DUE), &rows, SAAS_NO_ARGS);
    }
    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        const char *id = saas_cell(rows, i, 0);
        rv = saas_job_enqueue(db, SAAS_BILLING_ASK_JOB, saas_cell(rows, i, 1), id, NULL, 0);
        if (rv == APR_SUCCESS) {
            rv = saas_db_queue(db, statement(SAAS_BILLING_NEWS_HANDED), SAAS_ARGS(id));
        }
        due->handed++;
    }
    return rv;
}

apr_status_t saas_billing_due(saas_job_t *job)
{
    due_t due = { .job = job };
    saas_db_t *db;
    apr_status_t rv;

    if (!can_ask(job->server)) {
        return APR_SUCCESS;
    }
    if ((rv = saas_db_open(&db, job->pool, job->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, hand_on, &due);
        saas_db_close(db);
    }
    if (rv == APR_SUCCESS && due.handed) {
        saas_jobs_wake();
    }
    return patiently(rv);
}

/* ------------------------------------------------------------------ ask -- */

/* What Stripe said, and what is to be written for it. */
typedef struct {
    saas_job_t *job;
    apr_time_t asked;
    saas_stripe_result_t result;
    json_t *told;             /* the payload of the next job, owned; NULL: nothing is told */
    const char *session;      /* the session's status, when it is one's that has ended */
    int again;                /* seconds until it is asked for again; 0: never */
    const char *error;        /* no answer, and why */
    int seats_again;          /* the quantity is not the members' number, and was not changed */
} asking_t;

static int is_success(const asking_t *a)
{
    return a->result.status >= 200 && a->result.status < 300 && a->result.body;
}

static int is_missing(const asking_t *a)
{
    return (a->result.status == 404 || a->result.status == 400) && a->result.code
           && !strcmp(a->result.code, "resource_missing");
}

static void call(asking_t *a, saas_stripe_t *stripe, const char *path, const saas_stripe_pair_t *pairs)
{
    saas_stripe_call(stripe, SAAS_STRIPE_GET, path, pairs, NULL, &a->result);
}

static void tell(asking_t *a, json_t *subscriptions, const char *missing)
{
    apr_int64_t at = a->result.date ? a->result.date : apr_time_sec(apr_time_now());

    json_decref(a->told);
    a->told = json_pack("{s:I, s:I, s:o, s:s*}", "asked", (json_int_t)a->asked, "at", (json_int_t)at, "subscriptions",
                        subscriptions ? subscriptions : json_array(), "missing", missing);
}

static void ask_subscription(asking_t *a, saas_stripe_t *stripe, const char *id)
{
    call(a, stripe, apr_pstrcat(a->job->pool, "/v1/subscriptions/", id, NULL), NULL);
    if (is_success(a)) {
        saas_stripe_result_t set;
        saas_billing_seats_e seats = saas_billing_seats_keep(a->job, stripe, a->result.body, &set);
        if (seats == SAAS_BILLING_SEATS_SET) {
            a->result = set;
        }
        a->seats_again = seats == SAAS_BILLING_SEATS_LATER;
        tell(a, json_pack("[O]", a->result.body), NULL);
    } else if (is_missing(a)) {
        tell(a, NULL, id);
    }
    a->again = ANSWERED_SECONDS;
}

/* All of a customer's, of which some may never have been told of. */
static void ask_customer(asking_t *a, saas_stripe_t *stripe, const char *id)
{
    call(a, stripe, "/v1/subscriptions",
         (const saas_stripe_pair_t[]){ { "customer", id }, { "status", "all" }, { "limit", "100" }, { NULL, NULL } });
    if (is_success(a)) {
        json_t *data = json_object_get(a->result.body, "data");
        if (json_array_size(data)) {
            tell(a, json_incref(data), NULL);
        }
    }
    a->again = SAAS_BILLING_CUSTOMER_SECONDS;
}

/* The payment of a checkout that nobody told of. */
static void ask_session(asking_t *a, saas_stripe_t *stripe, const char *id)
{
    const json_t *subscription;
    const char *status;
    apr_int64_t left;

    call(a, stripe, apr_pstrcat(a->job->pool, "/v1/checkout/sessions/", id, NULL), NULL);
    if (!is_success(a)) {
        return;
    }
    status = json_string_value(json_object_get(a->result.body, "status"));
    if (status && !strcmp(status, "open")) {
        left = (apr_int64_t)json_integer_value(json_object_get(a->result.body, "expires_at")) - apr_time_sec(apr_time_now());
        a->again = (int)(left < 0 ? 0 : left > ANSWERED_SECONDS ? ANSWERED_SECONDS : left) + SESSION_GRACE_SECONDS;
        return;
    }
    a->session = status && !strcmp(status, "complete") ? "complete" : "expired";
    subscription = json_object_get(a->result.body, "subscription");
    if (json_is_object(subscription)) {
        subscription = json_object_get(subscription, "id");
    }
    if (json_is_string(subscription) && saas_billing_is_id(json_string_value(subscription))) {
        ask_subscription(a, stripe, apr_pstrdup(a->job->pool, json_string_value(subscription)));
    }
    a->again = 0;
}

static const struct {
    const char *prefix;
    void (*ask)(asking_t *a, saas_stripe_t *stripe, const char *id);
} askings[] = { { "sub_", ask_subscription }, { "cus_", ask_customer }, { "cs_", ask_session } };

/* Virtual hosts may have accounts of their own: each is asked once, until one has it. */
static void ask_all(asking_t *a, void (*ask)(asking_t *a, saas_stripe_t *stripe, const char *id))
{
    const server_rec *s, *earlier;

    for (s = a->job->server; s; s = s->next) {
        saas_stripe_account_t account = saas_billing_account(s);
        for (earlier = a->job->server; account.key && earlier != s; earlier = earlier->next) {
            const char *other = saas_billing_config_key(earlier);
            if (other && !strcmp(other, account.key)) {
                account.key = NULL;
            }
        }
        if (account.key) {
            ask(a, saas_stripe_create(a->job->pool, &account), a->job->object_id);
            if (!is_missing(a)) {
                return;
            }
        }
    }
}

static apr_status_t write_down(saas_db_t *db, void *baton)
{
    asking_t *a = baton;
    saas_job_t *job = a->job;
    apr_status_t rv = saas_job_fence(job, db);

    if (rv == APR_SUCCESS && a->error) {
        return saas_db_queue(db, statement(SAAS_BILLING_NEWS_FAILED), SAAS_ARGS(job->object_id, a->error));
    }
    if (rv == APR_SUCCESS && a->told) {
        if (a->session) {
            /* Whoever is told closes it, with what its payment has come to: no checkout may begin in between. */
            json_object_set_new(a->told, "session", json_pack("{s:s, s:s}", "id", job->object_id, "status", a->session));
        }
        rv = saas_job_enqueue(db, TOLD_JOB, job->org_id, job->object_id, a->told, 0);
    }
    if (rv == APR_SUCCESS && a->seats_again) {
        rv = saas_db_queue(db, statement(SAAS_BILLING_SEATS_AGAIN), SAAS_ARGS(job->org_id));
    }
    if (rv == APR_SUCCESS && a->session && !a->told) {
        rv = saas_db_queue(db, statement(SAAS_BILLING_SESSION_OVER), SAAS_ARGS(job->object_id, a->session));
    }
    if (rv == APR_SUCCESS) {
        rv = a->again ? saas_db_queue(db, statement(SAAS_BILLING_NEWS_ASKED),
                                      SAAS_ARGS(job->object_id, saas_time_text(job->pool, a->asked),
                                                number(job->pool, a->again)))
                      : saas_db_queue(db, statement(SAAS_BILLING_NEWS_OVER), SAAS_ARGS(job->object_id));
    }
    return rv;
}

static apr_status_t keep(asking_t *a)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, a->job->pool, a->job->server, a->job->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, write_down, a);
        saas_db_close(db);
    }
    return rv;
}

/* Stripe wants to be left alone: nobody else of this node asks meanwhile. */
static void leave_alone(saas_job_t *job, int seconds)
{
    apr_time_t end = apr_time_now() + apr_time_from_sec(seconds < WAIT_MOST ? seconds : WAIT_MOST);

    while (apr_time_now() < end && !saas_job_stopped(job)) {
        apr_sleep(apr_time_from_msec(250));
    }
}

apr_status_t saas_billing_ask(saas_job_t *job)
{
    asking_t a = { .job = job, .asked = apr_time_now() };
    apr_size_t i;
    apr_status_t rv;

    for (i = 0; i < sizeof(askings) / sizeof(*askings) && strncmp(job->object_id, askings[i].prefix, strlen(askings[i].prefix)); i++) {
    }
    if (i == sizeof(askings) / sizeof(*askings) || !saas_billing_is_id(job->object_id)) {
        return keep(&a);
    }
    if (!can_ask(job->server)) {
        return APR_ENOTIMPL;
    }
    ask_all(&a, askings[i].ask);
    if (!is_success(&a) && !is_missing(&a)) {
        a.error = apr_psprintf(job->pool, "HTTP %ld, %s", a.result.status, a.result.message ? a.result.message : "-");
        SAAS_LOG(job->server, APLOG_NOTICE, 0, "SAAS1509",
                 "Stripe could not be asked for %s of organization %s (%s, %s, request %s); nothing changes, it is asked "
                 "again", job->object_id, job->org_id, a.error, a.result.type ? a.result.type : "-",
                 a.result.request_id ? a.result.request_id : "-");
        leave_alone(job, a.result.status == HTTP_TOO_MANY_REQUESTS && !a.result.retry_after ? 1 : a.result.retry_after);
    }
    rv = keep(&a);
    json_decref(a.told);
    if (rv == APR_SUCCESS) {
        saas_billing_count_asked(a.error ? SAAS_BILLING_ASK_FAILED : is_success(&a) ? SAAS_BILLING_ANSWERED : SAAS_BILLING_MISSING);
        saas_jobs_wake();
    }
    return patiently(rv);
}
