-- A warehouse as version 4 of this code wrote it (migrations 0001 to 0004), with the data of 0001.sql. Never edit: it
-- stands for files that exist.

CREATE TABLE cell_protection(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), side VARCHAR, state VARCHAR, cause VARCHAR, lower DOUBLE, upper DOUBLE, required DOUBLE);

CREATE TABLE correction(id VARCHAR, who VARCHAR, declared_on DATE, reason VARCHAR, expected VARCHAR, "content" VARCHAR, old_value DECIMAL(24,4), old_status VARCHAR, region VARCHAR, "year" INTEGER, "variable" VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DECIMAL(24,4), status VARCHAR, conf_status VARCHAR, submission_id VARCHAR, sheet VARCHAR, cell VARCHAR, applied_at TIMESTAMP, ended_at TIMESTAMP, ended_why VARCHAR, run_id VARCHAR);

CREATE TABLE dimension("position" INTEGER, code VARCHAR, column_name VARCHAR, name_de VARCHAR, name_en VARCHAR, axis VARCHAR, dynamic BOOLEAN);
INSERT INTO "dimension" VALUES (0, 'GRP', 'grp', 'Bevölkerungsgruppe (Migrationsstatus)', 'Population group (migration status)', 'column', false);
INSERT INTO "dimension" VALUES (1, 'SEX', 'sex', 'Geschlecht', 'Sex', 'column', false);
INSERT INTO "dimension" VALUES (2, 'AGE', 'age', 'Altersgruppe', 'Age group', 'row', false);
INSERT INTO "dimension" VALUES (3, 'RES', 'res', 'Aufenthaltsstatus', 'Residence status', 'row', false);
INSERT INTO "dimension" VALUES (4, 'STAY', 'stay', 'Aufenthaltsdauer in Deutschland', 'Length of stay in Germany', 'row', false);
INSERT INTO "dimension" VALUES (5, 'LANG', 'lang', 'Vorrangige Familiensprache', 'Main family language', 'column', false);
INSERT INTO "dimension" VALUES (6, 'STYPE', 'stype', 'Schulform', 'School type', 'row', false);
INSERT INTO "dimension" VALUES (7, 'DEG', 'deg', 'Erreichter Abschluss', 'Leaving certificate', 'row', false);
INSERT INTO "dimension" VALUES (8, 'QUAL', 'qual', 'Berufsabschluss', 'Vocational qualification', 'row', false);
INSERT INTO "dimension" VALUES (9, 'RK', 'rk', 'Rechtskreis', 'Benefit regime', 'row', false);
INSERT INTO "dimension" VALUES (10, 'PROTS', 'prots', 'Schutzstatus', 'Protection status', 'row', false);
INSERT INTO "dimension" VALUES (11, 'ITEM', 'item', 'Befragungsmerkmal', 'Survey item', 'row', false);
INSERT INTO "dimension" VALUES (12, 'DIST', 'dist', 'Teilgebiet (Stadtbezirk, im Landkreis: Gemeinde)', 'Sub-area (city district; in a Landkreis: municipality)', 'row', true);

CREATE TABLE dimension_member(dimension VARCHAR, "position" INTEGER, member VARCHAR, name_de VARCHAR, name_en VARCHAR, residual BOOLEAN);

CREATE TABLE finding(submission_id VARCHAR, code VARCHAR, severity VARCHAR, sheet VARCHAR, cell VARCHAR, row_label VARCHAR, column_label VARCHAR, region VARCHAR, "variable" VARCHAR, members VARCHAR, message VARCHAR, found VARCHAR, expected VARCHAR, remedy VARCHAR, previous_value VARCHAR, state VARCHAR, reason VARCHAR, count INTEGER);
INSERT INTO "finding" VALUES ('2026-06531-0001', 'V01', 'warning', '', 'C5', '', '', '', 'POP', '', 'Satz.', '', '', 'Abhilfe.', '', 'confirmed', 'geprüft', 1);

