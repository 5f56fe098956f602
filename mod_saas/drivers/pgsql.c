/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The PostgreSQL driver.  Everything but COPY travels in libpq's pipeline mode with non-blocking reads under a
 * deadline: a unit of work is one round trip, whatever it has to say first.
 *
 * Invariants:
 * - A connection in use is in pipeline mode; between units of work it is not, so that others may share it.
 * - Session role is saas_system, without an organization.  Tenant statements run inside a transaction whose role
 *   and organization are set for that transaction alone, in the same round trip: nothing of it can survive.
 * - Nothing is assumed about a backend that a libpq event has not confirmed: a reset connection has neither
 *   prepared statements nor settings, and its process id may be the old one's.
 * - After a missed deadline the connection is cut, never reused: an answer could still come.
 */
#include "pgsql.h"

#include <apr_strings.h>

#include <libpq-events.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A schema that changes under a running server is noticed within this time. */
#define SCHEMA_CHECK_INTERVAL apr_time_from_sec(5)
/* The server's own deadline comes first by this much, so that its answer can still arrive. */
#define DEADLINE_SLACK apr_time_from_msec(500)

#define SCOPE_TENANT "SELECT set_config('role', 'none', true), set_config('saas.organization', $1, true)"
#define SCOPE_SYSTEM "SELECT set_config('role', 'saas_system', true)"
/* Fails, and with it the pipeline, when the version is another one. */
#define SCHEMA_GUARD "SELECT 1 / (coalesce(max(version), 0) = %d)::int FROM schema_migrations"

/* ------------------------------------------------------------ failures -- */

/* SQLSTATEs by prefix, after PostgreSQL's appendix A; the first match counts. */
static const struct {
    const char *prefix;
    apr_status_t rv;
    int gone; /* this connection is of no use any more */
} sqlstates[] = {
    { "23505", SAAS_EUNIQUE, 0 },
    { "40001", SAAS_ESERIALIZATION, 0 },
    { "40P01", SAAS_ESERIALIZATION, 0 },
    { "57014", SAAS_EUNAVAILABLE, 0 },
    { "53", SAAS_EUNAVAILABLE, 0 },
    { "25006", SAAS_EUNAVAILABLE, 1 }, /* read-only: another node is primary now */
    { "25P03", SAAS_EUNAVAILABLE, 1 },
    { "57P", SAAS_EUNAVAILABLE, 1 },
    { "08P01", SAAS_EDATABASE, 0 }, /* not as many arguments as parameters */
    { "08", SAAS_EUNAVAILABLE, 1 },
};

static void report(pgsql_t *c, apr_status_t rv, const char *tag, const char *message)
{
    if (c->base.options->log) {
        c->base.options->log(c->base.baton, rv, tag, message);
    }
}

/* First line of a message of libpq. */
static void first_line(char *to, apr_size_t size, const char *message)
{
    apr_cpystrn(to, message && *message ? message : "no answer", size);
    to[strcspn(to, "\r\n")] = '\0';
}

static void forget_backend(pgsql_t *c)
{
    memset(c->prepared, PGSQL_UNKNOWN, (apr_size_t)c->base.options->statements);
    c->initialized = c->equipped = c->purge = c->again = 0;
    c->nsent = c->transaction = c->tenant = 0;
    c->failed = APR_SUCCESS;
}

apr_status_t saas_pgsql_lost(pgsql_t *c, const char *doing, const char *why)
{
    char line[256], message[512];
    int transaction = c->transaction;
    first_line(line, sizeof(line), why);
    if (PQstatus(c->conn) == CONNECTION_OK) {
        shutdown(PQsocket(c->conn), SHUT_RDWR);
        PQconsumeInput(c->conn);
    }
    forget_backend(c);
    if (transaction) {
        c->transaction = 1;
        c->failed = SAAS_EUNAVAILABLE;
    }
    apr_snprintf(message, sizeof(message), "%s: connection to PostgreSQL given up: %s", doing ? doing : "idle", line);
    apr_cpystrn(c->base.why, message, sizeof(c->base.why));
    report(c, SAAS_EUNAVAILABLE, "SAAS1104", message);
    return SAAS_EUNAVAILABLE;
}

