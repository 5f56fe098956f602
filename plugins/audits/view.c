/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Audits as the API shows them: list, detail, and the two ways of ending one
 * by hand.  A cancel takes effect in its own transaction: from then on the
 * background run can write nothing more, and notices soon.
 */

#include "audits.h"
#include "score.h"

#include <apr_strings.h>

static json_t *cell_json(const saas_rows_t *rows, int row, int column, json_t *(*otherwise)(void))
{
    const char *text = saas_cell(rows, row, column);
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    return value ? value : otherwise();
}

static json_t *counts_json(const saas_rows_t *rows, int row)
{
    json_t *counts = cell_json(rows, row, COLUMN_COUNTS, saas_score_no_counts);
    if (json_object_size(counts) == 0) {
        json_decref(counts);
        counts = saas_score_no_counts();
    }
    return counts;
}

json_t *audits_json(apr_pool_t *p, const saas_rows_t *rows, int row)
{
    const char *score = saas_cell(rows, row, COLUMN_SCORE);
    json_t *progress = json_pack("{s:I, s:I}", "done", (json_int_t)saas_cell_int(rows, row, COLUMN_DONE),
                                 "total", (json_int_t)saas_cell_int(rows, row, COLUMN_TOTAL));

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "id", saas_cell_json(rows, row, COLUMN_ID),
                     "name", saas_cell_json(rows, row, COLUMN_NAME),
                     "engine", saas_cell_json(rows, row, COLUMN_ENGINE),
                     "targets", cell_json(rows, row, COLUMN_TARGETS, json_array),
                     "status", saas_cell_json(rows, row, COLUMN_STATUS),
                     "progress", progress,
                     "counts", counts_json(rows, row),
                     "evidence_count", (json_int_t)saas_cell_int(rows, row, COLUMN_EVIDENCE),
                     "score", score ? json_integer(apr_atoi64(score)) : json_null(),
                     "error", saas_cell_json(rows, row, COLUMN_ERROR),
                     "created_by", saas_cell_json(rows, row, COLUMN_CREATED_BY),
                     "created_at", saas_cell_json_time(p, rows, row, COLUMN_CREATED),
                     "started_at", saas_cell_json_time(p, rows, row, COLUMN_STARTED),
                     "finished_at", saas_cell_json_time(p, rows, row, COLUMN_FINISHED));
}

apr_status_t audits_activity(saas_db_t *db, saas_request_t *rq, const char *job_id, const char *action, apr_pool_t *p,
                             const saas_rows_t *rows)
{
    saas_activity_t what = { .action = action, .target_type = "audit" };
    const char *name = saas_cell(rows, 0, COLUMN_NAME);
    json_t *targets = cell_json(rows, 0, COLUMN_TARGETS, json_array);
    json_t *value = json_pack("{s:o, s:o, s:i, s:o}", "status", saas_cell_json(rows, 0, COLUMN_STATUS),
                              "engine", saas_cell_json(rows, 0, COLUMN_ENGINE),
                              "targets", (int)json_array_size(targets),
                              "evidence_count", json_integer(saas_cell_int(rows, 0, COLUMN_EVIDENCE)));
    apr_status_t rv;

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
    const char *order = saas_request_choice(rq, "ordering", audits_orders);
    const char *engine = saas_request_query(rq, "engine");
    saas_page_t page;
    saas_rows_t *rows;
    json_t *results;
    apr_status_t rv;
    int i;

    saas_request_page(rq, &page);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    rv = saas_query(rq, &audits_statements[AUDIT_LIST + audits_order(audits_orders, order)], &rows,
                    SAAS_ARGS(status, engine, page.limit, page.offset));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    results = json_array();
    for (i = 0; i < rows->count; i++) {
        json_array_append_new(results, audits_json(rq->pool, rows, i));
    }
    /* No row: page 1 of nothing, or past the end, where the count is not told. */
    return saas_reply_page(rq, &page, saas_cell_int(rows, 0, AUDIT_COLUMNS_COUNT), results);
}

int audits_view(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &audits_statements[AUDIT_GET], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "audit")));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return rows->count ? saas_reply_json(rq, HTTP_OK, audits_json(rq->pool, rows, 0)) : saas_reply_not_found(rq);
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
    return saas_reply_json(rq, HTTP_OK, audits_json(rq->pool, change.rows, 0));
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
