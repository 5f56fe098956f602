/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * From a path below a mount point to a plugin's route, through the gates.
 *
 * The order is the contract's: no such path 404, OPTIONS, method 405; then who
 * (401), another organization's object (404), role, subscription (403); and
 * only then is the body read and judged (415, 413, 400).
 */
#include "openapi.h"
#include "core/id.h"
#include "db/db.h"

#include <apr_strings.h>

static const struct {
    saas_method_e method;
    const char *name;
} methods[] = {
    { SAAS_GET, "GET" },       { SAAS_POST, "POST" },     { SAAS_PUT, "PUT" },
    { SAAS_PATCH, "PATCH" },   { SAAS_DELETE, "DELETE" },
};
#define N_METHODS ((int)(sizeof(methods) / sizeof(*methods)))

static const saas_dir_config_t *dir_config(request_rec *r)
{
    return saas_dir_config(r);
}

int saas_router_is_mounted(request_rec *r)
{
    const saas_dir_config_t *conf = dir_config(r);
    apr_size_t len;
    if (!conf->mount || (conf->api != 1 && conf->status != 1 && !saas_config_verifies(conf))) {
        return 0;
    }
    len = strlen(conf->mount);
    return !strncmp(r->uri, conf->mount, len) && (r->uri[len] == '/' || !r->uri[len]);
}

/* A mount point is no place in the file system: no Directory section, no
 * DirectorySlash, no MultiViews may have a say in it.  map_to_storage runs with
 * the server's bare configuration, so the file name carries the news there. */
int saas_router_translate(request_rec *r)
{
    if (!saas_router_is_mounted(r)) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, SAAS_ROUTER_FILENAME, r->uri, NULL);
    return OK;
}

int saas_router_map_to_storage(request_rec *r)
{
    return !strncmp(r->filename, SAAS_ROUTER_FILENAME, sizeof(SAAS_ROUTER_FILENAME) - 1) ? OK : DECLINED;
}

void saas_router_claim(request_rec *r)
{
    if (saas_router_is_mounted(r)) {
        r->handler = dir_config(r)->api == 1 ? "saas-api" : saas_config_verifies(dir_config(r)) ? "saas-verify" : "saas-status";
    }
}

/* Cuts a path in place; the number of segments, or -1 for too many. */
static int cut(char *path, const char **segments)
{
    int n = 0;
    char *c = path;
    while (*c == '/') {
        c++;
    }
    while (*c) {
        if (n == SAAS_ROUTE_SEGMENTS) {
            return -1;
        }
        segments[n++] = c;
        c += strcspn(c, "/");
        while (*c == '/') {
            *c++ = '\0';
        }
    }
    return n;
}

static int matches(const saas_mounted_route_t *mounted, const char *const *segments, int n)
{
    int i;
    if (mounted->nsegments != n) {
        return 0;
    }
    for (i = 0; i < n; i++) {
        if (mounted->segments[i][0] != '{' && strcmp(mounted->segments[i], segments[i])) {
            return 0;
        }
    }
    return 1;
}

/* How many segments are literal: of two routes that match, the one with more
 * is meant (audits/start/ before audits/{audit}/). */
static int weight(const saas_mounted_route_t *mounted)
{
    int i, literals = 0;
    for (i = 0; i < mounted->nsegments; i++) {
        literals += mounted->segments[i][0] != '{';
    }
    return literals;
}

static int method_of(const char *name)
{
    int i;
    for (i = 0; i < N_METHODS; i++) {
        if (!strcmp(name, methods[i].name)) {
            return methods[i].method;
        }
    }
    return !strcmp(name, "HEAD") ? SAAS_GET : 0;
}

/* Finds the route; allowed collects the methods of the path. */
static const saas_mounted_route_t *find(const char *const *segments, int n, int method, unsigned *allowed)
{
    const apr_array_header_t *routes = saas_routes();
    const saas_mounted_route_t *found = NULL;
    int i, heaviest = -1;
    *allowed = 0;
    for (i = 0; i < routes->nelts; i++) {
        const saas_mounted_route_t *mounted = APR_ARRAY_IDX(routes, i, saas_mounted_route_t *);
        int w;
        if (!matches(mounted, segments, n) || (w = weight(mounted)) < heaviest) {
            continue;
        }
        if (w > heaviest) {
            heaviest = w;
            *allowed = 0;
            found = NULL;
        }
        *allowed |= 1u << mounted->route->method;
        if ((int)mounted->route->method == method) {
            found = mounted;
        }
    }
    return found;
}

