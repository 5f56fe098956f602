/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * See queue.h.  Whatever is written for a delivery is conditional on its claim: a process that was stopped, cut off or slow
 * can never overwrite what its successor did.  Times are the database's.
 */
#include "queue.h"

#include "schedule.h"
#include "sign.h"

#include <apr_strings.h>

/* Columns of NOTIFY_TAKE. */
enum { COLUMN_ORG, COLUMN_ENDPOINT, COLUMN_MESSAGE, COLUMN_TYPE, COLUMN_CREATED, COLUMN_TRIES, COLUMN_QUEUED, COLUMN_NOW,
       COLUMN_URL, COLUMN_STREAK, COLUMN_SECRET, COLUMN_PREVIOUS, COLUMN_SLUG, COLUMN_ACTOR_TYPE, COLUMN_ACTOR,
       COLUMN_ACTOR_EMAIL, COLUMN_TARGET_TYPE, COLUMN_TARGET, COLUMN_TARGET_LABEL, COLUMN_OLD, COLUMN_NEW };

static saas_statement_t *statement(int index)
{
    return &saas_notify_statements[index];
}

apr_status_t saas_notify_look(apr_pool_t *p, server_rec *s, const char *org_id, const char *endpoint_id,
                              saas_notify_waiting_t **waiting, int *n)
{
    saas_rows_t *rows;
    saas_db_t *db;
    int i;
    apr_status_t rv = saas_db_open(&db, p, s, NULL);

    *n = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_query(db, statement(NOTIFY_LOOK), &rows, SAAS_ARGS(org_id, endpoint_id, APR_STRINGIFY(NOTIFY_LOOK_MOST)));
    saas_db_close(db);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *waiting = apr_pcalloc(p, sizeof(**waiting) * (apr_size_t)(rows->count + 1));
    for (i = 0; i < rows->count; i++) {
        saas_notify_waiting_t *w = &(*waiting)[i];
        w->org_id = saas_cell(rows, i, 0);
        w->endpoint_id = saas_cell(rows, i, 1);
        w->streak = (int)saas_cell_int(rows, i, 2);
        w->due = (int)saas_cell_int(rows, i, 3);
        w->ready = saas_cell_bool(rows, i, 4);
    }
    *n = rows->count;
    return APR_SUCCESS;
}

/* --------------------------------------------------------------- claim -- */

static const char *copy(apr_pool_t *p, const saas_rows_t *rows, int row, int column)
{
    return apr_pstrdup(p, saas_cell(rows, row, column));
}

static apr_time_t time_of(const saas_rows_t *rows, int row, int column)
{
    apr_time_t t;
    const char *text = saas_cell(rows, row, column);
    return text && saas_time_parse(text, &t) == APR_SUCCESS ? t : 0;
}

static char *body_of(apr_pool_t *p, const saas_rows_t *rows, int row)
{
    saas_notify_message_t m = {
        .type = saas_cell(rows, row, COLUMN_TYPE), .time = saas_time_text(p, time_of(rows, row, COLUMN_CREATED)),
        .endpoint_id = saas_cell(rows, row, COLUMN_ENDPOINT), .org_id = saas_cell(rows, row, COLUMN_ORG),
        .org_slug = saas_cell(rows, row, COLUMN_SLUG), .actor_type = saas_cell(rows, row, COLUMN_ACTOR_TYPE),
        .actor_id = saas_cell(rows, row, COLUMN_ACTOR), .actor_email = saas_cell(rows, row, COLUMN_ACTOR_EMAIL),
        .target_type = saas_cell(rows, row, COLUMN_TARGET_TYPE), .target_id = saas_cell(rows, row, COLUMN_TARGET),
        .target_label = saas_cell(rows, row, COLUMN_TARGET_LABEL), .old_value = saas_cell(rows, row, COLUMN_OLD),
        .new_value = saas_cell(rows, row, COLUMN_NEW)
    };
    json_t *body = saas_notify_body(&m);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL, *kept = text ? apr_pstrdup(p, text) : NULL;

    free(text);
    json_decref(body);
    return kept;
}

static saas_notify_parcel_t *pack(apr_pool_t *p, server_rec *s, const char *claim, const saas_rows_t *rows, int row)
{
    saas_notify_parcel_t *parcel;
    apr_int64_t now = apr_time_sec(apr_time_now());
    apr_pool_t *own;

    if (apr_pool_create(&own, p) != APR_SUCCESS) {
        return NULL;
    }
    parcel = apr_pcalloc(own, sizeof(*parcel));
    parcel->pool = own;
    parcel->org_id = copy(own, rows, row, COLUMN_ORG);
    parcel->endpoint_id = copy(own, rows, row, COLUMN_ENDPOINT);
    parcel->message_id = copy(own, rows, row, COLUMN_MESSAGE);
    parcel->claim = apr_pstrdup(own, claim);
    parcel->url = copy(own, rows, row, COLUMN_URL);
    parcel->streak = (int)saas_cell_int(rows, row, COLUMN_STREAK);
    parcel->tries = (int)saas_cell_int(rows, row, COLUMN_TRIES);
    parcel->age = apr_time_sec(time_of(rows, row, COLUMN_NOW) - time_of(rows, row, COLUMN_QUEUED));
    parcel->timestamp = apr_psprintf(own, "%" APR_INT64_T_FMT, now);
    if ((parcel->body = body_of(own, rows, row)) != NULL) {
        parcel->len = strlen(parcel->body);
        parcel->signature = saas_notify_sign(own, saas_cell(rows, row, COLUMN_SECRET), saas_cell(rows, row, COLUMN_PREVIOUS),
                                             parcel->message_id, now, parcel->body, parcel->len);
    }
    if (!parcel->signature) {
        parcel->error = "the message could not be signed";
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS2604",
                 "endpoint %s: a message could not be signed; its secret in notify_endpoints is none: have it rotated",
                 parcel->endpoint_id);
    }
    return parcel;
}

