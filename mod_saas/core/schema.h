/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file schema.h
 * The version of the database schema that this build is made for: the number of the last file in sql/pgsql and
 * sql/sqlite.  saasctl migrates to exactly this one; host and saasctl work with it, and with a later one that says that
 * it works with builds of this one (works_from), so that nodes are updated one after the other.
 */
#ifndef SAAS_CORE_SCHEMA_H
#define SAAS_CORE_SCHEMA_H

#ifndef SAAS_SCHEMA_VERSION /* a test builds the next version's */
#define SAAS_SCHEMA_VERSION 27
#endif

/** The first version whose file can say "-- works-from: N". */
#define SAAS_SCHEMA_SAYS_FROM 25

#endif
