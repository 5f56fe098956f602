/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The section of mod_status: what an operator wants to see first, as a table
 * and, with ?auto, as lines.  It is made of what is in memory, never of an
 * answer of the database: server-status is what one looks at when the database
 * does not answer.
 */
#include "watch.h"
#include "count/count.h"
#include "feed/feed.h"
#include "who/who.h"

#include <apr_strings.h>
#include <mod_status.h>

/* A line of the section. */
typedef struct line_t {
    const char *name; /* with ?auto */
    const char *title;
    const char *value;
} line_t;

static void put(apr_array_header_t *lines, const char *name, const char *title, const char *value)
{
    line_t *line = apr_array_push(lines);
    line->name = name;
    line->title = title;
    line->value = value;
}

static void put_number(apr_array_header_t *lines, const char *name, const char *title, apr_int64_t n)
{
    put(lines, name, title, apr_psprintf(lines->pool, "%" APR_INT64_T_FMT, n));
}

/* Over all values of the first label. */
static apr_int64_t sum_of(saas_count_e number, int second)
{
    const saas_family_t *family = saas_counters_family(number);
    apr_int64_t sum = 0;
    int i;
    for (i = 0; i < family->n[0]; i++) {
        sum += (apr_int64_t)saas_counters_get(family, i, second);
    }
    return sum;
}

static apr_int64_t one_of(saas_count_e number, int first)
{
    return (apr_int64_t)saas_counters_get(saas_counters_family(number), first, 0);
}

static void put_database(apr_array_header_t *lines)
{
    static const char *const states[] = { "unknown", "up", "down" };
    apr_time_t since;
    saas_db_state_e state = saas_counters_database_state(&since);
    put(lines, "SaasDatabase", "Database, when last wanted", states[state]);
    if (since) {
        put_number(lines, "SaasDatabaseSeconds", "&nbsp; for seconds", apr_time_sec(apr_time_now() - since));
    }
    put_number(lines, "SaasConnections", "Connections in use", saas_counters_now(SAAS_NOW_BORROWED));
    put_number(lines, "SaasConnectionsMax", "&nbsp; of at most", saas_counters_now(SAAS_NOW_CAPACITY));
    put_number(lines, "SaasConnectionsOpened", "&nbsp; opened since the start", one_of(SAAS_COUNT_DB_OPENED, 0));
    put_number(lines, "SaasConnectionsAwaited", "Threads that wait for one", saas_counters_now(SAAS_NOW_WAITING));
    put_number(lines, "SaasWaitTimeouts", "Waits that ran out", one_of(SAAS_COUNT_DB_TIMEOUTS, 0));
    put_number(lines, "SaasDatabaseUnavailable", "Failures for want of the database",
               one_of(SAAS_COUNT_DB_ERRORS, SAAS_DB_UNAVAILABLE));
    put_number(lines, "SaasDatabaseErrors", "Statements that it refused", one_of(SAAS_COUNT_DB_ERRORS, SAAS_DB_OTHER));
}

static void put_cache(apr_array_header_t *lines)
{
    saas_cache_counters_t n;
    apr_int64_t age;
    int listener;
    put(lines, "SaasFeed", "Change feed", saas_changes_state(&age, &listener));
    if (age >= 0) {
        put_number(lines, "SaasFeedMilliseconds", "&nbsp; last heartbeat, ms ago", age);
    }
    if (saas_cache_count(&n) == APR_SUCCESS) {
        apr_uint64_t all = n.hits + n.misses + n.bypasses;
        put_number(lines, "SaasCacheHits", "Principals found in the cache", (apr_int64_t)n.hits);
        put_number(lines, "SaasCacheMisses", "&nbsp; not found", (apr_int64_t)n.misses);
        put_number(lines, "SaasCacheBypasses", "&nbsp; not looked for, the feed being away", (apr_int64_t)n.bypasses);
        put(lines, "SaasCacheHitRatio", "Hit ratio",
            all ? apr_psprintf(lines->pool, "%.4f", (double)n.hits / (double)all) : "-");
    }
}

