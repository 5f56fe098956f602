/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Long reads of a standby (SaasExportDB).  Nobody may notice by what is read that it was one, so it is asked for its
 * identity - the system identifier that initdb gave to the primary, which every standby has - and for the position in
 * the write-ahead log that the primary stood at a moment ago: what has been replayed up to there is seen by every
 * snapshot that is taken later.  Who cannot say both is not read of; the primary, which the caller has a connection to,
 * can always do it.
 *
 * mod_dbd knows one database of each server, so the connections are made here.  A child keeps a few; no more are made
 * than exports may run.  After a failure nobody makes one for a second; each wait is SaasDBTimeout at most, but for the
 * resolver's of a host's name.
 */
#include "replica.h"
#include "borrow.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <libpq-fe.h>

/* Connections that are kept while nobody uses them. */
#define KEPT 2
#define PAUSE_AFTER_FAILURE apr_time_from_sec(1)
/* How long a standby that is behind is waited for, and how often it is asked meanwhile. */
#define PATIENCE apr_time_from_msec(100)
#define STEP apr_time_from_msec(5)

enum { POSITION, REPLAYED };
enum { P_SYSTEM, P_DATABASE, P_POSITION, P_COUNT };

/* SQLite's texts are never run: its doctor plans all there are. */
static saas_statement_t statements[] = {
    [POSITION] = { .name = "replica_position",
                   .scope = SAAS_SYSTEM,
                   .sql = "SELECT " SAAS_REPLICA_IDENTITY ", CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn() END"
                          SAAS_REPLICA_OF,
                   .sqlite = "SELECT 0, 0, 0" },
    [REPLAYED] = { .name = "replica_replayed",
                   .scope = SAAS_SYSTEM,
                   .sql = "SELECT pg_is_in_recovery(), s.system_identifier = $1::bigint AND d.oid = $2::oid,"
                          " coalesce(pg_last_wal_replay_lsn() >= $3::pg_lsn, false)" SAAS_REPLICA_OF,
                   .sqlite = "SELECT 0, 0, 0" },
    { 0 }
};

struct saas_replica_t {
    saas_replica_t *next; /* of those that are kept */
    apr_pool_t *pool;
    PGconn *conn;
    saas_connection_t *c;
};

/* Of this child. */
static apr_thread_mutex_t *lock;
static const saas_driver_options_t *driver_options;
static saas_replica_t *kept;
static int nkept, made, most;
static apr_time_t closed_until;

const char *saas_replica_prepare(apr_pool_t *p)
{
    return saas_statements_register(p, "mod_saas", statements);
}

void saas_replica_child_init(apr_pool_t *pchild, server_rec *s, const saas_driver_options_t *options)
{
    driver_options = options;
    kept = NULL;
    nkept = made = 0;
    closed_until = 0;
    most = saas_config_exports_max(s);
    lock = NULL;
    if (saas_config_export_db(s) && apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
        lock = NULL; /* the primary does it alone */
    }
}

/* --------------------------------------------------------- connections -- */

static void complain(server_rec *s, const char *what)
{
    if (saas_db_may_log("SAAS1115")) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1115", "SaasExportDB: %s; exports are read of the primary meanwhile", what);
    }
}

static apr_status_t disconnect(void *baton)
{
    saas_replica_t *replica = baton;
    PQfinish(replica->conn);
    return APR_SUCCESS;
}

/* libpq begins to connect here and the driver goes on, under its deadline. */
static saas_replica_t *make(server_rec *s)
{
    static const char *const keywords[] = { "dbname", "fallback_application_name", NULL };
    const char *const values[] = { saas_config_export_db(s), "mod_saas export", NULL };
    saas_replica_t *replica;
    apr_pool_t *pool;

    if (apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return NULL;
    }
    apr_pool_tag(pool, "saas_replica");
    replica = apr_pcalloc(pool, sizeof(*replica));
    replica->pool = pool;
    replica->conn = PQconnectStartParams(keywords, values, 1);
    if (!replica->conn) {
        apr_pool_destroy(pool);
        return NULL;
    }
    apr_pool_cleanup_register(pool, replica, disconnect, apr_pool_cleanup_null);
    if (saas_driver_pgsql.attach(&replica->c, pool, replica->conn, driver_options) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return NULL;
    }
    return replica;
}

