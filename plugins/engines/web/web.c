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

static void *create_config(apr_pool_t *p, server_rec *s)
{
    (void)s;
    return saas_web_guard_create(p);
}

static void *merge_config(apr_pool_t *p, void *base, void *add)
{
    return saas_web_guard_merge(p, base, add);
}

static const saas_web_guard_t *guard_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &saas_engine_web_module);
}

static const char *set_scan_allow(cmd_parms *cmd, void *dir, const char *range)
{
    saas_web_guard_t *g = ap_get_module_config(cmd->server->module_config, &saas_engine_web_module);
    const char *message = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (!message) {
        message = saas_web_guard_allow(g, cmd->pool, range);
    }

    (void)dir;
    return message ? apr_pstrcat(cmd->pool, "SaasScanAllow: ", message, NULL) : NULL;
}

static const command_rec directives[] = {
    AP_INIT_ITERATE("SaasScanAllow", set_scan_allow, NULL, RSRC_CONF,
                    "address ranges (CIDR) that audits may scan although they are not publicly "
                    "routable, on every port; for labs and tests"),
    { NULL }
};

static const char *validate(apr_pool_t *p, server_rec *s, const char *target, const char **canonical)
{
    const saas_web_target_t *t;
    const char *message = saas_web_target_parse(p, guard_of(s), target, &t);

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

static apr_status_t run_audit(saas_audit_run_t *run)
{
    const char *host = run->server->server_hostname;
    saas_web_run_t web = {
        .pool = run->pool,
        .guard = guard_of(run->server),
        .user_agent = host ? apr_pstrcat(run->pool, "mod_saas-web-audit/1.0 (+https://", host, "/)", NULL)
                           : "mod_saas-web-audit/1.0",
        .targets = run->targets,
        .ntargets = run->ntargets,
        .report = report,
        .progress = progress,
        .stopped = stopped,
        .baton = run,
    };

    return saas_web_run(&web);
}

static const saas_engine_t engine = {
    .size = sizeof(saas_engine_t),
    .minor = SAAS_PLUGIN_MINOR,
    .name = "web",
    .validate = validate,
    .run = run_audit,
};

static void init_child(apr_pool_t *p, server_rec *s)
{
    (void)p;
    (void)s;
    curl_global_init(CURL_GLOBAL_ALL); /* counted; never undone, others use it too */
}

static void register_hooks(apr_pool_t *p)
{
    saas_engine_register(p, &engine);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(saas_engine_web) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, create_config, merge_config, directives, register_hooks, AP_MODULE_FLAG_NONE
};
