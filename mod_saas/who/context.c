/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The context of a request, which gates and handlers read: who calls, for
 * which organization.  It is loaded once; a subrequest or an internal redirect
 * finds that of the request it came from, and takes it over where it means the
 * same caller and organization.
 */
#include "tenant.h"
#include "claims.h"

#include <apr_strings.h>

static apr_size_t gates; /* bytes that a state ends in */

void saas_state_reserve(int count)
{
    gates = (apr_size_t)count;
}

SAAS_WARM saas_state_t *saas_state_get(request_rec *r)
{
    saas_state_t *state = saas_state_find(r);
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof(*state) + gates);
        ap_set_module_config(r->request_config, &saas_module, state);
    }
    return state;
}

SAAS_WARM saas_context_t *saas_context_own(request_rec *r)
{
    const saas_state_t *state = saas_state_find(r);
    return state ? state->ctx : NULL;
}

SAAS_WARM saas_context_t *saas_context_get(request_rec *r)
{
    for (; r; r = r->prev ? r->prev : r->main) {
        saas_context_t *ctx = saas_context_own(r);
        if (ctx) {
            return ctx;
        }
    }
    return NULL;
}

static int same_credential(const saas_credential_t *a, const saas_credential_t *b)
{
    return a->by == b->by && a->hash && b->hash && !strcmp(saas_credential_key(a), saas_credential_key(b));
}

static int same_selector(const saas_selector_t *a, const saas_selector_t *b)
{
    return a->choice == b->choice && a->object == b->object
           && (a->value == b->value || (a->value && b->value && !strcmp(a->value, b->value)));
}

int saas_context_same(const saas_context_t *ctx, const saas_credential_t *credential, const saas_selector_t *selector)
{
    return same_selector(&ctx->selector, selector) && same_credential(&ctx->credential, credential);
}

int saas_context_ours(request_rec *r)
{
    const char *type = ap_auth_type(r);
    return type && !strcasecmp(type, SAAS_AUTH_TYPE);
}

SAAS_WARM saas_context_t *saas_context_begin(request_rec *r)
{
    saas_state_t *state = saas_state_get(r);
    if (!state->begun) {
        saas_context_t *ctx = apr_pcalloc(r->pool, sizeof(*ctx));
        saas_credential_find(r, &ctx->credential);
        saas_selector_find(r, &ctx->selector);
        ctx->cross_site = ctx->credential.cross_site;
        ctx->loaded = SAAS_NO_USER;
        state->begun = ctx;
    }
    return state->begun;
}

SAAS_WARM int saas_context_recall(request_rec *r, saas_context_t *ctx)
{
    if (ctx->credential.by == SAAS_BY_NOTHING || ctx->credential.malformed
        || !saas_tenant_recall(r, &ctx->credential, &ctx->selector, ctx)) {
        return 0;
    }
    if (ctx->touch_token) {
        saas_tenant_touch(r, ctx->who.credential_id);
    }
    return 1;
}

/* Two users may have claimed a mailbox, each by a spelling of their own. */
#define CLAIMS_MAX 2

/* For the owner of an address that somebody had only claimed.  Whoever comes by another module is let in as a user who has
 * proven it, or not at all. */
static void end_claims(request_rec *r, const saas_credential_t *credential, const saas_selector_t *selector,
                       saas_context_t *ctx)
{
    int ended;
    for (ended = 0; ctx->loaded == SAAS_GRANTED && credential->by == SAAS_BY_SERVER && !ctx->who.email_verified; ended++) {
        const char *claimant = ctx->who.user_id;
        memset(&ctx->who, 0, sizeof(ctx->who));
        ctx->several = 0;
        ctx->choices = NULL;
        if (ended < CLAIMS_MAX && saas_claims_end(r, claimant, credential) == APR_SUCCESS) {
            saas_tenant_load(r, credential, selector, ctx);
            if (ctx->who.user_id && strcmp(ctx->who.user_id, claimant)) { /* else it was proven at that moment */
                SAAS_RLOG(r, APLOG_NOTICE, 0, "SAAS1451",
                          "user %s was removed: nobody had proven the address, and its owner has come by another module",
                          claimant);
            }
        }
        else {
            ctx->loaded = SAAS_UNAVAILABLE;
        }
    }
}

saas_context_t *saas_context_load(request_rec *r, const saas_credential_t *credential,
                                  const saas_selector_t *selector)
{
    const saas_dir_config_t *conf = saas_dir_config(r);
    saas_context_t *ctx = saas_context_get(r);
    if (ctx && ctx->loaded == SAAS_GRANTED && saas_context_same(ctx, credential, selector)) {
        saas_state_get(r)->ctx = ctx;
        return ctx;
    }
    ctx = apr_pcalloc(r->pool, sizeof(*ctx));
    ctx->selector = *selector;
    ctx->credential = *credential;
    ctx->cross_site = credential->cross_site;
    if (credential->by == SAAS_BY_NOTHING || credential->malformed) {
        ctx->loaded = SAAS_NO_USER;
        ctx->authentication_failed = credential->malformed;
    }
    else {
        saas_tenant_load(r, credential, selector, ctx);
        /* A user who is locked is there already, and stays nobody. */
        if (ctx->loaded == SAAS_NO_USER && credential->by == SAAS_BY_SERVER && conf->user_create == 1) {
            if (saas_tenant_create_user(r, credential) == APR_SUCCESS) {
                ctx->authentication_failed = 0;
                saas_tenant_load(r, credential, selector, ctx);
            }
            else {
                ctx->loaded = SAAS_UNAVAILABLE;
            }
        }
        end_claims(r, credential, selector, ctx);
    }
    if (ctx->touch_token) {
        saas_tenant_touch(r, ctx->who.credential_id);
    }
    saas_state_get(r)->ctx = ctx;
    return ctx;
}
