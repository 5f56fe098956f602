#ifndef SAAS_CORE_TIMEFMT_H
#define SAAS_CORE_TIMEFMT_H

/*
 * Times as text: ISO 8601 / RFC 3339 in UTC out, ISO 8601 with a zone in. Independent of locale and TZ. A time
 * without a zone is refused, because guessing one would move it.
 */

#include <apr_errno.h>
#include <apr_time.h>

/** Room for "2026-11-22T06:21:18.123456Z" and its NUL. */
#define SAAS_TIME_ISO_SIZE 28
/** Room for "20261122T062118Z" and its NUL. */
#define SAAS_TIME_COMPACT_SIZE 17

/**
 * Writes YYYY-MM-DDTHH:MM:SS.ffffffZ; this form sorts as text in the order of time.
 * @return APR_EINVAL outside the years 1 to 9999; out is then the empty string.
 */
apr_status_t saas_time_iso(char out[SAAS_TIME_ISO_SIZE], apr_time_t t);

/** Writes YYYYMMDDTHHMMSSZ, the form for file names; otherwise as saas_time_iso. */
apr_status_t saas_time_compact(char out[SAAS_TIME_COMPACT_SIZE], apr_time_t t);

/**
 * Reads YYYY-MM-DD, then T, t or a space, HH:MM[:SS[.fraction]], then Z, z, +hh, +hhmm or +hh:mm (or -), which
 * takes in what PostgreSQL prints ("2026-11-22 06:21:18.123456+00"). Digits below the microsecond are cut off.
 * @return APR_EINVAL for anything else, for days that do not exist and for results outside the years 1 to 9999.
 */
apr_status_t saas_time_parse(const char *s, apr_time_t *t);

#endif
