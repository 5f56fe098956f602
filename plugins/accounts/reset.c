/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A new password for somebody who has forgotten theirs (OWASP Forgot Password
 * Cheat Sheet).
 *
 * Whether an address has an account must not show.  So the request does the
 * same for every address: it writes a job.  The job looks whether there is a
 * user and writes the mail; nobody waits for it.  The link is made of the
 * configuration alone, never of a header that the client has sent.
 *
 * The token is made when the mail is sent, and only its hash is kept; it works
 * once, for an hour.
 */

#include "accounts.h"

#include <apr_strings.h>

#define TOKEN_PREFIX "pwr_"
#define LIFETIME 3600

static const char address_bucket[] = "reset-address";
static const char account_bucket[] = "reset-account";
static const char confirm_bucket[] = "reset-confirm";

/* ------------------------------------------------------------- request -- */

static apr_status_t enqueue(saas_db_t *db, void *payload)
{
    return saas_job_enqueue(db, ACCOUNTS_RESET_JOB, NULL, NULL, payload, 0);
}

/* Seconds until this may be asked again; the same for addresses without an account. */
static int wait_seconds(saas_request_t *rq, const char *account)
{
    int for_address = saas_throttle(address_bucket, rq->r->useragent_ip, ACCOUNTS_RESETS_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);

    return for_address ? for_address
                       : saas_throttle(account_bucket, account, ACCOUNTS_RESETS_PER_ACCOUNT, ACCOUNTS_RESET_WINDOW_SECONDS);
}

int accounts_reset(saas_request_t *rq)
{
    const char *email = saas_request_field(rq, "email", SAAS_FIELD_REQUIRED, ACCOUNTS_EMAIL_MAX);
    const char *url = accounts_reset_url(rq->r), *account = NULL;
    saas_db_t *db;
    json_t *payload;
    apr_status_t rv;
    int seconds;

    if (email && !saas_email_parse(rq->pool, email, &account)) {
        saas_request_error(rq, "email", "Enter a valid email address.");
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if ((seconds = wait_seconds(rq, account)) != 0) {
        return saas_reply_throttled(rq, seconds);
    }
    if (!url || !saas_job_known("mail")) {
        SAAS_RLOG(rq->r, APLOG_WARNING, 0, "SAAS2002",
                  "a new password was asked for and no mail can be sent: load the mail plugin, set SaasMailRelay and "
                  "SaasPasswordResetURL");
    }
    else {
        payload = json_pack("{s:s, s:s, s:s}", "email", account, "old_key", accounts_old_key(rq->pool, email), "url", url);
        if ((rv = saas_db_open(&db, rq->pool, rq->r->server, NULL)) == APR_SUCCESS) {
            rv = saas_db_transaction(db, enqueue, payload);
            saas_db_close(db);
        }
        json_decref(payload);
        if (rv != APR_SUCCESS) {
            return saas_reply_failure(rq, rv);
        }
        saas_jobs_wake();
    }
    return saas_reply_json(rq, HTTP_ACCEPTED, json_pack("{s:s}", "detail",
        "If there is an account with this address, a link to set a new password is on its way."));
}

/* ----------------------------------------------------------------- job -- */

typedef struct letter_t {
    saas_job_t *job;
    const char *account, *old_key, *url;
} letter_t;

/* What a link is for as long as it is so: a password or an address that was changed since ends it. */
static const char *state_of(apr_pool_t *p, const char *stored, const char *email_key)
{
    return apr_pstrcat(p, stored, "\n", email_key, NULL);
}

static apr_status_t write_letter(saas_db_t *db, void *baton)
{
    const letter_t *letter = baton;
    apr_pool_t *p = letter->job->pool;
    saas_notice_t notice = { .template = "password_reset", .lifetime = LIFETIME, .link = ACCOUNTS_RESET_LINK,
                             .link_url = letter->url };
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = saas_job_fence(letter->job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &accounts_statements[USER_FOR_RESET], &rows,
                               SAAS_ARGS(letter->account, letter->old_key))) != APR_SUCCESS
        || rows->count == 0) {
        return rv;
    }
    notice.user_id = saas_cell(rows, 0, 0);
    notice.to = saas_cell(rows, 0, 1);
    notice.link_state = state_of(p, saas_cell(rows, 0, 3), saas_cell(rows, 0, 4));
    return accounts_notice(db, p, &notice,
                           json_pack("{s:s, s:i}", "name", saas_cell(rows, 0, 2), "minutes", LIFETIME / 60));
}

apr_status_t accounts_reset_link(saas_job_t *job, saas_db_t *db, const char *object, const char **token)
{
    const char *digest, *user_id = accounts_object_user(job->pool, object, &digest);
    saas_rows_t *rows;
    apr_status_t rv;

    if (!user_id) {
        return APR_NOTFOUND;
    }
    rv = saas_db_query(db, &accounts_statements[RESET_USER], &rows, SAAS_ARGS(user_id));
    if (rv == APR_SUCCESS
        && (rows->count == 0
            || !accounts_object_holds(job->pool, digest, state_of(job->pool, saas_cell(rows, 0, 0), saas_cell(rows, 0, 1))))) {
        return APR_NOTFOUND;
    }
    if (rv != APR_SUCCESS || (rv = saas_token_make(job->pool, TOKEN_PREFIX, token)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[RESETS_PURGE], SAAS_ARGS(user_id))) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_queue(db, &accounts_statements[RESET_INSERT],
                         SAAS_ARGS(saas_token_hash(job->pool, *token), user_id, apr_itoa(job->pool, LIFETIME)));
}

