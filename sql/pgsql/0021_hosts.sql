-- Hosts of which an organization says that they are its own, and what it has to show there to prove it. The proof is looked at
-- in every audit anew; proved_at is when it was last found.

CREATE TABLE audit_hosts (
    org_id     uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id         uuid NOT NULL,
    host       text NOT NULL,                       -- as in the canonical URL of a target
    token      text NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    proved_at  timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, host)
);

CALL saas_make_tenant_table('audit_hosts', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');
