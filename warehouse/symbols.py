"""The symbols of targets that releases showed, kept as they were published. Only ever added to.

Written before a generation is published, like the ledger of releases.
"""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from schemas.framework_model import Framework
from schemas.sql import key_expression
from warehouse.access import Connection, arrow, has_table, lent, rows, transaction, utc

_KEY = "region, indicator, members, target_id, year"


def read_symbols(connection: Connection, until: datetime | None = None) -> pa.Table:
    """The last record (up to a moment) of every figure, target and year: region, indicator, members, target_id, year,
    symbol. Empty where a snapshot of an earlier version has no records."""
    if not has_table(connection, "published_symbol"):
        schema = pa.schema([(n, pa.int32() if n == "year" else pa.string()) for n in (*_KEY.split(", "), "symbol")])
        return schema.empty_table()
    query = f"""
        SELECT {_KEY}, arg_max(symbol, (published_at, rowid)) AS symbol FROM published_symbol WHERE published_at <= ?
        GROUP BY {_KEY} ORDER BY {_KEY}"""
    return arrow(connection, query, [utc(until) if until else datetime.max])


def append_symbols(
    connection: Connection, framework: Framework, release: str, moment: datetime, published: pa.Table
) -> int:
    """Add what a release shows for the newest year of every target (columns of `published_target`); returns how many
    records are new. What was shown for an earlier year is never touched again."""
    before = rows(connection, "SELECT count(*) FROM published_symbol")[0][0]
    with (
        lent(connection, {"new_target": published, "known_symbol": read_symbols(connection)}),
        transaction(connection),
    ):
        connection.execute(
            f"""
            INSERT INTO published_symbol
            SELECT ?, ?, n.* FROM (
                SELECT region, indicator, {key_expression(framework, "t")} AS members, target_id, year, symbol
                FROM new_target t
                QUALIFY year = max(year) OVER (PARTITION BY region, indicator, members, target_id)
            ) n ANTI JOIN known_symbol k USING (region, indicator, members, target_id, year, symbol)""",
            [release, utc(moment)],
        )
    return int(rows(connection, "SELECT count(*) FROM published_symbol")[0][0]) - int(before)
