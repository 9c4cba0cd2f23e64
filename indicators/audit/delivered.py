"""What was delivered, of all that is kept secret: counts, and what is left of a Kreis beside its towns. Only the house
has this; an attacker is told of it that a Kreis holds its towns, wherever that is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.evidence import Index, kinds_of, numbered, real
from indicators.audit.forms import Atoms, Cell, Forms
from indicators.audit.relations import Real, Whole
from schemas.framework_model import Framework
from schemas.territory import reference_day

Nested = Mapping[int, Mapping[int, tuple[int, ...]]]
"""Units with those below them that are printed too, by year: {year: {unit: (units below, none in another)}}."""


def counts(framework: Framework, forms: Forms, observations: pa.Table, also: Sequence[str] = ()) -> pa.Table:
    """Delivered counts with a value, of variables that are kept secret; `also`: columns to keep beside."""
    kept = pa.array([variable for variable in framework.variables if forms.tracked(variable)], pa.string())
    told = pc.and_(pc.is_in(observations["variable"], kept), pc.is_valid(observations["value"]))
    names = ["region", "year", "variable", *(d.lower() for d in framework.dimension_order), *also]
    rows = observations.select([*names, "value"]).filter(told)
    return rows.set_column(len(names), "value", rows["value"].cast(pa.float64()))


def nested_units(framework: Framework, index: Index) -> dict[int, dict[int, tuple[int, ...]]]:
    """As `Nested`: the nearest printed unit above each, below the whole."""
    found: dict[int, dict[int, tuple[int, ...]]] = {}
    for calendar, year in index.year.items():
        day = reference_day(calendar)
        here = [code for code in index.regions if framework.territory.valid(code, day)]
        under: dict[int, list[int]] = {}
        for code in here:
            above = next((a for a in framework.territory.ancestors(code, day) if a in index.region), None)
            if above is not None and framework.territory.unit(above, day).parent is not None:
                under.setdefault(index.region[above], []).append(index.region[code])
        found[year] = {above: tuple(below) for above, below in under.items()}
    return found


def complete_units(framework: Framework, index: Index, nested: Nested) -> frozenset[tuple[int, int]]:
    """Units and years in which everything below is printed: nothing is left of them."""
    return frozenset(
        (above, year)
        for year, pairs in nested.items()
        for above, below in pairs.items()
        if {index.regions[town] for town in below}
        == set(framework.territory.children(index.regions[above], reference_day(index.years[year])))
    )


def delivered_cells(framework: Framework, forms: Forms, table: pa.Table) -> tuple[Whole, list[tuple[Cell, ...]]]:
    """The kind of cell (variable and members) that each row speaks of, and the leaf cells of each kind."""
    kind, cell_of = kinds_of(table.select(["variable", *(d.lower() for d in framework.dimension_order)]))
    rows = (cell_of(number) for number in range(int(kind.max(initial=-1)) + 1))
    return kind, [forms.cells(v, dict(zip(framework.dimension_order, m, strict=True))) for v, *m in rows]


def true_atoms(framework: Framework, forms: Forms, atoms: Atoms, index: Index, table: pa.Table | None) -> Real:
    """What each atom holds, by region, year and atom, from the finest cells that were delivered; not a number where one
    of these is missing. `table` as `counts` gives it."""
    shape = (len(index.regions), len(index.years), len(atoms.variables))
    if table is None:
        return np.full(shape, np.nan)
    kind, cells_of = delivered_cells(framework, forms, table)
    finest = [cells[0] if len(cells) == 1 else None for cells in cells_of]
    atom_of = np.array([-1 if cell is None else atoms.of_cell.get(cell, -1) for cell in finest], np.int64)
    region, year = numbered(table["region"], index.region), numbered(table["year"], index.year)
    atom = atom_of[kind] if len(kind) else np.empty(0, np.int64)
    here = (region >= 0) & (year >= 0) & (atom >= 0)
    place = np.ravel_multi_index((region[here], year[here], atom[here]), shape)
    size = int(np.prod(shape))
    found = np.bincount(place, minlength=size).reshape(shape)
    sums = np.bincount(place, real(table["value"])[here], size).reshape(shape)
    return np.where(found == atoms.sizes, sums, np.nan)


@dataclass(frozen=True)
class Rest:
    """What is left of a unit in a year beside the units below it, by the kind of a cell that all of them delivered."""

    above: int
    year: int
    below: tuple[int, ...]
    values: pd.Series
    cell_of: Callable[[int], tuple[str, ...]]

    def cells(self, framework: Framework, chosen: pd.Series) -> Iterator[tuple[str, dict[str, str], float]]:
        """Variable, members and rest of the chosen cells."""
        for kind, value in self.values[chosen].items():
            variable, *members = self.cell_of(int(cast("int", kind)))
            yield variable, dict(zip(framework.dimension_order, members, strict=True)), float(value)


def rests(framework: Framework, index: Index, nested: Nested, table: pa.Table) -> Iterator[Rest]:
    """The rests of all units whose printed units below delivered too; `table` as `counts` gives it."""
    concerned = {index.regions[unit] for pairs in nested.values() for above in pairs for unit in (above, *pairs[above])}
    mine = table.filter(pc.is_in(table["region"], pa.array(sorted(concerned), pa.string())))
    rows = mine.select(["region", "year", "value"]).to_pandas()
    rows["kind"], cell_of = kinds_of(mine.select(["variable", *(d.lower() for d in framework.dimension_order)]))
    by_place = {place: own.set_index("kind")["value"] for place, own in rows.groupby(["region", "year"])}
    for year, pairs in nested.items():
        calendar = index.years[year]
        for above, below in pairs.items():
            whole = by_place.get((index.regions[above], calendar))
            towns = [(index.regions[town], calendar) for town in below]
            parts = [by_place[town] for town in towns if town in by_place]
            if whole is None or len(parts) != len(below):
                continue
            rest = whole.copy()
            for part in parts:
                rest = (rest - part).dropna()
            yield Rest(above, year, below, rest, cell_of)


@dataclass(frozen=True, slots=True)
class Untrue:
    """Where towns delivered more than their Kreis. What is not true proves nothing: of the `atoms` an attacker does not
    know that the Kreis holds its towns, only of the `sums` with them of which it is true."""

    atoms: frozenset[int]
    sums: frozenset[tuple[int, ...]]


def untrue(
    framework: Framework, forms: Forms, atoms: Atoms, found: Iterator[Rest], complete: frozenset[tuple[int, int]]
) -> dict[tuple[int, int], Untrue]:
    """By unit and year; nothing where all holds."""
    result = {}
    for rest in found:
        wrong = rest.values != 0 if (rest.above, rest.year) in complete else rest.values < 0
        if not wrong.any():
            continue
        exact = [_atoms(atoms, forms.cells(variable, m)) for variable, m, _ in rest.cells(framework, wrong)]
        bad: set[int] = set()
        for touched in sorted({one for one in exact if one}, key=lambda one: (len(one), one)):
            if bad.isdisjoint(touched):  # of a sum nobody knows which part it is, unless one of them is known already
                bad.update(touched)
        right = {_atoms(atoms, forms.cells(variable, m)) for variable, m, _ in rest.cells(framework, ~wrong)}
        result[rest.above, rest.year] = Untrue(frozenset(bad), frozenset(one for one in right if bad & set(one)))
    return result


def _atoms(atoms: Atoms, cells: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[int, ...]:
    """The atoms whose sum the cells are; none where they are no sum of atoms."""
    around = atoms.around(cells)
    return around[0] if around is not None and around[0] == around[1] else ()
