/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The audits plugin at a glance: directives, statements, routes, job.
 *
 * An audit runs in the background, in an engine that is a plugin of this one.
 * Its row says what became of it; evidence, counts, progress and status change
 * together in transactions that are fenced by the job's lease, so that what a
 * client reads is always consistent, whichever process died.
 *
 * Lock order: the job's row, then the audit's.  Nothing may take them the other
 * way round.
 */

#include "audits.h"
#include "score.h"
#include "walk.h"

#include <apr_strings.h>

SAAS_PLUGIN_DEFINE;

SAAS_DIRECTIVES_DEFINE(audits_config, saas_audits_module, AUDITS_DIRECTIVES)

/* ----------------------------------------------------------- statements -- */

#define AUDIT_FILTER(t) \
    t "org_id = $1 AND ($2::text IS NULL OR " t "status = $2) AND ($3::text IS NULL OR " t "engine = $3)" \
    " AND ($4::uuid IS NULL OR " t "schedule_id = $4)"
#define AUDIT_PAGE_OF(order, index, found) \
    "SELECT " AUDIT_COLUMNS ", (SELECT count(*) FROM audits AS c" index " WHERE " AUDIT_FILTER("c.") found ")" \
    " FROM audits" index " WHERE " AUDIT_FILTER("") found " ORDER BY " order " LIMIT CAST($5 AS bigint) OFFSET CAST($6 AS bigint)"
#define AUDIT_PAGE(order, index, found) \
    .scope = SAAS_TENANT, .sql = AUDIT_PAGE_OF(order, "", found), .sqlite = AUDIT_PAGE_OF(order, index, found)
/* In the order of audits_orders.  index: SQLite's, which else reads all of the organization where that needs no sorting. */
#define AUDIT_PAGES(name_, index, found) \
    { .name = name_ "_created_desc", AUDIT_PAGE("id DESC", index, found) }, \
    { .name = name_ "_created", AUDIT_PAGE("id", index, found) }, \
    { .name = name_ "_name", AUDIT_PAGE("name, id", index, found) }, \
    { .name = name_ "_name_desc", AUDIT_PAGE("name DESC, id DESC", index, found) }, \
    { .name = name_ "_status", AUDIT_PAGE("status, id", index, found) }, \
    { .name = name_ "_status_desc", AUDIT_PAGE("status DESC, id DESC", index, found) }, \
    { .name = name_ "_engine", AUDIT_PAGE("engine, id", index, found) }, \
    { .name = name_ "_engine_desc", AUDIT_PAGE("engine DESC, id DESC", index, found) }, \
    { .name = name_ "_score", AUDIT_PAGE("score NULLS LAST, id", index, found) }, \
    { .name = name_ "_score_desc", AUDIT_PAGE("score DESC NULLS LAST, id DESC", index, found) }, \
    { .name = name_ "_finished", AUDIT_PAGE("finished_at NULLS LAST, id", index, found) }, \
    { .name = name_ "_finished_desc", AUDIT_PAGE("finished_at DESC NULLS LAST, id DESC", index, found) }

/* Without filters, in the order of the key: an index alone tells how many. */
#define AUDIT_WHOLE(order) \
    .scope = SAAS_TENANT, .sql = \
    "SELECT " AUDIT_COLUMNS ", (SELECT count(*) FROM audits c WHERE c.org_id = $1)" \
    " FROM audits WHERE org_id = $1 ORDER BY " order " LIMIT CAST($2 AS bigint) OFFSET CAST($3 AS bigint)"

/* A page by its number: everything that the filter finds is read, counted and sorted. */
#define EVIDENCE_FOUND(part) EVIDENCE_OF part " AND " SAAS_FINDING_FILTER
#define ORDERED_BY(o, t) \
    "CASE " o "::text WHEN 'severity' THEN " SEVERITY_RANK " WHEN '-severity' THEN -(" SEVERITY_RANK ") END," \
    " CASE " o " WHEN 'timestamp' THEN observed_at END, CASE " o " WHEN '-timestamp' THEN observed_at END DESC," \
    " CASE " o " WHEN 'status' THEN status WHEN 'check_name' THEN " t "check_name WHEN 'resource_id' THEN " t \
    "resource_id END," \
    " CASE " o " WHEN '-status' THEN status WHEN '-check_name' THEN " t "check_name WHEN '-resource_id' THEN " t \
    "resource_id END DESC, CASE WHEN " o " LIKE '-%' THEN -number ELSE number END"
#define PART_STATUS " AND " KIND " >= " STATUS_ASKED " AND " KIND " <= 4 + " STATUS_ASKED
#define PART_MUTED " AND resource_id IN (" MUTED_RESOURCES ")"
#define EVIDENCE_PAGE(part) \
    EVIDENCE_SHOWN("SELECT " EVIDENCE_COLUMNS ", (SELECT count(*) " EVIDENCE_FOUND(part) ") AS total " \
    EVIDENCE_FOUND(part) " ORDER BY " ORDERED_BY("$9", "") " LIMIT CAST($10 AS bigint) OFFSET CAST($11 AS bigint)", \
    ORDERED_BY("$9", "e."))
/* The same of what the index of texts has found. */
#define EVIDENCE_FOUND_PAGE(rows) \
    EVIDENCE_SHOWN_TEXT("SELECT f.*, count(*) OVER () AS total FROM (" rows("$10", "") ") f ORDER BY " ORDERED_BY("$9", "") \
    " LIMIT CAST($11 AS bigint) OFFSET CAST($12 AS bigint)", ", e.total", ORDERED_BY("$9", "e."))
/* Without filters, in the order of the rows: nothing is counted or sorted.  (One
 * statement that decides by CASE would not do: PostgreSQL's parallel plans count
 * before they know that nobody asks.) */
