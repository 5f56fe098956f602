/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The directives of the accounts plugin.  SaasFrontendURL and
 * SaasInviteAnyEmail are another plugin's too: httpd calls every module that knows a directive.
 */

#include "accounts.h"

#include <apr_strings.h>

#define DEFAULT_RESET_PATH "/reset-password?token={token}"

typedef struct accounts_config_t {
    const char *reset_url; /* with {token} in it */
    const char *frontend;  /* without a slash at its end */
    int any_email;         /* -1: not said */
} accounts_config_t;

void *accounts_config_create(apr_pool_t *p, server_rec *s)
{
    accounts_config_t *conf = apr_pcalloc(p, sizeof(*conf));

    (void)s;
    conf->any_email = -1;
    return conf;
}

void *accounts_config_merge(apr_pool_t *p, void *basev, void *addv)
{
    const accounts_config_t *base = basev, *add = addv;
    accounts_config_t *conf = apr_pcalloc(p, sizeof(*conf));

    conf->reset_url = add->reset_url ? add->reset_url : base->reset_url;
    conf->frontend = add->frontend ? add->frontend : base->frontend;
    conf->any_email = add->any_email >= 0 ? add->any_email : base->any_email;
    return conf;
}

static accounts_config_t *config_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_accounts_module);
}

int accounts_any_email(const server_rec *s)
{
    return config_of(s)->any_email == 1;
}

const char *accounts_reset_url(const request_rec *r)
{
    const accounts_config_t *conf = config_of(r->server);

    /* The directive wins over the default, wherever each was written. */
    return conf->reset_url || !conf->frontend ? conf->reset_url
                                              : apr_pstrcat(r->pool, conf->frontend, DEFAULT_RESET_PATH, NULL);
}

static int is_web_url(const char *text)
{
    const unsigned char *c;
    if (strncmp(text, "https://", 8) && strncmp(text, "http://", 7)) {
        return 0;
    }
    for (c = (const unsigned char *)text; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f || *c == '"' || *c == '<' || *c == '>') {
            return 0;
        }
    }
    return 1;
}

static const char *set_reset_url(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *at = strstr(arg, "{token}");
    (void)dir;
    if (!is_web_url(arg) || !at || strstr(at + 1, "{token}")) {
        return apr_psprintf(cmd->pool, "SaasPasswordResetURL: \"%s\" is not an http:// or https:// URL with one {token} in it", arg);
    }
    config_of(cmd->server)->reset_url = arg;
    return NULL;
}

static const char *set_frontend(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_size_t len = strlen(arg);
    (void)dir;
    if (!is_web_url(arg) || strpbrk(arg, "?#")) {
        return apr_psprintf(cmd->pool, "SaasFrontendURL: \"%s\" is not an http:// or https:// URL without query and fragment", arg);
    }
    while (len && arg[len - 1] == '/') {
        len--;
    }
    config_of(cmd->server)->frontend = apr_pstrmemdup(cmd->pool, arg, len);
    return NULL;
}

static const char *set_any_email(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    config_of(cmd->server)->any_email = on;
    return NULL;
}

const command_rec accounts_directives[] = {
    AP_INIT_FLAG("SaasInviteAnyEmail", set_any_email, NULL, RSRC_CONF,
                 "whether an invite may be accepted with another e-mail address (default Off)"),
    AP_INIT_TAKE1("SaasPasswordResetURL", set_reset_url, NULL, RSRC_CONF,
                  "page of the product where a new password is set, with {token} in it"),
    AP_INIT_TAKE1("SaasFrontendURL", set_frontend, NULL, RSRC_CONF, "URL of the product's own pages"),
    { NULL }
};
