/*
 * Cron expressions, against a second reading: regular expressions for the grammar, and for the next time every minute of the
 * next days, looked at one by one with libc's calendar.
 *
 * An input is an expression, a newline, and four numbers: the time after which, and a zone of two spans - its offset, in how
 * many minutes its clocks are put to another one, and that one.
 */

#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <apr_general.h>

#include "plugins/audits/cron.h"

#define DAYS 4     /* that are looked at minute by minute */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct zone_t { apr_int64_t change; int before, after; } zone_t;

static void offset_at(const void *baton, apr_int64_t t, int *offset, apr_int64_t *until)
{
    const zone_t *zone = baton;
    *offset = t < zone->change ? zone->before : zone->after;
    *until = t < zone->change ? zone->change : APR_INT64_MAX;
}

/* ------------------------------------------------------ the grammar again -- */

typedef struct again_t { char named[5][64]; int star[5]; } again_t;

static const struct { int least, most; const char *names; } bounds[] = {
    { 0, 59, "" }, { 0, 23, "" }, { 1, 31, "" }, { 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" }, { 0, 7, "sunmontuewedthufrisat" }
};

static long number(const char *text, size_t len, int field)
{
    char copy[128];
    const char *names = bounds[field].names;
    size_t i;
    snprintf(copy, sizeof(copy), "%.*s", (int)len, text);
    for (i = 0; names[i]; i += 3) {
        if (len == 3 && !strncasecmp(names + i, copy, 3)) {
            return bounds[field].least + (long)(i / 3);
        }
    }
    return strspn(copy, "0123456789") == len && len ? (long)strtoul(copy, NULL, 10) : -1;
}

static int part(const char *text, int field, again_t *again)
{
    static regex_t star, range;
    static int ready;
    regmatch_t m[6];
    long first, last, step = 1, i;
    if (!ready) {
        if (regcomp(&star, "^\\*(/([0-9]+))?$", REG_EXTENDED) || regcomp(&range, "^([0-9a-zA-Z]+)(-([0-9a-zA-Z]+)(/([0-9]+))?)?$", REG_EXTENDED)) {
            abort();
        }
        ready = 1;
    }
    if (!regexec(&star, text, 6, m, 0)) {
        first = bounds[field].least;
        last = bounds[field].most;
        if (m[2].rm_so >= 0) {
            step = (long)strtoul(text + m[2].rm_so, NULL, 10);
        }
    }
    else if (!regexec(&range, text, 6, m, 0)) {
        first = last = number(text + m[1].rm_so, (size_t)(m[1].rm_eo - m[1].rm_so), field);
        if (m[3].rm_so >= 0) {
            last = number(text + m[3].rm_so, (size_t)(m[3].rm_eo - m[3].rm_so), field);
        }
        if (m[5].rm_so >= 0) {
            step = (long)strtoul(text + m[5].rm_so, NULL, 10);
        }
    }
    else {
        return 0;
    }
    if (first < bounds[field].least || last > bounds[field].most || first > last || step < 1 || step > bounds[field].most) {
        return 0;
    }
    for (i = first; i <= last; i++) {
        again->named[field][i] = again->named[field][i] || (i - first) % step == 0;
    }
    return 1;
}

/* Days that a month has at most. */
static int exists(const again_t *again)
{
    static const int most[] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int month, day;
    if (!again->star[2] && !again->star[4]) {
        return 1;
    }
    for (month = 1; month <= 12; month++) {
        for (day = 1; day <= most[month]; day++) {
            if (again->named[3][month] && again->named[2][day]) {
                return 1;
            }
        }
    }
    return 0;
}

static int read_again(const char *text, again_t *again)
{
    char *copy = strdup(text), *word, *rest = NULL;
    int field = 0, good = strlen(text) <= SAAS_CRON_MAX;
    memset(again, 0, sizeof(*again));
    for (word = strtok_r(copy, " \t", &rest); word && good; word = strtok_r(NULL, " \t", &rest), field++) {
        char *comma, *from = word;
        if (field > 4) {
            good = 0;
            break;
        }
        again->star[field] = *word == '*';
        do {
            comma = strchr(from, ',');
            if (comma) {
                *comma = '\0';
            }
            good = good && part(from, field, again);
            from = comma ? comma + 1 : from;
        } while (comma && good);
    }
    free(copy);
    again->named[4][0] = again->named[4][0] || again->named[4][7];
    return good && field == 5 && exists(again);
}

/* ----------------------------------------------------- the next time again -- */

static int names(const again_t *again, apr_int64_t local)
{
    time_t t = (time_t)local;
    struct tm tm;
    int day, weekday;
    gmtime_r(&t, &tm);
    day = again->named[2][tm.tm_mday];
    weekday = again->named[4][tm.tm_wday];
    return again->named[0][tm.tm_min] && again->named[1][tm.tm_hour] && again->named[3][tm.tm_mon + 1]
           && (again->star[2] || again->star[4] ? day && weekday : day || weekday);
}

static int is_due(const again_t *again, const zone_t *zone, apr_int64_t t)
{
    apr_int64_t local = t + (t < zone->change ? zone->before : zone->after), shown = zone->change + zone->before, skipped;
    if (again->star[1]) {
        return names(again, local);
    }
    if (names(again, local) && (t < zone->change || local >= shown)) {
        return 1;
    }
    for (skipped = shown; t == zone->change && skipped < zone->change + zone->after; skipped += 60) {
        if (names(again, skipped)) {
            return 1;
        }
    }
    return 0;
}

static apr_int64_t within(apr_int64_t value, apr_int64_t least, apr_int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *parent;
    const uint8_t *newline = memchr(data, '\n', size);
    size_t len = newline ? (size_t)(newline - data) : size, more = newline ? size - len - 1 : 0;
    char *text = calloc(1, len + 1), *numbers = calloc(1, more + 1);
    long long after = 0, before_offset = 0, change = 0, after_offset = 0;
    apr_int64_t t, next = 0, end;
    apr_pool_t *p;
    saas_cron_t cron;
    again_t again;
    zone_t zone;
    int good, comes;

    if (!parent && (apr_initialize() != APR_SUCCESS || apr_pool_create(&parent, NULL) != APR_SUCCESS)) {
        abort();
    }
    apr_pool_create(&p, parent);
    memcpy(text, data, len);
    if (more) {
        memcpy(numbers, newline + 1, more);
    }
    sscanf(numbers, "%18lld %6lld %6lld %6lld", &after, &before_offset, &change, &after_offset);
    after = within(after, 10 * 86400, APR_INT64_C(100000000000));   /* no local time is before 1970 */
    zone.before = (int)within(before_offset, -1440, 1440) * 60;
    zone.after = (int)within(after_offset, -1440, 1440) * 60;
    zone.change = (after / 60 + within(change, -2000, 3000)) * 60;
    /* Clocks are put forward or back by a day at most. */
    zone.after = (int)within(zone.after, zone.before - 86400, zone.before + 86400);

    good = saas_cron_read(p, text, &cron) == NULL;
    if (good != read_again(text, &again)) {
        fprintf(stderr, "\"%s\" is %s\n", text, good ? "read" : "refused");
        abort();
    }
    if (good) {
        comes = saas_cron_next(&cron, offset_at, &zone, after, &next);
        end = after + DAYS * 86400;
        for (t = (after / 60 + 1) * 60; t < end && !is_due(&again, &zone, t); t += 60) {
        }
        if (t < end ? !comes || next != t : comes && next < t) {
            fprintf(stderr, "\"%s\" after %lld with %d, from %lld on %d: %lld, not %lld\n", text, after, zone.before, (long long)zone.change,
                    zone.after, comes ? (long long)next : -1, (long long)t);
            abort();
        }
    }
    apr_pool_destroy(p);
    free(text);
    free(numbers);
    return 0;
}
