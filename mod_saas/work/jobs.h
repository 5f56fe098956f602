/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file jobs.h
 * What the files of background work share: queue.c (what there is to do), lease.c (whose it is), attempt.c (one try of
 * it), threads.c (who does it).
 */
#ifndef SAAS_WORK_JOBS_H
#define SAAS_WORK_JOBS_H

#include "work.h"
#include "db/db.h"

#define LEASE_SECONDS 10

/** Indices into saas_job_statements. */
enum {
    JOB_ENQUEUE, JOB_CANCEL_MARK, JOB_CANCEL_REMOVE, JOB_PEEK, JOB_CLAIM_ALONE, JOB_RECLAIM, JOB_CLAIM,
    JOB_RENEW, JOB_FENCE, JOB_DONE, JOB_RELEASE, JOB_RELEASE_CANCELED, JOB_AGAIN, JOB_PERIODIC_SEEN, JOB_PERIODIC, JOB_COMES_BACK,
    JOB_DEAD
};

/** What the host knows about a claimed job: saas_job_t.host. */
typedef struct claim_t {
    const saas_job_kind_t *kind;
    apr_pool_t *scratch;
    apr_int64_t renew_at;     /* ms, monotonic */
    apr_int64_t expires;      /* not later than the lease's end in the database */
    int stopped;
    int canceled;
    const char *why;          /* what run() said about its failure, or NULL */
    int final;
} claim_t;

/** Milliseconds of a clock that nobody sets. */
apr_int64_t saas_jobs_clock(void);
/** What may be told of a failure; in p. */
const char *saas_jobs_status_text(apr_pool_t *p, apr_status_t rv);

/** A kind by its number; the number of a kind, which is the number of kinds for one that nobody has declared. */
const saas_job_kind_t *saas_jobs_kind_at(int i);
int saas_jobs_number(const char *kind);

/** Seconds between runs of a kind that comes back; 0 for any other. */
int saas_jobs_period(const char *kind);
/** Makes the rows of such kinds that are not there. */
apr_status_t saas_jobs_plan(apr_pool_t *p, server_rec *s);

/** Claims a job of any kind, in p; *job is NULL when there is none to be had. */
apr_status_t saas_jobs_claim(apr_pool_t *p, server_rec *s, saas_job_t **job);
/** Runs a claimed job and writes how it ended. */
void saas_job_run(saas_job_t *job);

/** Does this child end? */
int saas_jobs_child_stops(void);

#endif
