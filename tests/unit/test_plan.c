/* Plans: what a line of SaasPlan may say and what is wrong with it, whose plan is which, limits and when they end. */

#include "unit.h"

#include <apr_lib.h>

#include "core/plan.h"

/* Adds a line; what is wrong with it. */
static const char *add(saas_plans_t *plans, const char *line)
{
    apr_array_header_t *words = apr_array_make(unit_pool, 8, sizeof(const char *));
    char *rest = apr_pstrdup(unit_pool, line), *last, *word;
    for (word = apr_strtok(rest, " ", &last); word; word = apr_strtok(NULL, " ", &last)) {
        APR_ARRAY_PUSH(words, const char *) = word;
    }
    return saas_plans_add(unit_pool, plans, words->nelts, (const char *const *)words->elts);
}

static saas_plans_t begin(void)
{
    saas_plans_t plans;
    saas_plans_begin(unit_pool, &plans);
    return plans;
}

static void ok(saas_plans_t *plans, const char *line)
{
    const char *wrong = add(plans, line);
    ck_assert_msg(!wrong, "%s: %s", line, wrong);
}

/* Three plans, in this order. */
static saas_plans_t three(void)
{
    saas_plans_t plans = begin();
    ok(&plans, "free limit.members=2 limit.audits=3/day");
    ok(&plans, "pro price_a price_b features=export,api limit.members=25 limit.audits=100/month");
    ok(&plans, "business price_c seats");
    return plans;
}

static const char *name_of(const saas_plan_t *plan)
{
    return plan ? plan->name : "(none)";
}

START_TEST(lines)
{
    saas_plans_t plans = three();
    const saas_plan_t *pro = saas_plans_find(&plans, "pro"), *business = saas_plans_find(&plans, "business");
    const saas_plan_limit_t *limit;

    ck_assert_int_eq(plans.list->nelts, 3);
    ck_assert_int_eq(pro->rank, 1);
    ck_assert_int_eq(business->rank, 2);
    ck_assert_int_eq(pro->prices->nelts, 2);
    ck_assert_int_eq(pro->features->nelts, 2);
    ck_assert(!pro->seats && business->seats);
    ck_assert_ptr_nonnull(limit = saas_plan_limit(pro, "members"));
    ck_assert(limit->most == 25 && limit->per == SAAS_PER_ALL);
    ck_assert_ptr_nonnull(limit = saas_plan_limit(pro, "audits"));
    ck_assert(limit->most == 100 && limit->per == SAAS_PER_MONTH);
    ck_assert_int_eq(saas_plan_limit(saas_plans_find(&plans, "free"), "audits")->per, SAAS_PER_DAY);
    ck_assert_ptr_null(saas_plan_limit(pro, "member"));
    ck_assert_ptr_null(saas_plan_limit(business, "members"));
    ck_assert_ptr_null(saas_plan_limit(NULL, "members"));
    ck_assert_ptr_null(saas_plans_find(&plans, "Pro"));
}
END_TEST

START_TEST(limits)
{
    static const struct {
        const char *text;
        apr_int64_t most;
        saas_per_e per;
    } good[] = {
        { "0", 0, SAAS_PER_ALL },
        { "0/month", 0, SAAS_PER_MONTH },
        { "007", 7, SAAS_PER_ALL },
        { "999999999999999999/day", APR_INT64_C(999999999999999999), SAAS_PER_DAY },
        { "1000000000000000000", SAAS_PLAN_LIMIT_MOST, SAAS_PER_ALL },
        { "00000000000000000000000000000000000000000000000001", 1, SAAS_PER_ALL },
    };
    static const char *const bad[] = {
        "", "-1", "+1", "1.5", "1e3", "0x10", " 1", "unlimited", "/day", "5/", "5/week", "5/Month", "5/month/day", "5/days", "5 ", "5,",
        "1000000000000000001", "10000000000000000000", "18446744073709551617", "99999999999999999999999999999999999999",
        "9223372036854775808/month", "\xd9\xa3"
    };
    const char *word[3] = { "pro", "price_a", NULL };
    size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        saas_plans_t plans = begin();
        const saas_plan_limit_t *limit;
        word[2] = apr_pstrcat(unit_pool, "limit.x=", good[i].text, NULL);
        ck_assert_ptr_null(saas_plans_add(unit_pool, &plans, 3, word));
        limit = saas_plan_limit(saas_plans_find(&plans, "pro"), "x");
        ck_assert_msg(limit && limit->most == good[i].most && limit->per == good[i].per, "%s", good[i].text);
    }
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        saas_plans_t plans = begin();
        const char *wrong;
        word[2] = apr_pstrcat(unit_pool, "limit.x=", bad[i], NULL);
        wrong = saas_plans_add(unit_pool, &plans, 3, word);
        ck_assert_msg(wrong && strstr(wrong, "limit.x"), "%s: %s", bad[i], wrong ? wrong : "(taken)");
        ck_assert_int_eq(plans.list->nelts, 0);
    }
}
END_TEST

