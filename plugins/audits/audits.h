/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file audits.h
 * What the files of the audits plugin share.
 */
#ifndef AUDITS_H
#define AUDITS_H

#include "mod_saas.h"

extern module AP_MODULE_DECLARE_DATA saas_audits_module;
APLOG_USE_MODULE(saas_audits);

#define AUDITS_DIRECTIVES(X, of) \
    X(of, NUMBER, per_organization, "SaasAuditsPerOrganization", SAAS_GLOBAL, "2", SAAS_RANGE(0, 100000), \
      "audits of one organization that run at once, 0 for any number") \
    X(of, NUMBER, per_node, "SaasAuditsPerNode", SAAS_GLOBAL, "8", SAAS_RANGE(0, 100000), \
      "audits that run at once on this node, 0 for any number") \
    X(of, NUMBER, deadline, "SaasAuditDeadline", SAAS_GLOBAL, "600", SAAS_RANGE(1, 86400), \
      "seconds after which a running audit is failed") \
    X(of, TEXT, frontend, "SaasFrontendURL", SAAS_VHOST, NULL, SAAS_CHECKED(saas_check_url), \
      "URL of the frontend, https://app.example.com") \
    X(of, SIZE, import_max, "SaasImportMaxBytes", SAAS_VHOST, "256M", SAAS_RANGE(1024, APR_INT64_C(68719476736)), \
      "largest file of another scanner's findings, then 413")

SAAS_DIRECTIVES_DECLARE(audits_config, saas_audits_module, AUDITS_DIRECTIVES)

/** The kind of the background job that runs an audit; its object is the audit. */
#define AUDIT_JOB "audit"
/** Tries of one audit before it is failed. */
#define AUDIT_ATTEMPTS 3
#define AUDIT_TARGETS_MAX 200
/** Characters of a name, at most. */
#define AUDIT_NAME_MAX 200

/** The kind of the job that starts what schedules name, and how often it looks, in seconds. */
#define SCHEDULE_JOB "audit.schedule"
#define SCHEDULE_SECONDS 10

/** The kind of the job that tells of new critical findings; its object is the audit. */
#define ALERT_JOB "audit.alert"

/** The kind of the job that makes an audit's index of texts; its object is the audit. */
#define SEARCH_JOB "audit.search"

/** What plans may limit: audits that are started, targets of one, and schedules that there are. */
#define AUDITS_LIMIT "audits"
#define AUDITS_LIMIT_TARGETS "targets"
#define AUDITS_LIMIT_SCHEDULES "schedules"

/** Statements; audits.c has their texts in this order. */
enum {
    AUDIT_CREATE,
    AUDIT_BY_KEY,
    AUDIT_GET,
    AUDIT_STATUS,
    AUDIT_CANCEL,
    AUDIT_DELETE,
    AUDIT_RUN,
    AUDIT_PROGRESS,
    AUDIT_END,
    EVIDENCE_CLEAR,
    EVIDENCE_ADD,
    EVIDENCE_PLACE,
    EVIDENCE_SETTINGS,
    EVIDENCE_SEARCH,
    EVIDENCE_TRIGRAMS,
    EVIDENCE_ALL,
    EVIDENCE_ALL_DESC,
    EVIDENCE_ONE,
    TRIAGE_ONE,
    TRIAGE_MANY,
    TREND_LIST,
    DIFF_STATES,
    DIFF_LIST,
    AUDIT_HOSTS,
    AUDIT_HOST_ADD,
    AUDIT_HOST_DELETE,
    AUDIT_HOST_CLAIMS,
    AUDIT_HOST_PROVED,
    SCHEDULES,
    SCHEDULE_GET,
    SCHEDULE_NOW,
    SCHEDULE_LOCK,
    SCHEDULE_ADD,
    SCHEDULE_CHANGE,
    SCHEDULE_DELETE,
    SCHEDULES_DUE,
    SCHEDULE_TAKE,
    SCHEDULE_WENT,
    ALERT_GET,
    ALERT_ON,
    ALERT_OFF,
    ALERT_WANTED,
    ALERT_TAKE,
    ALERT_BEFORE,
    ALERT_FINDINGS,
    ALERT_PEOPLE,
    AUDIT_ALL,
    AUDIT_ALL_OLDEST,
    SEARCH_STATE,
    SEARCH_ROWS,
    SEARCH_DONE,
    SEARCH_LOAD,
    IMPORT_AGAIN,
    IMPORT_RUN,
    IMPORT_PROGRESS,
    IMPORT_LAST,
    IMPORT_LOAD,
    IMPORT_COUNTS,
    IMPORT_SCORE,
    IMPORT_NOTE,
    PART_ADD,
    PART_GET,
    PARTS_REMOVE,
    /* The list, one statement for each order: see audits_orders. */
    AUDIT_LIST,
    /* The same of what a schedule has started. */
    AUDIT_SCHEDULED = AUDIT_LIST + 12,
    /* One for each part of an audit that an index finds. */
    EVIDENCE_LIST = AUDIT_SCHEDULED + 12,
    /* Up and down, see evidence.c: walks, and where ranges end. */
    EVIDENCE_WALK = EVIDENCE_LIST + 6,
    EVIDENCE_END = EVIDENCE_WALK + 2 * 17,
    AUDITS_STATEMENTS = EVIDENCE_END + 2 * 6
};
enum { PART_OF_ALL, PART_OF_STATUS, PART_OF_CHECK, PART_OF_RESOURCE, PART_OF_MUTED, PART_OF_FOUND };
/** Columns of EVIDENCE_SEARCH behind the number of rows: up to which row the audit is indexed, the last one, and the text
 *  that is looked for as it is compared. */
