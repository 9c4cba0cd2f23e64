"""The ledger of releases: which cells were ever shown or kept secret, with their values. Only ever added to.

It is written before a generation is published: a crash in between leaves a record too many, never one too few.
"""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from warehouse.access import Connection, arrow, lent, transaction, utc


def read_ledger(connection: Connection) -> pa.Table:
    """All records in the order in which they were added: cell, value, state."""
    return arrow(connection, "SELECT cell, value, state FROM release_ledger ORDER BY published_at, rowid")


def append_ledger(connection: Connection, release: str, moment: datetime, policy: str, records: pa.Table) -> int:
    """Add the records (cell, value, state) of a release; returns how many."""
    if records.num_rows:
        with lent(connection, {"new_ledger": records}), transaction(connection):
            connection.execute(
                "INSERT INTO release_ledger SELECT ?, ?, cell, value, state, ? FROM new_ledger",
                [release, utc(moment), policy],
            )
    return int(records.num_rows)
