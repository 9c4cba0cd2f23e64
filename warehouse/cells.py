"""Delivered cells with their origin, and which of them make up a total or aggregate that was not delivered.

The same meaning as `schemas.sql.completion`, told cell by cell: what was delivered stays; otherwise totals are filled
before aggregates, dimension by dimension in framework order, from leaves that all have a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from schemas.formula import terms
from schemas.framework_model import Framework
from schemas.plan import Lookup, Part, Point
from schemas.shapes import TOTAL, member_key
from schemas.sql import column
from warehouse.access import VALID_THEN, Connection, rows, utc, widened

Position = tuple[str, ...]
"""Members in the order of the variable's own dimensions."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One delivered cell that counts; `correction` names the declared correction that replaced its value, `register` the
    register from whose rows the value was counted.

    A correction that added a cell has no submission behind it: the fields about the file are empty then.
    """

    region: str
    year: int
    variable: str
    members: Position
    key: str
    value: Decimal | None
    status: str
    sheet: str
    cell: str
    submission_id: str
    file_name: str
    sha256: str
    sender: str
    received_at: datetime | None
    correction: str = ""
    register: str = ""

    def record(self) -> dict[str, Any]:
        """Plain data; `members` as the member key."""
        names = (
            "region year variable value status sheet cell submission_id file_name sha256 sender received_at correction"
            " register"
        )
        return {"members": self.key} | {name: getattr(self, name) for name in names.split()}


def delivered_cells(
    connection: Connection,
    framework: Framework,
    variable: str,
    units: Sequence[str],
    year: int,
    moment: datetime | None = None,
) -> dict[str, dict[Position, Cell]]:
    """Cells of a variable that count now, or counted at a moment: unit -> members -> cell."""
    dimensions = framework.variable_dimensions(variable)
    listed = "".join(f"o.{column(dimension)}, " for dimension in dimensions)
    query = f"""
        SELECT o.region, {listed} o.value, o.status, o.sheet, o.cell, coalesce(s.id, ''), coalesce(s.file_name, ''),
               coalesce(s.sha256, ''), coalesce(s.sender, ''), s.received_at, coalesce(o.correction_id, ''),
               coalesce(o.register, '')
        FROM {widened("observation_history", correction_id="VARCHAR", register="VARCHAR")} o
        LEFT JOIN submission s ON s.id = o.submission_id
        WHERE o.variable = $variable AND o.year = $year AND o.region IN (SELECT unnest(CAST($units AS VARCHAR[])))
          AND CASE WHEN $moment IS NULL THEN valid_to IS NULL ELSE {VALID_THEN} END"""
    found: dict[str, dict[Position, Cell]] = {}
    asked = {"variable": variable, "year": year, "units": list(units), "moment": utc(moment) if moment else None}
    for region, *entries in rows(connection, query, asked):
        members = tuple(entries[: len(dimensions)])
        key = member_key(zip(dimensions, members, strict=True))
        cell = Cell(region, year, variable, members, key, *entries[len(dimensions) :])
        found.setdefault(region, {})[members] = cell
    return found


@dataclass(slots=True)
class CellFinder:
    """Finds the delivered cells behind any cell of one variable, unit and year."""

    framework: Framework
    variable: str
    cells: dict[Position, Cell]
    _dimensions: tuple[str, ...] = field(init=False)
    _steps: list[tuple[int, bool]] = field(init=False)
    _known: dict[tuple[Position, int], tuple[Cell, ...] | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._dimensions = self.framework.variable_dimensions(self.variable)
        self._steps = [(position, totals) for totals in (True, False) for position in range(len(self._dimensions))]

    def find(self, members: Position) -> tuple[Cell, ...] | None:
        """The cell itself, or the cells of which it is the sum; None when it can neither be found nor made."""
        return self._find(members, len(self._steps))

    def _find(self, members: Position, limit: int) -> tuple[Cell, ...] | None:
        """As far as the first `limit` steps of the completion can make it."""
        if members in self.cells:
            return (self.cells[members],)
        if (members, limit) not in self._known:
            made = (self._made(members, step) for step in range(limit))
            self._known[members, limit] = next((cells for cells in made if cells is not None), None)
        return self._known[members, limit]

    def _made(self, members: Position, step: int) -> tuple[Cell, ...] | None:
        position, totals = self._steps[step]
        if (members[position] == TOTAL) != totals:
            return None
        parts: list[Cell] = []
        for leaf, optional in self._leaves(position, members[position]):
            part = self._find((*members[:position], leaf, *members[position + 1 :]), step)
            if part is None and optional:
                continue
            if part is None or any(cell.value is None for cell in part):
                return None
            parts += part
        return tuple(parts) or None

    def _leaves(self, position: int, member: str) -> Iterable[tuple[str, bool]]:
        """Leaves of a member, and whether each may be absent; a dynamic dimension has those that were delivered."""
        dimension = self.framework.dimensions[self._dimensions[position]]
        if dimension.dynamic:
            delivered = dict.fromkeys(key[position] for key in self.cells)
            return [(leaf, True) for leaf in delivered if leaf != TOTAL] if member == TOTAL else []
        leaves = self.framework.scheme(self.variable, dimension.code).aggregates.get(member, [])
        return [(leaf, dimension.is_residual(leaf)) for leaf in leaves]


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup finds for one unit: its value, None when there is none, and the delivered cells it stands on."""

    value: Decimal | None
    cells: tuple[Cell, ...] = ()


