/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The notify plugin at a glance: outgoing webhooks in the form of Standard Webhooks.  Here: directives, statements, routes,
 * counters.
 *
 * What is told comes from the trail of activity: the database's trigger activity_notify writes a delivery for each endpoint
 * that wants it, in the transaction of the entry, so that no plugin has to know of this one.  One thread of a node claims
 * what is due and sends it, many at once (thread.c, pump.c, queue.c, sender.c).  A claim is a lease with a fencing token:
 * a node that dies loses nothing, and what it was sending is sent again with the same webhook-id.
 *
 * Every connection asks the host's address guard; no redirect is followed; no secret and no body is ever logged.
 */
#include "notify.h"

module AP_MODULE_DECLARE_DATA saas_notify_module;
SAAS_PLUGIN_DEFINE;

SAAS_DIRECTIVES_DEFINE(saas_notify_config, saas_notify_module, SAAS_NOTIFY_DIRECTIVES)

const saas_guard_t *saas_notify_guard;

/* ---------------------------------------------------------- statements -- */

/* As endpoints.c has their numbers. */
#define ENDPOINT "id, url, description, events, enabled, disabled_reason, failing_since, previous_until, created_at, updated_at"
/* As deliveries.c has them. */
#define DELIVERY \
    "d.message_id, d.type, d.state, d.tries, d.created_at, d.run_after, d.attempted_at, d.status, d.duration_ms, d.error," \
    " d.answer, d.attempts, d.lease_owner"
#define DELIVERY_FILTER(t) \
    t "org_id = $1 AND " t "endpoint_id = $2::uuid AND ($3::text IS NULL OR " t "state = $3)" \
    " AND ($4::text IS NULL OR " t "type = $4)"
/* An entry of the trail, as a message is made of it. */
#define ENTRY \
    "a.actor_type, a.actor_id, a.actor_email, a.target_type, a.target_id, a.target_label, a.old_value, a.new_value"
#define NEXT_ENDPOINT(column, after) \
    "(SELECT d." column " FROM notify_deliveries d WHERE d.state = 'queued' AND (d.org_id, d.endpoint_id) > (" after ")" \
    " ORDER BY d.org_id, d.endpoint_id LIMIT 1)"
#define DUE "state = 'queued' AND run_after <= now()"
#define MINE(n) \
    " d.org_id = CAST(value ->> 0 AS uuid) AND d.endpoint_id = CAST(value ->> 1 AS uuid)" \
    " AND d.message_id = CAST(value ->> 2 AS uuid) AND d.lease_owner = value ->> 3" n
#define MINE_SQLITE \
    " d.org_id = value ->> 0 AND d.endpoint_id = value ->> 1 AND d.message_id = value ->> 2 AND d.lease_owner = value ->> 3"
#define ATTEMPTS_KEPT "30"

