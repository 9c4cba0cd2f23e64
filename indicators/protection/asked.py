"""A question in numbers of its own, and the programs that answer it: how to let a target vary most cheaply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indicators.protection.ground import Ground, Numbers
from indicators.protection.memory import question
from indicators.protection.problem import Short, Target, Whole, spans
from indicators.protection.solve import Matrix

_ENDLESS = 1e9


@dataclass(frozen=True)
class Asked:
    """A question about a ground: the target is its row `own`, times `sign`. Rows in `still` may not move, those in `paid` only
    for their `prices`. Every atom has two columns, one in which it rises and one in which it falls."""

    ground: Ground
    target: Target
    two_sided: bool
    own: int
    sign: int
    still: Whole
    paid: Whole
    prices: Numbers

    @property
    def reach(self) -> int:
        """By how much an atom may rise."""
        return 2 * self.target.need

    def digest(self, *, free: bool) -> bytes:
        """Of everything that decides the answer."""
        lowest, capped, least, most = self.ground.limits(self.reach)
        target = (self.target.value, self.target.need, self.two_sided, free, self.own, self.sign)
        own = np.array(target, dtype=np.int64)
        return question(
            np.frombuffer(self.ground.digest, np.uint8),
            own,
            self.still,
            self.paid,
            self.prices,
            capped,
            least,
            most,
            lowest,
        )

    def relaxed(self) -> Matrix:
        """The program without whole numbers. Where one table is asked for, a row that is paid for has a column for what it
        rises and one for what it falls: half the rows of the other form."""
        if self.two_sided:
            return self.switched()
        size = self._size
        reach, most = self._reach()
        columns = size + np.arange(2 * len(self.paid)).reshape(2, -1)
        parts = [reach, *self._kept(0), _Part(self.paid, 0, 0.0, 0.0, (columns.T, np.array([-1.0, 1.0])))]
        price = self.prices / most
        return self._matrix(parts, np.concatenate([price, price]), np.concatenate([most, most]))

    def switched(self) -> Matrix:
        """The program in which every row that is paid for has a switch."""
        reach, most = self._reach()
        parts = [reach]
        columns = (self._size + np.arange(len(self.paid)))[:, None]
        if self.two_sided:
            parts.append(self._range())
        for first in self._firsts:
            parts += self._kept(first)
            parts.append(_Part(self.paid, first, -_ENDLESS, 0.0, (columns, -most[:, None])))
            parts.append(_Part(self.paid, first, 0.0, _ENDLESS, (columns, most[:, None])))
        return self._matrix(parts, self.prices, np.ones(len(self.paid)))

    def unused(self, solution: Numbers) -> Whole:
        """Switches of rows that a solution of the relaxed program leaves as they are."""
        behind = solution[self._size :]
        if not self.two_sided:
            behind = behind.reshape(2, -1).sum(axis=0) / self._reach()[1]
        return self._size + np.flatnonzero(behind < 1e-7)

    # --- rows ------------------------------------------------------------------------------------------------------------

    @property
    def _firsts(self) -> tuple[int, ...]:
        """Where the columns of each table begin."""
        return (0, 2 * len(self.ground.atoms)) if self.two_sided else (0,)

    @property
    def _size(self) -> int:
        """Columns of atoms."""
        return 2 * len(self._firsts) * len(self.ground.atoms)

    def _reach(self) -> tuple[_Part, Numbers]:
        """How far the target has to move; how far each row that is paid for may."""
        least = float(self.target.need - (self.target.value if self.two_sided else 0))
        low, high = (least, _ENDLESS) if self.sign > 0 else (-_ENDLESS, -least)
        return _Part(np.array([self.own]), 0, low, high), self.reach * self.ground.largest[self.paid]

    def _range(self) -> _Part:
        """How far apart both tables have to be: the row of the target in both."""
        inside = slice(self.ground.starts[self.own], self.ground.starts[self.own + 1])
        places, factors = self.ground.places[inside], -self.ground.factors[inside]
        columns = self._firsts[1] + np.concatenate([places, places + len(self.ground.atoms)])
        need = float(self.target.need)
        low, high = (need, _ENDLESS) if self.sign > 0 else (-_ENDLESS, -need)
        further = columns[None, :].astype(np.int64), np.concatenate([factors, -factors])[None, :]
        return _Part(np.array([self.own]), 0, low, high, further)

    def _kept(self, first: int) -> list[_Part]:
        """Rows that may not move, or not as far as they could."""
        _, capped, least, most = self.ground.limits(self.reach)
        return [_Part(capped, first, least, most), _Part(self.still, first, 0.0, 0.0)]

    def _matrix(self, parts: list[_Part], cost: Numbers, high: Numbers) -> Matrix:
        """The whole program: the columns of atoms first, then others with their `cost` and up to `high`."""
        steps, furthest = self.ground.steps(self.reach, len(self._firsts))
        starts, columns, factors = _written(self.ground, parts)
        width = self._size + len(cost)
        return Matrix(
            np.concatenate([steps, cost]),
            np.zeros(width),
            np.concatenate([furthest, high]),
            np.ones(width, dtype=bool),
            starts,
            columns,
            factors,
            _ends([part.low for part in parts], parts),
            _ends([part.high for part in parts], parts),
        )


@dataclass(frozen=True)
class _Part:
    """Rows of a program: some rows of the ground over the columns from `first` on, each with further columns at its end."""

    rows: Whole
    first: int
    low: float | Numbers
    high: float | Numbers
    further: tuple[Whole, Numbers] | None = None


def _ends(ends: list[float | Numbers], parts: list[_Part]) -> Numbers:
    """The lower or upper ends of all rows."""
    found, first = np.empty(sum(len(part.rows) for part in parts)), 0
    for end, part in zip(ends, parts, strict=True):
        found[first : first + len(part.rows)] = end
        first += len(part.rows)
    return found


def _written(ground: Ground, parts: list[_Part]) -> tuple[Whole, Short, Numbers]:
    """Where each row of all parts starts (and the last one ends), columns and factors of all entries."""
    counts = [len(part.rows) for part in parts]
    rows = np.concatenate([part.rows for part in parts])
    begin, end = ground.starts[rows], ground.starts[rows + 1]
    where, sizes = spans(begin, end), 2 * (end - begin)
    behind = np.repeat([0 if part.further is None else part.further[0].shape[1] for part in parts], counts)
    starts: Whole = np.concatenate([[0], np.cumsum(sizes + behind)])
    columns, factors = np.empty(starts[-1], dtype=np.int32), np.empty(starts[-1])
    inside = spans(starts[:-1], starts[:-1] + sizes)
    columns[inside] = ground.columns[where].ravel()
    factors[inside] = ground.signed[where].ravel()
    if any(part.first for part in parts):
        columns[inside] += np.repeat(np.repeat([part.first for part in parts], counts), sizes).astype(np.int32)
    last = np.cumsum(counts)
    for part, stop, count in zip(parts, last.tolist(), counts, strict=True):
        if part.further is not None and count:
            own, weights = part.further
            at = starts[stop - count + 1 : stop + 1, None] - own.shape[1] + np.arange(own.shape[1])
            columns[at], factors[at] = own, weights
    return starts, columns, factors
