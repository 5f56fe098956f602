/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file migrate.h
 * The migrations of this build, and what of them a database has.
 */
#ifndef SAASCTL_MIGRATE_H
#define SAASCTL_MIGRATE_H

#include "saasctl.h"

#include "core/token.h"

typedef struct ctl_migration_t {
    int version;
    const char *name;
    const char *text;
    int works_from;         /**< builds of this version of the schema on go on working with it; 0: only its own */
    char checksum[SAAS_HASH_LEN + 1];
    const char *applied_at; /**< NULL: not applied */
} ctl_migration_t;

/** The files, numbered 1 to SAAS_SCHEMA_VERSION without a gap; of ctl_migration_t. */
int ctl_migrations_load(ctl_t *ctl, apr_array_header_t **list);
/** Marks what is recorded, *done of them; refuses what does not fit. */
int ctl_migrations_compare(ctl_t *ctl, apr_array_header_t *list, int *done);
/** migrate --plan: prints what is missing up to a version, and what it would mean for the nodes that run. */
int ctl_migrate_plan(ctl_t *ctl, apr_array_header_t *list, int last);

#endif
