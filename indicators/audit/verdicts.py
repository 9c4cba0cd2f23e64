"""What an attacker's interval of a small count means."""

from __future__ import annotations

import math
from dataclasses import dataclass

from indicators.audit.targets import Target

_SLACK = 1e-6
_LARGE = 1e9


@dataclass(frozen=True, slots=True)
class Interval:
    """What an attacker knows of a target: between `lower` and `upper`, both included."""

    target: Target
    lower: float
    upper: float
    verdict: str


OK, EXACT, BELOW, NARROW = "ok", "exact", "below", "narrow"
"""Wide enough; recovered; proved to be small; too narrow."""
BEYOND, MISLED, UNPROVED = "beyond", "misled", "unproved"
"""Finer than any table and limited by a small total, not recovered; outside of what the attacker believes, as after a
correction; no answer of the solver, which counts as recovered."""
HARMLESS = (OK, BEYOND, MISLED)


def judged(target: Target, low: float, high: float) -> Interval:
    """The interval of a target between two ends that need not be whole, with its verdict."""
    lower, upper = max(0.0, _from(low)), _up_to(high)
    return Interval(target, lower, upper, _verdict(target, lower, upper))


def is_wide(target: Target, low: float, high: float) -> bool:
    """Does it reach what is required, and is it as wide?"""
    upper, lower = _up_to(high), max(0.0, _from(low))
    return upper >= target.required and upper - lower >= target.required


def reaches(target: Target, high: float) -> bool:
    """Could the count be as large as is required?"""
    return _up_to(high) >= target.required


def _up_to(number: float) -> float:
    return number if math.isinf(number) or number > _LARGE else float(math.floor(number + _SLACK))


def _from(number: float) -> float:
    return 0.0 if math.isinf(number) else float(math.ceil(number - _SLACK))


def _verdict(target: Target, lower: float, upper: float) -> str:
    if is_wide(target, lower, upper):
        return OK
    if not lower <= target.true <= upper:
        return MISLED
    if lower >= upper:
        return EXACT
    if target.rounded and lower < 1:
        return OK
    if target.beyond:
        return BEYOND
    return BELOW if upper < target.required else NARROW
