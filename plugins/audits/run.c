/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The background run of an audit: what stands between an engine and the
 * database.
 *
 * Findings are numbered as they come and written in batches; with each batch go
 * the counts and the progress, so the audit's row always agrees with its
 * evidence.  Every transaction begins with the job's fence and demands that the
 * audit is still running: after a cancel, or once another node has taken over,
 * nothing can be written any more.  A second try removes what the first one
 * left.  When the database is away, findings wait in memory for a while.
 */

#include "audits.h"
#include "score.h"

#include <apr_strings.h>

#include <time.h>

#define BATCH 200             /* findings of one transaction */
#define BATCH_MS 500          /* between two transactions, when there is something to write */
#define WAITING_MAX 5000      /* findings that may wait for the database */
#define RETRY_MS 1000         /* after the database was away */

/** Why a run has to end before its engine is done.  ENDED_ELSEWHERE: the audit
 *  was canceled.  BROKEN: the database refuses, or another node has the job. */
typedef enum { GOING_ON, ENDED_ELSEWHERE, TOO_LATE, BROKEN } halt_e;

typedef struct run_t {
    saas_audit_run_t engine;      /* what the engine sees; first, so that it is the run */
    saas_job_t *job;
    saas_score_t *score;
    apr_pool_t *batch;            /* of the texts of the rows that wait */
    json_t *rows;                 /* [[number, resource, check, status, severity, time, comment], …] */
    apr_int64_t number;           /* of the last finding */
    int done, total;
    int unwritten;                /* progress that no transaction has carried yet */
    apr_int64_t next_write;       /* ms, monotonic */
    apr_int64_t deadline;
    halt_e halt;
    apr_status_t rv;              /* why, when BROKEN */
} run_t;

apr_int64_t audits_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (apr_int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ----------------------------------------------------------------- text -- */

/** Length of the well-formed UTF-8 character at s (RFC 3629), 0 for none. */
static int utf8_char(const unsigned char *s)
{
    if (s[0] < 0x80) {
        return s[0] != 0;
    }
    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        return (s[1] & 0xC0) == 0x80 ? 2 : 0;
    }
    if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) {
            return 0;
        }
        return (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 ? 3 : 0;
    }
    if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) {
            return 0;
        }
        return (s[1] & 0xC0) == 0x80 && (s[2] & 0xC0) == 0x80 && (s[3] & 0xC0) == 0x80 ? 4 : 0;
    }
    return 0;
}

/* Targets are hostile. */
const char *audits_clean(apr_pool_t *p, const char *text, apr_size_t max)
{
    const unsigned char *s = (const unsigned char *)(text ? text : "");
    apr_size_t len = strlen((const char *)s);
    char *out = apr_palloc(p, (len < max ? len * 3 : max) + 4);
    char *to = out;
    int n;

    for (; *s; s += n ? n : 1) {
        n = utf8_char(s);
        if ((apr_size_t)(to - out) + (n ? (apr_size_t)n : 3) > max) {
            break;
        }
        memcpy(to, n ? (const char *)s : "\xEF\xBF\xBD", n ? (apr_size_t)n : 3);
        to += n ? n : 3;
    }
    *to = '\0';
    return out;
}

/* -------------------------------------------------------------- writing -- */

/** The value's text; takes the reference. */
static const char *json_text(json_t *value, apr_pool_t *p)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *copy = apr_pstrdup(p, text);
    free(text);
    json_decref(value);
    return copy;
}

/** Something to be written in a transaction of this run. */
typedef struct write_t {
    run_t *run;
    apr_pool_t *pool;
    const char *status;    /**< NULL: the run goes on */
    const char *error;
} write_t;

static apr_status_t add_rows(run_t *run, saas_db_t *db)
{
    apr_status_t rv = APR_SUCCESS;
    char *text;

    if (json_array_size(run->rows)) {
        if (!(text = json_dumps(run->rows, JSON_COMPACT))) {
            return APR_ENOMEM;
        }
        rv = saas_db_queue(db, &audits_statements[EVIDENCE_ADD], SAAS_ARGS(run->job->object_id, text));
        free(text);
    }
    return rv;
}

