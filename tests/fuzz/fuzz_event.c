/*
 * The reader of Stripe's events and answers, and what the state machine makes of them.
 *
 * An input is the JSON of an event, of a subscription as Stripe's API answers it, or a list of events: the history of one
 * organization. Whatever is read is of the form that event.h promises, and a list comes to the same rows forwards, backwards
 * and with every event twice.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <jansson.h>

#include "plugins/webhooks/skim.h"
#include "tests/unit/webhook_rows.h"

#define GRACE (14 * 86400)
#define TIME_MAX APR_INT64_C(253402300799)
#define LIST_MAX 32
/* Of a row whose greatest fact does not say its period's end or its price (state.c, PERIOD_BORROWED, PRICE_BORROWED). */
#define BORROWED 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                    \
    do {                                                   \
        if (!(condition)) {                                \
            fprintf(stderr, "not so: %s\n", #condition);   \
            abort();                                       \
        }                                                  \
    } while (0)

static void check_text(const char *text)
{
    size_t i, len = text ? strlen(text) : 1;
    MUST(len > 0 && len <= SAAS_EVENT_ID_MAX);
    for (i = 0; text && i < len; i++) {
        MUST(text[i] > ' ' && text[i] < 0x7f);
    }
}

static void check_time(apr_int64_t time)
{
    MUST(time >= 0 && time <= TIME_MAX);
}

static void check_event(const saas_event_t *e)
{
    const char *const texts[] = { e->id, e->type, e->api_version, e->account, e->customer, e->subscription, e->session,
                                  e->client_reference, e->mode, e->payment_status, e->status, e->previous_status };
    const apr_int64_t times[] = { e->created, e->period_start, e->period_end, e->cancel_at, e->started_at, e->ended_at };
    size_t i;
    int k;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_text(texts[i]);
    }
    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        check_time(times[i]);
    }
    for (k = 0; k < e->prices->nelts; k++) {
        MUST(APR_ARRAY_IDX(e->prices, k, const char *) != NULL);
        check_text(APR_ARRAY_IDX(e->prices, k, const char *));
    }
    if (e->metadata_org) {
        MUST(strlen(e->metadata_org) == 36 && strspn(e->metadata_org, "0123456789abcdef-") == 36);
    }
}

static const char *row_of(const saas_event_t *event)
{
    return event->kind == SAAS_EVENT_CUSTOMER_DELETED ? event->customer : event->subscription;
}

/* As the transaction does: a subscription stays its first customer's. */
static int of_another_customer(const saas_event_t *const *events, int n, const saas_event_t *event)
{
    int i;
    for (i = 0; i < n; i++) {
        if (row_of(events[i]) && events[i]->customer && rows_text_same(row_of(events[i]), row_of(event))) {
            return event->customer && strcmp(events[i]->customer, event->customer);
        }
    }
    return 0;
}

static int check_same(const rows_t *a, const rows_t *b)
{
    int i, borrowed = 0;
    MUST(a->n == b->n);
    for (i = 0; i < a->n; i++) {
        const saas_subscription_t *other = rows_find(b, a->rows[i].id);
        saas_subscription_t one = a->rows[i], two;
        MUST(other != NULL);
        two = *other;
        /* What a row borrows is of whichever event came first: all but that has to be the same. */
        if (one.rank & BORROWED) {
            one.period_end = two.period_end;
            one.price = two.price;
            borrowed = 1;
        }
        MUST(rows_row_same(&one, &two));
    }
    return borrowed;
}

static void check_history(const saas_event_t *const *events, int n)
{
    rows_t forwards = { .n = 0 }, backwards = { .n = 0 }, twice = { .n = 0 };
    saas_effective_t one, two;
    int i;

    for (i = 0; i < n; i++) {
        rows_take(&forwards, events[i]);
        rows_take(&backwards, events[n - 1 - i]);
        rows_take(&twice, events[i]);
        MUST(!rows_take(&twice, events[i]));
    }
    /* With more subscriptions than there is room for, which ones there are depends on the order. */
    if (forwards.n == ROWS_MAX) {
        return;
    }
    MUST(!check_same(&forwards, &twice) || rows_same(&forwards, &twice));
    if (!check_same(&forwards, &backwards)) {
        saas_subscription_effective(forwards.rows, forwards.n, GRACE, &one);
        saas_subscription_effective(backwards.rows, backwards.n, GRACE, &two);
        MUST(rows_effective_same(&one, &two));
    }
    saas_subscription_effective(forwards.rows, forwards.n, 0, &one);
    MUST(!strcmp(one.status, "free") || one.stripe_status != NULL);
    for (i = 0; i < forwards.n; i++) {
        MUST(saas_subscription_due(&forwards.rows[i], GRACE, 3 * 86400) >= 0);
    }
}

static void check_answer(apr_pool_t *p, const json_t *root)
{
    saas_event_t answer;
    saas_subscription_t row = { 0 }, fact;
    if (!saas_event_read_answer(p, root, "req_1", 1800000000, &answer)) {
        MUST(answer.subscription != NULL);
        check_event(&answer);
        if (saas_subscription_answer(&answer, NULL, &row, &fact) == SAAS_FACT_GIVEN) {
            saas_subscription_join(&row, &fact);
            MUST(!saas_subscription_join(&row, &fact));
        }
    }
}

static void read_all(apr_pool_t *p, const json_t *root)
{
    const saas_event_t *events[LIST_MAX];
    size_t i, given = json_is_array(root) ? json_array_size(root) : 1;
    int n = 0;

    for (i = 0; i < given && n < LIST_MAX; i++) {
        saas_event_t *event = apr_palloc(p, sizeof(*event));
        if (!saas_event_read(p, json_is_array(root) ? json_array_get(root, i) : root, event)) {
            MUST(event->id && event->type && event->created);
            check_event(event);
            if (!of_another_customer(events, n, event)) {
                events[n++] = event;
            }
        }
    }
    check_history(events, n);
    check_answer(p, root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *top;
    apr_pool_t *p;
    json_error_t error;
    json_t *root = saas_skim((const char *)data, size, &error);
    json_t *whole = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error);

    MUST(!root == !whole);
    json_decref(whole);
    if (!top) {
        apr_initialize();
        apr_pool_create(&top, NULL);
    }
    if (root) {
        apr_pool_create(&p, top);
        read_all(p, root);
        apr_pool_destroy(p);
        json_decref(root);
    }
    return 0;
}
