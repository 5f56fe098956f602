/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * One attempt at a job, and how its end is written down: done, released to another attempt, to be tried again later, or
 * given up.  The end is written as long as the lease lasts; after that the row speaks for itself and is claimed again.
 */
#include "jobs.h"
#include "count/count.h"

#include <apr_strings.h>

#define SETTLE_RETRY_MS 500
#define BACKOFF_FIRST 5       /* seconds, doubled by each attempt */
#define BACKOFF_MOST 900

typedef enum { SETTLE_DONE, SETTLE_RELEASE, SETTLE_AGAIN, SETTLE_DEAD } settle_e;

static const saas_job_outcome_e outcomes[] = {
    [SETTLE_DONE] = SAAS_JOB_DONE, [SETTLE_RELEASE] = SAAS_JOB_RELEASED, [SETTLE_AGAIN] = SAAS_JOB_AGAIN,
    [SETTLE_DEAD] = SAAS_JOB_DEAD
};

/** Seconds until the next attempt: 2^attempt times BACKOFF_FIRST, at most
 *  BACKOFF_MOST, give or take a quarter. */
static int backoff(int attempt)
{
    apr_uint32_t base = attempt < 8 ? (apr_uint32_t)BACKOFF_FIRST << attempt : BACKOFF_MOST;
    if (base > BACKOFF_MOST) {
        base = BACKOFF_MOST;
    }
    return (int)ap_random_pick(base - base / 4, base + base / 4);
}

static apr_status_t settle_once(saas_job_t *job, apr_pool_t *p, settle_e how, const char *number, const char *error)
{
    saas_db_t *db;
    saas_statement_t *sql = saas_job_statements;
    int every = saas_jobs_period(job->kind);
    apr_status_t rv = saas_db_open_impl(&db, p, job->server, NULL);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_begin_impl(db, SAAS_WRITE);
    if (rv == APR_SUCCESS && every && how != SETTLE_RELEASE && how != SETTLE_AGAIN) {
        rv = saas_db_queue_impl(db, &sql[JOB_COMES_BACK], SAAS_ARGS(job->id, job->lease_owner, apr_itoa(p, every), error));
    }
    else if (rv == APR_SUCCESS && how == SETTLE_DONE) {
        rv = saas_db_queue_impl(db, &sql[JOB_DONE], SAAS_ARGS(job->id, job->lease_owner));
    }
    else if (rv == APR_SUCCESS && how == SETTLE_DEAD) {
        rv = saas_db_queue_impl(db, &sql[JOB_DEAD], SAAS_ARGS(job->id, job->lease_owner, error));
    }
    else if (rv == APR_SUCCESS) {
        rv = how == SETTLE_RELEASE
                 ? saas_db_queue_impl(db, &sql[JOB_RELEASE], SAAS_ARGS(job->id, job->lease_owner, number))
                 : saas_db_queue_impl(db, &sql[JOB_AGAIN], SAAS_ARGS(job->id, job->lease_owner, number, error));
        if (rv == APR_SUCCESS) {
            rv = saas_db_queue_impl(db, &sql[JOB_RELEASE_CANCELED], SAAS_ARGS(job->id, job->lease_owner));
        }
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_commit_impl(db);
    }
    saas_db_close_impl(db);
    return rv;
}

/** Writes how an attempt ended, trying as long as the lease lasts; after that
 *  the row speaks for itself and is claimed again. */
static void settle(saas_job_t *job, settle_e how, int number, const char *error)
{
    claim_t *claim = job->host;
    const char *text = apr_itoa(job->pool, number);
    apr_status_t rv;

    for (;;) {
        rv = settle_once(job, claim->scratch, how, text, error);
        apr_pool_clear(claim->scratch);
        if (rv == APR_SUCCESS || saas_jobs_child_stops() || saas_jobs_clock() + SETTLE_RETRY_MS >= claim->expires) {
            break;
        }
        apr_sleep(apr_time_from_msec(SETTLE_RETRY_MS));
    }
    saas_counters_add(SAAS_COUNT_JOBS, saas_jobs_number(job->kind),
                      rv != APR_SUCCESS                              ? SAAS_JOB_LOST
                      : how == SETTLE_RELEASE && claim->canceled ? SAAS_JOB_CANCELED
                                                                     : outcomes[how], 1);
    if (rv != APR_SUCCESS) {
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1206",
                 "job %s (%s): its end could not be written (%s); it runs again when its lease is over",
                 job->id, job->kind, saas_jobs_status_text(job->pool, rv));
    }
}

/** The plugin settles the object first, and keeps trying until the lease is
 *  over: only then may the row be closed, or the object would stay as it is. */
static void give_up(saas_job_t *job, const char *why)
{
    claim_t *claim = job->host;

    SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS1205", "job %s (%s) of %s: given up after attempt %d: %s",
             job->id, job->kind, job->object_id ? job->object_id : "-", job->attempt, why);
    if (claim->kind->gave_up) {
        claim->kind->gave_up(job, why);
        saas_db_reclaim();
    }
    if (claim->stopped && !claim->canceled) {
        settle(job, SETTLE_RELEASE, 0, NULL);
    }
    else {
        settle(job, SETTLE_DEAD, 0, why);
    }
}

void saas_job_run(saas_job_t *job)
{
    claim_t *claim = job->host;
    const char *why;
    apr_status_t rv;
    int seconds;

    if (job->attempt > claim->kind->max_attempts) {
        give_up(job, "it was interrupted too often");
        return;
    }
    rv = claim->kind->run(job);
    if (saas_db_reclaim()) {
        SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS1207",
                 "job %s (%s) left a database connection borrowed: every saas_db_open() needs its saas_db_close()",
                 job->id, job->kind);
    }
    if (rv == APR_SUCCESS) {
        settle(job, SETTLE_DONE, 0, NULL);
    }
    else if (APR_STATUS_IS_EINTR(rv)) {
        settle(job, SETTLE_RELEASE, 1, NULL);
    }
    else if (job->attempt < claim->kind->max_attempts && !claim->final) {
        why = claim->why ? claim->why : saas_jobs_status_text(job->pool, rv);
        seconds = backoff(job->attempt);
        SAAS_LOG(job->server, APLOG_WARNING, 0, "SAAS1204",
                 "job %s (%s) of %s: attempt %d failed (%s); the next one is in %d seconds",
                 job->id, job->kind, job->object_id ? job->object_id : "-", job->attempt, why, seconds);
        settle(job, SETTLE_AGAIN, seconds, why);
    }
    else if (saas_job_stopped_impl(job)) {
        settle(job, SETTLE_RELEASE, 0, NULL);
    }
    else {
        give_up(job, claim->why ? claim->why : saas_jobs_status_text(job->pool, rv));
    }
}
