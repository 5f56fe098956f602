/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Cron expressions.  Nothing here asks a clock or a file: the times of a zone come from whoever calls.
 *
 * A zone is walked along by its spans, in each of which the offset stays the same.  Within one, local and universal time
 * differ by a constant, so a day's numbers are bits to be looked at; between two, the clocks on the wall have jumped, and
 * what is done about that stands in one place (between()).
 */
#include "cron.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include <string.h>
#include <strings.h>

#define DAY 86400
/* The calendar repeats itself, weekdays included, after 400 years: what has not come by then never does. */
#define HORIZON (APR_INT64_C(146097) * DAY)
/* Clocks have never been put back by more than a day. */
#define BACK (2 * DAY)
#define SHOWN 20    /* bytes of somebody's words in a message */

/* -------------------------------------------------------------- reading -- */

static int local_next(const saas_cron_t *cron, apr_int64_t from, apr_int64_t before, apr_int64_t *found);

static const char *const month_names[] = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL
};
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct {
    const char *title;
    int least, most;
    const char *const *names;    /**< of the numbers from least on */
} fields[] = {
    { "minute", 0, 59, NULL }, { "hour", 0, 23, NULL }, { "day", 1, 31, NULL }, { "month", 1, 12, month_names },
    { "weekday", 0, 7, weekday_names }
};
enum { MINUTE, HOUR, MONTH_DAY, MONTH, WEEKDAY, FIELDS };

/** A number, or a name, at *at, which is moved behind it; -1 for none. */
static int read_number(const char **at, const char *const *names, int least)
{
    const char *s = *at;
    int n = 0, i;

    for (i = 0; names && names[i]; i++) {
        if (!strncasecmp(s, names[i], 3) && !apr_isalnum(s[3])) {
            *at = s + 3;
            return least + i;
        }
    }
    if (!apr_isdigit(*s)) {
        return -1;
    }
    for (; apr_isdigit(*s) && n < 1000; s++) {
        n = n * 10 + (*s - '0');
    }
    *at = s;
    return n;
}

/** The bits of one part of a field's list, which ends at a comma or the end; false: it is none. */
static int read_part(const char **at, int field, apr_uint64_t *bits)
{
    int least = fields[field].least, most = fields[field].most, first, last, step = 1, range = 1;

    if (**at == '*') {
        ++*at;
        first = least;
        last = most;
    }
    else {
        first = last = read_number(at, fields[field].names, least);
        range = **at == '-';
        if (range) {
            ++*at;
            last = read_number(at, fields[field].names, least);
        }
    }
    if (range && **at == '/') {
        ++*at;
        step = read_number(at, NULL, 0);
    }
    if (first < least || last > most || last < first || step < 1 || step > most || (**at && **at != ',')) {
        return 0;
    }
    for (; first <= last; first += step) {
        *bits |= APR_UINT64_C(1) << first;
    }
    return 1;
}

/** NULL, or what is wrong. */
static const char *read_field(apr_pool_t *p, const char *text, int field, apr_uint64_t *bits)
{
    const char *at = text;

    for (*bits = 0; read_part(&at, field, bits); at++) {
        if (!*at) {
            return NULL;
        }
    }
    return apr_psprintf(p, "The %s \"%.*s\" is none: use numbers from %d to %d%s, ranges as 1-5, steps as */2, and commas.",
                        fields[field].title, SHOWN, text, fields[field].least, fields[field].most,
                        fields[field].names ? apr_psprintf(p, ", names as %s", fields[field].names[0]) : "");
}

const char *saas_cron_read(apr_pool_t *p, const char *text, saas_cron_t *cron)
{
    static const char five[] = "Five fields are expected: minute, hour, day, month and weekday, as in 30 6 * * 1-5.";
    apr_uint64_t bits[FIELDS];
    const char *word[FIELDS], *wrong;
    apr_int64_t first;
    char *rest = apr_pstrdup(p, text), *next;
    int n = 0;

    if (strlen(text) > SAAS_CRON_MAX) {
        return apr_psprintf(p, "Ensure this field has no more than %d characters.", SAAS_CRON_MAX);
    }
    for (next = apr_strtok(rest, " \t", &rest); next; next = apr_strtok(NULL, " \t", &rest)) {
        if (n == FIELDS || (wrong = read_field(p, next, n, &bits[n])) != NULL) {
            return n == FIELDS ? five : wrong;
        }
        word[n++] = next;
    }
    if (n != FIELDS) {
        return five;
    }
    cron->minutes = bits[MINUTE];
    cron->hours = (apr_uint32_t)bits[HOUR];
    cron->days = (apr_uint32_t)bits[MONTH_DAY];
    cron->months = (apr_uint32_t)bits[MONTH];
    cron->weekdays = (apr_uint32_t)((bits[WEEKDAY] | bits[WEEKDAY] >> 7) & 0x7f);
    cron->any_hour = *word[HOUR] == '*';
    cron->any_day = *word[MONTH_DAY] == '*';
    cron->any_weekday = *word[WEEKDAY] == '*';
    return local_next(cron, 0, HORIZON, &first) ? NULL : "This day never comes.";
}