const saas_mounted_route_t *saas_router_find(apr_pool_t *p, const char *path, const char *method, const char **values,
                                             unsigned *allowed)
{
    int n = cut(apr_pstrdup(p, path), values);
    *allowed = 0;
    return n > 0 ? find(values, n, method_of(method), allowed) : NULL;
}

static const char *allow_text(apr_pool_t *p, unsigned allowed)
{
    const char *text = "";
    int i;
    for (i = 0; i < N_METHODS; i++) {
        if (allowed & (1u << methods[i].method)) {
            text = apr_pstrcat(p, text, methods[i].name, ", ", methods[i].method == SAAS_GET ? "HEAD, " : "", NULL);
        }
    }
    return apr_pstrcat(p, text, "OPTIONS", NULL);
}

/* GET and HEAD are sent to the path with its slash. */
static int redirect(saas_call_t *call)
{
    request_rec *r = call->pub.r;
    const char *path = r->uri + strlen(call->mount);
    const char *url = apr_pstrcat(r->pool, saas_request_base_url_impl(&call->pub),
                                  ap_os_escape_path(r->pool, path, 1), "/", r->args ? "?" : "",
                                  r->args ? r->args : "", NULL);
    apr_table_setn(r->headers_out, "Location", url);
    return saas_reply_text(r, HTTP_PERMANENT_REDIRECT, NULL, 0);
}

/* Which organization the request is about. */
static void select_organization(saas_call_t *call, saas_selector_t *selector)
{
    const saas_mounted_route_t *mounted = call->mounted;
    const char *text;
    memset(selector, 0, sizeof(*selector));
    if (!mounted->wants_organization) {
        selector->choice = SAAS_CHOOSE_NOT;
    }
    else if (mounted->org_segment >= 0) {
        saas_selector_from_text(call->pub.pool, call->values[mounted->org_segment], selector);
    }
    else if (mounted->object >= 0) {
        char *id = apr_palloc(call->pub.pool, SAAS_UUID_LEN + 1);
        if (saas_uuid_canonical(id, call->values[mounted->object_segment]) == APR_SUCCESS) {
            selector->choice = SAAS_CHOOSE_OBJECT;
            selector->object = mounted->object;
            selector->value = call->values[mounted->object_segment] = id;
        }
        else {
            selector->choice = SAAS_CHOOSE_NONE;
        }
    }
    else {
        text = apr_table_get(call->pub.r->headers_in, "X-Organization-ID");
        if (!text) {
            text = saas_request_query_impl(&call->pub, "organization");
        }
        saas_selector_from_text(call->pub.pool, text, selector);
    }
}

