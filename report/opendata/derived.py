"""Derived figures as tables. The frames depend on published values only, which is decided before they get here.

A second gate all the same, as on the pages: a figure is left out where a value that it speaks of is hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from report.content import IndicatorContent, Report
from report.data import as_text, records
from report.numbers import quantized
from report.opendata.table import Row, Table, Value, declarations, declared_table, dimension_columns
from report.values import RATIO_DECIMALS
from schemas.shapes import TOTAL

_RATIO = "ratio"


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
    wanted = {content for content in report.contents if report.content(content) is not None}
    regions = {place.code for place in report.places}
    present = frame.assign(**{name: None for name in table.names if name not in frame.columns})
    kept = present[
        present["indicator"].isin(wanted) & present["region"].isin(regions) & (present["year"] <= report.year)
    ]
    kept = kept.sort_values(list(table.key), kind="stable")
    dims = dimension_columns(report.framework)
    for raw in records(kept, list(table.names)):
        row = dict(zip(table.names, raw, strict=True))
        content = report.contents[str(row["indicator"])]
        if dims[0] in row and not _told(report, content, row):
            continue
        decimals = content.entry.decimals
        yield tuple(
            _cell(
                column.kind,
                row[column.name],
                RATIO_DECIMALS if column.name == _RATIO else decimals,
                column.name in dims,
            )
            for column in table.columns
        )


def _told(report: Report, content: IndicatorContent, row: Mapping[str, object]) -> bool:
    """Are the values shown that the figure is made of: both years of a change, both groups of a gap?"""
    members = {code: as_text(row[code.lower()]) or TOTAL for code in report.framework.dimension_order}
    years = [int(float(text)) for name in ("year", "from_year") if (text := as_text(row.get(name)))]
    gap, sides = content.entry.gap, [as_text(row.get(name)) for name in ("focus", "reference")]
    groups = [{**members, gap.dimension: side} for side in sides if side] if gap else []
    cells = [
        content.cell(str(row["region"]), year, tuple((code, m) for code, m in group.items() if m != TOTAL))
        for group in groups or [members]
        for year in years
    ]
    return all(cell is not None and cell.value is not None for cell in cells)


def _cell(kind: str, value: object, decimals: int, dimension: bool) -> Value:
    text = as_text(value)
    if not text:
        return TOTAL if dimension else None
    if kind == "decimal":
        return quantized(float(text), decimals) if Decimal(text).is_finite() else None
    return int(float(text)) if kind in ("integer", "year") else text
