/*
 * The subscription state machine: every history of tests/data/stripe/events.json ends as it says, and does so in
 * every order of its events, with repetitions, and in every generation of payloads.
 */

#include "unit.h"

#include <jansson.h>

#include "plugins/webhooks/state.h"

#define START 1800000000
#define DAY 86400
#define GRACE (14 * DAY)
#define ROWS_MAX 8
#define EVENTS_MAX 8

static const char *const generations[] = { "acacia", "basil", "mixed" };

/* What an organization's rows are, as the webhook's transaction keeps them. */
typedef struct {
    saas_subscription_t rows[ROWS_MAX];
    int n;
} organization_t;

static json_t *load(void)
{
    json_t *file = json_load_file("tests/data/stripe/events.json", 0, NULL);
    ck_assert_msg(file != NULL, "the events are missing: run from the top folder");
    return file;
}

static void take(organization_t *o, const saas_event_t *event)
{
    saas_subscription_t fact;
    int i;
    const char *price = event->prices->nelts ? APR_ARRAY_IDX(event->prices, 0, const char *) : NULL;
    if (saas_subscription_fact(event, price, &fact) != SAAS_FACT_GIVEN) {
        return;
    }
    for (i = 0; i < o->n && strcmp(o->rows[i].id, fact.id); i++) {
    }
    if (i == o->n) {
        ck_assert_int_lt(o->n, ROWS_MAX);
        memset(&o->rows[o->n++], 0, sizeof(fact));
    }
    saas_subscription_join(&o->rows[i], &fact);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const saas_subscription_t *)a)->id, ((const saas_subscription_t *)b)->id);
}

static const char *show(organization_t *o)
{
    const char *text = "";
    int i;
    qsort(o->rows, (size_t)o->n, sizeof(o->rows[0]), compare_rows);
    for (i = 0; i < o->n; i++) {
        const saas_subscription_t *r = &o->rows[i];
        text = apr_psprintf(unit_pool, "%s[%s %s %s %s end %ld cancel %ld/%d start %ld ended %ld due %ld at %ld #%d]", text,
                            r->id, r->customer, r->status, r->price ? r->price : "-", (long)r->period_end,
                            (long)r->cancel_at, r->cancel_at_period_end, (long)r->started_at, (long)r->ended_at,
                            (long)r->past_due_since, (long)r->created, r->rank);
    }
    return text;
}

static int read_history(json_t *file, const json_t *history, const char *generation, saas_event_t *events)
{
    const json_t *pool = json_object_get(json_object_get(file, "generations"), generation), *name;
    size_t i;
    json_array_foreach(json_object_get(history, "events"), i, name) {
        const json_t *root = json_object_get(pool, json_string_value(name));
        ck_assert_msg(root != NULL, "no event %s", json_string_value(name));
        ck_assert_ptr_null(saas_event_read(unit_pool, root, &events[i]));
    }
    ck_assert_int_le(i, EVENTS_MAX);
    return (int)i;
}

static void check_effective(const json_t *history, const organization_t *o)
{
    const char *name = json_string_value(json_object_get(history, "name"));
    const json_t *after = json_object_get(history, "ends_after");
    saas_effective_t now;
    saas_subscription_effective(o->rows, o->n, GRACE, &now);
    ck_assert_msg(!strcmp(now.status, json_string_value(json_object_get(history, "status"))), "%s: %s", name, now.status);
    ck_assert_msg(!strcmp(now.stripe_status, json_string_value(json_object_get(history, "stripe_status"))), "%s: %s",
                  name, now.stripe_status);
    ck_assert_msg(now.ends_at == (json_is_null(after) ? 0 : START + json_integer_value(after)), "%s: ends at %+ld", name,
                  (long)now.ends_at - START);
}

START_TEST(histories)
{
    json_t *file = load(), *history;
    size_t i;
    ck_assert_int_gt(json_array_size(json_object_get(file, "histories")), 25);
    json_array_foreach(json_object_get(file, "histories"), i, history) {
        saas_event_t events[EVENTS_MAX];
        organization_t o = { .n = 0 };
        int n = read_history(file, history, generations[_i], events), k;
        for (k = 0; k < n; k++) {
            take(&o, &events[k]);
        }
        check_effective(history, &o);
    }
    json_decref(file);
}
END_TEST

/* Heap's algorithm over the order of events. */
static int next_order(int *order, int *count, int n, int *at)
{
    while (*at < n) {
        if (count[*at] < *at) {
            int other = *at % 2 ? count[*at] : 0, kept = order[other];
            order[other] = order[*at];
            order[*at] = kept;
            count[*at]++;
            *at = 1;
            return 1;
        }
        count[(*at)++] = 0;
    }
    return 0;
}

