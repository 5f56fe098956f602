/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl backup and restore, of a SQLite database that httpd may be using: one moment's state, by SQLite's own online
 * backup (sqlite.org/backup.html), which takes no writer's turn for a copy and one for a restored database.
 *
 * A copy is whole or not there: it is made beside its place, checked, brought to the disk, and named last.  It needs no
 * other file beside it, and only its owner reads it, since it holds what the database holds.
 *
 * PostgreSQL has tools of its own that do this better.
 */
#include "commands.h"
#include "core/schema.h"
#include "statements.h"

#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 30000 /* somebody else's transaction is waited for */

/* The path of --db; NULL: it is no SQLite database, which was said. */
static const char *database_file(ctl_t *ctl)
{
    if (!strncmp(ctl->db, "sqlite:", 7) && ctl->db[7]) {
        return ctl->db + 7;
    }
    ctl_say(CTL_USAGE, "this is for SQLite: a PostgreSQL database is saved with pg_dump, or by its archive (docs/backup.md)");
    return NULL;
}

/* The one text of a one-row answer, or NULL with what SQLite says. */
static const char *ask(ctl_t *ctl, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    const char *text = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        text = apr_pstrdup(ctl->p, (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return text;
}

/* What is wrong with a database file, or NULL; *version: of its schema. */
static const char *look_at(ctl_t *ctl, sqlite3 *db, int *version)
{
    const char *found = ask(ctl, db, "PRAGMA integrity_check(1)"), *number;
    if (!found) {
        return apr_pstrdup(ctl->p, sqlite3_errmsg(db));
    }
    if (strcmp(found, "ok")) {
        return apr_pstrcat(ctl->p, "it is damaged: ", found, NULL);
    }
    if (!(number = ask(ctl, db, "SELECT max(version) FROM schema_migrations"))) {
        return "it is no database of mod_saas";
    }
    *version = atoi(number);
    return *version <= SAAS_SCHEMA_VERSION
               ? NULL
               : apr_psprintf(ctl->p, "its schema is version %d, this saasctl knows %d: use the newer one", *version,
                              SAAS_SCHEMA_VERSION);
}

/* All of it in one transaction; what stands in its way is waited for. */
static const char *copy(ctl_t *ctl, sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup;
    int waited = 0, rc;

    if (!(backup = sqlite3_backup_init(to, "main", from, "main"))) {
        return apr_pstrdup(ctl->p, sqlite3_errmsg(to));
    }
    while ((rc = sqlite3_backup_step(backup, -1)) == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if ((waited += 50) > BUSY_MS) {
            break;
        }
        sqlite3_sleep(50);
    }
    sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE ? NULL : rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? "somebody else is writing it: try again"
                                                                               : apr_pstrdup(ctl->p, sqlite3_errstr(rc));
}

/* ---------------------------------------------------------------------- backup -- */

/* What has been written of a file, and that it has this name now, outlives a power failure. */
static int to_disk(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC), done = file >= 0 && fsync(file) == 0;
    if (file >= 0) {
        close(file);
    }
    return done;
}

static const char *folder_of(ctl_t *ctl, const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : apr_pstrmemdup(ctl->p, path, (apr_size_t)(slash - path));
}

/* Makes a checked copy of one file; what is wrong, or NULL. */
static const char *make_copy(ctl_t *ctl, const char *path, int *version)
{
    sqlite3 *to = NULL;
    const char *why = NULL;

    if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        why = apr_pstrdup(ctl->p, to ? sqlite3_errmsg(to) : "out of memory");
    }
    else if (!(why = copy(ctl, to, ctl->native))) {
        /* Back from the write-ahead log, whose files a copy does not have. */
        const char *mode = ask(ctl, to, "PRAGMA journal_mode = DELETE");
        why = !mode || strcmp(mode, "delete") ? apr_pstrdup(ctl->p, sqlite3_errmsg(to)) : look_at(ctl, to, version);
    }
    sqlite3_close(to);
    return why;
}

int ctl_backup(ctl_t *ctl)
{
    const char *path = ctl->operands[0], *part = apr_pstrcat(ctl->p, path, ".part", NULL), *why;
    struct stat info;
    int file, code, version = 0;

    if (!database_file(ctl)) {
        return CTL_USAGE;
    }
    if ((code = ctl_connect(ctl, 0)) != CTL_OK) {
        return code;
    }
    if (lstat(path, &info) == 0) {
        return ctl_say(CTL_REFUSED, "%s is there already: give another name", path);
    }
    file = open(part, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return ctl_say(CTL_REFUSED, "cannot create %s: %s%s", part, strerror(errno),
                       errno == EEXIST ? "; another backup is under way, or was ended: remove it" : "");
    }
    close(file);
    if (!(why = make_copy(ctl, part, &version))) {
        /* link(), unlike rename(), replaces nothing that has come meanwhile. */
        if (!to_disk(part) || link(part, path) != 0 || !to_disk(folder_of(ctl, path)) || stat(path, &info) != 0) {
            why = strerror(errno);
        }
    }
    unlink(part);
    if (why) {
        return ctl_say(CTL_REFUSED, "no backup was made in %s: %s", path, why);
    }
    ctl_print_object(ctl, json_pack("{s:s, s:I, s:i}", "file", path, "bytes", (json_int_t)info.st_size, "version", version), NULL);
    return CTL_OK;
}

/* --------------------------------------------------------------------- restore -- */

static int are_one_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* Connects to where a copy goes, which is made if it is not there. */
static int open_target(ctl_t *ctl)
{
    saas_driver_rows_t *rows;
    int code = ctl_connect(ctl, 1);
    if (code == CTL_OK && !ctl_option(ctl, "replace")) {
        if (ctl_query(ctl, CTL_MIGRATIONS_EXIST_SQLITE, &rows, CTL_NO_ARGS) != APR_SUCCESS) {
            return ctl_database_failure(ctl, "cannot look at the database", SAAS_EDATABASE);
        }
        if (ctl_cell_true(rows, 0, 0)) {
            code = ctl_say(CTL_REFUSED, "there is a database already, and a restored one takes its place for good: save it with"
                           " saasctl backup, then say --replace");
        }
    }
    return code;
}

int ctl_restore(ctl_t *ctl)
{
    const char *path = ctl->operands[0], *database = database_file(ctl), *why;
    sqlite3 *from = NULL;
    int code = CTL_USAGE, version = 0;

    if (!database) {
        return CTL_USAGE;
    }
    if (are_one_file(path, database)) {
        return ctl_say(CTL_USAGE, "%s is the database itself", path);
    }
    if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK) {
        code = ctl_say(CTL_REFUSED, "cannot open %s: %s", path, from ? sqlite3_errmsg(from) : "out of memory");
    }
    else if ((why = look_at(ctl, from, &version))) {
        code = ctl_say(CTL_REFUSED, "%s was not restored, nothing was changed: %s", path, why);
    }
    else if ((code = open_target(ctl)) == CTL_OK && (why = copy(ctl, ctl->native, from))) {
        code = ctl_say(CTL_DATABASE, "%s was not restored, nothing was changed: %s", path, why);
    }
    sqlite3_close(from);
    if (code == CTL_OK) {
        ctl_print_object(ctl, json_pack("{s:s, s:i}", "restored", path, "version", version), NULL);
    }
    return code == CTL_OK && version < SAAS_SCHEMA_VERSION
               ? ctl_say(CTL_OK, "the schema is version %d, httpd needs %d: run saasctl migrate", version, SAAS_SCHEMA_VERSION)
               : code;
}
