/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file gather.h
 * Lookups that are wanted at the same moment, asked of the database together.
 */
#ifndef SAAS_WHO_GATHER_H
#define SAAS_WHO_GATHER_H

#include "config/config.h"

/** One lookup in its two forms. */
typedef struct saas_lookup_t {
    saas_statement_t *alone;    /**< takes key, and value when nargs is 2 */
    saas_statement_t *together; /**< see saas_gather_sql(); takes an array of keys and one of values */
    const char *key, *value;    /**< value may be NULL */
    int nargs;                  /**< 1 or 2 */
} saas_lookup_t;

/** The text of a statement that answers many lookups: inner is the SELECT for one, which reads q.key and q.value,
 *  both text.  Each row begins with the number of its lookup, from 1. */
const char *saas_gather_sql(apr_pool_t *p, const char *inner);

/** Looks up, by itself or with others that wait; never later than what was committed before the call.  rows live in
 *  r->pool.  Failures are those of saas_db_open() and saas_db_query(). */
apr_status_t saas_gather_query(request_rec *r, const saas_lookup_t *lookup, saas_rows_t **rows);

#endif
