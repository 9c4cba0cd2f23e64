-- Views that readers rely on (design 3.4). Not a numbered step: rendered anew when this text or the dimensions change.

CREATE OR REPLACE VIEW observation AS
SELECT o.region, o.year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id, s.population_basis
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id
WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW observation_history AS
SELECT o.region, o.year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id, s.population_basis,
       valid_from, valid_to
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id;
