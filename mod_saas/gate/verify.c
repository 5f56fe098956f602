/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * SaasVerify: the verdict of a section's gates, for another proxy that asks before it lets a request of its own pass
 * (nginx auth_request, Traefik forwardAuth, Caddy forward_auth, Envoy ext_authz, HAProxy with Lua).
 *
 * 1. translate_name: only who may ask is heard (SaasVerifyFrom, the address of the connection itself), since what he
 *    says decides: the method and the path that the proxy's own client wanted. They become this request's, the path
 *    below the section, so that Require lines, nested sections, expressions and the rule for cookies on changing
 *    requests mean what they always mean. Who does not say both is refused, for a guess could let something in.
 * 2. The gates decide, as they do before a page.
 * 3. The handler answers a grant with 200 and the identity headers - never with content - and refuse.c a refusal with
 *    what the proxy can take: nginx knows 401, 403 and success, and makes an error of its own of everything else.
 *    X-Saas-Verdict always tells the true one.
 */
#include "refuse.h"
#include "verify.h"

#include <apr_lib.h>
#include <apr_strings.h>

#define FILENAME "saas:verify"
#define URI_VARIABLE "SAAS_ORIGINAL_URI"
#define METHOD_VARIABLE "SAAS_ORIGINAL_METHOD"

/* How each proxy says what it asks about; Envoy sends the method and appends the path. only_known: of all refusals it
 * takes only 401 and 403, and no redirect. */
static const struct {
    const char *method, *uri;
    int only_known;
} proxies[] = {
    [SAAS_VERIFY_NGINX] = { "X-Original-Method", "X-Original-URI", 1 },
    [SAAS_VERIFY_HAPROXY] = { "X-Original-Method", "X-Original-URI", 0 },
    [SAAS_VERIFY_TRAEFIK] = { "X-Forwarded-Method", "X-Forwarded-Uri", 0 },
    [SAAS_VERIFY_CADDY] = { "X-Forwarded-Method", "X-Forwarded-Uri", 0 },
    [SAAS_VERIFY_ENVOY] = { NULL, NULL, 0 },
};

static const saas_dir_config_t *section(request_rec *r)
{
    return saas_dir_config(r);
}

int saas_verify_takes(request_rec *r, int status)
{
    const saas_dir_config_t *conf = section(r);
    return !saas_config_verifies(conf) || !proxies[conf->verify].only_known || status == HTTP_UNAUTHORIZED
           || status == HTTP_FORBIDDEN;
}

/* ----------------------------------------------------- who asks, and what -- */

static int is_here(const conn_rec *c)
{
    apr_ipsubnet_t *subnet;
    return (apr_ipsubnet_create(&subnet, "127.0.0.0", "8", c->pool) == APR_SUCCESS
            && apr_ipsubnet_test(subnet, c->client_addr))
           || (apr_ipsubnet_create(&subnet, "::1", NULL, c->pool) == APR_SUCCESS
               && apr_ipsubnet_test(subnet, c->client_addr));
}

static int is_believed(request_rec *r)
{
    const apr_array_header_t *from = section(r)->verify_from;
    int i;
    for (i = 0; i < from->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(from, i, apr_ipsubnet_t *), r->connection->client_addr)) {
            return 1;
        }
    }
    return !from->nelts && is_here(r->connection);
}

static int refuse(request_rec *r, int status, const char *code, const char *detail)
{
    const saas_refusal_t refusal = { .status = status, .code = code, .detail = detail };
    return saas_refuse_with(r, &refusal, NULL, NULL);
}

/* Of the tokens of RFC 9110, section 5.6.2, those that methods are registered as.  TRACE and CONNECT would be httpd's own to answer. */
static int is_method(const char *text)
{
    const char *c;
    for (c = text; apr_isalpha(*c) || *c == '-' || *c == '_'; c++) {
    }
    return c > text && !*c && strcasecmp(text, "TRACE") && strcasecmp(text, "CONNECT");
}

/* Whether the path of a URI means the same to everybody who reads it: no dot segments, also encoded ones, no slash or
 * backslash that is encoded, nothing that is no text.  To be judged before anything is decoded. */
static int is_plain_path(const char *uri)
{
    const char *c;
    for (c = uri; *c && *c != '?'; c++) {
        if (!apr_isgraph(*c) || *c == '\\' || *c == '#'
            || (*c == '%' && (!strncasecmp(c, "%2f", 3) || !strncasecmp(c, "%5c", 3) || !strncasecmp(c, "%00", 3)))) {
            return 0;
        }
    }
    return *uri == '/';
}

static int has_dot_segment(const char *path)
{
    const char *c;
    for (c = path; (c = ap_strstr_c(c, "/.")); c++) {
        apr_size_t dots = strspn(c + 1, ".");
        if (dots <= 2 && (!c[1 + dots] || c[1 + dots] == '/' || c[1 + dots] == ';')) {
            return 1;
        }
    }
    return 0;
}

