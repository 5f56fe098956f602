/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * API tokens: list, make, revoke.  A token may do what its user may, or less:
 * it can be bound to one organization, to a role, to a time.
 *
 * A token is shown once, in the answer that makes it; only its hash is kept.
 * One that is made with another token gets no organization, role or time that
 * this one does not have: a lost token must not be able to outgrow itself.
 */

#include "accounts.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define TOKEN_PREFIX "saas_"
#define HINT_LENGTH 12

typedef struct minting_t {
    saas_request_t *rq;
    const char *id, *name;
    const char *asked_organization; /* id or slug; NULL: not said */
    saas_role_e asked_role;         /* SAAS_ROLE_NONE: not said */
    apr_time_t asked_expiry;        /* 0: not said */
    const char *secret;
    /* set anew by each attempt */
    saas_rows_t *profile, *created;
    int row;                        /* of the organization in the profile; -1: all of the user's */
    const char *role;               /* NULL: the user's own */
    const char *expires_at;         /* NULL: never */
    const char *wrong_field, *wrong_text;
} minting_t;

static apr_status_t refuse(minting_t *minting, const char *field, const char *text)
{
    minting->wrong_field = field;
    minting->wrong_text = text;
    return ACCOUNTS_REFUSED;
}

static apr_status_t settle_organization(minting_t *minting)
{
    const char *bound = saas_cell(minting->profile, 0, PROFILE_TOKEN_ORG);
    const char *asked = minting->asked_organization ? minting->asked_organization : bound;

    minting->row = -1;
    if (asked && (minting->row = accounts_profile_find(minting->profile, asked)) < 0) {
        return refuse(minting, "organization", "You are not a member of this organization.");
    }
    return APR_SUCCESS;
}

static apr_status_t settle_role(minting_t *minting)
{
    const saas_rows_t *profile = minting->profile;
    saas_role_e most = SAAS_ROLE_NONE;
    int row;

    for (row = 0; row < profile->count; row++) {
        saas_role_e role = accounts_profile_role(profile, row);
        if (saas_cell(profile, row, PROFILE_ORG_ID) && (minting->row < 0 || row == minting->row) && role > most) {
            most = role;
        }
    }
    if (minting->asked_role > most) {
        return refuse(minting, "role", "The role may not exceed your own.");
    }
    minting->role = minting->asked_role ? saas_role_text(minting->asked_role) : saas_cell(profile, 0, PROFILE_TOKEN_ROLE);
    return APR_SUCCESS;
}

static apr_status_t settle_expiry(minting_t *minting)
{
    const char *bound = saas_cell(minting->profile, 0, PROFILE_TOKEN_EXPIRES);
    apr_time_t expiry = minting->asked_expiry, latest;

    if (bound) {
        apr_status_t rv = saas_time_parse(bound, &latest);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (expiry > latest) {
            return refuse(minting, "expires_at", "May not be later than the expiry of the token that you are using.");
        }
        expiry = expiry ? expiry : latest;
    }
    minting->expires_at = expiry ? saas_time_text(minting->rq->pool, expiry) : NULL;
    return APR_SUCCESS;
}

/* One row in the trail of each organization that the token opens or opened;
 * org_id NULL: all of the user's. */
static apr_status_t note(saas_request_t *rq, saas_db_t *db, const saas_rows_t *profile, const char *org_id,
                         saas_activity_t *activity)
{
    apr_status_t rv = APR_SUCCESS;
    int row;

    for (row = 0; rv == APR_SUCCESS && row < profile->count; row++) {
        const char *id = saas_cell(profile, row, PROFILE_ORG_ID);
        if (id && (!org_id || !strcmp(id, org_id)) && (rv = saas_db_set_organization(db, id)) == APR_SUCCESS) {
            rv = saas_activity(db, rq, activity);
        }
    }
    return rv;
}

