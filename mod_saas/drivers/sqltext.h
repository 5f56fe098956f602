/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file sqltext.h
 * Rewrites the text of our own statements for places that do not take it as it is.  Not a parser of SQL: it knows
 * literals, quoted names and comments well enough to leave them alone, and must never see a client's text.
 */
#ifndef SAAS_DRIVERS_SQLTEXT_H
#define SAAS_DRIVERS_SQLTEXT_H

#include <apr_pools.h>

/** For SQLite: without ::casts and row locks (FOR UPDATE … SKIP LOCKED), and $n as ?n. */
const char *saas_sqltext_for_sqlite(apr_pool_t *p, const char *sql);

/** For COPY, which takes no parameters: $1 as saas_organization(), $n (with its cast, if any) as the setting saas.pn. */
const char *saas_sqltext_for_copy(apr_pool_t *p, const char *sql);

#endif
