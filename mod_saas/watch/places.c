/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Which gates stand before a URL, out of the configuration alone:
 *
 *     httpd -t -D DUMP_SAAS_GATES                          every section that has a Require line of ours, a line each
 *     httpd -t -D DUMP_SAAS_GATES -D SAAS_URL=/reports/    what stands before that URL, as JSON: saasctl why reads it
 *
 * httpd merges sections while it serves, and keeps what mod_authz_core makes of them to itself; so this goes through
 * the tree of directives in the order in which httpd does: server, <Directory>, <Files>, <Location>, main server before
 * virtual host, the later in the place of the earlier unless AuthMerging says otherwise.  What only a request can tell
 * - <If>, .htaccess, rewriting - is not guessed: it is named among what is not known.
 */
#include "watch.h"
#include "api/api.h"
#include "who/who.h"

#include <http_main.h>

#include <apr_fnmatch.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <stdio.h>

#define DUMP "DUMP_SAAS_GATES"

/* What is being asked about, and what has been found so far. */
typedef struct place_t {
    apr_pool_t *p;
    server_rec *server;
    const char *method, *path;
    const char *file;       /* where the path would be in the file system; NULL: nowhere */
    json_t *tree, *unknown; /* tree NULL: no Require line */
    const char *organization, *auth_type, *mount;
    int api;
} place_t;

/* ------------------------------------------------------------- directives -- */

static int is(const ap_directive_t *node, const char *name)
{
    return !strcasecmp(node->directive, name);
}

/* The words of a section's head or of a directive, without the closing bracket. */
static const char *words(apr_pool_t *p, const ap_directive_t *node)
{
    apr_size_t len = strlen(node->args);
    return apr_pstrmemdup(p, node->args, len - (len && node->directive[0] == '<' && node->args[len - 1] == '>'));
}

static const char *first_word(apr_pool_t *p, const ap_directive_t *node)
{
    const char *rest = words(p, node);
    return ap_getword_conf(p, &rest);
}

static const char *at(apr_pool_t *p, const ap_directive_t *node)
{
    return apr_psprintf(p, "%s:%d", node->filename, node->line_num);
}

static void do_not_know(place_t *place, const ap_directive_t *node, const char *why)
{
    json_array_append_new(place->unknown,
                          json_string(apr_psprintf(place->p, "%s %s%s (%s): %s", node->directive, words(place->p, node),
                                                   node->directive[0] == '<' ? ">" : "", at(place->p, node), why)));
}

static int is_prefix(const char *prefix, const char *path)
{
    apr_size_t len = strlen(prefix);
    return !strncmp(prefix, path, len) && (!len || prefix[len - 1] == '/' || path[len] == '/' || !path[len]);
}

static int matches_regex(apr_pool_t *p, const char *pattern, const char *text)
{
    ap_regex_t *regex = ap_pregcomp(p, pattern, AP_REG_EXTENDED);
    return regex && !ap_regexec(regex, text, 0, NULL, 0);
}

/* As ap_location_walk() and ap_directory_walk() match; *regex: by a regular expression. */
static int matches(apr_pool_t *p, const ap_directive_t *section, const char *kind, const char *text, int *regex)
{
    const char *rest = words(p, section), *name = apr_pstrcat(p, "<", kind, NULL), *pattern;
    *regex = is(section, apr_pstrcat(p, name, "Match", NULL));
    if (!*regex && !is(section, name)) {
        return 0;
    }
    pattern = ap_getword_conf(p, &rest);
    if (!*regex && !strcmp(pattern, "~")) {
        *regex = 1;
        pattern = ap_getword_conf(p, &rest);
    }
    if (*regex) {
        return matches_regex(p, pattern, text);
    }
    if (!strcmp(kind, "Files")) {
        return apr_fnmatch_test(pattern) ? !apr_fnmatch(pattern, text, 0) : !strcmp(pattern, text);
    }
    return apr_fnmatch_test(pattern) ? !apr_fnmatch(pattern, text, APR_FNM_PATHNAME) : is_prefix(pattern, text);
}

/* ------------------------------------------------------------ Require lines -- */

static const struct {
    const char *directive, *key;
} containers[] = { { "<RequireAll", "all" }, { "<RequireAny", "any" }, { "<RequireNone", "none" } };
#define N_CONTAINERS ((int)(sizeof(containers) / sizeof(*containers)))

