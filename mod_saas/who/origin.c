/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Whose pages may call this server for their visitors: those of the origins that the operator has named, in the section or
 * the server, and of the product's own frontend.  One rule for the cookie (credential.c) and for what browsers are told
 * (gate/cors.c).
 */
#include "who.h"
#include "core/origin.h"

int saas_origin_any(request_rec *r)
{
    return saas_dir_config(r)->allow_origin->nelts || saas_config_frontend(r->server);
}

int saas_origin_allowed(request_rec *r, const char *origin)
{
    const apr_array_header_t *allowed = saas_dir_config(r)->allow_origin;
    const char *frontend = saas_config_frontend(r->server), *own;
    int i;
    for (i = 0; i < allowed->nelts; i++) {
        if (saas_origin_matches(APR_ARRAY_IDX(allowed, i, const char *), origin)) {
            return 1;
        }
    }
    own = frontend ? saas_origin_of(r->pool, frontend) : NULL;
    return own && saas_origin_matches(own, origin);
}
