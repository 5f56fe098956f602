/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The CSV export of an audit: one route.  The database makes the records, the
 * host sends them; nothing is sent before the first record is there, so that a
 * database that fails at once is a clean 503 and one that fails midway breaks
 * the transfer.  The stream comes before the connection: it is what bounds the
 * number of exports.
 */
#include "mod_saas.h"

#include <http_protocol.h>

#include <apr_strings.h>

SAAS_PLUGIN_DEFINE;

#define HEADER "Resource ID,Check Name,Status,Severity,Timestamp,Comment\r\n"
#define BOM "\xEF\xBB\xBF"

#define COLUMNS(time) \
    "SELECT resource_id, check_name, status, severity, " time ", comment FROM evidence" \
    " WHERE org_id = $1 AND audit_id = $2::uuid"

enum { AUDIT, EXPORT_ALL, EXPORT_FILTERED };

static saas_statement_t statements[] = {
    [AUDIT] = { .name = "export_audit", .scope = SAAS_TENANT,
        .sql = "SELECT status FROM audits WHERE org_id = $1 AND id = $2" },
    /* Without filters a text of its own: a filter that is not set would still be evaluated for every row. */
    [EXPORT_ALL] = { .name = "export_all", .scope = SAAS_TENANT,
        .sql = COLUMNS("observed_at") " ORDER BY number",
        .sqlite = COLUMNS("saas_time(observed_at)") " ORDER BY number" },
    [EXPORT_FILTERED] = { .name = "export_filtered", .scope = SAAS_TENANT,
        .sql = COLUMNS("observed_at") " AND ($3::text IS NULL OR status = $3) AND ($4::text IS NULL OR severity = $4)"
               " AND ($5::text IS NULL OR check_name = $5)"
               " AND ($6::text IS NULL OR resource_id ILIKE $6 OR check_name ILIKE $6 OR comment ILIKE $6)"
               " ORDER BY number",
        .sqlite = COLUMNS("saas_time(observed_at)") " AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR severity = $4)"
               " AND ($5 IS NULL OR check_name = $5)"
               " AND ($6 IS NULL OR resource_id LIKE $6 ESCAPE '\\' OR check_name LIKE $6 ESCAPE '\\'"
               " OR comment LIKE $6 ESCAPE '\\') ORDER BY number" },
    { 0 }
};

static const char *const statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR", NULL };
static const char *const severities[] = { "critical", "high", "medium", "low", "informational", NULL };
static const char *const switches[] = { "0", "1", NULL };

/* Bytes are counted in portions of this size while an export runs: one addition a record would be felt. */
#define PORTION 262144

enum { EXPORTS, EXPORT_BYTES };
enum { STARTED, FINISHED, ABORTED, FAILED, REFUSED };

static const char *const outcomes[] = { "started", "finished", "aborted", "failed", "refused", NULL };

static saas_counter_t counters[] = {
    [EXPORTS] = { .name = "exports", .label = "outcome", .values = outcomes,
        .help = "CSV exports: started; then finished (all records made and handed to httpd), aborted (the client went away) or"
                " failed (the database or the disk); refused before a start, as many running as may (503)." },
    [EXPORT_BYTES] = { .name = "export_bytes",
        .help = "Bytes of CSV that exports have made, before any compression; those of a running one a little late." },
    { 0 }
};

typedef struct export_t {
    saas_request_t *rq;
    saas_stream_t *stream;
    apr_size_t made;         /* bytes that have not been counted yet */
    apr_uint64_t total;      /* and all that have been */
    int begun;               /* at the first record, or the end */
    int bom;
} export_t;

/* "%text%" for LIKE, with its wildcards taken literally. */
static const char *pattern_of(apr_pool_t *p, const char *text)
{
    char *pattern = apr_palloc(p, 2 * strlen(text) + 3), *to = pattern;
    *to++ = '%';
    for (; *text; text++) {
        if (*text == '%' || *text == '_' || *text == '\\') {
            *to++ = '\\';
        }
        *to++ = *text;
    }
    *to++ = '%';
    *to = '\0';
    return pattern;
}

