"""Bring the work file to the form that this code and this framework need: numbered steps, forward only.

The SQL files in `migrations/` are templates: `{dimensions}` stands for the declaration of all dimension columns (each
followed by a comma), `{names}` for their names. `views.sql` and `results.sql` are no steps; what they declare is made
anew whenever their text or the dimensions change.

A change of form is made on a copy that replaces the work file when it is complete, so a crash leaves the old file and
no structural change ever waits in a log to be replayed.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.sql import column, dimension_columns
from warehouse.access import Connection, connect, rows, transaction, utc
from warehouse.places import (
    Places,
    Unusable,
    WarehouseError,
    refuse_open,
    refuse_orphan_wal,
    refuse_wal,
    sync_file,
    sync_folder,
    wal_of,
)
from warehouse.result_tables import declaration, ensure_result_tables
from warehouse.results import data_years, insert_framework

FOLDER = Path(__file__).resolve().parent / "migrations"
_FILE = re.compile(r"^(\d{4})_(\w+)\.sql$")
_VIEWS = FOLDER / "views.sql"
DIMENSIONAL = ("observation_version", "correction")
"""Stored tables with one column per dimension (the result tables see to theirs themselves)."""
_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()"
Step = tuple[int, str]
"""Number and name of a step: two branches may both have added the same number."""


class ForeignFramework(WarehouseError):
    """The warehouse belongs to another framework, or to more dimensions than this one has."""


class NewerWarehouse(WarehouseError):
    """The warehouse was written by newer code."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step."""

    number: int
    name: str
    template: str

    @property
    def step(self) -> Step:
        """What identifies it."""
        return self.number, self.name


def available() -> tuple[Migration, ...]:
    """All steps of this code in order."""
    found = ((_FILE.match(path.name), path) for path in sorted(FOLDER.glob("*.sql")))
    return tuple(Migration(int(m[1]), m[2], path.read_text("utf-8")) for m, path in found if m)


def open_work(places: Places, framework: Framework) -> Connection:
    """The work file, opened for writing, migrated if need be. The caller holds the lock."""
    refuse_orphan_wal(places.work_file)
    refuse_open(places.work_file)
    if places.work_file.exists():
        connection = connect(places.work_file)
        try:
            if not _outdated(connection, framework):
                _refresh_framework(connection, framework)
                return connection
            connection.execute("CHECKPOINT")
        except BaseException:
            connection.close()
            raise
        connection.close()
    _rebuild(places, framework)
    return connect(places.work_file)


def bring_up(connection: Connection, framework: Framework) -> None:
    """The same for an opened store in which a change of form is one transaction and needs no copy (a lake)."""
    if _outdated(connection, framework):
        migrate(connection, framework)
    else:
        _refresh_framework(connection, framework)


def migrate(connection: Connection, framework: Framework) -> None:
    """Apply what is missing, in one transaction."""
    with transaction(connection):
        connection.execute(
            "CREATE TABLE IF NOT EXISTS meta_migration (number INTEGER, name VARCHAR, applied_at TIMESTAMP,"
            " framework_version VARCHAR)"
        )
        connection.execute(
            "CREATE TABLE IF NOT EXISTS meta_warehouse (framework_code VARCHAR, framework_version VARCHAR,"
            " framework_hash VARCHAR, views VARCHAR)"
        )
        done = _applied(connection)
        for step in available():
            if step.step not in done:
                connection.execute(render(step.template, framework))
                entry = (step.number, step.name, utc(datetime.now(UTC)), framework.version)
                connection.execute("INSERT INTO meta_migration VALUES (?, ?, ?, ?)", entry)
        ensure_dimension_columns(connection, framework)
        ensure_result_tables(connection, framework)
        create_views(connection, framework)
        views = _views(framework)
        _write_framework(connection, framework, views)


def create_views(connection: Connection, framework: Framework) -> None:
    """The views that readers rely on, over the tables that are there."""
    connection.execute(render(_VIEWS.read_text("utf-8"), framework))