CREATE TABLE indicator(code VARCHAR, field VARCHAR, tier VARCHAR, name_de VARCHAR, name_en VARCHAR, definition_de VARCHAR, definition_en VARCHAR, formula VARCHAR, unit VARCHAR, decimals INTEGER, breakdowns VARCHAR, gap_dimension VARCHAR, gap_focus VARCHAR, gap_reference VARCHAR, gap_types VARCHAR, direction VARCHAR, period VARCHAR, variables VARCHAR, sources VARCHAR, pitfalls VARCHAR, note_de VARCHAR, note_en VARCHAR, since INTEGER, "until" INTEGER);

CREATE TABLE indicator_convergence(indicator VARCHAR, "year" INTEGER, "scope" VARCHAR, measure VARCHAR, "value" DOUBLE, previous DOUBLE, direction VARCHAR, n INTEGER, status VARCHAR);

CREATE TABLE indicator_gap(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), focus VARCHAR, reference VARCHAR, difference DOUBLE, ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN DEFAULT(NULL), ratio_lower DOUBLE DEFAULT(NULL), ratio_upper DOUBLE DEFAULT(NULL), "method" VARCHAR DEFAULT(NULL), previous DOUBLE DEFAULT(NULL), direction VARCHAR DEFAULT(NULL));

CREATE TABLE indicator_last(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), value_year INTEGER, "value" DOUBLE, status VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), lower DOUBLE, upper DOUBLE, n_reported INTEGER, n_members INTEGER, framework_version VARCHAR, "method" VARCHAR, flags VARCHAR, cases BIGINT DEFAULT(NULL));

CREATE TABLE indicator_published(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DOUBLE, sign VARCHAR, status VARCHAR, reason VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), n_reported INTEGER, n_members INTEGER, lower DOUBLE DEFAULT(NULL), upper DOUBLE DEFAULT(NULL), "method" VARCHAR DEFAULT(NULL), flags VARCHAR DEFAULT(NULL), cases BIGINT DEFAULT(NULL));

CREATE TABLE indicator_trend(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), change DOUBLE, period VARCHAR, direction VARCHAR, "method" VARCHAR, from_year INTEGER DEFAULT(NULL), lower DOUBLE DEFAULT(NULL), upper DOUBLE DEFAULT(NULL), n_years INTEGER DEFAULT(NULL), status VARCHAR DEFAULT(NULL), reason VARCHAR DEFAULT(NULL));

CREATE TABLE indicator_value(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DOUBLE, status VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), lower DOUBLE, upper DOUBLE, n_reported INTEGER, n_members INTEGER, framework_version VARCHAR, "method" VARCHAR DEFAULT(NULL), flags VARCHAR DEFAULT(NULL), cases BIGINT DEFAULT(NULL));
INSERT INTO "indicator_value" VALUES ('06531', 2025, 'BEV-02', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 22.727272, 'ok', 25.00000000, 110.00000000, NULL, NULL, 1, 1, '2026.1', NULL, NULL, NULL);

CREATE TABLE indicator_value_today(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DOUBLE, status VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), lower DOUBLE, upper DOUBLE, n_reported INTEGER, n_members INTEGER, framework_version VARCHAR, "method" VARCHAR, flags VARCHAR, territory_day DATE, cases BIGINT DEFAULT(NULL));

CREATE TABLE meta_generation(number INTEGER, fingerprint VARCHAR, published_at TIMESTAMP, framework_version VARCHAR, framework_hash VARCHAR);
INSERT INTO "meta_generation" VALUES (1, '63d4d505cee7b5a8a2e2ae6771362eca2279baea820d913577f5fe9f5d55c7c7', '2026-11-22 20:32:32.022719', '2026.1', 'bfc95056051a83d000b1aa5715c585d04d39b35e2559e47091c67fe9fb44d2ac');

CREATE TABLE meta_migration(number INTEGER, "name" VARCHAR, applied_at TIMESTAMP, framework_version VARCHAR);
INSERT INTO "meta_migration" VALUES (1, 'base', '2026-11-22 20:32:31.117270', '2026.1');
INSERT INTO "meta_migration" VALUES (2, 'history', '2026-11-22 22:10:21.701093', '2026.1');
INSERT INTO "meta_migration" VALUES (3, 'nil_fields', '2026-11-22 22:40:00', '2026.1');
INSERT INTO "meta_migration" VALUES (4, 'release_ledger', '2026-11-23 01:24:45.636288', '2026.1');

