/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Writes down every directive of mod_saas and its plugins as a real httpd has it in memory: the command, the line of the
 * module's list that it was made of, and what each server's configuration keeps of it.  One JSON object a line, into the
 * file that the environment names.  A module of its own, built by directives.mk and asked by configtest; no part of the
 * product.
 */
#define SAAS_HOST_SIDE /* no service is wanted */
#include "mod_saas.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[] = {
    [SAAS_KIND_FLAG] = "FLAG", [SAAS_KIND_NUMBER] = "NUMBER", [SAAS_KIND_SIZE] = "SIZE",
    [SAAS_KIND_INTERVAL] = "INTERVAL", [SAAS_KIND_WORD] = "WORD", [SAAS_KIND_TEXT] = "TEXT",
    [SAAS_KIND_EXPRESSION] = "EXPRESSION", [SAAS_KIND_LIST] = "LIST", [SAAS_KIND_OWN] = "OWN",
    [SAAS_KIND_OWN_NUMBER] = "OWN_NUMBER", [SAAS_KIND_OWN_FLAG] = "OWN_FLAG", [SAAS_KIND_OWN_LIST] = "OWN_LIST",
    [SAAS_KIND_OWN_2_OR_3] = "OWN_2_OR_3", [SAAS_KIND_KEPT] = "KEPT", [SAAS_KIND_OWN_RAW] = "OWN_RAW"
};

static const char *place(int where)
{
    switch (where) {
    case SAAS_GLOBAL:
        return "GLOBAL";
    case SAAS_VHOST:
        return "VHOST";
    case SAAS_SECTION:
        return "SECTION";
    case SAAS_ANYWHERE:
        return "ANYWHERE";
    case SAAS_HTACCESS:
        return "HTACCESS";
    default:
        return "elsewhere";
    }
}

/* The list of m's that has a line of this name, and the line.  A command of a form of the module's own does not lead to its
 * list, but its neighbours in the table do. */
static const saas_directives_t *find(const module *m, const char *name, const saas_directive_t **line)
{
    const command_rec *c;
    for (c = m->cmds; c->name; c++) {
        const saas_directives_t *all = c->cmd_data;
        int i;
        for (i = 0; all && i < all->count; i++) {
            if (all->lines[i].name && !strcmp(all->lines[i].name, name)) {
                *line = &all->lines[i];
                return all;
            }
        }
    }
    return NULL;
}

static json_t *texts(const apr_array_header_t *array)
{
    json_t *all = json_array();
    int i;
    for (i = 0; i < array->nelts; i++) {
        json_array_append_new(all, json_string(APR_ARRAY_IDX(array, i, const char *)));
    }
    return all;
}

/* What a configuration keeps, without the default. */
static json_t *kept(const saas_directive_t *line, const void *conf)
{
    const void *at = (const char *)conf + line->at;
    switch (line->kind) {
    case SAAS_KIND_FLAG:
    case SAAS_KIND_NUMBER:
    case SAAS_KIND_WORD:
    case SAAS_KIND_OWN_NUMBER:
    case SAAS_KIND_OWN_FLAG:
        return json_integer(*(const int *)at);
    case SAAS_KIND_SIZE:
        return json_integer(*(const apr_off_t *)at);
    case SAAS_KIND_INTERVAL:
        return json_integer(*(const apr_interval_time_t *)at);
    case SAAS_KIND_TEXT:
        return *(const char *const *)at ? json_string(*(const char *const *)at) : json_null();
    case SAAS_KIND_LIST:
        return texts(*(apr_array_header_t *const *)at);
    default:
        return json_boolean(*(const void *const *)at != NULL);
    }
}

static json_t *by_server(const saas_directives_t *all, const saas_directive_t *line, const server_rec *s)
{
    json_t *values = json_object();
    for (; s && all && !all->section; s = s->next) {
        json_object_set_new(values, s->server_hostname, kept(line, ap_get_module_config(s->module_config, all->of)));
    }
    return values;
}

static json_t *line_json(const saas_directive_t *line)
{
    json_t *words = json_array();
    int i;
    for (i = 0; line->words && line->words[i]; i++) {
        json_array_append_new(words, json_string(line->words[i]));
    }
    return json_pack("{s:s, s:s, s:s?, s:I, s:I, s:b, s:o}", "kind", kinds[line->kind], "where", place(line->where),
                     "default", line->standard, "least", (json_int_t)line->least, "most", (json_int_t)line->most, "or_0",
                     line->or_0, "words", words);
}

static void write_down(FILE *out, const module *m, const server_rec *s)
{
    const command_rec *c;
    for (c = m->cmds; c && c->name; c++) {
        if (!strncmp(c->name, "Saas", 4)) {
            const saas_directive_t *line = NULL;
            const saas_directives_t *all = find(m, c->name, &line);
            json_t *json = json_pack("{s:s, s:s, s:s?, s:o, s:o}", "module", ap_find_module_short_name(m->module_index),
                                     "name", c->name, "help", c->errmsg, "line", line ? line_json(line) : json_null(),
                                     "servers", by_server(all, line, s));
            char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
            fprintf(out, "%s\n", text ? text : "a directive that is not UTF-8");
            free(text);
            json_decref(json);
        }
    }
}

static void test_config(apr_pool_t *p, server_rec *s)
{
    const char *path = getenv("DIRECTIVES_FILE");
    FILE *out = path ? fopen(path, "w") : NULL;
    const module *m;
    (void)p;
    for (m = ap_top_module; out && m; m = m->next) {
        if (!strncmp(ap_find_module_short_name(m->module_index), "saas", 4)) {
            write_down(out, m, s);
        }
    }
    if (out) {
        fclose(out);
    }
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(directives) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, AP_MODULE_FLAG_NONE
};
