-- Views that readers rely on (design 3.4). Not a numbered step: rendered anew when this text or the dimensions change.

CREATE OR REPLACE VIEW observation AS
SELECT o.region, o.year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id, s.population_basis,
       o.register
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id
WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW observation_history AS
SELECT o.region, o.year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id, s.population_basis,
       o.register, valid_from, valid_to
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id;

CREATE OR REPLACE VIEW delivered_register AS
SELECT region, year, register, submission_id FROM register_version WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW record AS
SELECT region, year, register, id, field, value, submission_id, sheet, sheet_row, cell FROM record_version
WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW record_history AS
SELECT region, year, register, id, field, value, submission_id, sheet, sheet_row, cell, valid_from, valid_to
FROM record_version;