#define EVIDENCE_WHOLE(order) \
    EVIDENCE_SHOWN("SELECT " EVIDENCE_COLUMNS ", " EVIDENCE_STORED " AS total " EVIDENCE_OF \
    " ORDER BY " order " LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)", order)

/* Decides about each finding of rows: muted, reason and until together, the comment by itself, and what is not said
 * (muted NULL, given '0') stays as it was. */
#define TRIAGE_WRITE(rows, muted, reason, until, given, comment, by) \
    .scope = SAAS_TENANT, .sql = \
    "INSERT INTO triage (org_id, resource_id, check_name, muted, muted_reason, muted_until, comment, updated_by, updated_at)" \
    " SELECT $1::uuid, e.resource_id, e.check_name, coalesce(" muted "::boolean, FALSE), " reason "::text, " \
    until "::timestamptz, " comment "::text, " by "::uuid, now() FROM (" rows ") e WHERE TRUE" \
    " ON CONFLICT (org_id, resource_id, check_name) DO UPDATE SET" \
    " muted = CASE WHEN " muted "::boolean IS NULL THEN triage.muted ELSE excluded.muted END," \
    " muted_reason = CASE WHEN " muted "::boolean IS NULL THEN triage.muted_reason ELSE excluded.muted_reason END," \
    " muted_until = CASE WHEN " muted "::boolean IS NULL THEN triage.muted_until ELSE excluded.muted_until END," \
    " comment = CASE WHEN " given "::text = '1' THEN excluded.comment ELSE triage.comment END," \
    " updated_by = excluded.updated_by, updated_at = excluded.updated_at"

/* Two audits, finding by finding.  Of several rows about the same, what failed decides.  $2 is the earlier audit. */
#define STATUS_RANK "CASE status WHEN 'FAIL' THEN 4 WHEN 'ERROR' THEN 3 WHEN 'MANUAL' THEN 2 ELSE 1 END"
#define RANK_STATUS(rank) "CASE " rank " WHEN 4 THEN 'FAIL' WHEN 3 THEN 'ERROR' WHEN 2 THEN 'MANUAL' WHEN 1 THEN 'PASS' END"
#define IN_AUDIT(id, aggregate, what) aggregate "(CASE WHEN audit_id = " id " THEN " what " END)"
#define DIFF_FINDINGS \
    "SELECT resource_id, check_name, " IN_AUDIT("$2", "max", STATUS_RANK) " AS before_rank, " \
    IN_AUDIT("$3", "max", STATUS_RANK) " AS after_rank, " IN_AUDIT("$2", "min", "number") " AS before_number, " \
    IN_AUDIT("$3", "min", "number") " AS after_number, coalesce(" IN_AUDIT("$3", "min", SEVERITY_RANK) ", min(" \
    SEVERITY_RANK ")) AS severity_rank FROM evidence WHERE org_id = $1 AND audit_id IN ($2, $3)" \
    " GROUP BY resource_id, check_name"
#define DIFF_CHANGES \
    "SELECT f.*, CASE WHEN after_rank = 4 THEN CASE WHEN before_rank = 4 THEN 'unchanged' ELSE 'new' END" \
    " WHEN after_rank IS NULL OR after_rank = 1 THEN 'fixed' ELSE 'unclear' END AS change FROM (" DIFF_FINDINGS ") f" \
    " WHERE before_rank = 4 OR after_rank = 4"
#define DIFF_PAGE \
    "SELECT c.*, count(*) OVER () AS total FROM (" DIFF_CHANGES ") c WHERE ($4::text IS NULL OR change = $4)" \
    " AND ($5::text IS NULL OR severity_rank = CAST($5 AS integer))" \
    " AND ($6::text IS NULL OR ($6 = 'true') = EXISTS (SELECT 1 FROM triage m" \
    " WHERE m.org_id = $1 AND m.resource_id = c.resource_id AND m.check_name = c.check_name AND " SAAS_FINDING_MUTED("m.") "))" \
    " ORDER BY severity_rank, resource_id, check_name LIMIT CAST($7 AS bigint) OFFSET CAST($8 AS bigint)"
#define EVIDENCE_INSERT \
    "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment)"
#define EVIDENCE_LOAD \
    "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment," \
    " content_key)"
/* A segment that rows have been added to has what it had, and more. */
#define SEARCH_INSERT "INSERT INTO evidence_trigrams (org_id, audit_id, segment, slice, postings)"
#define SEARCH_AGAIN " ON CONFLICT (org_id, audit_id, slice, segment) DO UPDATE SET postings = excluded.postings"
/* Not now(), which is when the transaction began: one that writes the rows of a file takes its time. */
#define END_AT(clock) \
    "UPDATE audits SET status = $3, score = CAST($4 AS integer), error = $5," \
    " evidence_count = coalesce(CAST($6 AS bigint), evidence_count), counts = coalesce($7, counts), score_details = $8," \
    " progress_done = CASE WHEN $3 = 'completed' THEN progress_total ELSE progress_done END, finished_at = " clock \
    " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') RETURNING " AUDIT_COLUMNS

/* What is critical in audit $2 and was not in $3, and is not muted.  SQLite, which knows nothing of the rows, would rather read
 * all of an audit than look into the index of those that are critical. */
#define ALERT_CRITICAL(index, audit) \
    "SELECT resource_id, check_name FROM evidence" index " WHERE org_id = $1 AND audit_id = " audit \
    " AND " KIND " = 5"
#define ALERT_TEXT(index) \
    "SELECT f.resource_id, f.check_name, count(*) OVER () FROM (" ALERT_CRITICAL(index, "$2") " EXCEPT " \
    ALERT_CRITICAL(index, "$3") " EXCEPT SELECT m.resource_id, m.check_name FROM triage m WHERE m.org_id = $1 AND " SAAS_FINDING_MUTED("m.") \
    ") f ORDER BY f.resource_id, f.check_name LIMIT CAST($4 AS integer)"

