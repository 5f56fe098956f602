/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file host.h
 * What the files of mod_saas.so share with one another.  Nothing outside this
 * folder may include it.
 *
 * Each file implements some members of the service table (saas_host_t) and is
 * started by the hooks in mod_saas.c; the functions are grouped by file.
 */
#ifndef SAAS_HOST_H
#define SAAS_HOST_H

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

/* ------------------------------------------------------------ config.c -- */

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

/** AuthType Saas: our own log-in stands before the section. */
#define SAAS_AUTH_TYPE "Saas"

typedef struct saas_dir_config_t {
    int api;                          /**< SaasAPI On */
    int status;                       /**< SaasStatus On */
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

/* ----------------------------------------------------------- plugins.c -- */

/** A route with its plugin and its parsed gates. */
typedef struct saas_mounted_route_t saas_mounted_route_t;

/** Finds, checks and numbers all plugins: called from check_config.  A message
 *  refuses the start. */
const char *saas_plugins_load(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
/** The plugins that were loaded, each a const saas_plugin_t *. */
const apr_array_header_t *saas_plugins(void);
/** Statements numbered so far; numbers are 0 … count-1. */
int saas_statements_count(void);
/** Numbers a host-internal statement list (ended by a zero element). */
const char *saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list);

/* ----------------------------------------------------------- openapi.c -- */

/** Puts the document together from the host's part and the plugins'; a message
 *  refuses the start. */
const char *saas_openapi_compose(apr_pool_t *pconf);

/* ---------------------------------------------------------------- db.c -- */

/** Retrieves mod_dbd's functions, finds DBDMax, checks that a driver is set. */
int saas_db_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
/** Makes the child's counter of borrowed connections. */
void saas_db_child_init(apr_pool_t *pchild, server_rec *s);
/** Most connections that a child may have borrowed at once (DBDMax). */
int saas_db_capacity(void);
/** Whether this connection takes arrays as arguments, as PostgreSQL does; NULL: whether any that this child has had
 *  so far does. */
int saas_db_has_arrays(const saas_db_t *db);
/** Gives back what a handler left borrowed on this thread; true if it did. */
int saas_db_reclaim(void);
/** APR_SUCCESS when the database answers and its schema is the one this build
 *  needs; else *why says what is wrong, for the log and for SaasStatus. */
apr_status_t saas_db_ready(apr_pool_t *p, server_rec *s, const char **why);

apr_status_t saas_db_open_impl(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id);
void saas_db_close_impl(saas_db_t *db);
apr_status_t saas_db_begin_impl(saas_db_t *db, saas_transaction_e mode);
apr_status_t saas_db_query_impl(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows, const char *const *args,
                                int nargs);
apr_status_t saas_db_queue_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs);
apr_status_t saas_db_commit_impl(saas_db_t *db);
void saas_db_rollback_impl(saas_db_t *db);
apr_status_t saas_db_stream_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                 apr_status_t (*sink)(void *baton, const char *data, apr_size_t len), void *baton);
apr_status_t saas_db_transaction_impl(saas_db_t *db, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);
apr_status_t saas_db_set_organization_impl(saas_db_t *db, const char *org_id);

/* -------------------------------------------------------------- jobs.c -- */

extern saas_statement_t saas_job_statements[];
/** Registers the watchdogs; before mod_watchdog's own post_config. */
int saas_jobs_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
apr_status_t saas_job_enqueue_impl(saas_db_t *db, const char *kind, const char *org_id, const char *object_id,
                                   json_t *payload, int delay_seconds);
apr_status_t saas_job_cancel_impl(saas_db_t *db, const char *kind, const char *object_id);
int saas_job_stopped_impl(saas_job_t *job);
int saas_job_canceled_impl(saas_job_t *job);
apr_status_t saas_job_fence_impl(saas_job_t *job, saas_db_t *db);
void saas_jobs_wake_impl(void);
int saas_job_known_impl(const char *kind);
void saas_job_fail_impl(saas_job_t *job, int final, const char *why);

/* ----------------------------------------------------------- hashing.c -- */

/** Makes the child's counter of hashes that are being computed. */
void saas_hashing_child_init(apr_pool_t *pchild, server_rec *s);
/** saas_password_hash() and saas_password_verify() of mod_saas.h. */
apr_status_t saas_hashing_hash(apr_pool_t *p, const char *password, const char **stored);
apr_status_t saas_hashing_verify(apr_pool_t *p, const char *password, const char *stored, int *rehash);

/* ------------------------------------------------------------ stream.c -- */

/** Makes the child's count of streams. */
void saas_stream_child_init(apr_pool_t *pchild, server_rec *s);

apr_status_t saas_stream_begin_impl(saas_request_t *rq, const char *content_type, saas_stream_t **stream);
apr_status_t saas_stream_write_impl(saas_stream_t *stream, const char *data, apr_size_t len);
apr_status_t saas_stream_flush_impl(saas_stream_t *stream);
int saas_stream_end_impl(saas_stream_t *stream, apr_status_t rv);

#endif
