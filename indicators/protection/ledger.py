"""What earlier releases told: named forms with their values, read before a release is protected and added to after it.

The table (the warehouse keeps it, append-only): release_id, published_at, cell, value, state, policy. `cell` is a name of
`naming`, `state` is `shown` or `hidden`. A record is added only when value or state of a cell differ from its last one.

- What was ever shown with the value that it has now stays known, whatever is hidden today.
- What was ever hidden, because it was secret or because it protected a secret, stays hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import duckdb
import numpy as np
import pyarrow as pa

SHOWN, HIDDEN = "shown", "hidden"
SCHEMA = pa.schema([("cell", pa.string()), ("value", pa.decimal128(30, 8)), ("state", pa.string())])
"""Columns that the protection reads of the ledger, in the order of the records."""


def empty() -> pa.Table:
    """The ledger before the first release."""
    return SCHEMA.empty_table()


def told_before(
    connection: duckdb.DuckDBPyConnection, batches: Mapping[int, int]
) -> tuple[dict[int, list[tuple[str, Fraction]]], dict[int, list[str]]]:
    """Cells ever shown, with every value they were shown with, and cells ever hidden, by part; of some parts of `calc_record`
    (see `entered`), each up to a batch."""
    shown: dict[int, list[tuple[str, Fraction]]] = {part: [] for part in batches}
    hidden: dict[int, list[str]] = {part: [] for part in batches}
    wanted = {part: batch for part, batch in batches.items() if batch}
    if not wanted:
        return shown, hidden
    connection.register(
        "calc_upto", pa.table({"part": pa.array(wanted, pa.int32()), "upto": pa.array(wanted.values(), pa.int32())})
    )
    rows = connection.execute(
        "SELECT DISTINCT part, cell, CASE WHEN state = $shown THEN value END AS value, state"
        " FROM calc_record JOIN calc_upto USING (part)"
        " WHERE batch <= upto AND state IN ($shown, $hidden) ORDER BY ALL",
        {"shown": SHOWN, "hidden": HIDDEN},
    )
    for part, cell, value, state in rows.fetchall():
        if state == HIDDEN:
            hidden[part].append(cell)
        elif value is not None:
            shown[part].append((cell, Fraction(value)))
    connection.unregister("calc_upto")
    return shown, hidden


def additions(connection: duckdb.DuckDBPyConnection, ledger: pa.Table, now: pa.Table) -> pa.Table:
    """The records of `now` that say something new beside the last record of their cell, by cell."""
    numbered = ledger.select(SCHEMA.names).append_column("position", pa.array(np.arange(ledger.num_rows)))
    connection.register("calc_until_now", numbered)
    connection.register("calc_now", now)
    try:
        return connection.sql(
            """
            SELECT n.cell, CAST(n.value AS DECIMAL(30, 8)) AS value, n.state FROM calc_now n LEFT JOIN (
                SELECT cell, arg_max(value, position) AS value, arg_max(state, position) AS state
                FROM calc_until_now SEMI JOIN calc_now USING (cell) GROUP BY cell) o ON o.cell = n.cell
            WHERE o.cell IS NULL OR o.value IS DISTINCT FROM n.value OR o.state <> n.state ORDER BY n.cell"""
        ).to_arrow_table()
    finally:
        connection.unregister("calc_until_now")
        connection.unregister("calc_now")
