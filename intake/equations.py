"""Linear equations over the cells of a delivery: one, and all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from intake.rule_places import CellKey

Key = TypeVar("Key")
Places = NDArray[np.intp]
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


class Numbers(dict[Key, int]):
    """A number for whatever is asked for, in the order in which that comes."""

    def __missing__(self, asked: Key) -> int:
        number = self[asked] = len(self)
        return number


class Block(NamedTuple):
    """Equations, and the same as columns. For each of them: the number of the set of its `cells`, how many these are, and
    the slack; for each of its cells one after the other: the number, and the factor."""

    equations: tuple[Equation, ...]
    cells: frozenset[CellKey]
    sets: Places
    sizes: Places
    slacks: NDArray[np.float64]
    at: Places
    factors: NDArray[np.float64]


class Stock:
    """Blocks of equations that many deliveries share, with numbers for all their cells."""

    def __init__(self) -> None:
        self.numbers: Numbers[CellKey] = Numbers()
        self._sets: Numbers[frozenset[CellKey]] = Numbers()

    def block(self, found: Iterable[Equation]) -> Block:
        """Equations as columns."""
        equations = tuple(found)
        parts = [part for equation in equations for part in equation.cells]
        cells, factors = zip(*parts, strict=True) if parts else ((), ())
        sets = [self._sets[frozenset(cell for cell, _ in equation.cells)] for equation in equations]
        return Block(
            equations,
            frozenset(cells),
            np.array(sets, np.intp),
            np.array([len(equation.cells) for equation in equations], np.intp),
            np.floor([float(equation.slack) for equation in equations]),
            np.fromiter(map(self.numbers.__getitem__, cells), np.intp, len(parts)),
            np.fromiter(map(float, factors), float, len(parts)),
        )

    def joined(self, blocks: Sequence[Block]) -> Block:
        """Several blocks of this stock as one; of equations over the same cells the first."""
        if not blocks:
            return self.block(())
        equations, cells, *columns = zip(*blocks, strict=True)
        sets, sizes, slacks, at, factors = map(np.concatenate, columns)
        first = np.sort(np.unique(sets, return_index=True)[1])
        kept = np.zeros(len(sets), np.bool_)
        kept[first] = True
        parts = np.repeat(kept, sizes)
        every = [*chain.from_iterable(equations)]
        own = tuple(every[number] for number in first.tolist())
        return Block(
            own, frozenset().union(*cells), sets[first], sizes[first], slacks[first], at[parts], factors[parts]
        )


class Equations:
    """All equations of a delivery, or of many that have values in the same cells: which, not what values."""

    def __init__(self, order: Sequence[CellKey], found: Iterable[Equation] | Block, stock: Stock | None = None) -> None:
        """`found`: equations, or a block of the `stock`."""
        stock = stock or Stock()
        block = found if isinstance(found, Block) else stock.block(found)
        self.all, self.guarded = block.equations, block.cells
        place = np.full(len(stock.numbers), len(order))  # what has no value is looked for in vain
        known = [(stock.numbers[cell], number) for number, cell in enumerate(order) if cell in stock.numbers]
        numbers, places = zip(*known, strict=True) if known else ((), ())
        place[np.array(numbers, np.intp)] = places
        self._cells, self._factors = place[block.at], block.factors
        self._starts = np.cumsum([0, *block.sizes])[:-1]
        self._slacks = block.slacks
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
