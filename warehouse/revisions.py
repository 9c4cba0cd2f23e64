"""Why published numbers changed between two editions: each one attributed to what was done in between."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from schemas.framework_model import Framework
from schemas.plan import Point, indicator_plan
from schemas.shapes import TOTAL, member_key
from schemas.sql import column
from warehouse.access import Connection, arrow, lent, records, rows
from warehouse.cell_changes import CORRECTION, DECLARED, LATE, WITHDRAWAL, CellChange, CellChanges
from warehouse.framework_tables import framework_rows
from warehouse.history import last_moment

DEFINITION, TERRITORY, CONFIDENTIALITY, UNEXPLAINED = "definition", "territory", "confidentiality", "unexplained"
CAUSES = (DEFINITION, TERRITORY, WITHDRAWAL, DECLARED, CORRECTION, LATE, CONFIDENTIALITY, UNEXPLAINED)
"""In the order in which the first one found names a revision."""
_SHOWN = ("value", "sign", "status", "reason", "numerator", "denominator")


@dataclass(frozen=True, slots=True)
class Edition:
    """One published state: its numbers, and the definitions and territories they were made with.

    `moment`: deliveries, withdrawals and corrections up to then are in it. `values` are the numbers before
    confidentiality, `members` the units of every aggregate and year.
    """

    label: str
    moment: datetime
    values: pa.Table
    published: pa.Table
    definitions: Mapping[str, str]
    members: Mapping[tuple[str, int], frozenset[str]]
    framework_hash: str

    def units(self, region: str, year: int) -> frozenset[str]:
        """Units of an aggregate; none for a single unit."""
        return self.members.get((region, year), frozenset())

    def knows(self, year: int) -> bool:
        """Were there deliveries for the year, so that its territories are listed?"""
        return any(listed == year for _, listed in self.members)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was published for a number."""

    value: float | None
    sign: str
    status: str
    reason: str
    numerator: Any
    denominator: Any


@dataclass(frozen=True, slots=True)
class Revision:
    """One published number that differs; a side is None when it was not published then.

    `cause` is the first of `causes`, `cells` the changed cells behind the number (not for publication).
    """

    indicator: str
    region: str
    year: int
    members: str
    before: Shown | None
    after: Shown | None
    cause: str
    causes: tuple[str, ...]
    cells: tuple[CellChange, ...]


def edition_of(connection: Connection, label: str) -> Edition:
    """The edition that an opened generation holds."""
    members: dict[tuple[str, int], set[str]] = {}
    for aggregate, year, member in rows(connection, "SELECT aggregate, year, member FROM region_member"):
        members.setdefault((aggregate, year), set()).add(member)
    ((framework_hash,),) = rows(connection, "SELECT framework_hash FROM meta_warehouse")
    return Edition(
        label=label,
        moment=_newest(connection),
        values=arrow(connection, "SELECT * FROM indicator_value"),
        published=arrow(connection, "SELECT * FROM indicator_published"),
        definitions=_definitions(records(connection, "SELECT * FROM indicator")),
        members={key: frozenset(units) for key, units in members.items()},
        framework_hash=framework_hash,
    )


def edition_at(
    framework: Framework, moment: datetime, values: pa.Table, published: pa.Table, label: str = ""
) -> Edition:
    """The edition that was recomputed with a framework from what was valid at a moment."""
    years = set(values["year"].to_pylist())
    tables = framework_rows(framework, years)
    members: dict[tuple[str, int], set[str]] = {}
    for row in tables["region_member"]:
        members.setdefault((row["aggregate"], row["year"]), set()).add(row["member"])
    return Edition(
        label=label or moment.isoformat(timespec="seconds"),
        moment=moment,
        values=values,
        published=published,
        definitions=_definitions(tables["indicator"]),
        members={key: frozenset(units) for key, units in members.items()},
        framework_hash=framework.content_hash,
    )


def revisions(connection: Connection, framework: Framework, before: Edition, after: Edition) -> list[Revision]:
    """Every published number that differs between two editions, with its cause, in a fixed order.

    A line that only says that there is no number, where there was no line before, is no revision.
    `connection` holds the history up to the later edition, `framework` is the one of the later edition.
    """
    changed = _changed_numbers(connection, framework, before, after)
    if not changed:
        return []
    changes = CellChanges(connection, framework, before.moment, after.moment)
    points = _points(connection, framework, {row["indicator"] for row in changed})
    return [_revision(row, framework, before, after, changes, points) for row in changed]


