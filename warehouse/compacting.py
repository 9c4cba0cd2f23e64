"""Keep the work file from growing: rewrite it when it holds much more room than data.

DuckDB reuses the room of what was deleted, so a file grows with its history and little else. What an exceptional load or
a widened table leaves behind is given back by copying everything into a new file, which then replaces the old one.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from schemas.framework_model import Framework
from schemas.sql import column
from warehouse.access import Connection, connect, rows
from warehouse.lake import chosen, tidy
from warehouse.places import Places, Unusable, refuse_open, refuse_wal, sync_file, sync_folder, wal_of
from warehouse.store import Lock, exclusive, writer

FACTOR = 2.0
"""Rewrite a file that is more than so many times its live data."""
SMALLEST = 32 << 20
"""Smaller files are left alone: their size is overhead, not waste."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes of the work file before and after; `done` when it was rewritten."""

    before: int
    after: int
    done: bool


def compact(
    root: Path,
    framework: Framework,
    *,
    factor: float = FACTOR,
    smallest: int = SMALLEST,
    wait_seconds: float = 0.0,
    lock: Lock | None = None,
    live: int | None = None,
) -> Compacted:
    """Rewrite the work file when it is at least `smallest` bytes and more than `factor` times its live data.

    Content and published generations stay the same. Takes the lock itself unless one is given, which must have no writer
    open. `live`: the `live_bytes`, where the caller asked for them under the same lock and wrote nothing since. A crash
    leaves the old file; what is left of the new one is removed next time.
    """
    places = Places(root)
    with ExitStack() as stack:
        held = lock or stack.enter_context(exclusive(root, wait_seconds=wait_seconds))
        if lake := chosen():
            tidy(lake, places)
            return Compacted(0, 0, done=False)
        if live is None:
            with writer(root, framework, lock=held) as opened:
                live = live_bytes(opened.connection)
        before = places.work_file.stat().st_size
        if before < smallest or before <= factor * live:
            return Compacted(before, before, done=False)
        return Compacted(before, _rewrite(places), done=True)


def live_bytes(connection: Connection) -> int:
    """Blocks in use, once what was deleted is freed; 0 of a lake, which is tidied in another way."""
    if chosen():
        return 0
    connection.execute("CHECKPOINT")
    query = "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = current_database()"
    ((found,),) = rows(connection, query)
    return int(found)


def _rewrite(places: Places) -> int:
    """Copy everything into the next file, compare, and replace; the new size."""
    refuse_open(places.work_file)
    refuse_wal(places.work_file)
    for leftover in (places.next_file, wal_of(places.next_file)):
        leftover.unlink(missing_ok=True)
    try:
        with connect(places.next_file) as connection:
            ((new,),) = rows(connection, "SELECT current_database()")
            source = str(places.work_file).replace("'", "''")
            connection.execute(f"ATTACH '{source}' AS old_file (READ_ONLY)")
            connection.execute(f'COPY FROM DATABASE old_file TO "{new}"')
            _compare(connection, "old_file", new)
            connection.execute("DETACH old_file")
            connection.execute("CHECKPOINT")
        refuse_wal(places.next_file)
        sync_file(places.next_file)
        size = places.next_file.stat().st_size
        os.replace(places.next_file, places.work_file)
    except BaseException:
        for leftover in (places.next_file, wal_of(places.next_file)):
            leftover.unlink(missing_ok=True)
        raise
    sync_folder(places.work)
    return size


def _compare(connection: Connection, old: str, new: str) -> None:
    """The copy has the same tables, columns, views and rows."""
    for kind in ("table", "view"):
        query = f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE NOT internal AND database_name = ? ORDER BY ALL"
        if rows(connection, query, [old]) != rows(connection, query, [new]):
            raise Unusable("Die Kopie des Datenbestands ist unvollständig; der alte bleibt. Bitte melden.")
    columns = """
        SELECT table_name, column_name, data_type, column_default FROM duckdb_columns()
        WHERE NOT internal AND database_name = ? ORDER BY table_name, column_index"""
    if rows(connection, columns, [old]) != rows(connection, columns, [new]):
        raise Unusable("Die Kopie des Datenbestands hat andere Spalten; der alte bleibt. Bitte melden.")
    for (table,) in rows(connection, "SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [old]):
        query = "SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM {}.main.{} t"
        sides = [rows(connection, query.format(f'"{side}"', column(table))) for side in (old, new)]
        if sides[0] != sides[1]:
            raise Unusable(f"Die Kopie der Tabelle {table} weicht ab; der alte Datenbestand bleibt. Bitte melden.")
