/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl's way to the database: its own connection, as the owner of the schema, on the host's drivers.
 */
#include "saasctl.h"
#include "core/schema.h"
#include "statements.h"

#include <apr_file_info.h>
#include <apr_strings.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 4

/* What the driver said last; printed when the failure is known to matter. */
static char complaint[600];

static void keep_complaint(void *baton, apr_status_t rv, const char *tag, const char *message)
{
    (void)baton;
    (void)rv;
    (void)tag;
    apr_cpystrn(complaint, message, sizeof(complaint));
}

static const saas_driver_options_t options = { 0, 0, CTL_STATEMENTS, keep_complaint };

static int connect_pgsql(ctl_t *ctl, const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    ctl->native = conn;
    if (PQstatus(conn) != CONNECTION_OK) {
        return ctl_say(CTL_DATABASE, "cannot connect to PostgreSQL: %s", PQerrorMessage(conn));
    }
    return saas_driver_pgsql.attach(&ctl->c, ctl->p, conn, &options) == APR_SUCCESS ? CTL_OK : CTL_DATABASE;
}

static int connect_sqlite(ctl_t *ctl, const char *path, int create)
{
    sqlite3 *db = NULL;
    apr_finfo_t info;
    apr_pool_t *statements_pool;
    const char *why;
    int made = 0, flags;
    ctl->sqlite = 1;
    if (!create && apr_stat(&info, path, APR_FINFO_TYPE, ctl->p) != APR_SUCCESS) {
        return ctl_say(CTL_DATABASE, "there is no database file %s: check --db, or run saasctl migrate", path);
    }
    if (create && (why = saas_sqlite_file_make(ctl->p, path, &made))) {
        return ctl_say(CTL_DATABASE, "cannot create %s: %s", path, why);
    }
    flags = SQLITE_OPEN_READWRITE | (create && !made ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        int code = ctl_say(CTL_DATABASE, "cannot open %s: %s", path, db ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_close(db);
        return code;
    }
    ctl->native = db;
    apr_pool_create(&statements_pool, ctl->p);
    return saas_driver_sqlite.attach(&ctl->c, statements_pool, db, &options) == APR_SUCCESS ? CTL_OK : CTL_DATABASE;
}

int ctl_connect(ctl_t *ctl, int create)
{
    int code;
    if (!strncmp(ctl->db, "pgsql:", 6)) {
        code = connect_pgsql(ctl, ctl->db + 6);
    }
    else if (!strncmp(ctl->db, "sqlite:", 7) && ctl->db[7]) {
        code = connect_sqlite(ctl, ctl->db + 7, create);
    }
    else {
        return ctl_say(CTL_USAGE, "--db must be 'pgsql:CONNINFO' or 'sqlite:PATH'");
    }
    if (code == CTL_OK && ctl->c->driver->ready(ctl->c, ctl->p) != APR_SUCCESS) {
        code = ctl_say(CTL_DATABASE, "%s", ctl->c->why);
    }
    return code;
}

void ctl_disconnect(ctl_t *ctl)
{
    if (ctl->c) {
        ctl->c->driver->release(ctl->c);
    }
    if (ctl->native && ctl->sqlite) {
        sqlite3_close_v2(ctl->native); /* ends when the pool has finalized the statements */
    }
    else if (ctl->native) {
        PQfinish(ctl->native);
    }
}

apr_status_t ctl_query_in(ctl_t *ctl, apr_pool_t *p, int statement, saas_driver_rows_t **rows, const char *const *args,
                          int nargs)
{
    complaint[0] = '\0';
    return ctl->c->driver->query(ctl->c, p, &ctl_statements[statement], rows, args, nargs);
}

apr_status_t ctl_query(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    return ctl_query_in(ctl, ctl->p, statement, rows, args, nargs);
}

apr_status_t ctl_queue(ctl_t *ctl, int statement, const char *const *args, int nargs)
{
    return ctl->c->driver->queue(ctl->c, ctl->p, &ctl_statements[statement], NULL, args, nargs);
}

int ctl_ask(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    apr_status_t rv = ctl_query(ctl, statement, rows, args, nargs);
    if (rv == SAAS_ESERIALIZATION && ctl->again) {
        return CTL_AGAIN;
    }
    return rv == APR_SUCCESS ? CTL_OK
                             : ctl_database_failure(ctl, apr_pstrcat(ctl->p, "cannot ", ctl_statements[statement].name, NULL), rv);
}

int ctl_transaction(ctl_t *ctl, int (*body)(ctl_t *ctl, void *baton), void *baton)
{
    const saas_driver_t *driver = ctl->c->driver;
    apr_status_t rv;
    int code;

    for (ctl->again = TRIES - 1;; ctl->again--) {
        complaint[0] = '\0';
        code = CTL_OK;
        if ((rv = driver->begin(ctl->c, 1)) == APR_SUCCESS) {
            if ((code = body(ctl, baton)) == CTL_OK) {
                rv = driver->commit(ctl->c);
            }
            else {
                driver->rollback(ctl->c);
            }
        }
        if (code != CTL_AGAIN && (rv != SAAS_ESERIALIZATION || !ctl->again)) {
            break;
        }
    }
    ctl->again = 0;
    return rv == APR_SUCCESS ? code : ctl_database_failure(ctl, "nothing was changed", rv);
}

apr_status_t ctl_script(ctl_t *ctl, const char *sql, const char **error)
{
    apr_status_t rv = APR_SUCCESS;
    ExecStatusType status;
    PGresult *res;
    *error = NULL;
    if (ctl->sqlite) {
        if (sqlite3_exec(ctl->native, sql, NULL, NULL, NULL) != SQLITE_OK) {
            *error = apr_pstrdup(ctl->p, sqlite3_errmsg(ctl->native));
            rv = SAAS_EDATABASE;
        }
        return rv;
    }
    /* Several statements in one text are for the simple protocol, which a pipeline does not speak. */
    if (!PQexitPipelineMode(ctl->native)) {
        *error = PQerrorMessage(ctl->native);
        return SAAS_EDATABASE;
    }
    res = PQexec(ctl->native, sql);
    status = PQresultStatus(res);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
        const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        *error = apr_pstrcat(ctl->p, text ? text : PQerrorMessage(ctl->native), hint ? " - " : NULL, hint, NULL);
        rv = state && !strcmp(state, "55P03") ? SAAS_ESERIALIZATION : SAAS_EDATABASE; /* lock_timeout */
    }
    PQclear(res);
    if (ctl->c->driver->ready(ctl->c, ctl->p) != APR_SUCCESS && rv == APR_SUCCESS) {
        *error = ctl->c->why;
        rv = SAAS_EUNAVAILABLE;
    }
    return rv;
}

