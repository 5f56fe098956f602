-- Roles and the helpers that every later migration and statement relies on.
--
-- Three roles: the owner (whoever runs this), saas_app, which httpd connects
-- as, and saas_system, which saas_app may switch to for work that crosses
-- organizations (log-in, job queue, webhooks).  saas_app inherits nothing: a
-- connection that has not said what it is about sees no tenant row at all.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'saas_app') THEN
        CREATE ROLE saas_app NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'saas_system') THEN
        CREATE ROLE saas_system NOLOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname IN ('saas_app', 'saas_system') AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'saas_app and saas_system must be neither superuser nor BYPASSRLS';
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'saas_app' AND rolinherit) THEN
        RAISE EXCEPTION 'saas_app must be NOINHERIT: ALTER ROLE saas_app NOINHERIT';
    END IF;
    IF NOT pg_has_role('saas_app', 'saas_system', 'MEMBER') THEN
        GRANT saas_system TO saas_app;
    END IF;
END
$$;

GRANT USAGE ON SCHEMA public TO saas_app, saas_system;

-- The organization a transaction acts for; NULL, and so no row, when none is set.
CREATE FUNCTION saas_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('saas.organization', true), '')::uuid $$;

-- A time from now, in seconds.
CREATE FUNCTION saas_now_plus(seconds double precision) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT now() + seconds * interval '1 second' $$;

-- Makes a table a tenant table: its rows are visible to saas_app only for the
-- organization that is set, to saas_system always, to nobody else, its owner
-- included.
CREATE PROCEDURE saas_make_tenant_table(tenant regclass, org_column name, privileges text)
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format('CREATE POLICY tenant ON %s TO saas_app USING (%I = saas_organization()) WITH CHECK (%I = saas_organization())',
                   tenant, org_column, org_column);
    EXECUTE format('CREATE POLICY system ON %s TO saas_system USING (true) WITH CHECK (true)', tenant);
    EXECUTE format('CREATE POLICY owner ON %s TO %I USING (true) WITH CHECK (true)', tenant, current_user);
    EXECUTE format('GRANT %s ON %s TO saas_app, saas_system', privileges, tenant);
END
$$;
