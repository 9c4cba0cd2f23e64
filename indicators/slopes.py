"""The trend of a series up to each of its years: Theil-Sen slope with Sen's rank interval, for all series at once.

The slope is the median of the slopes of all pairs of years (Theil 1950, Sen 1968). With N slopes and s the standard deviation
of Kendall's S, corrected for values that occur several times (Sen 1968, equation 2.6), the interval runs from the
round((N - z s) / 2)-th to the (round((N + z s) / 2) + 1)-th smallest slope, halves rounded to even, ends held within the list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_TOGETHER = 20_000
"""Windows that are worked out at once: at most 45 slopes each, when the framework looks ten years back."""
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrendRule:
    """From how many values on there is a trend, over how many years it looks back, the quantile of its interval."""

    least: int
    years: int
    z: float


def slope_table(points: pa.Table, rule: TrendRule) -> pa.Table:
    """id, year, stretch, from_year, n_years, slope, lower, upper: for every point (id, year, value, stretch, none of them
    empty, sorted by id and year) the trend up to it, inside its stretch; without a slope where years are too few."""
    names = ("id", "stretch", "year", "value")
    which, stretch, year, value = (points.column(name).to_numpy() for name in names)
    first = _first(which, stretch, year, rule.years)
    size = np.arange(len(year)) - first + 1
    slope, lower, upper = (np.full(len(year), np.nan) for _ in range(3))
    for count in range(max(rule.least, 2), rule.years + 1):
        ends = np.flatnonzero(size == count)
        for some in np.array_split(ends, len(ends) // _TOGETHER + 1):
            place = first[some][:, None] + np.arange(count)
            slope[some], lower[some], upper[some] = _sen(year[place], value[place], rule.z)
    found = {"id": which, "year": year, "stretch": stretch, "from_year": year[first], "n_years": size.astype(np.int32)}
    judged = {"slope": slope, "lower": lower, "upper": upper}
    limits = {name: pa.array(numbers, mask=np.isnan(numbers)) for name, numbers in judged.items()}
    return pa.table({name: pa.array(numbers) for name, numbers in found.items()} | limits)


def _first(which: Ints, stretch: Ints, year: Ints, years: int) -> Ints:
    """Place of the first point of the window of each point."""
    place = np.arange(len(year))
    begins = np.ones(len(year), bool)
    begins[1:] = (which[1:] != which[:-1]) | (stretch[1:] != stretch[:-1])
    own = np.maximum.accumulate(np.where(begins, place, 0))
    first = place.copy()
    for step in range(1, years):
        before = np.maximum(place - step, own)
        first = np.where(year[before] > year - years, np.minimum(first, before), first)
    return first


def _sen(year: Ints, value: Floats, z: float) -> tuple[Floats, Floats, Floats]:
    """Slope and its limits, for each row of years and values."""
    count = year.shape[1]
    one, other = np.triu_indices(count, 1)
    slopes = np.sort((value[:, other] - value[:, one]) / (year[:, other] - year[:, one]), axis=1)
    number = slopes.shape[1]
    low, high = slopes[:, (number - 1) // 2], slopes[:, number // 2]
    reach = z * np.sqrt((count * (count - 1) * (2 * count + 5) - _tied(value)) / 18.0)
    below = np.maximum(np.rint((number - reach) / 2).astype(np.int64), 1) - 1
    above = np.minimum(np.rint((number + reach) / 2).astype(np.int64) + 1, number) - 1
    row = np.arange(len(slopes))
    return low * 0.5 + high * 0.5, slopes[row, below], slopes[row, above]


def _tied(value: Floats) -> Ints:
    """Sum of t (t - 1) (2 t + 5) over the values of each row that occur t times."""
    same = np.diff(np.sort(value, axis=1), axis=1) == 0
    run, found = np.ones(len(value), np.int64), np.zeros(len(value), np.int64)
    for equal in same.T:
        run = np.where(equal, run + 1, 1)
        found += np.where(equal, _weight(run) - _weight(run - 1), 0)
    return found


def _weight(times: Ints) -> Ints:
    return times * (times - 1) * (2 * times + 5)
