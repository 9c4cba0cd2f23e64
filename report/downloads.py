"""CSV files: published values only, with the decimals that the pages show, and the sign where there is none."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from report.content import IndicatorContent, Report
from report.numbers import exact
from report.places import slug
from report.site import Site
from report.values import RATIO_DECIMALS
from schemas.shapes import TOTAL

SAMPLE_NOTE = "Musterdaten / sample data"
_Row = list[object]


def write_downloads(site: Site) -> None:
    """One file per indicator, one with all values, one with all gaps."""
    report = site.report
    contents = [content for e in report.indicators() if (content := report.content(e.code)) is not None]
    head = _value_head(report)
    every: list[_Row] = []
    for content in contents:
        rows = list(_value_rows(report, content))
        site.write(f"daten/{slug(content.code)}.csv", _csv(head, rows))
        every += rows
    site.write("daten/alle-werte.csv", _csv(head, every))
    gaps = [row for content in contents for row in _gap_rows(report, content)]
    site.write("daten/alle-abstaende.csv", _csv(_gap_head(report), gaps))


def _value_head(report: Report) -> list[str]:
    columns = ["unit", "value", "sign", "status", "numerator", "denominator", "n_reported", "n_members", "note"]
    return ["indicator", "region", "region_name", "year", *_dimensions(report), *columns]


def _gap_head(report: Report) -> list[str]:
    columns = ["focus", "reference", "unit", "difference", "ratio", "note"]
    return ["indicator", "region", "region_name", "year", *_dimensions(report), *columns]


def _dimensions(report: Report) -> list[str]:
    return [code.lower() for code in report.framework.dimension_order]


def _value_rows(report: Report, content: IndicatorContent) -> Iterator[_Row]:
    names = {place.code: place.name_de for place in report.places}
    decimals, note = content.entry.decimals, _note(report)
    for (region, members), by_year in sorted(content.values.cells.items()):
        if region not in names:
            continue
        chosen = dict(members)
        spread = [chosen.get(code, TOTAL) for code in report.framework.dimension_order]
        for year, cell in sorted(by_year.items()):
            shown = [_plain(cell.value, decimals), cell.sign, cell.status]
            counts = [_count(cell.numerator), _count(cell.denominator), cell.n_reported, cell.n_members]
            yield [content.code, region, names[region], year, *spread, content.entry.unit, *shown, *counts, note]


def _gap_rows(report: Report, content: IndicatorContent) -> Iterator[_Row]:
    names = {place.code: place.name_de for place in report.places}
    declared = content.entry.gap
    if declared is None:
        return
    for (region, members), by_year in sorted(content.values.gaps.items()):
        if region not in names:
            continue
        chosen = dict(members)
        spread = [chosen.get(code, TOTAL) for code in report.framework.dimension_order]
        for year, gap in sorted(by_year.items()):
            numbers = [_plain(gap.difference, content.entry.decimals), _plain(gap.ratio, RATIO_DECIMALS)]
            sides = [declared.focus, declared.reference, content.entry.unit]
            yield [content.code, region, names[region], year, *spread, *sides, *numbers, _note(report)]


def _note(report: Report) -> str:
    return SAMPLE_NOTE if report.data.sample else ""


def _plain(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _count(value: float | None) -> str:
    return "" if value is None else format(exact(value), "f")


def _csv(head: list[str], rows: list[_Row]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return buffer.getvalue()