static const char *container_of(const ap_directive_t *node)
{
    int i;
    for (i = 0; i < N_CONTAINERS && !is(node, containers[i].directive); i++) {
    }
    return i < N_CONTAINERS ? containers[i].key : NULL;
}

/* The lines that stand in a section or container, a list. */
static json_t *read_lines(apr_pool_t *p, const ap_directive_t *node, const ap_directive_t *section)
{
    json_t *list = json_array();
    for (; node; node = node->next) {
        const char *key = container_of(node);
        if (key) {
            json_array_append_new(list, json_pack("{s:o}", key, read_lines(p, node->first_child, section)));
        }
        else if (is(node, "Require")) {
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:s}", "require", node->args, "at", at(p, node), "section",
                                            section ? saas_sections_name(p, section) : "outside of sections"));
        }
    }
    return list;
}

/* Several without a container mean any of them. */
static json_t *as_one(json_t *list)
{
    json_t *one;
    if (json_array_size(list) > 1) {
        return json_pack("{s:o}", "any", list);
    }
    one = json_array_size(list) ? json_incref(json_array_get(list, 0)) : NULL;
    json_decref(list);
    return one;
}

/* ----------------------------------------------------------------- merging -- */

/* The directives of a section, or of a server, come into force. */
static void apply(place_t *place, const ap_directive_t *node, const ap_directive_t *section)
{
    const char *merging = NULL;
    json_t *own = as_one(read_lines(place->p, node, section));
    for (; node; node = node->next) {
        if (is(node, "AuthMerging")) {
            merging = first_word(place->p, node);
        }
        else if (is(node, "AuthType")) {
            place->auth_type = first_word(place->p, node);
        }
        else if (is(node, "SaasOrganization")) {
            place->organization = first_word(place->p, node);
        }
        else if (is(node, "RewriteRule")) {
            const char *pattern = first_word(place->p, node);
            if (section || *pattern == '!' || matches_regex(place->p, pattern, place->path)) {
                do_not_know(place, node, "it may lead to another place");
            }
        }
        else if ((is(node, "<If") || is(node, "<ElseIf") || is(node, "<Else") || is(node, "<Limit")
                  || is(node, "<LimitExcept"))
                 && saas_sections_require(node->first_child)) {
            do_not_know(place, node, "whether it applies depends on the request");
        }
    }
    if (own && place->tree && merging && strcasecmp(merging, "Off")) {
        own = json_pack("{s:[o, o]}", strcasecmp(merging, "And") ? "any" : "all", place->tree, own);
    }
    else if (own || (merging && !strcasecmp(merging, "Off"))) {
        json_decref(place->tree);
    }
    else {
        own = place->tree;
    }
    place->tree = own;
}

/* The directives of a virtual host, or NULL for the main server's, among those of the main server. */
static const ap_directive_t *host_of(const server_rec *s)
{
    const ap_directive_t *node;
    for (node = ap_conftree; s->is_virtual && node; node = node->next) {
        if (is(node, "<VirtualHost") && !strcmp(node->filename, s->defn_name)
            && node->line_num == (int)s->defn_line_number) {
            return node;
        }
    }
    return NULL;
}

typedef void each_fn(place_t *place, const ap_directive_t *node);

/* Each directive of the main server that is in force here, then of the virtual host. */
static void for_each(place_t *place, each_fn *call)
{
    const ap_directive_t *host = host_of(place->server), *node;
    for (node = ap_conftree; node; node = node->next) {
        if (!is(node, "<VirtualHost")) {
            call(place, node);
        }
    }
    for (node = host ? host->first_child : NULL; node; node = node->next) {
        call(place, node);
    }
}

static void apply_location(place_t *place, const ap_directive_t *node)
{
    int regex;
    if (matches(place->p, node, "Location", place->path, &regex)) {
        apply(place, node->first_child, node);
    }
}

/* Below a mount point there is no file system, and below the API's there are routes. */
static void find_mount(place_t *place, const ap_directive_t *node)
{
    const ap_directive_t *line;
    int regex;
    if (!is(node, "<Location") || !matches(place->p, node, "Location", place->path, &regex)) {
        return;
    }
    for (line = node->first_child; line; line = line->next) {
        int api = is(line, "SaasAPI");
        if ((api || is(line, "SaasStatus") || is(line, "SaasVerify"))
            && strcasecmp(first_word(place->p, line), "Off")) {
            place->mount = first_word(place->p, node);
            place->api = api;
        }
    }
}

