-- Organizations take turns at the queue: each job has the turn after its organization's last one, or the turn that is being
-- served, whichever is later (start-time fair queuing, with jobs of one size). So a thousand jobs of one organization are
-- spread between those of the others, whoever came first.
ALTER TABLE jobs ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_due;
CREATE INDEX jobs_due ON jobs (kind, turn, run_after) WHERE state = 'queued';
CREATE INDEX jobs_turns ON jobs (organization_id, kind, turn) WHERE state <> 'dead';
