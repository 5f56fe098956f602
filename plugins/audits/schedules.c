/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Schedules as the API shows and changes them.  What a schedule names is checked as when an audit is started, and once more
 * each time that it starts one.  It is its organization's: whoever has made it may leave.
 *
 * When it is due next is kept in its row, by the database's clock.  It never goes back to a time that has been due: so
 * neither a change nor a clock that is put back starts anything twice.
 */

#include "audits.h"
#include "cron.h"
#include "zone.h"

#include <apr_strings.h>

#define SCHEDULES_MAX 100
#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

static const saas_json_member_t members[] = {
    { "id", SAAS_JSON_TEXT, .column = SCHEDULE_ID },
    { "name", SAAS_JSON_TEXT, .column = SCHEDULE_NAME },
    { "engine", SAAS_JSON_TEXT, .column = SCHEDULE_ENGINE },
    { "targets", SAAS_JSON_RAW, .column = SCHEDULE_TARGETS, .otherwise = "[]" },
    { "cron", SAAS_JSON_TEXT, .column = SCHEDULE_CRON },
    { "time_zone", SAAS_JSON_TEXT, .column = SCHEDULE_ZONE },
    { "enabled", SAAS_JSON_BOOL, .column = SCHEDULE_ENABLED },
    { "next_run_at", SAAS_JSON_TIME, .column = SCHEDULE_NEXT },
    { "last_due_at", SAAS_JSON_TIME, .column = SCHEDULE_SLOT },
    { "last_audit", SAAS_JSON_TEXT, .column = SCHEDULE_AUDIT },
    { "last_error", SAAS_JSON_TEXT, .column = SCHEDULE_ERROR },
    { "created_by", SAAS_JSON_TEXT, .column = SCHEDULE_CREATED_BY },
    { "created_at", SAAS_JSON_TIME, .column = SCHEDULE_CREATED },
    { "updated_at", SAAS_JSON_TIME, .column = SCHEDULE_UPDATED },
    { 0 }
};

const char *audits_schedule_next(apr_pool_t *p, const char *cron, const char *zone, const char *now, const char *slot)
{
    const saas_zone_t *found = saas_zone_find(p, zone);
    saas_cron_t read;
    apr_time_t time, last = 0;
    apr_int64_t next;

    if (!found || saas_cron_read(p, cron, &read) || saas_time_parse(now, &time) != APR_SUCCESS
        || (slot && saas_time_parse(slot, &last) != APR_SUCCESS)) {
        return NULL;
    }
    return saas_cron_next(&read, saas_zone_offset, found, apr_time_sec(time > last ? time : last), &next)
               ? saas_time_text(p, apr_time_from_sec(next)) : NULL;
}

int audits_schedules(saas_request_t *rq)
{
    return saas_reply_list(rq, members, &audits_statements[SCHEDULES], SAAS_NO_ARGS);
}

int audits_schedule_view(saas_request_t *rq)
{
    saas_rows_t *rows;
    apr_status_t rv = saas_query(rq, &audits_statements[SCHEDULE_GET], &rows,
                                 SAAS_ARGS(saas_request_parameter(rq, "audit_schedule")));
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return rows->count ? saas_reply_json(rq, HTTP_OK, saas_row_json(rq, members, rows, 0)) : saas_reply_not_found(rq);
}

/* --------------------------------------------------------------- fields -- */

/** What a body says; NULL: nothing. */
typedef struct change_t {
    saas_request_t *rq;
    const char *id;
    const char *name;
    const char *engine;
    const char *targets;           /**< JSON */
    apr_int64_t ntargets;
    const char *cron;
    const char *zone;
    const char *enabled;           /**< "1", "0" */
    saas_rows_t *before, *rows;    /**< the schedule, before and afterwards */
} change_t;

static void read_enabled(change_t *change)
{
    const json_t *enabled = json_object_get(change->rq->body, "enabled");

    if (enabled && !json_is_boolean(enabled)) {
        saas_request_error(change->rq, "enabled", "Must be a valid boolean.");
    }
    else if (enabled) {
        change->enabled = json_is_true(enabled) ? "1" : "0";
    }
}

/** When: the fields that both bodies have. */
static void read_times(change_t *change, unsigned flags)
{
    saas_request_t *rq = change->rq;
    const char *wrong;
    saas_cron_t cron;

    change->name = saas_request_field(rq, "name", SAAS_FIELD_BLANK | SAAS_FIELD_NULLABLE, AUDIT_NAME_MAX);
    change->cron = saas_request_field(rq, "cron", flags, SAAS_CRON_MAX);
    if (change->cron && (wrong = saas_cron_read(rq->pool, change->cron, &cron)) != NULL) {
        saas_request_error(rq, "cron", wrong);
    }
    change->zone = saas_request_field(rq, "time_zone", 0, SAAS_ZONE_MAX);
    if (change->zone && !saas_zone_find(rq->pool, change->zone)) {
        saas_request_error(rq, "time_zone", "Unknown time zone: use a name of the IANA database, as in Europe/Berlin or UTC.");
    }
    read_enabled(change);
}

