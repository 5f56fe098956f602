/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file plugins.h
 * The registry of what plugins have declared: routes with parsed gates, objects,
 * gates by name.  Built once in pre_config, read-only while requests are served.
 */
#ifndef SAAS_PLUGINS_H
#define SAAS_PLUGINS_H

#include "host.h"

#define SAAS_ROUTE_SEGMENTS 12

/** A gate with its arguments, as a Require line or a route names it. */
typedef struct saas_gate_use_t {
    const saas_gate_t *gate;
    int number;                     /**< of the gate */
    const char *text;
    int argc;
    const char *const *argv;        /**< words; NULL where expressions has one */
    ap_expr_info_t *const *expressions;  /**< NULL: all arguments are words */
    int negated;                    /**< stands under "not" or in <RequireNone> */
    int needs_user;                 /**< nothing beside it in its section lets anybody in who is not known */
} saas_gate_use_t;

struct saas_mounted_route_t {
    const saas_route_t *route;
    const char *plugin;
    int nsegments;
    const char *segments[SAAS_ROUTE_SEGMENTS];  /**< literal, or "{name" for a parameter */
    int ngates;
    saas_gate_use_t gates[SAAS_GATES_MAX];
    int wants_organization;         /**< has a gate besides saas-user */
    int org_segment;                /**< index of {org}, or -1 */
    int object_segment;             /**< index of the parameter that is an object, or -1 */
    int object;                     /**< its number in saas_objects(), or -1 */
};

/** All routes, each a saas_mounted_route_t. */
const apr_array_header_t *saas_routes(void);
/** The plugin's part of the OpenAPI document, or NULL. */
const char *saas_plugin_openapi(const saas_plugin_t *plugin);
/** Its counters, or NULL. */
saas_counter_t *saas_plugin_counters(const saas_plugin_t *plugin);
/** All objects, each a saas_object_t. */
const apr_array_header_t *saas_objects(void);

/** Finds a gate by its name without "saas-"; NULL if there is none. */
const saas_gate_t *saas_gate_find(const char *name);
/** Gates have numbers from 0 on, the host's own first. */
int saas_gates_count(void);
const saas_gate_t *saas_gate_at(int number);
int saas_gate_number(const saas_gate_t *gate);

/** Parses "saas-role ADMIN MEMBER" into a use; NULL or what is wrong.  cmd is
 *  NULL for route tables, where expressions are not allowed. */
const char *saas_gate_parse(apr_pool_t *p, cmd_parms *cmd, const char *text, saas_gate_use_t *use);

/** Gates the host itself offers; ends with a zero element. */
extern const saas_gate_t saas_host_gates[];

/** Has every plugin check its configuration; a message refuses the start. */
const char *saas_plugins_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);

/** Registers the host's services as an optional function; in register_hooks. */
void saas_services_register(void);

#endif
