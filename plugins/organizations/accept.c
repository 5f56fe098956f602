/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Invites as those who hold a token see them: a preview, and accepting as a
 * signed-in user.  (A new user accepts by registering with the token.)
 *
 * An unknown token is 404 and nothing more; what became of an invite is told,
 * by a code of its own, only to who has a real token.  Single use is decided by
 * the update of the row, and accepting never changes the role of somebody who
 * is a member already.
 */

#include "organizations.h"

#include <apr_lib.h>
#include <apr_strings.h>

/* INVITE_BY_TOKEN. */
enum { COLUMN_ID, COLUMN_EMAIL, COLUMN_EMAIL_KEY, COLUMN_ROLE, COLUMN_STATE, COLUMN_EXPIRES, COLUMN_ORG_NAME,
       COLUMN_ORG_SLUG, COLUMN_BY_NAME, COLUMN_BY_EMAIL, COLUMN_HAS_ACCOUNT, COLUMN_BY_MAIL, COLUMN_STANDING };

#define WINDOW_SECONDS 300

static const char bucket[] = "invite-accept";

static const organizations_refusal_t mismatch = {
    .status = HTTP_BAD_REQUEST, .code = "invite_email_mismatch",
    .detail = "This invite was sent to another email address."
};
static const organizations_refusal_t unverified = { .verdict = SAAS_UNVERIFIED };
static const organizations_refusal_t signed_out = { .verdict = SAAS_NO_USER };
static const organizations_refusal_t token_is_bound = {
    .status = HTTP_FORBIDDEN, .code = "permission_denied",
    .detail = "A token that is bound to an organization or a role cannot accept an invite."
};

/* By the state that is not pending. */
static const struct {
    const char *state;
    organizations_refusal_t refusal;
} ended[] = {
    { "accepted", { .status = HTTP_BAD_REQUEST, .code = "invite_used", .detail = "This invite has already been used." } },
    { "expired", { .status = HTTP_BAD_REQUEST, .code = "invite_expired", .detail = "This invite has expired." } },
    { "revoked", { .status = HTTP_BAD_REQUEST, .code = "invite_revoked", .detail = "This invite has been revoked." } },
};

/* Why an invite cannot be accepted by anybody; NULL: it can. */
static const organizations_refusal_t *judge(const saas_rows_t *rows)
{
    const char *state = saas_cell(rows, 0, COLUMN_STATE);
    apr_size_t i;

    if (!state) {
        return &organizations_not_found;
    }
    for (i = 0; i < sizeof(ended) / sizeof(ended[0]); i++) {
        if (!strcmp(state, ended[i].state)) {
            return &ended[i].refusal;
        }
    }
    return NULL;
}

/* The organization that a token names; NULL: it is no token of ours. */
static const char *organization_of(apr_pool_t *p, const char *token)
{
    const char *hex = token + 4, *c;
    int i;

    if (strncmp(token, "inv_", 4) || strlen(token) > ORGANIZATIONS_TOKEN_MAX) {
        return NULL;
    }
    for (i = 0; i < 32; i++) {
        if (!apr_isdigit(hex[i]) && !(hex[i] >= 'a' && hex[i] <= 'f')) {
            return NULL;
        }
    }
    for (c = hex + 33; hex[32] == '.' && apr_isalnum(*c); c++) {
    }
    if (hex[32] != '.' || *c || c == hex + 33) {
        return NULL;
    }
    return apr_psprintf(p, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* An address as one recognizes it, without giving it away: "a***@example.com". */
static const char *mask(apr_pool_t *p, const char *email)
{
    const char *at = strrchr(email, '@'), *end = email + 1;

    while ((*end & 0xC0) == 0x80) {
        end++;
    }
    return at ? apr_pstrcat(p, apr_pstrmemdup(p, email, (apr_size_t)(end - email)), "***", at, NULL) : "***";
}

/* Looks a token up; rows stays NULL when it can be none of ours. */
static apr_status_t look(saas_request_t *rq, const char *token, saas_rows_t **rows)
{
    const char *org_id = organization_of(rq->pool, token);
    saas_db_t *db;
    apr_status_t rv;

    *rows = NULL;
    if (!org_id) {
        return APR_SUCCESS;
    }
    if ((rv = saas_db_open(&db, rq->pool, rq->r->server, org_id)) == APR_SUCCESS) {
        rv = saas_db_query(db, &organizations_statements[INVITE_LOOK], rows,
                           SAAS_ARGS(saas_token_hash(rq->pool, token)));
        saas_db_close(db);
    }
    return rv;
}

static int page(saas_request_t *rq, const saas_rows_t *rows)
{
    const char *name = saas_cell(rows, 0, COLUMN_BY_NAME), *email = saas_cell(rows, 0, COLUMN_BY_EMAIL);
    organizations_invitation_t invitation = {
        .organization = saas_cell(rows, 0, COLUMN_ORG_NAME),
        .inviter = name && *name ? name : email ? email : "Somebody",
        .email = mask(rq->pool, saas_cell(rows, 0, COLUMN_EMAIL)),
        .role = saas_cell(rows, 0, COLUMN_ROLE),
        .expires_at = saas_cell(rows, 0, COLUMN_EXPIRES),
    };

    return organizations_invite_page(rq, &invitation, NULL);
}

int organizations_invite_preview(saas_request_t *rq)
{
    const organizations_refusal_t *refusal;
    saas_rows_t *rows;
    apr_status_t rv = look(rq, saas_request_parameter(rq, "token"), &rows);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    refusal = rows ? judge(rows) : &organizations_not_found;
    apr_table_mergen(rq->r->err_headers_out, "Vary", "Accept");
    if (saas_request_is_browser(rq)) {
        return refusal ? organizations_invite_page(rq, NULL, refusal) : page(rq, rows);
    }
    if (refusal) {
        return organizations_reply_refusal(rq, refusal);
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:{s:o, s:o}, s:o, s:s, s:{s:o, s:o}, s:o}",
                                     "organization", "name", saas_cell_json(rows, 0, COLUMN_ORG_NAME),
                                     "slug", saas_cell_json(rows, 0, COLUMN_ORG_SLUG),
                                     "role", saas_cell_json(rows, 0, COLUMN_ROLE),
                                     "email", mask(rq->pool, saas_cell(rows, 0, COLUMN_EMAIL)),
                                     "inviter", "name", saas_cell_json(rows, 0, COLUMN_BY_NAME),
                                     "email", saas_cell_json(rows, 0, COLUMN_BY_EMAIL),
                                     "expires_at", saas_cell_json_time(rq->pool, rows, 0, COLUMN_EXPIRES)));
}

