-- Users, organizations, memberships, and what proves who somebody is.

CREATE TABLE users (
    id              uuid PRIMARY KEY,
    email           text NOT NULL CHECK (length(email) <= 254),
    email_key       text NOT NULL UNIQUE,           -- case-folded
    name            text NOT NULL DEFAULT '',
    password_hash   text,                           -- NULL: cannot log in with a password
    is_active       boolean NOT NULL DEFAULT true,
    default_org_id  uuid,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    last_login_at   timestamptz
);

CREATE TABLE sessions (
    id          uuid PRIMARY KEY,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    hash        text NOT NULL UNIQUE,               -- SHA-256 of the cookie, hex
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    address     text,
    user_agent  text
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE organizations (
    id                      uuid PRIMARY KEY,
    name                    text NOT NULL,
    slug                    text NOT NULL UNIQUE,
    created_at              timestamptz NOT NULL,
    updated_at              timestamptz NOT NULL,
    deleted_at              timestamptz,
    -- The effective subscription: the best of the organization's rows in
    -- subscriptions, written by the webhook's transaction.
    subscription_status     text NOT NULL DEFAULT 'free'
                            CHECK (subscription_status IN ('free', 'active', 'expired', 'canceled')),
    subscription_started_at timestamptz,
    subscription_ends_at    timestamptz,
    stripe_customer_id      text,
    stripe_subscription_id  text,
    stripe_status           text
);

CREATE TABLE memberships (
    org_id      uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    role        text NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id)
);

-- Directory: the organizations of a user.  It is what lets every index of a
-- tenant table begin with the organization; kept by triggers, so it cannot
-- disagree with memberships.
CREATE TABLE user_organizations (
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    org_id      uuid NOT NULL,
    PRIMARY KEY (user_id, org_id)
);

CREATE FUNCTION saas_directory_follow() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO user_organizations (user_id, org_id) VALUES (NEW.user_id, NEW.org_id) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM user_organizations WHERE user_id = OLD.user_id AND org_id = OLD.org_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER memberships_directory AFTER INSERT OR DELETE ON memberships
    FOR EACH ROW EXECUTE FUNCTION saas_directory_follow();

CREATE TABLE tokens (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations ON DELETE CASCADE,  -- NULL: all of the user's
    role            text CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),  -- NULL: the user's own
    name            text NOT NULL,
    hint            text NOT NULL,                  -- its first characters, to recognize it by
    hash            text NOT NULL UNIQUE,           -- SHA-256, hex
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    last_used_at    timestamptz,
    revoked_at      timestamptz
);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_organization ON tokens (organization_id);

CREATE TABLE password_resets (
    hash        text PRIMARY KEY,                   -- SHA-256 of the mailed token, hex
    user_id     uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);
CREATE INDEX password_resets_user ON password_resets (user_id);

CREATE TABLE invites (
    org_id      uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id          uuid NOT NULL,
    email       text NOT NULL,
    email_key   text NOT NULL,
    role        text NOT NULL CHECK (role IN ('ADMIN', 'MEMBER', 'VIEWER')),
    hash        text NOT NULL,                      -- SHA-256 of the token, which itself names the organization
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'accepted', 'revoked')),
    invited_by  uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, hash)
);
CREATE UNIQUE INDEX invites_one_pending ON invites (org_id, email_key) WHERE state = 'pending';

CREATE TABLE activity (
    org_id       uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id           uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    actor_type   text NOT NULL CHECK (actor_type IN ('user', 'token', 'system', 'stripe')),
    actor_id     text,
    actor_email  text,                              -- snapshot: survives the user
    action       text NOT NULL,
    target_type  text,
    target_id    text,
    target_label text,
    old_value    jsonb,
    new_value    jsonb,
    address      text,
    request_id   text,
    PRIMARY KEY (org_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON users, sessions, tokens, password_resets TO saas_system;
-- What a tenant statement may show of its members; never the password's hash.
GRANT SELECT (id, email, email_key, name) ON users TO saas_app;
GRANT SELECT ON user_organizations TO saas_app;
GRANT SELECT ON user_organizations TO saas_system;
CALL saas_make_tenant_table('organizations', 'id', 'SELECT, INSERT, UPDATE');
CALL saas_make_tenant_table('memberships', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
CALL saas_make_tenant_table('invites', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
CALL saas_make_tenant_table('activity', 'org_id', 'SELECT, INSERT');