static void set_disposition(saas_request_t *rq)
{
    apr_time_exp_t t;
    apr_time_exp_gmt(&t, rq->r->request_time);
    apr_table_setn(rq->r->headers_out, "Content-Disposition",
                   apr_psprintf(rq->pool, "attachment; filename=\"audit_%s_%04d%02d%02dT%02d%02d%02dZ.csv\"",
                                saas_request_parameter(rq, "audit"), t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                                t.tm_hour, t.tm_min, t.tm_sec));
}

static void count_bytes(export_t *export)
{
    saas_count(&counters[EXPORT_BYTES], 0, export->made);
    export->total += export->made;
    export->made = 0;
}

static apr_status_t put(export_t *export, const char *data, apr_size_t len)
{
    apr_status_t rv = saas_stream_write(export->stream, data, len);
    if (rv == APR_SUCCESS && (export->made += len) >= PORTION) {
        count_bytes(export);
    }
    return rv;
}

static apr_status_t begin(export_t *export)
{
    apr_status_t rv = APR_SUCCESS;
    export->begun = 1;
    set_disposition(export->rq);
    if (export->bom) {
        rv = put(export, BOM, sizeof(BOM) - 1);
    }
    return rv == APR_SUCCESS ? put(export, HEADER, sizeof(HEADER) - 1) : rv;
}

static apr_status_t take_record(void *baton, const char *data, apr_size_t len)
{
    export_t *export = baton;
    apr_status_t rv;
    if (export->begun) {
        return put(export, data, len);
    }
    if ((rv = begin(export)) != APR_SUCCESS || (rv = put(export, data, len)) != APR_SUCCESS) {
        return rv;
    }
    return saas_stream_flush(export->stream);
}

/* What may be exported; OK, or answered. */
static int check_audit(saas_request_t *rq, saas_db_t *db, int *status)
{
    saas_rows_t *rows;
    const char *state;
    apr_status_t rv = saas_db_query(db, &statements[AUDIT], &rows, SAAS_ARGS(saas_request_parameter(rq, "audit")));
    if (rv != APR_SUCCESS) {
        *status = saas_reply_failure(rq, rv);
        return 0;
    }
    state = saas_cell(rows, 0, 0);
    if (!state) {
        *status = saas_reply_not_found(rq);
        return 0;
    }
    if (!strcmp(state, "queued") || !strcmp(state, "running")) {
        *status = saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                   apr_psprintf(rq->pool, "The audit is %s; export it when it has finished.", state));
        return 0;
    }
    return 1;
}

static int has_gone(const export_t *export, apr_status_t rv)
{
    return export->rq->r->connection->aborted || APR_STATUS_IS_ECONNABORTED(rv) || APR_STATUS_IS_ECONNRESET(rv)
           || APR_STATUS_IS_EPIPE(rv);
}

/* Who has taken what out of the house is in the trail.  The file has been handed over by then: a failure is no more than
 * logged. */
static void leave_trail(const export_t *export)
{
    saas_request_t *rq = export->rq;
    saas_activity_t activity = {
        .action = "export.finished", .target_type = "audit", .target_id = saas_request_parameter(rq, "audit")
    };
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        activity.new_value = json_pack("{s:s, s:I}", "format", "csv", "bytes", (json_int_t)export->total);
        if ((rv = saas_db_begin(db, SAAS_WRITE)) == APR_SUCCESS && (rv = saas_activity(db, rq, &activity)) == APR_SUCCESS) {
            rv = saas_db_commit(db);
        }
        json_decref(activity.new_value);
        saas_db_close(db);
    }
    if (rv != APR_SUCCESS) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS2304",
                  "export of audit %s: it was made, but the organization's trail does not say so; an earlier line says why",
                  activity.target_id);
    }
}

/* The end, of the stream, for the counters and in the trail. */
static int end(export_t *export, apr_status_t rv)
{
    int status = saas_stream_end(export->stream, rv);
    count_bytes(export);
    if (rv == APR_SUCCESS && !has_gone(export, rv)) {
        leave_trail(export);
    }
    saas_count(&counters[EXPORTS], has_gone(export, rv) ? ABORTED : rv == APR_SUCCESS ? FINISHED : FAILED, 1);
    return status;
}

