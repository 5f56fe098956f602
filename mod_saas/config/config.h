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

#define SAAS_UNSET (-1)

/** Server-wide settings; those of the main server rule the shared parts. */
typedef struct saas_server_config_t {
    apr_interval_time_t db_wait;      /**< longest wait for a connection */
    apr_interval_time_t db_timeout;   /**< longest wait for one answer of the database */
    apr_off_t max_body;               /**< bytes of a JSON or raw body */
    int session_lifetime;             /**< seconds */
    const char *node_name;            /**< names this node in leases */
    int job_threads;                  /**< background threads a child */
    int secure_cookies;               /**< behind a TLS proxy: cookies as under TLS */
    int trust_forwarded;              /**< X-Forwarded-Proto and -Host make links */
    apr_off_t cache_size;             /**< bytes of memory for principals; 0: no cache */
    apr_interval_time_t feed_timeout; /**< a change feed that is silent for this long is none */
    int hash_concurrency;             /**< passwords hashed at once, a child */
    const char *throttle_cache;       /**< "redis" or "memcache"; NULL: this node's memory alone */
    const char *throttle_servers;     /**< of it */
    apr_off_t export_buffer;          /**< bytes of a stream kept in memory for a slow client */
    int exports_max;                  /**< streams at once, of a child */
    const char *spool_dir;            /**< folder of what does not fit into memory; NULL: the system's */
} saas_server_config_t;

/** What a client is told when it is refused. */
typedef struct saas_denied_t {
    const char *text;
    const char *url;                  /**< what a browser is led on to; may be NULL */
} saas_denied_t;

/** The proxies whose questions a SaasVerify section answers. */
typedef enum {
    SAAS_VERIFY_OFF, SAAS_VERIFY_NGINX, SAAS_VERIFY_TRAEFIK, SAAS_VERIFY_CADDY, SAAS_VERIFY_ENVOY, SAAS_VERIFY_HAPROXY
} saas_verify_e;

/** AuthType Saas: our own log-in stands before the section. */
#define SAAS_AUTH_TYPE "Saas"

typedef struct saas_dir_config_t {
    int api;                          /**< SaasAPI On */
    int status;                       /**< SaasStatus On */
    saas_verify_e verify;             /**< SaasVerify */
    const apr_array_header_t *verify_from; /**< SaasVerifyFrom: apr_ipsubnet_t *; NULL: this host */
    const char *mount;                /**< path of the section that said so */
    ap_expr_info_t *organization;     /**< SaasOrganization */
    ap_expr_info_t *user;             /**< SaasUser */
    int user_create;                  /**< SaasUserCreate */
    int auth_type_saas;               /**< AuthType Saas */
    int varies;                       /**< a gate of the section has an expression among its arguments */
    int identity_headers;             /**< SaasIdentityHeaders */
    const char *login_url;            /**< SaasLoginURL */
    const saas_denied_t *denied[SAAS_NO_SUBSCRIPTION + 1]; /**< SaasDenied, by verdict */
} saas_dir_config_t;

extern const command_rec saas_directives[];
void *saas_config_create_server(apr_pool_t *p, server_rec *s);
void *saas_config_merge_server(apr_pool_t *p, void *base, void *add);
void *saas_config_create_dir(apr_pool_t *p, char *path);
void *saas_config_merge_dir(apr_pool_t *p, void *base, void *add);

/** Settings with defaults filled in: never SAAS_UNSET. */
apr_interval_time_t saas_config_db_wait(server_rec *s);
apr_interval_time_t saas_config_db_timeout(server_rec *s);
apr_off_t saas_config_max_body(server_rec *s);
int saas_config_session_lifetime(server_rec *s);
int saas_config_job_threads(server_rec *s);
int saas_config_hash_concurrency(server_rec *s);
/** The provider of SaasThrottleCache and its argument; NULL: shm. */
const char *saas_config_throttle_cache(server_rec *s, const char **servers);
const char *saas_config_node(server_rec *s);
/** Cookies as under TLS although this server speaks plain HTTP. */
int saas_config_secure_cookies(server_rec *s);
/** A trusted proxy's X-Forwarded-* headers make links. */
int saas_config_trust_forwarded(server_rec *s);
/** Bytes of shared memory for principals; 0: they are not cached. */
apr_off_t saas_config_cache_size(server_rec *s);
/** How stale a cached principal may be at worst. */
apr_interval_time_t saas_config_feed_timeout(server_rec *s);

/** Most bytes of a streamed reply in memory for a client that is slow. */
apr_off_t saas_config_export_buffer(server_rec *s);
/** Most streamed replies at once in a child. */
int saas_config_exports_max(server_rec *s);
/** Where the rest is kept; NULL: the system's folder for temporary files. */
const char *saas_config_spool_dir(server_rec *s);


/* ------------------------------------------------------------- secrets -- */

/** saas_secret_read() of mod_saas.h. */
const char *saas_secret_read_impl(apr_pool_t *p, const char *value, const char **secret);

#endif
