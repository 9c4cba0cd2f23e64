"""Result tables of before beside the observations of tonight, and what it means that two tables are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from indicators.compute import row_order
from schemas.framework_model import Framework
from schemas.shapes import TOTAL


@contextmanager
def warehouse(
    framework: Framework, cells: Mapping[Any, int], stored: Mapping[str, pa.Table]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the observations, and with the result tables of before. Cells are told by region, year, variable,
    group and perhaps age."""
    names = ["region", "year", "variable", *(code.lower() for code in framework.dimension_order), "value", "status"]
    columns = [[*column] for column in zip(*cells, strict=True)]
    given = dict(zip(("region", "year", "variable", "grp", "age"), columns, strict=False))
    given["value"], given["status"] = [Decimal(value) for value in cells.values()], ["ok"] * len(cells)
    kinds = {"year": pa.int32(), "value": pa.decimal128(24, 4)}
    table = {n: pa.array(given.get(n, [TOTAL] * len(cells)), kinds.get(n, pa.string())) for n in names}
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.register("given", pa.table(table))
        connection.execute("CREATE TABLE observation AS FROM given")
        for name, rows in stored.items():
            connection.register("before", rows)
            connection.execute(f"CREATE TABLE {name} AS FROM before")
        yield connection


def rows_of(table: pa.Table) -> list[str]:
    """All rows, whatever their order and that of the columns."""
    return sorted(map(repr, table.select(sorted(table.column_names)).to_pylist()))


def in_order(framework: Framework, name: str, table: pa.Table) -> list[dict[str, object]]:
    """The rows of a result table as a reader sees them who asks for its order."""
    with duckdb.connect(":memory:") as connection:
        connection.register("made", table)
        return connection.sql(f"FROM made {row_order(framework, name)}").to_arrow_table().to_pylist()
