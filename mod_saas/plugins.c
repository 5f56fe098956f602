/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Finds the plugins among httpd's providers, checks what they declare and
 * keeps it.  Runs in pre_config: by then every LoadModule has been executed,
 * in whatever order, and no Require line has been read yet, so a plugin's
 * gates can be registered for them.  A table that is wrong refuses the start
 * with the plugin's name, the entry and what to change.
 */
#include "plugins.h"

#include <stddef.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

static apr_array_header_t *plugins;
static apr_array_header_t *routes;
static apr_array_header_t *objects;
static apr_hash_t *gates;
static apr_array_header_t *gate_list;
static int statement_count;

const apr_array_header_t *saas_plugins(void)
{
    return plugins;
}

const apr_array_header_t *saas_routes(void)
{
    return routes;
}

const apr_array_header_t *saas_objects(void)
{
    return objects;
}

int saas_statements_count(void)
{
    return statement_count;
}

const saas_gate_t *saas_gate_find(const char *name)
{
    return apr_hash_get(gates, name, APR_HASH_KEY_STRING);
}

SAAS_WARM int saas_gates_count(void)
{
    return gate_list->nelts;
}

const saas_gate_t *saas_gate_at(int number)
{
    return APR_ARRAY_IDX(gate_list, number, const saas_gate_t *);
}

int saas_gate_number(const saas_gate_t *gate)
{
    int i;
    for (i = 0; i < gate_list->nelts && saas_gate_at(i) != gate; i++) {
    }
    return i;
}

/* True when text has $1 outside string literals. */
static int binds_organization(const char *text)
{
    int quoted = 0;
    for (; *text; text++) {
        if (*text == '\'') {
            quoted = !quoted;
        }
        else if (!quoted && text[0] == '$' && text[1] == '1' && !apr_isdigit(text[2])) {
            return 1;
        }
    }
    return 0;
}

const char *saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list)
{
    saas_statement_t *st;
    for (st = list; st && st->name; st++) {
        if ((st->scope != SAAS_TENANT && st->scope != SAAS_SYSTEM) || !st->sql) {
            return apr_psprintf(p, "%s: statement %s has no scope or no text", owner, st->name);
        }
        if (st->scope == SAAS_TENANT
            && (!binds_organization(st->sql) || (st->sqlite && !binds_organization(st->sqlite)))) {
            return apr_psprintf(p, "%s: statement %s is SAAS_TENANT but does not use $1, the organization", owner,
                                st->name);
        }
        st->number = statement_count++;
    }
    return NULL;
}

static const char *add_gates(apr_pool_t *p, const char *owner, const saas_gate_t *list)
{
    const saas_gate_t *gate;
    for (gate = list; gate && gate->name; gate++) {
        if (!gate->decide) {
            return apr_psprintf(p, "%s: gate %s has no function", owner, gate->name);
        }
        if (saas_gate_find(gate->name)) {
            return apr_psprintf(p, "%s: there is a gate \"saas-%s\" already; rename it", owner, gate->name);
        }
        apr_hash_set(gates, gate->name, APR_HASH_KEY_STRING, gate);
        APR_ARRAY_PUSH(gate_list, const saas_gate_t *) = gate;
    }
    return NULL;
}

static const char *add_objects(apr_pool_t *p, const char *owner, const saas_object_t *list)
{
    const saas_object_t *object;
    const char *c;
    for (object = list; object && object->parameter; object++) {
        for (c = object->table; *c && (apr_islower(*c) || *c == '_'); c++) {
        }
        if (*c || c == object->table) {
            return apr_psprintf(p, "%s: object %s: \"%s\" is no table name ([a-z_]+)", owner, object->parameter,
                                object->table);
        }
        *(const saas_object_t **)apr_array_push(objects) = object;
    }
    return NULL;
}