/* host[:port] of a Host header (RFC 3986, section 3.2.2, without userinfo). */
static int is_host(const char *text)
{
    const char *c;
    for (c = text; apr_isalnum(*c) || (*c && strchr(".-_:[]", *c)); c++) {
    }
    return c > text && !*c;
}

/* The path below the section, decoded; NULL: it is none that can be judged. */
static const char *path_of(request_rec *r, const char *uri)
{
    char *path;
    if (!is_plain_path(uri)) {
        return NULL;
    }
    path = apr_pstrmemdup(r->pool, uri, strcspn(uri, "?"));
    if (ap_unescape_url(path) != OK || has_dot_segment(path)) {
        return NULL;
    }
    ap_no2slash(path);
    return path;
}

/* Makes the request what the proxy's client has asked for; a status when that cannot be judged. */
static int take_over(request_rec *r, const char *method, const char *uri)
{
    const saas_dir_config_t *conf = section(r);
    const char *path = path_of(r, uri), *query = ap_strchr_c(uri, '?');
    const char *host = apr_table_get(r->headers_in, "X-Forwarded-Host");
    if (!path || !is_method(method) || (host && !is_host(host))) {
        SAAS_RLOG(r, APLOG_INFO, 0, "SAAS1312",
                  "%s: the original request cannot be judged: a method, a host and a path "
                  "without dot segments and encoded slashes are wanted",
                  (const char *)conf->mount);
        return refuse(r, HTTP_BAD_REQUEST, "bad_original_request", "The original request cannot be judged.");
    }
    r->method = apr_pstrdup(r->pool, method);
    r->method_number = ap_method_number_of(method);
    r->uri = apr_pstrcat(r->pool, conf->mount, path, NULL);
    r->unparsed_uri = apr_pstrdup(r->pool, uri);
    r->args = query ? apr_pstrdup(r->pool, query + 1) : NULL;
    apr_table_setn(r->subprocess_env, METHOD_VARIABLE, r->method);
    apr_table_setn(r->subprocess_env, URI_VARIABLE, r->unparsed_uri);
    r->filename = apr_pstrcat(r->pool, FILENAME, r->uri, NULL);
    return OK;
}

int saas_verify_translate(request_rec *r)
{
    const saas_dir_config_t *conf = section(r);
    apr_size_t len = strlen(conf->mount);
    const char *method = r->method, *uri;
    if (!is_believed(r)) {
        SAAS_RLOG(r, APLOG_WARNING, 0, "SAAS1311",
                  "%s: %s may not ask for verdicts; if that is the proxy, name its address "
                  "with SaasVerifyFrom",
                  (const char *)conf->mount, r->connection->client_ip);
        return refuse(r, HTTP_FORBIDDEN, "not_believed", "This address may not ask.");
    }
    if (conf->verify == SAAS_VERIFY_ENVOY) {
        uri = strncmp(r->unparsed_uri, conf->mount, len) ? "" : r->unparsed_uri + len;
        uri = *uri && *uri != '?' ? uri : apr_pstrcat(r->pool, "/", uri, NULL);
    }
    else {
        method = apr_table_get(r->headers_in, proxies[conf->verify].method);
        uri = apr_table_get(r->headers_in, proxies[conf->verify].uri);
        if (!method || !uri) {
            SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1313",
                      "%s: the proxy sends no %s and %s, without which nothing can be judged",
                      (const char *)conf->mount, proxies[conf->verify].method, proxies[conf->verify].uri);
            return refuse(r, HTTP_BAD_REQUEST, "bad_original_request", "The original request is not told.");
        }
    }
    return take_over(r, method, uri);
}

const char *saas_verify_original_url(request_rec *r)
{
    const char *host = apr_table_get(r->headers_in, "X-Forwarded-Host");
    const char *scheme = apr_table_get(r->headers_in, "X-Forwarded-Proto");
    host = host ? host : apr_table_get(r->headers_in, "Host");
    scheme = scheme && !strcasecmp(scheme, "https") ? "https" : scheme ? "http" : ap_http_scheme(r);
    return apr_pstrcat(r->pool, scheme, "://", host && is_host(host) ? host : ap_get_server_name(r), r->unparsed_uri,
                       NULL);
}

/* --------------------------------------------------------------- verdict -- */

int saas_verify_serve(request_rec *r)
{
    const saas_context_t *ctx = saas_context_get(r);
    apr_table_setn(r->headers_out, SAAS_VERDICT_HEADER, "granted");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (ctx && ctx->loaded == SAAS_GRANTED) {
        saas_identity_tell(r->headers_out, &ctx->who);
    }
    ap_set_content_length(r, 0);
    return OK;
}
