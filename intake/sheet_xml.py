"""Read an Office Open XML workbook (xlsx, xlsm; transitional and strict) from its own XML, cell by cell.

What a sender sees is only in here: number formats that hide a value, hidden rows and columns, merged ranges, error
values, formulas that were never calculated. The reader is sparse (a cell in the last row costs one cell) and streams.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from xml.parsers import expat

from intake.display import NumberFormat
from intake.gate import MAX_CELLS, MAX_SHEETS, MAX_TEXT, broken, refused
from intake.package_xml import (
    Attributes,
    LimitBroken,
    Package,
    local,
    parse,
    parser,
    read_formats,
    shared_strings,
    unescaped,
)
from intake.reading import Cell, CellValue, Sheet, Workbook, column_number, under_merges
from intake.sheet_plain import CLOSE, MAX_BYTES, OPEN, PlainCell, plain_rows

LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
MAX_MERGES = 200_000
MAX_CELL_TEXT = 100_000
_TRUE = ("1", "true", "on")
_SEEN = {hidden: Cell(0, 0, None, hidden=hidden)[3:] for hidden in (False, True)}
"""What an ordinary cell says beside its place and value."""
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")


@dataclass
class _Book:
    """What the sheets share, and how much they hold together."""

    strings: list[str] = field(default_factory=list)
    formats: dict[str, NumberFormat] = field(default_factory=dict)
    from_1904: bool = False
    cells: int = 0
    characters: int = 0


def read_xlsx(path: Path, most: int | None = None) -> Workbook:
    """Every worksheet, or the first ones, of a workbook that has passed the gate; raises UnreadableFile."""
    try:
        with zipfile.ZipFile(path) as archive:
            sheets = tuple(islice(_sheets(Package(archive)), most))
    except LimitBroken as error:
        raise refused(path, str(error)) from error
    except (expat.ExpatError, zipfile.BadZipFile, KeyError, ValueError, IndexError, OverflowError) as error:
        raise broken(path, "ihr Inhalt ist beschädigt") from error
    if not sheets:
        raise broken(path, "sie enthält kein Tabellenblatt")
    return Workbook(path.name, sheets)


def _sheets(package: Package) -> Iterator[Sheet]:
    main = next((target for kind, target in package.relations("").values() if kind == "officeDocument"), "")
    main = main if package.has(main) else "xl/workbook.xml"
    book, listed = _Book(), list[Attributes]()

    def start(tag: str, attributes: Attributes) -> None:
        name = local(tag)
        if name == "sheet":
            listed.append({local(key): value for key, value in attributes.items()})
        elif name == "workbookPr":
            book.from_1904 = attributes.get("date1904", "") in _TRUE

    parse(package.open(main), start)
    if len(listed) > MAX_SHEETS:
        raise LimitBroken(f"sie hat mehr als {MAX_SHEETS} Tabellenblätter")
    relations = package.relations(main)
    for kind, target in relations.values():
        if kind == "sharedStrings" and package.has(target):
            book.strings = shared_strings(package.open(target))
        elif kind == "styles" and package.has(target):
            book.formats = read_formats(package.open(target))
    for entry in listed:
        kind, target = relations[entry["id"]]
        if kind == "worksheet":
            hidden = entry.get("state", "visible") != "visible"
            yield Sheet(entry.get("name", ""), hidden, _cells(book, hidden, package, target))


def _cells(book: _Book, hidden: bool, package: Package, target: str) -> dict[tuple[int, int], Cell]:
    """All filled cells of a sheet by row and column: the quick way where its rows are plain, else event by event."""
    with package.open(target) as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) <= MAX_BYTES:
        reader = _SheetReader(book, hidden)
        if reader.read_plain(content):
            return reader.finished()
    reader = _SheetReader(book, hidden)
    parse(package.open(target), reader.start, reader.end, reader.data)
    return reader.finished()


class _SheetReader:
    """Collects the cells of one sheet while its XML goes by. Written for speed: this runs for every cell."""

    def __init__(self, book: _Book, hidden: bool) -> None:
        self.book, self.formats, self.hidden = book, book.formats, hidden
        self.cells: dict[tuple[int, int], Cell] = {}
        self.columns: dict[str, int] = {}
        self.hidden_columns: set[int] = set()
        self.merges: list[tuple[int, int, int, int]] = []
        self.rows_hidden = self.row_hidden = False
        self.row = self.column = self.characters = 0
        self.kind = self.style = self.content = self.row_text = ""
        self.within = self.formula = self.has_value = self.collecting = self.phonetic = self.at_rows = False

    def read_plain(self, content: bytes) -> bool:
        """Read a sheet whose rows are plain. False, and the reader is spent, for any other."""
        first, last = content.find(OPEN) + len(OPEN), content.find(CLOSE)
        if not len(OPEN) <= first <= last:
            return False
        rows = plain_rows(content[first:last])
        if rows is None:
            return False
        frame = parser(self.start, self.end, self.data)
        frame.Parse(content[: first - len(OPEN)], False)
        self.at_rows = False
        frame.Parse(OPEN, False)
        if not self.at_rows:  # what looked like the beginning of the rows is none, for instance within a comment
            return False
        for attributes, cells in rows:
            self._begin_row(attributes)
            self._take(cells)
        frame.Parse(content[last:], True)
        return True

    def _take(self, cells: Sequence[PlainCell]) -> None:
        """The cells of a plain row; texts without a format, which are most, without further ado."""
        strings, found, row_text = self.book.strings, self.cells, self.row_text
        for _, _, letters, number, style, kind, formula, value, text in cells:
            column = self.columns.get(letters)
            if column is None or number != row_text:
                self._place(letters, number)
                column, row_text = self.column, self.row_text
            if kind == "s" and text and style not in self.formats:
                said = strings[int(text)]
                if said and not said.isspace():
                    self.characters += len(said)
                    hidden = self.hidden or self.row_hidden or column in self.hidden_columns
                    found[self.row, column] = Cell._make((self.row, column, said, *_SEEN[hidden]))
            elif value or formula or kind == "e":
                self.column, self.style, self.kind = column, style, kind
                self.formula, self.has_value = bool(formula), bool(value)
                self._finish(text)

    def finished(self) -> dict[tuple[int, int], Cell]:
        """All filled cells by row and column."""
        self._check()
        self.book.cells += len(self.cells)
        self.book.characters += self.characters
        for place in under_merges(self.cells, self.merges):
            self.cells[place] = self.cells[place]._replace(under_merge=True)
        return self.cells

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
        self.row_hidden = attributes["hidden"] in _TRUE if "hidden" in attributes else self.rows_hidden

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
        if tag == "col" and (attributes.get("hidden", "") in _TRUE or attributes.get("width") == "0"):
            self.hidden_columns.update(range(int(attributes["min"]), min(int(attributes["max"]), LAST_COLUMN) + 1))
        elif tag == "sheetFormatPr":
            self.rows_hidden = attributes.get("zeroHeight", "") in _TRUE
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
            cell = Cell._make((row, column, value, *_SEEN[hidden]))
            if shape is not None:
                cell = self._shaped(cell, shape)
        self.cells[row, column] = cell

    def _check(self) -> None:
        """The limits, looked at once a row."""
        if len(self.cells) + self.book.cells > MAX_CELLS:
            raise LimitBroken("sie hat ungewöhnlich viele Zellen")
        if self.characters + self.book.characters > MAX_TEXT:
            raise LimitBroken("sie enthält ungewöhnlich viel Text")

    def _value(self, kind: str, content: str) -> CellValue:
        if kind == "" or kind == "n":
            return _number(content)
        if kind == "s":
            return self.book.strings[int(content)]
        if kind == "b":
            return content.strip() in _TRUE
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


def _number(content: str) -> float | str:
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
