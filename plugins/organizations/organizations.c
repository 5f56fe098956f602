/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The organizations plugin at a glance: directives, routes, the job.  Who is in
 * an organization, who is invited to it, what has happened in it, and its end.
 *
 * It must never write what belongs to billing: subscription_* and stripe_* are
 * shown here and changed elsewhere.
 */

#include "organizations.h"

#include <apr_strings.h>

SAAS_PLUGIN_DEFINE;

static const char *check_invite_url(apr_pool_t *p, const char *arg, const char **value)
{
    return !ap_strstr_c(arg, ORGANIZATIONS_TOKEN_MARK)
               ? "the URL has no " ORGANIZATIONS_TOKEN_MARK ", where the invite's token is to stand"
               : saas_check_web_page(p, arg, value);
}

SAAS_DIRECTIVES_DEFINE(organizations_config, saas_organizations_module, ORGANIZATIONS_DIRECTIVES)

/* --------------------------------------------------------------- plugin -- */

static const saas_route_t routes[] = {
    { SAAS_GET, "/organizations/", organizations_list, SAAS_GATES(saas_is_user) },
    { SAAS_POST, "/organizations/", organizations_create, SAAS_GATES(saas_is_user), .body = SAAS_BODY_JSON },
    { SAAS_GET, "/organizations/{org}/", organizations_detail, SAAS_GATES(saas_is_member) },
    { SAAS_PUT, "/organizations/{org}/", organizations_replace, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { SAAS_PATCH, "/organizations/{org}/", organizations_update, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/organizations/{org}/", organizations_delete, SAAS_GATES(saas_is_admin) },

    { SAAS_GET, "/organizations/{org}/members/", organizations_members, SAAS_GATES(saas_is_member) },
    { SAAS_PATCH, "/organizations/{org}/members/{user}/", organizations_member_update, SAAS_GATES(saas_is_admin),
      .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/organizations/{org}/members/{user}/", organizations_member_remove, SAAS_GATES(saas_is_member) },

    { SAAS_GET, "/organizations/{org}/invites/", organizations_invites, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, "/organizations/{org}/invites/", organizations_invite_create, SAAS_GATES(saas_is_admin),
      .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/organizations/{org}/invites/{invite}/", organizations_invite_revoke, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, "/organizations/{org}/invites/{invite}/resend/", organizations_invite_resend,
      SAAS_GATES(saas_is_admin) },
    { SAAS_GET, "/invites/{token}/", organizations_invite_preview, .body = SAAS_BODY_NONE },
    { SAAS_POST, "/invites/accept/", organizations_invite_accept, .body = SAAS_BODY_JSON,
      .identity = SAAS_IDENTITY_OPTIONAL },

    { SAAS_GET, "/organizations/{org}/activity/", organizations_activity, SAAS_GATES(saas_is_admin) },
    { 0 }
};

static const saas_job_kind_t jobs[] = {
    { .kind = ORGANIZATIONS_PURGE_JOB, .run = organizations_purge_run, .gave_up = organizations_purge_gave_up,
      .max_attempts = ORGANIZATIONS_PURGE_ATTEMPTS, .per_node = 1 },
    { .kind = NULL }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("organizations"),
    .openapi = saas_openapi_text,
    .statements = organizations_statements,
    .routes = routes,
    .jobs = jobs,
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

module AP_MODULE_DECLARE_DATA saas_organizations_module = {
    STANDARD20_MODULE_STUFF,
    .create_server_config = organizations_config_create,
    .merge_server_config = organizations_config_merge,
    .cmds = organizations_config_commands,
    .register_hooks = register_hooks,
};
