/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The host's directives that have a form of their own, and those defaults that only the machine can tell; all others are
 * their lines in directives.h.  Everything that configtest can catch is caught when a directive is read, because
 * configtest never runs post_config.
 */
#include "config.h"
#include "core/cachecontrol.h"
#include "core/origin.h"
#include "drivers/drivers.h"

#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>

#include <stddef.h>
#include <unistd.h>

#define MAX_HASH_CONCURRENCY 1024

/* ------------------------------------------- defaults of this machine -- */

/* A hash keeps a core busy, and 32 MiB: a few more than cores let one begin
 * where another ends, many more would only need memory. */
static int default_hash_concurrency(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 && cores <= MAX_HASH_CONCURRENCY / 2 ? (int)cores * 2 : cores > 0 ? MAX_HASH_CONCURRENCY : 2;
}

int saas_config_hashes_at_once(const server_rec *s)
{
    int n = saas_config_hash_concurrency(s);
    return n != SAAS_UNSET ? n : default_hash_concurrency();
}

const char *saas_config_node(const server_rec *s)
{
    const char *name = saas_config_node_name(s);
    static char host[APRMAXHOSTLEN + 1];
    if (name) {
        return name;
    }
    if (!*host && apr_gethostname(host, sizeof(host), s->process->pool) != APR_SUCCESS) {
        apr_cpystrn(host, "localhost", sizeof(host));
    }
    return host;
}

static const char *saas_config_check_node(apr_pool_t *p, const char *arg, const char **value)
{
    const char *c;
    (void)p, (void)value;
    for (c = arg; apr_isalnum(*c) || (*c && strchr(".-_", *c)); c++) {
    }
    return *c || !*arg || strlen(arg) > 64 ? "1 to 64 letters, digits, '.', '-' or '_'" : NULL;
}

static const char *saas_config_check_export_db(apr_pool_t *p, const char *arg, const char **value)
{
    (void)value;
    return saas_pgsql_params_fault(p, arg);
}

/* ------------------------------------------------- cookies and origins -- */

/* A host name of two labels at least: no browser takes a cookie for less (RFC 6265bis, section 5.6). */
static const char *saas_config_check_domain(apr_pool_t *p, const char *arg, const char **value)
{
    const char *c;
    (void)value;
    for (c = arg; apr_isalnum(*c) || *c == '-' || (*c == '.' && c > arg && c[-1] != '.'); c++) {
    }
    return *c || c == arg || c[-1] == '.' || !strchr(arg, '.') || strspn(arg, "0123456789.") == strlen(arg)
               ? apr_psprintf(p, "\"%s\" is no domain such as example.com", arg)
               : NULL;
}

static const char *saas_config_check_origin(apr_pool_t *p, const char *arg, const char **value)
{
    (void)value;
    return saas_origin_check(p, arg);
}

static const char *saas_config_check_field(apr_pool_t *p, const char *arg, const char **value)
{
    const char *end = ap_scan_http_token(arg);
    (void)value;
    return *end || end == arg ? apr_psprintf(p, "\"%s\" is no name of a header", arg) : NULL;
}

const char *saas_config_check(apr_pool_t *p, const server_rec *main_server)
{
    const server_rec *s;
    saas_secrets_warn(main_server);
    for (s = main_server; s; s = s->next) {
        if (saas_config_cookie_same_site(s) == SAAS_SAME_SITE_NONE && saas_config_secure_cookies(s) != 1) {
            return apr_psprintf(p, "SaasCookieSameSite None (%s): browsers take such cookies only when they are Secure: set "
                                "SaasSecureCookies On, behind TLS", s->server_hostname ? s->server_hostname : "main server");
        }
    }
    return saas_config_plans_check(p, main_server);
}

/* -------------------------------------------------------- throttling -- */

/* Where attempts are counted: the provider, NULL for this node's memory, and its argument. */
typedef struct throttle_t {
    const char *provider, *servers;
} throttle_t;

