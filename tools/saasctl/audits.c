/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl audit import: a file of another scanner's findings, as POST audits/import/ takes it, but of any size and
 * without the limits of a plan.  The nodes, which have the engine, read it; this command puts the file into the
 * database, in the parts that migration 0017 describes, and waits for what becomes of it.
 */
#include "commands.h"
#include "statements.h"

#include <apr_encode.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PART (1024 * 1024)
#define WAIT_SECONDS 60 /* without any progress */
#define LOOK_AGAIN apr_time_from_msec(200)

typedef struct import_t {
    FILE *file;
    const char *org, *audit, *format, *name, *label;
    int again; /* the audit is there already */
    apr_int64_t bytes;
    int parts;
} import_t;

/* ---------------------------------------------------------------- store -- */

static int cannot_read(const ctl_t *ctl)
{
    return ctl_say(CTL_REFUSED, "cannot read %s: %s", ctl->operands[0], strerror(errno));
}

/* What comes by a pipe may be needed twice. */
static int open_file(ctl_t *ctl, FILE **file)
{
    char buffer[65536];
    size_t n;

    if (strcmp(ctl->operands[0], "-")) {
        return (*file = fopen(ctl->operands[0], "rb")) ? CTL_OK : cannot_read(ctl);
    }
    if (!(*file = tmpfile())) {
        return cannot_read(ctl);
    }
    while ((n = fread(buffer, 1, sizeof(buffer), stdin)) > 0) {
        if (fwrite(buffer, 1, n, *file) != n) {
            return cannot_read(ctl);
        }
    }
    return ferror(stdin) ? cannot_read(ctl) : CTL_OK;
}

static int store_part(ctl_t *ctl, apr_pool_t *p, import_t *import, const char *raw, size_t len)
{
    uLongf packed = compressBound(PART);
    Bytef *bytes = apr_palloc(p, packed);
    apr_status_t rv;

    if (compress2(bytes, &packed, (const Bytef *)raw, (uLong)len, Z_BEST_SPEED) != Z_OK) {
        return ctl_say(CTL_REFUSED, "cannot compress the file: out of memory");
    }
    rv = ctl_query_in(ctl, p, CTL_AUDIT_PART, NULL,
                      CTL_ARGS(import->org, import->audit, apr_itoa(p, import->parts++),
                               apr_pencode_base64_binary(p, bytes, packed, APR_ENCODE_NONE, NULL)));
    return rv == APR_SUCCESS ? CTL_OK : ctl_database_failure(ctl, "nothing was imported", rv);
}

static int store_parts(ctl_t *ctl, import_t *import)
{
    char *raw = apr_palloc(ctl->p, PART);
    apr_pool_t *p;
    size_t n;
    int code = CTL_OK;

    rewind(import->file);
    import->bytes = import->parts = 0;
    apr_pool_create(&p, ctl->p);
    while (code == CTL_OK && (n = fread(raw, 1, PART, import->file)) > 0) {
        import->bytes += (apr_int64_t)n;
        code = store_part(ctl, p, import, raw, n);
        apr_pool_clear(p);
    }
    apr_pool_destroy(p);
    if (code == CTL_OK && ferror(import->file)) {
        return cannot_read(ctl);
    }
    return code != CTL_OK || import->bytes ? code : ctl_say(CTL_REFUSED, "%s is empty", ctl->operands[0]);
}

static int make_audit(ctl_t *ctl, import_t *import)
{
    json_t *targets = json_pack("[s]", import->label);
    char *text = targets ? json_dumps(targets, JSON_COMPACT) : NULL;
    saas_driver_rows_t *rows;
    int code;

    json_decref(targets);
    if (!text) {
        return ctl_say(CTL_USAGE, "the file's name is not UTF-8; give it as standard input: saasctl audit import -");
    }
    code = import->again ? ctl_ask(ctl, CTL_AUDIT_AGAIN, &rows, CTL_ARGS(import->org, import->audit))
                         : ctl_ask(ctl, CTL_AUDIT_ADD, &rows,
                                   CTL_ARGS(import->org, import->audit, import->name ? import->name : "", text));
    free(text);
    if (code == CTL_OK && !rows->affected) {
        code = ctl_say(CTL_REFUSED, "%s is no audit of the organization that files have made and that has ended",
                       import->audit);
    }
    return code;
}

static int store(ctl_t *ctl, void *baton)
{
    import_t *import = baton;
    ctl_change_t change = { .action = "audit.started",
                            .type = "audit",
                            .id = import->audit,
                            .label = import->name && *import->name ? import->name : import->label };
    const char *job;
    json_t *payload;
    char *text;
    int code;

    if ((code = make_audit(ctl, import)) != CTL_OK || (code = store_parts(ctl, import)) != CTL_OK
        || (code = ctl_new_id(ctl, &job)) != CTL_OK) {
        return code;
    }
    payload = json_pack("{s:s, s:s, s:I, s:i}", "format", import->format, "file", import->label, "bytes",
                        (json_int_t)import->bytes, "parts", import->parts);
    text = json_dumps(payload, JSON_COMPACT);
    json_decref(payload);
    code = ctl_ask(ctl, CTL_AUDIT_JOB, NULL, CTL_ARGS(job, import->org, import->audit, text));
    free(text);
    if (code == CTL_OK) {
        change.after = json_pack("{s:s, s:s, s:s}", "status", "queued", "engine", "import", "file", import->label);
        code = ctl_activity(ctl, import->org, &change);
    }
    return code;
}

/* ----------------------------------------------------------------- wait -- */

