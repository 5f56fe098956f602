/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The directives of the accounts plugin, and what they come to.
 */

#include "accounts.h"

#include <apr_strings.h>

#define DEFAULT_RESET_PATH "/reset-password?token={token}"
#define DEFAULT_VERIFY_PATH "/verify-email?token={token}"

static const char *check_reset_url(apr_pool_t *p, const char *arg, const char **value)
{
    const char *at = strstr(arg, "{token}");
    return !at || strstr(at + 1, "{token}") || saas_check_web_page(p, arg, value)
               ? apr_psprintf(p, "\"%s\" is not an http:// or https:// URL with one {token} in it", arg)
               : NULL;
}

SAAS_DIRECTIVES_DEFINE(accounts_config, saas_accounts_module, ACCOUNTS_DIRECTIVES)

/* The directive wins over the default, wherever each was written. */
static const char *page(apr_pool_t *p, const server_rec *s, const char *url, const char *path)
{
    const char *frontend = accounts_config_frontend(s);

    return url || !frontend ? url : apr_pstrcat(p, frontend, path, NULL);
}

const char *accounts_reset_url(const request_rec *r)
{
    return page(r->pool, r->server, accounts_config_reset_url(r->server), DEFAULT_RESET_PATH);
}

const char *accounts_verify_url(const request_rec *r)
{
    return page(r->pool, r->server, accounts_config_verify_url(r->server), DEFAULT_VERIFY_PATH);
}

const char *accounts_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    const server_rec *s;

    for (s = main_server; s; s = s->next) {
        if (accounts_config_verify(s) == ACCOUNTS_VERIFY_REQUIRED
            && (!accounts_config_relay(main_server)
                || !page(ptemp, s, accounts_config_verify_url(s), DEFAULT_VERIFY_PATH))) {
            return apr_psprintf(pconf, "SaasVerifyEmail Required (%s): nobody could prove an address: set SaasMailRelay, and "
                                "SaasVerifyEmailURL or SaasFrontendURL",
                                s->server_hostname ? s->server_hostname : "main server");
        }
    }
    return NULL;
}
