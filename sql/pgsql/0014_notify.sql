-- Outgoing webhooks: who wants to be told of what, and what has been told.
--
-- The trail of an organization is what its endpoints are told of.  A delivery
-- is written by a trigger, in the transaction of the entry and whoever writes
-- it (httpd, saasctl): there is no change without its message, no message of
-- what was rolled back, and no further round trip for either.

CREATE TABLE notify_endpoints (
    org_id          uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id              uuid NOT NULL,
    url             text NOT NULL,
    description     text NOT NULL DEFAULT '',
    events          jsonb NOT NULL,                 -- ["member.*", "audit.completed"]
    enabled         boolean NOT NULL DEFAULT true,
    disabled_reason text,                           -- gone, failing; NULL: by hand
    secret          text NOT NULL,                  -- whsec_...: has to be readable, signatures are made with it
    previous_secret text,                           -- signs too, until
    previous_until  timestamptz,
    -- Failures since the last success; 1 for one that never had any, which is
    -- why a new endpoint is tried with one message before it gets many at once.
    streak          integer NOT NULL DEFAULT 1,
    failing_since   timestamptz,
    quiet_until     timestamptz,                    -- nothing is sent before
    created_by      uuid,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted_at      timestamptz,                    -- its rows are removed in the background
    PRIMARY KEY (org_id, id)
);

CREATE TABLE notify_deliveries (
    org_id       uuid NOT NULL,
    endpoint_id  uuid NOT NULL,
    message_id   uuid NOT NULL,                     -- the entry of the trail; webhook-id
    type         text NOT NULL,
    state        text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'succeeded', 'failed')),
    created_at   timestamptz NOT NULL,              -- when it happened
    queued_at    timestamptz NOT NULL,              -- since when it is tried; anew by a replay
    -- When it is due.  Who claims a row moves this to the end of its lease, so
    -- that what a dead node had claimed is due again by itself.
    run_after    timestamptz NOT NULL,
    tries        integer NOT NULL DEFAULT 0,        -- since queued_at
    lease_owner  text,                              -- fencing token of the claim
    status       integer,                           -- of the last attempt
    duration_ms  integer,
    error        text,
    answer       text,                              -- first bytes of it
    attempted_at timestamptz,
    attempts     jsonb NOT NULL DEFAULT '[]',       -- the last ones, oldest first
    PRIMARY KEY (org_id, endpoint_id, message_id),
    FOREIGN KEY (org_id, endpoint_id) REFERENCES notify_endpoints ON DELETE CASCADE
);
CREATE INDEX notify_deliveries_due ON notify_deliveries (org_id, endpoint_id, run_after) WHERE state = 'queued';
CREATE INDEX notify_deliveries_leased ON notify_deliveries (org_id, endpoint_id, lease_owner) WHERE lease_owner IS NOT NULL;

-- What tenant statements never see is an endpoint's secrets.
CALL saas_make_tenant_table('notify_endpoints', 'org_id', 'INSERT, UPDATE');
GRANT SELECT (org_id, id, url, description, events, enabled, disabled_reason, previous_until, streak, failing_since, quiet_until,
              created_by, created_at, updated_at, deleted_at) ON notify_endpoints TO saas_app;
GRANT SELECT, DELETE ON notify_endpoints TO saas_system;
CALL saas_make_tenant_table('notify_deliveries', 'org_id', 'SELECT, INSERT, UPDATE');
GRANT DELETE ON notify_deliveries TO saas_system;

CREATE FUNCTION saas_notify_activity() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO public.notify_deliveries (org_id, endpoint_id, message_id, type, created_at, queued_at, run_after)
        SELECT NEW.org_id, e.id, NEW.id, NEW.action, NEW.created_at, NEW.created_at, NEW.created_at
        FROM public.notify_endpoints e
        WHERE e.org_id = NEW.org_id AND e.enabled AND e.deleted_at IS NULL
          AND e.events ?| ARRAY[NEW.action, split_part(NEW.action, '.', 1) || '.*', '*'];
    RETURN NULL;
END
$$;
CREATE TRIGGER activity_notify AFTER INSERT ON activity FOR EACH ROW
    WHEN (NEW.action IN ('audit.completed', 'audit.failed', 'export.finished') OR NEW.action LIKE 'member.%'
          OR NEW.action LIKE 'invite.%' OR NEW.action LIKE 'subscription.%')
    EXECUTE FUNCTION saas_notify_activity();
