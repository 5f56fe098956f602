-- Findings by what people filter and sort them by, each in the order of a walk that can go on from where it stopped.
-- works-from: 25

-- Status and severity in one number, for each severity of a status after the other. (CASE alone: a sum might overflow,
-- and PostgreSQL asks no index for what might fail on a row that row-level security hides.)
CREATE INDEX evidence_kind ON evidence (org_id, audit_id, (
    CASE status WHEN 'PASS' THEN CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END
    WHEN 'FAIL' THEN CASE severity WHEN 'critical' THEN 5 WHEN 'high' THEN 6 WHEN 'medium' THEN 7 WHEN 'low' THEN 8 ELSE 9 END
    WHEN 'MANUAL' THEN CASE severity WHEN 'critical' THEN 10 WHEN 'high' THEN 11 WHEN 'medium' THEN 12 WHEN 'low' THEN 13 ELSE 14 END
    ELSE CASE severity WHEN 'critical' THEN 15 WHEN 'high' THEN 16 WHEN 'medium' THEN 17 WHEN 'low' THEN 18 ELSE 19 END END
), number);
CREATE INDEX evidence_check ON evidence (org_id, audit_id, check_name, number);
CREATE INDEX evidence_resource ON evidence (org_id, audit_id, resource_id, number);
-- The last of them: where indexes seem alike PostgreSQL takes the newest, and this one has rows much as they lie.
CREATE INDEX evidence_time ON evidence (org_id, audit_id, observed_at, number);

-- What is muted, among all that was ever decided.
CREATE INDEX triage_muted ON triage (org_id, resource_id, check_name) WHERE muted;
