/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Starting an audit: what the client named is checked by the engine itself, then
 * audit, job and activity are written together.  The same Idempotency-Key gives
 * the same audit, also when two requests race: the key is unique in the
 * organization, and the second one reads what the first one wrote.  Schedules
 * start theirs the same way, at the same cost to the plan (schedule_run.c).
 */

#include "audits.h"

#include <apr_hash.h>
#include <apr_strings.h>

#define KEY_MAX 255
#define TARGET_MAX_BYTES 2048
#define SHOWN_BYTES 200      /* of a target, in a message */
#define MESSAGES_MAX 20

static const char *engine_names(apr_pool_t *p)
{
    apr_array_header_t *list = ap_list_provider_names(p, SAAS_ENGINE_GROUP, SAAS_PLUGIN_ABI);
    const char *text = "";
    int i;

    for (i = 0; i < list->nelts; i++) {
        text = apr_pstrcat(p, text, i ? ", " : "",
                           APR_ARRAY_IDX(list, i, ap_list_provider_names_t).provider_name, NULL);
    }
    return *text ? text : "none";
}

/** A target as a message may show it: cut, but never within a character. */
static const char *shown(apr_pool_t *p, const char *target)
{
    apr_size_t len = strlen(target);
    if (len <= SHOWN_BYTES) {
        return target;
    }
    for (len = SHOWN_BYTES; len && (target[len] & 0xC0) == 0x80; len--) {
    }
    return apr_pstrcat(p, apr_pstrmemdup(p, target, len), "...", NULL);
}

/** What is wrong with one target, or NULL and its canonical form. */
static const char *check_target(saas_request_t *rq, const saas_engine_t *engine, const json_t *value,
                                const char **canonical)
{
    const char *target = json_string_value(value);
    const char *wrong;

    if (!target) {
        return "Not a valid string.";
    }
    if (strlen(target) > TARGET_MAX_BYTES) {
        return apr_psprintf(rq->pool, "%s: longer than %d bytes.", shown(rq->pool, target), TARGET_MAX_BYTES);
    }
    *canonical = NULL;
    wrong = engine->validate(rq->pool, rq->r->server, target, canonical);
    if (wrong) {
        return apr_psprintf(rq->pool, "%s: %s", shown(rq->pool, target), wrong);
    }
    if (!*canonical) {
        *canonical = target;
    }
    return NULL;
}

const char *audits_targets(saas_request_t *rq, const saas_engine_t *engine, apr_int64_t *count)
{
    const json_t *given = json_object_get(rq->body, "targets");
    apr_hash_t *seen = apr_hash_make(rq->pool);
    json_t *targets, *value;
    const char *canonical, *wrong, *copy;
    char *text;
    size_t i;
    int messages = 0;

    if (!given || json_is_null(given)) {
        saas_request_error(rq, "targets", "This field is required.");
        return NULL;
    }
    if (!json_is_array(given)) {
        saas_request_error(rq, "targets", "Expected a list of items.");
        return NULL;
    }
    if (json_array_size(given) == 0) {
        saas_request_error(rq, "targets", "This list may not be empty.");
        return NULL;
    }
    if (json_array_size(given) > AUDIT_TARGETS_MAX) {
        saas_request_error(rq, "targets", apr_psprintf(rq->pool, "Ensure this field has no more than %d elements.",
                                                       AUDIT_TARGETS_MAX));
        return NULL;
    }
    targets = json_array();
    json_array_foreach(given, i, value) {
        wrong = check_target(rq, engine, value, &canonical);
        if (wrong) {
            if (messages++ < MESSAGES_MAX) {
                saas_request_error(rq, "targets", wrong);
            }
        }
        else if (!apr_hash_get(seen, canonical, APR_HASH_KEY_STRING)) {
            apr_hash_set(seen, canonical, APR_HASH_KEY_STRING, "");
            json_array_append_new(targets, json_string(canonical));
        }
    }
    text = messages ? NULL : json_dumps(targets, JSON_COMPACT);
    copy = text ? apr_pstrdup(rq->pool, text) : NULL;
    *count = (apr_int64_t)json_array_size(targets);
    free(text);
    json_decref(targets);
    return copy;
}

