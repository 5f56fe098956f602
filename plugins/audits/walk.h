/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/**
 * @file walk.h
 * The statements by which the evidence of an audit is walked through from a row on, by number, time, check or resource.
 *
 * A page is one range of an index, or of a few whose rows are merged, that begins after a row, and so costs the same
 * wherever it lies.  What is asked for besides is tried on each row of the range.  There the range has an end too, a
 * row that another statement has found (WALK_END): a page reads no more than WALK_MOST rows of it, however few there
 * are to be found; then it may be short, and the next one goes on behind the end.
 *
 * No planner has a choice to make, for of an audit that has just come in it knows nothing, and what it believes of an
 * average one does not hold for a large one.  No index fits the filter (SAAS_FINDING_FILTER); what an index is to find
 * stands besides.  SQLite is told the index by its name.  PostgreSQL is given the range as a comparison of rows and
 * has to order by the same columns, which one index does, and may not sort instead (WALK_SETTINGS).
 */
#ifndef AUDITS_WALK_H
#define AUDITS_WALK_H

#include "audits.h"
#include "trigrams.h"

#include <apr_general.h>

#define EVIDENCE_COLUMNS "number, resource_id, check_name, status, severity, observed_at, comment"
#define EVIDENCE_STORED "(SELECT a.evidence_count FROM audits a WHERE a.org_id = $1 AND a.id = $2)"
#define EVIDENCE_OF "FROM evidence WHERE org_id = $1 AND audit_id = $2"

#define TRIAGE_COLUMNS \
    SAAS_FINDING_MUTED("t.") " AS muted, t.muted_reason, t.muted_until, t.comment AS note, t.updated_by, t.updated_at"
#define TRIAGE_OF(rows) \
    " LEFT JOIN triage t ON t.org_id = $1 AND t.resource_id = " rows ".resource_id AND t.check_name = " rows \
    ".check_name"
/* The page's rows with what was decided about each: looked up for them only, not for those before the page. */
#define EVIDENCE_SHOWN(rows, order) \
    .scope = SAAS_TENANT, .sql = EVIDENCE_SHOWN_TEXT(rows, ", e.total", order)
#define EVIDENCE_SHOWN_TEXT(rows, more, order) \
    "SELECT e.number, e.resource_id AS resource_id, e.check_name AS check_name, e.status, e.severity, e.observed_at," \
    " e.comment, " TRIAGE_COLUMNS more " FROM (" rows ") e" TRIAGE_OF("e") " ORDER BY " order

#define SEVERITY_RANK SEVERITY_NUMBER("0", "1", "2", "3", "4")
#define SEVERITY_NUMBER(critical, high, medium, low, informational) \
    "CASE severity WHEN 'critical' THEN " critical " WHEN 'high' THEN " high " WHEN 'medium' THEN " medium \
    " WHEN 'low' THEN " low " ELSE " informational " END"
/* The expression of the index evidence_kind: status and severity in one number. */
#define KIND \
    "CASE status WHEN 'PASS' THEN " SEVERITY_NUMBER("0", "1", "2", "3", "4") \
    " WHEN 'FAIL' THEN " SEVERITY_NUMBER("5", "6", "7", "8", "9") \
    " WHEN 'MANUAL' THEN " SEVERITY_NUMBER("10", "11", "12", "13", "14") \
    " ELSE " SEVERITY_NUMBER("15", "16", "17", "18", "19") " END"
/* The kinds that are asked for: of a status, $3, the first one; of a severity, $4, that of passed checks. */
#define STATUS_ASKED \
    "CASE $3::text WHEN 'PASS' THEN 0 WHEN 'FAIL' THEN 5 WHEN 'MANUAL' THEN 10 ELSE 15 END"
#define SEVERITY_ASKED \
    "CASE $4::text WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END"

#define NUMBER_LAST "9223372036854775807"

/* Before a walk, in its transaction: how many rows the audit has, what else is asked for, and how the walk is planned.
 * (jit: a sort that is not wanted, where there is no way without, looks dear enough for a compiler.) */
