"""A figure of the release: what it tells, and what is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from indicators.protection.forms import Linear
from indicators.protection.naming import Cell

Exact = Fraction | int
"""A whole number where it is one: nearly all are, and are worked with much faster."""
Place = tuple[str, int, str, str]
"""region, year, indicator, member key"""
PROFILE = "profile/"
"""Before the code of a measure of the profile, where an indicator stands otherwise; its row stands as the key."""


class Figure(NamedTuple):
    """A figure that has a value. `sides` are numerator and denominator, or the parts of a figure that is not linear.

    `shown`: no other rule hides it. `value`: true numbers of the sides. `limit`: a hidden figure says that its
    denominator is at most this.
    """

    place: Place
    regions: tuple[str, ...]
    sides: tuple[Linear, ...]
    values: tuple[Exact | None, ...]
    share: bool
    counted: bool
    shown: bool
    cost: float
    limit: int | None = None


def over(side: Linear, regions: tuple[str, ...], year: int) -> Mapping[Cell, Fraction]:
    """A side of a figure over the cells of its regions."""
    return {
        (region, year - lag, variable, key): factor
        for (variable, key, lag), factor in side.items()
        for region in regions
    }
