/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file watch.h
 * The room of those who watch: live, ready, routes and metrics of a SaasStatus section, the section of mod_status.
 */
#ifndef SAAS_WATCH_H
#define SAAS_WATCH_H

#include "config/config.h"

extern saas_statement_t saas_metrics_statements[];

/** Answers a request below the mount point of a SaasStatus section. */
int saas_status_serve(request_rec *r);

/** What httpd -t -D DUMP_SAAS_GATES prints: which gates stand where. */
void saas_places_hooks(void);

/** The section of mod_status, where that module is loaded. */
void saas_server_status_hooks(void);

#endif