#define WALK_SETTINGS(more) \
    .sql = "SELECT evidence_count" more ", set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)," \
           " set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)" \
           " FROM audits WHERE org_id = $1 AND id = $2", \
    .sqlite = "SELECT evidence_count" more " FROM audits WHERE org_id = $1 AND id = $2"
/* Of a text that is looked for: the columns SEARCH_TO and so on. */
#define WALK_SEARCH \
    ", searchable_to, (SELECT coalesce(max(number), 0) " EVIDENCE_OF "), lower($3::text)"

/* ---------------------------------------------------------------- ranges -- */

/* The two directions, as arguments: after, up to, and the order. */
#define UP ">", "<=", ""
#define DOWN "<", ">=", " DESC"
/* With these: the macro's own arguments, then a direction's. */
#define WITH(macro, ...) macro(__VA_ARGS__)
/* And with those of a column, around the other. */
#define WITH_COLUMN(macro, ...) macro(__VA_ARGS__)

/* The rows of a range that the filter lets through, in its order, and how many at most. */
#define RANGE(evidence, where, order, limit) \
    "SELECT * FROM (SELECT " EVIDENCE_COLUMNS " FROM " evidence " WHERE org_id = $1 AND audit_id = $2" where \
    " AND " SAAS_FINDING_FILTER " ORDER BY " order " LIMIT CAST(" limit " AS bigint)) r"
/* The same for PostgreSQL, which does not stop where a comparison of rows ends if the last column decides it. */
#define RANGE_MOST(where, until, order, limit) \
    "SELECT * FROM (SELECT " EVIDENCE_COLUMNS " FROM (SELECT * " EVIDENCE_OF where " ORDER BY " order \
    " LIMIT " WALK_MOST_TEXT ") evidence WHERE " until " AND " SAAS_FINDING_FILTER " ORDER BY " order \
    " LIMIT CAST(" limit " AS bigint)) r"

/* After the row of number $9, up to $10; $11 rows. */
#define NUMBERS(gt, le) " AND number " gt " CAST($9 AS bigint) AND number " le " CAST($10 AS bigint)"
#define RANGE_ALL(gt, le, desc) RANGE("evidence", NUMBERS(gt, le), "number" desc, "$11")

/* Where a column has a value. */
#define KEYS(column, value, gt, le) \
    " AND (" column ", number) " gt " (" value ", CAST($9 AS bigint)) AND " column " " le " " value
#define RANGE_OF(index, column, value, gt, le, desc) \
    RANGE_MOST(KEYS(column, value, gt, le), "number " le " CAST($10 AS bigint)", column desc ", number" desc, "$11")
#define RANGE_OF_SQLITE(index, column, value, gt, le, desc) \
    RANGE("evidence INDEXED BY " index, " AND " column " = " value NUMBERS(gt, le), "number" desc, "$11")
/* Of a kind.  These have no end. */
#define RANGE_KIND(kind, gt, le, desc) \
    RANGE("evidence", KEYS(KIND, kind, gt, le) " AND number " le " CAST($10 AS bigint)", \
          KIND desc ", number" desc, "$11")
#define RANGE_KIND_SQLITE(kind, gt, le, desc) \
    RANGE("evidence INDEXED BY evidence_kind", " AND " KIND " = " kind NUMBERS(gt, le), "number" desc, "$11")

/* By another column: after the row of value $10 and number $9, up to $12 and $11; no value: before the first, the last; $13
 * rows.  In SQLite, which keeps all of them as texts, none comes before the empty text, and each before a blob.  (CASE, since
 * PostgreSQL takes coalesce() for a leak of rows that row-level security hides, and would try the condition on each
 * row instead.  No CAST of numbers, since SQLite would compare them as those of no column, and look at all rows of a
 * value.) */
#define VALUE_OR(value, otherwise) "CASE WHEN " value " IS NULL THEN " otherwise " ELSE " value " END"
#define VALUES_AFTER(column, cast, from, gt) \
    "(" column ", number) " gt " (" VALUE_OR("$10" cast, from) ", $9)"
#define VALUES_UNTIL(column, cast, le) \
    "CASE WHEN $12" cast " IS NULL THEN TRUE ELSE (" column ", number) " le " ($12" cast ", $11) END"
