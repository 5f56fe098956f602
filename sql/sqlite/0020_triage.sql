-- What people decided about findings. A finding is known by what it is about and what was checked, so that the decision
-- holds in the next audit too, where comment, severity and time may be others.

CREATE TABLE triage (
    org_id       TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    resource_id  TEXT NOT NULL,
    check_name   TEXT NOT NULL,
    muted        INTEGER NOT NULL DEFAULT 0 CHECK (muted IN (0, 1)),
    muted_reason TEXT,
    muted_until  TEXT,                              -- NULL: until somebody says otherwise
    comment      TEXT,
    updated_by   TEXT,
    updated_at   TEXT NOT NULL,
    PRIMARY KEY (org_id, resource_id, check_name)
) WITHOUT ROWID;
