"""What the equation system is put together with: rows in the making, and what hangs together."""

from __future__ import annotations

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


def hanging_together(numbers: Whole, one: Whole, other: Whole) -> tuple[Whole, Whole]:
    """The different numbers in order, and of each the first of all that hang together with it by pairs of numbers."""
    names, places = np.unique(np.concatenate([numbers, one, other]), return_inverse=True)
    left, right = np.split(places[len(numbers) :], 2)
    first = np.arange(len(names))
    while len(left):
        least = np.minimum(first[left], first[right])
        for ends in (left, right):
            np.minimum.at(first, first[ends], least)
        while not np.array_equal(first, further := first[first]):
            first = further
        apart = first[left] != first[right]
        left, right = left[apart], right[apart]
    return names, names[first]
