/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The SQLite driver: statements prepared once a connection, stepped under a deadline, results copied out.
 *
 * It never goes through apr_dbd's query functions, which hold a lock of the whole process and buffer whole results.
 * Parameters are bound as text; a column's affinity makes numbers of them.  There is no boolean: bind "1" or "0",
 * which PostgreSQL takes for one as well; the literals TRUE and FALSE work on both.
 *
 * now() stands still within a transaction, as on PostgreSQL.
 */
#include "drivers.h"
#include "sqltext.h"

#include "core/csv.h"
#include "core/timefmt.h"

#include <apr_strings.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
/* Virtual machine steps between two looks at the clock: well below a millisecond. */
#define STEPS_PER_CHECK 10000

typedef struct sqlite_t {
    saas_connection_t base;
    sqlite3 *db;
    apr_pool_t *pool;
    sqlite3_stmt **prepared; /* by statement number */
    int initialized;
    int transaction;
    int reading;             /* it is a read-only one */
    apr_status_t failed;     /* of the transaction: what every call returns until it is rolled back */
    apr_time_t now;          /* what now() says */
    apr_time_t until;        /* deadline of the running statement; 0: none */
} sqlite_t;

/* ------------------------------------------------------------ failures -- */

static const struct {
    int code; /* extended when above 255, else primary */
    apr_status_t rv;
} codes[] = {
    { SQLITE_CONSTRAINT_UNIQUE, SAAS_EUNIQUE },
    { SQLITE_CONSTRAINT_PRIMARYKEY, SAAS_EUNIQUE },
    { SQLITE_CONSTRAINT_ROWID, SAAS_EUNIQUE },
    { SQLITE_BUSY, SAAS_ESERIALIZATION },
    { SQLITE_LOCKED, SAAS_ESERIALIZATION },
    { SQLITE_INTERRUPT, SAAS_EUNAVAILABLE },
    { SQLITE_FULL, SAAS_EUNAVAILABLE },
    { SQLITE_IOERR, SAAS_EUNAVAILABLE },
    { SQLITE_CANTOPEN, SAAS_EUNAVAILABLE },
    { SQLITE_CORRUPT, SAAS_EUNAVAILABLE },
    { SQLITE_NOTADB, SAAS_EUNAVAILABLE },
    { SQLITE_READONLY, SAAS_EUNAVAILABLE },
    { SQLITE_PERM, SAAS_EUNAVAILABLE },
    { SQLITE_NOMEM, SAAS_EUNAVAILABLE },
};

static apr_status_t map(const sqlite_t *c)
{
    int extended = sqlite3_extended_errcode(c->db);
    unsigned i;
    if (extended == SQLITE_CONSTRAINT_CHECK && !strcmp(sqlite3_errmsg(c->db), "CHECK constraint failed: " SAAS_LIMIT_CONSTRAINT)) {
        return SAAS_ELIMIT;
    }
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == (codes[i].code > 255 ? extended : extended & 255)) {
            return codes[i].rv == SAAS_ESERIALIZATION && !c->transaction ? SAAS_EUNAVAILABLE : codes[i].rv;
        }
    }
    return SAAS_EDATABASE;
}

/* What to do about a connection that only reads: its files are unwritable, or were when it opened them. */
static const char *write_way_out(const sqlite_t *c)
{
    const char *name = sqlite3_db_filename(c->db, "main");
    return saas_sqlite_file_readonly(c->db) || (name && *name && access(name, W_OK))
               ? SAAS_SQLITE_OWNER
               : ": they can be written now, but could not when this connection opened them: restart httpd";
}

static apr_status_t failure(sqlite_t *c, const char *name)
{
    apr_status_t rv = map(c);
    if ((rv == SAAS_EDATABASE || rv == SAAS_EUNAVAILABLE) && c->base.options->log) {
        char message[512];
        apr_snprintf(message, sizeof(message), "%s: SQLite error %d: %s%s", name, sqlite3_extended_errcode(c->db),
                     sqlite3_errmsg(c->db), (sqlite3_errcode(c->db) & 255) == SQLITE_READONLY ? write_way_out(c) : "");
        c->base.options->log(c->base.baton, rv, rv == SAAS_EDATABASE ? "SAAS1105" : "SAAS1106", message);
    }
    return rv;
}

