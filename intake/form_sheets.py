"""The sheets of the delivery workbook: the entry tables of each field, and the guide with all definitions."""

from __future__ import annotations

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from intake.form_request import (
    BLOCKED,
    END_MARK,
    HEAD_MARK,
    LABEL_KEY,
    NOTE_KEY,
    PREVIOUS_KEY,
    TABLE_MARK,
    TEXT_MARK,
    Entry,
    FormRequest,
    unavailable_at_level,
)
from intake.form_styles import Styles
from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.tables import EntryTable


def write_field(
    framework: Framework,
    request: FormRequest,
    profile: SignProfile,
    styles: Styles,
    sheet: Worksheet,
    tables: list[EntryTable],
) -> None:
    """Write the sheet of one field with its entry tables."""
    name = framework.fields[tables[0].field].name_de
    _FieldSheet(framework, request, profile, styles, sheet).write(name, tables)


class _FieldSheet:
    def __init__(
        self, framework: Framework, request: FormRequest, profile: SignProfile, styles: Styles, sheet: Worksheet
    ) -> None:
        self.framework = framework
        self.request = request
        self.profile = profile
        self.styles = styles
        self.sheet = sheet
        self.row = 0

    def write(self, name: str, tables: list[EntryTable]) -> None:
        self.sheet.set_column(0, 0, None, None, {"hidden": True})
        self.sheet.set_column(1, 1, 52)
        self.sheet.set_column(2, 60, 11)
        self.sheet.hide_gridlines(2)
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)
        region = self.framework.territory.unit_name(self.request.region)
        self._text(f"{name} – {region}, Berichtsjahr {self.request.year}", self.styles.title)
        if self.request.sample:
            self._text("Musterdaten – keine echten Werte", self.styles.sample)
        for table in tables:
            self.row += 1
            self._table(table)
        self.sheet.write_string(self.row, 0, END_MARK)
        self.sheet.freeze_panes(1, 2)
        self.sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})

    def _text(self, text: str, style: object) -> None:
        self.sheet.write_string(self.row, 0, TEXT_MARK)
        self.sheet.write_string(self.row, 1, text, style)
        self.row += 1

    def _table(self, table: EntryTable) -> None:
        first = 2
        note = first + len(table.columns)
        previous = note + 2 if self._known_before(table) else None
        self._text(table.title, self.styles.heading)
        if len(table.variables) == 1:
            self._text(self._explanation(table.variables[0]), self.styles.hint)
        self._key_row(table, first, note, previous)
        self._header(table, first, note, previous)
        start = self.row
        for row, keys in zip(table.rows, table.grid, strict=True):
            self.sheet.write_string(self.row, 0, row.key)
            self.sheet.write_string(self.row, 1, row.label, self.styles.label)
            if len(table.variables) > 1:
                self.sheet.write_comment(self.row, 1, self._explanation(row.variable), {"x_scale": 3, "y_scale": 1.5})
            for offset, (column, key) in enumerate(zip(table.columns, keys, strict=True)):
                self._entry(first + offset, key, optional=column.optional)
                if previous is not None:
                    self._previous(previous + offset, key)
            self.sheet.write_blank(self.row, note, None, self.styles.answer)
            self.row += 1
        self._validation(start, first, self.row - 1, note - 1)

    def _explanation(self, variable: str) -> str:
        entry = self.framework.variables[variable]
        source = self.framework.sources[entry.source].name_de
        return f"{entry.definition_de} Quelle: {source}. Zuständig: {entry.delivered_by}."

    def _known_before(self, table: EntryTable) -> bool:
        return any(key in self.request.previous for _, _, key in table.cells())

    def _key_row(self, table: EntryTable, first: int, note: int, previous: int | None) -> None:
        self.sheet.write_string(self.row, 0, f"{TABLE_MARK} {table.id}")
        self.sheet.write_string(self.row, 1, LABEL_KEY)
        for offset, column in enumerate(table.columns):
            self.sheet.write_string(self.row, first + offset, column.key)
            if previous is not None:
                self.sheet.write_string(self.row, previous + offset, f"{PREVIOUS_KEY} {column.key}")
        self.sheet.write_string(self.row, note, NOTE_KEY)
        self.sheet.set_row(self.row, None, None, {"hidden": True})
        self.row += 1

    def _header(self, table: EntryTable, first: int, note: int, previous: int | None) -> None:
        for level in range(len(table.header_names)):
            last = level == len(table.header_names) - 1
            self.sheet.write_string(self.row, 0, HEAD_MARK)
            self.sheet.write_string(self.row, 1, table.row_name if last else "", self.styles.header)
            for offset, column in enumerate(table.columns):
                self.sheet.write_string(self.row, first + offset, column.labels[level], self.styles.header)
                if previous is not None:
                    self.sheet.write_string(self.row, previous + offset, column.labels[level], self.styles.past_header)
            self.sheet.write_string(self.row, note, "Anmerkung" if last else "", self.styles.header)
            if previous is not None and last:
                self.sheet.write_string(self.row, previous - 1, f"Vorjahr {self.request.year - 1}", self.styles.hint)
            self.sheet.set_row(self.row, 32)
            self.row += 1

    def _entry(self, column: int, key: tuple[str, str] | None, *, optional: bool) -> None:
        if key is None:
            self.sheet.write_string(self.row, column, BLOCKED, self.styles.blocked)
            return
        style = self.styles.optional if optional else self.styles.entry
        value = self.request.values.get(key)
        if value is None and not optional and unavailable_at_level(self.framework, self.request.region, key[0]):
            value = self.sign("not_available_at_level")
        self._put(column, value, style)

    def _previous(self, column: int, key: tuple[str, str] | None) -> None:
        self._put(column, self.request.previous.get(key) if key else None, self.styles.past)

    def _put(self, column: int, value: Entry | None, style: object) -> None:
        if value is None:
            self.sheet.write_blank(self.row, column, None, style)
        elif isinstance(value, str):
            self.sheet.write_string(self.row, column, value, style)
        else:
            self.sheet.write_number(self.row, column, float(value), style)

    def sign(self, status: str) -> str:
        """The sign of a status in the chosen profile."""
        return self.profile.signs[status][0]

    def _validation(self, top: int, left: int, bottom: int, right: int) -> None:
        first = f"{xl_col_to_name(left)}{top + 1}"
        allowed = ",".join(f'{first}="{s}"' for variants in self.profile.signs.values() for s in variants[:1])
        self.sheet.data_validation(
            top,
            left,
            bottom,
            right,
            {
                "validate": "custom",
                "value": f"=IF(ISNUMBER({first}),{first}>=0,OR({allowed}))",
                "ignore_blank": True,
                "error_type": "warning",
                "error_title": "Bitte prüfen",
                "error_message": "Erwartet wird eine Anzahl (ohne Minuszeichen) oder ein Zeichen der Legende auf dem Deckblatt.",
            },
        )


