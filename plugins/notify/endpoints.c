/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Endpoints as the ADMINs of an organization see them.  The secret is in the answer that makes it, and nowhere else.  A
 * URL that leads where the address guard lets nothing go is refused here already where that can be seen: as an address or a
 * port. What a name leads to is seen when something is sent.
 */
#include "notify.h"

#include "events.h"
#include "sign.h"
#include "url.h"

#include <apr_strings.h>

#define DESCRIPTION_MAX 200
#define EVENTS_MAX 50
#define EVENT_MAX 64
#define SHOWN 60

/* ENDPOINT of notify.c. */
enum { COLUMN_ID, COLUMN_URL, COLUMN_DESCRIPTION, COLUMN_EVENTS, COLUMN_ENABLED, COLUMN_REASON, COLUMN_FAILING, COLUMN_PREVIOUS,
       COLUMN_CREATED, COLUMN_UPDATED };

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ID },
    { "url", SAAS_JSON_TEXT, .column = COLUMN_URL },
    { "description", SAAS_JSON_TEXT, .column = COLUMN_DESCRIPTION },
    { "events", SAAS_JSON_RAW, .column = COLUMN_EVENTS, .otherwise = "[]" },
    { "enabled", SAAS_JSON_BOOL, .column = COLUMN_ENABLED },
    { "disabled_reason", SAAS_JSON_TEXT, .column = COLUMN_REASON },
    { "failing_since", SAAS_JSON_TIME, .column = COLUMN_FAILING },
    { "previous_secret_until", SAAS_JSON_TIME, .column = COLUMN_PREVIOUS },
    { "created_at", SAAS_JSON_TIME, .column = COLUMN_CREATED },
    { "updated_at", SAAS_JSON_TIME, .column = COLUMN_UPDATED },
    { 0 }
};

apr_status_t saas_notify_transact(saas_request_t *rq, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, baton);
        saas_db_close(db);
    }
    return rv;
}

int saas_notify_api_events(saas_request_t *rq)
{
    json_t *results;
    saas_page_t page;
    int i;

    if (!saas_request_page(rq, &page)) {
        return saas_reply_errors(rq);
    }
    results = json_array();
    for (i = 0; saas_notify_events[i].type; i++) {
        if (i / page.size + 1 == page.page) {
            json_array_append_new(results, json_pack("{s:s, s:s}", "type", saas_notify_events[i].type, "description",
                                                     saas_notify_events[i].help));
        }
    }
    return saas_reply_page(rq, &page, i, results);
}

int saas_notify_api_list(saas_request_t *rq)
{
    return saas_reply_list(rq, members, &saas_notify_statements[NOTIFY_ENDPOINTS], SAAS_NO_ARGS);
}

int saas_notify_api_view(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &saas_notify_statements[NOTIFY_ENDPOINT], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "endpoint")));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return rows->count ? saas_reply_json(rq, HTTP_OK, saas_row_json(rq, members, rows, 0)) : saas_reply_not_found(rq);
}

/* -------------------------------------------------------------- fields -- */

static const char *other_port(saas_request_t *rq)
{
    return apr_psprintf(rq->pool, "Use port %s.", saas_guard_ports(rq->pool, saas_notify_guard));
}

static const char *url_field(saas_request_t *rq, unsigned flags)
{
    const char *text = saas_request_field(rq, "url", flags, SAAS_NOTIFY_URL_MAX), *wrong;
    saas_notify_url_t url;
    int admitted;

    if (!text) {
        return NULL;
    }
    if (!(wrong = saas_notify_url_read(rq->pool, text, &url)) && !url.tls && !saas_notify_config_http(rq->r->server)) {
        wrong = "Enter a URL that begins with https://.";
    }
    if (!wrong && url.literal_len) {
        admitted = saas_guard_ask(saas_notify_guard, (struct sockaddr *)&url.literal);
        wrong = admitted == SAAS_REFUSED_ADDRESS ? "This address is not publicly routable." : NULL;
        wrong = admitted == SAAS_REFUSED_PORT ? other_port(rq) : wrong;
    }
    else if (!wrong && !saas_guard_port(saas_notify_guard, url.port)) {
        wrong = other_port(rq);
    }
    if (wrong) {
        saas_request_error(rq, "url", wrong);
    }
    return text;
}

