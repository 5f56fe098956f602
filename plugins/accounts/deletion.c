/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Deleting one's own account.  It must leave no organization without an ADMIN:
 * where others remain, one of them has to be one; where nobody remains, the
 * organization goes too.  What the user did stays in the trails, with the
 * e-mail address as it was.
 */

#include "accounts.h"


/* Done by the plugin that keeps organizations, if it is loaded. */
#define PURGE_JOB "organization.purge"

static const char bucket[] = "password";

/* LEAVING_LIST. */
enum { COLUMN_ID, COLUMN_NAME, COLUMN_SLUG, COLUMN_ROLE, COLUMN_MEMBERS, COLUMN_ADMINS };

typedef struct leaving_t {
    saas_request_t *rq;
    const char *verified;  /* the stored form that the password matched */
    /* set anew by each attempt */
    json_t *blocking;      /* organizations that would be left without an ADMIN; NULL: none */
    int purging;
} leaving_t;

static int is_alone(const saas_rows_t *rows, int row)
{
    return saas_cell_int(rows, row, COLUMN_MEMBERS) == 1;
}

int accounts_is_last_admin(const saas_rows_t *rows, int row)
{
    return !is_alone(rows, row) && saas_role_parse(saas_cell(rows, row, COLUMN_ROLE)) == SAAS_ROLE_ADMIN
           && saas_cell_int(rows, row, COLUMN_ADMINS) == 1;
}

static apr_status_t note(saas_db_t *db, saas_request_t *rq, const saas_rows_t *rows, int row, const char *user_id,
                         const char *email)
{
    int alone = is_alone(rows, row);
    saas_activity_t activity = {
        .action = alone ? "organization.deleted" : "member.left",
        .target_type = alone ? "organization" : "user",
        .target_id = alone ? saas_cell(rows, row, COLUMN_ID) : user_id,
        .target_label = alone ? saas_cell(rows, row, COLUMN_NAME) : email,
        .actor_type = rq ? NULL : "system",
        .actor_id = rq ? NULL : ACCOUNTS_OWNER_CAME,
    };
    apr_status_t rv;

    activity.old_value = alone ? json_pack("{s:o, s:o}", "name", saas_cell_json(rows, row, COLUMN_NAME), "slug",
                                           saas_cell_json(rows, row, COLUMN_SLUG))
                               : json_pack("{s:o}", "role", saas_cell_json(rows, row, COLUMN_ROLE));
    activity.new_value = json_pack("{s:b}", "account_deleted", 1);
    rv = saas_activity(db, rq, &activity);
    json_decref(activity.old_value);
    json_decref(activity.new_value);
    return rv;
}

apr_status_t accounts_leave(saas_db_t *db, saas_request_t *rq, const saas_rows_t *rows, int row, const char *user_id,
                            const char *email, int *purging)
{
    const char *org_id = saas_cell(rows, row, COLUMN_ID);
    apr_status_t rv;

    if ((rv = saas_db_set_organization(db, org_id)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &accounts_statements[LEAVING_INVITES], SAAS_ARGS(user_id))) != APR_SUCCESS
        || (rv = note(db, rq, rows, row, user_id, email)) != APR_SUCCESS) {
        return rv;
    }
    if (!is_alone(rows, row)) {
        return APR_SUCCESS;
    }
    rv = saas_db_queue(db, &accounts_statements[LEAVING_ORGANIZATION], SAAS_NO_ARGS);
    if (rv == APR_SUCCESS && saas_job_known(PURGE_JOB)) {
        *purging = 1;
        rv = saas_job_enqueue(db, PURGE_JOB, org_id, org_id, NULL, 0);
    }
    return rv;
}

static apr_status_t find_blocking(leaving_t *leaving, const saas_rows_t *rows)
{
    int row;

    leaving->blocking = NULL;
    for (row = 0; row < rows->count; row++) {
        if (accounts_is_last_admin(rows, row)) {
            if (!leaving->blocking) {
                leaving->blocking = json_array();
            }
            json_array_append_new(leaving->blocking, accounts_organization_json(rows, row, COLUMN_ID));
        }
    }
    return leaving->blocking ? ACCOUNTS_REFUSED : APR_SUCCESS;
}

/* The user's row is locked first, so that nothing new begins in their name,
 * then all of their organizations, in the order of their ids. */