CREATE TABLE meta_warehouse(framework_code VARCHAR, framework_version VARCHAR, framework_hash VARCHAR, "views" VARCHAR);
INSERT INTO "meta_warehouse" VALUES ('HE-KIM-DEFAULT', '2026.1', '931146651859ade29a988f17c01ecbdb6b47a49c7ab35d6d6405cfc3795ab078', 'CREATE TABLE indicator_value (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR DEFAULT NULL, flags VARCHAR DEFAULT NULL,
    cases BIGINT DEFAULT NULL
);
CREATE TABLE indicator_value_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR, flags VARCHAR, territory_day DATE,
    cases BIGINT DEFAULT NULL
);
CREATE TABLE indicator_gap (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  focus VARCHAR, reference VARCHAR, difference DOUBLE,
    ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN DEFAULT NULL,
    ratio_lower DOUBLE DEFAULT NULL,
    ratio_upper DOUBLE DEFAULT NULL, method VARCHAR DEFAULT NULL, previous DOUBLE DEFAULT NULL,
    direction VARCHAR DEFAULT NULL
);
CREATE TABLE indicator_trend (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER DEFAULT NULL, lower DOUBLE DEFAULT NULL, upper DOUBLE DEFAULT NULL,
    n_years INTEGER DEFAULT NULL, status VARCHAR DEFAULT NULL, reason VARCHAR DEFAULT NULL
);
CREATE TABLE indicator_convergence (
    indicator VARCHAR, year INTEGER, scope VARCHAR, measure VARCHAR, value DOUBLE, previous DOUBLE, direction VARCHAR,
    n INTEGER, status VARCHAR
);
CREATE TABLE indicator_last (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value_year INTEGER, value DOUBLE, status VARCHAR,
    numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), lower DOUBLE, upper DOUBLE, n_reported INTEGER,
    n_members INTEGER, framework_version VARCHAR, method VARCHAR, flags VARCHAR, cases BIGINT DEFAULT NULL
);
CREATE TABLE series_break (
    region VARCHAR, year INTEGER, indicator VARCHAR, reason VARCHAR, text_de VARCHAR, text_en VARCHAR
);
CREATE TABLE target_status (
    region VARCHAR, year INTEGER, indicator VARCHAR, target DOUBLE, projection DOUBLE, symbol VARCHAR,
    certainty VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  target_id VARCHAR DEFAULT NULL, kind VARCHAR DEFAULT NULL,
    target_upper DOUBLE DEFAULT NULL, target_year INTEGER DEFAULT NULL,
    baseline DOUBLE DEFAULT NULL, baseline_year INTEGER DEFAULT NULL, value DOUBLE DEFAULT NULL,
    value_year INTEGER DEFAULT NULL, mean_change DOUBLE DEFAULT NULL, miss DOUBLE DEFAULT NULL,
    cagr_ratio DOUBLE DEFAULT NULL, cagr_symbol VARCHAR DEFAULT NULL, direction VARCHAR DEFAULT NULL,
    earlier VARCHAR DEFAULT NULL, stability VARCHAR DEFAULT NULL, reason VARCHAR DEFAULT NULL,
    title_de VARCHAR DEFAULT NULL, title_en VARCHAR DEFAULT NULL, from_year INTEGER DEFAULT NULL,
    cagr DOUBLE DEFAULT NULL
);
CREATE TABLE profile_value (
    region VARCHAR, year INTEGER, measure VARCHAR, member VARCHAR, value DOUBLE, status VARCHAR, projected BOOLEAN,
    source VARCHAR
);
CREATE TABLE indicator_published (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value DOUBLE, sign VARCHAR, status VARCHAR,
    reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER, n_members INTEGER,
    lower DOUBLE DEFAULT NULL, upper DOUBLE DEFAULT NULL, method VARCHAR DEFAULT NULL, flags VARCHAR DEFAULT NULL,
    cases BIGINT DEFAULT NULL
);
CREATE TABLE published_today (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value DOUBLE, sign VARCHAR, status VARCHAR,
    reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER, n_members INTEGER,
    lower DOUBLE, upper DOUBLE, method VARCHAR, flags VARCHAR, territory_day DATE,
    cases BIGINT DEFAULT NULL
);
CREATE TABLE published_gap (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  focus VARCHAR, reference VARCHAR, difference DOUBLE,
    ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN, ratio_lower DOUBLE,
    ratio_upper DOUBLE, method VARCHAR, previous DOUBLE, direction VARCHAR
);
CREATE TABLE published_trend (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  change DOUBLE, period VARCHAR, direction VARCHAR,
    method VARCHAR, from_year INTEGER, lower DOUBLE, upper DOUBLE, n_years INTEGER, status VARCHAR, reason VARCHAR
);
CREATE TABLE published_last (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  value_year INTEGER, value DOUBLE, sign VARCHAR,
    status VARCHAR, reason VARCHAR, numerator DECIMAL(30, 8), denominator DECIMAL(30, 8), n_reported INTEGER,
    n_members INTEGER, lower DOUBLE, upper DOUBLE, method VARCHAR, flags VARCHAR, cases BIGINT DEFAULT NULL
);
CREATE TABLE published_convergence (
    indicator VARCHAR, year INTEGER, scope VARCHAR, measure VARCHAR, value DOUBLE, previous DOUBLE, direction VARCHAR,
    n INTEGER, status VARCHAR
);
CREATE TABLE published_target (
    region VARCHAR, year INTEGER, indicator VARCHAR, target DOUBLE, projection DOUBLE, symbol VARCHAR,
    certainty VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  target_id VARCHAR, kind VARCHAR, target_upper DOUBLE, target_year INTEGER,
    baseline DOUBLE, baseline_year INTEGER, value DOUBLE, value_year INTEGER, mean_change DOUBLE, miss DOUBLE,
    cagr_ratio DOUBLE, cagr_symbol VARCHAR, direction VARCHAR, earlier VARCHAR, stability VARCHAR, reason VARCHAR,
    title_de VARCHAR, title_en VARCHAR, from_year INTEGER, cagr DOUBLE
);
CREATE TABLE published_profile (
    region VARCHAR, year INTEGER, measure VARCHAR, member VARCHAR, value DOUBLE, status VARCHAR, projected BOOLEAN,
    source VARCHAR
);
CREATE TABLE cell_protection (
    region VARCHAR, year INTEGER, indicator VARCHAR, "grp" VARCHAR DEFAULT ''T'', "sex" VARCHAR DEFAULT ''T'', "age" VARCHAR DEFAULT ''T'', "res" VARCHAR DEFAULT ''T'', "stay" VARCHAR DEFAULT ''T'', "lang" VARCHAR DEFAULT ''T'', "stype" VARCHAR DEFAULT ''T'', "deg" VARCHAR DEFAULT ''T'', "qual" VARCHAR DEFAULT ''T'', "rk" VARCHAR DEFAULT ''T'', "prots" VARCHAR DEFAULT ''T'', "item" VARCHAR DEFAULT ''T'', "dist" VARCHAR DEFAULT ''T'',  side VARCHAR, state VARCHAR, cause VARCHAR,
    lower DOUBLE, upper DOUBLE, required DOUBLE
);
-- Views that readers rely on (design 3.4). Not a numbered step: rendered anew when this text or the dimensions change.

