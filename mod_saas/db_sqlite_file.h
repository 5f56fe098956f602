/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file db_sqlite_file.h
 * Is the file behind a SQLite connection still the database that was opened?
 */
#ifndef SAAS_DB_SQLITE_FILE_H
#define SAAS_DB_SQLITE_FILE_H

#include <sqlite3.h>

/** NULL, or what has become of the file, with the way out.  in_use: the connection has read it before, so that an
 *  empty file is a loss as well.  Costs three system calls and no lock. */
const char *saas_sqlite_file_lost(sqlite3 *db, int in_use);

#endif