static apr_status_t write_body(saas_db_t *db, void *baton)
{
    const write_t *write = baton;
    run_t *run = write->run;
    apr_pool_t *p = write->pool;
    saas_job_t *job = run->job;
    const char *number = apr_psprintf(p, "%" APR_INT64_T_FMT, run->number);
    const char *score = NULL, *details = NULL;
    saas_rows_t *rows;
    apr_status_t rv;

    if ((rv = saas_job_fence(job, db)) != APR_SUCCESS) {
        return rv;
    }
    rv = saas_db_query(db, &audits_statements[AUDIT_PROGRESS], &rows,
                       SAAS_ARGS(job->object_id, apr_itoa(p, run->done), apr_itoa(p, run->total), number,
                                 json_text(saas_score_counts(run->score), p)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (rows->count == 0) {
        return APR_NOTFOUND;
    }
    if ((rv = add_rows(run, db)) != APR_SUCCESS || !write->status) {
        return rv;
    }
    if (!strcmp(write->status, "completed") && saas_score_value(run->score) >= 0) {
        score = apr_itoa(p, saas_score_value(run->score));
        details = json_text(saas_score_details(run->score), p);
    }
    rv = saas_db_query(db, &audits_statements[AUDIT_END], &rows,
                       SAAS_ARGS(job->object_id, write->status, score, write->error, NULL, NULL, details));
    if (rv == APR_SUCCESS && (rv = audits_alert(db, job, rows)) == APR_SUCCESS
        && (rv = audits_searchable(db, job, rows)) == APR_SUCCESS) {
        rv = audits_activity(db, NULL, job->id, apr_pstrcat(p, "audit.", write->status, NULL), p, rows);
    }
    return rv;
}

/** Runs a body in a transaction on a connection borrowed for it. */
static apr_status_t transact(saas_job_t *job, apr_pool_t *p,
                             apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    saas_db_t *db;
    apr_status_t rv = saas_db_open(&db, p, job->server, job->org_id);
    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, baton);
        saas_db_close(db);
    }
    return rv;
}

apr_status_t audits_transact_patiently(saas_job_t *job, apr_pool_t *p,
                                       apr_status_t (*body)(saas_db_t *db, void *baton), void *baton)
{
    apr_status_t rv;
    while ((rv = transact(job, p, body, baton)) == SAAS_EUNAVAILABLE || rv == SAAS_ESERIALIZATION) {
        if (saas_job_stopped(job)) {
            return APR_EINTR;
        }
        apr_sleep(apr_time_from_msec(RETRY_MS));
    }
    return rv;
}

static void written(run_t *run)
{
    audits_count_evidence(json_array_size(run->rows));
    apr_pool_clear(run->batch);
    json_array_clear(run->rows);
    run->unwritten = 0;
}

/** Writes what waits.  A database that is away is not an error while there is
 *  room to wait. */
static void flush(run_t *run)
{
    write_t write = { .run = run };
    apr_status_t rv;

    apr_pool_create(&write.pool, run->job->pool);
    rv = transact(run->job, write.pool, write_body, &write);
    apr_pool_destroy(write.pool);
    run->next_write = audits_clock() + (rv == SAAS_EUNAVAILABLE ? RETRY_MS : BATCH_MS);
    if (rv == APR_SUCCESS) {
        written(run);
    }
    else if (rv == APR_NOTFOUND) {
        run->halt = ENDED_ELSEWHERE;
    }
    else if ((rv != SAAS_EUNAVAILABLE && rv != SAAS_ESERIALIZATION) || json_array_size(run->rows) >= WAITING_MAX) {
        run->halt = BROKEN;
        run->rv = rv;
    }
}

/* ------------------------------------------- what the engine may call -- */

static apr_status_t halted(const run_t *run)
{
    return run->halt == GOING_ON ? APR_SUCCESS : APR_EINTR;
}

static apr_status_t on_report(saas_audit_run_t *engine, const saas_finding_t *finding)
{
    run_t *run = (run_t *)engine;
    const char *resource;
    json_t *row;

    if (run->halt != GOING_ON) {
        return APR_EINTR;
    }
    if ((unsigned)finding->status > SAAS_ERROR || (unsigned)finding->severity > SAAS_INFORMATIONAL) {
        return APR_EINVAL;
    }
    resource = audits_clean(run->batch, finding->resource_id, AUDIT_RESOURCE_MAX);
    row = json_pack("[I, s, s, s, s, s, s]", (json_int_t)++run->number, resource,
                    audits_clean(run->batch, finding->check_name, AUDIT_CHECK_MAX), saas_finding_statuses[finding->status],
                    saas_finding_severities[finding->severity],
                    saas_time_text(run->batch, finding->time ? finding->time : apr_time_now()),
                    audits_clean(run->batch, finding->comment, AUDIT_COMMENT_MAX));
    if (!row) {
        return APR_ENOMEM;
    }
    json_array_append_new(run->rows, row);
    saas_score_add(run->score, resource, finding->check_name, saas_finding_statuses[finding->status],
                   saas_finding_severities[finding->severity]);
    if (json_array_size(run->rows) == BATCH || audits_clock() >= run->next_write) {
        flush(run);
    }
    return halted(run);
}

