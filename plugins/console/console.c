/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The console plugin at a glance: directives, the look at the whole configuration, hooks.  It serves files to browsers, and
 * nothing else: what people see and do in the console goes through the public API, as every other client's.
 */
#include "console.h"

#include <http_request.h>

#include <apr_strings.h>

SAAS_PLUGIN_DEFINE;

/* r->filename of what is ours, behind which the file system is left out. */
#define FILENAME "console:"

/* The consoles of the configuration that is being read: console_site_t *. */
static apr_array_header_t *sites;

/* ----------------------------------------------------------- directives -- */

SAAS_SECTION_DEFINE(console_config, saas_console_module, CONSOLE_DIRECTIVES)
SAAS_SERVER_DEFINE(console_server, saas_console_module, CONSOLE_SERVER_DIRECTIVES)

static const command_rec commands[] = {
    SAAS_COMMANDS(console_server, CONSOLE_SERVER_DIRECTIVES)
    SAAS_COMMANDS(console_config, CONSOLE_DIRECTIVES)
    { NULL }
};

const char *console_set_on(cmd_parms *cmd, void *dir, int on)
{
    console_config_t *conf = dir;
    const ap_directive_t *parent = cmd->directive->parent;
    console_site_t *site;
    apr_size_t len;

    if (!parent || strcasecmp(parent->directive, "<Location") || !cmd->path || cmd->path[0] != '/'
        || ap_strchr_c(parent->args, '~')) {
        return apr_psprintf(cmd->pool, "%s belongs into a plain <Location \"/path\"> section", cmd->cmd->name);
    }
    conf->on = on;
    if (!on) {
        return NULL;
    }
    site = apr_pcalloc(cmd->pool, sizeof(*site));
    for (len = strlen(cmd->path); len && cmd->path[len - 1] == '/'; len--) {
    }
    site->path = apr_pstrmemdup(cmd->pool, cmd->path, len);
    site->where = apr_psprintf(cmd->pool, "%s:%d", cmd->directive->filename, cmd->directive->line_num);
    site->conf = conf;
    conf->site = site;
    APR_ARRAY_PUSH(sites, console_site_t *) = site;
    return NULL;
}

const char *console_check_path(apr_pool_t *p, const char *arg, const char **value)
{
    apr_size_t len = strlen(arg);
    if (arg[0] != '/' || arg[1] == '/' || arg[strspn(arg, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")]) {
        return apr_psprintf(p, "\"%s\" is no path of this host, such as /api/v1", arg);
    }
    while (len > 1 && arg[len - 1] == '/') {
        len--;
    }
    *value = apr_pstrmemdup(p, arg, len);
    return NULL;
}

/* What a browser may be led to: a page of this host or of another, or a mailbox. */
static int is_link(const char *url)
{
    const unsigned char *c = (const unsigned char *)url;
    while (*c > ' ' && *c < 0x7f && !strchr("\"<>\\", *c)) {
        c++;
    }
    return !*c && (!strncmp(url, "https://", 8) || !strncmp(url, "http://", 7) || !strncmp(url, "mailto:", 7)
                   || (url[0] == '/' && url[1] != '/'));
}

const char *console_add_link(cmd_parms *cmd, void *dir, const char *kind, const char *url, const char *text)
{
    static const char *const kinds[] = { "imprint", "privacy", "terms", "support", "other", NULL };
    console_config_t *conf = dir;
    const char *name = cmd->cmd->name, *err;
    console_link_t *link;
    int i;

    for (i = 0; kinds[i] && strcasecmp(kind, kinds[i]); i++) {
    }
    if (!kinds[i]) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is none of imprint, privacy, terms, support, other", name, kind);
    }
    if (!is_link(url)) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is no https://, http:// or mailto: address and no path of this host", name,
                            url);
    }
    if (!text && !strcmp(kinds[i], "other")) {
        return apr_psprintf(cmd->pool, "%s: other needs a text, behind the address", name);
    }
    if (text && (err = saas_check_label(cmd->pool, text, &text))) {
        return apr_psprintf(cmd->pool, "%s: the text: %s", name, err);
    }
    if (!conf->links) {
        conf->links = apr_array_make(cmd->pool, 4, sizeof(console_link_t));
    }
    link = apr_array_push(conf->links);
    link->kind = kinds[i];
    link->url = url;
    link->text = text;
    return NULL;
}

/* --------------------------------------------------------------- plugin -- */

static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *main_server)
{
    const char *product = console_server_product(main_server);
    int i;
    (void)ptemp;
    for (i = 0; i < sites->nelts; i++) {
        console_site_t *site = APR_ARRAY_IDX(sites, i, console_site_t *);
        const char *folder = ap_server_root_relative(pconf, site->conf->files ? site->conf->files : CONSOLE_FILES);
        const char *err = folder ? console_read(pconf, site, folder, product) : "SaasConsoleFiles is no path";
        if (err) {
            return apr_psprintf(pconf, "SaasConsole On (%s): %s", site->where, err);
        }
    }
    return NULL;
}

static const saas_plugin_t plugin = { SAAS_PLUGIN_INIT("console"), .check_config = check_config };

/* ------------------------------------------------------------- requests -- */

/* The console that a request is for, and the path behind its mount point; NULL: none. */
static const console_site_t *find(const request_rec *r, const char **name)
{
    const console_config_t *conf = ap_get_module_config(r->per_dir_config, &saas_console_module);
    const console_site_t *site = conf->on == 1 ? conf->site : NULL;
    apr_size_t len = site ? strlen(site->path) : 0;

    if (!site || !r->uri || strncmp(r->uri, site->path, len) || (r->uri[len] && r->uri[len] != '/')) {
        return NULL;
    }
    *name = r->uri + len;
    return site;
}

static int is_ours(const request_rec *r)
{
    return r->filename && !strncmp(r->filename, FILENAME, sizeof(FILENAME) - 1);
}

/* Behind the host: what is mounted below the console is not the console's. */
static int translate_name(request_rec *r)
{
    const char *name;
    if (!find(r, &name)) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, FILENAME, name, NULL);
    return OK;
}

static int map_to_storage(request_rec *r)
{
    return is_ours(r) ? OK : DECLINED;
}

static int fixups(request_rec *r)
{
    if (is_ours(r)) {
        r->handler = "saas-console";
    }
    return DECLINED;
}

static int handler(request_rec *r)
{
    const char *name;
    const console_site_t *site = is_ours(r) ? find(r, &name) : NULL;
    return site ? console_serve(r, site, name) : DECLINED;
}

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog, (void)ptemp;
    sites = apr_array_make(pconf, 2, sizeof(console_site_t *));
    return OK;
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const host[] = { "mod_saas.c", NULL };
    static const char *const others[] = { "mod_proxy.c", "mod_alias.c", "mod_userdir.c", NULL };
    saas_plugin_register(p, &plugin);
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate_name, host, others, APR_HOOK_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_fixups(fixups, host, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(handler, host, NULL, APR_HOOK_FIRST);
}

AP_DECLARE_MODULE(saas_console) = {
    STANDARD20_MODULE_STUFF, console_config_create, console_config_merge, console_server_create, console_server_merge,
    commands, register_hooks, AP_MODULE_FLAG_NONE
};
