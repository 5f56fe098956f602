/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Log-in and log-out.  An unknown address, a wrong password and a locked user
 * must not be told apart, neither by the answer nor by its time (OWASP
 * Authentication Cheat Sheet): all three verify a password once.
 *
 * Failures are counted against those who fail, not against the account: strangers
 * who guess at it hold up their own network, and all of them together everybody
 * who has not been there before, but no device that has (device.c).
 */

#include "accounts.h"

#include <apr_strings.h>

#include <arpa/inet.h>

static const char network_bucket[] = "login-account";
static const char account_bucket[] = "login-everywhere";
static const char address_bucket[] = "login-address";
static const char device_bucket[] = "login-device";

typedef int throttle_fn(const char *bucket, const char *key, int limit, int window_seconds);

/* Who tries: counted by what cannot be had anew for nothing. */
typedef struct attempt_t {
    saas_request_t *rq;
    const char *account;  /* the key of the address */
    const char *device;   /* hash of a cookie that came along, or NULL */
    int trusted;          /* the device has logged in to this account before */
} attempt_t;

/* Networks that one subscriber has at least: a /64 (RFC 6177), and a /24 of the scarce addresses. */
static const char *network(apr_pool_t *p, const char *address)
{
    const char *dot = ap_strrchr_c(address, '.');
    unsigned char bytes[16];

    if (!dot) {
        return inet_pton(AF_INET6, address, bytes) == 1
                   ? apr_psprintf(p, "%02x%02x:%02x%02x:%02x%02x:%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                                  bytes[5], bytes[6], bytes[7])
                   : address;
    }
    return apr_pstrmemdup(p, address, (apr_size_t)(dot - address));
}

static int later(int a, int b)
{
    return a > b ? a : b;
}

/* Seconds to wait before the next attempt, asked of all counters that it is for; saas_throttle also counts a failure. */
static int wait_seconds(const attempt_t *attempt, throttle_fn *ask)
{
    apr_pool_t *p = attempt->rq->pool;
    const char *address = attempt->rq->r->useragent_ip;
    int there, everywhere, here;

    /* Of a device that is the account's own, nobody else's failures count. */
    if (attempt->trusted) {
        return ask(device_bucket, attempt->device, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);
    }
    there = ask(network_bucket, apr_pstrcat(p, attempt->account, "\n", network(p, address), NULL),
                ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);
    everywhere = ask(account_bucket, attempt->account, ACCOUNTS_FAILURES_EVERYWHERE, ACCOUNTS_WINDOW_SECONDS);
    here = ask(address_bucket, address, ACCOUNTS_FAILURES_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);
    return later(there, later(everywhere, here));
}

static int refuse(const attempt_t *attempt)
{
    saas_request_t *rq = attempt->rq;
    int seconds = wait_seconds(attempt, saas_throttle);

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
    attempt_t attempt;
    accounts_device_t device;
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
    if ((rv = saas_session_start(login->rq, db, login->user_id)) != APR_SUCCESS
        || (rv = login->attempt.trusted
                     ? accounts_device_used(login->rq, db, login->attempt.device, &login->device)
                     : accounts_device_start(login->rq, db, login->user_id, &login->device)) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_query(db, &accounts_statements[PROFILE], &login->profile, SAAS_ARGS(login->user_id, NULL));
}

int accounts_login(saas_request_t *rq)
{
    login_t login = { .rq = rq, .attempt = { .rq = rq, .device = accounts_device_hash(rq) } };
    attempt_t *attempt = &login.attempt;
    const char *email, *password;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;
    int seconds, rehash = 0;

    email = saas_request_field(rq, "email", SAAS_FIELD_REQUIRED, ACCOUNTS_EMAIL_MAX);
    password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!saas_email_parse(rq->pool, email, &attempt->account)) {
        attempt->account = email;
    }
    /* A device may be one that is not held up: that is asked with the account. */
    if ((seconds = wait_seconds(attempt, saas_throttle_peek)) != 0 && !attempt->device) {
        return saas_reply_throttled(rq, seconds);
    }

    rv = saas_query(rq, &accounts_statements[USER_FOR_LOGIN], &rows,
                    SAAS_ARGS(attempt->account, accounts_old_key(rq->pool, email), attempt->device));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    login.user_id = saas_cell(rows, 0, 0);
    login.verified = saas_cell(rows, 0, 1);
    attempt->trusted = saas_cell_bool(rows, 0, 2);
    if (attempt->trusted) {
        seconds = wait_seconds(attempt, saas_throttle_peek);
    }
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
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
        return refuse(attempt);
    }
    /* Guesses sent all at once pass the first look together; those that come
     * back after the limit was reached learn nothing, the right one included. */
    if ((seconds = wait_seconds(attempt, saas_throttle_peek)) != 0) {
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
        return refuse(attempt);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    saas_session_cookie(rq);
    accounts_device_cookie(rq, &login.device);
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
