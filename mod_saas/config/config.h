/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file config.h
 * The room of directives, and what all rooms above share: the module's name for httpd and its log, and mod_saas.h as
 * the host sees it.
 */
#ifndef SAAS_CONFIG_H
#define SAAS_CONFIG_H

#define SAAS_HOST_SIDE
#include "mod_saas.h"
#include "core/plan.h"
#include "core/warm.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>
#include <util_filter.h>

/* Who logs is off the warm way. */
extern __typeof__(ap_log_rerror_) ap_log_rerror_ SAAS_COLD;
extern __typeof__(ap_log_error_) ap_log_error_ SAAS_COLD;

extern module AP_MODULE_DECLARE_DATA saas_module;
APLOG_USE_MODULE(saas);

/** What a client is told when it is refused. */
typedef struct saas_denied_t {
    const char *text;
    const char *url;                  /**< what a browser is led on to; may be NULL */
} saas_denied_t;

/** The proxies whose questions a SaasVerify section answers, as the directive has their words. */
typedef enum {
    SAAS_VERIFY_NGINX, SAAS_VERIFY_TRAEFIK, SAAS_VERIFY_CADDY, SAAS_VERIFY_ENVOY, SAAS_VERIFY_HAPROXY
} saas_verify_e;

/** The words of SaasVerifyEmail. */
enum { SAAS_VERIFY_EMAIL_OFF, SAAS_VERIFY_EMAIL_NOTICE, SAAS_VERIFY_EMAIL_REQUIRED };

/** The words of SaasCookieSameSite. */
enum { SAAS_SAME_SITE_LAX, SAAS_SAME_SITE_STRICT, SAAS_SAME_SITE_NONE };

/** AuthType Saas: our own log-in stands before the section. */
#define SAAS_AUTH_TYPE "Saas"

/** SaasCacheControl Off: what a gate has let in, caches may keep as the application says. */
extern const char saas_cache_control_off[];

/** Of a set of methods; those that httpd has no number for, share one. */
static inline int saas_config_method_bit(int method)
{
    return 1 << (method < M_INVALID ? method : M_INVALID);
}

#include "directives.h"

/** Does a section answer the questions of another proxy? */
static inline int saas_config_verifies(const saas_dir_config_t *conf)
{
    return conf->verify != SAAS_UNSET;
}

/** The struct of a request's section: each member as its lines have said, SAAS_UNSET or NULL where none has. */
static inline const saas_dir_config_t *saas_dir_config(const request_rec *r)
{
    return (const saas_dir_config_t *)ap_get_module_config(r->per_dir_config, &saas_module);
}

/** All commands, for the module record, and how sections are merged. */
extern const command_rec saas_directives[];
void *saas_config_merge_sections(apr_pool_t *p, void *base, void *add);

/** What SaasDenied says of a verdict in a section, or NULL. */
const saas_denied_t *saas_config_denied(const saas_dir_config_t *conf, saas_verdict_e verdict);

/** In check_config: NULL, or what does not go together. */
const char *saas_config_check(apr_pool_t *p, const server_rec *main_server);

/* ---------------------------------------------------------------- plans -- */

/** In pre_config: there are no plans yet. */
void saas_config_plans_begin(apr_pool_t *pconf);
/** The plans of this server; never NULL. */
const saas_plans_t *saas_config_plans(void);
/** The same for plugins: see saas_plans(). */
json_t *saas_config_plans_json(void);
/** The lines they come from, const char *, as they are written. */
const apr_array_header_t *saas_config_plan_lines(void);
/** A gate asks for a plan, or for a feature; line: where. */
void saas_config_plan_asked(const char *word, const ap_directive_t *line, int is_plan);
/** Warns, once a minute, when there are plans and none has the price that an organization pays. */
void saas_config_plans_warn(request_rec *r, const char *org_id, const char *price);
/** In check_config: NULL, or which of them nobody can have. */
const char *saas_config_plans_check(apr_pool_t *p, const server_rec *main_server);
/** SaasPlan */
const char *saas_config_add_plan(cmd_parms *cmd, void *dir, const char *args);

/** SaasHashConcurrency, or twice the cores of this machine. */
int saas_config_hashes_at_once(const server_rec *s);
/** SaasNodeName, or the host's name. */
const char *saas_config_node(const server_rec *s);
/** The socache provider of SaasThrottleCache and its argument; NULL: shm. */
const char *saas_config_throttle_provider(const server_rec *s, const char **servers);

/* --------------------------------------------------------------- links -- */

/** scheme://host[:port] by which the request's server is reached, without a slash at its end; in r->pool.  As the client
 *  has named it where that is a name of this server; for what only the caller is shown. */
const char *saas_site_url(request_rec *r);
/** The same made of ServerName, port and SaasSecureCookies alone; for what is sent to others. */
const char *saas_site_canonical(request_rec *r);

/* ------------------------------------------------------------- secrets -- */

/** saas_secret_read() of mod_saas.h. */
const char *saas_secret_read_impl(apr_pool_t *p, const char *value, const char **secret);
/** In check_config: warns of files that everybody may read. */
void saas_secrets_warn(const server_rec *main_server);
/** The first of all in check_config, mod_info's too: secrets that stand in the configuration itself are taken out of the
 *  tree of directives. */
int saas_secrets_hide(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s);

#endif
