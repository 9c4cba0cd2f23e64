"""Which delivered cells differ between two moments of system time, and why: the evidence behind revised numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas.framework_model import Framework
from schemas.plan import Lookup, Point
from schemas.shapes import TOTAL, member_key
from schemas.sql import column
from warehouse.access import VALID_THEN, Connection, ledger, records, utc, widened
from warehouse.cells import CellFinder, delivered_cells

CORRECTION, LATE, WITHDRAWAL, DECLARED = "correction", "late", "withdrawal", "declared_correction"
Place = tuple[str, int, str]
"""Region, year, variable."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a cell said at one of the two moments."""

    value: Decimal | None
    status: str
    submission_id: str
    sheet: str
    cell: str
    correction: str


@dataclass(frozen=True, slots=True)
class CellChange:
    """One cell that differs; a side is None when the cell did not exist then. The values are not for publication."""

    region: str
    year: int
    variable: str
    members: str
    kind: str
    before: Side | None
    after: Side | None


@dataclass(slots=True)
class CellChanges:
    """All differences between two moments, and which of them stand behind a number."""

    connection: Connection
    framework: Framework
    earlier: datetime
    later: datetime
    _changed: dict[Place, dict[str, CellChange]] = field(init=False, default_factory=dict)
    _finders: dict[tuple[Place, datetime], CellFinder] = field(init=False, default_factory=dict)
    _regions: dict[tuple[int, str], list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for change in _read(self.connection, self.framework, utc(self.earlier), utc(self.later)):
            place = (change.region, change.year, change.variable)
            self._changed.setdefault(place, {})[change.members] = change
        for region, year, variable in self._changed:
            self._regions.setdefault((year, variable), []).append(region)

    def behind(self, point: Point, units: Iterable[str], year: int) -> tuple[CellChange, ...]:
        """Changes of the cells that a number looks up in its units, before or after.

        When none of these changed, any change of the variables: it may have changed why there is no number.
        """
        sums = (part.lookups for parts in point.sums.values() for part in parts)
        lookups = [*point.lookups.values(), *(lookup for inner in sums for lookup in inner)]
        exact: dict[CellChange, None] = {}
        near: dict[CellChange, None] = {}
        for unit in units:
            for lookup in lookups:
                place = (unit, year - lookup.lag, lookup.variable)
                if place in self._changed:
                    exact |= dict.fromkeys(self._looked_up(place, lookup))
                    near |= dict.fromkeys(self._changed[place].values())
        return tuple(sorted(exact or near, key=lambda c: (c.region, c.year, c.variable, c.members)))

    def _looked_up(self, place: Place, lookup: Lookup) -> list[CellChange]:
        named = dict(pair.split("=", 1) for pair in lookup.key.split(",") if pair)
        wanted = tuple(named.get(code, TOTAL) for code in self.framework.variable_dimensions(lookup.variable))
        keys: set[str] = set()
        for moment in (self.earlier, self.later):
            keys |= {cell.key for cell in self._finder(place, moment).find(wanted) or ()}
        return [change for key, change in self._changed[place].items() if key in keys]

    def _finder(self, place: Place, moment: datetime) -> CellFinder:
        if (place, moment) not in self._finders:  # read for all regions at once
            _, year, variable = place
            regions = self._regions[year, variable]
            found = delivered_cells(self.connection, self.framework, variable, regions, year, moment)
            for region in regions:
                finder = CellFinder(self.framework, variable, found.get(region, {}))
                self._finders[(region, year, variable), moment] = finder
        return self._finders[place, moment]


def _read(connection: Connection, framework: Framework, earlier: datetime, later: datetime) -> list[CellChange]:
    dims = [column(code) for code in framework.dimension_order]
    history = widened("observation_history", correction_id="VARCHAR")
    then = f"SELECT * FROM {history} WHERE {VALID_THEN}"
    same = " AND ".join(f"o.{name} = n.{name}" for name in ("region", "year", "variable", *dims))
    sides = ", ".join(
        f"{side}.{name} AS {side}_{name}"
        for side in ("o", "n")
        for name in ("value", "status", "submission_id", "sheet", "cell", "correction_id")
    )
    query = f"""
        WITH o AS ({then.replace("$moment", "$earlier")}), n AS ({then.replace("$moment", "$later")}),
        sent AS (SELECT id, checked_at, withdrawn_at FROM {ledger()})
        SELECT coalesce(o.region, n.region) AS region, coalesce(o.year, n.year) AS year,
               coalesce(o.variable, n.variable) AS variable,
               {", ".join(f"coalesce(o.{name}, n.{name}) AS {name}" for name in dims)}, {sides},
               s.withdrawn_at <= $later AND s.withdrawn_at > $earlier AS withdrawn, t.checked_at <= $earlier AS known
        FROM o FULL JOIN n ON {same}
        LEFT JOIN sent s ON s.id = o.submission_id LEFT JOIN sent t ON t.id = n.submission_id
        WHERE o.region IS NULL OR n.region IS NULL OR o.value IS DISTINCT FROM n.value OR o.status <> n.status"""
    codes = framework.dimension_order
    return [
        CellChange(
            region=row["region"],
            year=row["year"],
            variable=row["variable"],
            members=member_key((code, row[code.lower()]) for code in codes),
            kind=_kind(before := _side(row, "o"), after := _side(row, "n"), bool(row["withdrawn"]), bool(row["known"])),
            before=before,
            after=after,
        )
        for row in records(connection, query, {"earlier": earlier, "later": later})
    ]


def _side(row: Mapping[str, Any], side: str) -> Side | None:
    if row[f"{side}_status"] is None:
        return None
    said = {name: row[f"{side}_{name}"] for name in ("value", "status", "submission_id", "sheet", "cell")}
    return Side(**said, correction=row[f"{side}_correction_id"] or "")


def _kind(before: Side | None, after: Side | None, withdrawn: bool, known: bool) -> str:
    """Why a cell changed. `withdrawn`: the delivery that counted before was taken back in between; `known`: the one
    that counts after was there before, so it came back."""
    old, new = before.correction if before else "", after.correction if after else ""
    origin = before.submission_id if before else None
    stayed = origin == (after.submission_id if after else "")
    if new and (new != old or stayed):
        return DECLARED
    if old and stayed and not withdrawn:
        return DECLARED
    if after is None:
        return WITHDRAWAL if withdrawn else CORRECTION
    if stayed and not old:  # counted anew, because a register it looks into was delivered again
        return CORRECTION
    if known:
        return WITHDRAWAL
    return LATE if before is None else CORRECTION