START_TEST(orders)
{
    json_t *file = load(), *history;
    uint64_t seed = 7;
    size_t i;
    int tried = 0;
    json_array_foreach(json_object_get(file, "histories"), i, history) {
        saas_event_t events[EVENTS_MAX];
        int n = read_history(file, history, generations[_i], events), k, at = 1;
        int order[EVENTS_MAX], count[EVENTS_MAX] = { 0 };
        const char *expected = NULL;
        for (k = 0; k < n; k++) {
            order[k] = k;
        }
        do {
            organization_t o = { .n = 0 };
            for (k = 0; k < n; k++) {
                take(&o, &events[order[k]]);
                /* A repetition of something that came before, at any time. */
                take(&o, &events[order[unit_random(&seed) % (uint64_t)(k + 1)]]);
            }
            if (!expected) {
                expected = show(&o);
            }
            ck_assert_str_eq(show(&o), expected);
            check_effective(history, &o);
            tried++;
        } while (next_order(order, count, n, &at));
    }
    ck_assert_int_gt(tried, 500);
    json_decref(file);
}
END_TEST

/* Any handful of events, in some order and in another: the same rows. */
START_TEST(any_events)
{
    json_t *file = load();
    const json_t *pool = json_object_get(json_object_get(file, "generations"), generations[_i]);
    saas_event_t events[64];
    int n = 0, round, k;
    uint64_t seed = 11;
    const char *name;
    json_t *root;
    json_object_foreach((json_t *)pool, name, root) {
        ck_assert_ptr_null(saas_event_read(unit_pool, root, &events[n++]));
    }
    for (round = 0; round < 3000; round++) {
        int order[10];
        organization_t first = { .n = 0 }, second = { .n = 0 };
        for (k = 0; k < 10; k++) {
            order[k] = (int)(unit_random(&seed) % (uint64_t)n);
            take(&first, &events[order[k]]);
        }
        for (k = 9; k > 0; k--) {
            int other = (int)(unit_random(&seed) % (uint64_t)(k + 1)), kept = order[k];
            order[k] = order[other];
            order[other] = kept;
        }
        for (k = 0; k < 10; k++) {
            take(&second, &events[order[k]]);
        }
        ck_assert_str_eq(show(&first), show(&second));
    }
    json_decref(file);
}
END_TEST

START_TEST(generations_agree)
{
    json_t *file = load(), *history;
    size_t i;
    json_array_foreach(json_object_get(file, "histories"), i, history) {
        const char *expected = NULL;
        int g;
        if (!strcmp(json_string_value(json_object_get(history, "name")), "items with different ends")) {
            continue;
        }
        for (g = 0; g < 3; g++) {
            saas_event_t events[EVENTS_MAX];
            organization_t o = { .n = 0 };
            int n = read_history(file, history, generations[g], events), k;
            for (k = 0; k < n; k++) {
                take(&o, &events[k]);
            }
            expected = expected ? expected : show(&o);
            ck_assert_str_eq(show(&o), expected);
        }
    }
    json_decref(file);
}
END_TEST

static saas_subscription_t snapshot(const char *status, apr_int64_t created)
{
    saas_event_t event = { .kind = SAAS_EVENT_SUBSCRIPTION_CHANGED, .subscription = "sub_1", .customer = "cus_1",
                           .status = status, .created = created, .period_end = created + DAY };
    saas_subscription_t fact;
    ck_assert_int_eq(saas_subscription_fact(&event, "price_1", &fact), SAAS_FACT_GIVEN);
    return fact;
}

START_TEST(ties_and_terminals)
{
    static const struct {
        const char *first, *second, *wins;
        int later; /* seconds of the second after the first */
    } cases[] = {
        { "incomplete", "active", "active", 0 },     { "active", "incomplete", "active", 60 },
        { "trialing", "active", "active", 0 },       { "active", "past_due", "past_due", 0 },
        { "past_due", "active", "active", 1 },       { "past_due", "unpaid", "unpaid", 0 },
        { "canceled", "active", "canceled", 9999 },  { "incomplete_expired", "active", "incomplete_expired", 9999 },
        { "incomplete", "canceled", "canceled", 0 }, { "active", "canceled", "canceled", -5 },
    };
    size_t i;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        saas_subscription_t a = snapshot(cases[i].first, START), b = snapshot(cases[i].second, START + cases[i].later);
        saas_subscription_t ab = a, ba = b;
        saas_subscription_join(&ab, &b);
        saas_subscription_join(&ba, &a);
        ck_assert_str_eq(ab.status, cases[i].wins);
        ck_assert_str_eq(ba.status, cases[i].wins);
        ck_assert_int_eq(saas_subscription_join(&ab, &b), 0);
    }
}
END_TEST

