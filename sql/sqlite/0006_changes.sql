-- The change feed: whoever caches principals reads here whose may be another
-- one: u:<user>, o:<organization>, or * for everybody's.  PostgreSQL needs no
-- table for it, it notifies.  The last 1024 are kept; who has missed more
-- forgets all.
--
-- Only what a principal shows counts, so noting a token's use or a log-in is
-- silent; and what did not exist cannot be cached, so most insertions are, too.

CREATE TABLE principal_changes (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    subject     TEXT NOT NULL
);

CREATE TRIGGER principal_changes_trim AFTER INSERT ON principal_changes
BEGIN
    DELETE FROM principal_changes WHERE number <= NEW.number - 1024;
END;

CREATE TRIGGER users_changed AFTER UPDATE ON users
WHEN (OLD.id, OLD.email, OLD.email_key, OLD.name, OLD.is_active, OLD.default_org_id)
     IS NOT (NEW.id, NEW.email, NEW.email_key, NEW.name, NEW.is_active, NEW.default_org_id)
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.id);
END;
CREATE TRIGGER users_gone AFTER DELETE ON users
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.id);
END;

CREATE TRIGGER tokens_changed AFTER UPDATE ON tokens
WHEN (OLD.id, OLD.user_id, OLD.organization_id, OLD.role, OLD.hash, OLD.expires_at, OLD.revoked_at)
     IS NOT (NEW.id, NEW.user_id, NEW.organization_id, NEW.role, NEW.hash, NEW.expires_at, NEW.revoked_at)
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id), ('u:' || NEW.user_id);
END;
CREATE TRIGGER tokens_gone AFTER DELETE ON tokens
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id);
END;

CREATE TRIGGER sessions_changed AFTER UPDATE ON sessions
WHEN (OLD.id, OLD.user_id, OLD.hash, OLD.expires_at) IS NOT (NEW.id, NEW.user_id, NEW.hash, NEW.expires_at)
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id), ('u:' || NEW.user_id);
END;
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id);
END;

-- A membership more or less also changes which organization is a user's only
-- one, hence the user.
CREATE TRIGGER memberships_made AFTER INSERT ON memberships
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || NEW.user_id);
END;
CREATE TRIGGER memberships_changed AFTER UPDATE ON memberships
WHEN (OLD.org_id, OLD.user_id, OLD.role) IS NOT (NEW.org_id, NEW.user_id, NEW.role)
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id), ('u:' || NEW.user_id);
END;
CREATE TRIGGER memberships_gone AFTER DELETE ON memberships
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('u:' || OLD.user_id);
END;

CREATE TRIGGER organizations_changed AFTER UPDATE ON organizations
WHEN (OLD.id, OLD.name, OLD.slug, OLD.deleted_at, OLD.subscription_status, OLD.subscription_ends_at)
     IS NOT (NEW.id, NEW.name, NEW.slug, NEW.deleted_at, NEW.subscription_status, NEW.subscription_ends_at)
BEGIN
    INSERT INTO principal_changes (subject)
        VALUES (CASE WHEN OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN '*' ELSE 'o:' || OLD.id END);
END;
CREATE TRIGGER organizations_gone AFTER DELETE ON organizations
BEGIN
    INSERT INTO principal_changes (subject) VALUES ('o:' || OLD.id);
END;
