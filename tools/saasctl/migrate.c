/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl migrate: applies the numbered files of sql/pgsql or sql/sqlite in order, each in one transaction together
 * with its record in schema_migrations.  A file that was applied must never change: its checksum is recorded, and
 * another one is refused.  Concurrent runs wait for each other and find the work done.  With --to an earlier version is
 * made, for a node that is not updated yet.
 *
 * A table's lock is waited for in turns: whoever asks for it has everybody behind him wait as well, so after two seconds
 * he steps back, and asks again when they have been let through.
 */
#include "migrate.h"
#include "commands.h"
#include "core/schema.h"
#include "statements.h"

#include <apr_file_info.h>
#include <apr_file_io.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One turn for a lock, the pause behind it, and how long it is tried. */
#define LOCK_TIMEOUT "2s"
#define LOCK_PAUSE apr_time_from_msec(500)
#define LOCK_PATIENCE apr_time_from_sec(60)

#define CREATE_TABLE \
    "CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL," \
    " checksum text NOT NULL, applied_at %s NOT NULL)"

/* The roles exist from the first migration on. */
#define GRANTS "GRANT SELECT ON schema_migrations TO saas_app, saas_system"

static int by_version(const void *a, const void *b)
{
    return ((const ctl_migration_t *)a)->version - ((const ctl_migration_t *)b)->version;
}

static const char *read_file(apr_pool_t *p, const char *path, apr_size_t *len)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *text = NULL;
    if (apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, p) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS) {
        text = apr_pcalloc(p, (apr_size_t)info.size + 1);
        if (apr_file_read_full(file, text, (apr_size_t)info.size, len) != APR_SUCCESS) {
            text = NULL;
        }
    }
    apr_file_close(file);
    return text;
}

/* Reads its "-- works-from: N".  False: it says what cannot be. */
static int read_works_from(ctl_migration_t *m)
{
    static const char words[] = "\n-- works-from: ";
    const char *line = strstr(m->text, words);
    m->works_from = line ? atoi(line + sizeof(words) - 1) : 0;
    return !line || (m->version > SAAS_SCHEMA_SAYS_FROM && m->works_from >= SAAS_SCHEMA_SAYS_FROM && m->works_from <= m->version);
}

int ctl_migrations_load(ctl_t *ctl, apr_array_header_t **list)
{
    const char *folder = apr_pstrcat(ctl->p, ctl->sqldir, ctl->sqlite ? "/sqlite" : "/pgsql", NULL);
    apr_array_header_t *found = apr_array_make(ctl->p, 8, sizeof(ctl_migration_t));
    apr_finfo_t entry;
    apr_dir_t *dir;
    int i;

    if (apr_dir_open(&dir, folder, ctl->p) != APR_SUCCESS) {
        return ctl_say(CTL_USAGE, "there are no migrations in %s: give their folder with --sql or SAASCTL_SQL", folder);
    }
    while (apr_dir_read(&entry, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        ctl_migration_t *m;
        apr_size_t len = strlen(entry.name);
        if (len < 10 || strspn(entry.name, "0123456789") != 4 || entry.name[4] != '_' || strcmp(entry.name + len - 4, ".sql")) {
            continue;
        }
        m = apr_array_push(found);
        m->version = atoi(entry.name);
        m->name = apr_pstrmemdup(ctl->p, entry.name, len - 4);
        m->text = read_file(ctl->p, apr_pstrcat(ctl->p, folder, "/", entry.name, NULL), &len);
        if (!m->text || saas_sha256_hex(m->checksum, m->text, len) != APR_SUCCESS) {
            return ctl_say(CTL_USAGE, "cannot read %s/%s", folder, entry.name);
        }
        if (!read_works_from(m)) {
            return ctl_say(CTL_USAGE, "%s/%s: works-from is a version from %d to its own", folder, entry.name, SAAS_SCHEMA_SAYS_FROM);
        }
    }
    apr_dir_close(dir);
    qsort(found->elts, (size_t)found->nelts, sizeof(ctl_migration_t), by_version);
    for (i = 0; i < found->nelts; i++) {
        if (APR_ARRAY_IDX(found, i, ctl_migration_t).version != i + 1) {
            return ctl_say(CTL_USAGE, "migration %d is missing in %s, or there twice", i + 1, folder);
        }
    }
    if (found->nelts != SAAS_SCHEMA_VERSION) {
        return ctl_say(CTL_USAGE, "%s ends with version %d, this saasctl is made for %d: give its own folder with --sql", folder,
                       found->nelts, SAAS_SCHEMA_VERSION);
    }
    *list = found;
    return CTL_OK;
}

int ctl_migrations_compare(ctl_t *ctl, apr_array_header_t *list, int *done)
{
    saas_driver_rows_t *rows;
    apr_status_t rv = ctl_query(ctl, ctl->sqlite ? CTL_MIGRATIONS_EXIST_SQLITE : CTL_MIGRATIONS_EXIST_PGSQL, &rows,
                                CTL_NO_ARGS);
    int r;
    *done = 0;
    if (rv == APR_SUCCESS && !ctl_cell_true(rows, 0, 0)) {
        return CTL_OK;
    }
    if (rv != APR_SUCCESS || (rv = ctl_query(ctl, CTL_MIGRATIONS, &rows, CTL_NO_ARGS)) != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot read schema_migrations", rv);
    }
    for (r = 0; r < rows->count; r++) {
        int version = atoi(ctl_cell(rows, r, 0));
        ctl_migration_t *m;
        if (version > list->nelts) {
            return ctl_say(CTL_REFUSED, "the database has version %d, this saasctl knows %d: use the newer one", version,
                           list->nelts);
        }
        if (version != r + 1) {
            return ctl_say(CTL_REFUSED, "schema_migrations lacks version %d: restore its row from a backup", r + 1);
        }
        m = &APR_ARRAY_IDX(list, r, ctl_migration_t);
        if (strcmp(m->checksum, ctl_cell(rows, r, 1))) {
            return ctl_say(CTL_REFUSED, "%s.sql is not the file that was applied on %s: restore it; changes go into a new migration",
                           m->name, ctl_cell(rows, r, 2));
        }
        m->applied_at = ctl_cell(rows, r, 2);
    }
    *done = rows->count;
    return CTL_OK;
}

static apr_status_t record(ctl_t *ctl, const ctl_migration_t *m)
{
    const char *version = apr_itoa(ctl->p, m->version), *from = m->works_from ? apr_itoa(ctl->p, m->works_from) : "";
    return m->version < SAAS_SCHEMA_SAYS_FROM
               ? ctl_query(ctl, CTL_MIGRATION_RECORD, NULL, CTL_ARGS(version, m->name, m->checksum))
               : ctl_query(ctl, CTL_MIGRATION_RECORD_FROM, NULL, CTL_ARGS(version, m->name, m->checksum, from));
}

/* What an operator can do about what PostgreSQL or SQLite says; "" for the rest. */
static const char *way_out(const char *error)
{
    static const char *const ways[][2] = {
        { "permission denied to create role",
          " (it makes the roles saas_app and saas_system: ALTER ROLE … CREATEROLE for the one that migrates, or CREATE ROLE the two first)" },
        { "must be owner of", " (whoever migrates owns all of it: ALTER … OWNER TO that role, and run it again)" },
        { "No space left", " (make room, and run it again)" },
        { "disk is full", " (make room, and run it again)" },
        { "disk I/O error", " (see whether the disk is full or broken, and run it again)" },
    };
    unsigned i;
    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strstr(error, ways[i][0])) {
            return ways[i][1];
        }
    }
    return "";
}

