/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * One organization: its page for members, and changes by its ADMINs.  PUT
 * replaces all writable fields, PATCH those that are sent; what is not writable
 * is ignored, as the contract says.
 */

#include "organizations.h"

json_t *organizations_detail_json(apr_pool_t *p, const saas_rows_t *rows, saas_role_e role)
{
    enum { ID, NAME, SLUG, MEMBERS, SUBSCRIPTION, ACTIVE, STARTED_AT, ENDS_AT, CUSTOMER, STRIPE_SUBSCRIPTION, STRIPE_STATUS,
           TRIAL_ENDS_AT, IN_TRIAL };
    int in_trial = saas_cell_bool(rows, 0, IN_TRIAL);
    json_t *body = json_pack("{s:o, s:o, s:o, s:s, s:I, s:o, s:b, s:o, s:o, s:o}",
                             "id", saas_cell_json(rows, 0, ID),
                             "name", saas_cell_json(rows, 0, NAME),
                             "slug", saas_cell_json(rows, 0, SLUG),
                             "role", saas_role_text(role),
                             "members", (json_int_t)saas_cell_int(rows, 0, MEMBERS),
                             "subscription_status", saas_cell_json(rows, 0, SUBSCRIPTION),
                             "has_active_subscription", saas_cell_bool(rows, 0, ACTIVE),
                             "subscription_started_at", saas_cell_json_time(p, rows, 0, STARTED_AT),
                             "subscription_ends_at", saas_cell_json_time(p, rows, 0, ENDS_AT),
                             "trial", in_trial || saas_cell(rows, 0, TRIAL_ENDS_AT)
                                          ? json_pack("{s:o, s:b}", "ends_at", saas_cell_json_time(p, rows, 0, TRIAL_ENDS_AT),
                                                      "running", in_trial)
                                          : json_null());

    if (role == SAAS_ROLE_ADMIN) {
        json_object_set_new(body, "stripe_customer_id", saas_cell_json(rows, 0, CUSTOMER));
        json_object_set_new(body, "stripe_subscription_id", saas_cell_json(rows, 0, STRIPE_SUBSCRIPTION));
        json_object_set_new(body, "stripe_status", saas_cell_json(rows, 0, STRIPE_STATUS));
    }
    return body;
}

int organizations_detail(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &organizations_statements[ORGANIZATION_DETAIL], &rows, SAAS_NO_ARGS);

    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    if (rows->count == 0) {
        return saas_reply_not_found(rq);
    }
    return saas_reply_json(rq, HTTP_OK, organizations_detail_json(rq->pool, rows, rq->who->role));
}

typedef struct change_t {
    saas_request_t *rq;
    const char *name, *slug; /* NULL: stays */
    saas_rows_t *detail;     /* set anew by each attempt */
} change_t;

/* Notes a changed value on both sides; true when it did change. */
static int compare(saas_activity_t *activity, const char *field, const char *old, const char *new)
{
    if (!strcmp(old, new)) {
        return 0;
    }
    json_object_set_new(activity->old_value, field, json_string(old));
    json_object_set_new(activity->new_value, field, json_string(new));
    return 1;
}

/* Writes what differs from the locked row, and its activity. */
static apr_status_t write_changes(change_t *change, saas_db_t *db, const saas_rows_t *locked, saas_activity_t *activity)
{
    const char *old_name = saas_cell(locked, 0, 0), *old_slug = saas_cell(locked, 0, 1);
    const char *name = change->name ? change->name : old_name;
    const char *slug = change->slug ? change->slug : old_slug;
    saas_rows_t *rows;
    apr_status_t rv;

    activity->target_label = name;
    if (!(compare(activity, "name", old_name, name) | compare(activity, "slug", old_slug, slug))) {
        return APR_SUCCESS;
    }
    rv = saas_db_query(db, &organizations_statements[ORGANIZATION_UPDATE], &rows, SAAS_ARGS(name, slug));
    return rv == APR_SUCCESS ? saas_activity(db, change->rq, activity) : rv;
}

static apr_status_t change_organization(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_activity_t activity = {
        .action = "organization.updated", .target_type = "organization", .target_id = change->rq->who->org_id
    };
    saas_rows_t *locked;
    apr_status_t rv;

    change->detail = NULL;
    rv = saas_db_query(db, &organizations_statements[ORGANIZATION_LOCK], &locked, SAAS_NO_ARGS);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (locked->count == 0) {
        return ORGANIZATIONS_REFUSED;
    }
    activity.old_value = json_object();
    activity.new_value = json_object();
    rv = write_changes(change, db, locked, &activity);
    json_decref(activity.old_value);
    json_decref(activity.new_value);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &organizations_statements[ORGANIZATION_DETAIL], &change->detail, SAAS_NO_ARGS);
    }
    return rv;
}

static int change(saas_request_t *rq, unsigned flags)
{
    change_t it = { .rq = rq };
    saas_db_t *db;
    apr_status_t rv;

    it.name = saas_request_field(rq, "name", flags, ORGANIZATIONS_NAME_MAX);
    it.slug = organizations_slug_field(rq, 0);
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, change_organization, &it);
        saas_db_close(db);
    }
    if (rv == ORGANIZATIONS_REFUSED) {
        return saas_reply_not_found(rq);
    }
    if (rv == SAAS_EUNIQUE) {
        saas_request_error(rq, "slug", ORGANIZATIONS_SLUG_TAKEN);
        return saas_reply_errors(rq);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, HTTP_OK, organizations_detail_json(rq->pool, it.detail, rq->who->role));
}

/* What POST does not want, PUT does not either: it stays as it is. */
int organizations_replace(saas_request_t *rq)
{
    return change(rq, SAAS_FIELD_REQUIRED);
}

int organizations_update(saas_request_t *rq)
{
    return change(rq, 0);
}
