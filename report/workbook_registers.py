"""The sheets of the registers in the workbook: one with one table per register, codes and references in words."""

from __future__ import annotations

from xlsxwriter.worksheet import Worksheet

from report.record_view import RecordView
from report.workbook_frame import HEAD_ROWS, Sheets, framed_sheet, framed_table, sheet_name
from schemas.definitions_registers import NUMBERS, Register

_WIDTHS = {"long_text": 60.0, "text": 34.0, "codes": 34.0, "refs": 34.0, "url": 40.0}
_NARROW = 18.0


def registers_of(sheets: Sheets) -> list[Register]:
    """Registers with rows of the report year, in the order of the framework."""
    return [entry for code, entry in sheets.report.framework.registers.items() if sheets.report.registers.all(code)]


def register_name(sheets: Sheets, register: Register) -> str:
    """Name of the sheet of a register."""
    return sheet_name(register.sheet if sheets.german() else sheets.t.plain(register))


def register_sheet(sheets: Sheets, register: Register, number: int) -> None:
    """All published rows of the report year, region by region."""
    t, styles, report = sheets.t, sheets.styles, sheets.report
    view = RecordView(t, report)
    fields = [field for field in register.fields_in(report.year) if field.public]
    heads = [t("book.region_code"), t("word.region"), t("book.code"), *(t.plain(field) for field in fields)]
    heads = _told_apart(heads)
    lines = [t.plain(register, "purpose"), t("book.register_year", year=report.year), t("book.register_table")]
    widths = (18.0, 34.0, 12.0, *(_WIDTHS.get(field.type, _NARROW) for field in fields))
    title = t.plain(register)
    sheet = framed_sheet(sheets, register_name(sheets, register), title, lines, widths)
    sheet.write_url(HEAD_ROWS - 1, 0, f"internal:'{t('book.contents')}'!A1", styles.link, t("book.back"))
    names = {place.code: t.place(place) for place in report.registers.places}
    row = HEAD_ROWS
    for entry in report.registers.all(register.code):
        row += 1
        for column, text in enumerate((entry.region, names[entry.region], entry.id)):
            sheet.write_string(row, column, text, styles.text)
        for column, field in enumerate(fields, start=3):
            value = entry.values.get(field.code, "")
            if field.type in NUMBERS and _number(sheet, row, column, value, sheets):
                continue
            text = ", ".join(view.texts(entry, field)) if value else ""
            sheet.write_string(row, column, text or t("book.missing_cell"), styles.wrapped)
    sheet.ignore_errors({"number_stored_as_text": f"A{HEAD_ROWS + 2}:C{row + 1}"})
    framed_table(sheets, sheet, HEAD_ROWS, heads, row - HEAD_ROWS, f"register_{number}", title)


def _number(sheet: Worksheet, row: int, column: int, text: str, sheets: Sheets) -> bool:
    try:
        sheet.write_number(row, column, float(text), sheets.styles.amount if "." in text else sheets.styles.year)
    except ValueError:
        return False
    return True


def _told_apart(heads: list[str]) -> list[str]:
    """A table has no two columns of one name."""
    return [head if heads.index(head) == place else f"{head} ({place + 1})" for place, head in enumerate(heads)]