static void apply_files(place_t *place, const ap_directive_t *node)
{
    const char *name = strrchr(place->path, '/') + 1;
    int regex;
    if (*name && matches(place->p, node, "Files", name, &regex)) {
        apply(place, node->first_child, node);
    }
}

/* ----------------------------------------------------------- the file system -- */

typedef struct directory_t {
    const ap_directive_t *node;
    int order; /* plain ones by their depth, then those with regular expressions */
} directory_t;

static apr_array_header_t *directories;

#define BEHIND_ALL 10000

static int depth_of(const char *path)
{
    int depth = 0;
    for (; *path; path++) {
        depth += *path == '/' && path[1];
    }
    return depth;
}

/* A folder, or with wildcards one that it is in. */
static int covers(place_t *place, const ap_directive_t *node, const char *folder, int *regex)
{
    apr_size_t len = strlen(folder);
    int found = matches(place->p, node, "Directory", folder, regex);
    while (!found && !*regex && len) {
        found = matches(place->p, node, "Directory", apr_pstrmemdup(place->p, folder, --len), regex);
        while (len && folder[len - 1] != '/') {
            len--;
        }
    }
    return found;
}

static void collect_directory(place_t *place, const ap_directive_t *node)
{
    const char *folder =
        apr_pstrmemdup(place->p, place->file, (apr_size_t)(strrchr(place->file, '/') - place->file) + 1);
    directory_t directory = { node, 0 };
    int regex, i;
    if (!covers(place, node, folder, &regex)) {
        return;
    }
    directory.order = regex ? BEHIND_ALL : depth_of(first_word(place->p, node));
    APR_ARRAY_PUSH(directories, directory_t) = directory;
    for (i = directories->nelts - 1; i > 0 && APR_ARRAY_IDX(directories, i - 1, directory_t).order > directory.order;
         i--) {
        APR_ARRAY_IDX(directories, i, directory_t) = APR_ARRAY_IDX(directories, i - 1, directory_t);
        APR_ARRAY_IDX(directories, i - 1, directory_t) = directory;
    }
}

/* Alias, ProxyPass and those that rewrite: where the path leads. */
static void map(place_t *place, const ap_directive_t *node)
{
    const char *rest = node->args, *word;
    word = first_word(place->p, node);
    if ((is(node, "Alias") || is(node, "ScriptAlias")) && is_prefix(word, place->path)) {
        (void)ap_getword_conf(place->p, &rest);
        place->file = apr_pstrcat(place->p, ap_getword_conf(place->p, &rest), place->path + strlen(word), NULL);
    }
    else if (is(node, "ProxyPass") && is_prefix(word, place->path)) {
        place->file = NULL;
    }
    else if ((is(node, "AliasMatch") || is(node, "ScriptAliasMatch") || is(node, "ProxyPassMatch"))
             && matches_regex(place->p, word, place->path)) {
        do_not_know(place, node, "it leads to another place");
    }
    else if (is(node, "<Location") && is_prefix(word, place->path)) {
        for (node = node->first_child; node; node = node->next) {
            if (is(node, "ProxyPass")) {
                place->file = NULL;
            }
        }
    }
}

/* .htaccess files that are there are looked for, not read. */
static void find_htaccess(place_t *place, const char *root)
{
    const char *slash = place->file + strlen(root);
    apr_finfo_t info;
    for (; slash && *slash; slash = ap_strchr_c(slash + 1, '/')) {
        const char *name = apr_pstrcat(
            place->p, apr_pstrmemdup(place->p, place->file, (apr_size_t)(slash - place->file)), "/.htaccess", NULL);
        if (apr_stat(&info, name, APR_FINFO_TYPE, place->p) == APR_SUCCESS) {
            json_array_append_new(
                place->unknown, json_string(apr_psprintf(
                                    place->p, "%s: it is read by requests alone, where AllowOverride lets it", name)));
        }
    }
}

