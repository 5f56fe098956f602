/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Proving that an address is its user's: a mail with a link, which works once, for a day, and for the address that it was
 * sent to alone.  An address that nobody has proven is a claim: SaasVerifyEmail says what it is worth, and its owner may
 * come and take it (claim.c).  A mailed invite that was accepted and a new password by mail prove it as well.
 */

#include "accounts.h"

#include <apr_strings.h>

#define TOKEN_PREFIX "vfy_"
#define TOKEN_MAX 200

static const char user_bucket[] = "verify-user";
static const char address_bucket[] = "verify-address";

/* ---------------------------------------------------------------- mail -- */

apr_status_t accounts_verify_mail(saas_db_t *db, saas_request_t *rq, const char *user_id, const char *email,
                                  const char *email_key, const char *name)
{
    saas_notice_t notice = { .template = "verify_email", .user_id = user_id, .to = email, .lifetime = ACCOUNTS_VERIFY_SECONDS,
                             .link = ACCOUNTS_VERIFY_LINK, .link_url = accounts_verify_url(rq->r), .link_state = email_key };

    if (accounts_config_verify(rq->r->server) == ACCOUNTS_VERIFY_OFF || !notice.link_url) {
        return APR_SUCCESS;
    }
    return accounts_notice(db, rq->pool, &notice,
                           json_pack("{s:s, s:s, s:i}", "name", name, "email", email, "hours", ACCOUNTS_VERIFY_SECONDS / 3600));
}

apr_status_t accounts_verify_link(saas_job_t *job, saas_db_t *db, const char *object, const char **token)
{
    const char *digest, *user_id = accounts_object_user(job->pool, object, &digest), *key;
    saas_rows_t *rows;
    apr_status_t rv;

    if (!user_id) {
        return APR_NOTFOUND;
    }
    rv = saas_db_query(db, &accounts_statements[PROOF_USER], &rows, SAAS_ARGS(user_id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Proven meanwhile, or another address by now: this message goes to the one before. */
    key = saas_cell(rows, 0, 1);
    if (!key || !accounts_object_holds(job->pool, digest, key)) {
        return APR_NOTFOUND;
    }
    if ((rv = saas_token_make(job->pool, TOKEN_PREFIX, token)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[PROOFS_PURGE], SAAS_ARGS(user_id))) != APR_SUCCESS) {
        return rv;
    }
    return saas_db_queue(db, &accounts_statements[PROOF_INSERT],
                         SAAS_ARGS(saas_token_hash(job->pool, *token), user_id, key,
                                   apr_itoa(job->pool, ACCOUNTS_VERIFY_SECONDS)));
}

/* -------------------------------------------------------------- resend -- */

typedef struct resend_t {
    saas_request_t *rq;
    int verified;
} resend_t;

static apr_status_t write_mail(saas_db_t *db, void *baton)
{
    resend_t *resend = baton;
    const char *user_id = resend->rq->who->user_id;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &accounts_statements[PROOF_USER], &rows, SAAS_ARGS(user_id));

    resend->verified = rv == APR_SUCCESS && rows->count == 0;
    if (rv != APR_SUCCESS || resend->verified) {
        return rv;
    }
    return accounts_verify_mail(db, resend->rq, user_id, saas_cell(rows, 0, 0), saas_cell(rows, 0, 1), saas_cell(rows, 0, 2));
}

int accounts_verify_resend(saas_request_t *rq)
{
    resend_t resend = { .rq = rq };
    saas_db_t *db;
    apr_status_t rv;
    int seconds;

    if (!rq->who->email_verified) {
        if (accounts_config_verify(rq->r->server) == ACCOUNTS_VERIFY_OFF || !accounts_verify_url(rq->r)
            || !saas_job_known("mail")) {
            return saas_reply_error(rq, HTTP_CONFLICT, "conflict", "This server sends no links to verify an address.");
        }
        seconds = saas_throttle(user_bucket, rq->who->user_id, ACCOUNTS_VERIFY_PER_USER, ACCOUNTS_RESET_WINDOW_SECONDS);
        if (seconds) {
            return saas_reply_throttled(rq, seconds);
        }
        if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
            rv = saas_db_transaction(db, write_mail, &resend);
            saas_db_close(db);
        }
        if (rv != APR_SUCCESS) {
            return saas_reply_failure(rq, rv);
        }
        saas_jobs_wake();
    }
    return saas_reply_json(rq, HTTP_ACCEPTED,
                           json_pack("{s:s}", "detail", rq->who->email_verified || resend.verified
                                                            ? "This email address has been verified."
                                                            : "A link to verify your email address is on its way."));
}

/* ------------------------------------------------------------- confirm -- */

typedef struct confirmation_t {
    const char *hash;
    const char *user_id, *email;
} confirmation_t;

static apr_status_t prove(saas_db_t *db, void *baton)
{
    const confirmation_t *it = baton;
    saas_rows_t *used, *proven;
    apr_status_t rv;

    /* Single use is decided here, whatever was seen before. */
    if ((rv = saas_db_query(db, &accounts_statements[PROOF_USE], &used, SAAS_ARGS(it->hash, it->user_id))) != APR_SUCCESS) {
        return rv;
    }
    if (used->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = saas_db_query(db, &accounts_statements[USER_VERIFIED], &proven, SAAS_ARGS(it->user_id, it->email)))
        != APR_SUCCESS) {
        return rv;
    }
    if (proven->affected != 1) {
        return ACCOUNTS_REFUSED;
    }
    return saas_db_queue(db, &accounts_statements[PROOFS_END], SAAS_ARGS(it->user_id));
}

static int refuse(saas_request_t *rq)
{
    int seconds = saas_throttle(address_bucket, rq->r->useragent_ip, ACCOUNTS_VERIFY_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    saas_request_error(rq, "token", "This link is unknown, has been used already or has expired.");
    return saas_reply_errors(rq);
}

int accounts_verify_confirm(saas_request_t *rq)
{
    confirmation_t it = { NULL };
    const char *token = saas_request_field(rq, "token", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, TOKEN_MAX);
    int seconds = saas_throttle_peek(address_bucket, rq->r->useragent_ip, ACCOUNTS_VERIFY_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;

    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    it.hash = saas_token_hash(rq->pool, token);
    if ((rv = saas_query(rq, &accounts_statements[PROOF_FIND], &rows, SAAS_ARGS(it.hash))) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (rows->count == 0) {
        return refuse(rq);
    }
    it.user_id = saas_cell(rows, 0, 0);
    it.email = saas_cell(rows, 0, 1);
    if ((rv = saas_db_open(&db, rq->pool, rq->r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, prove, &it);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return refuse(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_OK, json_pack("{s:s, s:b}", "email", it.email, "email_verified", 1))
                             : saas_reply_failure(rq, rv);
}
