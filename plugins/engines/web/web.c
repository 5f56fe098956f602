/* mod_saas_engine_web: the audit engine for a site's transport and header
 * posture. The only file of the engine that knows httpd; it translates between
 * mod_saas.h and the engine proper (run.h). Nothing here runs on a request
 * worker but the validation of a target, which touches no network.
 */
#include "mod_saas.h"

#include "run.h"

#include <apr_strings.h>
#include <curl/curl.h>
#include <http_config.h>
#include <httpd.h>

extern module AP_MODULE_DECLARE_DATA saas_engine_web_module;
SAAS_PLUGIN_DEFINE;

static const saas_finding_status_e statuses[] = {
    [SAAS_WEB_PASS] = SAAS_PASS,
    [SAAS_WEB_FAIL] = SAAS_FAIL,
    [SAAS_WEB_MANUAL] = SAAS_MANUAL,
    [SAAS_WEB_ERROR] = SAAS_ERROR,
};

static const saas_severity_e severities[] = {
    [SAAS_WEB_CRITICAL] = SAAS_CRITICAL,
    [SAAS_WEB_HIGH] = SAAS_HIGH,
    [SAAS_WEB_MEDIUM] = SAAS_MEDIUM,
    [SAAS_WEB_LOW] = SAAS_LOW,
    [SAAS_WEB_INFORMATIONAL] = SAAS_INFORMATIONAL,
};

/* Made of the directives when the configuration has been read: the same for all servers. */
static const saas_guard_t *guard;
static const char *ports;

#define WEB_DIRECTIVES(X, of) \
    X(of, LIST, scan_allow, "SaasScanAllow", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_range), \
      "address ranges (CIDR) that audits may scan although they are not publicly routable, on every port; for labs and tests") \
    X(of, LIST, scan_ports, "SaasScanPorts", SAAS_GLOBAL, NULL, SAAS_CHECKED(saas_check_port), \
      "ports of publicly routable addresses that audits may scan besides 80, 443, 8080 and 8443") \
    X(of, TEXT, scan_anchor, "SaasScanTrustAnchor", SAAS_GLOBAL, "/usr/share/dns/root.key", SAAS_CHECKED(saas_check_file), \
      "file with the root's keys, as unbound reads it, that DNSSEC of targets is validated with") \
    X(of, INTERVAL, scan_timeout, "SaasScanTimeout", SAAS_GLOBAL, "10s", SAAS_RANGE(apr_time_from_sec(1), apr_time_from_sec(60)), \
      "how long an audit waits for one request with its redirects; for a connection or a TLS hello half of it")

SAAS_DIRECTIVES_DECLARE(web_config, saas_engine_web_module, WEB_DIRECTIVES)
SAAS_DIRECTIVES_DEFINE(web_config, saas_engine_web_module, WEB_DIRECTIVES)

static int make_guard(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog, (void)ptemp;
    guard = saas_guard_make_ports(pconf, web_config_scan_allow(s), web_config_scan_ports(s));
    ports = saas_guard_ports(pconf, guard);
    return OK;
}

static saas_web_admission_e ask(const void *rule, const struct sockaddr *sa)
{
    static const saas_web_admission_e admissions[] = {
        [SAAS_ADMITTED] = SAAS_WEB_ADMITTED,
        [SAAS_ADMITTED_LISTED] = SAAS_WEB_ADMITTED_LISTED,
        [SAAS_REFUSED_ADDRESS] = SAAS_WEB_REFUSED_ADDRESS,
        [SAAS_REFUSED_PORT] = SAAS_WEB_REFUSED_PORT,
    };

    return admissions[saas_guard_ask(rule, sa)];
}

static int port(const void *rule, int number)
{
    return saas_guard_port(rule, number);
}

static const char *validate(apr_pool_t *p, server_rec *s, const char *target, const char **canonical)
{
    const saas_web_guard_t g = { ask, port, guard, ports };
    const saas_web_target_t *t;
    const char *message = saas_web_target_parse(p, &g, target, &t);
    (void)s;

    *canonical = message ? NULL : t->url;
    return message;
}