@dataclass(slots=True)
class Search:
    """Finds what formulas look up for some units, read once per variable and year."""

    connection: Connection
    framework: Framework
    units: tuple[str, ...]
    year: int
    _finders: dict[tuple[str, int], dict[str, CellFinder]] = field(init=False, default_factory=dict)

    def dynamic_members(self, indicator: str) -> dict[str, set[str]]:
        """Members of dynamic dimensions that were delivered for the variables of an indicator."""
        found: dict[str, set[str]] = {}
        for term in terms(self.framework.formulas[indicator]):
            for position, dimension in enumerate(self.framework.variable_dimensions(term.variable)):
                if self.framework.dimensions[dimension].dynamic:
                    for finder in self._finder(term.variable, term.lag).values():
                        found.setdefault(dimension, set()).update(members[position] for members in finder.cells)
        return {dimension: members - {TOTAL} for dimension, members in found.items()}

    def delivered_members(self, variables: Iterable[str]) -> dict[str, set[str]]:
        """Members of dynamic dimensions that were delivered for some variables in the year itself."""
        found: dict[str, set[str]] = {}
        for variable in sorted(variables):
            for position, dimension in enumerate(self.framework.variable_dimensions(variable)):
                if self.framework.dimensions[dimension].dynamic:
                    for finder in self._finder(variable, 0).values():
                        found.setdefault(dimension, set()).update(members[position] for members in finder.cells)
        return {dimension: members - {TOTAL} for dimension, members in found.items()}

    def cells(self, unit: str, lookup: Lookup, lag: int) -> tuple[Cell, ...]:
        """Delivered cells behind a lookup, so many years back; none when it can neither be found nor made."""
        named = dict(pair.split("=", 1) for pair in lookup.key.split(",") if pair)
        wanted = tuple(named.get(code, TOTAL) for code in self.framework.variable_dimensions(lookup.variable))
        return self._finder(lookup.variable, lag)[unit].find(wanted) or ()

    def found(self, unit: str, lookup: Lookup) -> Found:
        """Value and cells of one lookup."""
        cells = self.cells(unit, lookup, lookup.lag)
        if not cells:
            return Found(Decimal(0) if lookup.zero else None)
        values = [cell.value for cell in cells if cell.value is not None]
        return Found(sum(values, Decimal(0)) if len(values) == len(cells) else None, cells)

    def complete(self, unit: str, point: Point) -> bool:
        """Has the unit every term of a formula?"""
        plain = all(self.found(unit, lookup).value is not None for lookup in point.lookups.values())
        return plain and all(self._summable(unit, parts) for parts in point.sums.values())

    def _summable(self, unit: str, parts: Sequence[Part]) -> bool:
        """A required part of a sum must have all its values, an optional one all or none; one part must be there."""
        present = 0
        for part in parts:
            found = [self.found(unit, lookup) for lookup in part.lookups]
            if all(one.value is not None for one in found):
                present += 1
            elif not part.optional or any(
                one.cells for one, look in zip(found, part.lookups, strict=True) if look.runs
            ):
                return False
        return present > 0

    def _finder(self, variable: str, lag: int) -> dict[str, CellFinder]:
        if (variable, lag) not in self._finders:
            cells = delivered_cells(self.connection, self.framework, variable, self.units, self.year - lag)
            finders = {unit: CellFinder(self.framework, variable, cells.get(unit, {})) for unit in self.units}
            self._finders[variable, lag] = finders
        return self._finders[variable, lag]
