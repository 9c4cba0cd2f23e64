"""Deliveries into the warehouse, one or many at once, with the same result as one after the other.

What belongs to the deliveries alone is prepared without a connection, on any machine (`prepare`), and travels as Arrow
tables. What depends on the order in which they count - moment, predecessor, which versions end - is decided by the one
who loads (`load_prepared`), in a handful of set-based statements and one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.shapes import CheckedDelivery, Submission, Verdict
from warehouse.access import Connection, dimension_names, lent, rows, transaction
from warehouse.delivery_tables import ACCEPTED, VALUES, LoadError, Vocabulary, tables_of
from warehouse.history import scope_table
from warehouse.records import VERSIONS
from warehouse.stored import LoadResult, StoredDeliveries

Tables = Mapping[str, pa.Table]
"""Target table -> rows of many deliveries."""
Place = tuple[str, int]


@dataclass(slots=True)
class Prepared:
    """Rows of some deliveries by target table; `failed`: submission -> why it cannot be stored."""

    tables: dict[str, pa.Table] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def prepare(deliveries: Sequence[CheckedDelivery], vocabulary: Vocabulary) -> Prepared:
    """The rows of deliveries as far as they follow from the deliveries alone; needs no connection."""
    try:
        return Prepared(tables_of(deliveries, vocabulary))
    except LoadError:  # one that cannot be stored must not stop the others
        failed: dict[str, str] = {}
        for delivery in deliveries:
            try:
                tables_of([delivery], vocabulary)
            except LoadError as error:
                failed[delivery.submission.id] = str(error)
        good = [delivery for delivery in deliveries if delivery.submission.id not in failed]
        return Prepared(tables_of(good, vocabulary), failed)


def joined(parts: Mapping[str, Sequence[pa.Table]]) -> dict[str, pa.Table]:
    """Several tables of a kind as one; a column that is empty in some takes the type of the others."""
    return {name: pa.concat_tables(tables, promote_options="permissive") for name, tables in parts.items()}


def load_prepared(connection: Connection, tables: Tables, now: datetime, run_id: str) -> LoadResult:
    """Store prepared deliveries in the order of their ledger rows: all or, when something breaks, none.

    What replaces what: see `warehouse.loading.load_deliveries`. Loading twice equals loading once.
    """
    result = LoadResult()
    if "submission" not in tables:
        return result
    entries = tables["submission"].to_pylist()
    coming = [_submission(entry) for entry in entries]
    stored = StoredDeliveries.read(connection, [CheckedDelivery(submission) for submission in coming])
    order = _Order(_places(tables))
    for entry, submission in zip(entries, coming, strict=True):
        if earlier := stored.stored_as(submission):
            result.duplicates[submission.id] = earlier
            continue
        moment = stored.next_moment(now)
        order.add(submission, moment, stored.superseded(submission))
        stored.add(submission, moment)
        result.loaded.append(submission.id)
        if submission.verdict in ACCEPTED:
            result.accepted.append(submission.id)
            result.values_added += entry[VALUES]
    with transaction(connection):
        for turn in order.turns:
            result.values_closed += _store(connection, tables, turn, run_id)
    return result


@dataclass(slots=True)
class _Order:
    """Who is stored in which turn: those of one turn speak of different regions and years, so none replaces another."""

    places: Mapping[str, set[Place]]
    turns: list[list[dict[str, Any]]] = field(default_factory=list)
    last: dict[Place, int] = field(default_factory=dict)

    def add(self, submission: Submission, moment: datetime, supersedes: str) -> None:
        touched = set(self.places.get(submission.id, ()))
        if submission.nil_return and submission.year is not None:
            touched.add((submission.region, submission.year))
        accepted = submission.verdict in ACCEPTED
        turn = max((self.last.get(place, -1) for place in touched), default=-1) + 1 if accepted else 0
        if accepted:
            self.last |= dict.fromkeys(touched, turn)
        while len(self.turns) <= turn:
            self.turns.append([])
        named = ("id", "region", "year", "layout")
        entry = {name: getattr(submission, name) for name in named}
        entry |= {"moment": moment, "supersedes": supersedes, "scope": touched if accepted else set()}
        self.turns[turn].append(entry | {"nil": accepted and submission.nil_return})


def _store(connection: Connection, tables: Tables, turn: Sequence[Mapping[str, Any]], run_id: str) -> int:
    """The deliveries of one turn, in a transaction of the caller; how many versions of values they end."""
    ids = pa.array([entry["id"] for entry in turn], pa.string())
    mine = dict(tables)
    if len(turn) < tables["submission"].num_rows:
        named = {name: "id" if name == "submission" else "submission_id" for name in tables}
        mine = {name: _of(table, named[name], ids) for name, table in tables.items()}
    scope = scope_table({place for entry in turn for place in entry["scope"]})
    given = {f"new_{name}": table for name, table in mine.items()}
    with lent(connection, given | {"new_delivery": _delivery_table(turn), "new_scope": scope}):
        closed = _close_values(connection, mine) if scope.num_rows and _any_current(connection) else 0
        if "register_version" in mine:
            _close_registers(connection)
        for name, table in mine.items():
            if table.num_rows:
                connection.execute(_insert(name), {"run": run_id} if name == "submission" else None)
    return closed


def _insert(name: str) -> str:
    if name == "submission":
        return f"""INSERT INTO submission BY NAME
            SELECT new.* EXCLUDE ("{VALUES}"), d.moment AS checked_at, d.supersedes, $run AS run_id
            FROM new_submission new JOIN new_delivery d USING (id)"""
    if name == "finding":
        return "INSERT INTO finding BY NAME SELECT * FROM new_finding"
    return f"""INSERT INTO {name} BY NAME
        SELECT new.*, d.moment AS valid_from FROM new_{name} new JOIN new_delivery d ON d.id = new.submission_id"""


def _any_current(connection: Connection) -> bool:
    """A cheap look whether anything can be replaced at all; most deliveries are the first of their region and year."""
    query = """
        SELECT 1 FROM observation_version WHERE valid_to IS NULL
        AND region BETWEEN (SELECT min(region) FROM new_scope) AND (SELECT max(region) FROM new_scope)
        AND year BETWEEN (SELECT min(year) FROM new_scope) AND (SELECT max(year) FROM new_scope) LIMIT 1"""
    return bool(rows(connection, query))


def _close_values(connection: Connection, mine: Tables) -> int:
    """End the versions that the lent deliveries replace, each at the moment of the one that replaces it."""
    spoken = [
        "SELECT region, year, layout, moment FROM new_delivery WHERE nil",
    ]
    replaced = [
        "SELECT id, said.moment FROM current old JOIN spoken said USING (region, year)"
        " WHERE register IS NULL AND old.layout = said.layout"
    ]
    if "observation_version" in mine:
        same = " AND ".join(
            f"old.{name} = new.{name}" for name in ("region", "year", "variable", *dimension_names(connection))
        )
        new = "new_observation_version new JOIN new_delivery d ON d.id = new.submission_id"
        spoken.append(f"SELECT new.region, new.year, d.layout, d.moment FROM {new} WHERE new.register IS NULL")
        replaced.append(f"SELECT old.id, d.moment FROM current old JOIN ({new}) ON {same}")
    if "register_version" in mine:
        replaced.append(
            "SELECT old.id, d.moment FROM current old JOIN new_register_version USING (region, year, register)"
            " JOIN new_delivery d ON d.id = new_register_version.submission_id"
        )
    query = f"""
        WITH current AS (
            SELECT old.rowid AS id, old.*, sent.layout FROM observation_version old
            SEMI JOIN new_scope scope ON scope.region = old.region AND scope.year = old.year
            LEFT JOIN submission sent ON sent.id = old.submission_id
            WHERE old.valid_to IS NULL
        ), spoken AS ({" UNION ".join(spoken)}), replaced AS ({" UNION ".join(replaced)})
        UPDATE observation_version SET valid_to = ending.moment
        FROM (SELECT id, min(moment) AS moment FROM replaced GROUP BY id) ending
        WHERE valid_to IS NULL AND observation_version.rowid = ending.id"""
    ((closed,),) = rows(connection, query)
    return int(closed)


def _close_registers(connection: Connection) -> None:
    for table in VERSIONS:
        connection.execute(f"""
            UPDATE {table} SET valid_to = ending.moment FROM (
                SELECT old.rowid AS id, min(d.moment) AS moment FROM {table} old
                JOIN new_register_version new USING (region, year, register)
                JOIN new_delivery d ON d.id = new.submission_id
                WHERE old.valid_to IS NULL GROUP BY ALL) ending
            WHERE valid_to IS NULL AND {table}.rowid = ending.id""")


def _submission(entry: Mapping[str, Any]) -> Submission:
    names = ("id", "sha256", "file_name", "sender", "received_at", "region", "year", "layout", "nil_return")
    return Submission(**{name: entry[name] for name in names}, verdict=Verdict(entry["verdict"]))


def _places(tables: Tables) -> dict[str, set[Place]]:
    """Regions and years that each delivery speaks of."""
    found: dict[str, set[Place]] = {}
    for name in ("observation_version", "register_version"):
        if name in tables:
            distinct = tables[name].group_by(["submission_id", "region", "year"]).aggregate([])
            for entry in distinct.to_pylist():
                found.setdefault(entry["submission_id"], set()).add((entry["region"], entry["year"]))
    return found


def _delivery_table(turn: Sequence[Mapping[str, Any]]) -> pa.Table:
    kinds = {"id": pa.string(), "region": pa.string(), "year": pa.int32(), "layout": pa.string()}
    kinds |= {"moment": pa.timestamp("us"), "supersedes": pa.string(), "nil": pa.bool_()}
    return pa.table({name: pa.array([entry[name] for entry in turn], kind) for name, kind in kinds.items()})


def _of(table: pa.Table, column: str, ids: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table[column], value_set=ids))
