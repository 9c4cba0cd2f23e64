"""What must not be recovered: true small counts, of delivered cells and of the figures made from them.

Only the house can judge: an attacker computes intervals of everything and does not know which of them matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from indicators.audit.atoms import Atoms
from indicators.audit.delivered import Delivered, Kind, Nested, Rest, rests
from indicators.audit.evidence import COUNTED, Index
from indicators.audit.facts import Places
from indicators.audit.forms import Forms
from indicators.audit.numbering import real
from indicators.audit.relations import Real, Whole
from indicators.audit.sides import Side
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
    see `versions.versions_of`; without it an older number counts as long as it is not wrong today. `cells`: see
    `Delivered.read`."""

    values: pa.Table | None = None
    observations: pa.Table | None = None
    history: pa.Table | None = None
    cells: pa.Table | None = None


def targets(
    forms: Forms,
    atoms: Atoms,
    index: Index,
    state: np.ndarray,
    where: Places,
    nested: Nested,
    sent: Delivered | None,
    values: pa.Table | None,
) -> list[Target]:
    """Every small count that is one, each once, in an order that does not depend on that of the rows."""
    found: dict[tuple[object, ...], Target] = {}
    makers: list[Iterable[Target]] = []
    if sent is not None:
        secret = _Secret(forms, atoms, sent.kinds)
        makers.append(_of_cells(secret, index, where, sent))
        makers.append(_of_rests(secret, index, rests(nested, sent)))
    if values is not None:
        makers.append(_of_figures(forms, atoms, index, state, where, values))
    for maker in makers:
        for target in maker:
            if target.touched:
                touched = frozenset(target.touched.items())
                inside = touched if target.inside is target.touched else frozenset(target.inside.items())
                found.setdefault((touched, inside), target)
    return list(found.values())


def open_nodes(forms: Forms, sent: Delivered) -> tuple[Whole, Whole, Whole, Real]:
    """Cells of members that describe nobody (`open_members`), as columns of region, year, node and value: an attacker is
    assumed to know them. One that was not delivered counts as zero where the variable was; what is said last counts."""
    framework = forms.framework
    opened = framework.confidentiality.open_members
    node = np.array([forms.node(k.variable, k.members) if k.has(opened) else -1 for k in sent.kinds], np.int64)
    given = np.flatnonzero(node[sent.kind] >= 0) if opened else np.zeros(0, np.int64)
    made = [(sent.region[given], sent.year[given], node[sent.kind[given]], sent.value[given])]
    names = sorted({kind.variable for kind in sent.kinds}) if opened else []
    variable = np.array([names.index(kind.variable) for kind in sent.kinds] if names else [], np.int64)
    shape = (len(names), sent.region.max(initial=0) + 1, sent.year.max(initial=0) + 1)
    delivered = np.zeros(shape, bool)
    if names:
        delivered[variable[sent.kind], sent.region, sent.year] = True
    for number, name in enumerate(names):
        region, year = np.nonzero(delivered[number])
        for dimension, members in opened.items():
            if dimension in framework.variable_dimensions(name) and forms.additive(name):
                for member in (one for one in members if forms.has_member(name, dimension, one)):
                    empty = np.full(len(region), forms.node(name, {dimension: member}))
                    made.insert(0, (region, year, empty, np.zeros(len(region))))
    region, year, nodes, value = (np.concatenate(column) for column in zip(*made, strict=True))
    return region, year, nodes, value


class _Secret:
    """What there is to know of a kind of cell that can be secret, worked out when it is asked first."""

    def __init__(self, forms: Forms, atoms: Atoms, kinds: Sequence[Kind]) -> None:
        self.forms, self.atoms, self.kinds = forms, atoms, kinds
        self.margin = forms.framework.confidentiality.margin
        self.opened = forms.framework.confidentiality.open_members
        self.threshold = np.array([forms.threshold(kind.variable) for kind in kinds], np.int64)
        self._known: dict[int, _Cell | None] = {}

    def cell(self, number: int) -> _Cell | None:
        """None of what nobody keeps secret, or of which nothing that is published speaks."""
        if number not in self._known:
            kind = self.kinds[number]
            around = None if kind.has(self.opened) else self.atoms.around(kind.cells)
            self._known[number] = around and _Cell(
                *around,
                member_key(kind.members.items()),
                not self.forms.in_table(kind.variable, kind.members),
                self.forms.spread(kind.variable) > 0,
            )
        return self._known[number]

    def small(self, kinds: Whole, values: Real) -> Whole:
        """Places of the values that are too small to be told."""
        few = (values >= 1) & (values < self.threshold[kinds]) if len(kinds) else np.zeros(0, bool)
        return np.flatnonzero(few)

    def target(
        self, place: tuple[str, int, str], number: int, value: float, cell: _Cell, sums: tuple[Sum, Sum]
    ) -> Target:
        """Of a cell (or rest, as `place` says beside region and year) of a kind; `sums`: atoms inside, atoms touched."""
        region, year, side = place
        variable, required = self.kinds[number].variable, int(self.threshold[number]) + self.margin
        return Target(
            region, year, variable, cell.key, side, int(value), required, *sums, cell.beyond, cell.rounded
        )  # fmt: skip