CREATE OR REPLACE VIEW observation AS
SELECT o.region, o.year, variable, "grp", "sex", "age", "res", "stay", "lang", "stype", "deg", "qual", "rk", "prots", "item", "dist",  value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN ''delivery'' ELSE ''correction'' END AS origin, correction_id, s.population_basis
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id
WHERE valid_to IS NULL;

CREATE OR REPLACE VIEW observation_history AS
SELECT o.region, o.year, variable, "grp", "sex", "age", "res", "stay", "lang", "stype", "deg", "qual", "rk", "prots", "item", "dist",  value, status, conf_status, submission_id, sheet, cell,
       CASE WHEN correction_id IS NULL THEN ''delivery'' ELSE ''correction'' END AS origin, correction_id, s.population_basis,
       valid_from, valid_to
FROM observation_version o LEFT JOIN submission s ON s.id = o.submission_id;
');

CREATE TABLE observation_version(submission_id VARCHAR, region VARCHAR, "year" INTEGER, "variable" VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DECIMAL(24,4), status VARCHAR, conf_status VARCHAR, sheet VARCHAR, cell VARCHAR, "text" VARCHAR, note VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP, correction_id VARCHAR);
INSERT INTO "observation_version" VALUES ('2026-06531-0001', '06531', 2025, 'POP', 'A', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 25.0000, 'ok', 'F', 'Bogen', 'C6', '25', '', '2026-11-22 12:00:00', '2026-11-22 13:00:00', NULL);
INSERT INTO "observation_version" VALUES ('2026-06531-0001', '06531', 2025, 'POP', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 100.0000, 'ok', 'F', 'Bogen', 'C5', '100', '', '2026-11-22 12:00:00', '2026-11-22 13:00:00', NULL);
INSERT INTO "observation_version" VALUES ('2026-06531-0001', '06531', 2025, 'POP', 'T', 'W', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', NULL, 'secret', 'A', 'Bogen', 'C7', 'secret', '', '2026-11-22 12:00:00', '2026-11-22 13:00:00', NULL);
INSERT INTO "observation_version" VALUES ('2026-06531-0002', '06531', 2025, 'POP', 'A', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 25.0000, 'ok', 'F', 'Bogen', 'C6', '25', '', '2026-11-22 13:00:00', NULL, NULL);
INSERT INTO "observation_version" VALUES ('2026-06531-0002', '06531', 2025, 'POP', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 110.0000, 'ok', 'F', 'Bogen', 'C5', '110', '', '2026-11-22 13:00:00', NULL, NULL);
INSERT INTO "observation_version" VALUES ('2026-06531-0003', '06531', 2025, 'NATZ', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 4.0000, 'ok', 'F', 'Bogen', 'C5', '4', '', '2026-11-22 14:00:00', NULL, NULL);
INSERT INTO "observation_version" VALUES ('2026-06631-0001', '06631', 2025, 'POP', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 'T', 80.0000, 'ok', 'F', 'Bogen', 'C5', '80', '', '2026-11-22 15:00:00', '2026-11-22 16:00:00', NULL);

CREATE TABLE profile_value(region VARCHAR, "year" INTEGER, measure VARCHAR, member VARCHAR, "value" DOUBLE, status VARCHAR, projected BOOLEAN, "source" VARCHAR);

CREATE TABLE published_convergence(indicator VARCHAR, "year" INTEGER, "scope" VARCHAR, measure VARCHAR, "value" DOUBLE, previous DOUBLE, direction VARCHAR, n INTEGER, status VARCHAR);

CREATE TABLE published_gap(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), focus VARCHAR, reference VARCHAR, difference DOUBLE, ratio DOUBLE, lower DOUBLE, upper DOUBLE, status VARCHAR, standardised BOOLEAN, ratio_lower DOUBLE, ratio_upper DOUBLE, "method" VARCHAR, previous DOUBLE, direction VARCHAR);