START_TEST(names)
{
    static const char *const bad[] = { "", "Pro", "1pro", "-pro", "pro/x", "pro'", "pr\xc3\xb6", "pro$1", "pro\"" };
    char longest[66];
    size_t i;

    memset(longest, 'a', sizeof(longest));
    longest[64] = '\0';
    ck_assert_ptr_null(saas_plan_check_name(unit_pool, longest));
    ck_assert_ptr_null(saas_plan_check_name(unit_pool, "a-b_c.9"));
    longest[64] = 'a';
    longest[65] = '\0';
    ck_assert_ptr_nonnull(saas_plan_check_name(unit_pool, longest));
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *plan[2] = { bad[i], "price_a" };
        const char *feature[3] = { "pro", "price_a", apr_pstrcat(unit_pool, "features=ok,", *bad[i] ? bad[i] : "$", NULL) };
        const char *limit[3] = { "pro", "price_a", apr_pstrcat(unit_pool, "limit.", bad[i], "=5", NULL) };
        saas_plans_t plans = begin();
        ck_assert_msg(saas_plans_add(unit_pool, &plans, 2, plan) != NULL, "plan %s", bad[i]);
        ck_assert_msg(saas_plans_add(unit_pool, &plans, 3, feature) != NULL, "feature %s", bad[i]);
        ck_assert_msg(saas_plans_add(unit_pool, &plans, 3, limit) != NULL, "limit %s", bad[i]);
        ck_assert_int_eq(plans.list->nelts, 0);
    }
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *line, *says;
    } bad[] = {
        { "pro", "no price" },
        { "pro features=x", "no price" },
        { "pro price_z seats limit.members", "limit.members" },
        { "pro price_z limit.members=5 limit.members=6", "twice" },
        { "pro price_z limit.members=5 limit.members=5/day", "twice" },
        { "pro price_z features=a features=b", "twice" },
        { "pro price_z features=a,b,a", "twice" },
        { "pro price_z price_z", "price_z" },
        { "pro price_a", "basic" },
        { "basic price_z", "already" },
        { "pro price_z feature=x", "none of" },
        { "pro price_z Limit.members=5", "none of" },
        { "free price_z", "free" },
        { "free seats", "free" },
    };
    size_t i;

    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        saas_plans_t plans = begin();
        const char *wrong;
        ok(&plans, "basic price_a");
        wrong = add(&plans, bad[i].line);
        ck_assert_msg(wrong && strstr(wrong, bad[i].says), "%s: %s", bad[i].line, wrong ? wrong : "(taken)");
        ck_assert_int_eq(plans.list->nelts, 1);
        ck_assert_ptr_null(saas_plans_of_price(&plans, "price_z"));
        ok(&plans, "pro price_z");
    }
    ck_assert_ptr_nonnull(saas_plans_add(unit_pool, &(saas_plans_t){ begin().list }, 0, NULL));
}
END_TEST

START_TEST(whose)
{
    saas_plans_t plans = three(), sold = begin(), none = begin();

    ok(&sold, "pro price_a");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 1, "price_b")), "pro");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 1, "price_c")), "business");
    /* Not known yet: the least that is sold.  No plan's: as one that does not pay. */
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 1, NULL)), "pro");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 1, "price_unknown")), "free");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 1, "")), "free");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 0, "price_c")), "free");
    ck_assert_str_eq(name_of(saas_plans_of(&plans, 0, NULL)), "free");
    ck_assert_str_eq(name_of(saas_plans_of(&sold, 0, "price_a")), "(none)");
    ck_assert_str_eq(name_of(saas_plans_of(&sold, 1, "price_unknown")), "(none)");
    ck_assert_str_eq(name_of(saas_plans_of(&none, 1, "price_a")), "(none)");
    ck_assert_str_eq(name_of(saas_plans_of(&none, 1, NULL)), "(none)");
}
END_TEST

START_TEST(features)
{
    saas_plans_t plans = three();
    apr_array_header_t *with = saas_plans_with(unit_pool, &plans, "api");

    ck_assert(saas_plan_has(saas_plans_find(&plans, "pro"), "api"));
    ck_assert(!saas_plan_has(saas_plans_find(&plans, "pro"), "sso"));
    ck_assert(!saas_plan_has(saas_plans_find(&plans, "free"), "api"));
    ck_assert(!saas_plan_has(NULL, "api"));
    /* A plan that names none has all of them. */
    ck_assert(saas_plan_has(saas_plans_find(&plans, "business"), "sso"));
    ck_assert_int_eq(with->nelts, 2);
    ck_assert_str_eq(APR_ARRAY_IDX(with, 0, const char *), "pro");
    ck_assert_str_eq(APR_ARRAY_IDX(with, 1, const char *), "business");
}
END_TEST

