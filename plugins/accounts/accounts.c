/* Licensed under the Apache License, Version 2.0: see LICENSE. */

/*
 * The accounts plugin at a glance: who somebody is and how they prove it.
 * Registration, log-in and log-out, the profile, the password and a new one for
 * who has forgotten it, sessions, API tokens.
 *
 * It must never store or log a password or a token, only what is derived from
 * them, and never tell whether an address has an account to somebody who cannot
 * log in to it (registration excepted, where the contract wants it told).
 */

#include "accounts.h"

SAAS_PLUGIN_DEFINE;

/* What a token that is bound to an organization may touch: that organization's
 * tokens only.  $n is the id of the calling token, NULL for other callers. */
#define WITHIN_CALLING_TOKEN(n)                                                                            \
    " AND NOT EXISTS (SELECT 1 FROM tokens c WHERE c.id = " n "::uuid AND c.organization_id IS NOT NULL" \
    " AND (tokens.organization_id IS NULL OR tokens.organization_id <> c.organization_id))"

/* The same for what is the user's and no organization's. */
#define NO_BOUND_TOKEN(n) \
    " AND NOT EXISTS (SELECT 1 FROM tokens c WHERE c.id = " n "::uuid AND c.organization_id IS NOT NULL)"

#define HAS_PASSWORD "password_hash IS NOT NULL AND password_hash NOT LIKE '!%' AND password_hash NOT LIKE '*%'"

