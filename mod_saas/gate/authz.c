/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The gates in httpd.conf: AuthType Saas, the Require providers, and what a
 * refused client is sent.
 *
 * 1. check_authn, for AuthType Saas: credential and organization become the
 *    request's context, with one database statement.  No credential is 401, a
 *    database that does not answer 503; neither ever becomes a grant.
 * 2. mod_authz_core asks the providers, twice: before there is a user, where
 *    they say AUTHZ_DENIED_NO_USER (or already grant: first_pass.c), and after.
 *    They only read the context and note the verdict.
 * 3. mod_authz_core answers a denial with 401 even for a known user.  So the
 *    auth_checker hook is wrapped: ours runs first, runs the hook again
 *    without itself, and turns the denial into the noted verdict's status.
 * 4. refuse.c makes the answer.
 */
#include "cacheable.h"
#include "first_pass.h"
#include "refuse.h"
#include "sections.h"
#include "verdicts.h"

#include <apr_strings.h>

/* ------------------------------------------------------ authentication -- */

/* Loads the context of a gated request; the refusal's status, or OK. */
static int authenticate(request_rec *r)
{
    saas_context_t *ctx = saas_context_begin(r);
    if (ctx->loaded == SAAS_GRANTED) {
        saas_state_get(r)->ctx = ctx;
    }
    else {
        ctx = saas_context_load(r, &ctx->credential, &ctx->selector);
    }
    if (ctx->loaded != SAAS_GRANTED) {
        saas_verdicts_refused(r, saas_verdicts_said(ctx->loaded, ctx));
        saas_why_section(r, ctx, ctx->loaded);
        return saas_refuse(r, ctx->loaded, ctx);
    }
    if (ctx->cross_site) {
        saas_verdicts_refused(r, SAAS_SAID_CSRF_FAILED);
        saas_why_cross_site(r, ctx, NULL, NULL);
        return saas_refuse_with(r, &saas_refusal_csrf, NULL, NULL);
    }
    return OK;
}

static int check_user_id(request_rec *r)
{
    int status;
    if (!saas_context_ours(r)) {
        return DECLINED;
    }
    status = authenticate(r);
    if (status == OK) {
        r->user = apr_pstrdup(r->pool, saas_context_get(r)->who.email);
        r->ap_auth_type = SAAS_AUTH_TYPE;
    }
    return status;
}

/* ap_note_auth_failure(): a user who is known and refused gets no challenge. */
static int note_auth_failure(request_rec *r, const char *auth_type)
{
    saas_context_t *ctx;
    if (strcasecmp(auth_type, SAAS_AUTH_TYPE)) {
        return DECLINED;
    }
    ctx = saas_context_get(r);
    if (!ctx || ctx->loaded != SAAS_GRANTED) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate", "Bearer");
    }
    return OK;
}

/* ------------------------------------------------------- authorization -- */

SAAS_WARM static authz_status check_authorization(request_rec *r, const char *line, const void *parsed)
{
    const saas_gate_use_t *use = parsed;
    saas_context_t *ctx = saas_context_own(r);
    saas_verdict_e verdict;
    int certain;
    (void)line;
    if (!r->user) {
        if (saas_first_pass_grants(r, use)) {
            return AUTHZ_GRANTED;
        }
        saas_verdicts_asked(r, use);
        saas_state_get(r)->undecided = 1;
        if (use->negated) {
            /* "not" makes this neutral, and what stands beside it may grant: nobody is let in before the gate
             * has seen who it is. */
            saas_state_get(r)->log_in_first = 1;
        }
        return AUTHZ_DENIED_NO_USER;
    }
    if (!ctx) {
        /* Another module has authenticated: its user, and no other, is matched to one of ours. */
        saas_credential_t credential;
        saas_selector_t selector;
        saas_credential_outer(r, &credential);
        saas_selector_find(r, &selector);
        ctx = saas_context_load(r, &credential, &selector);
    }
    verdict = saas_gate_decide(r, ctx, use, &certain);
    saas_verdicts_noted(r, use, verdict);
    if (verdict == SAAS_GRANTED) {
        if (use->negated) {
            ctx->turned_by = use;
        }
        return AUTHZ_GRANTED;
    }
    if (ctx->refusal == SAAS_GRANTED || verdict < ctx->refusal) {
        ctx->refusal = verdict;
        ctx->refused_by = use;
    }
    /* Undecided must end the whole tree, or "not" would make it a grant. */
    return verdict == SAAS_UNAVAILABLE || verdict == SAAS_CHOOSE_ORGANIZATION || (use->negated && !certain)
               ? AUTHZ_GENERAL_ERROR
               : AUTHZ_DENIED;
}

/* Is a refusal of this line turned round by what stands around it? */
static int is_negated(const ap_directive_t *container)
{
    for (; container; container = container->parent) {
        if (!strcasecmp(container->directive, "<RequireNone")) {
            return 1;
        }
    }
    return 0;
}

