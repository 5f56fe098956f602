/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file reader.h
 * Files of findings, read as a stream: what goes in and what comes out, for every format.
 *
 * Pure: no httpd.  Memory does not grow with the file.  A record that is no finding is told of and passed over; a file
 * that is not of its format, or not all there, ends with an error.
 */
#ifndef IMPORT_READER_H
#define IMPORT_READER_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

/** In the order of the words that an audit has for them. */
typedef enum { IMPORT_PASS, IMPORT_FAIL, IMPORT_MANUAL, IMPORT_ERROR, IMPORT_STATUSES } import_status_e;
typedef enum {
    IMPORT_CRITICAL,
    IMPORT_HIGH,
    IMPORT_MEDIUM,
    IMPORT_LOW,
    IMPORT_INFORMATIONAL,
    IMPORT_SEVERITIES
} import_severity_e;

/** A record's texts live until the call that is given them returns. */
typedef struct import_finding_t {
    const char *resource, *check, *comment;
    import_status_e status;
    import_severity_e severity;
    apr_time_t time; /**< 0: the file does not say */
} import_finding_t;

/** A file, and who wants to know of it. */
typedef struct import_reader_t {
    apr_pool_t *pool;
    void *baton;
    /** The next bytes, which live until the next call; APR_EOF after the last.  Anything else ends the reading. */
    apr_status_t (*next)(void *baton, const char **data, apr_size_t *len);
    /** Has next() begin anew. */
    void (*rewind)(void *baton);
    apr_status_t (*finding)(void *baton, const import_finding_t *finding);
    /** A record that is none. */
    void (*bad)(void *baton, const char *where, const char *what);
    /** A record that is well-formed, and no finding. */
    void (*skipped)(void *baton);
    /** ISO 8601 with a zone; APR_EINVAL for anything else. */
    apr_status_t (*parse_time)(const char *text, apr_time_t *t);
    const char *error; /**< out: why the file cannot be read, a sentence */
} import_reader_t;

/** Names of the formats; ends with NULL. */
extern const char *const import_formats[];

/** Reads a file to its end.  APR_EINVAL: reader->error says why not; what callbacks return otherwise. */
apr_status_t import_read(import_reader_t *reader, const char *format);

/* A format each.  APR_EINVAL with reader->error set. */
apr_status_t import_read_generic(import_reader_t *reader);
apr_status_t import_read_prowler(import_reader_t *reader);
apr_status_t import_read_ocsf(import_reader_t *reader);
apr_status_t import_read_sarif(import_reader_t *reader);
apr_status_t import_read_trivy(import_reader_t *reader);

/** Says why a file cannot be read; returns APR_EINVAL. */
apr_status_t import_refuse(import_reader_t *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text.c */

#define IMPORT_MARK 3 /* bytes of a byte order mark */

/** Where a walk through a file in UTF-8 is; all zero at its beginning. */
typedef struct import_text_t {
    int begun;
    char head[IMPORT_MARK];
    apr_size_t have, left;
    const char *rest;
} import_text_t;

/** The next bytes of a file in UTF-8, a byte order mark aside, as reader->next() gives them; there may be none of them.
 *  APR_EINVAL: it is in another encoding. */
apr_status_t import_next_text(import_reader_t *reader, import_text_t *text, const char **data, apr_size_t *len);

/* words.c: what tools write for the same thing, letters' case aside. */

/** False: it is no word for a status, or for a severity. */
int import_status_word(const char *word, import_status_e *status);
int import_severity_word(const char *word, import_severity_e *severity);
/** A time as tools write it: ISO 8601, a blank or T in the middle, UTC where no zone is said.  False: it is none. */
int import_time_word(const import_reader_t *reader, const char *text, apr_time_t *t);
/** False: there are bytes in it that are no UTF-8 (RFC 3629), or a NUL. */
int import_is_text(const char *text, apr_size_t len);

#endif
