/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * saasctl's way to the database: its own connection, as the owner of the schema, on the host's drivers; and every
 * statement it runs.
 */
#include "saasctl.h"
#include "schema.h"

#include <apr_file_info.h>
#include <apr_strings.h>

#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static const saas_driver_statement_t statements[CTL_STATEMENTS] = {
    { "migrations exist", CTL_MIGRATIONS_EXIST_PGSQL, 0, "SELECT to_regclass('schema_migrations') IS NOT NULL" },
    { "migrations exist", CTL_MIGRATIONS_EXIST_SQLITE, 0,
      "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'" },
    { "migrations", CTL_MIGRATIONS, 0, "SELECT version, checksum, applied_at FROM schema_migrations ORDER BY version" },
    { "record migration", CTL_MIGRATION_RECORD, 0,
      "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, now())" },
    { "owner", CTL_OWNER, 0,
      "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('organizations')" },
    { "lock migrations", CTL_LOCK, 0, "SELECT pg_advisory_lock(hashtext('mod_saas migrate'))" },

    { "add user", CTL_USER_ADD, 0,
      "INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at)"
      " VALUES ($1, $2, $3, $4, $5, now(), now())" },
    { "list users", CTL_USER_LIST, 0,
      "SELECT id, email, name, is_active, created_at, last_login_at FROM users ORDER BY email_key" },
    { "find user", CTL_USER_BY_EMAIL, 0, "SELECT id, email, is_active FROM users WHERE email_key = $1" },
    { "default organization", CTL_USER_DEFAULT, 0,
      "UPDATE users SET default_org_id = $2, updated_at = now() WHERE id = $1 AND default_org_id IS NULL" },

    { "add token", CTL_TOKEN_ADD, 0,
      "INSERT INTO tokens (id, user_id, organization_id, role, name, hint, hash, created_at, expires_at)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8)" },
    { "list tokens", CTL_TOKEN_LIST, 0,
      "SELECT t.id, u.email, o.slug, t.role, t.name, t.hint, t.created_at, t.expires_at, t.last_used_at, t.revoked_at"
      " FROM tokens t JOIN users u ON u.id = t.user_id LEFT JOIN organizations o ON o.id = t.organization_id"
      " ORDER BY u.email_key, t.id" },

    { "add organization", CTL_ORG_ADD, 0,
      "INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES ($1, $2, $3, now(), now())" },
    { "add owner", CTL_ORG_MEMBER, 0,
      "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES ($1, $2, 'ADMIN', now(), now())" },
    { "add activity", CTL_ORG_ACTIVITY, 0,
      "INSERT INTO activity (org_id, id, created_at, actor_type, actor_id, action, target_type, target_id, target_label,"
      " new_value) VALUES ($1, $2, now(), 'system', 'saasctl', 'organization.created', 'organization', $1::uuid::text, $3, $4)" },
    { "list organizations", CTL_ORG_LIST, 0,
      "SELECT o.id, o.slug, o.name, o.subscription_status, o.created_at,"
      " (SELECT count(*) FROM memberships m WHERE m.org_id = o.id) FROM organizations o WHERE o.deleted_at IS NULL"
      " ORDER BY o.slug" },
    { "find organization", CTL_ORG_FIND, 0,
      "SELECT id, slug FROM organizations WHERE (slug = $1 OR id::text = $1) AND deleted_at IS NULL" },
    { "role of user", CTL_ORG_ROLE, 0, "SELECT role FROM memberships WHERE org_id = $1 AND user_id = $2" },
};

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
    ctl->sqlite = 1;
    if (!create && apr_stat(&info, path, APR_FINFO_TYPE, ctl->p) != APR_SUCCESS) {
        return ctl_say(CTL_DATABASE, "there is no database file %s: check --db, or run saasctl migrate", path);
    }
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0), NULL) != SQLITE_OK) {
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

apr_status_t ctl_query(ctl_t *ctl, int statement, saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    complaint[0] = '\0';
    return ctl->c->driver->query(ctl->c, ctl->p, &statements[statement], rows, args, nargs);
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
        const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
        const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        *error = apr_pstrcat(ctl->p, text ? text : PQerrorMessage(ctl->native), hint ? " - " : NULL, hint, NULL);
        rv = SAAS_EDATABASE;
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

int ctl_check_schema(ctl_t *ctl)
{
    int exist = ctl->sqlite ? CTL_MIGRATIONS_EXIST_SQLITE : CTL_MIGRATIONS_EXIST_PGSQL, version = 0;
    saas_driver_rows_t *rows;
    apr_status_t rv = ctl_query(ctl, exist, &rows, CTL_NO_ARGS);
    if (rv == APR_SUCCESS && (*ctl_cell(rows, 0, 0) == 't' || *ctl_cell(rows, 0, 0) == '1')) {
        rv = ctl_query(ctl, CTL_MIGRATIONS, &rows, CTL_NO_ARGS);
        if (rv == APR_SUCCESS && rows->count) {
            version = atoi(ctl_cell(rows, rows->count - 1, 0));
        }
    }
    if (rv != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot read schema_migrations", rv);
    }
    if (version != SAAS_SCHEMA_VERSION) {
        return ctl_say(CTL_DATABASE, "the database schema is version %d, this saasctl needs %d: %s", version, SAAS_SCHEMA_VERSION,
                       version < SAAS_SCHEMA_VERSION ? "run saasctl migrate" : "use the saasctl that migrated it");
    }
    /* Anybody else would be shown empty tables by row-level security. */
    if (!ctl->sqlite && (rv = ctl_query(ctl, CTL_OWNER, &rows, CTL_NO_ARGS)) != APR_SUCCESS) {
        return ctl_database_failure(ctl, "cannot look up the schema's owner", rv);
    }
    if (!ctl->sqlite && (!rows->count || *ctl_cell(rows, 0, 0) != 't')) {
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
