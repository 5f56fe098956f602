/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The host's directives: create, merge, validate.  Everything that configtest
 * can catch is caught in these handlers, because configtest never runs
 * post_config.  Reading a setting fills in its default, so that a directive
 * given with its default value still wins over an inherited one.
 */
#include "config.h"

#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <http_config.h>

#include <unistd.h>

#define DEFAULT_DB_WAIT apr_time_from_sec(2)
#define DEFAULT_DB_TIMEOUT apr_time_from_sec(5)
#define DEFAULT_MAX_BODY (1024 * 1024)
#define DEFAULT_SESSION_LIFETIME (14 * 24 * 3600)
#define DEFAULT_JOB_THREADS 2
#define MAX_JOB_THREADS 16
#define DEFAULT_CACHE_SIZE (8 * 1024 * 1024)
#define LEAST_CACHE_SIZE (256 * 1024)
#define MOST_CACHE_SIZE APR_INT64_C(4294967296)
#define DEFAULT_FEED_TIMEOUT apr_time_from_sec(1)
#define MAX_HASH_CONCURRENCY 1024
#define DEFAULT_EXPORT_BUFFER (1024 * 1024)
#define DEFAULT_EXPORTS_MAX 8

void *saas_config_create_server(apr_pool_t *p, server_rec *s)
{
    saas_server_config_t *conf = apr_pcalloc(p, sizeof(*conf));
    (void)s;
    conf->db_wait = SAAS_UNSET;
    conf->db_timeout = SAAS_UNSET;
    conf->max_body = SAAS_UNSET;
    conf->session_lifetime = SAAS_UNSET;
    conf->job_threads = SAAS_UNSET;
    conf->secure_cookies = SAAS_UNSET;
    conf->trust_forwarded = SAAS_UNSET;
    conf->cache_size = SAAS_UNSET;
    conf->feed_timeout = SAAS_UNSET;
    conf->hash_concurrency = SAAS_UNSET;
    conf->export_buffer = SAAS_UNSET;
    conf->exports_max = SAAS_UNSET;
    return conf;
}

#define MERGE(member) merged->member = add->member != SAAS_UNSET ? add->member : base->member

void *saas_config_merge_server(apr_pool_t *p, void *basev, void *addv)
{
    const saas_server_config_t *base = basev, *add = addv;
    saas_server_config_t *merged = apr_pcalloc(p, sizeof(*merged));
    MERGE(db_wait);
    MERGE(db_timeout);
    MERGE(max_body);
    MERGE(session_lifetime);
    MERGE(job_threads);
    MERGE(secure_cookies);
    MERGE(trust_forwarded);
    MERGE(cache_size);
    MERGE(feed_timeout);
    MERGE(hash_concurrency);
    merged->throttle_cache = add->throttle_cache ? add->throttle_cache : base->throttle_cache;
    merged->throttle_servers = add->throttle_cache ? add->throttle_servers : base->throttle_servers;
    MERGE(export_buffer);
    MERGE(exports_max);
    merged->node_name = add->node_name ? add->node_name : base->node_name;
    merged->spool_dir = add->spool_dir ? add->spool_dir : base->spool_dir;
    return merged;
}

void *saas_config_create_dir(apr_pool_t *p, char *path)
{
    saas_dir_config_t *conf = apr_pcalloc(p, sizeof(*conf));
    (void)path;
    conf->api = SAAS_UNSET;
    conf->status = SAAS_UNSET;
    conf->identity_headers = SAAS_UNSET;
    conf->user_create = SAAS_UNSET;
    conf->auth_type_saas = SAAS_UNSET;
    return conf;
}

void *saas_config_merge_dir(apr_pool_t *p, void *basev, void *addv)
{
    const saas_dir_config_t *base = basev, *add = addv;
    saas_dir_config_t *merged = apr_pcalloc(p, sizeof(*merged));
    int i;
    MERGE(api);
    MERGE(status);
    MERGE(identity_headers);
    MERGE(user_create);
    MERGE(auth_type_saas);
    merged->varies = add->varies || base->varies;
    merged->verify = add->verify ? add->verify : base->verify;
    merged->verify_from = add->verify_from ? add->verify_from : base->verify_from;
    merged->mount = add->mount ? add->mount : base->mount;
    merged->organization = add->organization ? add->organization : base->organization;
    merged->user = add->user ? add->user : base->user;
    merged->login_url = add->login_url ? add->login_url : base->login_url;
    for (i = 0; i <= SAAS_NO_SUBSCRIPTION; i++) {
        merged->denied[i] = add->denied[i] ? add->denied[i] : base->denied[i];
    }
    return merged;
}

