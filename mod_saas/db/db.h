/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file db.h
 * The room of the database gateway: statements, connections for a unit of work, transactions.
 *
 * Notes for authors of statements:
 * - Booleans are bound as "1" and "0", which both databases take; in texts TRUE and FALSE work on both.
 * - A streamed SELECT must be in the order of an index: sorting is switched off, so that the first row comes at
 *   once.  Its parameters are text: write $2::uuid, $3::timestamptz.
 * - On PostgreSQL the session role of a pooled connection is saas_system.  Other modules that share the pool of
 *   mod_dbd (mod_authn_dbd) run as it too.
 */
#ifndef SAAS_DB_H
#define SAAS_DB_H

#include "config/config.h"

/* ---------------------------------------------------------- statements -- */

/** Forgets all statements; before the first list is registered. */
void saas_statements_begin(apr_pool_t *pconf);
/** Numbers a list (ended by a zero element, or NULL) and checks it; a message refuses the start. */
const char *saas_statements_register(apr_pool_t *p, const char *owner, saas_statement_t *list);
/** Statements numbered so far; numbers are 0 … count-1. */
int saas_statements_count(void);
/** The one of a number. */
const saas_statement_t *saas_statements_at(int number);

/** Numbers the gateway's own. */
const char *saas_replica_prepare(apr_pool_t *p);

/* -------------------------------------------------------- the gateway -- */

/** NULL, or why the database configuration cannot work: mod_dbd is not loaded, DBDriver or DBDParams is missing,
 *  or the driver is none of ours.  Does not connect.  For check_config. */
const char *saas_db_check_config(apr_pool_t *ptemp, server_rec *s);
/** Retrieves mod_dbd's functions, finds DBDMax, checks that a driver is set. */
int saas_db_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s);
/** What DBDMax allows a child, or would allow it by default. */
int saas_db_pool_size(apr_pool_t *p);
/** For saasctl doctor: connects as DBDParams says, and has the database plan every statement there is. */
void saas_db_examine(saas_examination_t *e);
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
apr_status_t saas_db_queue_rows_impl(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows, const char *const *args,
                                     int nargs);
apr_status_t saas_db_commit_impl(saas_db_t *db);
void saas_db_rollback_impl(saas_db_t *db);
apr_status_t saas_db_stream_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                 apr_status_t (*sink)(void *baton, const char *data, apr_size_t len), void *baton);
apr_status_t saas_db_stream_cells_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                       apr_status_t (*sink)(void *baton, const char *const *cells, const apr_size_t *lengths),
                                       void *baton);
apr_uint64_t saas_db_stream_blanks_impl(const saas_db_t *db);
apr_status_t saas_db_load_impl(saas_db_t *db, saas_statement_t *st, const saas_rows_t *rows, const char *const *args,
                               int nargs, apr_int64_t *affected);
/** See saas_db_to_replica() in mod_saas.h. */
int saas_db_to_replica_impl(saas_db_t *db);
/** A second connection for a thread that has one with a transaction on it: the one exception to the rule that a thread has
 *  one.  Both waits are bounded, so that threads which wait for each other give up.  APR_EBUSY: the first one is SQLite's
 *  only writer. */
apr_status_t saas_db_open_beside(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id);
apr_status_t saas_db_transaction_impl(saas_db_t *db, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton);
apr_status_t saas_db_set_organization_impl(saas_db_t *db, const char *org_id);
/** The organization that tenant statements run for, or NULL; lives as long as the unit of work. */
const char *saas_db_organization(const saas_db_t *db);

#endif
