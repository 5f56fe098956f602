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
    return !ap_strstr_c(arg, SAAS_LINK_TOKEN)
               ? "the URL has no " SAAS_LINK_TOKEN ", where the invite's token is to stand"
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

static const saas_link_t links[] = {
    { .name = ORGANIZATIONS_INVITE_LINK, .make = organizations_invite_link },
    { .name = NULL }
};

static const saas_limit_t limits[] = {
    { .name = ORGANIZATIONS_LIMIT_MEMBERS, .kind = SAAS_LIMIT_HELD,
      .held = "SELECT count(*) FROM memberships m WHERE m.org_id = $1",
      .promised = "SELECT count(*) FROM invites i WHERE i.org_id = $1 AND i.state = 'pending' AND i.expires_at > now()" },
    { .name = NULL }
};

static int says_name(const ap_directive_t *lines)
{
    for (; lines; lines = lines->next) {
        if (!strcasecmp(lines->directive, "ServerName")) {
            return 1;
        }
    }
    return 0;
}

/* Does the configuration say the server's name?  Without it httpd guesses one. */
static int has_name(const server_rec *s)
{
    const ap_directive_t *line;
    if (!s->is_virtual) {
        return says_name(ap_conftree);
    }
    for (line = ap_conftree; line; line = line->next) {
        if ((unsigned)line->line_num == s->defn_line_number && !strcmp(line->filename, s->defn_name)) {
            return says_name(line->first_child);
        }
    }
    return 0;
}

/* Invites that are mailed need a name that no client has said. */
static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    const server_rec *s;
    (void)pconf, (void)ptemp;
    if (!organizations_config_relay(main_server)) {
        return NULL;
    }
    for (s = main_server; s; s = s->next) {
        if (!organizations_config_invite_url(s) && !organizations_config_frontend(s) && !has_name(s)) {
            SAAS_LOG(s, APLOG_WARNING, 0, "SAAS2107",
                     "SaasMailRelay is set and this server has no name of which links in mails could be made: set "
                     "SaasInviteURL, SaasFrontendURL or ServerName");
        }
    }
    return NULL;
}

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("organizations"),
    .openapi = saas_openapi_text,
    .statements = organizations_statements,
    .routes = routes,
    .jobs = jobs,
    .links = links,
    .limits = limits,
    .check_config = check_config,
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
