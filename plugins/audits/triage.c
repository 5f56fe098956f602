/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What people decide about findings: that one is known and not to be shown among the others for now (muted, with the
 * reason and, where wanted, until when), and a comment.
 *
 * A decision is about a resource and a check, not about a row: the next audit that finds the same again shows it too.
 * It changes nothing that was measured: status, counts, score and exports stay what the engine saw.
 */

#include "audits.h"

#include <apr_strings.h>

#define REASON_MAX 500
#define COMMENT_MAX 2000
#define MANY_MAX 10000         /* findings that one request may decide about */
#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

/** What a body asks for. */
typedef struct decision_t {
    const char *muted;         /**< "1", "0"; NULL: stays */
    const char *reason;
    const char *until;         /**< NULL: without an end */
    const char *given;         /**< "1": the comment is to be changed */
    const char *comment;       /**< NULL: none */
} decision_t;

#define DECISION_ARGS(d) (d)->muted, (d)->reason, (d)->until, (d)->given, (d)->comment

static const char *read_until(saas_request_t *rq)
{
    const char *text = saas_request_field(rq, "until", SAAS_FIELD_NULLABLE, 40);
    apr_time_t time;

    if (!text) {
        return NULL;
    }
    if (saas_time_parse(text, &time) != APR_SUCCESS) {
        saas_request_error(rq, "until", "Enter a time as in 2030-01-31T12:00:00Z.");
    }
    else if (time <= apr_time_now()) {
        saas_request_error(rq, "until", "This time is over.");
    }
    else {
        return saas_time_text(rq->pool, time);
    }
    return NULL;
}

/** Reads the body; what is wrong is noted. */
static decision_t read_decision(saas_request_t *rq)
{
    const json_t *muted = json_object_get(rq->body, "muted");
    decision_t decision = { .given = json_object_get(rq->body, "comment") ? "1" : "0" };

    decision.comment = saas_request_field(rq, "comment", SAAS_FIELD_NULLABLE | SAAS_FIELD_BLANK, COMMENT_MAX);
    if (decision.comment && !*decision.comment) {
        decision.comment = NULL;
    }
    if (muted && !json_is_boolean(muted)) {
        saas_request_error(rq, "muted", "Must be a valid boolean.");
    }
    else if (json_is_true(muted)) {
        decision.muted = "1";
        decision.reason = saas_request_field(rq, "reason", SAAS_FIELD_REQUIRED, REASON_MAX);
        decision.until = read_until(rq);
    }
    else {
        decision.muted = muted ? "0" : NULL;
        if (json_is_string(json_object_get(rq->body, "reason"))) {
            saas_request_error(rq, "reason", "Only together with muted: true.");
        }
        if (json_is_string(json_object_get(rq->body, "until"))) {
            saas_request_error(rq, "until", "Only together with muted: true.");
        }
    }
    if (!rq->errors && !decision.muted && *decision.given == '0') {
        saas_request_error(rq, NULL, "Nothing to change: muted or comment.");
    }
    return decision;
}

/* -------------------------------------------------------------- one -- */

typedef struct one_t {
    saas_request_t *rq;
    const char *number;
    decision_t decision;
    saas_rows_t *rows;         /**< afterwards */
} one_t;

/** What the trail keeps of a decision. */
static json_t *decided(saas_request_t *rq, const saas_rows_t *rows)
{
    json_t *row = saas_row_json(rq, evidence_members, rows, 0);
    json_t *triage = json_incref(json_object_get(row, "triage"));

    json_object_del(triage, "updated_by");
    json_object_del(triage, "updated_at");
    json_decref(row);
    return triage;
}

static apr_status_t one_body(saas_db_t *db, void *baton)
{
    one_t *one = baton;
    saas_request_t *rq = one->rq;
    const char *audit = saas_request_parameter(rq, "audit");
    saas_activity_t what = { .action = "evidence.triaged", .target_type = "audit", .target_id = audit };
    saas_rows_t *before;
    apr_status_t rv = saas_db_query(db, &audits_statements[EVIDENCE_ONE], &before, SAAS_ARGS(audit, one->number));

    if (rv != APR_SUCCESS || !before->count) {
        return rv == APR_SUCCESS ? APR_NOTFOUND : rv;
    }
    if ((rv = saas_db_query(db, &audits_statements[TRIAGE_ONE], NULL,
                            SAAS_ARGS(audit, one->number, DECISION_ARGS(&one->decision), rq->who->user_id))) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[EVIDENCE_ONE], &one->rows, SAAS_ARGS(audit, one->number)))
               != APR_SUCCESS) {
        return rv;
    }
    if (!one->rows->count) {
        return APR_NOTFOUND;
    }
    what.target_label = apr_pstrcat(rq->pool, saas_cell(before, 0, E_CHECK), " ", saas_cell(before, 0, E_RESOURCE),
                                    NULL);
    what.old_value = decided(rq, before);
    what.new_value = decided(rq, one->rows);
    rv = saas_activity(db, rq, &what);
    json_decref(what.old_value);
    json_decref(what.new_value);
    return rv;
}

