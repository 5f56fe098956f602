/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Borrows connections from mod_dbd for units of work, and tells at the start whether mod_dbd is set up so that it can.
 *
 * Waiting is bounded everywhere.  mod_dbd's own pool would have a thread wait for ever, so the gateway counts what
 * it has borrowed and never asks for more than DBDMax; and mod_dbd connects with its pool locked, so only one
 * thread may be in there at a time while the others wait here, with a deadline.  A thread holds one connection at
 * most, or threads could wait for each other.
 */
#include "borrow.h"
#include "core/schema.h"
#include "count/count.h"

#include <apr_atomic.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <stdlib.h>

#define DBDMAX_DEFAULT 10 /* mod_dbd's own */
/* After a failure nobody tries to connect for this long. */
#define PAUSE_AFTER_FAILURE apr_time_from_msec(100)
/* The same trouble is logged at most this often, by each child. */
#define LOG_INTERVAL apr_time_from_sec(5)
#define STATE_KEY "saas-connection"

static const saas_driver_t *const drivers[] = { &saas_driver_pgsql, &saas_driver_sqlite };
#define NDRIVERS (sizeof(drivers) / sizeof(drivers[0]))

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;
static int capacity = DBDMAX_DEFAULT;

/* Of this child. */
static apr_thread_mutex_t *count_lock, *open_lock;
static apr_thread_cond_t *returned;
static int borrowed;
static apr_time_t closed_until; /* under open_lock: nobody connects before */
static saas_driver_options_t options;
static __thread saas_db_t *held;
static volatile int arrays;

/* ------------------------------------------------------------- logging -- */

int saas_db_may_log(const char *tag)
{
    static apr_uint32_t last[100];
    apr_uint32_t now = (apr_uint32_t)apr_time_sec(apr_time_now()), then;
    volatile apr_uint32_t *at = &last[atoi(tag + 4) % 100];
    then = apr_atomic_read32(at);
    return (!then || now - then >= (apr_uint32_t)apr_time_sec(LOG_INTERVAL)) && apr_atomic_cas32(at, now, then) == then;
}

static void on_driver_log(void *baton, apr_status_t rv, const char *tag, const char *message)
{
    if (rv != SAAS_EUNAVAILABLE || saas_db_may_log(tag)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, baton, "%s: %s", tag, message);
    }
}

apr_status_t saas_db_misuse(const saas_db_t *db, const char *tag, const char *statement, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, db->s, "%s: %s%s%s", tag, statement ? statement : "", statement ? ": " : "",
                 what);
    return SAAS_EDATABASE;
}

/* ------------------------------------------------------- configuration -- */

typedef struct directives_t {
    int max; /* smallest DBDMax, 0: none */
    int drivers, params;
    int pgsql;              /* one of the drivers is */
    const char *strange;    /* a DBDriver that is none of ours */
    const char *no_timeout; /* DBDParams of PostgreSQL without connect_timeout */
} directives_t;

static void read_directives(const ap_directive_t *at, directives_t *found, apr_pool_t *p)
{
    for (; at; at = at->next) {
        const char *args = at->args, *word;
        if (!strcasecmp(at->directive, "DBDMax")) {
            int n = atoi(ap_getword_conf(p, &args));
            found->max = n > 0 && (!found->max || n < found->max) ? n : found->max;
        }
        else if (!strcasecmp(at->directive, "DBDriver")) {
            word = ap_getword_conf(p, &args);
            found->drivers++;
            found->pgsql |= !strcmp(word, saas_driver_pgsql.name);
            if (strcmp(word, drivers[0]->name) && strcmp(word, drivers[1]->name)) {
                found->strange = word;
            }
        }
        else if (!strcasecmp(at->directive, "DBDParams")) {
            found->params++;
            if (ap_strstr_c(args, "dbname") && !ap_strstr_c(args, "connect_timeout")) {
                found->no_timeout = args;
            }
        }
        read_directives(at->first_child, found, p);
    }
}

