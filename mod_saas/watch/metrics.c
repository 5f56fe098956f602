/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * metrics below SaasStatus: what a monitoring system reads, in OpenMetrics
 * text (version 1.0.0).  Background work is counted in the database when it is
 * asked for, so every node answers the same; everything else is this node's,
 * and told whether the database answers or not.  Label values are what the
 * host or a plugin has declared, or "other": nothing that comes from outside
 * can make new series.
 */
#include "metrics.h"
#include "count/count.h"
#include "db/db.h"
#include "feed/feed.h"
#include "work/work.h"

#include <apr_strings.h>

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

saas_statement_t saas_metrics_statements[] = {
    { .name = "metrics_jobs",
      .scope = SAAS_SYSTEM,
      .sql = "SELECT kind, state, count(*) FROM jobs GROUP BY kind, state ORDER BY kind, state" },
    { 0 }
};

static const char *const states[] = { "queued", "running", "dead" };
#define N_STATES 3

static apr_int64_t count_of(const saas_rows_t *rows, const char *kind, const char *state)
{
    apr_int64_t sum = 0;
    int i;
    for (i = 0; i < rows->count; i++) {
        const char *found = saas_cell(rows, i, 0);
        if (!strcmp(saas_cell(rows, i, 1), state) && (kind ? !strcmp(found, kind) : !saas_job_known_impl(found))) {
            sum += saas_cell_int(rows, i, 2);
        }
    }
    return sum;
}

/* A label's value between its quotes; those that are not the host's own are a plugin's names. */
static const char *quoted(request_rec *r, const char *value)
{
    char *copy, *to;
    if (!strpbrk(value, "\\\"\n")) {
        return value;
    }
    copy = to = apr_palloc(r->pool, 2 * strlen(value) + 1);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n') {
            *to++ = '\\';
        }
        *to++ = *value == '\n' ? 'n' : *value;
    }
    *to = '\0';
    return copy;
}

static void print_jobs(request_rec *r, const saas_rows_t *rows, const char *kind)
{
    const char *shown = kind ? quoted(r, kind) : "other";
    int i;
    for (i = 0; i < N_STATES; i++) {
        ap_rprintf(r, "saas_jobs{kind=\"%s\",state=\"%s\"} %" APR_INT64_T_FMT "\n", shown, states[i],
                   count_of(rows, kind, states[i]));
    }
}

static void print_head(request_rec *r, const char *name, const char *type, const char *help)
{
    const char *c;
    ap_rprintf(r, "# TYPE saas_%s %s\n# HELP saas_%s ", name, type, name);
    for (c = help; *c; c++) {
        if (*c == '\\' || *c == '"') {
            ap_rputc('\\', r);
        }
        ap_rputc(*c == '\n' ? ' ' : *c, r);
    }
    ap_rputc('\n', r);
}

static void print_gauge(request_rec *r, const char *name, const char *help, apr_int64_t value)
{
    print_head(r, name, "gauge", help);
    ap_rprintf(r, "saas_%s %" APR_INT64_T_FMT "\n", name, value);
}

/* ------------------------------------------------------------- families -- */

static void print_histogram(request_rec *r, const saas_family_t *family)
{
    apr_uint64_t below = 0, sum = saas_counters_sum(family);
    int i;
    print_head(r, family->name, "histogram", family->help);
    for (i = 0; i < family->n[0]; i++) {
        below += saas_counters_get(family, i, 0);
        ap_rprintf(r, "saas_%s_bucket{le=\"%s\"} %" APR_UINT64_T_FMT "\n", family->name, family->values[0][i], below);
    }
    ap_rprintf(r, "saas_%s_count %" APR_UINT64_T_FMT "\nsaas_%s_sum %" APR_UINT64_T_FMT ".%06d\n", family->name, below,
               family->name, sum / APR_USEC_PER_SEC, (int)(sum % APR_USEC_PER_SEC));
}

static void print_family(request_rec *r, const saas_family_t *family)
{
    int i, k;
    print_head(r, family->name, "counter", family->help);
    for (i = 0; i < family->n[0]; i++) {
        for (k = 0; k < family->n[1]; k++) {
            ap_rprintf(r, "saas_%s_total", family->name);
            if (family->label[0]) {
                ap_rprintf(r, "{%s=\"%s\"", family->label[0], quoted(r, family->values[0][i]));
                if (family->label[1]) {
                    ap_rprintf(r, ",%s=\"%s\"", family->label[1], family->values[1][k]);
                }
                ap_rputc('}', r);
            }
            ap_rprintf(r, " %" APR_UINT64_T_FMT "\n", saas_counters_get(family, i, k));
        }
    }
}

