-- Audits that start by themselves: what, when, and when next. A schedule is its organization's, whoever has made it.

CREATE TABLE audit_schedules (
    org_id        TEXT NOT NULL REFERENCES organizations ON DELETE CASCADE,
    id            TEXT NOT NULL,
    name          TEXT NOT NULL DEFAULT '',
    engine        TEXT NOT NULL,
    targets       TEXT NOT NULL CHECK (json_valid(targets)),
    cron          TEXT NOT NULL,                    -- minute hour day month weekday
    time_zone     TEXT NOT NULL,                    -- of IANA's database
    enabled       INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    next_run_at   TEXT,                             -- NULL: it is disabled
    last_slot_at  TEXT,                             -- the last time that was due, whatever became of it
    last_audit_id TEXT,                             -- what it has started last
    last_error    TEXT,                             -- why nothing was started at last_slot_at; NULL: it was
    created_by    TEXT,
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    PRIMARY KEY (org_id, id)
) WITHOUT ROWID;

-- Where whoever starts them looks: across organizations, by time. It follows the schedules by itself.
CREATE TABLE audit_schedules_due (
    schedule_id     TEXT PRIMARY KEY NOT NULL,
    organization_id TEXT NOT NULL,
    due_at          TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_schedules_due_at ON audit_schedules_due (due_at, schedule_id);

CREATE TRIGGER audit_schedules_made AFTER INSERT ON audit_schedules WHEN NEW.next_run_at IS NOT NULL
BEGIN
    INSERT INTO audit_schedules_due (schedule_id, organization_id, due_at) VALUES (NEW.id, NEW.org_id, NEW.next_run_at);
END;
CREATE TRIGGER audit_schedules_moved AFTER UPDATE OF next_run_at ON audit_schedules
BEGIN
    DELETE FROM audit_schedules_due WHERE schedule_id = OLD.id;
    INSERT INTO audit_schedules_due (schedule_id, organization_id, due_at)
        SELECT NEW.id, NEW.org_id, NEW.next_run_at WHERE NEW.next_run_at IS NOT NULL;
END;
CREATE TRIGGER audit_schedules_gone AFTER DELETE ON audit_schedules
BEGIN
    DELETE FROM audit_schedules_due WHERE schedule_id = OLD.id;
END;

-- The schedule that has started an audit. NULL: a person or a program has.
ALTER TABLE audits ADD COLUMN schedule_id TEXT;