static const char *event_error(saas_request_t *rq, const json_t *value)
{
    const char *text = json_string_value(value);

    if (!text) {
        return "Not a valid string.";
    }
    return strlen(text) <= EVENT_MAX && saas_notify_event_known(text)
               ? NULL
               : apr_psprintf(rq->pool, "\"%.*s\" is no event; GET notify/events/ lists them.", SHOWN, text);
}

/* The list as it is stored, without doubles; NULL: absent, or wrong and noted. */
static const char *events_field(saas_request_t *rq, int required)
{
    const json_t *given = json_object_get(rq->body, "events");
    json_t *kept, *value, *other;
    const char *wrong = NULL, *text;
    char *dumped;
    size_t i, k;

    if (!given) {
        if (required) {
            saas_request_error(rq, "events", "This field is required.");
        }
        return NULL;
    }
    if (!json_is_array(given)) {
        saas_request_error(rq, "events", "Expected a list of items.");
        return NULL;
    }
    if (!json_array_size(given) || json_array_size(given) > EVENTS_MAX) {
        saas_request_error(rq, "events", json_array_size(given) ? "Ensure this field has no more than 50 elements."
                                                                : "This list may not be empty.");
        return NULL;
    }
    kept = json_array();
    json_array_foreach((json_t *)given, i, value) {
        if ((wrong = event_error(rq, value)) != NULL) {
            break;
        }
        json_array_foreach(kept, k, other) {
            if (json_equal(other, value)) {
                break;
            }
        }
        if (k == json_array_size(kept)) {
            json_array_append(kept, value);
        }
    }
    dumped = json_dumps(kept, JSON_COMPACT);
    text = dumped ? apr_pstrdup(rq->pool, dumped) : NULL;
    free(dumped);
    json_decref(kept);
    if (wrong) {
        saas_request_error(rq, "events", wrong);
    }
    return text;
}

/* "yes", "no"; NULL: absent, or wrong and noted. */
static const char *enabled_field(saas_request_t *rq)
{
    const json_t *given = json_object_get(rq->body, "enabled");

    if (given && !json_is_boolean(given)) {
        saas_request_error(rq, "enabled", "Must be a valid boolean.");
    }
    return json_is_boolean(given) ? json_is_true(given) ? "yes" : "no" : NULL;
}

/* ------------------------------------------------------------- changes -- */

typedef struct change_t {
    saas_request_t *rq;
    int statement;
    const char *action;
    const char *const *args;
    int nargs;
    int locked;          /* under the organization's lock */
    saas_rows_t *rows;
} change_t;

static apr_status_t note(change_t *change, saas_db_t *db)
{
    saas_activity_t activity = {
        .action = change->action, .target_type = "endpoint", .target_id = saas_cell(change->rows, 0, COLUMN_ID),
        .target_label = saas_cell(change->rows, 0, COLUMN_URL)
    };
    json_t *events = json_loads(saas_cell(change->rows, 0, COLUMN_EVENTS), 0, NULL);
    apr_status_t rv;

    activity.new_value = json_pack("{s:o, s:b}", "events", events ? events : json_array(), "enabled",
                                   saas_cell_bool(change->rows, 0, COLUMN_ENABLED));
    rv = saas_activity(db, change->rq, &activity);
    json_decref(activity.new_value);
    return rv;
}

static apr_status_t make(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    apr_status_t rv = APR_SUCCESS;

    if (change->locked) {
        rv = saas_db_queue(db, &saas_notify_statements[NOTIFY_LOCK], SAAS_NO_ARGS);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &saas_notify_statements[change->statement], &change->rows, change->args, change->nargs);
    }
    return rv == APR_SUCCESS && change->rows->count ? note(change, db) : rv;
}

