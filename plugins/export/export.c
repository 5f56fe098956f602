/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The export of an audit: one handler, and a format for each purpose (writer.h).
 * The database makes the rows, the host or the format's writer their text, the
 * host sends it; nothing is sent before the first row is there, so that a
 * database that fails at once is a clean 503 and one that fails midway breaks
 * the transfer.  The stream comes before the connection: it is what bounds the
 * number of exports.
 */
#include "mod_saas.h"

#include "writer.h"

#include <http_protocol.h>

#include <apr_encode.h>
#include <apr_strings.h>

SAAS_PLUGIN_DEFINE;

#define HEADER "Resource ID,Check Name,Status,Severity,Timestamp,Comment\r\n"
#define BOM "\xEF\xBB\xBF"

#define COLUMNS(time) "SELECT resource_id, check_name, status, severity, " time ", comment FROM evidence" OF_AUDIT
/* In the order of the cells of writer.h. */
#define NUMBERED(time)                                                                                                 \
    "SELECT number, resource_id, check_name, status, severity, " time ", comment FROM evidence" OF_AUDIT
/* Before them rows of the number 0: how many there are of a status and severity, of the same state of the database.  No
 * ORDER BY of the whole: to merge the two PostgreSQL would sort them.  Both databases give what stands first first; were
 * it not so, the export would break off.  What is counted is read in the order of the rows, as it lies there. */
#define TALLIED(now, time, filters, as_it_lies, kept)                                                                  \
    "SELECT CAST(0 AS bigint) AS number, '' AS resource_id, '' AS check_name, status, severity, " now                  \
    " AS observed_at, CAST(count(*) AS text) AS comment FROM (SELECT status, severity FROM evidence" OF_AUDIT filters  \
    as_it_lies ") c GROUP BY status, severity UNION ALL SELECT * FROM (" NUMBERED(time) filters IN_ORDER kept ") r"
#define TALLIED_PGSQL(filters) TALLIED("now()", "observed_at", filters, IN_ORDER " OFFSET 0", "")
#define TALLIED_SQLITE(filters) TALLIED("saas_time(now())", "saas_time(observed_at)", filters, "", " LIMIT -1")
#define OF_AUDIT " WHERE org_id = $1 AND audit_id = $2::uuid"
#define FILTERS " AND " SAAS_FINDING_FILTER
#define IN_ORDER " ORDER BY number"

enum { AUDIT, EXPORT_ALL, EXPORT_FILTERED, NUMBERED_ALL, NUMBERED_FILTERED, TALLIED_ALL, TALLIED_FILTERED };
enum { A_STATUS, A_NAME, A_ENGINE, A_SCORE, A_STARTED, A_FINISHED, A_DETAILS };

static saas_statement_t statements[] = {
    [AUDIT] = { .name = "export_audit",
                .scope = SAAS_TENANT,
                .sql = "SELECT status, name, engine, score, started_at, finished_at, score_details FROM audits"
                       " WHERE org_id = $1 AND id = $2" },
    /* Without filters a text of its own: a filter that is not set would still be evaluated for every row. */
    [EXPORT_ALL] = { .name = "export_all",
                     .scope = SAAS_TENANT,
                     .sql = COLUMNS("observed_at") IN_ORDER,
                     .sqlite = COLUMNS("saas_time(observed_at)") IN_ORDER },
    [EXPORT_FILTERED] = { .name = "export_filtered",
                          .scope = SAAS_TENANT,
                          .sql = COLUMNS("observed_at") FILTERS IN_ORDER,
                          .sqlite = COLUMNS("saas_time(observed_at)") FILTERS IN_ORDER },
    [NUMBERED_ALL] = { .name = "export_numbered",
                       .scope = SAAS_TENANT,
                       .sql = NUMBERED("observed_at") IN_ORDER,
                       .sqlite = NUMBERED("saas_time(observed_at)") IN_ORDER },
    [NUMBERED_FILTERED] = { .name = "export_numbered_filtered",
                            .scope = SAAS_TENANT,
                            .sql = NUMBERED("observed_at") FILTERS IN_ORDER,
                            .sqlite = NUMBERED("saas_time(observed_at)") FILTERS IN_ORDER },
    [TALLIED_ALL] = { .name = "export_tallied",
                      .scope = SAAS_TENANT,
                      .sql = TALLIED_PGSQL(""),
                      .sqlite = TALLIED_SQLITE("") },
    [TALLIED_FILTERED] = { .name = "export_tallied_filtered",
                           .scope = SAAS_TENANT,
                           .sql = TALLIED_PGSQL(FILTERS),
                           .sqlite = TALLIED_SQLITE(FILTERS) },
    { 0 }
};

