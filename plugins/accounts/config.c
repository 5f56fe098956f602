/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The directives of the accounts plugin, and what they come to.
 */

#include "accounts.h"

#include <apr_strings.h>

#define DEFAULT_RESET_PATH "/reset-password?token={token}"

static const char *check_reset_url(apr_pool_t *p, const char *arg, const char **value)
{
    const char *at = strstr(arg, "{token}");
    return !at || strstr(at + 1, "{token}") || saas_check_web_page(p, arg, value)
               ? apr_psprintf(p, "\"%s\" is not an http:// or https:// URL with one {token} in it", arg)
               : NULL;
}

SAAS_DIRECTIVES_DEFINE(accounts_config, saas_accounts_module, ACCOUNTS_DIRECTIVES)

const char *accounts_reset_url(const request_rec *r)
{
    const char *url = accounts_config_reset_url(r->server), *frontend = accounts_config_frontend(r->server);

    /* The directive wins over the default, wherever each was written. */
    return url || !frontend ? url : apr_pstrcat(r->pool, frontend, DEFAULT_RESET_PATH, NULL);
}