apr_status_t saas_pgsql_failure(pgsql_t *c, const pgsql_command_t *command, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    char text[256], message[512];
    apr_status_t rv = SAAS_EDATABASE;
    unsigned i;
    int gone = 0;

    if (!state) {
        state = PQstatus(c->conn) == CONNECTION_OK ? "XX000" : "08006";
    }
    for (i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++) {
        if (!strncmp(state, sqlstates[i].prefix, strlen(sqlstates[i].prefix))) {
            rv = sqlstates[i].rv;
            gone = sqlstates[i].gone;
            break;
        }
    }
    if (gone && c->reading && !strcmp(state, "25006")) { /* no failover: a write in a SAAS_READ transaction */
        rv = SAAS_EDATABASE;
        gone = 0;
    }
    first_line(text, sizeof(text), PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    if (!strncmp(state, "22", 2)) {
        text[strcspn(text, ":\"")] = '\0'; /* data exceptions quote the value */
    }
    if (command->kind == PGSQL_SCHEMA) {
        /* Version 5 was found at set-up and is not there now: look again before anything else runs. */
        c->initialized = 0;
        apr_snprintf(c->base.why, sizeof(c->base.why), "the database schema has changed under the running server");
        report(c, SAAS_EUNAVAILABLE, "SAAS1103", c->base.why);
        return SAAS_EUNAVAILABLE;
    }
    if (command->kind == PGSQL_SETUP) {
        int missing = !strcmp(state, "42P01") || !strcmp(state, "22023");
        apr_snprintf(c->base.why, sizeof(c->base.why), "%s (%s, SQLSTATE %s)%s", command->name, text, state,
                     missing ? ": run saasctl migrate" : "");
        return SAAS_EUNAVAILABLE;
    }
    if (!strcmp(state, "26000")) { /* DISCARD or DEALLOCATE by somebody else */
        c->initialized = 0;
        c->purge = c->again = 1;
        return SAAS_ESERIALIZATION;
    }
    if (!strcmp(state, "0A000") && command->kind == PGSQL_EXECUTE && command->number >= 0
        && c->prepared[command->number] == PGSQL_PREPARED) { /* cached plan must not change result type */
        c->prepared[command->number] = PGSQL_STALE;
        c->again = 1;
        return SAAS_ESERIALIZATION;
    }
    if (gone) {
        return saas_pgsql_lost(c, command->name, text);
    }
    if (rv == SAAS_EDATABASE || rv == SAAS_EUNAVAILABLE) {
        apr_snprintf(message, sizeof(message), "%s: SQLSTATE %s: %s", command->name, state, text);
        report(c, rv, rv == SAAS_EDATABASE ? "SAAS1105" : "SAAS1106", message);
    }
    return rv;
}

/* ------------------------------------------------------------- results -- */

static saas_driver_rows_t *copy_rows(apr_pool_t *p, const PGresult *res)
{
    saas_driver_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    const char **cells;
    const char *affected;
    apr_size_t size = 0;
    char *at;
    int r, n;

    rows->count = PQntuples(res);
    rows->columns = PQnfields(res);
    affected = strncmp(PQcmdStatus((PGresult *)res), "SELECT", 6) ? PQcmdTuples((PGresult *)res) : "";
    rows->affected = *affected ? apr_atoi64(affected) : 0;
    if (!rows->count || !rows->columns) {
        return rows;
    }
    for (r = 0; r < rows->count; r++) {
        for (n = 0; n < rows->columns; n++) {
            size += (apr_size_t)PQgetlength(res, r, n) + 1;
        }
    }
    at = apr_palloc(p, size);
    rows->cells = cells = apr_palloc(p, sizeof(char *) * (apr_size_t)rows->count * (apr_size_t)rows->columns);
    for (r = 0; r < rows->count; r++) {
        for (n = 0; n < rows->columns; n++) {
            apr_size_t len = (apr_size_t)PQgetlength(res, r, n) + 1;
            if (PQgetisnull(res, r, n)) {
                *cells++ = NULL;
                continue;
            }
            memcpy(at, PQgetvalue(res, r, n), len);
            *cells++ = at;
            at += len;
        }
    }
    return rows;
}

apr_status_t saas_pgsql_wait(pgsql_t *c, int for_result)
{
    apr_interval_time_t timeout = c->base.options->timeout;
    apr_time_t until = timeout ? apr_time_now() + timeout + DEADLINE_SLACK : 0;
    for (;;) {
        struct pollfd fd = { PQsocket(c->conn), POLLIN, 0 };
        int unsent = PQflush(c->conn), ms = -1, n;
        if (unsent < 0) {
            return SAAS_EUNAVAILABLE;
        }
        if (for_result && !PQisBusy(c->conn)) {
            return APR_SUCCESS;
        }
        if (PQstatus(c->conn) != CONNECTION_OK) {
            return SAAS_EUNAVAILABLE;
        }
        if (unsent) {
            fd.events |= POLLOUT;
        }
        if (until) {
            apr_interval_time_t left = until - apr_time_now();
            ms = left > 0 ? (int)(left / 1000) + 1 : 0;
        }
        n = poll(&fd, 1, ms);
        if (n == 0) {
            return APR_TIMEUP;
        }
        if (n > 0 && (fd.revents & ~POLLOUT)) {
            if (!PQconsumeInput(c->conn)) {
                return SAAS_EUNAVAILABLE;
            }
            if (!for_result) {
                return APR_SUCCESS;
            }
        }
    }
}

static void take_types(pgsql_t *c, const PGresult *res)
{
    int i;
    c->columns = PQnfields(res);
    c->types = apr_palloc(c->scratch, sizeof(Oid) * (apr_size_t)(c->columns + 1));
    for (i = 0; i < c->columns; i++) {
        c->types[i] = PQftype(res, i);
    }
}

/* Takes in one result; the failures that follow the first are its consequences. */
static void settle(pgsql_t *c, const pgsql_command_t *command, const PGresult *res, apr_status_t *first)
{
    static const pgsql_command_t commit = { PGSQL_COMMIT, -1, "commit", NULL };
    apr_status_t rv = APR_SUCCESS;
    if (!command) {
        command = &commit; /* what an implicit transaction says at its end */
    }
    switch (PQresultStatus(res)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        if (command->kind == PGSQL_PREPARE && command->number >= 0) {
            c->prepared[command->number] = PGSQL_PREPARED;
        }
        if (command->kind == PGSQL_COMMIT && !strcmp(PQcmdStatus((PGresult *)res), "ROLLBACK")) {
            rv = SAAS_EDATABASE;
            report(c, rv, "SAAS1105", "commit: the transaction had failed before and was rolled back");
        }
        if (command->rows) {
            *command->rows = copy_rows(c->scratch, res);
        }
        if (command->kind == PGSQL_DESCRIBE) {
            take_types(c, res);
        }
        break;
    case PGRES_PIPELINE_ABORTED:
        if (command->kind == PGSQL_PREPARE && command->number >= 0) {
            c->prepared[command->number] = PGSQL_UNKNOWN;
        }
        return;
    default:
        if (command->kind == PGSQL_PREPARE && command->number >= 0) {
            c->prepared[command->number] = PGSQL_UNKNOWN;
        }
        if (*first == APR_SUCCESS) {
            rv = saas_pgsql_failure(c, command, res);
        }
    }
    if (*first == APR_SUCCESS) {
        *first = rv;
    }
}

apr_status_t saas_pgsql_finish(pgsql_t *c)
{
    apr_status_t first = APR_SUCCESS, rv;
    const char *doing = c->nsent ? c->sent[c->nsent - 1].name : "database";
    int i = 0, seen = 0, nulls = 0;

    c->again = 0;
    if (PQstatus(c->conn) != CONNECTION_OK || !PQpipelineSync(c->conn)) {
        return saas_pgsql_lost(c, doing, PQerrorMessage(c->conn));
    }
    for (;;) {
        PGresult *res;
        if ((rv = saas_pgsql_wait(c, 1)) != APR_SUCCESS) {
            return saas_pgsql_lost(c, i < c->nsent ? c->sent[i].name : doing,
                                   rv == APR_TIMEUP ? "no answer within the deadline (SaasDBTimeout)"
                                                    : PQerrorMessage(c->conn));
        }
        if (!(res = PQgetResult(c->conn))) {
            /* NULL ends the results of one command; two in a row, or none to come, is a broken protocol. */
            if (!seen && ++nulls > 1) {
                return saas_pgsql_lost(c, doing, PQerrorMessage(c->conn));
            }
            i += seen;
            seen = 0;
            continue;
        }
        nulls = 0;
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            break;
        }
        seen = 1;
        settle(c, i < c->nsent ? &c->sent[i] : NULL, res, &first);
        PQclear(res);
        if (PQstatus(c->conn) != CONNECTION_OK) {
            return first != APR_SUCCESS ? first : saas_pgsql_lost(c, doing, PQerrorMessage(c->conn));
        }
    }
    c->nsent = 0;
    return first;
}