typedef struct acceptance_t {
    saas_request_t *rq;
    const char *token, *org_id;
    /* set anew by each attempt */
    const organizations_refusal_t *refusal;
    saas_rows_t *invite;
    const char *role;
    int joined;
} acceptance_t;

static apr_status_t refuse(acceptance_t *acceptance, const organizations_refusal_t *refusal)
{
    acceptance->refusal = refusal;
    return ORGANIZATIONS_REFUSED;
}

/* The user is still there, and will be until the end of the transaction; and a
 * lost token must not be able to outgrow itself. */
static apr_status_t check_caller(acceptance_t *acceptance, saas_db_t *db)
{
    const saas_principal_t *who = acceptance->rq->who;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &organizations_statements[CALLER_SHARE], &rows, SAAS_ARGS(who->user_id));

    if (rv == APR_SUCCESS && rows->count == 0) {
        return refuse(acceptance, &signed_out);
    }
    if (rv != APR_SUCCESS || who->by != SAAS_BY_TOKEN) {
        return rv;
    }
    rv = saas_db_query(db, &organizations_statements[TOKEN_BOUNDS], &rows, SAAS_ARGS(who->credential_id));
    return rv == APR_SUCCESS && rows->count == 0 ? refuse(acceptance, &token_is_bound) : rv;
}