/* Identity and gates; OK, or DONE when the refusal has been answered. */
static int admit(saas_call_t *call)
{
    request_rec *r = call->pub.r;
    saas_credential_t credential;
    saas_selector_t selector;
    saas_verdict_e worst = SAAS_GRANTED, verdicts[SAAS_GATES_MAX];
    const saas_gate_use_t *by = NULL;
    int i;
    saas_credential_find(r, &credential);
    select_organization(call, &selector);
    call->ctx = saas_context_load(r, &credential, &selector);
    call->pub.who = &call->ctx->who;
    if (call->ctx->loaded == SAAS_GRANTED) {
        r->user = apr_pstrdup(r->pool, call->ctx->who.email);
        saas_identity_export(r, &call->ctx->who);
        if (call->ctx->cross_site) {
            saas_verdicts_route_refused(call->mounted->gates, call->mounted->ngates, SAAS_SAID_CSRF_FAILED);
            saas_why_cross_site(r, call->ctx, call->mounted->plugin, call->mounted->route);
            apr_table_setn(r->notes, SAAS_VERDICT_NOTE, saas_refusal_csrf.code);
            saas_reply_refusal(r, &saas_refusal_csrf);
            return DONE;
        }
    }
    if (!call->mounted->ngates && call->ctx->loaded == SAAS_UNAVAILABLE) {
        worst = SAAS_UNAVAILABLE;
    }
    for (i = 0; i < call->mounted->ngates; i++) {
        saas_verdict_e verdict = verdicts[i] = saas_gate_decide(r, call->ctx, &call->mounted->gates[i], NULL);
        if (verdict != SAAS_GRANTED && (worst == SAAS_GRANTED || verdict < worst)) {
            worst = verdict;
            by = &call->mounted->gates[i];
        }
    }
    saas_verdicts_route(call->mounted->gates, call->mounted->ngates, call->ctx, verdicts);
    if (worst != SAAS_GRANTED) {
        call->ctx->refused_by = by;
        saas_why_route(r, call->ctx, worst, call->mounted->plugin, call->mounted->route, by);
        if (worst != SAAS_UNAVAILABLE && saas_dry_run_is(r)) {
            saas_dry_run_reply(call, worst);
        }
        else {
            saas_reply_verdict_impl(&call->pub, worst);
        }
        return DONE;
    }
    return OK;
}

/* The route is known: gates, body, handler. */
static int serve(saas_call_t *call)
{
    request_rec *r = call->pub.r;
    int status;
    call->pub.route = call->mounted->route;
    if ((call->mounted->ngates || call->pub.route->identity == SAAS_IDENTITY_OPTIONAL) && (status = admit(call)) != OK) {
        return OK;
    }
    if (saas_dry_run_is(r)) {
        return saas_dry_run_reply(call, SAAS_GRANTED);
    }
    status = saas_request_read_body(call);
    if (status == DONE) {
        return OK;
    }
    if (status != OK) {
        return status;
    }
    status = call->pub.route->handler(&call->pub);
    if (saas_db_reclaim()) {
        SAAS_RLOG(r, APLOG_ERR, 0, "SAAS1402",
                  "%s: route %s %s left its database connection borrowed: the plugin must call saas_db_close()",
                  call->mounted->plugin, r->method, call->pub.route->path);
    }
    return status;
}

const char *saas_router_methods(request_rec *r)
{
    const char *rest = r->uri + strlen(dir_config(r)->mount), *values[SAAS_ROUTE_SEGMENTS];
    unsigned allowed;
    if (saas_openapi_is(rest)) {
        return SAAS_OPENAPI_METHODS;
    }
    saas_router_find(r->pool, rest, r->method, values, &allowed);
    return allowed ? allow_text(r->pool, allowed) : NULL;
}

int saas_router_serve(request_rec *r)
{
    static const saas_principal_t nobody;
    saas_call_t *call;
    const char *rest;
    unsigned allowed;
    int slash;
    call = apr_pcalloc(r->pool, sizeof(*call));
    call->pub.r = r;
    call->pub.pool = r->pool;
    call->pub.who = &nobody;
    call->mount = dir_config(r)->mount;
    rest = r->uri + strlen(call->mount);
    slash = *rest && rest[strlen(rest) - 1] == '/';
    if (saas_openapi_is(rest)) {
        return saas_openapi_serve(call);
    }
    call->mounted = saas_router_find(r->pool, rest, r->method, call->values, &allowed);
    if (!allowed) {
        return saas_reply_verdict_impl(&call->pub, SAAS_OUTSIDER);
    }
    if (r->method_number == M_OPTIONS) {
        apr_table_setn(r->headers_out, "Allow", allow_text(r->pool, allowed));
        return saas_reply_text(r, HTTP_NO_CONTENT, NULL, 0);
    }
    if (!call->mounted) {
        apr_table_setn(r->headers_out, "Allow", allow_text(r->pool, allowed));
        return saas_reply_error_impl(&call->pub, HTTP_METHOD_NOT_ALLOWED, "method_not_allowed",
                                     apr_psprintf(r->pool, "Method \"%s\" not allowed.", r->method));
    }
    if (!slash && call->mounted->route->method == SAAS_GET) {
        return redirect(call);
    }
    return saas_request_parse_query(call) == OK ? serve(call) : OK;
}