/* Applies one in the transaction that is open, and ends that.  CTL_AGAIN: a lock was not to be had. */
static int apply(ctl_t *ctl, const ctl_migration_t *m)
{
    const char *error, *ignored;
    apr_status_t rv = ctl->sqlite ? APR_SUCCESS : ctl_script(ctl, "SET LOCAL lock_timeout = '" LOCK_TIMEOUT "'", &error);
    if (rv == APR_SUCCESS) {
        rv = ctl_script(ctl, m->text, &error);
    }
    if (rv == APR_SUCCESS) {
        rv = record(ctl, m);
        error = "cannot record it in schema_migrations";
    }
    if (rv == APR_SUCCESS && !ctl->sqlite) {
        rv = ctl_script(ctl, GRANTS, &error);
    }
    if (rv == APR_SUCCESS) {
        rv = ctl_script(ctl, "COMMIT", &error);
    }
    if (rv == SAAS_ESERIALIZATION) {
        ctl_script(ctl, "ROLLBACK", &ignored);
        return CTL_AGAIN;
    }
    if (rv != APR_SUCCESS) {
        int code = ctl_say(CTL_DATABASE, "%s.sql failed, nothing of it was applied: %s%s", m->name, error, way_out(error));
        ctl_script(ctl, "ROLLBACK", &ignored);
        return code;
    }
    return CTL_OK;
}

/* One migration at a time, each looked up anew under the lock, until `last` is there. */
static int apply_all(ctl_t *ctl, apr_array_header_t *list, int last, int *version, json_t *applied)
{
    apr_time_t until = apr_time_now() + LOCK_PATIENCE;
    const char *error;
    for (;;) {
        int done = 0, code;
        if (ctl_script(ctl, ctl->sqlite ? "BEGIN EXCLUSIVE" : "BEGIN", &error) != APR_SUCCESS) {
            return ctl_say(CTL_DATABASE, "cannot begin: %s", error);
        }
        code = ctl_migrations_compare(ctl, list, &done);
        *version = done;
        if (code != CTL_OK || done >= last) {
            ctl_script(ctl, "ROLLBACK", &error);
            return code;
        }
        code = apply(ctl, &APR_ARRAY_IDX(list, done, ctl_migration_t));
        if (code == CTL_AGAIN && apr_time_now() < until) {
            apr_sleep(LOCK_PAUSE);
            continue;
        }
        if (code == CTL_AGAIN) {
            return ctl_say(CTL_DATABASE, "%s.sql was not applied: a table that it changes was in use for a minute, by an export or "
                           "somebody's open transaction; see pg_stat_activity, and run it again",
                           APR_ARRAY_IDX(list, done, ctl_migration_t).name);
        }
        if (code != CTL_OK) {
            return code;
        }
        until = apr_time_now() + LOCK_PATIENCE;
        json_array_append_new(applied, json_string(APR_ARRAY_IDX(list, done, ctl_migration_t).name));
        if (!ctl->json) {
            printf("applied %s\n", APR_ARRAY_IDX(list, done, ctl_migration_t).name);
        }
    }
}

