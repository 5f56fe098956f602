/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file db.h
 * What the gateway (db.c) offers to the host's start-up besides host.h.
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

#include "host.h"

/** NULL, or why the database configuration cannot work: mod_dbd is not loaded, DBDriver or DBDParams is missing,
 *  or the driver is none of ours.  Does not connect.  For check_config. */
const char *saas_db_check_config(apr_pool_t *ptemp, server_rec *s);

#endif