const char *saas_db_check_config(apr_pool_t *ptemp, server_rec *s)
{
    directives_t found = { 0 };
    if (!APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open) || !APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close)) {
        return "mod_saas needs mod_dbd for its database: a2enmod dbd, or LoadModule dbd_module modules/mod_dbd.so";
    }
    read_directives(ap_conftree, &found, ptemp);
    if (!found.drivers) {
        return "mod_saas has no database: set DBDriver (pgsql or sqlite3) and DBDParams";
    }
    if (!found.params) {
        return "DBDParams is missing: it says where the database is "
               "(pgsql: \"host=… dbname=… user=saas_app connect_timeout=5\"; sqlite3: the file's path)";
    }
    if (found.strange) {
        return apr_psprintf(ptemp, "DBDriver %s: mod_saas works with pgsql and sqlite3", found.strange);
    }
    if (saas_config_export_db(s) && !found.pgsql) {
        return "SaasExportDB names a standby of PostgreSQL, and no DBDriver is pgsql: leave it out";
    }
    return NULL;
}

int saas_db_pool_size(apr_pool_t *p)
{
    directives_t found = { 0 };
    read_directives(ap_conftree, &found, p);
    return found.max ? found.max : DBDMAX_DEFAULT;
}

int saas_db_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    directives_t found = { 0 };
    const char *wrong = saas_db_check_config(ptemp, s);
    (void)pconf;
    if (wrong) {
        SAAS_LOG(s, APLOG_EMERG, 0, "SAAS1110", "%s", wrong);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    read_directives(ap_conftree, &found, ptemp);
    if (found.no_timeout) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1111",
                 "DBDParams has no connect_timeout: a database host that is down would stop every thread that needs "
                 "a connection; add connect_timeout=5");
    }
    capacity = saas_db_pool_size(ptemp);
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    return OK;
}

void saas_db_child_init(apr_pool_t *pchild, server_rec *s)
{
    saas_counters_now_add(SAAS_NOW_CAPACITY, capacity);
    options.timeout = saas_config_db_timeout(s);
    options.schema = SAAS_SCHEMA_VERSION;
    options.statements = saas_statements_count();
    options.log = on_driver_log;
    saas_db_statements_child_init(pchild);
    saas_replica_child_init(pchild, s, &options);
    borrowed = 0;
    closed_until = 0;
    if (apr_thread_mutex_create(&count_lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS
        || apr_thread_mutex_create(&open_lock, APR_THREAD_MUTEX_TIMED, pchild) != APR_SUCCESS
        || apr_thread_cond_create(&returned, pchild) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS1112",
                 "cannot create the locks of the database gateway; every request that needs the "
                 "database is answered 503 by this child: look for exhausted memory");
        count_lock = NULL;
    }
}

/* ------------------------------------------------------------ counting -- */

void saas_db_count_failure(apr_status_t rv)
{
    saas_db_error_e class = rv == SAAS_EUNIQUE          ? SAAS_DB_UNIQUE
                            : rv == SAAS_ESERIALIZATION ? SAAS_DB_SERIALIZATION
                            : rv == SAAS_EUNAVAILABLE   ? SAAS_DB_UNAVAILABLE
                                                        : SAAS_DB_OTHER;
    saas_counters_add(SAAS_COUNT_DB_ERRORS, class, 0, 1);
}

static void count_connections(saas_connection_t *c)
{
    if (c->made != c->counted) {
        saas_counters_add(SAAS_COUNT_DB_OPENED, 0, 0, c->made - c->counted);
        c->counted = c->made;
    }
}

/* ----------------------------------------------------------- borrowing -- */

static apr_status_t take_slot(apr_time_t until)
{
    apr_status_t rv = APR_SUCCESS;
    int waits = 0;
    apr_thread_mutex_lock(count_lock);
    while (borrowed >= capacity && rv == APR_SUCCESS) {
        apr_interval_time_t left = until - apr_time_now();
        if (!waits) {
            waits = 1;
            saas_counters_now_add(SAAS_NOW_WAITING, 1);
        }
        rv = left > 0 ? apr_thread_cond_timedwait(returned, count_lock, left) : APR_TIMEUP;
    }
    if (borrowed < capacity) {
        borrowed++;
        rv = APR_SUCCESS;
        saas_counters_now_add(SAAS_NOW_BORROWED, 1);
    }
    apr_thread_mutex_unlock(count_lock);
    if (waits) {
        saas_counters_now_add(SAAS_NOW_WAITING, -1);
    }
    return rv;
}

