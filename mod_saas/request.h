/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file request.h
 * A routed request as the host sees it: the plugin's view plus what the host
 * has parsed.
 */
#ifndef SAAS_REQUEST_H
#define SAAS_REQUEST_H

#include "gates.h"
#include "core/jsonio.h"

/** pub is first: a saas_request_t is a saas_call_t. */
typedef struct saas_call_t {
    saas_request_t pub;
    const saas_mounted_route_t *mounted;
    saas_context_t *ctx;                 /**< NULL on a public route */
    const char *mount;                   /**< path of the mount point */
    const char *values[SAAS_ROUTE_SEGMENTS]; /**< path segments as sent */
    apr_array_header_t *query;           /**< saas_param_t */
    saas_fields_t fields;
} saas_call_t;

/** Parses the query string; OK or a status already answered. */
int saas_request_parse_query(saas_call_t *call);
/** Reads the body as the route wants it; OK or a status already answered. */
int saas_request_read_body(saas_call_t *call);

const char *saas_request_parameter_impl(saas_request_t *rq, const char *name);
const char *saas_request_query_impl(saas_request_t *rq, const char *name);
const char *saas_request_choice_impl(saas_request_t *rq, const char *name, const char *const *choices);
const char *saas_request_field_impl(saas_request_t *rq, const char *name, unsigned flags, int max);
void saas_request_error_impl(saas_request_t *rq, const char *field, const char *message);
int saas_request_page_impl(saas_request_t *rq, saas_page_t *page);
const char *saas_request_base_url_impl(saas_request_t *rq);

/* Replies; each answers and returns what the handler returns. */
int saas_reply_json_impl(saas_request_t *rq, int status, json_t *body);
int saas_reply_error_impl(saas_request_t *rq, int status, const char *code, const char *detail);
int saas_reply_errors_impl(saas_request_t *rq);
int saas_reply_failure_impl(saas_request_t *rq, apr_status_t rv);
int saas_reply_page_impl(saas_request_t *rq, const saas_page_t *page, apr_int64_t count, json_t *results);
int saas_reply_list_impl(saas_request_t *rq, const saas_json_member_t *members, saas_statement_t *st,
                         const char *const *args, int nargs);
int saas_reply_rows_impl(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int shown,
                         apr_int64_t count, const char *next, const char *previous);
int saas_reply_throttled_impl(saas_request_t *rq, int seconds);
int saas_reply_verdict_impl(saas_request_t *rq, saas_verdict_e verdict);
int saas_reply_refusal(request_rec *r, const saas_refusal_t *refusal);
/** Writes a JSON text as the whole reply. */
int saas_reply_text(request_rec *r, int status, const char *json, apr_size_t len);

/** True when the path below a mount point (openapi.c) is the document's. */
int saas_openapi_is(const char *path);
/** Answers a request for the document. */
int saas_openapi_serve(saas_call_t *call);

/** hooks.c: what every request of the server passes. */
void saas_request_hooks(void);

/** The handler of SaasAPI and SaasStatus sections. */
int saas_router_handler(request_rec *r);
/** Keep httpd from looking for files below a mount point: the file names begin with this. map_to_storage: there is a
 *  file name. */
#define SAAS_ROUTER_FILENAME "saas:"
int saas_router_translate(request_rec *r);
int saas_router_map_to_storage(request_rec *r);
/** In fixups, before other modules': that there is a handler below a mount point, lest FallbackResource finds one. */
void saas_router_claim(request_rec *r);

/** Answers a request below the mount point of a SaasStatus section. */
int saas_status_serve(request_rec *r);

/** metrics below it. */
int saas_metrics_page(request_rec *r);
extern saas_statement_t saas_metrics_statements[];

/** The section of mod_status, where that module is loaded. */
void saas_server_status_hooks(void);

/* sections.c: what can be seen of sections in the tree of directives */

/** Warns of saas gates in an implicit RequireAny. */
void saas_sections_check(server_rec *s);
/** Is there, anywhere outside .htaccess files, a line with that directive and word? */
int saas_sections_have(const char *directive, const char *word);

/* activity.c, throttle.c, secret.c */
extern saas_statement_t saas_activity_statements[];
apr_status_t saas_activity_impl(saas_db_t *db, saas_request_t *rq, const saas_activity_t *what);
/** Finds the provider of SaasThrottleCache; a message refuses the start. */
const char *saas_throttle_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
int saas_throttle_post_config(apr_pool_t *pconf, server_rec *s);
int saas_throttle_impl(const char *bucket, const char *key, int limit, int window_seconds);
int saas_throttle_peek_impl(const char *bucket, const char *key, int limit, int window_seconds);
const char *saas_secret_read_impl(apr_pool_t *p, const char *value, const char **secret);

#endif
