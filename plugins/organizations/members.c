/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Who is in an organization: the list, another role, removal, leaving.
 *
 * An organization always has an ADMIN.  That is decided under the lock of its
 * row, never before, so that ADMINs who demote and remove each other at the
 * same moment find out one after the other.
 *
 * With a membership go the tokens that it was the ground of and the invites
 * that the member has sent.
 */

#include "organizations.h"

enum { MEMBER_ID, MEMBER_EMAIL, MEMBER_NAME, MEMBER_AS, MEMBER_SINCE, MEMBER_COUNT };

static const organizations_refusal_t last_admin = {
    .status = HTTP_CONFLICT, .code = "last_admin",
    .detail = "An organization must have an ADMIN: make somebody else one first."
};

static const saas_json_member_t members[] = {
    { "user", .kind = SAAS_JSON_OBJECT },
    { "id", SAAS_JSON_TEXT, .column = MEMBER_ID },
    { "email", SAAS_JSON_TEXT, .column = MEMBER_EMAIL },
    { "name", SAAS_JSON_TEXT, .column = MEMBER_NAME },
    { .kind = SAAS_JSON_END },
    { "role", SAAS_JSON_TEXT, .column = MEMBER_AS },
    { "created_at", SAAS_JSON_TIME, .column = MEMBER_SINCE },
    { 0 }
};

int organizations_members(saas_request_t *rq)
{
    static const char *const roles[] = { "ADMIN", "MEMBER", "VIEWER", NULL };
    const char *role = saas_request_choice(rq, "role", roles);

    return saas_reply_list(rq, members, &organizations_statements[MEMBER_LIST], SAAS_ARGS(role));
}

typedef struct change_t {
    saas_request_t *rq;
    const char *user_id;
    saas_role_e role;  /* SAAS_ROLE_NONE: is removed, or leaves */
    /* set anew by each attempt */
    const organizations_refusal_t *refusal;
    saas_rows_t *member;
} change_t;

static apr_status_t refuse(change_t *change, const organizations_refusal_t *refusal)
{
    change->refusal = refusal;
    return ORGANIZATIONS_REFUSED;
}

/* ADMINs may change anybody; others may leave, but not by a token that has been
 * given less than its user's role. */
static int may_change(const change_t *change, saas_role_e caller, saas_role_e old)
{
    return caller == SAAS_ROLE_ADMIN
           || (change->role == SAAS_ROLE_NONE && caller == old && !strcmp(change->user_id, change->rq->who->user_id));
}

/* What the membership was the ground of: tokens above the role that is left,
 * and, unless that may still invite, invites. */
static apr_status_t withdraw(change_t *change, saas_db_t *db, saas_role_e old, json_t *note)
{
    const char *org_id = change->rq->who->org_id;
    saas_rows_t *tokens, *invites;
    apr_status_t rv;

    if (change->role > old) {
        return APR_SUCCESS;
    }
    if ((rv = saas_db_query(db, &organizations_statements[MEMBER_TOKENS], &tokens,
                            SAAS_ARGS(change->user_id, org_id, apr_itoa(change->rq->pool, (int)change->role))))
            != APR_SUCCESS
        || (rv = saas_db_query(db, &organizations_statements[MEMBER_INVITES], &invites, SAAS_ARGS(change->user_id)))
               != APR_SUCCESS) {
        return rv;
    }
    json_object_set_new(note, "tokens_revoked", json_integer(tokens->affected));
    json_object_set_new(note, "invites_revoked", json_integer(invites->affected));
    return APR_SUCCESS;
}

static apr_status_t write_change(change_t *change, saas_db_t *db)
{
    const char *org_id = change->rq->who->org_id;
    apr_status_t rv;

    if (change->role != SAAS_ROLE_NONE) {
        return saas_db_queue(db, &organizations_statements[MEMBER_ROLE],
                             SAAS_ARGS(change->user_id, saas_role_text(change->role)));
    }
    rv = saas_db_queue(db, &organizations_statements[MEMBER_DELETE], SAAS_ARGS(change->user_id));
    return rv == APR_SUCCESS
               ? saas_db_queue(db, &organizations_statements[MEMBER_DEFAULT], SAAS_ARGS(change->user_id, org_id)) : rv;
}