/* Three facts of one subscription come to the same in all six orders. */
static saas_subscription_t join_three(saas_subscription_t a, saas_subscription_t b, saas_subscription_t c)
{
    static const int six[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    saas_subscription_t facts[3] = { a, b, c };
    organization_t first = { .n = 0 };
    size_t i;
    int k;
    for (i = 0; i < 6; i++) {
        organization_t o = { .n = 1 };
        for (k = 0; k < 3; k++) {
            saas_subscription_join(&o.rows[0], &facts[six[i][k]]);
        }
        if (!i) {
            first = o;
        }
        ck_assert_str_eq(show(&o), show(&first));
    }
    return first.rows[0];
}

START_TEST(same_second_other_content)
{
    saas_subscription_t plain = snapshot("active", START), canceling = plain, flagged = plain, row;
    canceling.cancel_at = START + DAY;
    flagged.cancel_at_period_end = 1;
    row = join_three(plain, canceling, flagged);
    ck_assert_int_eq(row.cancel_at, START + DAY);
}
END_TEST

START_TEST(arrears_in_the_same_second)
{
    saas_event_t event = { .kind = SAAS_EVENT_SUBSCRIPTION_CHANGED, .subscription = "sub_1", .customer = "cus_1",
                           .status = "past_due", .previous_status = "active", .created = START };
    saas_subscription_t began, row;
    ck_assert_int_eq(saas_subscription_fact(&event, "price_1", &began), SAAS_FACT_GIVEN);
    row = join_three(snapshot("active", START), began, snapshot("past_due", START + 10));
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 10);
    row = join_three(snapshot("active", START - 1), began, snapshot("past_due", START + 10));
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START);
}
END_TEST

START_TEST(what_is_unsaid_is_borrowed)
{
    saas_event_t event = { .kind = SAAS_EVENT_SESSION_COMPLETED, .subscription = "sub_1", .customer = "cus_1",
                           .payment_status = "paid", .created = START + 5 };
    saas_subscription_t paid, row;
    ck_assert_int_eq(saas_subscription_fact(&event, NULL, &paid), SAAS_FACT_GIVEN);
    row = join_three(paid, snapshot("incomplete", START), snapshot("incomplete", START + 1));
    ck_assert_str_eq(row.status, "active");
    ck_assert_int_eq(row.period_end, START + 1 + DAY);
    ck_assert_str_eq(row.price, "price_1");
}
END_TEST

START_TEST(unknown_status)
{
    saas_event_t event = { .kind = SAAS_EVENT_SUBSCRIPTION_CHANGED, .subscription = "sub_1", .status = "hibernating",
                           .created = START };
    saas_subscription_t fact;
    ck_assert_int_eq(saas_subscription_fact(&event, NULL, &fact), SAAS_FACT_UNKNOWN);
    event.status = NULL;
    ck_assert_int_eq(saas_subscription_fact(&event, NULL, &fact), SAAS_FACT_UNKNOWN);
    event.subscription = NULL;
    ck_assert_int_eq(saas_subscription_fact(&event, NULL, &fact), SAAS_FACT_NONE);
}
END_TEST

START_TEST(grace)
{
    saas_subscription_t row = snapshot("past_due", START);
    saas_effective_t now;
    saas_subscription_effective(&row, 1, 3 * DAY, &now);
    ck_assert_str_eq(now.status, "active");
    ck_assert_int_eq(now.ends_at, START + 3 * DAY);
    saas_subscription_effective(&row, 1, 0, &now);
    ck_assert_str_eq(now.status, "expired");
    row.cancel_at = START + DAY;
    saas_subscription_effective(&row, 1, 3 * DAY, &now);
    ck_assert_int_eq(now.ends_at, START + DAY);
}
END_TEST

START_TEST(best_of_several)
{
    saas_subscription_t rows[3] = { snapshot("active", START), snapshot("canceled", START), snapshot("unpaid", START) };
    saas_effective_t now;
    rows[0].id = "sub_a";
    rows[1].id = "sub_b";
    rows[2].id = "sub_c";
    saas_subscription_effective(rows, 3, GRACE, &now);
    ck_assert_str_eq(now.subscription, "sub_a");
    saas_subscription_effective(rows + 1, 2, GRACE, &now);
    ck_assert_str_eq(now.status, "expired");
    /* Open-ended before ending. */
    rows[2] = snapshot("active", START);
    rows[2].id = "sub_c";
    rows[0].cancel_at = START + 99 * DAY;
    saas_subscription_effective(rows, 3, GRACE, &now);
    ck_assert_str_eq(now.subscription, "sub_c");
    ck_assert_int_eq(now.ends_at, 0);
    saas_subscription_effective(NULL, 0, GRACE, &now);
    ck_assert_str_eq(now.status, "free");
    ck_assert_ptr_null(now.stripe_status);
}
END_TEST

Suite *suite_webhook_state(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_state", 60, &tc);
    tcase_add_loop_test(tc, histories, 0, 3);
    tcase_add_loop_test(tc, orders, 0, 3);
    tcase_add_loop_test(tc, any_events, 0, 3);
    tcase_add_test(tc, generations_agree);
    tcase_add_test(tc, ties_and_terminals);
    tcase_add_test(tc, same_second_other_content);
    tcase_add_test(tc, arrears_in_the_same_second);
    tcase_add_test(tc, what_is_unsaid_is_borrowed);
    tcase_add_test(tc, unknown_status);
    tcase_add_test(tc, grace);
    tcase_add_test(tc, best_of_several);
    return suite;
}
