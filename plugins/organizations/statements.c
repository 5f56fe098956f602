/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * Every statement of the organizations plugin, in the order of the enum in
 * organizations.h.
 *
 * Whoever changes who may do what in an organization locks its row first, and
 * only then looks: so two such changes never decide on the same picture.
 */

#include "organizations.h"

/* Access is a function of time: what has run out is expired, whether or not an event has said so. */
#define SUBSCRIPTION_STATUS \
    "CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'" \
    " ELSE o.subscription_status END"
#define HAS_ACTIVE_SUBSCRIPTION \
    "o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now())"

/* Ours, or Stripe's, of whose subscription the period is the trial; whoever has paid is in none any more. */
#define TRIAL_ENDS_AT \
    "CASE WHEN o.stripe_status = 'trialing' THEN coalesce(o.subscription_ends_at, (SELECT s.period_end FROM subscriptions s" \
    " WHERE s.org_id = $1 AND s.id = o.stripe_subscription_id)) ELSE o.trial_ends_at END"
#define IN_TRIAL \
    "CASE WHEN " HAS_ACTIVE_SUBSCRIPTION " AND (o.stripe_status = 'trialing' OR o.trial_ends_at = o.subscription_ends_at)" \
    " THEN TRUE ELSE FALSE END"

/* What was never accepted and is too old has expired, whatever else befell it. */
#define INVITE_STATE "CASE WHEN i.state <> 'accepted' AND i.expires_at <= now() THEN 'expired' ELSE i.state END"
/* The columns that invites.c shows. */
#define INVITE_COLUMNS \
    "i.id, i.email, i.role, " INVITE_STATE ", i.created_at, i.expires_at, i.accepted_at, i.invited_by, u.email, u.name"
/* What the holder of a token may know, and is judged by. */
#define INVITE_BY_TOKEN \
    "SELECT i.id, i.email, i.email_key, i.role, " INVITE_STATE ", i.expires_at, o.name, o.slug, u.name, u.email," \
    " EXISTS (SELECT 1 FROM users a WHERE a.email_key = i.email_key)," \
    " CASE WHEN i.mail_hash = $2 THEN TRUE ELSE FALSE END, " SAAS_STANDING_COLUMNS("o") \
    " FROM invites i JOIN organizations o ON o.id = i.org_id AND o.deleted_at IS NULL" \
    " LEFT JOIN users u ON u.id = i.invited_by WHERE i.org_id = $1 AND (i.hash = $2 OR i.mail_hash = $2)"

#define ACTIVITY_FILTER \
    "org_id = $1 AND ($2::text IS NULL OR action = $2)" \
    " AND ($3::text IS NULL OR actor_id = $3 OR lower(actor_email) = lower($3))" \
    " AND ($4::text IS NULL OR target_type = $4)" \
    " AND ($5::timestamptz IS NULL OR created_at >= $5::timestamptz)" \
    " AND ($6::timestamptz IS NULL OR created_at < $6::timestamptz)"

/* A bounded batch of a table's rows. */
#define PURGE_BY(table, key) \
    .scope = SAAS_TENANT, .sql = "DELETE FROM " table " WHERE org_id = $1 AND " key " IN (SELECT t." key \
    " FROM " table " t WHERE t.org_id = $1 ORDER BY t." key " LIMIT CAST($2 AS bigint))"