/* ----------------------------------------------------------- reading -- */

static const saas_server_config_t *server_config(server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_module);
}

/* A hash keeps a core busy, and 32 MiB: a few more than cores let one begin
 * where another ends, many more would only need memory. */
static int default_hash_concurrency(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 && cores <= MAX_HASH_CONCURRENCY / 2 ? (int)cores * 2 : cores > 0 ? MAX_HASH_CONCURRENCY : 2;
}

#define READ(type, name, member, fallback) \
    type name(server_rec *s) \
    { \
        const saas_server_config_t *conf = server_config(s); \
        return conf->member != SAAS_UNSET ? conf->member : (fallback); \
    }

READ(apr_interval_time_t, saas_config_db_wait, db_wait, DEFAULT_DB_WAIT)
READ(apr_interval_time_t, saas_config_db_timeout, db_timeout, DEFAULT_DB_TIMEOUT)
READ(apr_off_t, saas_config_max_body, max_body, DEFAULT_MAX_BODY)
READ(int, saas_config_session_lifetime, session_lifetime, DEFAULT_SESSION_LIFETIME)
READ(int, saas_config_job_threads, job_threads, DEFAULT_JOB_THREADS)
READ(int, saas_config_secure_cookies, secure_cookies, 0)
READ(int, saas_config_trust_forwarded, trust_forwarded, 0)
READ(apr_off_t, saas_config_cache_size, cache_size, DEFAULT_CACHE_SIZE)
READ(apr_interval_time_t, saas_config_feed_timeout, feed_timeout, DEFAULT_FEED_TIMEOUT)
READ(int, saas_config_hash_concurrency, hash_concurrency, default_hash_concurrency())

const char *saas_config_throttle_cache(server_rec *s, const char **servers)
{
    const saas_server_config_t *conf = server_config(s);
    *servers = conf->throttle_servers;
    return conf->throttle_cache && *servers ? conf->throttle_cache : NULL;
}
READ(apr_off_t, saas_config_export_buffer, export_buffer, DEFAULT_EXPORT_BUFFER)
READ(int, saas_config_exports_max, exports_max, DEFAULT_EXPORTS_MAX)

const char *saas_config_spool_dir(server_rec *s)
{
    return server_config(s)->spool_dir;
}

const char *saas_config_node(server_rec *s)
{
    const saas_server_config_t *conf = server_config(s);
    static char host[APRMAXHOSTLEN + 1];
    if (conf->node_name) {
        return conf->node_name;
    }
    if (!*host && apr_gethostname(host, sizeof(host), s->process->pool) != APR_SUCCESS) {
        apr_cpystrn(host, "localhost", sizeof(host));
    }
    return host;
}

/* -------------------------------------------------------- directives -- */

static saas_server_config_t *of_server(cmd_parms *cmd)
{
    return ap_get_module_config(cmd->server->module_config, &saas_module);
}

static const char *set_interval(cmd_parms *cmd, const char *arg, apr_interval_time_t least,
                                apr_interval_time_t most, apr_interval_time_t *value)
{
    if (ap_timeout_parameter_parse(arg, value, "s") != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is no time; write 5, 5s or 500ms", cmd->cmd->name, arg);
    }
    if (*value < least || *value > most) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is out of range, %" APR_TIME_T_FMT " to %" APR_TIME_T_FMT " ms",
                            cmd->cmd->name, arg, apr_time_as_msec(least), apr_time_as_msec(most));
    }
    return NULL;
}

static const char *set_db_wait(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    return err ? err
               : set_interval(cmd, arg, apr_time_from_msec(1), apr_time_from_sec(60), &of_server(cmd)->db_wait);
}

