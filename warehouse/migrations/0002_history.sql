-- Withdrawn deliveries, declared corrections, and what a run tells beside its counts.

ALTER TABLE submission ADD COLUMN withdrawn_at TIMESTAMP;
ALTER TABLE submission ADD COLUMN withdrawn_by VARCHAR;
ALTER TABLE submission ADD COLUMN withdrawn_reason VARCHAR;

ALTER TABLE observation_version ADD COLUMN correction_id VARCHAR;

-- One row for every time that an entry of corrections.yaml was applied; submission_id, sheet and cell say what it corrects.
CREATE TABLE correction (
    id VARCHAR, who VARCHAR, declared_on DATE, reason VARCHAR, expected VARCHAR, content VARCHAR, old_value DECIMAL(24, 4),
    old_status VARCHAR, region VARCHAR, year INTEGER, variable VARCHAR, {dimensions}
    value DECIMAL(24, 4), status VARCHAR, conf_status VARCHAR, submission_id VARCHAR, sheet VARCHAR, cell VARCHAR,
    applied_at TIMESTAMP, ended_at TIMESTAMP, ended_why VARCHAR, run_id VARCHAR
);

ALTER TABLE run ADD COLUMN rules_hash VARCHAR;
ALTER TABLE run ADD COLUMN seconds VARCHAR;
ALTER TABLE run ADD COLUMN details VARCHAR;
