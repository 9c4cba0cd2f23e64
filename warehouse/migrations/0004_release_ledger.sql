-- What every release told and kept secret, by cell. Only ever added to: what was published stays known for good.
-- A record is added when value or state of a cell differ from its last record. Never leaves the house.

CREATE TABLE release_ledger (
    release_id VARCHAR, published_at TIMESTAMP, cell VARCHAR, value DECIMAL(30, 8), state VARCHAR, policy VARCHAR
);