/* --------------------------------------------------------------- change -- */

static json_t *shown(const saas_rows_t *rows)
{
    const char *text = rows ? saas_cell(rows, 0, SCHEDULE_TARGETS) : NULL;
    json_t *targets = text ? json_loads(text, 0, NULL) : NULL, *value = NULL;

    if (rows) {
        value = json_pack("{s:o, s:o, s:o, s:b, s:o, s:i}", "name", saas_cell_json(rows, 0, SCHEDULE_NAME), "cron",
                          saas_cell_json(rows, 0, SCHEDULE_CRON), "time_zone", saas_cell_json(rows, 0, SCHEDULE_ZONE),
                          "enabled", saas_cell_bool(rows, 0, SCHEDULE_ENABLED), "engine",
                          saas_cell_json(rows, 0, SCHEDULE_ENGINE), "targets", (int)json_array_size(targets));
    }
    json_decref(targets);
    return value;
}

static apr_status_t note(saas_db_t *db, saas_request_t *rq, const char *action, const saas_rows_t *before,
                         const saas_rows_t *after)
{
    const saas_rows_t *rows = after ? after : before;
    const char *name = saas_cell(rows, 0, SCHEDULE_NAME);
    saas_activity_t what = { .action = action, .target_type = "schedule", .target_id = saas_cell(rows, 0, SCHEDULE_ID),
                             .target_label = *name ? name : saas_cell(rows, 0, SCHEDULE_CRON),
                             .old_value = shown(before), .new_value = shown(after) };
    apr_status_t rv = saas_activity(db, rq, &what);

    json_decref(what.old_value);
    json_decref(what.new_value);
    return rv;
}

