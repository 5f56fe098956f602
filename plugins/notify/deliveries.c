/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What has been sent to an endpoint, and what is going to be: the list, one of them with its attempts and its body, a test,
 * a replay.  A replay is the same message again, with the same webhook-id.
 */
#include "notify.h"

#include "events.h"

#include <apr_strings.h>

#define TESTS_MAX 30
#define TESTS_WINDOW 3600

/* DELIVERY and ENTRY of notify.c. */
enum { COLUMN_ID, COLUMN_TYPE, COLUMN_STATE, COLUMN_TRIES, COLUMN_CREATED, COLUMN_DUE, COLUMN_ATTEMPTED, COLUMN_STATUS,
       COLUMN_MS, COLUMN_ERROR, COLUMN_ANSWER, COLUMN_ATTEMPTS, COLUMN_OWNER, COLUMN_ACTOR_TYPE, COLUMN_ACTOR,
       COLUMN_ACTOR_EMAIL, COLUMN_TARGET_TYPE, COLUMN_TARGET, COLUMN_TARGET_LABEL, COLUMN_OLD, COLUMN_NEW };

/* When the next attempt is: of what waits. */
static const char *next_attempt(saas_request_t *rq, const saas_rows_t *rows, int row)
{
    const char *state = saas_cell(rows, row, COLUMN_STATE);
    (void)rq;
    return state && !strcmp(state, "queued") && !saas_cell(rows, row, COLUMN_OWNER) ? saas_cell(rows, row, COLUMN_DUE) : NULL;
}

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ID },
    { "type", SAAS_JSON_TEXT, .column = COLUMN_TYPE },
    { "state", SAAS_JSON_TEXT, .column = COLUMN_STATE },
    { "created_at", SAAS_JSON_TIME, .column = COLUMN_CREATED },
    { "tries", SAAS_JSON_INTEGER, .column = COLUMN_TRIES },
    { "next_attempt_at", SAAS_JSON_TIME, .cell = next_attempt },
    { "attempted_at", SAAS_JSON_TIME, .column = COLUMN_ATTEMPTED },
    { "status", SAAS_JSON_INTEGER, .column = COLUMN_STATUS },
    { "duration_ms", SAAS_JSON_INTEGER, .column = COLUMN_MS },
    { "error", SAAS_JSON_TEXT, .column = COLUMN_ERROR },
    { "answer", SAAS_JSON_TEXT, .column = COLUMN_ANSWER },
    { 0 }
};

/* Is there such an endpoint?  *answer is set when there is nothing more to say. */
static int find_endpoint(saas_request_t *rq, int *enabled, int *answer)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &saas_notify_statements[NOTIFY_ENDPOINT], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "endpoint")));
    if (rv != APR_SUCCESS || !rows->count) {
        *answer = rv != APR_SUCCESS ? saas_reply_failure(rq, rv) : saas_reply_not_found(rq);
        return 0;
    }
    *enabled = saas_cell_bool(rows, 0, 4);
    return 1;
}

int saas_notify_api_deliveries(saas_request_t *rq)
{
    static const char *const states[] = { "queued", "succeeded", "failed", NULL };
    const char *state = saas_request_choice(rq, "state", states);
    int enabled, answer = OK;

    if (!rq->errors && !find_endpoint(rq, &enabled, &answer)) {
        return answer;
    }
    return saas_reply_list(rq, members, &saas_notify_statements[NOTIFY_DELIVERIES],
                           SAAS_ARGS(saas_request_parameter(rq, "endpoint"), state, saas_request_filter(rq, "type")));
}

static json_t *attempts_of(const saas_rows_t *rows)
{
    const char *text = saas_cell(rows, 0, COLUMN_ATTEMPTS);
    json_t *list = text ? json_loads(text, 0, NULL) : NULL;
    return list ? list : json_array();
}

static json_t *body_of(saas_request_t *rq, const saas_rows_t *rows)
{
    apr_time_t t = 0;
    const char *created = saas_cell(rows, 0, COLUMN_CREATED);
    saas_notify_message_t m = {
        .type = saas_cell(rows, 0, COLUMN_TYPE),
        .endpoint_id = saas_request_parameter(rq, "endpoint"), .org_id = rq->who->org_id, .org_slug = rq->who->org_slug,
        .actor_type = saas_cell(rows, 0, COLUMN_ACTOR_TYPE), .actor_id = saas_cell(rows, 0, COLUMN_ACTOR),
        .actor_email = saas_cell(rows, 0, COLUMN_ACTOR_EMAIL), .target_type = saas_cell(rows, 0, COLUMN_TARGET_TYPE),
        .target_id = saas_cell(rows, 0, COLUMN_TARGET), .target_label = saas_cell(rows, 0, COLUMN_TARGET_LABEL),
        .old_value = saas_cell(rows, 0, COLUMN_OLD), .new_value = saas_cell(rows, 0, COLUMN_NEW)
    };
    m.time = created && saas_time_parse(created, &t) == APR_SUCCESS ? saas_time_text(rq->pool, t) : NULL;
    return saas_notify_body(&m);
}

