/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * CSV as a stream, read by libcsv: a quoted cell may have any byte in it, a line end too.  The file is given to libcsv
 * line by line, so that it is known which line a record begins on; a record is kept up to its end and no longer, and
 * one that does not end is given up.
 *
 * libcsv takes blanks around a cell without quotes away, passes over empty lines, and reads a line end in any of its
 * spellings.
 */

#include "columns.h"

#include <apr_strings.h>

#include <csv.h>
#include <string.h>
#include <strings.h>

#define COLUMNS_MAX 1000
#define SHOWN 40

typedef struct csv_t {
    import_reader_t *reader;
    const csv_format_t *format;
    struct csv_parser parser;
    int header;              /* has been read */
    int columns;             /* of the header */
    int wanted[COLUMNS_MAX]; /* by column: which cell it is, -1: none */
    int ncells;              /* of the format */
    int column;              /* of the cell that comes next */
    char *text;              /* of the record's wanted cells, a NUL behind each */
    apr_size_t used;
    apr_size_t at[CSV_WANTED_MAX];
    int seen[CSV_WANTED_MAX];
    int strange;      /* a cell of it is no text */
    int over;         /* the file is: what ends now has no line end */
    long line, first; /* now, and of the record's first */
    int after_cr;     /* the byte before was one */
    apr_size_t since; /* bytes since the last record's end */
    int inked;        /* not all of them are blank */
    apr_status_t rv;
} csv_t;

/* ---------------------------------------------------------------- header -- */

static int same_name(const char *name, const char *text, apr_size_t len)
{
    apr_size_t i;
    if (strlen(name) != len) {
        return 0;
    }
    for (i = 0; i < len; i++) {
        char c = text[i] == ' ' || text[i] == '-' ? '_' : text[i];
        if (strncasecmp(&c, &name[i], 1)) {
            return 0;
        }
    }
    return 1;
}

static void head_cell(csv_t *csv, const char *text, apr_size_t len)
{
    int i;
    if (csv->column >= COLUMNS_MAX) {
        csv->column++;
        return;
    }
    csv->wanted[csv->column] = -1;
    for (i = 0; i < csv->ncells; i++) {
        if (!csv->seen[i] && same_name(csv->format->columns[i], text, len)) {
            csv->wanted[csv->column] = i;
            csv->seen[i] = 1;
            break;
        }
    }
    csv->column++;
}

static void head_end(csv_t *csv)
{
    const char *missing = "";
    int i;

    csv->columns = csv->column;
    csv->header = 1;
    if (csv->columns > COLUMNS_MAX) {
        csv->rv = import_refuse(csv->reader, "The first line has %d columns: a file of findings has at most %d.",
                                csv->columns, COLUMNS_MAX);
        return;
    }
    for (i = 0; i < csv->ncells; i++) {
        if (!csv->seen[i]) {
            missing = apr_pstrcat(csv->reader->pool, missing, *missing ? ", " : "", csv->format->columns[i], NULL);
        }
    }
    if (*missing) {
        csv->rv = import_refuse(csv->reader,
                                "The first line does not name these columns: %s. Is the format the right one, and "
                                "\"%c\" between the columns?",
                                missing, csv->format->delimiter);
    }
}

/* --------------------------------------------------------------- records -- */

static void put_cell(csv_t *csv, int cell, const char *text, apr_size_t len)
{
    if (csv->used + len + 1 > CSV_RECORD_MAX + CSV_WANTED_MAX) {
        return; /* its record is given up */
    }
    if (!import_is_text(text, len)) {
        csv->strange = 1;
    }
    csv->at[cell] = csv->used;
    memcpy(csv->text + csv->used, text, len);
    csv->used += len;
    csv->text[csv->used++] = '\0';
}

static void tell_bad(csv_t *csv, const char *what)
{
    char where[40];
    apr_snprintf(where, sizeof(where), "line %ld", csv->first);
    csv->reader->bad(csv->reader->baton, where, what);
}

static void record_end(csv_t *csv)
{
    import_finding_t finding = { .time = 0 };
    char *cells[CSV_WANTED_MAX];
    char other[80];
    const char *wrong;
    int i;

    if (csv->column != csv->columns && csv->over) {
        csv->rv =
            import_refuse(csv->reader, "The file ends within the record of line %ld: it is not all there.", csv->first);
        return;
    }
    if (csv->column != csv->columns) {
        apr_snprintf(other, sizeof(other), "It has %d columns, the first line has %d.", csv->column, csv->columns);
        tell_bad(csv, other);
        return;
    }
    if (csv->strange) {
        tell_bad(csv, "It is not UTF-8, or has a NUL byte in it.");
        return;
    }
    for (i = 0; i < csv->ncells; i++) {
        cells[i] = csv->text + csv->at[i];
    }
    if ((wrong = csv->format->record(csv->reader, cells, &finding))) {
        tell_bad(csv, wrong);
        return;
    }
    csv->rv = csv->reader->finding(csv->reader->baton, &finding);
}

