/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What a browser is told about pages of other origins (the Fetch standard's CORS protocol), below SaasAPI and in sections
 * with a gate, before anybody is asked who they are.
 *
 * - Every reply of such a section, refusals and streams too, varies with Origin, and says to an allowed origin that its
 *   page may read it with its visitor's credentials.
 * - A preflight from an allowed origin is answered at once: a browser sends none with a credential.
 * - Nothing is ever said to an origin that is not named, nor to "null", and never "*".  Whatever else OPTIONS asks for is
 *   gated as ever.
 */
#include "gate.h"

#include <apr_strings.h>

#define MAX_AGE "600"

/* What a frontend sends: harmless by itself, since the request is judged by what is in it. */
static const char *const known_headers[] = {
    "accept", "accept-language", "authorization", "cache-control", "content-language", "content-type", "idempotency-key",
    "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "pragma", "prefer", "range", "traceparent",
    "x-organization-id", "x-request-id", "x-requested-with", NULL
};
#define EXPOSED "Content-Disposition, ETag, Link, Location, Retry-After, X-Request-ID"

static int is_allowed_header(const saas_dir_config_t *conf, const char *name)
{
    int i;
    for (i = 0; known_headers[i]; i++) {
        if (!strcasecmp(known_headers[i], name)) {
            return 1;
        }
    }
    for (i = 0; i < conf->allow_headers->nelts; i++) {
        if (!strcasecmp(APR_ARRAY_IDX(conf->allow_headers, i, const char *), name)) {
            return 1;
        }
    }
    return 0;
}

/* Those of the headers asked for that may be sent. */
static const char *allowed_headers(request_rec *r, const char *asked)
{
    char *rest = apr_pstrdup(r->pool, asked), *last, *name;
    const char *allowed = "";
    for (name = apr_strtok(rest, ", \t", &last); name; name = apr_strtok(NULL, ", \t", &last)) {
        if (is_allowed_header(saas_dir_config(r), name)) {
            allowed = apr_pstrcat(r->pool, allowed, *allowed ? ", " : "", name, NULL);
        }
    }
    return *allowed ? allowed : NULL;
}

/* Once: an internal redirect brings the headers of the request that it came from. */
static void vary_with_origin(request_rec *r)
{
    const char *vary = apr_table_get(r->err_headers_out, "Vary");
    if (!vary || !ap_find_token(r->pool, vary, "Origin")) {
        apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    }
}

int saas_cors_begin(request_rec *r)
{
    const char *origin;
    if (!saas_origin_any(r)) {
        return 0;
    }
    vary_with_origin(r);
    origin = apr_table_get(r->headers_in, "Origin");
    if (!origin || !saas_origin_allowed(r, origin)) {
        return 0;
    }
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Credentials", "true");
    apr_table_setn(r->err_headers_out, "Access-Control-Expose-Headers", EXPOSED);
    return 1;
}

int saas_cors_is_preflight(request_rec *r)
{
    return r->method_number == M_OPTIONS && apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
}

/* It comes back in a header. */
static int is_method(const char *text)
{
    const char *end = ap_scan_http_token(text);
    return !*end && end > text;
}

int saas_cors_preflight(request_rec *r, const char *methods)
{
    const char *headers = apr_table_get(r->headers_in, "Access-Control-Request-Headers");
    if (!methods) {
        methods = apr_table_get(r->headers_in, "Access-Control-Request-Method");
        methods = is_method(methods) ? methods : "GET, HEAD";
    }
    headers = headers ? allowed_headers(r, headers) : NULL;
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Methods", methods);
    if (headers) {
        apr_table_setn(r->err_headers_out, "Access-Control-Allow-Headers", headers);
    }
    apr_table_setn(r->err_headers_out, "Access-Control-Max-Age", MAX_AGE);
    apr_table_unset(r->err_headers_out, "Access-Control-Expose-Headers");
    apr_table_mergen(r->err_headers_out, "Vary", "Access-Control-Request-Method, Access-Control-Request-Headers");
    return HTTP_NO_CONTENT;
}