static const char *set_db_timeout(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    return err ? err
               : set_interval(cmd, arg, apr_time_from_msec(100), apr_time_from_sec(300), &of_server(cmd)->db_timeout);
}

static const char *set_session_lifetime(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_interval_time_t value;
    const char *err = set_interval(cmd, arg, apr_time_from_sec(60), apr_time_from_sec(366 * 24 * 3600), &value);
    (void)dir;
    if (!err) {
        of_server(cmd)->session_lifetime = (int)apr_time_sec(value);
    }
    return err;
}

static const char *set_number(cmd_parms *cmd, const char *arg, apr_int64_t least, apr_int64_t most,
                              apr_int64_t *value)
{
    char *end;
    *value = apr_strtoi64(arg, &end, 10);
    if (end == arg || *end || *value < least || *value > most) {
        return apr_psprintf(cmd->pool,
                            "%s: \"%s\" is no number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                            cmd->cmd->name, arg, least, most);
    }
    return NULL;
}

static const char *set_max_body(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t value;
    const char *err = set_number(cmd, arg, 1024, 1024 * 1024 * 1024, &value);
    (void)dir;
    if (!err) {
        of_server(cmd)->max_body = value;
    }
    return err;
}

static const char *set_job_threads(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t value;
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    if (!err && !(err = set_number(cmd, arg, 0, MAX_JOB_THREADS, &value))) {
        of_server(cmd)->job_threads = (int)value;
    }
    return err;
}

/* Bytes, or with K, M or G. */
static const char *set_cache_size(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char units[] = "KMG";
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY), *unit;
    char *end;
    apr_int64_t value;
    (void)dir;
    if (err) {
        return err;
    }
    value = apr_strtoi64(arg, &end, 10);
    if (end != arg && *end && !end[1] && (unit = strchr(units, apr_toupper(*end))) && value >= 0 && value <= 4194304) {
        value <<= 10 * (unit - units + 1);
        end++;
    }
    if (end == arg || *end || (value && (value < LEAST_CACHE_SIZE || value > MOST_CACHE_SIZE))) {
        return apr_psprintf(cmd->pool, "SaasCacheSize: \"%s\" is neither 0 nor a size from 256K to 4G", arg);
    }
    of_server(cmd)->cache_size = value;
    return NULL;
}

static const char *set_feed_timeout(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    return err ? err
               : set_interval(cmd, arg, apr_time_from_msec(200), apr_time_from_sec(60), &of_server(cmd)->feed_timeout);
}

static const char *set_hash_concurrency(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t value;
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    if (!err && !(err = set_number(cmd, arg, 1, MAX_HASH_CONCURRENCY, &value))) {
        of_server(cmd)->hash_concurrency = (int)value;
    }
    return err;
}

static const char *set_throttle_cache(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char *const providers[] = { "redis", "memcache" };
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    apr_size_t i;
    (void)dir;
    if (err) {
        return err;
    }
    if (!strcasecmp(arg, "shm")) {
        of_server(cmd)->throttle_cache = "shm";
        of_server(cmd)->throttle_servers = NULL;
        return NULL;
    }
    for (i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
        apr_size_t len = strlen(providers[i]);
        if (!strncasecmp(arg, providers[i], len) && arg[len] == ':' && arg[len + 1]) {
            of_server(cmd)->throttle_cache = providers[i];
            of_server(cmd)->throttle_servers = arg + len + 1;
            return NULL;
        }
    }
    return apr_psprintf(cmd->pool, "SaasThrottleCache: \"%s\" is none of shm, redis:host:port, memcache:host:port", arg);
}

/* Bytes, or with K or M behind. */
static const char *set_export_buffer(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char *end;
    apr_int64_t value = apr_strtoi64(arg, &end, 10);
    int shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : 0;
    (void)dir;
    if (err) {
        return err;
    }
    if (end == arg || end[shift != 0] || value < 0 || value > (1024 * 1024 * 1024) >> shift
        || (value <<= shift) < 64 * 1024) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is no size from 64K to 1024M", cmd->cmd->name, arg);
    }
    of_server(cmd)->export_buffer = value;
    return NULL;
}

