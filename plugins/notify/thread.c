/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The thread of mod_watchdog that sends: one of a node, in whichever child holds mod_watchdog's lock, and in another one
 * when that child ends or dies.  A watchdog callback that returns anything but APR_SUCCESS is never called again, so this
 * one never does.
 */
#include "pump.h"

#include <ap_mpm.h>
#include <apr_atomic.h>
#include <apr_shm.h>
#include <http_core.h>
#include <mod_watchdog.h>

/** Shared by the children of one start of the server. */
typedef struct board_t {
    apr_uint32_t due;  /* a child has written something that is to be sent */
} board_t;

static board_t *board;
static volatile apr_uint32_t going_down;   /* this child's; set by whatever thread runs STOPPING */
static volatile apr_uint32_t started;      /* this child's modules are all initialized */
static volatile apr_uint32_t busy;         /* the thread may use the database */
static saas_notify_pump_t *pump;

void saas_notify_wake(void)
{
    if (board) {
        apr_atomic_set32(&board->due, 1);
    }
}

static int called(void)
{
    return apr_atomic_cas32(&board->due, 0, 1) == 1;
}

static int stops(void)
{
    int state = 0;
    return apr_atomic_read32(&going_down) || ap_mpm_query(AP_MPMQ_MPM_STATE, &state) != APR_SUCCESS
           || state == AP_MPMQ_STOPPING;
}

static void end(void)
{
    if (pump) {
        saas_notify_pump_end(pump);
        pump = NULL;
    }
}

static apr_status_t on_watchdog(int state, void *data, apr_pool_t *p)
{
    (void)p;
    if (state == AP_WATCHDOG_STATE_STOPPING) {
        apr_atomic_set32(&going_down, 1);
        end();
    }
    /* The thread may be there before mod_dbd has made its pool. */
    else if (state == AP_WATCHDOG_STATE_RUNNING && apr_atomic_read32(&started)) {
        /* Counted before it is asked whether the child stops: see leave(). */
        apr_atomic_inc32(&busy);
        if (!stops()) {
            if (pump && saas_notify_pump_is_old(pump)) {
                end();
            }
            if (pump || (pump = saas_notify_pump_make(data)) != NULL) {
                saas_notify_pump_run(pump, called(), called, stops);
            }
        }
        apr_atomic_dec32(&busy);
    }
    return APR_SUCCESS;
}

/** mod_watchdog joins its threads when the process's pool goes, but mod_dbd's connections go with the child's, before that.
 *  So the child waits here until what was under way has ended or has been handed over. */
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

int saas_notify_thread(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_shm_t *shm;
    apr_status_t rv;

    (void)plog, (void)ptemp;
    board = NULL;
    pump = NULL;
    apr_atomic_set32(&going_down, 0);
    if (saas_notify_config_concurrency(s) == 0 || saas_notify_config_job_threads(s) == 0) {
        return OK;
    }
    if (!get || !add) {
        SAAS_LOG(s, APLOG_CRIT, 0, "SAAS2605",
                 "outgoing webhooks need mod_watchdog: add LoadModule watchdog_module, or set SaasNotifyConcurrency 0 to leave "
                 "them to other nodes");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    if ((rv = apr_shm_create(&shm, sizeof(*board), NULL, pconf)) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS2607", "outgoing webhooks: no shared memory to be had");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    board = apr_shm_baseaddr_get(shm);
    board->due = 1;
    if ((rv = get(&watchdog, "saas-notify", 0, 1, pconf)) != APR_SUCCESS
        || (rv = add(watchdog, AP_WD_TM_SLICE, s, on_watchdog)) != APR_SUCCESS) {
        SAAS_LOG(s, APLOG_CRIT, rv, "SAAS2608", "outgoing webhooks: mod_watchdog refuses the thread saas-notify");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_REALLY_LAST);
    return OK;
}