/* The program's, not the database's. */
static apr_status_t mistake(sqlite_t *c, const char *message)
{
    if (c->base.options->log) {
        c->base.options->log(c->base.baton, SAAS_EDATABASE, "SAAS1105", message);
    }
    return SAAS_EDATABASE;
}

/* ------------------------------------------------------- SQL functions -- */

static void result_time(sqlite3_context *context, apr_time_t t)
{
    char text[SAAS_TIME_ISO_SIZE];
    if (saas_time_iso(text, t) != APR_SUCCESS) {
        sqlite3_result_error(context, "time out of range", -1);
        return;
    }
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void sql_now(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const sqlite_t *c = sqlite3_user_data(context);
    (void)argc;
    (void)argv;
    result_time(context, c->now ? c->now : apr_time_now());
}

static void sql_now_plus(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const sqlite_t *c = sqlite3_user_data(context);
    double seconds = sqlite3_value_double(argv[0]);
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL) {
        return;
    }
    if (seconds < -1e11 || seconds > 1e11) {
        sqlite3_result_error(context, "time out of range", -1);
        return;
    }
    result_time(context, (c->now ? c->now : apr_time_now()) + (apr_time_t)(seconds * APR_USEC_PER_SEC));
}

/* saas_time(text): as PostgreSQL's driver would write it.  A column has no type here, and what direct SQL has put into one
 * may be no time at all. */
static void sql_time(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    sqlite_t *c = sqlite3_user_data(context);
    const char *text = (const char *)sqlite3_value_text(argv[0]);
    apr_time_t t;
    (void)argc;
    if (text && saas_time_parse(text, &t) == APR_SUCCESS) {
        result_time(context, t);
    }
    else if (text) {
        c->base.blanks++;
    }
}

/* ---------------------------------------------------------- statements -- */

static int over_deadline(void *baton)
{
    const sqlite_t *c = baton;
    return c->until && apr_time_now() > c->until;
}

static void stamp(sqlite_t *c)
{
    apr_time_t now = apr_time_now();
    if (!c->transaction) {
        c->now = now;
    }
    c->until = c->base.options->timeout ? now + c->base.options->timeout : 0;
}

/* A prepared statement with its arguments bound; they must stay until reset. */
static apr_status_t bind_arguments(sqlite_t *c, const saas_driver_statement_t *st, const char *const *args, int nargs,
                         sqlite3_stmt **bound)
{
    sqlite3_stmt *stmt = c->prepared[st->number];
    int i;
    if (!stmt) {
        apr_pool_t *p;
        const char *sql;
        int rc;
        apr_pool_create(&p, c->pool);
        sql = saas_sqltext_for_sqlite(p, st->sql);
        rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
        apr_pool_destroy(p);
        if (rc != SQLITE_OK) {
            return failure(c, st->name);
        }
        if (st->tenant && !sqlite3_bind_parameter_index(stmt, "?1")) {
            char message[256];
            sqlite3_finalize(stmt);
            apr_snprintf(message, sizeof(message), "%s: is a tenant statement that does not use $1", st->name);
            return mistake(c, message);
        }
        c->prepared[st->number] = stmt;
    }
    if (sqlite3_bind_parameter_count(stmt) != nargs) {
        char message[256];
        apr_snprintf(message, sizeof(message), "%s: has %d parameters, %d were given", st->name,
                     sqlite3_bind_parameter_count(stmt), nargs);
        return mistake(c, message);
    }
    for (i = 0; i < nargs; i++) {
        if ((args[i] ? sqlite3_bind_text(stmt, i + 1, args[i], -1, SQLITE_STATIC) : sqlite3_bind_null(stmt, i + 1))
            != SQLITE_OK) {
            return failure(c, st->name);
        }
    }
    if (c->transaction && c->reading && !sqlite3_stmt_readonly(stmt)) {
        char message[256];
        apr_snprintf(message, sizeof(message), "%s: writes in a SAAS_READ transaction", st->name);
        return mistake(c, message);
    }
    *bound = stmt;
    return APR_SUCCESS;
}

