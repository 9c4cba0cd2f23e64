"""A question in numbers of its own, and the program that answers it: how to let a target vary most cheaply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indicators.protection.problem import Target, Whole, spans
from indicators.protection.solve import Matrix

_ENDLESS = 1e9
_STEP = 1e-4
"""What a step of an atom costs beside the figures: so little that no figure is chosen for it. Without it thousands of hidden
atoms may move for nothing, and the solver loses itself among tables that are all alike."""


@dataclass(frozen=True)
class Inside:
    """The atoms of some forms that may move: form n has `places` and `factors` from `starts[n]` on.

    Every atom has two columns, one in which it rises and one in which it falls, with opposite factors.
    """

    starts: Whole
    places: Whole
    factors: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """A question in numbers of its own. Of the forms inside `still` may not move, `capped` not above `caps`, and `paid` only
    for their `prices`. `lowest`: how far each atom may fall."""

    target: Target
    two_sided: bool
    own: Inside
    inside: Inside
    still: Whole
    capped: Whole
    caps: Whole
    paid: Whole
    prices: npt.NDArray[np.float64]
    lowest: Whole

    def program(self) -> tuple[Matrix, Whole]:
        """The program and the numbers of its switches."""
        atoms = len(self.lowest)
        firsts = [0, 2 * atoms] if self.two_sided else [0]
        still = _unlike(self.inside, self.still)
        rows = _Rows(self.inside)
        for side, first in enumerate(firsts):
            rows.add(self.capped, side, first, -_ENDLESS, self.caps)
            rows.add(still, 2 + side, first, 0, 0)
        size = 2 * len(firsts) * atoms
        switches = size + np.arange(len(self.paid))
        reach = 2 * self.target.need
        if len(self.paid):
            factors = self.inside.factors
            largest = np.maximum.reduceat(np.abs(factors), np.minimum(self.inside.starts[:-1], len(factors) - 1))
            most = reach * largest[self.paid]
            for side, first in enumerate(firsts):
                rows.add(self.paid, 2 + 2 * side, first, -_ENDLESS, 0, switches, -most)
                rows.add(self.paid, 3 + 2 * side, first, 0, _ENDLESS, switches, most)
        furthest = np.tile(self.lowest, 2 * len(firsts)).reshape(-1, atoms)
        furthest[::2] = reach
        matrix = rows.matrix(
            self._reach(firsts),
            np.concatenate([np.full(size, _STEP), self.prices]),
            np.zeros(size + len(switches)),
            np.concatenate([furthest.ravel(), np.ones(len(switches))]),
        )
        return matrix, switches

    def _reach(self, firsts: list[int]) -> list[tuple[Whole, npt.NDArray[np.float64], float]]:
        """How far the target has to move: columns, factors and the least sum of each row."""
        need, own = float(self.target.need), self.own
        if len(firsts) == 1:
            return [(own.places, own.factors, need)]
        both = np.concatenate([own.places, firsts[1] + own.places])
        factors = np.concatenate([own.factors, -own.factors])
        return [(own.places, own.factors, need - self.target.value), (both, factors, need)]


def _unlike(inside: Inside, forms: Whole) -> Whole:
    """Those of some forms that say something of their own here: what a region and the Land tell of its atoms is the same.

    By a sum of random numbers over the atoms; should two forms meet by chance, a proposal fails its check.
    """
    weights = np.random.default_rng(1).integers(1, 1 << 40, int(inside.places.max(initial=0)) + 1)
    sums = np.concatenate([[0], np.cumsum(weights[inside.places] * inside.factors.astype(np.int64))])
    _, first = np.unique(np.abs(sums[inside.starts[forms + 1]] - sums[inside.starts[forms]]), return_index=True)
    return forms[np.sort(first)]


class _Rows:
    """Rows over forms, gathered kind by kind and written form by form."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.parts: list[tuple[npt.NDArray[np.float64], ...]] = []

    def add(
        self,
        forms: Whole,
        turn: int,
        first: int,
        low: float,
        high: float | Whole,
        switches: Whole | None = None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """A row for each of the forms, the `turn`-th of its form, over the columns from `first` on."""
        size = len(forms)
        columns = (
            forms,
            turn,
            first,
            low,
            high,
            -1 if switches is None else switches,
            0 if weights is None else weights,
        )
        self.parts.append(tuple(np.broadcast_to(np.asarray(one, dtype=float), size) for one in columns))

    def matrix(
        self,
        before: list[tuple[Whole, npt.NDArray[np.float64], float]],
        cost: npt.NDArray[np.float64],
        low: npt.NDArray[np.float64],
        high: npt.NDArray[np.float64],
    ) -> Matrix:
        """The whole program; `before` are rows (columns, factors, least) that come first."""
        forms, turns, firsts, lows, highs, switches, weights = (
            np.concatenate(one) for one in zip(*self.parts, strict=True)
        )
        order = np.lexsort((turns, forms))
        forms, firsts, switches, weights = (one[order] for one in (forms, firsts, switches, weights))
        lows, highs = lows[order], highs[order]
        mine = forms.astype(np.int64)
        begin, end = self.inside.starts[mine], self.inside.starts[mine + 1]
        where = spans(begin, end)
        own = np.repeat(firsts.astype(np.int64), end - begin) + self.inside.places[where]
        switched = np.flatnonzero(switches >= 0)
        behind = np.cumsum(end - begin)[switched]  # a switch stands at the end of its row
        columns = np.insert(own, behind, switches[switched].astype(np.int64))
        factors = np.insert(self.inside.factors[where], behind, weights[switched])
        sizes = [*(len(columns_of) for columns_of, _, _ in before), *(end - begin + (switches >= 0)).tolist()]
        return Matrix(
            cost,
            low,
            high,
            np.ones(len(cost), dtype=bool),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate([*(one for one, _, _ in before), columns]),
            np.concatenate([*(one for _, one, _ in before), factors]),
            np.concatenate([[least for _, _, least in before], lows]),
            np.concatenate([[_ENDLESS] * len(before), highs]),
        )
