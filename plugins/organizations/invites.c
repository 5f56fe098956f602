/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Invites as the ADMINs of an organization see them: list, new, resend, revoke.
 *
 * The token is "inv_", the organization's id without dashes, ".", a secret of
 * 256 bits.  An invite has two: one in the answer that makes it, for the inviter
 * to hand over, and one in the mail, made when that is sent.  Kept are their
 * SHA-256 alone.
 */

#include "organizations.h"

#include <apr_strings.h>

#define EMAIL_MAX 254
#define HOUR 3600
#define DEFAULT_PAGE "/invite?token=" SAAS_LINK_TOKEN /* of the frontend */

/* INVITE_COLUMNS. */
enum { COLUMN_ID, COLUMN_EMAIL, COLUMN_ROLE, COLUMN_STATE, COLUMN_CREATED, COLUMN_EXPIRES, COLUMN_ACCEPTED, COLUMN_BY,
       COLUMN_BY_EMAIL, COLUMN_BY_NAME };

static const char create_bucket[] = "invite-create";
static const char resend_bucket[] = "invite-resend";

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = COLUMN_ID },
    { "email", SAAS_JSON_TEXT, .column = COLUMN_EMAIL },
    { "role", SAAS_JSON_TEXT, .column = COLUMN_ROLE },
    { "state", SAAS_JSON_TEXT, .column = COLUMN_STATE },
    { "created_at", SAAS_JSON_TIME, .column = COLUMN_CREATED },
    { "expires_at", SAAS_JSON_TIME, .column = COLUMN_EXPIRES },
    { "accepted_at", SAAS_JSON_TIME, .column = COLUMN_ACCEPTED },
    { "invited_by", .kind = SAAS_JSON_OBJECT },
    { "id", SAAS_JSON_TEXT, .column = COLUMN_BY },
    { "email", SAAS_JSON_TEXT, .column = COLUMN_BY_EMAIL },
    { "name", SAAS_JSON_TEXT, .column = COLUMN_BY_NAME },
    { .kind = SAAS_JSON_END },
    { 0 }
};

int organizations_invites(saas_request_t *rq)
{
    static const char *const states[] = { "pending", "accepted", "revoked", "expired", NULL };
    const char *state = saas_request_choice(rq, "state", states);

    return saas_reply_list(rq, members, &organizations_statements[INVITE_LIST], SAAS_ARGS(state));
}

/* --------------------------------------------------------------- changes -- */

typedef struct invite_t {
    saas_request_t *rq;
    const char *id;
    const char *email, *email_key; /* of a new one */
    saas_role_e role;
    const char *token, *url;
    /* set anew by each attempt */
    const organizations_refusal_t *refusal;
    const char *wrong_email;       /* a field error instead */
    saas_rows_t *row;
} invite_t;

static const organizations_refusal_t already_pending = {
    .status = HTTP_CONFLICT, .code = "conflict",
    .detail = "An invite for this email address is pending: resend or revoke it."
};
static const organizations_refusal_t not_pending = {
    .status = HTTP_CONFLICT, .code = "conflict", .detail = "This invite has been accepted or revoked."
};

static apr_status_t refuse(invite_t *invite, const organizations_refusal_t *refusal)
{
    invite->refusal = refusal;
    return ORGANIZATIONS_REFUSED;
}

static apr_status_t refuse_email(invite_t *invite, const char *why)
{
    invite->wrong_email = why;
    return ORGANIZATIONS_REFUSED;
}

/* The lock, and whether the caller still is an ADMIN. */
static apr_status_t enter(invite_t *invite, saas_db_t *db)
{
    saas_role_e caller;
    apr_status_t rv;

    invite->refusal = NULL;
    invite->wrong_email = NULL;
    rv = organizations_enter(invite->rq, db, &caller);
    if (rv == APR_SUCCESS && caller != SAAS_ROLE_ADMIN) {
        rv = refuse(invite, caller ? &organizations_wrong_role : &organizations_not_found);
    }
    return rv;
}

/* The invite as it is now, in invite->row. */
static apr_status_t read_invite(invite_t *invite, saas_db_t *db)
{
    apr_status_t rv = saas_db_query(db, &organizations_statements[INVITE_GET], &invite->row, SAAS_ARGS(invite->id));
    return rv == APR_SUCCESS && invite->row->count == 0 ? refuse(invite, &organizations_not_found) : rv;
}

static apr_status_t note(invite_t *invite, saas_db_t *db, const char *action)
{
    saas_activity_t activity = {
        .action = action, .target_type = "invite", .target_id = invite->id,
        .target_label = saas_cell(invite->row, 0, COLUMN_EMAIL)
    };
    apr_status_t rv;

    activity.new_value = json_pack("{s:o, s:o, s:o}",
                                   "email", saas_cell_json(invite->row, 0, COLUMN_EMAIL),
                                   "role", saas_cell_json(invite->row, 0, COLUMN_ROLE),
                                   "expires_at", saas_cell_json_time(invite->rq->pool, invite->row, 0, COLUMN_EXPIRES));
    rv = saas_activity(db, invite->rq, &activity);
    json_decref(activity.new_value);
    return rv;
}