static const char *const switches[] = { "0", "1", NULL };
static const char *const compressions[] = { "gzip", NULL };

/* Bytes are counted in portions of this size while an export runs: one addition a record would be felt. */
#define PORTION 262144

enum { EXPORTS, EXPORT_BYTES, EXPORT_READS };
enum { PRIMARY, REPLICA };
enum { STARTED, FINISHED, ABORTED, FAILED, REFUSED };

static const char *const sources[] = { "primary", "replica", NULL };
static const char *const outcomes[] = { "started", "finished", "aborted", "failed", "refused", NULL };

static saas_counter_t counters[] = {
    [EXPORTS] = { .name = "exports",
                  .label = "outcome",
                  .values = outcomes,
                  .help = "Exports: started; then finished (all records made and handed to httpd), aborted (the client "
                          "went away) or"
                          " failed (the database or the disk); refused before a start, as many running as may (503)." },
    [EXPORT_BYTES] = { .name = "export_bytes",
                       .help = "Bytes that exports have made, as they are sent, before any compression of httpd's; "
                               "those of a running one a little late." },
    [EXPORT_READS] = { .name = "exports_read",
                       .label = "from",
                       .values = sources,
                       .help = "What exports were read of: replica (SaasExportDB) or primary. One whose replica failed "
                               "before the first row counts for both." },
    { 0 }
};

typedef struct export_t {
    saas_request_t *rq;
    const export_format_t *format;
    export_audit_t audit;
    export_writer_t writer; /* of a format that has one */
    export_gzip_t *gzip;    /* NULL: as it is */
    saas_stream_t *stream;
    apr_size_t made;    /* bytes that have not been counted yet */
    apr_uint64_t total; /* and all that have been */
    int begun;          /* at the first record, or the end */
    int bom;
    saas_finding_filter_t filter;
} export_t;

static void set_headers(export_t *export)
{
    saas_request_t *rq = export->rq;
    apr_table_t *out = rq->r->headers_out;
    const export_format_t *format = export->format;
    apr_time_exp_t t;
    apr_time_exp_gmt(&t, rq->r->request_time);
    apr_table_setn(out, "Content-Disposition",
                   apr_psprintf(rq->pool, "%s; filename=\"audit_%s_%04d%02d%02dT%02d%02d%02dZ.%s%s\"",
                                format->shown && !export->gzip ? "inline" : "attachment",
                                saas_request_parameter(rq, "audit"), t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                                t.tm_hour, t.tm_min, t.tm_sec, format->extension, export->gzip ? ".gz" : ""));
    if (format->shown) {
        apr_table_setn(out, "Content-Security-Policy",
                       apr_pstrcat(rq->pool, "default-src 'none'; style-src ", export->audit.style_source,
                                   "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", NULL));
    }
}

static void count_bytes(export_t *export)
{
    saas_count(&counters[EXPORT_BYTES], 0, export->made);
    export->total += export->made;
    export->made = 0;
}

static apr_status_t deliver(void *baton, const char *data, apr_size_t len)
{
    export_t *export = baton;
    apr_status_t rv = saas_stream_write(export->stream, data, len);
    if (rv == APR_SUCCESS && (export->made += len) >= PORTION) {
        count_bytes(export);
    }
    return rv;
}

static inline apr_status_t put(export_t *export, const char *data, apr_size_t len)
{
    return export->gzip ? export_gzip_write(export->gzip, data, len) : deliver(export, data, len);
}

/* What the writer has made. */
static apr_status_t put_written(export_t *export)
{
    apr_status_t rv = put(export, export->writer.out.data, export->writer.out.len);
    export->writer.out.len = 0;
    return rv;
}

