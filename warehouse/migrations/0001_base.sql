-- The base: deliveries, versions of values, findings, runs, computed results, the framework as tables, generations.
-- No keys and no indexes: they cost many times the size of the file; the load guarantees uniqueness.

CREATE TABLE submission (
    id VARCHAR, sha256 VARCHAR, file_name VARCHAR, sender VARCHAR, region VARCHAR, year INTEGER, received_at TIMESTAMP,
    framework_version VARCHAR, layout VARCHAR, verdict VARCHAR, supersedes VARCHAR, nil_return BOOLEAN,
    population_basis VARCHAR, sign_profile VARCHAR, contact VARCHAR, checked_at TIMESTAMP, run_id VARCHAR
);

CREATE TABLE observation_version (
    submission_id VARCHAR, region VARCHAR, year INTEGER, variable VARCHAR, {dimensions}
    value DECIMAL(24, 4), status VARCHAR, conf_status VARCHAR, sheet VARCHAR, cell VARCHAR, text VARCHAR, note VARCHAR,
    valid_from TIMESTAMP, valid_to TIMESTAMP
);

CREATE TABLE finding (
    submission_id VARCHAR, code VARCHAR, severity VARCHAR, sheet VARCHAR, cell VARCHAR, row_label VARCHAR,
    column_label VARCHAR, region VARCHAR, variable VARCHAR, members VARCHAR, message VARCHAR, found VARCHAR,
    expected VARCHAR, remedy VARCHAR, previous_value VARCHAR, state VARCHAR, reason VARCHAR, "count" INTEGER
);

CREATE TABLE run (
    id VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, kind VARCHAR, outcome VARCHAR, code_version VARCHAR,
    lock_hash VARCHAR, framework_version VARCHAR, framework_hash VARCHAR, counts VARCHAR, message VARCHAR
);

CREATE TABLE indicator_value (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR
);

CREATE TABLE indicator_gap (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} focus VARCHAR, reference VARCHAR, difference DOUBLE,
    ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR
);

CREATE TABLE indicator_trend (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR
);

CREATE TABLE target_status (
    region VARCHAR, year INTEGER, indicator VARCHAR, target DOUBLE, projection DOUBLE, symbol VARCHAR, certainty VARCHAR
);

CREATE TABLE indicator_published (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, sign VARCHAR, status VARCHAR,
    reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER, n_members INTEGER
);

CREATE TABLE region (
    code VARCHAR, name VARCHAR, name_en VARCHAR, short_name VARCHAR, level VARCHAR, kind VARCHAR, parent VARCHAR,
    valid_from DATE, valid_to DATE, reports BOOLEAN, aggregate BOOLEAN, coverage VARCHAR
);

CREATE TABLE region_member (aggregate VARCHAR, member VARCHAR, year INTEGER);

CREATE TABLE variable (
    code VARCHAR, field VARCHAR, name_de VARCHAR, name_en VARCHAR, definition_de VARCHAR, definition_en VARCHAR,
    type VARCHAR, source VARCHAR, period VARCHAR, concept VARCHAR, dimensions VARCHAR, lowest_level VARCHAR,
    delivered_by VARCHAR, auxiliary BOOLEAN, decimals INTEGER, since INTEGER, until INTEGER
);

CREATE TABLE indicator (
    code VARCHAR, field VARCHAR, tier VARCHAR, name_de VARCHAR, name_en VARCHAR, definition_de VARCHAR,
    definition_en VARCHAR, formula VARCHAR, unit VARCHAR, decimals INTEGER, breakdowns VARCHAR, gap_dimension VARCHAR,
    gap_focus VARCHAR, gap_reference VARCHAR, gap_types VARCHAR, direction VARCHAR, period VARCHAR, variables VARCHAR,
    sources VARCHAR, pitfalls VARCHAR, note_de VARCHAR, note_en VARCHAR, since INTEGER, until INTEGER
);

CREATE TABLE rule (
    code VARCHAR, field VARCHAR, category VARCHAR, severity VARCHAR, expression VARCHAR, for_each VARCHAR,
    tolerance VARCHAR, why_de VARCHAR, why_en VARCHAR, remedy_de VARCHAR, since INTEGER, until INTEGER
);

CREATE TABLE status (
    code VARCHAR, has_value BOOLEAN, "rank" INTEGER, sign VARCHAR, letter VARCHAR, obs_status VARCHAR,
    conf_status VARCHAR, name_de VARCHAR, name_en VARCHAR, meaning_de VARCHAR
);

CREATE TABLE dimension (
    position INTEGER, code VARCHAR, column_name VARCHAR, name_de VARCHAR, name_en VARCHAR, axis VARCHAR, dynamic BOOLEAN
);

CREATE TABLE dimension_member (
    dimension VARCHAR, position INTEGER, member VARCHAR, name_de VARCHAR, name_en VARCHAR, residual BOOLEAN
);

CREATE TABLE meta_generation (
    number INTEGER, fingerprint VARCHAR, published_at TIMESTAMP, framework_version VARCHAR, framework_hash VARCHAR
);
