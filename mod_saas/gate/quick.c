/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * mod_cache's quick handler answers before any gate is asked.
 *
 * It has nothing of what a gate lets in (cacheable.c), but for what it has from before: from a version that did not see
 * to that, from before the gate was there, or from a time of SaasCacheControl Off. So a section with a gate that it
 * covers is worth a warning at the start. As mod_cache itself, this goes by the paths of CacheEnable and CacheDisable
 * in the server and its virtual hosts; those in sections do not count there.
 */
#include "sections.h"

#include <apr_strings.h>

/* What a virtual host's requests see: its own directives and those of the main server; own is NULL for the latter's. */
typedef struct view_t {
    const ap_directive_t *own, *main;
    apr_pool_t *p;
} view_t;

static const char *word(apr_pool_t *p, const ap_directive_t *node, int skip)
{
    const char *args = node->args;
    while (skip--) {
        ap_getword_conf(p, &args);
    }
    return ap_getword_conf(p, &args);
}

/* -1: nothing is said. */
static int quick(apr_pool_t *p, const ap_directive_t *node)
{
    int on = -1;
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, "CacheQuickHandler")) {
            on = strcasecmp(word(p, node, 0), "Off") != 0;
        }
    }
    return on;
}

static int is_quick(const view_t *view)
{
    int on = quick(view->p, view->own);
    if (on < 0) {
        on = quick(view->p, view->main);
    }
    return on != 0;
}

static int begins(const char *path, const char *prefix)
{
    return !strncmp(path, prefix, strlen(prefix));
}

/* The beginning of every URL of a section; NULL where it can be any. */
static const char *section_path(apr_pool_t *p, const ap_directive_t *section)
{
    const char *path = word(p, section, 0);
    int pattern = !strcasecmp(section->directive, "<LocationMatch");
    if (!strcmp(path, "~")) {
        path = word(p, section, 1);
        pattern = 1;
    }
    if (strcasecmp(section->directive, "<Location") && !pattern) {
        return NULL;
    }
    if (!pattern) {
        return path;
    }
    return *path == '^' ? apr_pstrmemdup(p, path + 1, strcspn(path + 1, "()[]{}.*+?|\\$^")) : NULL;
}

/* The path of a directive in the list by which mod_cache sees that of a section; NULL: there is none. */
static const char *find(const view_t *view, const ap_directive_t *node, const char *directive, int skip, int whole,
                        const char *path)
{
    for (; node; node = node->next) {
        if (!strcasecmp(node->directive, directive)) {
            const char *prefix = word(view->p, node, skip);
            if (path ? *prefix == '/' && (begins(path, prefix) || (!whole && begins(prefix, path)))
                     : !strcmp(prefix, "/")) {
                return prefix;
            }
        }
    }
    return NULL;
}

static const char *covers(const view_t *view, const ap_directive_t *list, const char *path)
{
    return find(view, view->own, "CacheDisable", 0, 1, path) || find(view, view->main, "CacheDisable", 0, 1, path)
               ? NULL
               : find(view, list, "CacheEnable", 1, 0, path);
}

static void check(server_rec *s, const view_t *view, const ap_directive_t *section, const ap_directive_t *caches)
{
    for (; section; section = section->next) {
        const char *path, *cache;
        if (!saas_sections_is(section->directive) || !saas_sections_have_gate(section->first_child)) {
            continue;
        }
        path = section_path(view->p, section);
        if ((cache = covers(view, caches, path))) {
            SAAS_LOG(
                s, APLOG_WARNING, 0, "SAAS1309",
                "%s %s (%s:%d) has a gate, and mod_cache's quick handler answers there (CacheEnable %s) before any "
                "gate is asked: write CacheQuickHandler Off, or CacheDisable %s",
                section->directive, section->args, section->filename, section->line_num, cache, path ? path : cache);
        }
    }
}

void saas_quick_check(apr_pool_t *p, server_rec *s)
{
    const ap_directive_t *node;
    view_t view = { NULL, ap_conftree, p };
    if (is_quick(&view)) {
        check(s, &view, view.main, view.main);
    }
    for (node = ap_conftree; node; node = node->next) {
        if (strcasecmp(node->directive, "<VirtualHost")) {
            continue;
        }
        view.own = node->first_child;
        if (is_quick(&view)) {
            check(s, &view, view.own, view.own);
            check(s, &view, view.own, view.main);
            check(s, &view, view.main, view.own);
        }
    }
}
