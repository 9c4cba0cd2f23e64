"""Relations between nodes, many at once as columns: low <= sum of factor x node <= high."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from indicators.audit.program import bits, mixed
from indicators.audit.sides import Side

Real = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_EXACT = 1e-6


@dataclass(frozen=True)
class Relations:
    """`low` and `high` by relation; by term the relation it belongs to (`owner`, ascending), factor, region, year, node."""

    low: Real
    high: Real
    owner: Whole
    factor: Real
    region: Whole
    year: Whole
    node: Whole

    @classmethod
    def none(cls) -> Relations:
        """No relation."""
        numbers, places = np.zeros(0), np.zeros(0, np.int64)
        return cls(numbers, numbers, places, numbers, places, places, places)

    @classmethod
    def of_side(
        cls, side: Side, region: Whole, year: Whole, low: Real, high: Real, factor: Real | float = 1.0
    ) -> Relations:
        """One relation for each region and year: the side there, times `factor`."""
        lag, node, coefficient = (np.array(column) for column in zip(*side.parts, strict=True))
        size, parts = len(region), len(side.parts)
        return cls(
            np.asarray(low, float),
            np.asarray(high, float),
            np.repeat(np.arange(size), parts),
            np.outer(np.broadcast_to(factor, size), coefficient).ravel().astype(float),
            np.repeat(np.asarray(region, np.int64), parts),
            np.subtract.outer(np.asarray(year, np.int64), lag).ravel(),
            np.tile(node, size).astype(np.int64),
        )

    @classmethod
    def joined(cls, several: Sequence[Relations]) -> Relations:
        """All of these, one after the other."""
        several = [one for one in several if len(one)]
        if not several:
            return cls.none()
        before = np.cumsum([0, *(len(one) for one in several[:-1])])
        columns = {
            name: np.concatenate([getattr(one, name) for one in several])
            for name in cls.__annotations__
            if name != "owner"
        }
        owner = np.concatenate([one.owner + first for one, first in zip(several, before, strict=True)])
        return cls(owner=owner, **columns)

    def __len__(self) -> int:
        return len(self.low)

    def part(self, chosen: Flags) -> Relations:
        """The chosen relations."""
        number = np.cumsum(chosen) - 1
        mine = chosen[self.owner]
        return Relations(self.low[chosen], self.high[chosen], number[self.owner[mine]], *self._terms(mine))

    def taken(self, numbers: Whole) -> Relations:
        """The relations of these numbers, in their order."""
        starts = self._starts[numbers]
        sizes = self._starts[numbers + 1] - starts
        ends = np.cumsum(sizes)
        mine = np.arange(int(sizes.sum())) + np.repeat(starts - ends + sizes, sizes)
        owner = np.repeat(np.arange(len(numbers)), sizes)
        factor, region, year, node = self.factor[mine], self.region[mine], self.year[mine], self.node[mine]
        return Relations(self.low[numbers], self.high[numbers], owner, factor, region, year, node)

    @cached_property
    def _starts(self) -> Whole:
        """The first term of each relation, and how many terms there are."""
        return np.searchsorted(self.owner, np.arange(len(self) + 1))

    def summed(self, owner: Whole, low: Real, high: Real) -> Relations:
        """The terms under other relations: `owner` says which one each relation now belongs to."""
        home = owner[self.owner]
        order = np.argsort(home, kind="stable")
        factor, region, year, node = self.factor[order], self.region[order], self.year[order], self.node[order]
        return Relations(low, high, home[order], factor, region, year, node)

    def said(self, moment: Whole | None = None) -> npt.NDArray[np.uint64]:
        """What each relation says (of a moment) as a number, whatever the order of its terms: the same number for the same,
        and only by a chance in 2^64 for anything else."""
        ends = mixed(mixed(bits(self.low)) ^ bits(self.high))
        ends = ends if moment is None else mixed(ends ^ bits(moment))
        place = mixed(mixed(mixed(bits(self.region)) ^ bits(self.year)) ^ bits(self.node))
        sums = np.append(np.uint64(0), np.cumsum(mixed(place ^ bits(self.factor))))
        found: npt.NDArray[np.uint64] = ends + np.diff(sums[self._starts])
        return found

    def in_order(self) -> tuple[Relations, Whole]:
        """The relations and their terms in an order that follows from what they say alone, and which of these each one was."""
        terms = np.lexsort((self.factor, self.node, self.year, self.region, self.owner))
        sorted_ = Relations(self.low, self.high, self.owner[terms], *self._terms(terms))
        first = np.minimum(np.searchsorted(self.owner, np.arange(len(self))), max(0, len(terms) - 1))
        keys = (sorted_.region[first], sorted_.year[first], sorted_.node[first]) if len(terms) else ()
        order = np.lexsort((self.said(), self.high, self.low, *reversed(keys)))
        return sorted_.taken(order), order

    def settled(self, nodes: Real) -> tuple[Relations, int]:
        """What is left when known nodes are taken out; one that has a single unknown node settles it (in `nodes`).

        Also returns how many contradict what is known.
        """
        left, contradictions = self, 0
        while True:
            size = len(left)
            values = nodes[left.region, left.year, left.node]
            open_ = np.isnan(values)
            known = np.bincount(left.owner, np.where(open_, 0.0, left.factor * values), size)
            unknown = np.bincount(left.owner[open_], minlength=size)
            low, high = left.low - known, left.high - known
            slack = _EXACT * np.maximum(1, np.abs(known))
            contradictions += int(np.count_nonzero((unknown == 0) & ((low > slack) | (high < -slack))))
            settling = (unknown == 1) & (high - low < _EXACT)
            terms = np.flatnonzero(open_ & settling[left.owner])
            place = (left.region[terms], left.year[terms], left.node[terms])
            first = np.unique(np.ravel_multi_index(place, nodes.shape), return_index=True)[1]
            once = terms[np.sort(first)]
            nodes[left.region[once], left.year[once], left.node[once]] = low[left.owner[once]] / left.factor[once]
            keeping = unknown > 0
            number = np.cumsum(keeping) - 1
            mine = keeping[left.owner] & open_
            left = Relations(low[keeping], high[keeping], number[left.owner[mine]], *left._terms(mine))
            if not len(once):
                return left, contradictions

    def _terms(self, mine: Flags | Whole) -> tuple[Real, Whole, Whole, Whole]:
        return self.factor[mine], self.region[mine], self.year[mine], self.node[mine]


def distinct(rows: Whole) -> tuple[Whole, Whole]:
    """The different rows of a table of numbers that are 0 or more, in order, and which of them each row is."""
    widths = tuple((rows.max(axis=0, initial=0) + 1).tolist())
    keys = np.ravel_multi_index(tuple(rows.T), widths)
    del rows  # the largest of all while a piece is made
    keys, which = np.unique(keys, return_inverse=True)
    return np.stack(np.unravel_index(keys, widths), axis=1), which.ravel()
