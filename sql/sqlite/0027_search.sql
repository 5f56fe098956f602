-- Finding a text among the findings of an audit, the audits of a target, and those that a schedule has started.

-- An index of trigrams that the audits plugin makes and reads (plugins/audits/trigrams.h): for a slice of all trigrams, the
-- blocks of a segment of the audit's rows in which each is.
CREATE TABLE evidence_trigrams (
    org_id   TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    slice    INTEGER NOT NULL,
    segment  INTEGER NOT NULL,                      -- from 0 within the audit
    postings TEXT NOT NULL,                         -- base64
    PRIMARY KEY (org_id, audit_id, slice, segment),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
) WITHOUT ROWID;

-- The number of the last finding that is in that index; 0: none is.
ALTER TABLE audits ADD COLUMN searchable_to INTEGER NOT NULL DEFAULT 0;

-- Audits of so many findings that reading them all takes a while get theirs from a job.
INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at)
    SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'
                 || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
           'audit.search', org_id, id, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'), strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')
    FROM audits WHERE evidence_count > 20000 AND status NOT IN ('queued', 'running');

-- Which audits looked at a target. It follows the audits by itself.
CREATE TABLE audit_targets (
    org_id   TEXT NOT NULL,
    target   TEXT NOT NULL,
    audit_id TEXT NOT NULL,
    PRIMARY KEY (org_id, audit_id, target),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX audit_targets_target ON audit_targets (org_id, target, audit_id);

CREATE TRIGGER audit_targets_made AFTER INSERT ON audits
BEGIN
    INSERT INTO audit_targets (org_id, target, audit_id)
        SELECT NEW.org_id, value, NEW.id FROM json_each(NEW.targets) WHERE TRUE ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER audit_targets_changed AFTER UPDATE OF targets ON audits
BEGIN
    DELETE FROM audit_targets WHERE org_id = NEW.org_id AND audit_id = NEW.id;
    INSERT INTO audit_targets (org_id, target, audit_id)
        SELECT NEW.org_id, value, NEW.id FROM json_each(NEW.targets) WHERE TRUE ON CONFLICT DO NOTHING;
END;
INSERT INTO audit_targets (org_id, target, audit_id)
    SELECT audits.org_id, value, audits.id FROM audits, json_each(audits.targets) WHERE TRUE ON CONFLICT DO NOTHING;

CREATE INDEX audits_schedule ON audits (org_id, schedule_id, id) WHERE schedule_id IS NOT NULL;

-- What is critical is found by evidence_kind, too.
DROP INDEX evidence_critical;