def _revision(
    row: Mapping[str, Any],
    framework: Framework,
    before: Edition,
    after: Edition,
    changes: CellChanges,
    points: Mapping[tuple[str, str], Point],
) -> Revision:
    indicator, region, year = row["indicator"], row["region"], row["year"]
    key = member_key((code, row[code.lower()]) for code in framework.dimension_order)
    old, new = before.units(region, year), after.units(region, year)
    point = points.get((indicator, key))
    cells = changes.behind(point, sorted(old | new | {region}), year) if point else ()
    found = {change.kind for change in cells}
    if before.definitions.get(indicator) != after.definitions.get(indicator):
        found.add(DEFINITION)
    if old != new and before.knows(year) and after.knows(year):
        found.add(TERRITORY)
    if not found:
        found.add(_otherwise(row, before, after))
    causes = tuple(cause for cause in CAUSES if cause in found)
    shown = (_shown(row, "o"), _shown(row, "n"))
    return Revision(indicator, region, year, key, *shown, causes[0], causes, cells)


def _otherwise(row: Mapping[str, Any], before: Edition, after: Edition) -> str:
    """Nothing that the number is made of changed: is it shown differently, or does the framework differ elsewhere?"""
    if row["same_value"] and row["o_status"] is not None and row["n_status"] is not None:
        return CONFIDENTIALITY
    return DEFINITION if before.framework_hash != after.framework_hash else UNEXPLAINED


def _changed_numbers(
    connection: Connection, framework: Framework, before: Edition, after: Edition
) -> list[dict[str, Any]]:
    dims = [column(code) for code in framework.dimension_order]
    keys = ["indicator", "region", "year", *dims]
    using = ", ".join(keys)
    inner = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in ("value", "numerator", "denominator"))
    differs = " OR ".join(f"o.{name} IS DISTINCT FROM n.{name}" for name in _SHOWN)
    sides = ", ".join(f"{side}.{name} AS {side}_{name}" for side in ("o", "n") for name in _SHOWN)
    query = f"""
        SELECT {using}, {sides}, coalesce({inner}, false) AS same_value
        FROM old_published o FULL JOIN new_published n USING ({using})
        LEFT JOIN old_values a USING ({using}) LEFT JOIN new_values b USING ({using})
        WHERE ({differs}) AND (o.status IS NOT NULL AND n.status IS NOT NULL
            OR coalesce(o.value, n.value) IS NOT NULL OR coalesce(o.reason, n.reason) <> '')
        ORDER BY {using}"""
    tables = {"old_published": before.published, "new_published": after.published}
    tables |= {"old_values": before.values, "new_values": after.values}
    with lent(connection, {name: _with_dimensions(table, framework) for name, table in tables.items()}):
        return records(connection, query)


def _with_dimensions(table: pa.Table, framework: Framework) -> pa.Table:
    """An edition made with fewer dimensions stands at the total of the new ones."""
    for code in framework.dimension_order:
        if code.lower() not in table.column_names:
            table = table.append_column(code.lower(), pa.array([TOTAL] * table.num_rows, type=pa.string()))
    return table


def _points(connection: Connection, framework: Framework, indicators: Iterable[str]) -> dict[tuple[str, str], Point]:
    """How the numbers are looked up: indicator and member key -> point. Indicators that are gone have none."""
    dynamic = {
        code: [
            member
            for (member,) in rows(
                connection, f"SELECT DISTINCT {column(code)} FROM observation_history WHERE {column(code)} <> '{TOTAL}'"
            )
        ]
        for code, dimension in framework.dimensions.items()
        if dimension.dynamic
    }
    plan = indicator_plan(framework, dynamic, sorted(set(indicators) & set(framework.indicators)))
    return {(point.owner, point.key): point for point in plan.points}


def _shown(row: Mapping[str, Any], side: str) -> Shown | None:
    if row[f"{side}_status"] is None:
        return None
    return Shown(*(row[f"{side}_{name}"] for name in _SHOWN))


def _definitions(indicators: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What makes a number of an indicator, as text to compare."""
    names = ("formula", "unit", "breakdowns", "since", "until")
    return {row["code"]: json.dumps([row[name] for name in names], default=str) for row in indicators}


def _newest(connection: Connection) -> datetime:
    """The last moment in an opened generation, also one that knows neither withdrawals nor corrections yet."""
    tables = {name for (name,) in rows(connection, "SELECT table_name FROM duckdb_tables()")}
    if "correction" in tables:
        return last_moment(connection)
    ((found,),) = rows(connection, "SELECT max(checked_at) FROM submission")
    return found or datetime.min