class _Cell(NamedTuple):
    """Atoms that lie wholly in it, and all it touches; its members as text; is it finer than any table, printed rounded?"""

    inside: tuple[int, ...]
    touched: tuple[int, ...]
    key: str
    beyond: bool
    rounded: bool


def _of_cells(secret: _Secret, index: Index, where: Places, sent: Delivered) -> Iterator[Target]:
    aggregates = sorted({aggregate for _, aggregate, _ in where.aggregates})
    small = secret.small(sent.kind, sent.value)
    small = small[~np.isin(sent.region[small], aggregates)]
    order = small[np.lexsort((sent.kind[small], sent.region[small], sent.year[small]))]
    columns = (column[order].tolist() for column in (sent.region, sent.year, sent.kind, sent.value))
    for region, year, kind, value in zip(*columns, strict=True):
        cell = secret.cell(kind)
        if cell is not None:
            touched = {(region, year, atom): 1.0 for atom in cell.touched}
            exact = cell.inside == cell.touched
            inside = touched if exact else {(region, year, atom): 1.0 for atom in cell.inside}
            place = (index.regions[region], index.years[year], "cell")
            yield secret.target(place, kind, value, cell, (inside, touched))


def _of_rests(secret: _Secret, index: Index, found: Iterable[Rest]) -> Iterator[Target]:
    """What is left of a Kreis beside its towns that deliver too."""
    for rest in found:
        above, year, below = rest.above, rest.year, rest.below
        small = secret.small(rest.kinds, rest.values)
        for kind, value in zip(rest.kinds[small].tolist(), rest.values[small].tolist(), strict=True):
            cell = secret.cell(kind)
            if cell is not None and cell.inside == cell.touched:
                inside = {(above, year, atom): 1.0 for atom in cell.inside}
                inside |= {(town, year, atom): -1.0 for town in below for atom in cell.inside}
                place = (index.regions[above], index.years[year], "rest")
                yield secret.target(place, kind, value, cell, (inside, inside))


def _of_figures(
    forms: Forms, atoms: Atoms, index: Index, state: np.ndarray, where: Places, values: pa.Table
) -> Iterator[Target]:
    rows, regions, years, figures = index.rows(small_rows(forms, values), ["numerator", "denominator"])
    most = _most(forms)
    margin = forms.framework.confidentiality.margin
    numbers = [real(rows[name]) for name in ("numerator", "denominator")]
    members = {(year, aggregate): found for year, aggregate, found in where.aggregates}
    for name, number in (
        ("numerator", numbers[0]), ("denominator", numbers[1]), ("complement", numbers[1] - numbers[0])
    ):  # fmt: skip
        small = np.flatnonzero((number >= 1) & (number < most) & (number == np.round(number)))
        for row in small[np.lexsort((figures[small], regions[small], years[small]))]:
            region, year, figure = int(regions[row]), int(years[row]), int(figures[row])
            entry = forms.figures[index.figures[figure]]
            side = entry.numerator if name == "numerator" else entry.denominator
            if side is None or not side.counted or (name == "complement" and not entry.part_of):
                continue
            threshold = max(forms.threshold(forms.nodes[node][0]) for _, node, _ in side.parts)
            counted = members.get((year, region), (region,))
            if len(counted) > 1:
                counted = tuple(m for m in counted if state[m, year, figure] == COUNTED)
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


def small_rows(forms: Forms, values: pa.Table) -> pa.Table:
    """The rows with a side, or a remainder, so small that it can be secret."""
    few = [real(values[name]) for name in ("numerator", "denominator")]
    few.append(few[1] - few[0])
    return values.filter(pa.array(np.any([(number >= 1) & (number < _most(forms)) for number in few], axis=0)))


def _most(forms: Forms) -> int:
    return max((forms.threshold(variable) for variable in forms.framework.variables), default=0)


def _sum(atoms: Atoms, side: Side, regions: Iterable[int], year: int) -> dict[PlainPlace, float]:
    found: dict[PlainPlace, float] = {}
    for region in regions:
        for lag, node, coefficient in side.parts:
            for atom in atoms.of_node[node]:
                place = (region, year - lag, atom)
                found[place] = found.get(place, 0.0) + coefficient
    return found
