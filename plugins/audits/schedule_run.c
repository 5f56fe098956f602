/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Starts the audits that are due: a job that comes back, on whichever node, and looks across organizations.
 *
 * A time that was due is dealt with once, in one transaction: the schedule's row is locked, the audit is written under a key
 * that is made of the schedule and this time and is unique, and the row names the next time.  What was missed while
 * no server ran is one time, the first; what is due while the audit before goes on is left out.  Why nothing was started is
 * kept in the schedule for people to see, and it goes on with its next time.
 */

#include "audits.h"

#include <apr_strings.h>

#define FIRST "0001-01-01T00:00:00.000000Z"
#define NOBODY "00000000-0000-0000-0000-000000000000"

/* What SCHEDULE_TAKE tells behind the columns of a schedule. */
enum { TAKE_NOW = SCHEDULE_COLUMNS_COUNT, TAKE_LAST, TAKE_STANDING };

typedef struct due_t {
    saas_job_t *job;
    apr_pool_t *pool;
    const char *org_id;
    const char *id;
    const char *error;           /**< why nothing is started; NULL: start */
    audits_start_t start;
} due_t;

/** The targets as the engine takes them now, and their number; NULL: due->error says why not. */
static const char *targets_now(due_t *due, const char *name, const char *text, apr_int64_t *count)
{
    const saas_engine_t *engine = ap_lookup_provider(SAAS_ENGINE_GROUP, name, SAAS_PLUGIN_ABI);
    json_t *targets = json_loads(text, 0, NULL), *value;
    const char *canonical, *wrong;
    size_t i;

    *count = (apr_int64_t)json_array_size(targets);
    if (!engine) {
        due->error = apr_psprintf(due->pool, "The engine %s is not loaded on this server.", name);
    }
    json_array_foreach(targets, i, value) {
        wrong = due->error ? NULL : engine->validate(due->pool, due->job->server, json_string_value(value), &canonical);
        if (wrong) {
            due->error = apr_psprintf(due->pool, "%s: %s", json_string_value(value), wrong);
        }
    }
    json_decref(targets);
    return due->error ? NULL : text;
}

/** What is to be started; due->error where nothing is. */
static void prepare(due_t *due, const saas_rows_t *rows)
{
    const char *last = saas_cell(rows, 0, TAKE_LAST), *slot = saas_cell(rows, 0, SCHEDULE_NEXT);
    audits_start_t start = { .pool = due->pool, .org_id = due->org_id, .standing = saas_cells_standing(rows, 0, TAKE_STANDING),
                             .job_id = due->job->id, .id = saas_uuid(due->pool), .name = saas_cell(rows, 0, SCHEDULE_NAME),
                             .engine = saas_cell(rows, 0, SCHEDULE_ENGINE), .schedule = due->id };
    apr_time_t time;

    if (last && (!strcmp(last, "queued") || !strcmp(last, "running"))) {
        due->error = "Left out: the audit before was not done yet.";
        return;
    }
    if (saas_time_parse(slot, &time) == APR_SUCCESS) {
        slot = saas_time_text(due->pool, time);
    }
    /* No client can send a key with a blank in it. */
    start.key = apr_psprintf(due->pool, "schedule %s %s", due->id, slot);
    start.targets = targets_now(due, start.engine, saas_cell(rows, 0, SCHEDULE_TARGETS), &start.ntargets);
    if (!due->error && saas_limit_take_of(NULL, NULL, start.standing, AUDITS_LIMIT_TARGETS, start.ntargets) == SAAS_ELIMIT) {
        due->error = "The plan allows no more: its limit of targets is reached.";
    }
    due->start = start;
}

