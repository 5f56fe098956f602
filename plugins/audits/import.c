/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Receiving a file of another scanner's findings: for a new audit, or more for one that a file has made.
 *
 * A client may be slow and its file large, so while it comes no connection is held and nothing is kept in memory: the
 * file goes, compressed in parts, into a temporary file without a name.  When all of it is here, audit, parts, job and
 * activity are written together.  What has been answered 201 is in the database, and any node reads it (import_run.c),
 * also when the one that received it dies; what has not is nowhere.
 */

#include "audits.h"

#include <apr_encode.h>
#include <apr_strings.h>

#include <zlib.h>

#define NAME_MAX_BYTES 200
#define FILE_MAX_BYTES 255

/** A part in the temporary file: its length, then so many bytes. */
typedef struct upload_t {
    saas_request_t *rq;
    const char *id, *name, *file, *format, *key;
    const saas_engine_t *engine;
    int again; /* the audit is there already */
    apr_file_t *spool;
    Bytef *raw, *packed; /* a part as it came, and compressed */
    apr_off_t bytes;
    int parts;
    saas_rows_t *rows;
    int created; /* this request has made a job */
    int exists;
} upload_t;

/** The formats of the n-th loaded engine, ended by NULL; NULL: it reads none. */
static const char *const *formats_of(const apr_array_header_t *engines, int n, const saas_engine_t **engine)
{
    *engine = ap_lookup_provider(SAAS_ENGINE_GROUP, APR_ARRAY_IDX(engines, n, ap_list_provider_names_t).provider_name,
                                 SAAS_PLUGIN_ABI);
    /* One of an older minor has a shorter table. */
    return (*engine)->size > APR_OFFSETOF(saas_engine_t, read) ? (*engine)->formats : NULL;
}

/** Names of all formats, "generic, ocsf". */
static const char *format_names(apr_pool_t *p)
{
    const apr_array_header_t *engines = ap_list_provider_names(p, SAAS_ENGINE_GROUP, SAAS_PLUGIN_ABI);
    const saas_engine_t *engine;
    const char *const *format;
    const char *text = "";
    int i;

    for (i = 0; i < engines->nelts; i++) {
        for (format = formats_of(engines, i, &engine); format && *format; format++) {
            text = apr_pstrcat(p, text, *text ? ", " : "", *format, NULL);
        }
    }
    return *text ? text : "none";
}

const saas_engine_t *audits_reader(apr_pool_t *p, const char *wanted)
{
    const apr_array_header_t *engines = ap_list_provider_names(p, SAAS_ENGINE_GROUP, SAAS_PLUGIN_ABI);
    const saas_engine_t *engine;
    const char *const *format;
    int i;

    for (i = 0; i < engines->nelts; i++) {
        for (format = formats_of(engines, i, &engine); format && *format; format++) {
            if (!strcmp(*format, wanted)) {
                return engine;
            }
        }
    }
    return NULL;
}

/* ------------------------------------------------------------ parameters -- */

/** A text of the query that people are shown; NULL when there is none.  What is wrong is noted. */
static const char *label(saas_request_t *rq, const char *parameter, apr_size_t most)
{
    const char *text = saas_request_filter(rq, parameter);
    const unsigned char *c;

    for (c = (const unsigned char *)(text ? text : ""); *c >= ' ' && *c != 0x7f; c++) {
    }
    if (*c) {
        saas_request_error(rq, parameter, "Control characters are not allowed.");
    }
    else if (text && strlen(text) > most) {
        saas_request_error(
            rq, parameter,
            apr_psprintf(rq->pool, "Ensure this field has no more than %" APR_SIZE_T_FMT " bytes.", most));
    }
    return text;
}

static void read_parameters(upload_t *upload)
{
    saas_request_t *rq = upload->rq;

    upload->format = saas_request_filter(rq, "format");
    upload->name = label(rq, "name", NAME_MAX_BYTES);
    upload->file = label(rq, "file", FILE_MAX_BYTES);
    if (!upload->format) {
        saas_request_error(rq, "format",
                           apr_psprintf(rq->pool, "This parameter is required: one of %s.", format_names(rq->pool)));
    }
    else if (!(upload->engine = audits_reader(rq->pool, upload->format))) {
        saas_request_error(rq, "format", apr_psprintf(rq->pool, "Unknown format. Known: %s.", format_names(rq->pool)));
    }
    if (upload->key && !audits_key_is_valid(upload->key)) {
        saas_request_error(rq, NULL, "Idempotency-Key must be 1 to 255 visible ASCII characters.");
    }
}

