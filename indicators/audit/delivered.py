"""What was delivered, of all that is kept secret: counts, and what is left of a Kreis beside its towns. Only the house
has this; an attacker is told of it that a Kreis holds its towns, wherever that is true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.atoms import Atoms
from indicators.audit.evidence import Index
from indicators.audit.forms import Cell, Forms
from indicators.audit.numbering import kinds_of, numbered, real
from indicators.audit.relations import Real, Whole
from schemas.framework_model import Framework
from schemas.territory import reference_day

KIND = "kind"
"""Column instead of variable and members: the number of the kind of cell."""
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


@dataclass(frozen=True)
class Kind:
    """What a delivered cell speaks of: a variable, the members of its dimensions, and the leaf cells it is made of."""

    variable: str
    members: Mapping[str, str]
    cells: tuple[Cell, ...]

    def has(self, members: Mapping[str, Sequence[str]]) -> bool:
        """Is one of its members among these (by dimension)?"""
        return any(self.members[dimension] in listed for dimension, listed in members.items())


@dataclass(frozen=True)
class Delivered:
    """Delivered counts of regions and years that have a place, by columns: number of region, year and kind, and value. The
    kinds are in the order of their names, whatever that of the rows is."""

    region: Whole
    year: Whole
    kind: Whole
    value: Real
    kinds: Sequence[Kind]

    @classmethod
    def read(
        cls, framework: Framework, forms: Forms, index: Index, observations: pa.Table, cells: pa.Table | None = None
    ) -> Delivered:
        """What the attacker's question is about, of all delivered values; with `cells` (variable and members, in order)
        these have a number of one of them (KIND) instead of variable and members."""
        names = ["variable", *(d.lower() for d in framework.dimension_order)]
        if cells is None:
            number, cell_of = kinds_of(observations.select(names))
            found = [cell_of(kind) for kind in range(int(number.max(initial=-1)) + 1)]
        else:
            number, found = (
                observations[KIND].to_numpy(),
                list(zip(*cells.select(names).to_pydict().values(), strict=True)),
            )
        region, year = numbered(observations["region"], index.region), numbered(observations["year"], index.year)
        value = real(observations["value"])
        tracked = np.array([forms.tracked(variable) for variable, *_ in found], bool)
        here = np.flatnonzero((region >= 0) & (year >= 0) & ~np.isnan(value) & tracked[number])
        number = number[here]
        there = np.bincount(number, minlength=len(found)) > 0
        used, kind, kinds = np.flatnonzero(there), (np.cumsum(there) - 1)[number], []
        for variable, *members in (found[place] for place in used.tolist()):
            named = dict(zip(framework.dimension_order, members, strict=True))
            kinds.append(Kind(variable, named, forms.cells(variable, named)))
        return cls(region[here], year[here], kind, value[here], kinds)


def true_atoms(atoms: Atoms, index: Index, sent: Delivered | None) -> Real:
    """What each atom holds, by region, year and atom, from the finest cells that were delivered; not a number where one
    of these is missing."""
    shape = (len(index.regions), len(index.years), len(atoms.variables))
    if sent is None:
        return np.full(shape, np.nan)
    finest = [kind.cells[0] if len(kind.cells) == 1 else None for kind in sent.kinds]
    atom_of = np.array([-1 if cell is None else atoms.of_cell.get(cell, -1) for cell in finest], np.int64)
    atom = atom_of[sent.kind] if len(sent.kind) else np.empty(0, np.int64)
    here = atom >= 0
    place = np.ravel_multi_index((sent.region[here], sent.year[here], atom[here]), shape)
    size = int(np.prod(shape))
    found = np.bincount(place, minlength=size).reshape(shape)
    sums = np.bincount(place, sent.value[here], size).reshape(shape)
    return np.where(found == atoms.sizes, sums, np.nan)


@dataclass(frozen=True)
class Rest:
    """What is left of a unit in a year beside the units below it, by the kind of a cell that all of them delivered."""

    above: int
    year: int
    below: tuple[int, ...]
    kinds: Whole
    values: Real


def rests(nested: Nested, sent: Delivered) -> Iterator[Rest]:
    """The rests of all units whose printed units below delivered too."""
    concerned = {unit for pairs in nested.values() for above in pairs for unit in (above, *pairs[above])}
    mine = np.flatnonzero(np.isin(sent.region, sorted(concerned)))
    order = mine[np.lexsort((sent.kind[mine], sent.year[mine], sent.region[mine]))]
    places, first = np.unique(np.stack([sent.region[order], sent.year[order]]), axis=1, return_index=True)
    by_place = dict(zip(zip(*places.tolist(), strict=True), np.split(order, first)[1:], strict=True))
    for year, pairs in nested.items():
        for above, below in pairs.items():
            rows = [by_place[unit, year] for unit in (above, *below) if (unit, year) in by_place]
            if len(rows) <= len(below):
                continue
            kinds, rest = sent.kind[rows[0]], sent.value[rows[0]]
            for part in rows[1:]:
                kinds, here, there = np.intersect1d(kinds, sent.kind[part], return_indices=True)
                rest = rest[here] - sent.value[part][there]
            yield Rest(above, year, below, kinds, rest)


@dataclass(frozen=True, slots=True)
class Untrue:
    """Where towns delivered more than their Kreis. What is not true proves nothing: of the `atoms` an attacker does not
    know that the Kreis holds its towns, only of the `sums` with them of which it is true."""

    atoms: frozenset[int]
    sums: frozenset[tuple[int, ...]]


def untrue(
    atoms: Atoms, sent: Delivered, found: Iterable[Rest], complete: frozenset[tuple[int, int]]
) -> dict[tuple[int, int], Untrue]:
    """By unit and year; nothing where all holds."""
    result = {}
    sums = [_atoms(atoms, kind.cells) for kind in sent.kinds]
    for rest in found:
        wrong = rest.values != 0 if (rest.above, rest.year) in complete else rest.values < 0
        if not wrong.any():
            continue
        exact = {sums[kind] for kind in rest.kinds[wrong].tolist()}
        bad: set[int] = set()
        for touched in sorted(exact - {()}, key=lambda one: (len(one), one)):
            if bad.isdisjoint(touched):  # of a sum nobody knows which part it is, unless one of them is known already
                bad.update(touched)
        right = {sums[kind] for kind in rest.kinds[~wrong].tolist()}
        result[rest.above, rest.year] = Untrue(frozenset(bad), frozenset(one for one in right if bad & set(one)))
    return result


def _atoms(atoms: Atoms, cells: tuple[Cell, ...]) -> tuple[int, ...]:
    """The atoms whose sum the cells are; none where they are no sum of atoms."""
    around = atoms.around(cells)
    return around[0] if around is not None and around[0] == around[1] else ()