/* Audits of a target, as t; of each its row, as a.  (PostgreSQL is to look it up by its key, not among all that have a
 * status: in the order that only the key has.) */
#define OF_TARGET \
    " FROM audit_targets t CROSS JOIN LATERAL (SELECT * FROM audits WHERE org_id = $1 AND id >= t.audit_id" \
    " AND id <= t.audit_id ORDER BY id LIMIT 1) a"
#define OF_TARGET_SQLITE " FROM audit_targets t CROSS JOIN audits a ON a.org_id = $1 AND a.id = t.audit_id"

/* The audit before $2 of the same targets: of those of one of them, the latest that has the others, too, and no more. */
#define ALERT_BEFORE_OF(of_target, target, same) \
    "SELECT a.id" of_target " WHERE t.org_id = $1 AND t.target = " target " AND t.audit_id < $2 AND a.status = 'completed' AND a.engine = $3 AND " same \
    " ORDER BY t.audit_id DESC LIMIT 1"

/* What findings of a severity have cost, and how many resources. */
#define LOST(severity) \
    ", CAST(sum(r." severity ") AS bigint), count(CASE WHEN r." severity " > 0 THEN 1 END)"
#define LOST_OF(word) ", sum(CASE WHEN e.severity = '" word "' THEN e.cost ELSE 0 END) AS " word

/* How a target fared in each completed audit of it, the latest first: a page of the audits, then the rows about it, by the
 * index that walks have (walk.h). */
#define FAILED(severity) "count(CASE WHEN e.severity = '" severity "' THEN 1 END)"
#define TREND_OF(of_target, columns) \
    "SELECT " columns of_target " WHERE t.org_id = $1 AND t.target = $2 AND a.status = 'completed' AND ($3::text IS NULL OR a.engine = $3)"
#define TREND(of_target, targets, evidence) \
    "SELECT p.id, p.name, p.engine, p.finished_at, p.targets, p.score, p.grade, " FAILED("critical") ", " FAILED("high") \
    ", " FAILED("medium") ", " FAILED("low") ", " FAILED("informational") ", p.total" \
    " FROM (" TREND_OF(of_target, "a.id, a.name, a.engine, a.finished_at, " targets " AS targets, a.score, a.score_details ->> 'grade'" \
    " AS grade, (" TREND_OF(of_target, "count(*)") ") AS total") " ORDER BY t.audit_id DESC LIMIT CAST($4 AS bigint)" \
    " OFFSET CAST($5 AS bigint)) p" \
    " LEFT JOIN " evidence \
    " GROUP BY p.id, p.name, p.engine, p.finished_at, p.targets, p.score, p.grade, p.total ORDER BY p.id DESC"

const char *const audits_orders[] = {
    "-created_at", "created_at", "name", "-name", "status", "-status", "engine", "-engine", "score", "-score",
    "finished_at", "-finished_at", NULL
};

