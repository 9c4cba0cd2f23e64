"""The cells of one delivery beside those of the year before, as the plausibility checks read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from itertools import chain, repeat
from math import log, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intake.rules import CellKey, Known, RuleInput
from schemas.framework_model import Framework
from schemas.known_values import KnownValues
from schemas.observations import Observations
from schemas.shapes import Finding, Observation, member_key

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
_ROUNDING = 1e-9
"""More than logarithms of one number differ, one by one or of many at once."""

Correction = Mapping[CellKey, Decimal | None]
"""Values that would be right if a suspicion is; None where the right value is not known."""


@dataclass(frozen=True)
class Suspicion:
    """Something that would explain several findings at once: its own finding, if it has one, and what would be right.

    `structural`: concerns a whole table; `explains` are codes of findings of reading about the same cells.
    """

    finding: Finding | None
    corrected: Correction
    structural: bool
    explains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cells:
    """One delivery: values that are numbers, and the numbers of the year before. A cell delivered twice counts once."""

    item: RuleInput

    @cached_property
    def values(self) -> Mapping[CellKey, Decimal]:
        """Values by cell."""
        said = zip(self.item.cells, self.item.said.values, strict=True)
        if self.item.said.each_once:
            return {cell: value for cell, value in said if value is not None}
        return {cell: value for cell, value in dict(said).items() if value is not None}

    @cached_property
    def at(self) -> Said:
        """The observations."""
        return Said(self.item.cells, self.item.said)

    @cached_property
    def before(self) -> Mapping[CellKey, Decimal]:
        """The numbers of the year before."""
        return Numbered(self.item.previous)

    @cached_property
    def valued(self) -> Flags:
        """Where each cell is delivered once: which of the observations have a value."""
        return ~np.isnan(self.item.said.numbers)

    @cached_property
    def now(self) -> Numbers:
        """The values in their order."""
        if self.item.said.each_once:
            return self.item.said.numbers[self.valued]
        return np.fromiter(map(float, self.values.values()), float, len(self.values))

    @cached_property
    def was(self) -> Numbers:
        """Beside each of them the number of the year before, `nan` where there is none."""
        if isinstance(self.item.previous, KnownValues) and self.item.said.each_once:
            return self.item.previous.beside(self.item.said)[self.valued]
        known = map(self.item.previous.get, self.values) if self.item.previous else repeat(None, len(self.values))
        numbers = (nan if found is None or found[0] is None else float(found[0]) for found in known)
        return np.fromiter(numbers, float, len(self.values))

    @cached_property
    def order(self) -> tuple[CellKey, ...]:
        """The cells of these two."""
        return tuple(self.values)

    @cached_property
    def number(self) -> Mapping[CellKey, int]:
        """Where a cell stands in this order."""
        return {cell: number for number, cell in enumerate(self.order)}

    def places(self, cells: Iterable[CellKey]) -> NDArray[np.intp]:
        """Where those of some cells stand that have a value."""
        found = map(self.number.get, cells)
        return np.array([number for number in found if number is not None], np.intp)

    def where(self, flags: Flags) -> list[CellKey]:
        """The cells for which something holds."""
        return [self.order[number] for number in np.flatnonzero(flags).tolist()]

    @cached_property
    def sheets(self) -> tuple[list[str], NDArray[np.intp]]:
        """The sheets, and for each cell on which of them it stands."""
        stretches = self.item.said.stretches
        numbers: dict[str, int] = {}
        own = [numbers.setdefault(stretch.sheet, len(numbers)) for stretch in stretches]
        every = np.repeat(np.array(own, np.intp), [*map(len, stretches)])
        if self.item.said.each_once:
            return list(numbers), every[self.valued]
        said = np.fromiter(map(self.at.numbers.__getitem__, self.order), np.intp, len(self.order))
        return list(numbers), every[said]

    @cached_property
    def grown(self) -> Flags:
        """Which cells have a positive value in both years."""
        return (self.now > 0) & (self.was > 0)

    def changed(self, least: float) -> list[tuple[CellKey, float, float]]:
        """The pairs (see `pairs`) that changed at least so much: natural logarithm of the change, up or down."""
        both = np.flatnonzero(self.grown)
        sizes = np.abs(np.log(self.now[both] / self.was[both]))
        numbers = both[sizes >= least - _ROUNDING].tolist()  # nearly all do not; the others are asked exactly
        pairs = self.pairs([self.order[number] for number in numbers])
        return [pair for pair in pairs if abs(log(pair[1] / pair[2])) >= least]

    def label(self, framework: Framework, cell: CellKey) -> str:
        """What the cell is called in the form."""
        return label(framework, self.at[cell])

    def pairs(self, cells: Iterable[CellKey]) -> list[tuple[CellKey, float, float]]:
        """(cell, value, value of the year before) of those cells that have both."""
        if not self.item.previous:
            return []
        place, now, was = self.number.get, self.now, self.was
        placed = [(cell, number) for cell in cells if (number := place(cell)) is not None]
        found = ((cell, now[number].item(), was[number].item()) for cell, number in placed)
        return [pair for pair in found if pair[2] == pair[2]]


class Numbered(Mapping[CellKey, Decimal]):
    """What is known and is a number; each is looked up when somebody asks for it."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def __getitem__(self, cell: CellKey) -> Decimal:
        value, _ = self.known[cell]
        if value is None:
            raise KeyError(cell)
        return value

    def __iter__(self) -> Iterator[CellKey]:
        return (cell for cell, (value, _) in self.known.items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return next(iter(self), None) is not None


class Said(Mapping[CellKey, Observation]):
    """Observations by cell, of a cell that comes twice the last one; each is made when somebody asks for it."""

    def __init__(self, cells: Sequence[CellKey], said: Observations) -> None:
        self.said = said
        self.numbers = dict(zip(cells, range(len(cells)), strict=True))

    def __getitem__(self, cell: CellKey) -> Observation:
        return self.said[self.numbers[cell]]

    def __contains__(self, cell: object) -> bool:
        return cell in self.numbers

    def __iter__(self) -> Iterator[CellKey]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def by_sheet(self) -> Mapping[str, list[CellKey]]:
        """The cells of every sheet."""
        sheets = [*chain.from_iterable(repeat(stretch.sheet, len(stretch)) for stretch in self.said.stretches)]
        found: dict[str, list[CellKey]] = {}
        for cell, number in self.numbers.items():
            found.setdefault(sheets[number], []).append(cell)
        return found


def cells_of(item: RuleInput) -> Cells:
    """The cells of a delivery; a cell delivered twice counts once."""
    return Cells(item)


def corrected(item: RuleInput, correction: Correction) -> RuleInput:
    """The delivery as it would look if the suspicion is right; cells without a known value are taken out."""
    kept = []
    for cell, o in zip(item.cells, item.said, strict=True):
        if cell not in correction:
            kept.append(o)
        elif (value := correction[cell]) is not None:
            kept.append(o._replace(value=value))
    return replace(item, observations=kept)


def restricted(item: RuleInput, variables: frozenset[str]) -> RuleInput:
    """The delivery with some of its variables only."""
    known = item.previous
    if isinstance(known, KnownValues):
        previous: Known = known.restricted(variables)
    else:
        previous = {cell: said for cell, said in known.items() if cell[0] in variables}
    return replace(item, observations=item.said.restricted(variables), previous=previous)


def label(framework: Framework, o: Observation) -> str:
    """What the value is called in the form: variable, row and column, each once."""
    name = framework.variables[o.variable].name_de if o.variable in framework.variables else o.variable
    return ", ".join(dict.fromkeys(filter(None, (name, o.row_label, o.column_label))))


def place(o: Observation) -> dict[str, Any]:
    """The fields of a finding that say where a value stands."""
    return {
        "sheet": o.sheet,
        "cell": o.cell,
        "row_label": o.row_label,
        "column_label": o.column_label,
        "region": o.region,
        "variable": o.variable,
        "members": member_key(o.members),
    }


def scaled(framework: Framework, cells: Cells, cell: CellKey, factor: Decimal) -> Decimal:
    """A value times a factor, whole where the variable is counted."""
    value = cells.values[cell] * factor
    return Decimal(round(value)) if framework.is_integer(cell[0]) else round(value, 4)
