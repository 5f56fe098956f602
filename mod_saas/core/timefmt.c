/*
 * apr_time_t <-> ISO 8601, by arithmetic on the proleptic Gregorian calendar. No libc call, so neither TZ nor
 * locale nor a lock can get in the way; must never print a time that its own parser would not read back.
 */

#include "timefmt.h"

#include <stdint.h>

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

/* 0001-01-01 and 9999-12-31 as days since 1970-01-01. */
#define FIRST_DAY INT64_C(-719162)
#define LAST_DAY INT64_C(2932896)

/* Days from the start of a year that begins in March to each of its months; a leap day then comes last. */
static const int march_days[12] = { 0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337 };
static const int month_length[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

typedef struct {
    int year, month, day, hour, minute, second, micro;
} civil_t;

static int is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01, for years from 1 on. */
static int64_t day_number(int year, int month, int day)
{
    int y = month > 2 ? year : year - 1;
    int m = month > 2 ? month - 3 : month + 9;
    return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + march_days[m] + day - 1 - 719468;
}

static apr_status_t split(apr_time_t t, civil_t *c)
{
    int64_t day = t / DAY;
    int64_t rest = t % DAY;
    if (rest < 0) {
        rest += DAY;
        day--;
    }
    if (day < FIRST_DAY || day > LAST_DAY) {
        return APR_EINVAL;
    }

    /* Count from 0000-03-01: whole 400-year cycles of 146097 days, then the year within the cycle. */
    int64_t since = day + 719468;
    int cycle = (int)(since / 146097);
    int n = (int)(since % 146097);
    int year = (n - n / 1460 + n / 36524 - n / 146096) / 365;
    n -= 365 * year + year / 4 - year / 100;
    int month = 11;
    while (march_days[month] > n) {
        month--;
    }

    c->day = n - march_days[month] + 1;
    c->month = month < 10 ? month + 3 : month - 9;
    c->year = cycle * 400 + year + (month >= 10);
    c->micro = (int)(rest % SECOND);
    int seconds = (int)(rest / SECOND);
    c->hour = seconds / 3600;
    c->minute = seconds / 60 % 60;
    c->second = seconds % 60;
    return APR_SUCCESS;
}

static char *put(char *out, int value, int digits)
{
    for (int i = digits; i-- > 0; value /= 10) {
        out[i] = (char)('0' + value % 10);
    }
    return out + digits;
}

apr_status_t saas_time_iso(char out[SAAS_TIME_ISO_SIZE], apr_time_t t)
{
    civil_t c;
    out[0] = '\0';
    if (split(t, &c) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    out = put(out, c.year, 4);
    *out++ = '-';
    out = put(out, c.month, 2);
    *out++ = '-';
    out = put(out, c.day, 2);
    *out++ = 'T';
    out = put(out, c.hour, 2);
    *out++ = ':';
    out = put(out, c.minute, 2);
    *out++ = ':';
    out = put(out, c.second, 2);
    *out++ = '.';
    out = put(out, c.micro, 6);
    *out++ = 'Z';
    *out = '\0';
    return APR_SUCCESS;
}

apr_status_t saas_time_compact(char out[SAAS_TIME_COMPACT_SIZE], apr_time_t t)
{
    civil_t c;
    out[0] = '\0';
    if (split(t, &c) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    out = put(out, c.year, 4);
    out = put(out, c.month, 2);
    out = put(out, c.day, 2);
    *out++ = 'T';
    out = put(out, c.hour, 2);
    out = put(out, c.minute, 2);
    out = put(out, c.second, 2);
    *out++ = 'Z';
    *out = '\0';
    return APR_SUCCESS;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly so many digits; *s moves past them. */
static int take(const char **s, int digits, int *value)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if (!is_digit((*s)[i])) {
            return 0;
        }
        v = v * 10 + ((*s)[i] - '0');
    }
    *s += digits;
    *value = v;
    return 1;
}

static int take_char(const char **s, const char *any)
{
    for (; *any; any++) {
        if (**s == *any) {
            (*s)++;
            return 1;
        }
    }
    return 0;
}

static int take_fraction(const char **s, int *micro)
{
    int scale = 100000;
    if (!is_digit(**s)) {
        return 0;
    }
    for (*micro = 0; is_digit(**s); (*s)++) {
        *micro += (**s - '0') * scale;
        scale /= 10;
    }
    return 1;
}

/* Minutes east of UTC. */
static int take_zone(const char **s, int *offset)
{
    int hours, minutes = 0;

    *offset = 0;
    if (take_char(s, "Zz")) {
        return 1;
    }
    int sign = **s == '-' ? -1 : 1;
    if (!take_char(s, "+-") || !take(s, 2, &hours)) {
        return 0;
    }
    if (**s != '\0' && (take_char(s, ":"), !take(s, 2, &minutes))) {
        return 0;
    }
    *offset = sign * (hours * 60 + minutes);
    return hours < 24 && minutes < 60;
}

static int take_date(const char **s, civil_t *c)
{
    if (!take(s, 4, &c->year) || !take_char(s, "-") || !take(s, 2, &c->month) || !take_char(s, "-")
        || !take(s, 2, &c->day)) {
        return 0;
    }
    if (c->year < 1 || c->month < 1 || c->month > 12 || c->day < 1) {
        return 0;
    }
    int leap_day = c->month == 2 && is_leap(c->year);
    return c->day <= month_length[c->month - 1] + leap_day;
}

static int take_clock(const char **s, civil_t *c)
{
    c->second = c->micro = 0;
    if (!take(s, 2, &c->hour) || !take_char(s, ":") || !take(s, 2, &c->minute)) {
        return 0;
    }
    if (take_char(s, ":")) {
        if (!take(s, 2, &c->second) || (take_char(s, ".") && !take_fraction(s, &c->micro))) {
            return 0;
        }
    }
    return c->hour < 24 && c->minute < 60 && c->second < 60;
}

apr_status_t saas_time_parse(const char *s, apr_time_t *t)
{
    civil_t c;
    int offset;

    if (s == NULL || !take_date(&s, &c) || !take_char(&s, "Tt ") || !take_clock(&s, &c) || !take_zone(&s, &offset)
        || *s != '\0') {
        return APR_EINVAL;
    }
    int64_t seconds = (c.hour * 60 + c.minute - offset) * 60 + c.second;
    apr_time_t result = day_number(c.year, c.month, c.day) * DAY + seconds * SECOND + c.micro;
    if (result < FIRST_DAY * DAY || result >= (LAST_DAY + 1) * DAY) {
        return APR_EINVAL;
    }
    *t = result;
    return APR_SUCCESS;
}
