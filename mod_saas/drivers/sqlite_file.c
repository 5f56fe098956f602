/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A SQLite connection outlives its file: it goes on reading a file that has been deleted or replaced, and pages that
 * it remembers of one that has been overwritten.  Nobody may be let in on the strength of that, so the driver asks
 * before each unit of work and the change feed at each look.
 *
 * The file is never opened a second time here: closing it would drop the locks of the whole process
 * (sqlite.org/howtocorrupt.html, section 2.2).
 */
#include "drivers.h"

#include <sqlite3.h>
#include <string.h>
#include <unistd.h>

const char *saas_sqlite_file_lost(sqlite3 *db, int in_use)
{
    static const char magic[] = "SQLite format 3"; /* with its NUL: sqlite.org/fileformat2.html, section 1.3.1 */
    const char *name = sqlite3_db_filename(db, "main");
    sqlite3_file *file = NULL;
    char start[sizeof(magic)];
    int moved = 0;
    if (!name || !*name) {
        return NULL; /* in memory */
    }
    if ((sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
        || access(name, R_OK | W_OK)) {
        return "has been moved, deleted or made inaccessible: put it back, or restart httpd to use another";
    }
    if (in_use
        && (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods
            || file->pMethods->xRead(file, start, sizeof(start), 0) != SQLITE_OK || memcmp(start, magic, sizeof(magic)))) {
        return "has been overwritten by what is no database: stop httpd and restore a copy";
    }
    return NULL;
}
