"""What the check said about the delivered cells behind a number: which rules looked at them, and what was noticed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schemas.formula import terms
from schemas.framework_model import Framework
from schemas.plan import Lookup, Point, rule_plan
from warehouse.access import Connection, records
from warehouse.cells import Cell, Search

Record = dict[str, Any]
Place = tuple[str, str, str, str]
"""Where a rule was tried: rule, members of the point, unit, submission."""
_FOUND = """
    SELECT submission_id, code, severity, state, reason, region, variable, members, sheet, cell, message, "count"
    FROM finding WHERE state <> 'shadow' AND submission_id IN (SELECT unnest(CAST(? AS VARCHAR[])))
    ORDER BY submission_id, code, sheet, cell"""


def checks(connection: Connection, search: Search, found: Sequence[tuple[int, Cell]]) -> Record:
    """Rules and findings about cells; each cell comes with the years that its term goes back.

    `rules`: every rule that looks at one of the cells when its delivery is checked, with the number of these cells, the
    number of their units and the number of findings. A rule that has none was kept, or could not be tried because
    another value was missing. `findings`: what was noticed at one of the cells, or by a rule at a place that looks at
    one of them, with state and reason. A corrected value was not checked, the delivered one was.
    """
    cells = {(lag, cell.region, cell.variable, cell.key): cell for lag, cell in found if cell.submission_id}
    looked: dict[str, set[Cell]] = {}
    places: set[Place] = set()
    for point, look in _lookups(search.framework, {cell.variable for cell in cells.values()}, search):
        for lag, unit in dict.fromkeys((lag, unit) for lag, unit, variable, _ in cells if variable == look.variable):
            for cell in search.cells(unit, look, lag):
                if (lag, unit, look.variable, cell.key) in cells:
                    looked.setdefault(point.owner, set()).add(cell)
                    places.add((point.owner, point.key, unit, cell.submission_id))
    noticed = list(_noticed(connection, cells.values(), places))
    return {
        "rules": [_rule(search.framework, code, looked[code], noticed) for code in sorted(looked)],
        "findings": noticed,
    }


def _lookups(framework: Framework, variables: set[str], search: Search) -> Iterator[tuple[Point, Lookup]]:
    """Every place at which a rule looks at a variable in the year of the delivery."""
    named = {
        code: {term.variable for side in (entry.left, entry.right) for term in terms(side)}
        for code, entry in framework.statements.items()
    }
    codes = [code for code, used in named.items() if used & variables and framework.rules[code].shown]
    dynamic = search.delivered_members({variable for code in codes for variable in named[code] & variables})
    for point in rule_plan(framework, dynamic, codes).points:
        inner = (look for parts in point.sums.values() for part in parts for look in part.lookups)
        for look in (*point.lookups.values(), *inner):
            if look.lag == 0 and look.variable in variables:
                yield point, look


def _noticed(connection: Connection, cells: Iterable[Cell], places: set[Place]) -> Iterator[Record]:
    """Findings at the cells themselves, and of rules at the places that look at them."""
    there = {(cell.submission_id, cell.sheet, cell.cell) for cell in cells}
    for entry in records(connection, _FOUND, [sorted({number for number, _, _ in there})]):
        at_cell = (entry["submission_id"], entry["sheet"], entry["cell"]) in there
        place = (entry["code"], entry["members"], entry["region"], entry["submission_id"])
        if at_cell or place in places:
            yield entry


def _rule(framework: Framework, code: str, looked: set[Cell], noticed: Sequence[Mapping[str, Any]]) -> Record:
    entry = framework.rules[code]
    return {
        "code": code,
        "severity": str(entry.weight),
        "expression": entry.expression,
        "why_de": entry.why_de,
        "cells": len(looked),
        "units": len({cell.region for cell in looked}),
        "findings": sum(found["code"] == code for found in noticed),
    }
