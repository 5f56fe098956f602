/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The places where a user is logged in: list, revoke.  A token that is bound to
 * an organization is about that organization only: to it there are no sessions.
 */

#include "accounts.h"

enum { ID, CREATED_AT, EXPIRES_AT, ADDRESS, USER_AGENT };

static const char *current_cell(saas_request_t *rq, const saas_rows_t *rows, int row)
{
    return rq->who->by == SAAS_BY_SESSION && !strcmp(rq->who->credential_id, saas_cell(rows, row, ID)) ? "t" : "f";
}

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = ID },
    { "current", SAAS_JSON_BOOL, .cell = current_cell },
    { "address", SAAS_JSON_TEXT, .column = ADDRESS },
    { "user_agent", SAAS_JSON_TEXT, .column = USER_AGENT },
    { "created_at", SAAS_JSON_TIME, .column = CREATED_AT },
    { "expires_at", SAAS_JSON_TIME, .column = EXPIRES_AT },
    { 0 }
};

int accounts_sessions(saas_request_t *rq)
{
    return saas_reply_list(rq, members, &accounts_statements[SESSION_LIST],
                           SAAS_ARGS(rq->who->user_id, accounts_calling_token(rq)));
}

typedef struct revocation_t {
    saas_request_t *rq;
    const char *id;
} revocation_t;

static apr_status_t revoke_session(saas_db_t *db, void *baton)
{
    const revocation_t *revocation = baton;
    saas_request_t *rq = revocation->rq;
    saas_rows_t *rows;
    apr_status_t rv;

    /* One's own also loses its cookie. */
    if (rq->who->by == SAAS_BY_SESSION && !strcmp(rq->who->credential_id, revocation->id)) {
        return saas_session_end(rq, db);
    }
    rv = saas_db_query(db, &accounts_statements[SESSION_REVOKE], &rows,
                       SAAS_ARGS(revocation->id, rq->who->user_id, accounts_calling_token(rq)));
    return rv == APR_SUCCESS && rows->affected != 1 ? ACCOUNTS_REFUSED : rv;
}

int accounts_session_revoke(saas_request_t *rq)
{
    revocation_t revocation = { .rq = rq, .id = saas_uuid_parse(rq->pool, saas_request_parameter(rq, "session")) };
    saas_db_t *db;
    apr_status_t rv;

    if (!revocation.id) {
        return saas_reply_not_found(rq);
    }
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, revoke_session, &revocation);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return saas_reply_not_found(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : saas_reply_failure(rq, rv);
}