const char *ctl_cell(const saas_driver_rows_t *rows, int row, int column)
{
    return row < rows->count && column < rows->columns ? rows->cells[row * rows->columns + column] : NULL;
}

int ctl_cell_true(const saas_driver_rows_t *rows, int row, int column)
{
    const char *cell = ctl_cell(rows, row, column);
    return cell && (*cell == 't' || *cell == '1');
}

/* The first version whose builds still work with a schema; each with its own only, where it says nothing. */
static apr_status_t works_from(ctl_t *ctl, int *version)
{
    saas_driver_rows_t *rows;
    apr_status_t rv = APR_SUCCESS;
    if (ctl->sqlite && ((rv = ctl_query(ctl, CTL_MIGRATIONS_SAY_SQLITE, &rows, CTL_NO_ARGS)) != APR_SUCCESS
                        || !atoi(ctl_cell(rows, 0, 0)))) {
        return rv;
    }
    rv = ctl_query(ctl, ctl->sqlite ? CTL_MIGRATIONS_FROM_SQLITE : CTL_MIGRATIONS_FROM_PGSQL, &rows, CTL_NO_ARGS);
    if (rv == APR_SUCCESS && ctl_cell(rows, 0, 0)) {
        *version = atoi(ctl_cell(rows, 0, 0));
    }
    return rv;
}

int ctl_check_schema(ctl_t *ctl)
{
    int exist = ctl->sqlite ? CTL_MIGRATIONS_EXIST_SQLITE : CTL_MIGRATIONS_EXIST_PGSQL, version = 0, from = 0;
    saas_driver_rows_t *rows;
    apr_status_t rv = ctl_query(ctl, exist, &rows, CTL_NO_ARGS);
    if (rv == APR_SUCCESS && ctl_cell_true(rows, 0, 0)) {
        rv = ctl_query(ctl, CTL_MIGRATIONS, &rows, CTL_NO_ARGS);
        if (rv == APR_SUCCESS && rows->count) {
            from = version = atoi(ctl_cell(rows, rows->count - 1, 0));
            rv = version > SAAS_SCHEMA_VERSION ? works_from(ctl, &from) : APR_SUCCESS;
        }
    }
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot read schema_migrations", rv);
    }
    if (version < SAAS_SCHEMA_VERSION || from > SAAS_SCHEMA_VERSION) {
        return ctl_say(CTL_DATABASE, "the database schema is version %d, this saasctl needs %d: %s", version, SAAS_SCHEMA_VERSION,
                       version < SAAS_SCHEMA_VERSION ? "run saasctl migrate" : "use the saasctl that migrated it");
    }
    ctl->schema = version;
    /* Anybody else would be shown empty tables by row-level security. */
    if (!ctl->sqlite && (rv = ctl_query(ctl, CTL_OWNER, &rows, CTL_NO_ARGS)) != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot look up the schema's owner", rv);
    }
    if (!ctl->sqlite && (!ctl_cell_true(rows, 0, 0))) {
        return ctl_say(CTL_DATABASE, "this role does not own the schema: connect as the one that ran saasctl migrate");
    }
    return CTL_OK;
}

int ctl_database_failure(const ctl_t *ctl, const char *doing, apr_status_t rv)
{
    const char *text = complaint[0] ? complaint
                     : rv == SAAS_EUNIQUE ? "it exists already"
                     : rv == SAAS_ESERIALIZATION ? "another transaction was in the way: try again" : "the database refused";
    return ctl_say(CTL_DATABASE, "%s: %s%s", doing, text,
                   strstr(text, "permission denied") && !ctl->sqlite
                       ? " (connect as the owner of the schema, not as saas_app)" : "");
}
