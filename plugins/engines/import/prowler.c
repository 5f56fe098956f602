/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Format prowler-csv: what Prowler writes with --output-formats csv, semicolons between its columns.  Times are UTC
 * without saying so.
 */

#include "columns.h"

enum { RESOURCE, CHECK, STATUS, SEVERITY, TIMESTAMP, COMMENT, NAME };

static const char *record(const import_reader_t *reader, char *const *cells, import_finding_t *finding)
{
    finding->resource = *cells[RESOURCE] ? cells[RESOURCE] : cells[NAME];
    finding->check = cells[CHECK];
    finding->comment = cells[COMMENT];
    if (!*finding->resource || !*finding->check) {
        return *finding->resource ? "Its CHECK_ID is empty." : "Its RESOURCE_UID is empty.";
    }
    if (!import_status_word(cells[STATUS], &finding->status)) {
        return "Its STATUS is none of PASS, FAIL, MANUAL.";
    }
    if (!import_severity_word(cells[SEVERITY], &finding->severity)) {
        return "Its SEVERITY is none of critical, high, medium, low, informational.";
    }
    if (!import_time_word(reader, cells[TIMESTAMP], &finding->time)) {
        return "Its TIMESTAMP is none.";
    }
    return NULL;
}

static const csv_format_t format = {
    .delimiter = ';',
    .columns = { "RESOURCE_UID", "CHECK_ID", "STATUS", "SEVERITY", "TIMESTAMP", "STATUS_EXTENDED",
                 "RESOURCE_NAME", NULL },
    .record = record,
};

apr_status_t import_read_prowler(import_reader_t *reader)
{
    return import_read_csv(reader, &format);
}
