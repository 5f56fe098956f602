-- The change feed: whoever caches principals hears, on the channel
-- saas_changes, whose may be another one: u:<user>, o:<organization>, or * for
-- everybody's.  A notification belongs to its transaction: it is sent at the
-- commit, in the order of commits, and not at all after a rollback.
--
-- Only what a principal shows counts, so noting a token's use or a log-in is
-- silent; and what did not exist cannot be cached, so most insertions are, too.

CREATE FUNCTION saas_changed_user() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM pg_notify('saas_changes', 'u:' || OLD.id);
    RETURN NULL;
END
$$;

-- tokens and sessions: the owner before, and after.
CREATE FUNCTION saas_changed_credential() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM pg_notify('saas_changes', 'u:' || OLD.user_id);
    IF TG_OP = 'UPDATE' AND NEW.user_id <> OLD.user_id THEN
        PERFORM pg_notify('saas_changes', 'u:' || NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;

-- A membership more or less also changes which organization is a user's only
-- one, hence the user.
CREATE FUNCTION saas_changed_membership() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pg_notify('saas_changes', 'u:' || OLD.user_id);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pg_notify('saas_changes', 'u:' || NEW.user_id);
    END IF;
    RETURN NULL;
END
$$;

-- An organization that comes back may be a default again, or one of several.
CREATE FUNCTION saas_changed_organization() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM pg_notify('saas_changes', 'o:' || OLD.id);
    IF TG_OP = 'UPDATE' AND OLD.deleted_at IS NOT NULL AND NEW.deleted_at IS NULL THEN
        PERFORM pg_notify('saas_changes', '*');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION saas_changed_all() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog
    AS $$
BEGIN
    PERFORM pg_notify('saas_changes', '*');
    RETURN NULL;
END
$$;

CREATE TRIGGER users_changed AFTER UPDATE ON users FOR EACH ROW
    WHEN ((OLD.id, OLD.email, OLD.email_key, OLD.name, OLD.is_active, OLD.default_org_id)
          IS DISTINCT FROM (NEW.id, NEW.email, NEW.email_key, NEW.name, NEW.is_active, NEW.default_org_id))
    EXECUTE FUNCTION saas_changed_user();
CREATE TRIGGER users_gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION saas_changed_user();
CREATE TRIGGER users_truncated AFTER TRUNCATE ON users EXECUTE FUNCTION saas_changed_all();

CREATE TRIGGER tokens_changed AFTER UPDATE ON tokens FOR EACH ROW
    WHEN ((OLD.id, OLD.user_id, OLD.organization_id, OLD.role, OLD.hash, OLD.expires_at, OLD.revoked_at)
          IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.organization_id, NEW.role, NEW.hash, NEW.expires_at, NEW.revoked_at))
    EXECUTE FUNCTION saas_changed_credential();
CREATE TRIGGER tokens_gone AFTER DELETE ON tokens FOR EACH ROW EXECUTE FUNCTION saas_changed_credential();
CREATE TRIGGER tokens_truncated AFTER TRUNCATE ON tokens EXECUTE FUNCTION saas_changed_all();

CREATE TRIGGER sessions_changed AFTER UPDATE ON sessions FOR EACH ROW
    WHEN ((OLD.id, OLD.user_id, OLD.hash, OLD.expires_at) IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.hash, NEW.expires_at))
    EXECUTE FUNCTION saas_changed_credential();
-- What had expired was out already: clearing away old sessions is silent.
CREATE TRIGGER sessions_gone AFTER DELETE ON sessions FOR EACH ROW
    WHEN (OLD.expires_at > now())
    EXECUTE FUNCTION saas_changed_credential();
CREATE TRIGGER sessions_truncated AFTER TRUNCATE ON sessions EXECUTE FUNCTION saas_changed_all();

CREATE TRIGGER memberships_changed AFTER UPDATE ON memberships FOR EACH ROW
    WHEN ((OLD.org_id, OLD.user_id, OLD.role) IS DISTINCT FROM (NEW.org_id, NEW.user_id, NEW.role))
    EXECUTE FUNCTION saas_changed_membership();
CREATE TRIGGER memberships_made AFTER INSERT OR DELETE ON memberships FOR EACH ROW
    EXECUTE FUNCTION saas_changed_membership();
CREATE TRIGGER memberships_truncated AFTER TRUNCATE ON memberships EXECUTE FUNCTION saas_changed_all();

CREATE TRIGGER organizations_changed AFTER UPDATE ON organizations FOR EACH ROW
    WHEN ((OLD.id, OLD.name, OLD.slug, OLD.deleted_at, OLD.subscription_status, OLD.subscription_ends_at)
          IS DISTINCT FROM (NEW.id, NEW.name, NEW.slug, NEW.deleted_at, NEW.subscription_status, NEW.subscription_ends_at))
    EXECUTE FUNCTION saas_changed_organization();
CREATE TRIGGER organizations_gone AFTER DELETE ON organizations FOR EACH ROW EXECUTE FUNCTION saas_changed_organization();
CREATE TRIGGER organizations_truncated AFTER TRUNCATE ON organizations EXECUTE FUNCTION saas_changed_all();
