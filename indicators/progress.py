"""Is a target within reach? Two published rules, as plain functions over a series.

Weather symbols: rules of the German sustainability strategy (dns-indikatoren.de/status). Growth: ratio of the observed
to the required yearly rate of growth (Open SDG, after Statistics Canada). Growth rates suit neither shares near 0 or 100
percent nor figures whose sign changes: the symbol leads, the ratio stands beside it for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.definitions_targets import SYMBOLS, Direction, Growth, GrowthClass, Kind, Symbol, Weather

_DIGITS = 9
"""Decisions are taken on so many decimals: values are quotients in floating point."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a year. `lower`, `upper`: how far chance alone may have moved it; empty when that is not known."""

    year: int
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """What is asked for: a demand by a year, a demand without a year (to be held), or the direction alone.

    Of an interval the weakest demand counts: its nearer end.
    """

    kind: Kind
    direction: Direction
    demand: float | None = None
    year: int | None = None

    @property
    def sign(self) -> int:
        """1 when more is asked for, -1 when less is."""
        return 1 if self.direction == "at_least" else -1

    def reached_by(self, value: float) -> bool:
        """Does the value fulfil the demand?"""
        return self.demand is not None and round(self.sign * (value - self.demand), _DIGITS) >= 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The symbol and what it follows from: mean change per year, projection to the target year, share of the way that
    will be missed. No symbol where there are too few points."""

    symbol: Symbol | None = None
    mean_change: float | None = None
    projection: float | None = None
    miss: float | None = None


def weather(series: Sequence[Point], aim: Aim, rules: Weather) -> Judgement:
    """The symbol for a series that ends with the newest point. `miss` is a share (0.2 = 20 percent of the way left).

    Mean change: over the last points, per year. A value that is reached before its year, or whose year has come, counts
    like one to be held.
    """
    window = series[-rules.points :]
    if len(window) < rules.fewest:
        return Judgement()
    last = window[-1]
    change = (last.value - window[0].value) / (last.year - window[0].year)
    towards = round(aim.sign * change, _DIGITS)
    if aim.demand is None:
        latest = round(aim.sign * (last.value - window[-2].value), _DIGITS)
        return Judgement(SYMBOLS[(0 if towards > 0 else 2) + (0 if latest > 0 else 1)], change)
    if aim.year is None or aim.year <= last.year:
        return Judgement(_held(aim.reached_by(last.value), towards), change)
    projection = last.value + change * (aim.year - last.year)
    if aim.reached_by(last.value):
        return Judgement(_held(True, towards), change, projection)
    miss = (aim.demand - projection) / (aim.demand - last.value)
    return Judgement(_on_the_way(round(miss, _DIGITS), towards, rules), change, projection, miss)


def _held(reached: bool, towards: float) -> Symbol:
    if reached:
        return "sun" if towards >= 0 else "partly_cloudy"
    return "cloud" if towards > 0 else "thunderstorm"


def _on_the_way(miss: float, towards: float, rules: Weather) -> Symbol:
    if towards <= 0:
        return "thunderstorm"
    if miss < rules.sun_below:
        return "sun"
    return "partly_cloudy" if miss <= rules.partly_cloudy_up_to else "cloud"


def certain(series: Sequence[Point], aim: Aim, rules: Weather) -> bool | None:
    """Would the symbol be the same if the newest value stood at either end of what chance may have done?

    None when the reach of chance is not known.
    """
    last = series[-1]
    if last.lower is None or last.upper is None:
        return None
    moved = (weather([*series[:-1], replace(last, value=end)], aim, rules) for end in (last.lower, last.upper))
    here = weather(series, aim, rules).symbol
    return all(other.symbol == here for other in moved)


@dataclass(frozen=True, slots=True)
class GrowthJudgement:
    """Observed rate of growth per year, its ratio to the required one, and the class of the ratio."""

    rate: float | None = None
    ratio: float | None = None
    category: GrowthClass | None = None


def growth(first: Point, last: Point, aim: Aim, rules: Growth) -> GrowthJudgement:
    """The ratio of growth rates between two years; empty when the years or the signs do not allow one.

    Where the target was reached at the beginning and is missed now there is no required rate: it is a deterioration.
    """
    numbers = [first.value, last.value, *([] if aim.demand is None else [aim.demand])]
    begin, now, *demand = (number if number != 0 else rules.in_place_of_zero for number in numbers)
    one_sign = min(begin, now, *demand) > 0 or max(begin, now, *demand) < 0
    if last.year <= first.year or not one_sign:
        return GrowthJudgement()
    rate = (now / begin) ** (1 / (last.year - first.year)) - 1
    ratio = None
    if demand and aim.year is not None and aim.year > first.year and not aim.reached_by(first.value):
        ratio = rate / ((demand[0] / begin) ** (1 / (aim.year - first.year)) - 1)
    if aim.reached_by(last.value):
        return GrowthJudgement(rate, ratio, "achieved")
    if ratio is not None:
        return GrowthJudgement(rate, ratio, _category(ratio, rules.on_track, rules.acceleration_needed))
    if demand and aim.year is not None:
        return GrowthJudgement(rate, None, "deterioration")
    better = rate * aim.sign * (1 if begin > 0 else -1)
    return GrowthJudgement(rate, None, _category(better, rules.on_track_yearly, rules.acceleration_needed_yearly))


def _category(value: float, high: float, middle: float) -> GrowthClass:
    rounded = round(value, _DIGITS)
    if rounded >= high:
        return "on_track"
    if rounded >= middle:
        return "acceleration_needed"
    return "limited" if rounded >= 0 else "deterioration"


def reach_of_chance(cases: float, base: float | None, share: bool, multiplier: float, z: float) -> tuple[float, float]:
    """How far chance may have moved a figure of `cases` (per `base`), in its unit: the test for small numbers.

    Two Poisson counts x and y differ by more than chance when `|sqrt(x + 3/8) - sqrt(y + 3/8)| * sqrt(2) > z`
    (variance-stabilising transform); solved for y. Of a share the rarer side is looked at.
    """
    size = 1.0 if base is None else base
    rare = min(cases, size - cases) if share else cases
    root, step = (rare + 0.375) ** 0.5, z / 2**0.5
    ends = [max(0.0, max(0.0, root - step) ** 2 - 0.375), (root + step) ** 2 - 0.375]
    if share:
        ends = [min(end, size) for end in ends]
    if share and rare != cases:
        ends = [size - end for end in reversed(ends)]
    return multiplier * ends[0] / size, multiplier * ends[1] / size
