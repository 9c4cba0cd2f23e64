"""What one edition of the release prints, as arrays by region, year and figure; and what follows from it figure by figure.

Differences, ratios and changes are turned back into the values they were made of, a value with a known base into its
numerator: whoever can subtract does the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa

from indicators.audit.forms import Forms
from schemas.framework_model import Framework
from schemas.shapes import TOTAL, member_key

ABSENT, BLANK, COUNTED = 0, 1, 2
"""State of a figure: no row; a row that says there are no counts; a row behind which there are counts, shown or not."""
SECRET_STATUS = "secret"
_COUNTED_WITHOUT_VALUE = (SECRET_STATUS, "unreliable", "not_applicable")
_NUMBERS = ("value", "numerator", "denominator", "lower", "upper", "cases")
_NEAR = 1e-6

Tables = Mapping[str, pa.Table]
"""Published tables by name: `indicator_published`, and as far as there are any `published_<part>`."""


class Index:
    """Places of regions, years and figures in the arrays, the same for every edition."""

    def __init__(self, framework: Framework, forms: Forms, editions: Sequence[Tables]) -> None:
        regions: dict[str, None] = {}
        years: set[int] = set()
        for edition in editions:
            for name in ("indicator_published", "published_profile"):
                if name in edition:
                    regions |= dict.fromkeys(edition[name].column("region").unique().to_pylist())
                    years |= set(edition[name].column("year").unique().to_pylist())
        spans = [year for year in years if year is not None]
        oldest = max((lag for one in forms.figures.values() for lag in _lags(one)), default=0)
        self.years = list(range(min(spans) - oldest, max(spans) + 1)) if spans else []
        for year in self.years:
            for aggregate in framework.territory.aggregates(year):
                if aggregate.code in regions:
                    regions |= dict.fromkeys(aggregate.members)
        self.regions = list(regions)
        self.figures = list(forms.figures)
        self.region = {code: number for number, code in enumerate(self.regions)}
        self.year = {year: number for number, year in enumerate(self.years)}
        self.figure = {key: number for number, key in enumerate(self.figures)}
        self.dims = {dimension: dimension.lower() for dimension in framework.dimension_order}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of regions, years and figures."""
        return len(self.regions), len(self.years), len(self.figures)

    def rows(self, table: pa.Table) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
        """The rows of a table that have a place, with their region, year and figure numbers."""
        frame = table.to_pandas(types_mapper=None)
        figure = self.figures_of(frame)
        region = frame["region"].map(self.region)
        year = frame["year"].map(self.year)
        known = (region.notna() & year.notna() & (figure >= 0)).to_numpy()
        places = (region[known].to_numpy(int), year[known].to_numpy(int), figure[known].astype(int))
        return frame[known], *places

    def figures_of(self, frame: pd.DataFrame, also: Mapping[str, str] | None = None) -> np.ndarray:
        """Figure number of each row, -1 when there is none; `also` sets the member of a dimension to that of a column."""
        columns = {d: (also or {}).get(d, name) for d, name in self.dims.items()}
        names = ["indicator", *dict.fromkeys(columns.values())]
        groups = frame.groupby(names, sort=False, dropna=False)
        numbers = np.full(len(frame), -1)
        for key, places in groups.indices.items():
            found = dict(zip(names, cast("tuple[str, ...]", key), strict=True))
            pairs = [(d, found[name]) for d, name in columns.items()]
            numbers[places] = self.figure.get((found["indicator"], member_key(pairs)), -1)
        return numbers


def _lags(figure: object) -> list[int]:
    sides = (getattr(figure, "numerator", None), getattr(figure, "denominator", None))
    return [lag for side in sides if side for lag, _, _ in side.parts]


@dataclass
class Evidence:
    """One edition: state, value, numerator, denominator (NaN unknown), number of reporting members and whether it is
    marked secret, for each figure.

    `careless` are places of rows that are marked secret and print a number all the same.
    """

    state: np.ndarray
    value: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray
    reported: np.ndarray
    secret: np.ndarray
    careless: list[tuple[int, int, int]]


def read_edition(framework: Framework, forms: Forms, index: Index, tables: Tables) -> Evidence:
    """Everything an edition prints about figures."""
    seen = Evidence(
        state=np.zeros(index.shape, np.int8),
        value=np.full(index.shape, np.nan),
        numerator=np.full(index.shape, np.nan),
        denominator=np.full(index.shape, np.nan),
        reported=np.zeros(index.shape, np.int32),
        secret=np.zeros(index.shape, bool),
        careless=[],
    )
    frame, *place = index.rows(tables["indicator_published"])
    at = tuple(place)
    numbers = {
        name: pd.to_numeric(frame[name], errors="coerce").to_numpy(float) if name in frame else None
        for name in _NUMBERS
    }
    secret = (frame["status"] == SECRET_STATUS).to_numpy()
    for name in ("value", "numerator", "denominator"):
        getattr(seen, name)[at] = numbers[name]
    counted = ~np.isnan(seen.value[at]) | frame["status"].isin(_COUNTED_WITHOUT_VALUE).to_numpy()
    seen.state[at] = np.where(counted, COUNTED, BLANK)
    seen.reported[at] = frame["n_reported"].to_numpy(int)
    seen.secret[at] = secret
    printed = np.any([~np.isnan(given) for given in numbers.values() if given is not None], axis=0) & secret
    seen.careless = [tuple(int(axis[row]) for axis in at) for row in np.flatnonzero(printed)]  # type: ignore[misc]
    for _ in range(2):  # a change leads to a value, the value to another difference
        _from_last(index, tables, seen)
        _from_gaps(framework, index, tables, seen)
        _from_changes(index, tables, seen)
    _from_values(forms, index, seen)
    return seen


