/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Lookups of principals, several in one statement.
 *
 * With the cache away (switched off, or bypassed because the change feed is cut) every gated request asks
 * PostgreSQL.  Most of what that costs, on both sides, is to begin a statement and to be woken for its answer; rows
 * are cheap.  So while one thread of a child is asking, others that want the same statement queue; when it comes back
 * it makes the first of the queue the next to ask, which takes all others along.  A thread that finds nobody asking, or
 * somebody asking for something else, asks at once and alone, and nobody queues for longer than PATIENCE: a slow
 * database is asked by many, as if there were no queue.
 *
 * What is asked is read after the request came, as if it had been alone.  When a statement for several lookups fails,
 * they are asked again one by one: nobody's argument, and no cut connection, spoils another's answer.  Where there is
 * no connection to be had, nobody tries again.
 *
 * Invariants, all under the lock:
 * - A lookup is in the queue exactly while it is QUEUED; only then may its thread give up.
 * - Once it is TAKEN, its thread sleeps until it is ANSWERED: the leader may use its pool.
 */
#include "gather.h"

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#define TOGETHER_MAX 32
#define PATIENCE apr_time_from_msec(3)

typedef enum { QUEUED, LEAD, TAKEN, ANSWERED } state_e;

typedef struct waiting_t {
    struct waiting_t *next;
    const saas_lookup_t *lookup;
    request_rec *r;
    apr_thread_cond_t *turn;
    state_e state;
    saas_rows_t *rows;
    apr_status_t rv;
    int alone; /* ask again by itself */
} waiting_t;

/* Of this child. */
static apr_thread_mutex_t *lock;
static apr_pool_t *conditions; /* under the lock */
/* Kept as long as the thread: it may be signalled when nobody waits any more. */
static __thread apr_thread_cond_t *my_turn;
static waiting_t *first;
static const saas_statement_t *asking; /* what is being asked, NULL: nothing; all in the queue want it too */
static const server_rec *asking_for;

void saas_gather_child_init(apr_pool_t *pchild, server_rec *s)
{
    first = NULL;
    asking = NULL;
    if (apr_pool_create(&conditions, pchild) != APR_SUCCESS
        || apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1114", "no lock for lookups: each asks the database alone in this child, which "
                 "costs speed; look for exhausted memory");
        lock = NULL;
    }
}

const char *saas_gather_sql(apr_pool_t *p, const char *inner)
{
    /* In subqueries the arrays' lengths do not count in the planner's estimates: a plan for the values at hand never
     * looks cheaper, and after five the statement is not planned again. */
    return apr_pstrcat(p, "SELECT q.n, x.* FROM unnest((SELECT $1::text[]), (SELECT $2::text[]))"
                       " WITH ORDINALITY AS q(key, value, n)"
                       " CROSS JOIN LATERAL (", inner, ") x", NULL);
}

/* --------------------------------------------------------------- asking -- */

static apr_status_t ask(request_rec *r, const saas_lookup_t *lookup, saas_rows_t **rows)
{
    const char *args[2] = { lookup->key, lookup->value };
    saas_db_t *db;
    apr_status_t rv = saas_db_open_impl(&db, r->pool, r->server, NULL);
    if (rv == APR_SUCCESS) {
        rv = saas_db_query_impl(db, lookup->alone, rows, args, lookup->nargs);
        saas_db_close_impl(db);
    }
    return rv;
}

/* An array as PostgreSQL reads it: {"…",NULL}. */
static const char *array_of(apr_pool_t *p, waiting_t *const *batch, int n, int values)
{
    apr_size_t room = 3;
    char *text, *out;
    int i;
    for (i = 0; i < n; i++) {
        const char *s = values ? batch[i]->lookup->value : batch[i]->lookup->key;
        room += s ? 2 * strlen(s) + 3 : 5;
    }
    text = out = apr_palloc(p, room);
    for (i = 0; i < n; i++) {
        const char *s = values ? batch[i]->lookup->value : batch[i]->lookup->key;
        *out++ = i ? ',' : '{';
        if (!s) {
            memcpy(out, "NULL", 4);
            out += 4;
            continue;
        }
        *out++ = '"';
        for (; *s; s++) {
            if (*s == '"' || *s == '\\') {
                *out++ = '\\';
            }
            *out++ = *s;
        }
        *out++ = '"';
    }
    *out++ = '}';
    *out = '\0';
    return text;
}

/* The rows of lookup number n, without their first column, in memory of its request. */
static saas_rows_t *rows_of(const saas_rows_t *all, int n, apr_pool_t *p)
{
    saas_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    const char **cells;
    int row, column;
    rows->columns = all->columns ? all->columns - 1 : 0;
    for (row = 0; row < all->count; row++) {
        rows->count += saas_cell_int(all, row, 0) == n;
    }
    rows->cells = cells = apr_palloc(p, sizeof(*cells) * ((apr_size_t)rows->count * (apr_size_t)rows->columns + 1));
    for (row = 0; row < all->count; row++) {
        if (saas_cell_int(all, row, 0) != n) {
            continue;
        }
        for (column = 1; column < all->columns; column++) {
            const char *cell = saas_cell(all, row, column);
            *cells++ = cell ? apr_pstrdup(p, cell) : NULL;
        }
    }
    return rows;
}