/* One that is kept, or a new one; NULL: not now. */
static saas_replica_t *obtain(server_rec *s)
{
    saas_replica_t *replica = NULL;
    int place = 0;
    apr_thread_mutex_lock(lock);
    if ((replica = kept)) {
        kept = replica->next;
        nkept--;
    }
    else if ((place = made < most && apr_time_now() >= closed_until)) {
        made++;
    }
    apr_thread_mutex_unlock(lock);
    if (place && !(replica = make(s))) {
        apr_thread_mutex_lock(lock);
        made--;
        apr_thread_mutex_unlock(lock);
    }
    return replica;
}

static void discard(saas_replica_t *replica)
{
    apr_thread_mutex_lock(lock);
    made--;
    closed_until = apr_time_now() + PAUSE_AFTER_FAILURE;
    apr_thread_mutex_unlock(lock);
    apr_pool_destroy(replica->pool);
}

void saas_replica_give(saas_replica_t *replica)
{
    int keep;
    apr_thread_mutex_lock(lock);
    if ((keep = nkept < KEPT && PQstatus(replica->conn) == CONNECTION_OK)) {
        replica->next = kept;
        kept = replica;
        nkept++;
    }
    else {
        made--;
    }
    apr_thread_mutex_unlock(lock);
    if (!keep) {
        apr_pool_destroy(replica->pool);
    }
}

saas_connection_t *saas_replica_connection(const saas_replica_t *replica)
{
    return replica->c;
}

/* ------------------------------------------------------- what it knows -- */

static saas_driver_rows_t *ask(saas_connection_t *c, apr_pool_t *p, int which, const char *const *args, int nargs)
{
    const saas_driver_statement_t st = { statements[which].name, statements[which].number, 0, statements[which].sql };
    saas_driver_rows_t *rows = NULL;
    return c->driver->query(c, p, &st, &rows, args, nargs) == APR_SUCCESS && rows && rows->count == 1 ? rows : NULL;
}

static int yes(const saas_driver_rows_t *rows, int column)
{
    return rows->cells[column] && *rows->cells[column] == 't';
}

/* NULL: it can be read of, or why not; *behind: nothing is wrong with it. */
static const char *unfit(saas_replica_t *replica, apr_pool_t *p, const char *const *position, int *behind)
{
    const apr_time_t until = apr_time_now() + PATIENCE;
    const saas_driver_rows_t *rows;
    *behind = 0;
    for (;;) {
        if (!(rows = ask(replica->c, p, REPLAYED, position, P_COUNT))) {
            return "it cannot be asked how far it is, an earlier line says why";
        }
        if (!yes(rows, 0)) {
            return "it is no standby: name one, or leave the directive out";
        }
        if (!yes(rows, 1)) {
            return "it is a standby of another server, or another database of it, than DBDParams names";
        }
        if (yes(rows, 2)) {
            return NULL;
        }
        if (apr_time_now() >= until) {
            *behind = 1;
            return "it is behind";
        }
        apr_sleep(STEP);
    }
}

saas_replica_t *saas_replica_take(apr_pool_t *p, server_rec *s, saas_connection_t *from)
{
    const saas_driver_rows_t *position;
    saas_replica_t *replica;
    const char *why;
    int behind = 0;

    if (!lock || from->driver != &saas_driver_pgsql || !(replica = obtain(s))) {
        return NULL;
    }
    replica->c->baton = s;
    if (replica->c->driver->ready(replica->c, p) != APR_SUCCESS) {
        why = apr_pstrdup(p, replica->c->why);
    }
    else if (!(position = ask(from, p, POSITION, NULL, 0)) || !position->cells[P_POSITION]) {
        why = "the primary does not say how far it is";
    }
    else {
        why = unfit(replica, p, position->cells, &behind);
    }
    if (!why) {
        return replica;
    }
    replica->c->driver->release(replica->c);
    if (behind) {
        SAAS_LOG(s, APLOG_INFO, 0, "SAAS1116", "SaasExportDB is more than %d ms behind: an export is read of the primary",
                 (int)apr_time_as_msec(PATIENCE));
        saas_replica_give(replica);
    }
    else {
        complain(s, why);
        discard(replica);
    }
    return NULL;
}
