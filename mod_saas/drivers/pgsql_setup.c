/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * A backend of PostgreSQL made ready: settings, the role that row-level security holds, the schema's version, our own
 * statements; and a connection that was lost while idle made anew.
 *
 * Nothing is assumed about a backend that a libpq event has not confirmed: a reset connection has neither prepared
 * statements nor settings, and its process id may be the old one's.
 */
#include "pgsql.h"

#include <apr_strings.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define SCOPE_TENANT "SELECT set_config('role', 'none', true), set_config('saas.organization', $1, true)"
#define SCOPE_SYSTEM "SELECT set_config('role', 'saas_system', true)"
/* The version that is there, and the first whose builds still work with it.  Before there was a column for the latter,
 * each worked with its own builds only. */
#define SCHEMA_VERSION "coalesce(max(m.version), 0)"
#define SCHEMA_FROM "coalesce(max(coalesce((to_jsonb(m) ->> 'works_from')::int, m.version)), 0)"
/* Fails, and with it the pipeline, when this build is none of those. */
#define SCHEMA_GUARD "SELECT 1 / (" SCHEMA_VERSION " >= %d AND " SCHEMA_FROM " <= %d)::int FROM schema_migrations m"

#define SETTINGS \
    "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO, MDY', false)," \
    " set_config('standard_conforming_strings', 'on', false), set_config('client_encoding', 'UTF8', false)," \
    " set_config('statement_timeout', $1, false), set_config('idle_in_transaction_session_timeout', $2, false)"

/* Whether row-level security can hold the connected role at all. */
#define ROLE_CHECK \
    "SELECT r.rolsuper OR r.rolbypassrls," \
    " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid AND relkind IN ('r', 'p'))," \
    " EXISTS (SELECT FROM pg_roles s WHERE s.rolname = 'saas_system' AND pg_has_role(r.oid, s.oid, 'USAGE'))" \
    " FROM pg_roles r WHERE r.rolname = session_user"

static const char *const role_faults[] = {
    "the connected role is a superuser or bypasses row-level security: connect as saas_app",
    "the connected role owns tables: connect as saas_app",
    "the connected role inherits saas_system: connect as saas_app, and ALTER ROLE saas_app NOINHERIT"
};

static apr_status_t send_setup(pgsql_t *c)
{
    static const struct { const char *fault, *sql; } commands[] = {
        { "cannot look up the connected role", ROLE_CHECK },
        { "the connected role may not act as saas_system", "SET ROLE saas_system" },
        { "the database has no mod_saas schema", "SELECT " SCHEMA_VERSION ", " SCHEMA_FROM " FROM schema_migrations m" }
    };
    saas_driver_rows_t **const results[] = { &c->role, NULL, &c->version };
    char ms[24];
    const char *values[2] = { ms, c->base.options->schema ? "60s" : "0" };
    apr_status_t rv = APR_SUCCESS;
    unsigned i;

    if (c->purge) {
        rv = saas_pgsql_send(c, PGSQL_SETUP, "cannot drop prepared statements", "DEALLOCATE ALL", 0, NULL);
        memset(c->prepared, PGSQL_UNKNOWN, (apr_size_t)c->base.options->statements);
        c->equipped = 0;
    }
    apr_snprintf(ms, sizeof(ms), "%" APR_INT64_T_FMT, (apr_int64_t)(c->base.options->timeout / 1000));
    if (rv == APR_SUCCESS) {
        rv = saas_pgsql_send(c, PGSQL_SETUP, "cannot set up the connection", SETTINGS, 2, values);
    }
    for (i = 0; rv == APR_SUCCESS && c->base.options->schema && i < sizeof(commands) / sizeof(commands[0]); i++) {
        rv = saas_pgsql_send(c, PGSQL_SETUP, commands[i].fault, commands[i].sql, 0, NULL);
        c->sent[c->nsent ? c->nsent - 1 : 0].rows = results[i];
    }
    return rv;
}

static const char *cell(const saas_driver_rows_t *rows, int column)
{
    return rows && rows->count == 1 && rows->cells[column] ? rows->cells[column] : "";
}

/* Whether what set-up has read lets this server work here. */
static apr_status_t judge(pgsql_t *c)
{
    int i, version = atoi(cell(c->version, 0)), needed = c->base.options->schema;
    for (i = 0; c->role && i < 3; i++) {
        if (*cell(c->role, i) != 'f') {
            apr_cpystrn(c->base.why, role_faults[i], sizeof(c->base.why));
            return SAAS_EUNAVAILABLE;
        }
    }
    if (c->version && (version < needed || atoi(cell(c->version, 1)) > needed)) {
        apr_snprintf(c->base.why, sizeof(c->base.why), "database schema is version %d, this build needs %d: %s", version,
                     needed, version < needed ? "run saasctl migrate" : "install the mod_saas that migrated it");
        return SAAS_EUNAVAILABLE;
    }
    return c->role && c->version ? APR_SUCCESS : SAAS_EUNAVAILABLE;
}

