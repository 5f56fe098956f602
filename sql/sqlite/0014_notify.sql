-- Outgoing webhooks: who wants to be told of what, and what has been told.
--
-- The trail of an organization is what its endpoints are told of.  A delivery
-- is written by a trigger, in the transaction of the entry and whoever writes
-- it (httpd, saasctl): there is no change without its message, and no message
-- of what was rolled back.

CREATE TABLE notify_endpoints (
    org_id          TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id              TEXT NOT NULL,
    url             TEXT NOT NULL,
    description     TEXT NOT NULL DEFAULT '',
    events          TEXT NOT NULL CHECK (json_valid(events)),  -- ["member.*", "audit.completed"]
    enabled         INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    disabled_reason TEXT,                           -- gone, failing; NULL: by hand
    secret          TEXT NOT NULL,                  -- whsec_...: has to be readable, signatures are made with it
    previous_secret TEXT,                           -- signs too, until
    previous_until  TEXT,
    -- Failures since the last success; 1 for one that never had any, which is
    -- why a new endpoint is tried with one message before it gets many at once.
    streak          INTEGER NOT NULL DEFAULT 1,
    failing_since   TEXT,
    quiet_until     TEXT,                           -- nothing is sent before
    created_by      TEXT,
    created_at      TEXT NOT NULL,
    updated_at      TEXT NOT NULL,
    deleted_at      TEXT,                           -- its rows are removed in the background
    PRIMARY KEY (org_id, id)
) WITHOUT ROWID;

CREATE TABLE notify_deliveries (
    org_id       TEXT NOT NULL,
    endpoint_id  TEXT NOT NULL,
    message_id   TEXT NOT NULL,                     -- the entry of the trail; webhook-id
    type         TEXT NOT NULL,
    state        TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'succeeded', 'failed')),
    created_at   TEXT NOT NULL,                     -- when it happened
    queued_at    TEXT NOT NULL,                     -- since when it is tried; anew by a replay
    -- When it is due.  Who claims a row moves this to the end of its lease, so
    -- that what a dead node had claimed is due again by itself.
    run_after    TEXT NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,        -- since queued_at
    lease_owner  TEXT,                              -- fencing token of the claim
    status       INTEGER,                           -- of the last attempt
    duration_ms  INTEGER,
    error        TEXT,
    answer       TEXT,                              -- first bytes of it
    attempted_at TEXT,
    attempts     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(attempts)),  -- the last ones, oldest first
    PRIMARY KEY (org_id, endpoint_id, message_id),
    FOREIGN KEY (org_id, endpoint_id) REFERENCES notify_endpoints ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX notify_deliveries_due ON notify_deliveries (org_id, endpoint_id, run_after) WHERE state = 'queued';
CREATE INDEX notify_deliveries_leased ON notify_deliveries (org_id, endpoint_id, lease_owner) WHERE lease_owner IS NOT NULL;

CREATE TRIGGER activity_notify AFTER INSERT ON activity
WHEN NEW.action IN ('audit.completed', 'audit.failed', 'export.finished') OR NEW.action LIKE 'member.%'
     OR NEW.action LIKE 'invite.%' OR NEW.action LIKE 'subscription.%'
BEGIN
    INSERT INTO notify_deliveries (org_id, endpoint_id, message_id, type, created_at, queued_at, run_after)
        SELECT NEW.org_id, e.id, NEW.id, NEW.action, NEW.created_at, NEW.created_at, NEW.created_at
        FROM notify_endpoints e
        WHERE e.org_id = NEW.org_id AND e.enabled AND e.deleted_at IS NULL
          AND EXISTS (SELECT 1 FROM json_each(e.events)
                      WHERE value IN (NEW.action, substr(NEW.action, 1, instr(NEW.action, '.')) || '*', '*'));
END;

PRAGMA user_version = 14;
