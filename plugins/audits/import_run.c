/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The background run of an audit whose findings come from a file.
 *
 * Two steps.  First the engine reads the file, part by part out of the database, and what it finds goes into a
 * temporary file: whatever is wrong with it is known before a row is written, no transaction is open while a stranger's
 * file is parsed, and memory does not grow with it.  Then all rows enter in one transaction, together with counts,
 * score and the end of the audit: of a file there is everything or nothing.  That transaction may last, so between two
 * of its steps the lease is renewed beside it, and the job's row is not locked before its end: others could not look
 * for work.
 *
 * A finding that is there already, by its content key, is not written again: the same file twice, or one that overlaps
 * another, adds nothing.
 */

#include "audits.h"
#include "score.h"

#include <apr_encode.h>
#include <apr_strings.h>

#include <zlib.h>

#define PROBLEMS_KEPT 20 /* bad records that are told, of all that are counted */
#define WHAT_MAX 200     /* bytes of what is told of one */
#define COLUMNS 8        /* number, resource, check, status, severity, time, comment, key */
#define BATCH_ROWS 4000  /* of one statement */
#define BATCH_BYTES (2 * 1024 * 1024)
#define BUFFER (256 * 1024)
#define PROGRESS_MS 500
#define RETRY_MS 1000
#define READ_SHARE 30 /* of 100: the first step */

typedef struct import_t {
    saas_audit_file_t file; /* what the engine sees; first, so that it is the import */
    saas_job_t *job;
    const char *name, *format;
    apr_int64_t bytes;
    int parts;

    int part;              /* the next one */
    apr_pool_t *part_pool; /* of the one that is read */
    char *raw;

    apr_file_t *spool; /* rows: length, then COLUMNS - 1 texts, a NUL behind each */
    char *buffer;
    apr_size_t used;
    apr_pool_t *row_pool;

    apr_int64_t records, rows, skipped, bad, added;
    json_t *problems;
    int done; /* progress, of 100 */
    apr_int64_t next_progress, deadline;
    int too_late;
    apr_status_t broken; /* why nothing goes on; APR_SUCCESS: it does */
} import_t;

/* ------------------------------------------------- lease and progress -- */

static apr_status_t progress_body(saas_db_t *db, void *baton)
{
    import_t *import = baton;
    char done[16];
    apr_snprintf(done, sizeof(done), "%d", import->done);
    return saas_db_query(db, &audits_statements[IMPORT_PROGRESS], NULL, SAAS_ARGS(import->job->object_id, done));
}

/** Tells how far it is, and whether it may go on: APR_EINTR when not. */
static apr_status_t go_on(import_t *import, apr_int64_t done)
{
    apr_int64_t now = audits_clock();

    if (saas_job_stopped(import->job)) {
        return APR_EINTR;
    }
    if (now >= import->deadline) {
        import->too_late = 1;
        return APR_EINTR;
    }
    if (done > import->done && now >= import->next_progress) {
        import->done = (int)done;
        import->next_progress = now + PROGRESS_MS;
        /* What cannot be told now is told next time. */
        saas_job_beside(import->job, progress_body, import);
    }
    return APR_SUCCESS;
}

/* ----------------------------------------------- what the engine reads -- */

static apr_status_t fetch(import_t *import, const char **text)
{
    saas_rows_t *rows;
    saas_db_t *db;
    char number[16];
    apr_status_t rv = saas_db_open(&db, import->part_pool, import->job->server, import->job->org_id);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_snprintf(number, sizeof(number), "%d", import->part);
    rv = saas_db_query(db, &audits_statements[PART_GET], &rows, SAAS_ARGS(import->job->object_id, number));
    if (rv == APR_SUCCESS && !(*text = saas_cell(rows, 0, 0))) {
        /* Canceled, or read to its end by whoever has the job now: both take the parts away. */
        rv = saas_db_query(db, &audits_statements[AUDIT_STATUS], &rows, SAAS_ARGS(import->job->object_id));
        if (rv == APR_SUCCESS) {
            rv = saas_cell(rows, 0, 0) && !strcmp(saas_cell(rows, 0, 0), "running") ? APR_EGENERAL : APR_EINTR;
        }
    }
    saas_db_close(db);
    return rv;
}

