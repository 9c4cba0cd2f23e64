"""What all sheets of the workbook share: title, lines of text, one real table, names of sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from report.content import Report
from report.data_wording import DataWording
from report.opendata.edition import Edition
from report.workbook_styles import TABLE_STYLE, Styles

HEAD_ROWS = 5
"""Row of the header of a table below its title and its lines of text."""
_NAME_LIMIT = 31
_TITLE_ROW = 0
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


def sheet_name(code: str) -> str:
    """A code as the name of a sheet."""
    return "".join("_" if sign in "[]:*?/\\'" else sign for sign in code)[:_NAME_LIMIT]


def framed_sheet(sheets: Sheets, name: str, title: str, lines: Sequence[str], widths: Sequence[float]) -> Worksheet:
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


def framed_table(
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
