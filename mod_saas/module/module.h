/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file module.h
 * The room at the top: the module as httpd sees it, its start, the plugins and what they are handed.
 */
#ifndef SAAS_MODULE_H
#define SAAS_MODULE_H

#include "config/config.h"

/** Finds and checks all plugins, and has each room know what is its: statements, gates, objects, background work, routes,
 *  parts of the OpenAPI document.  In pre_config; a message refuses the start. */
const char *saas_plugins_load(apr_pool_t *pconf, apr_pool_t *ptemp);
/** Has gates, background work and what plugins count counted. */
const char *saas_plugins_count(apr_pool_t *pconf);
/** Has every plugin check its configuration; a message refuses the start. */
const char *saas_plugins_check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);

/** Has every plugin tell how what it depends on stands. */
void saas_plugins_examine(saas_examination_t *e);

/** What httpd -t -D DUMP_SAAS_DOCTOR prints (doctor.c). */
void saas_doctor_hooks(void);

/** Registers the host's services as an optional function; in register_hooks (services.c). */
void saas_services_register(void);

/** Hooks that every request of the server passes (hooks.c). */
void saas_request_hooks(void);

#endif
