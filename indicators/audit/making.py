"""What the equation system is put together with: rows in the making, and which families hang together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from indicators.audit.relations import Flags, Real, Whole


@dataclass
class Made:
    """Rows in the making: by term the row, coefficient and place (version, region, year, atom), by row the ends and whether
    nobody knows if it is true."""

    owner: list[Whole]
    values: list[Real]
    places: list[Whole]
    low: list[Real]
    high: list[Real]
    doubtful: list[Flags]
    size: int = field(default=0)

    def add(self, owner: Whole, values: Real, places: Whole, low: Real, high: Real, doubtful: Flags) -> None:
        """More rows; `owner` counts from 0."""
        self.owner.append(owner + self.size)
        self.values.append(values)
        self.places.append(places)
        self.low.append(low)
        self.high.append(high)
        self.doubtful.append(doubtful)
        self.size += len(low)

    def taken(self) -> Whole:
        """All places; they are given up, as they are the largest part."""
        found = np.concatenate(self.places)
        self.places.clear()
        return found


class Union:
    """Which families hang together."""

    def __init__(self) -> None:
        self.parent: dict[int, int] = {}

    def root(self, one: int) -> int:
        """The family that stands for all that hang together with this one."""
        self.parent.setdefault(one, one)
        while self.parent[one] != one:
            self.parent[one] = self.parent[self.parent[one]]
            one = self.parent[one]
        return one

    def join(self, several: list[int]) -> None:
        """These hang together."""
        first = self.root(several[0])
        for other in several[1:]:
            self.parent[self.root(other)] = first

    def groups(self) -> dict[int, list[int]]:
        """Families by the one that stands for them."""
        found: dict[int, list[int]] = defaultdict(list)
        for one in self.parent:
            found[self.root(one)].append(one)
        return found
