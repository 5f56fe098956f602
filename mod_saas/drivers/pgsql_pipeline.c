/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Commands on their way to PostgreSQL and their results on the way back, in libpq's pipeline mode with non-blocking reads
 * under a deadline: a unit of work is one round trip, whatever it has to say first.
 *
 * - What is sent is noted in its order, and each result belongs to the oldest command without one.
 * - After a missed deadline the connection is cut, never reused: an answer could still come.
 */
#include "pgsql.h"

#include <apr_strings.h>

#include <poll.h>
#include <string.h>

/* A schema that changes under a running server is noticed within this time. */
#define SCHEMA_CHECK_INTERVAL apr_time_from_sec(5)
/* The server's own deadline comes first by this much, so that its answer can still arrive. */
#define DEADLINE_SLACK apr_time_from_msec(500)

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
            saas_pgsql_report(c, rv, "SAAS1105", "commit: the transaction had failed before and was rolled back");
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

void saas_pgsql_note(pgsql_t *c, pgsql_kind_e kind, int number, const char *name, saas_driver_rows_t **rows)
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
    saas_pgsql_note(c, kind, -1, name, NULL);
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
    saas_pgsql_note(c, PGSQL_CONTROL, -1, name, NULL);
    saas_pgsql_note(c, PGSQL_DESCRIBE, -1, name, NULL);
    return APR_SUCCESS;
}

/* Executes one of the statements that set-up has prepared. */
apr_status_t saas_pgsql_send_own(pgsql_t *c, pgsql_kind_e kind, const char *name, const char *value)
{
    apr_status_t rv = make_room(c, 1);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!PQsendQueryPrepared(c->conn, name, value ? 1 : 0, value ? &value : NULL, NULL, NULL, 0)) {
        return saas_pgsql_lost(c, name, PQerrorMessage(c->conn));
    }
    saas_pgsql_note(c, kind, -1, name, NULL);
    return APR_SUCCESS;
}

apr_status_t saas_pgsql_send_statement(pgsql_t *c, const saas_driver_statement_t *st, saas_driver_rows_t **rows,
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
        saas_pgsql_note(c, PGSQL_PREPARE, st->number, st->name, NULL);
    }
    if (!PQsendQueryPrepared(c->conn, name, nargs, args, NULL, NULL, 0)) {
        return saas_pgsql_lost(c, st->name, PQerrorMessage(c->conn));
    }
    saas_pgsql_note(c, PGSQL_EXECUTE, st->number, st->name, rows);
    return APR_SUCCESS;
}

/* The schema is looked at again now and then, in front of what is sent anyway. */
apr_status_t saas_pgsql_send_guard(pgsql_t *c)
{
    apr_time_t now = apr_time_now();
    if (!c->base.options->schema || (now >= c->checked && now - c->checked < SCHEMA_CHECK_INTERVAL)) {
        return APR_SUCCESS;
    }
    c->checked = now;
    return saas_pgsql_send_own(c, PGSQL_SCHEMA, "saas_schema", NULL);
}

apr_status_t saas_pgsql_send_scope(pgsql_t *c, int tenant, const char *organization)
{
    apr_status_t rv;
    if (!c->base.options->schema
        || (tenant == c->tenant && (!tenant || !strcmp(organization, c->organization)))) {
        return APR_SUCCESS;
    }
    rv = tenant ? saas_pgsql_send_own(c, PGSQL_CONTROL, "saas_tenant", organization)
                : saas_pgsql_send_own(c, PGSQL_CONTROL, "saas_system", NULL);
    if (rv == APR_SUCCESS) {
        c->tenant = tenant;
        c->organization[0] = '\0';
        if (tenant && strlen(organization) < sizeof(c->organization)) {
            strcpy(c->organization, organization);
        }
    }
    return rv;
}
