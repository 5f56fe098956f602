/* Cron expressions: what is read and what is refused, and when the next time is, with clocks that are put forward and back. */

#include "unit.h"

#include "plugins/audits/cron.h"

#include <apr_time.h>

#include <stdio.h>

/* ------------------------------------------------------------------- time -- */

/* Seconds since 1970 of "2026-03-29 02:30". */
static apr_int64_t at(const char *text)
{
    apr_time_exp_t t = { 0 };
    apr_time_t time;
    ck_assert_int_eq(sscanf(text, "%d-%d-%d %d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec) >= 5, 1);
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    ck_assert_int_eq(apr_time_exp_get(&time, &t), APR_SUCCESS);
    return apr_time_sec(time);
}

static const char *text_of(apr_int64_t t)
{
    apr_time_exp_t e;
    apr_time_exp_gmt(&e, apr_time_from_sec(t));
    return apr_psprintf(unit_pool, "%04d-%02d-%02d %02d:%02d", e.tm_year + 1900, e.tm_mon + 1, e.tm_mday, e.tm_hour, e.tm_min);
}

/* A zone of at most four spans: each begins at `from` and has this offset. */
typedef struct spans_t { struct { apr_int64_t from; int offset; } span[4]; int count; } spans_t;

static void spans(const void *baton, apr_int64_t t, int *offset, apr_int64_t *until)
{
    const spans_t *zone = baton;
    int i = zone->count - 1;
    while (i > 0 && t < zone->span[i].from) {
        i--;
    }
    *offset = zone->span[i].offset;
    *until = i + 1 < zone->count ? zone->span[i + 1].from : APR_INT64_MAX;
}

static const spans_t utc = { { { 0, 0 } }, 1 };
/* Berlin in 2026: forward on 29 March at 01:00 UTC, back on 25 October at 01:00 UTC. */
static spans_t berlin(void)
{
    spans_t zone = { { { 0, 3600 }, { at("2026-03-29 01:00"), 7200 }, { at("2026-10-25 01:00"), 3600 } }, 3 };
    return zone;
}

static const char *next_in(const spans_t *zone, const char *expression, const char *after)
{
    saas_cron_t cron;
    apr_int64_t next;
    const char *wrong = saas_cron_read(unit_pool, expression, &cron);
    ck_assert_msg(!wrong, "%s: %s", expression, wrong);
    return saas_cron_next(&cron, spans, zone, at(after), &next) ? text_of(next) : "never";
}

#define NEXT(zone, expression, after, wanted) ck_assert_str_eq(next_in(zone, expression, after), wanted)

/* ---------------------------------------------------------------- reading -- */

START_TEST(fields_are_read)
{
    static const struct { const char *text, *same; } pairs[] = {
        { "*/15 * * * *", "0,15,30,45 * * * *" },
        { "0-59/20 * * * *", "0,20,40 * * * *" },
        { "  5\t4  *   *  * ", "5 4 * * *" },
        { "0 0 * jan,MAR,Dec *", "0 0 * 1,3,12 *" },
        { "0 0 * * mon-FRI", "0 0 * * 1-5" },
        { "0 0 * * 7", "0 0 * * 0" },
        { "0 0 * * fri-7", "0 0 * * 0,5,6" },
        { "07 009 * * *", "7 9 * * *" },
        { "0 0 1-31/10 * *", "0 0 1,11,21,31 * *" },
        { "1,1,1 0 * * *", "1 0 * * *" },
        { "0 0 * jan-mar/2 *", "0 0 * 1,3 *" },
    };
    saas_cron_t a, b;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    ck_assert_ptr_null(saas_cron_read(unit_pool, pairs[_i].text, &a));
    ck_assert_ptr_null(saas_cron_read(unit_pool, pairs[_i].same, &b));
    ck_assert_uint_eq(a.minutes, b.minutes);
    ck_assert_uint_eq(a.hours, b.hours);
    ck_assert_uint_eq(a.days, b.days);
    ck_assert_uint_eq(a.months, b.months);
    ck_assert_uint_eq(a.weekdays, b.weekdays);
}
END_TEST
#define PAIRS 11

START_TEST(what_is_none_is_refused)
{
    static const char *const wrong[] = {
        "", " ", "*", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *",
        "* * * * 8", "-1 * * * *", "1- * * * *", "-5 * * * *", "5-1 * * * *", "1-2-3 * * * *", "1,,2 * * * *", ",1 * * * *", "1, * * * *",
        "*/0 * * * *", "*/60 * * * *", "*/ * * * *", "1/2 * * * *", "*/-1 * * * *", "*5 * * * *", "** * * * *", "1a * * * *",
        "0 0 * janu *", "0 0 * * monday", "0 0 * mon *", "0 0 L * *", "0 0 ? * *", "0 0 1W * *", "0 0 * * 5#3", "0x1 * * * *", "1.5 * * * *",
        "99999999999999999999 * * * *", "0 0 * * sun-sat,", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 feb *", "1 2 3 4 5\n6 7", "\xc2\xa0 * * * *",
        "0 0 * * fri-mon",
        "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37 * * * *",
    };
    static const int count = sizeof(wrong) / sizeof(wrong[0]);
    saas_cron_t cron;
    int i;
    for (i = 0; i < count; i++) {
        const char *said = saas_cron_read(unit_pool, wrong[i], &cron);
        ck_assert_msg(said && strlen(said) > 10 && strlen(said) < 200, "%s: %s", wrong[i], said);
    }
}
END_TEST

/* ------------------------------------------------------------- the calendar -- */

START_TEST(the_next_time_in_utc)
{
    static const struct { const char *expression, *after, *next; } cases[] = {
        { "* * * * *", "2026-11-27 07:31:00", "2026-11-27 07:32" },
        { "* * * * *", "2026-11-27 07:31:59", "2026-11-27 07:32" },
        { "31 7 * * *", "2026-11-27 07:30:59", "2026-11-27 07:31" },
        { "31 7 * * *", "2026-11-27 07:31:00", "2026-11-28 07:31" },
        { "0 0 1 1 *", "2026-01-01 00:00", "2027-01-01 00:00" },
        { "59 23 31 12 *", "2026-12-31 23:58", "2026-12-31 23:59" },
        { "59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59" },
        { "0 6 * * mon-fri", "2026-11-27 06:00", "2026-11-30 06:00" },    /* a Friday */
        { "0 6 * * 0", "2026-11-27 06:00", "2026-11-29 06:00" },
        { "0 0 29 2 *", "2026-11-27 00:00", "2028-02-29 00:00" },
        { "0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00" },         /* 2100 has none */
        { "0 0 31 * *", "2026-01-31 00:00", "2026-03-31 00:00" },
        { "*/25 * * * *", "2026-11-27 07:50", "2026-11-27 08:00" },       /* steps begin anew each hour */
        /* Both days restricted: either. */
        { "0 0 13 * fri", "2026-11-27 00:00", "2026-12-04 00:00" },
        { "0 0 13 * fri", "2026-12-11 00:00", "2026-12-13 00:00" },
        /* A star, also with a step, restricts and does not add. */
        { "0 0 13 * */5", "2026-11-27 00:00", "2026-12-13 00:00" },       /* 0 and 5: a Sunday */
        { "0 0 */10 * 1", "2026-11-27 00:00", "2026-12-21 00:00" },       /* 1, 11, 21, 31 and a Monday */
        { "15 10 * 2 *", "2026-11-27 00:00", "2027-02-01 10:15" },
        { "0 0 1 * *", "1999-12-31 23:59:30", "2000-01-01 00:00" },
        { "0 0 29 2 *", "1999-12-31 00:00", "2000-02-29 00:00" },
    };
    NEXT(&utc, cases[_i].expression, cases[_i].after, cases[_i].next);
}
END_TEST
#define CASES 20

/* The same as a day-by-day, minute-by-minute reading by libc's calendar. */
START_TEST(it_is_what_a_naive_reading_says)
{
    static const char *const expressions[] = {
        "7 3 * * *", "*/17 */5 * * *", "0 12 1,15 * 3", "30 22 28-31 * *", "5 0 * 2,8 sat", "59 23 */7 */5 *", "0 0 * * */2"
    };
    saas_cron_t cron;
    apr_int64_t t = at("2027-12-20 11:22") + _i * 86399, next, naive;
    apr_time_exp_t e;
    size_t n;
    int i;
    for (n = 0; n < sizeof(expressions) / sizeof(expressions[0]); n++) {
        ck_assert_ptr_null(saas_cron_read(unit_pool, expressions[n], &cron));
        naive = t;
        for (i = 0; i < 30; i++) {
            do {
                naive += 60 - naive % 60;
                apr_time_exp_gmt(&e, apr_time_from_sec(naive));
            } while (!((cron.minutes >> e.tm_min & 1) && (cron.hours >> e.tm_hour & 1) && (cron.months >> (e.tm_mon + 1) & 1)
                       && (cron.any_day || cron.any_weekday
                               ? (cron.days >> e.tm_mday & 1) && (cron.weekdays >> e.tm_wday & 1)
                               : (cron.days >> e.tm_mday & 1) || (cron.weekdays >> e.tm_wday & 1))));
            ck_assert(saas_cron_next(&cron, spans, &utc, t, &next));
            ck_assert_msg(next == naive, "%s after %s: %s, not %s", expressions[n], text_of(t), text_of(next), text_of(naive));
            t = next;
        }
        t = at("2027-12-20 11:22") + _i * 86399;
    }
}
END_TEST

/* ---------------------------------------------------- clocks that are changed -- */

START_TEST(a_zone_moves_the_time)
{
    spans_t kolkata = { { { 0, 19800 } }, 1 }, west = { { { 0, -12 * 3600 } }, 1 }, east = { { { 0, 14 * 3600 } }, 1 }, zone = berlin();
    NEXT(&kolkata, "0 6 * * *", "2026-11-27 00:00", "2026-11-27 00:30");
    NEXT(&kolkata, "0 6 * * *", "2026-11-27 00:30", "2026-11-28 00:30");
    NEXT(&west, "0 23 * * fri", "2026-11-28 00:00", "2026-11-28 11:00");    /* Friday there is Saturday here */
    NEXT(&east, "0 1 * * mon", "2026-11-27 00:00", "2026-11-29 11:00");
    NEXT(&zone, "0 6 * * *", "2026-07-01 05:00", "2026-07-02 04:00");
    NEXT(&zone, "0 6 * * *", "2026-12-01 05:00", "2026-12-02 05:00");
}
END_TEST

START_TEST(what_is_skipped_comes_when_it_has_been_skipped)
{
    spans_t zone = berlin();
    NEXT(&zone, "30 2 * * *", "2026-03-28 01:30", "2026-03-29 01:00");
    NEXT(&zone, "30 2 * * *", "2026-03-29 01:00", "2026-03-30 00:30");
    NEXT(&zone, "0,10,20 2 * * *", "2026-03-29 00:59", "2026-03-29 01:00");   /* several at once are one */
    NEXT(&zone, "0,10,20 2 * * *", "2026-03-29 01:00", "2026-03-30 00:00");
    NEXT(&zone, "0 2,3 * * *", "2026-03-29 00:59", "2026-03-29 01:00");       /* as 03:00 is the same moment */
    NEXT(&zone, "0 2,3 * * *", "2026-03-29 01:00", "2026-03-30 00:00");
    NEXT(&zone, "30 2 29 3 *", "2026-03-01 00:00", "2026-03-29 01:00");       /* that day alone */
    NEXT(&zone, "59 1 * * *", "2026-03-29 00:58", "2026-03-29 00:59");
    NEXT(&zone, "59 1 * * *", "2026-03-29 00:59", "2026-03-29 23:59");        /* nothing of it was skipped */
}
END_TEST

START_TEST(what_is_shown_twice_counts_once)
{
    spans_t zone = berlin();
    NEXT(&zone, "30 2 * * *", "2026-10-24 00:30", "2026-10-25 00:30");
    NEXT(&zone, "30 2 * * *", "2026-10-25 00:30", "2026-10-26 01:30");
    NEXT(&zone, "30 2 * * *", "2026-10-25 01:10", "2026-10-26 01:30");        /* asked in the hour that comes again */
    NEXT(&zone, "*/20 2 * * *", "2026-10-25 00:40", "2026-10-26 01:00");
    NEXT(&zone, "0 3 * * *", "2026-10-25 00:00", "2026-10-25 02:00");
}
END_TEST

START_TEST(with_a_star_clocks_are_taken_as_they_go)
{
    spans_t zone = berlin();
    NEXT(&zone, "30 * * * *", "2026-03-29 00:30", "2026-03-29 01:30");        /* 01:30, then 03:30 there, an hour later */
    NEXT(&zone, "30 * * * *", "2026-10-25 00:30", "2026-10-25 01:30");        /* 02:30 twice, an hour apart */
    NEXT(&zone, "30 * * * *", "2026-10-25 01:30", "2026-10-25 02:30");
    NEXT(&zone, "*/20 * * * *", "2026-10-25 00:40", "2026-10-25 01:00");
    NEXT(&zone, "0 */2 * * *", "2026-03-28 23:00", "2026-03-29 02:00");       /* 00:00, then 04:00: there is no 02:00 */
}
END_TEST

START_TEST(days_that_are_skipped_and_changes_at_midnight)
{
    /* Samoa had no 30 December 2011: from 10 hours behind to 14 ahead. */
    spans_t apia = { { { 0, -36000 }, { at("2011-12-30 10:00"), 50400 } }, 2 };
    /* Clocks that go from 00:00 to 01:00, and from 24:00 to 23:00. */
    spans_t midnight = { { { 0, 7200 }, { at("2026-04-23 22:00"), 10800 }, { at("2026-10-29 21:00"), 7200 } }, 3 };
    NEXT(&apia, "0 12 * * *", "2011-12-29 22:00", "2011-12-30 10:00");
    NEXT(&apia, "0 12 * * *", "2011-12-30 10:00", "2011-12-30 22:00");
    NEXT(&apia, "0 * * * *", "2011-12-30 09:00", "2011-12-30 10:00");
    NEXT(&midnight, "0 0 * * *", "2026-04-23 00:00", "2026-04-23 22:00");
    NEXT(&midnight, "0 0 * * *", "2026-04-23 22:00", "2026-04-24 21:00");
    NEXT(&midnight, "30 23 * * *", "2026-10-29 20:00", "2026-10-29 20:30");
    NEXT(&midnight, "30 23 * * *", "2026-10-29 20:30", "2026-10-30 21:30");
}
END_TEST

/* Whatever the clocks do, times grow, and none is left out or comes twice. */
START_TEST(times_grow)
{
    static const char *const expressions[] = { "30 2 * * *", "*/7 1-3 * * *", "*/13 * * * *", "0 0 * * *", "15 2 * * 0" };
    spans_t zone = berlin();
    saas_cron_t cron;
    size_t n;
    for (n = 0; n < sizeof(expressions) / sizeof(expressions[0]); n++) {
        apr_int64_t t = at("2026-03-27 00:00"), next, from;
        ck_assert_ptr_null(saas_cron_read(unit_pool, expressions[n], &cron));
        while (t < at("2026-03-31 00:00") || (t > at("2026-10-24 00:00") && t < at("2026-10-27 00:00"))) {
            ck_assert(saas_cron_next(&cron, spans, &zone, t, &next));
            ck_assert_int_gt(next, t);
            /* Asked from any moment before, the answer is the same. */
            for (from = t; from < next; from += 397) {
                apr_int64_t again;
                ck_assert(saas_cron_next(&cron, spans, &zone, from, &again));
                ck_assert_msg(again == next, "%s after %s: %s, then %s", expressions[n], text_of(from), text_of(again), text_of(next));
            }
            t = next < at("2026-03-31 00:00") || next > at("2026-10-24 00:00") ? next : at("2026-10-24 00:01");
        }
    }
}
END_TEST

Suite *suite_audits_cron(void)
{
    TCase *t;
    Suite *s = unit_suite("audits_cron", 60, &t);
    tcase_add_loop_test(t, fields_are_read, 0, PAIRS);
    tcase_add_test(t, what_is_none_is_refused);
    tcase_add_loop_test(t, the_next_time_in_utc, 0, CASES);
    tcase_add_loop_test(t, it_is_what_a_naive_reading_says, 0, 3);
    tcase_add_test(t, a_zone_moves_the_time);
    tcase_add_test(t, what_is_skipped_comes_when_it_has_been_skipped);
    tcase_add_test(t, what_is_shown_twice_counts_once);
    tcase_add_test(t, with_a_star_clocks_are_taken_as_they_go);
    tcase_add_test(t, days_that_are_skipped_and_changes_at_midnight);
    tcase_add_test(t, times_grow);
    return s;
}