/** Refuses a body that cannot be what it is sent as, before any of it is read. */
static int check_headers(upload_t *upload, int *refused)
{
    saas_request_t *rq = upload->rq;
    const char *type = apr_table_get(rq->r->headers_in, "Content-Type");
    const char *encoding = apr_table_get(rq->r->headers_in, "Content-Encoding");

    *refused = 1;
    if (type && !strncasecmp(type, "multipart/", 10)) {
        return saas_reply_error(rq, HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                                "The request body is the file itself, no form.");
    }
    if (encoding && strcasecmp(encoding, "identity")) {
        return saas_reply_error(rq, HTTP_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type",
                                "The file must be sent as it is, without Content-Encoding.");
    }
    *refused = 0;
    return OK;
}

/* --------------------------------------------------------------- receive -- */

static int too_large(saas_request_t *rq, apr_off_t most)
{
    return saas_reply_error(rq, HTTP_REQUEST_ENTITY_TOO_LARGE, "request_too_large",
                            apr_psprintf(rq->pool, "The file is larger than %" APR_OFF_T_FMT " bytes.", most));
}

static apr_status_t keep_part(upload_t *upload, apr_size_t len)
{
    uLongf packed = compressBound(AUDIT_PART);
    apr_uint32_t said;
    apr_status_t rv;

    if (compress2(upload->packed, &packed, upload->raw, (uLong)len, Z_BEST_SPEED) != Z_OK) {
        return APR_ENOMEM;
    }
    said = (apr_uint32_t)packed;
    upload->parts++;
    if ((rv = apr_file_write_full(upload->spool, &said, sizeof(said), NULL)) != APR_SUCCESS) {
        return rv;
    }
    return apr_file_write_full(upload->spool, upload->packed, packed, NULL);
}

/** Takes the whole body in.  OK, or what the handler returns. */
static int receive(upload_t *upload, int *refused)
{
    saas_request_t *rq = upload->rq;
    apr_off_t most = audits_config_import_max(rq->r->server), announced;
    const char *length = apr_table_get(rq->r->headers_in, "Content-Length");
    apr_size_t have = 0, n;
    apr_status_t rv;
    int status;

    *refused = 1;
    if (length && apr_strtoff(&announced, length, NULL, 10) == APR_SUCCESS && announced > most) {
        return too_large(rq, most);
    }
    if ((rv = saas_temporary_file(&upload->spool, rq->pool, rq->r->server)) != APR_SUCCESS) {
        return saas_reply_failure(rq, SAAS_EUNAVAILABLE);
    }
    upload->raw = apr_palloc(rq->pool, AUDIT_PART);
    upload->packed = apr_palloc(rq->pool, compressBound(AUDIT_PART));
    do {
        if ((status = saas_request_read(rq, (char *)upload->raw + have, AUDIT_PART - have, &n)) != OK) {
            return status;
        }
        have += n;
        if ((upload->bytes += (apr_off_t)n) > most) {
            return too_large(rq, most);
        }
        if (have == AUDIT_PART || (!n && have)) {
            if ((rv = keep_part(upload, have)) != APR_SUCCESS) {
                SAAS_RLOG(rq->r, APLOG_ERR, rv, "SAAS2204",
                          "a file of findings cannot be kept in a temporary file while it "
                          "comes: is there room in SaasSpoolDir?");
                return saas_reply_failure(rq, SAAS_EUNAVAILABLE);
            }
            have = 0;
        }
    } while (n);
    if (!upload->bytes) {
        saas_request_error(rq, NULL, "The file is empty.");
        return saas_reply_errors(rq);
    }
    *refused = 0;
    return OK;
}

/* ----------------------------------------------------------------- store -- */

static apr_status_t store_parts(upload_t *upload, saas_db_t *db)
{
    char *text = apr_palloc(upload->rq->pool, (compressBound(AUDIT_PART) + 2) / 3 * 4 + 1);
    char number[16];
    apr_uint32_t len;
    apr_off_t begin = 0;
    apr_status_t rv = apr_file_seek(upload->spool, APR_SET, &begin);
    int i;

    for (i = 0; rv == APR_SUCCESS && i < upload->parts; i++) {
        if ((rv = apr_file_read_full(upload->spool, &len, sizeof(len), NULL)) != APR_SUCCESS
            || (rv = apr_file_read_full(upload->spool, upload->packed, len, NULL)) != APR_SUCCESS
            || (rv = apr_encode_base64_binary(text, upload->packed, len, APR_ENCODE_NONE, NULL)) != APR_SUCCESS) {
            break;
        }
        apr_snprintf(number, sizeof(number), "%d", i);
        /* Not queued: what is under way would be in memory. */
        rv = saas_db_query(db, &audits_statements[PART_ADD], NULL, SAAS_ARGS(upload->id, number, text));
    }
    return rv;
}

