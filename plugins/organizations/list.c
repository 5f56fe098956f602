/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The caller's organizations: the list of them, and a new one, of which the
 * caller becomes the ADMIN in the same transaction.
 */

#include "organizations.h"

#include <apr_strings.h>

enum { ID, NAME, SLUG, ROLE, TOKEN_ROLE, SUBSCRIPTION, ACTIVE };

/* The caller's role there, which the token that they use may cap. */
static const char *role_cell(saas_request_t *rq, const saas_rows_t *rows, int row)
{
    const char *role = saas_cell(rows, row, ROLE), *cap = saas_cell(rows, row, TOKEN_ROLE);
    (void)rq;
    return cap && saas_role_parse(cap) < saas_role_parse(role) ? cap : role;
}

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = ID },
    { "name", SAAS_JSON_TEXT, .column = NAME },
    { "slug", SAAS_JSON_TEXT, .column = SLUG },
    { "role", SAAS_JSON_TEXT, .cell = role_cell },
    { "subscription_status", SAAS_JSON_TEXT, .column = SUBSCRIPTION },
    { "has_active_subscription", SAAS_JSON_BOOL, .column = ACTIVE },
    { 0 }
};

int organizations_list(saas_request_t *rq)
{
    const saas_principal_t *who = rq->who;

    return saas_reply_list(rq, members, &organizations_statements[ORGANIZATION_LIST],
                           SAAS_ARGS(who->user_id, who->by == SAAS_BY_TOKEN ? who->credential_id : NULL));
}

typedef struct creation_t {
    saas_request_t *rq;
    const char *id, *name;
    const char *asked_slug; /* NULL: make one from the name */
    /* set anew by each attempt */
    const char *trial_from, *trial_to; /* NULL: it has no trial */
    saas_rows_t *detail;
} creation_t;

/* A user's first organization has a trial, where there are any. */
static apr_status_t give_trial(creation_t *creation, saas_db_t *db)
{
    saas_request_t *rq = creation->rq;
    apr_interval_time_t length = organizations_config_trial(rq->r->server);
    apr_time_t now = apr_time_now();
    saas_rows_t *rows;
    apr_status_t rv;

    creation->trial_from = creation->trial_to = NULL;
    if (!length) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(db, &organizations_statements[TRIAL_GIVE], &rows, SAAS_ARGS(rq->who->user_id));
    if (rv == APR_SUCCESS && rows->affected == 1) {
        creation->trial_from = saas_time_text(rq->pool, now);
        creation->trial_to = saas_time_text(rq->pool, now + length);
    }
    return rv;
}

static apr_status_t note_trial(creation_t *creation, saas_db_t *db)
{
    saas_activity_t activity = {
        .action = "trial.started", .target_type = "organization", .target_id = creation->id, .target_label = creation->name
    };
    apr_status_t rv;

    if (!creation->trial_to) {
        return APR_SUCCESS;
    }
    activity.new_value = json_pack("{s:s, s:s}", "status", "active", "ends_at", creation->trial_to);
    rv = saas_activity(db, creation->rq, &activity);
    json_decref(activity.new_value);
    return rv;
}

/* Inserts the row; *slug is what it is known by. */
static apr_status_t insert(creation_t *creation, saas_db_t *db, const char **slug)
{
    apr_pool_t *p = creation->rq->pool;
    saas_rows_t *rows;
    apr_status_t rv;
    int attempt;

    for (attempt = 0; attempt < 5; attempt++) {
        *slug = creation->asked_slug ? creation->asked_slug : saas_slug_make(p, creation->name, attempt);
        rv = saas_db_query(db, &organizations_statements[ORGANIZATION_INSERT], &rows,
                           SAAS_ARGS(creation->name, *slug, creation->trial_from, creation->trial_to));
        if (rv != APR_SUCCESS || rows->affected == 1) {
            return rv;
        }
        if (creation->asked_slug) {
            return ORGANIZATIONS_REFUSED;
        }
    }
    return SAAS_EUNIQUE;
}

static apr_status_t create(saas_db_t *db, void *baton)
{
    creation_t *creation = baton;
    saas_activity_t activity = {
        .action = "organization.created", .target_type = "organization", .target_id = creation->id,
        .target_label = creation->name
    };
    const char *slug;
    apr_status_t rv;

    if ((rv = give_trial(creation, db)) != APR_SUCCESS || (rv = saas_db_set_organization(db, creation->id)) != APR_SUCCESS
        || (rv = insert(creation, db, &slug)) != APR_SUCCESS
        || (rv = saas_db_queue(db, &organizations_statements[ORGANIZATION_MEMBERSHIP],
                               SAAS_ARGS(creation->rq->who->user_id))) != APR_SUCCESS) {
        return rv;
    }
    activity.new_value = json_pack("{s:s, s:s}", "name", creation->name, "slug", slug);
    rv = saas_activity(db, creation->rq, &activity);
    json_decref(activity.new_value);
    if (rv == APR_SUCCESS) {
        rv = note_trial(creation, db);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &organizations_statements[ORGANIZATION_DETAIL], &creation->detail, SAAS_NO_ARGS);
    }
    return rv;
}

int organizations_create(saas_request_t *rq)
{
    creation_t creation = { .rq = rq };
    saas_db_t *db;
    apr_status_t rv;

    creation.name = saas_request_field(rq, "name", SAAS_FIELD_REQUIRED, ORGANIZATIONS_NAME_MAX);
    creation.asked_slug = organizations_slug_field(rq, SAAS_FIELD_NULLABLE);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    creation.id = saas_uuid(rq->pool);
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, create, &creation);
        saas_db_close(db);
    }
    if (rv == ORGANIZATIONS_REFUSED) {
        saas_request_error(rq, "slug", ORGANIZATIONS_SLUG_TAKEN);
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    apr_table_setn(rq->r->headers_out, "Location",
                   apr_pstrcat(rq->pool, saas_request_base_url(rq), "/organizations/", creation.id, "/", NULL));
    return saas_reply_json(rq, HTTP_CREATED, organizations_detail_json(rq->pool, creation.detail, SAAS_ROLE_ADMIN));
}
