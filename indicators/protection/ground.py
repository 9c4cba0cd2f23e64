"""What the forms around a target say of the atoms that may move, as one matrix that all questions about the same blocks share.

Forms that say the same of these atoms, up to the sign, are one row of it: what a region and the Land tell of a block, a count
and its remainder. Of a few thousand forms some hundred rows are left.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from indicators.protection.memory import question
from indicators.protection.problem import Columns, Short, Whole

NO_CAP = np.iinfo(np.int64).max
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
_STEP = 0.02
"""What a step of the last atom costs beside the figures, and half of what one of the first does: less than a step of the
cheapest figure, an eighth of its price. Tables that move few atoms by little serve more targets and hide less for all together;
without it thousands of hidden atoms may move for nothing, and the solver loses itself among tables that are all alike."""


class Ground:
    """`atoms` that may move, `forms` that they are part of; form n says what row `row[n]` says, times `sign[n]`.

    Row n has `places` (of atoms) and `factors` from `starts[n]` on. No row may rise by more than `rise` or fall by more than
    `fall`. `largest`: the largest factor of each row, without its sign.
    """

    def __init__(self, columns: Columns, atoms: Whole, start: Whole, caps: Whole) -> None:
        self.atoms = atoms
        self.forms, starts, places, factors = columns.inside(atoms)
        self.row, self.sign, first = _alike(starts, places, factors, len(atoms))
        sizes = np.diff(starts)[first]
        self.starts: Whole = np.concatenate([[0], np.cumsum(sizes)])
        where = np.repeat(starts[first] - self.starts[:-1], sizes) + np.arange(int(self.starts[-1]))
        self.places: Short = places[where].astype(np.int32)
        self.factors: Numbers = factors[where].astype(np.float64)
        self.size = len(first)
        self.largest = np.maximum.reduceat(np.abs(self.factors), self.starts[:-1]) if self.size else np.empty(0)
        self.rise, self.fall = np.full(self.size, NO_CAP), np.full(self.size, NO_CAP)
        above = self.sign > 0
        np.minimum.at(self.rise, self.row[above], caps[self.forms[above]])
        np.minimum.at(self.fall, self.row[~above], caps[self.forms[~above]])
        self.start = start[atoms]
        self._limits: dict[int, tuple[Whole, Whole, Numbers, Numbers]] = {}
        self._steps: dict[tuple[int, int], tuple[Numbers, Numbers]] = {}

    @cached_property
    def columns(self) -> Short:
        """For each entry the columns in which its atom rises and falls."""
        return np.stack([self.places, self.places + len(self.atoms)], axis=1).astype(np.int32)

    @cached_property
    def signed(self) -> Numbers:
        """For each entry the factors of these columns."""
        return np.stack([self.factors, -self.factors], axis=1)

    @cached_property
    def digest(self) -> bytes:
        """Of what the rows are made of."""
        return question(self.starts, self.places, self.factors)

    def of(self, form: int) -> int:
        """Position of a form, -1 when none of its atoms may move."""
        found = int(np.searchsorted(self.forms, form))
        return found if found < len(self.forms) and self.forms[found] == form else -1

    def steps(self, reach: int, tables: int) -> tuple[Numbers, Numbers]:
        """What a step costs in the columns of atoms, which rise and fall in one table or two, and how far each may go."""
        if (reach, tables) not in self._steps:
            lowest, *_ = self.limits(reach)
            furthest = np.tile(lowest.astype(np.float64), 2 * tables).reshape(-1, len(lowest))
            furthest[::2] = reach
            self._steps[reach, tables] = np.tile(_STEP * np.linspace(2, 1, len(lowest)), 2 * tables), furthest.ravel()
        return self._steps[reach, tables]

    def limits(self, reach: int) -> tuple[Whole, Whole, Numbers, Numbers]:
        """How far each atom may fall when it may rise by `reach`; rows that could go farther than their caps allow then, with
        the least and the most by which they may change."""
        if reach not in self._limits:
            lowest = np.minimum(self.start, reach)
            fall, rise = lowest[self.places] * self.factors, reach * self.factors
            up = np.where(self.factors > 0, rise, -fall)
            down = np.where(self.factors > 0, fall, -rise)
            most, least = (np.add.reduceat(one, self.starts[:-1]) if self.size else np.empty(0) for one in (up, down))
            capped = np.flatnonzero((self.rise < most) | (self.fall < least))
            self._limits[reach] = (
                lowest,
                capped,
                np.maximum(-self.fall[capped].astype(np.float64), -least[capped]),
                np.minimum(self.rise[capped].astype(np.float64), most[capped]),
            )
        return self._limits[reach]


def _alike(starts: Whole, places: Whole, factors: Whole, atoms: int) -> tuple[Whole, Whole, Whole]:
    """For each form the number of its row and its sign there; for each row its first form.

    Told by a sum of random numbers over the atoms; should two forms meet by chance, a proposal fails its check.
    """
    weights = np.random.default_rng(1).integers(1, 1 << 40, atoms)
    sums = np.concatenate([[0], np.cumsum(weights[places] * factors)])
    own = sums[starts[1:]] - sums[starts[:-1]]
    _, first, row = np.unique(np.abs(own), return_index=True, return_inverse=True)
    order = np.argsort(first)
    first, number = first[order], np.empty(len(order), dtype=np.int64)
    number[order] = np.arange(len(order))
    row = number[row]
    return row, np.where(own == own[first[row]], 1, -1), first
