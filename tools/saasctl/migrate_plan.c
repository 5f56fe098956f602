/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl migrate --plan: what migrating would do to those who work meanwhile.  Of each file that is missing: which locks
 * it takes on tables that are there (sql/locks, which a test measures), how many rows those have, whether they are
 * written anew, and whether nodes of the version that is there now go on working afterwards.
 */
#include "migrate.h"
#include "statements.h"

#include "core/schema.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* About how many rows a table has, in words. */
static const char *rows_of(ctl_t *ctl, const char *table)
{
    saas_driver_rows_t *rows;
    const char *count;
    if (ctl_query(ctl, CTL_MIGRATION_ROWS, &rows, CTL_ARGS(table)) != APR_SUCCESS || !(count = ctl_cell(rows, 0, 0))) {
        return "not there yet";
    }
    return atoll(count) < 0 ? "rows not counted yet" : apr_psprintf(ctl->p, "about %s rows", count);
}

/* "audits: ACCESS EXCLUSIVE (about 30000000 rows, written anew)", of lines "0005 audits ACCESS EXCLUSIVE, rewrite". */
static const char *locks_of(ctl_t *ctl, const char *locks, int version)
{
    const char *told = NULL, *number = apr_psprintf(ctl->p, "%04d ", version);
    const char *line;
    for (line = locks; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        char *text, *mode, *rewrite;
        if (strncmp(line, number, 5)) {
            continue;
        }
        text = apr_pstrmemdup(ctl->p, line + 5, strcspn(line + 5, "\n"));
        if (!(mode = strchr(text, ' '))) {
            continue;
        }
        *mode++ = '\0';
        if ((rewrite = strstr(mode, ", rewrite"))) {
            *rewrite = '\0';
        }
        told = apr_pstrcat(ctl->p, told ? told : "", told ? "; " : "", text, ": ", mode, " (", rows_of(ctl, text),
                           rewrite ? ", written anew)" : ")", NULL);
    }
    return told ? told : "none on tables that are there";
}

static const char *read_locks(ctl_t *ctl)
{
    const char *path = apr_pstrcat(ctl->p, ctl->sqldir, "/locks", NULL);
    apr_finfo_t info;
    apr_file_t *file;
    char *text = NULL;
    if (apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, ctl->p) == APR_SUCCESS) {
        if (apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS) {
            text = apr_pcalloc(ctl->p, (apr_size_t)info.size + 1);
            if (apr_file_read_full(file, text, (apr_size_t)info.size, NULL) != APR_SUCCESS) {
                text = NULL;
            }
        }
        apr_file_close(file);
    }
    return text;
}

int ctl_migrate_plan(ctl_t *ctl, apr_array_header_t *list, int last)
{
    static const char *const names[] = { "version", "name", "older_nodes", "locks" };
    const char *locks = ctl->sqlite ? NULL : read_locks(ctl);
    const char **cells = apr_palloc(ctl->p, sizeof(*cells) * 4 * (apr_size_t)list->nelts);
    saas_driver_rows_t rows = { 0, 4, 0, cells };
    int i, done, floor = 0, code = ctl_migrations_compare(ctl, list, &done);
    if (code != CTL_OK) {
        return code;
    }
    for (i = done; i < last; i++) {
        const ctl_migration_t *m = &APR_ARRAY_IDX(list, i, ctl_migration_t);
        int from = m->works_from ? m->works_from : m->version;
        floor = from > floor ? from : floor;
        *cells++ = apr_itoa(ctl->p, m->version);
        *cells++ = m->name;
        *cells++ = !done           ? "there are none"
                   : floor <= done ? apr_psprintf(ctl->p, "of version %d on go on working", floor)
                                   : apr_psprintf(ctl->p, "answer 503 until they are updated to %d", floor);
        *cells++ = ctl->sqlite ? "the file, for all who write"
                   : locks     ? locks_of(ctl, locks, m->version)
                               : "not known: the file locks is missing beside the migrations";
        rows.count++;
    }
    ctl_print_rows(ctl, &rows, names, "isss");
    return CTL_OK;
}