/* Seconds that --wait allows to pass in which nothing moves. */
static int patience(ctl_t *ctl, int *seconds)
{
    const char *text = ctl_option(ctl, "wait");
    char *end;
    long n = text ? strtol(text, &end, 10) : WAIT_SECONDS;

    if (text && (!*text || *end || n < 0 || n > 86400)) {
        return ctl_say(CTL_USAGE, "--wait takes seconds, 0 to 86400");
    }
    *seconds = (int)n;
    return CTL_OK;
}

static int has_ended(const saas_driver_rows_t *rows)
{
    const char *status = ctl_cell(rows, 0, 0);
    return status && strcmp(status, "queued") && strcmp(status, "running");
}

/* Until the audit has ended, or nothing moves; *seen is its row. */
static int wait_for_end(ctl_t *ctl, const import_t *import, int seconds, saas_driver_rows_t **seen)
{
    apr_time_t moved = apr_time_now();
    char last[80] = "";
    apr_pool_t *p;
    int code;

    apr_pool_create(&p, ctl->p);
    for (;;) {
        const char *now;
        apr_pool_clear(p);
        if (ctl_query_in(ctl, p, CTL_AUDIT_SEEN, seen, CTL_ARGS(import->org, import->audit)) != APR_SUCCESS
            || !(*seen)->count) {
            code = ctl_say(CTL_DATABASE, "the audit %s is gone", import->audit);
            break;
        }
        now = apr_pstrcat(p, ctl_cell(*seen, 0, 0), " ", ctl_cell(*seen, 0, 1), NULL);
        if (strcmp(now, last)) {
            apr_cpystrn(last, now, sizeof(last));
            moved = apr_time_now();
        }
        if (has_ended(*seen) || apr_time_now() - moved >= apr_time_from_sec(seconds)) {
            code = CTL_OK;
            break;
        }
        apr_sleep(LOOK_AGAIN);
    }
    return code;
}

/* -------------------------------------------------------------- command -- */

static void print_text(const char *audit, const saas_driver_rows_t *rows, const json_t *note)
{
    const json_t *problem;
    size_t i;

    printf("audit %s: %s\n", audit, ctl_cell(rows, 0, 0));
    if (note) {
        printf("%lld records: %lld added, %lld there already, %lld skipped, %lld bad\n",
               (long long)json_integer_value(json_object_get(note, "records")),
               (long long)json_integer_value(json_object_get(note, "added")),
               (long long)json_integer_value(json_object_get(note, "duplicates")),
               (long long)json_integer_value(json_object_get(note, "skipped")),
               (long long)json_integer_value(json_object_get(note, "bad")));
    }
    json_array_foreach(json_object_get(note, "problems"), i, problem)
    {
        printf("  %s: %s\n", json_string_value(json_object_get(problem, "where")),
               json_string_value(json_object_get(problem, "what")));
    }
}

static int report(ctl_t *ctl, const import_t *import, const saas_driver_rows_t *rows)
{
    const char *error = ctl_cell(rows, 0, 3), *status = ctl_cell(rows, 0, 0);
    const char *imports = ctl_cell(rows, 0, 4);
    json_t *notes = json_loads(imports ? imports : "[]", 0, NULL), *note = NULL;
    int completed = !strcmp(status, "completed"), ended = has_ended(rows);

    if (ended && json_array_size(notes)) {
        note = json_array_get(notes, json_array_size(notes) - 1);
    }
    if (ctl->json) {
        ctl_print_object(ctl,
                         json_pack("{s:s, s:s, s:I, s:s?, s:O?}", "audit", import->audit, "status", status,
                                   "evidence_count", (json_int_t)apr_atoi64(ctl_cell(rows, 0, 2)), "error", error,
                                   "import", note),
                         NULL);
    }
    else {
        print_text(import->audit, rows, note);
    }
    json_decref(notes);
    if (!ended) {
        return ctl_say(CTL_REFUSED, "the file waits in the database: is a node running that loads mod_saas_audits and "
                                    "mod_saas_engine_import? It is read when there is one");
    }
    return completed
               ? CTL_OK
               : ctl_say(CTL_REFUSED, "nothing of the file was added: %s", error ? error : "the audit was canceled");
}

int ctl_audit_import(ctl_t *ctl)
{
    static const char *const formats[] = { "generic", "ocsf", "prowler-csv", "sarif", "trivy", NULL };
    import_t import = { .audit = ctl_option(ctl, "audit"), .name = ctl_option(ctl, "name") };
    const char *slash = strrchr(ctl->operands[0], '/'), *text;
    saas_driver_rows_t *rows;
    ctl_org_t org;
    int seconds = 0, code;

    import.again = import.audit != NULL;
    import.label = !strcmp(ctl->operands[0], "-") ? "standard input" : slash && slash[1] ? slash + 1 : ctl->operands[0];
    if ((code = ctl_need(ctl, "org", &text)) != CTL_OK || (code = ctl_org(ctl, text, 0, &org)) != CTL_OK
        || (code = ctl_need(ctl, "format", &text)) != CTL_OK
        || (code = ctl_word(ctl, "format", formats, &import.format)) != CTL_OK
        || (code = patience(ctl, &seconds)) != CTL_OK
        || (import.name && (code = ctl_name(ctl, "name", &import.name)) != CTL_OK)
        || (code = import.again ? ctl_id(ctl, import.audit, &import.audit) : ctl_new_id(ctl, &import.audit)) != CTL_OK
        || (code = open_file(ctl, &import.file)) != CTL_OK) {
        return code;
    }
    import.org = org.id;
    code = ctl_transaction(ctl, store, &import);
    fclose(import.file);
    if (code == CTL_OK && (code = wait_for_end(ctl, &import, seconds, &rows)) == CTL_OK) {
        code = report(ctl, &import, rows);
    }
    return code;
}
