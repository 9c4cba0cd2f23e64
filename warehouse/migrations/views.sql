-- Views that readers rely on (design 3.4). Not a numbered step: rendered anew when this text or the dimensions change.

CREATE OR REPLACE VIEW observation AS
SELECT region, year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id
FROM observation_version
WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW observation_history AS
SELECT region, year, variable, {names} value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN 'delivery' ELSE 'correction' END AS origin, correction_id,
       valid_from, valid_to
FROM observation_version;
