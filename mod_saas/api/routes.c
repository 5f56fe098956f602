/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The routes that there are, each with its path cut into segments and its gates parsed.  Built once in pre_config, read
 * only while requests are served.
 */
#include "api.h"

#include <apr_strings.h>

static apr_array_header_t *routes;

void saas_routes_begin(apr_pool_t *p)
{
    routes = apr_array_make(p, 64, sizeof(saas_mounted_route_t *));
}

const apr_array_header_t *saas_routes(void)
{
    return routes;
}

/* Cuts "/audits/{audit}/" into segments; parameters keep their opening brace. */
static const char *cut_path(apr_pool_t *p, saas_mounted_route_t *mounted)
{
    const char *path = mounted->route->path;
    const char *c, *end;
    apr_size_t len = strlen(path);
    if (len < 2 || path[0] != '/' || path[len - 1] != '/') {
        return "must begin and end with '/'";
    }
    for (c = path + 1; *c; c = end + 1) {
        end = ap_strchr_c(c, '/');
        if (end == c || mounted->nsegments == SAAS_ROUTE_SEGMENTS) {
            return "has an empty segment, or too many";
        }
        if (*c == '{' && end[-1] != '}') {
            return "has a parameter without its closing brace";
        }
        mounted->segments[mounted->nsegments++] = apr_pstrmemdup(p, c, (apr_size_t)(end - c) - (*c == '{'));
    }
    return NULL;
}

static const char *add_route(apr_pool_t *p, const char *owner, const saas_route_t *route)
{
    saas_mounted_route_t *mounted = apr_pcalloc(p, sizeof(*mounted));
    const char *err;
    int i;
    mounted->route = route;
    mounted->plugin = owner;
    mounted->org_segment = mounted->object_segment = mounted->object = -1;
    err = route->handler && route->method >= SAAS_GET && route->method <= SAAS_DELETE ? cut_path(p, mounted)
                                                                                     : "has no method or handler";
    for (i = 0; !err && i < mounted->nsegments; i++) {
        int object = mounted->segments[i][0] == '{' ? saas_objects_find(mounted->segments[i] + 1) : -1;
        if (!strcmp(mounted->segments[i], "{org")) {
            mounted->org_segment = i;
        }
        else if (object >= 0) {
            mounted->object_segment = i;
            mounted->object = object;
        }
    }
    for (i = 0; !err && i < SAAS_GATES_MAX && route->gates[i]; i++) {
        err = saas_gate_parse(p, NULL, route->gates[i], &mounted->gates[mounted->ngates++]);
        mounted->wants_organization |= strcmp(route->gates[i], saas_is_user) && strcmp(route->gates[i], saas_is_account)
                                        && strcmp(route->gates[i], saas_is_verified);
    }
    for (i = 0; !err && i < routes->nelts; i++) {
        const saas_route_t *other = APR_ARRAY_IDX(routes, i, saas_mounted_route_t *)->route;
        if (other->method == route->method && !strcmp(other->path, route->path)) {
            err = "is there already";
        }
    }
    if (err) {
        return apr_psprintf(p, "%s: route %s %s", owner, route->path, err);
    }
    *(saas_mounted_route_t **)apr_array_push(routes) = mounted;
    return NULL;
}

const char *saas_routes_add(apr_pool_t *p, const char *owner, const saas_route_t *list)
{
    const saas_route_t *route;
    const char *err = NULL;
    for (route = list; !err && route && route->path; route++) {
        err = add_route(p, owner, route);
    }
    return err;
}
