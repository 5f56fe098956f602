/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The statements, one text for both databases wherever they agree.
 */
#include "statements.h"

#include "core/why.h"

#define STATEMENT(number, name, sql) [number] = { name, number, 0, sql }
#define LIMIT(n) " LIMIT CAST($" #n " AS bigint)"

/* Access is a function of time: what has run out is expired, whether or not an event has said so. */
#define SUBSCRIPTION \
    "CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'" \
    " ELSE o.subscription_status END"
#define INVITE_STATE "CASE WHEN i.state = 'pending' AND i.expires_at <= now() THEN 'expired' ELSE i.state END"
#define SPELLED_USER \
    "u.id, u.email, u.email_key, u.name, u.is_active, u.created_at, u.last_login_at," \
    " (SELECT count(*) FROM user_organizations d WHERE d.user_id = u.id)"
#define SPELLED_USERS(bytes) \
    "SELECT " SPELLED_USER " FROM users u WHERE " bytes " <> length(u.email_key) ORDER BY u.created_at, u.id"
#define SPELLED_INVITES(bytes) \
    "SELECT org_id, id, email, email_key FROM invites WHERE state = 'pending' AND " bytes " <> length(email_key)"
#define IDLE_JOB " WHERE id = $1 AND state <> 'running'"

#define OVERDUE_JOB \
    "(state = 'queued' AND run_after < saas_now_plus(-600)) OR (state = 'running' AND lease_until < saas_now_plus(-600))"

