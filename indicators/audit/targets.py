"""What must not be recovered: true small counts, of delivered cells and of the figures made from them.

Only the house can judge: an attacker computes intervals of everything and does not know which of them matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.delivered import counts, nested_units, rests
from indicators.audit.evidence import COUNTED, Evidence, Index, real
from indicators.audit.facts import Places
from indicators.audit.forms import Atoms, Forms
from indicators.audit.sides import Side
from schemas.framework_model import Framework
from schemas.shapes import member_key

PlainPlace = tuple[int, int, int]
"""Region, year, atom."""
Sum = Mapping[PlainPlace, float]


@dataclass(frozen=True, slots=True)
class Target:
    """A true small count. Its interval is [least of `inside`, most of `touched`]: atoms that lie wholly in it, and all
    that it has a part of."""

    region: str
    year: int
    subject: str
    key: str
    side: str
    true: int
    required: int
    inside: Sum
    touched: Sum
    beyond: bool = False
    """Finer than any table: that a small printed total limits it says no more than the total itself."""
    rounded: bool = False
    """Printed rounded: that it may be small is no secret then, that it is not zero is one."""


@dataclass(frozen=True)
class Truth:
    """What is true, for the house alone: shapes of `indicator_value` and of `observation`. `history`: what was true before,
    see `versions.versions_of`; without it an older number counts as long as it is not wrong today."""

    values: pa.Table | None = None
    observations: pa.Table | None = None
    history: pa.Table | None = None


def targets(
    framework: Framework, forms: Forms, atoms: Atoms, index: Index, seen: Evidence, where: Places, truth: Truth
) -> list[Target]:
    """Every small count that is one, each once."""
    found: dict[tuple[object, ...], Target] = {}
    makers: list[Iterable[Target]] = []
    if truth.observations is not None:
        makers.append(_of_cells(framework, forms, atoms, index, where, truth.observations))
    if truth.values is not None:
        makers.append(_of_figures(forms, atoms, index, seen, where, truth.values))
    for maker in makers:
        for target in maker:
            if target.touched:
                found.setdefault((frozenset(target.touched.items()), frozenset(target.inside.items())), target)
    return list(found.values())


def open_nodes(
    framework: Framework, forms: Forms, index: Index, observations: pa.Table
) -> list[tuple[int, int, int, float]]:
    """Cells of members that describe nobody (`open_members`), as (region, year, node, value): an attacker is assumed to
    know them. One that was not delivered counts as zero where the variable was."""
    rows = counts(framework, forms, observations)
    opened = framework.confidentiality.open_members
    given: dict[tuple[int, int, int], float] = {}
    chosen = pa.array(np.zeros(rows.num_rows, bool))
    for dimension, members in opened.items():
        chosen = pc.or_(chosen, pc.is_in(rows[dimension.lower()].combine_chunks(), pa.array(members)))
    for row in rows.filter(chosen).to_pylist():
        if row["region"] in index.region and row["year"] in index.year:
            node = forms.node(row["variable"], {d: row[d.lower()] for d in framework.dimension_order})
            given[index.region[row["region"]], index.year[row["year"]], node] = row["value"]
    delivered = rows.group_by(["region", "year", "variable"]).aggregate([]) if opened else rows.slice(0, 0)
    empty: dict[str, list[int]] = {}
    for row in delivered.to_pylist():
        variable = row["variable"]
        if variable not in empty:
            empty[variable] = [
                forms.node(variable, {dimension: member})
                for dimension, members in opened.items()
                if dimension in framework.variable_dimensions(variable) and forms.additive(variable)
                for member in members
                if forms.has_member(variable, dimension, member)
            ]
        if row["region"] in index.region and row["year"] in index.year:
            for node in empty[variable]:
                given.setdefault((index.region[row["region"]], index.year[row["year"]], node), 0.0)
    return [(*place, value) for place, value in given.items()]


def _of_cells(
    framework: Framework, forms: Forms, atoms: Atoms, index: Index, where: Places, observations: pa.Table
) -> Iterator[Target]:
    rows = counts(framework, forms, observations)
    threshold = {variable: forms.threshold(variable) for variable in framework.variables}
    few = pc.and_(pc.greater_equal(rows["value"], 1), pc.less(rows["value"], max(threshold.values(), default=0)))
    small = rows.filter(pc.and_(few, pc.is_in(rows["year"], pa.array(index.years, rows.schema.field("year").type))))
    margin = framework.confidentiality.margin
    opened = framework.confidentiality.open_members
    aggregates = {aggregate for _, aggregate, _ in where.aggregates}
    for row in small.to_pylist():
        if row["value"] >= threshold[row["variable"]]:
            continue
        members = {d: row[d.lower()] for d in framework.dimension_order}
        region, year = index.region.get(row["region"]), index.year[row["year"]]
        if region is None or region in aggregates or any(members[d] in listed for d, listed in opened.items()):
            continue
        cells = forms.cells(row["variable"], members)
        around = atoms.around(cells)
        if around is not None:  # otherwise nothing that is published speaks of it
            yield Target(
                row["region"],
                row["year"],
                row["variable"],
                member_key(members.items()),
                "cell",
                int(row["value"]),
                threshold[row["variable"]] + margin,
                {(region, year, atom): 1.0 for atom in around[0]},
                {(region, year, atom): 1.0 for atom in around[1]},
                not forms.in_table(row["variable"], members),
                forms.spread(row["variable"]) > 0,
            )
    yield from _of_rests(framework, forms, atoms, index, rows)


def _of_rests(framework: Framework, forms: Forms, atoms: Atoms, index: Index, table: pa.Table) -> Iterator[Target]:
    """What is left of a Kreis beside its towns that deliver too."""
    margin, opened = framework.confidentiality.margin, framework.confidentiality.open_members
    for rest in rests(framework, index, nested_units(framework, index), table):
        above, year, below = rest.above, rest.year, rest.below
        for variable, members, value in rest.cells(framework, rest.values >= 1):
            if value < forms.threshold(variable) and not any(members[d] in listed for d, listed in opened.items()):
                cells = forms.cells(variable, members)
                around = atoms.around(cells)
                if around is None:
                    continue
                inside = {(above, year, atom): 1.0 for atom in around[0]}
                inside |= {(town, year, atom): -1.0 for town in below for atom in around[0]}
                if around[0] == around[1]:
                    yield Target(
                        index.regions[above], index.years[year], variable, member_key(members.items()), "rest",
                        int(value), forms.threshold(variable) + margin, inside, inside,
                        not forms.in_table(variable, members), forms.spread(variable) > 0,
                    )  # fmt: skip


def _of_figures(
    forms: Forms, atoms: Atoms, index: Index, seen: Evidence, where: Places, values: pa.Table
) -> Iterator[Target]:
    rows, regions, years, figures = index.rows(values, ["numerator", "denominator"])
    margin = forms.framework.confidentiality.margin
    numbers = [real(rows[name]) for name in ("numerator", "denominator")]
    members = {(year, aggregate): found for year, aggregate, found in where.aggregates}
    most = max((forms.threshold(variable) for variable in forms.framework.variables), default=0)
    for name, number in (
        ("numerator", numbers[0]), ("denominator", numbers[1]), ("complement", numbers[1] - numbers[0])
    ):  # fmt: skip
        for row in np.flatnonzero((number >= 1) & (number < most) & (number == np.round(number))):
            region, year, figure = int(regions[row]), int(years[row]), int(figures[row])
            entry = forms.figures[index.figures[figure]]
            side = entry.numerator if name == "numerator" else entry.denominator
            if side is None or not side.counted or (name == "complement" and not entry.part_of):
                continue
            threshold = max(forms.threshold(forms.nodes[node][0]) for _, node, _ in side.parts)
            counted = members.get((year, region), (region,))
            if len(counted) > 1:
                counted = tuple(m for m in counted if seen.state[m, year, figure] == COUNTED)
            if number[row] >= threshold or not counted:
                continue
            made = _sum(atoms, side, counted, year)
            if name == "complement" and entry.numerator is not None:
                for place, value in _sum(atoms, entry.numerator, counted, year).items():
                    made[place] = made.get(place, 0.0) - value
                made = {place: value for place, value in made.items() if value}
            yield Target(
                index.regions[region], index.years[year], entry.indicator, entry.key, name, int(number[row]),
                threshold + margin, made, made, rounded=forms.blurred(side) > 0,
            )  # fmt: skip


def _sum(atoms: Atoms, side: Side, regions: Iterable[int], year: int) -> dict[PlainPlace, float]:
    found: dict[PlainPlace, float] = {}
    for region in regions:
        for lag, node, coefficient in side.parts:
            for atom in atoms.of_node[node]:
                place = (region, year - lag, atom)
                found[place] = found.get(place, 0.0) + coefficient
    return found
