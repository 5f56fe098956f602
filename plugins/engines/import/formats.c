/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/* The table of formats, and what all of them refuse alike. */

#include "reader.h"

#include <apr_strings.h>

#include <stdarg.h>
#include <string.h>

static const struct {
    const char *name;
    apr_status_t (*read)(import_reader_t *reader);
} table[] = {
    { "generic", import_read_generic }, { "ocsf", import_read_ocsf },   { "prowler-csv", import_read_prowler },
    { "sarif", import_read_sarif },     { "trivy", import_read_trivy },
};
#define FORMATS (sizeof(table) / sizeof(table[0]))

const char *const import_formats[] = { "generic", "ocsf", "prowler-csv", "sarif", "trivy", NULL };

apr_status_t import_refuse(import_reader_t *reader, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reader->error = apr_pvsprintf(reader->pool, format, args);
    va_end(args);
    return APR_EINVAL;
}

apr_status_t import_read(import_reader_t *reader, const char *format)
{
    apr_size_t i;
    for (i = 0; i < FORMATS; i++) {
        if (!strcmp(table[i].name, format)) {
            return table[i].read(reader);
        }
    }
    return import_refuse(reader, "There is no format %s.", format);
}