/** True for a number as rows of evidence have it. */
static int is_number(const char *text)
{
    apr_size_t len = strlen(text);
    return len >= 1 && len <= 18 && strspn(text, "0123456789") == len;
}

int audits_triage(saas_request_t *rq)
{
    one_t one = { .rq = rq, .number = saas_request_parameter(rq, "evidence") };
    saas_db_t *db;
    apr_status_t rv;

    if (!is_number(one.number)) {
        return saas_reply_not_found(rq);
    }
    one.decision = read_decision(rq);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, one_body, &one);
        saas_db_close(db);
    }
    if (rv == APR_NOTFOUND) {
        return saas_reply_not_found(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_OK, saas_row_json(rq, evidence_members, one.rows, 0))
                             : saas_reply_failure(rq, rv);
}

/* ------------------------------------------------------------- many -- */

typedef struct many_t {
    saas_request_t *rq;
    saas_finding_filter_t filter;
    decision_t decision;
    apr_int64_t changed;
} many_t;

/** The decision and what it is about, for the trail. */
static json_t *many_json(const many_t *many)
{
    const saas_finding_filter_t *f = &many->filter;
    const decision_t *d = &many->decision;
    json_t *json = json_pack("{s:I, s:{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}}", "findings", (json_int_t)many->changed,
                             "filter", "status", f->status, "severity", f->severity, "check", f->check, "search",
                             f->search, "resource_id", f->resource, "muted", f->muted);
    if (d->muted) {
        json_object_set_new(json, "muted", json_boolean(*d->muted == '1'));
        json_object_set_new(json, "reason", d->reason ? json_string(d->reason) : json_null());
        json_object_set_new(json, "until", d->until ? json_string(d->until) : json_null());
    }
    if (*d->given == '1') {
        json_object_set_new(json, "comment", d->comment ? json_string(d->comment) : json_null());
    }
    return json;
}

static apr_status_t many_body(saas_db_t *db, void *baton)
{
    many_t *many = baton;
    saas_request_t *rq = many->rq;
    const char *audit = saas_request_parameter(rq, "audit");
    saas_activity_t what = { .action = "evidence.triaged", .target_type = "audit", .target_id = audit };
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &audits_statements[TRIAGE_MANY], &rows,
                                    SAAS_ARGS(audit, SAAS_FINDING_FILTER_ARGS(&many->filter), DECISION_ARGS(&many->decision),
                                              rq->who->user_id, apr_itoa(rq->pool, MANY_MAX + 1)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    many->changed = rows->affected;
    if (many->changed > MANY_MAX) {
        return APR_EINVAL;     /* and nothing is changed */
    }
    if (!many->changed) {
        return APR_SUCCESS;
    }
    what.new_value = many_json(many);
    rv = saas_activity(db, rq, &what);
    json_decref(what.new_value);
    return rv;
}

int audits_triage_many(saas_request_t *rq)
{
    many_t many = { .rq = rq, .filter = saas_finding_filter(rq) };
    saas_db_t *db;
    apr_status_t rv;

    many.decision = read_decision(rq);
    if (!rq->errors && saas_finding_filter_is_empty(&many.filter)) {
        saas_request_error(rq, NULL,
                           "Say which evidence is meant: status, severity, check, search, resource_id or muted.");
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, many_body, &many);
        saas_db_close(db);
    }
    if (rv == APR_EINVAL) {
        saas_request_error(rq, NULL, "The filter finds more than " TEXT(MANY_MAX) " findings. Nothing was changed.");
        return saas_reply_errors(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_OK, json_pack("{s:I}", "changed", (json_int_t)many.changed))
                             : saas_reply_failure(rq, rv);
}
