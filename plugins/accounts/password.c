/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The password of somebody who is logged in: proving it before what a session
 * alone may not do, and changing it, which ends every other session.  No
 * connection is held while a password is hashed.
 */

#include "accounts.h"

static const char bucket[] = "password";

int accounts_prove_refuse(saas_request_t *rq, const char *field)
{
    int seconds = saas_throttle(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    saas_request_error(rq, field, "Invalid password.");
    return saas_reply_errors(rq);
}

int accounts_prove(saas_request_t *rq, const char *field, const char *password, accounts_proof_t *proof, int *reply)
{
    saas_rows_t *rows;
    apr_status_t rv;
    int rehash;
    int seconds = saas_throttle_peek(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        *reply = saas_reply_throttled(rq, seconds);
        return 0;
    }
    rv = saas_query(rq, &accounts_statements[USER_PASSWORD], &rows, SAAS_ARGS(rq->who->user_id));
    if (rv != APR_SUCCESS) {
        *reply = saas_reply_failure(rq, rv);
        return 0;
    }
    proof->verified = saas_cell(rows, 0, 0);
    proof->email = saas_cell(rows, 0, 1);
    proof->name = saas_cell(rows, 0, 2);
    rv = saas_password_verify(rq->pool, password, proof->verified, &rehash);
    if (rv != APR_SUCCESS) {
        *reply = rv == SAAS_EUNAVAILABLE ? saas_reply_failure(rq, rv) : accounts_prove_refuse(rq, field);
    }
    return rv == APR_SUCCESS;
}

typedef struct change_t {
    saas_request_t *rq;
    accounts_proof_t proof;
    const char *hashed;
    accounts_device_t device; /* of the session that stays */
} change_t;

static apr_status_t change_password(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    const saas_principal_t *who = change->rq->who;
    saas_notice_t notice = { .template = "password_changed", .user_id = who->user_id, .to = change->proof.email };
    const char *session = who->by == SAAS_BY_SESSION ? who->credential_id : NULL;
    saas_rows_t *rows;
    apr_status_t rv;

    rv = saas_db_query(db, &accounts_statements[USER_PASSWORD_UPDATE], &rows,
                       SAAS_ARGS(who->user_id, change->proof.verified, change->hashed));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = saas_db_queue(db, &accounts_statements[SESSIONS_DELETE_OTHERS], SAAS_ARGS(who->user_id, session))) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[RESETS_VOID], SAAS_ARGS(who->user_id))) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[DEVICES_END], SAAS_ARGS(who->user_id))) != APR_SUCCESS
        || (session && (rv = accounts_device_start(change->rq, db, who->user_id, &change->device)) != APR_SUCCESS)) {
        return rv;
    }
    return accounts_notice(db, change->rq->pool, &notice,
                           json_pack("{s:s, s:s}", "name", change->proof.name, "address", change->rq->r->useragent_ip));
}

int accounts_password(saas_request_t *rq)
{
    change_t change = { .rq = rq };
    const char *old, *new, *why;
    saas_db_t *db;
    apr_status_t rv;
    int reply;

    old = saas_request_field(rq, "old", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    new = saas_request_field(rq, "new", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    if (new && (why = saas_password_check(rq->pool, new, rq->who->email)) != NULL) {
        saas_request_error(rq, "new", why);
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!accounts_prove(rq, "old", old, &change.proof, &reply)) {
        return reply;
    }
    if ((rv = saas_password_hash(rq->pool, new, &change.hashed)) == APR_SUCCESS
        && (rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_password, &change);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return accounts_prove_refuse(rq, "old");
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    saas_jobs_wake();
    if (change.device.token) {
        accounts_device_cookie(rq, &change.device);
    }
    return saas_reply_json(rq, HTTP_NO_CONTENT, NULL);
}
