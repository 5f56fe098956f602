/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The organizations plugin at a glance: those that the caller is in, new ones,
 * and the page of one.
 *
 * It must never write what belongs to billing: subscription_* and stripe_* are
 * shown here and changed elsewhere.
 */

#include "organizations.h"

SAAS_PLUGIN_DEFINE;

/* Access is a function of time: what has run out is expired, whether or not an event has said so. */
#define SUBSCRIPTION_STATUS \
    "CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'" \
    " ELSE o.subscription_status END"
#define HAS_ACTIVE_SUBSCRIPTION \
    "o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now())"

saas_statement_t organizations_statements[ORGANIZATIONS_STATEMENTS + 1] = {
    /* $2 is the id of the calling token, or NULL: one that is bound to an
     * organization sees no other. */
    [ORGANIZATION_LIST] = { .name = "list", .scope = SAAS_SYSTEM, .sql =
        "SELECT o.id, o.name, o.slug, m.role, t.role, " SUBSCRIPTION_STATUS ", " HAS_ACTIVE_SUBSCRIPTION ","
        " count(*) OVER ()"
        " FROM user_organizations d"
        " JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " JOIN organizations o ON o.id = d.org_id AND o.deleted_at IS NULL"
        " LEFT JOIN tokens t ON t.id = $2::uuid AND t.user_id = d.user_id"
        " WHERE d.user_id = $1::uuid AND (t.organization_id IS NULL OR t.organization_id = d.org_id)"
        " ORDER BY o.name, o.id LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    /* A taken slug gives no row instead of an error, so that the transaction
     * can try another one. */
    [ORGANIZATION_INSERT] = { .name = "insert", .scope = SAAS_TENANT, .sql =
        "INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES ($1, $2, $3, now(), now())"
        " ON CONFLICT (slug) DO NOTHING" },

    [ORGANIZATION_MEMBERSHIP] = { .name = "membership", .scope = SAAS_TENANT, .sql =
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)"
        " VALUES ($1, $2, 'ADMIN', now(), now())" },

    [ORGANIZATION_DETAIL] = { .name = "detail", .scope = SAAS_TENANT, .sql =
        "SELECT o.id, o.name, o.slug, (SELECT count(*) FROM memberships m WHERE m.org_id = $1),"
        " " SUBSCRIPTION_STATUS ", " HAS_ACTIVE_SUBSCRIPTION ", o.subscription_started_at, o.subscription_ends_at,"
        " o.stripe_customer_id, o.stripe_subscription_id, o.stripe_status"
        " FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL" },

    [ORGANIZATION_LOCK] = { .name = "lock", .scope = SAAS_TENANT, .sql =
        "SELECT name, slug FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR UPDATE" },

    [ORGANIZATION_UPDATE] = { .name = "update", .scope = SAAS_TENANT, .sql =
        "UPDATE organizations SET name = $2, slug = $3, updated_at = now() WHERE id = $1" },
};

static const saas_route_t routes[] = {
    { SAAS_GET, "/organizations/", organizations_list, SAAS_GATES(saas_is_user) },
    { SAAS_POST, "/organizations/", organizations_create, SAAS_GATES(saas_is_user), .body = SAAS_BODY_JSON },
    { SAAS_GET, "/organizations/{org}/", organizations_detail, SAAS_GATES(saas_is_member) },
    { SAAS_PUT, "/organizations/{org}/", organizations_replace, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { SAAS_PATCH, "/organizations/{org}/", organizations_update, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { 0 }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("organizations"),
    .openapi = saas_openapi_text,
    .statements = organizations_statements,
    .routes = routes,
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

module AP_MODULE_DECLARE_DATA saas_organizations_module = {
    STANDARD20_MODULE_STUFF,
    .register_hooks = register_hooks,
};
