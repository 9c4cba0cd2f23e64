"""The register sheets of the delivery workbook: one row an entry, names to choose from, last year's entries filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from intake.form_register_lists import Lists
from intake.form_request import END_MARK, HEAD_MARK, ID_KEY, REGISTER_TABLE, TABLE_MARK, TEXT_MARK, FormRequest
from intake.form_styles import Styles
from intake.register_values import FIRST_DAY, LAST_DAY, LONGEST, LONGEST_TEXT
from schemas.conditions import entries
from schemas.definitions_registers import NUMBERS, REFERRING, SEPARATOR, WHOLE, RecordField, Register
from schemas.framework_model import Framework
from schemas.shapes import Record

FREE_ROWS = 60
_PRINTED_FREE_ROWS = 12
_FIRST_FIELD = 2
_ID_WIDTH = 10
_WIDTHS = {
    "text": 30,
    "long_text": 46,
    "code": 24,
    "codes": 32,
    "date": 12,
    "year": 9,
    "yes_no": 11,
    "ref": 30,
    "refs": 32,
    "url": 34,
    "email": 28,
    "phone": 18,
    "indicator": 34,
    "area": 24,
    "areas": 26,
}
_NUMBER_WIDTH, _PAGE_WIDTH = 13, 230
_NAMED_AT_MOST, _MOST_LINES = 12, 6
_HINT_LIMIT, _TITLE_LIMIT = 255, 32
"""What Excel takes for the hint of a cell and its title."""

_STEPS = (
    "Eine Zeile je Eintrag. Pflichtangaben tragen einen Stern (*). Die Kennung bleibt über die Jahre gleich; bei neuen "
    "Einträgen bleibt sie leer und wird vergeben.",
    "Mehrere Angaben in einer Zelle trennen Sie mit einem Semikolon. Beendetes bleibt mit seinem Enddatum stehen. „intern“ "
    "wird nicht veröffentlicht; nennen Sie nirgends Personen, nur Stellen und Organisationen.",
    "Gibt es keine Einträge, wählen Sie auf dem Deckblatt „Fehlanzeige“.",
)


def first_row(request: FormRequest) -> int:
    """Row (from 0) of the first entry on every register sheet."""
    return 1 + request.sample + 1 + len(_STEPS) + 3


def last_row(request: FormRequest, register: Register) -> int:
    """Row (from 0) of the last line for entries."""
    return first_row(request) + len(request.records.get(register.code, ())) + FREE_ROWS - 1


def write_register(
    framework: Framework, request: FormRequest, register: Register, lists: Lists, styles: Styles, sheet: Worksheet
) -> None:
    """Write the sheet of one register."""
    _RegisterSheet(framework, request, register, lists, styles, sheet).write()


class _RegisterSheet:
    def __init__(
        self,
        framework: Framework,
        request: FormRequest,
        register: Register,
        lists: Lists,
        styles: Styles,
        sheet: Worksheet,
    ) -> None:
        self.framework = framework
        self.request = request
        self.register = register
        self.lists = lists
        self.styles = styles
        self.sheet = sheet
        self.fields = register.fields_in(request.year)
        self.records: Sequence[Record] = request.records.get(register.code, ())
        self.titles = {r.code: _titles(framework, request, r) for r in framework.registers_in(request.year)}
        self.row = 0

    def write(self) -> None:
        self._columns()
        region = self.framework.territory.unit_name(self.request.region)
        self._text(f"{self.register.name_de} – {region}, Berichtsjahr {self.request.year}", self.styles.title)
        if self.request.sample:
            self._text("Musterdaten – keine echten Werte", self.styles.sample)
        self._text(self.register.purpose_de, self.styles.text)
        for step in _STEPS:
            self._text(step, self.styles.hint)
        self._heading()
        top = self.row
        assert top == first_row(self.request)
        for record in self.records:
            self._record(record)
        for _ in range(FREE_ROWS):
            self._record(None)
        self.sheet.write_string(self.row, 0, END_MARK)
        for offset, entry in enumerate(self.fields):
            self._validation(entry, top, _FIRST_FIELD + offset)
        self._page(top)

    def _columns(self) -> None:
        self.sheet.set_column(0, 0, None, None, {"hidden": True})
        self.sheet.set_column(1, 1, _ID_WIDTH)
        for offset, entry in enumerate(self.fields):
            self.sheet.set_column(_FIRST_FIELD + offset, _FIRST_FIELD + offset, _width(entry))
        self.sheet.hide_gridlines(2)

    def _text(self, text: str, style: object) -> None:
        self.sheet.write_string(self.row, 0, TEXT_MARK)
        self.sheet.write_string(self.row, 1, text, style)
        self.row += 1

    def _heading(self) -> None:
        """The hidden row of the keys, then what a field means, then its name."""
        self.sheet.write_string(self.row, 0, f"{TABLE_MARK} {REGISTER_TABLE}{self.register.code}")
        self.sheet.write_string(self.row, 1, ID_KEY)
        for offset, entry in enumerate(self.fields):
            self.sheet.write_string(self.row, _FIRST_FIELD + offset, entry.code)
        self.sheet.set_row(self.row, None, None, {"hidden": True})
        for row in (self.row + 1, self.row + 2):
            self.sheet.write_string(row, 0, HEAD_MARK)
        self.sheet.write_string(self.row + 1, 1, "wird vergeben", self.styles.column_hint)
        self.sheet.write_string(self.row + 2, 1, "Kennung", self.styles.header)
        lines = 1
        for offset, entry in enumerate(self.fields):
            intern = "" if entry.public else " (intern)"
            name = f"{entry.name_de}{' *' if entry.required else ''}{intern}"
            hint = entry.hint_de or " "
            lines = max(lines, -(-len(hint) // int(_width(entry) * 1.3)))
            self.sheet.write_string(self.row + 1, _FIRST_FIELD + offset, hint, self.styles.column_hint)
            self.sheet.write_string(self.row + 2, _FIRST_FIELD + offset, name, self.styles.header)
        self.sheet.set_row(self.row + 1, 11 * min(lines, 7) + 3)
        self.sheet.set_row(self.row + 2, 28)
        self.row += 3

    def _record(self, record: Record | None) -> None:
        if record is None:
            self.sheet.write_blank(self.row, 1, None, self.styles.fixed)
        else:
            self.sheet.write_string(self.row, 1, record.id, self.styles.fixed)
        lines = 1
        for offset, entry in enumerate(self.fields):
            text = record.values.get(entry.code, "") if record else ""
            lines = max(lines, self._put(_FIRST_FIELD + offset, entry, text))
        if lines > 1:  # not every program fits the height of a row to its text
            self.sheet.set_row(self.row, 13.5 * min(lines, _MOST_LINES) + 2)
        self.row += 1

    def _put(self, column: int, entry: RecordField, text: str) -> int:
        """Write a cell; returns how many lines its text takes."""
        style = self._style(entry)
        if not text:
            self.sheet.write_blank(self.row, column, None, style)
        elif entry.type == "date":
            self.sheet.write_datetime(self.row, column, datetime.fromisoformat(text), style)
        elif entry.type in NUMBERS:
            self.sheet.write_number(self.row, column, float(Decimal(text)), style)
        else:
            shown = self._shown(entry, text)
            self.sheet.write_string(self.row, column, shown, style)
            return sum(max(1, -(-len(line) // int(_width(entry) * 1.1))) for line in shown.splitlines())
        return 1

    def _style(self, entry: RecordField) -> object:
        if entry.type == "date":
            return self.styles.entry_date
        if entry.type == "year":
            return self.styles.entry_year
        if entry.type in NUMBERS:
            return self.styles.entry_count if entry.type in WHOLE else self.styles.entry_measure
        return self.styles.answer

    def _shown(self, entry: RecordField, text: str) -> str:
        """The names that people see instead of codes and ids."""
        found = self.lists.choices(entry)
        parts = entries(text) if entry.several else (text,)
        if entry.type in REFERRING:
            known = self.titles.get(entry.refers_to or "", {})
            return "; ".join(known.get(part, part) for part in parts)
        return "; ".join(found.name(part) for part in parts) if found else text

    # --- help while typing ----------------------------------------------------------------------------------------

    def _validation(self, entry: RecordField, top: int, column: int) -> None:
        rule: dict[str, Any] = {"validate": "any"}
        if entry.type in REFERRING and not entry.several:
            rule = self._referring(entry)
        elif not entry.several and self.lists.choices(entry) is not None:
            rule = {"validate": "list", "source": self.lists.source(entry)}
        elif entry.type == "date":
            rule = {"validate": "date", "criteria": "between", "minimum": FIRST_DAY, "maximum": LAST_DAY}
        elif entry.type in NUMBERS:
            low = entry.minimum if entry.minimum is not None else -(10**12)
            high = entry.maximum if entry.maximum is not None else 10**12
            kind = "integer" if entry.type in WHOLE else "decimal"
            rule = {"validate": kind, "criteria": "between", "minimum": low, "maximum": high}
        elif not entry.several and (longest := entry.max_length or LONGEST.get(entry.type, LONGEST_TEXT)):
            rule = {"validate": "length", "criteria": "<=", "value": longest}
        help_text = self._help(entry)
        rule |= {"input_title": entry.name_de[:_TITLE_LIMIT], "input_message": help_text[:_HINT_LIMIT]}
        rule |= {"error_title": "Bitte prüfen", "error_message": _refusal(entry)}
        self.sheet.data_validation(top, column, self.row - 1, column, rule)

    def _referring(self, entry: RecordField) -> dict[str, Any]:
        """The names on the sheet of the other register, new ones included; an id may be typed, too."""
        other = self.framework.registers[entry.refers_to or ""]
        fields = [field.code for field in other.fields_in(self.request.year)]
        if not other.valid_in(self.request.year) or other.title not in fields:
            return {"validate": "any"}
        letters = xl_col_to_name(_FIRST_FIELD + fields.index(other.title), col_abs=True)
        top, end = first_row(self.request) + 1, last_row(self.request, other) + 1
        source = f"='{other.sheet}'!{letters}${top}:{letters}${end}"
        return {"validate": "list", "source": source, "error_type": "warning"}

    def _help(self, entry: RecordField) -> str:
        parts = [entry.hint_de[:1].upper() + entry.hint_de[1:]] if entry.hint_de else []
        if entry.type in REFERRING:
            parts.append("Name oder Kennung eines Eintrags.")
        if entry.several:
            found = self.lists.choices(entry)
            names = list(found.listed) if found and entry.type not in REFERRING else []
            if 0 < len(names) <= _NAMED_AT_MOST:
                parts.append(f"Möglich: {'; '.join(names)}.")
            parts.append("Mehrere mit Semikolon trennen.")
        return " ".join(part if part.endswith((".", "?")) else f"{part}." for part in parts)

    def _page(self, top: int) -> None:
        last_column = _FIRST_FIELD + len(self.fields) - 1
        width = _ID_WIDTH + sum(_width(entry) for entry in self.fields)
        self.sheet.freeze_panes(top, 3 if self.fields[0].code == self.register.title else 2)
        self.sheet.set_landscape()
        self.sheet.set_paper(8 if width > _PAGE_WIDTH / 2 else 9)  # A3 for the wide ones
        self.sheet.fit_to_pages(-(-width // _PAGE_WIDTH), 0)
        self.sheet.repeat_rows(top - 1)
        self.sheet.repeat_columns(1, 2)
        printed = min(self.row, top + len(self.records) + _PRINTED_FREE_ROWS) - 1
        self.sheet.print_area(0, 1, printed, last_column)
        self.sheet.autofilter(top - 1, 1, self.row - 1, last_column)
        allowed = ("format_columns", "format_rows", "insert_rows", "autofilter", "select_locked_cells")
        self.sheet.protect("", dict.fromkeys(allowed, True))


def _width(entry: RecordField) -> int:
    wanted = _WIDTHS.get(entry.type, _NUMBER_WIDTH)
    longest = max((len(word) for word in entry.name_de.split()), default=0)
    return max(wanted, longest + 3)


def _refusal(entry: RecordField) -> str:
    if entry.type == "date":
        return "Bitte ein Datum in der Form TT.MM.JJJJ eintragen."
    if entry.type in NUMBERS:
        low, high = entry.minimum, entry.maximum
        bounds = f" zwischen {low} und {high}" if low is not None and high is not None else ""
        return f"Bitte eine {'ganze ' if entry.type in WHOLE else ''}Zahl{bounds} eintragen."
    if entry.type in ("text", "long_text", "url", "email", "phone"):
        return "Der Text ist zu lang."
    return "Bitte einen Eintrag der Liste wählen oder leer lassen."


def _titles(framework: Framework, request: FormRequest, register: Register, deep: bool = True) -> Mapping[str, str]:
    """How an entry is named where another one refers to it: the id, which stays, and the title, which people read."""
    entry = register.field(register.title)
    names = {record.id: record.values.get(register.title, "") for record in request.records.get(register.code, ())}
    if entry is not None and entry.type in REFERRING and deep:
        others = _titles(framework, request, framework.registers[entry.refers_to or ""], deep=False)
        names = {code: others.get(name, name) for code, name in names.items()}
    return {code: f"{code} {' '.join(name.replace(SEPARATOR, ',').split())}".strip() for code, name in names.items()}