static apr_status_t claim_rows(saas_db_t *db, apr_pool_t *scratch, const saas_notify_waiting_t *waiting, int n,
                               const char *claim, saas_rows_t **rows)
{
    json_t *claims = json_array();
    char *text = NULL;
    apr_status_t rv = saas_db_begin(db, SAAS_WRITE);
    int i;

    for (i = 0; i < n && rv == APR_SUCCESS; i++) {
        const saas_notify_waiting_t *w = &waiting[i];
        if (w->take > 0) {
            json_array_append_new(claims, json_pack("[s, s]", w->org_id, w->endpoint_id));
            rv = saas_db_queue(db, statement(NOTIFY_CLAIM),
                               SAAS_ARGS(w->org_id, w->endpoint_id, apr_itoa(scratch, w->take), claim,
                                         APR_STRINGIFY(NOTIFY_LEASE_SECONDS)));
        }
    }
    if (rv == APR_SUCCESS && !(text = json_dumps(claims, JSON_COMPACT))) {
        rv = APR_ENOMEM;
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, statement(NOTIFY_TAKE), rows, SAAS_ARGS(claim, text));
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_commit(db);
    }
    free(text);
    json_decref(claims);
    return rv;
}

apr_status_t saas_notify_claim(apr_pool_t *p, apr_pool_t *scratch, server_rec *s, const saas_notify_waiting_t *waiting, int n,
                               apr_array_header_t *parcels)
{
    const char *claim = saas_uuid(scratch);
    saas_rows_t *rows = NULL;
    saas_db_t *db;
    int i;
    apr_status_t rv = saas_db_open(&db, scratch, s, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = claim_rows(db, scratch, waiting, n, claim, &rows);
    saas_db_close(db);
    for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
        saas_notify_parcel_t *parcel = pack(p, s, claim, rows, i);
        if (parcel) {
            APR_ARRAY_PUSH(parcels, saas_notify_parcel_t *) = parcel;
        }
    }
    return rv;
}

/* -------------------------------------------------------------- settle -- */

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *key_of(const saas_notify_parcel_t *parcel)
{
    return json_pack("[s, s, s, s]", parcel->org_id, parcel->endpoint_id, parcel->message_id, parcel->claim);
}

static json_t *result_of(apr_pool_t *p, const saas_notify_parcel_t *parcel)
{
    json_t *row = key_of(parcel), *status = parcel->status ? json_integer(parcel->status) : json_null();

    json_array_append_new(row, json_string(parcel->state));
    json_array_append_new(row, json_integer(parcel->delay));
    json_array_append(row, status);
    json_array_append_new(row, json_integer(parcel->ms));
    json_array_append_new(row, text_or_null(parcel->error));
    json_array_append_new(row, text_or_null(parcel->answer));
    json_array_append_new(row, json_pack("{s:s, s:o, s:i, s:o}", "at", saas_time_text(p, apr_time_now()), "status", status,
                                         "duration_ms", parcel->ms, "error", text_or_null(parcel->error)));
    return row;
}

static char *text_of(apr_pool_t *p, json_t *list)
{
    char *text = json_dumps(list, JSON_COMPACT), *kept = text ? apr_pstrdup(p, text) : NULL;

    free(text);
    json_decref(list);
    return kept;
}

/* How one endpoint of some results does; nothing is written when that is as before.  One success speaks for an endpoint,
 * whatever failed beside it. */
static apr_status_t write_streak(saas_db_t *db, apr_pool_t *p, const apr_array_header_t *parcels, int first)
{
    const saas_notify_parcel_t *parcel = APR_ARRAY_IDX(parcels, first, saas_notify_parcel_t *);
    int i, failures = 0, works = 0, retry_after = 0, quiet;

    for (i = 0; i < parcels->nelts; i++) {
        const saas_notify_parcel_t *other = APR_ARRAY_IDX(parcels, i, saas_notify_parcel_t *);
        if (!strcmp(other->endpoint_id, parcel->endpoint_id)) {
            if (i < first) {
                return APR_SUCCESS;
            }
            works |= !other->error;
            failures += other->error != NULL;
            retry_after = other->retry_after > retry_after ? other->retry_after : retry_after;
        }
    }
    if (works && !parcel->streak) {
        return APR_SUCCESS;
    }
    quiet = saas_notify_quiet(parcel->streak + failures, retry_after, (double)ap_random_pick(0, 1000) / 1000);
    return saas_db_queue(db, statement(NOTIFY_STREAK),
                         SAAS_ARGS(parcel->org_id, parcel->endpoint_id, apr_itoa(p, works ? 0 : failures), apr_itoa(p, quiet)));
}

