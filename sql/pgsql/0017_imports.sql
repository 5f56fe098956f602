-- Findings of other scanners, read from files.

-- What became of each file: a list of objects, oldest first.
ALTER TABLE audits ADD COLUMN imports jsonb NOT NULL DEFAULT '[]';

-- A hash of what an imported finding says, its time aside: the same finding again in the same audit is no second row.
-- NULL: not imported.
ALTER TABLE evidence ADD COLUMN content_key uuid;
CREATE UNIQUE INDEX evidence_content ON evidence (org_id, audit_id, content_key) WHERE content_key IS NOT NULL;

-- A file that has been received and not been read yet, in parts of 1 MiB, each compressed (RFC 1950) and in base64. Here
-- and not on the node that received it, so that any node can read it.
CREATE TABLE import_parts (
    org_id   uuid NOT NULL,
    audit_id uuid NOT NULL,
    number   integer NOT NULL,                      -- from 0
    data     text NOT NULL,
    PRIMARY KEY (org_id, audit_id, number),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
);
-- It is compressed already.
ALTER TABLE import_parts ALTER data SET STORAGE EXTERNAL;

CALL saas_make_tenant_table('import_parts', 'org_id', 'SELECT, INSERT, DELETE');