enum { SEARCH_TO = 1, SEARCH_LAST, SEARCH_TEXT };
extern saas_statement_t audits_statements[];

/** ?ordering= of the list of audits: the n-th is statement AUDIT_LIST + n.  NULL-terminated; the first is the default. */
extern const char *const audits_orders[];

/** Index of an order; 0 for NULL. */
int audits_order(const char *const *orders, const char *name);

/** The columns that audits_members shows. */
#define AUDIT_COLUMNS \
    "id, name, engine, targets, status, progress_done, progress_total, counts, evidence_count, score, error," \
    " created_by, created_at, started_at, finished_at, imports, score_details, schedule_id"
enum { COLUMN_ID, COLUMN_NAME, COLUMN_ENGINE, COLUMN_TARGETS, COLUMN_STATUS, COLUMN_DONE, COLUMN_TOTAL, COLUMN_COUNTS,
       COLUMN_EVIDENCE, COLUMN_SCORE, COLUMN_ERROR, COLUMN_CREATED_BY, COLUMN_CREATED, COLUMN_STARTED, COLUMN_FINISHED, COLUMN_IMPORTS, COLUMN_DETAILS,
       COLUMN_SCHEDULE, AUDIT_COLUMNS_COUNT };

/** A schedule, as schedules.c shows it. */
#define SCHEDULE_COLUMNS \
    "id, name, engine, targets, cron, time_zone, enabled, next_run_at, last_slot_at, last_audit_id, last_error, created_by," \
    " created_at, updated_at"
enum { SCHEDULE_ID, SCHEDULE_NAME, SCHEDULE_ENGINE, SCHEDULE_TARGETS, SCHEDULE_CRON, SCHEDULE_ZONE, SCHEDULE_ENABLED,
       SCHEDULE_NEXT, SCHEDULE_SLOT, SCHEDULE_AUDIT, SCHEDULE_ERROR, SCHEDULE_CREATED_BY, SCHEDULE_CREATED, SCHEDULE_UPDATED,
       SCHEDULE_COLUMNS_COUNT };

/** A host, as hosts.c shows it. */
#define AUDIT_HOST_COLUMNS "id, host, token, created_by, created_at, proved_at"

/** An audit as the API shows it, of AUDIT_COLUMNS. */
extern const saas_json_member_t audits_members[];

/** Answers the audit in the first row. */
int audits_reply(saas_request_t *rq, int status, const saas_rows_t *rows);

/** Writes the activity row of a change of an audit, in db's transaction.  rq is
 *  NULL for what the server did itself, which then names the job. */
apr_status_t audits_activity(saas_db_t *db, saas_request_t *rq, const char *job_id, const char *action, apr_pool_t *p,
                             const saas_rows_t *rows);

/** What happens to audits, for the counter; the words are in audits.c. */
typedef enum { AUDITS_STARTED, AUDITS_COMPLETED, AUDITS_FAILED, AUDITS_CANCELED } audits_event_e;
void audits_count(audits_event_e event);
/** Rows of evidence that have been written for good. */
void audits_count_evidence(apr_size_t rows);

/** Runs a body in a transaction on a connection borrowed for it, until the database answers; APR_EINTR when the job has
 *  to stop before that. */
apr_status_t audits_transact_patiently(saas_job_t *job, apr_pool_t *p, apr_status_t (*body)(saas_db_t *db, void *baton),
                                       void *baton);

/** Bytes of the texts of a finding, at most. */
#define AUDIT_RESOURCE_MAX 2048
#define AUDIT_CHECK_MAX 200
#define AUDIT_COMMENT_MAX 8192
/** A copy that a database takes and that is at most max bytes long: what is no UTF-8 becomes U+FFFD. */
const char *audits_clean(apr_pool_t *p, const char *text, apr_size_t max);
/** Milliseconds of a clock that nobody sets. */
apr_int64_t audits_clock(void);

/** True for 1 to 255 visible ASCII characters. */
int audits_key_is_valid(const char *key);
/** Parts of a file that waits to be read: raw bytes of one, but for the last. */
#define AUDIT_PART (1024 * 1024)
/** The engine that reads files of a format; NULL: none that is loaded. */
const saas_engine_t *audits_reader(apr_pool_t *p, const char *format);