static void unbind(sqlite_t *c, sqlite3_stmt *stmt)
{
    c->until = 0;
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

/* Steps to the end; cells go to p when it is given. */
static apr_status_t run(sqlite_t *c, apr_pool_t *p, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                        const char *const *args, int nargs)
{
    const char **cells = NULL;
    saas_driver_rows_t *result;
    sqlite3_stmt *stmt;
    apr_status_t rv = bind_arguments(c, st, args, nargs, &stmt);
    int rc, i, count = 0, room = 0, columns;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    stamp(c);
    columns = sqlite3_column_count(stmt);
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (!rows) {
            continue;
        }
        if ((count + 1) * columns > room) {
            const char **more;
            room = room ? room * 2 : columns * 4;
            more = apr_palloc(p, sizeof(char *) * (apr_size_t)room);
            if (count) {
                memcpy(more, cells, sizeof(char *) * (apr_size_t)(count * columns));
            }
            cells = more;
        }
        for (i = 0; i < columns; i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            cells[count * columns + i] = text ? apr_pstrmemdup(p, text, (apr_size_t)sqlite3_column_bytes(stmt, i)) : NULL;
        }
        count++;
    }
    if (rc != SQLITE_DONE) {
        rv = failure(c, st->name);
    }
    else if (rows) {
        *rows = result = apr_pcalloc(p, sizeof(*result));
        result->count = count;
        result->columns = columns;
        result->cells = cells;
        result->affected = sqlite3_stmt_readonly(stmt) ? 0 : sqlite3_changes64(c->db);
    }
    unbind(c, stmt);
    return rv;
}

static apr_status_t execute(sqlite_t *c, const char *sql)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? APR_SUCCESS : failure(c, sql);
}

/* -------------------------------------------------------- transactions -- */

static apr_status_t begin(saas_connection_t *base, int write)
{
    sqlite_t *c = (sqlite_t *)base;
    apr_status_t rv = execute(c, write ? "BEGIN IMMEDIATE" : "BEGIN");
    if (rv == APR_SUCCESS) {
        stamp(c);
        c->until = 0;
        c->transaction = 1;
        c->reading = !write;
        c->failed = APR_SUCCESS;
    }
    return rv;
}

static void rollback(saas_connection_t *base)
{
    sqlite_t *c = (sqlite_t *)base;
    if (c->transaction && !sqlite3_get_autocommit(c->db)) {
        execute(c, "ROLLBACK");
    }
    c->transaction = 0;
    c->failed = APR_SUCCESS;
}

static apr_status_t commit(saas_connection_t *base)
{
    sqlite_t *c = (sqlite_t *)base;
    apr_status_t rv = c->failed;
    if (rv == APR_SUCCESS) {
        rv = execute(c, "COMMIT");
    }
    if (rv != APR_SUCCESS) {
        rollback(base);
    }
    c->transaction = 0;
    c->failed = APR_SUCCESS;
    return rv;
}

static apr_status_t query(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                          saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    sqlite_t *c = (sqlite_t *)base;
    apr_status_t rv;
    if (c->failed != APR_SUCCESS) {
        return c->failed;
    }
    rv = run(c, p, st, rows, args, nargs);
    if (c->transaction) {
        c->failed = rv;
    }
    return rv;
}

/* ------------------------------------------------------------- streams -- */

/* Steps through the rows; the record's buffer only grows with the longest one. */
static apr_status_t pump_records(sqlite_t *c, sqlite3_stmt *stmt, const char *name, const saas_driver_sink_t *sink)
{
    int columns = sqlite3_column_count(stmt), rc, i;
    apr_size_t room = 4096;
    char *record = malloc(room);
    apr_status_t rv = record ? APR_SUCCESS : APR_ENOMEM;

    while (rv == APR_SUCCESS && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        apr_size_t used = 0;
        if (rc != SQLITE_ROW) {
            rv = failure(c, name);
            break;
        }
        c->until = 0; /* the client may be slow; only the first row is awaited under the deadline */
        for (i = 0; i < columns; i++) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            apr_size_t len = (apr_size_t)sqlite3_column_bytes(stmt, i), need = used + SAAS_CSV_ROOM(len) + 3;
            if (need > room) {
                char *more = realloc(record, need * 2);
                if (!more) {
                    rv = APR_ENOMEM;
                    break;
                }
                record = more;
                room = need * 2;
            }
            if (i) {
                record[used++] = ',';
            }
            used += saas_csv_put(record + used, text ? text : "", len);
        }
        if (rv == APR_SUCCESS) {
            record[used++] = '\r';
            record[used++] = '\n';
            rv = sink->record(sink->baton, record, used);
        }
    }
    free(record);
    return rv;
}

