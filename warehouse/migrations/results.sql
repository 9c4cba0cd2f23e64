-- Result tables: computed anew by every run, so their shape follows the code that computes them. Not a numbered step:
-- tables and columns that are declared here and missing are added when the work file is opened. A column with a default
-- may be left out by the one who fills the table.
-- `indicator_*` and `cell_*` stay in the house; `published_*` and `indicator_published` may leave it.

CREATE TABLE indicator_value (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR DEFAULT NULL, flags VARCHAR DEFAULT NULL,
    cases BIGINT DEFAULT NULL
);

CREATE TABLE indicator_value_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR, flags VARCHAR, territory_day DATE,
    cases BIGINT DEFAULT NULL
);

CREATE TABLE indicator_gap (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} focus VARCHAR, reference VARCHAR, difference DOUBLE,
    ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN DEFAULT NULL,
    ratio_lower DOUBLE DEFAULT NULL,
    ratio_upper DOUBLE DEFAULT NULL, method VARCHAR DEFAULT NULL, previous DOUBLE DEFAULT NULL,
    direction VARCHAR DEFAULT NULL
);

CREATE TABLE indicator_trend (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER DEFAULT NULL, lower DOUBLE DEFAULT NULL, upper DOUBLE DEFAULT NULL,
    n_years INTEGER DEFAULT NULL, status VARCHAR DEFAULT NULL, reason VARCHAR DEFAULT NULL
);

CREATE TABLE indicator_trend_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER, lower DOUBLE, upper DOUBLE, n_years INTEGER, status VARCHAR, reason VARCHAR
);

CREATE TABLE indicator_convergence (
    indicator VARCHAR, year INTEGER, scope VARCHAR, measure VARCHAR, value DOUBLE, previous DOUBLE, direction VARCHAR,
    n INTEGER, status VARCHAR
);

CREATE TABLE indicator_last (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value_year INTEGER, value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR, flags VARCHAR, cases BIGINT DEFAULT NULL
);

CREATE TABLE series_break (
    region VARCHAR, year INTEGER, indicator VARCHAR, reason VARCHAR, text_de VARCHAR, text_en VARCHAR
);

CREATE TABLE target_status (
    region VARCHAR, year INTEGER, indicator VARCHAR, target DOUBLE, projection DOUBLE, symbol VARCHAR,
    certainty VARCHAR, {dimensions} target_id VARCHAR DEFAULT NULL, kind VARCHAR DEFAULT NULL,
    target_upper DOUBLE DEFAULT NULL, target_year INTEGER DEFAULT NULL,
    baseline DOUBLE DEFAULT NULL, baseline_year INTEGER DEFAULT NULL, value DOUBLE DEFAULT NULL,
    value_year INTEGER DEFAULT NULL, mean_change DOUBLE DEFAULT NULL, miss DOUBLE DEFAULT NULL,
    cagr_ratio DOUBLE DEFAULT NULL, cagr_symbol VARCHAR DEFAULT NULL, direction VARCHAR DEFAULT NULL,
    earlier VARCHAR DEFAULT NULL, stability VARCHAR DEFAULT NULL, reason VARCHAR DEFAULT NULL,
    title_de VARCHAR DEFAULT NULL, title_en VARCHAR DEFAULT NULL, from_year INTEGER DEFAULT NULL,
    cagr DOUBLE DEFAULT NULL, recomputed VARCHAR DEFAULT NULL
);

CREATE TABLE profile_value (
    region VARCHAR, year INTEGER, measure VARCHAR, member VARCHAR, value DOUBLE, status VARCHAR, projected BOOLEAN,
    source VARCHAR
);

CREATE TABLE indicator_published (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, sign VARCHAR, status VARCHAR,
    reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER, n_members INTEGER,
    lower DOUBLE DEFAULT NULL, upper DOUBLE DEFAULT NULL, method VARCHAR DEFAULT NULL, flags VARCHAR DEFAULT NULL,
    cases BIGINT DEFAULT NULL
);

CREATE TABLE published_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value DOUBLE, sign VARCHAR, status VARCHAR,
    reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER, n_members INTEGER,
    lower DOUBLE, upper DOUBLE, method VARCHAR, flags VARCHAR, territory_day DATE,
    cases BIGINT DEFAULT NULL
);

CREATE TABLE published_gap (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} focus VARCHAR, reference VARCHAR, difference DOUBLE,
    ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN, ratio_lower DOUBLE,
    ratio_upper DOUBLE, method VARCHAR, previous DOUBLE, direction VARCHAR
);

CREATE TABLE published_trend (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER, lower DOUBLE, upper DOUBLE, n_years INTEGER, status VARCHAR, reason VARCHAR
);

CREATE TABLE published_trend_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER, lower DOUBLE, upper DOUBLE, n_years INTEGER, status VARCHAR, reason VARCHAR
);

CREATE TABLE published_last (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} value_year INTEGER, value DOUBLE, sign VARCHAR,
    status VARCHAR, reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER,
    n_members INTEGER, lower DOUBLE, upper DOUBLE, method VARCHAR, flags VARCHAR, cases BIGINT DEFAULT NULL
);

CREATE TABLE published_convergence (
    indicator VARCHAR, year INTEGER, scope VARCHAR, measure VARCHAR, value DOUBLE, previous DOUBLE, direction VARCHAR,
    n INTEGER, status VARCHAR
);

CREATE TABLE published_target (
    region VARCHAR, year INTEGER, indicator VARCHAR, target DOUBLE, projection DOUBLE, symbol VARCHAR,
    certainty VARCHAR, {dimensions} target_id VARCHAR, kind VARCHAR, target_upper DOUBLE, target_year INTEGER,
    baseline DOUBLE, baseline_year INTEGER, value DOUBLE, value_year INTEGER, mean_change DOUBLE, miss DOUBLE,
    cagr_ratio DOUBLE, cagr_symbol VARCHAR, direction VARCHAR, earlier VARCHAR, stability VARCHAR, reason VARCHAR,
    title_de VARCHAR, title_en VARCHAR, from_year INTEGER, cagr DOUBLE, recomputed VARCHAR DEFAULT NULL
);

CREATE TABLE published_profile (
    region VARCHAR, year INTEGER, measure VARCHAR, member VARCHAR, value DOUBLE, status VARCHAR, projected BOOLEAN,
    source VARCHAR
);

CREATE TABLE published_register (
    region VARCHAR, year INTEGER, register VARCHAR, entries INTEGER
);

CREATE TABLE published_record (
    region VARCHAR, year INTEGER, register VARCHAR, position INTEGER, id VARCHAR, field VARCHAR, value VARCHAR
);

CREATE TABLE cell_protection (
    region VARCHAR, year INTEGER, indicator VARCHAR, {dimensions} side VARCHAR, state VARCHAR, cause VARCHAR,
    lower DOUBLE, upper DOUBLE, required DOUBLE
);
