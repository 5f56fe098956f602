#ifndef SAAS_CORE_PGCOPY_H
#define SAAS_CORE_PGCOPY_H

/*
 * Rows of PostgreSQL's COPY … (FORMAT binary) as CSV records. The backend's own CSV costs it a scan of every byte
 * and a formatted time per row; binary rows leave it as they are stored, and the work is done on the client's
 * processor instead. The format is that of PostgreSQL's documentation, "COPY", "Binary Format".
 */

#include <apr_errno.h>
#include <stddef.h>

typedef enum {
    SAAS_PGCOPY_TEXT,     /**< text, varchar, char, name, json: as they are */
    SAAS_PGCOPY_INTEGER,  /**< smallint, integer, bigint */
    SAAS_PGCOPY_TIME,     /**< timestamptz: as saas_time_iso prints it; empty outside the years 1 to 9999 */
    SAAS_PGCOPY_UUID
} saas_pgcopy_type_e;

/** How a column of the type with this OID (of pg_type) is read; APR_ENOTIMPL: cast it to text in the statement. */
apr_status_t saas_pgcopy_type(unsigned oid, saas_pgcopy_type_e *type);

/** Room that saas_pgcopy_record may need for a message of so many bytes. */
#define SAAS_PGCOPY_ROOM(len) (3 * (size_t)(len) + 2)

/** Length of the header in front of the first row; 0: there is none, or none that this knows (rows with OIDs). */
size_t saas_pgcopy_header(const char *data, size_t len);

/**
 * Writes the row of one message as one record, cells as saas_csv_put writes them, NULL as an empty one, CR LF
 * behind them. dst must have SAAS_PGCOPY_ROOM(len) bytes and not overlap data.
 * *blanks grows by the times that are there and have no form: infinity, and what is outside the years 1 to 9999.
 * @return APR_EOF for the trailer; APR_EINVAL for what is no row of these columns; *written is then undefined.
 */
apr_status_t saas_pgcopy_record(char *dst, size_t *written, const char *data, size_t len,
                                const saas_pgcopy_type_e *types, int columns, apr_uint64_t *blanks);

/** Bytes of scratch that saas_pgcopy_cells wants for each column. */
#define SAAS_PGCOPY_SCRATCH 40

/**
 * Gives the row of one message as its cells: texts as they are, in data, the other types as saas_pgcopy_record writes them,
 * in scratch, of columns * SAAS_PGCOPY_SCRATCH bytes. No NUL is behind them. NULL, and a time without a form, is a NULL
 * cell. *blanks and the result as above.
 */
apr_status_t saas_pgcopy_cells(const char **cells, size_t *lengths, char *scratch, const char *data, size_t len,
                               const saas_pgcopy_type_e *types, int columns, apr_uint64_t *blanks);

#endif