static apr_status_t report(void *baton, const char *resource_id, const saas_web_check_t *check,
                           const saas_web_verdict_t *v)
{
    saas_audit_run_t *run = baton;
    saas_finding_t f = {
        .resource_id = resource_id,
        .check_name = check->name,
        .status = statuses[v->status],
        .severity = severities[v->severity],
        .time = apr_time_now(),
        .comment = v->comment,
    };

    return run->report(run, &f);
}

static apr_status_t progress(void *baton, int done, int total)
{
    saas_audit_run_t *run = baton;

    return run->progress(run, done, total);
}

static int stopped(void *baton)
{
    saas_audit_run_t *run = baton;

    return run->stopped(run);
}

static void proved(void *baton, const char *host)
{
    saas_audit_run_t *run = baton;

    run->proved(run, ap_strchr_c(host, ':') ? apr_pstrcat(run->pool, "[", host, "]", NULL) : host);
}

/* Hosts of the API are written as in URLs, those of targets without an IPv6 address's brackets. */
static const saas_web_claim_t *read_claims(const saas_audit_run_t *run)
{
    saas_web_claim_t *claims = apr_pcalloc(run->pool, sizeof(*claims) * (apr_size_t)(run->nclaims + 1));

    for (int i = 0; i < run->nclaims; i++) {
        const char *host = run->claims[i].host;

        claims[i].host = *host == '[' ? apr_pstrmemdup(run->pool, host + 1, strlen(host) - 2) : host;
        claims[i].token = run->claims[i].token;
    }
    return claims;
}

static apr_status_t run_audit(saas_audit_run_t *run)
{
    const char *host = run->server->server_hostname;
    const saas_web_guard_t g = { ask, port, saas_guard_here(run->pool, guard), ports };
    saas_web_run_t web = {
        .pool = run->pool,
        .guard = &g,
        .user_agent = host ? apr_pstrcat(run->pool, "mod_saas-web-audit/1.0 (+https://", host, "/)", NULL)
                           : "mod_saas-web-audit/1.0",
        .timeout = web_config_scan_timeout(run->server),
        .targets = run->targets,
        .ntargets = run->ntargets,
        .anchors = web_config_scan_anchor(run->server),
        .claims = read_claims(run),
        .nclaims = run->nclaims,
        .proved = proved,
        .report = report,
        .progress = progress,
        .stopped = stopped,
        .baton = run,
    };

    return saas_web_run(&web);
}

/* The table of checks as the host's plugins see one; made once, before any configuration is read. */
static saas_check_t *described;

static void describe(apr_pool_t *p)
{
    described = apr_pcalloc(p, sizeof(*described) * saas_web_check_count);
    for (int i = 0; i < saas_web_check_count; i++) {
        const saas_web_check_t *check = &saas_web_checks[i];

        described[i] = (saas_check_t){ .size = sizeof(saas_check_t),
                                       .name = check->name,
                                       .severity = severities[check->severity],
                                       .title = check->title,
                                       .meaning = check->meaning,
                                       .remediation = check->remediation,
                                       .reference = check->reference,
                                       .httpd = check->httpd,
                                       .nginx = check->nginx,
                                       .dns = check->dns,
                                       .penalty = check->penalty,
                                       .bonus = check->bonus,
                                       .test = check->test };
    }
}

static const saas_check_t *nth_check(int n)
{
    return n >= 0 && n < saas_web_check_count ? &described[n] : NULL;
}

static const saas_engine_t engine = {
    SAAS_ENGINE_INIT("web"),
    .validate = validate,
    .run = run_audit,
    .check = nth_check,
};

static void init_child(apr_pool_t *p, server_rec *s)
{
    (void)p;
    (void)s;
    curl_global_init(CURL_GLOBAL_ALL); /* counted; never undone, others use it too */
}

static void register_hooks(apr_pool_t *p)
{
    describe(p);
    saas_engine_register(p, &engine);
    ap_hook_check_config(make_guard, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(saas_engine_web) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, web_config_create, web_config_merge, web_config_commands, register_hooks, AP_MODULE_FLAG_NONE
};