static apr_status_t begin(export_t *export)
{
    apr_status_t rv = APR_SUCCESS;
    export->begun = 1;
    set_headers(export);
    if (export->format->row) {
        if (export->format->begin) {
            export->format->begin(&export->writer);
        }
        return put_written(export);
    }
    if (export->bom) {
        rv = put(export, BOM, sizeof(BOM) - 1);
    }
    return rv == APR_SUCCESS ? put(export, HEADER, sizeof(HEADER) - 1) : rv;
}

/* The first row goes out at once. */
static apr_status_t hurry(export_t *export)
{
    apr_status_t rv = export->gzip ? export_gzip_flush(export->gzip) : APR_SUCCESS;
    return rv == APR_SUCCESS ? saas_stream_flush(export->stream) : rv;
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
    return hurry(export);
}

/* How many rows of a kind there are going to be. */
static void note_tally(export_t *export, const char *const *cells, const apr_size_t *lengths)
{
    const int status = export_word(export_statuses, cells[CELL_STATUS], lengths[CELL_STATUS]);
    const int severity = export_word(export_severities, cells[CELL_SEVERITY], lengths[CELL_SEVERITY]);

    export->audit.tally[status][severity] =
        apr_atoi64(apr_pstrmemdup(export->rq->pool, cells[CELL_COMMENT], lengths[CELL_COMMENT]));
}

static apr_status_t take_cells(void *baton, const char *const *cells, const apr_size_t *lengths)
{
    export_t *export = baton;
    const int first = !export->begun;
    apr_status_t rv;

    if (export->format->tallied && lengths[CELL_NUMBER] == 1 && *cells[CELL_NUMBER] == '0') {
        note_tally(export, cells, lengths);
        return first ? APR_SUCCESS : APR_EGENERAL;
    }
    rv = first ? begin(export) : APR_SUCCESS;
    if (rv == APR_SUCCESS) {
        export->format->row(&export->writer, cells, lengths);
        export->writer.rows++;
        rv = put_written(export);
    }
    return rv == APR_SUCCESS && first ? hurry(export) : rv;
}

/* All rows have been; nothing of it may be missing from a file that ends cleanly. */
static apr_status_t complete(export_t *export)
{
    apr_status_t rv = export->begun ? APR_SUCCESS : begin(export);
    if (rv == APR_SUCCESS && export->format->end) {
        export->format->end(&export->writer);
        rv = put_written(export);
    }
    return rv == APR_SUCCESS && export->gzip ? export_gzip_end(export->gzip) : rv;
}

static const char *time_of(saas_request_t *rq, const saas_rows_t *rows, int column)
{
    apr_time_t t;
    const char *text = saas_cell(rows, 0, column);
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? saas_time_text(rq->pool, t) : NULL;
}

/* What may be exported, and what is said of it; OK, or answered. */
static int check_audit(export_t *export, saas_db_t *db, int *status)
{
    saas_request_t *rq = export->rq;
    saas_rows_t *rows;
    const char *state;
    apr_status_t rv = saas_db_query(db, &statements[AUDIT], &rows, SAAS_ARGS(saas_request_parameter(rq, "audit")));
    if (rv != APR_SUCCESS) {
        *status = saas_reply_failure(rq, rv);
        return 0;
    }
    state = saas_cell(rows, 0, A_STATUS);
    if (!state) {
        *status = saas_reply_not_found(rq);
        return 0;
    }
    if (!strcmp(state, "queued") || !strcmp(state, "running")) {
        *status = saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                   apr_psprintf(rq->pool, "The audit is %s; export it when it has finished.", state));
        return 0;
    }
    export->audit.status = state;
    export->audit.name = saas_cell(rows, 0, A_NAME);
    export->audit.engine = saas_cell(rows, 0, A_ENGINE);
    export->audit.score = saas_cell(rows, 0, A_SCORE);
    export->audit.score_details = saas_cell(rows, 0, A_DETAILS);
    export->audit.started = time_of(rq, rows, A_STARTED);
    export->audit.finished = time_of(rq, rows, A_FINISHED);
    return 1;
}

static int has_gone(const export_t *export, apr_status_t rv)
{
    return export->rq->r->connection->aborted || APR_STATUS_IS_ECONNABORTED(rv) || APR_STATUS_IS_ECONNRESET(rv)
           || APR_STATUS_IS_EPIPE(rv);
}