def write_guide(framework: Framework, request: FormRequest, styles: Styles, sheet: Worksheet) -> None:
    """Every variable with definition, source, reference period and who delivers it."""
    titles = ("Feld", "Angabe", "Definition", "Quelle", "Stichtag oder Zeitraum", "Zuständig", "Verwendet für")
    for column, (title, width) in enumerate(zip(titles, (24, 44, 70, 40, 36, 28, 40), strict=True)):
        sheet.set_column(column + 1, column + 1, width)
        sheet.write_string(0, column + 1, title, styles.header)
    sheet.set_column(0, 0, None, None, {"hidden": True})
    sheet.write_string(0, 0, TEXT_MARK)
    row = 1
    for code, entry in framework.fields.items():
        for variable in framework.variables_of(code, request.year):
            uses = ", ".join(framework.indicators[used].name_de for used in framework.used_by(variable.code))
            texts = (
                entry.name_de,
                variable.name_de,
                variable.definition_de,
                framework.sources[variable.source].name_de,
                framework.periods[variable.period].name_de,
                variable.delivered_by,
                uses or "Prüfregeln",
            )
            sheet.write_string(row, 0, TEXT_MARK)
            for column, text in enumerate(texts):
                sheet.write_string(row, column + 1, text, styles.text)
            row += 1
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})