static char *results_of(apr_pool_t *p, const apr_array_header_t *parcels)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < parcels->nelts; i++) {
        json_array_append_new(list, result_of(p, APR_ARRAY_IDX(parcels, i, saas_notify_parcel_t *)));
    }
    return text_of(p, list);
}

apr_status_t saas_notify_settle(apr_pool_t *scratch, server_rec *s, const apr_array_header_t *parcels, int *written)
{
    char *results = results_of(scratch, parcels);
    saas_rows_t *rows = NULL;
    saas_db_t *db;
    int i;
    apr_status_t rv = results ? saas_db_open(&db, scratch, s, NULL) : APR_ENOMEM;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_begin(db, SAAS_WRITE);
    for (i = 0; i < parcels->nelts && rv == APR_SUCCESS; i++) {
        rv = write_streak(db, scratch, parcels, i);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, statement(NOTIFY_SETTLE), &rows, SAAS_ARGS(results));
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_commit(db);
    }
    saas_db_close(db);
    *written = rv == APR_SUCCESS ? (int)rows->affected : 0;
    return rv;
}

apr_status_t saas_notify_release(apr_pool_t *scratch, server_rec *s, const apr_array_header_t *parcels)
{
    json_t *list = json_array();
    saas_rows_t *rows;
    saas_db_t *db;
    char *text;
    apr_status_t rv;
    int i;

    for (i = 0; i < parcels->nelts; i++) {
        json_array_append_new(list, key_of(APR_ARRAY_IDX(parcels, i, saas_notify_parcel_t *)));
    }
    if (!(text = text_of(scratch, list))) {
        return APR_ENOMEM;
    }
    if ((rv = saas_db_open(&db, scratch, s, NULL)) == APR_SUCCESS) {
        rv = saas_db_query(db, statement(NOTIFY_RELEASE), &rows, SAAS_ARGS(text));
        saas_db_close(db);
    }
    return rv;
}

/* ------------------------------------------------------------- disable -- */

typedef struct disabling_t {
    server_rec *server;
    apr_pool_t *pool;
    const saas_notify_parcel_t *parcel;
    int gone;
    /* set anew by each attempt */
    int disabled;
} disabling_t;

static apr_status_t tell_admins(disabling_t *d, saas_db_t *db)
{
    const char *frontend = saas_notify_config_frontend(d->server);
    saas_rows_t *rows;
    apr_status_t rv;
    int row;

    if (!saas_job_known("mail")) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(db, statement(NOTIFY_ADMINS), &rows, SAAS_NO_ARGS);
    for (row = 0; rv == APR_SUCCESS && row < rows->count; row++) {
        json_t *payload = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}}", "template", "endpoint_disabled",
                                    "to", saas_cell(rows, row, 0), "vars", "name", saas_cell(rows, row, 1),
                                    "organization", saas_cell(rows, row, 2), "endpoint", d->parcel->url,
                                    "gone", d->gone ? "410" : "", "url", frontend ? frontend : "");
        rv = saas_job_enqueue(db, "mail", d->parcel->org_id, d->parcel->endpoint_id, payload, 0);
        json_decref(payload);
    }
    return rv;
}

static apr_status_t disable(saas_db_t *db, void *baton)
{
    disabling_t *d = baton;
    const char *reason = d->gone ? "gone" : "failing";
    apr_int64_t seconds = apr_time_sec(saas_notify_config_disable(d->server));
    saas_activity_t activity = {
        .action = "endpoint.disabled", .target_type = "endpoint", .target_id = d->parcel->endpoint_id,
        .target_label = d->parcel->url, .actor_type = "system", .actor_id = "notify"
    };
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, statement(NOTIFY_DISABLE), &rows,
                                    SAAS_ARGS(d->parcel->endpoint_id, reason,
                                              apr_psprintf(d->pool, "%" APR_INT64_T_FMT, seconds)));

    d->disabled = rv == APR_SUCCESS && rows->count > 0;
    if (!d->disabled) {
        return rv;
    }
    activity.new_value = json_pack("{s:s}", "reason", reason);
    rv = saas_activity(db, NULL, &activity);
    json_decref(activity.new_value);
    return rv == APR_SUCCESS ? tell_admins(d, db) : rv;
}

apr_status_t saas_notify_disable(apr_pool_t *scratch, server_rec *s, const saas_notify_parcel_t *parcel, int gone,
                                 int *disabled)
{
    disabling_t d = { .server = s, .pool = scratch, .parcel = parcel, .gone = gone };
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, scratch, s, parcel->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, disable, &d);
        saas_db_close(db);
    }
    *disabled = rv == APR_SUCCESS && d.disabled;
    return rv;
}