/* Who has taken what out of the house is in the trail.  The file has been handed over by then: a failure is no more
 * than logged. */
static void leave_trail(const export_t *export)
{
    saas_request_t *rq = export->rq;
    saas_activity_t activity = { .action = "export.finished",
                                 .target_type = "audit",
                                 .target_id = saas_request_parameter(rq, "audit") };
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        activity.new_value =
            json_pack("{s:s, s:I}", "format", export->format->name, "bytes", (json_int_t) export->total);
        if ((rv = saas_db_begin(db, SAAS_WRITE)) == APR_SUCCESS
            && (rv = saas_activity(db, rq, &activity)) == APR_SUCCESS) {
            rv = saas_db_commit(db);
        }
        json_decref(activity.new_value);
        saas_db_close(db);
    }
    if (rv != APR_SUCCESS) {
        SAAS_RLOG(
            rq->r, APLOG_WARNING, 0, "SAAS2304",
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
                  "export of audit %s: %" APR_UINT64_T_FMT
                  " rows have an empty Timestamp: what is in evidence.observed_at is"
                  " no time of the years 1 to 9999; set it right in the database",
                  saas_request_parameter(export->rq, "audit"), blanks);
    }
}

static apr_status_t stream_rows(export_t *export, saas_db_t *db)
{
    const int filtered = export->audit.filters != NULL, cells = export->format->row != NULL;
    const int statement = export->format->tallied ? TALLIED_ALL : cells ? NUMBERED_ALL : EXPORT_ALL;
    saas_statement_t *st = &statements[statement + filtered];
    const char *args[] = { export->audit.id, SAAS_FINDING_FILTER_ARGS(&export->filter) };
    const int nargs = filtered ? (int)(sizeof(args) / sizeof(args[0])) : 1;

    return cells ? saas_db_stream_cells(db, st, args, nargs, take_cells, export)
                 : saas_db_stream(db, st, args, nargs, take_record, export);
}

/* Of the standby, if there is one that is fit; of the primary, too, when nothing came from there. */
static apr_status_t read_rows(export_t *export, saas_db_t *db)
{
    int replica = saas_db_to_replica(db);
    apr_status_t rv;
    saas_count(&counters[EXPORT_READS], replica ? REPLICA : PRIMARY, 1);
    rv = stream_rows(export, db);
    if (rv != APR_SUCCESS && replica && !export->begun) {
        saas_db_close(db);
        if ((rv = saas_request_db(export->rq, &db)) == APR_SUCCESS) {
            saas_count(&counters[EXPORT_READS], PRIMARY, 1);
            rv = stream_rows(export, db);
        }
    }
    warn_of_blanks(export, db ? saas_db_stream_blanks(db) : 0);
    saas_db_close(db);
    return rv;
}

