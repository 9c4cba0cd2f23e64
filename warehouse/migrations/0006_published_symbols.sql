-- The symbol that every release showed for the newest year of a target: former years' symbols are those that were published.
-- Only ever added to. A record is added when the symbol of a figure, target and year differs from its last record; an empty
-- one says that none was published. `members` is the member key of the figure, empty for the total.

CREATE TABLE published_symbol (
    release_id VARCHAR, published_at TIMESTAMP, region VARCHAR, indicator VARCHAR, members VARCHAR, target_id VARCHAR,
    year INTEGER, symbol VARCHAR
);