static apr_status_t unpack(import_t *import, const char *text, apr_size_t *len)
{
    uLongf raw = AUDIT_PART;
    apr_size_t packed;
    const char *bytes = apr_pdecode_base64(import->part_pool, text, APR_ENCODE_STRING, APR_ENCODE_NONE, &packed);

    if (!bytes || uncompress((Bytef *)import->raw, &raw, (const Bytef *)bytes, (uLong)packed) != Z_OK) {
        SAAS_LOG(import->job->server, APLOG_ERR, 0, "SAAS2205",
                 "audit %s: part %d of its file is damaged in the database; the file has to be sent again",
                 import->job->object_id, import->part);
        return APR_EGENERAL;
    }
    *len = raw;
    return APR_SUCCESS;
}

static apr_status_t on_next(saas_audit_file_t *file, const char **data, apr_size_t *len)
{
    import_t *import = (import_t *)file;
    const char *text = NULL;
    apr_status_t rv;

    if (import->part == import->parts) {
        return APR_EOF;
    }
    apr_pool_clear(import->part_pool);
    while ((rv = go_on(import, (apr_int64_t)import->part * READ_SHARE / import->parts)) == APR_SUCCESS
           && ((rv = fetch(import, &text)) == SAAS_EUNAVAILABLE || rv == SAAS_ESERIALIZATION)) {
        apr_sleep(apr_time_from_msec(RETRY_MS));
        apr_pool_clear(import->part_pool);
    }
    if (rv == APR_SUCCESS && (rv = unpack(import, text, len)) == APR_SUCCESS) {
        *data = import->raw;
        import->part++;
    }
    if (rv != APR_SUCCESS) {
        import->broken = rv;
    }
    return rv;
}

static void on_rewind(saas_audit_file_t *file)
{
    ((import_t *)file)->part = 0;
}

/* ------------------------------------------------ what the engine says -- */

static apr_status_t flush(import_t *import)
{
    apr_status_t rv =
        import->used ? apr_file_write_full(import->spool, import->buffer, import->used, NULL) : APR_SUCCESS;
    import->used = 0;
    if (rv != APR_SUCCESS) {
        SAAS_LOG(import->job->server, APLOG_ERR, rv, "SAAS2206",
                 "audit %s: its findings cannot be kept in a temporary file: is there room in SaasSpoolDir?",
                 import->job->object_id);
        import->broken = rv;
    }
    return rv;
}

static apr_status_t spool_bytes(import_t *import, const char *bytes, apr_size_t len)
{
    apr_status_t rv;
    if (import->used + len > BUFFER && (rv = flush(import)) != APR_SUCCESS) {
        return rv;
    }
    memcpy(import->buffer + import->used, bytes, len);
    import->used += len;
    return APR_SUCCESS;
}

/** What makes a finding this one and no other, as a UUID: all of its texts but the time.  A length before each keeps
 *  what belongs to one out of the next. */
static const char *content_key(apr_pool_t *p, const char *const texts[5])
{
    const char *all = apr_psprintf(p, "%" APR_SIZE_T_FMT ":%s%" APR_SIZE_T_FMT ":%s%s %s %s", strlen(texts[0]),
                                   texts[0], strlen(texts[1]), texts[1], texts[2], texts[3], texts[4]);
    const char *hash = saas_token_hash(p, all);
    return apr_psprintf(p, "%.8s-%.4s-%.4s-%.4s-%.12s", hash, hash + 8, hash + 12, hash + 16, hash + 20);
}