CREATE TABLE published_last(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), value_year INTEGER, "value" DOUBLE, sign VARCHAR, status VARCHAR, reason VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), n_reported INTEGER, n_members INTEGER, lower DOUBLE, upper DOUBLE, "method" VARCHAR, flags VARCHAR, cases BIGINT DEFAULT(NULL));

CREATE TABLE published_profile(region VARCHAR, "year" INTEGER, measure VARCHAR, member VARCHAR, "value" DOUBLE, status VARCHAR, projected BOOLEAN, "source" VARCHAR);

CREATE TABLE published_target(region VARCHAR, "year" INTEGER, indicator VARCHAR, "target" DOUBLE, projection DOUBLE, symbol VARCHAR, certainty VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), target_id VARCHAR, kind VARCHAR, target_upper DOUBLE, target_year INTEGER, baseline DOUBLE, baseline_year INTEGER, "value" DOUBLE, value_year INTEGER, mean_change DOUBLE, miss DOUBLE, cagr_ratio DOUBLE, cagr_symbol VARCHAR, direction VARCHAR, earlier VARCHAR, stability VARCHAR, reason VARCHAR, title_de VARCHAR, title_en VARCHAR, from_year INTEGER, cagr DOUBLE);

CREATE TABLE published_today(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), "value" DOUBLE, sign VARCHAR, status VARCHAR, reason VARCHAR, numerator DECIMAL(30,8), denominator DECIMAL(30,8), n_reported INTEGER, n_members INTEGER, lower DOUBLE, upper DOUBLE, "method" VARCHAR, flags VARCHAR, territory_day DATE, cases BIGINT DEFAULT(NULL));

