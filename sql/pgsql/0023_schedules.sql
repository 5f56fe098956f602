-- Audits that start by themselves: what, when, and when next. A schedule is its organization's, whoever has made it.

CREATE TABLE audit_schedules (
    org_id        uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id            uuid NOT NULL,
    name          text NOT NULL DEFAULT '',
    engine        text NOT NULL,
    targets       jsonb NOT NULL,
    cron          text NOT NULL,                    -- minute hour day month weekday
    time_zone     text NOT NULL,                    -- of IANA's database
    enabled       boolean NOT NULL DEFAULT true,
    next_run_at   timestamptz,                      -- NULL: it is disabled
    last_slot_at  timestamptz,                      -- the last time that was due, whatever became of it
    last_audit_id uuid,                             -- what it has started last
    last_error    text,                             -- why nothing was started at last_slot_at; NULL: it was
    created_by    uuid,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

CALL saas_make_tenant_table('audit_schedules', 'org_id', 'SELECT, INSERT, UPDATE, DELETE');

-- Where whoever starts them looks: across organizations, by time. It follows the schedules by itself.
CREATE TABLE audit_schedules_due (
    schedule_id     uuid PRIMARY KEY,
    organization_id uuid NOT NULL,
    due_at          timestamptz NOT NULL
);
CREATE INDEX audit_schedules_due_at ON audit_schedules_due (due_at, schedule_id);
GRANT SELECT ON audit_schedules_due TO saas_system;

CREATE FUNCTION saas_schedules_follow() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public
    AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM audit_schedules_due WHERE schedule_id = OLD.id;
    ELSIF NEW.next_run_at IS NULL THEN
        DELETE FROM audit_schedules_due WHERE schedule_id = NEW.id;
    ELSE
        INSERT INTO audit_schedules_due (schedule_id, organization_id, due_at) VALUES (NEW.id, NEW.org_id, NEW.next_run_at)
            ON CONFLICT (schedule_id) DO UPDATE SET due_at = excluded.due_at;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_schedules_followed AFTER INSERT OR DELETE OR UPDATE OF next_run_at ON audit_schedules
    FOR EACH ROW EXECUTE FUNCTION saas_schedules_follow();

-- The schedule that has started an audit. NULL: a person or a program has.
ALTER TABLE audits ADD COLUMN schedule_id uuid;
