/* Times as text: known moments, both directions for random ones, what must not be read. */

#include "unit.h"

#include <stdio.h>
#include <time.h>

#include "core/timefmt.h"

#define FIRST INT64_C(-62135596800000000) /* 0001-01-01T00:00:00Z */
#define LAST INT64_C(253402300799999999)  /* 9999-12-31T23:59:59.999999Z */

START_TEST(known)
{
    static const struct {
        apr_time_t t;
        const char *iso, *compact;
    } moments[] = {
        { 0, "1970-01-01T00:00:00.000000Z", "19700101T000000Z" },
        { -1, "1969-12-31T23:59:59.999999Z", "19691231T235959Z" },
        { INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z", "20000229T000000Z" },
        { INT64_C(951868799999999), "2000-02-29T23:59:59.999999Z", "20000229T235959Z" },
        { INT64_C(951868800000000), "2000-03-01T00:00:00.000000Z", "20000301T000000Z" },
        { INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z", "21000301T000000Z" },
        { INT64_C(1795328478123456), "2026-11-22T06:21:18.123456Z", "20261122T062118Z" },
        { FIRST, "0001-01-01T00:00:00.000000Z", "00010101T000000Z" },
        { LAST, "9999-12-31T23:59:59.999999Z", "99991231T235959Z" },
    };
    char iso[SAAS_TIME_ISO_SIZE], compact[SAAS_TIME_COMPACT_SIZE];
    apr_time_t back;

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        ck_assert_int_eq(saas_time_iso(iso, moments[i].t), APR_SUCCESS);
        ck_assert_str_eq(iso, moments[i].iso);
        ck_assert_int_eq(saas_time_compact(compact, moments[i].t), APR_SUCCESS);
        ck_assert_str_eq(compact, moments[i].compact);
        ck_assert_int_eq(saas_time_parse(iso, &back), APR_SUCCESS);
        ck_assert_int_eq(back, moments[i].t);
    }
    static const apr_time_t outside[] = { FIRST - 1, LAST + 1, INT64_MIN, INT64_MAX };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        ck_assert_int_eq(saas_time_iso(iso, outside[i]), APR_EINVAL);
        ck_assert_str_eq(iso, "");
        ck_assert_int_eq(saas_time_compact(compact, outside[i]), APR_EINVAL);
        ck_assert_str_eq(compact, "");
    }
}
END_TEST

START_TEST(against_libc)
{
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        apr_time_t t = FIRST + (apr_time_t)(unit_random(&state) % (uint64_t)(LAST - FIRST + 1));
        char iso[SAAS_TIME_ISO_SIZE], want[64];
        apr_time_t back;
        struct tm tm;
        time_t seconds = (time_t)((t - (t % 1000000 + 1000000) % 1000000) / 1000000);

        gmtime_r(&seconds, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)((t % 1000000 + 1000000) % 1000000));
        UNIT_CHECK(saas_time_iso(iso, t) == APR_SUCCESS);
        UNIT_CHECK(strcmp(iso, want) == 0);
        UNIT_CHECK(saas_time_parse(iso, &back) == APR_SUCCESS);
        UNIT_CHECK(back == t);
    }
}
END_TEST

START_TEST(every_day)
{
    /* Each day of the calendar is written in a form that is read as the same day. */
    char iso[SAAS_TIME_ISO_SIZE];
    for (apr_time_t t = FIRST; t < LAST; t += INT64_C(86400000000)) {
        apr_time_t back;
        UNIT_CHECK(saas_time_iso(iso, t) == APR_SUCCESS);
        UNIT_CHECK(saas_time_parse(iso, &back) == APR_SUCCESS);
        UNIT_CHECK(back == t);
    }
}
END_TEST

START_TEST(forms)
{
    static const char *const same[] = {
        "2026-11-22 06:21:18.123456+00",      "2026-11-22T06:21:18.123456Z",      "2026-11-22t06:21:18.123456z",
        "2026-11-22T08:21:18.123456+02:00",   "2026-11-22T08:21:18.123456+0200",  "2026-11-22 11:51:18.123456+05:30",
        "2026-11-21T22:21:18.123456-08",      "2026-11-22T06:21:18.123456789Z",   "2026-11-22T06:21:18.1234569999999999Z",
        "2026-11-22T06:21:18.123456-00:00",   "2026-11-23T06:20:18.123456+23:59",
    };
    apr_time_t t;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        ck_assert_msg(saas_time_parse(same[i], &t) == APR_SUCCESS, "%s", same[i]);
        ck_assert_msg(t == INT64_C(1795328478123456), "%s: %" APR_INT64_T_FMT, same[i], t);
    }
    ck_assert_int_eq(saas_time_parse("2026-11-22T06:21Z", &t), APR_SUCCESS);
    ck_assert_int_eq(t, INT64_C(1795328460000000));
    ck_assert_int_eq(saas_time_parse("2026-11-22T06:21:18.5Z", &t), APR_SUCCESS);
    ck_assert_int_eq(t, INT64_C(1795328478500000));
}
END_TEST

START_TEST(refused)
{
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T",
        "2026-11-22T06",
        "2026-11-22T06Z",
        "2026-11-22T06:21:18",        /* no zone */
        "2026-11-22T06:21:18.Z",
        "2026-11-22T06:21:18,5Z",
        "2026-11-22T06:21:18Z ",
        " 2026-11-22T06:21:18Z",
        "2026-11-22  06:21:18Z",
        "2026-11-22_06:21:18Z",
        "2026-11-22T06:21:18ZZ",
        "2026-11-22T06:21:18+",
        "2026-11-22T06:21:18+0",
        "2026-11-22T06:21:18+00:",
        "2026-11-22T06:21:18+00:0",
        "2026-11-22T06:21:18+000",
        "2026-11-22T06:21:18+24:00",
        "2026-11-22T06:21:18+00:60",
        "2026-11-22T06:21:18+00:00:00",
        "2026-11-22T24:00:00Z",
        "2026-11-22T06:60:00Z",
        "2026-11-22T06:21:60Z",
        "2026-00-22T06:21:18Z",
        "2026-13-22T06:21:18Z",
        "2026-11-00T06:21:18Z",
        "2026-11-31T06:21:18Z",
        "2026-02-29T06:21:18Z",
        "2100-02-29T06:21:18Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "-2026-11-22T06:21:18Z",
        "+2026-11-22T06:21:18Z",
        "26-11-22T06:21:18Z",
        "2026-1-22T06:21:18Z",
        "2026-11-22T6:21:18Z",
        "20261122T062118Z",
        "infinity",
        "now",
    };
    apr_time_t t = 42;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(saas_time_parse(bad[i], &t) == APR_EINVAL, "%s", bad[i]);
    }
    ck_assert_int_eq(saas_time_parse(NULL, &t), APR_EINVAL);
    ck_assert_int_eq(t, 42);
}
END_TEST

Suite *suite_timefmt(void)
{
    TCase *tc;
    Suite *suite = unit_suite("timefmt", 60, &tc);
    tcase_add_test(tc, known);
    tcase_add_test(tc, against_libc);
    tcase_add_test(tc, every_day);
    tcase_add_test(tc, forms);
    tcase_add_test(tc, refused);
    return suite;
}