static apr_status_t on_progress(saas_audit_run_t *engine, int done, int total)
{
    run_t *run = (run_t *)engine;

    if (done > run->done || total != run->total) {
        run->done = done > run->done ? done : run->done;
        run->total = total;
        run->unwritten = 1;
    }
    if (run->halt == GOING_ON && run->unwritten && audits_clock() >= run->next_write) {
        flush(run);
    }
    return halted(run);
}

static int on_stopped(saas_audit_run_t *engine)
{
    run_t *run = (run_t *)engine;
    apr_int64_t now = audits_clock();

    if (run->halt == GOING_ON && now >= run->deadline) {
        run->halt = TOO_LATE;
    }
    if (run->halt == GOING_ON && (json_array_size(run->rows) || run->unwritten) && now >= run->next_write) {
        flush(run);
    }
    return run->halt != GOING_ON || saas_job_stopped(run->job);
}

/* ------------------------------------------------------ begin, run, end -- */

typedef struct begin_t {
    saas_job_t *job;
    saas_rows_t *rows;
    saas_rows_t *claims;   /**< host, token */
} begin_t;

static apr_status_t begin_body(saas_db_t *db, void *baton)
{
    begin_t *begin = baton;
    saas_job_t *job = begin->job;
    apr_status_t rv;

    if ((rv = saas_job_fence(job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[AUDIT_RUN], &begin->rows, SAAS_ARGS(job->object_id)))
               != APR_SUCCESS) {
        return rv;
    }
    if (begin->rows->count == 0) {
        return APR_NOTFOUND;
    }
    rv = saas_db_query(db, &audits_statements[AUDIT_HOST_CLAIMS], &begin->claims, SAAS_NO_ARGS);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return saas_db_queue(db, &audits_statements[EVIDENCE_CLEAR], SAAS_ARGS(job->object_id));
}

static void read_claims(run_t *run, const saas_rows_t *rows)
{
    saas_audit_claim_t *claims = apr_pcalloc(run->job->pool, ((apr_size_t)rows->count + 1) * sizeof(*claims));
    int i;

    for (i = 0; i < rows->count; i++) {
        claims[i].host = saas_cell(rows, i, 0);
        claims[i].token = saas_cell(rows, i, 1);
    }
    run->engine.claims = claims;
    run->engine.nclaims = rows->count;
}

typedef struct proved_t {
    saas_job_t *job;
    const char *host;
} proved_t;

static apr_status_t proved_body(saas_db_t *db, void *baton)
{
    const proved_t *proved = baton;
    apr_status_t rv = saas_job_fence(proved->job, db);

    return rv == APR_SUCCESS ? saas_db_queue(db, &audits_statements[AUDIT_HOST_PROVED], SAAS_ARGS(proved->host)) : rv;
}

/** A note for people to see: one that the database does not take now is made by the next audit. */
static void on_proved(saas_audit_run_t *engine, const char *host)
{
    run_t *run = (run_t *)engine;
    proved_t proved = { run->job, host };
    apr_pool_t *p;

    if (run->halt == GOING_ON) {
        apr_pool_create(&p, run->job->pool);
        transact(run->job, p, proved_body, &proved);
        apr_pool_destroy(p);
    }
}

/** Ends the audit.  APR_SUCCESS also when somebody else has ended it. */
static apr_status_t end(run_t *run, const char *status, const char *error)
{
    write_t write = { .run = run, .pool = run->job->pool, .status = status, .error = error };
    apr_status_t rv = audits_transact_patiently(run->job, run->job->pool, write_body, &write);
    if (rv == APR_SUCCESS) {
        written(run);
        audits_count(strcmp(status, "completed") ? AUDITS_FAILED : AUDITS_COMPLETED);
    }
    return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
}

/** What an engine's or the run's own end means. */
static apr_status_t conclude(run_t *run, apr_status_t rv)
{
    saas_job_t *job = run->job;
    char reason[120];

    if (run->halt == ENDED_ELSEWHERE) {
        return APR_SUCCESS;
    }
    if (run->halt == BROKEN) {
        return run->rv;
    }
    if (rv == APR_SUCCESS) {
        return end(run, "completed", NULL);
    }
    if (run->halt == TOO_LATE) {
        return end(run, "failed", apr_psprintf(job->pool, "The audit did not finish within %d seconds.",
                                               audits_config_deadline(job->server)));
    }
    if (saas_job_stopped(job)) {
        return APR_EINTR;
    }
    SAAS_LOG(job->server, APLOG_ERR, rv, "SAAS2201", "audit %s: the engine ended with an error", job->object_id);
    return end(run, "failed", apr_psprintf(job->pool, "The engine ended with an error: %s.",
                                           apr_strerror(rv, reason, sizeof(reason))));
}

static apr_status_t drop_json(void *value)
{
    json_decref(value);
    return APR_SUCCESS;
}

