"""The published values of one indicator, keyed for look-up; the last gate before anything is written.

Two things are enforced here a second time, although the snapshot has decided them already: a value whose status says
that it has none is dropped, and a gap is dropped when one of its two groups is hidden (the other would give it away).
Values are rounded to the decimals of the indicator at once, so that no file or coordinate carries more than is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from report.data import as_text, records
from report.numbers import rounded
from schemas.definitions import Indicator
from schemas.framework_model import Framework, Members
from schemas.shapes import TOTAL

RATIO_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """One published value (unit of the indicator, rounded) or the sign in its place. `value` None means hidden.

    lower, upper: limits of its interval, rounded alike. flags: comma-separated codes of the framework.
    """

    value: float | None
    status: str
    sign: str
    reason: str = ""
    numerator: float | None = None
    denominator: float | None = None
    n_reported: int | None = None
    n_members: int | None = None
    lower: float | None = None
    upper: float | None = None
    flags: str = ""


@dataclass(frozen=True, slots=True)
class GapValue:
    """Focus minus reference in the unit of the indicator with its interval, and focus divided by reference."""

    difference: float | None
    ratio: float | None
    status: str
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class IndicatorValues:
    """Cells, gaps and gaps after age standardisation by (region, members) and year."""

    cells: Mapping[tuple[str, Members], Mapping[int, Cell]] = field(default_factory=dict)
    gaps: Mapping[tuple[str, Members], Mapping[int, GapValue]] = field(default_factory=dict)
    standardised: Mapping[tuple[str, Members], Mapping[int, GapValue]] = field(default_factory=dict)

    def cell(self, region: str, members: Members, year: int) -> Cell | None:
        """The cell, None when the snapshot has no row for it."""
        return self.cells.get((region, members), {}).get(year)

    def gap(self, region: str, year: int, members: Members = ()) -> GapValue | None:
        """The gap of a region in a year, None when there is none to show."""
        return self.gaps.get((region, members), {}).get(year)

    def standardised_gap(self, region: str, year: int, members: Members = ()) -> GapValue | None:
        """The gap after age standardisation, None when there is none to show."""
        return self.standardised.get((region, members), {}).get(year)

    def years(self) -> set[int]:
        """Every year with a row."""
        return {year for by_year in self.cells.values() for year in by_year}


def indicator_values(
    framework: Framework,
    indicator: Indicator,
    rows: pd.DataFrame | None,
    gap_rows: pd.DataFrame | None,
    year: int,
    standardised_rows: pd.DataFrame | None = None,
) -> IndicatorValues:
    """Read the rows of one indicator up to the report year; raises ValueError for rows that cannot be shown."""
    cells = read_cells(framework, indicator, rows, year) if rows is not None else {}
    gaps, standardised = (
        _gaps(framework, indicator, each, cells, year) if each is not None and indicator.gap else {}
        for each in (gap_rows, standardised_rows)
    )
    return IndicatorValues(cells, gaps, standardised)


_CELL_COLUMNS = [
    "region",
    "year",
    "value",
    "sign",
    "status",
    "reason",
    "numerator",
    "denominator",
    "n_reported",
    "n_members",
]
_OPTIONAL_COLUMNS = ["lower", "upper", "flags"]


def read_cells(
    framework: Framework, indicator: Indicator, rows: pd.DataFrame, year: int
) -> dict[tuple[str, Members], dict[int, Cell]]:
    """Cells by (region, members) and year up to the report year; raises ValueError for two rows of one cell."""
    cells: dict[tuple[str, Members], dict[int, Cell]] = {}
    keys = as_members(framework, rows)
    rows = rows.assign(**{name: None for name in _OPTIONAL_COLUMNS if name not in rows.columns})
    for members, row in zip(keys, records(rows, _CELL_COLUMNS + _OPTIONAL_COLUMNS), strict=True):
        region, row_year = str(row[0]), int(str(row[1]))
        if row_year > year:
            continue
        by_year = cells.setdefault((region, members), {})
        if row_year in by_year:
            raise ValueError(f"two rows for {region}, {row_year}, {members or TOTAL}")
        by_year[row_year] = _cell(framework, indicator, row[2:])
    return cells


def _cell(framework: Framework, indicator: Indicator, row: tuple[object, ...]) -> Cell:
    value, sign, status = as_number(row[0]), as_text(row[1]), as_text(row[2])
    known = framework.statuses.get(status)
    counted = (_whole(row[6]), _whole(row[7]))
    if value is None or known is None or not known.has_value:
        return Cell(None, status, sign or (known.sign if known else "") or ".", as_text(row[3]), None, None, *counted)
    shown = rounded(value, indicator.decimals)
    lower, upper = (
        None if (limit := as_number(each)) is None else rounded(limit, indicator.decimals) for each in row[8:10]
    )
    reason, flags = as_text(row[3]), as_text(row[10])
    counts = (as_number(row[4]), as_number(row[5]), *counted)
    return Cell(shown, status, sign or known.sign, reason, *counts, lower=lower, upper=upper, flags=flags)


def _gaps(
    framework: Framework,
    indicator: Indicator,
    rows: pd.DataFrame,
    cells: Mapping[tuple[str, Members], Mapping[int, Cell]],
    year: int,
) -> dict[tuple[str, Members], dict[int, GapValue]]:
    gaps: dict[tuple[str, Members], dict[int, GapValue]] = {}
    declared = indicator.gap
    assert declared is not None
    columns = ["region", "year", "focus", "reference", "difference", "ratio", "status", "lower", "upper"]
    rows = rows.assign(**{name: None for name in columns if name not in rows.columns})
    for key, row in zip(as_members(framework, rows), records(rows, columns), strict=True):
        region, row_year = str(row[0]), int(str(row[1]))
        others = tuple(pair for pair in key if pair[0] != declared.dimension)
        pair = (as_text(row[2]), as_text(row[3]))
        if row_year > year or pair != (declared.focus, declared.reference):
            continue
        groups = [_with(framework, others, declared.dimension, member) for member in pair]
        if any(_hidden(cells.get((region, members), {}).get(row_year)) for members in groups):
            continue
        difference, ratio = as_number(row[4]), as_number(row[5])
        gaps.setdefault((region, others), {})[row_year] = GapValue(
            None if difference is None else rounded(difference, indicator.decimals),
            None if ratio is None else rounded(ratio, RATIO_DECIMALS),
            as_text(row[6]),
            *(None if (limit := as_number(each)) is None else rounded(limit, indicator.decimals) for each in row[7:9]),
        )
    return gaps


def _hidden(cell: Cell | None) -> bool:
    return cell is None or cell.value is None


def _with(framework: Framework, others: Members, dimension: str, member: str) -> Members:
    chosen = {**dict(others), dimension: member}
    return tuple((code, chosen[code]) for code in framework.dimension_order if code in chosen)


def as_members(framework: Framework, rows: pd.DataFrame) -> list[Members]:
    """Members of each row that differ from the total, in framework order."""
    dims = framework.dimension_order
    table = records(rows, [code.lower() for code in dims])
    known: dict[tuple[object, ...], Members] = {}  # few combinations, many rows
    for row in table:
        if row not in known:
            pairs = zip(dims, map(as_text, row), strict=True)
            known[row] = tuple((dim, member) for dim, member in pairs if member not in ("", TOTAL))
    return [known[row] for row in table]


def as_number(value: object) -> float | None:
    """A number of a frame, None where it is missing; raises ValueError for an infinite one."""
    number = value if type(value) is float else math.nan if as_text(value) == "" else float(str(value))
    if math.isinf(number):
        raise ValueError("an infinite value cannot be shown")
    return None if math.isnan(number) else number


def _whole(value: object) -> int | None:
    number = as_number(value)
    return None if number is None else int(number)