static const char *set_exports_max(cmd_parms *cmd, void *dir, const char *arg)
{
    apr_int64_t value;
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    if (!err && !(err = set_number(cmd, arg, 1, 10000, &value))) {
        of_server(cmd)->exports_max = (int)value;
    }
    return err;
}

static const char *set_spool_dir(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *path = ap_server_root_relative(cmd->pool, arg);
    apr_finfo_t info;
    (void)dir;
    if (err) {
        return err;
    }
    if (!path || apr_stat(&info, path, APR_FINFO_TYPE, cmd->temp_pool) != APR_SUCCESS || info.filetype != APR_DIR) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is no folder", cmd->cmd->name, path ? path : arg);
    }
    of_server(cmd)->spool_dir = path;
    return NULL;
}

static const char *set_node_name(cmd_parms *cmd, void *dir, const char *arg)
{
    const char *c;
    const char *err = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)dir;
    if (err) {
        return err;
    }
    for (c = arg; *c; c++) {
        if (!apr_isalnum(*c) && !strchr(".-_", *c)) {
            break;
        }
    }
    if (!*arg || *c || strlen(arg) > 64) {
        return "SaasNodeName: 1 to 64 letters, digits, '.', '-' or '_'";
    }
    of_server(cmd)->node_name = arg;
    return NULL;
}

static const char *set_secure_cookies(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    of_server(cmd)->secure_cookies = on;
    return NULL;
}

static const char *set_trust_forwarded(cmd_parms *cmd, void *dir, int on)
{
    (void)dir;
    of_server(cmd)->trust_forwarded = on;
    return NULL;
}

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

static const char *set_api(cmd_parms *cmd, void *dir, int on)
{
    saas_dir_config_t *conf = dir;
    const char *err = section_path(cmd, &conf->mount);
    conf->api = on;
    return err;
}

static const char *set_status(cmd_parms *cmd, void *dir, int on)
{
    saas_dir_config_t *conf = dir;
    const char *err = section_path(cmd, &conf->mount);
    conf->status = on;
    return err;
}

static const char *set_verify(cmd_parms *cmd, void *dir, const char *arg)
{
    static const char *const proxies[] = {
        [SAAS_VERIFY_NGINX] = "nginx", [SAAS_VERIFY_TRAEFIK] = "traefik", [SAAS_VERIFY_CADDY] = "caddy",
        [SAAS_VERIFY_ENVOY] = "envoy", [SAAS_VERIFY_HAPROXY] = "haproxy"
    };
    saas_dir_config_t *conf = dir;
    const char *err = section_path(cmd, &conf->mount);
    int i;
    for (i = SAAS_VERIFY_NGINX; !err && i <= SAAS_VERIFY_HAPROXY; i++) {
        if (!strcasecmp(arg, proxies[i])) {
            conf->verify = (saas_verify_e)i;
            return NULL;
        }
    }
    return err ? err
               : apr_psprintf(cmd->pool, "SaasVerify: \"%s\" is none of nginx, traefik, caddy, envoy, haproxy", arg);
}

static const char *add_verify_from(cmd_parms *cmd, void *dir, const char *arg)
{
    saas_dir_config_t *conf = dir;
    apr_array_header_t *from = conf->verify_from ? (apr_array_header_t *)conf->verify_from
                                                 : apr_array_make(cmd->pool, 2, sizeof(apr_ipsubnet_t *));
    char *address = apr_pstrdup(cmd->temp_pool, arg), *bits = strchr(address, '/');
    apr_ipsubnet_t *subnet;
    if (bits) {
        *bits++ = '\0';
    }
    if (apr_ipsubnet_create(&subnet, address, bits, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool, "SaasVerifyFrom: \"%s\" is no address or network (192.0.2.7, 10.0.0.0/8, ::1)", arg);
    }
    APR_ARRAY_PUSH(from, apr_ipsubnet_t *) = subnet;
    conf->verify_from = from;
    return NULL;
}

static const char *set_identity_headers(cmd_parms *cmd, void *dir, int on)
{
    (void)cmd;
    ((saas_dir_config_t *)dir)->identity_headers = on;
    return NULL;
}