#define VALUES_UNTIL_SQLITE(column, to, le) \
    "(" column ", number) " le " (" VALUE_OR("$12", to) ", $11)"
#define VALUES(column, cast, from, gt, le) \
    " AND " VALUES_AFTER(column, cast, from, gt) " AND " VALUES_UNTIL(column, cast, le)
#define VALUES_SQLITE(column, from, to, gt, le) \
    " AND " VALUES_AFTER(column, "", from, gt) " AND " VALUES_UNTIL_SQLITE(column, to, le)
#define RANGE_BY(column, cast, from, gt, le, desc) \
    RANGE_MOST(" AND " VALUES_AFTER(column, cast, from, gt), VALUES_UNTIL(column, cast, le), column desc ", number" desc, "$13")
#define RANGE_BY_SQLITE(index, column, from, to, gt, le, desc) \
    RANGE("evidence INDEXED BY " index, VALUES_SQLITE(column, from, to, gt, le), column desc ", number" desc, "$13")
/* What a walk begins before, up and down: of PostgreSQL as told, of SQLite always this. */
#define FROM_UP_SQLITE "''", "x''", UP
#define FROM_DOWN_SQLITE "x''", "''", DOWN

/* The columns, with their index, their type, and what is before the first and behind the last of them; behind all texts
 * there is none, but the last one with a number behind all numbers. */
#define LAST_TEXT(column) "(SELECT " column " " EVIDENCE_OF " ORDER BY " column " DESC LIMIT 1)"
#define BY_TIME_COLUMN "evidence_time", "observed_at", "::timestamptz", "'-infinity'", "'infinity'"
#define BY_CHECK_COLUMN "evidence_check", "check_name", "::text", "''", LAST_TEXT("check_name")
#define BY_RESOURCE_COLUMN "evidence_resource", "resource_id", "::text", "''", LAST_TEXT("resource_id")

/* What is muted is found from the other side, by the resources about which that was decided; and sorted. */
#define MUTED_RESOURCES \
    "SELECT DISTINCT m.resource_id FROM triage m WHERE m.org_id = $1 AND " SAAS_FINDING_MUTED("m.")
#define MUTED_ROWS(where) \
    "SELECT r.* FROM (" MUTED_RESOURCES ") d(muted) CROSS JOIN LATERAL (SELECT " EVIDENCE_COLUMNS " " EVIDENCE_OF \
    " AND (resource_id, number) > (d.muted, 0) AND resource_id <= d.muted" \
    " AND " SAAS_FINDING_FILTER " ORDER BY resource_id, number OFFSET 0) r WHERE TRUE" where
#define MUTED_ROWS_SQLITE(where) \
    "SELECT " EVIDENCE_COLUMNS " FROM evidence INDEXED BY evidence_resource WHERE org_id = $1 AND audit_id = $2" \
    " AND resource_id IN (" MUTED_RESOURCES ")" where " AND " SAAS_FINDING_FILTER
#define RANGE_MUTED(gt, le, desc) MUTED_ROWS(NUMBERS(gt, le))
#define RANGE_MUTED_SQLITE(gt, le, desc) MUTED_ROWS_SQLITE(NUMBERS(gt, le))
/* (+: not by this is the index gone through.) */
#define RANGE_MUTED_BY(column, cast, from, gt, le, desc) MUTED_ROWS(VALUES(column, cast, from, gt, le))
#define RANGE_MUTED_BY_SQLITE(index, column, from, to, gt, le, desc) MUTED_ROWS_SQLITE(VALUES_SQLITE("+" column, from, to, gt, le))

/* Where the index of texts says that a text may be: numbers from and to of blocks, as JSON (search.h).  (Taken apart before
 * they are compared with rows: PostgreSQL takes what reads JSON for a leak.  And it has to know how few rows they are.) */
#define FOUND_ROWS(blocks, where) \
    "SELECT r.* FROM (SELECT CAST(value ->> 0 AS bigint) AS low, CAST(value ->> 1 AS bigint) AS high" \
    " FROM json_array_elements(CAST(" blocks " AS json)) OFFSET 0) d CROSS JOIN LATERAL (SELECT " EVIDENCE_COLUMNS \
    " " EVIDENCE_OF " AND number >= d.low AND number <= d.high AND " SAAS_FINDING_FILTER \
    " ORDER BY number LIMIT " APR_STRINGIFY(TRIGRAMS_ROWS) ") r WHERE TRUE" where