saas_statement_t organizations_statements[ORGANIZATIONS_STATEMENTS + 1] = {
    /* $2 is the id of the calling token, or NULL: one that is bound to an
     * organization sees no other. */
    [ORGANIZATION_LIST] = { .name = "list", .scope = SAAS_SYSTEM, .sql =
        "SELECT o.id, o.name, o.slug, m.role, t.role, " SUBSCRIPTION_STATUS ", " HAS_ACTIVE_SUBSCRIPTION ","
        " count(*) OVER ()"
        " FROM user_organizations d"
        " JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " JOIN organizations o ON o.id = d.org_id AND o.deleted_at IS NULL"
        " LEFT JOIN tokens t ON t.id = $2::uuid AND t.user_id = d.user_id"
        " WHERE d.user_id = $1::uuid AND (t.organization_id IS NULL OR t.organization_id = d.org_id)"
        " ORDER BY o.name, o.id LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    [ORGANIZATION_DETAIL] = { .name = "detail", .scope = SAAS_TENANT, .sql =
        "SELECT o.id, o.name, o.slug, (SELECT count(*) FROM memberships m WHERE m.org_id = $1),"
        " " SUBSCRIPTION_STATUS ", " HAS_ACTIVE_SUBSCRIPTION ", o.subscription_started_at, o.subscription_ends_at,"
        " o.stripe_customer_id, o.stripe_subscription_id, o.stripe_status, " TRIAL_ENDS_AT ", " IN_TRIAL
        " FROM organizations o WHERE o.id = $1 AND o.deleted_at IS NULL" },

    [ORGANIZATION_LOCK] = { .name = "lock", .scope = SAAS_TENANT, .sql =
        "SELECT name, slug FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR UPDATE" },

    [ORGANIZATION_UPDATE] = { .name = "update", .scope = SAAS_TENANT, .sql =
        "UPDATE organizations SET name = $2, slug = $3, updated_at = now() WHERE id = $1" },

    [ORGANIZATION_SHARE] = { .name = "share", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE" },

    /* The slug becomes free at once; this one is too long to be asked for. */
    [ORGANIZATION_DELETE] = { .name = "delete", .scope = SAAS_TENANT, .sql =
        "UPDATE organizations SET deleted_at = now(), updated_at = now(), slug = 'deleted-' || CAST(id AS text)"
        " WHERE id = $1 AND deleted_at IS NULL" },

    [CALLER_ROLE] = { .name = "caller_role", .scope = SAAS_TENANT, .sql =
        "SELECT m.role FROM memberships m JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL"
        " WHERE m.org_id = $1 AND m.user_id = $2" },

    [MEMBER_LIST] = { .name = "member_list", .scope = SAAS_TENANT, .sql =
        "SELECT m.user_id, u.email, u.name, m.role, m.created_at, count(*) OVER ()"
        " FROM memberships m JOIN users u ON u.id = m.user_id"
        " WHERE m.org_id = $1 AND ($2::text IS NULL OR m.role = $2)"
        " ORDER BY m.created_at, m.user_id LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    [MEMBER_GET] = { .name = "member_get", .scope = SAAS_TENANT, .sql =
        "SELECT m.user_id, u.email, u.name, m.role, m.created_at,"
        " (SELECT count(*) FROM memberships a WHERE a.org_id = $1 AND a.role = 'ADMIN')"
        " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = $1 AND m.user_id = $2" },

    [MEMBER_ROLE] = { .name = "member_role", .scope = SAAS_TENANT, .sql =
        "UPDATE memberships SET role = $3, updated_at = now() WHERE org_id = $1 AND user_id = $2" },

    [MEMBER_DELETE] = { .name = "member_delete", .scope = SAAS_TENANT, .sql =
        "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2" },

    [MEMBER_DEFAULT] = { .name = "member_default", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET default_org_id = NULL, updated_at = now()"
        " WHERE id = $1::uuid AND default_org_id = $2::uuid" },

    /* $3 is the rank of the role that is left, 0 for none: what reaches above
     * it dies.  A token without a role of its own has its user's. */
    [MEMBER_TOKENS] = { .name = "member_tokens", .scope = SAAS_SYSTEM, .sql =
        "UPDATE tokens SET revoked_at = now()"
        " WHERE user_id = $1::uuid AND organization_id = $2::uuid AND revoked_at IS NULL"
        " AND (CAST($3 AS integer) = 0 OR CASE role WHEN 'ADMIN' THEN 3 WHEN 'MEMBER' THEN 2 WHEN 'VIEWER' THEN 1"
        " ELSE 0 END > CAST($3 AS integer))" },

    [MEMBER_INVITES] = { .name = "member_invites", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND invited_by = $2 AND state = 'pending'" },

    /* Whether an invite has expired is computed, never written. */
    [INVITE_LIST] = { .name = "invite_list", .scope = SAAS_TENANT, .sql =
        "SELECT " INVITE_COLUMNS ", count(*) OVER ()"
        " FROM invites i LEFT JOIN users u ON u.id = i.invited_by"
        " WHERE i.org_id = $1 AND ($2::text IS NULL OR " INVITE_STATE " = $2)"
        " ORDER BY i.id DESC LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    [INVITE_GET] = { .name = "invite_get", .scope = SAAS_TENANT, .sql =
        "SELECT " INVITE_COLUMNS " FROM invites i LEFT JOIN users u ON u.id = i.invited_by"
        " WHERE i.org_id = $1 AND i.id = $2" },

    [INVITE_MEMBER] = { .name = "invite_member", .scope = SAAS_TENANT, .sql =
        "SELECT m.role FROM users u JOIN memberships m ON m.user_id = u.id AND m.org_id = $1 WHERE u.email_key = $2" },

    [INVITE_LAPSE] = { .name = "invite_lapse", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'revoked'"
        " WHERE org_id = $1 AND email_key = $2 AND state = 'pending' AND expires_at <= now()" },

    /* No row: one is pending for this address. */
    [INVITE_INSERT] = { .name = "invite_insert", .scope = SAAS_TENANT, .sql =
        "INSERT INTO invites (org_id, id, email, email_key, role, hash, invited_by, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, now(), saas_now_plus(CAST($8 AS double precision)))"
        " ON CONFLICT (org_id, email_key) WHERE state = 'pending' DO NOTHING" },

    [INVITE_RENEW] = { .name = "invite_renew", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET hash = $3, mail_hash = NULL, expires_at = saas_now_plus(CAST($4 AS double precision))"
        " WHERE org_id = $1 AND id = $2 AND state = 'pending'" },

    [INVITE_MAIL] = { .name = "invite_mail", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET mail_hash = $3 WHERE org_id = $1 AND id = $2 AND state = 'pending' AND expires_at > now()" },

    [INVITE_REVOKE] = { .name = "invite_revoke", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND id = $2 AND state = 'pending'" },

    [INVITE_LOOK] = { .name = "invite_look", .scope = SAAS_TENANT, .sql = INVITE_BY_TOKEN },
    [INVITE_TAKE] = { .name = "invite_take", .scope = SAAS_TENANT, .sql = INVITE_BY_TOKEN " FOR UPDATE OF i" },

    [INVITE_ACCEPT] = { .name = "invite_accept", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'accepted', accepted_at = now(), accepted_by = $3"
        " WHERE org_id = $1 AND id = $2 AND state = 'pending' AND expires_at > now()" },

    /* Never touches a membership that is there. */
    [INVITE_JOIN] = { .name = "invite_join", .scope = SAAS_TENANT, .sql =
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)"
        " VALUES ($1, $2, $3, now(), now()) ON CONFLICT (org_id, user_id) DO NOTHING" },

    [TOKEN_BOUNDS] = { .name = "token_bounds", .scope = SAAS_SYSTEM, .sql =
        "SELECT 1 FROM tokens WHERE id = $1::uuid AND organization_id IS NULL AND role IS NULL" },

    /* An account that is being deleted joins nothing any more. */
    [CALLER_SHARE] = { .name = "caller_share", .scope = SAAS_SYSTEM, .sql =
        "SELECT id FROM users WHERE id = $1::uuid AND is_active FOR KEY SHARE" },

    [CALLER_VERIFIED] = { .name = "caller_verified", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET email_verified_at = now(), updated_at = now() WHERE id = $1::uuid AND email_key = $2"
        " AND email_verified_at IS NULL" },

    /* An id grows with the time of its making.  A trail is long: counted apart,
     * its rows need not be kept until the last one is seen. */
    [ACTIVITY_LIST] = { .name = "activity_list", .scope = SAAS_TENANT, .sql =
        "SELECT id, created_at, actor_type, actor_id, actor_email, action, target_type, target_id, target_label,"
        " old_value, new_value, address, request_id, (SELECT count(*) FROM activity WHERE " ACTIVITY_FILTER ")"
        " FROM activity WHERE " ACTIVITY_FILTER
        " ORDER BY id DESC LIMIT CAST($7 AS bigint) OFFSET CAST($8 AS bigint)" },

    [PURGE_CHECK] = { .name = "purge_check", .scope = SAAS_TENANT, .sql =
        "SELECT name, CASE WHEN deleted_at IS NULL THEN FALSE ELSE TRUE END FROM organizations WHERE id = $1" },
    [PURGE_RUNNING] = { .name = "purge_running", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM audits WHERE org_id = $1 AND status IN ('queued', 'running') ORDER BY id LIMIT 200" },
    [PURGE_STOP] = { .name = "purge_stop", .scope = SAAS_TENANT, .sql =
        "UPDATE audits SET status = 'canceled', finished_at = now()"
        " WHERE org_id = $1 AND id = $2 AND status IN ('queued', 'running')" },
    [PURGE_PENDING] = { .name = "purge_pending", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM invites WHERE org_id = $1 AND state = 'pending' ORDER BY id LIMIT 200" },
    [PURGE_REVOKE] = { .name = "purge_revoke", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND id = $2 AND state = 'pending'" },
    /* What Stripe could still collect money for. */
    [PURGE_STRIPE] = { .name = "purge_stripe", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM subscriptions WHERE org_id = $1 AND status NOT IN ('canceled', 'incomplete_expired')"
        " UNION SELECT o.stripe_subscription_id FROM organizations o WHERE o.id = $1"
        " AND o.stripe_subscription_id IS NOT NULL"
        " AND coalesce(o.stripe_status, '') NOT IN ('canceled', 'incomplete_expired')"
        " UNION SELECT id FROM checkout_sessions WHERE org_id = $1 AND status = 'open' AND expires_at > now()" },
    [PURGE_TOKENS] = { .name = "purge_tokens", .scope = SAAS_SYSTEM, .sql =
        "UPDATE tokens SET revoked_at = now() WHERE organization_id = $1::uuid AND revoked_at IS NULL" },
    [PURGE_DEFAULTS] = { .name = "purge_defaults", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET default_org_id = NULL WHERE default_org_id = $1::uuid"
        " AND id IN (SELECT m.user_id FROM memberships m WHERE m.org_id = $1::uuid)" },

    [PURGE_EVIDENCE] = { .name = "purge_evidence", .scope = SAAS_TENANT, .sql =
        "DELETE FROM evidence WHERE org_id = $1 AND (audit_id, number) IN (SELECT e.audit_id, e.number"
        " FROM evidence e WHERE e.org_id = $1 ORDER BY e.audit_id, e.number LIMIT CAST($2 AS bigint))" },
    [PURGE_AUDITS] = { .name = "purge_audits", PURGE_BY("audits", "id") },
    [PURGE_INVITES] = { .name = "purge_invites", PURGE_BY("invites", "id") },
    [PURGE_SESSIONS] = { .name = "purge_sessions", PURGE_BY("checkout_sessions", "id") },
    [PURGE_SUBSCRIPTIONS] = { .name = "purge_subscriptions", PURGE_BY("subscriptions", "id") },
    [PURGE_MEMBERSHIPS] = { .name = "purge_memberships", PURGE_BY("memberships", "user_id") },
    /* A tenant statement may not delete these. */
    [PURGE_DELIVERIES] = { .name = "purge_deliveries", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM notify_deliveries WHERE org_id = $1 AND (endpoint_id, message_id) IN (SELECT d.endpoint_id, d.message_id"
        " FROM notify_deliveries d WHERE d.org_id = $1 ORDER BY d.endpoint_id, d.message_id LIMIT CAST($2 AS bigint))" },
    [PURGE_ENDPOINTS] = { .name = "purge_endpoints", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM notify_endpoints WHERE org_id = $1 AND id IN (SELECT e.id FROM notify_endpoints e"
        " WHERE e.org_id = $1 ORDER BY e.id LIMIT CAST($2 AS bigint))" },
    /* On PostgreSQL the application may not do these two but for an
     * organization that is deleted: see 0007_teams.sql. */
    [PURGE_ACTIVITY] = { .name = "purge_activity", .scope = SAAS_SYSTEM, .sql =
        "SELECT saas_purge_activity($1::uuid, CAST($2 AS integer))", .sqlite =
        "DELETE FROM activity WHERE org_id = $1 AND id IN (SELECT a.id FROM activity a"
        " WHERE a.org_id = $1 ORDER BY a.id LIMIT CAST($2 AS bigint))" },
    [PURGE_ORGANIZATION] = { .name = "purge_organization", .scope = SAAS_SYSTEM, .sql =
        "SELECT saas_purge_organization($1::uuid)", .sqlite =
        "DELETE FROM organizations WHERE id = $1 AND deleted_at IS NOT NULL" },
};
