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

/* ----------------------------------------------------------- directives -- */

typedef struct config_t {
    const char *invite_url; /* with {token}; NULL: the API's own preview */
    int any_email;          /* -1: not said */
} config_t;

static void *create_config(apr_pool_t *p, server_rec *s)
{
    config_t *conf = apr_pcalloc(p, sizeof(*conf));
    (void)s;
    conf->any_email = -1;
    return conf;
}

static void *merge_config(apr_pool_t *p, void *basev, void *addv)
{
    const config_t *base = basev, *add = addv;
    config_t *conf = apr_pcalloc(p, sizeof(*conf));
    conf->invite_url = add->invite_url ? add->invite_url : base->invite_url;
    conf->any_email = add->any_email >= 0 ? add->any_email : base->any_email;
    return conf;
}

static config_t *config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_organizations_module);
}

static const char *set_invite_url(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *c;
    (void)dir;
    for (c = arg; *c > ' ' && *c < 0x7f; c++) {
    }
    if (*c || (strncmp(arg, "https://", 8) && strncmp(arg, "http://", 7))) {
        return apr_psprintf(cmd->pool, "SaasInviteURL: \"%s\" is not an http:// or https:// URL", arg);
    }
    if (!ap_strstr_c(arg, ORGANIZATIONS_TOKEN_MARK)) {
        return "SaasInviteURL: the URL has no " ORGANIZATIONS_TOKEN_MARK ", where the invite's token is to stand";
    }
    config_of(cmd->server)->invite_url = arg;
    return NULL;
}

static const char *set_any_email(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    config_of(cmd->server)->any_email = on;
    return NULL;
}

static const command_rec directives[] = {
    AP_INIT_TAKE1("SaasInviteURL", set_invite_url, NULL, RSRC_CONF,
                  "URL that invited people are sent to; {token} stands for the invite's token"),
    AP_INIT_FLAG("SaasInviteAnyEmail", set_any_email, NULL, RSRC_CONF,
                 "whether an invite may be accepted with another e-mail address (default Off)"),
    { NULL }
};

const char *organizations_invite_url(const server_rec *s)
{
    return config_of(s)->invite_url;
}

int organizations_any_email(const server_rec *s)
{
    return config_of(s)->any_email == 1;
}

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
    .create_server_config = create_config,
    .merge_server_config = merge_config,
    .cmds = directives,
    .register_hooks = register_hooks,
};