static void warn_of_blanks(const export_t *export, apr_uint64_t blanks)
{
    if (blanks) {
        SAAS_RLOG(export->rq->r, APLOG_WARNING, 0, "SAAS2303",
                  "export of audit %s: %" APR_UINT64_T_FMT " rows have an empty Timestamp: what is in evidence.observed_at is"
                  " no time of the years 1 to 9999; set it right in the database",
                  saas_request_parameter(export->rq, "audit"), blanks);
    }
}

static int stream_records(export_t *export, saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs)
{
    apr_status_t rv;
    saas_count(&counters[EXPORTS], STARTED, 1);
    rv = saas_db_stream(db, st, args, nargs, take_record, export);
    warn_of_blanks(export, saas_db_stream_blanks(db));
    saas_db_close(db);
    if (!export->begun) {
        if (rv != APR_SUCCESS) {
            saas_count(&counters[EXPORTS], FAILED, 1);
            return saas_reply_failure(export->rq, rv);
        }
        rv = begin(export);
    }
    else if (rv != APR_SUCCESS && !has_gone(export, rv)) {
        SAAS_RLOG(export->rq->r, APLOG_ERR, 0, "SAAS2301",
                  "export of audit %s failed midway: the transfer was broken off; an earlier line says why",
                  saas_request_parameter(export->rq, "audit"));
    }
    return end(export, rv);
}

static int refuse(saas_request_t *rq, apr_status_t rv)
{
    if (rv != SAAS_EUNAVAILABLE) {
        return saas_reply_failure(rq, rv);
    }
    saas_count(&counters[EXPORTS], REFUSED, 1);
    SAAS_RLOG(rq->r, APLOG_INFO, 0, "SAAS2302",
              "an export was refused: as many are running in this child as SaasExportsMax and DBDMax let");
    return saas_reply_error(rq, HTTP_SERVICE_UNAVAILABLE, "unavailable",
                            "Too many exports are running. Try again in a few seconds.");
}

static int export_csv(saas_request_t *rq)
{
    export_t export = { .rq = rq };
    const char *audit = saas_request_parameter(rq, "audit");
    const char *status = saas_request_choice(rq, "status", statuses);
    const char *severity = saas_request_choice(rq, "severity", severities);
    const char *bom = saas_request_choice(rq, "bom", switches);
    const char *check = saas_request_filter(rq, "check");
    const char *search = saas_request_filter(rq, "search");
    saas_db_t *db;
    apr_status_t rv;
    int answered;

    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    export.bom = bom && *bom == '1';
    if ((rv = saas_stream_begin(rq, "text/csv; charset=utf-8", &export.stream)) != APR_SUCCESS) {
        return refuse(rq, rv);
    }
    if ((rv = saas_request_db(rq, &db)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!check_audit(rq, db, &answered)) {
        saas_db_close(db);
        return answered;
    }
    if (rq->r->header_only) {
        saas_db_close(db);
        rv = begin(&export);
        return saas_stream_end(export.stream, rv);
    }
    if (search && !*search) {
        search = NULL;
    }
    if (check && !*check) {
        check = NULL;
    }
    if (status || severity || check || search) {
        return stream_records(&export, db, &statements[EXPORT_FILTERED],
                              SAAS_ARGS(audit, status, severity, check, search ? pattern_of(rq->pool, search) : NULL));
    }
    return stream_records(&export, db, &statements[EXPORT_ALL], SAAS_ARGS(audit));
}

static const saas_route_t routes[] = {
    { SAAS_GET, "/audits/{audit}/export/csv/", export_csv,
      SAAS_GATES(saas_is_member, saas_has_feature("export")), .denied = "Upgrade to Premium to export data" },
    { 0 }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("export"), .statements = statements, .routes = routes, .openapi = saas_openapi_text,
    .counters = counters
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

AP_DECLARE_MODULE(saas_export) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE
};
