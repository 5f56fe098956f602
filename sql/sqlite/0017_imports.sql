-- Findings of other scanners, read from files.

-- What became of each file: a list of objects, oldest first.
ALTER TABLE audits ADD COLUMN imports TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(imports));

-- A hash of what an imported finding says, its time aside: the same finding again in the same audit is no second row.
-- NULL: not imported.
ALTER TABLE evidence ADD COLUMN content_key TEXT;
CREATE UNIQUE INDEX evidence_content ON evidence (org_id, audit_id, content_key) WHERE content_key IS NOT NULL;

-- A file that has been received and not been read yet, in parts of 1 MiB, each compressed (RFC 1950) and in base64. Here
-- and not on the node that received it, so that any node can read it.
CREATE TABLE import_parts (
    org_id   TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    number   INTEGER NOT NULL,                      -- from 0
    data     TEXT NOT NULL,
    PRIMARY KEY (org_id, audit_id, number),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
);
