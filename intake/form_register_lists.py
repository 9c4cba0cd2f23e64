"""The hidden sheet with everything that drop-downs of the register sheets offer, each list under a name of its own."""

from __future__ import annotations

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from intake.form_request import TEXT_MARK
from intake.register_choices import Choices, choices
from schemas.definitions_registers import RecordField
from schemas.framework_model import Framework

LIST_SHEET = "Auswahllisten"


class Lists:
    """Lists for drop-downs, written once each; to be made after the sheets that people see."""

    def __init__(self, framework: Framework, book: xlsxwriter.Workbook, region: str, year: int) -> None:
        self.framework = framework
        self.book = book
        self.region = region
        self.year = year
        self.known: dict[tuple[str, str], Choices | None] = {}
        self.names: dict[tuple[str, str], str] = {}

    def choices(self, entry: RecordField) -> Choices | None:
        """What can be chosen in a field; None where nothing is chosen from a list."""
        key = (entry.type, entry.codelist or "")
        if key not in self.known:
            self.known[key] = choices(self.framework, entry, self.region, self.year)
        return self.known[key]

    def source(self, entry: RecordField) -> str:
        """The source of a drop-down."""
        key = (entry.type, entry.codelist or "")
        self.names.setdefault(key, f"Liste_{entry.codelist or entry.type}")
        return f"={self.names[key]}"

    def write(self, sheet: Worksheet) -> None:
        """Write every list that was asked for and give its range a name."""
        sheet.set_column(0, 0, None, None, {"hidden": True})
        sheet.write_string(0, 0, TEXT_MARK)
        for column, (key, name) in enumerate(self.names.items(), start=1):
            found = self.known[key]
            listed = found.listed if found else ()
            sheet.write_string(0, column, name)
            for row, text in enumerate(listed, start=1):
                sheet.write_string(row, column, text)
            letters = xlsxwriter.utility.xl_col_to_name(column, col_abs=True)
            last = max(len(listed), 1) + 1
            self.book.define_name(name, f"='{LIST_SHEET}'!{letters}$2:{letters}${last}")
        sheet.protect("")
        sheet.hide()
