"""How this room talks to DuckDB: settings, transactions, bulk inserts, and rows as plain data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from schemas.sql import column

if TYPE_CHECKING:
    import pyarrow as pa

MEMORY_LIMIT = "2GiB"
"""In whole units: DuckDB tells its limit with one decimal, and it is set again as it was told."""
Connection = duckdb.DuckDBPyConnection
VALID_THEN = "valid_from <= $moment AND (valid_to IS NULL OR valid_to > $moment)"
"""Condition: a version counted at the moment that a query gives."""


def connect(database: Path, *, read_only: bool = False, temporary: Path | None = None) -> Connection:
    """Open a database with fixed settings: nothing from the network, no look at Python variables, known temp folder.

    A reader keeps its temporary files apart from the generations, where it may not write.
    """
    if temporary is None:
        reader = Path(tempfile.gettempdir()) / f"monitor-reader-{os.getpid()}"
        temporary = reader if read_only else database.parent / "tmp"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": str(temporary),
        "memory_limit": MEMORY_LIMIT,
    }
    return duckdb.connect(str(database), read_only=read_only, config=settings)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing. A failed commit (disk full) has already rolled back; the rollback that follows may then fail."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def end_reading(connection: Connection) -> None:
    """Give up a result that was not read to its end; DuckDB 1.5 does so by itself with the next statement."""
    if abort := getattr(connection, "abort", None):
        abort()


def of_little(connection: Connection, little: bool = True) -> None:
    """Say that the next statements are about few rows, or that they are not: handing these out to several threads, and
    putting together what each of them made, is a good part of what small statements cost."""
    connection.execute("SET threads = 1" if little else "RESET threads")


@contextmanager
def lent(connection: Connection, tables: Mapping[str, pa.Table]) -> Iterator[None]:
    """Make Arrow tables visible under names for a while."""
    try:
        for name, table in tables.items():
            connection.register(name, table)
        yield
    finally:
        for name in tables:
            with suppress(duckdb.Error):
                connection.unregister(name)


def rows(
    connection: Connection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    found: list[tuple[Any, ...]] = connection.execute(query, parameters or None).fetchall()
    return found


def records(
    connection: Connection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[dict[str, Any]]:
    """All rows of a query as dictionaries."""
    found = connection.execute(query, parameters or None)
    names = [entry[0] for entry in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def arrow(connection: Connection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
    """The result of a query as an Arrow table."""
    return connection.sql(query, params=parameters or None).to_arrow_table()


def has_table(connection: Connection, name: str) -> bool:
    """Generations of earlier versions lack some tables."""
    return bool(rows(connection, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]))


def widened(relation: str, **columns: str) -> str:
    """A relation in which columns that an older generation lacks are there and empty; give names and types."""
    absent = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in columns.items())
    return f"(SELECT * FROM {relation} UNION ALL BY NAME SELECT {absent} WHERE false)"


def ledger() -> str:
    """Every received file, in a generation of any age: what came with later migrations is there and empty."""
    return widened("submission", withdrawn_at="TIMESTAMP", nil_fields="VARCHAR")


def utc(moment: datetime) -> datetime:
    """System time as the warehouse stores it: UTC without zone. A moment without zone is taken as UTC."""
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def dimension_codes(connection: Connection) -> tuple[str, ...]:
    """Dimensions of this warehouse in framework order."""
    return tuple(row[0] for row in rows(connection, "SELECT code FROM dimension ORDER BY position"))


def dimension_names(connection: Connection) -> list[str]:
    """Their quoted columns."""
    return [column(code) for code in dimension_codes(connection)]
