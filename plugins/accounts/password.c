/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Changing one's own password, which ends every other session.  No connection
 * is held while a password is hashed.
 */

#include "accounts.h"

static const char bucket[] = "password";

typedef struct change_t {
    const saas_principal_t *who;
    const char *verified; /* the stored form that the old password matched */
    const char *hashed;
} change_t;

static apr_status_t change_password(saas_db_t *db, void *baton)
{
    const change_t *change = baton;
    const char *session = change->who->by == SAAS_BY_SESSION ? change->who->credential_id : NULL;
    saas_rows_t *rows;
    apr_status_t rv;

    rv = saas_db_query(db, &accounts_statements[USER_PASSWORD_UPDATE], &rows,
                       SAAS_ARGS(change->who->user_id, change->verified, change->hashed));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    return saas_db_queue(db, &accounts_statements[SESSIONS_DELETE_OTHERS], SAAS_ARGS(change->who->user_id, session));
}

static int refuse(saas_request_t *rq)
{
    int seconds = saas_throttle(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    saas_request_error(rq, "old", "Invalid password.");
    return saas_reply_errors(rq);
}

int accounts_password(saas_request_t *rq)
{
    change_t change = { .who = rq->who };
    const char *old, *new, *why;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;
    int seconds, rehash;

    old = saas_request_field(rq, "old", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    new = saas_request_field(rq, "new", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    if (new && (why = saas_password_check(rq->pool, new, rq->who->email)) != NULL) {
        saas_request_error(rq, "new", why);
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    seconds = saas_throttle_peek(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }

    rv = saas_query(rq, &accounts_statements[USER_PASSWORD], &rows, SAAS_ARGS(rq->who->user_id));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    change.verified = saas_cell(rows, 0, 0);
    rv = saas_password_verify(rq->pool, old, change.verified, &rehash);
    if (rv == APR_EMISMATCH) {
        return refuse(rq);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_password_hash(rq->pool, new, &change.hashed);
    }
    if (rv == APR_SUCCESS && (rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_password, &change);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return refuse(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : saas_reply_failure(rq, rv);
}