static apr_status_t on_report(saas_audit_file_t *file, const saas_finding_t *finding)
{
    import_t *import = (import_t *)file;
    apr_pool_t *p = import->row_pool;
    const char *texts[5], *row[COLUMNS - 1];
    apr_uint32_t len = 0;
    apr_status_t rv;
    int i;

    if ((unsigned)finding->status > SAAS_ERROR || (unsigned)finding->severity > SAAS_INFORMATIONAL) {
        return APR_EINVAL;
    }
    apr_pool_clear(p);
    row[0] = texts[0] = audits_clean(p, finding->resource_id, AUDIT_RESOURCE_MAX);
    row[1] = texts[1] = audits_clean(p, finding->check_name, AUDIT_CHECK_MAX);
    row[2] = texts[2] = saas_finding_statuses[finding->status];
    row[3] = texts[3] = saas_finding_severities[finding->severity];
    row[4] = saas_time_text(p, finding->time ? finding->time : apr_time_now());
    row[5] = texts[4] = audits_clean(p, finding->comment, AUDIT_COMMENT_MAX);
    row[6] = content_key(p, texts);
    for (i = 0; i < COLUMNS - 1; i++) {
        len += (apr_uint32_t)strlen(row[i]) + 1;
    }
    rv = spool_bytes(import, (const char *)&len, sizeof(len));
    for (i = 0; rv == APR_SUCCESS && i < COLUMNS - 1; i++) {
        rv = spool_bytes(import, row[i], strlen(row[i]) + 1);
    }
    import->records++;
    import->rows++;
    return rv;
}

static void on_bad(saas_audit_file_t *file, const char *where, const char *what)
{
    import_t *import = (import_t *)file;

    import->records++;
    import->bad++;
    if (json_array_size(import->problems) < PROBLEMS_KEPT) {
        apr_pool_clear(import->row_pool);
        json_array_append_new(import->problems,
                              json_pack("{s:s, s:s}", "where", audits_clean(import->row_pool, where, WHAT_MAX), "what",
                                        audits_clean(import->row_pool, what, WHAT_MAX)));
    }
}

static void on_skipped(saas_audit_file_t *file)
{
    import_t *import = (import_t *)file;
    import->records++;
    import->skipped++;
}

/* ----------------------------------------------------------------- write -- */

typedef struct batch_t {
    apr_pool_t *pool;
    const char **cells;
    int rows;
    char *bytes;
    apr_int64_t number; /* of the last row that was read */
} batch_t;

/** Reads exactly len bytes out of the spool, through the buffer. */
static apr_status_t take(import_t *import, apr_size_t *at, char *to, apr_size_t len)
{
    while (len) {
        apr_size_t n = import->used - *at;
        apr_status_t rv;
        if (!n) {
            *at = 0;
            import->used = BUFFER;
            if ((rv = apr_file_read(import->spool, import->buffer, &import->used)) != APR_SUCCESS) {
                return rv;
            }
            continue;
        }
        n = n < len ? n : len;
        memcpy(to, import->buffer + *at, n);
        *at += n;
        to += n;
        len -= n;
    }
    return APR_SUCCESS;
}

/** The next rows of the spool, as cells. */
static apr_status_t fill(import_t *import, batch_t *batch, apr_size_t *at, apr_int64_t *left)
{
    apr_size_t bytes = 0;
    apr_status_t rv;
    int i;

    apr_pool_clear(batch->pool);
    for (batch->rows = 0; *left && batch->rows < BATCH_ROWS && bytes < BATCH_BYTES; batch->rows++, --*left) {
        const char **cells = batch->cells + batch->rows * COLUMNS;
        apr_uint32_t len;
        char *row;
        if ((rv = take(import, at, (char *)&len, sizeof(len))) != APR_SUCCESS
            || (rv = take(import, at, row = apr_palloc(batch->pool, len), len)) != APR_SUCCESS) {
            return rv;
        }
        cells[0] = apr_psprintf(batch->pool, "%" APR_INT64_T_FMT, ++batch->number);
        for (i = 1; i < COLUMNS; i++) {
            cells[i] = row;
            row += strlen(row) + 1;
        }
        bytes += len;
    }
    return APR_SUCCESS;
}