saas_statement_t audits_statements[] = {
    [AUDIT_CREATE] = { .name = "audit_create", .scope = SAAS_TENANT, .sql =
        "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_total, idempotency_key, created_by,"
        " schedule_id, created_at) VALUES ($1, $2, $3, $4, $5, 'queued', CAST($6 AS integer), $7, $8, $9, now())"
        " ON CONFLICT (org_id, idempotency_key) DO NOTHING RETURNING " AUDIT_COLUMNS },
    [AUDIT_BY_KEY] = { .name = "audit_by_key", .scope = SAAS_TENANT, .sql =
        "SELECT " AUDIT_COLUMNS " FROM audits WHERE org_id = $1 AND idempotency_key = $2" },
    [AUDIT_GET] = { .name = "audit_get", .scope = SAAS_TENANT, .sql =
        "SELECT " AUDIT_COLUMNS " FROM audits WHERE org_id = $1 AND id = $2" },
    [AUDIT_STATUS] = { .name = "audit_status", .scope = SAAS_TENANT, .sql =
        "SELECT status FROM audits WHERE org_id = $1 AND id = $2" },
    [AUDIT_CANCEL] = { .name = "audit_cancel", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET status = 'canceled', finished_at = now()"
        " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') RETURNING " AUDIT_COLUMNS },
    [AUDIT_DELETE] = { .name = "audit_delete", .scope = SAAS_TENANT, .sql =
        "DELETE FROM audits WHERE org_id = $1 AND id = $2 AND status <> 'running' RETURNING " AUDIT_COLUMNS },
    [AUDIT_RUN] = { .name = "audit_run", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET status = 'running', started_at = coalesce(started_at, now()), evidence_count = 0,"
        " searchable_to = 0, counts = '{}' WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')"
        " RETURNING " AUDIT_COLUMNS },
    [AUDIT_PROGRESS] = { .name = "audit_progress", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET progress_done = CASE WHEN CAST($3 AS integer) > progress_done"
        " THEN CAST($3 AS integer) ELSE progress_done END, progress_total = CAST($4 AS integer),"
        " evidence_count = CAST($5 AS bigint), counts = $6"
        " WHERE org_id = $1 AND id = $2 AND status = 'running' RETURNING id" },
    [AUDIT_END] = { .name = "audit_end", .scope = SAAS_TENANT, .sql = END_AT("clock_timestamp()"),
        .sqlite = END_AT("strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')") },
    [EVIDENCE_CLEAR] = { .name = "evidence_clear", .scope = SAAS_TENANT, .sql =
        "DELETE FROM evidence WHERE org_id = $1 AND audit_id = $2" },
    /* $3 is a JSON array of rows, each an array.  A batch whose commit was lost
     * from sight is written again, as it was. */
    [EVIDENCE_ADD] = { .name = "evidence_add", .scope = SAAS_TENANT, .sql =
        EVIDENCE_INSERT " SELECT $1::uuid, $2::uuid, CAST(value ->> 0 AS bigint), value ->> 1, value ->> 2, value ->> 3,"
        " value ->> 4, CAST(value ->> 5 AS timestamptz), value ->> 6"
        " FROM jsonb_array_elements(CAST($3 AS jsonb)) AS rows(value) ON CONFLICT DO NOTHING", .sqlite =
        EVIDENCE_INSERT " SELECT $1, $2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,"
        " value ->> 6 FROM json_each($3) WHERE TRUE ON CONFLICT DO NOTHING" },
    [EVIDENCE_PLACE] = { .name = "evidence_place", .scope = SAAS_TENANT, .sql =
        "SELECT observed_at, check_name, resource_id " EVIDENCE_OF " AND number = CAST($3 AS bigint)" },
    [EVIDENCE_SETTINGS] = { .name = "evidence_settings", .scope = SAAS_TENANT, WALK_SETTINGS("") },
    [EVIDENCE_SEARCH] = { .name = "evidence_search", .scope = SAAS_TENANT, WALK_SETTINGS(WALK_SEARCH) },
    [EVIDENCE_TRIGRAMS] = { .name = "evidence_trigrams", .scope = SAAS_TENANT, .sql =
        "SELECT t.segment, t.slice, t.postings FROM (SELECT CAST(value AS integer) AS slice"
        " FROM json_array_elements_text(CAST($3 AS json)) OFFSET 0) s CROSS JOIN LATERAL (SELECT segment, slice, postings"
        " FROM evidence_trigrams WHERE org_id = $1 AND audit_id = $2 AND slice = s.slice AND segment >= CAST($4 AS integer)"
        " AND segment <= CAST($5 AS integer) OFFSET 0) t", .sqlite =
        "SELECT segment, slice, postings FROM json_each($3) CROSS JOIN evidence_trigrams WHERE org_id = $1 AND audit_id = $2"
        " AND slice = json_each.value AND segment >= CAST($4 AS integer) AND segment <= CAST($5 AS integer)" },
    [EVIDENCE_ALL] = { .name = "evidence_all", EVIDENCE_WHOLE("number") },
    [EVIDENCE_ALL_DESC] = { .name = "evidence_all_desc", EVIDENCE_WHOLE("number DESC") },
    [EVIDENCE_ONE] = { .name = "evidence_one", EVIDENCE_SHOWN("SELECT " EVIDENCE_COLUMNS ", 1 AS total FROM evidence"
        " WHERE org_id = $1 AND audit_id = $2 AND number = CAST($3 AS bigint)", "number") },
    [TRIAGE_ONE] = { .name = "triage_one", TRIAGE_WRITE("SELECT resource_id, check_name FROM evidence"
        " WHERE org_id = $1 AND audit_id = $2 AND number = CAST($3 AS bigint)", "$4", "$5", "$6", "$7", "$8", "$9") },
    /* In one order, so that two of them wait for each other and not both. */
    [TRIAGE_MANY] = { .name = "triage_many", TRIAGE_WRITE("SELECT DISTINCT resource_id, check_name FROM evidence"
        " WHERE org_id = $1 AND audit_id = $2 AND " SAAS_FINDING_FILTER " ORDER BY resource_id, check_name LIMIT CAST($15 AS bigint)",
        "$9", "$10", "$11", "$12", "$13", "$14") },
    [TREND_LIST] = { .name = "trend_list", .scope = SAAS_TENANT,
        .sql = TREND(OF_TARGET, "jsonb_array_length(a.targets)", "LATERAL (SELECT severity FROM evidence WHERE org_id = $1 AND audit_id = p.id"
        " AND (resource_id, number) > ($2, 0) AND resource_id <= $2 AND status = 'FAIL' ORDER BY resource_id, number OFFSET 0) e ON TRUE"),
        .sqlite = TREND(OF_TARGET_SQLITE, "json_array_length(a.targets)", "evidence AS e INDEXED BY evidence_resource ON e.org_id = $1"
        " AND e.audit_id = p.id AND e.resource_id = $2 AND e.status = 'FAIL'") },
    [DIFF_STATES] = { .name = "diff_states", .scope = SAAS_TENANT, .sql =
        "SELECT status FROM audits WHERE org_id = $1 AND id IN ($2, $3)" },
    [DIFF_LIST] = { .name = "diff_list", .scope = SAAS_TENANT, .sql =
        "SELECT d.change, d.resource_id, d.check_name, CASE d.severity_rank WHEN 0 THEN 'critical' WHEN 1 THEN 'high'"
        " WHEN 2 THEN 'medium' WHEN 3 THEN 'low' ELSE 'informational' END, d.before_number, " RANK_STATUS("d.before_rank")
        ", d.after_number, " RANK_STATUS("d.after_rank") ", " TRIAGE_COLUMNS ", d.total FROM (" DIFF_PAGE ") d" TRIAGE_OF("d")
        " ORDER BY d.severity_rank, d.resource_id, d.check_name" },

    [AUDIT_HOSTS] = { .name = "audit_hosts", .scope = SAAS_TENANT, .sql =
        "SELECT " AUDIT_HOST_COLUMNS ", (SELECT count(*) FROM audit_hosts c WHERE c.org_id = $1)"
        " FROM audit_hosts WHERE org_id = $1 ORDER BY id LIMIT CAST($2 AS bigint) OFFSET CAST($3 AS bigint)" },
    [AUDIT_HOST_ADD] = { .name = "audit_host_add", .scope = SAAS_TENANT, .sql =
        "INSERT INTO audit_hosts (org_id, id, host, token, created_by, created_at) SELECT $1, $2, $3, $4, $5, now()"
        " WHERE (SELECT count(*) FROM audit_hosts c WHERE c.org_id = $1) < CAST($6 AS integer)"
        " ON CONFLICT (org_id, host) DO NOTHING RETURNING " AUDIT_HOST_COLUMNS },
    [AUDIT_HOST_DELETE] = { .name = "audit_host_delete", .scope = SAAS_TENANT, .sql =
        "DELETE FROM audit_hosts WHERE org_id = $1 AND id = $2 RETURNING " AUDIT_HOST_COLUMNS },
    [AUDIT_HOST_CLAIMS] = { .name = "audit_host_claims", .scope = SAAS_TENANT, .sql =
        "SELECT host, token FROM audit_hosts WHERE org_id = $1" },
    [AUDIT_HOST_PROVED] = { .name = "audit_host_proved", .scope = SAAS_TENANT, .sql =
        "UPDATE audit_hosts SET proved_at = now() WHERE org_id = $1 AND host = $2" },

    [SCHEDULES] = { .name = "schedules", .scope = SAAS_TENANT, .sql =
        "SELECT " SCHEDULE_COLUMNS ", (SELECT count(*) FROM audit_schedules c WHERE c.org_id = $1)"
        " FROM audit_schedules WHERE org_id = $1 ORDER BY id LIMIT CAST($2 AS bigint) OFFSET CAST($3 AS bigint)" },
    [SCHEDULE_GET] = { .name = "schedule_get", .scope = SAAS_TENANT, .sql =
        "SELECT " SCHEDULE_COLUMNS " FROM audit_schedules WHERE org_id = $1 AND id = $2" },
    /* When it is due says the database's clock, which all nodes share. */
    [SCHEDULE_NOW] = { .name = "schedule_now", .scope = SAAS_SYSTEM, .sql = "SELECT now()" },
    [SCHEDULE_LOCK] = { .name = "schedule_lock", .scope = SAAS_TENANT, .sql =
        "SELECT " SCHEDULE_COLUMNS ", now() FROM audit_schedules WHERE org_id = $1 AND id = $2 FOR UPDATE" },
    [SCHEDULE_ADD] = { .name = "schedule_add", .scope = SAAS_TENANT, .sql =
        "INSERT INTO audit_schedules (org_id, id, name, engine, targets, cron, time_zone, enabled, next_run_at, created_by,"
        " created_at, updated_at) SELECT $1::uuid, $2::uuid, $3, $4, $5::jsonb, $6, $7, $8::boolean, $9::timestamptz, $10::uuid,"
        " now(), now() WHERE (SELECT count(*) FROM audit_schedules c WHERE c.org_id = $1) < CAST($11 AS integer)"
        " RETURNING " SCHEDULE_COLUMNS },
    [SCHEDULE_CHANGE] = { .name = "schedule_change", .scope = SAAS_TENANT, .sql =
        "UPDATE audit_schedules SET name = $3, targets = $4, cron = $5, time_zone = $6, enabled = $7, next_run_at = $8,"
        " updated_at = now() WHERE org_id = $1 AND id = $2 RETURNING " SCHEDULE_COLUMNS },
    [SCHEDULE_DELETE] = { .name = "schedule_delete", .scope = SAAS_TENANT, .sql =
        "DELETE FROM audit_schedules WHERE org_id = $1 AND id = $2 RETURNING " SCHEDULE_COLUMNS },
    [SCHEDULES_DUE] = { .name = "schedules_due", .scope = SAAS_SYSTEM, .sql =
        "SELECT d.organization_id, d.schedule_id, d.due_at FROM audit_schedules_due d WHERE d.due_at <= now()"
        " AND (d.due_at, d.schedule_id) > ($1::timestamptz, $2::uuid) ORDER BY d.due_at, d.schedule_id LIMIT 100" },
    [SCHEDULE_TAKE] = { .name = "schedule_take", .scope = SAAS_TENANT, .sql =
        "SELECT " SCHEDULE_COLUMNS ", now(), (SELECT a.status FROM audits a WHERE a.org_id = $1 AND a.id = s.last_audit_id), "
        SAAS_STANDING_COLUMNS("o") " FROM audit_schedules s JOIN (SELECT id AS organization, subscription_status, subscription_ends_at,"
        " subscription_price FROM organizations WHERE id = $1 AND deleted_at IS NULL) o ON o.organization = s.org_id"
        " WHERE s.org_id = $1 AND s.id = $2 AND s.next_run_at <= now() FOR UPDATE OF s" },
    [SCHEDULE_WENT] = { .name = "schedule_went", .scope = SAAS_TENANT, .sql =
        "UPDATE audit_schedules SET next_run_at = $3, last_slot_at = $4, last_audit_id = coalesce($5, last_audit_id),"
        " last_error = $6 WHERE org_id = $1 AND id = $2" },

    [ALERT_GET] = { .name = "alert_get", .scope = SAAS_TENANT, .sql =
        "SELECT 1 FROM audit_alerts WHERE org_id = $1 AND user_id = $2" },
    [ALERT_ON] = { .name = "alert_on", .scope = SAAS_TENANT, .sql =
        "INSERT INTO audit_alerts (org_id, user_id, created_at) SELECT m.org_id, m.user_id, now() FROM memberships m"
        " WHERE m.org_id = $1 AND m.user_id = $2 ON CONFLICT (org_id, user_id) DO NOTHING" },
    [ALERT_OFF] = { .name = "alert_off", .scope = SAAS_TENANT, .sql =
        "DELETE FROM audit_alerts WHERE org_id = $1 AND user_id = $2" },
    [ALERT_WANTED] = { .name = "alert_wanted", .scope = SAAS_TENANT, .sql =
        "SELECT 1 FROM audit_alerts WHERE org_id = $1 LIMIT 1" },
    [ALERT_TAKE] = { .name = "alert_take", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET alerted_at = now() WHERE org_id = $1 AND id = $2 AND status = 'completed' AND alerted_at IS NULL"
        " RETURNING name, engine, targets" },
    /* The same targets, in whatever order they were named. */
    [ALERT_BEFORE] = { .name = "alert_before", .scope = SAAS_TENANT, .sql =
        ALERT_BEFORE_OF(OF_TARGET, "$4::jsonb ->> 0", "a.targets @> $4::jsonb AND a.targets <@ $4::jsonb"), .sqlite =
        ALERT_BEFORE_OF(OF_TARGET_SQLITE, "$4 ->> 0", "(SELECT json_group_array(value) FROM (SELECT value FROM json_each(a.targets) ORDER BY value))"
        " = (SELECT json_group_array(value) FROM (SELECT value FROM json_each($4) ORDER BY value))") },
    [ALERT_FINDINGS] = { .name = "alert_findings", .scope = SAAS_TENANT, .sql = ALERT_TEXT(""),
        .sqlite = ALERT_TEXT(" INDEXED BY evidence_kind") },
    [ALERT_PEOPLE] = { .name = "alert_people", .scope = SAAS_SYSTEM, .sql =
        "SELECT u.email, u.name, o.name, o.slug FROM audit_alerts a JOIN users u ON u.id = a.user_id AND u.is_active"
        " AND u.email_verified_at IS NOT NULL JOIN organizations o ON o.id = a.org_id AND o.deleted_at IS NULL WHERE a.org_id = $1" },

    /* An id grows with the time of its making, and leads the primary key. */
    [AUDIT_ALL] = { .name = "audit_all", AUDIT_WHOLE("id DESC") },
    [AUDIT_ALL_OLDEST] = { .name = "audit_all_oldest", AUDIT_WHOLE("id") },

    /* How far the audit is indexed, and the first row that is not. */
    [SEARCH_STATE] = { .name = "search_state", .scope = SAAS_TENANT, .sql =
        "SELECT a.searchable_to, (SELECT min(e.number) FROM evidence e WHERE e.org_id = $1 AND e.audit_id = $2"
        " AND e.number > a.searchable_to) FROM audits a WHERE a.org_id = $1 AND a.id = $2" },
    /* As SAAS_FINDING_FILTER compares them. */
    [SEARCH_ROWS] = { .name = "search_rows", .scope = SAAS_TENANT, .sql =
        "SELECT number, lower(resource_id), lower(check_name), lower(comment) FROM evidence WHERE org_id = $1"
        " AND audit_id = $2::uuid AND number >= CAST($3 AS bigint) AND number < CAST($4 AS bigint) ORDER BY number" },
    [SEARCH_DONE] = { .name = "search_done", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET searchable_to = CAST($4 AS bigint) WHERE org_id = $1 AND id = $2"
        " AND searchable_to = CAST($3 AS bigint) RETURNING id" },
    [SEARCH_LOAD] = { .name = "search_load", .scope = SAAS_TENANT, .sql =
        SEARCH_INSERT " SELECT $1::uuid, $2::uuid, CAST(c1 AS integer), CAST(c2 AS integer), c3 FROM saas_rows WHERE TRUE"
        SEARCH_AGAIN, .sqlite = SEARCH_INSERT " VALUES ($1, $2, $3, $4, $5)" SEARCH_AGAIN },
    [IMPORT_AGAIN] = { .name = "import_again", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET status = 'queued', progress_done = 0, progress_total = 100, error = NULL, started_at = NULL,"
        " finished_at = NULL WHERE org_id = $1 AND id = $2 AND engine = $3"
        " AND status IN ('completed', 'failed', 'canceled') RETURNING " AUDIT_COLUMNS },
    [IMPORT_RUN] = { .name = "import_run", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET status = 'running', started_at = coalesce(started_at, now())"
        " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') RETURNING " AUDIT_COLUMNS },
    [IMPORT_PROGRESS] = { .name = "import_progress", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET progress_done = CAST($3 AS integer) WHERE org_id = $1 AND id = $2 AND status = 'running'"
        " AND progress_done < CAST($3 AS integer)" },
    [IMPORT_LAST] = { .name = "import_last", .scope = SAAS_TENANT, .sql =
        "SELECT coalesce(max(number), 0) FROM evidence WHERE org_id = $1 AND audit_id = $2" },
    [IMPORT_LOAD] = { .name = "import_load", .scope = SAAS_TENANT, .sql =
        EVIDENCE_LOAD " SELECT $1::uuid, $2::uuid, CAST(c1 AS bigint), c2, c3, c4, c5, CAST(c6 AS timestamptz), c7,"
        " CAST(c8 AS uuid) FROM saas_rows ON CONFLICT DO NOTHING", .sqlite =
        EVIDENCE_LOAD " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING" },
    [IMPORT_COUNTS] = { .name = "import_counts", .scope = SAAS_TENANT, .sql =
        "SELECT count(*), count(CASE WHEN status = 'PASS' THEN 1 END), count(CASE WHEN status = 'FAIL' THEN 1 END),"
        " count(CASE WHEN status = 'MANUAL' THEN 1 END), count(CASE WHEN status = 'ERROR' THEN 1 END),"
        " count(CASE WHEN severity = 'critical' THEN 1 END), count(CASE WHEN severity = 'high' THEN 1 END),"
        " count(CASE WHEN severity = 'medium' THEN 1 END), count(CASE WHEN severity = 'low' THEN 1 END),"
        " count(CASE WHEN severity = 'informational' THEN 1 END) FROM evidence WHERE org_id = $1 AND audit_id = $2" },
    /* As score.c does, in the database: of a file there may be as many resources as findings. */
    [IMPORT_SCORE] = { .name = "import_score", .scope = SAAS_TENANT, .sql =
        "SELECT CAST(sum(r.points) AS bigint) / count(*), count(*)" LOST("critical") LOST("high") LOST("medium") LOST("low")
        " FROM (SELECT CASE WHEN sum(e.cost) > 100 THEN 0 ELSE 100 - sum(e.cost) END AS points"
        LOST_OF("critical") LOST_OF("high") LOST_OF("medium") LOST_OF("low")
        " FROM (SELECT resource_id, severity, CASE WHEN status = 'PASS' THEN 0 "
        SAAS_SCORE_COSTS " ELSE 0 END AS cost FROM evidence WHERE org_id = $1 AND audit_id = $2"
        " AND status IN ('PASS', 'FAIL')) e GROUP BY e.resource_id) r" },
    [IMPORT_NOTE] = { .name = "import_note", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET imports = imports || CAST($3 AS jsonb)"
        " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') RETURNING id", .sqlite =
        "UPDATE audits SET imports = json_insert(imports, '$[#]', json($3))"
        " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running') RETURNING id" },
    [PART_ADD] = { .name = "part_add", .scope = SAAS_TENANT, .sql =
        "INSERT INTO import_parts (org_id, audit_id, number, data) VALUES ($1, $2, CAST($3 AS integer), $4)" },
    [PART_GET] = { .name = "part_get", .scope = SAAS_TENANT, .sql =
        "SELECT data FROM import_parts WHERE org_id = $1 AND audit_id = $2 AND number = CAST($3 AS integer)" },
    [PARTS_REMOVE] = { .name = "parts_remove", .scope = SAAS_TENANT, .sql =
        "DELETE FROM import_parts WHERE org_id = $1 AND audit_id = $2" },

    [AUDIT_LIST] = AUDIT_PAGES("audit_list", "", ""),
    [AUDIT_SCHEDULED] = AUDIT_PAGES("audit_scheduled", " INDEXED BY audits_schedule", " AND schedule_id = $4"),

    [EVIDENCE_LIST + PART_OF_ALL] = { .name = "evidence_list", EVIDENCE_PAGE("") },
    [EVIDENCE_LIST + PART_OF_STATUS] = { .name = "evidence_list_status", EVIDENCE_PAGE(PART_STATUS) },
    [EVIDENCE_LIST + PART_OF_CHECK] = { .name = "evidence_list_check", EVIDENCE_PAGE(" AND check_name = $5") },
    [EVIDENCE_LIST + PART_OF_RESOURCE] = { .name = "evidence_list_resource", EVIDENCE_PAGE(" AND resource_id = $7") },
    [EVIDENCE_LIST + PART_OF_MUTED] = { .name = "evidence_list_muted", EVIDENCE_PAGE(PART_MUTED) },

    [EVIDENCE_LIST + PART_OF_FOUND] = { .name = "evidence_list_found", .scope = SAAS_TENANT,
        .sql = EVIDENCE_FOUND_PAGE(FOUND_ROWS), .sqlite = EVIDENCE_FOUND_PAGE(FOUND_ROWS_SQLITE) },

    /* In the order of evidence.c's table, each up and down. */
    [EVIDENCE_WALK] = WALK_MUTED("evidence_walk_muted"),
    WALK_OF("evidence_walk_resource", "evidence_resource", "resource_id", "$7"),
    WALK_OF("evidence_walk_check", "evidence_check", "check_name", "$5"),
    WALK_KIND("evidence_walk_status_severity"),
    WALK_KINDS("evidence_walk_severity", OF_SEVERITY),
    WALK_KINDS("evidence_walk_status", OF_STATUS),
    WALK_ALL("evidence_walk"),
    WALK_BY("evidence_walk_by_time_muted", RANGE_MUTED_BY, RANGE_MUTED_BY_SQLITE, BY_TIME_COLUMN),
    WALK_BY("evidence_walk_by_time", RANGE_BY, RANGE_BY_SQLITE, BY_TIME_COLUMN),
    WALK_BY("evidence_walk_by_check_muted", RANGE_MUTED_BY, RANGE_MUTED_BY_SQLITE, BY_CHECK_COLUMN),
    WALK_BY("evidence_walk_by_check", RANGE_BY, RANGE_BY_SQLITE, BY_CHECK_COLUMN),
    WALK_BY("evidence_walk_by_resource_muted", RANGE_MUTED_BY, RANGE_MUTED_BY_SQLITE, BY_RESOURCE_COLUMN),
    WALK_BY("evidence_walk_by_resource", RANGE_BY, RANGE_BY_SQLITE, BY_RESOURCE_COLUMN),
    WALK_FOUND("evidence_walk_found"),
    WALK_BY("evidence_walk_by_time_found", RANGE_FOUND_BY, RANGE_FOUND_BY_SQLITE, BY_TIME_COLUMN),
    WALK_BY("evidence_walk_by_check_found", RANGE_FOUND_BY, RANGE_FOUND_BY_SQLITE, BY_CHECK_COLUMN),
    WALK_BY("evidence_walk_by_resource_found", RANGE_FOUND_BY, RANGE_FOUND_BY_SQLITE, BY_RESOURCE_COLUMN),
    [EVIDENCE_END] = WALK_END_OF("evidence_end_resource", "evidence_resource", "resource_id"),
    WALK_END_OF("evidence_end_check", "evidence_check", "check_name"),
    WALK_END("evidence_end"),
    WALK_END_BY("evidence_end_by_time", BY_TIME_COLUMN),
    WALK_END_BY("evidence_end_by_check", BY_CHECK_COLUMN),
    WALK_END_BY("evidence_end_by_resource", BY_RESOURCE_COLUMN),
    [AUDITS_STATEMENTS] = { .name = NULL }
};