const saas_driver_statement_t ctl_statements[CTL_STATEMENTS] = {
    /* ------------------------------------------------------- the schema -- */
    STATEMENT(CTL_MIGRATIONS_EXIST_PGSQL, "look for schema_migrations", "SELECT to_regclass('schema_migrations') IS NOT NULL"),
    STATEMENT(CTL_MIGRATIONS_EXIST_SQLITE, "look for schema_migrations",
        "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'"),
    STATEMENT(CTL_MIGRATIONS, "read schema_migrations", "SELECT version, checksum, applied_at FROM schema_migrations ORDER BY version"),
    STATEMENT(CTL_MIGRATIONS_FROM_PGSQL, "read schema_migrations",
        "SELECT max(coalesce((to_jsonb(m) ->> 'works_from')::int, m.version)) FROM schema_migrations m"),
    STATEMENT(CTL_MIGRATIONS_SAY_SQLITE, "read schema_migrations",
        "SELECT count(*) FROM pragma_table_info('schema_migrations') WHERE name = 'works_from'"),
    STATEMENT(CTL_MIGRATIONS_FROM_SQLITE, "read schema_migrations",
        "SELECT max(coalesce(works_from, version)) FROM schema_migrations"),
    STATEMENT(CTL_MIGRATION_ROWS, "look up the table's rows",
        "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)"),
    STATEMENT(CTL_MIGRATION_RECORD_FROM, "record the migration",
        "INSERT INTO schema_migrations (version, name, checksum, applied_at, works_from)"
        " VALUES ($1, $2, $3, now(), CAST(nullif($4, '') AS integer))"),
    STATEMENT(CTL_MIGRATION_RECORD, "record the migration",
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, now())"),
    STATEMENT(CTL_OWNER, "look up the schema's owner",
        "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('organizations')"),
    STATEMENT(CTL_LOCK, "lock the migrations", "SELECT pg_advisory_lock(hashtext('mod_saas migrate'))"),
    STATEMENT(CTL_SCHEMA_OWNER, "look up the schema's owner",
        "SELECT o.rolname, o.rolname = current_user, pg_has_role(current_user, o.oid, 'MEMBER'), quote_ident(o.rolname)"
        " FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner WHERE c.oid = to_regclass('schema_migrations')"),

    /* ----------------------------------------------------------- doctor -- */
    STATEMENT(CTL_DOCTOR_ROLES, "look up the roles",
        "SELECT count(*), string_agg(rolname, ', ') FILTER (WHERE rolsuper OR rolbypassrls),"
        " count(*) FILTER (WHERE rolname = 'saas_app' AND rolinherit)"
        " FROM pg_roles WHERE rolname IN ('saas_app', 'saas_system')"),
    STATEMENT(CTL_DOCTOR_POLICIES, "look up the policies",
        "SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class c"
        " WHERE c.relkind IN ('r', 'p') AND c.relname <> 'user_organizations'"
        " AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('organizations'))"
        " AND (c.relname = 'organizations' OR EXISTS (SELECT FROM pg_attribute a"
        " WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped))"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity"
        " AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant'))"),
    STATEMENT(CTL_DOCTOR_FILE, "check the file", "PRAGMA quick_check(1)"),
    STATEMENT(CTL_DOCTOR_INDEXES, "look up the indexes",
        "SELECT string_agg(i.indexrelid::regclass::text, ', ') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " WHERE NOT i.indisvalid AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('organizations'))"),
    STATEMENT(CTL_DOCTOR_ROOM, "look up max_connections",
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,"
        " (SELECT count(DISTINCT application_name) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'mod_saas feed %')"),
    STATEMENT(CTL_DOCTOR_CLOCK, "ask for the time", "SELECT extract(epoch FROM clock_timestamp())"),
    STATEMENT(CTL_DOCTOR_FEED, "look for listeners",
        "SELECT count(*) FILTER (WHERE application_name LIKE 'mod_saas feed %'), count(*) FILTER (WHERE usename = 'saas_app')"
        " FROM pg_stat_activity WHERE datname = current_database()"),
    STATEMENT(CTL_DOCTOR_JOBS, "count the jobs",
        "SELECT (SELECT count(*) FROM jobs WHERE state = 'dead'),"
        " (SELECT count(*) FROM jobs WHERE " OVERDUE_JOB "),"
        " (SELECT kind FROM jobs WHERE " OVERDUE_JOB " ORDER BY run_after LIMIT 1)"),
    STATEMENT(CTL_DOCTOR_WEBHOOKS, "look at Stripe's events",
        "SELECT (SELECT max(received_at) FROM stripe_events),"
        " (SELECT count(*) FROM stripe_events WHERE received_at > saas_now_plus(-86400) AND verdict LIKE 'refused%'),"
        " (SELECT count(*) FROM subscriptions WHERE status IN ('active', 'trialing', 'past_due'))"),

    /* ------------------------------------------------------------ users -- */
    STATEMENT(CTL_USER_FIND, "look up the user", "SELECT id, email, name, is_active, email_verified_at IS NOT NULL FROM users WHERE email_key IN ($1, $2) OR id::text = $2"
        " ORDER BY CASE WHEN email_key = $2 THEN 0 ELSE 1 END LIMIT 1"),
    STATEMENT(CTL_USER_LIST, "list users",
        "SELECT id, email, name, is_active, created_at, last_login_at FROM users ORDER BY email_key" LIMIT(1)),
    STATEMENT(CTL_USER_SHOW, "show the user",
        "SELECT u.id, u.email, u.name, u.is_active, u.password_hash IS NOT NULL, u.created_at, u.updated_at, u.last_login_at,"
        " (SELECT o.slug FROM organizations o WHERE o.id = u.default_org_id),"
        " (SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.expires_at > now()),"
        " (SELECT count(*) FROM tokens t WHERE t.user_id = u.id AND t.revoked_at IS NULL"
        " AND (t.expires_at IS NULL OR t.expires_at > now())) FROM users u WHERE u.id = $1"),
    STATEMENT(CTL_USER_ORGS, "look up the user's organizations",
        "SELECT m.org_id, o.slug, o.name, m.role, o.deleted_at IS NOT NULL FROM user_organizations d"
        " JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id JOIN organizations o ON o.id = m.org_id"
        " WHERE d.user_id = $1 ORDER BY m.org_id"),
    STATEMENT(CTL_USER_ADD, "create the user",
        "INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at, email_verified_at)"
        " SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, now(), now(), now()"
        " WHERE NOT EXISTS (SELECT 1 FROM users o WHERE o.email_key = $6::text) ON CONFLICT (email_key) DO NOTHING"),
    STATEMENT(CTL_USER_VERIFY, "mark the address",
        "UPDATE users SET email_verified_at = CASE WHEN $2::text = '1' THEN now() END, updated_at = now()"
        " WHERE id = $1 AND CASE WHEN $2::text = '1' THEN email_verified_at IS NULL ELSE email_verified_at IS NOT NULL END"),
    /* Keys from before domains had one form are those with a byte beyond ASCII. */
    STATEMENT(CTL_SPELLED_USERS_PGSQL, "look for spellings of addresses", SPELLED_USERS("octet_length(u.email_key)")),
    STATEMENT(CTL_SPELLED_USERS_SQLITE, "look for spellings of addresses", SPELLED_USERS("length(CAST(u.email_key AS blob))")),
    STATEMENT(CTL_USER_OF_KEY, "look up the user of an address", "SELECT " SPELLED_USER " FROM users u WHERE u.email_key = $1"),
    STATEMENT(CTL_USER_REKEY, "give an address its key",
        "UPDATE users SET email_key = $2 WHERE id = $1 AND email_key = $3"
        " AND NOT EXISTS (SELECT 1 FROM users o WHERE o.email_key = $2)"),
    STATEMENT(CTL_SPELLED_INVITES_PGSQL, "look for spellings of addresses", SPELLED_INVITES("octet_length(email_key)")),
    STATEMENT(CTL_SPELLED_INVITES_SQLITE, "look for spellings of addresses", SPELLED_INVITES("length(CAST(email_key AS blob))")),
    STATEMENT(CTL_INVITE_REKEY, "give an invite its key",
        "UPDATE invites SET email_key = $3 WHERE org_id = $1 AND id = $2 AND state = 'pending'"
        " AND NOT EXISTS (SELECT 1 FROM invites o WHERE o.org_id = $1 AND o.email_key = $3 AND o.state = 'pending')"),
    STATEMENT(CTL_USER_DEFAULT, "set the default organization",
        "UPDATE users SET default_org_id = $2, updated_at = now() WHERE id = $1 AND default_org_id IS NULL"),
    STATEMENT(CTL_USER_PASSWORD, "set the password", "UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1"),
    STATEMENT(CTL_USER_DEVICES_END, "end the user's devices", "DELETE FROM devices WHERE user_id = $1"),
    STATEMENT(CTL_USER_RESETS_END, "end the password resets", "DELETE FROM password_resets WHERE user_id = $1"),
    STATEMENT(CTL_USER_ACTIVE, "change the user",
        "UPDATE users SET is_active = $2::boolean, updated_at = now() WHERE id = $1 AND is_active <> $2::boolean"),
    /* Nothing new begins in the name of a user who is locked. */
    STATEMENT(CTL_USER_LOCK, "lock the user", "SELECT id FROM users WHERE id = $1 FOR UPDATE"),
    STATEMENT(CTL_USER_INVITES_END, "revoke the user's invites",
        "UPDATE invites SET state = 'revoked' WHERE invited_by = $1 AND state = 'pending'"),
    STATEMENT(CTL_USER_LEAVE, "remove the user's memberships",
        "DELETE FROM memberships WHERE user_id = $1 AND org_id IN (SELECT org_id FROM user_organizations WHERE user_id = $1)"),
    STATEMENT(CTL_USER_DELETE, "delete the user", "DELETE FROM users WHERE id = $1"),

    /* ---------------------------------------------------- organizations -- */
    STATEMENT(CTL_ORG_FIND, "look up the organization",
        "SELECT id, slug, name, deleted_at IS NOT NULL FROM organizations WHERE slug = $1 OR id::text = $1"),
    /* By the slug that it gave up when it was deleted. */
    STATEMENT(CTL_ORG_FIND_DELETED, "look up the deleted organization",
        "SELECT o.id, o.slug, o.name, TRUE FROM activity a JOIN organizations o ON o.id = a.org_id AND o.deleted_at IS NOT NULL"
        " WHERE a.action = 'organization.deleted' AND a.old_value ->> 'slug' = $1 ORDER BY a.id DESC LIMIT 1"),
    STATEMENT(CTL_ORG_LIST, "list organizations",
        "SELECT o.id, o.slug, o.name, " SUBSCRIPTION ", o.created_at,"
        " (SELECT count(*) FROM memberships m WHERE m.org_id = o.id), o.deleted_at FROM organizations o"
        " WHERE CASE WHEN o.deleted_at IS NULL THEN '0' ELSE '1' END = $1::text ORDER BY o.slug" LIMIT(2)),
    STATEMENT(CTL_ORG_SHOW, "show the organization",
        "SELECT o.id, o.slug, o.name, " SUBSCRIPTION ", o.subscription_started_at, o.subscription_ends_at,"
        " o.stripe_customer_id, o.stripe_subscription_id, o.stripe_status, o.trial_started_at, o.trial_ends_at,"
        " (SELECT count(*) FROM memberships m WHERE m.org_id = o.id),"
        " (SELECT count(*) FROM invites i WHERE i.org_id = o.id AND i.state = 'pending' AND i.expires_at > now()),"
        " (SELECT count(*) FROM audits a WHERE a.org_id = o.id), o.created_at, o.updated_at, o.deleted_at"
        " FROM organizations o WHERE o.id = $1"),
    /* One end for both columns: that they are the same says whose the access is. */
    STATEMENT(CTL_ORG_TRIAL_LOOK, "look at the organization's trial",
        "SELECT " SUBSCRIPTION ", o.subscription_ends_at, o.trial_ends_at, o.trial_started_at IS NOT NULL,"
        " o.subscription_ends_at = o.trial_ends_at, o.trial_ends_at > now(),"
        " o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL"
        " OR (o.subscription_ends_at > saas_now_plus(CAST($2 AS double precision))"
        " AND (o.trial_ends_at IS NULL OR o.subscription_ends_at <> o.trial_ends_at))),"
        " saas_now_plus(CAST($2 AS double precision)), now(), o.stripe_status FROM organizations o WHERE o.id = $1"),
    STATEMENT(CTL_ORG_TRIAL_START, "start the trial",
        "UPDATE organizations SET trial_started_at = $2::timestamptz, trial_ends_at = $3::timestamptz,"
        " subscription_price = CASE WHEN subscription_status = 'active' AND subscription_ends_at > now() THEN subscription_price END,"
        " subscription_status = 'active', subscription_started_at = $2::timestamptz, subscription_ends_at = $3::timestamptz,"
        " updated_at = now() WHERE id = $1"),
    STATEMENT(CTL_ORG_TRIAL_END, "end the trial",
        "UPDATE organizations SET trial_ends_at = $2::timestamptz, updated_at = now(), subscription_ends_at ="
        " CASE WHEN subscription_ends_at = trial_ends_at THEN $2::timestamptz ELSE subscription_ends_at END WHERE id = $1"),
    /* What the server locks, too, before it decides about members. */
    STATEMENT(CTL_ORG_LOCK, "lock the organization", "SELECT id FROM organizations WHERE id = $1 FOR UPDATE"),
    STATEMENT(CTL_ORG_ADD, "create the organization",
        "INSERT INTO organizations (id, name, slug, created_at, updated_at) VALUES ($1, $2, $3, now(), now())"
        " ON CONFLICT (slug) DO NOTHING"),
    STATEMENT(CTL_ORG_LIVE, "look for a subscription",
        "SELECT id FROM subscriptions WHERE org_id = $1 AND status NOT IN ('canceled', 'incomplete_expired')"
        " UNION SELECT stripe_subscription_id FROM organizations WHERE id = $1 AND stripe_subscription_id IS NOT NULL"
        " AND coalesce(stripe_status, '') NOT IN ('canceled', 'incomplete_expired')"),
    STATEMENT(CTL_ORG_DELETE, "delete the organization",
        "UPDATE organizations SET deleted_at = now(), updated_at = now(), slug = 'deleted-' || CAST(id AS text)"
        " WHERE id = $1 AND deleted_at IS NULL"),
    STATEMENT(CTL_ORG_RESTORE, "restore the organization",
        "UPDATE organizations SET deleted_at = NULL, updated_at = now(), slug = $2 WHERE id = $1 AND deleted_at IS NOT NULL"),
    STATEMENT(CTL_ORG_AUDITS_END, "cancel the audits",
        "UPDATE audits SET status = 'canceled', finished_at = now() WHERE org_id = $1 AND status IN ('queued', 'running')"),
    STATEMENT(CTL_ORG_JOBS_STOP, "stop the audits",
        "UPDATE jobs SET cancel_requested = TRUE WHERE organization_id = $1"
        " AND object_id IN (SELECT id::text FROM audits WHERE org_id = $1)"),
    STATEMENT(CTL_ORG_JOBS_END, "remove the audits' jobs",
        "DELETE FROM jobs WHERE organization_id = $1 AND state <> 'running'"
        " AND object_id IN (SELECT id::text FROM audits WHERE org_id = $1)"),

    /* The job of the organizations plugin. */
    STATEMENT(CTL_ORG_PURGE, "have the organization purged",
        "INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at)"
        " VALUES ($1, 'organization.purge', $2, $3, now(), now())"),
    STATEMENT(CTL_ORG_PURGE_FIND, "look for a purge",
        "SELECT id, state FROM jobs WHERE kind = 'organization.purge' AND object_id = $1 ORDER BY state DESC FOR UPDATE"),
    STATEMENT(CTL_ORG_PURGE_END, "remove the purge",
        "DELETE FROM jobs WHERE kind = 'organization.purge' AND object_id = $1 AND state <> 'running'"),
    STATEMENT(CTL_ORG_OLD_SLUG, "look up the old slug",
        "SELECT old_value ->> 'slug' FROM activity WHERE org_id = $1 AND action = 'organization.deleted' ORDER BY id DESC LIMIT 1"),
    STATEMENT(CTL_ORG_SLUG_TAKEN, "look for the slug", "SELECT id FROM organizations WHERE slug = $1 AND id <> $2"),

    /* ---------------------------------------------------------- members -- */
    STATEMENT(CTL_MEMBER_LIST, "list members",
        "SELECT u.id, u.email, u.name, m.role, u.is_active, m.created_at FROM memberships m JOIN users u ON u.id = m.user_id"
        " WHERE m.org_id = $1 ORDER BY u.email_key" LIMIT(2)),
    STATEMENT(CTL_MEMBER_FIND, "look up the membership", "SELECT role FROM memberships WHERE org_id = $1 AND user_id = $2"),
    STATEMENT(CTL_MEMBER_COUNT, "count the members",
        "SELECT count(*), sum(CASE WHEN role = 'ADMIN' AND user_id <> $2 THEN 1 ELSE 0 END) FROM memberships WHERE org_id = $1"),
    STATEMENT(CTL_MEMBER_ADD, "add the member",
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES ($1, $2, $3, now(), now())"
        " ON CONFLICT (org_id, user_id) DO NOTHING"),
    STATEMENT(CTL_MEMBER_ROLE, "change the role",
        "UPDATE memberships SET role = $3, updated_at = now() WHERE org_id = $1 AND user_id = $2"),
    STATEMENT(CTL_MEMBER_REMOVE, "remove the member", "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2"),
    /* $3 NULL: all of them; else those whose role is above it. */
    STATEMENT(CTL_MEMBER_TOKENS_END, "revoke the member's tokens",
        "UPDATE tokens SET revoked_at = now() WHERE user_id = $2 AND organization_id = $1 AND revoked_at IS NULL"
        " AND ($3::text IS NULL OR (role = 'ADMIN' AND $3::text <> 'ADMIN') OR (role = 'MEMBER' AND $3::text = 'VIEWER'))"),
    STATEMENT(CTL_MEMBER_INVITES_END, "revoke the member's invites",
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND invited_by = $2 AND state = 'pending'"),
    STATEMENT(CTL_MEMBER_DEFAULT_END, "reset the default organization",
        "UPDATE users SET default_org_id = NULL, updated_at = now() WHERE id = $2 AND default_org_id = $1"),

    /* ------------------------------------- tokens, invites and sessions -- */
    STATEMENT(CTL_TOKEN_LIST, "list tokens",
        "SELECT t.id, u.email, o.slug, t.role, t.name, t.hint, t.created_at, t.expires_at, t.last_used_at, t.revoked_at"
        " FROM tokens t JOIN users u ON u.id = t.user_id LEFT JOIN organizations o ON o.id = t.organization_id"
        " WHERE ($1::uuid IS NULL OR t.user_id = $1::uuid) AND ($2::uuid IS NULL OR t.organization_id = $2::uuid)"
        " ORDER BY u.email_key, t.id" LIMIT(3)),
    STATEMENT(CTL_TOKEN_ADD, "create the token",
        "INSERT INTO tokens (id, user_id, organization_id, role, name, hint, hash, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8)"),
    STATEMENT(CTL_TOKEN_REVOKE, "revoke the token",
        "UPDATE tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1"
        " RETURNING user_id, organization_id, name, revoked_at < now()"),
    STATEMENT(CTL_INVITE_LIST, "list invites",
        "SELECT i.id, o.slug, i.email, i.role, " INVITE_STATE ", u.email, i.created_at, i.expires_at, i.accepted_at"
        " FROM invites i JOIN organizations o ON o.id = i.org_id LEFT JOIN users u ON u.id = i.invited_by"
        " WHERE ($1::uuid IS NULL OR i.org_id = $1::uuid) AND ($2::text IS NULL OR " INVITE_STATE " = $2::text)"
        " ORDER BY o.slug, i.id" LIMIT(3)),
    STATEMENT(CTL_INVITE_FIND, "look up the invite", "SELECT org_id, email, state FROM invites WHERE id = $1 FOR UPDATE"),
    STATEMENT(CTL_INVITE_REVOKE, "revoke the invite",
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND id = $2 AND state = 'pending'"),
    STATEMENT(CTL_INVITE_MAIL_STOP, "stop the invite's mail",
        "UPDATE jobs SET cancel_requested = TRUE WHERE kind = 'mail' AND object_id = $1"),
    STATEMENT(CTL_INVITE_MAIL_END, "remove the invite's mail",
        "DELETE FROM jobs WHERE kind = 'mail' AND object_id = $1 AND state <> 'running'"),
    STATEMENT(CTL_SESSION_LIST, "list sessions",
        "SELECT s.id, u.email, s.created_at, s.expires_at, s.expires_at <= now(), s.address, s.user_agent"
        " FROM sessions s JOIN users u ON u.id = s.user_id WHERE ($1::uuid IS NULL OR s.user_id = $1::uuid)"
        " ORDER BY s.id DESC" LIMIT(2)),
    STATEMENT(CTL_SESSION_FIND, "look up the session", "SELECT user_id FROM sessions WHERE id = $1 FOR UPDATE"),
    STATEMENT(CTL_SESSION_DELETE, "end the session", "DELETE FROM sessions WHERE id = $1"),
    STATEMENT(CTL_SESSIONS_DELETE, "end the user's sessions", "DELETE FROM sessions WHERE user_id = $1"),

    /* ------------------------------------------------- jobs, activity -- */
    STATEMENT(CTL_JOB_LIST, "list jobs",
        "SELECT j.id, j.kind, j.state, j.attempts, o.slug, j.object_id, j.run_after, j.lease_until, j.lease_node,"
        " j.cancel_requested, j.error, j.created_at FROM jobs j LEFT JOIN organizations o ON o.id = j.organization_id"
        " WHERE ($1::text IS NULL OR j.kind = $1::text) AND ($2::text IS NULL OR j.state = $2::text)"
        " AND ($3::uuid IS NULL OR j.organization_id = $3::uuid) ORDER BY j.created_at, j.id" LIMIT(4)),
    /* Of the payload only what names a mail: the rest can be a link that opens something. */
    STATEMENT(CTL_JOB_FIND, "look up the job",
        "SELECT j.id, j.kind, j.state, j.attempts, o.slug, j.object_id, j.run_after, j.lease_until, j.lease_node,"
        " j.cancel_requested, j.error, j.created_at, j.payload ->> 'template', j.payload ->> 'to', o.id"
        " FROM jobs j LEFT JOIN organizations o ON o.id = j.organization_id WHERE j.id = $1 FOR UPDATE OF j"),
    STATEMENT(CTL_JOB_RETRY, "put the job into the queue",
        "UPDATE jobs SET state = 'queued', attempts = CASE WHEN state = 'dead' THEN 0 ELSE attempts END, run_after = now()"
        IDLE_JOB),
    STATEMENT(CTL_JOB_RETRY_DEAD, "put the jobs into the queue",
        "UPDATE jobs SET state = 'queued', attempts = 0, run_after = now() WHERE state = 'dead'"
        " AND ($1::text IS NULL OR kind = $1::text) RETURNING id, kind, organization_id"),
    STATEMENT(CTL_JOB_REMOVE, "remove the job", "DELETE FROM jobs" IDLE_JOB),
    STATEMENT(CTL_JOB_STOP, "stop the job", "UPDATE jobs SET cancel_requested = TRUE WHERE id = $1 AND state = 'running'"),
    STATEMENT(CTL_ACTIVITY_ADD, "write the activity trail",
        "INSERT INTO activity (org_id, id, created_at, actor_type, actor_id, action, target_type, target_id, target_label,"
        " old_value, new_value) VALUES ($1, $2, now(), 'system', $3, $4, $5, $6, $7, $8, $9)"),
    STATEMENT(CTL_ACTIVITY_LIST, "list the activity trail",
        "SELECT a.created_at, o.slug, a.actor_type, a.actor_id, a.actor_email, a.action, a.target_type, a.target_id,"
        " a.target_label, a.old_value, a.new_value, a.address, a.request_id, a.id"
        " FROM activity a JOIN organizations o ON o.id = a.org_id"
        " WHERE ($1::uuid IS NULL OR a.org_id = $1::uuid) AND ($2::text IS NULL OR a.action = $2::text)"
        " AND ($3::text IS NULL OR a.actor_id = $3::text OR a.actor_email = $3::text)"
        " AND ($4::timestamptz IS NULL OR a.created_at >= $4::timestamptz)"
        " ORDER BY a.created_at DESC, a.id DESC" LIMIT(5)),

    /* ----------------------------------------------------------- audits -- */
    STATEMENT(CTL_AUDIT_ADD, "add the audit",
        "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_total, created_at)"
        " VALUES ($1, $2, $3, 'import', $4, 'queued', 100, now())"),
    STATEMENT(CTL_AUDIT_AGAIN, "look up the audit",
        "UPDATE audits SET status = 'queued', progress_done = 0, progress_total = 100, error = NULL, started_at = NULL,"
        " finished_at = NULL WHERE org_id = $1 AND id = $2 AND engine = 'import'"
        " AND status IN ('completed', 'failed', 'canceled')"),
    STATEMENT(CTL_AUDIT_PART, "store the file",
        "INSERT INTO import_parts (org_id, audit_id, number, data) VALUES ($1, $2, $3, $4)"),
    STATEMENT(CTL_AUDIT_JOB, "have the file read",
        "INSERT INTO jobs (id, kind, organization_id, object_id, payload, run_after, created_at)"
        " VALUES ($1, 'audit', $2, $3, $4, now(), now())"),
    STATEMENT(CTL_AUDIT_SEEN, "look at the audit",
        "SELECT status, progress_done, evidence_count, error, imports FROM audits WHERE org_id = $1 AND id = $2"),

    /* ----------------------------------------------------------- stripe -- */
    STATEMENT(CTL_STRIPE_EVENTS, "list Stripe's events",
        "SELECT e.id, e.type, e.created, o.slug, e.verdict, e.attempts, e.received_at, e.detail"
        " FROM stripe_events e LEFT JOIN organizations o ON o.id = e.organization_id"
        " WHERE ($1::text IS NULL OR e.verdict = $1::text OR substr(e.verdict, 1, length($1::text) + 1) = $1::text || ':')"
        " AND ($2::text IS NULL OR e.type = $2::text) AND ($3::uuid IS NULL OR e.organization_id = $3::uuid)"
        " AND ($4::timestamptz IS NULL OR e.received_at >= $4::timestamptz)"
        " ORDER BY e.received_at DESC, e.id" LIMIT(5)),
    STATEMENT(CTL_STRIPE_NOW, "read the clock", "SELECT now()"),
    STATEMENT(CTL_STRIPE_EXPECT, "expect news of all customers",
        "INSERT INTO stripe_news (stripe_id, organization_id, ask_at) SELECT stripe_customer_id, id, now() FROM organizations"
        " WHERE stripe_customer_id IS NOT NULL AND deleted_at IS NULL AND ($1::uuid IS NULL OR id = $1::uuid)"
        " ON CONFLICT (stripe_id) DO NOTHING"),
    STATEMENT(CTL_STRIPE_ASK, "have Stripe asked",
        "UPDATE stripe_news SET ask_at = now(), asked_at = NULL, failures = 0, error = NULL"
        " WHERE $1::uuid IS NULL OR organization_id = $1::uuid"),
    /* The answer of what is asked for is applied by a job of its own. */
    STATEMENT(CTL_STRIPE_LEFT, "look for answers",
        "SELECT (SELECT count(*) FROM stripe_news WHERE asked_at IS NULL AND failures = 0"
        " AND ($1::uuid IS NULL OR organization_id = $1::uuid))"
        " + (SELECT count(*) FROM jobs WHERE kind IN ('stripe.ask', 'stripe.told') AND state <> 'dead' AND created_at >= $2::timestamptz"
        " AND ($1::uuid IS NULL OR organization_id = $1::uuid))"),
    STATEMENT(CTL_STRIPE_DIFFERED, "list what differed",
        "SELECT o.slug, e.payload::jsonb ->> 'id', e.detail, e.id, e.received_at FROM stripe_events e"
        " JOIN organizations o ON o.id = e.organization_id WHERE e.received_at >= $2::timestamptz AND e.detail IS NOT NULL"
        " AND ($1::uuid IS NULL OR e.organization_id = $1::uuid) ORDER BY o.slug, e.id"),
    STATEMENT(CTL_STRIPE_FAILED, "list what could not be asked for",
        "SELECT o.slug, n.stripe_id, n.error FROM stripe_news n JOIN organizations o ON o.id = n.organization_id"
        " WHERE n.failures > 0 AND ($1::uuid IS NULL OR n.organization_id = $1::uuid) ORDER BY o.slug, n.stripe_id"),
    STATEMENT(CTL_STRIPE_EVENT, "look up the event",
        "SELECT e.verdict, e.type, e.organization_id FROM stripe_events e WHERE e.id = $1"),
    STATEMENT(CTL_STRIPE_REPLAY, "have the event applied",
        "INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at)"
        " VALUES ($1, 'stripe.replay', $2, $3, now(), now())"),
    STATEMENT(CTL_STRIPE_REPLAYED, "look for the event's job", "SELECT state, error FROM jobs WHERE id = $1"),

    /* -------------------------------------------------------------- why -- */
    STATEMENT(CTL_WHY_ORGS, "look up the user's organizations",
        "SELECT o.id, o.slug, m.role, " SUBSCRIPTION ", o.subscription_ends_at,"
        " o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now()),"
        " o.id = u.default_org_id, o.subscription_price, o.stripe_features,"
        " o.stripe_status = 'trialing' OR o.trial_ends_at = o.subscription_ends_at FROM users u JOIN user_organizations d ON d.user_id = u.id"
        " JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL WHERE u.id = $1 ORDER BY m.org_id"),
    /* The columns of SAAS_WHY_TOKEN_SQL, and two more. */
    STATEMENT(CTL_WHY_TOKEN, "look up the token",
        "SELECT t.id, t.user_id, t.revoked_at, t.expires_at, t.expires_at <= now(), u.is_active, t.role, t.organization_id"
        " FROM tokens t JOIN users u ON u.id = t.user_id WHERE t.id = $1"),
    STATEMENT(CTL_WHY_KNOWN, "look up the history", SAAS_WHY_KNOWN_SQL),
    STATEMENT(CTL_WHY_MEMBER, "look up the membership in the trail", SAAS_WHY_MEMBER_SQL),
    STATEMENT(CTL_WHY_PAID, "look up the subscription in the trail", SAAS_WHY_PAID_SQL),
    /* Of the table that a route's object is in: its name is put between the two (why.c). */
    STATEMENT(CTL_WHY_OBJECT, "look up the object", "SELECT org_id FROM %s WHERE org_id = $1::uuid AND id = $2::uuid"),

    /* ---------------------------------------------------- import-django -- */
    STATEMENT(CTL_IMPORT_LOCK, "lock the users", "LOCK TABLE users, organizations IN SHARE ROW EXCLUSIVE MODE"),
    STATEMENT(CTL_IMPORT_FRESH, "look for users",
        "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM organizations)"),
    STATEMENT(CTL_IMPORT_USER, "import the users",
        "INSERT INTO users (id, email, email_key, name, password_hash, is_active, default_org_id, created_at, updated_at,"
        " last_login_at, email_verified_at) VALUES ($1, $2, $3, $4, $5, $6::boolean, $7, $8, now(), $9, now())"),
    STATEMENT(CTL_IMPORT_ORG, "import the organizations",
        "INSERT INTO organizations (id, name, slug, created_at, updated_at, deleted_at, subscription_status,"
        " subscription_started_at, subscription_ends_at, stripe_customer_id, stripe_subscription_id, stripe_status)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
    STATEMENT(CTL_IMPORT_MEMBER, "import the memberships",
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)"),
    STATEMENT(CTL_IMPORT_INVITE, "import the invites",
        "INSERT INTO invites (org_id, id, email, email_key, role, hash, state, invited_by, created_at, expires_at,"
        " accepted_at, accepted_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
    STATEMENT(CTL_IMPORT_SUBSCRIPTION, "import the subscriptions",
        "INSERT INTO subscriptions (org_id, id, customer_id, status, cancel_at, started_at, ended_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, now())"),
    STATEMENT(CTL_IMPORT_BINDING, "bind the Stripe objects",
        "INSERT INTO stripe_bindings (stripe_id, organization_id, created_at) VALUES ($1, $2, $3)"),
    STATEMENT(CTL_IMPORT_AUDIT, "import the audits",
        "INSERT INTO audits (org_id, id, name, engine, targets, status, progress_done, progress_total, score, error,"
        " created_by, created_at, started_at, finished_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13)"),
    STATEMENT(CTL_IMPORT_EVIDENCE_PGSQL, "import the evidence",
        "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment)"
        " SELECT (r.value ->> 0)::uuid, (r.value ->> 1)::uuid, (r.value ->> 2)::bigint, r.value ->> 3, r.value ->> 4,"
        " r.value ->> 5, r.value ->> 6, (r.value ->> 7)::timestamptz, r.value ->> 8 FROM json_array_elements($1::json) AS r(value)"),
    STATEMENT(CTL_IMPORT_EVIDENCE_SQLITE, "import the evidence",
        "INSERT INTO evidence (org_id, audit_id, number, resource_id, check_name, status, severity, observed_at, comment)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
    STATEMENT(CTL_IMPORT_COUNTS, "count the evidence",
        "UPDATE audits SET evidence_count = $3, counts = $4 WHERE org_id = $1 AND id = $2"),
    /* 100 points a resource, less what failed there; the mean of them, rounded down: as the audits plugin counts. */
    STATEMENT(CTL_IMPORT_SCORE, "compute the scores",
        "UPDATE audits SET score = (SELECT CAST(sum(r.points) AS bigint) / count(*) FROM"
        " (SELECT CASE WHEN sum(e.cost) > 100 THEN 0 ELSE 100 - sum(e.cost) END AS points FROM"
        " (SELECT resource_id, CASE WHEN status = 'PASS' THEN 0 WHEN severity = 'critical' THEN 40 WHEN severity = 'high' THEN 25"
        " WHEN severity = 'medium' THEN 15 WHEN severity = 'low' THEN 5 ELSE 0 END AS cost"
        " FROM evidence WHERE org_id = $1 AND audit_id = $2 AND status IN ('PASS', 'FAIL')) e"
        " GROUP BY e.resource_id) r) WHERE org_id = $1 AND id = $2"),
};