static apr_status_t write_rows(import_t *import, saas_db_t *db)
{
    batch_t batch = { .cells = apr_palloc(import->job->pool, sizeof(char *) * BATCH_ROWS * COLUMNS) };
    apr_int64_t left = import->rows, affected;
    apr_size_t at = 0;
    apr_off_t begin = 0;
    saas_rows_t *last;
    apr_status_t rv = saas_db_query(db, &audits_statements[IMPORT_LAST], &last, SAAS_ARGS(import->job->object_id));

    if (rv != APR_SUCCESS || (rv = apr_file_seek(import->spool, APR_SET, &begin)) != APR_SUCCESS) {
        return rv;
    }
    batch.number = saas_cell_int(last, 0, 0);
    import->used = 0;
    import->added = 0;
    apr_pool_create(&batch.pool, import->job->pool);
    while (left && rv == APR_SUCCESS) {
        if ((rv = fill(import, &batch, &at, &left)) == APR_SUCCESS) {
            const saas_rows_t rows = { batch.rows, COLUMNS, 0, batch.cells };
            rv = saas_db_load(db, &audits_statements[IMPORT_LOAD], &rows, SAAS_ARGS(import->job->object_id), &affected);
            import->added += affected;
        }
        if (rv == APR_SUCCESS) {
            rv = go_on(import, READ_SHARE + (import->rows - left) * (100 - READ_SHARE) / import->rows);
        }
    }
    apr_pool_destroy(batch.pool);
    return rv;
}

/* ------------------------------------------------------------------- end -- */

/** What became of the file, as the audit's "imports" has it. */
static const char *note_text(import_t *import, apr_pool_t *p, const char *error)
{
    int all = !error;
    json_t *note =
        json_pack("{s:s?, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:s?}", "file", import->name, "format",
                  import->format, "bytes", (json_int_t)import->bytes, "records", (json_int_t)import->records, "added",
                  (json_int_t)(all ? import->added : 0), "duplicates",
                  (json_int_t)(all ? import->rows - import->added : 0), "skipped", (json_int_t)import->skipped, "bad",
                  (json_int_t)import->bad, "problems", import->problems, "error", error);
    char *text = json_dumps(note, JSON_COMPACT);
    const char *copy = apr_pstrdup(p, text);
    free(text);
    json_decref(note);
    return copy;
}

/** The audit's counts, over all of its files, as text; *total: of all rows. */
static apr_status_t count_rows(saas_db_t *db, apr_pool_t *p, const char *audit, const char **total, const char **counts)
{
    json_t *status = json_object(), *severity = json_object(), *both;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &audits_statements[IMPORT_COUNTS], &rows, SAAS_ARGS(audit));
    char *text;
    int i, column = 1;

    for (i = 0; rv == APR_SUCCESS && saas_finding_statuses[i]; i++) {
        json_object_set_new(status, saas_finding_statuses[i], json_integer(saas_cell_int(rows, 0, column++)));
    }
    for (i = 0; rv == APR_SUCCESS && saas_finding_severities[i]; i++) {
        json_object_set_new(severity, saas_finding_severities[i], json_integer(saas_cell_int(rows, 0, column++)));
    }
    both = json_pack("{s:o, s:o}", "status", status, "severity", severity);
    text = json_dumps(both, JSON_COMPACT);
    *counts = apr_pstrdup(p, text);
    *total = rv == APR_SUCCESS ? saas_cell(rows, 0, 0) : NULL;
    free(text);
    json_decref(both);
    return rv;
}

typedef struct end_t {
    import_t *import;
    const char *error; /**< NULL: the rows are to be written */
} end_t;

