"""What one edition of the release prints, as arrays by region, year and figure; and what follows from it figure by figure.

Differences, ratios and changes are turned back into the values they were made of, a value with a known base into its
numerator: whoever can subtract does the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.forms import Forms
from indicators.audit.numbering import kinds_of, numbered, real
from schemas.framework_model import Framework
from schemas.shapes import member_key

ABSENT, BLANK, COUNTED = 0, 1, 2
"""State of a figure: no row; a row that says there are no counts; a row behind which there are counts, shown or not."""
SECRET_STATUS = "secret"
_COUNTED_WITHOUT_VALUE = (SECRET_STATUS, "unreliable", "not_applicable")
NUMBERS = ("value", "numerator", "denominator", "lower", "upper", "cases")
_NEAR = 1e-6

_FURTHER = ("value_year", "from_year", "period", "change", "focus", "reference", "difference", "ratio", "standardised")
_PROFILE = ("measure", "member", "projected")
READ = frozenset((*NUMBERS, "region", "year", "indicator", "status", "n_reported", *_FURTHER, *_PROFILE))
"""Columns of published tables that an attacker reads, beside those of the dimensions."""
FIGURE = "figure"
"""Column instead of indicator and members: the number of the figure among those of the framework, none of any other."""
PLACES = "places"
"""Table of the regions and years of an edition, where it has one."""
TOLD_CHANGES = ("year", "five_years")
"""Periods of the changes between two values."""
Tables = Mapping[str, pa.Table]
"""Published tables by name: `indicator_published`, and as far as there are any `published_<part>`; see FIGURE and PLACES."""


class Index:
    """Places of regions, years and figures in the arrays, the same for every edition."""

    def __init__(self, framework: Framework, forms: Forms, editions: Sequence[Tables]) -> None:
        regions: dict[str, None] = {}
        years: set[int] = set()
        for edition in editions:
            published = PLACES if PLACES in edition else "indicator_published"
            for table in (edition.get(name) for name in (published, "published_profile")):
                if table is not None:
                    regions |= dict.fromkeys(table.column("region").unique().to_pylist())
                    years |= set(table.column("year").unique().to_pylist())
        spans = [year for year in years if year is not None]
        oldest = max((lag for one in forms.figures.values() for lag in _lags(one)), default=0)
        self.years = list(range(min(spans) - oldest, max(spans) + 1)) if spans else []
        for year in self.years:
            for aggregate in framework.territory.aggregates(year):
                if aggregate.code in regions:
                    regions |= dict.fromkeys(aggregate.members)
        self.regions = sorted(regions)
        self.figures = list(forms.figures)
        self.region = {code: number for number, code in enumerate(self.regions)}
        self.year = {year: number for number, year in enumerate(self.years)}
        self.figure = {key: number for number, key in enumerate(self.figures)}
        self.dims = {dimension: dimension.lower() for dimension in framework.dimension_order}

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of regions, years and figures."""
        return len(self.regions), len(self.years), len(self.figures)

    def rows(self, table: pa.Table, wanted: Iterable[str]) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
        """The rows of a table that have a place: the wanted columns, as far as there are any, and region, year and figure
        numbers."""
        region, year = numbered(table["region"], self.region), numbered(table["year"], self.year)
        figure = self.figures_of(table)
        known = (region >= 0) & (year >= 0) & (figure >= 0)
        mine = table.select([name for name in table.column_names if name in set(wanted)])
        if known.all():
            return mine, region, year, figure
        return mine.filter(pa.array(known)), region[known], year[known], figure[known]

    def figures_of(self, table: pa.Table, also: Mapping[str, str] | None = None) -> np.ndarray:
        """Figure number of each row, -1 when there is none; `also` sets the member of a dimension to that of a column."""
        if FIGURE in table.column_names:
            return np.asarray(table[FIGURE].fill_null(-1).to_numpy(), np.int64)
        columns = {d: (also or {}).get(d, name) for d, name in self.dims.items()}
        kind, rows = kinds_of(table.select(["indicator", *dict.fromkeys(columns.values())]))
        names = list(columns.values())
        found = []
        for number in range(kind.max(initial=-1) + 1):
            row = rows(number)
            member = dict(zip(dict.fromkeys(names), row[1:], strict=True))
            key = member_key([(d, member[name]) for d, name in columns.items()])
            found.append(self.figure.get((row[0], key), -1))
        numbers: np.ndarray = np.array(found, np.int64)[kind]
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
    standardised: np.ndarray
    """Directly standardised rates, as gaps between them give them back."""
    careless: list[tuple[int, int, int]]

    @classmethod
    def blank(cls, shape: tuple[int, ...]) -> Evidence:
        """An edition that prints nothing."""
        value, numerator, denominator, standardised = (np.full(shape, np.nan) for _ in range(4))
        state, reported, secret = (np.zeros(shape, kind) for kind in (np.int8, np.int32, bool))
        return cls(state, value, numerator, denominator, reported, secret, standardised, [])

    def without(self, regions: Sequence[int]) -> Evidence:
        """A copy that prints nothing of some regions."""
        empty, places = Evidence.blank((len(regions), *self.state.shape[1:])), list(regions)
        names = [name for name in Evidence.__annotations__ if name != "careless"]
        copied = {name: getattr(self, name).copy() for name in names}
        for name, array in copied.items():
            array[places] = getattr(empty, name)
        return Evidence(**copied, careless=[place for place in self.careless if place[0] not in places])