/** The audit that the file is for, queued.  APR_NOTFOUND: it is none that files can be added to now. */
static apr_status_t make_audit(upload_t *upload, saas_db_t *db)
{
    saas_request_t *rq = upload->rq;
    char *targets;
    json_t *list;
    apr_status_t rv;

    if (upload->again) {
        rv = saas_db_query(db, &audits_statements[IMPORT_AGAIN], &upload->rows,
                           SAAS_ARGS(upload->id, upload->engine->name));
        return rv == APR_SUCCESS && !upload->rows->count ? APR_NOTFOUND : rv;
    }
    list = json_pack("[s]", upload->file ? upload->file : upload->format);
    targets = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    rv = saas_db_query(db, &audits_statements[AUDIT_CREATE], &upload->rows,
                       SAAS_ARGS(upload->id, upload->name ? upload->name : "", upload->engine->name, targets, "100",
                                 upload->key, rq->who->user_id, NULL));
    free(targets);
    return rv;
}

static apr_status_t enqueue(upload_t *upload, saas_db_t *db)
{
    json_t *payload = json_pack("{s:s, s:s?, s:I, s:i}", "format", upload->format, "file", upload->file, "bytes",
                                (json_int_t)upload->bytes, "parts", upload->parts);
    apr_status_t rv =
        payload ? saas_job_enqueue(db, AUDIT_JOB, upload->rq->who->org_id, upload->id, payload, 0) : APR_ENOMEM;
    json_decref(payload);
    return rv;
}

static apr_status_t store_body(saas_db_t *db, void *baton)
{
    upload_t *upload = baton;
    saas_request_t *rq = upload->rq;
    apr_status_t rv = make_audit(upload, db);
    saas_rows_t *rows;

    upload->created = 0;
    if (rv == APR_NOTFOUND) {
        rv = saas_db_query(db, &audits_statements[AUDIT_STATUS], &rows, SAAS_ARGS(upload->id));
        upload->exists = rv == APR_SUCCESS && rows->count;
        return rv == APR_SUCCESS ? APR_NOTFOUND : rv;
    }
    if (rv == APR_SUCCESS && !upload->rows->count) {
        rv = saas_db_query(db, &audits_statements[AUDIT_BY_KEY], &upload->rows, SAAS_ARGS(upload->key));
        /* Deleted between the two statements: the next try creates it. */
        return rv == APR_SUCCESS && !upload->rows->count ? SAAS_ESERIALIZATION : rv;
    }
    if (rv != APR_SUCCESS || (rv = saas_limit_take(rq, db, AUDITS_LIMIT_TARGETS, 1)) != APR_SUCCESS
        || (rv = saas_limit_take(rq, db, AUDITS_LIMIT, 1)) != APR_SUCCESS
        || (rv = store_parts(upload, db)) != APR_SUCCESS || (rv = enqueue(upload, db)) != APR_SUCCESS) {
        return rv;
    }
    upload->created = 1;
    return audits_activity(db, rq, NULL, "audit.started", rq->pool, upload->rows);
}

static int answer(upload_t *upload)
{
    saas_request_t *rq = upload->rq;
    apr_table_setn(
        rq->r->headers_out, "Location",
        apr_pstrcat(rq->pool, saas_request_base_url(rq), "/audits/", saas_cell(upload->rows, 0, COLUMN_ID), "/", NULL));
    return audits_reply(rq, HTTP_CREATED, upload->rows);
}

static int store(upload_t *upload)
{
    saas_request_t *rq = upload->rq;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, store_body, upload);
        saas_db_close(db);
    }
    if (rv == APR_NOTFOUND) {
        return !upload->exists
                   ? saas_reply_not_found(rq)
                   : saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                      "A file can be added to an audit that files have made, once it has ended.");
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (upload->created) {
        audits_count(AUDITS_STARTED);
        saas_jobs_wake();
    }
    return answer(upload);
}

int audits_import(saas_request_t *rq)
{
    upload_t upload = { .rq = rq };
    const char *audit = saas_request_parameter(rq, "audit");
    apr_status_t rv;
    int refused, status;

    upload.again = *audit != '\0';
    upload.id = upload.again ? audit : saas_uuid(rq->pool);
    upload.key = upload.again ? NULL : apr_table_get(rq->r->headers_in, "Idempotency-Key");
    read_parameters(&upload);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (upload.key) {
        rv = saas_query(rq, &audits_statements[AUDIT_BY_KEY], &upload.rows, SAAS_ARGS(upload.key));
        if (rv != APR_SUCCESS || upload.rows->count) {
            return rv == APR_SUCCESS ? answer(&upload) : saas_reply_failure(rq, rv);
        }
    }
    if ((status = check_headers(&upload, &refused), refused) || (status = receive(&upload, &refused), refused)) {
        return status;
    }
    return store(&upload);
}