/* Joins with the invite's role, if the organization's plan has room, or keeps the membership that is there. */
static apr_status_t join(acceptance_t *acceptance, saas_db_t *db)
{
    const char *user_id = acceptance->rq->who->user_id;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &organizations_statements[INVITE_JOIN], &rows,
                                    SAAS_ARGS(user_id, saas_cell(acceptance->invite, 0, COLUMN_ROLE)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    acceptance->joined = rows->affected == 1;
    acceptance->role = saas_cell(acceptance->invite, 0, COLUMN_ROLE);
    if (acceptance->joined) {
        return saas_limit_take_of(acceptance->rq, db, saas_cells_standing(acceptance->invite, 0, COLUMN_STANDING),
                                  ORGANIZATIONS_LIMIT_MEMBERS, 1);
    }
    rv = saas_db_query(db, &organizations_statements[CALLER_ROLE], &rows, SAAS_ARGS(user_id));
    if (rv == APR_SUCCESS) {
        acceptance->role = saas_cell(rows, 0, 0);
    }
    return rv;
}

static apr_status_t note(acceptance_t *acceptance, saas_db_t *db)
{
    saas_activity_t activity = {
        .action = "invite.accepted", .target_type = "invite",
        .target_id = saas_cell(acceptance->invite, 0, COLUMN_ID),
        .target_label = saas_cell(acceptance->invite, 0, COLUMN_EMAIL)
    };
    apr_status_t rv;

    activity.new_value = json_pack("{s:s, s:s?, s:b}", "user", acceptance->rq->who->user_id, "role", acceptance->role,
                                   "joined", acceptance->joined);
    rv = saas_activity(db, acceptance->rq, &activity);
    json_decref(activity.new_value);
    return rv;
}

/* Who has come with the token that was mailed has read the mail of the address that it was mailed to; the token that the
 * inviter was shown proves nothing. */
static apr_status_t check_proof(acceptance_t *acceptance, saas_db_t *db)
{
    const saas_principal_t *who = acceptance->rq->who;
    const char *key = saas_cell(acceptance->invite, 0, COLUMN_EMAIL_KEY), *own;

    if (who->email_verified) {
        return APR_SUCCESS;
    }
    if (saas_cell_bool(acceptance->invite, 0, COLUMN_BY_MAIL) && saas_email_parse(acceptance->rq->pool, who->email, &own)
        && !strcmp(own, key)) {
        return saas_db_queue(db, &organizations_statements[CALLER_VERIFIED], SAAS_ARGS(who->user_id, key));
    }
    return organizations_config_verify(acceptance->rq->r->server) == ORGANIZATIONS_VERIFY_REQUIRED
               ? refuse(acceptance, &unverified) : APR_SUCCESS;
}

static apr_status_t take_invite(saas_db_t *db, void *baton)
{
    acceptance_t *acceptance = baton;
    saas_request_t *rq = acceptance->rq;
    const organizations_refusal_t *refusal;
    const char *key;
    saas_rows_t *rows;
    apr_status_t rv;

    acceptance->refusal = NULL;
    if ((rv = check_caller(acceptance, db)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &organizations_statements[ORGANIZATION_SHARE], SAAS_NO_ARGS)) != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[INVITE_TAKE], &acceptance->invite,
                               SAAS_ARGS(saas_token_hash(rq->pool, acceptance->token)))) != APR_SUCCESS) {
        return rv;
    }
    if ((refusal = judge(acceptance->invite)) != NULL) {
        return refuse(acceptance, refusal);
    }
    if (!organizations_config_any_email(rq->r->server)
        && (!saas_email_parse(rq->pool, rq->who->email, &key)
            || strcmp(key, saas_cell(acceptance->invite, 0, COLUMN_EMAIL_KEY)))) {
        return refuse(acceptance, &mismatch);
    }
    if ((rv = check_proof(acceptance, db)) != APR_SUCCESS) {
        return rv;
    }
    /* Single use is decided by the update, whatever the look above has seen. */
    rv = saas_db_query(db, &organizations_statements[INVITE_ACCEPT], &rows,
                       SAAS_ARGS(saas_cell(acceptance->invite, 0, COLUMN_ID), rq->who->user_id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->affected != 1) {
        return refuse(acceptance, &ended[0].refusal);
    }
    rv = join(acceptance, db);
    return rv == APR_SUCCESS ? note(acceptance, db) : rv;
}

/* 401; who has a real token is told how to go on. */
static int reply_signed_out(saas_request_t *rq, const char *token)
{
    saas_rows_t *rows = NULL;
    const char *email;
    apr_status_t rv = token ? look(rq, token, &rows) : APR_SUCCESS;

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (!rows || judge(rows)) {
        return saas_reply_verdict(rq, SAAS_NO_USER);
    }
    email = mask(rq->pool, saas_cell(rows, 0, COLUMN_EMAIL));
    apr_table_setn(rq->r->headers_out, "WWW-Authenticate", "Bearer");
    return saas_reply_json(rq, HTTP_UNAUTHORIZED,
                           json_pack("{s:s, s:s, s:s}", "detail", "Authentication credentials were not provided.",
                                     "code", "not_authenticated", "hint",
                                     apr_pstrcat(rq->pool, saas_cell_bool(rows, 0, COLUMN_HAS_ACCOUNT)
                                                     ? "log in as " : "register with this invite as ", email, NULL)));
}

int organizations_invite_accept(saas_request_t *rq)
{
    acceptance_t acceptance = { .rq = rq };
    int seconds = saas_throttle(bucket, rq->r->useragent_ip, ORGANIZATIONS_ACCEPTS_PER_ADDRESS, WINDOW_SECONDS);
    saas_db_t *db;
    apr_status_t rv;

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    acceptance.token = saas_request_field(rq, "token", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ORGANIZATIONS_TOKEN_MAX);
    if (!rq->who->user_id) {
        return reply_signed_out(rq, acceptance.token);
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!(acceptance.org_id = organization_of(rq->pool, acceptance.token))) {
        return saas_reply_not_found(rq);
    }
    if ((rv = saas_db_open(&db, rq->pool, rq->r->server, acceptance.org_id)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, take_invite, &acceptance);
        saas_db_close(db);
    }
    if (rv == ORGANIZATIONS_REFUSED) {
        return organizations_reply_refusal(rq, acceptance.refusal);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, HTTP_OK,
                           json_pack("{s:{s:s, s:o, s:o}, s:s?, s:b}",
                                     "organization", "id", acceptance.org_id,
                                     "name", saas_cell_json(acceptance.invite, 0, COLUMN_ORG_NAME),
                                     "slug", saas_cell_json(acceptance.invite, 0, COLUMN_ORG_SLUG),
                                     "role", acceptance.role, "joined", acceptance.joined));
}
