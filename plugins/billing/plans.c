/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * GET billing/plans/: what there is to buy, for the page that sells it.  Names, features and limits are the
 * configuration's (SaasPlan); amounts and products are Stripe's, and are asked for by one request of a child at a time, every
 * ten minutes.  While Stripe cannot be asked the last answer is told, or a price without an amount: never nothing.
 */
#include "billing.h"

#include "stripe.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#define FRESH_SECONDS 600
#define RETRY_SECONDS 30
#define PRICES_MAX 256

/* Of one price: what Stripe said last. Of this child; the texts live as long as it. */
typedef struct {
    const char *id;
    json_t *told;      /* NULL: nothing yet */
    apr_int64_t due;   /* asked for again from then on, in seconds */
} known_t;

static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    known_t prices[PRICES_MAX];
    int n;
    int asking;        /* one request does */
} known;

apr_status_t saas_billing_plans_begin(apr_pool_t *p)
{
    known.pool = p;
    return apr_thread_mutex_create(&known.mutex, APR_THREAD_MUTEX_DEFAULT, p);
}

/* The place of a price, made where there is room; the mutex is held.  NULL: there is none. */
static known_t *place_of(const char *id)
{
    int i;
    for (i = 0; i < known.n && strcmp(known.prices[i].id, id); i++) {
    }
    if (i == known.n) {
        if (i == PRICES_MAX) {
            return NULL;
        }
        known.prices[i] = (known_t){ .id = apr_pstrdup(known.pool, id) };
        known.n++;
    }
    return &known.prices[i];
}

/* What is told of a price, of Stripe's answer; new. */
static json_t *facts_of(const json_t *price)
{
    const json_t *recurring = json_object_get(price, "recurring"), *product = json_object_get(price, "product");
    const json_t *of[] = { json_object_get(price, "currency"), json_object_get(price, "unit_amount"),
                           json_object_get(recurring, "interval"), json_object_get(recurring, "interval_count"),
                           json_object_get(product, "name"), json_object_get(product, "description") };
    static const char *const names[] = { "currency", "unit_amount", "interval", "interval_count", "product", "description" };
    const char *usage = json_string_value(json_object_get(recurring, "usage_type"));
    json_t *facts = json_object();
    size_t i;

    for (i = 0; i < sizeof(of) / sizeof(*of); i++) {
        int fits = (i == 1 || i == 3) ? json_is_integer(of[i]) : json_is_string(of[i]);
        json_object_set_new(facts, names[i], fits ? json_deep_copy(of[i]) : json_null());
    }
    json_object_set_new(facts, "metered", json_boolean(usage && !strcmp(usage, "metered")));
    json_object_set_new(facts, "active", json_boolean(json_is_true(json_object_get(price, "active"))));
    return facts;
}

/* Asks for one price; false: Stripe does not answer, and need not be asked for the next. */
static int ask(saas_request_t *rq, saas_stripe_t *stripe, const char *id)
{
    saas_stripe_result_t result;
    apr_int64_t now;
    known_t *place;
    int answered;

    saas_stripe_call(stripe, SAAS_STRIPE_GET, apr_pstrcat(rq->pool, "/v1/prices/", id, NULL),
                     (const saas_stripe_pair_t[]){ { "expand[0]", "product" }, { NULL, NULL } }, NULL, &result);
    answered = result.status >= 200 && result.status < 300 && result.body;
    if (!answered) {
        SAAS_RLOG(rq->r, APLOG_NOTICE, 0, "SAAS1512",
                  "the price %s could not be asked for (HTTP %ld, %s, request %s): %s; it is told without an amount, or with "
                  "the last one", id, result.status, result.code ? result.code : "-",
                  result.request_id ? result.request_id : "-", result.message ? result.message : "-");
    }
    now = apr_time_sec(apr_time_now());
    apr_thread_mutex_lock(known.mutex);
    if ((place = place_of(id))) {
        if (answered) {
            json_decref(place->told);
            place->told = facts_of(result.body);
        }
        place->due = now + (answered ? FRESH_SECONDS : RETRY_SECONDS);
    }
    apr_thread_mutex_unlock(known.mutex);
    return answered || (result.status >= 400 && result.status < 500 && result.status != 429);
}

