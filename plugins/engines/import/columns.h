/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file columns.h
 * Records of a CSV file by the names of its columns.
 */
#ifndef IMPORT_COLUMNS_H
#define IMPORT_COLUMNS_H

#include "reader.h"

#define CSV_WANTED_MAX 8
/** Bytes of one record. */
#define CSV_RECORD_MAX (1024 * 1024)

typedef struct csv_format_t {
    char delimiter;
    /** Names of the columns that are wanted, in the order of the cells that record() gets; letters' case aside, and a
     *  blank is as an underscore; ends with NULL. */
    const char *columns[CSV_WANTED_MAX + 1];
    /** Makes a finding of a record's cells, which it may change; NULL, or what is wrong with it. */
    const char *(*record)(const import_reader_t *reader, char *const *cells, import_finding_t *finding);
} csv_format_t;

/** Reads a file with a line of names at its head.  Records are told by their line. */
apr_status_t import_read_csv(import_reader_t *reader, const csv_format_t *format);

#endif