CREATE TABLE published_trend(region VARCHAR, "year" INTEGER, indicator VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), change DOUBLE, period VARCHAR, direction VARCHAR, "method" VARCHAR, from_year INTEGER, lower DOUBLE, upper DOUBLE, n_years INTEGER, status VARCHAR, reason VARCHAR);

CREATE TABLE region(code VARCHAR, "name" VARCHAR, name_en VARCHAR, short_name VARCHAR, "level" VARCHAR, kind VARCHAR, parent VARCHAR, valid_from DATE, valid_to DATE, reports BOOLEAN, "aggregate" BOOLEAN, coverage VARCHAR);

CREATE TABLE region_member("aggregate" VARCHAR, member VARCHAR, "year" INTEGER);

CREATE TABLE release_ledger(release_id VARCHAR, published_at TIMESTAMP, cell VARCHAR, "value" DECIMAL(30,8), state VARCHAR, "policy" VARCHAR);

CREATE TABLE "rule"(code VARCHAR, field VARCHAR, category VARCHAR, severity VARCHAR, expression VARCHAR, for_each VARCHAR, tolerance VARCHAR, why_de VARCHAR, why_en VARCHAR, remedy_de VARCHAR, since INTEGER, "until" INTEGER);

CREATE TABLE run(id VARCHAR, started_at TIMESTAMP, finished_at TIMESTAMP, kind VARCHAR, outcome VARCHAR, code_version VARCHAR, lock_hash VARCHAR, framework_version VARCHAR, framework_hash VARCHAR, counts VARCHAR, message VARCHAR, rules_hash VARCHAR, "seconds" VARCHAR, details VARCHAR);
INSERT INTO "run" VALUES ('r1', '2026-11-22 12:00:00', '2026-11-22 12:00:00', 'nightly', 'clean', 'abc', 'lock', '2026.1', 'hash', '{"accepted": 5}', '', NULL, NULL, NULL);

CREATE TABLE series_break(region VARCHAR, "year" INTEGER, indicator VARCHAR, reason VARCHAR, text_de VARCHAR, text_en VARCHAR);