static apr_status_t mint(saas_db_t *db, void *baton)
{
    minting_t *minting = baton;
    saas_request_t *rq = minting->rq;
    saas_activity_t activity = {
        .action = "token.created", .target_type = "token", .target_id = minting->id, .target_label = minting->name
    };
    const char *org_id;
    apr_status_t rv;

    if ((rv = accounts_profile_query(rq, db, rq->who->user_id, &minting->profile)) != APR_SUCCESS
        || (rv = settle_organization(minting)) != APR_SUCCESS || (rv = settle_role(minting)) != APR_SUCCESS
        || (rv = settle_expiry(minting)) != APR_SUCCESS) {
        return rv;
    }
    org_id = minting->row < 0 ? NULL : saas_cell(minting->profile, minting->row, PROFILE_ORG_ID);
    rv = saas_db_query(db, &accounts_statements[TOKEN_INSERT], &minting->created,
                       SAAS_ARGS(minting->id, rq->who->user_id, org_id, minting->role, minting->name,
                                 apr_pstrndup(rq->pool, minting->secret, HINT_LENGTH),
                                 saas_token_hash(rq->pool, minting->secret), minting->expires_at));
    if (rv == APR_SUCCESS) {
        activity.new_value = json_pack("{s:s?, s:s?}", "role", minting->role, "expires_at", minting->expires_at);
        rv = note(rq, db, minting->profile, org_id, &activity);
        json_decref(activity.new_value);
    }
    return rv;
}

static json_t *minted_json(const minting_t *minting)
{
    apr_pool_t *p = minting->rq->pool;

    return json_pack("{s:s, s:s, s:s, s:o, s:s?, s:o, s:s?, s:n, s:s}",
                     "id", minting->id, "name", minting->name,
                     "hint", apr_pstrndup(p, minting->secret, HINT_LENGTH),
                     "organization", minting->row < 0 ? json_null()
                         : accounts_organization_json(minting->profile, minting->row, PROFILE_ORG_ID),
                     "role", minting->role,
                     "created_at", saas_cell_json_time(p, minting->created, 0, 0),
                     "expires_at", minting->expires_at,
                     "last_used_at",
                     "token", minting->secret);
}

/* Reads and checks the body; what is wrong is noted in rq->errors. */
static void read_body(minting_t *minting)
{
    saas_request_t *rq = minting->rq;
    const char *role, *expires_at;

    minting->name = saas_request_field(rq, "name", SAAS_FIELD_REQUIRED, ACCOUNTS_TOKEN_NAME_MAX);
    minting->asked_organization = saas_request_field(rq, "organization", SAAS_FIELD_NULLABLE, ACCOUNTS_REFERENCE_MAX);
    role = saas_request_field(rq, "role", SAAS_FIELD_NULLABLE, ACCOUNTS_REFERENCE_MAX);
    expires_at = saas_request_field(rq, "expires_at", SAAS_FIELD_NULLABLE, ACCOUNTS_REFERENCE_MAX);
    if (role && !(minting->asked_role = saas_role_parse(role))) {
        saas_request_error(rq, "role", apr_psprintf(rq->pool, "\"%s\" is not a valid choice.", role));
    }
    if (expires_at && saas_time_parse(expires_at, &minting->asked_expiry) != APR_SUCCESS) {
        saas_request_error(rq, "expires_at", "Enter a date and time in ISO 8601, like 2031-01-31T12:00:00Z.");
    }
    else if (expires_at && minting->asked_expiry <= apr_time_now()) {
        saas_request_error(rq, "expires_at", "Must be in the future.");
    }
}

int accounts_token_create(saas_request_t *rq)
{
    minting_t minting = { .rq = rq };
    saas_db_t *db;
    apr_status_t rv;

    read_body(&minting);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    minting.id = saas_uuid(rq->pool);
    if ((rv = saas_token_make(rq->pool, TOKEN_PREFIX, &minting.secret)) == APR_SUCCESS
        && (rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, mint, &minting);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        saas_request_error(rq, minting.wrong_field, minting.wrong_text);
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, HTTP_CREATED, minted_json(&minting));
}

