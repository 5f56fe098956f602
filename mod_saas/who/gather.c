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
 * Lookups of the same credential (a page and what it consists of) are one to the database.
 *
 * What is asked is read after the request came, as if it had been alone.  When a statement for several lookups fails,
 * they are asked again one by one: nobody's argument, and no cut connection, spoils another's answer.  Where there is
 * no connection to be had, nobody tries again.
 *
 * Invariants, all under the lock:
 * - A lookup is in the queue exactly while it is QUEUED; only then may its thread give up.
 * - Once it is TAKEN, its thread sleeps until it is ANSWERED: the leader may use its pool.
 * A thread sleeps on a semaphore of its own, which is posted once, by who makes it LEAD or ANSWERED: those who wake
 * together do not queue for the lock again.
 */
#include "gather.h"
#include "db/db.h"
#include "who.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <errno.h>
#include <semaphore.h>
#include <time.h>

#define TOGETHER_MAX 32
#define PATIENCE apr_time_from_msec(3)

typedef enum { QUEUED, LEAD, TAKEN, ANSWERED } state_e;

typedef struct waiting_t {
    struct waiting_t *next;
    const saas_lookup_t *lookup;
    request_rec *r;
    sem_t *turn;
    state_e state;
    saas_rows_t *rows;
    apr_status_t rv;
    int number; /* of its rows among those that several have asked for */
    int alone;  /* ask again by itself */
} waiting_t;

/* Of this child. */
static apr_thread_mutex_t *lock;
static waiting_t *first;
static const saas_statement_t *asking; /* what is being asked, NULL: nothing; all in the queue want it too */
static const server_rec *asking_for;