static void put_requests(apr_array_header_t *lines)
{
    apr_int64_t refused = 0;
    int i;
    for (i = SAAS_SAID_NOT_AUTHENTICATED; i < SAAS_SAID_OVERRULED; i++) {
        refused += sum_of(SAAS_COUNT_REQUESTS, i);
    }
    put_number(lines, "SaasGranted", "Granted by gates", sum_of(SAAS_COUNT_REQUESTS, SAAS_SAID_GRANTED));
    put_number(lines, "SaasRefused", "Refused by gates", refused);
    put_number(lines, "SaasUndecided", "Undecided: the database did not answer",
               sum_of(SAAS_COUNT_REQUESTS, SAAS_SAID_UNAVAILABLE));
    put_number(lines, "SaasStreams", "Exports under way", saas_counters_now(SAAS_NOW_STREAMS));
}

static void put_jobs(apr_array_header_t *lines)
{
    put_number(lines, "SaasJobsDone", "Background work done", sum_of(SAAS_COUNT_JOBS, SAAS_JOB_DONE));
    put_number(lines, "SaasJobsRetried", "&nbsp; failed, to be tried again", sum_of(SAAS_COUNT_JOBS, SAAS_JOB_AGAIN));
    put_number(lines, "SaasJobsDead", "&nbsp; given up", sum_of(SAAS_COUNT_JOBS, SAAS_JOB_DEAD));
}

/* ------------------------------------------------------------- printing -- */

static void print_lines(request_rec *r, const apr_array_header_t *lines, int flags)
{
    int i;
    if (!(flags & (AP_STATUS_SHORT | AP_STATUS_NOTABLE))) {
        ap_rputs("<table border=\"0\">\n", r);
    }
    for (i = 0; i < lines->nelts; i++) {
        const line_t *line = &APR_ARRAY_IDX(lines, i, line_t);
        ap_rprintf(r,
                   flags & AP_STATUS_SHORT     ? "%s: %s\n"
                   : flags & AP_STATUS_NOTABLE ? "<dt>%s: %s</dt>\n"
                                               : "<tr><td>%s</td><td><b>%s</b></td></tr>\n",
                   flags & AP_STATUS_SHORT ? line->name : line->title, line->value);
    }
    if (!(flags & (AP_STATUS_SHORT | AP_STATUS_NOTABLE))) {
        ap_rputs("</table>\n", r);
    }
}

static void print_gates(request_rec *r)
{
    const saas_family_t *family = saas_counters_family(SAAS_COUNT_REQUESTS);
    int i, k;
    ap_rputs("<table border=\"0\"><tr><th>Gate</th>", r);
    for (k = 0; k < family->n[1]; k++) {
        ap_rprintf(r, "<th>%s</th>", family->values[1][k]);
    }
    ap_rputs("</tr>\n", r);
    for (i = 0; i < family->n[0]; i++) {
        ap_rprintf(r, "<tr><td>saas-%s</td>", ap_escape_html(r->pool, family->values[0][i]));
        for (k = 0; k < family->n[1]; k++) {
            ap_rprintf(r, "<td>%" APR_UINT64_T_FMT "</td>", saas_counters_get(family, i, k));
        }
        ap_rputs("</tr>\n", r);
    }
    ap_rputs("</table>\n", r);
}

static int print_section(request_rec *r, int flags)
{
    apr_array_header_t *lines = apr_array_make(r->pool, 32, sizeof(line_t));
    put_database(lines);
    put_cache(lines);
    put_requests(lines);
    put_jobs(lines);
    if (flags & AP_STATUS_SHORT) {
        print_lines(r, lines, flags);
        return OK;
    }
    ap_rputs("<hr />\n<h1>mod_saas</h1>\n", r);
    if (flags & AP_STATUS_NOTABLE) {
        ap_rputs("<dl>\n", r);
        print_lines(r, lines, flags);
        ap_rputs("</dl>\n", r);
        return OK;
    }
    print_lines(r, lines, flags);
    print_gates(r);
    return OK;
}

void saas_server_status_hooks(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, print_section, NULL, NULL, APR_HOOK_MIDDLE);
}
