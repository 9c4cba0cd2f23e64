"""The ledger of releases: which cells were ever shown or kept secret, with their values. Only ever added to.

It is written before a generation is published: a crash in between leaves a record too many, never one too few.
"""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from warehouse.access import Connection, arrow, lent, rows, transaction, utc


def read_ledger(connection: Connection, until: datetime | None = None) -> pa.Table:
    """All records (or those up to a moment) in the order in which they were added: cell, value, state,
    published_at."""
    query = "SELECT cell, value, state, published_at FROM release_ledger WHERE published_at <= ? ORDER BY published_at, rowid"
    return arrow(connection, query, [utc(until) if until else datetime.max])


def has_ledger(connection: Connection) -> bool:
    """Snapshots of earlier versions have none."""
    return bool(rows(connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = 'release_ledger'"))


def append_ledger(connection: Connection, release: str, moment: datetime, policy: str, records: pa.Table) -> int:
    """Add the records (cell, value, state) of a release; returns how many."""
    if records.num_rows:
        with lent(connection, {"new_ledger": records}), transaction(connection):
            connection.execute(
                "INSERT INTO release_ledger SELECT ?, ?, cell, value, state, ? FROM new_ledger",
                [release, utc(moment), policy],
            )
    return int(records.num_rows)