START_TEST(bound)
{
    saas_plans_t plans = three(), sold = begin(), none = begin();

    ok(&sold, "pro price_a limit.members=25");
    ok(&sold, "business price_b limit.members=90 limit.audits=5/day");
    ck_assert_int_eq(saas_plans_limit(&plans, saas_plans_find(&plans, "pro"), "members")->most, 25);
    ck_assert_ptr_null(saas_plans_limit(&plans, saas_plans_find(&plans, "business"), "members"));
    /* Who has no plan has not more than the lowest that names it. */
    ck_assert_int_eq(saas_plans_limit(&sold, NULL, "members")->most, 25);
    ck_assert_int_eq(saas_plans_limit(&sold, NULL, "audits")->most, 5);
    ck_assert_ptr_null(saas_plans_limit(&sold, saas_plans_find(&sold, "pro"), "audits"));
    ck_assert_ptr_null(saas_plans_limit(&sold, NULL, "targets"));
    ck_assert_ptr_null(saas_plans_limit(&none, NULL, "members"));
}
END_TEST

START_TEST(counted)
{
    saas_plans_t plans = three();

    ck_assert(saas_plans_count_by(&plans, "audits", SAAS_PER_DAY));
    ck_assert(saas_plans_count_by(&plans, "audits", SAAS_PER_MONTH));
    ck_assert(!saas_plans_count_by(&plans, "audits", SAAS_PER_ALL));
    ck_assert(saas_plans_count_by(&plans, "members", SAAS_PER_ALL));
    ck_assert(!saas_plans_count_by(&plans, "members", SAAS_PER_DAY));
    ck_assert(!saas_plans_count_by(&plans, "targets", SAAS_PER_DAY));
    ck_assert_str_eq(saas_per_text(SAAS_PER_DAY), "day");
    ck_assert_str_eq(saas_per_text(SAAS_PER_MONTH), "month");
    ck_assert_ptr_null(saas_per_text(SAAS_PER_ALL));
}
END_TEST

static apr_time_t utc(int year, int month, int day, int hour, int minute, int second, int usec)
{
    apr_time_exp_t when = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
                            .tm_sec = second, .tm_usec = usec };
    apr_time_t t;
    ck_assert_int_eq(apr_time_exp_gmt_get(&t, &when), APR_SUCCESS);
    return t;
}

START_TEST(ends)
{
    static const struct {
        int from[3];
        int day[3], month[3];
    } each[] = {
        { { 2026, 11, 27 }, { 2026, 11, 28 }, { 2026, 12, 1 } },
        { { 2026, 12, 31 }, { 2027, 1, 1 }, { 2027, 1, 1 } },
        { { 2027, 1, 31 }, { 2027, 2, 1 }, { 2027, 2, 1 } },
        { { 2028, 2, 28 }, { 2028, 2, 29 }, { 2028, 3, 1 } },
        { { 2028, 2, 29 }, { 2028, 3, 1 }, { 2028, 3, 1 } },
        { { 2027, 2, 28 }, { 2027, 3, 1 }, { 2027, 3, 1 } },
        { { 2026, 4, 30 }, { 2026, 5, 1 }, { 2026, 5, 1 } },
        { { 2026, 12, 1 }, { 2026, 12, 2 }, { 2027, 1, 1 } },
    };
    size_t i;

    for (i = 0; i < sizeof(each) / sizeof(*each); i++) {
        const int *f = each[i].from, *d = each[i].day, *m = each[i].month;
        apr_time_t first = utc(f[0], f[1], f[2], 0, 0, 0, 0), last = utc(f[0], f[1], f[2], 23, 59, 59, 999999);
        apr_time_t day = utc(d[0], d[1], d[2], 0, 0, 0, 0), month = utc(m[0], m[1], m[2], 0, 0, 0, 0);
        ck_assert(saas_per_next(SAAS_PER_DAY, first) == day && saas_per_next(SAAS_PER_DAY, last) == day);
        ck_assert(saas_per_next(SAAS_PER_MONTH, first) == month && saas_per_next(SAAS_PER_MONTH, last) == month);
        ck_assert(saas_per_next(SAAS_PER_ALL, first) == 0);
    }
}
END_TEST

Suite *suite_plan(void)
{
    TCase *tc;
    Suite *suite = unit_suite("plan", 10, &tc);
    tcase_add_test(tc, lines);
    tcase_add_test(tc, limits);
    tcase_add_test(tc, names);
    tcase_add_test(tc, refused);
    tcase_add_test(tc, whose);
    tcase_add_test(tc, features);
    tcase_add_test(tc, bound);
    tcase_add_test(tc, counted);
    tcase_add_test(tc, ends);
    return suite;
}