/** As saas_score_details(), of IMPORT_SCORE's row. */
static const char *details_text(apr_pool_t *p, const saas_rows_t *rows)
{
    json_t *severities = json_array(), *details;
    const char *copy;
    char *text;
    int i;

    for (i = 0; i < 4; i++) {
        int lost = (int)saas_cell_int(rows, 0, 2 + 2 * i), losers = (int)saas_cell_int(rows, 0, 3 + 2 * i);

        if (losers) {
            json_array_append_new(severities, json_pack("{s:s, s:i, s:i}", "severity", saas_finding_severities[i],
                                                        "points", -lost, "resources", losers));
        }
    }
    details = json_pack("{s:s, s:o, s:[], s:o}", "grade", saas_score_grade((int)saas_cell_int(rows, 0, 0)), "resources",
                        json_integer(saas_cell_int(rows, 0, 1)), "tests", "severities", severities);
    text = json_dumps(details, JSON_COMPACT);
    copy = apr_pstrdup(p, text);
    free(text);
    json_decref(details);
    return copy;
}

static apr_status_t end_body(saas_db_t *db, void *baton)
{
    const end_t *end = baton;
    import_t *import = end->import;
    saas_job_t *job = import->job;
    apr_pool_t *p = job->pool;
    const char *total = NULL, *counts = NULL, *score = NULL, *details = NULL, *status = end->error ? "failed" : "completed";
    saas_rows_t *rows;
    apr_status_t rv;

    if (!end->error
        && ((rv = write_rows(import, db)) != APR_SUCCESS
            || (rv = count_rows(db, p, job->object_id, &total, &counts)) != APR_SUCCESS
            || (rv = saas_db_query(db, &audits_statements[IMPORT_SCORE], &rows, SAAS_ARGS(job->object_id)))
                   != APR_SUCCESS)) {
        return rv;
    }
    score = end->error ? NULL : saas_cell(rows, 0, 0);
    details = score ? details_text(p, rows) : NULL;
    if ((rv = saas_job_fence(job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[IMPORT_NOTE], &rows,
                               SAAS_ARGS(job->object_id, note_text(import, p, end->error))))
               != APR_SUCCESS) {
        return rv;
    }
    if (!rows->count) {
        return APR_NOTFOUND;
    }
    if ((rv = saas_db_query(db, &audits_statements[AUDIT_END], &rows,
                            SAAS_ARGS(job->object_id, status, score, end->error, total, counts, details)))
            != APR_SUCCESS
        || (rv = saas_db_queue(db, &audits_statements[PARTS_REMOVE], SAAS_ARGS(job->object_id))) != APR_SUCCESS
        || (rv = audits_alert(db, job, rows)) != APR_SUCCESS
        || (rv = audits_searchable(db, job, rows)) != APR_SUCCESS) {
        return rv;
    }
    return audits_activity(db, NULL, job->id, apr_pstrcat(p, "audit.", status, NULL), p, rows);
}

