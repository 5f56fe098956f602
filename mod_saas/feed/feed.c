/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * What has changed: the marks that cached principals are checked against, and who on this node keeps them.
 *
 * Every child has a thread that tries for a lock which the kernel takes back when its holder dies (fcntl); the one
 * that gets it is the node's listener.  It hears of every change (pgsql.c, sqlite.c), marks it, and
 * proves that it does by a heartbeat that travels the same way as the changes: the time at which a heartbeat that
 * has come back was SENT is the time up to which everything is marked.  So no grant from the cache is staler than
 * SaasFeedTimeout, whatever dies, hangs or is cut off: the listener, its thread, its backend, the network between.
 *
 * Nothing here may ever let the heartbeat grow on other grounds than these.  A server without a feed works, without
 * a cache.
 */
#include "listener.h"
#include "core/id.h"

#include <ap_mpm.h>
#include <apr_proc_mutex.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <http_config.h>
#include <mod_watchdog.h>

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LINE 64
#define LEAVE_MS 2000 /* an ending child waits for its listener this long */

/** Shared by the children of one start of the server. */
typedef struct board_t {
    _Atomic apr_int64_t heartbeat; /* when the last one that came back was sent; 0: no feed */
    _Atomic apr_int32_t listener;  /* the child that keeps the marks; 0: none yet */
    char pad[LINE - sizeof(apr_int64_t) - sizeof(apr_int32_t)];
} board_t;

static board_t *board;
static saas_marks_t *marks;
static apr_proc_mutex_t *listener;
static saas_feed_t feed;
static void (*run_feed)(saas_feed_t *feed);
static apr_interval_time_t feed_timeout;

static _Atomic int going_down, busy; /* this child's */
static int down_said;

/* --------------------------------------------------------------- clock -- */

