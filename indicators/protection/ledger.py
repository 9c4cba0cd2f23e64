"""What earlier releases told: named forms with their values, read before a release is protected and added to after it.

The table (the warehouse keeps it, append-only): release_id, published_at, cell, value, state, policy. `cell` is a name of
`naming`, `state` is `shown` or `hidden`. A record is added only when value or state of a cell differ from its last one.

- What was ever shown with the value that it has now stays known, whatever is hidden today.
- What was ever hidden, because it was secret or because it protected a secret, stays hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction

import duckdb
import pyarrow as pa

SHOWN, HIDDEN = "shown", "hidden"
SCHEMA = pa.schema([("cell", pa.string()), ("value", pa.decimal128(30, 8)), ("state", pa.string())])
"""Columns that the protection reads of the ledger, in the order of the records."""


def empty() -> pa.Table:
    """The ledger before the first release."""
    return SCHEMA.empty_table()


def told_before(
    connection: duckdb.DuckDBPyConnection, ledger: pa.Table, pairs: Iterable[tuple[str, int]]
) -> tuple[list[tuple[str, Fraction]], list[str]]:
    """Cells ever shown, with every value they were shown with, and cells ever hidden, of some variables and years."""
    wanted = "|".join(sorted(f"/{year}/{re.escape(variable)}\\[" for variable, year in pairs))
    if not wanted or not ledger.num_rows:
        return [], []
    connection.register("calc_ledger", ledger)
    try:
        shown = connection.execute(
            "SELECT DISTINCT cell, value FROM calc_ledger WHERE state = ? AND regexp_matches(cell, ?) ORDER BY ALL",
            [SHOWN, wanted],
        ).fetchall()
        hidden = connection.execute(
            "SELECT DISTINCT cell FROM calc_ledger WHERE state = ? AND regexp_matches(cell, ?) ORDER BY ALL",
            [HIDDEN, wanted],
        ).fetchall()
    finally:
        connection.unregister("calc_ledger")
    return [(cell, Fraction(value)) for cell, value in shown if value is not None], [cell for (cell,) in hidden]


def additions(connection: duckdb.DuckDBPyConnection, ledger: pa.Table, now: pa.Table) -> pa.Table:
    """The records of `now` that say something new beside the last record of their cell, by cell."""
    numbered = ledger.select(SCHEMA.names).append_column("position", pa.array(range(ledger.num_rows), type=pa.int64()))
    connection.register("calc_ledger", numbered)
    connection.register("calc_now", now)
    try:
        return connection.sql(
            """
            SELECT n.cell, CAST(n.value AS DECIMAL(30, 8)) AS value, n.state FROM calc_now n LEFT JOIN (
                SELECT cell, arg_max(value, position) AS value, arg_max(state, position) AS state
                FROM calc_ledger GROUP BY cell) o ON o.cell = n.cell
            WHERE o.cell IS NULL OR o.value IS DISTINCT FROM n.value OR o.state <> n.state ORDER BY n.cell"""
        ).to_arrow_table()
    finally:
        connection.unregister("calc_ledger")
        connection.unregister("calc_now")