static const char *set_user_create(cmd_parms *cmd, void *dir, int on)
{
    (void)cmd;
    ((saas_dir_config_t *)dir)->user_create = on;
    return NULL;
}

/* The directive is mod_authn_core's: httpd shows it to every module that has one of that name.  To see here whether it is
 * ours costs a request nothing; ap_auth_type(), to which an expression is left, costs more than a gate's decision. */
static const char *see_auth_type(cmd_parms *cmd, void *dir, const char *type)
{
    (void)cmd;
    ((saas_dir_config_t *)dir)->auth_type_saas = !strcasecmp(type, SAAS_AUTH_TYPE);
    return ap_find_linked_module("mod_authn_core.c") ? NULL : "mod_authn_core has to be loaded";
}

static const char *set_expression(cmd_parms *cmd, const char *arg, ap_expr_info_t **expression)
{
    const char *err = NULL;
    *expression = ap_expr_parse_cmd(cmd, arg, AP_EXPR_FLAG_STRING_RESULT, &err, NULL);
    return err ? apr_psprintf(cmd->pool, "%s: \"%s\" is no expression: %s", cmd->cmd->name, arg, err) : NULL;
}

static const char *set_organization(cmd_parms *cmd, void *dir, const char *arg)
{
    return set_expression(cmd, arg, &((saas_dir_config_t *)dir)->organization);
}

static const char *set_user(cmd_parms *cmd, void *dir, const char *arg)
{
    return set_expression(cmd, arg, &((saas_dir_config_t *)dir)->user);
}

/* Absolute, or a path on this server; what goes into a header has no blanks or
 * control characters. */
static const char *check_url(cmd_parms *cmd, const char *url)
{
    const char *c;
    for (c = url; apr_isgraph(*c); c++) {
    }
    if (*c || (strncmp(url, "https://", 8) && strncmp(url, "http://", 7) && (url[0] != '/' || url[1] == '/'))) {
        return apr_psprintf(cmd->pool, "%s: \"%s\" is no URL (https://... or /path)", cmd->cmd->name, url);
    }
    return NULL;
}

static const char *set_login_url(cmd_parms *cmd, void *dir, const char *arg)
{
    ((saas_dir_config_t *)dir)->login_url = arg;
    return check_url(cmd, arg);
}

static const struct {
    const char *name;
    saas_verdict_e verdict;
} denials[] = {
    { "user", SAAS_NO_USER },
    { "organization", SAAS_OUTSIDER },
    { "role", SAAS_WRONG_ROLE },
    { "subscription", SAAS_NO_SUBSCRIPTION },
};

static const char *set_denied(cmd_parms *cmd, void *dir, const char *what, const char *text, const char *url)
{
    size_t i;
    for (i = 0; i < sizeof(denials) / sizeof(*denials); i++) {
        if (!strcasecmp(what, denials[i].name)) {
            saas_denied_t *denied = apr_pcalloc(cmd->pool, sizeof(*denied));
            denied->text = text;
            denied->url = url;
            ((saas_dir_config_t *)dir)->denied[denials[i].verdict] = denied;
            return url ? check_url(cmd, url) : NULL;
        }
    }
    return apr_psprintf(cmd->pool, "SaasDenied: \"%s\" is no reason; they are user, organization, role, subscription",
                        what);
}

