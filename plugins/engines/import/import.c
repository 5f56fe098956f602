/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * mod_saas_engine_import: the audit engine for findings that other scanners have made and written into a file.  The
 * only file of the engine that knows httpd; it translates between mod_saas.h and the readers (reader.h).
 */

#include "mod_saas.h"

#include "reader.h"

SAAS_PLUGIN_DEFINE;

static const saas_finding_status_e statuses[IMPORT_STATUSES] = {
    [IMPORT_PASS] = SAAS_PASS,
    [IMPORT_FAIL] = SAAS_FAIL,
    [IMPORT_MANUAL] = SAAS_MANUAL,
    [IMPORT_ERROR] = SAAS_ERROR,
};

static const saas_severity_e severities[IMPORT_SEVERITIES] = {
    [IMPORT_CRITICAL] = SAAS_CRITICAL,
    [IMPORT_HIGH] = SAAS_HIGH,
    [IMPORT_MEDIUM] = SAAS_MEDIUM,
    [IMPORT_LOW] = SAAS_LOW,
    [IMPORT_INFORMATIONAL] = SAAS_INFORMATIONAL,
};

static apr_status_t next(void *baton, const char **data, apr_size_t *len)
{
    saas_audit_file_t *file = baton;
    return file->next(file, data, len);
}

static void begin_anew(void *baton)
{
    saas_audit_file_t *file = baton;
    file->rewind(file);
}

static apr_status_t finding(void *baton, const import_finding_t *f)
{
    saas_audit_file_t *file = baton;
    const saas_finding_t found = {
        .resource_id = f->resource,
        .check_name = f->check,
        .status = statuses[f->status],
        .severity = severities[f->severity],
        .time = f->time,
        .comment = f->comment,
    };
    return file->report(file, &found);
}

static void bad(void *baton, const char *where, const char *what)
{
    saas_audit_file_t *file = baton;
    file->bad(file, where, what);
}

static void skipped(void *baton)
{
    saas_audit_file_t *file = baton;
    file->skipped(file);
}

static apr_status_t read_file(saas_audit_file_t *file)
{
    import_reader_t reader = {
        .pool = file->pool,
        .baton = file,
        .next = next,
        .rewind = begin_anew,
        .finding = finding,
        .bad = bad,
        .skipped = skipped,
        .parse_time = saas_time_parse,
    };
    apr_status_t rv = import_read(&reader, file->format);

    file->error = reader.error;
    return rv;
}

/* Nothing that a person could name is a target of it. */
static const char *validate(apr_pool_t *p, server_rec *s, const char *target, const char **canonical)
{
    (void)p, (void)s, (void)target;
    *canonical = NULL;
    return "the engine import reads files: POST them to audits/import/.";
}

static apr_status_t run(saas_audit_run_t *unused)
{
    (void)unused;
    return APR_ENOTIMPL;
}

static const saas_engine_t engine = {
    SAAS_ENGINE_INIT("import"),
    .validate = validate,
    .run = run,
    .formats = import_formats,
    .read = read_file,
};

static void register_hooks(apr_pool_t *p)
{
    saas_engine_register(p, &engine);
}

AP_DECLARE_MODULE(saas_engine_import) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
                                          AP_MODULE_FLAG_NONE };
