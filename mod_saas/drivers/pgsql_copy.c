/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Streams the rows of a SELECT through COPY, one at a time, in constant memory, as CSV or as their cells.  The rows travel
 * binary and become text here (core/pgcopy.c): the backend is what an export waits for, and that is a third of its
 * work.
 *
 * COPY takes no parameters and is not allowed in pipeline mode.  So the organization and the arguments travel as
 * transaction-local settings, in the pipeline that begins the transaction; the statement's text has been rewritten
 * to read them back.  A value of the client's never becomes part of a statement's text.
 */
#include "pgsql.h"
#include "sqltext.h"

#include "core/pgcopy.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include <stdlib.h>
#include <string.h>

/* The planner may not sort or bitmap the whole result before the first row; the primary key has the order.  Workers
 * would cost more to start than the first row, and one core feeds the socket alone. */
#define STREAM_SETTINGS \
    "SELECT set_config('role', 'none', true), set_config('saas.organization', $1, true)," \
    " set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true)," \
    " set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)," \
    " set_config('max_parallel_workers_per_gather', '0', true)," \
    " set_config('statement_timeout', '0', true)"

/* The records of one stream. */
typedef struct writer_t {
    const char *name;                /* of the statement */
    saas_pgcopy_type_e *types;
    int columns;
    int begun;                       /* the header has been seen */
    char *record;                    /* only grows with the longest one; freed by the caller */
    apr_size_t room;
    const saas_driver_sink_t *sink;
    const char **cells;              /* where the sink takes cells */
    apr_size_t *lengths;
    char *scratch;
} writer_t;

/* Transaction, scope, arguments; the types of the columns come with it. */
static apr_status_t prepare(pgsql_t *c, apr_pool_t *p, const char *name, const char *select, const char *const *args,
                            int nargs)
{
    apr_array_header_t *sql = apr_array_make(p, nargs + 1, sizeof(const char *));
    apr_status_t rv;
    int i;

    APR_ARRAY_PUSH(sql, const char *) = STREAM_SETTINGS;
    for (i = 2; i <= nargs; i++) {
        APR_ARRAY_PUSH(sql, const char *) = apr_psprintf(p, ", set_config('saas.p%d', $%d, true)", i, i);
    }
    rv = saas_pgsql_send(c, PGSQL_CONTROL, name, apr_array_pstrcat(p, sql, 0), nargs, args);
    if (rv == APR_SUCCESS && (rv = saas_pgsql_describe(c, name, select)) == APR_SUCCESS) {
        rv = saas_pgsql_finish(c);
    }
    c->tenant = 1;
    c->organization[0] = '\0';
    if (rv == APR_SUCCESS && (!PQexitPipelineMode(c->conn))) {
        rv = saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    return rv;
}

apr_status_t saas_pgsql_missed(pgsql_t *c, const char *name, apr_status_t rv)
{
    return saas_pgsql_lost(c, name, rv == APR_TIMEUP ? "no answer within the deadline (SaasDBTimeout)"
                                                     : PQerrorMessage(c->conn));
}

/* Results up to the NULL that ends the command; the first failure counts. */
apr_status_t saas_pgsql_results(pgsql_t *c, const pgsql_command_t *command, int *copying)
{
    apr_status_t first = APR_SUCCESS, rv;
    *copying = 0;
    for (;;) {
        PGresult *res;
        ExecStatusType status;
        if ((rv = saas_pgsql_wait(c, 1)) != APR_SUCCESS) {
            return saas_pgsql_missed(c, command->name, rv);
        }
        if (!(res = PQgetResult(c->conn))) {
            return first;
        }
        status = PQresultStatus(res);
        if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN) {
            PQclear(res);
            *copying = 1;
            return first;
        }
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && first == APR_SUCCESS) {
            first = saas_pgsql_failure(c, command, res);
        }
        PQclear(res);
        if (PQstatus(c->conn) != CONNECTION_OK) {
            return first != APR_SUCCESS ? first : saas_pgsql_missed(c, command->name, APR_SUCCESS);
        }
    }
}

static apr_status_t fault(pgsql_t *c, const char *name, const char *what)
{
    if (c->base.options->log) {
        c->base.options->log(c->base.baton, SAAS_EDATABASE, "SAAS1105", apr_psprintf(c->scratch, "%s: %s", name, what));
    }
    return SAAS_EDATABASE;
}

static apr_status_t choose_types(pgsql_t *c, writer_t *writer)
{
    int i;
    writer->columns = c->columns;
    writer->types = apr_palloc(c->scratch, sizeof(*writer->types) * (apr_size_t)(c->columns + 1));
    for (i = 0; i < c->columns; i++) {
        if (saas_pgcopy_type(c->types[i], &writer->types[i]) != APR_SUCCESS) {
            return fault(c, writer->name, apr_psprintf(c->scratch, "column %d of a stream has the type with OID %u: cast "
                                                       "it to text", i + 1, c->types[i]));
        }
    }
    if (writer->sink->cells) {
        writer->cells = apr_palloc(c->scratch, sizeof(*writer->cells) * (apr_size_t)(c->columns + 1));
        writer->lengths = apr_palloc(c->scratch, sizeof(*writer->lengths) * (apr_size_t)(c->columns + 1));
        writer->scratch = apr_palloc(c->scratch, SAAS_PGCOPY_SCRATCH * (apr_size_t)(c->columns + 1));
    }
    return APR_SUCCESS;
}

