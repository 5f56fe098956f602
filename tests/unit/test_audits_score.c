/* The score of an audit: the Observatory's scale, what it is explained with, and the same numbers for SQL. */

#include "unit.h"

#include "plugins/audits/score.h"

#include <jansson.h>

static saas_score_t *score(void)
{
    saas_score_t *s = saas_score_make(unit_pool);

    saas_score_weigh(s, "csp_present", "csp", "medium", 25, 0);
    saas_score_weigh(s, "csp_inline", "csp", "medium", 20, 5);
    saas_score_weigh(s, "csp_lock", "csp", "low", 0, 5);
    saas_score_weigh(s, "hsts", "hsts", "high", 20, 0);
    saas_score_weigh(s, "nosniff", "nosniff", "low", 5, 0);
    saas_score_weigh(s, "referrer", "referrer", "low", 5, 5);
    saas_score_weigh(s, "cookies", "cookies", "medium", 20, 0);
    return s;
}

static const char *details(const saas_score_t *s)
{
    json_t *value = saas_score_details(s);
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = apr_pstrdup(unit_pool, text);

    free(text);
    json_decref(value);
    return copy;
}

START_TEST(dearest)
{
    saas_score_t *s = score();

    ck_assert_int_eq(saas_score_value(s), -1);
    ck_assert_str_eq(details(s), "null");
    saas_score_add(s, "a", "csp_present", "FAIL", "medium");
    saas_score_add(s, "a", "csp_inline", "FAIL", "medium");
    saas_score_add(s, "a", "csp_lock", "PASS", "low"); /* earns nothing beside a failure of its test */
    saas_score_add(s, "a", "hsts", "MANUAL", "high");
    ck_assert_int_eq(saas_score_value(s), 75);
    ck_assert_str_eq(details(s), "{\"grade\":\"B\",\"resources\":1,\"tests\":[{\"test\":\"csp\",\"points\":-25,\"resources\":1}],\"severities\":[]}");
}
END_TEST

START_TEST(earned)
{
    saas_score_t *s = score();

    saas_score_add(s, "a", "csp_inline", "PASS", "medium");
    saas_score_add(s, "a", "csp_lock", "PASS", "low");
    saas_score_add(s, "a", "nosniff", "FAIL", "low");
    ck_assert_int_eq(saas_score_value(s), 100); /* 95 and 10, cut off */
    saas_score_add(s, "a", "referrer", "FAIL", "low");
    ck_assert_int_eq(saas_score_value(s), 100); /* 90 and 10 */
    saas_score_add(s, "a", "hsts", "FAIL", "high");
    ck_assert_int_eq(saas_score_value(s), 70); /* below 90 nothing is earned */
    ck_assert_ptr_null(strstr(details(s), "\"points\":10"));
}
END_TEST

START_TEST(means)
{
    saas_score_t *s = score();

    saas_score_add(s, "a", "csp_present", "FAIL", "medium");
    saas_score_add(s, "b", "csp_present", "PASS", "medium");
    saas_score_add(s, "b", "nosniff", "FAIL", "low");
    saas_score_add(s, "c", "hsts", "ERROR", "high"); /* nothing could be tested */
    ck_assert_int_eq(saas_score_value(s), 85);
    ck_assert_ptr_nonnull(strstr(details(s), "\"resources\":2,"));
    /* Graver than its check usually is. */
    saas_score_add(s, "b", "cookies", "FAIL", "high");
    ck_assert_int_eq(saas_score_value(s), (75 + 70) / 2);
    for (int i = 0; i < 5; i++) {
        saas_score_add(s, "b", "unheard-of", "FAIL", "critical");
    }
    ck_assert_int_eq(saas_score_value(s), 75 / 2);
    ck_assert_ptr_nonnull(strstr(details(s), "\"severities\":[{\"severity\":\"critical\",\"points\":-200,\"resources\":1}]"));
}
END_TEST

START_TEST(grades)
{
    static const struct {
        int value;
        const char *grade;
    } cases[] = { { 100, "A+" }, { 99, "A" }, { 90, "A" }, { 89, "A-" }, { 84, "B+" }, { 79, "B" }, { 69, "B-" }, { 64, "C+" }, { 59, "C" },
                  { 49, "C-" }, { 44, "D+" }, { 39, "D" }, { 29, "D-" }, { 24, "F" }, { 0, "F" } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_str_eq(saas_score_grade(cases[i].value), cases[i].grade);
    }
}
END_TEST

/* Without a table each failure costs by its severity, as SAAS_SCORE_COSTS says to the database. */
START_TEST(severities)
{
    for (int i = 0; saas_finding_severities[i]; i++) {
        saas_score_t *s = saas_score_make(unit_pool);
        const char *branch = apr_psprintf(unit_pool, "severity = '%s' THEN ", saas_finding_severities[i]);
        const char *at = strstr(SAAS_SCORE_COSTS, branch);

        saas_score_add(s, "a", "c", "FAIL", saas_finding_severities[i]);
        ck_assert_int_eq(100 - saas_score_value(s), at ? atoi(at + strlen(branch)) : 0);
    }
}
END_TEST

Suite *suite_audits_score(void);
Suite *suite_audits_score(void)
{
    TCase *tc;
    Suite *s = unit_suite("audits_score", 10, &tc);

    tcase_add_test(tc, dearest);
    tcase_add_test(tc, earned);
    tcase_add_test(tc, means);
    tcase_add_test(tc, grades);
    tcase_add_test(tc, severities);
    return s;
}
