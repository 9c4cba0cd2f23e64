"""Derived figures as tables. The frames depend on published values only, which is decided before they get here.

A second gate all the same, as on the pages: a figure is left out where a value that it speaks of is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from report.content import IndicatorContent, Report
from report.data import as_text, records
from report.numbers import exact, quantized
from report.opendata.table import Row, Table, Value, declarations, declared_table, dimension_columns
from report.profile_view import DECIMALS as PROFILE_DECIMALS
from report.values import RATIO_DECIMALS
from schemas.shapes import TOTAL

_RATIO = "ratio"
_COUNTS = ("numerator", "denominator")
_YEARS = ("year", "from_year")


def derived_tables(report: Report) -> list[Table]:
    """The derived frames that have rows, up to the report year, for the regions and indicators of the report."""
    found = []
    for entry in declarations()["derived"]:
        empty = declared_table(report.framework, entry["name"], "derived")
        rows = list(_rows(report, entry, empty))
        if rows:
            found.append(empty.with_rows(rows))
    return found


def _rows(report: Report, entry: Mapping[str, Any], table: Table) -> Iterator[Row]:
    frame: pd.DataFrame = getattr(report.data, entry["frame"])
    if frame.empty:
        return
    present = frame.assign(**{name: None for name in table.names if name not in frame.columns})
    kept = present[_wanted(report, present, table)].sort_values(list(table.key), kind="stable")
    dims = dimension_columns(report.framework)
    years = entry.get("shown", _YEARS)
    for raw in records(kept, list(table.names)):
        row = dict(zip(table.names, raw, strict=True))
        content = report.contents.get(str(row.get("indicator")))
        if content is not None and years and dims[0] in row and not _told(report, content, row, years):
            if "hides" not in entry:
                continue
            row |= dict.fromkeys(entry["hides"])
        decimals = _decimals(report, content, row)
        digits: dict[str, int | None] = {_RATIO: RATIO_DECIMALS, **dict.fromkeys(_COUNTS)}
        yield tuple(
            _cell(column.kind, row[column.name], digits.get(column.name, decimals), column.name in dims)
            for column in table.columns
        )


def _wanted(report: Report, frame: pd.DataFrame, table: Table) -> pd.Series:
    """Rows of the report: its indicators and regions; up to its year, and beyond it what is marked as projected."""
    wanted = pd.Series(True, index=frame.index)
    if "indicator" in table.names:
        wanted &= frame["indicator"].isin({code for code in report.contents if report.content(code) is not None})
    places = {place.code for place in report.places}
    for name in ("region", "scope"):
        if name in table.names:
            wanted &= frame[name].isin(places)
    ahead = frame["projected"].eq(True) if "projected" in table.names else False
    return wanted & ((frame["year"] <= report.year) | ahead)


def _decimals(report: Report, content: IndicatorContent | None, row: Mapping[str, object]) -> int:
    if content is not None:
        return content.entry.decimals
    figures = {measure.code: measure.figure for measure in report.framework.profile.measures}
    return PROFILE_DECIMALS[figures[str(row["measure"])]]


def _told(report: Report, content: IndicatorContent, row: Mapping[str, object], names: Iterable[str]) -> bool:
    """Are the values shown that the figure is made of: both years of a change, both groups of a gap?"""
    members = {code: as_text(row[code.lower()]) or TOTAL for code in report.framework.dimension_order}
    years = [int(float(text)) for name in names if (text := as_text(row.get(name)))]
    gap, sides = content.entry.gap, [as_text(row.get(name)) for name in ("focus", "reference")]
    groups = [{**members, gap.dimension: side} for side in sides if side] if gap else []
    cells = [
        content.cell(str(row["region"]), year, tuple((code, m) for code, m in group.items() if m != TOTAL))
        for group in groups or [members]
        for year in years
    ]
    return all(cell is not None and cell.value is not None for cell in cells)


def _cell(kind: str, value: object, decimals: int | None, dimension: bool) -> Value:
    """A cell with so many decimals, without any a count as it is."""
    text = as_text(value).lower() if isinstance(value, bool) else as_text(value)
    if not text:
        return TOTAL if dimension else None
    if kind == "decimal":
        number = float(text) if Decimal(text).is_finite() else None
        return None if number is None else exact(number) if decimals is None else quantized(number, decimals)
    return int(float(text)) if kind in ("integer", "year") else text