static apr_status_t note_change(change_t *change, saas_db_t *db, saas_role_e old)
{
    const char *self = change->rq->who->user_id;
    saas_activity_t activity = {
        .action = change->role != SAAS_ROLE_NONE ? "member.role_changed"
                  : strcmp(change->user_id, self) ? "member.removed" : "member.left",
        .target_type = "user", .target_id = change->user_id,
        .target_label = saas_cell(change->member, 0, MEMBER_EMAIL)
    };
    apr_status_t rv;

    activity.old_value = json_pack("{s:s}", "role", saas_role_text(old));
    activity.new_value = json_object();
    if (change->role != SAAS_ROLE_NONE) {
        json_object_set_new(activity.new_value, "role", json_string(saas_role_text(change->role)));
    }
    if ((rv = withdraw(change, db, old, activity.new_value)) == APR_SUCCESS) {
        rv = saas_activity(db, change->rq, &activity);
    }
    json_decref(activity.old_value);
    json_decref(activity.new_value);
    return rv;
}

static apr_status_t change_member(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_role_e caller, old;
    apr_status_t rv;

    change->refusal = NULL;
    if ((rv = organizations_enter(change->rq, db, &caller)) != APR_SUCCESS) {
        return rv;
    }
    if (caller == SAAS_ROLE_NONE) {
        return refuse(change, &organizations_not_found);
    }
    if ((rv = saas_db_query(db, &organizations_statements[MEMBER_GET], &change->member, SAAS_ARGS(change->user_id)))
        != APR_SUCCESS) {
        return rv;
    }
    if (change->member->count == 0) {
        return refuse(change, &organizations_not_found);
    }
    old = saas_role_parse(saas_cell(change->member, 0, MEMBER_AS));
    if (!may_change(change, caller, old)) {
        return refuse(change, &organizations_wrong_role);
    }
    if (change->role == old) {
        return APR_SUCCESS;
    }
    if (old == SAAS_ROLE_ADMIN && saas_cell_int(change->member, 0, MEMBER_COUNT) <= 1) {
        return refuse(change, &last_admin);
    }
    if ((rv = write_change(change, db)) == APR_SUCCESS) {
        rv = note_change(change, db, old);
    }
    return rv;
}

/* Makes the change; *answer is set when there is nothing more to say. */
static int make_change(change_t *change, int *answer)
{
    apr_status_t rv = organizations_transact(change->rq, change_member, change);

    if (rv == ORGANIZATIONS_REFUSED) {
        *answer = organizations_reply_refusal(change->rq, change->refusal);
    }
    else if (rv != APR_SUCCESS) {
        *answer = saas_reply_failure(change->rq, rv);
    }
    return rv == APR_SUCCESS;
}

int organizations_member_update(saas_request_t *rq)
{
    change_t change = { .rq = rq, .user_id = organizations_id_parameter(rq, "user") };
    int answer = OK;
    json_t *member;

    if (!change.user_id) {
        return saas_reply_not_found(rq);
    }
    if (!(change.role = organizations_role_field(rq))) {
        return saas_reply_errors(rq);
    }
    if (!make_change(&change, &answer)) {
        return answer;
    }
    /* The row was read before the change. */
    member = saas_row_json(rq, members, change.member, 0);
    json_object_set_new(member, "role", json_string(saas_role_text(change.role)));
    return saas_reply_json(rq, HTTP_OK, member);
}

int organizations_member_remove(saas_request_t *rq)
{
    change_t change = { .rq = rq, .user_id = organizations_id_parameter(rq, "user"), .role = SAAS_ROLE_NONE };
    int answer = OK;

    if (!change.user_id) {
        return saas_reply_not_found(rq);
    }
    return make_change(&change, &answer) ? saas_reply_json(rq, HTTP_NO_CONTENT, NULL) : answer;
}
