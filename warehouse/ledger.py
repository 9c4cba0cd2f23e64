"""The ledger of releases: which cells were ever shown or kept secret, with their values. Only ever added to.

It is written before a generation is published: a crash in between leaves a record too many, never one too few.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from warehouse.access import Connection, arrow, lent, rows, transaction, utc


def read_ledger(connection: Connection, until: datetime | None = None) -> pa.Table:
    """All records (or those up to a moment) in the order in which they were added: cell, value, state,
    published_at."""
    query = "SELECT cell, value, state, published_at, rowid AS place FROM release_ledger WHERE published_at <= ?"
    found = arrow(connection, query, [utc(until) if until else datetime.max])
    order = ("published_at", "place")
    if not _in_order(
        *(found.column(name).to_numpy() for name in order)
    ):  # they lie as they came, as long as clocks go on
        found = found.sort_by([(name, "ascending") for name in order])
    return found.drop_columns(["place"])


def _in_order(moment: npt.NDArray[Any], place: npt.NDArray[Any]) -> bool:
    later, same = moment[1:] > moment[:-1], moment[1:] == moment[:-1]
    return bool(np.all(later | (same & (place[1:] > place[:-1]))))


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