static apr_status_t release_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

apr_status_t accounts_reset_run(saas_job_t *job)
{
    json_t *payload = job->payload ? json_loads(job->payload, 0, NULL) : NULL;
    letter_t letter = { .job = job };
    saas_db_t *db;
    apr_status_t rv;

    if (payload) {
        apr_pool_cleanup_register(job->pool, payload, release_json, apr_pool_cleanup_null);
    }
    letter.account = json_string_value(json_object_get(payload, "email"));
    letter.old_key = json_string_value(json_object_get(payload, "old_key"));
    letter.url = json_string_value(json_object_get(payload, "url"));
    if (!letter.account || !letter.url) {
        saas_job_fail(job, 1, "its payload names no address or no link");
        return APR_EINVAL;
    }
    if (saas_job_stopped(job)) {
        return APR_EINTR;
    }
    if ((rv = saas_db_open(&db, job->pool, job->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, write_letter, &letter);
        saas_db_close(db);
    }
    if (rv == APR_SUCCESS) {
        saas_jobs_wake();
    }
    return rv;
}

/* ------------------------------------------------------------- confirm -- */

typedef struct confirmation_t {
    saas_request_t *rq;
    const char *token_hash;
    const char *hashed;
    const char *user_id, *email, *name;
} confirmation_t;

static apr_status_t set_password(saas_db_t *db, void *baton)
{
    const confirmation_t *confirmation = baton;
    const char *user_id = confirmation->user_id;
    saas_notice_t notice = { .template = "password_changed", .user_id = user_id, .to = confirmation->email };
    saas_rows_t *used, *changed;
    apr_status_t rv;

    /* Single use is decided here, whatever was seen before. */
    if ((rv = saas_db_query(db, &accounts_statements[RESET_USE], &used, SAAS_ARGS(confirmation->token_hash, user_id)))
            != APR_SUCCESS) {
        return rv;
    }
    if (used->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    /* Off keeps them: there nobody has been asked for proof. */
    if (accounts_config_verify(confirmation->rq->r->server) != ACCOUNTS_VERIFY_OFF
        && (rv = accounts_tokens_end_claim(confirmation->rq, db, user_id)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = saas_db_query(db, &accounts_statements[USER_PASSWORD_SET], &changed, SAAS_ARGS(user_id, confirmation->hashed)))
            != APR_SUCCESS) {
        return rv;
    }
    if (changed->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = saas_db_queue(db, &accounts_statements[SESSIONS_DELETE_OTHERS], SAAS_ARGS(user_id, NULL))) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[RESETS_VOID], SAAS_ARGS(user_id))) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[DEVICES_END], SAAS_ARGS(user_id))) != APR_SUCCESS) {
        return rv;
    }
    return accounts_notice(db, confirmation->rq->pool, &notice,
                           json_pack("{s:s, s:s}", "name", confirmation->name, "address",
                                     confirmation->rq->r->useragent_ip));
}

static int refuse(saas_request_t *rq)
{
    int seconds = saas_throttle(confirm_bucket, rq->r->useragent_ip, ACCOUNTS_FAILURES_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    saas_request_error(rq, "token", "This link is unknown, has been used already or has expired.");
    return saas_reply_errors(rq);
}

int accounts_reset_confirm(saas_request_t *rq)
{
    confirmation_t confirmation = { .rq = rq };
    const char *token, *password, *why;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;
    int seconds;

    token = saas_request_field(rq, "token", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_RESET_TOKEN_MAX);
    password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    seconds = saas_throttle_peek(confirm_bucket, rq->r->useragent_ip, ACCOUNTS_FAILURES_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    confirmation.token_hash = saas_token_hash(rq->pool, token);
    rv = saas_query(rq, &accounts_statements[RESET_FIND], &rows, SAAS_ARGS(confirmation.token_hash));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (rows->count == 0) {
        return refuse(rq);
    }
    confirmation.user_id = saas_cell(rows, 0, 0);
    confirmation.email = saas_cell(rows, 0, 1);
    confirmation.name = saas_cell(rows, 0, 2);
    if ((why = saas_password_check(rq->pool, password, confirmation.email)) != NULL) {
        saas_request_error(rq, "password", why);
        return saas_reply_errors(rq);
    }
    if ((rv = saas_password_hash(rq->pool, password, &confirmation.hashed)) == APR_SUCCESS
        && (rv = saas_db_open(&db, rq->pool, rq->r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, set_password, &confirmation);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return refuse(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    saas_jobs_wake();
    return saas_reply_json(rq, HTTP_NO_CONTENT, NULL);
}
