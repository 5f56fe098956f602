/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * mod_saas: the module record and its start.  A table of contents, no logic.
 *
 * Start-up, in httpd's order:
 *  1. register_hooks   the services for plugins (services.c)
 *  2. pre_config       plugins are found, their tables checked, their gates
 *                      become Require providers (plugins.c, gate/)
 *  3. directives       (config/)
 *  4. check_config     what only the whole configuration shows, and the OpenAPI
 *                      document (api/); the last thing that configtest runs
 *  5. post_config      shared memory, watchdogs; skipped in httpd's first pass
 *  6. child_init       the child's place among what is counted (count/), its
 *                      counters of borrowed connections (db/), of passwords
 *                      that are being hashed (who/) and of streams (api/)
 */
#include "module.h"
#include "api/api.h"
#include "count/count.h"
#include "db/db.h"
#include "feed/feed.h"
#include "gate/gate.h"
#include "watch/watch.h"
#include "who/who.h"
#include "work/work.h"

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    const char *err;
    (void)plog;
    saas_config_plans_begin(pconf);
    err = saas_plugins_load(pconf, ptemp);
    if (!err) {
        err = saas_statements_register(pconf, "mod_saas", saas_session_statements);
    }
    if (!err) {
        err = saas_statements_register(pconf, "mod_saas", saas_activity_statements);
    }
    if (!err) {
        err = saas_statements_register(pconf, "mod_saas", saas_found_statements);
    }
    if (!err) {
        err = saas_statements_register(pconf, "mod_saas", saas_job_statements);
    }
    if (!err) {
        err = saas_statements_register(pconf, "mod_saas", saas_metrics_statements);
    }
    if (!err) {
        err = saas_replica_prepare(pconf);
    }
    if (!err) {
        err = saas_limits_prepare(pconf);
    }
    if (!err) {
        err = saas_tenant_prepare(pconf);
    }
    if (!err) {
        err = saas_why_prepare(pconf);
    }
    if (!err) {
        err = saas_plugins_count(pconf);
    }
    if (err) {
        ap_log_perror(APLOG_MARK, APLOG_CRIT, 0, pconf, "SAAS1001: %s", err);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    saas_gates_register(pconf);
    return OK;
}

static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    const char *err = saas_db_check_config(ptemp, s);
    (void)plog;
    if (!err) {
        err = saas_config_check(ptemp, s);
    }
    if (!err) {
        err = saas_limits_check(ptemp);
    }
    if (!err) {
        err = saas_throttle_check_config(pconf, ptemp, s);
    }
    if (!err) {
        err = saas_plugins_check_config(pconf, ptemp, s);
    }
    if (!err) {
        err = saas_sections_refused(ptemp);
    }
    if (!err) {
        err = saas_openapi_compose(pconf);
    }
    if (err) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS1002", "%s", err);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        saas_sections_check(ptemp, s);
    }
    return OK;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    int status;
    (void)plog;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    saas_sections_check(ptemp, s);
    saas_first_pass_post_config(s);
    if ((status = saas_counters_post_config(pconf, s)) != OK
        || (status = saas_db_post_config(pconf, ptemp, s)) != OK
        || (status = saas_hashing_post_config(s)) != OK
        || (status = saas_throttle_post_config(pconf, s)) != OK
        || (status = saas_cache_post_config(pconf, s)) != OK) {
        return status;
    }
    return saas_jobs_post_config(pconf, ptemp, s);
}

static void child_init(apr_pool_t *pchild, server_rec *s)
{
    saas_counters_child_init(pchild, s);
    saas_db_child_init(pchild, s);
    saas_changes_child_init(pchild, s);
    saas_hashing_child_init(pchild, s);
    saas_stream_child_init(pchild, s);
    saas_gather_child_init(pchild, s);
    saas_request_id_child_init();
}

static void register_hooks(apr_pool_t *p)
{
    static const char *const before_watchdog[] = { "mod_watchdog.c", NULL };
    (void)p;
    saas_services_register();
    saas_counters_hooks();
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(saas_secrets_hide, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(post_config, NULL, before_watchdog, APR_HOOK_MIDDLE);
    /* The threads of mod_watchdog begin in its own hook, and use what is made here. */
    ap_hook_child_init(child_init, NULL, before_watchdog, APR_HOOK_MIDDLE);
    saas_request_hooks();
    saas_gates_hooks();
    saas_server_status_hooks();
    saas_places_hooks();
    saas_doctor_hooks();
}

module AP_MODULE_DECLARE_DATA saas_module = {
    STANDARD20_MODULE_STUFF,
    saas_dir_config_create,
    saas_config_merge_sections,
    saas_config_create,
    saas_config_merge,
    saas_directives,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
