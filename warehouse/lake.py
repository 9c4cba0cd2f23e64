"""The warehouse as a lake: DuckLake on a PostgreSQL catalogue, the data as Parquet in a folder or on S3.

Chosen by `MONITOR_WAREHOUSE`; without it nothing here is used and none of its packages is loaded. The same tables, views
and statements run on both. What differs, and why, is gathered here (docs/scaling.md):

- the change of form is one transaction of the lake, not a copy of a file;
- the lock is held in the catalogue as well, because writers may run on several machines;
- a generation is written from the lake in place of being a copy of the work file;
- small files are merged and old snapshots forgotten in place of rewriting a file.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from schemas.framework_model import Framework
from schemas.sql import column
from warehouse.access import Connection, connect, rows
from warehouse.migrations import bring_up
from warehouse.places import Places, WarehouseError

VARIABLE = "MONITOR_WAREHOUSE"
NAME = "lake"
EXTENSIONS = ("httpfs", "postgres_scanner", "ducklake")
KEEP_DAYS = 30
"""Snapshots of the lake stay so long. History does not need them: every version of a value is a row."""
_LOCK_KEY = 7_046_913_218
"""Names the one writer among the advisory locks of the catalogue's database."""
_PATIENCE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
"""The catalogue frees the lock of a machine that is gone after a minute."""
_IN_CATALOGUE = ("postgresql://", "postgres://")


class LakeRefused(WarehouseError):
    """The lake cannot be used: badly named, its packages missing, or something it cannot do. The text is for people."""


@dataclass(frozen=True, slots=True)
class Lake:
    """Address of the PostgreSQL catalogue (no password: libpq finds it), and where the Parquet files lie."""

    catalogue: str
    data: str


def chosen() -> Lake | None:
    """The lake that the environment names; None for the embedded file. Raises LakeRefused when it is badly named."""
    said = os.environ.get(VARIABLE, "").split()
    if not said:
        return None
    if len(said) != 2 or not said[0].startswith(_IN_CATALOGUE):
        raise LakeRefused(
            f"{VARIABLE} nennt keinen Datensee. Erwartet werden der Katalog und der Ort der Daten, durch ein Leerzeichen"
            " getrennt, zum Beispiel: postgresql://monitor@db.example.org/monitor s3://monitor/warehouse"
        )
    return Lake(said[0], said[1].rstrip("/") + "/")


def refuse_for_lake(what: str) -> None:
    """Refuse what is made for the embedded file alone."""
    if chosen():
        raise LakeRefused(f"{what} gibt es nur für die eingebettete Datei. Beim Datensee: docs/scaling.md.")


def open_lake(lake: Lake, places: Places, framework: Framework) -> Connection:
    """The lake, opened for writing and brought to the form of this code and framework. The caller holds the lock."""
    connection = _attached(lake, places, read_only=False)
    try:
        bring_up(connection, framework)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def locked(lake: Lake) -> Iterator[bool]:
    """Hold the lock in the catalogue; False when another machine holds it. A killed holder frees it at once."""
    require_packages()
    import psycopg

    try:
        session = psycopg.connect(lake.catalogue, autocommit=True, connect_timeout=30)
    except psycopg.OperationalError as error:
        raise LakeRefused(f"Der Katalog des Datensees ist nicht zu erreichen: {error}") from error
    with session:
        session.execute(_PATIENCE)
        found = session.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY]).fetchone()
        yield bool(found and found[0])


def write_generation(lake: Lake, target: Path) -> None:
    """The whole content of the lake as one database file: tables with their defaults, views, all rows."""
    with connect(target) as connection:
        _attach(connection, lake, read_only=True)
        ((own,),) = rows(connection, "SELECT current_database()")
        connection.execute(f"COPY FROM DATABASE {NAME} TO {column(own)}")
        connection.execute(f"DETACH {NAME}")
        connection.execute("CHECKPOINT")


def tidy(lake: Lake, places: Places) -> None:
    """Merge small files, forget snapshots older than `KEEP_DAYS`, remove files that none needs. Content stays the same."""
    connection = _attached(lake, places, read_only=False)
    try:
        connection.execute(f"CALL ducklake_flush_inlined_data('{NAME}')")
        connection.execute(f"CALL ducklake_merge_adjacent_files('{NAME}')")
        connection.execute(f"CALL ducklake_expire_snapshots('{NAME}', older_than => now() - INTERVAL {KEEP_DAYS} DAY)")
        connection.execute(f"CALL ducklake_cleanup_old_files('{NAME}', older_than => now() - INTERVAL 1 DAY)")
    finally:
        connection.close()


def require_packages() -> dict[str, str]:
    """Extension -> file that fits this DuckDB. Raises LakeRefused naming what is missing."""
    found: dict[str, str] = {}
    for name in EXTENSIONS:
        spec = importlib.util.find_spec(f"duckdb_extension_{name}")
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
            if path.is_file():
                found[name] = str(path)
    missing = [name for name in EXTENSIONS if name not in found]
    missing += [] if importlib.util.find_spec("psycopg") else ["psycopg"]
    if missing:
        raise LakeRefused(
            f"{VARIABLE} nennt einen Datensee, aber in dieser Umgebung (DuckDB {duckdb.__version__}) fehlen die Pakete"
            f" dafür: {', '.join(missing)}. Bitte die Umgebung aus requirements-scale.lock verwenden"
            " (make setup-scale, siehe docs/scaling.md)."
        )
    return found


def _attached(lake: Lake, places: Places, *, read_only: bool) -> Connection:
    """A connection in which the tables of the lake go by their own names; what is temporary lies on this machine."""
    connection = connect(Path(":memory:"), temporary=places.work / "tmp")
    try:
        _attach(connection, lake, read_only=read_only)
        connection.execute(f"USE {NAME}")
    except BaseException:
        connection.close()
        raise
    return connection


def _attach(connection: Connection, lake: Lake, *, read_only: bool) -> None:
    for path in require_packages().values():
        connection.execute(f"LOAD {_text(path)}")
    if lake.data.startswith("s3://"):
        connection.execute(_secret())
    options = [f"DATA_PATH {_text(lake.data)}", *(["READ_ONLY"] if read_only else [])]
    target = _text(f"ducklake:postgres:{lake.catalogue}")
    try:
        connection.execute(f"ATTACH {target} AS {NAME} ({', '.join(options)})")
    except duckdb.Error as error:
        raise LakeRefused(f"Der Datensee lässt sich nicht öffnen: {error}") from error


def _secret() -> str:
    """Access to S3 as the environment variables of AWS say; for this connection only."""
    said = os.environ.get
    parts = {"KEY_ID": said("AWS_ACCESS_KEY_ID"), "SECRET": said("AWS_SECRET_ACCESS_KEY")}
    parts["SESSION_TOKEN"] = said("AWS_SESSION_TOKEN")
    parts["REGION"] = said("AWS_REGION") or said("AWS_DEFAULT_REGION") or "us-east-1"
    options = [f"{name} {_text(value)}" for name, value in parts.items() if value]
    if endpoint := said("AWS_ENDPOINT_URL"):
        place = urlsplit(endpoint)
        options += [f"ENDPOINT {_text(place.netloc)}", "URL_STYLE 'path'", f"USE_SSL {place.scheme == 'https'}"]
    return f"CREATE OR REPLACE SECRET {NAME} (TYPE s3, {', '.join(options)})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
