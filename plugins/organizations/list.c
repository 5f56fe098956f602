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
    saas_founding_t founding;
    saas_rows_t *detail;
} creation_t;

static apr_status_t create(saas_db_t *db, void *baton)
{
    creation_t *creation = baton;
    apr_status_t rv = saas_organization_found(creation->rq, db, &creation->founding);

    return rv == APR_SUCCESS ? saas_db_query(db, &organizations_statements[ORGANIZATION_DETAIL], &creation->detail, SAAS_NO_ARGS)
                             : rv;
}

int organizations_create(saas_request_t *rq)
{
    creation_t creation = { .rq = rq, .founding = { .user_id = rq->who->user_id } };
    saas_founding_t *founding = &creation.founding;
    saas_db_t *db;
    apr_status_t rv;

    founding->name = saas_request_field(rq, "name", SAAS_FIELD_REQUIRED, ORGANIZATIONS_NAME_MAX);
    founding->asked_slug = organizations_slug_field(rq, SAAS_FIELD_NULLABLE);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    founding->id = saas_uuid(rq->pool);
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, create, &creation);
        saas_db_close(db);
    }
    if (rv == SAAS_EUNIQUE && founding->asked_slug) {
        saas_request_error(rq, "slug", ORGANIZATIONS_SLUG_TAKEN);
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    apr_table_setn(rq->r->headers_out, "Location",
                   apr_pstrcat(rq->pool, saas_request_base_url(rq), "/organizations/", founding->id, "/", NULL));
    return saas_reply_json(rq, HTTP_CREATED, organizations_detail_json(rq->pool, creation.detail, SAAS_ROLE_ADMIN));
}