/* The mail, in the transaction; a former one that has not left yet is not worth
 * sending any more. */
static apr_status_t enqueue_mail(invite_t *invite, saas_db_t *db, int with_new)
{
    saas_request_t *rq = invite->rq;
    json_t *payload;
    apr_status_t rv;

    if (!saas_job_known(ORGANIZATIONS_MAIL_JOB)) {
        return APR_SUCCESS;
    }
    rv = saas_job_cancel(db, ORGANIZATIONS_MAIL_JOB, invite->id);
    if (rv != APR_SUCCESS || !with_new) {
        return rv;
    }
    payload = json_pack("{s:s, s:o, s:o, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:o, s:o}}",
                        "template", "invite", "to", saas_cell_json(invite->row, 0, COLUMN_EMAIL),
                        "expires_at", saas_cell_json_time(rq->pool, invite->row, 0, COLUMN_EXPIRES),
                        "link", "name", ORGANIZATIONS_INVITE_LINK, "object", invite->id,
                        "url", organizations_invite_url(rq),
                        "vars", "organization", rq->who->org_name,
                        "inviter", *rq->who->name ? rq->who->name : rq->who->email,
                        "inviter_email", rq->who->email, "role", saas_cell_json(invite->row, 0, COLUMN_ROLE),
                        "expires_at", saas_cell_json_time(rq->pool, invite->row, 0, COLUMN_EXPIRES));
    rv = payload ? saas_job_enqueue(db, ORGANIZATIONS_MAIL_JOB, rq->who->org_id, invite->id, payload, 0) : APR_EINVAL;
    json_decref(payload);
    return rv;
}

static apr_status_t create_invite(saas_db_t *db, void *baton)
{
    invite_t *invite = baton;
    saas_request_t *rq = invite->rq;
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = enter(invite, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[INVITE_MEMBER], &rows, SAAS_ARGS(invite->email_key)))
               != APR_SUCCESS) {
        return rv;
    }
    if (rows->count) {
        return refuse_email(invite, "This user is a member already.");
    }
    if ((rv = saas_db_queue(db, &organizations_statements[INVITE_LAPSE], SAAS_ARGS(invite->email_key))) != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[INVITE_INSERT], &rows,
                               SAAS_ARGS(invite->id, invite->email, invite->email_key, saas_role_text(invite->role),
                                         saas_token_hash(rq->pool, invite->token), rq->who->user_id,
                                         ORGANIZATIONS_INVITE_SECONDS))) != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return refuse(invite, &already_pending);
    }
    if ((rv = saas_limit_promise(rq, db, ORGANIZATIONS_LIMIT_MEMBERS, 1)) == APR_SUCCESS
        && (rv = read_invite(invite, db)) == APR_SUCCESS && (rv = note(invite, db, "invite.created")) == APR_SUCCESS) {
        rv = enqueue_mail(invite, db, 1);
    }
    return rv;
}

static apr_status_t resend_invite(saas_db_t *db, void *baton)
{
    invite_t *invite = baton;
    saas_rows_t *rows;
    apr_status_t rv;
    int had_expired;

    if ((rv = enter(invite, db)) != APR_SUCCESS || (rv = read_invite(invite, db)) != APR_SUCCESS) {
        return rv;
    }
    had_expired = !strcmp(saas_cell(invite->row, 0, COLUMN_STATE), "expired");
    if ((rv = saas_db_query(db, &organizations_statements[INVITE_RENEW], &rows,
                               SAAS_ARGS(invite->id, saas_token_hash(invite->rq->pool, invite->token),
                                         ORGANIZATIONS_INVITE_SECONDS))) != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return refuse(invite, &not_pending);
    }
    if (had_expired && (rv = saas_limit_promise(invite->rq, db, ORGANIZATIONS_LIMIT_MEMBERS, 1)) != APR_SUCCESS) {
        return rv;
    }
    if ((rv = read_invite(invite, db)) == APR_SUCCESS && (rv = note(invite, db, "invite.resent")) == APR_SUCCESS) {
        rv = enqueue_mail(invite, db, 1);
    }
    return rv;
}

static apr_status_t revoke_invite(saas_db_t *db, void *baton)
{
    invite_t *invite = baton;
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = enter(invite, db)) != APR_SUCCESS || (rv = read_invite(invite, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[INVITE_REVOKE], &rows, SAAS_ARGS(invite->id)))
               != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return refuse(invite, &not_pending);
    }
    rv = note(invite, db, "invite.revoked");
    return rv == APR_SUCCESS ? enqueue_mail(invite, db, 0) : rv;
}

/* -------------------------------------------------------------- handlers -- */