/* The same, cell by cell: their texts are SQLite's own until the next step. */
static apr_status_t pump_cells(sqlite_t *c, apr_pool_t *p, sqlite3_stmt *stmt, const char *name, const saas_driver_sink_t *sink)
{
    int columns = sqlite3_column_count(stmt), rc, i;
    const char **cells = apr_palloc(p, sizeof(*cells) * (apr_size_t)(columns + 1));
    apr_size_t *lengths = apr_palloc(p, sizeof(*lengths) * (apr_size_t)(columns + 1));
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            return failure(c, name);
        }
        c->until = 0;
        for (i = 0; i < columns; i++) {
            cells[i] = (const char *)sqlite3_column_text(stmt, i);
            lengths[i] = (apr_size_t)sqlite3_column_bytes(stmt, i);
            if (!cells[i] && sqlite3_column_type(stmt, i) != SQLITE_NULL) {
                return APR_ENOMEM;
            }
        }
        rv = sink->cells(sink->baton, cells, lengths);
    }
    return rv;
}

static apr_status_t stream(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                           const char *const *args, int nargs, const saas_driver_sink_t *sink)
{
    sqlite_t *c = (sqlite_t *)base;
    sqlite3_mutex *mutex = sqlite3_db_mutex(c->db);
    sqlite3_stmt *stmt;
    int own = !c->transaction;
    apr_status_t rv = c->failed;

    c->base.blanks = 0;
    if (rv != APR_SUCCESS || (own && (rv = begin(base, 0)) != APR_SUCCESS)) {
        return rv;
    }
    if ((rv = bind_arguments(c, st, args, nargs, &stmt)) == APR_SUCCESS) {
        /* Held once, it costs next to nothing to take again for every cell; nobody else uses this connection. */
        sqlite3_mutex_enter(mutex);
        stamp(c);
        rv = sink->cells ? pump_cells(c, p, stmt, st->name, sink) : pump_records(c, stmt, st->name, sink);
        unbind(c, stmt);
        sqlite3_mutex_leave(mutex);
    }
    if (own) {
        rollback(base); /* it has only read */
    }
    else {
        c->failed = rv;
    }
    return rv;
}

/* --------------------------------------------------------------- loads -- */

static apr_status_t load(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st, saas_driver_rows_t *rows,
                         const char *const *args, int nargs)
{
    sqlite_t *c = (sqlite_t *)base;
    sqlite3_mutex *mutex = sqlite3_db_mutex(c->db);
    const char **all = apr_palloc(p, sizeof(*all) * (apr_size_t)(nargs + rows->columns));
    int i;

    memcpy(all, args, sizeof(*all) * (apr_size_t)nargs);
    rows->affected = 0;
    sqlite3_mutex_enter(mutex);
    for (i = 0; i < rows->count && c->failed == APR_SUCCESS; i++) {
        memcpy(all + nargs, rows->cells + (apr_size_t)i * (apr_size_t)rows->columns, sizeof(*all) * (apr_size_t)rows->columns);
        c->failed = run(c, NULL, st, NULL, all, nargs + rows->columns);
        rows->affected += c->failed == APR_SUCCESS ? sqlite3_changes64(c->db) : 0;
    }
    sqlite3_mutex_leave(mutex);
    return c->failed;
}

/* ---------------------------------------------------------- connection -- */

/* The first cell of a query as text, or NULL when it fails or has no row. */
static const char *ask(sqlite_t *c, apr_pool_t *p, const char *sql)
{
    const char *answer = NULL;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
        answer = apr_pstrdup(p, (const char *)sqlite3_column_text(stmt, 0));
    }
    sqlite3_finalize(stmt);
    return answer;
}

static apr_status_t refuse(sqlite_t *c, const char *what, const char *way_out)
{
    const char *file = sqlite3_db_filename(c->db, "main");
    apr_snprintf(c->base.why, sizeof(c->base.why), "database file %s: %s%s", file && *file ? file : "(in memory)", what,
                 way_out);
    return SAAS_EUNAVAILABLE;
}

/* The first version whose builds still work with a newer schema.  Before there was a column for it, each worked with its
 * own builds only. */
static int works_from(sqlite_t *c, apr_pool_t *p, int version)
{
    const char *found = ask(c, p, "SELECT max(coalesce(works_from, version)) FROM schema_migrations");
    return found ? atoi(found) : version;
}