saas_statement_t saas_notify_statements[] = {
    [NOTIFY_ENDPOINTS] = { .name = "notify_endpoints", .scope = SAAS_TENANT, .sql =
        "SELECT " ENDPOINT ", (SELECT count(*) FROM notify_endpoints c WHERE c.org_id = $1 AND c.deleted_at IS NULL)"
        " FROM notify_endpoints WHERE org_id = $1 AND deleted_at IS NULL ORDER BY id"
        " LIMIT CAST($2 AS bigint) OFFSET CAST($3 AS bigint)" },
    [NOTIFY_ENDPOINT] = { .name = "notify_endpoint", .scope = SAAS_TENANT, .sql =
        "SELECT " ENDPOINT " FROM notify_endpoints WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL" },
    /* How many there are is decided under it. */
    [NOTIFY_LOCK] = { .name = "notify_lock", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM organizations WHERE id = $1 FOR UPDATE" },
    [NOTIFY_ADD] = { .name = "notify_add", .scope = SAAS_TENANT, .sql =
        "INSERT INTO notify_endpoints (org_id, id, url, description, events, enabled, secret, created_by, created_at, updated_at)"
        " SELECT $1::uuid, $2::uuid, $3, $4, $5::jsonb, $6::text = 'yes', $7, $8::uuid, now(), now()"
        " WHERE (SELECT count(*) FROM notify_endpoints WHERE org_id = $1 AND deleted_at IS NULL) < CAST($9 AS bigint)"
        " RETURNING " ENDPOINT },
    /* Who mends an endpoint, or moves it, has it tried at once. */
    [NOTIFY_CHANGE] = { .name = "notify_change", .scope = SAAS_TENANT, .sql =
        "UPDATE notify_endpoints SET url = coalesce($3::text, url), description = coalesce($4::text, description),"
        " events = coalesce($5::jsonb, events), enabled = coalesce($6::text = 'yes', enabled),"
        " disabled_reason = CASE WHEN $6::text IS NULL THEN disabled_reason END,"
        " streak = CASE WHEN $6::text = 'yes' OR $3::text IS NOT NULL THEN 1 ELSE streak END,"
        " failing_since = CASE WHEN $6::text = 'yes' OR $3::text IS NOT NULL THEN NULL ELSE failing_since END,"
        " quiet_until = CASE WHEN $6::text = 'yes' OR $3::text IS NOT NULL THEN NULL ELSE quiet_until END,"
        " updated_at = now() WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING " ENDPOINT },
    [NOTIFY_DELETE] = { .name = "notify_delete", .scope = SAAS_TENANT, .sql =
        "UPDATE notify_endpoints SET deleted_at = now(), enabled = FALSE, updated_at = now()"
        " WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING " ENDPOINT },
    /* A tenant statement does not read the secret that becomes the previous one. */
    [NOTIFY_ROTATE] = { .name = "notify_rotate", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_endpoints SET previous_secret = secret, secret = $3,"
        " previous_until = saas_now_plus(CAST($4 AS double precision)), updated_at = now()"
        " WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING " ENDPOINT },
    [NOTIFY_DELIVERIES] = { .name = "notify_deliveries", .scope = SAAS_TENANT, .sql =
        "SELECT " DELIVERY ", (SELECT count(*) FROM notify_deliveries c WHERE " DELIVERY_FILTER("c.") ")"
        " FROM notify_deliveries d WHERE " DELIVERY_FILTER("d.") " ORDER BY d.message_id DESC"
        " LIMIT CAST($5 AS bigint) OFFSET CAST($6 AS bigint)" },
    [NOTIFY_DELIVERY] = { .name = "notify_delivery", .scope = SAAS_TENANT, .sql =
        "SELECT " DELIVERY ", " ENTRY " FROM notify_deliveries d LEFT JOIN activity a ON a.org_id = d.org_id AND a.id = d.message_id"
        " WHERE d.org_id = $1 AND d.endpoint_id = $2 AND d.message_id = $3" },
    [NOTIFY_TEST] = { .name = "notify_test", .scope = SAAS_TENANT, .sql =
        "INSERT INTO notify_deliveries (org_id, endpoint_id, message_id, type, created_at, queued_at, run_after)"
        " SELECT org_id, id, $3::uuid, $4::text, now(), now(), now() FROM notify_endpoints"
        " WHERE org_id = $1 AND id = $2 AND enabled AND deleted_at IS NULL" },
    /* Not while it is being sent: it would be sent twice. */
    [NOTIFY_REPLAY] = { .name = "notify_replay", .scope = SAAS_TENANT, .sql =
        "UPDATE notify_deliveries SET state = 'queued', queued_at = now(), run_after = now(), tries = 0, lease_owner = NULL"
        " WHERE org_id = $1 AND endpoint_id = $2 AND message_id = $3 AND (lease_owner IS NULL OR run_after <= now())" },
    [NOTIFY_AWAKE] = { .name = "notify_awake", .scope = SAAS_TENANT, .sql =
        "UPDATE notify_endpoints SET quiet_until = NULL WHERE org_id = $1 AND id = $2 AND enabled AND deleted_at IS NULL"
        " RETURNING id" },

    /* From $1, $2 on, the next $3 endpoints that something waits for: one after the other by the index, however much that is.
     * A step of the walk costs the same for one message and for a million. */
    [NOTIFY_LOOK] = { .name = "notify_look", .scope = SAAS_SYSTEM, .sql =
        "WITH RECURSIVE walk (org_id, endpoint_id, n) AS (SELECT * FROM (SELECT " NEXT_ENDPOINT("org_id", "$1::uuid, $2::uuid")
        " AS org_id, " NEXT_ENDPOINT("endpoint_id", "$1::uuid, $2::uuid") " AS endpoint_id, 1 AS n) AS begin"
        " UNION ALL SELECT " NEXT_ENDPOINT("org_id", "w.org_id, w.endpoint_id") ", "
        NEXT_ENDPOINT("endpoint_id", "w.org_id, w.endpoint_id") ", w.n + 1"
        " FROM walk w WHERE w.org_id IS NOT NULL AND w.n < CAST($3 AS integer))"
        " SELECT w.org_id, w.endpoint_id, e.streak, (SELECT count(*) FROM (SELECT d.message_id FROM notify_deliveries d"
        " WHERE d.org_id = w.org_id AND d.endpoint_id = w.endpoint_id AND d." DUE " LIMIT 64) AS due),"
        " e.enabled AND e.deleted_at IS NULL AND o.deleted_at IS NULL AND (e.quiet_until IS NULL OR e.quiet_until <= now())"
        " FROM walk w JOIN notify_endpoints e ON e.org_id = w.org_id AND e.id = w.endpoint_id"
        " JOIN organizations o ON o.id = w.org_id ORDER BY w.n" },
    [NOTIFY_CLAIM] = { .name = "notify_claim", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_deliveries SET lease_owner = $4, run_after = saas_now_plus(CAST($5 AS double precision)), tries = tries + 1"
        " WHERE org_id = $1 AND endpoint_id = $2 AND state = 'queued' AND message_id = ANY(ARRAY(SELECT message_id"
        " FROM notify_deliveries WHERE org_id = $1 AND endpoint_id = $2 AND " DUE
        " ORDER BY run_after LIMIT CAST($3 AS bigint) FOR UPDATE SKIP LOCKED))", .sqlite =
        "UPDATE notify_deliveries SET lease_owner = $4, run_after = saas_now_plus(CAST($5 AS double precision)), tries = tries + 1"
        " WHERE org_id = $1 AND endpoint_id = $2 AND message_id IN (SELECT message_id"
        " FROM notify_deliveries WHERE org_id = $1 AND endpoint_id = $2 AND " DUE
        " ORDER BY run_after LIMIT CAST($3 AS bigint))" },
    /* What a claim has taken; $1 the claim, $2 [[org, endpoint], ...]. */
#define TAKE(from, org, endpoint) \
        "SELECT d.org_id, d.endpoint_id, d.message_id, d.type, d.created_at, d.tries, d.queued_at, now(), e.url, e.streak," \
        " e.secret, CASE WHEN e.previous_until > now() THEN e.previous_secret END, o.slug, " ENTRY \
        " FROM " from " JOIN notify_deliveries d ON d.org_id = " org " AND d.endpoint_id = " endpoint \
        " AND d.lease_owner = $1" \
        " JOIN notify_endpoints e ON e.org_id = d.org_id AND e.id = d.endpoint_id JOIN organizations o ON o.id = d.org_id" \
        " LEFT JOIN activity a ON a.org_id = d.org_id AND a.id = d.message_id ORDER BY d.created_at"
    [NOTIFY_TAKE] = { .name = "notify_take", .scope = SAAS_SYSTEM,
        .sql = TAKE("jsonb_array_elements(CAST($2 AS jsonb)) AS claims(value)", "CAST(value ->> 0 AS uuid)",
                    "CAST(value ->> 1 AS uuid)"),
        .sqlite = TAKE("json_each($2)", "value ->> 0", "value ->> 1") },
    /* $1 [[org, endpoint, message, claim, state, seconds, status, ms, error, answer, attempt], ...]: only what is still
     * claimed by who has sent it. */
    [NOTIFY_SETTLE] = { .name = "notify_settle", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_deliveries AS d SET state = value ->> 4,"
        " run_after = CASE WHEN value ->> 4 = 'queued' THEN saas_now_plus(CAST(value ->> 5 AS double precision)) ELSE d.run_after END,"
        " lease_owner = NULL, status = CAST(value ->> 6 AS integer), duration_ms = CAST(value ->> 7 AS integer),"
        " error = value ->> 8, answer = value ->> 9, attempted_at = now(),"
        " attempts = CASE WHEN jsonb_array_length(d.attempts) >= " ATTEMPTS_KEPT " THEN d.attempts - 0 ELSE d.attempts END"
        " || jsonb_build_array(value -> 10)"
        " FROM jsonb_array_elements(CAST($1 AS jsonb)) AS results(value) WHERE" MINE(""), .sqlite =
        "UPDATE notify_deliveries AS d SET state = value ->> 4,"
        " run_after = CASE WHEN value ->> 4 = 'queued' THEN saas_now_plus(value ->> 5) ELSE d.run_after END,"
        " lease_owner = NULL, status = value ->> 6, duration_ms = value ->> 7, error = value ->> 8, answer = value ->> 9,"
        " attempted_at = now(), attempts = json_insert(CASE WHEN json_array_length(d.attempts) >= " ATTEMPTS_KEPT
        " THEN json_remove(d.attempts, '$[0]') ELSE d.attempts END, '$[#]', json(value -> 10))"
        " FROM json_each($1) WHERE" MINE_SQLITE },
    /* What this node does not get to send: another one may at once. */
    [NOTIFY_RELEASE] = { .name = "notify_release", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_deliveries AS d SET lease_owner = NULL, run_after = now(), tries = d.tries - 1"
        " FROM jsonb_array_elements(CAST($1 AS jsonb)) AS results(value) WHERE" MINE(""), .sqlite =
        "UPDATE notify_deliveries AS d SET lease_owner = NULL, run_after = now(), tries = d.tries - 1"
        " FROM json_each($1) WHERE" MINE_SQLITE },
    /* $3 failures, 0: it works; $4 seconds of quiet. */
    [NOTIFY_STREAK] = { .name = "notify_streak", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_endpoints SET streak = CASE WHEN $3::integer = 0 THEN 0 ELSE streak + $3::integer END,"
        " failing_since = CASE WHEN $3::integer = 0 THEN NULL ELSE coalesce(failing_since, now()) END,"
        " quiet_until = CASE WHEN $3::integer = 0 THEN NULL ELSE saas_now_plus(CAST($4 AS double precision)) END"
        " WHERE org_id = $1 AND id = $2", .sqlite =
        "UPDATE notify_endpoints SET streak = CASE WHEN CAST($3 AS integer) = 0 THEN 0 ELSE streak + CAST($3 AS integer) END,"
        " failing_since = CASE WHEN CAST($3 AS integer) = 0 THEN NULL ELSE coalesce(failing_since, now()) END,"
        " quiet_until = CASE WHEN CAST($3 AS integer) = 0 THEN NULL ELSE saas_now_plus(CAST($4 AS double precision)) END"
        " WHERE org_id = $1 AND id = $2" },
    [NOTIFY_DISABLE] = { .name = "notify_disable", .scope = SAAS_TENANT, .sql =
        "UPDATE notify_endpoints SET enabled = FALSE, disabled_reason = $3::text, updated_at = now()"
        " WHERE org_id = $1 AND id = $2 AND enabled AND deleted_at IS NULL"
        " AND ($3::text = 'gone' OR failing_since <= saas_now_plus(- CAST($4 AS double precision))) RETURNING url" },
    [NOTIFY_ADMINS] = { .name = "notify_admins", .scope = SAAS_TENANT, .sql =
        "SELECT u.email, u.name, o.name FROM memberships m JOIN users u ON u.id = m.user_id"
        " JOIN organizations o ON o.id = m.org_id"
        " WHERE m.org_id = $1 AND m.role = 'ADMIN' AND o.deleted_at IS NULL ORDER BY u.id LIMIT 20" },

    [NOTIFY_WALK] = { .name = "notify_walk", .scope = SAAS_SYSTEM, .sql =
        "SELECT org_id, id, deleted_at IS NOT NULL FROM notify_endpoints WHERE (org_id, id) > ($1::uuid, $2::uuid)"
        " ORDER BY org_id, id LIMIT 100" },
    /* What waited for a disabled endpoint until it was too late. */
    [NOTIFY_EXPIRE] = { .name = "notify_expire", .scope = SAAS_SYSTEM, .sql =
        "UPDATE notify_deliveries SET state = 'failed', lease_owner = NULL, error = 'the endpoint was disabled'"
        " WHERE org_id = $1 AND endpoint_id = $2 AND state = 'queued'"
        " AND run_after < saas_now_plus(- CAST($3 AS double precision))"
        " AND EXISTS (SELECT 1 FROM notify_endpoints e WHERE e.org_id = $1 AND e.id = $2 AND NOT e.enabled)" },
    /* An id begins with its time. */
    [NOTIFY_PURGE] = { .name = "notify_purge", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM notify_deliveries WHERE org_id = $1 AND endpoint_id = $2 AND message_id IN (SELECT message_id"
        " FROM notify_deliveries WHERE org_id = $1 AND endpoint_id = $2 AND message_id < $3::uuid ORDER BY message_id"
        " LIMIT 1000)" },
    [NOTIFY_REMOVE] = { .name = "notify_remove", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM notify_endpoints WHERE org_id = $1 AND id = $2 AND deleted_at IS NOT NULL" },
    [NOTIFY_WAITING] = { .name = "notify_waiting", .scope = SAAS_SYSTEM, .sql =
        "SELECT count(*) FROM (SELECT message_id FROM notify_deliveries WHERE state = 'queued' LIMIT 100000) AS waiting" },
    { 0 }
};

/* ------------------------------------------------------------ counters -- */

static const char *const outcomes[] = {
    [NOTIFY_SUCCEEDED] = "succeeded", [NOTIFY_FAILED] = "failed", [NOTIFY_GIVEN_UP] = "given_up", [NOTIFY_LOST] = "lost",
    [NOTIFY_RELEASED] = "released", NULL
};
static const char *const reasons[] = { "failing", "gone", NULL };

static saas_counter_t counters[] = {
    { .name = "notify_attempts", .label = "outcome", .values = outcomes,
      .help = "Attempts to deliver outgoing webhooks: succeeded, failed (tried again), given up for good, lost (their result came"
              " after the lease had ended), released to another node at the end of this one." },
    { .name = "notify_disabled", .label = "reason", .values = reasons,
      .help = "Endpoints of outgoing webhooks that were disabled: failing for SaasNotifyDisable, or gone (410)." },
    { 0 }
};

static const saas_gauge_t gauges[] = {
    { .name = "notify_waiting", .statement = &saas_notify_statements[NOTIFY_WAITING],
      .help = "Outgoing webhooks that are to be sent, now or at their next attempt, on all nodes; 100000: or more." },
    { 0 }
};

void saas_notify_count(saas_notify_outcome_e what, apr_uint64_t amount)
{
    saas_count(&counters[0], (int)what, amount);
}

void saas_notify_count_disabled(int gone)
{
    saas_count(&counters[1], gone != 0, 1);
}

/* -------------------------------------------------------------- plugin -- */

#define ENDPOINTS "/notify/endpoints/"
#define ONE ENDPOINTS "{endpoint}/"

static const saas_route_t routes[] = {
    { SAAS_GET, "/notify/events/", saas_notify_api_events, SAAS_GATES(saas_is_admin) },
    { SAAS_GET, ENDPOINTS, saas_notify_api_list, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, ENDPOINTS, saas_notify_api_create, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { SAAS_GET, ONE, saas_notify_api_view, SAAS_GATES(saas_is_admin) },
    { SAAS_PATCH, ONE, saas_notify_api_change, SAAS_GATES(saas_is_admin), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, ONE, saas_notify_api_delete, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, ONE "rotate/", saas_notify_api_rotate, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, ONE "test/", saas_notify_api_test, SAAS_GATES(saas_is_admin) },
    { SAAS_GET, ONE "deliveries/", saas_notify_api_deliveries, SAAS_GATES(saas_is_admin) },
    { SAAS_GET, ONE "deliveries/{delivery}/", saas_notify_api_delivery, SAAS_GATES(saas_is_admin) },
    { SAAS_POST, ONE "deliveries/{delivery}/replay/", saas_notify_api_replay, SAAS_GATES(saas_is_admin) },
    { 0 }
};

static const saas_object_t objects[] = { { "endpoint", "notify_endpoints" }, { NULL, NULL } };

static const saas_job_kind_t jobs[] = {
    { .kind = NOTIFY_PURGE_JOB, .run = saas_notify_purge, .max_attempts = 1, .per_node = 1 },
    { .kind = NULL }
};

static const saas_periodic_t periodic[] = { { NOTIFY_PURGE_JOB, 3600 }, { NULL, 0 } };

static const char *check_config(apr_pool_t *pconf, apr_pool_t *ptemp, server_rec *s)
{
    (void)ptemp;
    saas_notify_guard = saas_guard_make(pconf, saas_notify_config_allow(s));
    return NULL;
}

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("notify"),
    .statements = saas_notify_statements,
    .routes = routes,
    .objects = objects,
    .jobs = jobs,
    .check_config = check_config,
    .openapi = saas_openapi_text,
    .counters = counters,
    .gauges = gauges,
    .periodic = periodic,
};

static void register_hooks(apr_pool_t *p)
{
    static const char *const before_watchdog[] = { "mod_watchdog.c", NULL };
    saas_plugin_register(p, &plugin);
    ap_hook_post_config(saas_notify_thread, NULL, before_watchdog, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA saas_notify_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, saas_notify_config_create, saas_notify_config_merge, saas_notify_config_commands,
    register_hooks, 0
};
