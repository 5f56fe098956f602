/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The profile: the caller, the organizations they are in, and in which role.
 * One statement answers it; a token that is bound to an organization sees only
 * that one, and no role above its own.
 */

#include "accounts.h"

const char *accounts_calling_token(const saas_request_t *rq)
{
    return rq->who->by == SAAS_BY_TOKEN ? rq->who->credential_id : NULL;
}

apr_status_t accounts_profile_query(saas_request_t *rq, saas_db_t *db, const char *user_id, saas_rows_t **rows)
{
    return saas_db_query(db, &accounts_statements[PROFILE], rows, SAAS_ARGS(user_id, accounts_calling_token(rq)));
}

json_t *accounts_organization_json(const saas_rows_t *rows, int row, int first_column)
{
    if (!saas_cell(rows, row, first_column)) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o}", "id", saas_cell_json(rows, row, first_column),
                     "name", saas_cell_json(rows, row, first_column + 1),
                     "slug", saas_cell_json(rows, row, first_column + 2));
}

saas_role_e accounts_profile_role(const saas_rows_t *rows, int row)
{
    saas_role_e role = saas_role_parse(saas_cell(rows, row, PROFILE_ROLE));
    const char *cap = saas_cell(rows, row, PROFILE_TOKEN_ROLE);

    if (cap && saas_role_parse(cap) < role) {
        role = saas_role_parse(cap);
    }
    return role;
}

int accounts_profile_find(const saas_rows_t *rows, const char *id_or_slug)
{
    int row;

    for (row = 0; row < rows->count; row++) {
        const char *id = saas_cell(rows, row, PROFILE_ORG_ID);
        if (id && (!strcasecmp(id, id_or_slug) || !strcmp(saas_cell(rows, row, PROFILE_ORG_SLUG), id_or_slug))) {
            return row;
        }
    }
    return -1;
}

json_t *accounts_profile_json(apr_pool_t *p, const saas_rows_t *rows)
{
    const char *chosen = saas_cell(rows, 0, PROFILE_DEFAULT_ORG);
    json_t *memberships = json_array();
    int row;

    /* An organization that the user has left is nobody's default. */
    if (chosen && accounts_profile_find(rows, chosen) < 0) {
        chosen = NULL;
    }
    for (row = 0; row < rows->count; row++) {
        if (saas_cell(rows, row, PROFILE_ORG_ID)) {
            json_array_append_new(memberships,
                json_pack("{s:o, s:s, s:b, s:o}",
                          "organization", accounts_organization_json(rows, row, PROFILE_ORG_ID),
                          "role", saas_role_text(accounts_profile_role(rows, row)),
                          "has_active_subscription", saas_cell_bool(rows, row, PROFILE_ACTIVE),
                          "subscription_status", saas_cell_json(rows, row, PROFILE_SUBSCRIPTION)));
        }
    }
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:s?, s:o}",
                     "id", saas_cell_json(rows, 0, PROFILE_ID),
                     "email", saas_cell_json(rows, 0, PROFILE_EMAIL),
                     "email_verified", saas_cell_bool(rows, 0, PROFILE_VERIFIED),
                     "name", saas_cell_json(rows, 0, PROFILE_NAME),
                     "created_at", saas_cell_json_time(p, rows, 0, PROFILE_CREATED_AT),
                     "default_organization", chosen,
                     "memberships", memberships);
}

static apr_status_t profile_of_caller(saas_request_t *rq, saas_rows_t **rows)
{
    return saas_query(rq, &accounts_statements[PROFILE], rows, SAAS_ARGS(rq->who->user_id, accounts_calling_token(rq)));
}

/* For whoever wants to know whether there is anybody: that there is nobody is no refusal. */
int accounts_session(saas_request_t *rq)
{
    saas_rows_t *rows = NULL;
    apr_status_t rv = rq->who->user_id ? profile_of_caller(rq, &rows) : APR_SUCCESS;

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, HTTP_OK, json_pack("{s:o}", "profile", rows && rows->count ? accounts_profile_json(rq->pool, rows) : json_null()));
}

int accounts_me(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = profile_of_caller(rq, &rows);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (rows->count == 0) {
        return saas_reply_verdict(rq, SAAS_NO_USER);
    }
    return saas_reply_json(rq, HTTP_OK, accounts_profile_json(rq->pool, rows));
}

typedef struct change_t {
    saas_request_t *rq;
    const char *name;         /* NULL: stays */
    const char *organization; /* id or slug; NULL: stays; empty: none */
    const char *email;        /* NULL: stays */
    const char *email_key;
    accounts_proof_t proof;   /* with email */
    const char *wrong_field, *wrong_text; /* of a refusal */
    saas_rows_t *profile;
} change_t;

static apr_status_t refuse(change_t *change, const char *field, const char *text)
{
    change->wrong_field = field;
    change->wrong_text = text;
    return ACCOUNTS_REFUSED;
}