/** An audit that is to be started.  rq is NULL for what a schedule starts, and then job_id names the job. */
typedef struct audits_start_t {
    saas_request_t *rq;
    apr_pool_t *pool;
    const char *org_id;
    saas_standing_t standing;
    const char *job_id;
    const char *id;
    const char *name;
    const char *engine;
    const char *targets;       /**< JSON, as audits_targets() gives it */
    apr_int64_t ntargets;
    const char *key;           /**< NULL: none */
    const char *schedule;      /**< id; NULL: none */
    saas_rows_t *rows;         /**< the audit, afterwards */
    int created;               /**< false: the key has started it before */
} audits_start_t;
/** Writes audit, job and activity, and takes them from the plan, in db's transaction, which is for start->org_id.
 *  SAAS_ELIMIT, by this call or a later one: the plan allows no more. */
apr_status_t audits_begin(saas_db_t *db, audits_start_t *start);
/** After the commit: counts it, and has it looked for. */
void audits_began(const audits_start_t *start);
/** An engine that is loaded; NULL: noted in rq->errors. */
const saas_engine_t *audits_engine(saas_request_t *rq, const char *name);
/** The targets of the body in canonical form, without duplicates, as a JSON array.  NULL: noted in rq->errors. */
const char *audits_targets(saas_request_t *rq, const saas_engine_t *engine, apr_int64_t *count);

int audits_import(saas_request_t *rq);
/** The n-th check of an engine; NULL past the last, and for an engine that tells none. */
const saas_check_t *audits_check(const saas_engine_t *engine, int n);
int audits_checks(saas_request_t *rq);
int audits_start(saas_request_t *rq);
int audits_hosts(saas_request_t *rq);
int audits_host_add(saas_request_t *rq);
int audits_host_delete(saas_request_t *rq);
int audits_alerts(saas_request_t *rq);
int audits_alerts_change(saas_request_t *rq);
int audits_schedules(saas_request_t *rq);
int audits_schedule_add(saas_request_t *rq);
int audits_schedule_view(saas_request_t *rq);
int audits_schedule_change(saas_request_t *rq);
int audits_schedule_delete(saas_request_t *rq);
int audits_list(saas_request_t *rq);
int audits_view(saas_request_t *rq);
int audits_cancel(saas_request_t *rq);
int audits_delete(saas_request_t *rq);
int audits_evidence(saas_request_t *rq);
int audits_triage(saas_request_t *rq);
int audits_triage_many(saas_request_t *rq);
int audits_trend(saas_request_t *rq);
int audits_diff(saas_request_t *rq);

/** Columns of a row of evidence as the API shows it; behind them what was decided about it, then how many there are. */
enum { E_NUMBER, E_RESOURCE, E_CHECK, E_STATUS, E_SEVERITY, E_TIME, E_COMMENT, E_MUTED, E_COUNT = E_MUTED + 6 };
extern const saas_json_member_t evidence_members[];
/** What was decided about a finding, of six columns from the first; part of a table of members. */
#define TRIAGE_MEMBERS(first) \
    { "triage", .kind = SAAS_JSON_OBJECT }, \
    { "muted", SAAS_JSON_BOOL, .column = (first) }, \
    { "reason", SAAS_JSON_TEXT, .column = (first) + 1 }, \
    { "until", SAAS_JSON_TIME, .column = (first) + 2 }, \
    { "comment", SAAS_JSON_TEXT, .column = (first) + 3 }, \
    { "updated_by", SAAS_JSON_TEXT, .column = (first) + 4 }, \
    { "updated_at", SAAS_JSON_TIME, .column = (first) + 5 }, \
    { .kind = SAAS_JSON_END }

apr_status_t audits_job_run(saas_job_t *job);
/** The same job for an audit whose findings come from a file: it has a payload. */
apr_status_t audits_job_import(saas_job_t *job);
void audits_job_gave_up(saas_job_t *job, const char *why);
/** In the transaction that ends an audit, whose row this is: has it looked at whether anybody wants to be told. */
apr_status_t audits_alert(saas_db_t *db, saas_job_t *job, const saas_rows_t *rows);
apr_status_t audits_job_alert(saas_job_t *job);
/** In the transaction that ends an audit, whose row this is: has the index of its texts made, if it has many rows. */
apr_status_t audits_searchable(saas_db_t *db, saas_job_t *job, const saas_rows_t *rows);
apr_status_t audits_job_search(saas_job_t *job);
/** Starts what is due, of all organizations. */
apr_status_t audits_job_schedules(saas_job_t *job);

/** When a schedule is due first after two times, as a statement takes it: after now, as the database says it, and after slot,
 *  NULL for none, so that clocks that are put back repeat nothing.  NULL: the time zone, or a time like this, is none (any
 *  more). */
const char *audits_schedule_next(apr_pool_t *p, const char *cron, const char *zone, const char *now, const char *slot);

#endif
