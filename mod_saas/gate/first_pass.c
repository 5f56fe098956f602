/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Granting the first time that httpd asks.
 *
 * httpd asks the Require lines before it authenticates; when they say that they need a user, it has the request
 * authenticated and asks them again.  When the caller's principal is in memory, a gate knows its answer the first
 * time, and gives it then, where nothing but the time it takes can tell the difference:
 *
 *  - It only ever grants.  Whoever is refused, in doubt, or not in memory, goes the whole way, and so does a request
 *    of which any gate that was asked has not granted.
 *  - In its section nobody is let in without being known (sections.c): else it would depend on what is in memory
 *    whether somebody whom another line lets in has a name.
 *  - AuthType says Saas in a word, and its arguments are words: expressions may want the user.
 *  - No other module has a say in what is left out, check_authn and check_authz; one that judges users by paths does.
 */
#include "first_pass.h"
#include "sections.h"
#include "verdicts.h"

#include <apr_strings.h>
#include <http_request.h>

static int enabled;

/* --------------------------------------------------------------- start -- */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* httpd's own modules, and mod_auth_openidc, do nothing there for AuthType Saas: mod_ssl but under Satisfy Any. */
static const char *const authn[] = { "mod_saas.c", "mod_authn_core.c", "mod_auth_basic.c", "mod_auth_digest.c",
                                     "mod_auth_form.c", "mod_auth_openidc.c", "mod_ssl.c" };
static const char *const authz[] = { "mod_saas.c", "mod_authz_core.c", "mod_ssl.c" };

static int is_known(const char *module, const char *const *known, int n)
{
    int i;
    for (i = 0; i < n && module && strcmp(module, known[i]); i++) {
    }
    return module && i < n;
}

/* A module that has a say once there is a user, or NULL. */
static const char *find_stranger(void)
{
    const apr_array_header_t *hooks;
    int i;
    if ((hooks = ap_hook_get_check_user_id())) {
        for (i = 0; i < hooks->nelts; i++) {
            const char *module = APR_ARRAY_IDX(hooks, i, ap_LINK_check_user_id_t).szName;
            if (!is_known(module, authn, COUNT(authn))) {
                return module ? module : "a module";
            }
        }
    }
    if ((hooks = ap_hook_get_auth_checker())) {
        for (i = 0; i < hooks->nelts; i++) {
            const char *module = APR_ARRAY_IDX(hooks, i, ap_LINK_auth_checker_t).szName;
            if (!is_known(module, authz, COUNT(authz))) {
                return module ? module : "a module";
            }
        }
    }
    return NULL;
}

void saas_first_pass_post_config(server_rec *s)
{
    const char *stranger = find_stranger();
    enabled = 0;
    if (stranger) {
        SAAS_LOG(s, APLOG_INFO, 0, "SAAS1307",
                 "gates are asked twice for each request, because %s may have a say in check_authn or check_authz",
                 stranger);
    }
    else if (saas_sections_have("AuthMerging", "Or")) {
        SAAS_LOG(s, APLOG_INFO, 0, "SAAS1307",
                 "gates are asked twice for each request, because of AuthMerging Or");
    }
    else {
        enabled = 1;
    }
}

/* ------------------------------------------------------------- request -- */

SAAS_WARM int saas_first_pass_grants(request_rec *r, const saas_gate_use_t *use)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    saas_state_t *state;
    if (!enabled || !use->needs_user || use->expressions) {
        return 0;
    }
    state = saas_state_get(r);
    if (!state->looked) {
        state->looked = 1;
        if (conf->auth_type_saas == 1 && !saas_context_begin(r)->cross_site) {
            saas_context_recall(r, state->begun);
        }
    }
    if (!state->begun || state->begun->loaded != SAAS_GRANTED
        || saas_gate_decide(r, state->begun, use, NULL) != SAAS_GRANTED) {
        return 0;
    }
    saas_verdicts_noted(r, use, SAAS_GRANTED);
    state->let_in = 1;
    return 1;
}

SAAS_WARM int saas_first_pass_ends(request_rec *r)
{
    saas_state_t *state = saas_state_find(r);
    if (state->undecided || ap_satisfies(r) == SATISFY_ANY) {
        return OK;
    }
    state->ctx = state->begun;
    r->user = apr_pstrdup(r->pool, state->ctx->who.email);
    r->ap_auth_type = SAAS_AUTH_TYPE;
    saas_verdicts_settle(r, state->ctx, 1);
    return DECLINED;
}
