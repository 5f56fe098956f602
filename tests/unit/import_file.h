/* A file of findings in memory, given in pieces, and what a reader has said of it, as text: one line for each thing said. */
#ifndef IMPORT_FILE_H
#define IMPORT_FILE_H

#include <stdio.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "core/timefmt.h"
#include "plugins/engines/import/reader.h"

typedef struct import_file_t {
    apr_pool_t *pool;
    const char *data;
    apr_size_t len, at, piece;
    char *copy;            /* of a piece, where it ends and no further */
    char *said;
    apr_size_t used, room;
    int findings, bad, skipped, passes;
    apr_status_t rv;
    const char *error;
} import_file_t;

static apr_status_t import_file_next(void *baton, const char **data, apr_size_t *len)
{
    import_file_t *file = baton;
    apr_size_t n = file->len - file->at < file->piece ? file->len - file->at : file->piece;
    if (!n) {
        return APR_EOF;
    }
    /* What was given before is gone, and there is nothing behind this. */
    free(file->copy);
    file->copy = malloc(n);
    memcpy(file->copy, file->data + file->at, n);
    file->at += n;
    *data = file->copy;
    *len = n;
    return APR_SUCCESS;
}

static void import_file_rewind(void *baton)
{
    ((import_file_t *)baton)->at = 0;
    ((import_file_t *)baton)->passes++;
}

static void import_file_say(import_file_t *file, const char *line)
{
    apr_size_t len = strlen(line);
    if (file->used + len + 2 > file->room) {
        file->room = 2 * (file->used + len + 2);
        file->said = realloc(file->said, file->room);
    }
    memcpy(file->said + file->used, line, len);
    file->used += len;
    memcpy(file->said + file->used++, "\n", 2);
}

static apr_status_t import_file_finding(void *baton, const import_finding_t *f)
{
    static const char *const statuses[] = { "PASS", "FAIL", "MANUAL", "ERROR" };
    static const char *const severities[] = { "critical", "high", "medium", "low", "informational" };
    import_file_t *file = baton;
    char when[SAAS_TIME_ISO_SIZE];
    apr_pool_t *p;
    if (saas_time_iso(when, f->time) != APR_SUCCESS) {
        abort();
    }
    apr_pool_create(&p, file->pool);
    import_file_say(file, apr_pstrcat(p, f->resource, "|", f->check, "|", statuses[f->status], "|", severities[f->severity], "|",
                                      f->time ? when : "-", "|", f->comment, NULL));
    apr_pool_destroy(p);
    file->findings++;
    return APR_SUCCESS;
}

static void import_file_bad(void *baton, const char *where, const char *what)
{
    import_file_t *file = baton;
    import_file_say(file, apr_psprintf(file->pool, "bad: %s: %s", where, what));
    file->bad++;
}

static void import_file_skipped(void *baton)
{
    import_file_t *file = baton;
    import_file_say(file, "skipped");
    file->skipped++;
}

/** Reads it in pieces of so many bytes; what was said is in file->said, which is the caller's to free. */
static void import_file_read(import_file_t *file, apr_pool_t *p, const char *format, const char *data, apr_size_t len,
                             apr_size_t piece)
{
    import_reader_t reader = { .pool = p, .baton = file, .next = import_file_next, .rewind = import_file_rewind,
                               .finding = import_file_finding, .bad = import_file_bad, .skipped = import_file_skipped,
                               .parse_time = saas_time_parse };
    memset(file, 0, sizeof(*file));
    file->pool = p;
    file->data = data;
    file->len = len;
    file->piece = piece;
    import_file_say(file, "");
    file->used = 0;
    file->said[0] = '\0';
    file->rv = import_read(&reader, format);
    file->error = reader.error;
    free(file->copy);
    file->copy = NULL;
}

#endif
