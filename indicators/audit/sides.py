"""Sums of nodes that figures, strata and rules are made of: shapes of `forms`."""

from __future__ import annotations

from dataclasses import dataclass

Part = tuple[int, int, float]
"""Years to go back, node, coefficient."""


@dataclass(frozen=True, slots=True)
class Side:
    """A sum of nodes. `counted`: a plain count (every coefficient is 1), which can be a small number to keep secret."""

    parts: tuple[Part, ...]

    @property
    def counted(self) -> bool:
        """Is it a number of people (cases, places), not a mean or a balance?"""
        return all(coefficient == 1 for _, _, coefficient in self.parts)


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator at one point. A side is None when it is no sum of counts under protection."""

    indicator: str
    key: str
    multiplier: float
    numerator: Side | None
    denominator: Side | None
    part_of: bool


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of a standardised rate: its share of the standard population, which is public, its cases and its base."""

    weight: float
    cases: Side
    base: Side


@dataclass(frozen=True, slots=True)
class Statement:
    """A rule that every accepted delivery obeys: low <= left - right <= high, from this to that year."""

    parts: tuple[Part, ...]
    low: float
    high: float
    since: int
    until: int
