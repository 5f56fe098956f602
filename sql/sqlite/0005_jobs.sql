-- Background work: rows that any node claims under a lease.

CREATE TABLE jobs (
    id               TEXT PRIMARY KEY NOT NULL,
    kind             TEXT NOT NULL,
    organization_id  TEXT,
    object_id        TEXT,
    payload          TEXT CHECK (payload IS NULL OR json_valid(payload)),
    state            TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'dead')),
    attempts         INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    run_after        TEXT NOT NULL,
    lease_node       TEXT,
    lease_owner      TEXT,                          -- fencing token of the claim
    lease_until      TEXT,
    error            TEXT,
    created_at       TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX jobs_due ON jobs (kind, run_after) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (kind, lease_until) WHERE state = 'running';
CREATE INDEX jobs_object ON jobs (kind, object_id);
CREATE INDEX jobs_organization ON jobs (organization_id);