static int stream_all(export_t *export, saas_db_t *db)
{
    apr_status_t rv;
    saas_count(&counters[EXPORTS], STARTED, 1);
    rv = read_rows(export, db);
    if (rv == APR_SUCCESS) {
        rv = complete(export);
    }
    else if (!export->begun) {
        saas_count(&counters[EXPORTS], FAILED, 1);
        return saas_reply_failure(export->rq, rv);
    }
    else if (!has_gone(export, rv)) {
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

/* ------------------------------------------------------------ parameters -- */

/* csv unless another one is asked for; what is none is noted. */
static const export_format_t *format_of(saas_request_t *rq)
{
    const export_format_t *format = export_formats;
    const char *name = saas_request_filter(rq, "format"), *known = "";
    if (!name) {
        return export_formats;
    }
    for (; format->name; format++) {
        if (!strcmp(format->name, name)) {
            return format;
        }
        known = apr_pstrcat(rq->pool, known, *known ? ", " : "", format->name, NULL);
    }
    saas_request_error(rq, "format", apr_pstrcat(rq->pool, "Unknown format. Known: ", known, ".", NULL));
    return export_formats;
}

/* "status=FAIL, search=x": what the filters say, for people; NULL: there is none. */
static const char *describe(apr_pool_t *p, const char *text, const char *name, const char *value)
{
    return value ? apr_pstrcat(p, text ? text : "", text ? ", " : "", name, "=", value, NULL) : text;
}

static void read_parameters(export_t *export)
{
    saas_request_t *rq = export->rq;
    const saas_finding_filter_t *f = &export->filter;
    const char *bom, *filters;

    export->format = format_of(rq);
    export->filter = saas_finding_filter(rq);
    filters = describe(rq->pool, NULL, "status", f->status);
    filters = describe(rq->pool, filters, "severity", f->severity);
    filters = describe(rq->pool, filters, "check", f->check);
    filters = describe(rq->pool, filters, "resource_id", f->resource);
    filters = describe(rq->pool, filters, "muted", f->muted);
    export->audit.filters = describe(rq->pool, filters, "search", f->search);
    bom = saas_request_choice(rq, "bom", switches);
    export->bom = bom && *bom == '1';
    if (export->bom && export->format->row) {
        saas_request_error(rq, "bom", "Only csv has a byte order mark.");
    }
}

/* The report's one style, as a policy names it. */
static const char *style_source(apr_pool_t *p)
{
    const char *hex = saas_token_hash(p, export_html_style);
    unsigned char hash[32];
    int i;
    for (i = 0; i < 32; i++) {
        const char byte[3] = { hex[2 * i], hex[2 * i + 1], '\0' };
        hash[i] = (unsigned char)strtoul(byte, NULL, 16);
    }
    return apr_pstrcat(p, "'sha256-", apr_pencode_base64_binary(p, hash, sizeof(hash), APR_ENCODE_NONE, NULL), "'",
                       NULL);
}

static apr_size_t quote(char *to, const char *text, apr_size_t len)
{
    return saas_json_quote(to, text, len);
}

/* Compressed here, it is compressed once: a proxy's or httpd's filters would find nothing more. */
static int compress(export_t *export)
{
    request_rec *r = export->rq->r;
    apr_table_setn(r->subprocess_env, "no-gzip", "1");
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
    return (export->gzip = export_gzip_make(export->rq->pool, deliver, export)) != NULL;
}

static int export_audit(saas_request_t *rq)
{
    export_t *export = apr_pcalloc(rq->pool, sizeof(*export));
    const char *compressed = saas_request_choice(rq, "compress", compressions);
    saas_db_t *db;
    apr_status_t rv;
    int answered;

    export->rq = rq;
    read_parameters(export);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    export->audit.id = saas_request_parameter(rq, "audit");
    export->audit.organization = rq->who->org_name ? rq->who->org_name : "";
    export->audit.made = saas_time_text(rq->pool, rq->r->request_time);
    export->audit.style_source = export->format->shown ? style_source(rq->pool) : "";
    if ((rv = saas_stream_begin(rq, compressed ? "application/gzip" : export->format->type, &export->stream))
        != APR_SUCCESS) {
        return refuse(rq, rv);
    }
    if (compressed && !compress(export)) {
        return saas_reply_failure(rq, APR_ENOMEM);
    }
    export_writer_init(&export->writer, rq->pool, &export->audit, quote);
    if ((rv = saas_request_db(rq, &db)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!check_audit(export, db, &answered)) {
        saas_db_close(db);
        return answered;
    }
    if (rq->r->header_only) {
        saas_db_close(db);
        rv = begin(export);
        return saas_stream_end(export->stream, rv);
    }
    return stream_all(export, db);
}

static const saas_route_t routes[] = {
    { SAAS_GET, "/audits/{audit}/export/csv/", export_audit, SAAS_GATES(saas_is_member, saas_has_feature("export")),
      .denied = "Upgrade to Premium to export data" },
    { SAAS_GET, "/audits/{audit}/export/", export_audit, SAAS_GATES(saas_is_member, saas_has_feature("export")),
      .denied = "Upgrade to Premium to export data" },
    { 0 }
};

static const saas_plugin_t plugin = { SAAS_PLUGIN_INIT("export"), .statements = statements, .routes = routes,
                                      .openapi = saas_openapi_text, .counters = counters };

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

AP_DECLARE_MODULE(saas_export) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
                                   AP_MODULE_FLAG_NONE };