static void apply_file_system(place_t *place)
{
    const core_server_config *core = ap_get_core_module_config(place->server->module_config);
    int i;
    place->file = apr_pstrcat(place->p, core->ap_document_root, place->path, NULL);
    for_each(place, map);
    if (!place->file) {
        return;
    }
    if (is_prefix(core->ap_document_root, place->file)) {
        find_htaccess(place, core->ap_document_root);
    }
    directories = apr_array_make(place->p, 8, sizeof(directory_t));
    for_each(place, collect_directory);
    for (i = 0; i < directories->nelts; i++) {
        const ap_directive_t *section = APR_ARRAY_IDX(directories, i, directory_t).node, *node;
        apply(place, section->first_child, section);
        for (node = section->first_child; node; node = node->next) {
            apply_files(place, node);
        }
    }
    for_each(place, apply_files);
}

/* ------------------------------------------------------------------- routes -- */

/* Below a mount point of the API: the route, with its gates. */
static json_t *route(place_t *place)
{
    const char *mount = place->mount, *values[SAAS_ROUTE_SEGMENTS];
    const saas_mounted_route_t *mounted;
    unsigned allowed;
    apr_size_t len = strlen(mount);
    json_t *gates;
    int i;
    while (len && mount[len - 1] == '/') {
        len--;
    }
    if (!(mounted = saas_router_find(place->p, place->path + len, place->method, values, &allowed))) {
        json_array_append_new(place->unknown, json_string(apr_psprintf(place->p, "the API has no route %s %s",
                                                                       place->method, place->path + len)));
        return json_null();
    }
    gates = json_array();
    for (i = 0; i < mounted->ngates; i++) {
        json_array_append_new(gates, json_pack("{s:s, s:s, s:s}", "require", mounted->gates[i].text, "at",
                                               mounted->plugin, "section",
                                               apr_psprintf(place->p, "route %s %s of %s", place->method,
                                                            mounted->route->path, mounted->plugin)));
    }
    return json_pack(
        "{s:s, s:o, s:b, s:b, s:s?, s:s?, s:s?}", "path", mounted->route->path, "gates", gates, "own_words",
        mounted->route->denied != NULL, "wants_organization",
        mounted->wants_organization, "organization", mounted->org_segment >= 0 ? values[mounted->org_segment] : NULL,
        "object", mounted->object >= 0 ? values[mounted->object_segment] : NULL, "table",
        mounted->object >= 0 ? APR_ARRAY_IDX(saas_objects(), mounted->object, const saas_object_t *)->table : NULL);
}

/* --------------------------------------------------------------- the server -- */

static int is_named(const server_rec *s, const char *host)
{
    const apr_array_header_t *lists[] = { s->names, s->wild_names };
    int i, k;
    if (s->server_hostname && !strcasecmp(s->server_hostname, host)) {
        return 1;
    }
    for (i = 0; i < 2; i++) {
        for (k = 0; lists[i] && k < lists[i]->nelts; k++) {
            const char *name = APR_ARRAY_IDX(lists[i], k, const char *);
            if (name && !(i ? ap_strcasecmp_match(host, name) : strcasecmp(host, name))) {
                return 1;
            }
        }
    }
    return 0;
}

static int has_port(const server_rec *s, apr_port_t port)
{
    const server_addr_rec *addr;
    for (addr = s->addrs; addr && addr->host_port && port && addr->host_port != port; addr = addr->next) {
    }
    return addr != NULL;
}

/* As httpd chooses among virtual hosts of one address: by name, else the first. */
static server_rec *server_of(place_t *place, server_rec *main_server, const char *host, apr_port_t port)
{
    server_rec *s, *first = NULL, *named = NULL;
    /* The list has them the other way round. */
    for (s = main_server->next; s; s = s->next) {
        if (has_port(s, port)) {
            first = s;
            named = host && is_named(s, host) ? s : named;
        }
    }
    if (named) {
        return named;
    }
    if (first) {
        json_array_append_new(place->unknown,
                              json_string(apr_psprintf(place->p, "no virtual host has %s: the first was taken, %s",
                                                       host ? "this name" : "been named",
                                                       first->server_hostname ? first->server_hostname : "unnamed")));
    }
    return first ? first : main_server;
}

static void apply_server(place_t *place)
{
    const ap_directive_t *host = host_of(place->server);
    apply(place, ap_conftree, NULL);
    if (host) {
        apply(place, host->first_child, NULL);
    }
}

