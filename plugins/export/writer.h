/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file writer.h
 * The formats of an export: what goes in, row by row, and the text that comes out.
 *
 * Pure: no httpd.  Memory does not grow with the number of rows.  What a row holds is a stranger's: no writer lets it
 * become anything but text.
 */
#ifndef EXPORT_WRITER_H
#define EXPORT_WRITER_H

#include <apr_errno.h>
#include <apr_pools.h>

/** Cells of a row, in the order of the statements. */
enum { CELL_NUMBER, CELL_RESOURCE, CELL_CHECK, CELL_STATUS, CELL_SEVERITY, CELL_TIME, CELL_COMMENT, CELLS };

/** Words of the database, in the order in which people read them; end with NULL. */
extern const char *const export_statuses[], *const export_severities[];
enum { PASS, FAIL, MANUAL, ERROR, STATUSES };
enum { CRITICAL, HIGH, MEDIUM, LOW, INFORMATIONAL, SEVERITIES };

/** The number of a word that is len bytes long; of one that is none, which the database does not let in, the last. */
int export_word(const char *const *words, const char *text, apr_size_t len);

/** What is said once.  Texts are never NULL unless it says so; times are as the API writes them. */
typedef struct export_audit_t {
    const char *id, *name, *engine, *status, *organization;
    const char *started, *finished;          /**< NULL: it has not */
    const char *score;                       /**< digits; NULL: it has none */
    const char *score_details;               /**< JSON, as the API tells it; NULL: not known */
    const char *filters;                     /**< as the query says them; NULL: all rows are there */
    const char *made;                        /**< the time of the request */
    apr_int64_t tally[STATUSES][SEVERITIES]; /**< of the rows to come; only for a format that wants it */
    const char *style_source;                /**< of html: the source of its style, for a Content-Security-Policy */
} export_audit_t;

/** Text that is being made; it moves when it grows, and is not NUL-terminated. */
typedef struct export_out_t {
    apr_pool_t *pool;
    /** Writes a JSON string of at most 6 * len + 2 bytes; returns how many. */
    apr_size_t (*quote)(char *to, const char *text, apr_size_t len);
    char *data;
    apr_size_t len, size;
} export_out_t;

/** One export. */
typedef struct export_writer_t {
    export_out_t out;
    const export_audit_t *audit;
    apr_uint64_t rows; /**< written so far */
    void *state;       /**< the format's own */
} export_writer_t;

/** A format.  Each function adds to writer->out, which the caller empties. */
typedef struct export_format_t {
    const char *name, *type, *extension;
    int shown;   /**< a page: browsers show it, instead of saving it */
    int tallied; /**< wants audit->tally */
    void (*begin)(export_writer_t *writer);
    void (*row)(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths);
    void (*end)(export_writer_t *writer);
} export_format_t;

/** csv has no functions: the host makes its records.  The list ends with a format without a name. */
extern const export_format_t export_formats[];

/** Starts a writer in p; the audit lives as long. */
void export_writer_init(export_writer_t *writer, apr_pool_t *p, const export_audit_t *audit,
                        apr_size_t (*quote)(char *to, const char *text, apr_size_t len));

/* text.c */
void export_put(export_out_t *out, const char *bytes, apr_size_t len);
#define EXPORT_PUT(out, literal) export_put(out, literal, sizeof(literal) - 1)
void export_put_text(export_out_t *out, const char *text);
void export_put_int(export_out_t *out, apr_int64_t n);
/** A JSON string; NULL is null. */
void export_put_json(export_out_t *out, const char *text, apr_size_t len);
void export_put_json_text(export_out_t *out, const char *text);
/** As text of HTML, also within an attribute's quotes.  What HTML has no character for becomes U+FFFD. */
void export_put_html(export_out_t *out, const char *text, apr_size_t len);
void export_put_html_text(export_out_t *out, const char *text);

/* html.c */
extern const char export_html_style[];

/* A format each. */
void export_jsonl_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths);
void export_sarif_begin(export_writer_t *writer);
void export_sarif_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths);
void export_sarif_end(export_writer_t *writer);
void export_ocsf_begin(export_writer_t *writer);
void export_ocsf_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths);
void export_ocsf_end(export_writer_t *writer);
void export_html_begin(export_writer_t *writer);
void export_html_row(export_writer_t *writer, const char *const *cells, const apr_size_t *lengths);
void export_html_end(export_writer_t *writer);

/* gzip.c: a gzip member (RFC 1952) made while its content comes, in some 300 KiB whatever comes. */
typedef struct export_gzip_t export_gzip_t;
typedef apr_status_t export_sink_fn(void *baton, const char *data, apr_size_t len);

/** NULL: no memory. */
export_gzip_t *export_gzip_make(apr_pool_t *p, export_sink_fn *sink, void *baton);
apr_status_t export_gzip_write(export_gzip_t *gzip, const char *data, apr_size_t len);
/** Gives the sink all that has come, so that its reader can have it now. */
apr_status_t export_gzip_flush(export_gzip_t *gzip);
/** The end, with the sum that tells a reader that it has all. */
apr_status_t export_gzip_end(export_gzip_t *gzip);

#endif