static void ask_together(waiting_t *const *batch, int n)
{
    request_rec *r = batch[0]->r;
    saas_rows_t *rows = NULL;
    saas_db_t *db;
    apr_pool_t *p;
    apr_status_t rv;
    int i, alone = 0;
    apr_pool_create(&p, r->pool);
    if ((rv = saas_db_open_impl(&db, p, r->server, NULL)) == APR_SUCCESS) {
        const char *args[2] = { array_of(p, batch, n, 0), array_of(p, batch, n, 1) };
        rv = saas_db_has_arrays(db) ? saas_db_query_impl(db, batch[0]->lookup->together, &rows, args, 2) : SAAS_EDATABASE;
        saas_db_close_impl(db);
        alone = rv != APR_SUCCESS;
    }
    for (i = 0; i < n; i++) {
        batch[i]->rv = rv;
        batch[i]->alone = alone;
        if (rv == APR_SUCCESS) {
            batch[i]->rows = rows_of(rows, i + 1, batch[i]->r->pool);
        }
    }
    apr_pool_destroy(p);
}

/* ------------------------------------------------------------ the queue -- */

static void append(waiting_t *me)
{
    waiting_t **at = &first;
    while (*at) {
        at = &(*at)->next;
    }
    *at = me;
}

static void drop(waiting_t *me)
{
    waiting_t **at = &first;
    while (*at != me) {
        at = &(*at)->next;
    }
    *at = me->next;
}

/* Takes those that wait along; how many it is then. */
static int gather(waiting_t **batch)
{
    int n = 1;
    while (first && n < TOGETHER_MAX) {
        batch[n] = first;
        first = first->next;
        batch[n++]->state = TAKEN;
    }
    return n;
}

/* Wakes those whose answers are there, and has the next one ask. */
static void settle(waiting_t *const *batch, int n)
{
    apr_thread_cond_t *turns[TOGETHER_MAX];
    waiting_t *next;
    int i, count = 0;
    apr_thread_mutex_lock(lock);
    if ((next = first) != NULL) {
        first = next->next;
        next->state = LEAD;
        turns[count++] = next->turn;
    }
    else {
        asking = NULL;
    }
    for (i = 1; i < n; i++) {
        batch[i]->state = ANSWERED;
        turns[count++] = batch[i]->turn;
    }
    apr_thread_mutex_unlock(lock);
    /* Without the lock, which those who wake want first.  They may have seen it by themselves and be gone. */
    for (i = 0; i < count; i++) {
        apr_thread_cond_signal(turns[i]);
    }
}

/* With the lock.  Waits until it is this thread's turn, or its answer is there; QUEUED: neither came in time. */
static state_e wait_for_turn(waiting_t *me)
{
    apr_time_t until = apr_time_now() + PATIENCE;
    apr_interval_time_t rest;
    me->turn = my_turn;
    append(me);
    while (me->state == QUEUED && (rest = until - apr_time_now()) > 0) {
        apr_thread_cond_timedwait(me->turn, lock, rest);
    }
    while (me->state == TAKEN) {
        apr_thread_cond_wait(me->turn, lock);
    }
    if (me->state == QUEUED) {
        drop(me);
    }
    return me->state;
}

apr_status_t saas_gather_query(request_rec *r, const saas_lookup_t *lookup, saas_rows_t **rows)
{
    waiting_t me = { .lookup = lookup, .r = r, .state = LEAD }, *batch[TOGETHER_MAX] = { &me };
    int n = 1;
    if (!lock || !saas_db_has_arrays(NULL)) {
        return ask(r, lookup, rows);
    }
    apr_thread_mutex_lock(lock);
    if (!asking) {
        asking = lookup->together;
        asking_for = r->server;
    }
    else if (asking == lookup->together && asking_for == r->server
             && (my_turn || apr_thread_cond_create(&my_turn, conditions) == APR_SUCCESS)) {
        me.state = QUEUED;
        if (wait_for_turn(&me) == LEAD) {
            n = gather(batch);
        }
    }
    else {
        me.state = QUEUED;
    }
    apr_thread_mutex_unlock(lock);
    if (me.state == LEAD) {
        if (n > 1) {
            ask_together(batch, n);
        }
        else {
            me.rv = ask(r, lookup, &me.rows);
        }
        settle(batch, n);
    }
    if (me.state == QUEUED || me.alone) {
        return ask(r, lookup, rows);
    }
    *rows = me.rows;
    return me.rv;
}
