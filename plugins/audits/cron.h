/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file cron.h
 * When a schedule is due: five fields of numbers, as crontab(5) has them, read against the clock on the wall of a time zone.
 */
#ifndef AUDITS_CRON_H
#define AUDITS_CRON_H

#include <apr.h>
#include <apr_pools.h>

/** Longest expression, in bytes. */
#define SAAS_CRON_MAX 100

/** An expression that has been read: a bit for each number that a field names. */
typedef struct saas_cron_t {
    apr_uint64_t minutes;              /**< 0 to 59 */
    apr_uint32_t hours;                /**< 0 to 23 */
    apr_uint32_t days;                 /**< of the month, 1 to 31 */
    apr_uint32_t months;               /**< 1 to 12 */
    apr_uint32_t weekdays;             /**< 0 is Sunday */
    unsigned any_hour : 1;             /**< the field begins with a star */
    unsigned any_day : 1;
    unsigned any_weekday : 1;
} saas_cron_t;

/** Reads "minute hour day month weekday", fields separated by blanks.  A field is a list, by commas, of numbers, ranges
 *  (1-5) and stars, the latter two with a step behind them where wanted (0-30/10); months and weekdays also by the first
 *  three letters of their English names; weekday 7 is 0.  NULL, or in p what is wrong, a sentence for who wrote it; one that
 *  never comes (30 February) is wrong. */
const char *saas_cron_read(apr_pool_t *p, const char *text, saas_cron_t *cron);

/** A time zone: gives the offset from UTC in seconds, east is positive, that holds at t, and the first second after which
 *  it may be another one, APR_INT64_MAX for never.  All times are seconds since 1970, from
 *  its second week on. */
typedef void saas_cron_zone_fn(const void *zone, apr_int64_t t, int *offset, apr_int64_t *until);

/** The first time after `after` that the expression names, in *next.  False: there is none in 400 years, which cannot be of
 *  an expression that saas_cron_read() has taken.
 *
 *  Where both day and weekday are restricted, either suffices (POSIX).  An hour that is named is meant once a day: what the
 *  zone's clocks skip comes as soon as they have skipped it, of what they show twice the first counts.  With a star for the
 *  hour the clocks are taken as they go: what they skip is left out, what they show twice comes twice. */
int saas_cron_next(const saas_cron_t *cron, saas_cron_zone_fn *offset_at, const void *zone, apr_int64_t after,
                   apr_int64_t *next);

#endif
