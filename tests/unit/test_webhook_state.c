/*
 * The subscription state machine, case by case. That every order of a history ends in the same state is
 * test_webhook_orders.c's.
 */

#include "unit.h"

#include "webhook_rows.h"

#define START 1800000000
#define DAY 86400
#define GRACE (14 * DAY)

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
    saas_subscription_t facts[3] = { a, b, c }, first = { 0 };
    size_t i;
    int k;
    for (i = 0; i < 6; i++) {
        saas_subscription_t row = { 0 };
        for (k = 0; k < 3; k++) {
            saas_subscription_join(&row, &facts[six[i][k]]);
        }
        first = i ? first : row;
        ck_assert(rows_row_same(&row, &first));
    }
    return first;
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
    event.kind = SAAS_EVENT_CUSTOMER_DELETED;
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

/* A trial of ours beside what Stripe says: from START + 10 to START + 20 days, seen at START + 12 and at START + 40. */
START_TEST(trials)
{
    enum { DURING = 12, AFTER = 40 };
    static const struct {
        const char *stripe;    /* status of the one subscription; NULL: there is none */
        int cancel, ended;     /* days; 0: not */
        int at;
        int tried;
        const char *status;
        int ends;
    } cases[] = {
        { NULL, 0, 0, DURING, 1, "active", 20 },
        { NULL, 0, 0, AFTER, 1, "active", 20 },         /* which the clock has ended */
        { "incomplete", 0, 0, DURING, 1, "active", 20 },
        { "incomplete", 0, 0, AFTER, 1, "active", 20 },
        { "active", 0, 0, DURING, 0, "active", 0 },
        { "trialing", 0, 0, DURING, 0, "active", 0 },
        { "active", 21, 0, DURING, 0, "active", 21 },
        { "active", 20, 0, DURING, 0, "active", 20 },
        { "active", 15, 0, DURING, 1, "active", 20 },   /* until whichever is later */
        { "active", 15, 0, AFTER, 0, "active", 15 },
        { "past_due", 0, 0, DURING, 1, "active", 20 },  /* its grace ends at START + 3 */
        { "past_due", 0, 0, AFTER, 0, "active", 3 },
        { "unpaid", 0, 0, DURING, 1, "active", 20 },
        { "unpaid", 0, 0, AFTER, 0, "expired", 0 },
        { "canceled", 0, 5, DURING, 1, "active", 20 },  /* an old subscription's end is not the trial's */
        { "canceled", 0, 5, AFTER, 0, "canceled", 5 },
        { "canceled", 0, 30, DURING, 0, "canceled", 30 }, /* paid during the trial, and ended since */
        { "canceled", 0, 30, AFTER, 0, "canceled", 30 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const saas_trial_t trial = { START + 10 * DAY, START + 20 * DAY }, none = { 0, 0 };
        saas_subscription_t row = snapshot(cases[i].stripe ? cases[i].stripe : "active", START);
        saas_effective_t now, before;
        row.cancel_at = cases[i].cancel ? START + cases[i].cancel * DAY : 0;
        row.ended_at = cases[i].ended ? START + cases[i].ended * DAY : 0;
        saas_subscription_effective(&row, cases[i].stripe != NULL, 3 * DAY, &now);
        before = now;
        ck_assert_int_eq(saas_subscription_try(&now, &none, START), 0);
        ck_assert_int_eq(memcmp(&now, &before, sizeof(now)), 0);
        ck_assert_msg(saas_subscription_try(&now, &trial, START + cases[i].at * DAY) == cases[i].tried, "case %d", (int)i);
        ck_assert_msg(!strcmp(now.status, cases[i].status), "case %d: %s", (int)i, now.status);
        ck_assert_msg(now.ends_at == (cases[i].ends ? START + cases[i].ends * DAY : 0), "case %d: %ld", (int)i, (long)now.ends_at);
        /* What Stripe has is told, whoever gives the access. */
        ck_assert_pstr_eq(now.stripe_status, before.stripe_status);
        ck_assert_pstr_eq(now.subscription, before.subscription);
        /* An old subscription's price is not the trial's; one that gives access beside it stays what is paid. */
        ck_assert_pstr_eq(now.price, cases[i].tried && strcmp(before.status, "active") != 0 ? NULL : before.price);
        ck_assert_int_eq(now.started_at, cases[i].tried ? trial.started_at : before.started_at);
    }
}
END_TEST

Suite *suite_webhook_state(void)
{
    TCase *tc;
    Suite *suite = unit_suite("webhook_state", 60, &tc);
    tcase_add_test(tc, ties_and_terminals);
    tcase_add_test(tc, same_second_other_content);
    tcase_add_test(tc, arrears_in_the_same_second);
    tcase_add_test(tc, what_is_unsaid_is_borrowed);
    tcase_add_test(tc, unknown_status);
    tcase_add_test(tc, grace);
    tcase_add_test(tc, best_of_several);
    tcase_add_test(tc, trials);
    return suite;
}