SAAS_WARM apr_int64_t saas_changes_clock(void)
{
#ifdef CLOCK_BOOTTIME
    const clockid_t clock = CLOCK_BOOTTIME;
#else
    const clockid_t clock = CLOCK_MONOTONIC;
#endif
    struct timespec t;
    clock_gettime(clock, &t);
    return (apr_int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

SAAS_WARM int saas_changes_live(apr_int64_t now)
{
    apr_int64_t beat = board ? atomic_load_explicit(&board->heartbeat, memory_order_acquire) : 0;
    return beat > 0 && now - beat < feed_timeout;
}

SAAS_WARM saas_marks_t *saas_changes_marks(void)
{
    return marks;
}

const char *saas_changes_state(apr_int64_t *age_ms, int *pid)
{
    apr_int64_t now = saas_changes_clock(), beat = board ? atomic_load(&board->heartbeat) : 0;
    *pid = board ? atomic_load(&board->listener) : 0;
    *age_ms = beat > 0 ? (now - beat) / 1000 : -1;
    return !marks ? "off" : saas_changes_live(now) ? "live" : "bypassed";
}

/* --------------------------------------------------------- the listener -- */

int saas_feed_stops(void)
{
    int state = 0;
    return atomic_load(&going_down) || ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS
           || state == AP_MPMQ_STOPPING;
}

void saas_feed_up(saas_feed_t *f)
{
    saas_marks_change_all(f->marks);
    if (down_said) {
        SAAS_LOG(f->s, APLOG_NOTICE, 0, "SAAS1702", "the change feed is back; principals are cached again");
        down_said = 0;
    }
}

void saas_feed_beat(saas_feed_t *f, apr_int64_t sent)
{
    apr_int64_t last = atomic_load(&board->heartbeat);
    if (last && saas_changes_clock() - last >= f->timeout) {
        /* The cache was bypassed since: what is in it is of another time. */
        saas_marks_change_all(f->marks);
    }
    if (sent > last) {
        atomic_store_explicit(&board->heartbeat, sent, memory_order_release);
    }
}

void saas_feed_down(saas_feed_t *f, const char *why)
{
    if (!why) {
        return; /* the child ends; what was heard so far holds for as long as its heartbeat */
    }
    atomic_store(&board->heartbeat, 0);
    if (!down_said && !saas_feed_stops()) {
        SAAS_LOG(f->s, APLOG_WARNING, 0, "SAAS1701",
                 "the change feed is interrupted: %.200s; the cache is bypassed until it is back: every request asks "
                 "the database", why);
        down_said = 1;
    }
}

void saas_feed_change(saas_feed_t *f, const char *what)
{
    if ((*what == 'u' || *what == 'o') && what[1] == ':' && saas_uuid_is(what + 2)) {
        saas_marks_change(f->marks, saas_marks_of(f->marks, what + 2));
    }
    else {
        saas_marks_change_all(f->marks);
    }
}

/* Counted as busy before it is asked whether the child stops: see leave(). */
static apr_status_t on_watchdog(int state, void *data, apr_pool_t *p)
{
    (void)data;
    (void)p;
    if (state == AP_WATCHDOG_STATE_STOPPING) {
        atomic_store(&going_down, 1);
    }
    else if (state == AP_WATCHDOG_STATE_RUNNING) {
        atomic_fetch_add(&busy, 1);
        if (!saas_feed_stops() && apr_proc_mutex_trylock(listener) == APR_SUCCESS) {
            apr_interval_time_t pause = apr_time_from_msec(50);
            atomic_store(&board->listener, (apr_int32_t)getpid());
            while (!saas_feed_stops()) {
                apr_int64_t began = saas_changes_clock();
                apr_interval_time_t slept;
                run_feed(&feed);
                pause = saas_changes_clock() - began > apr_time_from_sec(5) ? apr_time_from_msec(50) : pause;
                for (slept = 0; slept < pause && !saas_feed_stops(); slept += apr_time_from_msec(50)) {
                    apr_sleep(apr_time_from_msec(50));
                }
                pause = pause < apr_time_from_msec(500) ? pause * 2 : pause;
            }
            apr_proc_mutex_unlock(listener);
        }
        atomic_fetch_sub(&busy, 1);
    }
    return APR_SUCCESS;
}

/** The watchdog's threads are joined only when the process's pool goes, after what they use. */
static apr_status_t leave(void *baton)
{
    int ms;
    (void)baton;
    atomic_store(&going_down, 1);
    for (ms = 0; atomic_load(&busy) && ms < LEAVE_MS; ms += 5) {
        apr_sleep(apr_time_from_msec(5));
    }
    return APR_SUCCESS;
}

void saas_changes_child_init(apr_pool_t *pchild, server_rec *s)
{
    const char *file;
    apr_status_t rv;
    if (!marks) {
        return;
    }
    file = apr_proc_mutex_lockfile(listener);
    if ((rv = apr_proc_mutex_child_init(&listener, file, pchild)) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_ERR, rv, "SAAS1705", "this child cannot be the listener of the change feed");
    }
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
}

/* --------------------------------------------------------------- start -- */

typedef struct found_t {
    const char *driver, *params;
    int other; /* a virtual host has a database of its own */
} found_t;

static void read_directives(const ap_directive_t *at, int virtual_host, found_t *found, apr_pool_t *p)
{
    for (; at; at = at->next) {
        const char *args = at->args;
        const char **to = !strcasecmp(at->directive, "DBDriver")    ? &found->driver
                          : !strcasecmp(at->directive, "DBDParams") ? &found->params
                                                                    : NULL;
        if (to) {
            const char *word = ap_getword_conf(p, &args);
            if (virtual_host) {
                found->other |= !*to || strcmp(*to, word);
            }
            else {
                *to = word;
            }
        }
        read_directives(at->first_child, virtual_host || !strncasecmp(at->directive, "<VirtualHost", 12), found, p);
    }
}

static const char *find_feed(apr_pool_t *pconf, found_t *found)
{
    static const struct {
        const char *driver;
        void (*run)(saas_feed_t *feed);
    } feeds[] = { { "pgsql", saas_feed_pgsql }, { "sqlite3", saas_feed_sqlite } };
    apr_size_t i;
    /* Twice: a virtual host may come before the main server's lines. */
    read_directives(ap_conftree, 0, found, pconf);
    found->other = 0;
    read_directives(ap_conftree, 0, found, pconf);
    if (!found->driver || !found->params) {
        return "DBDriver and DBDParams are not set in the main server";
    }
    if (found->other) {
        return "a virtual host has another DBDriver or DBDParams than the main server";
    }
    for (i = 0; i < COUNT(feeds); i++) {
        if (!strcmp(feeds[i].driver, found->driver)) {
            run_feed = feeds[i].run;
        }
    }
    return run_feed ? NULL : "this DBDriver has no change feed";
}

static const char *make_feed(apr_pool_t *pconf, server_rec *s, apr_size_t count)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    found_t found = { NULL, NULL, 0 };
    ap_watchdog_t *watchdog;
    apr_shm_t *shm;
    const char *why;
    char *memory;
    if ((why = find_feed(pconf, &found))) {
        return why;
    }
    if (!get || !add) {
        return "mod_watchdog is not loaded";
    }
    if (apr_shm_create(&shm, LINE + sizeof(*board) + saas_marks_size(count), NULL, pconf) != APR_SUCCESS) {
        return "there is no shared memory to be had";
    }
    if (apr_proc_mutex_create(&listener, NULL, APR_LOCK_FCNTL, pconf) != APR_SUCCESS) {
        return "the lock of the listener cannot be made in the temporary folder";
    }
    if (get(&watchdog, "saas-changes", 0, 0, pconf) != APR_SUCCESS
        || add(watchdog, AP_WD_TM_SLICE, s, on_watchdog) != APR_SUCCESS) {
        return "mod_watchdog refuses the thread saas-changes";
    }
    memory = apr_shm_baseaddr_get(shm);
    memory = (char *)(((apr_uintptr_t)memory + LINE - 1) & ~(apr_uintptr_t)(LINE - 1));
    board = (board_t *)memory;
    memset(board, 0, sizeof(*board));
    marks = saas_marks_init(memory + sizeof(*board), count);
    feed.s = s;
    feed.params = found.params;
    feed.marks = marks;
    feed.timeout = feed_timeout;
    feed.beat = feed_timeout / 4 < apr_time_from_msec(250) ? feed_timeout / 4 : apr_time_from_msec(250);
    return NULL;
}

int saas_changes_post_config(apr_pool_t *pconf, server_rec *s, apr_size_t count)
{
    const char *why;
    board = NULL;
    marks = NULL;
    run_feed = NULL;
    down_said = 0;
    atomic_store(&going_down, 0);
    feed_timeout = saas_config_feed_timeout(s);
    if (count && (why = make_feed(pconf, s, count))) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1703",
                 "principals are not cached, every request asks the database: %s (SaasCacheSize 0 says that this is "
                 "meant)", why);
    }
    return OK;
}
