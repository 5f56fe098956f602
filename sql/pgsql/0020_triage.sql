-- What people decided about findings. A finding is known by what it is about and what was checked, so that the decision
-- holds in the next audit too, where comment, severity and time may be others.

CREATE TABLE triage (
    org_id       uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    resource_id  text NOT NULL,
    check_name   text NOT NULL,
    muted        boolean NOT NULL DEFAULT FALSE,
    muted_reason text,
    muted_until  timestamptz,                       -- NULL: until somebody says otherwise
    comment      text,
    updated_by   uuid,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (org_id, resource_id, check_name)
);

CALL saas_make_tenant_table('triage', 'org_id', 'SELECT, INSERT, UPDATE');