static void read_targets(run_t *run, const char *text)
{
    apr_pool_t *p = run->job->pool;
    json_t *list = json_loads(text ? text : "[]", 0, NULL);
    json_t *value;
    const char **targets = apr_pcalloc(p, (json_array_size(list) + 1) * sizeof(*targets));
    size_t i;

    json_array_foreach(list, i, value) {
        if (json_is_string(value)) {
            targets[run->engine.ntargets++] = apr_pstrdup(p, json_string_value(value));
        }
    }
    run->engine.targets = targets;
    json_decref(list);
}

static void weigh(run_t *run, const saas_engine_t *engine)
{
    const saas_check_t *check;
    int n;

    for (n = 0; (check = audits_check(engine, n)) != NULL; n++) {
        saas_score_weigh(run->score, check->name, check->test ? check->test : check->name,
                         saas_finding_severities[check->severity], check->penalty, check->bonus);
    }
}

apr_status_t audits_job_run(saas_job_t *job)
{
    apr_pool_t *p = job->pool;
    begin_t begin = { .job = job };
    run_t *run = apr_pcalloc(p, sizeof(*run));
    const saas_engine_t *engine;
    const char *name;
    apr_status_t rv;

    if (job->payload) {
        return audits_job_import(job);
    }
    rv = audits_transact_patiently(job, p, begin_body, &begin);
    if (rv != APR_SUCCESS) {
        return rv == APR_NOTFOUND ? APR_SUCCESS : rv;
    }
    run->job = job;
    run->score = saas_score_make(p);
    run->total = (int)saas_cell_int(begin.rows, 0, COLUMN_TOTAL);
    apr_pool_create(&run->batch, p);
    run->rows = json_array();
    apr_pool_cleanup_register(p, run->rows, drop_json, apr_pool_cleanup_null);
    run->next_write = audits_clock() + BATCH_MS;
    run->deadline = audits_clock() + (apr_int64_t)audits_config_deadline(job->server) * 1000;
    run->engine.pool = p;
    run->engine.server = job->server;
    run->engine.audit_id = job->object_id;
    run->engine.report = on_report;
    run->engine.progress = on_progress;
    run->engine.stopped = on_stopped;
    run->engine.proved = on_proved;
    read_claims(run, begin.claims);
    read_targets(run, saas_cell(begin.rows, 0, COLUMN_TARGETS));

    name = saas_cell(begin.rows, 0, COLUMN_ENGINE);
    engine = ap_lookup_provider(SAAS_ENGINE_GROUP, name, SAAS_PLUGIN_ABI);
    if (!engine) {
        SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS2202",
                 "audit %s: engine %s is not loaded on this node; every node that runs jobs needs it",
                 job->object_id, name);
        return end(run, "failed", apr_psprintf(p, "The engine %s is not loaded on this server.", name));
    }
    weigh(run, engine);
    return conclude(run, engine->run(&run->engine));
}

/* ---------------------------------------------------------------- given up -- */

typedef struct lost_t {
    saas_job_t *job;
    const char *error;
    int ended;         /* by us */
} lost_t;

static apr_status_t lost_body(saas_db_t *db, void *baton)
{
    lost_t *lost = baton;
    saas_job_t *job = lost->job;
    saas_rows_t *rows;
    apr_status_t rv;

    lost->ended = 0;
    if ((rv = saas_job_fence(job, db)) != APR_SUCCESS
        || (rv = saas_db_query(db, &audits_statements[AUDIT_END], &rows,
                               SAAS_ARGS(job->object_id, "failed", NULL, lost->error, NULL, NULL, NULL))) != APR_SUCCESS
        || rows->count == 0) {
        return rv;
    }
    lost->ended = 1;
    if ((rv = saas_db_queue(db, &audits_statements[PARTS_REMOVE], SAAS_ARGS(job->object_id))) != APR_SUCCESS) {
        return rv;
    }
    return audits_activity(db, NULL, job->id, "audit.failed", job->pool, rows);
}

void audits_job_gave_up(saas_job_t *job, const char *why)
{
    lost_t lost = { .job = job };
    apr_status_t rv;

    lost.error = job->attempt > AUDIT_ATTEMPTS
                     ? "The server was interrupted too often while this audit ran."
                     : apr_psprintf(job->pool, "The audit could not be completed: %s.", why);
    rv = audits_transact_patiently(job, job->pool, lost_body, &lost);
    if (rv == APR_SUCCESS && lost.ended) {
        audits_count(AUDITS_FAILED);
    }
    if (rv != APR_SUCCESS && !APR_STATUS_IS_EINTR(rv)) {
        SAAS_LOG(job->server, APLOG_ERR, 0, "SAAS2203", "audit %s could not be marked as failed; cancel it by hand",
                 job->object_id);
    }
}