def _fill(values: np.ndarray, at: tuple[np.ndarray, ...], found: np.ndarray) -> None:
    """Set what is unknown so far and was found."""
    new = np.isnan(values[at]) & ~np.isnan(found)
    values[tuple(axis[new] for axis in at)] = found[new]


def _from_last(index: Index, tables: Tables, seen: Evidence) -> None:
    table = tables.get("published_last")
    if table is None or not table.num_rows:
        return
    frame, region, _, figure = index.rows(table)
    year = frame["value_year"].map(index.year)
    known = year.notna().to_numpy()
    at = (region[known], year[known].to_numpy(int), figure[known])
    for name in ("value", "numerator", "denominator"):
        _fill(getattr(seen, name), at, pd.to_numeric(frame[name], errors="coerce").to_numpy(float)[known])


def _from_gaps(framework: Framework, index: Index, tables: Tables, seen: Evidence) -> None:
    table = tables.get("published_gap")
    if table is None or not table.num_rows:
        return
    frame, region, year, _ = index.rows(table)
    crude = ~frame["standardised"].fillna(False).to_numpy(bool)
    frame, region, year = frame[crude].reset_index(drop=True), region[crude], year[crude]
    for dimension in {entry.gap.dimension for entry in framework.indicators.values() if entry.gap}:
        mine = frame["indicator"].map(
            {code: e.gap.dimension == dimension for code, e in framework.indicators.items() if e.gap}
        )
        part = mine.fillna(False).to_numpy(bool)
        rows = frame[part]
        first, second = (index.figures_of(rows, {dimension: side}) for side in ("focus", "reference"))
        both = (first >= 0) & (second >= 0)
        here = (region[part][both], year[part][both])
        one, other = (*here, first[both]), (*here, second[both])
        difference = rows["difference"].to_numpy(float)[both]
        ratio = rows["ratio"].to_numpy(float)[both]
        with np.errstate(divide="ignore", invalid="ignore"):
            base = np.where(np.abs(ratio - 1) > _NEAR, difference / (ratio - 1), np.nan)
            _fill(seen.value, other, base)
            _fill(seen.value, one, seen.value[other] + difference)
            _fill(seen.value, other, seen.value[one] - difference)
            _fill(seen.value, one, seen.value[other] * ratio)
            _fill(seen.value, other, np.where(ratio != 0, seen.value[one] / ratio, np.nan))


def _from_changes(index: Index, tables: Tables, seen: Evidence) -> None:
    table = tables.get("published_trend")
    if table is None or not table.num_rows:
        return
    frame, region, year, figure = index.rows(table)
    before = frame["from_year"].map(index.year)
    known = (before.notna() & frame["period"].isin(["year", "five_years"]) & frame["change"].notna()).to_numpy()
    now = (region[known], year[known], figure[known])
    then = (region[known], before[known].to_numpy(int), figure[known])
    change = frame["change"].to_numpy(float)[known]
    _fill(seen.value, now, seen.value[then] + change)
    _fill(seen.value, then, seen.value[now] - change)


def _from_values(forms: Forms, index: Index, seen: Evidence) -> None:
    """A value and its base give the numerator, a value and its numerator the base."""
    multiplier = np.array([forms.figures[key].multiplier for key in index.figures])
    bare = np.array([forms.framework.ratio(code).denominator is None for code, _ in index.figures])
    with np.errstate(divide="ignore", invalid="ignore"):
        numerator = _whole(seen.value * np.where(bare, 1.0, seen.denominator) / multiplier)
        base = _whole(np.where(seen.value != 0, multiplier * seen.numerator / seen.value, np.nan))
    seen.numerator = np.where(np.isnan(seen.numerator), numerator, seen.numerator)
    seen.denominator = np.where(np.isnan(seen.denominator) & ~bare, base, seen.denominator)


def _whole(numbers: np.ndarray) -> np.ndarray:
    """Numbers freed of the last digits of a division: halves of whole numbers where they are as near as that."""
    halves = np.round(2 * numbers) / 2
    return np.where(np.abs(halves - numbers) < _NEAR * np.maximum(1, np.abs(numbers)), halves, numbers)


ProfileRow = tuple[str, int, str, tuple[dict[str, str], ...], float]


def profile_rows(framework: Framework, tables: Tables) -> list[ProfileRow]:
    """Rows of the demographic profile as (region, year, variable, the cells that are added up, their sum): counts, and
    shares of a printed total."""
    table = tables.get("published_profile")
    if table is None or not table.num_rows:
        return []
    measures = {measure.code: measure for measure in framework.profile.measures}
    rows = [row for row in table.to_pylist() if row["value"] is not None and not row["projected"]]
    totals = {
        (row["region"], row["year"], measures[row["measure"]].variable): row["value"]
        for row in rows
        if measures[row["measure"]].figure == "count" and row["member"] == TOTAL
    }
    found = []
    for row in rows:
        measure = measures[row["measure"]]
        total = totals.get((row["region"], row["year"], measure.variable))
        bands = {band.code: band.parts for band in measure.bands}
        count = row["value"] if measure.figure == "count" else None
        if measure.figure == "share" and total is not None:
            count = float(np.round(row["value"] * total / 100))
        if count is not None:
            members = bands.get(row["member"], ()) if measure.dimension else ()
            cells = tuple({measure.dimension or "": member} for member in members) or ({},)
            found.append((row["region"], row["year"], measure.variable, cells, float(count)))
    return found
