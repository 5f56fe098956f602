/* Time zones: the system's data, and that a stranger's name opens no other file. */

#include "unit.h"

#include "plugins/audits/cron.h"
#include "plugins/audits/zone.h"

#include <apr_time.h>

#define FAR 2100000000    /* no sooner: that it may be another one then is no promise that it will */

static int offset(const char *name, apr_int64_t t, apr_int64_t *until)
{
    const saas_zone_t *zone = saas_zone_find(unit_pool, name);
    int seconds;
    ck_assert_msg(zone != NULL, "%s", name);
    saas_zone_offset(zone, t, &seconds, until);
    ck_assert_int_gt(*until, t);
    return seconds;
}

START_TEST(offsets_and_where_they_end)
{
    static const struct { const char *name; apr_int64_t t; int offset; apr_int64_t until; } cases[] = {
        { "UTC", 1774749600, 0, APR_INT64_MAX },
        { "Etc/UTC", 1774749600, 0, APR_INT64_MAX },
        { "Europe/Berlin", 1774745999, 3600, 1774746000 },           /* 29 March 2026, 01:00 UTC */
        { "Europe/Berlin", 1774746000, 7200, 1792890000 },           /* to 25 October, 01:00 UTC */
        { "America/New_York", 1772953199, -18000, 1772953200 },      /* 8 March 2026, 07:00 UTC */
        { "America/New_York", 1772953200, -14400, 1793512800 },
        { "Asia/Kolkata", 1774746000, 19800, FAR },
        { "Asia/Kathmandu", 1774746000, 20700, FAR },
        { "Australia/Lord_Howe", 1775314800, 37800, 1791041400 },    /* half an hour of summer time */
        { "Pacific/Apia", 1325239199, -36000, 1325239200 },          /* the day that was none */
        { "Europe/Berlin", 2531955600, 7200, 2550704400 },           /* 2050: by the rule */
    };
    apr_int64_t until;
    ck_assert_int_eq(offset(cases[_i].name, cases[_i].t, &until), cases[_i].offset);
    if (cases[_i].until == FAR) {
        ck_assert_int_ge(until, FAR);
    }
    else {
        ck_assert_int_eq(until, cases[_i].until);
    }
}
END_TEST
#define CASES 11

START_TEST(names_that_are_none)
{
    static const char *const names[] = {
        "", "/", "Nowhere/Land", "ABC5", "EST5EDT4", "<+03>-3", "+01:00", "Z", "utc", "europe/berlin", "Europe", "Europe/", "/Europe/Berlin",
        "Europe//Berlin", "../zoneinfo/Europe/Berlin", "Europe/../Europe/Berlin", "posix/Europe/Berlin", "right/Europe/Berlin", "localtime",
        "posixrules", "tzdata.zi", "zone.tab", "../../../etc/passwd", "Europe/Berlin\n", " Europe/Berlin", "Europe/B\xc3\xa4rlin", "Europe/Berlin.",
        "/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlinnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
    };
    ck_assert_msg(!saas_zone_find(unit_pool, names[_i]), "%s", names[_i]);
}
END_TEST
#define NAMES 29

/* Both together: half past two in Berlin, by the system's own data. */
START_TEST(a_schedule_in_a_real_zone)
{
    const saas_zone_t *zone = saas_zone_find(unit_pool, "Europe/Berlin");
    saas_cron_t cron;
    apr_int64_t t = 1774659600, next;    /* 28 March 2026, 01:00 UTC */
    static const apr_int64_t wanted[] = { 1774661400, 1774746000, 1774830600 };
    int i;
    ck_assert_ptr_null(saas_cron_read(unit_pool, "30 2 * * *", &cron));
    for (i = 0; i < 3; i++, t = next) {
        ck_assert(saas_cron_next(&cron, saas_zone_offset, zone, t, &next));
        ck_assert_int_eq(next, wanted[i]);
    }
}
END_TEST

/* A day that hardly ever comes is found soon: who asks for it holds up nobody. */
START_TEST(a_rare_day_costs_little)
{
    const saas_zone_t *zone = saas_zone_find(unit_pool, "Europe/Berlin");
    saas_cron_t cron;
    apr_int64_t next;
    ck_assert_ptr_null(saas_cron_read(unit_pool, "0 0 29 2 */6", &cron));
    ck_assert(saas_cron_next(&cron, saas_zone_offset, zone, 3981312000, &next));   /* 2096-02-29, then 2100 has none */
    ck_assert_int_gt(next, 3981312000);
}
END_TEST

Suite *suite_audits_zone(void)
{
    TCase *t;
    Suite *s = unit_suite("audits_zone", 30, &t);
    tcase_add_loop_test(t, offsets_and_where_they_end, 0, CASES);
    tcase_add_loop_test(t, names_that_are_none, 0, NAMES);
    tcase_add_test(t, a_schedule_in_a_real_zone);
    tcase_add_test(t, a_rare_day_costs_little);
    return s;
}