static int show_place(apr_pool_t *p, server_rec *main_server, const char *url, const char *method)
{
    place_t place = { .p = p, .method = method };
    apr_uri_t uri;
    char *path;
    json_t *found, *plans = json_array();
    int i;
    if (apr_uri_parse(p, url, &uri) != APR_SUCCESS || !uri.path || uri.path[0] != '/') {
        fprintf(stderr, "\"%s\" is neither a path nor a URL\n", url);
        return 0;
    }
    path = apr_pstrdup(p, uri.path);
    if (ap_unescape_url(path) != OK) {
        fprintf(stderr, "\"%s\" is no path that httpd would take\n", url);
        return 0;
    }
    ap_getparents(path);
    ap_no2slash(path);
    place.path = path;
    place.unknown = json_array();
    place.server = server_of(&place, main_server, uri.hostname,
                             uri.port     ? uri.port
                             : uri.scheme ? apr_uri_port_of_scheme(uri.scheme)
                                          : 0);
    for_each(&place, find_mount);
    apply_server(&place);
    if (!place.mount) {
        apply_file_system(&place);
    }
    for_each(&place, apply_location);
    for (i = 0; i < saas_config_plan_lines()->nelts; i++) {
        json_array_append_new(plans, json_string(APR_ARRAY_IDX(saas_config_plan_lines(), i, const char *)));
    }
    found = json_pack("{s:b, s:s, s:s, s:s, s:o?, s:o, s:s?, s:s?, s:o, s:o}", "proof_required",
                      saas_config_verify_email(place.server) == SAAS_VERIFY_EMAIL_REQUIRED, "server",
                      place.server->server_hostname ? place.server->server_hostname : "", "path", place.path, "method",
                      method, "require", place.tree, "route", place.api ? route(&place) : json_null(), "organization",
                      place.organization, "auth_type", place.auth_type, "unknown", place.unknown,
                      "plans", plans);
    json_dumpf(found, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
    putchar('\n');
    json_decref(found);
    return 1;
}

/* ---------------------------------------------------------------- all of them -- */

/* "saas-member", or "all(saas-member, any(ip 10.0.0.0/8, saas-role ADMIN))". */
static void print_tree(const json_t *tree)
{
    const char *text = json_string_value(json_object_get(tree, "require"));
    size_t k;
    int i;
    fputs(text ? text : "", stdout);
    for (i = 0; i < N_CONTAINERS; i++) {
        const json_t *list = json_object_get(tree, containers[i].key);
        if (list) {
            printf("%s(", containers[i].key);
            for (k = 0; k < json_array_size(list); k++) {
                fputs(k ? ", " : "", stdout);
                print_tree(json_array_get(list, k));
            }
            putchar(')');
        }
    }
}

static void show_sections(apr_pool_t *p, const ap_directive_t *node, const char *server)
{
    for (; node; node = node->next) {
        const char *inner = is(node, "<VirtualHost") ? saas_sections_name(p, node) : server;
        if (node->first_child && !container_of(node)) {
            json_t *tree = as_one(read_lines(p, node->first_child, node));
            if (tree && saas_sections_have_gate(node->first_child) && saas_sections_is(node->directive)) {
                printf("%s\t%s\t", server, saas_sections_name(p, node));
                print_tree(tree);
                putchar('\n');
            }
            json_decref(tree);
            show_sections(p, node->first_child, inner);
        }
    }
}

static const char *defined(const char *name)
{
    size_t len = strlen(name);
    int i;
    for (i = 0; i < ap_server_config_defines->nelts; i++) {
        const char *text = APR_ARRAY_IDX(ap_server_config_defines, i, const char *);
        if (!strncmp(text, name, len) && text[len] == '=') {
            return text + len + 1;
        }
    }
    return NULL;
}

/* httpd runs it for -t alone. */
static void test_config(apr_pool_t *pconf, server_rec *s)
{
    const char *url = defined("SAAS_URL"), *method = defined("SAAS_METHOD");
    if (!ap_exists_config_define(DUMP)) {
        return;
    }
    if (!url) {
        show_sections(pconf, ap_conftree, "main server");
    }
    else if (!show_place(pconf, s, url, method ? method : "GET")) {
        exit(1);
    }
}

void saas_places_hooks(void)
{
    ap_hook_test_config(test_config, NULL, NULL, APR_HOOK_MIDDLE);
}
