-- Who wants a mail when an audit has found something critical that was not there before; whoever leaves wants none.

CREATE TABLE audit_alerts (
    org_id     uuid NOT NULL,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES memberships ON DELETE CASCADE
);

CALL saas_make_tenant_table('audit_alerts', 'org_id', 'SELECT, INSERT, DELETE');

-- When it was looked at whether anybody is to be told: once for an audit.
ALTER TABLE audits ADD COLUMN alerted_at timestamptz;

-- What is critical is little, and is found without reading the rest.
CREATE INDEX evidence_critical ON evidence (org_id, audit_id) WHERE status = 'FAIL' AND severity = 'critical';
