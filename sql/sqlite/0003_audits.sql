-- Audits and their evidence.

CREATE TABLE audits (
    org_id           TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id               TEXT NOT NULL,
    name             TEXT NOT NULL DEFAULT '',
    engine           TEXT NOT NULL,
    targets          TEXT NOT NULL CHECK (json_valid(targets)),
    status           TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'canceled')),
    progress_done    INTEGER NOT NULL DEFAULT 0,
    progress_total   INTEGER NOT NULL DEFAULT 0,
    -- Counted once when the audit ends, so that no list has to count rows.
    evidence_count   INTEGER NOT NULL DEFAULT 0,
    counts           TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(counts)),
    score            INTEGER,
    error            TEXT,
    idempotency_key  TEXT,
    created_by       TEXT,
    created_at       TEXT NOT NULL,
    started_at       TEXT,
    finished_at      TEXT,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, idempotency_key)
) WITHOUT ROWID;
CREATE INDEX audits_status ON audits (org_id, status, id);

-- Stored in the order in which it is exported.
CREATE TABLE evidence (
    org_id      TEXT NOT NULL,
    audit_id    TEXT NOT NULL,
    number      INTEGER NOT NULL,                   -- from 1 within the audit
    resource_id TEXT NOT NULL,
    check_name  TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('PASS', 'FAIL', 'MANUAL', 'ERROR')),
    severity    TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low', 'informational')),
    observed_at TEXT NOT NULL,
    comment     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (org_id, audit_id, number),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
) WITHOUT ROWID;