void saas_gather_child_init(apr_pool_t *pchild, server_rec *s)
{
    first = NULL;
    asking = NULL;
    if (apr_thread_mutex_create(&lock, APR_THREAD_MUTEX_DEFAULT, pchild) != APR_SUCCESS) {
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

static int same(const saas_lookup_t *a, const saas_lookup_t *b)
{
    return !strcmp(a->key, b->key)
           && (a->value == b->value || (a->value && b->value && !strcmp(a->value, b->value)));
}

/* Those that differ, and numbers all from 1 accordingly; how many differ. */
static int distinct(waiting_t *const *batch, int n, waiting_t **first_of)
{
    int i, k, count = 0;
    for (i = 0; i < n; i++) {
        for (k = 0; k < count && !same(batch[i]->lookup, first_of[k]->lookup); k++) {
        }
        if (k == count) {
            first_of[count++] = batch[i];
        }
        batch[i]->number = k + 1;
    }
    return count;
}

/* Copies of the rows of one lookup in p: of all rows, or of those that begin with its number, without that. */
static saas_rows_t *rows_of(const saas_rows_t *all, int number, int numbered, apr_pool_t *p)
{
    saas_rows_t *rows = apr_pcalloc(p, sizeof(*rows));
    const char **cells;
    int row, column;
    rows->columns = all->columns ? all->columns - numbered : 0;
    rows->cells = cells = apr_palloc(p, sizeof(*cells) * ((apr_size_t)all->count * (apr_size_t)rows->columns + 1));
    for (row = 0; row < all->count; row++) {
        if (numbered && saas_cell_int(all, row, 0) != number) {
            continue;
        }
        rows->count++;
        for (column = numbered; column < all->columns; column++) {
            const char *cell = saas_cell(all, row, column);
            *cells++ = cell ? apr_pstrdup(p, cell) : NULL;
        }
    }
    return rows;
}

static apr_status_t query_together(saas_db_t *db, apr_pool_t *p, waiting_t *const *lookups, int n, saas_rows_t **rows)
{
    const saas_lookup_t *one = lookups[0]->lookup;
    const char *args[2] = { one->key, one->value };
    if (n == 1) {
        return saas_db_query_impl(db, one->alone, rows, args, one->nargs);
    }
    args[0] = array_of(p, lookups, n, 0);
    args[1] = array_of(p, lookups, n, 1);
    return saas_db_query_impl(db, one->together, rows, args, 2);
}

static void ask_together(waiting_t *const *batch, int n)
{
    request_rec *r = batch[0]->r;
    waiting_t *lookups[TOGETHER_MAX];
    int i, alone = 0, count = distinct(batch, n, lookups);
    saas_rows_t *rows = NULL;
    saas_db_t *db;
    apr_pool_t *p;
    apr_status_t rv;
    apr_pool_create(&p, r->pool);
    if ((rv = saas_db_open_impl(&db, p, r->server, NULL)) == APR_SUCCESS) {
        rv = saas_db_has_arrays(db) ? query_together(db, p, lookups, count, &rows) : SAAS_EDATABASE;
        saas_db_close_impl(db);
        alone = rv != APR_SUCCESS;
    }
    for (i = 0; i < n; i++) {
        batch[i]->rv = rv;
        batch[i]->alone = alone;
        if (rv == APR_SUCCESS) {
            batch[i]->rows = rows_of(rows, batch[i]->number, count > 1, batch[i]->r->pool);
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
    apr_thread_mutex_lock(lock);
    while (first && n < TOGETHER_MAX) {
        batch[n] = first;
        first = first->next;
        batch[n++]->state = TAKEN;
    }
    apr_thread_mutex_unlock(lock);
    return n;
}

/* Wakes those whose answers are there, and has the next one ask. */
static void settle(waiting_t *const *batch, int n)
{
    sem_t *turns[TOGETHER_MAX];
    int i, count = 0;
    apr_thread_mutex_lock(lock);
    if (first) {
        first->state = LEAD;
        turns[count++] = first->turn;
        first = first->next;
    }
    else {
        asking = NULL;
    }
    for (i = 1; i < n; i++) {
        batch[i]->state = ANSWERED;
        turns[count++] = batch[i]->turn;
    }
    apr_thread_mutex_unlock(lock);
    for (i = 0; i < count; i++) {
        sem_post(turns[i]);
    }
}

/* The semaphore of this thread, which stays as long as the thread; NULL: there is none to be had. */
static sem_t *my_turn(void)
{
    static __thread sem_t turn;
    static __thread int made;
    made = made || !sem_init(&turn, 0, 0);
    return made ? &turn : NULL;
}

/* Leaves the queue, unless somebody has taken this lookup out by now. */
static int give_up(waiting_t *me)
{
    int queued;
    apr_thread_mutex_lock(lock);
    if ((queued = me->state == QUEUED)) {
        drop(me);
    }
    apr_thread_mutex_unlock(lock);
    return queued;
}

/* Waits until it is this thread's turn, or its answer is there; QUEUED: neither came in time. */
static state_e wait_for_turn(waiting_t *me)
{
    apr_time_t until = apr_time_now() + PATIENCE;
    struct timespec at = { (time_t)apr_time_sec(until), (long)apr_time_usec(until) * 1000 };
    int rv;
    while ((rv = sem_timedwait(me->turn, &at)) != 0 && errno == EINTR) {
    }
    if (rv != 0) {
        if (give_up(me)) {
            return QUEUED;
        }
        while (sem_wait(me->turn) != 0 && errno == EINTR) {
        }
    }
    return me->state;
}

/* LEAD: nobody is asking, or it is this thread's turn now. */
static state_e take_turn(waiting_t *me)
{
    apr_thread_mutex_lock(lock);
    if (!asking) {
        asking = me->lookup->together;
        asking_for = me->r->server;
        me->state = LEAD;
    }
    else if (asking == me->lookup->together && asking_for == me->r->server && (me->turn = my_turn()) != NULL) {
        append(me);
        apr_thread_mutex_unlock(lock);
        return wait_for_turn(me);
    }
    apr_thread_mutex_unlock(lock);
    return me->state;
}

apr_status_t saas_gather_query(request_rec *r, const saas_lookup_t *lookup, saas_rows_t **rows)
{
    waiting_t me = { .lookup = lookup, .r = r, .state = QUEUED }, *batch[TOGETHER_MAX] = { &me };
    int n;
    if (!lock || !saas_db_has_arrays(NULL)) {
        return ask(r, lookup, rows);
    }
    if (take_turn(&me) == LEAD) {
        if ((n = gather(batch)) > 1) {
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
