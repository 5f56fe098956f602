/*
 * When news of a subscription is due, and what Stripe's answer is worth when it was asked.
 */

#include "unit.h"

#include <jansson.h>

#include "plugins/webhooks/state.h"

#define START 1800000000
#define HOUR 3600
#define DAY 86400
#define GRACE (14 * DAY)
#define PATIENCE (3 * DAY)

static saas_event_t event(saas_event_e kind, const char *status, apr_int64_t at)
{
    saas_event_t e = { .kind = kind, .id = "evt_1", .customer = "cus_1", .subscription = "sub_1", .status = status, .created = at };
    e.prices = apr_array_make(unit_pool, 1, sizeof(const char *));
    return e;
}

static saas_event_t answer(const char *status, apr_int64_t at)
{
    return event(SAAS_EVENT_SUBSCRIPTION_READ, status, at);
}

static void tell(saas_subscription_t *row, saas_event_t e)
{
    saas_subscription_t fact;
    ck_assert_int_eq(saas_subscription_fact(&e, NULL, &fact), SAAS_FACT_GIVEN);
    saas_subscription_join(row, &fact);
}

static void learn(saas_subscription_t *row, saas_event_t e)
{
    saas_subscription_t fact;
    ck_assert_int_eq(saas_subscription_answer(&e, NULL, row, &fact), SAAS_FACT_GIVEN);
    saas_subscription_join(row, &fact);
}

static apr_int64_t due(const saas_subscription_t *row, apr_int64_t grace)
{
    return saas_subscription_due(row, grace, PATIENCE);
}

START_TEST(news_is_due)
{
    static const struct {
        const char *status;
        apr_int64_t period_end, cancel_at, grace, due;
    } cases[] = {
        { "active", START + 30 * DAY, 0, GRACE, START + 33 * DAY },
        { "trialing", START + 7 * DAY, 0, GRACE, START + 10 * DAY },
        { "active", START + 30 * DAY, START + 10 * DAY, GRACE, START + 13 * DAY },
        { "active", 0, 0, GRACE, START + HOUR },
        { "past_due", START + 30 * DAY, 0, GRACE, START + GRACE + HOUR },
        { "past_due", START + 30 * DAY, 0, 0, START + PATIENCE },
        { "incomplete", START + 30 * DAY, 0, GRACE, START + DAY },
        { "unpaid", START + 30 * DAY, 0, GRACE, 0 },
        { "paused", START + 30 * DAY, 0, GRACE, 0 },
        { "canceled", START + 30 * DAY, 0, GRACE, 0 },
        { "incomplete_expired", START + 30 * DAY, 0, GRACE, 0 },
    };
    size_t i;
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        saas_subscription_t row = { 0 };
        saas_event_t e = event(SAAS_EVENT_SUBSCRIPTION_CREATED, cases[i].status, START);
        e.period_end = cases[i].period_end;
        e.cancel_at = cases[i].cancel_at;
        tell(&row, e);
        ck_assert_msg(due(&row, cases[i].grace) == cases[i].due, "%s: %ld", cases[i].status, (long)(due(&row, cases[i].grace) - START));
        ck_assert_int_eq(saas_subscription_is_over(&row), i >= 9);
    }
}
END_TEST

START_TEST(an_answer_is_a_snapshot_of_its_moment)
{
    saas_subscription_t row = { 0 };
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START));
    learn(&row, answer("unpaid", START + 100));
    ck_assert_str_eq(row.status, "unpaid");
    /* What was sent before and arrives late says nothing new, what was sent since does. */
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "past_due", START + 50));
    ck_assert_str_eq(row.status, "unpaid");
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START + 101));
    ck_assert_str_eq(row.status, "active");
    learn(&row, answer("canceled", START + 200));
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START + 300));
    ck_assert_str_eq(row.status, "canceled");
}
END_TEST