/* A new token of the organization's; in p. */
static apr_status_t make_token(apr_pool_t *p, const char *org_id, const char **token)
{
    char *prefix = apr_pstrcat(p, "inv_", org_id, ".", NULL), *to = prefix;
    const char *from;

    for (from = prefix; *from; from++) {
        if (*from != '-') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return saas_token_make(p, prefix, token);
}

/* The token that the caller is shown, and the URL for it. */
static apr_status_t make_url(invite_t *invite)
{
    saas_request_t *rq = invite->rq;
    const char *url = organizations_invite_url(rq), *mark = ap_strstr_c(url, SAAS_LINK_TOKEN);
    apr_status_t rv = make_token(rq->pool, rq->who->org_id, &invite->token);

    if (rv == APR_SUCCESS) {
        invite->url = apr_pstrcat(rq->pool, apr_pstrmemdup(rq->pool, url, (apr_size_t)(mark - url)), invite->token,
                                  mark + strlen(SAAS_LINK_TOKEN), NULL);
    }
    return rv;
}

const char *organizations_invite_url(saas_request_t *rq)
{
    const char *url = organizations_config_invite_url(rq->r->server), *frontend = organizations_config_frontend(rq->r->server);

    return url ? url
               : frontend ? apr_pstrcat(rq->pool, frontend, DEFAULT_PAGE, NULL)
                          : apr_pstrcat(rq->pool, saas_request_canonical_url(rq), "/invites/" SAAS_LINK_TOKEN "/", NULL);
}

apr_status_t organizations_invite_link(saas_job_t *job, saas_db_t *db, const char *invite_id, const char **token)
{
    saas_rows_t *rows;
    apr_status_t rv;

    if (!job->org_id) {
        return APR_NOTFOUND;
    }
    if ((rv = make_token(job->pool, job->org_id, token)) == APR_SUCCESS
        && (rv = saas_db_query(db, &organizations_statements[INVITE_MAIL], &rows,
                               SAAS_ARGS(invite_id, saas_token_hash(job->pool, *token)))) == APR_SUCCESS
        && rows->affected != 1) {
        rv = APR_NOTFOUND;
    }
    return rv;
}

/* Runs a change and answers; the token is shown when there is one. */
static int run(invite_t *invite, apr_status_t (*body)(saas_db_t *db, void *baton), int status)
{
    saas_request_t *rq = invite->rq;
    apr_status_t rv = organizations_transact(rq, body, invite);
    json_t *answer;

    if (rv == ORGANIZATIONS_REFUSED && invite->wrong_email) {
        saas_request_error(rq, "email", invite->wrong_email);
        return saas_reply_errors(rq);
    }
    if (rv == ORGANIZATIONS_REFUSED) {
        return organizations_reply_refusal(rq, invite->refusal);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!invite->url) {
        return saas_reply_json(rq, status, NULL);
    }
    if (saas_job_known(ORGANIZATIONS_MAIL_JOB)) {
        saas_jobs_wake();
    }
    answer = saas_row_json(rq, members, invite->row, 0);
    json_object_set_new(answer, "invite_url", json_string(invite->url));
    return saas_reply_json(rq, status, answer);
}

int organizations_invite_create(saas_request_t *rq)
{
    invite_t invite = { .rq = rq };
    const char *email = saas_request_field(rq, "email", SAAS_FIELD_REQUIRED, EMAIL_MAX);
    apr_status_t rv;
    int seconds;

    if (email && !(invite.email = saas_email_parse(rq->pool, email, &invite.email_key))) {
        saas_request_error(rq, "email", "Enter a valid email address.");
    }
    invite.role = organizations_role_field(rq);
    if (invite.role > rq->who->role) {
        saas_request_error(rq, "role", "The role may not exceed your own.");
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if ((seconds = saas_throttle(create_bucket, rq->who->org_id, ORGANIZATIONS_INVITES_PER_HOUR, HOUR)) != 0) {
        return saas_reply_throttled(rq, seconds);
    }
    invite.id = saas_uuid(rq->pool);
    if ((rv = make_url(&invite)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return run(&invite, create_invite, HTTP_CREATED);
}

int organizations_invite_resend(saas_request_t *rq)
{
    invite_t invite = { .rq = rq, .id = organizations_id_parameter(rq, "invite") };
    apr_status_t rv;
    int seconds;

    if (!invite.id) {
        return saas_reply_not_found(rq);
    }
    if ((seconds = saas_throttle(create_bucket, rq->who->org_id, ORGANIZATIONS_INVITES_PER_HOUR, HOUR)) != 0
        || (seconds = saas_throttle(resend_bucket, invite.id, ORGANIZATIONS_RESENDS_PER_HOUR, HOUR)) != 0) {
        return saas_reply_throttled(rq, seconds);
    }
    if ((rv = make_url(&invite)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return run(&invite, resend_invite, HTTP_OK);
}

int organizations_invite_revoke(saas_request_t *rq)
{
    invite_t invite = { .rq = rq, .id = organizations_id_parameter(rq, "invite") };

    return invite.id ? run(&invite, revoke_invite, HTTP_NO_CONTENT) : saas_reply_not_found(rq);
}