static int show_status(ctl_t *ctl, apr_array_header_t *list)
{
    saas_driver_rows_t rows = { list->nelts, 3, 0, NULL };
    const char **cells = apr_palloc(ctl->p, sizeof(char *) * 3 * (apr_size_t)list->nelts);
    int i, done, code = ctl_migrations_compare(ctl, list, &done);
    if (code != CTL_OK) {
        return code;
    }
    for (i = 0; i < list->nelts; i++) {
        const ctl_migration_t *m = &APR_ARRAY_IDX(list, i, ctl_migration_t);
        cells[i * 3] = apr_itoa(ctl->p, m->version);
        cells[i * 3 + 1] = m->name;
        cells[i * 3 + 2] = m->applied_at;
    }
    rows.cells = cells;
    ctl_print_rows(ctl, &rows, (const char *const[]){ "version", "name", "applied_at" }, "ist");
    return CTL_OK;
}

/* The version of --to; without it the newest. */
static int last_version(ctl_t *ctl, int *last)
{
    const char *text = ctl_option(ctl, "to");
    char *end;
    *last = text ? (int)strtol(text, &end, 10) : SAAS_SCHEMA_VERSION;
    if (text && (!*text || *end || *last < 1 || *last > SAAS_SCHEMA_VERSION)) {
        return ctl_say(CTL_USAGE, "--to: \"%s\" is no version from 1 to %d", text, SAAS_SCHEMA_VERSION);
    }
    return CTL_OK;
}

/* What is added belongs to whom the rest belongs to: the next run could not change a superuser's tables. */
static int become_owner(ctl_t *ctl)
{
    saas_driver_rows_t *rows;
    const char *error;
    apr_status_t rv = ctl_query(ctl, CTL_SCHEMA_OWNER, &rows, CTL_NO_ARGS);
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot look up the schema's owner", rv);
    }
    if (!rows->count || ctl_cell_true(rows, 0, 1)) {
        return CTL_OK;
    }
    if (!ctl_cell_true(rows, 0, 2)) {
        return ctl_say(CTL_DATABASE, "the schema belongs to %s: connect as that role (--db), nothing was changed", ctl_cell(rows, 0, 0));
    }
    if (ctl_script(ctl, apr_pstrcat(ctl->p, "SET ROLE ", ctl_cell(rows, 0, 3), NULL), &error) != APR_SUCCESS) {
        return ctl_say(CTL_DATABASE, "cannot act as %s, whom the schema belongs to: %s", ctl_cell(rows, 0, 0), error);
    }
    return CTL_OK;
}

int ctl_migrate(ctl_t *ctl)
{
    apr_array_header_t *list;
    json_t *applied;
    const char *error;
    int last, version = 0, code = ctl_migrations_load(ctl, &list);
    apr_status_t rv = APR_SUCCESS;

    if (code != CTL_OK || (code = last_version(ctl, &last)) != CTL_OK) {
        return code;
    }
    if (ctl_option(ctl, "plan")) {
        return ctl_migrate_plan(ctl, list, last);
    }
    if (ctl_option(ctl, "status")) {
        return show_status(ctl, list);
    }
    if (!ctl->sqlite) {
        rv = ctl_query(ctl, CTL_LOCK, NULL, CTL_NO_ARGS);
    }
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot lock the migrations", rv);
    }
    if (!ctl->sqlite && (code = become_owner(ctl)) != CTL_OK) {
        return code;
    }
    if (ctl_script(ctl, apr_psprintf(ctl->p, CREATE_TABLE, ctl->sqlite ? "text" : "timestamptz"), &error) != APR_SUCCESS) {
        return ctl_say(CTL_DATABASE, "cannot create schema_migrations: %s (connect as the owner of the database)", error);
    }
    applied = json_array();
    code = apply_all(ctl, list, last, &version, applied);
    if (code == CTL_OK && ctl->json) {
        ctl_print_object(ctl, json_pack("{s:i, s:O}", "version", version, "applied", applied), NULL);
    }
    else if (code == CTL_OK && !json_array_size(applied)) {
        printf("nothing to do: the schema is version %d\n", version);
    }
    json_decref(applied);
    return code == CTL_OK && version == SAAS_SCHEMA_VERSION ? ctl_settle_addresses(ctl) : code;
}