CREATE TABLE status(code VARCHAR, has_value BOOLEAN, rank INTEGER, sign VARCHAR, letter VARCHAR, obs_status VARCHAR, conf_status VARCHAR, name_de VARCHAR, name_en VARCHAR, meaning_de VARCHAR);
INSERT INTO "status" VALUES ('estimated', true, 3, 's', 's', 'E', 'F', 'geschätzt', 'estimated', 'geschätzter Wert');
INSERT INTO "status" VALUES ('limited', true, 5, '( )', 'l', 'U', 'F', 'Aussagewert eingeschränkt', 'limited reliability', 'Aussagewert eingeschränkt');
INSERT INTO "status" VALUES ('not_applicable', false, 11, 'x', 'x', 'M', 'F', 'Aussage nicht sinnvoll', 'not applicable', 'Tabellenfeld gesperrt, Aussage nicht sinnvoll');
INSERT INTO "status" VALUES ('not_available_at_level', false, 12, 'n/v', 'v', 'M', 'F', 'auf dieser Gebietsebene nicht verfügbar', 'not available at this level', 'auf dieser Gebietsebene nicht verfügbar (eigenes Zeichen)');
INSERT INTO "status" VALUES ('not_computable', false, 15, '.', 'b', 'O', 'F', 'nicht berechenbar', 'not computable', 'nicht berechenbar, weil eine nötige Angabe fehlt');
INSERT INTO "status" VALUES ('not_delivered', false, 14, 'n/g', 'g', 'L', 'F', 'nicht geliefert', 'not delivered', 'nicht geliefert (eigenes Zeichen, nie als 0 zu lesen)');
INSERT INTO "status" VALUES ('ok', true, 0, '', '', 'A', 'F', 'Wert', 'value', 'gültiger Wert');
INSERT INTO "status" VALUES ('partial', true, 6, 't', 't', 'A', 'F', 'nur ein Teil der Gebiete', 'partial coverage', 'Summe nur über die meldenden Gebiete (eigenes Zeichen)');
INSERT INTO "status" VALUES ('pending', false, 13, '…', 'f', 'O', 'F', 'Angabe fällt später an', 'available later', 'Angabe fällt später an');
INSERT INTO "status" VALUES ('provisional', true, 4, 'p', 'p', 'P', 'F', 'vorläufig', 'provisional', 'vorläufiger Wert');
INSERT INTO "status" VALUES ('revised', true, 2, 'r', 'r', 'A', 'F', 'berichtigt', 'revised', 'berichtigter Wert');
INSERT INTO "status" VALUES ('rounded_to_zero', true, 1, '0', 'k', 'N', 'F', 'auf null gerundet', 'rounded to zero', 'mehr als nichts, aber weniger als die Hälfte der kleinsten gezeigten Einheit');
INSERT INTO "status" VALUES ('secret', false, 17, '.', 'c', 'Q', 'A', 'geheim zu halten', 'secret', 'geheim zu halten');
INSERT INTO "status" VALUES ('unknown_or_secret', false, 16, '.', 'z', 'O', 'C', 'unbekannt oder geheim zu halten', 'unknown or secret', 'unbekannt oder geheim zu halten');
INSERT INTO "status" VALUES ('unreliable', false, 10, '/', 'u', 'U', 'F', 'nicht sicher genug', 'not reliable enough', 'keine Angabe, da nicht sicher genug');
INSERT INTO "status" VALUES ('zero', true, 0, '–', 'n', 'A', 'F', 'genau null', 'exactly zero', 'genau null, nichts vorhanden');

CREATE TABLE submission(id VARCHAR, sha256 VARCHAR, file_name VARCHAR, sender VARCHAR, region VARCHAR, "year" INTEGER, received_at TIMESTAMP, framework_version VARCHAR, layout VARCHAR, verdict VARCHAR, supersedes VARCHAR, nil_return BOOLEAN, population_basis VARCHAR, sign_profile VARCHAR, contact VARCHAR, checked_at TIMESTAMP, run_id VARCHAR, withdrawn_at TIMESTAMP, withdrawn_by VARCHAR, withdrawn_reason VARCHAR, nil_fields VARCHAR);
INSERT INTO "submission" VALUES ('2026-06531-0001', '0653100010000000000000000000000000000000000000000000000000000000', 'bogen-1.xlsx', '06531', '06531', 2025, '2026-11-22 12:00:00', '2026.1', 'form', 'accepted', '', false, '', '', '', '2026-11-22 12:00:00', 'run-1', NULL, NULL, NULL, NULL);
INSERT INTO "submission" VALUES ('2026-06531-0002', '0653100020000000000000000000000000000000000000000000000000000000', 'bogen-2.xlsx', '06531', '06531', 2025, '2026-11-22 12:00:00', '2026.1', 'form', 'accepted', '2026-06531-0001', false, '', '', '', '2026-11-22 13:00:00', 'run-1', NULL, NULL, NULL, NULL);
INSERT INTO "submission" VALUES ('2026-06531-0003', '0653100030000000000000000000000000000000000000000000000000000000', 'bogen-3.xlsx', '06531', '06531', 2025, '2026-11-22 12:00:00', '2026.1', 'foreign', 'accepted', '', false, '', '', '', '2026-11-22 14:00:00', 'run-1', NULL, NULL, NULL, NULL);
INSERT INTO "submission" VALUES ('2026-06631-0001', '0663100010000000000000000000000000000000000000000000000000000000', 'bogen-1.xlsx', '06631', '06631', 2025, '2026-11-22 12:00:00', '2026.1', 'form', 'accepted', '', false, '', '', '', '2026-11-22 15:00:00', 'run-1', NULL, NULL, NULL, NULL);
INSERT INTO "submission" VALUES ('2026-06631-0002', '0663100020000000000000000000000000000000000000000000000000000000', 'bogen-2.xlsx', '06631', '06631', 2025, '2026-11-22 12:00:00', '2026.1', 'form', 'accepted', '2026-06631-0001', true, '', '', '', '2026-11-22 16:00:00', 'run-1', NULL, NULL, NULL, NULL);
INSERT INTO "submission" VALUES ('2026-06631-0003', '0663100030000000000000000000000000000000000000000000000000000000', 'bogen-3.xlsx', '06631', '06631', 2025, '2026-11-22 12:00:00', '2026.1', 'form', 'returned', '', false, '', '', '', '2026-11-22 17:00:00', 'run-1', NULL, NULL, NULL, NULL);

