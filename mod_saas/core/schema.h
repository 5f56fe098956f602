/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file schema.h
 * The version of the database schema that this build is made for: the number of the last file in sql/pgsql and
 * sql/sqlite.  The host refuses any other one, saasctl migrates to exactly this one.
 */
#ifndef SAAS_CORE_SCHEMA_H
#define SAAS_CORE_SCHEMA_H

#define SAAS_SCHEMA_VERSION 24

#endif