const saas_engine_t *audits_engine(saas_request_t *rq, const char *name)
{
    const saas_engine_t *engine = ap_lookup_provider(SAAS_ENGINE_GROUP, name, SAAS_PLUGIN_ABI);

    if (!engine) {
        saas_request_error(rq, "engine", apr_psprintf(rq->pool, "Unknown engine. Loaded: %s.", engine_names(rq->pool)));
    }
    return engine;
}

int audits_key_is_valid(const char *key)
{
    apr_size_t len = strlen(key);
    const char *c;
    for (c = key; *c; c++) {
        if (*c < 0x21 || *c > 0x7E) {
            return 0;
        }
    }
    return len >= 1 && len <= KEY_MAX;
}

apr_status_t audits_begin(saas_db_t *db, audits_start_t *start)
{
    const char *user_id = start->rq ? start->rq->who->user_id : NULL;
    apr_status_t rv = saas_db_query(db, &audits_statements[AUDIT_CREATE], &start->rows,
                                    SAAS_ARGS(start->id, start->name, start->engine, start->targets,
                                              apr_psprintf(start->pool, "%" APR_INT64_T_FMT, start->ntargets), start->key,
                                              user_id, start->schedule));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    start->created = start->rows->count > 0;
    if (!start->created) {
        rv = saas_db_query(db, &audits_statements[AUDIT_BY_KEY], &start->rows, SAAS_ARGS(start->key));
        /* Deleted between the two statements: the next try creates it. */
        return rv == APR_SUCCESS && start->rows->count == 0 ? SAAS_ESERIALIZATION : rv;
    }
    /* Only now: an audit that was there already takes nothing. */
    if ((rv = saas_limit_take_of(start->rq, db, start->standing, AUDITS_LIMIT_TARGETS, start->ntargets)) != APR_SUCCESS
        || (rv = saas_limit_take_of(start->rq, db, start->standing, AUDITS_LIMIT, 1)) != APR_SUCCESS
        || (rv = saas_job_enqueue(db, AUDIT_JOB, start->org_id, start->id, NULL, 0)) != APR_SUCCESS) {
        return rv;
    }
    return audits_activity(db, start->rq, start->job_id, "audit.started", start->pool, start->rows);
}

void audits_began(const audits_start_t *start)
{
    if (start->created) {
        audits_count(AUDITS_STARTED);
        saas_jobs_wake();
    }
}

static apr_status_t start_body(saas_db_t *db, void *baton)
{
    return audits_begin(db, baton);
}

int audits_start(saas_request_t *rq)
{
    audits_start_t start = { .rq = rq, .pool = rq->pool, .org_id = rq->who->org_id,
                             .standing = { rq->who->has_active_subscription, rq->who->price },
                             .key = apr_table_get(rq->r->headers_in, "Idempotency-Key") };
    const saas_engine_t *engine;
    saas_db_t *db;
    apr_status_t rv;

    start.name = saas_request_field(rq, "name", SAAS_FIELD_BLANK | SAAS_FIELD_NULLABLE, AUDIT_NAME_MAX);
    start.engine = saas_request_field(rq, "engine", SAAS_FIELD_NULLABLE, 64);
    if (!start.name) {
        start.name = "";
    }
    if (!start.engine) {
        start.engine = "web";
    }
    if (start.key && !audits_key_is_valid(start.key)) {
        saas_request_error(rq, NULL, "Idempotency-Key must be 1 to 255 visible ASCII characters.");
    }
    if (!json_object_get(rq->errors, "engine") && (engine = audits_engine(rq, start.engine)) != NULL) {
        start.targets = audits_targets(rq, engine, &start.ntargets);
    }
    if (rq->errors) {
        return saas_reply_errors(rq);
    }
    start.id = saas_uuid(rq->pool);

    if ((rv = saas_request_db(rq, &db)) == APR_SUCCESS) {
        rv = saas_db_transaction(db, start_body, &start);
        saas_db_close(db);
    }
    if (rv != APR_SUCCESS) {
        return saas_reply_failure(rq, rv);
    }
    audits_began(&start);
    apr_table_setn(rq->r->headers_out, "Location",
                   apr_pstrcat(rq->pool, saas_request_base_url(rq), "/audits/",
                               saas_cell(start.rows, 0, COLUMN_ID), "/", NULL));
    return audits_reply(rq, HTTP_ACCEPTED, start.rows);
}
