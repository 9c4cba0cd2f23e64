"""Linear equations over the cells of a delivery: one, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from intake.rule_places import CellKey

Values = Mapping[CellKey, Decimal]
_EXACT = 2.0**52
"""Whole floating-point numbers are added up without loss below this."""


class Equation(NamedTuple):
    """`sum(factor * cell) = 0` within `slack`; `owner` is the rule that says so, else `dimension` is the one summed."""

    cells: tuple[tuple[CellKey, Decimal], ...]
    slack: Decimal
    owner: str
    dimension: str
    whole: CellKey

    def residual(self, values: Values) -> Decimal:
        """How far the equation is from holding."""
        return sum((factor * values[cell] for cell, factor in self.cells), Decimal(0))

    def holds(self, values: Values) -> bool:
        """Within the slack?"""
        return abs(self.residual(values)) <= self.slack

    def range_of(self, value: Decimal, factor: Decimal, residual: Decimal) -> tuple[Decimal, Decimal]:
        """Values of one cell with which the equation holds, from its value now, its factor, and the residual now."""
        middle = value - residual / factor
        return middle - self.slack / abs(factor), middle + self.slack / abs(factor)


class Equations:
    """All equations of a delivery, or of many that have values in the same cells: which, not what values."""

    def __init__(self, order: Sequence[CellKey], found: Iterable[Equation]) -> None:
        self.all = tuple(found)
        parts = [part for equation in self.all for part in equation.cells]
        cells, factors = zip(*parts, strict=True) if parts else ((), ())
        self.guarded = frozenset(cells)
        numbers = {cell: number for number, cell in enumerate(order)}
        self._cells = np.fromiter(map(numbers.__getitem__, cells), dtype=np.intp, count=len(parts))
        self._factors = np.fromiter(map(float, factors), dtype=float, count=len(parts))
        self._starts = np.cumsum([0, *(len(equation.cells) for equation in self.all)])[:-1]
        self._slacks = np.floor([float(equation.slack) for equation in self.all])
        self._whole = bool(np.all(self._factors == np.floor(self._factors)))
        self._largest = float(np.abs(self._factors).max(initial=1.0))

    def broken(self, values: Values, now: NDArray[np.float64] | None = None) -> list[Equation]:
        """Those that do not hold, in order. `values` stand in the order in which the cells were given; `now` are the same
        as floating-point numbers, where whoever asks has them.

        Whole numbers are added up as floating-point numbers as long as these are exact; only what has decimals is added
        up one by one.
        """
        if not self.all:
            return []
        numbers = np.fromiter(map(float, values.values()), float, len(values)) if now is None else now
        if not self._whole or not np.abs(numbers).sum() * self._largest < _EXACT:
            return [equation for equation in self.all if not equation.holds(values)]
        sums = np.add.reduceat(numbers[self._cells] * self._factors, self._starts)
        odd = np.logical_or.reduceat((numbers != np.floor(numbers))[self._cells], self._starts)
        return [
            self.all[number]
            for number in np.flatnonzero(odd | (np.abs(sums) > self._slacks))
            if not odd[number] or not self.all[number].holds(values)
        ]