const command_rec saas_directives[] = {
    AP_INIT_FLAG("SaasAPI", set_api, NULL, ACCESS_CONF,
                 "On: the plugins' routes are mounted at this <Location>"),
    AP_INIT_FLAG("SaasStatus", set_status, NULL, ACCESS_CONF,
                 "On: live, ready and routes are served below this <Location>"),
    AP_INIT_TAKE1("SaasVerify", set_verify, NULL, ACCESS_CONF,
                  "nginx|traefik|caddy|envoy|haproxy: this <Location> answers that proxy's questions with the gates' verdict"),
    AP_INIT_ITERATE("SaasVerifyFrom", add_verify_from, NULL, ACCESS_CONF,
                    "addresses and networks of the proxies that may ask (default: this host)"),
    AP_INIT_FLAG("SaasIdentityHeaders", set_identity_headers, NULL, RSRC_CONF | OR_AUTHCFG,
                 "On: X-Saas-User and its kin are added to the request for a backend"),
    AP_INIT_TAKE1("SaasOrganization", set_organization, NULL, RSRC_CONF | OR_AUTHCFG,
                  "expression that names the organization (id or slug) of a request"),
    AP_INIT_TAKE1("SaasUser", set_user, NULL, RSRC_CONF | OR_AUTHCFG,
                  "expression that names the e-mail of the user whom this server has authenticated"),
    AP_INIT_FLAG("SaasUserCreate", set_user_create, NULL, RSRC_CONF | ACCESS_CONF,
                 "On: a user whom this server has authenticated and mod_saas does not know is created"),
    AP_INIT_TAKE1("SaasLoginURL", set_login_url, NULL, RSRC_CONF | OR_AUTHCFG,
                  "where a browser that is nobody is sent, with ?next="),
    AP_INIT_TAKE23("SaasDenied", set_denied, NULL, RSRC_CONF | OR_AUTHCFG,
                   "user|organization|role|subscription, the text of the refusal, and for browsers a link"),
    AP_INIT_TAKE1("AuthType", see_auth_type, NULL, OR_AUTHCFG, "mod_authn_core's"),
    AP_INIT_TAKE1("SaasDBWait", set_db_wait, NULL, RSRC_CONF,
                  "longest wait for a database connection, then 503 (default 2s)"),
    AP_INIT_TAKE1("SaasDBTimeout", set_db_timeout, NULL, RSRC_CONF,
                  "longest wait for an answer of the database, then 503 (default 5s)"),
    AP_INIT_TAKE1("SaasMaxBody", set_max_body, NULL, RSRC_CONF,
                  "largest request body of the API in bytes, then 413 (default 1 MiB)"),
    AP_INIT_TAKE1("SaasSessionLifetime", set_session_lifetime, NULL, RSRC_CONF,
                  "lifetime of a session (default 1209600s, 14 days)"),
    AP_INIT_TAKE1("SaasNodeName", set_node_name, NULL, RSRC_CONF,
                  "name of this node in leases of background work (default: the host's name)"),
    AP_INIT_TAKE1("SaasCacheSize", set_cache_size, NULL, RSRC_CONF,
                  "memory for principals, 256K to 4G; 0: every request asks the database (default 8M)"),
    AP_INIT_TAKE1("SaasFeedTimeout", set_feed_timeout, NULL, RSRC_CONF,
                  "how stale a cached principal may be when the change feed is dead (default 1s)"),
    AP_INIT_TAKE1("SaasJobThreads", set_job_threads, NULL, RSRC_CONF,
                  "background threads of each child, 0 to 16 (default 2)"),
    AP_INIT_TAKE1("SaasHashConcurrency", set_hash_concurrency, NULL, RSRC_CONF,
                  "passwords that a child hashes at once, 1 to 1024 (default: twice the cores)"),
    AP_INIT_TAKE1("SaasThrottleCache", set_throttle_cache, NULL, RSRC_CONF,
                  "where attempts are counted: shm (this node), redis:host:port or memcache:host:port (all nodes)"),
    AP_INIT_TAKE1("SaasExportsMax", set_exports_max, NULL, RSRC_CONF,
                  "exports at once of each child, at most half of DBDMax (default 8)"),
    AP_INIT_TAKE1("SaasExportBuffer", set_export_buffer, NULL, RSRC_CONF,
                  "bytes of an export kept in memory for a slow client, the rest in a file (default 1M)"),
    AP_INIT_TAKE1("SaasSpoolDir", set_spool_dir, NULL, RSRC_CONF,
                  "folder of that file (default: the system's for temporary files)"),
    AP_INIT_FLAG("SaasSecureCookies", set_secure_cookies, NULL, RSRC_CONF,
                 "On: cookies as under TLS, for a server behind a TLS proxy"),
    AP_INIT_FLAG("SaasTrustForwarded", set_trust_forwarded, NULL, RSRC_CONF,
                 "On: X-Forwarded-Proto and X-Forwarded-Host of a trusted proxy make the links"),
    { NULL }
};
