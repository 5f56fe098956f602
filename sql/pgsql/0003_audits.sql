-- Audits and their evidence.

CREATE TABLE audits (
    org_id           uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id               uuid NOT NULL,
    name             text NOT NULL DEFAULT '',
    engine           text NOT NULL,
    targets          jsonb NOT NULL,
    status           text NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    progress_done    integer NOT NULL DEFAULT 0,
    progress_total   integer NOT NULL DEFAULT 0,
    -- Counted once when the audit ends, so that no list has to count rows.
    evidence_count   bigint NOT NULL DEFAULT 0,
    counts           jsonb NOT NULL DEFAULT '{}',
    score            integer,
    error            text,
    idempotency_key  text,
    created_by       uuid,
    created_at       timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, idempotency_key)
);
CREATE INDEX audits_status ON audits (org_id, status, id);

CREATE TABLE evidence (
    org_id      uuid NOT NULL,
    audit_id    uuid NOT NULL,
    number      bigint NOT NULL,                    -- from 1 within the audit
    resource_id text NOT NULL,
    check_name  text NOT NULL,
    status      text NOT NULL CHECK (status IN ('PASS', 'FAIL', 'MANUAL', 'ERROR')),
    severity    text NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'informational')),
    observed_at timestamptz NOT NULL,
    comment     text NOT NULL DEFAULT '',
    PRIMARY KEY (org_id, audit_id, number),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
);

CALL saas_make_tenant_table('audits', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
CALL saas_make_tenant_table('evidence', 'org_id', 'SELECT, INSERT, DELETE');
