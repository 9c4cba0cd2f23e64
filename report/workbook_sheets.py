"""The sheets of the workbook: cover, contents, notes, signs, and one sheet with one table per indicator.

Built for screen readers as well: a title in A1, one header row, a real table, no merged cells, no blank rows, a sign as
text in its cell and in words in the last column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xlsxwriter.worksheet import Worksheet

from report.content import IndicatorContent, Report
from report.data_wording import DataWording
from report.numbers import exact
from report.opendata.codelists import member_name
from report.opendata.published import contents
from report.places import Place
from report.values import Cell
from report.workbook_frame import HEAD_ROWS, Sheets, framed_sheet, framed_table, sheet_name
from report.workbook_registers import register_name, register_sheet, registers_of
from schemas.definitions_registers import Register
from schemas.framework_model import Members
from schemas.shapes import TOTAL

_NOTES = 8


def write_sheets(sheets: Sheets) -> None:
    """All sheets in reading order."""
    found = contents(sheets.report)
    names = {content.code: sheet_name(content.code) for content in found}
    registers = registers_of(sheets)
    _cover(sheets, len(found))
    _contents(sheets, found, names, registers)
    _notes(sheets)
    _signs(sheets)
    for number, content in enumerate(found, start=1):
        _indicator(sheets, content, names[content.code], number)
    for number, register in enumerate(registers, start=1):
        register_sheet(sheets, register, number)


def _cover(sheets: Sheets, indicators: int) -> None:
    t, edition = sheets.t, sheets.edition
    title = edition.title_de if sheets.german() else edition.title_en
    sheet = framed_sheet(sheets, t("book.cover"), title, [t("book.about")], (26, 90))
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


def _contents(
    sheets: Sheets, found: Sequence[IndicatorContent], names: dict[str, str], registers: Sequence[Register]
) -> None:
    t, styles = sheets.t, sheets.styles
    heads = [t("book.code"), t("book.name"), t("book.field"), t("book.unit_head"), t("book.tier")]
    sheet = framed_sheet(
        sheets, t("book.contents"), t("book.contents"), [t("book.contents_lead")], (14, 78, 44, 16, 26)
    )
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
    framework = sheets.report.framework
    for row, register in enumerate(registers, start=5 + len(found)):
        name = register_name(sheets, register)
        sheet.write_url(row, 0, f"internal:'{name}'!A1", styles.link, name)
        sheet.write_string(row, 1, t.plain(register), styles.wrapped)
        sheet.write_string(
            row, 2, t.plain(framework.register_groups[framework.register_group[register.code]]), styles.wrapped
        )
        sheet.write_string(row, 3, "–", styles.text)
        sheet.write_string(row, 4, t("book.register"), styles.text)
    framed_table(sheets, sheet, 2, heads, len(found) + len(registers) + 2, "contents", t("book.contents"))


def _notes(sheets: Sheets) -> None:
    t = sheets.t
    sheet = framed_sheet(sheets, t("book.notes"), t("book.notes"), [t("book.notes_lead")], (8, 120))
    least = sheets.report.framework.head.confidentiality.suppress_counts_below
    for number in range(1, _NOTES + 1):
        sheet.write_number(2 + number, 0, number, sheets.styles.year)
        sheet.write_string(2 + number, 1, t(f"book.note_{number}", n=least), sheets.styles.wrapped)
    framed_table(
        sheets, sheet, 2, ["Nr." if sheets.german() else "No.", t("book.note")], _NOTES, "notes", t("book.notes")
    )


def _signs(sheets: Sheets) -> None:
    t, german = sheets.t, sheets.german()
    heads = [t("word.sign"), t("book.letter"), t("word.meaning"), t("book.place")]
    sheet = framed_sheet(sheets, t("book.signs"), t("book.signs"), [t("book.signs_lead")], (14, 14, 76, 26))
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
    framed_table(sheets, sheet, 2, heads, len(rows), "signs", t("book.signs"))


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
    sheet = framed_sheet(sheets, name, title, lines, widths)
    sheet.write_url(HEAD_ROWS - 1, 0, f"internal:'{t('book.contents')}'!A1", sheets.styles.link, t("book.back"))
    row = HEAD_ROWS
    for place, point in _rows(report, content):
        row += 1
        _row(sheets, sheet, row, content, place, point, dims)
    sheet.ignore_errors({"number_stored_as_text": f"A{HEAD_ROWS + 2}:A{row + 1}"})
    figures = range(2 + len(dims), len(heads) - 1)
    framed_table(sheets, sheet, HEAD_ROWS, heads, row - HEAD_ROWS, f"table_{number}", title, figures)


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
