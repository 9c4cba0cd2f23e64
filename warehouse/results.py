"""What is computed or known beside the deliveries: result tables, the framework as tables, the runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from schemas.framework_model import Framework
from schemas.shapes import Slice
from schemas.tables_asked import as_they_lie
from warehouse.access import Connection, arrow, lent, rows, transaction, utc
from warehouse.contents import NOTHING, Change, content
from warehouse.framework_tables import framework_rows
from warehouse.result_tables import RESULTS

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Run:
    """One run: what it was and how it ended. Recorded at its start and, with the same id, again at its end.

    `seconds` says how long each step took, `details` what a machine may want to know beside the counts.
    """

    id: str
    started_at: datetime
    kind: str
    outcome: str = "running"
    finished_at: datetime | None = None
    code_version: str = ""
    lock_hash: str = ""
    framework_version: str = ""
    framework_hash: str = ""
    counts: Mapping[str, int | float | str] = field(default_factory=dict)
    message: str = ""
    rules_hash: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def replace_all_results(
    connection: Connection, tables: Mapping[str, pa.Table], changed: Mapping[str, Slice] | None = None
) -> dict[str, Change | None]:
    """Replace several result tables in one transaction; of those in `changed` only these rows. Returns what was deleted and
    written of each; None where it was replaced as it is.

    A table must have all columns without a default; dimension columns may be left out and then stand at the total.
    """
    changed, written = changed or {}, dict[str, Change | None]()
    known = _columns(connection)
    for name in tables:
        _check_columns(known, name, as_they_lie(tables, name))
    with transaction(connection):
        for name in tables:  # one at a time: a mapping may read them from files
            new, where = as_they_lie(tables, name), _among(changed.get(name, Slice()))
            whole = known[name].keys() == set(new.column_names)
            with lent(connection, {f"new_{name}": new}):
                adjusted = name in changed and whole
                written[name] = _adjusted(connection, name, new.column_names, where) if adjusted else None
                if written[name] is None:
                    connection.execute(f"DELETE FROM {name} {where}")
                    connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM new_{name} {where}")
    return written


def _adjusted(connection: Connection, name: str, columns: Iterable[str], where: str) -> Change | None:
    """Write these rows of the lent table `new_<name>` where they are not stored already, and delete what it does not hold.

    Most of what was made again says what it said; rewriting it costs more than the comparison, and so does clearing away
    what was deleted. None where a row is told twice: then this does not do.
    """
    listed = [f'"{column}"' for column in columns]
    same = " AND ".join(f"s.{column} IS NOT DISTINCT FROM n.{column}" for column in listed)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE adjusting AS
        SELECT place, mark, made, {", ".join(f"n.{column}" for column in listed)}
        FROM (SELECT rowid AS place, hash(t) AS mark, * FROM {name} t {where}) s
        FULL JOIN (SELECT true AS made, * FROM new_{name} {where}) n ON {same}
        WHERE place IS NULL OR made IS NULL""")
    deleted, written = content(connection, "(FROM adjusting WHERE place IS NOT NULL)", "mark"), NOTHING
    if deleted.rows:
        connection.execute(f"DELETE FROM {name} WHERE rowid IN (SELECT place FROM adjusting WHERE place IS NOT NULL)")
    if rows(connection, "SELECT count(made) FROM adjusting")[0][0]:
        # in the types of the table, as they are fingerprinted there
        connection.execute(f"CREATE OR REPLACE TEMP TABLE adjusted AS FROM {name} LIMIT 0")
        connection.execute(
            "INSERT INTO adjusted BY NAME SELECT * EXCLUDE (place, mark, made) FROM adjusting WHERE made"
        )
        connection.execute(f"INSERT INTO {name} FROM adjusted")
        written = content(connection, "adjusted")
        connection.execute("DROP TABLE adjusted")
    connection.execute("DROP TABLE adjusting")
    counts = f"SELECT (SELECT count(*) FROM {name} {where}) = (SELECT count(*) FROM new_{name} {where})"
    return Change(deleted, written) if rows(connection, counts)[0][0] else None