static void print_throttled(void *baton, const char *bucket, uint64_t count)
{
    ap_rprintf(baton, "saas_throttled_total{throttle=\"%s\"} %" APR_UINT64_T_FMT "\n", bucket, (apr_uint64_t)count);
}

static void print_families(request_rec *r)
{
    const apr_array_header_t *families = saas_counters_families();
    int i;
    for (i = 0; i < families->nelts; i++) {
        const saas_family_t *family = &APR_ARRAY_IDX(families, i, saas_family_t);
        if (family->histogram) {
            print_histogram(r, family);
        }
        else {
            print_family(r, family);
        }
    }
    print_head(r, "throttled", "counter",
               "Attempts (log-ins, registrations, invites) held back for coming too often, by what "
               "was counted.");
    saas_counters_throttled_each(print_throttled, r);
}

/* ------------------------------------------------------------------ now -- */

static void print_feed(request_rec *r)
{
    apr_int64_t age;
    int listener;
    const char *state = saas_changes_state(&age, &listener);
    if (!strcmp(state, "off")) {
        return;
    }
    print_gauge(r, "feed_live", "Whether the change feed lives: while it does not, the cache is bypassed.",
                !strcmp(state, "live"));
    if (age >= 0) {
        print_head(r, "feed_heartbeat_age_seconds", "gauge",
                   "Time since the change feed has last proved that it lives.");
        ap_rprintf(r, "saas_feed_heartbeat_age_seconds %" APR_INT64_T_FMT ".%03d\n", age / 1000, (int)(age % 1000));
    }
}

static void print_now(request_rec *r)
{
    print_gauge(r, "database_connections", "Connections that are borrowed now.", saas_counters_now(SAAS_NOW_BORROWED));
    print_gauge(r, "database_connections_max", "Connections that may be borrowed at once: DBDMax for each child.",
                saas_counters_now(SAAS_NOW_CAPACITY));
    print_gauge(r, "database_waiting", "Threads that wait for a connection now.", saas_counters_now(SAAS_NOW_WAITING));
    print_gauge(r, "streams", "Replies that are being streamed now (exports).", saas_counters_now(SAAS_NOW_STREAMS));
}

/* ----------------------------------------------------------------- jobs -- */

static apr_status_t count_jobs(request_rec *r, saas_rows_t **rows, apr_int64_t *gauges)
{
    const apr_array_header_t *list = saas_counters_gauges();
    saas_rows_t *found;
    saas_db_t *db;
    int i;
    apr_status_t rv = saas_db_open_impl(&db, r->pool, r->server, NULL);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_query_impl(db, saas_metrics_statements, rows, SAAS_NO_ARGS);
    for (i = 0; i < list->nelts && rv == APR_SUCCESS; i++) {
        rv = saas_db_query_impl(db, APR_ARRAY_IDX(list, i, const saas_gauge_t *)->statement, &found, SAAS_NO_ARGS);
        gauges[i] = rv == APR_SUCCESS ? saas_cell_int(found, 0, 0) : 0;
    }
    saas_db_close_impl(db);
    return rv;
}

static void print_database(request_rec *r)
{
    const apr_array_header_t *kinds = saas_jobs_kinds();
    const apr_array_header_t *list = saas_counters_gauges();
    apr_int64_t *gauges = apr_pcalloc(r->pool, sizeof(*gauges) * (apr_size_t)(list->nelts + 1));
    saas_rows_t *rows = NULL;
    int i, up = count_jobs(r, &rows, gauges) == APR_SUCCESS;
    print_gauge(r, "database_up", "Whether the database answered this request.", up);
    if (!up) {
        return;
    }
    print_head(r, "jobs", "gauge", "Background work by kind and state; dead: given up.");
    for (i = 0; i < kinds->nelts; i++) {
        print_jobs(r, rows, APR_ARRAY_IDX(kinds, i, const saas_job_kind_t *)->kind);
    }
    print_jobs(r, rows, NULL);
    for (i = 0; i < list->nelts; i++) {
        const saas_gauge_t *gauge = APR_ARRAY_IDX(list, i, const saas_gauge_t *);
        print_gauge(r, gauge->name, gauge->help, gauges[i]);
    }
}

int saas_metrics_page(request_rec *r)
{
    ap_set_content_type(r, CONTENT_TYPE);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    print_database(r);
    print_now(r);
    print_feed(r);
    print_families(r);
    ap_rputs("# EOF\n", r);
    return OK;
}
