-- Hosts of which an organization says that they are its own, and what it has to show there to prove it. The proof is looked at
-- in every audit anew; proved_at is when it was last found.

CREATE TABLE audit_hosts (
    org_id     TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id         TEXT NOT NULL,
    host       TEXT NOT NULL,                       -- as in the canonical URL of a target
    token      TEXT NOT NULL,
    created_by TEXT,
    created_at TEXT NOT NULL,
    proved_at  TEXT,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, host)
) WITHOUT ROWID;