/** Without the time zone nobody knows when it is due next: it stays due, for a node that does. */
static apr_status_t cannot_tell(due_t *due, saas_db_t *db, const saas_rows_t *rows)
{
    const char *zone = apr_pstrcat(due->pool, saas_cell(rows, 0, SCHEDULE_ZONE), NULL), *said = saas_cell(rows, 0, SCHEDULE_ERROR);
    const char *error = apr_psprintf(due->pool, "The time zone %s is not known on this server any more.", zone);

    if (said && !strcmp(said, error)) {
        return APR_SUCCESS;
    }
    SAAS_LOG(due->job->server, APLOG_ERR, 0, "SAAS2208", "schedule %s: the time zone %s is not known here; install the package "
             "tzdata, or give the schedule another zone", due->id, zone);
    return saas_db_query(db, &audits_statements[SCHEDULE_WENT], NULL,
                         SAAS_ARGS(due->id, saas_cell(rows, 0, SCHEDULE_NEXT), saas_cell(rows, 0, SCHEDULE_SLOT), NULL, error));
}

static apr_status_t due_body(saas_db_t *db, void *baton)
{
    due_t *due = baton;
    const char *given = due->error, *slot, *next;
    saas_rows_t *rows;
    apr_status_t rv;

    due->start.created = 0;
    if ((rv = saas_job_fence(due->job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[SCHEDULE_TAKE], &rows, SAAS_ARGS(due->id))) != APR_SUCCESS) {
        return rv;
    }
    if (!rows->count) {
        return APR_NOTFOUND;     /* changed, deleted or dealt with meanwhile */
    }
    slot = saas_cell(rows, 0, SCHEDULE_NEXT);
    next = audits_schedule_next(due->pool, saas_cell(rows, 0, SCHEDULE_CRON), saas_cell(rows, 0, SCHEDULE_ZONE),
                                saas_cell(rows, 0, TAKE_NOW), slot);
    if (!next) {
        return cannot_tell(due, db, rows);
    }
    if (!due->error) {
        prepare(due, rows);
    }
    if (!due->error) {
        rv = audits_begin(db, &due->start);
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &audits_statements[SCHEDULE_WENT], NULL,
                           SAAS_ARGS(due->id, next, slot, due->error ? NULL : saas_cell(due->start.rows, 0, COLUMN_ID),
                                     due->error));
    }
    if (rv == SAAS_ESERIALIZATION) {
        due->error = given;      /* the body is run again */
    }
    return rv;
}

static apr_status_t transact(due_t *due)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, due->pool, due->job->server, due->org_id);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, due_body, due);
        saas_db_close(db);
    }
    return rv;
}

/** The job has to end: another node has it, the server goes down, or the database is away. */
static int ends(apr_status_t rv)
{
    return APR_STATUS_IS_EINTR(rv) || rv == SAAS_EUNAVAILABLE || rv == SAAS_ESERIALIZATION;
}

/** Deals with one schedule.  What is wrong with one does not hold up the others. */
static apr_status_t deal_with(due_t *due)
{
    apr_status_t rv = transact(due);

    if (rv == SAAS_ELIMIT) {
        due->error = "The plan allows no more: its limit of audits is reached.";
        rv = transact(due);
    }
    else if (rv != APR_SUCCESS && rv != APR_NOTFOUND && !ends(rv)) {
        SAAS_LOG(due->job->server, APLOG_ERR, 0, "SAAS2207", "schedule %s: its audit could not be started; it goes on with its "
                 "next time", due->id);
        due->error = "The server could not start it.";
        rv = transact(due);
    }
    if (rv == APR_SUCCESS) {
        audits_began(&due->start);
    }
    return ends(rv) ? rv : APR_SUCCESS;
}

apr_status_t audits_job_schedules(saas_job_t *job)
{
    const char *after = FIRST, *last = NOBODY;
    apr_pool_t *pages[2], *one;
    saas_rows_t *rows;
    saas_db_t *db;
    apr_status_t rv;
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
        rv = saas_db_query(db, &audits_statements[SCHEDULES_DUE], &rows, SAAS_ARGS(after, last));
        saas_db_close(db);
        for (i = 0; rv == APR_SUCCESS && i < rows->count; i++) {
            due_t due = { .job = job, .pool = one, .org_id = saas_cell(rows, i, 0), .id = saas_cell(rows, i, 1) };

            last = due.id;
            after = saas_cell(rows, i, 2);
            apr_pool_clear(one);
            rv = saas_job_stopped(job) ? APR_EINTR : deal_with(&due);
        }
    } while (rv == APR_SUCCESS && rows->count > 0);
    return rv;
}
