-- Background work: rows that any node claims under a lease.

CREATE TABLE jobs (
    id               uuid PRIMARY KEY,
    kind             text NOT NULL,
    organization_id  uuid,
    object_id        text,
    payload          jsonb,
    state            text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'dead')),
    attempts         integer NOT NULL DEFAULT 0,
    cancel_requested boolean NOT NULL DEFAULT false,
    run_after        timestamptz NOT NULL,
    lease_node       text,
    lease_owner      text,                          -- fencing token of the claim
    lease_until      timestamptz,
    error            text,
    created_at       timestamptz NOT NULL
);
CREATE INDEX jobs_due ON jobs (kind, run_after) WHERE state = 'queued';
CREATE INDEX jobs_leased ON jobs (kind, lease_until) WHERE state = 'running';
CREATE INDEX jobs_object ON jobs (kind, object_id);
CREATE INDEX jobs_organization ON jobs (organization_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO saas_system;