/* Answers one delivery; whether there is its endpoint has been seen. */
static int show(saas_request_t *rq, int status, const char *id)
{
    saas_rows_t *rows;
    json_t *body;
    apr_status_t rv = saas_query(rq, &saas_notify_statements[NOTIFY_DELIVERY], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "endpoint"), id));
    if (rv != APR_SUCCESS || !rows->count) {
        return rv != APR_SUCCESS ? saas_reply_failure(rq, rv) : saas_reply_not_found(rq);
    }
    body = saas_row_json(rq, members, rows, 0);
    json_object_set_new(body, "attempts", attempts_of(rows));
    json_object_set_new(body, "body", body_of(rq, rows));
    return saas_reply_json(rq, status, body);
}

int saas_notify_api_delivery(saas_request_t *rq)
{
    const char *id = saas_uuid_parse(rq->pool, saas_request_parameter(rq, "delivery"));
    int enabled, answer = OK;

    if (!id) {
        return saas_reply_not_found(rq);
    }
    return find_endpoint(rq, &enabled, &answer) ? show(rq, HTTP_OK, id) : answer;
}

static int disabled(saas_request_t *rq)
{
    return saas_reply_error(rq, HTTP_CONFLICT, "conflict", "This endpoint is disabled: enable it first.");
}

typedef struct sending_t {
    saas_request_t *rq;
    int statement;
    const char *id;
    const char *type;
    int awake, found;  /* set anew by each attempt */
} sending_t;

/* Whatever keeps the endpoint quiet: somebody waits for this one. */
static apr_status_t enqueue(saas_db_t *db, void *baton)
{
    sending_t *sending = baton;
    const char *endpoint = saas_request_parameter(sending->rq, "endpoint");
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = saas_db_query(db, &saas_notify_statements[NOTIFY_AWAKE], &rows, SAAS_ARGS(endpoint))) != APR_SUCCESS) {
        return rv;
    }
    sending->awake = rows->count > 0;
    sending->found = 0;
    if (sending->awake) {
        const char *args[] = { endpoint, sending->id, sending->type };
        rv = saas_db_query(db, &saas_notify_statements[sending->statement], &rows, args, sending->type ? 3 : 2);
        sending->found = rv == APR_SUCCESS && rows->affected > 0;
    }
    return rv;
}

static int send_now(sending_t *sending)
{
    saas_request_t *rq = sending->rq;
    apr_status_t rv = saas_notify_transact(rq, enqueue, sending);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!sending->awake) {
        return disabled(rq);
    }
    if (!sending->found) {
        return saas_reply_error(rq, HTTP_CONFLICT, "conflict", "This delivery is being sent.");
    }
    saas_notify_wake();
    return show(rq, HTTP_ACCEPTED, sending->id);
}

int saas_notify_api_test(saas_request_t *rq)
{
    sending_t sending = { .rq = rq, .statement = NOTIFY_TEST, .id = saas_uuid(rq->pool), .type = SAAS_NOTIFY_TEST };
    int enabled, seconds, answer = OK;

    if (!find_endpoint(rq, &enabled, &answer)) {
        return answer;
    }
    if (!enabled) {
        return disabled(rq);
    }
    if ((seconds = saas_throttle("notify-test", rq->who->org_id, TESTS_MAX, TESTS_WINDOW))) {
        return saas_reply_throttled(rq, seconds);
    }
    return send_now(&sending);
}

int saas_notify_api_replay(saas_request_t *rq)
{
    sending_t sending = { .rq = rq, .statement = NOTIFY_REPLAY,
                          .id = saas_uuid_parse(rq->pool, saas_request_parameter(rq, "delivery")) };
    int enabled, answer = OK;
    saas_rows_t *rows;
    apr_status_t rv;

    if (!sending.id) {
        return saas_reply_not_found(rq);
    }
    if (!find_endpoint(rq, &enabled, &answer)) {
        return answer;
    }
    rv = saas_query(rq, &saas_notify_statements[NOTIFY_DELIVERY], &rows,
                    SAAS_ARGS(saas_request_parameter(rq, "endpoint"), sending.id));
    if (rv != APR_SUCCESS || !rows->count) {
        return rv != APR_SUCCESS ? saas_reply_failure(rq, rv) : saas_reply_not_found(rq);
    }
    return send_now(&sending);
}
