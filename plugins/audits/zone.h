/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file zone.h
 * Time zones by their names in IANA's database, as the system's package tzdata has them.
 */
#ifndef AUDITS_ZONE_H
#define AUDITS_ZONE_H

#include <apr.h>
#include <apr_pools.h>

typedef struct saas_zone_t saas_zone_t;

/** Longest name, in bytes. */
#define SAAS_ZONE_MAX 64

/** A zone in p; NULL: the system knows none of this name ("Europe/Berlin").  "UTC" is always there.  Thread-safe; what it
 *  says is the system's data at this time. */
const saas_zone_t *saas_zone_find(apr_pool_t *p, const char *name);

/** A saas_cron_zone_fn. */
void saas_zone_offset(const void *zone, apr_int64_t t, int *offset, apr_int64_t *until);

#endif
