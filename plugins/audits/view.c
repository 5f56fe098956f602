/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Audits as the API shows them: list, detail, and the two ways of ending one
 * by hand.  A cancel takes effect in its own transaction: from then on the
 * background run can write nothing more, and notices soon.
 */

#include "audits.h"
#include "score.h"

#include <apr_strings.h>

const saas_json_member_t audits_members[] = {
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ID },
    { "name", SAAS_JSON_TEXT, .column = COLUMN_NAME },
    { "engine", SAAS_JSON_TEXT, .column = COLUMN_ENGINE },
    { "targets", SAAS_JSON_RAW, .column = COLUMN_TARGETS, .otherwise = "[]" },
    { "status", SAAS_JSON_TEXT, .column = COLUMN_STATUS },
    { "progress", .kind = SAAS_JSON_OBJECT },
    { "done", SAAS_JSON_INTEGER, .column = COLUMN_DONE },
    { "total", SAAS_JSON_INTEGER, .column = COLUMN_TOTAL },
    { .kind = SAAS_JSON_END },
    { "counts", SAAS_JSON_RAW, .column = COLUMN_COUNTS, .otherwise = SAAS_SCORE_NO_COUNTS },
    { "evidence_count", SAAS_JSON_INTEGER, .column = COLUMN_EVIDENCE },
    { "score", SAAS_JSON_INTEGER, .column = COLUMN_SCORE },
    { "score_details", SAAS_JSON_RAW, .column = COLUMN_DETAILS, .otherwise = "null" },
    { "error", SAAS_JSON_TEXT, .column = COLUMN_ERROR },
    { "created_by", SAAS_JSON_TEXT, .column = COLUMN_CREATED_BY },
    { "schedule", SAAS_JSON_TEXT, .column = COLUMN_SCHEDULE },
    { "created_at", SAAS_JSON_TIME, .column = COLUMN_CREATED },
    { "started_at", SAAS_JSON_TIME, .column = COLUMN_STARTED },
    { "finished_at", SAAS_JSON_TIME, .column = COLUMN_FINISHED },
    { "imports", SAAS_JSON_RAW, .column = COLUMN_IMPORTS, .otherwise = "[]" },
    { 0 }
};

int audits_reply(saas_request_t *rq, int status, const saas_rows_t *rows)
{
    return saas_reply_json(rq, status, saas_row_json(rq, audits_members, rows, 0));
}

static json_t *targets_json(const saas_rows_t *rows)
{
    const char *text = saas_cell(rows, 0, COLUMN_TARGETS);
    json_t *targets = text ? json_loads(text, 0, NULL) : NULL;
    return targets ? targets : json_array();
}

apr_status_t audits_activity(saas_db_t *db, saas_request_t *rq, const char *job_id, const char *action, apr_pool_t *p,
                             const saas_rows_t *rows)
{
    saas_activity_t what = { .action = action, .target_type = "audit" };
    const char *name = saas_cell(rows, 0, COLUMN_NAME);
    json_t *targets = targets_json(rows);
    json_t *value = json_pack("{s:o, s:o, s:i, s:o}", "status", saas_cell_json(rows, 0, COLUMN_STATUS),
                              "engine", saas_cell_json(rows, 0, COLUMN_ENGINE),
                              "targets", (int)json_array_size(targets),
                              "evidence_count", json_integer(saas_cell_int(rows, 0, COLUMN_EVIDENCE)));
    apr_status_t rv;

    if (saas_cell(rows, 0, COLUMN_SCHEDULE)) {
        json_object_set_new(value, "schedule", saas_cell_json(rows, 0, COLUMN_SCHEDULE));
    }
    if (!name || !*name) {
        name = json_string_value(json_array_get(targets, 0));
    }
    what.target_id = saas_cell(rows, 0, COLUMN_ID);
    what.target_label = name ? apr_pstrdup(p, name) : NULL;
    what.new_value = value;
    if (!rq) {
        what.actor_type = "system";
        what.actor_id = job_id;
    }
    rv = saas_activity(db, rq, &what);
    json_decref(value);
    json_decref(targets);
    return rv;
}