/* ------------------------------------------------------------- sending -- */

/* Room for n more commands; what is under way is awaited when there is none. */
static apr_status_t make_room(pgsql_t *c, int n)
{
    return c->nsent + n > SAAS_PGSQL_PENDING ? saas_pgsql_finish(c) : APR_SUCCESS;
}

static void note(pgsql_t *c, pgsql_kind_e kind, int number, const char *name, saas_driver_rows_t **rows)
{
    pgsql_command_t *command = &c->sent[c->nsent++];
    command->kind = kind;
    command->number = number;
    command->name = name;
    command->rows = rows;
}

apr_status_t saas_pgsql_send(pgsql_t *c, pgsql_kind_e kind, const char *name, const char *sql, int nvalues,
                             const char *const *values)
{
    apr_status_t rv = make_room(c, 1);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!PQsendQueryParams(c->conn, sql, nvalues, NULL, values, NULL, NULL, 0)) {
        return saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    note(c, kind, -1, name, NULL);
    return APR_SUCCESS;
}

apr_status_t saas_pgsql_describe(pgsql_t *c, const char *name, const char *sql)
{
    apr_status_t rv = make_room(c, 2);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!PQsendPrepare(c->conn, "", sql, 0, NULL) || !PQsendDescribePrepared(c->conn, "")) {
        return saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    note(c, PGSQL_CONTROL, -1, name, NULL);
    note(c, PGSQL_DESCRIBE, -1, name, NULL);
    return APR_SUCCESS;
}

