/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The gateway: runs declared statements through a driver, on the connection of a unit of work.  It is the only way to
 * the database, and so the one place that decides for whom a statement runs: a tenant statement gets the organization
 * of its unit of work as $1, or does not run.
 */
#include "borrow.h"

#include <apr_atomic.h>
#include <apr_strings.h>

#define TRANSACTION_TRIES 3

/* Of this child. */
static int numbered;               /* statements */
static void *volatile *registered; /* by number: the statement first seen with it */

void saas_db_statements_child_init(apr_pool_t *pchild)
{
    numbered = saas_statements_count();
    registered = apr_pcalloc(pchild, sizeof(*registered) * ((apr_size_t)numbered + 1));
}

/* Counts a failure of the database's, of a transaction once: it goes on failing until it is rolled back.  What a sink
 * says of its client is none. */
static apr_status_t judged(saas_db_t *db, apr_status_t rv)
{
    if (rv >= SAAS_EUNIQUE && rv <= SAAS_EDATABASE && !db->failed) {
        db->failed = db->transaction;
        saas_db_count_failure(rv);
    }
    return rv;
}

/* ---------------------------------------------------------- statements -- */

/* What the driver is to run, and with which arguments. */
static apr_status_t resolve(saas_db_t *db, saas_statement_t *st, const char *const **args, int *nargs,
                            saas_driver_statement_t *out)
{
    if (!db->c) {
        return saas_db_misuse(db, "SAAS1107", st->name, "its connection has been closed");
    }
    if (st->number < 0 || st->number >= numbered) {
        return saas_db_misuse(db, "SAAS1107", st->name, "is in no plugin's table of statements");
    }
    if (registered[st->number] != st && apr_atomic_casptr((volatile void **)&registered[st->number], st, NULL) != NULL
        && registered[st->number] != st) {
        return saas_db_misuse(db, "SAAS1107", st->name, "is in no plugin's table of statements, or numbered twice");
    }
    out->name = st->name;
    out->number = st->number;
    out->tenant = st->scope == SAAS_TENANT;
    out->sql = db->c->driver == &saas_driver_sqlite && st->sqlite ? st->sqlite : st->sql;
    if (out->tenant) {
        const char **full;
        if (!db->organization) {
            return saas_db_misuse(db, "SAAS1108", st->name,
                                  "is a tenant statement, but no organization is set; it was not run");
        }
        full = apr_palloc(db->scratch, sizeof(*full) * ((apr_size_t)*nargs + 1));
        full[0] = db->organization;
        if (*nargs) {
            memcpy(full + 1, *args, sizeof(*full) * (apr_size_t)*nargs);
        }
        *args = full;
        ++*nargs;
    }
    saas_changes_note(&db->changes, st, out->sql, *args, *nargs);
    return APR_SUCCESS;
}

static saas_rows_t *rows_of(apr_pool_t *p, const saas_driver_rows_t *found)
{
    saas_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    if (found) {
        rows->count = found->count;
        rows->columns = found->columns;
        rows->affected = found->affected;
        rows->cells = found->cells;
    }
    return rows;
}

/* All that was queued has succeeded: its rows are handed over. */
static void keep_promises(saas_db_t *db)
{
    for (; db->promises; db->promises = db->promises->next) {
        *db->promises->rows = rows_of(db->p, db->promises->found);
    }
}

apr_status_t saas_db_query_impl(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows, const char *const *args,
                                int nargs)
{
    saas_driver_statement_t statement;
    saas_driver_rows_t *found = NULL;
    apr_status_t rv = resolve(db, st, &args, &nargs, &statement);
    if (rows) {
        *rows = NULL;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = judged(db, db->c->driver->query(db->c, db->p, &statement, rows ? &found : NULL, args, nargs));
    if (!db->transaction) {
        saas_changes_apply(&db->changes);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    keep_promises(db);
    if (rows) {
        *rows = rows_of(db->p, found);
    }
    return APR_SUCCESS;
}

apr_status_t saas_db_queue_rows_impl(saas_db_t *db, saas_statement_t *st, saas_rows_t **rows, const char *const *args,
                                     int nargs)
{
    saas_driver_statement_t statement;
    saas_driver_rows_t **found = NULL;
    apr_status_t rv = resolve(db, st, &args, &nargs, &statement);
    if (rows) {
        *rows = NULL;
    }
    if (rv == APR_SUCCESS && !db->transaction) {
        return saas_db_misuse(db, "SAAS1107", st->name, "was queued outside a transaction");
    }
    if (rv == APR_SUCCESS && rows) {
        saas_db_promise_t *promise = apr_pcalloc(db->p, sizeof(*promise));
        promise->rows = rows;
        promise->next = db->promises;
        db->promises = promise;
        found = &promise->found;
    }
    return rv == APR_SUCCESS ? judged(db, db->c->driver->queue(db->c, db->p, &statement, found, args, nargs)) : rv;
}

apr_status_t saas_db_queue_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs)
{
    return saas_db_queue_rows_impl(db, st, NULL, args, nargs);
}

static apr_status_t stream(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                           const saas_driver_sink_t *sink)
{
    saas_driver_statement_t statement;
    apr_status_t rv = resolve(db, st, &args, &nargs, &statement);
    if (rv == APR_SUCCESS && !statement.tenant) {
        return saas_db_misuse(db, "SAAS1107", st->name, "only tenant statements are streamed");
    }
    return rv == APR_SUCCESS
               ? judged(db, db->c->driver->stream(db->c, db->scratch, &statement, args, nargs, sink))
               : rv;
}

apr_status_t saas_db_stream_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                 apr_status_t (*sink)(void *baton, const char *data, apr_size_t len), void *baton)
{
    const saas_driver_sink_t records = { .record = sink, .baton = baton };
    return stream(db, st, args, nargs, &records);
}