def read_edition(
    framework: Framework, forms: Forms, index: Index, tables: Tables, elsewhere: Evidence | None = None
) -> Evidence:
    """Everything an edition prints about figures; with what it prints `elsewhere`, where that is known."""
    seen = Evidence.blank(index.shape) if elsewhere is None else elsewhere
    rows, *place = index.rows(tables["indicator_published"], [*NUMBERS, "status", "n_reported"])
    at = tuple(place)
    numbers = {name: real(rows[name]) for name in NUMBERS if name in rows.column_names}
    secret = _is_in(rows["status"], [SECRET_STATUS])
    for name in ("value", "numerator", "denominator"):
        getattr(seen, name)[at] = numbers[name]
    counted = ~np.isnan(seen.value[at]) | _is_in(rows["status"], _COUNTED_WITHOUT_VALUE)
    seen.state[at] = np.where(counted, COUNTED, BLANK)
    seen.reported[at] = rows["n_reported"].to_numpy()
    seen.secret[at] = secret
    printed = np.any([~np.isnan(given) for given in numbers.values()], axis=0) & secret
    seen.careless += [tuple(int(axis[row]) for axis in at) for row in np.flatnonzero(printed)]  # type: ignore[misc]
    steps = [
        _from_last(index, tables.get("published_last"), seen),
        *_from_gaps(framework, index, tables.get("published_gap"), seen),
        _from_changes(index, tables.get("published_trend"), seen),
    ]
    for _ in range(2):  # a change leads to a value, the value to another difference
        for step in steps:
            step()
    _from_values(forms, index, seen)
    return seen


def _is_in(column: pa.ChunkedArray, wanted: Iterable[str]) -> np.ndarray:
    return np.asarray(pc.is_in(column, pa.array(list(wanted))).to_numpy(zero_copy_only=False), bool)


def _fill(values: np.ndarray, at: tuple[np.ndarray, ...], found: np.ndarray) -> None:
    """Set what is unknown so far and was found."""
    new = np.isnan(values[at]) & ~np.isnan(found)
    values[tuple(axis[new] for axis in at)] = found[new]


Step = Callable[[], None]
"""Fills in what follows from what is known so far."""


def _from_last(index: Index, table: pa.Table | None, seen: Evidence) -> Step:
    if table is None or not table.num_rows:
        return lambda: None
    rows, region, _, figure = index.rows(table, ["value_year", "value", "numerator", "denominator"])
    year = numbered(rows["value_year"], index.year)
    known = year >= 0
    at = (region[known], year[known], figure[known])
    given = {name: real(rows[name])[known] for name in ("value", "numerator", "denominator")}

    def step() -> None:
        for name, numbers in given.items():
            _fill(getattr(seen, name), at, numbers)

    return step


def _from_gaps(framework: Framework, index: Index, table: pa.Table | None, seen: Evidence) -> Iterator[Step]:
    if table is None or not table.num_rows:
        return
    standardised = pc.fill_null(table["standardised"], False)
    for values, chosen in ((seen.value, pc.invert(standardised)), (seen.standardised, standardised)):
        yield from _between_groups(framework, index, table.filter(chosen), values)


def _between_groups(framework: Framework, index: Index, table: pa.Table, values: np.ndarray) -> Iterator[Step]:
    members = ["indicator", "focus", "reference", *index.dims.values()]
    rows, region, year, _ = index.rows(table, [*members, "difference", "ratio"])
    compared = {code: entry.gap.dimension for code, entry in framework.indicators.items() if entry.gap}
    for dimension in dict.fromkeys(compared.values()):
        part = _is_in(rows["indicator"], (code for code, own in compared.items() if own == dimension))
        mine = rows.filter(pa.array(part))
        first, second = (index.figures_of(mine, {dimension: side}) for side in ("focus", "reference"))
        both = (first >= 0) & (second >= 0)
        here = (region[part][both], year[part][both])
        difference, ratio = (real(mine[name])[both] for name in ("difference", "ratio"))
        yield partial(_from_gap, values, (*here, first[both]), (*here, second[both]), difference, ratio)


At = tuple[np.ndarray, np.ndarray, np.ndarray]


def _from_gap(values: np.ndarray, one: At, other: At, difference: np.ndarray, ratio: np.ndarray) -> None:
    """A difference and a ratio give back both sides, with one of the sides either of them gives the other."""
    with np.errstate(divide="ignore", invalid="ignore"):
        base = np.where(np.abs(ratio - 1) > _NEAR, difference / (ratio - 1), np.nan)
        _fill(values, other, base)
        _fill(values, one, values[other] + difference)
        _fill(values, other, values[one] - difference)
        _fill(values, one, values[other] * ratio)
        _fill(values, other, np.where(ratio != 0, values[one] / ratio, np.nan))


def _from_changes(index: Index, table: pa.Table | None, seen: Evidence) -> Step:
    if table is None or not table.num_rows:
        return lambda: None
    if FIGURE not in table.column_names:  # else these are all there are
        told = pc.and_(pc.is_valid(table["change"]), pc.is_in(table["period"], pa.array(TOLD_CHANGES)))
        columns = ["region", "year", "indicator", *index.dims.values(), "from_year", "change"]
        table = table.select(columns).filter(told)
    rows, region, year, figure = index.rows(table, ["from_year", "change"])
    before = numbered(rows["from_year"], index.year)
    known = before >= 0
    now = (region[known], year[known], figure[known])
    then = (region[known], before[known], figure[known])
    change = real(rows["change"])[known]

    def step() -> None:
        _fill(seen.value, now, seen.value[then] + change)
        _fill(seen.value, then, seen.value[now] - change)

    return step


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