saas_statement_t accounts_statements[ACCOUNTS_STATEMENTS + 1] = {
    [USER_FOR_LOGIN] = { .name = "user_for_login", .scope = SAAS_SYSTEM, .sql =
        "SELECT id, password_hash, EXISTS (SELECT 1 FROM devices d WHERE d.hash = $3 AND d.user_id = users.id)"
        " FROM users WHERE email_key IN ($1, $2) AND is_active"
        " ORDER BY CASE WHEN email_key = $2 THEN 0 ELSE 1 END LIMIT 1" },

    /* The stored form that was verified is named again, so that a password
     * changed in between starts no session. */
    [USER_LOGGED_IN] = { .name = "user_logged_in", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET last_login_at = now(), password_hash = coalesce($3::text, password_hash)"
        " WHERE id = $1::uuid AND password_hash = $2 AND is_active" },

    [USER_PASSWORD] = { .name = "user_password", .scope = SAAS_SYSTEM, .sql =
        "SELECT password_hash, email, name FROM users WHERE id = $1::uuid" },

    [USER_PASSWORD_UPDATE] = { .name = "user_password_update", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET password_hash = $3, updated_at = now() WHERE id = $1::uuid AND password_hash = $2" },

    [USER_PASSWORD_SET] = { .name = "user_password_set", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET password_hash = $2, updated_at = now(), email_verified_at = coalesce(email_verified_at, now())"
        " WHERE id = $1::uuid AND is_active" },

    [USER_SPELLED] = { .name = "user_spelled", .scope = SAAS_SYSTEM, .sql =
        "SELECT id FROM users WHERE email_key = $1 AND id <> $2::uuid" },

    [USER_EMAIL_UPDATE] = { .name = "user_email_update", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET email = $3, email_key = $4, updated_at = now(),"
        " email_verified_at = CASE WHEN email_key = $4 THEN email_verified_at END"
        " WHERE id = $1::uuid AND password_hash = $2" },

    /* Who has no password, or a disabled one, logs in by other means and gets
     * none this way. */
    [USER_FOR_RESET] = { .name = "user_for_reset", .scope = SAAS_SYSTEM, .sql =
        "SELECT id, email, name, password_hash, email_key FROM users WHERE email_key IN ($1, $2) AND is_active"
        " AND " HAS_PASSWORD " ORDER BY CASE WHEN email_key = $2 THEN 0 ELSE 1 END LIMIT 1" },

    [RESET_USER] = { .name = "reset_user", .scope = SAAS_SYSTEM, .sql =
        "SELECT password_hash, email_key FROM users WHERE id = $1::uuid AND is_active AND " HAS_PASSWORD },

    [RESETS_PURGE] = { .name = "resets_purge", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM password_resets WHERE user_id = $1::uuid AND (expires_at <= now() OR used_at IS NOT NULL)" },

    [RESETS_VOID] = { .name = "resets_void", .scope = SAAS_SYSTEM, .sql =
        "UPDATE password_resets SET used_at = now() WHERE user_id = $1::uuid AND used_at IS NULL" },

    [RESET_INSERT] = { .name = "reset_insert", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO password_resets (hash, user_id, created_at, expires_at)"
        " VALUES ($1, $2::uuid, now(), saas_now_plus(CAST($3 AS double precision)))" },

    [RESET_FIND] = { .name = "reset_find", .scope = SAAS_SYSTEM, .sql =
        "SELECT u.id, u.email, u.name FROM password_resets r JOIN users u ON u.id = r.user_id AND u.is_active"
        " WHERE r.hash = $1 AND r.used_at IS NULL AND r.expires_at > now()" },

    [RESET_USE] = { .name = "reset_use", .scope = SAAS_SYSTEM, .sql =
        "UPDATE password_resets SET used_at = now()"
        " WHERE hash = $1 AND user_id = $2::uuid AND used_at IS NULL AND expires_at > now()" },

    [PROOFS_END] = { .name = "proofs_end", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM email_proofs WHERE user_id = $1::uuid" },

    [PROOFS_PURGE] = { .name = "proofs_purge", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM email_proofs WHERE user_id = $1::uuid AND expires_at <= now()" },

    [PROOF_USER] = { .name = "proof_user", .scope = SAAS_SYSTEM, .sql =
        "SELECT email, email_key, name FROM users WHERE id = $1::uuid AND is_active AND email_verified_at IS NULL" },

    [PROOF_INSERT] = { .name = "proof_insert", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO email_proofs (hash, user_id, email_key, created_at, expires_at)"
        " VALUES ($1, $2::uuid, $3, now(), saas_now_plus(CAST($4 AS double precision)))" },

    [PROOF_FIND] = { .name = "proof_find", .scope = SAAS_SYSTEM, .sql =
        "SELECT u.id, u.email FROM email_proofs p JOIN users u ON u.id = p.user_id AND u.is_active"
        " WHERE p.hash = $1 AND p.expires_at > now() AND p.email_key = u.email_key" },

    [PROOF_USE] = { .name = "proof_use", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM email_proofs WHERE hash = $1 AND user_id = $2::uuid AND expires_at > now()" },

    /* The address is named again: it may have been changed since the proof was looked up. */
    [USER_VERIFIED] = { .name = "user_verified", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET email_verified_at = now(), updated_at = now() WHERE id = $1::uuid AND email = $2" },

    [SESSION_LIST] = { .name = "session_list", .scope = SAAS_SYSTEM, .sql =
        "SELECT id, created_at, expires_at, address, user_agent, count(*) OVER () FROM sessions"
        " WHERE user_id = $1::uuid AND expires_at > now()" NO_BOUND_TOKEN("$2")
        " ORDER BY id DESC LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    [SESSION_REVOKE] = { .name = "session_revoke", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM sessions WHERE id = $1::uuid AND user_id = $2::uuid AND expires_at > now()" NO_BOUND_TOKEN("$3") },

    /* A taken address gives no row instead of an error, also when two
     * registrations race: the second one waits for the first. */
    [USER_INSERT] = { .name = "user_insert", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO users (id, email, email_key, name, password_hash, created_at, updated_at, last_login_at, email_verified_at)"
        " VALUES ($1, $2, $3, $4, $5, now(), now(), now(), CASE WHEN $6::text = 'proven' THEN now() END)"
        " ON CONFLICT (email_key) DO NOTHING RETURNING created_at" },

    /* $2 NULL: the name stays.  $3 NULL: the default stays; empty: none. */
    [USER_UPDATE] = { .name = "user_update", .scope = SAAS_SYSTEM, .sql =
        "UPDATE users SET name = coalesce($2::text, name), updated_at = now(),"
        " default_org_id = CASE WHEN $3::text IS NULL THEN default_org_id ELSE nullif($3::text, '')::uuid END"
        " WHERE id = $1::uuid" },

    [PROFILE] = { .name = "profile", .scope = SAAS_SYSTEM, .sql =
        "SELECT u.id, u.email, u.name, u.created_at, u.default_org_id,"
        " o.id, o.name, o.slug, m.role,"
        " CASE WHEN o.subscription_status = 'active' AND o.subscription_ends_at <= now() THEN 'expired'"
        " ELSE o.subscription_status END,"
        " o.subscription_status = 'active' AND (o.subscription_ends_at IS NULL OR o.subscription_ends_at > now()),"
        " t.organization_id, t.role, t.expires_at, u.email_verified_at IS NOT NULL"
        " FROM users u"
        " LEFT JOIN tokens t ON t.id = $2::uuid AND t.user_id = u.id"
        " LEFT JOIN user_organizations d ON d.user_id = u.id"
        " AND (t.organization_id IS NULL OR t.organization_id = d.org_id)"
        " LEFT JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " LEFT JOIN organizations o ON o.id = m.org_id AND o.deleted_at IS NULL"
        " WHERE u.id = $1::uuid ORDER BY o.name, o.id" },

    [SESSIONS_DELETE_OTHERS] = { .name = "sessions_delete_others", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM sessions WHERE user_id = $1::uuid AND ($2::uuid IS NULL OR id <> $2::uuid)" },

    [MEMBERSHIP_INSERT] = { .name = "membership_insert", .scope = SAAS_TENANT, .sql =
        "INSERT INTO memberships (org_id, user_id, role, created_at, updated_at)"
        " VALUES ($1, $2, $3, now(), now())" },

    [INVITE_FIND] = { .name = "invite_find", .scope = SAAS_TENANT, .sql =
        "SELECT i.id, i.email_key, i.role, i.state, i.expires_at > now(), o.name, o.slug, i.email,"
        " CASE WHEN i.mail_hash = $2 THEN TRUE ELSE FALSE END, " SAAS_STANDING_COLUMNS("o")
        " FROM invites i JOIN organizations o ON o.id = i.org_id AND o.deleted_at IS NULL"
        " WHERE i.org_id = $1 AND (i.hash = $2 OR i.mail_hash = $2) FOR UPDATE OF i" },

    [INVITE_ACCEPT] = { .name = "invite_accept", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'accepted', accepted_at = now(), accepted_by = $3"
        " WHERE org_id = $1 AND id = $2 AND state = 'pending' AND expires_at > now()" },

    [TOKEN_INSERT] = { .name = "token_insert", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO tokens (id, user_id, organization_id, role, name, hint, hash, created_at, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, now(), $8) RETURNING created_at" },

    [TOKEN_LIST] = { .name = "token_list", .scope = SAAS_SYSTEM, .sql =
        "SELECT tokens.id, tokens.name, tokens.hint, o.id, o.name, o.slug, tokens.role,"
        " tokens.created_at, tokens.expires_at, tokens.last_used_at, count(*) OVER ()"
        " FROM tokens LEFT JOIN organizations o ON o.id = tokens.organization_id"
        " WHERE tokens.user_id = $1::uuid AND tokens.revoked_at IS NULL AND o.deleted_at IS NULL"
        WITHIN_CALLING_TOKEN("$2")
        " ORDER BY tokens.id DESC LIMIT CAST($3 AS bigint) OFFSET CAST($4 AS bigint)" },

    [TOKEN_REVOKE] = { .name = "token_revoke", .scope = SAAS_SYSTEM, .sql =
        "UPDATE tokens SET revoked_at = now()"
        " WHERE id = $1::uuid AND user_id = $2::uuid AND revoked_at IS NULL"
        WITHIN_CALLING_TOKEN("$3")
        " RETURNING organization_id, name" },

    [TOKENS_OF_CLAIM] = { .name = "tokens_of_claim", .scope = SAAS_SYSTEM, .sql =
        "UPDATE tokens SET revoked_at = now() WHERE user_id = $1::uuid AND revoked_at IS NULL"
        " AND EXISTS (SELECT 1 FROM users u WHERE u.id = $1::uuid AND u.email_verified_at IS NULL)"
        " RETURNING id, organization_id, name" },

    /* Before the invite's row: whoever removes a member locks in this order. */
    [INVITE_SHARE] = { .name = "invite_share", .scope = SAAS_TENANT, .sql =
        "SELECT id FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE" },

    [LEAVING_USER] = { .name = "leaving_user", .scope = SAAS_SYSTEM, .sql =
        "SELECT id FROM users WHERE id = $1::uuid AND password_hash = $2 FOR UPDATE" },
    [LEAVING_LOCK] = { .name = "leaving_lock", .scope = SAAS_SYSTEM, .sql =
        "SELECT o.id FROM organizations o WHERE o.id IN (SELECT d.org_id FROM user_organizations d"
        " WHERE d.user_id = $1::uuid) ORDER BY o.id FOR UPDATE OF o" },
    [LEAVING_LIST] = { .name = "leaving_list", .scope = SAAS_SYSTEM, .sql =
        "SELECT o.id, o.name, o.slug, m.role, (SELECT count(*) FROM memberships a WHERE a.org_id = d.org_id),"
        " (SELECT count(*) FROM memberships b WHERE b.org_id = d.org_id AND b.role = 'ADMIN')"
        " FROM user_organizations d JOIN memberships m ON m.org_id = d.org_id AND m.user_id = d.user_id"
        " JOIN organizations o ON o.id = d.org_id AND o.deleted_at IS NULL"
        " WHERE d.user_id = $1::uuid ORDER BY o.id" },
    [LEAVING_INVITES] = { .name = "leaving_invites", .scope = SAAS_TENANT, .sql =
        "UPDATE invites SET state = 'revoked' WHERE org_id = $1 AND invited_by = $2 AND state = 'pending'" },
    [LEAVING_ORGANIZATION] = { .name = "leaving_organization", .scope = SAAS_TENANT, .sql =
        "UPDATE organizations SET deleted_at = now(), updated_at = now(), slug = 'deleted-' || CAST(id AS text)"
        " WHERE id = $1 AND deleted_at IS NULL" },
    [DEVICE_INSERT] = { .name = "device_insert", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO devices (hash, user_id, created_at, used_at) VALUES ($1, $2::uuid, now(), now())" },
    [DEVICES_TRIM] = { .name = "devices_trim", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM devices WHERE user_id = $1::uuid AND hash NOT IN (SELECT d.hash FROM devices d"
        " WHERE d.user_id = $1::uuid ORDER BY d.used_at DESC LIMIT CAST($2 AS bigint))" },
    [DEVICE_USED] = { .name = "device_used", .scope = SAAS_SYSTEM, .sql =
        "UPDATE devices SET used_at = now() WHERE hash = $1" },
    [DEVICES_END] = { .name = "devices_end", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM devices WHERE user_id = $1::uuid" },
    [CLAIM_LOCK] = { .name = "claim_lock", .scope = SAAS_SYSTEM, .sql =
        "SELECT email FROM users WHERE id = $1::uuid AND email_key IN ($2, $3) AND email_verified_at IS NULL FOR UPDATE" },
    /* Where somebody else has the mailbox, it is theirs. */
    [CLAIM_OWNER] = { .name = "claim_owner", .scope = SAAS_SYSTEM, .sql =
        "INSERT INTO users (id, email, email_key, name, created_at, updated_at, email_verified_at)"
        " VALUES ($1, $2, $3, '', now(), now(), now()) ON CONFLICT (email_key) DO NOTHING" },
    /* Sessions, tokens and memberships go with it. */
    [LEAVING_DELETE] = { .name = "leaving_delete", .scope = SAAS_SYSTEM, .sql =
        "DELETE FROM users WHERE id = $1::uuid" },
};

static const saas_route_t routes[] = {
    { SAAS_POST, "/auth/register/", accounts_register, .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/login/", accounts_login, .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/logout/", accounts_logout, SAAS_GATES(saas_is_account) },
    { SAAS_GET, "/auth/session/", accounts_session, .identity = SAAS_IDENTITY_OPTIONAL },
    { SAAS_GET, "/auth/me/", accounts_me, SAAS_GATES(saas_is_account) },
    { SAAS_PATCH, "/auth/me/", accounts_me_update, SAAS_GATES(saas_is_account), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/auth/me/", accounts_me_delete, SAAS_GATES(saas_is_account), .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/password/", accounts_password, SAAS_GATES(saas_is_account), .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/password/reset/", accounts_reset, .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/password/reset/confirm/", accounts_reset_confirm, .body = SAAS_BODY_JSON },
    { SAAS_POST, "/auth/verify/resend/", accounts_verify_resend, SAAS_GATES(saas_is_account) },
    { SAAS_POST, "/auth/verify/confirm/", accounts_verify_confirm, .body = SAAS_BODY_JSON },
    { SAAS_GET, "/auth/sessions/", accounts_sessions, SAAS_GATES(saas_is_account) },
    { SAAS_DELETE, "/auth/sessions/{session}/", accounts_session_revoke, SAAS_GATES(saas_is_account) },
    { SAAS_GET, "/auth/tokens/", accounts_tokens, SAAS_GATES(saas_is_user) },
    { SAAS_POST, "/auth/tokens/", accounts_token_create, SAAS_GATES(saas_is_user), .body = SAAS_BODY_JSON },
    { SAAS_DELETE, "/auth/tokens/{token}/", accounts_token_revoke, SAAS_GATES(saas_is_user) },
    { 0 }
};

static const saas_job_kind_t jobs[] = {
    { .kind = ACCOUNTS_RESET_JOB, .run = accounts_reset_run, .max_attempts = 5 },
    { .kind = NULL }
};

static const saas_link_t links[] = {
    { .name = ACCOUNTS_RESET_LINK, .make = accounts_reset_link },
    { .name = ACCOUNTS_VERIFY_LINK, .make = accounts_verify_link },
    { .name = NULL }
};

static const saas_plugin_t plugin = {
    SAAS_PLUGIN_INIT("accounts"),
    .openapi = saas_openapi_text,
    .statements = accounts_statements,
    .routes = routes,
    .jobs = jobs,
    .links = links,
    .claimed = accounts_claimed,
    .check_config = accounts_check_config,
};

static void register_hooks(apr_pool_t *p)
{
    saas_plugin_register(p, &plugin);
}

module AP_MODULE_DECLARE_DATA saas_accounts_module = {
    STANDARD20_MODULE_STUFF,
    .create_server_config = accounts_config_create,
    .merge_server_config = accounts_config_merge,
    .cmds = accounts_config_commands,
    .register_hooks = register_hooks,
};
