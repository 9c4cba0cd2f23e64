"""Read the cells of one worksheet from its XML, event by event: the general way, which takes whatever XML allows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property

from intake.cells import SEEN, Cell, CellValue, column_number
from intake.display import NumberFormat
from intake.gate import MAX_CELLS, MAX_TEXT
from intake.package_xml import Attributes, LimitBroken, local, unescaped
from intake.reading import under_merges
from intake.sheet_plain import LAST_COLUMN, LAST_ROW, TRUE, PlainCell

MAX_MERGES = 200_000
MAX_CELL_TEXT = 100_000
MAX_TEXTS, MAX_CHARACTERS, MOST_SHARED = 1 << 16, 1 << 23, 1 << 18
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")


class _Texts(dict[str, str]):
    """Texts of workbooks by themselves, so that equal ones are the same; a blank one is the empty text. `characters`: how
    much they hold together."""

    characters = 0

    def __missing__(self, text: str) -> str:
        self.characters += len(text)
        found = self[text] = "" if text.isspace() else text
        return found


_texts = _Texts()
_NUMERALS = tuple(map(str, range(1 << 12)))


@dataclass
class Book:
    """What the sheets share, and how much they hold together."""

    strings: list[str] = field(default_factory=list)
    formats: dict[str, NumberFormat] = field(default_factory=dict)
    from_1904: bool = False
    cells: int = 0
    characters: int = 0

    @cached_property
    def texts(self) -> dict[str, str]:
        """The texts by their number as a cell writes it, blank ones as an empty text; those of other workbooks again."""
        strings = self.strings
        known = _texts
        if sum(map(len, strings)) > MOST_SHARED:
            known = _Texts()
        elif len(known) > MAX_TEXTS or known.characters > MAX_CHARACTERS:
            known.clear()
            known.characters = 0
        numerals = _NUMERALS if len(strings) <= len(_NUMERALS) else map(str, range(len(strings)))
        return dict(zip(numerals, map(known.__getitem__, strings), strict=False))

    def check(self, cells: int, characters: int) -> None:
        """LimitBroken when the sheets hold too much together with what the present one has so far."""
        if cells + self.cells > MAX_CELLS:
            raise LimitBroken("sie hat ungewöhnlich viele Zellen")
        if characters + self.characters > MAX_TEXT:
            raise LimitBroken("sie enthält ungewöhnlich viel Text")

    def add(self, cells: int, characters: int) -> None:
        """Count what a sheet holds; LimitBroken when it is too much."""
        self.check(cells, characters)
        self.cells += cells
        self.characters += characters


class SheetReader:
    """Collects the cells of one sheet while its XML goes by. Written for speed: this runs for every cell."""

    def __init__(self, book: Book, hidden: bool) -> None:
        self.book, self.formats, self.hidden = book, book.formats, hidden
        self.cells: dict[tuple[int, int], Cell] = {}
        self.columns: dict[str, int] = {}
        self.hidden_columns: set[int] = set()
        self.merges: list[tuple[int, int, int, int]] = []
        self.rows_hidden = self.row_hidden = False
        self.row = self.column = self.characters = 0
        self.kind = self.style = self.content = self.row_text = ""
        self.within = self.formula = self.has_value = self.collecting = self.phonetic = self.at_rows = False

    def take_row(self, attributes: Attributes, cells: Iterable[PlainCell]) -> None:
        """A row whose cells were taken apart already."""
        self._begin_row(attributes)
        for _, _, letters, number, style, kind, formula, value, text in cells:
            if value or formula or kind == "e":
                self._place(letters, number)
                self.style, self.kind = style, kind
                self.formula, self.has_value = bool(formula), bool(value)
                self._finish(text)
            else:
                self._place(letters, number)

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            address = attributes.get("r", "")
            letters = address.rstrip("0123456789")
            self._place(letters, address[len(letters) :])
            self.kind, self.style = attributes.get("t", ""), attributes.get("s", "")
            self.within, self.formula, self.has_value = True, False, False
            self.content = ""
        elif tag == "v":
            self.has_value = self.within
            self.collecting = self.within and self.kind != "inlineStr"
        elif tag == "f":
            self.formula = True
        elif tag == "t":
            self.collecting = self.within and not self.phonetic
        elif tag == "row":
            self._begin_row(attributes)
        elif tag == "rPh":
            self.phonetic = True
        elif ":" in tag:
            self.start(local(tag), attributes)
        else:
            self._frame(tag, attributes)

    def end(self, tag: str) -> None:
        if tag == "c":
            self.within = False
            self._finish(self.content)
        elif tag == "v" or tag == "t":
            self.collecting = False
        elif tag == "rPh":
            self.phonetic = False
        elif ":" in tag:
            self.end(local(tag))

    def data(self, text: str) -> None:
        if self.collecting:
            self.content += text
            if len(self.content) > MAX_CELL_TEXT:
                raise LimitBroken("eine Zelle enthält mehr Text, als Excel zulässt")

    def _begin_row(self, attributes: Attributes) -> None:
        self._check()
        self.row = int(attributes.get("r") or self.row + 1)
        self.row_text, self.column = str(self.row), 0
        self.row_hidden = attributes["hidden"] in TRUE if "hidden" in attributes else self.rows_hidden

    def _place(self, letters: str, number: str) -> None:
        """Row and column of a cell by the parts of its address; without an address it follows the one before."""
        column = self.columns.get(letters)
        if not letters and not number:
            column = self.column + 1
        elif column is None:
            column = self.columns[letters] = column_number(letters)
        self.column = column
        if number != self.row_text and (letters or number):
            self.row, self.row_text = int(number), number
        if not (0 < self.row <= LAST_ROW and column <= LAST_COLUMN):
            raise LimitBroken("eine Zelle liegt außerhalb des Tabellenblatts")

    def _frame(self, tag: str, attributes: Attributes) -> None:
        """What stands around the cells: columns, defaults, merged ranges."""
        self.at_rows = tag == "sheetData"
        if tag == "col" and (attributes.get("hidden", "") in TRUE or attributes.get("width") == "0"):
            self.hidden_columns.update(range(int(attributes["min"]), min(int(attributes["max"]), LAST_COLUMN) + 1))
        elif tag == "sheetFormatPr":
            self.rows_hidden = attributes.get("zeroHeight", "") in TRUE
        elif tag == "mergeCell" and (found := _RANGE.fullmatch(attributes.get("ref", ""))):
            self.merges.append((int(found[2]), column_number(found[1]), int(found[4]), column_number(found[3])))
            if len(self.merges) > MAX_MERGES:
                raise LimitBroken("sie hat ungewöhnlich viele verbundene Zellen")

    def _finish(self, content: str) -> None:
        """Turn the text of a cell into its value; cells that hold nothing are left out."""
        row, column, kind = self.row, self.column, self.kind
        hidden = self.hidden or self.row_hidden or column in self.hidden_columns
        shape = self.formats.get(self.style)
        if kind == "e":
            cell = Cell(row, column, None, error=content or "#FEHLER", hidden=hidden)
        elif not content:
            if not self.formula or (kind == "str" and self.has_value):  # a formula may well give an empty text
                return
            cell = Cell(row, column, None, uncalculated=True, hidden=hidden)
        else:
            value = self._value(kind, content)
            if isinstance(value, str):
                if not value or value.isspace():
                    return
                self.characters += len(value)
            cell = Cell._make((row, column, value, *SEEN[hidden]))
            if shape is not None:
                cell = self._shaped(cell, shape)
        self.cells[row, column] = cell

    def _check(self) -> None:
        """The limits, looked at once a row."""
        self.book.check(len(self.cells), self.characters)

    def finished(self) -> dict[tuple[int, int], Cell]:
        """All filled cells by row and column."""
        self.book.add(len(self.cells), self.characters)
        return merged(self.cells, self.merges)

    def _value(self, kind: str, content: str) -> CellValue:
        if kind == "" or kind == "n":
            return number_of(content)
        if kind == "s":
            return self.book.strings[int(content)]
        if kind == "b":
            return content.strip() in TRUE
        return _moment_of(content) if kind == "d" else unescaped(content)

    def _shaped(self, cell: Cell, shape: NumberFormat) -> Cell:
        """The cell as its number format shows it."""
        value = cell.value
        if isinstance(value, str):
            return cell._replace(masked=shape.masked_text)
        if not isinstance(value, float):
            return cell
        if shape.date:
            return cell._replace(value=moment(value, from_1904=self.book.from_1904, duration=shape.duration))
        look = shape.look(value)
        return cell._replace(masked=look.masked, bracketed=look.bracketed, percent=look.percent)


def merged(
    cells: dict[tuple[int, int], Cell], merges: Sequence[tuple[int, int, int, int]]
) -> dict[tuple[int, int], Cell]:
    """The same cells, those marked that a merged range (top, left, bottom, right) covers."""
    for place in under_merges(cells, merges):
        cells[place] = cells[place]._replace(under_merge=True)
    return cells


def number_of(content: str) -> float | str:
    """A number as Excel stores it; anything else stays text, also `nan`, `inf` and `1_000`, which Python would take."""
    try:
        number = float(content)
    except ValueError:
        return content
    return number if "_" not in content and abs(number) < float("inf") else content


def moment(serial: float, *, from_1904: bool, duration: bool) -> date | datetime | time | timedelta | float:
    """The day or time that a serial number stands for; a number that is none, as Excel shows it, stays a number."""
    if not -100_000 < serial < 2_958_466 or (serial < 0 and not duration):
        return serial
    span = timedelta(milliseconds=round(serial * 86_400_000))
    if duration:
        return span
    if serial < 1 and not from_1904:
        return (datetime.min + span).time()
    found = datetime(1904, 1, 1) + span if from_1904 else datetime(1899, 12, 30 if serial >= 60 else 31) + span
    return found.date() if found.time() == time.min else found


def _moment_of(content: str) -> CellValue:
    for read in (date.fromisoformat, datetime.fromisoformat, time.fromisoformat):
        try:
            found = read(content)
        except ValueError:
            continue
        return found if type(found) is date else found.replace(tzinfo=None)  # type: ignore[call-arg]
    return content