apr_status_t saas_db_stream_cells_impl(saas_db_t *db, saas_statement_t *st, const char *const *args, int nargs,
                                       apr_status_t (*sink)(void *baton, const char *const *cells, const apr_size_t *lengths),
                                       void *baton)
{
    const saas_driver_sink_t cells = { .cells = sink, .baton = baton };
    return stream(db, st, args, nargs, &cells);
}

apr_status_t saas_db_load_impl(saas_db_t *db, saas_statement_t *st, const saas_rows_t *rows, const char *const *args,
                               int nargs, apr_int64_t *affected)
{
    saas_driver_statement_t statement;
    saas_driver_rows_t loaded = { rows->count, rows->columns, 0, rows->cells };
    apr_status_t rv = resolve(db, st, &args, &nargs, &statement);
    if (rv == APR_SUCCESS && !db->transaction) {
        return saas_db_misuse(db, "SAAS1107", st->name, "loads rows outside a transaction");
    }
    if (rv == APR_SUCCESS) {
        rv = judged(db, db->c->driver->load(db->c, db->scratch, &statement, &loaded, args, nargs));
    }
    if (affected) {
        *affected = rv == APR_SUCCESS ? loaded.affected : 0;
    }
    return rv;
}

apr_uint64_t saas_db_stream_blanks_impl(const saas_db_t *db)
{
    return db->c ? db->c->blanks : 0;
}

/* -------------------------------------------------------- transactions -- */

apr_status_t saas_db_set_organization_impl(saas_db_t *db, const char *org_id)
{
    db->organization = org_id ? apr_pstrdup(db->p, org_id) : NULL;
    return APR_SUCCESS;
}

const char *saas_db_organization(const saas_db_t *db)
{
    return db->organization;
}

apr_status_t saas_db_begin_impl(saas_db_t *db, saas_transaction_e mode)
{
    apr_status_t rv;
    if (!db->c || db->transaction) {
        return saas_db_misuse(db, "SAAS1107", NULL,
                              db->c ? "a transaction was begun inside another one"
                                    : "a transaction was begun on a closed connection");
    }
    db->failed = 0;
    db->promises = NULL;
    rv = judged(db, db->c->driver->begin(db->c, mode == SAAS_WRITE));
    db->transaction = rv == APR_SUCCESS;
    db->changes.n = db->changes.all = 0;
    return rv;
}

apr_status_t saas_db_commit_impl(saas_db_t *db)
{
    apr_status_t rv;
    if (!db->c || !db->transaction) {
        return saas_db_misuse(db, "SAAS1107", NULL, "a commit without a transaction");
    }
    db->transaction = 0;
    rv = judged(db, db->c->driver->commit(db->c));
    db->failed = 0;
    saas_changes_apply(&db->changes);
    return rv;
}

void saas_db_rollback_impl(saas_db_t *db)
{
    if (db->c && db->transaction) {
        db->transaction = db->failed = 0;
        db->c->driver->rollback(db->c);
    }
}

apr_status_t saas_db_transaction_impl(saas_db_t *db, apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    const char *organization = db->organization;
    apr_status_t rv;
    int tries = TRANSACTION_TRIES;
    do {
        db->organization = organization;
        if ((rv = saas_db_begin_impl(db, SAAS_WRITE)) != APR_SUCCESS) {
            return rv;
        }
        rv = body(db, baton);
        if (rv == APR_SUCCESS) {
            rv = saas_db_commit_impl(db);
        }
        else {
            saas_db_rollback_impl(db);
        }
    } while (rv == SAAS_ESERIALIZATION && --tries);
    return rv;
}
