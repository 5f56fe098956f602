/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * metrics below SaasStatus: what a monitoring system reads, in OpenMetrics
 * text.  Background work is counted in the database when it is asked for, so
 * every node answers the same; the cache's counters are this node's.  Label
 * values are job kinds that a plugin has declared, or "other": a stray row
 * cannot make new series.
 */
#include "request.h"
#include "cache.h"

#include <apr_strings.h>

#define CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

saas_statement_t saas_metrics_statements[] = {
    { .name = "metrics_jobs", .scope = SAAS_SYSTEM,
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

static void print_jobs(request_rec *r, const saas_rows_t *rows, const char *kind)
{
    int i;
    for (i = 0; i < N_STATES; i++) {
        ap_rprintf(r, "saas_jobs{kind=\"%s\",state=\"%s\"} %" APR_INT64_T_FMT "\n", kind ? kind : "other", states[i],
                   count_of(rows, kind, states[i]));
    }
}

static void print_counter(request_rec *r, const char *name, const char *help, apr_uint64_t value)
{
    ap_rprintf(r, "# TYPE %s counter\n# HELP %s %s\n%s_total %" APR_UINT64_T_FMT "\n", name, name, help, name, value);
}

static apr_status_t count_jobs(request_rec *r, saas_rows_t **rows)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open_impl(&db, r->pool, r->server, NULL);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query_impl(db, saas_metrics_statements, rows, SAAS_NO_ARGS);
        saas_db_close_impl(db);
    }
    return rv;
}

int saas_metrics_page(request_rec *r)
{
    const apr_array_header_t *plugins = saas_plugins();
    saas_cache_counters_t n;
    saas_rows_t *rows = NULL;
    int i, up = count_jobs(r, &rows) == APR_SUCCESS;

    ap_set_content_type(r, CONTENT_TYPE);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_rprintf(r, "# TYPE saas_database_up gauge\n# HELP saas_database_up Whether the database answered this request.\n"
               "saas_database_up %d\n", up);
    if (up) {
        ap_rputs("# TYPE saas_jobs gauge\n# HELP saas_jobs Background work by kind and state; dead: given up.\n", r);
        for (i = 0; i < plugins->nelts; i++) {
            const saas_job_kind_t *kind;
            for (kind = APR_ARRAY_IDX(plugins, i, const saas_plugin_t *)->jobs; kind && kind->kind; kind++) {
                print_jobs(r, rows, kind->kind);
            }
        }
        print_jobs(r, rows, NULL);
    }
    if (saas_cache_count(&n) == APR_SUCCESS) {
        print_counter(r, "saas_cache_hits", "Principals found in the cache.", n.hits);
        print_counter(r, "saas_cache_misses", "Principals looked for and not found.", n.misses);
        print_counter(r, "saas_cache_bypasses", "Requests that did not ask the cache, the change feed being away.",
                      n.bypasses);
        print_counter(r, "saas_cache_stores", "Principals put into the cache.", n.stores);
        print_counter(r, "saas_cache_evictions", "Principals that gave way to others.", n.evictions);
    }
    ap_rputs("# EOF\n", r);
    return OK;
}