static void give_slot(void)
{
    apr_thread_mutex_lock(count_lock);
    borrowed--;
    saas_counters_now_add(SAAS_NOW_BORROWED, -1);
    apr_thread_cond_signal(returned);
    apr_thread_mutex_unlock(count_lock);
}

static void pause_connecting(void)
{
    apr_thread_mutex_lock(open_lock);
    closed_until = apr_time_now() + PAUSE_AFTER_FAILURE;
    apr_thread_mutex_unlock(open_lock);
}

/* One of mod_dbd's connections; NULL: there is none to be had. */
static ap_dbd_t *borrow(apr_pool_t *p, server_rec *s, apr_time_t until)
{
    apr_interval_time_t left = until - apr_time_now();
    ap_dbd_t *rec = NULL;
    if (apr_thread_mutex_timedlock(open_lock, left > 1000 ? left : 1000) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_time_now() >= closed_until && !(rec = dbd_open(p, s))) {
        closed_until = apr_time_now() + PAUSE_AFTER_FAILURE;
    }
    apr_thread_mutex_unlock(open_lock);
    return rec;
}

/* The driver's state on this connection, made at its first use. */
static apr_status_t connection_state(saas_connection_t **c, ap_dbd_t *rec, server_rec *s)
{
    const char *name = apr_dbd_name(rec->driver);
    void *state = NULL;
    unsigned i;
    apr_pool_userdata_get(&state, STATE_KEY, rec->pool);
    for (i = 0; !state && i < NDRIVERS; i++) {
        if (!strcmp(drivers[i]->name, name)) {
            apr_status_t rv =
                drivers[i]->attach(c, rec->pool, apr_dbd_native_handle(rec->driver, rec->handle), &options);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            (*c)->made++;
            state = *c;
            apr_pool_userdata_setn(state, STATE_KEY, NULL, rec->pool);
        }
    }
    if (!state) {
        SAAS_LOG(s, APLOG_ERR, 0, "SAAS1110", "DBDriver %s: mod_saas works with pgsql and sqlite3", name);
        return SAAS_EUNAVAILABLE;
    }
    *c = state;
    (*c)->baton = s;
    if ((*c)->driver == &saas_driver_pgsql) {
        arrays = 1;
    }
    return APR_SUCCESS;
}

int saas_db_has_arrays(const saas_db_t *db)
{
    return db ? db->c->driver == &saas_driver_pgsql : arrays;
}

/* The connection; the thread still holds the unit of work. */
static void let_go(saas_db_t *db)
{
    db->c->driver->release(db->c);
    count_connections(db->c);
    if (db->replica) {
        saas_replica_give(db->replica);
    }
    else {
        dbd_close(db->s, db->rec);
        give_slot();
    }
    db->rec = NULL;
    db->replica = NULL;
    db->c = NULL;
    db->transaction = 0;
}

static void give_back(saas_db_t *db)
{
    let_go(db);
    if (held == db) {
        held = db->beside;
    }
}

/* Before the subpools go: with DBDPersist Off the connection is in one. */
static apr_status_t on_pool_end(void *baton)
{
    give_back(baton);
    return APR_SUCCESS;
}