/* What a message is that is no row: the end, or a fault. */
static apr_status_t no_row(pgsql_t *c, const writer_t *writer, apr_status_t rv)
{
    return rv == APR_EOF ? APR_SUCCESS
                         : fault(c, writer->name, "COPY gave a row that is none of this statement");
}

static apr_status_t give_cells(pgsql_t *c, writer_t *writer, const char *data, apr_size_t len)
{
    apr_status_t rv = saas_pgcopy_cells(writer->cells, writer->lengths, writer->scratch, data, len, writer->types,
                                        writer->columns, &c->base.blanks);
    return rv == APR_SUCCESS ? writer->sink->cells(writer->sink->baton, writer->cells, writer->lengths)
                             : no_row(c, writer, rv);
}

static apr_status_t give_record(pgsql_t *c, writer_t *writer, const char *data, apr_size_t len)
{
    apr_size_t written;
    apr_status_t rv;
    if (SAAS_PGCOPY_ROOM(len) > writer->room) {
        char *more = realloc(writer->record, 2 * SAAS_PGCOPY_ROOM(len));
        if (!more) {
            return APR_ENOMEM;
        }
        writer->record = more;
        writer->room = 2 * SAAS_PGCOPY_ROOM(len);
    }
    rv = saas_pgcopy_record(writer->record, &written, data, len, writer->types, writer->columns, &c->base.blanks);
    return rv == APR_SUCCESS ? writer->sink->record(writer->sink->baton, writer->record, written)
                             : no_row(c, writer, rv);
}

/* One message: the header may stand in front of the first row. */
static apr_status_t pass(pgsql_t *c, writer_t *writer, const char *data, apr_size_t len)
{
    if (!writer->begun) {
        apr_size_t header = saas_pgcopy_header(data, len);
        if (!header) {
            return fault(c, writer->name, "COPY began with a header that is not known");
        }
        writer->begun = 1;
        data += header;
        if (!(len -= header)) {
            return APR_SUCCESS;
        }
    }
    return writer->sink->cells ? give_cells(c, writer, data, len) : give_record(c, writer, data, len);
}

/*
 * Rows until the end, or until no more are wanted: then the connection is cut, and the backend ends at the next row that
 * it cannot send.  Canceling the statement would keep the connection, but a cancel is a second connection to the server,
 * which libpq before 17 makes without a deadline and without TLS, and the rows under way would have to be read after it.
 */
static apr_status_t pump(pgsql_t *c, writer_t *writer)
{
    apr_status_t rv;
    for (;;) {
        char *row;
        int len = PQgetCopyData(c->conn, &row, 1);
        if (len > 0) {
            rv = pass(c, writer, row, (apr_size_t)len);
            PQfreemem(row);
            if (rv != APR_SUCCESS) {
                saas_pgsql_cut(c);
                return rv;
            }
        }
        else if (len < 0) {
            return APR_SUCCESS; /* -1: the end; -2: a failure, which is the next result */
        }
        else if ((rv = saas_pgsql_wait(c, 0)) != APR_SUCCESS) {
            return saas_pgsql_missed(c, writer->name, rv);
        }
    }
}

static apr_status_t copy(pgsql_t *c, const char *sql, writer_t *writer)
{
    pgsql_command_t command = { PGSQL_CONTROL, -1, writer->name, NULL };
    apr_status_t rv;
    int copying;

    if (!PQsendQuery(c->conn, sql)) {
        return saas_pgsql_lost(c, writer->name, PQerrorMessage(c->conn));
    }
    if ((rv = saas_pgsql_results(c, &command, &copying)) == APR_SUCCESS && copying
        && (rv = pump(c, writer)) == APR_SUCCESS) {
        rv = saas_pgsql_results(c, &command, &copying);
    }
    return rv;
}

apr_status_t saas_pgsql_stream(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                               const char *const *args, int nargs, const saas_driver_sink_t *sink)
{
    pgsql_t *c = (pgsql_t *)base;
    const char *select = saas_sqltext_for_copy(p, st->sql);
    const char *sql = apr_pstrcat(p, "COPY (", select, ") TO STDOUT (FORMAT binary)", NULL);
    writer_t writer = { .name = st->name, .sink = sink };
    int own = !c->transaction;
    apr_status_t rv = c->failed;

    c->base.blanks = 0;
    c->scratch = p;
    if (own && (rv = saas_pgsql_begin(c, 0)) != APR_SUCCESS) {
        return rv;
    }
    if (rv == APR_SUCCESS && (rv = prepare(c, p, st->name, select, args, nargs)) == APR_SUCCESS) {
        rv = choose_types(c, &writer);
        if (rv == APR_SUCCESS) {
            rv = copy(c, sql, &writer);
            free(writer.record);
        }
        if (PQstatus(c->conn) == CONNECTION_OK && !PQenterPipelineMode(c->conn)) {
            rv = saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
        }
    }
    if (own) {
        saas_pgsql_rollback(c); /* it has only read */
    }
    else if (rv != APR_SUCCESS) {
        c->failed = rv;
    }
    return rv;
}
