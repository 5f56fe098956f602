/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The file of a SQLite database: whose it becomes when it is made, and whether it is still there.
 *
 * A SQLite connection outlives its file: it goes on reading a file that has been deleted or replaced, and pages that
 * it remembers of one that has been overwritten.  Nobody may be let in on the strength of that, so the driver asks
 * before each unit of work and the change feed at each look.
 *
 * The file is never opened a second time here: closing it would drop the locks of the whole process
 * (sqlite.org/howtocorrupt.html, section 2.2).
 */
#include "drivers.h"

#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* So often, and so far apart, a file is looked at that root is about to give to the database's owner. */
#define GIVEN_TRIES 10
#define GIVEN_WAIT_MS 5

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
        || access(name, F_OK)) {
        return "has been moved, deleted or made inaccessible: put it back, or restart httpd to use another";
    }
    if (access(name, R_OK | W_OK)) {
        return "is read-only" SAAS_SQLITE_OWNER;
    }
    if (in_use
        && (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file || !file->pMethods
            || file->pMethods->xRead(file, start, sizeof(start), 0) != SQLITE_OK || memcmp(start, magic, sizeof(magic)))) {
        return "has been overwritten by what is no database: stop httpd and restore a copy";
    }
    return NULL;
}

/* Is there a file beside the database that this process may not write? */
static int is_unwritable(const char *name)
{
    static const char *const beside[] = { "-wal", "-shm" };
    char path[PATH_MAX];
    unsigned i;
    for (i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        apr_snprintf(path, sizeof(path), "%s%s", name, beside[i]);
        if (access(path, W_OK) && errno == EACCES) {
            return 1;
        }
    }
    return 0;
}

int saas_sqlite_file_readonly(sqlite3 *db)
{
    const char *name = sqlite3_db_filename(db, "main");
    int tries;
    if (!name || !*name) {
        return 0;
    }
    /* What root's SQLite makes beside the database is root's for a moment, until it has given it to the database's owner. */
    for (tries = 0; is_unwritable(name); tries++) {
        if (tries == GIVEN_TRIES) {
            return 1;
        }
        apr_sleep(apr_time_from_msec(GIVEN_WAIT_MS));
    }
    return 0;
}

/* The folder is opened once: the owner that is asked and the place of the new file are the same folder's, whatever
 * becomes of its name meanwhile.  A symbolic link at the file's name is neither followed nor given away. */
const char *saas_sqlite_file_make(apr_pool_t *p, const char *path, int *made)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *why = NULL;
    const char *of = !slash ? "." : slash == path ? "/" : apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
    struct stat owner;
    int folder, file;

    *made = 0;
    if (geteuid() != 0 || !*name || !strcmp(path, ":memory:")
        || (folder = open(of, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return NULL; /* nothing to give away, or SQLite says what is wrong */
    }
    if (fstat(folder, &owner) == 0 && owner.st_uid != 0) {
        file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        *made = file >= 0 || errno == EEXIST;
        if (file >= 0 && fchown(file, owner.st_uid, owner.st_gid) != 0) {
            why = apr_psprintf(p, "the new file cannot be given to the owner of its folder (user %ld, %s), and httpd could"
                               " not write root's: run this as that user", (long)owner.st_uid, strerror(errno));
            unlinkat(folder, name, 0);
        }
        if (file >= 0) {
            close(file);
        }
    }
    close(folder);
    return why;
}