/* ------------------------------------------------------------- calendar -- */

static apr_int64_t days_of(apr_int64_t seconds)
{
    return seconds >= 0 ? seconds / DAY : -((-seconds + DAY - 1) / DAY);
}

/** Month and day of the month of a day since 1970, in the Gregorian calendar: years begin in March here, so that the day
 *  that comes and goes is the last one. */
static void civil(apr_int64_t day, int *month, int *month_day)
{
    apr_int64_t since = day + 719468;                        /* since 1 March of the year 0 */
    int of_era = (int)(since % 146097);                      /* 400 years */
    int year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year + year / 4 - year / 100);
    int since_march = (5 * of_year + 2) / 153;

    *month_day = of_year - (153 * since_march + 2) / 5 + 1;
    *month = since_march < 10 ? since_march + 3 : since_march - 9;
}

static int names_day(const saas_cron_t *cron, apr_int64_t day)
{
    int month, month_day, by_day, by_weekday;

    civil(day, &month, &month_day);
    if (!(cron->months >> month & 1)) {
        return 0;
    }
    by_day = cron->days >> month_day & 1;
    by_weekday = cron->weekdays >> (day + 4) % 7 & 1;        /* 1 January 1970 was a Thursday */
    return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/** The first local time from `from` on, and before `before`, that the expression names.  False: none. */
static int local_next(const saas_cron_t *cron, apr_int64_t from, apr_int64_t before, apr_int64_t *found)
{
    apr_int64_t minute = from + 59 - (from + 59) % 60, day, at;

    for (day = days_of(minute); day * DAY < before; day++) {
        if (!names_day(cron, day)) {
            continue;
        }
        for (at = minute > day * DAY ? minute : day * DAY; at < (day + 1) * DAY && at < before;) {
            int hour = (int)((at - day * DAY) / 3600);
            if (!(cron->hours >> hour & 1)) {
                at = day * DAY + (hour + 1) * 3600;
            }
            else if (cron->minutes >> (at - day * DAY - hour * 3600) / 60 & 1) {
                *found = at;
                return 1;
            }
            else {
                at += 60;
            }
        }
    }
    return 0;
}

/* ----------------------------------------------------------------- next -- */

/** A walk along a zone. */
typedef struct walk_t {
    const saas_cron_t *cron;
    apr_int64_t begin, end;      /* of this span; end is not in it */
    int offset;
    apr_int64_t shown;           /* the clocks have shown all that is before this, in local time */
} walk_t;

/** What clocks have skipped where this span begins is due then, the hours that are named; false: they skipped none. */
static int between(const walk_t *walk)
{
    apr_int64_t skipped;
    return !walk->cron->any_hour && local_next(walk->cron, walk->shown, walk->begin + walk->offset, &skipped);
}

/** The first time in this span that is later than after. */
static int within(const walk_t *walk, apr_int64_t after, apr_int64_t *next)
{
    apr_int64_t from = after + 1 > walk->begin ? after + 1 : walk->begin, local;

    from += walk->offset;
    if (!walk->cron->any_hour && from < walk->shown) {
        from = walk->shown;      /* these have been there */
    }
    if (!local_next(walk->cron, from, walk->end + walk->offset, &local)) {
        return 0;
    }
    *next = local - walk->offset;
    return 1;
}

int saas_cron_next(const saas_cron_t *cron, saas_cron_zone_fn *offset_at, const void *zone, apr_int64_t after,
                   apr_int64_t *next)
{
    walk_t walk = { .cron = cron, .begin = after - BACK };

    offset_at(zone, walk.begin, &walk.offset, &walk.end);
    walk.shown = walk.begin + walk.offset;
    for (;;) {
        if (walk.end > after + HORIZON) {
            walk.end = after + HORIZON;
        }
        if (walk.begin > after && between(&walk)) {
            *next = walk.begin;
            return 1;
        }
        if (walk.end > after && within(&walk, after, next)) {
            return 1;
        }
        if (walk.end >= after + HORIZON) {
            return 0;
        }
        if (walk.shown < walk.end + walk.offset) {
            walk.shown = walk.end + walk.offset;
        }
        walk.begin = walk.end;
        offset_at(zone, walk.begin, &walk.offset, &walk.end);
    }
}
