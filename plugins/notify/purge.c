/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The job that comes back every hour: removes deliveries that are older than SaasNotifyKeep, endpoints that were deleted
 * with what was sent to them, and gives up what waited too long for an endpoint that is disabled.  By the primary key, which
 * begins with the time within an endpoint, in transactions that are short however much there is.
 */
#include "notify.h"

#include <apr_strings.h>

#define NOBODY "00000000-0000-0000-0000-000000000000"
#define EVERYTHING "ffffffff-ffff-ffff-ffff-ffffffffffff"
#define BATCH 1000  /* rows that NOTIFY_PURGE removes at most */

/* The smallest id of this time (UUIDv7, RFC 9562: 48 bits of milliseconds). */
static const char *id_at(apr_pool_t *p, apr_time_t t)
{
    apr_uint64_t ms = (apr_uint64_t)apr_time_as_msec(t);
    return apr_psprintf(p, "%08x-%04x-0000-0000-000000000000", (unsigned)(ms >> 16), (unsigned)(ms & 0xffff));
}

/* Everything that is to go of one endpoint; APR_EINTR: the server goes down, or another node does it. */
static apr_status_t purge_endpoint(saas_job_t *job, apr_pool_t *p, const char *org_id, const char *id, int deleted)
{
    const char *before = deleted ? EVERYTHING
                                 : id_at(p, apr_time_now() - apr_time_from_sec(86400) * saas_notify_config_keep_days(job->server));
    const char *retry = apr_psprintf(p, "%" APR_INT64_T_FMT, apr_time_sec(saas_notify_config_retry(job->server)));
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;

    do {
        if (saas_job_stopped(job)) {
            return APR_EINTR;
        }
        if ((rv = saas_db_open(&db, p, job->server, NULL)) != APR_SUCCESS) {
            return rv;
        }
        if ((rv = saas_db_begin(db, SAAS_WRITE)) == APR_SUCCESS && (rv = saas_job_fence(job, db)) == APR_SUCCESS
            && (rv = saas_db_queue(db, &saas_notify_statements[NOTIFY_EXPIRE], SAAS_ARGS(org_id, id, retry))) == APR_SUCCESS
            && (rv = saas_db_query(db, &saas_notify_statements[NOTIFY_PURGE], &rows, SAAS_ARGS(org_id, id, before)))
                   == APR_SUCCESS
            && deleted && rows->affected < BATCH) {
            rv = saas_db_queue(db, &saas_notify_statements[NOTIFY_REMOVE], SAAS_ARGS(org_id, id));
        }
        if (rv == APR_SUCCESS) {
            rv = saas_db_commit(db);
        }
        saas_db_close(db);
    } while (rv == APR_SUCCESS && rows->affected >= BATCH);
    return rv;
}

apr_status_t saas_notify_purge(saas_job_t *job)
{
    const char *org_id = NOBODY, *id = NOBODY;
    apr_pool_t *pages[2], *one;
    apr_status_t rv;
    saas_rows_t *rows;
    saas_db_t *db;
    int i, page = 0;

    apr_pool_create(&pages[0], job->pool);
    apr_pool_create(&pages[1], job->pool);
    apr_pool_create(&one, job->pool);
    do {
        /* The last key of a page is in its pool. */
        apr_pool_t *p = pages[page ^= 1];

        apr_pool_clear(p);
        if ((rv = saas_db_open(&db, p, job->server, NULL)) != APR_SUCCESS) {
            return rv;
        }
        rv = saas_db_query(db, &saas_notify_statements[NOTIFY_WALK], &rows, SAAS_ARGS(org_id, id));
        saas_db_close(db);
        for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
            org_id = saas_cell(rows, i, 0);
            id = saas_cell(rows, i, 1);
            apr_pool_clear(one);
            rv = purge_endpoint(job, one, org_id, id, saas_cell_bool(rows, i, 2));
        }
    } while (rv == APR_SUCCESS && rows->count > 0);
    return rv;
}
