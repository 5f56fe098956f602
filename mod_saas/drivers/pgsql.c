/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The PostgreSQL driver.  Here: transactions and statements in their scope; what travels and how is in
 * pgsql_pipeline.c, a backend is made ready in pgsql_setup.c, failures are judged in pgsql_failure.c, rows are streamed
 * in pgsql_copy.c.
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
#include <string.h>

/* -------------------------------------------------------- transactions -- */

apr_status_t saas_pgsql_begin(pgsql_t *c, int write)
{
    const char *how = write ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    apr_status_t rv;
    if ((rv = saas_pgsql_awake(c)) != APR_SUCCESS
        || (rv = write && c->equipped ? saas_pgsql_send_own(c, PGSQL_CONTROL, "saas_begin", NULL)
                                      : saas_pgsql_send(c, PGSQL_CONTROL, "begin", how, 0, NULL)) != APR_SUCCESS
        || (rv = saas_pgsql_send_guard(c)) != APR_SUCCESS) {
        return rv;
    }
    c->transaction = 1;
    c->reading = !write;
    c->failed = APR_SUCCESS;
    c->tenant = c->loads = 0;
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

static apr_status_t send_commit(pgsql_t *c)
{
    return c->equipped ? saas_pgsql_send_own(c, PGSQL_COMMIT, "saas_commit", NULL)
                       : saas_pgsql_send(c, PGSQL_COMMIT, "commit", "COMMIT", 0, NULL);
}

static void rollback(saas_connection_t *base)
{
    saas_pgsql_rollback((pgsql_t *)base);
}

static apr_status_t commit(saas_connection_t *base)
{
    pgsql_t *c = (pgsql_t *)base;
    apr_status_t rv = c->failed;
    if (rv == APR_SUCCESS && (rv = send_commit(c)) == APR_SUCCESS) {
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
    apr_status_t rv = saas_pgsql_send_scope(c, st->tenant, st->tenant ? args[0] : NULL);
    return rv == APR_SUCCESS ? saas_pgsql_send_statement(c, st, rows, args, nargs) : rv;
}

static apr_status_t queue(saas_connection_t *base, apr_pool_t *p, const saas_driver_statement_t *st,
                          saas_driver_rows_t **rows, const char *const *args, int nargs)
{
    pgsql_t *c = (pgsql_t *)base;
    c->scratch = p;
    if (c->failed == APR_SUCCESS) {
        c->failed = send_in_scope(c, st, rows, args, nargs);
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
        && (rv = send_commit(c)) == APR_SUCCESS) {
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
    if ((rv = saas_pgsql_awake(c)) != APR_SUCCESS || (rv = saas_pgsql_send_guard(c)) != APR_SUCCESS
        || (rv = saas_pgsql_send_statement(c, st, rows, args, nargs)) != APR_SUCCESS) {
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
        saas_pgsql_forget(baton);
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

const char *saas_pgsql_params_fault(apr_pool_t *p, const char *params)
{
    PQconninfoOption *options, *at;
    const char *fault = NULL;
    char *why = NULL;
    int host = 0;

    if (!(options = PQconninfoParse(params, &why))) {
        /* Its other messages quote what stands there, which may be the password. */
        fault = why && !strncmp(why, "invalid connection option", 25) ? apr_pstrmemdup(p, why, strcspn(why, "\r\n"))
                                                                        : "it is not what libpq takes: keyword=value …, or a URI";
        PQfreemem(why);
        return fault;
    }
    for (at = options; at->keyword; at++) {
        host |= at->val && *at->val && (!strcmp(at->keyword, "host") || !strcmp(at->keyword, "hostaddr")
                                        || !strcmp(at->keyword, "service"));
    }
    PQconninfoFree(options);
    return host ? NULL : "it names no host";
}

const saas_driver_t saas_driver_pgsql = {
    "pgsql", attach, ready, release, begin, query, queue, commit, rollback, saas_pgsql_stream,
    saas_pgsql_load
};
