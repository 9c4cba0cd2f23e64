"""What deliveries say and what follows from it by adding up, as whole numbers in one table: cells by deliveries.

The meaning is that of `schemas.sql.completion`: an undelivered total, then an undelivered aggregate, is the sum of its
leaves when all of them have a value; residual leaves may be absent. What adds up to what follows from the kinds of cells
(variable and members) alone, so it is worked out once for the members in which a variable was delivered, and kept.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from intake.kept import Kept
from intake.rule_cells import Known, RuleInput
from intake.rule_places import CellKey, split_key
from schemas.framework_model import Framework
from schemas.known_values import KnownValues
from schemas.observations import Observations, Places
from schemas.remembered import remembered
from schemas.shapes import TOTAL

DECIMALS = 4
"""Values are held as whole multiples of a ten-thousandth, as `schemas.sql.VALUE_TYPE` does."""
_KEPT = 1 << 12
"""Answers kept: several for each variable, because deliveries differ in their sub-areas and in what they leave out."""
_MOST_KINDS = 1 << 14
_ROOM = 2.0**58
"""Sums stay exact below this; the rest of 64 bits is for the factors of the rules."""

_NOT_ASKED = -2

Kind = tuple[str, ...]
"""One member for each dimension of the framework."""
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
_Values = tuple[Whole, Flags, Flags]
"""Values as whole numbers, which of them have no value, and which of them fit into 64 bits."""


@dataclass(frozen=True)
class Filled:
    """Cells with what follows from them: row by cell; the last row is a cell that nobody has.

    All arrays are rows by lag (0: the year itself, 1: the year before) by deliveries. `values` are 0 where there is none;
    `there`: delivered, or added up; `secret`: delivered without a value. `plain`: deliveries that are held here; others say
    a cell twice, or numbers too large to be added up exactly.
    """

    rows: Mapping[CellKey, int]
    values: Whole
    there: Flags
    secret: Flags
    plain: Flags


@dataclass(frozen=True)
class _Step:
    """One round of adding up: for every target the leaves, which of them are needed, and where those of a target start."""

    targets: Sequence[int]
    leaves: Sequence[int]
    needed: Sequence[bool]
    sizes: Sequence[int]


_Arranged = tuple[NDArray[np.intp], list[tuple[NDArray[np.intp], ...]], Mapping[CellKey, int]]
"""Row of every numbered kind, the rounds of adding up over rows (targets, leaves, needed, starts), and row by cell."""


@dataclass(frozen=True)
class _Shape:
    """The kinds of a variable, delivered ones first in the order given, and the rounds that make the others."""

    keys: Sequence[CellKey]
    steps: Mapping[int, _Step]


def filled(framework: Framework, deliveries: Sequence[RuleInput], variables: Collection[str], room: float) -> Filled:
    """The cells of these variables, in these deliveries and those of the year before. `room`: the largest factor that a
    rule multiplies values with, all its values together."""
    kinds = _kinds(framework, frozenset(variables))
    numbers: list[NDArray[np.intp]] = []
    values: list[_Values] = []
    columns: list[int] = []
    for delivery in deliveries:
        numbers += map(kinds.at, (stretch.places for stretch in delivery.said.stretches))
        values.append(_values_said(delivery.said))
        numbers.append(kinds.known(delivery.previous))
        values.append(_values_known(delivery.previous))
        columns += [len(delivery.said), len(delivery.previous)]
    order, steps, rows = kinds.arranged
    count = len(deliveries)
    number = np.concatenate([*numbers, np.array([], dtype=np.intp)])
    column = np.repeat(np.arange(2 * count), columns).reshape(-1)
    kept = number >= 0
    row = order[number[kept]]
    lag, unit = column[kept] % 2, column[kept] // 2
    whole, secret_ones, fits = (np.concatenate(part)[kept] for part in zip(*values, strict=True))
    shape = (len(rows) + 1, 2, count)
    held = Filled(
        rows, np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_), np.ones(count, np.bool_)
    )
    held.values[row, lag, unit] = whole
    held.there[row, lag, unit] = True
    held.secret[row, lag, unit] = secret_ones
    twice = held.there.sum(axis=(0, 1)) < np.bincount(unit, minlength=count)
    size = np.bincount(unit, np.abs(whole.astype(float)), minlength=count)
    held.plain[:] = ~twice & (size * room < _ROOM)
    held.plain[unit[~fits]] = False
    for step in steps:
        _add(held, *step)
    return held


def _kinds(framework: Framework, variables: frozenset[str]) -> _Kinds:
    """Those of deliveries before stay: what nobody has adds up to nothing. When they are too many, only new ones count."""
    kept: list[_Kinds] = remembered(framework, list, "kinds of cells", variables)
    if not kept or kept[0].count > _MOST_KINDS:
        kept[:] = [_Kinds(framework, variables)]
    return kept[0]


class _Kinds(dict[CellKey, int]):
    """The number of the kind of a cell, -1 for variables that nobody asks for; a new kind gets the next number."""

    def __init__(self, framework: Framework, variables: frozenset[str]) -> None:
        self.framework, self.variables = framework, variables
        self.of: dict[str, dict[Kind, int]] = {}
        self.count = 0
        self._at: Kept[Places, NDArray[np.intp]] = Kept(_KEPT)
        self._arranged: tuple[int, _Arranged] | None = None
        self._mark = object()

    def at(self, places: Places) -> NDArray[np.intp]:
        """Those of all cells at these places; many deliveries speak of the same ones."""
        found = self._at.get(places)
        if found is None:
            found = self._at[places] = np.array([*map(self.__getitem__, places.keys)], dtype=np.intp)
        return found

    def known(self, cells: Known) -> NDArray[np.intp]:
        """Those of the cells that are known; the regions of a year speak of the same ones."""
        if not isinstance(cells, KnownValues):
            return np.array([*map(self.__getitem__, cells)], np.intp)
        table, filled = cells.table, cells.filled
        numbers = table.derived.get(self._mark)
        if numbers is None:
            numbers = table.derived[self._mark] = np.full(len(table.cells), _NOT_ASKED, np.intp)
        new = filled[numbers[filled] == _NOT_ASKED]
        numbers[new] = [self[table.cells[number]] for number in new.tolist()]
        found: NDArray[np.intp] = numbers[filled]
        return found

    @property
    def arranged(self) -> _Arranged:
        """How all kinds so far are arranged."""
        if self._arranged is None or self._arranged[0] != self.count:
            self._arranged = self.count, _arranged(self.framework, self)
        return self._arranged[1]

    def __missing__(self, cell: CellKey) -> int:
        variable, key = cell
        if variable not in self.variables:
            self[cell] = -1
            return -1
        named = dict(split_key(key))
        kind = tuple(named.get(dimension, TOTAL) for dimension in self.framework.dimension_order)
        number = self[cell] = self.of.setdefault(variable, {}).setdefault(kind, self.count)
        self.count = max(self.count, number + 1)
        return number


def _arranged(framework: Framework, kinds: _Kinds) -> _Arranged:
    order = np.empty(kinds.count, dtype=np.intp)
    rows: dict[CellKey, int] = {}
    joined: dict[int, tuple[list[int], list[int], list[bool], list[int]]] = {}
    for variable, numbered in kinds.of.items():
        members = tuple(sorted(numbered))
        made = remembered(
            framework, partial(_shape, framework, variable, members), "sums", variable, members, most=_KEPT
        )
        first = len(rows)
        order[[numbered[kind] for kind in members]] = np.arange(first, first + len(members))
        rows.update(zip(made.keys, range(first, first + len(made.keys)), strict=True))
        for round_number, step in made.steps.items():
            targets, leaves, needed, sizes = joined.setdefault(round_number, ([], [], [], []))
            targets += [first + target for target in step.targets]
            leaves += [first + leaf for leaf in step.leaves]
            needed += step.needed
            sizes += step.sizes
    return order, [_arrays(*joined[number]) for number in sorted(joined)], rows


def _arrays(
    targets: list[int], leaves: list[int], needed: list[bool], sizes: list[int]
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    starts = np.cumsum([0, *sizes[:-1]])
    return np.array(targets, np.intp), np.array(leaves, np.intp), np.array(needed, np.bool_), starts


def _shape(framework: Framework, variable: str, delivered: Sequence[Kind]) -> _Shape:
    """What follows from the delivered kinds of a variable: totals first, then aggregates, by dimension."""
    dimensions = framework.dimension_order
    numbers = {kind: number for number, kind in enumerate(delivered)}
    steps: dict[int, _Step] = {}
    own = framework.variable_dimensions(variable)
    for totals in (True, False):
        for place, dimension in enumerate(dimensions):
            if dimension in own:
                step = _step(numbers, place, *_leaves(framework, variable, dimension, numbers, totals=totals))
                if step.targets:
                    steps[place if totals else place + len(dimensions)] = step
    keys = [
        (variable, ",".join(f"{d}={m}" for d, m in zip(dimensions, kind, strict=True) if m != TOTAL))
        for kind in numbers
    ]
    return _Shape(keys, steps)


def _leaves(
    framework: Framework, variable: str, dimension: str, kinds: Collection[Kind], *, totals: bool
) -> tuple[dict[str, list[tuple[str, bool]]], dict[str, int]]:
    """Of which members a leaf is a part, and whether it is needed there; and how many leaves each of these needs."""
    entry = framework.dimensions[dimension]
    if entry.dynamic:
        place = framework.dimension_order.index(dimension)
        found = {kind[place] for kind in kinds} - {TOTAL} if totals else set()
        return {leaf: [(TOTAL, False)] for leaf in found}, {TOTAL: 0}
    parts: dict[str, list[tuple[str, bool]]] = {}
    needs: dict[str, int] = {}
    for member, leaves in framework.scheme(variable, dimension).aggregates.items():
        if (member == TOTAL) == totals:
            for leaf in leaves:
                parts.setdefault(leaf, []).append((member, not entry.is_residual(leaf)))
            needs[member] = sum(not entry.is_residual(leaf) for leaf in leaves)
    return parts, needs


def _step(
    numbers: dict[Kind, int], place: int, parts: Mapping[str, list[tuple[str, bool]]], needs: Mapping[str, int]
) -> _Step:
    """One round in one dimension; kinds that it makes are numbered."""
    made: dict[Kind, list[tuple[int, bool]]] = {}
    for kind, number in numbers.items():
        for member, needed in parts.get(kind[place], ()):
            made.setdefault((*kind[:place], member, *kind[place + 1 :]), []).append((number, needed))
    whole = {kind: leaves for kind, leaves in made.items() if sum(needed for _, needed in leaves) == needs[kind[place]]}
    targets = [numbers.setdefault(kind, len(numbers)) for kind in whole]
    leaves = [leaf for found in whole.values() for leaf in found]
    return _Step(targets, [n for n, _ in leaves], [needed for _, needed in leaves], [len(f) for f in whole.values()])


def _add(held: Filled, targets: NDArray[Any], leaves: NDArray[Any], needed: NDArray[Any], starts: NDArray[Any]) -> None:
    """One round: what is not there yet, and has all it needs."""
    there, secret = held.there[leaves], held.secret[leaves]
    lacking = secret | (needed[:, None, None] & ~there)
    made = ~np.logical_or.reduceat(lacking, starts) & np.logical_or.reduceat(there, starts) & ~held.there[targets]
    sums = np.add.reduceat(held.values[leaves], starts)
    held.values[targets] = np.where(made, sums, held.values[targets])
    held.there[targets] |= made


def _values_said(said: Observations) -> _Values:
    """Those of a delivery as whole numbers."""
    if said.whole is not None:
        return *said.whole, np.ones(len(said), np.bool_)
    return _whole(said.values)


def _values_known(known: Known) -> _Values:
    """Those that are known of a region and year."""
    if not isinstance(known, KnownValues):
        return _whole([value for value, _ in known.values()])
    kept = known.table.derived
    if _whole not in kept:
        kept[_whole] = _whole([value for value, _ in known.table.said])
    numbers = known.said[known.filled]
    low, secret, fits = (part[numbers] for part in kept[_whole])
    return low, secret, fits


def _whole(values: Sequence[Decimal | None]) -> _Values:
    column = pa.array(values, pa.decimal128(24, DECIMALS))
    halves = np.frombuffer(column.buffers()[1], dtype=np.int64, count=2 * len(values)).reshape(-1, 2)
    secret = column.is_null().to_numpy(zero_copy_only=False)
    low = np.where(secret, 0, halves[:, 0])
    return low, secret, secret | (halves[:, 1] == low >> 63)
