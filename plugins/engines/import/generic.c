/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Format generic: CSV with the six columns that an export of this server has, so that what was exported can be read
 * again.  The apostrophe that an export puts before what a spreadsheet would take for a formula is taken away.
 */

#include "columns.h"

#include <string.h>

enum { RESOURCE, CHECK, STATUS, SEVERITY, TIMESTAMP, COMMENT };

static const char *unguarded(const char *text)
{
    return text[0] == '\'' && text[1] && strchr("=+-@\t\r", text[1]) ? text + 1 : text;
}

static const char *record(const import_reader_t *reader, char *const *cells, import_finding_t *finding)
{
    finding->resource = unguarded(cells[RESOURCE]);
    finding->check = unguarded(cells[CHECK]);
    finding->comment = unguarded(cells[COMMENT]);
    if (!*finding->resource || !*finding->check) {
        return *finding->resource ? "Its check_name is empty." : "Its resource_id is empty.";
    }
    if (!import_status_word(cells[STATUS], &finding->status)) {
        return "Its status is none of PASS, FAIL, MANUAL, ERROR.";
    }
    if (!import_severity_word(cells[SEVERITY], &finding->severity)) {
        return "Its severity is none of critical, high, medium, low, informational.";
    }
    if (*cells[TIMESTAMP] && !import_time_word(reader, cells[TIMESTAMP], &finding->time)) {
        return "Its timestamp is none in ISO 8601.";
    }
    return NULL;
}

static const csv_format_t format = {
    .delimiter = ',',
    .columns = { "resource_id", "check_name", "status", "severity", "timestamp", "comment", NULL },
    .record = record,
};

apr_status_t import_read_generic(import_reader_t *reader)
{
    return import_read_csv(reader, &format);
}
