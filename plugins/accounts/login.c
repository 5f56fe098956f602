/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Log-in and log-out.  An unknown address, a wrong password and a locked user
 * must not be told apart, neither by the answer nor by its time (OWASP
 * Authentication Cheat Sheet): all three verify a password once.
 */

#include "accounts.h"

static const char account_bucket[] = "login-account";
static const char address_bucket[] = "login-address";

typedef int throttle_fn(const char *bucket, const char *key, int limit, int window_seconds);

/* Seconds to wait before the next attempt at this account from this address,
 * asked of both counters; count also counts a failure in both. */
static int wait_seconds(saas_request_t *rq, const char *account, throttle_fn *ask)
{
    int for_account = ask(account_bucket, account, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);
    int for_address = ask(address_bucket, rq->r->useragent_ip, ACCOUNTS_FAILURES_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);

    return for_account > for_address ? for_account : for_address;
}

static int refuse(saas_request_t *rq, const char *account)
{
    int seconds = wait_seconds(rq, account, saas_throttle);

    SAAS_RLOG(rq->r, APLOG_INFO, 0, "SAAS2001", "log-in refused: unknown account or wrong password");
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    return saas_reply_error(rq, HTTP_UNAUTHORIZED, "authentication_failed", "Invalid email or password.");
}

typedef struct login_t {
    saas_request_t *rq;
    const char *user_id;
    const char *verified;  /* the stored form that the password matched */
    const char *rehashed;  /* a stronger one to take its place, or NULL */
    saas_rows_t *profile;
} login_t;

static apr_status_t log_in(saas_db_t *db, void *baton)
{
    login_t *login = baton;
    saas_rows_t *rows;
    apr_status_t rv;

    rv = saas_db_query(db, &accounts_statements[USER_LOGGED_IN], &rows,
                       SAAS_ARGS(login->user_id, login->verified, login->rehashed));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = saas_session_start(login->rq, db, login->user_id)) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_query(db, &accounts_statements[PROFILE], &login->profile, SAAS_ARGS(login->user_id, NULL));
}

int accounts_login(saas_request_t *rq)
{
    login_t login = { .rq = rq };
    const char *email, *password, *account = NULL;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;
    int seconds, rehash = 0;

    email = saas_request_field(rq, "email", SAAS_FIELD_REQUIRED, ACCOUNTS_EMAIL_MAX);
    password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!saas_email_parse(rq->pool, email, &account)) {
        account = email;
    }
    if ((seconds = wait_seconds(rq, account, saas_throttle_peek)) != 0) {
        return saas_reply_throttled(rq, seconds);
    }

    rv = saas_query(rq, &accounts_statements[USER_FOR_LOGIN], &rows, SAAS_ARGS(account, accounts_old_key(rq->pool, email)));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    login.user_id = saas_cell(rows, 0, 0);
    login.verified = saas_cell(rows, 0, 1);
    rv = saas_password_verify(rq->pool, password, login.verified, &rehash);
    if (rv == SAAS_EUNAVAILABLE) {
        return saas_reply_failure(rq, rv);
    }
    if (rv != APR_SUCCESS) {
        if (rv != APR_EMISMATCH) {
            SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS2003",
                      "user %s cannot log in: the stored password is of a form that is not known here, or too costly; "
                      "have them ask for a new one", login.user_id);
        }
        return refuse(rq, account);
    }
    /* Guesses sent all at once pass the first look together; those that come
     * back after the limit was reached learn nothing, the right one included. */
    if ((seconds = wait_seconds(rq, account, saas_throttle_peek)) != 0) {
        return saas_reply_throttled(rq, seconds);
    }
    /* When there is no room for it now, the next log-in upgrades the form. */
    if (rehash && saas_password_hash(rq->pool, password, &login.rehashed) != APR_SUCCESS) {
        login.rehashed = NULL;
    }

    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, log_in, &login);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return refuse(rq, account);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    saas_session_cookie(rq);
    return saas_reply_json(rq, HTTP_OK, accounts_profile_json(rq->pool, login.profile));
}

static apr_status_t log_out(saas_db_t *db, void *baton)
{
    return saas_session_end(baton, db);
}

int accounts_logout(saas_request_t *rq)
{
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, log_out, rq);
        saas_db_close(db);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : saas_reply_failure(rq, rv);
}