static apr_status_t equip(pgsql_t *c)
{
    char guard[sizeof(SCHEMA_GUARD) + 24];
    const char *const own[][2] = {
        { "saas_tenant", SCOPE_TENANT }, { "saas_system", SCOPE_SYSTEM }, { "saas_schema", guard },
        { "saas_begin", "BEGIN" }, { "saas_commit", "COMMIT" }
    };
    apr_status_t rv;
    unsigned i;
    apr_snprintf(guard, sizeof(guard), SCHEMA_GUARD, c->base.options->schema,
                 c->base.options->schema);
    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (!PQsendPrepare(c->conn, own[i][0], own[i][1], 0, NULL)) {
            return saas_pgsql_lost(c, "set-up", PQerrorMessage(c->conn));
        }
        saas_pgsql_note(c, PGSQL_SETUP, -1, "cannot prepare statements", NULL);
    }
    rv = saas_pgsql_finish(c);
    c->equipped = rv == APR_SUCCESS;
    return rv;
}

static apr_status_t set_up(pgsql_t *c)
{
    apr_status_t rv, judged;
    c->role = c->version = NULL;
    if ((rv = send_setup(c)) != APR_SUCCESS) {
        return rv;
    }
    rv = saas_pgsql_finish(c);
    if (c->base.options->schema && PQstatus(c->conn) == CONNECTION_OK && (rv == APR_SUCCESS || c->role)
        && (judged = judge(c)) != APR_SUCCESS) {
        return judged;
    }
    if (rv != APR_SUCCESS || (c->base.options->schema && !c->equipped && (rv = equip(c)) != APR_SUCCESS)) {
        return rv;
    }
    c->purge = 0;
    c->initialized = 1;
    c->checked = apr_time_now();
    return APR_SUCCESS;
}

/* Connects anew with the parameters of the old connection, under the deadline. */
static apr_status_t reconnect(pgsql_t *c)
{
    apr_interval_time_t timeout = c->base.options->timeout;
    apr_time_t until = apr_time_now() + (timeout ? timeout : apr_time_from_sec(30));
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    char line[256];

    if (!PQresetStart(c->conn)) {
        state = PGRES_POLLING_FAILED;
    }
    while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
        struct pollfd fd = { PQsocket(c->conn), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0 };
        apr_interval_time_t left = until - apr_time_now();
        if (left <= 0 || poll(&fd, 1, (int)(left / 1000) + 1) == 0) {
            break;
        }
        state = PQresetPoll(c->conn);
    }
    if (state == PGRES_POLLING_OK) {
        return APR_SUCCESS;
    }
    saas_pgsql_first_line(line, sizeof(line), state == PGRES_POLLING_FAILED ? PQerrorMessage(c->conn)
                                                                 : "no answer within the deadline (SaasDBTimeout)");
    apr_snprintf(c->base.why, sizeof(c->base.why), "cannot connect to PostgreSQL: %s", line);
    return SAAS_EUNAVAILABLE;
}

/* What has arrived on an idle connection is a notice, or its end. */
static void drain_idle(pgsql_t *c)
{
    struct pollfd fd = { PQsocket(c->conn), POLLIN, 0 };
    while (PQstatus(c->conn) == CONNECTION_OK && poll(&fd, 1, 0) > 0) {
        PGnotify *notify;
        if (!PQconsumeInput(c->conn)) {
            break;
        }
        PQisBusy(c->conn);
        while ((notify = PQnotifies(c->conn))) {
            PQfreemem(notify);
        }
    }
}

apr_status_t saas_pgsql_awake(pgsql_t *c)
{
    apr_status_t rv;
    if (!c->looked) {
        drain_idle(c);
    }
    c->looked = 0;
    if (PQstatus(c->conn) != CONNECTION_OK && (rv = reconnect(c)) != APR_SUCCESS) {
        return rv;
    }
    if ((PQpipelineStatus(c->conn) == PQ_PIPELINE_OFF && !PQenterPipelineMode(c->conn))
        || PQsetnonblocking(c->conn, 1) != 0) {
        return saas_pgsql_lost(c, "set-up", PQerrorMessage(c->conn));
    }
    return c->initialized ? APR_SUCCESS : set_up(c);
}
