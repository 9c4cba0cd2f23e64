"""Suspicions that a table or a region means something else: parts of a hundred, or a region without one of its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from statistics import median

import numpy as np

from intake.cause_cells import Cells, Correction, Suspicion, scaled
from intake.cause_groups import Group, Groups, suspicion
from intake.cause_settings import Limits, Percent, Size
from intake.rules import CellKey
from intake.values import german
from schemas.framework_model import Framework
from schemas.shapes import Finding
from schemas.tables import EntryTable
from schemas.territory import reference_day

PERCENT, PART = "P04", "P05"


# --- parts of a hundred -----------------------------------------------------------------------------------------------


def percent(framework: Framework, limits: Limits, groups: Groups, reading: Sequence[Finding]) -> Iterator[Suspicion]:
    """Tables of counts that hold parts of a hundred."""
    decimals = _decimals(limits.percent, reading)
    shrunk = int(np.count_nonzero((groups.cells.now <= 100) & (groups.cells.was >= limits.percent.before)))
    if 2 * max(len(decimals), shrunk) < limits.percent.cells:
        return
    for table in groups.tables:
        keys = [key for _, _, key in table.cells() if framework.is_integer(key[0])]
        odd = {key: decimals[key] for key in keys if key in decimals}
        numbers = [key for key in keys if key in groups.cells.values]
        if _mostly_decimals(limits.percent, groups.cells, odd, numbers) or _hundreds(
            limits.percent, groups, table, numbers
        ):
            explained: Correction = dict.fromkeys((*numbers, *odd))
            group = groups.table(table)
            if not group.cells:
                first = next(iter(odd.values()))
                group = Group(f"In der Tabelle „{table.title}“", tuple(odd), first.sheet, first.cell, first.region)
            details = {"place": group.name, "count": str(len(explained))}
            yield suspicion(framework, PERCENT, group, details, explained, tuple(limits.percent.codes))


def _decimals(limits: Percent, reading: Sequence[Finding]) -> dict[CellKey, Finding]:
    """Cells of which reading said that they hold a decimal or percent value up to 100."""
    return {
        (noticed.variable, noticed.members): noticed
        for noticed in reading
        if noticed.code in limits.codes and _up_to_hundred(noticed.found)
    }


def _up_to_hundred(text: str) -> bool:
    try:
        return 0 <= Decimal(text.replace("%", "").replace("\u202f", "").replace(",", ".").strip()) <= 100
    except InvalidOperation:
        return False


def _mostly_decimals(limits: Percent, cells: Cells, odd: Mapping[CellKey, Finding], numbers: Sequence[CellKey]) -> bool:
    small = [key for key in numbers if cells.values[key] <= 100]
    return len(odd) >= limits.cells and len(odd) + len(small) >= limits.share * (len(odd) + len(numbers))


def _hundreds(limits: Percent, groups: Groups, table: EntryTable, numbers: Sequence[CellKey]) -> bool:
    """Whole percentages: nothing above 100, a total, rows or columns that give 100, and counts in the year before."""
    pairs = groups.cells.pairs(numbers)
    if len(pairs) < limits.cells or any(now > 100 for _, now, _ in pairs):
        return False
    if median(before for _, _, before in pairs) < limits.before:
        return False
    if abs(max(now for _, now, _ in pairs) - 100) <= limits.tolerance:
        return True
    return any(_give_hundred(limits, groups.cells, lines) for lines in groups.lines(table).values())


def _give_hundred(limits: Percent, cells: Cells, lines: Sequence[Group]) -> bool:
    """Do most lines give 100, or 200 where their total is among them?"""
    sums = [sum(cells.values.get(cell, Decimal(0)) for cell in line.cells) for line in lines]
    filled = [value for value in sums if value]
    near = [value for value in filled if min(abs(value - 100), abs(value - 200)) <= limits.tolerance]
    return len(near) >= 2 and len(near) >= limits.share * len(filled)


# --- a unit inside the region is missing, or was added ----------------------------------------------------------------


def part_missing(framework: Framework, limits: Limits, cells: Cells) -> Iterator[Suspicion]:
    """The size of the region differs from what is expected by the size of a unit inside it."""
    size = limits.size
    now = cells.values.get((size.variable, "")) if size else None
    if size is None or now is None:
        return
    basis = _expected(framework, size, cells)
    if basis is None or abs(float(now) - basis[0]) <= size.change * basis[0]:
        return
    difference = abs(float(now) - basis[0])
    near = {name: abs(difference - people) / people for name, people in basis[1].items()}
    name = min(near, key=lambda part: near[part], default="")
    if name and near[name] <= size.tolerance:
        yield _part(framework, cells, (size.variable, ""), Decimal(round(basis[0])), name)


def _expected(framework: Framework, size: Size, cells: Cells) -> tuple[float, dict[str, int]] | None:
    """Size in the year before, without what has left and with what has joined since, else the known size of the unit;
    and the units that may be the reason."""
    territory, item, cell = framework.territory, cells.item, (size.variable, "")
    if not territory.valid(item.region, reference_day(item.year)):
        return None
    inside, earlier = (_parts(framework, size, item.region, year) for year in (item.year, item.year - 1))
    if cell in cells.before:
        left = sum(people for name, people in earlier.items() if name not in inside)
        joined = sum(people for name, people in inside.items() if name not in earlier)
        return float(cells.before[cell]) - left + joined, inside | earlier
    known = territory.unit(item.region, reference_day(item.year)).population_2022
    return (float(known), inside) if known else None


def _parts(framework: Framework, size: Size, region: str, year: int) -> dict[str, int]:
    """Name and size of the units of the named kinds directly below."""
    day, territory = reference_day(year), framework.territory
    units = [territory.unit(code, day) for code in territory.children(region, day)]
    return {unit.label: unit.population_2022 for unit in units if unit.kind in size.part_kinds and unit.population_2022}


def _part(framework: Framework, cells: Cells, cell: CellKey, expected: Decimal, name: str) -> Suspicion:
    now, observation = cells.values[cell], cells.at[cell]
    share = expected / now if now else Decimal(1)
    mended = {key: scaled(framework, cells, key, share) for key in cells.values if framework.is_integer(key[0])}
    details = {
        "part": name,
        "kind": "ohne" if now < expected else "mit",
        "found": german(now),
        "expected": german(expected),
    }
    group = Group("", (cell,), observation.sheet, observation.cell, observation.region)
    return suspicion(framework, PART, group, details, mended)
