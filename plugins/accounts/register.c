/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Registration: a new user with an organization of their own, as its ADMIN, or
 * with an invite as a member of somebody else's.  User, organization,
 * membership, activity and session are one transaction: nobody is ever left
 * with half an account.
 */

#include "accounts.h"

#include <apr_lib.h>
#include <apr_strings.h>

typedef enum { NOT_REFUSED, EMAIL_TAKEN, INVITE_UNKNOWN, INVITE_REVOKED, INVITE_USED, INVITE_EXPIRED, INVITE_MISMATCH } refusal_e;

/* What a refusal says.  Only the holder of a real token is told what became of
 * an invite, and by a code. */
static const struct {
    const char *field, *text, *code;
} refusals[] = {
    [EMAIL_TAKEN] = { "email", "A user with this email already exists.", NULL },
    [INVITE_UNKNOWN] = { "invite", "Unknown invite.", NULL },
    [INVITE_REVOKED] = { "invite", "This invite has been revoked.", "invite_revoked" },
    [INVITE_USED] = { "invite", "This invite has already been used.", "invite_used" },
    [INVITE_EXPIRED] = { "invite", "This invite has expired.", "invite_expired" },
    [INVITE_MISMATCH] = { "invite", "This invite was sent to another email address.", "invite_email_mismatch" },
};

typedef struct registration_t {
    saas_request_t *rq;
    saas_principal_t *who;     /* the new user, who acts from here on */
    const char *email_key;
    const char *hashed;        /* password */
    const char *invite_hash;   /* NULL: an organization of their own */
    const char *invite_org;
    /* set anew by each attempt */
    refusal_e refusal;
    accounts_device_t device;
    int proven;                /* by the invite: its token was mailed to this address, and nowhere else */
    saas_rows_t *user;
    saas_role_e role;
    const char *org_id, *org_name, *org_slug;
} registration_t;

enum { INVITE_ID, INVITE_EMAIL_KEY, INVITE_ROLE, INVITE_STATE, INVITE_IN_TIME, INVITE_ORG_NAME, INVITE_ORG_SLUG, INVITE_EMAIL,
       INVITE_BY_MAIL, INVITE_STANDING };

static apr_status_t refuse(registration_t *reg, refusal_e refusal)
{
    reg->refusal = refusal;
    return ACCOUNTS_REFUSED;
}

/* The organization that an invite token names: "inv_", its id without dashes,
 * ".", the secret.  NULL: no such token. */