static int find_object(const char *parameter)
{
    int i;
    for (i = 0; i < objects->nelts; i++) {
        if (!strcmp(APR_ARRAY_IDX(objects, i, const saas_object_t *)->parameter, parameter)) {
            return i;
        }
    }
    return -1;
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
        int object = mounted->segments[i][0] == '{' ? find_object(mounted->segments[i] + 1) : -1;
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
        mounted->wants_organization |= strcmp(route->gates[i], saas_is_user) != 0;
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

static const char *add_routes(apr_pool_t *p, const saas_plugin_t *plugin)
{
    const saas_route_t *route;
    const char *err = NULL;
    for (route = plugin->routes; !err && route && route->path; route++) {
        err = add_route(p, plugin->name, route);
    }
    return err;
}

/* A plugin built for another layout is under the same group with another
 * version: say so, for httpd itself would only find nothing. */
static const char *find_foreign(apr_pool_t *p, apr_pool_t *ptemp)
{
    apr_array_header_t *all = ap_list_provider_groups(ptemp);
    int i, j;
    for (i = 0; i < all->nelts; i++) {
        ap_list_provider_groups_t *group = &APR_ARRAY_IDX(all, i, ap_list_provider_groups_t);
        apr_array_header_t *names;
        if ((strcmp(group->provider_group, SAAS_PLUGIN_GROUP) && strcmp(group->provider_group, SAAS_ENGINE_GROUP))
            || !strcmp(group->provider_version, SAAS_PLUGIN_ABI)) {
            continue;
        }
        names = ap_list_provider_names(ptemp, group->provider_group, group->provider_version);
        for (j = 0; j < names->nelts; j++) {
            return apr_psprintf(p, "plugin \"%s\" was built for ABI %s, this mod_saas speaks %s: rebuild it against "
                                "this mod_saas.h", APR_ARRAY_IDX(names, j, ap_list_provider_names_t).provider_name,
                                group->provider_version, SAAS_PLUGIN_ABI);
        }
    }
    return NULL;
}

/* What minor 0 had; a member after it is read only of a table that has it. */
#define TABLE_SHORTEST offsetof(saas_plugin_t, openapi)

#define HAS(plugin, member) ((plugin)->size >= offsetof(saas_plugin_t, member) + sizeof((plugin)->member))

const char *saas_plugin_openapi(const saas_plugin_t *plugin)
{
    return HAS(plugin, openapi) ? plugin->openapi : NULL;
}

saas_counter_t *saas_plugin_counters(const saas_plugin_t *plugin)
{
    return HAS(plugin, counters) ? plugin->counters : NULL;
}

static const char *check_table(apr_pool_t *p, const saas_plugin_t *plugin)
{
    if (plugin->size > sizeof(*plugin) || plugin->minor > SAAS_PLUGIN_MINOR) {
        return apr_psprintf(p, "plugin \"%s\" was built for a newer mod_saas (minor %u, this one has %u): update "
                            "mod_saas, or rebuild the plugin", plugin->name, plugin->minor, SAAS_PLUGIN_MINOR);
    }
    if (plugin->size < TABLE_SHORTEST) {
        return apr_psprintf(p, "plugin \"%s\" has a table of %u bytes where ABI %s has %lu: use SAAS_PLUGIN_INIT",
                            plugin->name, plugin->size, SAAS_PLUGIN_ABI, (unsigned long)TABLE_SHORTEST);
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const saas_plugin_t *const *)a)->name, (*(const saas_plugin_t *const *)b)->name);
}

const char *saas_plugins_load(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    apr_array_header_t *names;
    const char *err;
    int i;
    (void)s;

    plugins = apr_array_make(pconf, 8, sizeof(const saas_plugin_t *));
    routes = apr_array_make(pconf, 64, sizeof(saas_mounted_route_t *));
    objects = apr_array_make(pconf, 8, sizeof(const saas_object_t *));
    gates = apr_hash_make(pconf);
    gate_list = apr_array_make(pconf, 8, sizeof(const saas_gate_t *));
    statement_count = 0;

    if ((err = find_foreign(pconf, ptemp)) || (err = add_gates(pconf, "mod_saas", saas_host_gates))) {
        return err;
    }
    names = ap_list_provider_names(ptemp, SAAS_PLUGIN_GROUP, SAAS_PLUGIN_ABI);
    for (i = 0; i < names->nelts; i++) {
        const saas_plugin_t *plugin = ap_lookup_provider(
            SAAS_PLUGIN_GROUP, APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name, SAAS_PLUGIN_ABI);
        if ((err = check_table(pconf, plugin))) {
            return err;
        }
        *(const saas_plugin_t **)apr_array_push(plugins) = plugin;
    }
    /* The same order in every process and after every restart. */
    qsort(plugins->elts, (size_t)plugins->nelts, sizeof(const saas_plugin_t *), by_name);

    for (i = 0; i < plugins->nelts; i++) {
        const saas_plugin_t *plugin = APR_ARRAY_IDX(plugins, i, const saas_plugin_t *);
        if ((err = saas_statements_register(pconf, plugin->name, plugin->statements))
            || (err = add_gates(pconf, plugin->name, plugin->gates))
            || (err = add_objects(pconf, plugin->name, plugin->objects))) {
            return err;
        }
    }
    /* Routes last: they may name any plugin's gates and objects. */
    for (i = 0; i < plugins->nelts; i++) {
        if ((err = add_routes(pconf, APR_ARRAY_IDX(plugins, i, const saas_plugin_t *)))) {
            return err;
        }
    }
    return NULL;
}

const char *saas_plugins_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    int i;
    for (i = 0; i < plugins->nelts; i++) {
        const saas_plugin_t *plugin = APR_ARRAY_IDX(plugins, i, const saas_plugin_t *);
        const char *err = plugin->check_config ? plugin->check_config(pconf, ptemp, s) : NULL;
        if (err) {
            return apr_psprintf(pconf, "%s: %s", plugin->name, err);
        }
    }
    return NULL;
}
