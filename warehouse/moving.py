"""Move the whole warehouse between the embedded file and a lake: out into a folder of Parquet files, in from it.

The two need different versions of DuckDB and cannot read each other, so the folder stands between them.
"""

from __future__ import annotations

import json
from pathlib import Path

from schemas.framework_model import Framework
from schemas.sql import column
from warehouse.access import Connection, rows, transaction
from warehouse.places import WarehouseError
from warehouse.publishing import Generation, publish
from warehouse.store import exclusive, writer

LIST = "tables.json"


class MoveRefused(WarehouseError):
    """The folder or the warehouse is not as it has to be; nothing has changed. The text is for people."""


def move_out(root: Path, framework: Framework, folder: Path) -> dict[str, int]:
    """Write every table into a new folder; table -> number of rows. The warehouse stays as it is. Raises MoveRefused."""
    if folder.exists() and any(folder.iterdir()):
        raise MoveRefused(f"Der Ordner {folder} ist nicht leer.")
    folder.mkdir(parents=True, exist_ok=True)
    with writer(root, framework) as opened:
        names = _tables(opened.connection)
        for name in names:
            target = str(folder / f"{name}.parquet").replace("'", "''")
            opened.connection.execute(f"COPY {column(name)} TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        counts = {name: _count(opened.connection, name) for name in names}
    (folder / LIST).write_text(json.dumps({"framework": framework.code, "rows": counts}, indent=1), encoding="utf-8")
    return counts


def move_in(root: Path, framework: Framework, folder: Path) -> Generation:
    """Fill an empty warehouse from such a folder, in one transaction, and publish it. Raises MoveRefused."""
    try:
        said = json.loads((folder / LIST).read_text(encoding="utf-8"))
        code, counts = said["framework"], dict(said["rows"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MoveRefused(f"In {folder} liegt kein ausgelagerter Datenbestand.") from error
    if code != framework.code:
        raise MoveRefused(f"Der ausgelagerte Datenbestand gehört zum Rahmen {code}.")
    with exclusive(root) as lock:
        with writer(root, framework, lock=lock) as opened:
            connection = opened.connection
            if _count(connection, "submission"):
                raise MoveRefused("Der Datenbestand enthält schon Lieferungen; es wird nur ein leerer gefüllt.")
            if set(_tables(connection)) != set(counts):
                raise MoveRefused("Die Tabellen passen nicht zu diesem Stand des Programms. Bitte denselben verwenden.")
            with transaction(connection):
                for name in counts:
                    source = str(folder / f"{name}.parquet").replace("'", "''")
                    connection.execute(f"DELETE FROM {column(name)}")
                    connection.execute(f"INSERT INTO {column(name)} BY NAME FROM read_parquet('{source}')")
                    if _count(connection, name) != counts[name]:
                        raise MoveRefused(f"Die Tabelle {name} ist nicht vollständig angekommen.")
                # what is published was written by the other version: it is published anew
                connection.execute("UPDATE meta_generation SET fingerprint = ''")
        return publish(root, framework, lock=lock)


def _tables(connection: Connection) -> list[str]:
    query = "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() ORDER BY ALL"
    return [name for (name,) in rows(connection, query)]


def _count(connection: Connection, table: str) -> int:
    ((found,),) = rows(connection, f"SELECT count(*) FROM {column(table)}")
    return int(found)