static const char *saas_config_set_throttle_cache(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char *const providers[] = { "redis", "memcache" };
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_size_t i;
    (void)dir;
    if (err) {
        return err;
    }
    if (!strcasecmp(arg, "shm")) {
        saas_config_of(cmd->server)->throttle_cache = apr_pcalloc(cmd->pool, sizeof(throttle_t));
        return NULL;
    }
    for (i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
        apr_size_t len = strlen(providers[i]);
        if (!strncasecmp(arg, providers[i], len) && arg[len] == ':' && arg[len + 1]) {
            throttle_t *throttle = apr_palloc(cmd->pool, sizeof(*throttle));
            throttle->provider = providers[i];
            throttle->servers = arg + len + 1;
            saas_config_of(cmd->server)->throttle_cache = throttle;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool, "SaasThrottleCache: \"%s\" is none of shm, redis:host:port, memcache:host:port", arg);
}

const char *saas_config_throttle_provider(const server_rec *s, const char **servers)
{
    const throttle_t *throttle = saas_config_throttle_cache(s);
    *servers = throttle ? throttle->servers : NULL;
    return throttle ? throttle->provider : NULL;
}

/* ---------------------------------------------------------- sections -- */

/* The path of the <Location> a directive stands in, without a slash at its
 * end; an error elsewhere: a mount point is a place in URL space. */
static const char *section_path(cmd_parms *cmd, const char **path)
{
    const ap_directive_t *parent = cmd->directive->parent;
    apr_size_t len;
    if (!parent || strcasecmp(parent->directive, "<Location") || !cmd->path || cmd->path[0] != '/'
        || ap_strchr_c(parent->args, '~')) {
        return apr_psprintf(cmd->pool, "%s belongs into a plain <Location \"/path\"> section", cmd->cmd->name);
    }
    len = strlen(cmd->path);
    while (len && cmd->path[len - 1] == '/') {
        len--;
    }
    *path = apr_pstrmemdup(cmd->pool, cmd->path, len);
    return NULL;
}

static const char *mount(cmd_parms *cmd, saas_dir_config_t *conf)
{
    const char *path = NULL, *err = section_path(cmd, &path);
    conf->mount = (void *)path;
    return err;
}

static const char *saas_config_set_api(cmd_parms *cmd, void *dir, int on)
{
    ((saas_dir_config_t *)dir)->api = on;
    return mount(cmd, dir);
}

static const char *saas_config_set_status(cmd_parms *cmd, void *dir, int on)
{
    ((saas_dir_config_t *)dir)->status = on;
    return mount(cmd, dir);
}

static const char *saas_config_set_verify(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char *const words[] = { [SAAS_VERIFY_NGINX] = "nginx", [SAAS_VERIFY_TRAEFIK] = "traefik",
                                         [SAAS_VERIFY_CADDY] = "caddy", [SAAS_VERIFY_ENVOY] = "envoy",
                                         [SAAS_VERIFY_HAPROXY] = "haproxy", NULL };
    static const saas_directive_t proxies = { .words = words };
    const char *err = saas_directive_word(&proxies, cmd->pool, arg, &((saas_dir_config_t *)dir)->verify);
    return err ? apr_pstrcat(cmd->pool, "SaasVerify: ", err, NULL) : mount(cmd, dir);
}

static const char *saas_config_add_verify_from(cmd_parms *cmd, void *dir, const char *arg)
{
    char *address = apr_pstrdup(cmd->temp_pool, arg), *bits = strchr(address, '/');
    apr_ipsubnet_t *subnet;
    if (bits) {
        *bits++ = '\0';
    }
    if (apr_ipsubnet_create(&subnet, address, bits, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "SaasVerifyFrom: \"%s\" is no address or network (192.0.2.7, 10.0.0.0/8, ::1)", arg);
    }
    APR_ARRAY_PUSH(((saas_dir_config_t *)dir)->verify_from, apr_ipsubnet_t *) = subnet;
    return NULL;
}

/* The directive is mod_authn_core's: httpd shows it to every module that has one of that name.  To see here whether it is
 * ours costs a request nothing; ap_auth_type(), to which an expression is left, costs more than a gate's decision. */
static const char *saas_config_see_auth_type(cmd_parms *cmd, void *dir, const char *type)
{
    (void)cmd;
    ((saas_dir_config_t *)dir)->auth_type_saas = !strcasecmp(type, SAAS_AUTH_TYPE);
    return ap_find_linked_module("mod_authn_core.c") ? NULL : "mod_authn_core has to be loaded";
}

/* Likewise mod_authz_core's: whether a gate stands before a section has to be known also where another line has let the
 * request in, of which nobody is told. */
static const char *saas_config_see_require(cmd_parms *cmd, void *dir, const char *args)
{
    saas_dir_config_t *conf = dir;
    const char *name = ap_getword_conf(cmd->temp_pool, &args);
    if (!strcasecmp(name, "not")) {
        name = ap_getword_conf(cmd->temp_pool, &args);
    }
    if (conf->gated == SAAS_UNSET) {
        conf->gated = 0;
    }
    if (!strncmp(name, "saas-", 5)) {
        int method;
        for (method = 0; method < METHODS; method++) {
            if ((apr_uint64_t)cmd->limited >> method & 1) {
                conf->gated |= saas_config_method_bit(method);
            }
        }
    }
    return NULL;
}

static const char *saas_config_see_auth_merging(cmd_parms *cmd, void *dir, const char *arg)
{
    (void)cmd;
    ((saas_dir_config_t *)dir)->auth_merging = strcasecmp(arg, "Off") != 0;
    return NULL;
}

const char saas_cache_control_off[] = "Off";

static const char *saas_config_check_cache_control(apr_pool_t *p, const char *arg, const char **value)
{
    const char *err;
    if (!strcasecmp(arg, saas_cache_control_off)) {
        *value = saas_cache_control_off;
        return NULL;
    }
    err = saas_cachecontrol_check(arg);
    return err ? apr_psprintf(p, "\"%s\" %s", arg, err) : NULL;
}

/* Absolute, or a path on this server; what goes into a header has no blanks or
 * control characters. */
static const char *saas_config_check_url(apr_pool_t *p, const char *url, const char **value)
{
    const char *c;
    (void)value;
    for (c = url; apr_isgraph(*c); c++) {
    }
    return *c || (strncmp(url, "https://", 8) && strncmp(url, "http://", 7) && (url[0] != '/' || url[1] == '/'))
               ? apr_psprintf(p, "\"%s\" is no URL (https://... or /path)", url)
               : NULL;
}

static const struct {
    const char *name;
    saas_verdict_e verdict;
    apr_size_t at;
} denials[] = {
    { "user", SAAS_NO_USER, offsetof(saas_dir_config_t, denied_user) },
    { "organization", SAAS_OUTSIDER, offsetof(saas_dir_config_t, denied_organization) },
    { "role", SAAS_WRONG_ROLE, offsetof(saas_dir_config_t, denied_role) },
    { "subscription", SAAS_NO_SUBSCRIPTION, offsetof(saas_dir_config_t, denied_subscription) },
    { "verified", SAAS_UNVERIFIED, offsetof(saas_dir_config_t, denied_verified) },
};
#define N_DENIALS (sizeof(denials) / sizeof(*denials))

static const char *saas_config_set_denied(cmd_parms *cmd, void *dir, const char *what, const char *text, const char *url)
{
    saas_denied_t *denied = apr_pcalloc(cmd->pool, sizeof(*denied));
    const char *err, *ignored;
    size_t i;
    denied->text = text;
    denied->url = url;
    for (i = 0; i < N_DENIALS && strcasecmp(what, denials[i].name); i++) {
    }
    if (i == N_DENIALS) {
        return apr_psprintf(cmd->pool, "SaasDenied: \"%s\" is no reason; they are user, organization, role, subscription, "
                            "verified",
                            what);
    }
    *(saas_denied_t **)((char *)dir + denials[i].at) = denied;
    err = url ? saas_config_check_url(cmd->pool, url, &ignored) : NULL;
    return err ? apr_pstrcat(cmd->pool, "SaasDenied: ", err, NULL) : NULL;
}

const saas_denied_t *saas_config_denied(const saas_dir_config_t *conf, saas_verdict_e verdict)
{
    size_t i;
    /* Words for who has to buy something are good for who has to buy more. */
    if (verdict == SAAS_NO_FEATURE || verdict == SAAS_NO_PLAN) {
        verdict = SAAS_NO_SUBSCRIPTION;
    }
    for (i = 0; i < N_DENIALS && denials[i].verdict != verdict; i++) {
    }
    return i < N_DENIALS ? *(saas_denied_t *const *)((const char *)conf + denials[i].at) : NULL;
}

/* ------------------------------------------------------------- lists -- */

SAAS_SERVER_DEFINE(saas_config, saas_module, SAAS_SERVER_DIRECTIVES)
SAAS_SECTION_DEFINE(saas_dir_config, saas_module, SAAS_SECTION_DIRECTIVES)

void *saas_config_merge_sections(apr_pool_t *p, void *base_, void *add_)
{
    const saas_dir_config_t *base = base_, *add = add_;
    saas_dir_config_t *merged = saas_dir_config_merge(p, base_, add_);
    /* Require lines take the place of an outer section's, unless AuthMerging says otherwise. */
    if (add->auth_merging == 1) {
        merged->gated = (base->gated == SAAS_UNSET ? 0 : base->gated) | (add->gated == SAAS_UNSET ? 0 : add->gated);
    }
    return merged;
}

const command_rec saas_directives[] = {
    SAAS_COMMANDS(saas_config, SAAS_SERVER_DIRECTIVES)
    SAAS_COMMANDS(saas_dir_config, SAAS_SECTION_DIRECTIVES)
    { NULL }
};
