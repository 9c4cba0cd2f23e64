-- Registers: which of them a delivery brought (an empty one is a statement too), and every field of their rows. A newer
-- delivery replaces the registers it brings, and no others.

CREATE TABLE register_version (
    submission_id VARCHAR, region VARCHAR, year INTEGER, register VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP
);

CREATE TABLE record_version (
    submission_id VARCHAR, region VARCHAR, year INTEGER, register VARCHAR, id VARCHAR, field VARCHAR, value VARCHAR,
    sheet VARCHAR, sheet_row INTEGER, cell VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP
);

-- The register from whose rows a value was counted: such a value comes and goes with the register.
ALTER TABLE observation_version ADD COLUMN register VARCHAR;
ALTER TABLE correction ADD COLUMN register VARCHAR;
ALTER TABLE variable ADD COLUMN register VARCHAR;