int audits_list(saas_request_t *rq)
{
    static const char *const statuses[] = { "queued", "running", "completed", "failed", "canceled", NULL };
    const char *status = saas_request_choice(rq, "status", statuses);
    int order = audits_order(audits_orders, saas_request_choice(rq, "ordering", audits_orders));
    const char *engine = saas_request_filter(rq, "engine"), *schedule = saas_request_filter(rq, "schedule");

    if (schedule && !(schedule = saas_uuid_parse(rq->pool, schedule))) {
        saas_request_error(rq, "schedule", "Enter the id of a schedule.");
    }
    if (order <= 1 && !status && !engine && !schedule) {
        return saas_reply_list(rq, audits_members, &audits_statements[order ? AUDIT_ALL_OLDEST : AUDIT_ALL],
                               SAAS_NO_ARGS);
    }
    return saas_reply_list(rq, audits_members, &audits_statements[(schedule ? AUDIT_SCHEDULED : AUDIT_LIST) + order],
                           SAAS_ARGS(status, engine, schedule));
}

int audits_view(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &audits_statements[AUDIT_GET], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "audit")));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return rows->count ? audits_reply(rq, HTTP_OK, rows) : saas_reply_not_found(rq);
}

/** A change that is allowed in some states only. */
typedef struct change_t {
    saas_request_t *rq;
    int statement;         /**< changes the row and returns it, or returns none */
    const char *action;
    saas_rows_t *rows;
    int exists;
} change_t;

static apr_status_t change_body(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_request_t *rq = change->rq;
    const char *id = saas_request_parameter(rq, "audit");
    saas_rows_t *status;
    apr_status_t rv;

    change->exists = 0;
    if ((rv = saas_job_cancel(db, AUDIT_JOB, id)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[change->statement], &change->rows, SAAS_ARGS(id)))
               != APR_SUCCESS) {
        return rv;
    }
    if (change->rows->count) {
        if (change->statement == AUDIT_CANCEL
            && (rv = saas_db_queue(db, &audits_statements[PARTS_REMOVE], SAAS_ARGS(id))) != APR_SUCCESS) {
            return rv;
        }
        return audits_activity(db, rq, NULL, change->action, rq->pool, change->rows);
    }
    rv = saas_db_query(db, &audits_statements[AUDIT_STATUS], &status, SAAS_ARGS(id));
    if (rv == APR_SUCCESS) {
        change->exists = status->count > 0;
        rv = APR_NOTFOUND;
    }
    return rv;
}

/** Makes the change; *answer is set when there is nothing more to say. */
static apr_status_t make_change(change_t *change, const char *conflict, int *answer)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(change->rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_body, change);
        saas_db_close(db);
    }
    if (rv == APR_NOTFOUND) {
        *answer = change->exists ? saas_reply_error(change->rq, HTTP_CONFLICT, "conflict", conflict)
                                 : saas_reply_not_found(change->rq);
    }
    else if (rv != APR_SUCCESS) {
        *answer = saas_reply_failure(change->rq, rv);
    }
    return rv;
}

int audits_cancel(saas_request_t *rq)
{
    change_t change = { .rq = rq, .statement = AUDIT_CANCEL, .action = "audit.canceled" };
    int answer;

    if (make_change(&change, "This audit has ended already.", &answer) != APR_SUCCESS) {
        return answer;
    }
    audits_count(AUDITS_CANCELED);
    return audits_reply(rq, HTTP_OK, change.rows);
}

int audits_delete(saas_request_t *rq)
{
    change_t change = { .rq = rq, .statement = AUDIT_DELETE, .action = "audit.deleted" };
    int answer;

    if (make_change(&change, "This audit is running. Cancel it before you delete it.", &answer) != APR_SUCCESS) {
        return answer;
    }
    return saas_reply_json(rq, HTTP_NO_CONTENT, NULL);
}
