/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Writes many rows at once: they travel by COPY into a table of the transaction's own, from which the caller's
 * statement takes them.  Not into the table itself: PostgreSQL has no COPY FROM into one with row-level security, and
 * none that passes over what is there already.  The way through the temporary table costs about a tenth, since what a
 * load waits for is the indexes and the foreign key of the table that it is for.
 *
 * The format is that of PostgreSQL's documentation, "COPY", "Binary Format"; every column is text.
 */
#include "pgsql.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>

#define PORTION 65536

static const char signature[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* and a NUL: flags and length of the extension */

/* What goes out next. */
typedef struct portion_t {
    pgsql_t *c;
    const char *name;
    char *bytes;
    apr_size_t used;
} portion_t;

/* Gives libpq what there is, and waits while the server does not take it. */
static apr_status_t send_portion(portion_t *out)
{
    pgsql_t *c = out->c;
    apr_interval_time_t timeout = c->base.options->timeout;
    apr_time_t until = timeout ? apr_time_now() + timeout : 0;
    int unsent = PQputCopyData(c->conn, out->bytes, (int)out->used) == 1 ? PQflush(c->conn) : -1;

    out->used = 0;
    while (unsent > 0) {
        struct pollfd fd = { PQsocket(c->conn), POLLIN | POLLOUT, 0 };
        apr_interval_time_t left = until ? until - apr_time_now() : 1000;
        if (left <= 0) {
            return saas_pgsql_missed(c, out->name, APR_TIMEUP);
        }
        /* What comes in while rows go out is a failure; unread, it could keep both sides waiting. */
        if (poll(&fd, 1, until ? (int)(left / 1000) + 1 : -1) > 0 && (fd.revents & ~POLLOUT)
            && !PQconsumeInput(c->conn)) {
            break;
        }
        unsent = PQflush(c->conn);
    }
    return unsent ? saas_pgsql_missed(c, out->name, APR_SUCCESS) : APR_SUCCESS;
}

static apr_status_t put(portion_t *out, const void *data, apr_size_t len)
{
    const char *from = data;
    apr_status_t rv;
    while (len) {
        apr_size_t n = len < PORTION - out->used ? len : PORTION - out->used;
        memcpy(out->bytes + out->used, from, n);
        out->used += n;
        from += n;
        len -= n;
        if (out->used == PORTION && (rv = send_portion(out)) != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t put_rows(portion_t *out, const saas_driver_rows_t *rows)
{
    const apr_uint16_t columns = htons((apr_uint16_t)rows->columns), trailer = 0xffff;
    apr_size_t n = (apr_size_t)rows->count * (apr_size_t)rows->columns, i;
    apr_status_t rv = put(out, signature, sizeof(signature));

    for (i = 0; rv == APR_SUCCESS && i < n; i++) {
        apr_size_t len = rows->cells[i] ? strlen(rows->cells[i]) : 0;
        apr_uint32_t said = rows->cells[i] ? htonl((apr_uint32_t)len) : 0xffffffff;
        if (i % (apr_size_t)rows->columns == 0) {
            rv = put(out, &columns, sizeof(columns));
        }
        if (rv == APR_SUCCESS && (rv = put(out, &said, sizeof(said))) == APR_SUCCESS) {
            rv = put(out, rows->cells[i], len);
        }
    }
    if (rv == APR_SUCCESS && (rv = put(out, &trailer, sizeof(trailer))) == APR_SUCCESS && out->used) {
        rv = send_portion(out);
    }
    return rv;
}

/* The table, as the statement is going to see it. */
static apr_status_t make_table(pgsql_t *c, const char *name, int columns)
{
    apr_array_header_t *sql = apr_array_make(c->scratch, columns + 2, sizeof(const char *));
    apr_status_t rv;
    int i;
    if (c->loads == columns) {
        return saas_pgsql_send(c, PGSQL_CONTROL, name, "TRUNCATE pg_temp.saas_rows", 0, NULL);
    }
    if (c->loads
        && (rv = saas_pgsql_send(c, PGSQL_CONTROL, name, "DROP TABLE pg_temp.saas_rows", 0, NULL)) != APR_SUCCESS) {
        return rv;
    }
    APR_ARRAY_PUSH(sql, const char *) = "CREATE TEMPORARY TABLE saas_rows (";
    for (i = 1; i <= columns; i++) {
        APR_ARRAY_PUSH(sql, const char *) = apr_psprintf(c->scratch, "%sc%d text", i > 1 ? ", " : "", i);
    }
    APR_ARRAY_PUSH(sql, const char *) = ") ON COMMIT DROP";
    c->loads = columns;
    return saas_pgsql_send(c, PGSQL_CONTROL, name, apr_array_pstrcat(c->scratch, sql, 0), 0, NULL);
}

static apr_status_t copy_in(pgsql_t *c, const char *name, const saas_driver_rows_t *rows)
{
    pgsql_command_t command = { PGSQL_CONTROL, -1, name, NULL };
    portion_t out = { c, name, apr_palloc(c->scratch, PORTION), 0 };
    apr_status_t rv;
    int copying;

    if (!PQsendQuery(c->conn, "COPY pg_temp.saas_rows FROM STDIN (FORMAT binary)")) {
        return saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    if ((rv = saas_pgsql_results(c, &command, &copying)) != APR_SUCCESS || !copying
        || (rv = put_rows(&out, rows)) != APR_SUCCESS) {
        return rv;
    }
    return PQputCopyEnd(c->conn, NULL) == 1 ? saas_pgsql_results(c, &command, &copying)
                                            : saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
}

/* Table and scope in one round trip, COPY outside the pipeline, the statement in it again. */
static apr_status_t load(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t *rows,
                         const char *const *args, int nargs)
{
    saas_driver_rows_t *written = NULL;
    apr_status_t rv;

    if ((rv = saas_pgsql_send_scope(c, st->tenant, st->tenant ? args[0] : NULL)) != APR_SUCCESS
        || (rv = make_table(c, st->name, rows->columns)) != APR_SUCCESS || (rv = saas_pgsql_finish(c)) != APR_SUCCESS) {
        return rv;
    }
    if (!PQexitPipelineMode(c->conn)) {
        return saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
    }
    rv = copy_in(c, st->name, rows);
    if (PQstatus(c->conn) == CONNECTION_OK && !PQenterPipelineMode(c->conn)) {
        rv = saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
    }
    if (rv == APR_SUCCESS && (rv = saas_pgsql_send_statement(c, st, &written, args, nargs)) == APR_SUCCESS
        && (rv = saas_pgsql_finish(c)) == APR_SUCCESS) {
        rows->affected = written ? written->affected : 0;
    }
    return rv;
}

apr_status_t saas_pgsql_load(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                             saas_driver_rows_t *rows, const char *const *args, int nargs)
{
    pgsql_t *c = (pgsql_t *)base;
    apr_pool_t *caller = c->scratch;

    rows->affected = 0;
    if (c->failed == APR_SUCCESS && rows->count) {
        apr_pool_create(&c->scratch, p);
        c->failed = load(c, st, rows, args, nargs);
        apr_pool_destroy(c->scratch);
        c->scratch = caller;
    }
    return c->failed;
}