static const char *invite_organization(apr_pool_t *p, const char *token)
{
    const char *hex = token + 4;
    int i;

    if (strncmp(token, "inv_", 4)) {
        return NULL;
    }
    for (i = 0; i < 32; i++) {
        if (!apr_isdigit(hex[i]) && !(hex[i] >= 'a' && hex[i] <= 'f')) {
            return NULL;
        }
    }
    if (hex[32] != '.' || !hex[33]) {
        return NULL;
    }
    return apr_psprintf(p, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static apr_status_t insert_user(registration_t *reg, saas_db_t *db)
{
    int taken;
    apr_status_t rv = accounts_spelling_taken(db, reg->rq->pool, reg->who->user_id, reg->who->email, reg->email_key, &taken);

    if (rv == APR_SUCCESS && !taken) {
        rv = saas_db_query(db, &accounts_statements[USER_INSERT], &reg->user,
                           SAAS_ARGS(reg->who->user_id, reg->who->email, reg->email_key, reg->who->name, reg->hashed,
                                     reg->proven ? "proven" : NULL));
    }
    if (rv == APR_SUCCESS && (taken || reg->user->count == 0)) {
        rv = refuse(reg, EMAIL_TAKEN);
    }
    if (rv == APR_SUCCESS && !reg->proven) {
        rv = accounts_verify_mail(db, reg->rq, reg->who->user_id, reg->who->email, reg->email_key, reg->who->name);
    }
    return rv;
}

static apr_status_t insert_membership(registration_t *reg, saas_db_t *db)
{
    return saas_db_queue(db, &accounts_statements[MEMBERSHIP_INSERT],
                         SAAS_ARGS(reg->who->user_id, saas_role_text(reg->role)));
}

static apr_status_t own_organization(registration_t *reg, saas_db_t *db)
{
    saas_founding_t founding = { .id = reg->org_id, .name = reg->org_name, .user_id = reg->who->user_id };
    apr_status_t rv = insert_user(reg, db);

    reg->role = SAAS_ROLE_ADMIN;
    if (rv == APR_SUCCESS) {
        rv = saas_organization_found(reg->rq, db, &founding);
        reg->org_slug = founding.slug;
    }
    return rv;
}

static refusal_e judge_invite(const registration_t *reg, const saas_rows_t *invite)
{
    const char *state = saas_cell(invite, 0, INVITE_STATE);

    if (!state) {
        return INVITE_UNKNOWN;
    }
    if (!strcmp(state, "accepted")) {
        return INVITE_USED;
    }
    if (!saas_cell_bool(invite, 0, INVITE_IN_TIME)) {
        return INVITE_EXPIRED;
    }
    if (strcmp(state, "pending")) {
        return INVITE_REVOKED;
    }
    return strcmp(saas_cell(invite, 0, INVITE_EMAIL_KEY), reg->email_key) && !accounts_config_any_email(reg->rq->r->server)
               ? INVITE_MISMATCH : NOT_REFUSED;
}

static apr_status_t invited_organization(registration_t *reg, saas_db_t *db)
{
    saas_activity_t activity = { .action = "invite.accepted", .target_type = "invite" };
    saas_rows_t *invite, *accepted;
    refusal_e refusal;
    apr_status_t rv;

    if ((rv = saas_db_set_organization(db, reg->invite_org)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[INVITE_SHARE], SAAS_NO_ARGS)) != APR_SUCCESS
        || (rv = saas_db_query(db, &accounts_statements[INVITE_FIND], &invite, SAAS_ARGS(reg->invite_hash))) != APR_SUCCESS) {
        return rv;
    }
    if ((refusal = judge_invite(reg, invite)) != NOT_REFUSED) {
        return refuse(reg, refusal);
    }
    reg->org_id = reg->invite_org;
    reg->org_name = saas_cell(invite, 0, INVITE_ORG_NAME);
    reg->org_slug = saas_cell(invite, 0, INVITE_ORG_SLUG);
    reg->role = saas_role_parse(saas_cell(invite, 0, INVITE_ROLE));
    activity.target_id = saas_cell(invite, 0, INVITE_ID);
    activity.target_label = saas_cell(invite, 0, INVITE_EMAIL);
    reg->proven = saas_cell_bool(invite, 0, INVITE_BY_MAIL)
                  && !strcmp(saas_cell(invite, 0, INVITE_EMAIL_KEY), reg->email_key);

    /* Single use is decided by the update, whatever the look above has seen. */
    if ((rv = insert_user(reg, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &accounts_statements[INVITE_ACCEPT], &accepted,
                               SAAS_ARGS(activity.target_id, reg->who->user_id))) != APR_SUCCESS) {
        return rv;
    }
    if (accepted->affected != 1) {
        return refuse(reg, INVITE_USED);
    }
    if ((rv = insert_membership(reg, db)) == APR_SUCCESS
        && (rv = saas_limit_take_of(reg->rq, db, saas_cells_standing(invite, 0, INVITE_STANDING), ACCOUNTS_LIMIT_MEMBERS, 1))
               == APR_SUCCESS) {
        activity.new_value = json_pack("{s:s, s:s}", "user", reg->who->user_id, "role", saas_role_text(reg->role));
        rv = saas_activity(db, reg->rq, &activity);
        json_decref(activity.new_value);
    }
    return rv;
}

static apr_status_t create(saas_db_t *db, void *baton)
{
    registration_t *reg = baton;
    apr_status_t rv = reg->invite_hash ? invited_organization(reg, db) : own_organization(reg, db);

    if (rv == APR_SUCCESS) {
        rv = saas_session_start(reg->rq, db, reg->who->user_id);
    }
    return rv == APR_SUCCESS ? accounts_device_start(reg->rq, db, reg->who->user_id, &reg->device) : rv;
}

static int reply_refusal(saas_request_t *rq, refusal_e refusal)
{
    json_t *body = json_pack("{s:[s]}", refusals[refusal].field, refusals[refusal].text);

    if (refusals[refusal].code) {
        json_object_set_new(body, "code", json_string(refusals[refusal].code));
    }
    return saas_reply_json(rq, HTTP_BAD_REQUEST, body);
}

static int reply_registered(const registration_t *reg)
{
    saas_request_t *rq = reg->rq;

    return saas_reply_json(rq, HTTP_CREATED,
        json_pack("{s:{s:s, s:s, s:b, s:s, s:o}, s:{s:s, s:s, s:s}, s:s}",
                  "user", "id", reg->who->user_id, "email", reg->who->email, "email_verified", reg->proven,
                  "name", reg->who->name, "created_at", saas_cell_json_time(rq->pool, reg->user, 0, 0),
                  "organization", "id", reg->org_id, "name", reg->org_name, "slug", reg->org_slug,
                  "role", saas_role_text(reg->role)));
}

/* Reads and checks the body; what is wrong is noted in rq->errors. */
static const char *read_body(registration_t *reg)
{
    saas_request_t *rq = reg->rq;
    const char *email, *password, *name, *organization, *why;

    email = saas_request_field(rq, "email", SAAS_FIELD_REQUIRED, ACCOUNTS_EMAIL_MAX);
    password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    name = saas_request_field(rq, "name", SAAS_FIELD_NULLABLE | SAAS_FIELD_BLANK, ACCOUNTS_NAME_MAX);
    organization = saas_request_field(rq, "organization", SAAS_FIELD_NULLABLE | SAAS_FIELD_BLANK, ACCOUNTS_ORGANIZATION_MAX);

    if (email && !(reg->who->email = saas_email_parse(rq->pool, email, &reg->email_key))) {
        saas_request_error(rq, "email", "Enter a valid email address.");
    }
    if (password && (why = saas_password_check(rq->pool, password, email ? email : "")) != NULL) {
        saas_request_error(rq, "password", why);
    }
    reg->who->name = name ? name : "";
    if (organization && *organization) {
        reg->org_name = organization;
    }
    else if (*reg->who->name) {
        reg->org_name = apr_pstrcat(rq->pool, reg->who->name, "'s organization", NULL);
    }
    else if (reg->who->email) {
        const char *at = strchr(reg->who->email, '@');
        reg->org_name = apr_pstrcat(rq->pool, apr_pstrmemdup(rq->pool, reg->who->email, (apr_size_t)(at - reg->who->email)),
                                    "'s organization", NULL);
    }
    return password;
}

/* Reads the invite, if there is one; false: it can be none of ours. */
static int read_invite(registration_t *reg)
{
    saas_request_t *rq = reg->rq;
    const char *token = saas_request_field(rq, "invite", SAAS_FIELD_NULLABLE | SAAS_FIELD_RAW, 200);

    if (!token) {
        return 1;
    }
    reg->invite_org = invite_organization(rq->pool, token);
    reg->invite_hash = saas_token_hash(rq->pool, token);
    return reg->invite_org != NULL;
}

int accounts_register(saas_request_t *rq)
{
    registration_t reg = { .rq = rq };
    const saas_principal_t *before = rq->who;
    const char *password;
    saas_db_t *db;
    apr_status_t rv;
    int seconds, invite_known;

    reg.who = apr_pcalloc(rq->pool, sizeof(*reg.who));
    reg.who->by = SAAS_BY_SESSION;
    reg.who->user_id = saas_uuid(rq->pool);
    reg.org_id = saas_uuid(rq->pool);
    password = read_body(&reg);
    invite_known = read_invite(&reg);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if (!invite_known) {
        return reply_refusal(rq, INVITE_UNKNOWN);
    }
    /* Each attempt costs a password hash and tells whether an address is taken. */
    seconds = saas_throttle("register", rq->r->useragent_ip, ACCOUNTS_REGISTRATIONS_PER_ADDRESS, ACCOUNTS_WINDOW_SECONDS);
    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    if ((rv = saas_password_hash(rq->pool, password, &reg.hashed)) != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }

    /* The one who acts is the new user: the activity row shall name them. */
    rq->who = reg.who;
    if ((rv = saas_db_open(&db, rq->pool, rq->r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, create, &reg);
        saas_db_close(db);
    }
    if (rv != APR_SUCCESS) {
        rq->who = before;
        return rv == ACCOUNTS_REFUSED ? reply_refusal(rq, reg.refusal) : saas_reply_failure(rq, rv);
    }
    saas_session_cookie(rq);
    accounts_device_cookie(rq, &reg.device);
    if (!reg.proven) {
        saas_jobs_wake();
    }
    return reply_registered(&reg);
}
