"""Published values and gaps as tables. They are read from the content of the report, the last gate before the pages."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from report.content import IndicatorContent, Report
from report.numbers import exact, quantized
from report.opendata.table import Row, Table, declared_table
from report.values import RATIO_DECIMALS
from schemas.framework_model import Members
from schemas.shapes import TOTAL

SAMPLE_NOTE = "Musterdaten / sample data"


def contents(report: Report) -> list[IndicatorContent]:
    """Indicators of the report that could be prepared, in the order of the fields."""
    return [found for entry in report.indicators() if (found := report.content(entry.code)) is not None]


def value_tables(report: Report) -> dict[str, Table]:
    """One table per indicator: every published cell of every region, year and member."""
    empty = declared_table(report.framework, "alle-werte")
    return {content.code: empty.with_rows(list(_value_rows(report, content))) for content in contents(report)}


def gap_tables(report: Report) -> dict[str, Table]:
    """One table per indicator that has a gap."""
    empty = declared_table(report.framework, "alle-abstaende")
    return {
        content.code: empty.with_rows(list(_gap_rows(report, content)))
        for content in contents(report)
        if content.entry.gap
    }


def joined(report: Report, name: str, tables: dict[str, Table]) -> Table:
    """All rows of some tables in one."""
    return declared_table(report.framework, name).with_rows([row for table in tables.values() for row in table.rows])


def spread(report: Report, members: Members) -> list[str]:
    """One cell per dimension of the framework."""
    chosen = dict(members)
    return [chosen.get(code, TOTAL) for code in report.framework.dimension_order]


def _value_rows(report: Report, content: IndicatorContent) -> Iterator[Row]:
    names = {place.code: place.name_de for place in report.places}
    decimals, unit, note = content.entry.decimals, content.entry.unit, note_of(report)
    for (region, members), by_year in sorted(content.values.cells.items()):
        if region not in names:
            continue
        dims = spread(report, members)
        for year, cell in sorted(by_year.items()):
            key: Row = (content.code, region, names[region], year, *dims, unit)
            numbers: Row = tuple(_shown(number, decimals) for number in (cell.value, cell.lower, cell.upper))
            parts: Row = (cell.sign or None, cell.status, exact(cell.numerator), exact(cell.denominator))
            yield (*key, *numbers, *parts, cell.n_reported, cell.n_members, cell.flags or None, note)


def _gap_rows(report: Report, content: IndicatorContent) -> Iterator[Row]:
    names = {place.code: place.name_de for place in report.places}
    declared = content.entry.gap
    assert declared is not None
    for (region, members), by_year in sorted(content.values.gaps.items()):
        if region not in names:
            continue
        dims = spread(report, members)
        for year, gap in sorted(by_year.items()):
            key: Row = (content.code, region, names[region], year, *dims)
            sides: Row = (declared.focus, declared.reference, content.entry.unit)
            numbers: Row = (_shown(gap.difference, content.entry.decimals), _shown(gap.ratio, RATIO_DECIMALS))
            yield (*key, *sides, *numbers, note_of(report))


def note_of(report: Report) -> str | None:
    """Marks every row of sample data."""
    return SAMPLE_NOTE if report.data.sample else None


def _shown(value: float | None, decimals: int) -> Decimal | None:
    return None if value is None else quantized(value, decimals)