/* Makes a change of one endpoint and answers it. */
static int answer(change_t *change, int status, const char *secret)
{
    apr_status_t rv = saas_notify_transact(change->rq, make, change);
    json_t *body;

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(change->rq, rv);
    }
    if (!change->rows->count) {
        return saas_reply_not_found(change->rq);
    }
    saas_notify_wake();
    if (status == HTTP_NO_CONTENT) {
        return saas_reply_json(change->rq, status, NULL);
    }
    body = saas_row_json(change->rq, members, change->rows, 0);
    if (secret) {
        json_object_set_new(body, "secret", json_string(secret));
    }
    return saas_reply_json(change->rq, status, body);
}

static int no_random_numbers(saas_request_t *rq)
{
    return saas_reply_failure(rq, APR_EGENERAL);
}

int saas_notify_api_create(saas_request_t *rq)
{
    const char *url = url_field(rq, SAAS_FIELD_REQUIRED), *events = events_field(rq, 1), *enabled = enabled_field(rq);
    const char *description = saas_request_field(rq, "description", SAAS_FIELD_BLANK | SAAS_FIELD_NULLABLE, DESCRIPTION_MAX);
    const char *secret = saas_notify_secret(rq->pool), *id = saas_uuid(rq->pool);
    int most = saas_notify_config_endpoints(rq->r->server);
    const char *args[] = { id, url, description ? description : "", events, enabled ? enabled : "yes", secret, rq->who->user_id,
                           apr_itoa(rq->pool, most) };
    change_t change = { .rq = rq, .statement = NOTIFY_ADD, .action = "endpoint.created", .args = args,
                        .nargs = (int)(sizeof(args) / sizeof(args[0])), .locked = 1 };
    apr_status_t rv;
    json_t *body;

    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!secret) {
        return no_random_numbers(rq);
    }
    if ((rv = saas_notify_transact(rq, make, &change)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!change.rows->count) {
        return saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                apr_psprintf(rq->pool, "An organization may have %d endpoints: delete one first.", most));
    }
    apr_table_setn(rq->r->headers_out, "Location",
                   apr_pstrcat(rq->pool, saas_request_base_url(rq), "/notify/endpoints/", id, "/", NULL));
    body = saas_row_json(rq, members, change.rows, 0);
    json_object_set_new(body, "secret", json_string(secret));
    return saas_reply_json(rq, HTTP_CREATED, body);
}

int saas_notify_api_change(saas_request_t *rq)
{
    const char *url = url_field(rq, 0), *events = events_field(rq, 0), *enabled = enabled_field(rq);
    const char *description = saas_request_field(rq, "description", SAAS_FIELD_BLANK, DESCRIPTION_MAX);
    const char *args[] = { saas_request_parameter(rq, "endpoint"), url, description, events, enabled };
    change_t change = { .rq = rq, .statement = NOTIFY_CHANGE, .action = "endpoint.changed", .args = args, .nargs = 5 };

    return rq->errors ? saas_reply_errors(rq) : answer(&change, HTTP_OK, NULL);
}

int saas_notify_api_delete(saas_request_t *rq)
{
    const char *args[] = { saas_request_parameter(rq, "endpoint") };
    change_t change = { .rq = rq, .statement = NOTIFY_DELETE, .action = "endpoint.deleted", .args = args, .nargs = 1 };

    return answer(&change, HTTP_NO_CONTENT, NULL);
}

int saas_notify_api_rotate(saas_request_t *rq)
{
    const char *secret = saas_notify_secret(rq->pool);
    apr_int64_t seconds = apr_time_sec(saas_notify_config_rotation(rq->r->server));
    const char *args[] = { rq->who->org_id, saas_request_parameter(rq, "endpoint"), secret,
                           apr_psprintf(rq->pool, "%" APR_INT64_T_FMT, seconds) };
    change_t change = { .rq = rq, .statement = NOTIFY_ROTATE, .action = "endpoint.secret_rotated", .args = args, .nargs = 4 };

    return secret ? answer(&change, HTTP_OK, secret) : no_random_numbers(rq);
}
