"""The sheets of the workbook: cover, contents, notes, signs, and one sheet with one table per indicator.

Built for screen readers as well: a title in A1, one header row, a real table, no merged cells, no blank rows, a sign as
text in its cell and in words in the last column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from report.content import IndicatorContent, Report
from report.data_wording import DataWording
from report.numbers import exact
from report.opendata.codelists import member_name
from report.opendata.edition import Edition
from report.opendata.published import contents
from report.places import Place
from report.values import Cell
from report.workbook_styles import TABLE_STYLE, Styles
from schemas.framework_model import Members
from schemas.shapes import TOTAL

_NOTES = 8
_NAME_LIMIT = 31
_TITLE_ROW, _HEAD_ROWS = 0, 5
_TITLE_HEIGHT, _HEAD_HEIGHT = 26, 34


@dataclass(frozen=True)
class Sheets:
    """What every sheet is written with."""

    book: Workbook
    styles: Styles
    report: Report
    edition: Edition
    t: DataWording

    def german(self) -> bool:
        """Is this the German workbook?"""
        return self.t.lang == "de"


def write_sheets(sheets: Sheets) -> None:
    """All sheets in reading order."""
    found = contents(sheets.report)
    names = {content.code: sheet_name(content.code) for content in found}
    _cover(sheets, len(found))
    _contents(sheets, found, names)
    _notes(sheets)
    _signs(sheets)
    for number, content in enumerate(found, start=1):
        _indicator(sheets, content, names[content.code], number)


def sheet_name(code: str) -> str:
    """A code as the name of a sheet."""
    return "".join("_" if sign in "[]:*?/\\'" else sign for sign in code)[:_NAME_LIMIT]


def _sheet(sheets: Sheets, name: str, title: str, lines: Sequence[str], widths: Sequence[float]) -> Worksheet:
    """A sheet with its title in A1 and lines of text below it."""
    sheet: Worksheet = sheets.book.add_worksheet(name)
    sheet.hide_gridlines(2)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width, sheets.styles.text)
    sheet.write_string(_TITLE_ROW, 0, title, sheets.styles.title)
    sheet.set_row(_TITLE_ROW, _TITLE_HEIGHT)
    for row, line in enumerate(lines, start=1):
        sheet.write_string(row, 0, line, sheets.styles.text)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_footer(f"&L{title.replace('&', '&&')[:180]}&R&P / &N")
    return sheet


def _table(
    sheets: Sheets,
    sheet: Worksheet,
    top: int,
    heads: Sequence[str],
    rows: int,
    name: str,
    title: str,
    numeric: range = range(0),
) -> None:
    """Make the written cells a real table with filter, repeated header row and frozen panes."""
    formats = [sheets.styles.figure_head if place in numeric else sheets.styles.head for place in range(len(heads))]
    formats[numeric.stop :] = [sheets.styles.remark_head for _ in formats[numeric.stop :]] if numeric else formats
    columns = [{"header": head, "header_format": each} for head, each in zip(heads, formats, strict=True)]
    options = {
        "name": name,
        "columns": columns,
        "style": TABLE_STYLE,
        "banded_rows": True,
        "first_column": False,
        "title": title[:250],
    }
    sheet.add_table(top, 0, top + max(rows, 1), len(heads) - 1, options)
    sheet.set_row(top, _HEAD_HEIGHT)
    sheet.repeat_rows(top)
    sheet.freeze_panes(top + 1, 0)


def _cover(sheets: Sheets, indicators: int) -> None:
    t, edition = sheets.t, sheets.edition
    title = edition.title_de if sheets.german() else edition.title_en
    sheet = _sheet(sheets, t("book.cover"), title, [t("book.about")], (26, 90))
    for row, (label, text) in enumerate(_facts(sheets, indicators), start=2):
        sheet.write_string(row, 0, label, sheets.styles.heading)
        if text.startswith("http"):
            sheet.write_url(row, 1, text, sheets.styles.link)
        else:
            sheet.write_string(row, 1, text, sheets.styles.wrapped)
    sheet.activate()


def _facts(sheets: Sheets, indicators: int) -> Iterator[tuple[str, str]]:
    t, edition, german = sheets.t, sheets.edition, sheets.german()
    if edition.sample:
        yield t("book.sample"), t("readme.sample")
    yield t("book.sheets"), t("book.sheet_count", n=indicators)
    yield t("book.state"), t.day(edition.created_at)
    yield t("book.framework"), f"{edition.framework} {edition.framework_version}"
    yield t("book.generation"), edition.generation
    if (publication := edition.publication) is None:
        return
    publisher, licence = publication.publisher, publication.licence
    yield t("book.publisher"), publisher.name_de if german else publisher.name_en
    yield t("book.contact"), f"{publisher.contact_de if german else publisher.contact_en}, {publisher.contact_email}"
    yield t("book.licence"), licence.name_de if german else licence.name_en
    yield t("book.licence_text"), licence.url
    yield t("book.attribution"), licence.attribution_de if german else licence.attribution_en


def _contents(sheets: Sheets, found: Sequence[IndicatorContent], names: dict[str, str]) -> None:
    t, styles = sheets.t, sheets.styles
    heads = [t("book.code"), t("book.name"), t("book.field"), t("book.unit_head"), t("book.tier")]
    sheet = _sheet(sheets, t("book.contents"), t("book.contents"), [t("book.contents_lead")], (14, 78, 44, 16, 26))
    rows = [(t("book.notes"), t("book.notes_lead")), (t("book.signs"), t("indicator.see_signs"))]
    for row, (name, text) in enumerate(rows, start=3):
        sheet.write_url(row, 0, f"internal:'{name}'!A1", styles.link, name)
        sheet.write_string(row, 1, text, styles.wrapped)
        for column in (2, 3, 4):
            sheet.write_string(row, column, "–", styles.text)
    for row, content in enumerate(found, start=5):
        entry = content.entry
        sheet.write_url(row, 0, f"internal:'{names[entry.code]}'!A1", styles.link, entry.code)
        sheet.write_string(row, 1, t.plain(entry), styles.wrapped)
        sheet.write_string(row, 2, t.plain(sheets.report.framework.fields[content.field]), styles.wrapped)
        sheet.write_string(row, 3, t.unit(entry.unit), styles.text)
        sheet.write_string(row, 4, t.choice("tier", entry.tier), styles.text)
    _table(sheets, sheet, 2, heads, len(found) + 2, "contents", t("book.contents"))


def _notes(sheets: Sheets) -> None:
    t = sheets.t
    sheet = _sheet(sheets, t("book.notes"), t("book.notes"), [t("book.notes_lead")], (8, 120))
    least = sheets.report.framework.head.confidentiality.suppress_counts_below
    for number in range(1, _NOTES + 1):
        sheet.write_number(2 + number, 0, number, sheets.styles.year)
        sheet.write_string(2 + number, 1, t(f"book.note_{number}", n=least), sheets.styles.wrapped)
    _table(sheets, sheet, 2, ["Nr." if sheets.german() else "No.", t("book.note")], _NOTES, "notes", t("book.notes"))


def _signs(sheets: Sheets) -> None:
    t, german = sheets.t, sheets.german()
    heads = [t("word.sign"), t("book.letter"), t("word.meaning"), t("book.place")]
    sheet = _sheet(sheets, t("book.signs"), t("book.signs"), [t("book.signs_lead")], (14, 14, 76, 26))
    rows = [
        (entry.sign, f"[{entry.letter}]", entry.meaning_de if german else entry.name_en,
         t("book.beside") if entry.has_value else t("book.instead"))
        for entry in sheets.report.framework.statuses.values()
        if entry.sign
    ]  # fmt: skip
    rows.append((t("book.missing_cell"), t("book.missing_cell"), t("book.missing_row"), t("book.instead")))
    for row, cells in enumerate(rows, start=3):
        for column, text in enumerate(cells):
            sheet.write_string(row, column, text, sheets.styles.wrapped)
    _table(sheets, sheet, 2, heads, len(rows), "signs", t("book.signs"))


# --- the sheet of an indicator ------------------------------------------------------------------------------------


def _indicator(sheets: Sheets, content: IndicatorContent, name: str, number: int) -> None:
    t, report, entry = sheets.t, sheets.report, content.entry
    dims = [dim for dim in report.framework.dimension_order if any(dim in dict(point) for point in content.points)]
    years = report.years
    heads = [t("book.region_code"), t("word.region"), *(t.plain(report.framework.dimensions[dim]) for dim in dims)]
    heads += [str(year) for year in years]
    heads += [t("book.numerator", year=report.year), t("book.denominator", year=report.year), t("book.remarks")]
    sources = [t.plain(report.framework.sources[code]) for code in report.framework.indicator_sources(entry.code)]
    unit = t.unit(entry.unit, "long") or t.unit(entry.unit)
    lines = [
        f"{t('book.unit', unit=unit)} {t('book.definition', text=t.plain(entry, 'definition'))}",
        t("book.source", sources="; ".join(sources)),
        t("book.one_table", sheet=t("book.signs")),
    ]
    widths = (18, 34, *(26 for _ in dims), *(10 for _ in years), 14, 14, 60)
    title = f"{entry.code}: {t.plain(entry)}"
    sheet = _sheet(sheets, name, title, lines, widths)
    sheet.write_url(_HEAD_ROWS - 1, 0, f"internal:'{t('book.contents')}'!A1", sheets.styles.link, t("book.back"))
    row = _HEAD_ROWS
    for place, point in _rows(report, content):
        row += 1
        _row(sheets, sheet, row, content, place, point, dims)
    sheet.ignore_errors({"number_stored_as_text": f"A{_HEAD_ROWS + 2}:A{row + 1}"})
    figures = range(2 + len(dims), len(heads) - 1)
    _table(sheets, sheet, _HEAD_ROWS, heads, row - _HEAD_ROWS, f"table_{number}", title, figures)


def _rows(report: Report, content: IndicatorContent) -> Iterator[tuple[Place, Members]]:
    """Every region with every member that has a row in some year; members as declared, others behind them."""
    declared = {point: place for place, point in enumerate(content.points)}
    for place in report.places:
        points = [members for region, members in content.values.cells if region == place.code]
        for members in sorted(points, key=lambda point: (declared.get(point, len(declared)), point)):
            yield place, members


def _row(
    sheets: Sheets,
    sheet: Worksheet,
    row: int,
    content: IndicatorContent,
    place: Place,
    point: Members,
    dims: Sequence[str],
) -> None:
    t, styles, report = sheets.t, sheets.styles, sheets.report
    sheet.write_string(row, 0, place.code, styles.text)
    sheet.write_string(row, 1, t.place(place), styles.text)
    chosen = dict(point)
    column = 2
    for dim in dims:
        sheet.write_string(row, column, member_name(t, dim, chosen.get(dim, TOTAL)), styles.text)
        column += 1
    cells = {year: content.cell(place.code, year, point) for year in report.years}
    for cell in cells.values():
        _value(sheets, sheet, row, column, cell, content.entry.decimals)
        column += 1
    latest = cells[report.year]
    for amount in (latest.numerator, latest.denominator) if latest else (None, None):
        if amount is not None:
            sheet.write_number(row, column, float(exact(amount) or 0), styles.amount)
        else:
            sheet.write_string(row, column, _sign(t, latest), styles.sign)
        column += 1
    sheet.write_string(row, column, _remarks(t, cells), styles.remark)


def _value(sheets: Sheets, sheet: Worksheet, row: int, column: int, cell: Cell | None, decimals: int) -> None:
    if cell is not None and cell.value is not None:
        sheet.write_number(row, column, cell.value, sheets.styles.numbers[decimals])
    else:
        sheet.write_string(row, column, _sign(sheets.t, cell), sheets.styles.sign)


def _sign(t: DataWording, cell: Cell | None) -> str:
    return t("book.missing_cell") if cell is None or not cell.sign else cell.sign


def _remarks(t: DataWording, cells: dict[int, Cell | None]) -> str:
    """`2021, 2023: vorläufig [p]`, one part per status; what has no sign needs no remark."""
    years: dict[tuple[str, str], list[str]] = {}
    for year, cell in cells.items():
        if cell is not None and cell.sign:
            letters = " ".join(status.letter for status in t.behind(cell))
            years.setdefault((t.sign_meaning(cell), letters), []).append(str(year))
    parts = []
    for (meaning, letters), found in years.items():
        parts.append(t("book.remark", years=", ".join(found), status=meaning, letter=letters))
    return "; ".join(parts) or t("book.no_remark")