/* "Require [not] saas-role ADMIN": the directive's own text names the gate. */
static const char *parse_require_line(cmd_parms *cmd, const char *line, const void **parsed)
{
    saas_gate_use_t *use = apr_pcalloc(cmd->pool, sizeof(*use));
    const char *args = cmd->directive->args;
    const char *name = ap_getword_conf(cmd->temp_pool, &args);
    const char *err;
    use->line = cmd->directive;
    use->negated = is_negated(cmd->directive->parent);
    if (!strcasecmp(name, "not")) {
        use->negated = 1;
        name = ap_getword_conf(cmd->temp_pool, &args);
    }
    use->needs_user = !use->negated && saas_sections_need_user(cmd->directive);
    err = saas_gate_parse(cmd->pool, cmd, apr_pstrcat(cmd->pool, name, " ", line, NULL), use);
    if (!err && use->expressions) {
        /* The line is mod_authz_core's: our configuration of this section may not have been made yet. */
        saas_dir_config_t *conf
            = ap_set_config_vectors(cmd->server, cmd->context, cmd->path, &saas_module, cmd->pool);
        conf->varies = "yes";
    }
    *parsed = use;
    return err;
}

static const authz_provider require_provider = { check_authorization, parse_require_line };

static int check_access(request_rec *r)
{
    saas_context_t *ctx = saas_context_own(r);
    saas_verdict_e verdict;
    int status;
    if (ctx && ctx->in_authz) {
        return DECLINED;
    }
    if (!ctx && (saas_context_ours(r) || !r->user)) {
        return DECLINED;
    }
    if (ctx) {
        ctx->in_authz = 1;
        ctx->refusal = SAAS_GRANTED;
        ctx->refused_by = ctx->turned_by = NULL;
        status = ap_run_auth_checker(r);
        ctx->in_authz = 0;
    }
    else {
        /* Outer authentication: the providers load the context, if there are any. */
        static const char guard[] = "saas-in-authz";
        if (apr_table_get(r->notes, guard)) {
            return DECLINED;
        }
        apr_table_setn(r->notes, guard, "1");
        status = ap_run_auth_checker(r);
        apr_table_unset(r->notes, guard);
        ctx = saas_context_own(r);
    }
    saas_verdicts_settle(r, ctx, status == OK);
    if (!ctx || status == OK || status == DECLINED) {
        return status;
    }
    verdict = ctx->refusal;
    if (verdict == SAAS_GRANTED) {
        if (status != HTTP_UNAUTHORIZED || ctx->loaded != SAAS_GRANTED) {
            return status;
        }
        /* Another module's Require line refused a user we know. */
        verdict = SAAS_WRONG_ROLE;
    }
    saas_why_section(r, ctx, verdict);
    apr_table_unset(r->err_headers_out, "WWW-Authenticate");
    return saas_refuse(r, verdict, ctx);
}

/* httpd does not ask again for a subrequest or an internal redirect in the same
 * sections.  But the same expressions can mean another organization or another
 * user there: /tenants/acme/ may not show /tenants/other/ by an SSI include. */
static int decide_again(request_rec *r)
{
    const saas_dir_config_t *conf;
    const saas_context_t *before;
    saas_credential_t credential;
    saas_selector_t selector;
    int status = OK;
    if (!r->user || saas_context_own(r) || !(before = saas_context_get(r))) {
        return OK;
    }
    conf = saas_dir_config(r);
    if (!conf->organization && !conf->user && !conf->varies) {
        return OK;
    }
    if (saas_context_ours(r)) {
        const saas_context_t *begun = saas_context_begin(r);
        credential = begun->credential;
        selector = begun->selector;
    }
    else {
        saas_credential_outer(r, &credential);
        saas_selector_find(r, &selector);
    }
    if (!conf->varies && saas_context_same(before, &credential, &selector)) {
        return OK;
    }
    if (saas_context_ours(r)) {
        status = authenticate(r);
    }
    if (status == OK) {
        status = check_access(r);
    }
    return status == DECLINED ? HTTP_INTERNAL_SERVER_ERROR : status;
}

SAAS_WARM int saas_gates_fixups(request_rec *r)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    const saas_context_t *ctx;
    int status;
    if (r->main || r->prev) {
        if ((status = decide_again(r)) != OK) {
            return status;
        }
        /* Headers are shared with the request it came from, whose section may have set some. */
        saas_identity_scrub(r);
    }
    ctx = r->user ? saas_context_get(r) : NULL;
    saas_verdicts_drop(r);
    if (ctx && ctx->loaded == SAAS_GRANTED) {
        saas_identity_export(r, &ctx->who);
        if (conf->identity_headers == 1) {
            saas_identity_headers(r, &ctx->who);
        }
    }
    return saas_cacheable_fixups(r);
}

void saas_gates_register(apr_pool_t *pconf)
{
    int i;
    for (i = 0; i < saas_gates_count(); i++) {
        ap_register_auth_provider(pconf, AUTHZ_PROVIDER_GROUP, apr_pstrcat(pconf, "saas-", saas_gate_at(i)->name, NULL),
                                  AUTHZ_PROVIDER_VERSION, &require_provider, AP_AUTH_INTERNAL_PER_CONF);
    }
    saas_state_reserve(saas_gates_count());
    saas_cacheable_pre_config();
}

void saas_gates_hooks(void)
{
    ap_hook_check_authn(check_user_id, NULL, NULL, APR_HOOK_MIDDLE, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(check_access, NULL, NULL, APR_HOOK_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_note_auth_failure(note_auth_failure, NULL, NULL, APR_HOOK_MIDDLE);
    saas_refuse_hooks();
    saas_cacheable_hooks();
}