static apr_status_t tell_of_address(const change_t *change, saas_db_t *db, const char *to)
{
    saas_notice_t notice = { .template = "email_changed", .user_id = change->rq->who->user_id, .to = to };

    return accounts_notice(db, change->rq->pool, &notice,
                           json_pack("{s:s, s:s, s:s, s:s}", "name", change->proof.name, "old", change->proof.email, "new",
                                     change->email, "address", change->rq->r->useragent_ip));
}

/* Another mailbox is a claim again; another spelling of the same one is not. */
static apr_status_t prove_address(change_t *change, saas_db_t *db)
{
    const char *user_id = change->rq->who->user_id;
    saas_rows_t *rows;
    apr_status_t rv = saas_db_query(db, &accounts_statements[PROOF_USER], &rows, SAAS_ARGS(user_id));

    return rv != APR_SUCCESS || rows->count == 0
               ? rv : accounts_verify_mail(db, change->rq, user_id, change->email, change->email_key, change->proof.name);
}

/* Both addresses are told, and links that went to the old one are void. */
static apr_status_t change_address(change_t *change, saas_db_t *db)
{
    const char *user_id = change->rq->who->user_id;
    saas_rows_t *rows = NULL;
    int taken;
    apr_status_t rv = accounts_spelling_taken(db, change->rq->pool, user_id, change->email, change->email_key, &taken);

    if (rv == APR_SUCCESS && !taken) {
        rv = saas_db_query(db, &accounts_statements[USER_EMAIL_UPDATE], &rows,
                           SAAS_ARGS(user_id, change->proof.verified, change->email, change->email_key));
    }
    if (rv == SAAS_EUNIQUE || (rv == APR_SUCCESS && taken)) {
        return refuse(change, "email", "A user with this email already exists.");
    }
    if (rv == APR_SUCCESS && rows->affected != 1) {
        return refuse(change, "password", "Invalid password.");
    }
    if (rv == APR_SUCCESS
        && (rv = saas_db_queue(db, &accounts_statements[RESETS_VOID], SAAS_ARGS(user_id))) == APR_SUCCESS
        && (rv = saas_db_queue(db, &accounts_statements[PROOFS_END], SAAS_ARGS(user_id))) == APR_SUCCESS
        && (rv = tell_of_address(change, db, change->proof.email)) == APR_SUCCESS
        && (rv = tell_of_address(change, db, change->email)) == APR_SUCCESS) {
        rv = prove_address(change, db);
    }
    return rv;
}

static apr_status_t change_profile(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    const char *user_id = change->rq->who->user_id;
    const char *org_id = change->organization;
    saas_rows_t *rows;
    apr_status_t rv;

    if (org_id && *org_id) {
        int row;
        if ((rv = accounts_profile_query(change->rq, db, user_id, &rows)) != APR_SUCCESS) {
            return rv;
        }
        if ((row = accounts_profile_find(rows, org_id)) < 0) {
            return refuse(change, "default_organization", "You are not a member of this organization.");
        }
        org_id = saas_cell(rows, row, PROFILE_ORG_ID);
    }
    if (change->email && (rv = change_address(change, db)) != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_queue(db, &accounts_statements[USER_UPDATE], SAAS_ARGS(user_id, change->name, org_id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return accounts_profile_query(change->rq, db, user_id, &change->profile);
}

/* Reads a new address, which wants the password; what is wrong is noted. */
static const char *read_address(saas_request_t *rq, change_t *change)
{
    const char *email = saas_request_field(rq, "email", 0, ACCOUNTS_EMAIL_MAX);
    const char *password;

    if (!email) {
        return NULL;
    }
    if (!(email = saas_email_parse(rq->pool, email, &change->email_key))) {
        saas_request_error(rq, "email", "Enter a valid email address.");
        return NULL;
    }
    /* Who sends the profile back as it was changes nothing. */
    if (!strcmp(email, rq->who->email)) {
        return NULL;
    }
    password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    change->email = email;
    return password;
}

int accounts_me_update(saas_request_t *rq)
{
    change_t change = { .rq = rq };
    const char *password;
    saas_db_t *db;
    apr_status_t rv;
    int reply;

    change.name = saas_request_field(rq, "name", SAAS_FIELD_BLANK, ACCOUNTS_NAME_MAX);
    if (json_is_null(json_object_get(rq->body, "default_organization"))) {
        change.organization = "";
    }
    else {
        change.organization = saas_request_field(rq, "default_organization", 0, ACCOUNTS_REFERENCE_MAX);
    }
    password = read_address(rq, &change);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (change.email && !accounts_prove(rq, "password", password, &change.proof, &reply)) {
        return reply;
    }

    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_profile, &change);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        saas_request_error(rq, change.wrong_field, change.wrong_text);
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (change.profile->count == 0) {
        return saas_reply_verdict(rq, SAAS_NO_USER);
    }
    if (change.email) {
        saas_jobs_wake();
    }
    return saas_reply_json(rq, HTTP_OK, accounts_profile_json(rq->pool, change.profile));
}