int audits_order(const char *const *orders, const char *name)
{
    int i;
    for (i = 0; name && orders[i]; i++) {
        if (!strcmp(orders[i], name)) {
            return i;
        }
    }
    return 0;
}

/* ------------------------------------------------------------- counters -- */

enum { AUDITS, EVIDENCE };

static const char *const events[] = {
    [AUDITS_STARTED] = "started", [AUDITS_COMPLETED] = "completed", [AUDITS_FAILED] = "failed",
    [AUDITS_CANCELED] = "canceled", NULL
};

static saas_counter_t counters[] = {
    [AUDITS] = { .name = "audits", .label = "event", .values = events,
        .help = "Audits that were started (accepted, also before they run) and that have ended, on the node where it happened." },
    [EVIDENCE] = { .name = "audits_evidence_rows", .help = "Rows of evidence that running audits have stored." },
    { 0 }
};

void audits_count(audits_event_e event)
{
    saas_count(&counters[AUDITS], (int)event, 1);
}

void audits_count_evidence(apr_size_t rows)
{
    saas_count(&counters[EVIDENCE], 0, rows);
}

/* --------------------------------------------------------------- plugin -- */

static const saas_route_t routes[] = {
    { SAAS_GET, "/audits/", audits_list, SAAS_GATES(saas_is_member) },
    { SAAS_POST, "/audits/start/", audits_start, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_POST, "/audits/import/", audits_import, SAAS_GATES(saas_may_write), .body = SAAS_BODY_UNREAD },
    { SAAS_POST, "/audits/{audit}/import/", audits_import, SAAS_GATES(saas_may_write), .body = SAAS_BODY_UNREAD },
    { SAAS_GET, "/audits/checks/", audits_checks, SAAS_GATES(saas_is_member) },
    { SAAS_GET, "/audits/hosts/", audits_hosts, SAAS_GATES(saas_is_member) },
    { SAAS_POST, "/audits/hosts/", audits_host_add, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/audits/hosts/{audit_host}/", audits_host_delete, SAAS_GATES(saas_may_write) },
    { SAAS_GET, "/audits/trend/", audits_trend, SAAS_GATES(saas_is_member) },
    { SAAS_GET, "/audits/alerts/", audits_alerts, SAAS_GATES(saas_is_member) },
    { SAAS_PATCH, "/audits/alerts/", audits_alerts_change, SAAS_GATES(saas_is_member), .body = SAAS_BODY_JSON },
    { SAAS_GET, "/audits/schedules/", audits_schedules, SAAS_GATES(saas_is_member) },
    { SAAS_POST, "/audits/schedules/", audits_schedule_add, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_GET, "/audits/schedules/{audit_schedule}/", audits_schedule_view, SAAS_GATES(saas_is_member) },
    { SAAS_PATCH, "/audits/schedules/{audit_schedule}/", audits_schedule_change, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/audits/schedules/{audit_schedule}/", audits_schedule_delete, SAAS_GATES(saas_may_write) },
    { SAAS_GET, "/audits/{audit}/", audits_view, SAAS_GATES(saas_is_member) },
    { SAAS_DELETE, "/audits/{audit}/", audits_delete, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, "/audits/{audit}/cancel/", audits_cancel, SAAS_GATES(saas_may_write) },
    { SAAS_GET, "/audits/{audit}/evidence/", audits_evidence, SAAS_GATES(saas_is_member) },
    { SAAS_PATCH, "/audits/{audit}/evidence/", audits_triage_many, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_PATCH, "/audits/{audit}/evidence/{evidence}/", audits_triage, SAAS_GATES(saas_may_write), .body = SAAS_BODY_JSON },
    { SAAS_GET, "/audits/{audit}/diff/{other}/", audits_diff, SAAS_GATES(saas_is_member) },
    { 0 }
};

static const saas_object_t objects[] = { { "audit", "audits" }, { "audit_host", "audit_hosts" }, { "audit_schedule", "audit_schedules" },
                                         { NULL, NULL } };

/* The caps are the administrator's: check_config() fills them in. */
static saas_job_kind_t jobs[] = {
    { .kind = AUDIT_JOB, .run = audits_job_run, .gave_up = audits_job_gave_up, .max_attempts = AUDIT_ATTEMPTS },
    { .kind = ALERT_JOB, .run = audits_job_alert, .max_attempts = 5 },
    { .kind = SEARCH_JOB, .run = audits_job_search, .max_attempts = 5, .per_node = 1 },
    { .kind = SCHEDULE_JOB, .run = audits_job_schedules, .max_attempts = 3 },
    { .kind = NULL }
};
static const saas_periodic_t periodic[] = { { SCHEDULE_JOB, SCHEDULE_SECONDS }, { NULL, 0 } };

static const saas_limit_t limits[] = {
    { .name = AUDITS_LIMIT, .kind = SAAS_LIMIT_COUNTED },
    { .name = AUDITS_LIMIT_TARGETS, .kind = SAAS_LIMIT_EACH },
    { .name = AUDITS_LIMIT_SCHEDULES, .kind = SAAS_LIMIT_HELD,
      .held = "SELECT count(*) FROM audit_schedules s WHERE s.org_id = $1" },
    { .name = NULL }
};

static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)ptemp;
    jobs[0].per_organization = audits_config_per_organization(s);
    jobs[0].per_node = audits_config_per_node(s);
    return NULL;
}

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("audits"),
    .openapi = saas_openapi_text,
    .statements = audits_statements,
    .routes = routes,
    .objects = objects,
    .jobs = jobs,
    .periodic = periodic,
    .check_config = check_config,
    .counters = counters,
    .limits = limits,
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

module AP_MODULE_DECLARE_DATA saas_audits_module = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    audits_config_create,
    audits_config_merge,
    audits_config_commands,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
