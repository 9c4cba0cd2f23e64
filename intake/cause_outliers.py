"""Robust comparison of a value with its own past and with what other regions deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log, nan, sqrt
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from intake.cause_cells import Cells
from intake.cause_parts import members_of
from intake.cause_settings import Limits
from intake.rules import CellKey, Known
from schemas.framework_model import Framework
from schemas.known_values import KnownTable, KnownValues

Floats = NDArray[np.float64]
MAD_SCALE = 1.4826
"""Median absolute deviation of a normal distribution to its standard deviation (1 / 0.6745)."""
MEAN_SCALE = 1.2533
"""The same for the mean absolute deviation, the fallback where more than half of the values are equal."""


def _nothing(region: str, year: int) -> Known:
    return {}


def _nobody(region: str, year: int) -> Sequence[Known]:
    return ()


@dataclass(frozen=True)
class History:
    """What is known: accepted values of a region and year, and those of the other regions for the same year."""

    values: Callable[[str, int], Known] = _nothing
    peers: Callable[[str, int], Sequence[Known]] = _nobody


def stabilised(now: float, before: float) -> float:
    """Change of a count on a scale where chance alone is about standard normal, however small the count."""
    return (sqrt(now + 0.375) - sqrt(before + 0.375)) * sqrt(2)


def modified_z(value: float, series: Sequence[float] | Floats, floor: float = 0.0) -> float:
    """0.6745 * (value - median) / MAD, with the mean deviation where the MAD is 0; the spread is `floor` at least."""
    if isinstance(series, np.ndarray):  # thousands of regions
        middle = float(np.median(series))
        far = np.abs(series - middle)
        usual, mean = float(np.median(far)), float(np.mean(far))
    else:  # a few years
        middle = median(series)
        distances = [abs(entry - middle) for entry in series]
        usual, mean = median(distances), fmean(distances)
    spread = max(usual * MAD_SCALE or mean * MEAN_SCALE, floor)
    if spread == 0:
        return 0.0 if value == middle else float("inf")
    return (value - middle) / spread


@dataclass(frozen=True)
class Past:
    """The region's own earlier values by cell, the newest first."""

    limits: Limits
    years: Sequence[Known]

    @classmethod
    def of(cls, limits: Limits, cells: Cells, history: History) -> Past:
        """Look back as many years as the limits ask for."""
        item = cells.item
        earlier = range(2, limits.outlier.past_years + 1)
        years = (item.previous, *(history.values(item.region, item.year - back) for back in earlier))
        return cls(limits, [known for known in years if known])

    def series(self, cell: CellKey) -> list[float]:
        """The earlier values of a cell."""
        found = (known[cell][0] for known in self.years if cell in known)
        return [float(value) for value in found if value is not None]

    def usual(self, cell: CellKey, now: float, before: float | None) -> float | None:
        """The usual value of a cell if the new one is an outlier and also far from last year's, else None."""
        limits = self.limits.outlier
        if before is not None and limits.usual(now, before):
            return None
        series = self.series(cell)
        if len(series) < limits.past_values:
            return None
        middle = median(series)
        floor = max(limits.floor * middle, sqrt(middle + 0.375))
        return middle if abs(modified_z(now, series, floor)) > limits.z else None


@dataclass
class Rates:
    """Shares in the own total, and rates to the size of the region, beside those of other regions.

    How a total is made up differs between regions for good reasons, and slips show in the sums. So only grand totals
    and cells that are part of no sum (`guarded` are the others) are compared.
    """

    framework: Framework
    limits: Limits
    cells: Cells
    history: History
    guarded: frozenset[CellKey] = frozenset()
    _peers: Sequence[Known] | None = field(default=None)
    _together: KnownTable | None = field(default=None)
    _places: Sequence[int] = field(default=())
    _columns: dict[CellKey, Floats] = field(default_factory=dict)

    def unusual(self, cell: CellKey) -> float | None:
        """How many times the usual share or rate a cell is, if that is an outlier and nothing earlier is known."""
        now = self.cells.values.get(cell)
        if now is None or cell in self.cells.before or now == 0 or not self.comparable:
            return None
        base = self._base(cell)
        if base is None:
            return None
        own = _share(float(now), float(self.cells.values[base]))
        shares = self._shares(cell, base)
        if not own or len(shares) < self.limits.peers.regions:
            return None
        middle = float(np.median(shares))
        if middle * float(self.cells.values[base]) < self.limits.peers.minimum:
            return None
        far = abs(modified_z(log(own), np.log(shares), self.limits.peers.floor)) > self.limits.peers.z
        return own / middle if far else None

    @property
    def comparable(self) -> bool:
        """Did enough other regions deliver?"""
        return len(self._others()) >= self.limits.peers.regions

    def _base(self, cell: CellKey) -> CellKey | None:
        """What the cell is a share of: the total of its variable, for a total the size of the region."""
        variable, key = cell
        size = self.limits.size
        dynamic = (self.framework.dimensions[dimension].dynamic for dimension in members_of(key))
        if any(dynamic) or (key and cell in self.guarded):
            return None
        total = (variable, "")
        if key and total in self.cells.values:
            return total
        without = self.framework.variables[variable].source in self.limits.peers.without_sources
        if key or size is None or without or (size.variable, "") not in self.cells.values:
            return None
        return (size.variable, "") if variable != size.variable else None

    def _shares(self, cell: CellKey, base: CellKey) -> Floats:
        """The shares in other regions, where there is one."""
        parts, wholes = self._said(cell), self._said(base)
        some = (parts > 0) & (wholes > 0)
        return parts[some] / wholes[some]

    def _said(self, cell: CellKey) -> Floats:
        """What each other region said of a cell, `nan` where it said none."""
        if cell not in self._columns:
            self._columns[cell] = self._read(cell)
        return self._columns[cell]

    def _read(self, cell: CellKey) -> Floats:
        others = self._others()
        if self._together:
            return self._together.column(cell, self._places)
        values = (known.get(cell, (None, ""))[0] for known in others)
        return np.array([nan if value is None else float(value) for value in values])

    def _others(self) -> Sequence[Known]:
        """The other regions; noted where they were read together, so that a cell of all of them is one column."""
        if self._peers is None:
            self._peers = self.history.peers(self.cells.item.region, self.cells.item.year)
            read = [known for known in self._peers if isinstance(known, KnownValues)]
            self._places = [known.place for known in read if known.place is not None]
            if self._peers and len(self._places) == len(self._peers) and len({id(known.table) for known in read}) == 1:
                self._together = read[0].table
        return self._peers


def _share(part: float, whole: float) -> float:
    return part / whole if part > 0 and whole > 0 else 0.0