class Completed(Mapping[str, "pa.Table"]):
    """New result tables of which some hold only some rows: these with all other rows that are stored."""

    def __init__(self, connection: Connection, tables: Mapping[str, pa.Table], partial: Mapping[str, Slice]) -> None:
        self._connection, self._tables, self._partial = connection, tables, partial

    def __getitem__(self, name: str) -> pa.Table:
        return self._tables[name] if name not in self._partial else self.asked(name, "FROM {}")

    def asked(self, name: str, query: str) -> pa.Table:
        """What a query says of a table, for which {} stands in it; columns that it does not name are not read."""
        new = as_they_lie(self._tables, name)
        with lent(self._connection, {f"new_{name}": new}):
            whole = f"new_{name}"
            if name in self._partial:
                columns = ", ".join(f'"{column}"' for column in new.column_names)
                stored = f"SELECT {columns} FROM {name} {_among(self._partial[name], 'NOT ')}"
                whole = f"(FROM new_{name} UNION ALL {stored})"
            return arrow(self._connection, query.format(whole))

    def __contains__(self, name: object) -> bool:
        return name in self._tables  # without reading it

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def _among(rows: Slice, no: str = "") -> str:
    """SQL clause: these rows, or all others."""
    inside = []
    if rows.regions is not None:
        listed = ", ".join("'" + region.replace("'", "''") + "'" for region in sorted(rows.regions))
        inside.append(f"region IN ({listed})" if listed else "false")
    if rows.years is not None:
        inside.append(f"year IN ({', '.join(map(str, sorted(rows.years)))})" if rows.years else "false")
    return f"WHERE {no}({' AND '.join(inside) or 'true'})"


def _columns(connection: Connection) -> dict[str, dict[str, bool]]:
    """Of every table the columns, and whether each has a default."""
    found: dict[str, dict[str, bool]] = {}
    query = "SELECT table_name, column_name, column_default IS NOT NULL FROM duckdb_columns()"
    for table, column, has_default in rows(connection, query):
        found.setdefault(table, {})[column] = has_default
    return found


def _check_columns(columns: Mapping[str, Mapping[str, bool]], name: str, table: pa.Table) -> None:
    if name not in RESULTS:
        raise ValueError(f"{name} is no result table (known: {', '.join(RESULTS)})")
    known, optional = set(columns[name]), {column for column, has_default in columns[name].items() if has_default}
    given = set(table.column_names)
    if given - known or known - optional - given:
        raise ValueError(f"{name}: unknown columns {sorted(given - known)}, missing {sorted(known - optional - given)}")


def write_framework(connection: Connection, framework: Framework, years: Iterable[int]) -> None:
    """Rewrite the framework tables; members of aggregates are listed for `years`."""
    with transaction(connection):
        insert_framework(connection, framework, years)


def insert_framework(connection: Connection, framework: Framework, years: Iterable[int]) -> None:
    """The same inside a transaction of the caller."""
    import pyarrow as pa  # not with the module: commands that only ask the warehouse do without

    for name, entries in framework_rows(framework, years).items():
        connection.execute(f"DELETE FROM {name}")
        if entries:
            with lent(connection, {f"new_{name}": pa.Table.from_pylist(entries)}):
                connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM new_{name}")


def count_values(connection: Connection) -> int:
    """How many indicator values are stored."""
    ((count,),) = rows(connection, "SELECT count(*) FROM indicator_value")
    return int(count)


def data_years(connection: Connection) -> list[int]:
    """Reporting years of which anything was delivered."""
    query = """
        SELECT DISTINCT year FROM observation_version UNION SELECT year FROM submission WHERE year IS NOT NULL
        ORDER BY year"""
    return [year for (year,) in rows(connection, query)]


def record_run(connection: Connection, run: Run) -> None:
    """Store a run; a run with the same id is replaced."""
    entry: dict[str, Any] = asdict(run)
    entry["started_at"] = utc(run.started_at)
    entry["finished_at"] = utc(run.finished_at) if run.finished_at else None
    for name in ("counts", "seconds", "details"):
        entry[name] = json.dumps(entry[name], ensure_ascii=False, sort_keys=True)
    marks = ", ".join(f"${name}" for name in entry)
    with transaction(connection):
        connection.execute("DELETE FROM run WHERE id = ?", [run.id])
        connection.execute(f"INSERT INTO run ({', '.join(entry)}) VALUES ({marks})", entry)