#define FOUND_ROWS_SQLITE(blocks, where) \
    "SELECT " EVIDENCE_COLUMNS " FROM json_each(" blocks ") CROSS JOIN evidence WHERE org_id = $1 AND audit_id = $2" \
    " AND number >= json_each.value ->> 0 AND number <= json_each.value ->> 1" where " AND " SAAS_FINDING_FILTER
#define RANGE_FOUND(gt, le, desc) FOUND_ROWS("$12", NUMBERS(gt, le))
#define RANGE_FOUND_SQLITE(gt, le, desc) FOUND_ROWS_SQLITE("$12", NUMBERS(gt, le))
#define RANGE_FOUND_BY(column, cast, from, gt, le, desc) FOUND_ROWS("$14", VALUES(column, cast, from, gt, le))
#define RANGE_FOUND_BY_SQLITE(index, column, from, to, gt, le, desc) \
    FOUND_ROWS_SQLITE("$14", VALUES_SQLITE(column, from, to, gt, le))

/* Of a status all severities, of a severity all statuses. */
#define OF_STATUS(range, ...) \
    range("(" STATUS_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(1 + " STATUS_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(2 + " STATUS_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(3 + " STATUS_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(4 + " STATUS_ASKED ")", __VA_ARGS__)
#define OF_SEVERITY(range, ...) \
    range("(" SEVERITY_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(5 + " SEVERITY_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(10 + " SEVERITY_ASKED ")", __VA_ARGS__) " UNION ALL " \
    range("(15 + " SEVERITY_ASKED ")", __VA_ARGS__)
#define KIND_ASKED "(" STATUS_ASKED " + " SEVERITY_ASKED ")"

/* ----------------------------------------------------------------- walks -- */

#define WALKED_IN(rows, order, limit) \
    EVIDENCE_SHOWN_TEXT("SELECT * FROM (" rows ") u ORDER BY " order " LIMIT CAST(" limit " AS bigint)", "", order)
#define WALKED(name_, order, limit, rows, rows_sqlite) \
    { .name = name_, .scope = SAAS_TENANT, \
      .sql = WALKED_IN(rows, order, limit), .sqlite = WALKED_IN(rows_sqlite, order, limit) }
#define WALKED_UP(name_, rows, rows_sqlite) WALKED(name_, "number", "$11", rows, rows_sqlite)
#define WALKED_DOWN(name_, rows, rows_sqlite) WALKED(name_ "_desc", "number DESC", "$11", rows, rows_sqlite)

/* Each of these is two statements, up and down. */
#define WALK_ALL(name_) \
    WALKED_UP(name_, WITH(RANGE_ALL, UP), WITH(RANGE_ALL, UP)), \
    WALKED_DOWN(name_, WITH(RANGE_ALL, DOWN), WITH(RANGE_ALL, DOWN))
#define WALK_OF(name_, ...) \
    WALKED_UP(name_, WITH(RANGE_OF, __VA_ARGS__, UP), WITH(RANGE_OF_SQLITE, __VA_ARGS__, UP)), \
    WALKED_DOWN(name_, WITH(RANGE_OF, __VA_ARGS__, DOWN), WITH(RANGE_OF_SQLITE, __VA_ARGS__, DOWN))
#define WALK_KIND(name_) \
    WALKED_UP(name_, WITH(RANGE_KIND, KIND_ASKED, UP), WITH(RANGE_KIND_SQLITE, KIND_ASKED, UP)), \
    WALKED_DOWN(name_, WITH(RANGE_KIND, KIND_ASKED, DOWN), WITH(RANGE_KIND_SQLITE, KIND_ASKED, DOWN))
#define WALK_KINDS(name_, kinds) \
    WALKED_UP(name_, kinds(RANGE_KIND, UP), kinds(RANGE_KIND_SQLITE, UP)), \
    WALKED_DOWN(name_, kinds(RANGE_KIND, DOWN), kinds(RANGE_KIND_SQLITE, DOWN))
#define WALK_MUTED(name_) \
    WALKED_UP(name_, WITH(RANGE_MUTED, UP), WITH(RANGE_MUTED_SQLITE, UP)), \
    WALKED_DOWN(name_, WITH(RANGE_MUTED, DOWN), WITH(RANGE_MUTED_SQLITE, DOWN))
#define WALK_FOUND(name_) \
    WALKED_UP(name_, WITH(RANGE_FOUND, UP), WITH(RANGE_FOUND_SQLITE, UP)), \
    WALKED_DOWN(name_, WITH(RANGE_FOUND, DOWN), WITH(RANGE_FOUND_SQLITE, DOWN))
#define WALK_BY(name_, range, range_sqlite, by) WITH_COLUMN(WALK_BY_COLUMN, name_, range, range_sqlite, by)
#define WALK_BY_COLUMN(name_, range, range_sqlite, index, column, cast, first, last) \
    WALKED(name_, column ", number", "$13", WITH(range, column, cast, first, UP), \
           WITH(range_sqlite, index, column, FROM_UP_SQLITE)), \
    WALKED(name_ "_desc", column " DESC, number DESC", "$13", WITH(range, column, cast, last, DOWN), \
           WITH(range_sqlite, index, column, FROM_DOWN_SQLITE))

/* ------------------------------------------------------------------ ends -- */

/* Rows that a page reads of a range on which a filter is tried, and all but one of them. */
#define WALK_MOST 20000
#define WALK_MOST_TEXT "20000"
#define WALK_OFFSET "19999"

/* The row that such a range ends with, and its value where it is by a column; none: it is shorter. */
#define END(columns, evidence, where, order) \
    "SELECT " columns " FROM " evidence " WHERE org_id = $1 AND audit_id = $2" where " ORDER BY " order \
    " LIMIT 1 OFFSET " WALK_OFFSET
#define END_AFTER(gt) " AND number " gt " CAST($3 AS bigint)"
#define WALK_END(name_) \
    { .name = name_, .scope = SAAS_TENANT, .sql = END("number", "evidence", END_AFTER(">"), "number") }, \
    { .name = name_ "_desc", .scope = SAAS_TENANT, .sql = END("number", "evidence", END_AFTER("<"), "number DESC") }
#define END_OF(column, gt, le, desc) \
    END("number", "evidence", " AND (" column ", number) " gt " ($4, CAST($3 AS bigint)) AND " column " " le " $4", \
        column desc ", number" desc)
#define END_OF_SQLITE(index, column, gt, desc) \
    END("number", "evidence INDEXED BY " index, " AND " column " = $4" END_AFTER(gt), "number" desc)
#define WALK_END_OF(name_, index, column) \
    { .name = name_, .scope = SAAS_TENANT, .sql = END_OF(column, ">", "<=", ""), \
      .sqlite = END_OF_SQLITE(index, column, ">", "") }, \
    { .name = name_ "_desc", .scope = SAAS_TENANT, .sql = END_OF(column, "<", ">=", " DESC"), \
      .sqlite = END_OF_SQLITE(index, column, "<", " DESC") }
#define END_BY(column, evidence, from, gt, desc) \
    END("number, " column, evidence, " AND (" column ", number) " gt " (" from ", $3)", column desc ", number" desc)
#define WALK_END_BY(name_, by) WITH_COLUMN(WALK_END_BY_COLUMN, name_, by)
#define WALK_END_BY_COLUMN(name_, index, column, cast, first, last) \
    { .name = name_, .scope = SAAS_TENANT, \
      .sql = END_BY(column, "evidence", VALUE_OR("$4" cast, first), ">", ""), \
      .sqlite = END_BY(column, "evidence INDEXED BY " index, VALUE_OR("$4", "''"), ">", "") }, \
    { .name = name_ "_desc", .scope = SAAS_TENANT, \
      .sql = END_BY(column, "evidence", VALUE_OR("$4" cast, last), "<", " DESC"), \
      .sqlite = END_BY(column, "evidence INDEXED BY " index, VALUE_OR("$4", "x''"), "<", " DESC") }

#endif
