/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Makes the index by which a text is found in an audit of many rows (trigrams.h), behind the audit's end: neither an
 * import nor an engine waits for it, and until it is there a search reads what it would have read without.
 *
 * Segment after segment: its rows are read, in the letter case in which the database compares, and its index is written
 * in one transaction together with how far the audit is indexed.  Rows of evidence never change, and later ones have
 * greater numbers; so what is indexed stays right, and a job that is interrupted, or comes twice, goes on from there.
 * Rows that another file adds to a segment have it made anew.
 */

#include "search.h"
#include "walk.h"

#include <apr_strings.h>

typedef struct making_t {
    saas_job_t *job;
    apr_pool_t *pool; /* of a segment */
    trigrams_t *trigrams;
    const char *to;     /* how far the audit is indexed */
    apr_int64_t first;  /* the next row */
    apr_int64_t last;   /* row that has been read */
    const char **cells; /* rows of the index: segment, slice, what it has */
} making_t;

apr_status_t audits_searchable(saas_db_t *db, saas_job_t *job, const saas_rows_t *rows)
{
    return saas_cell_int(rows, 0, COLUMN_EVIDENCE) > WALK_MOST
               ? saas_job_enqueue(db, SEARCH_JOB, job->org_id, job->object_id, NULL, 0)
               : APR_SUCCESS;
}

static apr_status_t take_row(void *baton, const char *const *cells, const apr_size_t *lengths)
{
    making_t *making = baton;
    apr_size_t i;

    for (making->last = 0, i = 0; i < lengths[0]; i++) {
        making->last = making->last * 10 + (cells[0][i] - '0');
    }
    for (i = 1; i <= 3; i++) {
        trigrams_add(making->trigrams, (int)(making->last % TRIGRAMS_SEGMENT / TRIGRAMS_ROWS), cells[i], lengths[i]);
    }
    return APR_SUCCESS;
}

/** Reads the rows of the segment that the next row is in.  APR_NOTFOUND: all is indexed, or there is no such audit. */
static apr_status_t read_segment(making_t *making, saas_db_t *db)
{
    saas_rows_t *state;
    apr_status_t rv = saas_db_query(db, &audits_statements[SEARCH_STATE], &state, SAAS_ARGS(making->job->object_id));

    if (rv != APR_SUCCESS || !state->count || !saas_cell(state, 0, 1)) {
        return rv != APR_SUCCESS ? rv : APR_NOTFOUND;
    }
    making->to = saas_cell(state, 0, 0);
    making->first = saas_cell_int(state, 0, 1);
    trigrams_clear(making->trigrams);
    return saas_db_stream_cells(
        db, &audits_statements[SEARCH_ROWS],
        SAAS_ARGS(
            making->job->object_id,
            apr_psprintf(making->pool, "%" APR_INT64_T_FMT, making->first / TRIGRAMS_SEGMENT * TRIGRAMS_SEGMENT),
            apr_psprintf(making->pool, "%" APR_INT64_T_FMT, (making->first / TRIGRAMS_SEGMENT + 1) * TRIGRAMS_SEGMENT)),
        take_row, making);
}

static int make_rows(making_t *making)
{
    const char *segment = apr_psprintf(making->pool, "%" APR_INT64_T_FMT, making->first / TRIGRAMS_SEGMENT);
    int slice, n = 0;

    for (slice = 0; slice < TRIGRAMS_SLICES; slice++) {
        const char *text = trigrams_slice(making->trigrams, slice, making->pool);
        if (text) {
            making->cells[3 * n] = segment;
            making->cells[3 * n + 1] = apr_itoa(making->pool, slice);
            making->cells[3 * n + 2] = text;
            n++;
        }
    }
    return n;
}

static apr_status_t write_body(saas_db_t *db, void *baton)
{
    making_t *making = baton;
    const char *audit = making->job->object_id;
    saas_rows_t rows = { 0, 3, 0, making->cells };
    saas_rows_t *updated;
    apr_status_t rv;

    if ((rv = saas_job_fence(making->job, db)) != APR_SUCCESS
        || (rv = saas_db_query(
                db, &audits_statements[SEARCH_DONE], &updated,
                SAAS_ARGS(audit, making->to, apr_psprintf(making->pool, "%" APR_INT64_T_FMT, making->last))))
               != APR_SUCCESS) {
        return rv;
    }
    if (!updated->count) {
        return APR_SUCCESS; /* somebody else has gone on meanwhile */
    }
    rows.count = make_rows(making);
    return saas_db_load(db, &audits_statements[SEARCH_LOAD], &rows, SAAS_ARGS(audit), NULL);
}

/** The next segment; APR_NOTFOUND: there is none. */
static apr_status_t make_segment(making_t *making)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, making->pool, making->job->server, making->job->org_id);

    if (rv == APR_SUCCESS) {
        if ((rv = read_segment(making, db)) == APR_SUCCESS) {
            rv = saas_db_transaction(db, write_body, making);
        }
        saas_db_close(db);
    }
    return rv;
}

apr_status_t audits_job_search(saas_job_t *job)
{
    making_t making = { .job = job,
                        .trigrams = trigrams_make(job->pool),
                        .cells = apr_palloc(job->pool, sizeof(char *) * 3 * TRIGRAMS_SLICES) };
    apr_status_t rv = APR_SUCCESS;

    apr_pool_create(&making.pool, job->pool);
    while (rv == APR_SUCCESS) {
        if (saas_job_stopped(job)) {
            return APR_EINTR;
        }
        apr_pool_clear(making.pool);
        rv = make_segment(&making);
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}
