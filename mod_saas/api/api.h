/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file api.h
 * The room of the API: routes of plugins, what a routed request brings, replies, streams, the OpenAPI document.
 */
#ifndef SAAS_API_H
#define SAAS_API_H

#include "core/jsonio.h"
#include "gate/gate.h"

/* -------------------------------------------------------------- routes -- */

#define SAAS_ROUTE_SEGMENTS 12

/** A route with its plugin and its parsed gates. */
typedef struct saas_mounted_route_t {
    const saas_route_t *route;
    const char *plugin;
    int nsegments;
    const char *segments[SAAS_ROUTE_SEGMENTS];  /**< literal, or "{name" for a parameter */
    int ngates;
    saas_gate_use_t gates[SAAS_GATES_MAX];
    int wants_organization;         /**< has a gate that is not about the user alone */
    int org_segment;                /**< index of {org}, or -1 */
    int object_segment;             /**< index of the parameter that is an object, or -1 */
    int object;                     /**< its number in saas_objects(), or -1 */
} saas_mounted_route_t;

/** Forgets all routes; adds a plugin's list, which ends with a zero element, or NULL, when all gates and objects are known:
 *  a message refuses the start; all, each a saas_mounted_route_t. */
void saas_routes_begin(apr_pool_t *p);
const char *saas_routes_add(apr_pool_t *p, const char *owner, const saas_route_t *list);
const apr_array_header_t *saas_routes(void);

/* ---------------------------------------------------------- mount point -- */

/** Is the request's path at or below the mount point of a SaasAPI or SaasStatus section? */
int saas_router_is_mounted(request_rec *r);
/** The methods of a path below the mount point of a SaasAPI section, as Allow has them; NULL: there is no such path. */
const char *saas_router_methods(request_rec *r);
/** The route of a path below a mount point; its segments are in values, SAAS_ROUTE_SEGMENTS of them, the methods that there
 *  are in allowed, 0: there is no such path.  NULL: none with that method. */
const saas_mounted_route_t *saas_router_find(apr_pool_t *p, const char *path, const char *method, const char **values,
                                             unsigned *allowed);
/** Answers a request below the mount point of a SaasAPI section. */
int saas_router_serve(request_rec *r);
/** Keep httpd from looking for files below a mount point: the file names begin with this. map_to_storage: there is a
 *  file name. */
#define SAAS_ROUTER_FILENAME "saas:"
int saas_router_translate(request_rec *r);
int saas_router_map_to_storage(request_rec *r);
/** In fixups, before other modules': that there is a handler below a mount point, lest FallbackResource finds one. */
void saas_router_claim(request_rec *r);

/* ------------------------------------------------------------- request -- */

/** pub is first: a saas_request_t is a saas_call_t. */
typedef struct saas_call_t {
    saas_request_t pub;
    const saas_mounted_route_t *mounted;
    saas_context_t *ctx;                 /**< NULL on a public route */
    const char *mount;                   /**< path of the mount point */
    const char *values[SAAS_ROUTE_SEGMENTS]; /**< path segments as sent */
    apr_array_header_t *query;           /**< saas_param_t */
    saas_fields_t fields;
    apr_array_header_t *taken;           /**< of the plan's limits, limits.c's own; NULL: nothing */
    apr_bucket_brigade *unread;          /**< SAAS_BODY_UNREAD: of what is read */
    int read;                            /**< all of it is */
} saas_call_t;

/** Parses the query string; OK or a status already answered. */
int saas_request_parse_query(saas_call_t *call);
/** Reads the body as the route wants it; OK or a status already answered. */
int saas_request_read_body(saas_call_t *call);

int saas_request_read_impl(saas_request_t *rq, char *to, apr_size_t room, apr_size_t *len);
const char *saas_request_parameter_impl(saas_request_t *rq, const char *name);
const char *saas_request_query_impl(saas_request_t *rq, const char *name);
const char *saas_request_choice_impl(saas_request_t *rq, const char *name, const char *const *choices);
const char *saas_request_field_impl(saas_request_t *rq, const char *name, unsigned flags, int max);
void saas_request_error_impl(saas_request_t *rq, const char *field, const char *message);
int saas_request_page_impl(saas_request_t *rq, saas_page_t *page);
const char *saas_request_base_url_impl(saas_request_t *rq);
const char *saas_request_canonical_url_impl(saas_request_t *rq);

/* ------------------------------------------------------------- replies -- */

/* Each answers and returns what the handler returns. */
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
/** Whether the caller wants to know of the gates' verdict alone; says it, whatever it is but SAAS_UNAVAILABLE. */
int saas_dry_run_is(request_rec *r);
int saas_dry_run_reply(saas_call_t *call, saas_verdict_e verdict);
/** Writes a JSON text as the whole reply. */
int saas_reply_text(request_rec *r, int status, const char *json, apr_size_t len);
/** One row as a tree; a new reference. */
json_t *saas_row_json_impl(saas_request_t *rq, const saas_json_member_t *members, const saas_rows_t *rows, int row);

/* -------------------------------------------------------------- limits -- */

/** Forgets all limits; adds a plugin's list, which ends with a zero element, or NULL; then, once all are known, makes the
 *  statements of them.  A message refuses the start. */
void saas_limits_begin(apr_pool_t *p);
const char *saas_limits_add(apr_pool_t *p, const char *owner, const saas_limit_t *list);
const char *saas_limits_prepare(apr_pool_t *p);
/** In check_config: NULL, or which limit of a plan nobody can keep. */
const char *saas_limits_check(apr_pool_t *p);
apr_status_t saas_limit_take_impl(saas_request_t *rq, saas_db_t *db, const saas_standing_t *standing, const char *name,
                                  apr_int64_t n, int promised);
apr_status_t saas_limits_usage_impl(saas_request_t *rq, json_t **usage);
/** Answers what SAAS_ELIMIT has refused. */
int saas_limits_reply(saas_request_t *rq);

/* ------------------------------------------------------------- streams -- */

/** Makes the child's count of streams. */
void saas_stream_child_init(apr_pool_t *pchild, server_rec *s);

/** A file without a name in the folder of streams' files; it is gone with p. */
apr_status_t saas_temporary_file_impl(apr_file_t **file, apr_pool_t *p, server_rec *s);

apr_status_t saas_stream_begin_impl(saas_request_t *rq, const char *content_type, saas_stream_t **stream);
apr_status_t saas_stream_write_impl(saas_stream_t *stream, const char *data, apr_size_t len);
apr_status_t saas_stream_flush_impl(saas_stream_t *stream);
int saas_stream_end_impl(saas_stream_t *stream, apr_status_t rv);

/* ------------------------------------------------------------- OpenAPI -- */

/** Begins anew; has a plugin's part, which may be NULL, in the document. */
void saas_openapi_begin(apr_pool_t *p);
void saas_openapi_add(const char *owner, const char *text);
/** Puts the document together from the host's part and the plugins'; a message
 *  refuses the start. */
const char *saas_openapi_compose(apr_pool_t *pconf);

#endif
