/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What every request of the server passes, ours or not.
 *
 * Most requests of an existing deployment are none of ours, and for them httpd
 * has to be as fast as without the module.  What costs them is less the work
 * than the cold memory that it is spread over: so there is one function of a
 * hook, they stand side by side in this file, and the first line of each tells
 * whether the request is any business of ours, from what is at hand.
 *
 * A request is, if its section is a mount point (the directory configuration
 * has a mount) or has a gate, or a gate has been asked about it (it has a
 * state).
 */
#include "module.h"
#include "api/api.h"
#include "gate/gate.h"
#include "watch/watch.h"
#include "who/who.h"

SAAS_WARM static const saas_dir_config_t *section(request_rec *r)
{
    return saas_dir_config(r);
}

/* Identity headers that a client sends, or has mod_proxy drop by "Connection". */
SAAS_WARM static int post_read_request(request_rec *r)
{
    /* As apr_is_empty_table() does: a table begins with its array. */
    const apr_array_header_t *headers = (const apr_array_header_t *)r->headers_in;
    const apr_table_entry_t *header = (const apr_table_entry_t *)headers->elts;
    const apr_table_entry_t *end = header + headers->nelts;
    for (; header < end; header++) {
        switch (header->key[0]) {
        case 'C':
        case 'c':
        case 'X':
        case 'x':
            saas_identity_scrub(r);
            return DECLINED;
        default:
            break;
        }
    }
    return DECLINED;
}

SAAS_COLD static int translate(request_rec *r)
{
    return saas_config_verifies(section(r)) ? saas_verify_translate(r) : saas_router_translate(r);
}

SAAS_WARM static int translate_name(request_rec *r)
{
    return section(r)->mount && saas_router_is_mounted(r) ? translate(r) : DECLINED;
}

/* Runs with the server's bare configuration: only the file name says something. */
SAAS_WARM static int map_to_storage(request_rec *r)
{
    return r->filename && r->filename[0] == SAAS_ROUTER_FILENAME[0] ? saas_router_map_to_storage(r) : DECLINED;
}

/* Whose business it is has a name from here on. A page of another origin may come to the API, or to where a gate is. */
SAAS_COLD static int begin_ours(request_rec *r)
{
    const char *methods = NULL;
    saas_request_id_begin(r);
    /* Another proxy would take the answer to a preflight for leave to pass the request on. */
    if (!saas_cors_begin(r) || !saas_cors_is_preflight(r) || saas_config_verifies(section(r))) {
        return DECLINED;
    }
    if (section(r)->api == 1 && saas_router_is_mounted(r) && !(methods = saas_router_methods(r))) {
        return DECLINED;
    }
    return saas_cors_preflight(r, methods);
}

SAAS_WARM static int header_parser(request_rec *r)
{
    const saas_dir_config_t *conf = section(r);
    return conf->gated > 0 || conf->api == 1 ? begin_ours(r) : DECLINED;
}

/* Access has been granted before anybody was authenticated: past a negated gate, or by one that knows who it is? */
SAAS_WARM static int force_authn(request_rec *r)
{
    const saas_state_t *state = saas_state_find(r);
    return state && (state->log_in_first || state->let_in) ? saas_first_pass_ends(r) : DECLINED;
}

SAAS_WARM static int fixups(request_rec *r)
{
    const saas_dir_config_t *conf = section(r);
    if (conf->mount) {
        saas_router_claim(r);
    }
    return conf->gated > 0 || saas_state_find(r) || r->main || r->prev ? saas_gates_fixups(r) : DECLINED;
}

/* r->handler may have been set anew since it was claimed (SetHandler, a file's extension): the section decides. */
SAAS_COLD static int serve(request_rec *r)
{
    return section(r)->api == 1 ? saas_router_serve(r) : saas_config_verifies(section(r)) ? saas_verify_serve(r) : saas_status_serve(r);
}

SAAS_WARM static int handler(request_rec *r)
{
    return section(r)->mount && saas_router_is_mounted(r) ? serve(r) : DECLINED;
}

/* Before the modules that log. */
SAAS_WARM static int log_transaction(request_rec *r)
{
    if (saas_state_find(r) || r->next) {
        saas_verdicts_log(r);
        saas_identity_log(r);
    }
    return DECLINED;
}

void saas_request_hooks(void)
{
    static const char *const before_handlers[] = { "mod_proxy.c", "mod_alias.c", "mod_userdir.c", NULL };
    static const char *const after_proxy[] = { "mod_proxy.c", NULL };
    ap_hook_post_read_request(post_read_request, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_translate_name(translate_name, NULL, before_handlers, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_header_parser(header_parser, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_force_authn(force_authn, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handler, after_proxy, NULL, APR_HOOK_FIRST);
    ap_hook_log_transaction(log_transaction, NULL, NULL, APR_HOOK_FIRST);
}
