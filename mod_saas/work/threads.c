/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The threads of mod_watchdog that do background work, in every child.
 *
 * One thread of a node looks for work at a time, and passes the word on when it finds some.  A watchdog callback that
 * returns anything but APR_SUCCESS is never called again, so nothing here may: failures are logged and tried again.
 */
#include "jobs.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_shm.h>
#include <apr_strings.h>
#include <mod_watchdog.h>

#define LOOK_MS 1000          /* a node looks at least this often */
#define PLAN_MS 60000         /* and sees this often whether what comes back has its rows */

/** Shared by the children of one start of the server.  due: there may be work,
 *  one thread shall look (it passes the word on when it finds some).
 *  last_look: when any thread of this node looked, in ms, so that an idle node
 *  asks the database once a second however many threads it has. */
typedef struct board_t {
    apr_uint32_t due;
    apr_uint32_t last_look;
    apr_uint32_t last_plan;     /* in ms; 0: never */
} board_t;

static board_t *board;
static volatile apr_uint32_t going_down;   /* this child's; set by whatever thread runs STOPPING */
static volatile apr_uint32_t started;      /* this child's modules are all initialized */
static volatile apr_uint32_t busy;         /* threads of this child that may use the database */
static volatile apr_uint32_t failing;      /* the database could not be asked; said once */

int saas_jobs_child_stops(void)
{
    int state = 0;
    return apr_atomic_read32(&going_down) || ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS
           || state == AP_MPMQ_STOPPING;
}

void saas_jobs_wake_impl(void)
{
    if (board) {
        apr_atomic_set32(&board->due, 1);
    }
}

/** True when it is this thread's turn to look: somebody called, or nobody of
 *  this node has looked for a while. */
static int my_turn(void)
{
    apr_uint32_t now = (apr_uint32_t)saas_jobs_clock();
    apr_uint32_t last = apr_atomic_read32(&board->last_look);

    if (apr_atomic_cas32(&board->due, 0, 1) == 1) {
        apr_atomic_set32(&board->last_look, now);
        return 1;
    }
    return now - last >= LOOK_MS && apr_atomic_cas32(&board->last_look, now, last) == last;
}

static apr_status_t plan(apr_pool_t *p, server_rec *s)
{
    apr_uint32_t now = (apr_uint32_t)saas_jobs_clock() | 1, last = apr_atomic_read32(&board->last_plan);
    apr_status_t rv = APR_SUCCESS;

    if ((!last || now - last >= PLAN_MS) && apr_atomic_cas32(&board->last_plan, now, last) == last
        && (rv = saas_jobs_plan(p, s)) != APR_SUCCESS) {
        apr_atomic_set32(&board->last_plan, 0);
    }
    return rv;
}

/** Looks once, and runs what was found.  True: there may be more. */
static int work(server_rec *s)
{
    apr_allocator_t *allocator;
    apr_pool_t *p;
    saas_job_t *job;
    apr_status_t rv;

    /* An allocator of its own: an attempt's memory goes back to the system. */
    if (apr_allocator_create(&allocator) != APR_SUCCESS) {
        return 0;
    }
    if (apr_pool_create_ex(&p, NULL, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return 0;
    }
    apr_allocator_owner_set(allocator, p);
    apr_pool_tag(p, "saas_job");

    job = NULL;
    rv = plan(p, s);
    rv = rv == APR_SUCCESS ? saas_jobs_claim(p, s, &job) : rv;
    if (rv == SAAS_ESERIALIZATION) {
        rv = APR_SUCCESS;
        saas_jobs_wake_impl();
    }
    if (rv != APR_SUCCESS && apr_atomic_cas32(&failing, 1, 0) == 0) {
        SAAS_LOG(s, APLOG_WARNING, 0, "SAAS1202", "background jobs wait: %s; they go on by themselves",
                 saas_jobs_status_text(p, rv));
    }
    else if (rv == APR_SUCCESS && apr_atomic_cas32(&failing, 0, 1) == 1) {
        SAAS_LOG(s, APLOG_NOTICE, 0, "SAAS1203", "background jobs go on");
    }
    if (job) {
        saas_jobs_wake_impl();
        saas_job_run(job);
        saas_jobs_wake_impl();
    }
    rv = job ? APR_SUCCESS : APR_NOTFOUND;
    apr_pool_destroy(p);
    return rv == APR_SUCCESS;
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *p)
{
    (void)p;
    if (state == AP_WATCHDOG_STATE_STOPPING) {
        apr_atomic_set32(&going_down, 1);
    }
    /* The thread may be there before mod_dbd has made its pool. */
    else if (state == AP_WATCHDOG_STATE_RUNNING && apr_atomic_read32(&started)) {
        /* Counted before it is asked whether the child stops: see leave(). */
        apr_atomic_inc32(&busy);
        while (!saas_jobs_child_stops() && my_turn() && work(data)) {
        }
        apr_atomic_dec32(&busy);
    }
    return APR_SUCCESS;
}

/** mod_watchdog joins its threads when the process's pool goes, but mod_dbd's
 *  connections go with the child's, before that.  So the child waits here until
 *  the jobs have let go, which is also when they are handed over. */
static apr_status_t leave(void *baton)
{
    (void)baton;
    apr_atomic_set32(&going_down, 1);
    while (apr_atomic_read32(&busy)) {
        apr_sleep(apr_time_from_msec(5));
    }
    return APR_SUCCESS;
}

static void child_init(apr_pool_t *pchild, server_rec *s)
{
    (void)s;
    apr_pool_pre_cleanup_register(pchild, NULL, leave);
    apr_atomic_set32(&started, 1);
}

/* ---------------------------------------------------------------- start -- */

int saas_jobs_post_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_shm_t *shm;
    apr_status_t rv;
    int i, threads = saas_config_job_threads(s);

    (void)ptemp;
    board = NULL;
    apr_atomic_set32(&going_down, 0);
    apr_atomic_set32(&failing, 0);
    if (threads <= 0 || !saas_jobs_kinds()->nelts) {
        return OK;
    }
    if (!get || !add) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS1201",
                 "background jobs need mod_watchdog: add LoadModule watchdog_module, or set SaasJobThreads 0 "
                 "to leave them to other nodes");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    if ((rv = apr_shm_create(&shm, sizeof(*board), NULL, pconf)) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1208", "background jobs: no shared memory to be had");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    board = apr_shm_baseaddr_get(shm);
    memset(board, 0, sizeof(*board));
    board->due = 1;
    for (i = 0; i < threads; i++) {
        const char *name = apr_psprintf(pconf, "saas-jobs-%d", i);
        if ((rv = get(&watchdog, name, 0, 0, pconf)) != APR_SUCCESS
            || (rv = add(watchdog, AP_WD_TM_SLICE, s, on_watchdog)) != APR_SUCCESS) {
            SAAS_LOG(s, APLOG_CRIT, rv, "SAAS1209", "background jobs: mod_watchdog refuses the thread %s", name);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_REALLY_LAST);
    return OK;
}