CREATE TABLE target_status(region VARCHAR, "year" INTEGER, indicator VARCHAR, "target" DOUBLE, projection DOUBLE, symbol VARCHAR, certainty VARCHAR, grp VARCHAR DEFAULT('T'), sex VARCHAR DEFAULT('T'), age VARCHAR DEFAULT('T'), res VARCHAR DEFAULT('T'), stay VARCHAR DEFAULT('T'), lang VARCHAR DEFAULT('T'), stype VARCHAR DEFAULT('T'), deg VARCHAR DEFAULT('T'), qual VARCHAR DEFAULT('T'), rk VARCHAR DEFAULT('T'), prots VARCHAR DEFAULT('T'), item VARCHAR DEFAULT('T'), dist VARCHAR DEFAULT('T'), target_id VARCHAR DEFAULT(NULL), kind VARCHAR DEFAULT(NULL), target_upper DOUBLE DEFAULT(NULL), target_year INTEGER DEFAULT(NULL), baseline DOUBLE DEFAULT(NULL), baseline_year INTEGER DEFAULT(NULL), "value" DOUBLE DEFAULT(NULL), value_year INTEGER DEFAULT(NULL), mean_change DOUBLE DEFAULT(NULL), miss DOUBLE DEFAULT(NULL), cagr_ratio DOUBLE DEFAULT(NULL), cagr_symbol VARCHAR DEFAULT(NULL), direction VARCHAR DEFAULT(NULL), earlier VARCHAR DEFAULT(NULL), stability VARCHAR DEFAULT(NULL), reason VARCHAR DEFAULT(NULL), title_de VARCHAR DEFAULT(NULL), title_en VARCHAR DEFAULT(NULL), from_year INTEGER DEFAULT(NULL), cagr DOUBLE DEFAULT(NULL));

CREATE TABLE "variable"(code VARCHAR, field VARCHAR, name_de VARCHAR, name_en VARCHAR, definition_de VARCHAR, definition_en VARCHAR, "type" VARCHAR, "source" VARCHAR, period VARCHAR, concept VARCHAR, dimensions VARCHAR, lowest_level VARCHAR, delivered_by VARCHAR, auxiliary BOOLEAN, decimals INTEGER, since INTEGER, "until" INTEGER);

CREATE VIEW observation AS SELECT o.region, o."year", "variable", grp, sex, age, res, stay, lang, stype, deg, qual, rk, prots, item, dist, "value", status, conf_status, submission_id, sheet, cell, CASE  WHEN ((correction_id IS NULL)) THEN ('delivery') ELSE 'correction' END AS origin, correction_id, s.population_basis FROM (observation_version AS o LEFT JOIN submission AS s ON ((s.id = o.submission_id))) WHERE (valid_to IS NULL);

CREATE VIEW observation_history AS SELECT o.region, o."year", "variable", grp, sex, age, res, stay, lang, stype, deg, qual, rk, prots, item, dist, "value", status, conf_status, submission_id, sheet, cell, CASE  WHEN ((correction_id IS NULL)) THEN ('delivery') ELSE 'correction' END AS origin, correction_id, s.population_basis, valid_from, valid_to FROM (observation_version AS o LEFT JOIN submission AS s ON ((s.id = o.submission_id)));
