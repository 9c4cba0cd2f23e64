"""The tables that every run computes anew: declared once in `migrations/results.sql`, brought into being when missing."""

from __future__ import annotations

import re
from pathlib import Path

from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.sql import dimension_columns
from warehouse.access import Connection, rows

_DECLARATIONS = Path(__file__).resolve().parent / "migrations" / "results.sql"
_STATEMENT = re.compile(r"CREATE TABLE (\w+) (\(.*?\n\));", re.DOTALL)


def declared() -> dict[str, str]:
    """Name and column list (with the placeholder of the dimensions) of every result table, in the order of the file."""
    return dict(_STATEMENT.findall(_DECLARATIONS.read_text("utf-8")))


RESULTS = tuple(declared())


def declaration(framework: Framework) -> str:
    """All statements with the dimensions of the framework: changes when, and only when, a shape changes."""
    return "\n".join(f"CREATE TABLE {name} {_filled(columns, framework)};" for name, columns in declared().items())


def ensure_result_tables(connection: Connection, framework: Framework) -> None:
    """Create missing result tables and add missing columns; a table with columns of another kind is made anew, empty."""
    for name, columns in declared().items():
        filled = _filled(columns, framework)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE wanted_shape {filled}")
        wanted, have = _columns(connection, "wanted_shape"), _columns(connection, name)
        if not have or any(column not in wanted or wanted[column][0] != kind for column, (kind, _) in have.items()):
            connection.execute(f"CREATE OR REPLACE TABLE {name} {filled}")
            continue
        for column, (kind, default) in wanted.items():
            if column not in have:
                connection.execute(f'ALTER TABLE {name} ADD COLUMN "{column}" {kind} DEFAULT {default or "NULL"}')
    connection.execute("DROP TABLE IF EXISTS wanted_shape")


def _filled(columns: str, framework: Framework) -> str:
    dimensions = "".join(f"{name} VARCHAR DEFAULT '{TOTAL}', " for name in dimension_columns(framework))
    return columns.format(dimensions=dimensions)


def _columns(connection: Connection, table: str) -> dict[str, tuple[str, str | None]]:
    """Type and default of every column."""
    query = "SELECT column_name, data_type, column_default FROM duckdb_columns() WHERE table_name = ?"
    return {column: (kind, default) for column, kind, default in rows(connection, query, [table])}