/* Those of the prices that are due, in the request's pool; none while another request asks. */
static apr_array_header_t *take_due(saas_request_t *rq, const json_t *plans)
{
    apr_array_header_t *due = apr_array_make(rq->pool, 8, sizeof(const char *));
    apr_int64_t now = apr_time_sec(apr_time_now());
    const json_t *plan, *price;
    size_t i, k;

    apr_thread_mutex_lock(known.mutex);
    if (!known.asking) {
        json_array_foreach(plans, i, plan) {
            json_array_foreach(json_object_get(plan, "prices"), k, price) {
                known_t *place = place_of(json_string_value(price));
                if (place && place->due <= now && saas_billing_is_id(place->id)) {
                    APR_ARRAY_PUSH(due, const char *) = place->id;
                }
            }
        }
        known.asking = due->nelts > 0;
    }
    apr_thread_mutex_unlock(known.mutex);
    return due;
}

/* Should a request end in between, another one asks. */
static apr_status_t done_asking(void *nothing)
{
    (void)nothing;
    apr_thread_mutex_lock(known.mutex);
    known.asking = 0;
    apr_thread_mutex_unlock(known.mutex);
    return APR_SUCCESS;
}

/* Those that Stripe was not asked for, because it did not answer for the one before. */
static void put_off(const apr_array_header_t *due, int from)
{
    apr_int64_t then = apr_time_sec(apr_time_now()) + RETRY_SECONDS;

    apr_thread_mutex_lock(known.mutex);
    for (; from < due->nelts; from++) {
        place_of(APR_ARRAY_IDX(due, from, const char *))->due = then;
    }
    apr_thread_mutex_unlock(known.mutex);
}

static void ask_for_due(saas_request_t *rq, const json_t *plans, const saas_stripe_account_t *account)
{
    apr_array_header_t *due = take_due(rq, plans);
    saas_stripe_t *stripe;
    int i;

    if (!due->nelts) {
        return;
    }
    apr_pool_cleanup_register(rq->pool, NULL, done_asking, apr_pool_cleanup_null);
    stripe = saas_stripe_create(rq->pool, account);
    saas_stripe_hurry(stripe);
    for (i = 0; i < due->nelts && ask(rq, stripe, APR_ARRAY_IDX(due, i, const char *)); i++) {
    }
    put_off(due, i);
    apr_pool_cleanup_run(rq->pool, NULL, done_asking);
}

/* The ids of each plan's prices become what is known of them. */
static void fill_in(json_t *plans)
{
    static const char *const unknown[] = { "currency", "unit_amount", "interval", "interval_count", "product", "description",
                                           "metered", "active" };
    json_t *plan, *price;
    size_t i, k, u;

    apr_thread_mutex_lock(known.mutex);
    json_array_foreach(plans, i, plan) {
        json_t *filled = json_array();
        json_array_foreach(json_object_get(plan, "prices"), k, price) {
            known_t *place = place_of(json_string_value(price));
            json_t *told = place && place->told ? json_deep_copy(place->told) : json_object();
            for (u = 0; u < sizeof(unknown) / sizeof(*unknown); u++) {
                if (!json_object_get(told, unknown[u])) {
                    json_object_set_new(told, unknown[u], json_null());
                }
            }
            json_object_set(told, "id", price);
            json_array_append_new(filled, told);
        }
        json_object_set_new(plan, "prices", filled);
    }
    apr_thread_mutex_unlock(known.mutex);
}

/* Without any SaasPlan there is one, which has everything: whatever is sold. */
static json_t *what_is_sold(const apr_array_header_t *prices)
{
    json_t *ids = json_array();
    int i;
    for (i = 0; i < prices->nelts; i++) {
        json_array_append_new(ids, json_string(APR_ARRAY_IDX(prices, i, const char *)));
    }
    return json_pack("[{s:s, s:i, s:n, s:[], s:b, s:o}]", "name", "premium", "rank", 0, "features", "limits", "seats", 0,
                     "prices", ids);
}

int saas_billing_plans(saas_request_t *rq)
{
    saas_stripe_account_t account = saas_billing_account(rq->r->server);
    json_t *plans = saas_plans();

    if (!json_array_size(plans)) {
        json_decref(plans);
        plans = what_is_sold(saas_billing_config_prices(rq->r->server));
    }
    if (account.key) {
        ask_for_due(rq, plans, &account);
    }
    fill_in(plans);
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:o}", "plans", plans));
}
