/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Finds the plugins among httpd's providers, checks their tables and hands
 * what they declare to the rooms that it belongs to.  Runs in pre_config: by then every LoadModule has been executed,
 * in whatever order, and no Require line has been read yet, so a plugin's
 * gates can be registered for them.  A table that is wrong refuses the start
 * with the plugin's name, the entry and what to change.
 */
#include "module.h"
#include "api/api.h"
#include "count/count.h"
#include "db/db.h"
#include "gate/gate.h"
#include "who/who.h"
#include "work/work.h"

#include <stddef.h>

#include <apr_strings.h>

static apr_array_header_t *plugins;

static const saas_plugin_t *plugin_at(int i)
{
    return APR_ARRAY_IDX(plugins, i, const saas_plugin_t *);
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

/* What minor 0 had of an engine. */
#define ENGINE_SHORTEST offsetof(saas_engine_t, formats)
#define ENGINE_NAME_MAX 64

static const char *check_engine(apr_pool_t *p, const saas_engine_t *engine)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    if (engine->size > sizeof(*engine) || engine->minor > SAAS_PLUGIN_MINOR) {
        return apr_psprintf(p, "engine \"%s\" was built for a newer mod_saas (minor %u, this one has %u): update "
                            "mod_saas, or rebuild the engine", engine->name, engine->minor, SAAS_PLUGIN_MINOR);
    }
    if (engine->size < ENGINE_SHORTEST) {
        return apr_psprintf(p, "engine \"%s\" has a table of %u bytes where ABI %s has %lu: use SAAS_ENGINE_INIT",
                            engine->name, engine->size, SAAS_PLUGIN_ABI, (unsigned long)ENGINE_SHORTEST);
    }
    if (*engine->name < 'a' || *engine->name > 'z' || strspn(engine->name, letters) != strlen(engine->name)
        || strlen(engine->name) > ENGINE_NAME_MAX) {
        return apr_psprintf(p, "engine: \"%s\" is no name: [a-z][a-z0-9-]*, %d characters at most", engine->name,
                            ENGINE_NAME_MAX);
    }
    if (!engine->validate || !engine->run) {
        return apr_psprintf(p, "engine \"%s\" has no %s()", engine->name, engine->validate ? "run" : "validate");
    }
    return NULL;
}

/* Engines are the audits plugin's to call, but their tables are of this header. */
static const char *check_engines(apr_pool_t *pconf, apr_pool_t *ptemp)
{
    apr_array_header_t *names = ap_list_provider_names(ptemp, SAAS_ENGINE_GROUP, SAAS_PLUGIN_ABI);
    const char *err = NULL;
    int i;
    for (i = 0; !err && i < names->nelts; i++) {
        err = check_engine(pconf, ap_lookup_provider(SAAS_ENGINE_GROUP, APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name,
                                                     SAAS_PLUGIN_ABI));
    }
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const saas_plugin_t *const *)a)->name, (*(const saas_plugin_t *const *)b)->name);
}

/* Finds all of them; the same order in every process and after every restart. */
static const char *find_plugins(apr_pool_t *pconf, apr_pool_t *ptemp)
{
    apr_array_header_t *names = ap_list_provider_names(ptemp, SAAS_PLUGIN_GROUP, SAAS_PLUGIN_ABI);
    const char *err = find_foreign(pconf, ptemp);
    int i;
    plugins = apr_array_make(pconf, 8, sizeof(const saas_plugin_t *));
    for (i = 0; !err && i < names->nelts; i++) {
        const saas_plugin_t *plugin = ap_lookup_provider(
            SAAS_PLUGIN_GROUP, APR_ARRAY_IDX(names, i, ap_list_provider_names_t).provider_name, SAAS_PLUGIN_ABI);
        err = check_table(pconf, plugin);
        APR_ARRAY_PUSH(plugins, const saas_plugin_t *) = plugin;
    }
    qsort(plugins->elts, (size_t)plugins->nelts, sizeof(const saas_plugin_t *), by_name);
    return err ? err : check_engines(pconf, ptemp);
}

static const char *add_tables(apr_pool_t *pconf, const saas_plugin_t *plugin)
{
    const char *err;
    if ((err = saas_statements_register(pconf, plugin->name, plugin->statements))
        || (err = saas_gates_add(pconf, plugin->name, plugin->gates))) {
        return err;
    }
    saas_jobs_add(plugin->jobs);
    saas_links_add(HAS(plugin, links) ? plugin->links : NULL);
    saas_periodic_add(HAS(plugin, periodic) ? plugin->periodic : NULL);
    saas_claims_add(HAS(plugin, claimed) ? plugin->claimed : NULL);
    if ((err = saas_limits_add(pconf, plugin->name, HAS(plugin, limits) ? plugin->limits : NULL))) {
        return err;
    }
    saas_openapi_add(plugin->name, HAS(plugin, openapi) ? plugin->openapi : NULL);
    return saas_objects_add(pconf, plugin->name, plugin->objects);
}

const char *saas_plugins_load(apr_pool_t *pconf, apr_pool_t *ptemp)
{
    const char *err;
    int i;

    saas_statements_begin(pconf);
    saas_gates_begin(pconf);
    saas_objects_begin(pconf);
    saas_routes_begin(pconf);
    saas_openapi_begin(pconf);
    saas_jobs_begin(pconf);
    saas_links_begin(pconf);
    saas_periodic_begin(pconf);
    saas_claims_begin(pconf);
    saas_limits_begin(pconf);
    err = find_plugins(pconf, ptemp);
    for (i = 0; !err && i < plugins->nelts; i++) {
        err = add_tables(pconf, plugin_at(i));
    }
    /* Routes after them: they may name any plugin's gates and objects. */
    for (i = 0; !err && i < plugins->nelts; i++) {
        err = saas_routes_add(pconf, plugin_at(i)->name, plugin_at(i)->routes);
    }
    return err;
}

const char *saas_plugins_count(apr_pool_t *pconf)
{
    int i, nkinds;
    const char *const *kinds = saas_jobs_names(pconf, &nkinds), *err = NULL;
    saas_counters_load(pconf, saas_gates_names(pconf), saas_gates_count(), kinds, nkinds);
    for (i = 0; !err && i < plugins->nelts; i++) {
        const saas_plugin_t *plugin = plugin_at(i);
        err = saas_counters_add_list(pconf, plugin->name, HAS(plugin, counters) ? plugin->counters : NULL);
        if (!err) {
            err = saas_gauges_add_list(pconf, plugin->name, HAS(plugin, gauges) ? plugin->gauges : NULL);
        }
    }
    return err;
}

const char *saas_plugins_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    int i;
    for (i = 0; i < plugins->nelts; i++) {
        const saas_plugin_t *plugin = plugin_at(i);
        const char *err = plugin->check_config ? plugin->check_config(pconf, ptemp, s) : NULL;
        if (err) {
            return apr_psprintf(pconf, "%s: %s", plugin->name, err);
        }
    }
    return NULL;
}

void saas_plugins_examine(saas_examination_t *e)
{
    int i;
    for (i = 0; i < plugins->nelts; i++) {
        const saas_plugin_t *plugin = plugin_at(i);
        if (HAS(plugin, examine) && plugin->examine) {
            plugin->examine(e);
        }
    }
}
