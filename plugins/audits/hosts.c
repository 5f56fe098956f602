/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Hosts that an organization has named as its own.  Naming one proves nothing: it is answered with a token, which engines
 * look for at the host in every audit anew, so that a host which has changed hands is not proven any longer.  What engines
 * ask only of the host's owner waits for that.  A token is no secret - whoever can show it at the host, owns the host; shown
 * there it is of no use to another organization, which has a token of its own.
 */

#include "audits.h"

#include <apr_strings.h>

#define HOSTS_MAX 1000
#define HOST_MAX 253
#define NO_HOST "A host is expected, without scheme, port and path: www.example.com."

/* AUDIT_HOST_COLUMNS. */
enum { HOST_ID, HOST_HOST, HOST_TOKEN, HOST_CREATED_BY, HOST_CREATED, HOST_PROVED };

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = HOST_ID },
    { "host", SAAS_JSON_TEXT, .column = HOST_HOST },
    { "token", SAAS_JSON_TEXT, .column = HOST_TOKEN },
    { "created_by", SAAS_JSON_TEXT, .column = HOST_CREATED_BY },
    { "created_at", SAAS_JSON_TIME, .column = HOST_CREATED },
    { "proved_at", SAAS_JSON_TIME, .column = HOST_PROVED },
    { 0 }
};

int audits_hosts(saas_request_t *rq)
{
    return saas_reply_list(rq, members, &audits_statements[AUDIT_HOSTS], SAAS_NO_ARGS);
}

typedef struct change_t {
    saas_request_t *rq;
    int statement;
    const char *action;
    const char *const *args;
    int nargs;
    saas_rows_t *rows;
} change_t;

static apr_status_t change_body(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_activity_t activity = { .action = change->action, .target_type = "host" };
    apr_status_t rv = saas_db_query(db, &audits_statements[change->statement], &change->rows, change->args, change->nargs);

    if (rv != APR_SUCCESS || !change->rows->count) {
        return rv;
    }
    activity.target_id = saas_cell(change->rows, 0, HOST_ID);
    activity.target_label = saas_cell(change->rows, 0, HOST_HOST);
    return saas_activity(db, change->rq, &activity);
}

static apr_status_t make(change_t *change)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(change->rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_body, change);
        saas_db_close(db);
    }
    return rv;
}

/* The host as it is in targets; NULL: noted in rq->errors.  The engine's reading of a target is the one home of what a host is. */
static const char *host_field(saas_request_t *rq)
{
    const char *text = saas_request_field(rq, "host", SAAS_FIELD_REQUIRED, HOST_MAX);
    const saas_engine_t *engine = ap_lookup_provider(SAAS_ENGINE_GROUP, "web", SAAS_PLUGIN_ABI);
    const char *canonical = NULL, *wrong, *host;

    if (!text) {
        return NULL;
    }
    if (!engine) {
        saas_request_error(rq, "host", "The engine web is not loaded.");
        return NULL;
    }
    if (strpbrk(text, "/?#@")) {
        saas_request_error(rq, "host", NO_HOST);
        return NULL;
    }
    wrong = engine->validate(rq->pool, rq->r->server, apr_pstrcat(rq->pool, "https://", text, "/", NULL), &canonical);
    if (!wrong && canonical && !strncmp(canonical, "https://", 8)) {
        host = apr_pstrmemdup(rq->pool, canonical + 8, strlen(canonical) - 8);
        if (strlen(host) > 1 && strchr(host, '/') == host + strlen(host) - 1 && (*host == '[' || !strchr(host, ':'))
            && (*host != '[' || host[strlen(host) - 2] == ']')) {
            return apr_pstrmemdup(rq->pool, host, strlen(host) - 1);
        }
    }
    saas_request_error(rq, "host", wrong ? apr_psprintf(rq->pool, "%s: %s", text, wrong)
                                         : NO_HOST);
    return NULL;
}

int audits_host_add(saas_request_t *rq)
{
    const char *host = host_field(rq), *id = saas_uuid(rq->pool), *token = NULL;
    apr_status_t rv = saas_token_make(rq->pool, "mod-saas-", &token);
    const char *args[] = { id, host, token, rq->who->user_id, apr_itoa(rq->pool, HOSTS_MAX) };
    change_t change = { .rq = rq, .statement = AUDIT_HOST_ADD, .action = "host.added", .args = args, .nargs = 5 };

    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (rv == APR_SUCCESS) {
        rv = make(&change);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!change.rows->count) {
        return saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                apr_psprintf(rq->pool, "This host is there already, or %d others are.", HOSTS_MAX));
    }
    return saas_reply_json(rq, HTTP_CREATED, saas_row_json(rq, members, change.rows, 0));
}

int audits_host_delete(saas_request_t *rq)
{
    const char *args[] = { saas_request_parameter(rq, "audit_host") };
    change_t change = { .rq = rq, .statement = AUDIT_HOST_DELETE, .action = "host.removed", .args = args, .nargs = 1 };
    apr_status_t rv = make(&change);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return change.rows->count ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : saas_reply_not_found(rq);
}