/** Ends the audit with all rows, or with an error and none.  APR_SUCCESS also when somebody else has ended it. */
static apr_status_t finish(import_t *import, const char *error)
{
    end_t end = { import, error };
    apr_status_t rv = audits_transact_patiently(import->job, import->job->pool, end_body, &end);

    if (APR_STATUS_IS_EINTR(rv) && import->too_late && !error) {
        return finish(import, apr_psprintf(import->job->pool, "The file could not be imported within %d seconds.",
                                           audits_config_deadline(import->job->server)));
    }
    if (rv == APR_SUCCESS) {
        audits_count_evidence(error ? 0 : (apr_size_t)import->added);
        audits_count(error ? AUDITS_FAILED : AUDITS_COMPLETED);
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

/** What the end of the reading means. */
static apr_status_t conclude(import_t *import, apr_status_t rv)
{
    saas_job_t *job = import->job;
    char reason[120];

    if (rv == APR_SUCCESS && (rv = flush(import)) == APR_SUCCESS) {
        if (!import->rows && import->bad) {
            return finish(import, apr_psprintf(job->pool,
                                               "None of the %" APR_INT64_T_FMT " records is a finding: is the "
                                               "format %s the right one?",
                                               import->bad, import->format));
        }
        return finish(import, NULL);
    }
    if (import->too_late) {
        return finish(import, apr_psprintf(job->pool, "The file could not be imported within %d seconds.",
                                           audits_config_deadline(job->server)));
    }
    if (saas_job_stopped(job) || APR_STATUS_IS_EINTR(import->broken)) {
        return APR_EINTR;
    }
    if (rv == APR_EINVAL && import->file.error) {
        return finish(import, audits_clean(job->pool, import->file.error, 1000));
    }
    if (import->broken != APR_SUCCESS) {
        return import->broken;
    }
    SAAS_LOG(job->server, APLOG_ERR, rv, "SAAS2201", "audit %s: the engine ended with an error", job->object_id);
    return finish(import, apr_psprintf(job->pool, "The engine ended with an error: %s.",
                                       apr_strerror(rv, reason, sizeof(reason))));
}

/* ----------------------------------------------------------------- begin -- */

typedef struct begin_t {
    saas_job_t *job;
    saas_rows_t *rows;
} begin_t;

static apr_status_t begin_body(saas_db_t *db, void *baton)
{
    begin_t *begin = baton;
    apr_status_t rv;

    if ((rv = saas_job_fence(begin->job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[IMPORT_RUN], &begin->rows, SAAS_ARGS(begin->job->object_id)))
               != APR_SUCCESS) {
        return rv;
    }
    return begin->rows->count ? APR_SUCCESS : APR_NOTFOUND;
}

static apr_status_t drop_json(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

static json_t *owned(apr_pool_t *p, json_t *value)
{
    apr_pool_cleanup_register(p, value, drop_json, apr_pool_cleanup_null);
    return value;
}

static import_t *make_import(saas_job_t *job)
{
    apr_pool_t *p = job->pool;
    import_t *import = apr_pcalloc(p, sizeof(*import));
    const json_t *payload = owned(p, json_loads(job->payload, 0, NULL));

    import->job = job;
    import->format = json_string_value(json_object_get(payload, "format"));
    import->name = json_string_value(json_object_get(payload, "file"));
    import->bytes = json_integer_value(json_object_get(payload, "bytes"));
    import->parts = (int)json_integer_value(json_object_get(payload, "parts"));
    import->problems = owned(p, json_array());
    import->raw = apr_palloc(p, AUDIT_PART);
    import->buffer = apr_palloc(p, BUFFER);
    import->deadline = audits_clock() + (apr_int64_t)audits_config_deadline(job->server) * 1000;
    apr_pool_create(&import->part_pool, p);
    apr_pool_create(&import->row_pool, p);
    import->file.pool = p;
    import->file.server = job->server;
    import->file.audit_id = job->object_id;
    import->file.format = import->format = import->format ? import->format : "";
    import->file.next = on_next;
    import->file.rewind = on_rewind;
    import->file.report = on_report;
    import->file.bad = on_bad;
    import->file.skipped = on_skipped;
    return import;
}

apr_status_t audits_job_import(saas_job_t *job)
{
    begin_t begin = { .job = job };
    import_t *import = make_import(job);
    const saas_engine_t *engine = audits_reader(job->pool, import->format);
    apr_status_t rv = audits_transact_patiently(job, job->pool, begin_body, &begin);

    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    }
    if (!engine) {
        SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS2202",
                 "audit %s: no engine that reads %s is loaded on this node; every node that runs jobs needs it",
                 job->object_id, import->format);
        return finish(import,
                      apr_psprintf(job->pool, "No engine that reads %s is loaded on this server.", import->format));
    }
    if ((rv = saas_temporary_file(&import->spool, job->pool, job->server)) != APR_SUCCESS) {
        return rv;
    }
    return conclude(import, engine->read(&import->file));
}
