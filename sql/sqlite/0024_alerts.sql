-- Who wants a mail when an audit has found something critical that was not there before; whoever leaves wants none.

CREATE TABLE audit_alerts (
    org_id     TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
) WITHOUT ROWID;

-- When it was looked at whether anybody is to be told: once for an audit.
ALTER TABLE audits ADD COLUMN alerted_at TEXT;

-- What is critical is little, and is found without reading the rest.
CREATE INDEX evidence_critical ON evidence (org_id, audit_id) WHERE status = 'FAIL' AND severity = 'critical';
