/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The places where a user is logged in: list, revoke.  A token that is bound to
 * an organization is about that organization only: to it there are no sessions.
 */

#include "accounts.h"

int accounts_sessions(saas_request_t *rq)
{
    enum { ID, CREATED_AT, EXPIRES_AT, ADDRESS, USER_AGENT, TOTAL };
    const char *current = rq->who->by == SAAS_BY_SESSION ? rq->who->credential_id : NULL;
    saas_page_t page;
    saas_rows_t *rows;
    json_t *results;
    apr_status_t rv;
    int row;

    if (!saas_request_page(rq, &page)) {
        return saas_reply_errors(rq);
    }
    rv = saas_query(rq, &accounts_statements[SESSION_LIST], &rows,
                    SAAS_ARGS(rq->who->user_id, accounts_calling_token(rq), page.limit, page.offset));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    results = json_array();
    for (row = 0; row < rows->count; row++) {
        json_array_append_new(results,
            json_pack("{s:o, s:b, s:o, s:o, s:o, s:o}",
                      "id", saas_cell_json(rows, row, ID),
                      "current", current && !strcmp(current, saas_cell(rows, row, ID)),
                      "address", saas_cell_json(rows, row, ADDRESS),
                      "user_agent", saas_cell_json(rows, row, USER_AGENT),
                      "created_at", saas_cell_json_time(rq->pool, rows, row, CREATED_AT),
                      "expires_at", saas_cell_json_time(rq->pool, rows, row, EXPIRES_AT)));
    }
    return saas_reply_page(rq, &page, saas_cell_int(rows, 0, TOTAL), results);
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