/* The way in without the log, for saas_db_ready() too; *why is in p. */
static apr_status_t open_db(saas_db_t **out, apr_pool_t *p, server_rec *s, const char *org_id, const char **tag,
                            const char **why)
{
    apr_time_t began = apr_time_now(), until = began + saas_config_db_wait(s);
    saas_db_t *db;
    apr_status_t rv;

    *out = NULL;
    *tag = "SAAS1101";
    if (!count_lock || !dbd_open) {
        *why = "the database gateway is not running in this child";
        return SAAS_EUNAVAILABLE;
    }
    if (take_slot(until) != APR_SUCCESS) {
        saas_counters_add(SAAS_COUNT_DB_TIMEOUTS, 0, 0, 1);
        saas_db_count_failure(SAAS_EUNAVAILABLE);
        *tag = "SAAS1102";
        *why =
            apr_psprintf(p, "all %d connections are in use (DBDMax); raise DBDMax, or find what keeps them", capacity);
        return SAAS_EUNAVAILABLE;
    }
    db = apr_pcalloc(p, sizeof(*db));
    db->p = p;
    db->s = s;
    db->organization = org_id ? apr_pstrdup(p, org_id) : NULL;
    apr_pool_create(&db->scratch, p);
    if (!(db->rec = borrow(db->scratch, s, until))) {
        *why = "no connection to the database (DBDParams): see mod_dbd's message, and whether it runs";
        rv = SAAS_EUNAVAILABLE;
    }
    else if ((rv = connection_state(&db->c, db->rec, s)) != APR_SUCCESS) {
        *why = "the connection cannot be used";
    }
    else if ((rv = db->c->driver->ready(db->c, db->scratch)) != APR_SUCCESS) {
        *tag = "SAAS1103";
        *why = apr_pstrdup(p, db->c->why);
        pause_connecting();
    }
    if (rv != APR_SUCCESS) {
        if (db->rec) {
            if (db->c) {
                db->c->driver->release(db->c);
                count_connections(db->c);
            }
            dbd_close(s, db->rec);
        }
        apr_pool_destroy(db->scratch);
        give_slot();
        saas_counters_database(SAAS_DB_DOWN);
        saas_db_count_failure(SAAS_EUNAVAILABLE);
        return SAAS_EUNAVAILABLE;
    }
    saas_counters_database(SAAS_DB_UP);
    saas_counters_observe(SAAS_COUNT_DB_WAITS, apr_time_now() - began);
    apr_pool_pre_cleanup_register(db->scratch, db, on_pool_end);
    held = *out = db;
    return APR_SUCCESS;
}

apr_status_t saas_db_open_impl(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id)
{
    const char *tag, *why;
    apr_status_t rv;
    *db = NULL;
    if (held) {
        return saas_db_misuse(held, "SAAS1107", NULL,
                              "this thread has a connection already: close it before opening another");
    }
    rv = open_db(db, p, s, org_id, &tag, &why);
    if (rv != APR_SUCCESS && saas_db_may_log(tag)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "%s: %s", tag, why);
    }
    return rv;
}

apr_status_t saas_db_open_beside(saas_db_t **db, apr_pool_t *p, server_rec *s, const char *org_id)
{
    saas_db_t *first = held;
    apr_status_t rv;

    *db = NULL;
    if (first && first->beside) {
        return saas_db_misuse(first, "SAAS1107", NULL, "this thread has a second connection already");
    }
    if (first && first->transaction && first->c->driver == &saas_driver_sqlite) {
        return APR_EBUSY;
    }
    held = NULL;
    rv = saas_db_open_impl(db, p, s, org_id);
    if (rv == APR_SUCCESS) {
        (*db)->beside = first;
    }
    else {
        held = first;
    }
    return rv;
}

void saas_db_close_impl(saas_db_t *db)
{
    if (!db || !db->c) {
        return;
    }
    apr_pool_cleanup_kill(db->scratch, db, on_pool_end);
    give_back(db);
    apr_pool_destroy(db->scratch);
}

int saas_db_to_replica_impl(saas_db_t *db)
{
    saas_replica_t *replica;
    if (!db->c || db->transaction) {
        saas_db_misuse(db, "SAAS1107", NULL, "a replica was asked for inside a transaction, or after the connection was closed");
        return 0;
    }
    if (db->replica || !(replica = saas_replica_take(db->scratch, db->s, db->c))) {
        return db->replica != NULL;
    }
    let_go(db);
    db->replica = replica;
    db->c = saas_replica_connection(replica);
    return 1;
}

int saas_db_capacity(void)
{
    return capacity;
}

int saas_db_reclaim(void)
{
    if (!held) {
        return 0;
    }
    saas_db_misuse(held, "SAAS1109", NULL, "a handler has not closed its connection; taken back");
    saas_db_close_impl(held);
    return 1;
}

apr_status_t saas_db_ready(apr_pool_t *p, server_rec *s, const char **why)
{
    const char *tag;
    saas_db_t *db;
    apr_status_t rv;
    *why = NULL;
    if (held) { /* it has been made ready to be held */
        return APR_SUCCESS;
    }
    rv = open_db(&db, p, s, NULL, &tag, why);
    saas_db_close_impl(db);
    return rv;
}
