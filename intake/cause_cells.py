"""The cells of one delivery beside those of the year before, as the plausibility checks read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from math import log
from typing import Any

from intake.rules import CellKey, RuleInput
from schemas.framework_model import Framework
from schemas.shapes import Finding, Observation, member_key

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
    """One delivery: values that are numbers, and the numbers of the year before."""

    item: RuleInput
    values: Mapping[CellKey, Decimal]
    before: Mapping[CellKey, Decimal]

    @cached_property
    def at(self) -> Mapping[CellKey, Observation]:
        """The observations; a cell delivered twice counts once."""
        return dict(zip(self.item.cells, self.item.said, strict=True))

    @cached_property
    def changes(self) -> Mapping[CellKey, float]:
        """Natural logarithm of the change against the year before, where both values are positive."""
        pairs = self.pairs(list(self.values))
        return {cell: log(now / before) for cell, now, before in pairs if now > 0 and before > 0}

    def label(self, framework: Framework, cell: CellKey) -> str:
        """What the cell is called in the form."""
        return label(framework, self.at[cell])

    def pairs(self, cells: Sequence[CellKey]) -> list[tuple[CellKey, float, float]]:
        """(cell, value, value of the year before) of those cells that have both."""
        if not self.before:
            return []
        paired = self._paired
        return [pair for cell in cells if (pair := paired.get(cell)) is not None]

    @cached_property
    def _paired(self) -> Mapping[CellKey, tuple[CellKey, float, float]]:
        """The pair of every cell that has one: the same cells are looked at as row, column, table and sheet."""
        return {
            cell: (cell, float(value), float(self.before[cell]))
            for cell, value in self.values.items()
            if cell in self.before
        }


def cells_of(item: RuleInput) -> Cells:
    """The cells of a delivery; a cell delivered twice counts once."""
    said = dict(zip(item.cells, item.said.values, strict=True))
    values = {cell: value for cell, value in said.items() if value is not None}
    before = {cell: value for cell, (value, _) in item.previous.items() if value is not None}
    return Cells(item, values, before)


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
    return replace(
        item,
        observations=item.said.restricted(variables),
        previous={cell: known for cell, known in item.previous.items() if cell[0] in variables},
    )


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