def ensure_dimension_columns(connection: Connection, framework: Framework) -> tuple[str, ...]:
    """Add a column (default: the total) for every dimension that is new in the framework; the codes added."""
    present = "SELECT lower(column_name) FROM duckdb_columns() WHERE table_name = ?"
    added: dict[str, None] = {}
    for table in DIMENSIONAL:
        have = {name for (name,) in rows(connection, present, [table])}
        for code in framework.dimension_order:
            if code.lower() not in have:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column(code)} VARCHAR DEFAULT '{TOTAL}'")
                added[code] = None
    return tuple(added)


def render(template: str, framework: Framework) -> str:
    """Fill in the dimensions of the framework."""
    names = dimension_columns(framework)
    declared = "".join(f"{name} VARCHAR DEFAULT '{TOTAL}', " for name in names)
    return template.format(dimensions=declared, names="".join(f"{name}, " for name in names))


def _outdated(connection: Connection, framework: Framework) -> bool:
    """Is a change of form due? Refuses what this code or this framework must not touch."""
    tables = {name for (name,) in rows(connection, _TABLES)}
    if not {"meta_migration", "meta_warehouse"} <= tables:
        if tables:
            raise Unusable("Die Datei ist kein Datenbestand des Monitorings.")
        return True
    known = {step.step for step in available()}
    done = _applied(connection)
    if newer := done - known:
        raise NewerWarehouse(
            f"Der Datenbestand hat Stand {max(newer)[0]}, dieses Programm kennt nur Stand {max(known)[0]}."
            " Bitte das Programm aktualisieren."
        )
    ((code, version, views),) = rows(connection, "SELECT framework_code, framework_version, views FROM meta_warehouse")
    if code != framework.code:
        raise ForeignFramework(
            f"Der Datenbestand gehört zum Rahmen {code} ({version}), nicht zu {framework.code} ({framework.version})."
            " Für einen anderen Rahmen bitte ein eigenes Datenverzeichnis verwenden (MONITOR_DATA)."
        )
    _refuse_lost_dimensions(connection, framework)
    return bool(known - done) or views != _views(framework)


def _refuse_lost_dimensions(connection: Connection, framework: Framework) -> None:
    stored = [code for (code,) in rows(connection, "SELECT code FROM dimension ORDER BY position")]
    if lost := [code for code in stored if code not in framework.dimensions]:
        raise ForeignFramework(
            f"Dem Rahmen fehlen Gliederungen, nach denen der Datenbestand Werte enthält: {', '.join(lost)}."
            " Bitte im Rahmen stehen lassen und nur die Angaben befristen (until)."
        )


def _rebuild(places: Places, framework: Framework) -> None:
    """Migrate a copy of the work file (or a new one) and put it in its place."""
    for leftover in (places.next_file, wal_of(places.next_file)):
        leftover.unlink(missing_ok=True)
    refuse_wal(places.work_file)
    if places.work_file.exists():
        shutil.copyfile(places.work_file, places.next_file)
    connection = connect(places.next_file)
    try:
        migrate(connection, framework)
        connection.execute("CHECKPOINT")
    finally:
        connection.close()
    refuse_wal(places.next_file)
    sync_file(places.next_file)
    os.replace(places.next_file, places.work_file)
    sync_folder(places.work)


def _refresh_framework(connection: Connection, framework: Framework) -> None:
    """Definitions may change without a change of form: keep the framework tables as the framework says."""
    ((stored,),) = rows(connection, "SELECT framework_hash FROM meta_warehouse")
    if stored != framework.content_hash:
        with transaction(connection):
            _write_framework(connection, framework, _views(framework))


def _write_framework(connection: Connection, framework: Framework, views: str) -> None:
    insert_framework(connection, framework, data_years(connection))
    connection.execute("DELETE FROM meta_warehouse")
    entry = (framework.code, framework.version, framework.content_hash, views)
    connection.execute("INSERT INTO meta_warehouse VALUES (?, ?, ?, ?)", entry)


def _applied(connection: Connection) -> set[Step]:
    return {(number, name) for number, name in rows(connection, "SELECT number, name FROM meta_migration")}


def _views(framework: Framework) -> str:
    """What is rendered anew when its text changes: the shapes of the result tables and the views."""
    return declaration(framework) + "\n" + render(_VIEWS.read_text("utf-8"), framework)