static int transact(change_t *change, apr_status_t (*body)(saas_db_t *db, void *baton), int status)
{
    saas_request_t *rq = change->rq;
    saas_db_t *db;
    apr_status_t rv = saas_request_db(rq, &db);

    if (rv == APR_SUCCESS) {
        rv = saas_db_transaction(db, body, change);
        saas_db_close(db);
    }
    if (rv == APR_NOTFOUND) {
        return saas_reply_not_found(rq);
    }
    if (rv == APR_ENOSPC) {
        return saas_reply_error(rq, HTTP_CONFLICT, "conflict",
                                "There are " TEXT(SCHEDULES_MAX) " schedules already: delete one that is not needed.");
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    return saas_reply_json(rq, status, status == HTTP_NO_CONTENT ? NULL : saas_row_json(rq, members, change->rows, 0));
}

static apr_status_t add_body(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_request_t *rq = change->rq;
    saas_rows_t *now;
    const char *next = NULL;
    apr_status_t rv = saas_db_query(db, &audits_statements[SCHEDULE_NOW], &now, SAAS_NO_ARGS);

    if (rv == APR_SUCCESS && *change->enabled == '1'
        && !(next = audits_schedule_next(rq->pool, change->cron, change->zone, saas_cell(now, 0, 0), NULL))) {
        rv = APR_EGENERAL;
    }
    if (rv == APR_SUCCESS) {
        rv = saas_db_query(db, &audits_statements[SCHEDULE_ADD], &change->rows,
                           SAAS_ARGS(change->id, change->name, change->engine, change->targets, change->cron, change->zone,
                                     change->enabled, next, rq->who->user_id, TEXT(SCHEDULES_MAX)));
    }
    if (rv == APR_SUCCESS && !change->rows->count) {
        return APR_ENOSPC;
    }
    if (rv != APR_SUCCESS
        || (rv = saas_limit_take(rq, db, AUDITS_LIMIT_TARGETS, change->ntargets)) != APR_SUCCESS
        || (rv = saas_limit_take(rq, db, AUDITS_LIMIT_SCHEDULES, 1)) != APR_SUCCESS) {
        return rv;
    }
    return note(db, rq, "schedule.created", NULL, change->rows);
}

int audits_schedule_add(saas_request_t *rq)
{
    change_t change = { .rq = rq, .id = saas_uuid(rq->pool) };
    const saas_engine_t *engine;

    read_times(&change, SAAS_FIELD_REQUIRED);
    change.name = change.name ? change.name : "";
    change.zone = change.zone ? change.zone : "UTC";
    change.enabled = change.enabled ? change.enabled : "1";
    change.engine = saas_request_field(rq, "engine", SAAS_FIELD_NULLABLE, 64);
    change.engine = change.engine ? change.engine : "web";
    if (!json_object_get(rq->errors, "engine") && (engine = audits_engine(rq, change.engine)) != NULL) {
        change.targets = audits_targets(rq, engine, &change.ntargets);
    }
    return rq->errors ? saas_reply_errors(rq) : transact(&change, add_body, HTTP_CREATED);
}

/** The next time after a change; *next stays when nothing of it was changed. */
static apr_status_t plan(const change_t *change, const char **cron, const char **zone, const char **enabled, const char **next)
{
    const saas_rows_t *before = change->before;
    const char *was = saas_cell_bool(before, 0, SCHEDULE_ENABLED) ? "1" : "0";

    *cron = change->cron ? change->cron : saas_cell(before, 0, SCHEDULE_CRON);
    *zone = change->zone ? change->zone : saas_cell(before, 0, SCHEDULE_ZONE);
    *enabled = change->enabled ? change->enabled : was;
    *next = saas_cell(before, 0, SCHEDULE_NEXT);
    if (**enabled == '0') {
        *next = NULL;
    }
    else if (!*next || strcmp(*enabled, was) || strcmp(*cron, saas_cell(before, 0, SCHEDULE_CRON))
             || strcmp(*zone, saas_cell(before, 0, SCHEDULE_ZONE))) {
        *next = audits_schedule_next(change->rq->pool, *cron, *zone, saas_cell(before, 0, SCHEDULE_COLUMNS_COUNT),
                                     saas_cell(before, 0, SCHEDULE_SLOT));
        return *next ? APR_SUCCESS : APR_EGENERAL;
    }
    return APR_SUCCESS;
}

static apr_status_t change_body(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    saas_request_t *rq = change->rq;
    const char *name, *targets, *cron, *zone, *enabled, *next;
    apr_status_t rv = saas_db_query(db, &audits_statements[SCHEDULE_LOCK], &change->before, SAAS_ARGS(change->id));

    if (rv == APR_SUCCESS && !change->before->count) {
        return APR_NOTFOUND;
    }
    if (rv != APR_SUCCESS || (rv = plan(change, &cron, &zone, &enabled, &next)) != APR_SUCCESS) {
        return rv;
    }
    name = change->name ? change->name : saas_cell(change->before, 0, SCHEDULE_NAME);
    targets = change->targets ? change->targets : saas_cell(change->before, 0, SCHEDULE_TARGETS);
    if ((rv = saas_db_query(db, &audits_statements[SCHEDULE_CHANGE], &change->rows,
                            SAAS_ARGS(change->id, name, targets, cron, zone, enabled, next))) != APR_SUCCESS
        || (rv = saas_limit_take(rq, db, AUDITS_LIMIT_TARGETS, change->ntargets)) != APR_SUCCESS) {
        return rv;
    }
    return note(db, rq, "schedule.changed", change->before, change->rows);
}

int audits_schedule_change(saas_request_t *rq)
{
    change_t change = { .rq = rq, .id = saas_request_parameter(rq, "audit_schedule") };
    const saas_engine_t *engine;
    saas_rows_t *rows;
    apr_status_t rv;

    read_times(&change, 0);
    if (json_object_get(rq->body, "engine")) {
        saas_request_error(rq, "engine", "This cannot be changed: make another schedule.");
    }
    else if (json_object_get(rq->body, "targets")) {
        /* The engine of a schedule never changes, so it may be asked for before the row is locked. */
        rv = saas_query(rq, &audits_statements[SCHEDULE_GET], &rows, SAAS_ARGS(change.id));
        if (rv != APR_SUCCESS || !rows->count) {
            return rv != APR_SUCCESS ? saas_reply_failure(rq, rv) : saas_reply_not_found(rq);
        }
        if ((engine = audits_engine(rq, saas_cell(rows, 0, SCHEDULE_ENGINE))) != NULL) {
            change.targets = audits_targets(rq, engine, &change.ntargets);
        }
    }
    if (!rq->errors && !change.name && !change.cron && !change.zone && !change.enabled && !change.targets) {
        saas_request_error(rq, NULL, "Nothing to change: name, targets, cron, time_zone or enabled.");
    }
    return rq->errors ? saas_reply_errors(rq) : transact(&change, change_body, HTTP_OK);
}

static apr_status_t delete_body(saas_db_t *db, void *baton)
{
    change_t *change = baton;
    apr_status_t rv = saas_db_query(db, &audits_statements[SCHEDULE_DELETE], &change->before, SAAS_ARGS(change->id));

    if (rv != APR_SUCCESS || !change->before->count) {
        return rv == APR_SUCCESS ? APR_NOTFOUND : rv;
    }
    return note(db, change->rq, "schedule.deleted", change->before, NULL);
}

int audits_schedule_delete(saas_request_t *rq)
{
    change_t change = { .rq = rq, .id = saas_request_parameter(rq, "audit_schedule") };
    return transact(&change, delete_body, HTTP_NO_CONTENT);
}
