/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The activity trail of an organization, newest first.  It is only read here;
 * rows are written in the transactions of what they tell.
 */

#include "organizations.h"

enum { COLUMN_ID, COLUMN_TIME, COLUMN_ACTOR_TYPE, COLUMN_ACTOR, COLUMN_ACTOR_EMAIL, COLUMN_ACTION, COLUMN_TARGET_TYPE,
       COLUMN_TARGET, COLUMN_TARGET_LABEL, COLUMN_OLD, COLUMN_NEW, COLUMN_ADDRESS, COLUMN_REQUEST, COLUMN_COUNT };

static json_t *value_json(const saas_rows_t *rows, int row, int column)
{
    const char *text = saas_cell(rows, row, column);
    json_t *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return value ? value : json_null();
}

static json_t *entry_json(apr_pool_t *p, const saas_rows_t *rows, int row)
{
    json_t *target = json_null();

    if (saas_cell(rows, row, COLUMN_TARGET_TYPE)) {
        target = json_pack("{s:o, s:o, s:o}", "type", saas_cell_json(rows, row, COLUMN_TARGET_TYPE),
                           "id", saas_cell_json(rows, row, COLUMN_TARGET),
                           "label", saas_cell_json(rows, row, COLUMN_TARGET_LABEL));
    }
    return json_pack("{s:o, s:o, s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:o}",
                     "id", saas_cell_json(rows, row, COLUMN_ID),
                     "created_at", saas_cell_json_time(p, rows, row, COLUMN_TIME),
                     "actor", "type", saas_cell_json(rows, row, COLUMN_ACTOR_TYPE),
                     "id", saas_cell_json(rows, row, COLUMN_ACTOR),
                     "email", saas_cell_json(rows, row, COLUMN_ACTOR_EMAIL),
                     "action", saas_cell_json(rows, row, COLUMN_ACTION),
                     "target", target,
                     "old", value_json(rows, row, COLUMN_OLD),
                     "new", value_json(rows, row, COLUMN_NEW),
                     "address", saas_cell_json(rows, row, COLUMN_ADDRESS),
                     "request_id", saas_cell_json(rows, row, COLUMN_REQUEST));
}

/* A time of the query in the form that compares; NULL: absent, or wrong and noted. */
static const char *time_parameter(saas_request_t *rq, const char *name)
{
    const char *text = saas_request_query(rq, name);
    apr_time_t t;

    if (!text) {
        return NULL;
    }
    if (saas_time_parse(text, &t) != APR_SUCCESS) {
        saas_request_error(rq, name, "Enter a date and time in ISO 8601, like 2031-01-31T12:00:00Z.");
        return NULL;
    }
    return saas_time_text(rq->pool, t);
}

int organizations_activity(saas_request_t *rq)
{
    const char *since = time_parameter(rq, "since"), *until = time_parameter(rq, "until");
    saas_page_t page;
    saas_rows_t *rows;
    json_t *results;
    apr_status_t rv;
    int row;

    saas_request_page(rq, &page);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    rv = saas_query(rq, &organizations_statements[ACTIVITY_LIST], &rows,
                    SAAS_ARGS(saas_request_query(rq, "action"), saas_request_query(rq, "actor"),
                              saas_request_query(rq, "target_type"), since, until, page.limit, page.offset));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    results = json_array();
    for (row = 0; row < rows->count; row++) {
        json_array_append_new(results, entry_json(rq->pool, rows, row));
    }
    return saas_reply_page(rq, &page, saas_cell_int(rows, 0, COLUMN_COUNT), results);
}