static apr_status_t check_schema(sqlite_t *c, apr_pool_t *p)
{
    int needed = c->base.options->schema, version;
    const char *found, *lost;
    if (!needed) {
        return APR_SUCCESS;
    }
    /* An empty file at the first use has no schema, which is said below. */
    if ((lost = saas_sqlite_file_lost(c->db, c->initialized))) {
        return refuse(c, lost, "");
    }
    found = ask(c, p, "SELECT coalesce(max(version), 0) FROM schema_migrations");
    if (!found) {
        int primary = sqlite3_errcode(c->db) & 255;
        return refuse(c, apr_pstrdup(p, sqlite3_errmsg(c->db)),
                      primary == SQLITE_ERROR ? ": it has no mod_saas schema, run saasctl migrate"
                      : primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN ? SAAS_SQLITE_OWNER : "");
    }
    version = atoi(found);
    if (version < needed || (version > needed && works_from(c, p, version) > needed)) {
        return refuse(c, apr_psprintf(p, "schema is version %d, this build needs %d", version, needed),
                      version < needed ? ": run saasctl migrate" : ": install the mod_saas that migrated it");
    }
    return APR_SUCCESS;
}

static apr_status_t finalize(void *baton)
{
    sqlite_t *c = baton;
    int i;
    for (i = 0; i < c->base.options->statements; i++) {
        sqlite3_finalize(c->prepared[i]);
        c->prepared[i] = NULL;
    }
    return APR_SUCCESS;
}

static apr_status_t attach(saas_connection_t **base, apr_pool_t *p, void *native, const saas_driver_options_t *options)
{
    sqlite_t *c = apr_pcalloc(p, sizeof(*c));
    int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    c->base.driver = &saas_driver_sqlite;
    c->base.options = options;
    c->db = native;
    c->pool = p;
    c->prepared = apr_pcalloc(p, sizeof(*c->prepared) * ((apr_size_t)options->statements + 1));
    if (sqlite3_create_function(c->db, "now", 0, flags, c, sql_now, NULL, NULL) != SQLITE_OK
        || sqlite3_create_function(c->db, "saas_now_plus", 1, flags, c, sql_now_plus, NULL, NULL) != SQLITE_OK
        || sqlite3_create_function(c->db, "saas_time", 1, flags | SQLITE_DETERMINISTIC, c, sql_time, NULL, NULL) != SQLITE_OK) {
        return SAAS_EUNAVAILABLE;
    }
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
    sqlite3_progress_handler(c->db, STEPS_PER_CHECK, over_deadline, c);
    apr_pool_cleanup_register(p, c, finalize, apr_pool_cleanup_null);
    *base = &c->base;
    return APR_SUCCESS;
}

static apr_status_t set_up(sqlite_t *c, apr_pool_t *p)
{
    const char *mode;
    if (sqlite3_exec(c->db, "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY", NULL, NULL,
                     NULL) != SQLITE_OK) {
        return refuse(c, apr_pstrdup(p, sqlite3_errmsg(c->db)), "");
    }
    mode = ask(c, p, "PRAGMA journal_mode");
    if (!mode || (strcmp(mode, "wal") && strcmp(mode, "memory"))) {
        mode = ask(c, p, "PRAGMA journal_mode = WAL");
        if (!mode || strcmp(mode, "wal")) {
            return refuse(c, "cannot use a write-ahead log: ", apr_pstrdup(p, sqlite3_errmsg(c->db)));
        }
    }
    if (sqlite3_db_readonly(c->db, "main")) {
        return refuse(c, "is read-only", write_way_out(c));
    }
    c->initialized = 1;
    return APR_SUCCESS;
}

static apr_status_t ready(saas_connection_t *base, apr_pool_t *p)
{
    sqlite_t *c = (sqlite_t *)base;
    apr_status_t rv;
    /* Before anything is read: see there. */
    if (!c->initialized && saas_sqlite_file_readonly(c->db)) {
        return refuse(c, "is read-only", SAAS_SQLITE_OWNER);
    }
    rv = check_schema(c, p);
    if (rv == APR_SUCCESS && !c->initialized) {
        rv = set_up(c, p);
    }
    c->now = c->until = 0;
    return rv;
}

static void release(saas_connection_t *base)
{
    rollback(base);
}

const saas_driver_t saas_driver_sqlite = {
    "sqlite3", attach, ready, release, begin, query, query, commit, rollback, stream, load
};