/* Executes one of the statements that set-up has prepared. */
static apr_status_t send_own(pgsql_t *c, pgsql_kind_e kind, const char *name, const char *value)
{
    apr_status_t rv = make_room(c, 1);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!PQsendQueryPrepared(c->conn, name, value ? 1 : 0, value ? &value : NULL, NULL, NULL, 0)) {
        return saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    note(c, kind, -1, name, NULL);
    return APR_SUCCESS;
}

static apr_status_t send_statement(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                                   const char *const *args, int nargs)
{
    unsigned char *prepared = &c->prepared[st->number];
    char name[24], sql[40];
    apr_status_t rv = make_room(c, 3);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_snprintf(name, sizeof(name), "saas_%d", st->number);
    if (*prepared == PGSQL_STALE) {
        apr_snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
        rv = saas_pgsql_send(c, PGSQL_CONTROL, st->name, sql, 0, NULL);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *prepared = PGSQL_UNKNOWN;
    }
    if (*prepared == PGSQL_UNKNOWN) {
        if (!PQsendPrepare(c->conn, name, st->sql, 0, NULL)) {
            return saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
        }
        *prepared = PGSQL_SENT;
        note(c, PGSQL_PREPARE, st->number, st->name, NULL);
    }
    if (!PQsendQueryPrepared(c->conn, name, nargs, args, NULL, NULL, 0)) {
        return saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
    }
    note(c, PGSQL_EXECUTE, st->number, st->name, rows);
    return APR_SUCCESS;
}

/* The schema is looked at again now and then, in front of what is sent anyway. */
static apr_status_t send_schema_guard(pgsql_t *c)
{
    apr_time_t now = apr_time_now();
    if (!c->base.options->schema || (now >= c->checked && now - c->checked < SCHEMA_CHECK_INTERVAL)) {
        return APR_SUCCESS;
    }
    c->checked = now;
    return send_own(c, PGSQL_SCHEMA, "saas_schema", NULL);
}

static apr_status_t send_scope(pgsql_t *c, int tenant, const char *organization)
{
    apr_status_t rv;
    if (!c->base.options->schema
        || (tenant == c->tenant && (!tenant || !strcmp(organization, c->organization)))) {
        return APR_SUCCESS;
    }
    rv = tenant ? send_own(c, PGSQL_CONTROL, "saas_tenant", organization)
                : send_own(c, PGSQL_CONTROL, "saas_system", NULL);
    if (rv == APR_SUCCESS) {
        c->tenant = tenant;
        c->organization[0] = '\0';
        if (tenant && strlen(organization) < sizeof(c->organization)) {
            strcpy(c->organization, organization);
        }
    }
    return rv;
}