int accounts_tokens(saas_request_t *rq)
{
    enum { ID, NAME, HINT, ORG, ORG_NAME, ORG_SLUG, ROLE, CREATED_AT, EXPIRES_AT, LAST_USED_AT };
    static const saas_json_member_t members[] = {
        { "id", SAAS_JSON_TEXT, .column = ID },
        { "name", SAAS_JSON_TEXT, .column = NAME },
        { "hint", SAAS_JSON_TEXT, .column = HINT },
        { "organization", SAAS_JSON_OBJECT_OR_NULL, .column = ORG },
        { "id", SAAS_JSON_TEXT, .column = ORG },
        { "name", SAAS_JSON_TEXT, .column = ORG_NAME },
        { "slug", SAAS_JSON_TEXT, .column = ORG_SLUG },
        { .kind = SAAS_JSON_END },
        { "role", SAAS_JSON_TEXT, .column = ROLE },
        { "created_at", SAAS_JSON_TIME, .column = CREATED_AT },
        { "expires_at", SAAS_JSON_TIME, .column = EXPIRES_AT },
        { "last_used_at", SAAS_JSON_TIME, .column = LAST_USED_AT },
        { 0 }
    };

    return saas_reply_list(rq, members, &accounts_statements[TOKEN_LIST],
                           SAAS_ARGS(rq->who->user_id, accounts_calling_token(rq)));
}

typedef struct revocation_t {
    saas_request_t *rq;
    const char *id;
} revocation_t;

static apr_status_t revoke_token(saas_db_t *db, void *baton)
{
    revocation_t *revocation = baton;
    saas_request_t *rq = revocation->rq;
    saas_activity_t activity = { .action = "token.revoked", .target_type = "token", .target_id = revocation->id };
    saas_rows_t *revoked, *profile;
    apr_status_t rv;

    rv = saas_db_query(db, &accounts_statements[TOKEN_REVOKE], &revoked,
                       SAAS_ARGS(revocation->id, rq->who->user_id, accounts_calling_token(rq)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (revoked->count == 0) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = accounts_profile_query(rq, db, rq->who->user_id, &profile)) != APR_SUCCESS) {
        return rv;
    }
    activity.target_label = saas_cell(revoked, 0, 1);
    return note(rq, db, profile, saas_cell(revoked, 0, 0), &activity);
}

apr_status_t accounts_tokens_end_claim(saas_request_t *rq, saas_db_t *db, const char *user_id)
{
    enum { ID, ORGANIZATION, NAME };
    saas_activity_t activity = {
        .action = "token.revoked", .target_type = "token", .actor_type = "system", .actor_id = ACCOUNTS_OWNER_CAME
    };
    saas_rows_t *revoked, *profile;
    apr_status_t rv = saas_db_query(db, &accounts_statements[TOKENS_OF_CLAIM], &revoked, SAAS_ARGS(user_id));
    int row;

    if (rv != APR_SUCCESS || revoked->count == 0
        || (rv = accounts_profile_query(rq, db, user_id, &profile)) != APR_SUCCESS) {
        return rv;
    }
    for (row = 0; row < revoked->count && rv == APR_SUCCESS; row++) {
        activity.target_id = saas_cell(revoked, row, ID);
        activity.target_label = saas_cell(revoked, row, NAME);
        rv = note(rq, db, profile, saas_cell(revoked, row, ORGANIZATION), &activity);
    }
    return rv;
}

int accounts_token_revoke(saas_request_t *rq)
{
    revocation_t revocation = { .rq = rq, .id = saas_request_parameter(rq, "token") };
    saas_db_t *db;
    apr_status_t rv;

    if (!(revocation.id = saas_uuid_parse(rq->pool, revocation.id))) {
        return saas_reply_not_found(rq);
    }
    ap_str_tolower((char *)(revocation.id = apr_pstrdup(rq->pool, revocation.id)));
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, revoke_token, &revocation);
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED) {
        return saas_reply_not_found(rq);
    }
    return rv == APR_SUCCESS ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : saas_reply_failure(rq, rv);
}