START_TEST(an_unknown_status_changes_nothing)
{
    saas_subscription_t row = { 0 }, fact;
    saas_event_t e = answer("hibernating", START);
    ck_assert_int_eq(saas_subscription_answer(&e, NULL, &row, &fact), SAAS_FACT_UNKNOWN);
}
END_TEST

START_TEST(what_is_missing_is_over_until_it_is_heard_of_again)
{
    saas_subscription_t row = { 0 };
    saas_event_t e = event(SAAS_EVENT_SUBSCRIPTION_MISSING, NULL, START + 100);
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START));
    learn(&row, e);
    ck_assert_str_eq(row.status, "canceled");
    ck_assert_int_eq(row.ended_at, START + 100);
    ck_assert_int_eq(saas_subscription_is_over(&row), 1);
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START + 99));
    ck_assert_str_eq(row.status, "canceled");
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START + 101));
    ck_assert_str_eq(row.status, "active");
}
END_TEST

/* Their grace must not begin anew with each asking. */
START_TEST(arrears_keep_their_beginning)
{
    saas_subscription_t row = { 0 };
    saas_event_t e = answer("past_due", START + 5 * DAY);
    tell(&row, event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "active", START));
    e.period_start = START + 2 * DAY;
    learn(&row, e);
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 2 * DAY);
    e.created = START + 9 * DAY;
    e.period_start = START + 8 * DAY; /* another period is unpaid */
    learn(&row, e);
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 2 * DAY);
    /* The event that began them, late: it knows better. */
    e = event(SAAS_EVENT_SUBSCRIPTION_CHANGED, "past_due", START + 2 * DAY + HOUR);
    e.previous_status = "active";
    tell(&row, e);
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 2 * DAY + HOUR);
    e = answer("past_due", START + 20 * DAY);
    e.period_start = START + 8 * DAY;
    learn(&row, e);
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 2 * DAY + HOUR);
    learn(&row, answer("active", START + 21 * DAY));
    e = answer("past_due", START + 40 * DAY);
    e.period_start = START + 2 * DAY;
    learn(&row, e);
    ck_assert_int_eq(saas_subscription_past_due_since(&row), START + 21 * DAY + 1);
}
END_TEST

START_TEST(an_answer_is_read)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:b, s:{s:[{s:i, s:i, s:{s:s}}]}}", "object", "subscription", "id", "sub_1",
                               "customer", "cus_1", "status", "active", "livemode", 1, "items", "data", "current_period_start", 1000,
                               "current_period_end", 2000, "price", "id", "price_1");
    saas_event_t e;
    ck_assert_ptr_null(saas_event_read_answer(unit_pool, object, "read_1", START, &e));
    ck_assert_int_eq(e.kind, SAAS_EVENT_SUBSCRIPTION_READ);
    ck_assert_str_eq(e.id, "read_1");
    ck_assert_str_eq(e.subscription, "sub_1");
    ck_assert_int_eq(e.created, START);
    ck_assert_int_eq(e.period_start, 1000);
    ck_assert_int_eq(e.period_end, 2000);
    ck_assert_int_eq(e.livemode, 1);
    ck_assert_str_eq(APR_ARRAY_IDX(e.prices, 0, const char *), "price_1");
    json_object_set_new(object, "object", json_string("customer"));
    ck_assert_ptr_nonnull(saas_event_read_answer(unit_pool, object, "read_1", START, &e));
    json_object_set_new(object, "object", json_string("subscription"));
    json_object_del(object, "id");
    ck_assert_ptr_nonnull(saas_event_read_answer(unit_pool, object, "read_1", START, &e));
    json_decref(object);
}
END_TEST

Suite *suite_webhook_news(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_news", 30, &tc);
    tcase_add_test(tc, news_is_due);
    tcase_add_test(tc, an_answer_is_a_snapshot_of_its_moment);
    tcase_add_test(tc, an_unknown_status_changes_nothing);
    tcase_add_test(tc, what_is_missing_is_over_until_it_is_heard_of_again);
    tcase_add_test(tc, arrears_keep_their_beginning);
    tcase_add_test(tc, an_answer_is_read);
    return suite;
}