/* -------------------------------------------------------------- set-up -- */

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
        { "the database has no mod_saas schema", "SELECT coalesce(max(version), 0) FROM schema_migrations" }
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
    int i, version = atoi(cell(c->version, 0));
    for (i = 0; c->role && i < 3; i++) {
        if (*cell(c->role, i) != 'f') {
            apr_cpystrn(c->base.why, role_faults[i], sizeof(c->base.why));
            return SAAS_EUNAVAILABLE;
        }
    }
    if (c->version && version != c->base.options->schema) {
        apr_snprintf(c->base.why, sizeof(c->base.why), "database schema is version %d, this build needs %d: %s", version,
                     c->base.options->schema,
                     version < c->base.options->schema ? "run saasctl migrate" : "install the mod_saas that migrated it");
        return SAAS_EUNAVAILABLE;
    }
    return c->role && c->version ? APR_SUCCESS : SAAS_EUNAVAILABLE;
}

static apr_status_t equip(pgsql_t *c)
{
    char guard[sizeof(SCHEMA_GUARD) + 12];
    const char *const own[][2] = {
        { "saas_tenant", SCOPE_TENANT }, { "saas_system", SCOPE_SYSTEM }, { "saas_schema", guard }
    };
    apr_status_t rv;
    int i;
    apr_snprintf(guard, sizeof(guard), SCHEMA_GUARD, c->base.options->schema);
    for (i = 0; i < 3; i++) {
        if (!PQsendPrepare(c->conn, own[i][0], own[i][1], 0, NULL)) {
            return saas_pgsql_lost(c, "set-up", PQerrorMessage(c->conn));
        }
        note(c, PGSQL_SETUP, -1, "cannot prepare statements", NULL);
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
    first_line(line, sizeof(line), state == PGRES_POLLING_FAILED ? PQerrorMessage(c->conn)
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

/* -------------------------------------------------------- transactions -- */

apr_status_t saas_pgsql_begin(pgsql_t *c, int write)
{
    const char *how = write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    apr_status_t rv;
    if ((rv = saas_pgsql_awake(c)) != APR_SUCCESS
        || (rv = saas_pgsql_send(c, PGSQL_CONTROL, "begin", how, 0, NULL)) != APR_SUCCESS
        || (rv = send_schema_guard(c)) != APR_SUCCESS) {
        return rv;
    }
    c->transaction = 1;
    c->reading = !write;
    c->failed = APR_SUCCESS;
    c->tenant = 0;
    return APR_SUCCESS;
}

/* Twice, when a failure of what was under way makes the server skip the first. */
void saas_pgsql_rollback(pgsql_t *c)
{
    int i;
    for (i = 0; c->transaction && i < 2; i++) {
        if (PQstatus(c->conn) != CONNECTION_OK
            || saas_pgsql_send(c, PGSQL_CONTROL, "rollback", "ROLLBACK", 0, NULL) != APR_SUCCESS) {
            break;
        }
        saas_pgsql_finish(c);
        if (PQstatus(c->conn) == CONNECTION_OK && PQtransactionStatus(c->conn) == PQTRANS_IDLE) {
            break;
        }
    }
    if (PQstatus(c->conn) == CONNECTION_OK && PQtransactionStatus(c->conn) != PQTRANS_IDLE) {
        saas_pgsql_lost(c, "rollback", "the transaction does not end");
    }
    c->transaction = c->tenant = 0;
    c->failed = APR_SUCCESS;
}

static apr_status_t begin(saas_connection_t *base, int write)
{
    return saas_pgsql_begin((pgsql_t *)base, write);
}

static void rollback(saas_connection_t *base)
{
    saas_pgsql_rollback((pgsql_t *)base);
}

static apr_status_t commit(saas_connection_t *base)
{
    pgsql_t *c = (pgsql_t *)base;
    apr_status_t rv = c->failed;
    if (rv == APR_SUCCESS && (rv = saas_pgsql_send(c, PGSQL_COMMIT, "commit", "COMMIT", 0, NULL)) == APR_SUCCESS) {
        rv = saas_pgsql_finish(c);
    }
    if (rv != APR_SUCCESS) {
        saas_pgsql_rollback(c);
    }
    c->transaction = c->tenant = 0;
    c->failed = APR_SUCCESS;
    return rv;
}

/* ------------------------------------------------------------- queries -- */

static apr_status_t send_in_scope(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                                  const char *const *args, int nargs)
{
    apr_status_t rv = send_scope(c, st->tenant, st->tenant ? args[0] : NULL);
    return rv == APR_SUCCESS ? send_statement(c, st, rows, args, nargs) : rv;
}

static apr_status_t queue(saas_connection_t *base, const saas_driver_statement_t *st, const char *const *args, int nargs)
{
    pgsql_t *c = (pgsql_t *)base;
    if (c->failed == APR_SUCCESS) {
        c->failed = send_in_scope(c, st, NULL, args, nargs);
    }
    return c->failed;
}

/* One statement in a transaction of its own: BEGIN, scope, statement, COMMIT in one round trip. */
static apr_status_t query_tenant_alone(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                                       const char *const *args, int nargs)
{
    apr_status_t rv = saas_pgsql_begin(c, 1);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if ((rv = send_in_scope(c, st, rows, args, nargs)) == APR_SUCCESS
        && (rv = saas_pgsql_send(c, PGSQL_COMMIT, "commit", "COMMIT", 0, NULL)) == APR_SUCCESS) {
        rv = saas_pgsql_finish(c);
    }
    if (rv != APR_SUCCESS) {
        int again = c->again;
        saas_pgsql_rollback(c);
        c->again = again;
    }
    c->transaction = c->tenant = 0;
    return rv;
}

static apr_status_t query_system_alone(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
                                       const char *const *args, int nargs)
{
    apr_status_t rv;
    if ((rv = saas_pgsql_awake(c)) != APR_SUCCESS || (rv = send_schema_guard(c)) != APR_SUCCESS
        || (rv = send_statement(c, st, rows, args, nargs)) != APR_SUCCESS) {
        return rv;
    }
    return saas_pgsql_finish(c);
}

static apr_status_t query(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                          saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    pgsql_t *c = (pgsql_t *)base;
    apr_status_t rv;
    int tries = 2;
    c->scratch = p;
    if (c->transaction) {
        if (c->failed == APR_SUCCESS && (c->failed = send_in_scope(c, st, rows, args, nargs)) == APR_SUCCESS) {
            c->failed = saas_pgsql_finish(c);
        }
        return c->failed;
    }
    do {
        c->again = 0;
        rv = st->tenant && base->options->schema ? query_tenant_alone(c, st, rows, args, nargs)
                                                 : query_system_alone(c, st, rows, args, nargs);
    } while (rv != APR_SUCCESS && c->again && --tries);
    return rv;
}

/* ---------------------------------------------------------- connection -- */

static void ignore_notice(void *baton, const PGresult *res)
{
    (void)baton;
    (void)res;
}

static int on_event(PGEventId id, void *info, void *baton)
{
    (void)info;
    if (id == PGEVT_CONNRESET) {
        forget_backend(baton);
        ((pgsql_t *)baton)->base.made++;
    }
    return 1;
}

static apr_status_t attach(saas_connection_t **base, apr_pool_t *p, void *native, const saas_driver_options_t *options)
{
    pgsql_t *c = apr_pcalloc(p, sizeof(*c));
    c->base.driver = &saas_driver_pgsql;
    c->base.options = options;
    c->conn = native;
    c->prepared = apr_pcalloc(p, (apr_size_t)options->statements + 1);
    PQsetNoticeReceiver(c->conn, ignore_notice, NULL);
    if (!PQregisterEventProc(c->conn, on_event, "mod_saas", c)) {
        return SAAS_EUNAVAILABLE;
    }
    *base = &c->base;
    return APR_SUCCESS;
}

static apr_status_t ready(saas_connection_t *base, apr_pool_t *p)
{
    pgsql_t *c = (pgsql_t *)base;
    apr_status_t rv;
    c->scratch = p;
    c->looked = 0;
    rv = saas_pgsql_awake(c);
    c->looked = rv == APR_SUCCESS; /* what comes next need not */
    return rv;
}

static void release(saas_connection_t *base)
{
    pgsql_t *c = (pgsql_t *)base;
    saas_pgsql_rollback(c);
    if (PQstatus(c->conn) == CONNECTION_OK
        && (!PQexitPipelineMode(c->conn) || PQsetnonblocking(c->conn, 0) != 0)) {
        saas_pgsql_lost(c, NULL, PQerrorMessage(c->conn));
    }
    c->scratch = NULL;
}

const saas_driver_t saas_driver_pgsql = {
    "pgsql", attach, ready, release, begin, query, queue, commit, rollback, saas_pgsql_stream
};
