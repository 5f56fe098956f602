/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file work.h
 * The room of background work: rows of the table jobs, claimed and run on threads of their own.
 */
#ifndef SAAS_WORK_H
#define SAAS_WORK_H

#include "config/config.h"

/** Forgets all kinds; adds a plugin's list, which ends with a zero element, or NULL; all, each a const saas_job_kind_t *;
 *  their names, by number, in p. */
void saas_jobs_begin(apr_pool_t *p);
void saas_jobs_add(const saas_job_kind_t *list);
const apr_array_header_t *saas_jobs_kinds(void);
const char *const *saas_jobs_names(apr_pool_t *p, int *n);

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
apr_status_t saas_job_beside_impl(saas_job_t *job, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);
void saas_job_fail_impl(saas_job_t *job, int final, const char *why);

/** Forgets what comes back; adds a plugin's list, which ends with a zero element, or NULL. */
void saas_periodic_begin(apr_pool_t *p);
void saas_periodic_add(const saas_periodic_t *list);

/** Forgets all links of messages; adds a plugin's list, which ends with a zero element, or NULL. */
void saas_links_begin(apr_pool_t *p);
void saas_links_add(const saas_link_t *list);
apr_status_t saas_link_make_impl(saas_job_t *job, const char *name, const char *object_id, const char *url,
                                 const char **link);

#endif
