-- Users, organizations, memberships, and what proves who somebody is.

CREATE TABLE users (
    id              TEXT PRIMARY KEY NOT NULL,
    email           TEXT NOT NULL CHECK (length(email) <= 254),
    email_key       TEXT NOT NULL UNIQUE,           -- case-folded
    name            TEXT NOT NULL DEFAULT '',
    password_hash   TEXT,                           -- NULL: cannot log in with a password
    is_active       INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    default_org_id  TEXT,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    last_login_at   TEXT
) WITHOUT ROWID;

CREATE TABLE sessions (
    id          TEXT PRIMARY KEY NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    hash        TEXT NOT NULL UNIQUE,               -- SHA-256 of the cookie, hex
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    address     TEXT,
    user_agent  TEXT
) WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE organizations (
    id                      TEXT PRIMARY KEY NOT NULL,
    name                    TEXT NOT NULL,
    slug                    TEXT NOT NULL UNIQUE,
    created_at              TEXT NOT NULL,
    updated_at              TEXT NOT NULL,
    deleted_at              TEXT,
    -- The effective subscription: the best of the organization's rows in
    -- subscriptions, written by the webhook's transaction.
    subscription_status     TEXT NOT NULL DEFAULT 'free'
                            CHECK (subscription_status IN ('free', 'active', 'expired', 'canceled')),
    subscription_started_at TEXT,
    subscription_ends_at    TEXT,
    stripe_customer_id      TEXT,
    stripe_subscription_id  TEXT,
    stripe_status           TEXT
) WITHOUT ROWID;

CREATE TABLE memberships (
    org_id      TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    role        TEXT NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    PRIMARY KEY (org_id, user_id)
) WITHOUT ROWID;
-- Users have no list of memberships on PostgreSQL's side; here deleting a user looks through this one.
CREATE INDEX memberships_user ON memberships (user_id);

-- Directory: the organizations of a user, kept by triggers, so it cannot
-- disagree with memberships.
CREATE TABLE user_organizations (
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    org_id      TEXT NOT NULL,
    PRIMARY KEY (user_id, org_id)
) WITHOUT ROWID;

CREATE TRIGGER memberships_directory_insert AFTER INSERT ON memberships
BEGIN
    INSERT INTO user_organizations (user_id, org_id) VALUES (NEW.user_id, NEW.org_id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER memberships_directory_delete AFTER DELETE ON memberships
BEGIN
    DELETE FROM user_organizations WHERE user_id = OLD.user_id AND org_id = OLD.org_id;
END;

CREATE TABLE tokens (
    id              TEXT PRIMARY KEY NOT NULL,
    user_id         TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id TEXT REFERENCES organizations ON DELETE CASCADE,  -- NULL: all of the user's
    role            TEXT CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),  -- NULL: the user's own
    name            TEXT NOT NULL,
    hint            TEXT NOT NULL,                  -- its first characters, to recognize it by
    hash            TEXT NOT NULL UNIQUE,           -- SHA-256, hex
    created_at      TEXT NOT NULL,
    expires_at      TEXT,
    last_used_at    TEXT,
    revoked_at      TEXT
) WITHOUT ROWID;
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_organization ON tokens (organization_id);

CREATE TABLE password_resets (
    hash        TEXT PRIMARY KEY NOT NULL,          -- SHA-256 of the mailed token, hex
    user_id     TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    used_at     TEXT
) WITHOUT ROWID;
CREATE INDEX password_resets_user ON password_resets (user_id);

CREATE TABLE invites (
    org_id      TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id          TEXT NOT NULL,
    email       TEXT NOT NULL,
    email_key   TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),
    hash        TEXT NOT NULL,                      -- SHA-256 of the token, which itself names the organization
    state       TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'revoked')),
    invited_by  TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    expires_at  TEXT NOT NULL,
    accepted_at TEXT,
    accepted_by TEXT,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, hash)
) WITHOUT ROWID;
CREATE UNIQUE INDEX invites_one_pending ON invites (org_id, email_key) WHERE state = 'pending';

CREATE TABLE activity (
    org_id       TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id           TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    actor_type   TEXT NOT NULL CHECK (actor_type IN ('user', 'token', 'system', 'stripe')),
    actor_id     TEXT,
    actor_email  TEXT,                              -- snapshot: survives the user
    action       TEXT NOT NULL,
    target_type  TEXT,
    target_id    TEXT,
    target_label TEXT,
    old_value    TEXT CHECK (old_value IS NULL OR json_valid(old_value)),
    new_value    TEXT CHECK (new_value IS NULL OR json_valid(new_value)),
    address      TEXT,
    request_id   TEXT,
    PRIMARY KEY (org_id, id)
) WITHOUT ROWID;