static void on_cell(void *text, size_t len, void *baton)
{
    csv_t *csv = baton;
    if (csv->rv != APR_SUCCESS) {
        return;
    }
    if (!csv->header) {
        head_cell(csv, text, len);
        return;
    }
    if (csv->column < csv->columns && csv->wanted[csv->column] >= 0) {
        put_cell(csv, csv->wanted[csv->column], text, len);
    }
    csv->column++;
}

static void on_end(int c, void *baton)
{
    csv_t *csv = baton;
    (void)c;
    if (csv->rv == APR_SUCCESS) {
        if (csv->header) {
            record_end(csv);
        }
        else {
            head_end(csv);
        }
    }
    csv->column = 0;
    csv->used = 0;
    csv->strange = 0;
    csv->since = 0;
    csv->inked = 0;
}

/* ----------------------------------------------------------------- bytes -- */

/** The end of the line that begins at data, its line end included, or of what there is of it. */
static const char *line_end(const char *data, const char *end)
{
    const char *lf = memchr(data, '\n', (apr_size_t)(end - data)), *stop = lf ? lf + 1 : end;
    const char *cr = memchr(data, '\r', (apr_size_t)(stop - data));
    return cr ? cr + 1 : stop;
}

static int is_blank(const char *data, const char *end)
{
    while (data < end && (*data == ' ' || *data == '\t' || *data == '\r' || *data == '\n')) {
        data++;
    }
    return data == end;
}

static apr_status_t take(csv_t *csv, const char *data, apr_size_t len)
{
    const char *end = data + len, *next;

    for (; data < end && csv->rv == APR_SUCCESS; data = next) {
        char last;
        next = line_end(data, end);
        last = next[-1];
        if (csv->after_cr && last == '\n' && next - data == 1) {
            csv->line--; /* both are one line end */
        }
        csv->first = csv->since ? csv->first : csv->line;
        csv->inked = csv->inked || !is_blank(data, next);
        csv->since += (apr_size_t)(next - data);
        if (csv_parse(&csv->parser, data, (apr_size_t)(next - data), on_cell, on_end, csv)
            != (apr_size_t)(next - data)) {
            return csv_error(&csv->parser) == CSV_EPARSE
                       ? import_refuse(csv->reader, "Line %ld: a quote stands where none can.", csv->line)
                       : APR_ENOMEM;
        }
        if (csv->since > CSV_RECORD_MAX) {
            return import_refuse(csv->reader,
                                 "Line %ld: the record that begins there is longer than %d bytes; is a quote not "
                                 "closed?",
                                 csv->first, CSV_RECORD_MAX);
        }
        csv->line += last == '\n' || last == '\r';
        csv->after_cr = last == '\r';
        if (!csv->inked && (last == '\n' || last == '\r')) {
            csv->since = 0; /* no record has begun */
        }
    }
    return csv->rv;
}

static apr_status_t take_all(csv_t *csv)
{
    import_text_t text = { .begun = 0 };
    const char *data;
    apr_size_t len;
    apr_status_t rv;

    while ((rv = import_next_text(csv->reader, &text, &data, &len)) == APR_SUCCESS) {
        if ((rv = take(csv, data, len)) != APR_SUCCESS) {
            return rv;
        }
    }
    if (rv != APR_EOF) {
        return rv;
    }
    csv->over = 1;
    if (csv_fini(&csv->parser, on_cell, on_end, csv)) {
        return import_refuse(csv->reader,
                             "The file ends within a quoted cell of the record of line %ld: it is not all there.",
                             csv->first);
    }
    if (csv->rv == APR_SUCCESS && !csv->header) {
        return import_refuse(csv->reader, "The file has no line of column names.");
    }
    return csv->rv;
}

static apr_status_t drop_parser(void *baton)
{
    csv_free(&((csv_t *)baton)->parser);
    return APR_SUCCESS;
}

apr_status_t import_read_csv(import_reader_t *reader, const csv_format_t *format)
{
    csv_t *csv = apr_pcalloc(reader->pool, sizeof(*csv));

    csv->reader = reader;
    csv->format = format;
    csv->line = 1;
    csv->text = apr_palloc(reader->pool, CSV_RECORD_MAX + CSV_WANTED_MAX);
    while (format->columns[csv->ncells]) {
        csv->ncells++;
    }
    if (csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI)) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(reader->pool, csv, drop_parser, apr_pool_cleanup_null);
    csv_set_delim(&csv->parser, (unsigned char)format->delimiter);
    return take_all(csv);
}
