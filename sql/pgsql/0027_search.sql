-- Finding a text among the findings of an audit, the audits of a target, and those that a schedule has started.
-- works-from: 25

-- An index of trigrams that the audits plugin makes and reads (plugins/audits/trigrams.h): for a slice of all trigrams, the
-- blocks of a segment of the audit's rows in which each is. PostgreSQL has none that a text could be looked up by where
-- row-level security hides rows, for what finds one might tell of those.
CREATE TABLE evidence_trigrams (
    org_id   uuid NOT NULL,
    audit_id uuid NOT NULL,
    slice    integer NOT NULL,
    segment  integer NOT NULL,                      -- from 0 within the audit
    postings text NOT NULL,                         -- base64
    PRIMARY KEY (org_id, audit_id, slice, segment),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
);
CALL saas_make_tenant_table('evidence_trigrams', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');

-- The number of the last finding that is in that index; 0: none is.
ALTER TABLE audits ADD COLUMN searchable_to bigint NOT NULL DEFAULT 0;

-- Audits of so many findings that reading them all takes a while get theirs from a job.
INSERT INTO jobs (id, kind, organization_id, object_id, run_after, created_at)
    SELECT gen_random_uuid(), 'audit.search', org_id, id::text, now(), now() FROM audits
    WHERE evidence_count > 20000 AND status NOT IN ('queued', 'running');

-- Which audits looked at a target. It follows the audits by itself.
CREATE TABLE audit_targets (
    org_id   uuid NOT NULL,
    target   text NOT NULL,
    audit_id uuid NOT NULL,
    PRIMARY KEY (org_id, audit_id, target),
    FOREIGN KEY (org_id, audit_id) REFERENCES audits ON DELETE CASCADE
);
CREATE INDEX audit_targets_target ON audit_targets (org_id, target, audit_id);
CALL saas_make_tenant_table('audit_targets', 'org_id', 'SELECT, INSERT, DELETE');

CREATE FUNCTION saas_audit_targets_follow() RETURNS trigger
    LANGUAGE plpgsql SET search_path = public
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM audit_targets WHERE org_id = NEW.org_id AND audit_id = NEW.id;
    END IF;
    INSERT INTO audit_targets (org_id, target, audit_id)
        SELECT NEW.org_id, value, NEW.id FROM jsonb_array_elements_text(NEW.targets) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_targets_followed AFTER INSERT OR UPDATE OF targets ON audits
    FOR EACH ROW EXECUTE FUNCTION saas_audit_targets_follow();
INSERT INTO audit_targets (org_id, target, audit_id)
    SELECT org_id, value, id FROM audits CROSS JOIN LATERAL jsonb_array_elements_text(targets) ON CONFLICT DO NOTHING;

CREATE INDEX audits_schedule ON audits (org_id, schedule_id, id) WHERE schedule_id IS NOT NULL;

-- What is critical is found by evidence_kind, too.
DROP INDEX evidence_critical;