static apr_status_t delete_account(saas_db_t *db, void *baton)
{
    leaving_t *leaving = baton;
    const char *user_id = leaving->rq->who->user_id;
    saas_rows_t *rows, *user;
    apr_status_t rv;
    int row;

    leaving->blocking = NULL;
    leaving->purging = 0;
    if ((rv = saas_db_query(db, &accounts_statements[LEAVING_USER], &user, SAAS_ARGS(user_id, leaving->verified)))
        != APR_SUCCESS) {
        return rv;
    }
    if (user->count == 0) {
        return ACCOUNTS_REFUSED;
    }
    if ((rv = saas_db_queue(db, &accounts_statements[LEAVING_LOCK], SAAS_ARGS(user_id))) != APR_SUCCESS
        || (rv = saas_db_query(db, &accounts_statements[LEAVING_LIST], &rows, SAAS_ARGS(user_id))) != APR_SUCCESS
        || (rv = find_blocking(leaving, rows)) != APR_SUCCESS) {
        return rv;
    }
    for (row = 0; row < rows->count; row++) {
        if ((rv = accounts_leave(db, leaving->rq, rows, row, user_id, leaving->rq->who->email, &leaving->purging))
            != APR_SUCCESS) {
            return rv;
        }
    }
    return saas_db_query(db, &accounts_statements[LEAVING_DELETE], &rows, SAAS_ARGS(user_id));
}

static int refuse_password(saas_request_t *rq)
{
    int seconds = saas_throttle(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);

    if (seconds) {
        return saas_reply_throttled(rq, seconds);
    }
    saas_request_error(rq, "password", "Invalid password.");
    return saas_reply_errors(rq);
}

/* Verifies the password without a connection; NULL: *answer has been given. */
static const char *verify(saas_request_t *rq, int *answer)
{
    const char *password = saas_request_field(rq, "password", SAAS_FIELD_REQUIRED | SAAS_FIELD_RAW, ACCOUNTS_PASSWORD_MAX);
    saas_rows_t *rows;
    apr_status_t rv;
    int seconds, rehash;

    if (rq->errors) {
        *answer = saas_reply_errors(rq);
        return NULL;
    }
    seconds = saas_throttle_peek(bucket, rq->who->user_id, ACCOUNTS_FAILURES_PER_ACCOUNT, ACCOUNTS_WINDOW_SECONDS);
    if (seconds) {
        *answer = saas_reply_throttled(rq, seconds);
        return NULL;
    }
    rv = saas_query(rq, &accounts_statements[USER_PASSWORD], &rows, SAAS_ARGS(rq->who->user_id));
    if (rv == APR_SUCCESS) {
        rv = saas_password_verify(rq->pool, password, saas_cell(rows, 0, 0), &rehash);
    }
    if (rv == APR_SUCCESS) {
        return saas_cell(rows, 0, 0);
    }
    *answer = rv == APR_EMISMATCH ? refuse_password(rq) : saas_reply_failure(rq, rv);
    return NULL;
}

int accounts_me_delete(saas_request_t *rq)
{
    leaving_t leaving = { .rq = rq };
    saas_db_t *db;
    apr_status_t rv;
    int answer = OK;

    if (!(leaving.verified = verify(rq, &answer))) {
        return answer;
    }
    if ((rv = saas_db_open(&db, rq->pool, rq->r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, delete_account, &leaving);
        if (rv == APR_SUCCESS) {
            /* Went with the user; this clears the cookie. */
            (void)saas_session_end(rq, db);
        }
        saas_db_close(db);
    }
    if (rv == ACCOUNTS_REFUSED && leaving.blocking) {
        return saas_reply_json(rq, HTTP_CONFLICT,
                               json_pack("{s:s, s:s, s:o}", "detail",
                                         "You are the last ADMIN of an organization with other members: make somebody"
                                         " else one first.", "code", "last_admin", "organizations", leaving.blocking));
    }
    if (rv == ACCOUNTS_REFUSED) {
        return refuse_password(rq);
    }
    if (rv != APR_SUCCESS) {
        json_decref(leaving.blocking);
        return saas_reply_failure(rq, rv);
    }
    if (leaving.purging) {
        saas_jobs_wake();
    }
    return saas_reply_json(rq, HTTP_NO_CONTENT, NULL);
}
