"""Open a delivered workbook safely and hand out typed cells with their addresses.

One reader (calamine) for every format, because a reader that guesses column types loses leading zeros and hides
unreadable cells. What calamine does not tell about an Office Open XML workbook (error cells, formulas that were never
calculated, hidden sheets' names) is read from the sheet's own XML.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import python_calamine as calamine

from intake.sheet_xml import CellFacts, UnsafeXml, read_facts

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 400 * 1024 * 1024
MAX_ENTRIES = 3_000
MAX_CELLS = 2_000_000

CellValue = str | float | bool | date | datetime | time | timedelta | None


class UnreadableFile(Exception):
    """The file cannot be read; `code` is the finding code, `details` fill the placeholders of its message."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell that holds something. `value` is None for an error or for a formula that was never calculated."""

    row: int
    column: int
    value: CellValue
    error: str = ""
    uncalculated: bool = False

    @property
    def address(self) -> str:
        """Excel address, for instance `D7`."""
        return f"{column_letters(self.column)}{self.row}"

    @property
    def text(self) -> str:
        """What the cell says, as text without surrounding blanks; whole numbers without a decimal point."""
        if self.error:
            return self.error
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < 1e15:
            return str(int(self.value))
        return "" if self.value is None else str(self.value).strip()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet: its name, whether it is hidden, and its filled cells by (row, column), both counted from 1."""

    name: str
    hidden: bool
    cells: Mapping[tuple[int, int], Cell]

    def at(self, row: int, column: int) -> Cell | None:
        """The cell, or None when it is empty."""
        return self.cells.get((row, column))

    def text(self, row: int, column: int) -> str:
        """Text of a cell, empty when there is nothing."""
        cell = self.cells.get((row, column))
        return cell.text if cell else ""

    def row_cells(self, row: int) -> Iterator[Cell]:
        """Filled cells of a row from left to right."""
        return iter(sorted((c for (r, _), c in self.cells.items() if r == row), key=lambda cell: cell.column))

    @property
    def last_row(self) -> int:
        """Number of the last filled row, 0 for an empty sheet."""
        return max((row for row, _ in self.cells), default=0)

    @property
    def last_column(self) -> int:
        """Number of the last filled column, 0 for an empty sheet."""
        return max((column for _, column in self.cells), default=0)


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook in reading order."""

    file_name: str
    sheets: tuple[Sheet, ...] = field(default_factory=tuple)

    def sheet(self, name: str) -> Sheet | None:
        """The sheet of that name (blanks at the ends ignored), or None."""
        wanted = name.strip()
        return next((sheet for sheet in self.sheets if sheet.name.strip() == wanted), None)


def read_workbook(path: Path) -> Workbook:
    """Read every sheet of a workbook; raises UnreadableFile with the code of the finding to report."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UnreadableFile("F04", suffix=suffix or "(keine)")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnreadableFile("F05", file=path.name, why="sie ist größer als 50 MB")
    facts = _zip_facts(path) if suffix in (".xlsx", ".xlsm") else {}
    if suffix in (".xlsb", ".ods"):
        _gate(path)
    return Workbook(path.name, tuple(_sheets(path, facts)))


def _sheets(path: Path, facts: Mapping[str, Mapping[tuple[int, int], CellFacts]]) -> list[Sheet]:
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        found = []
        for meta in book.sheets_metadata:
            if meta.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = book.get_sheet_by_name(meta.name)
            if sheet.total_height * sheet.total_width > MAX_CELLS:
                raise UnreadableFile("F05", file=path.name, why="ein Blatt ist ungewöhnlich groß")
            hidden = meta.visible != calamine.SheetVisibleEnum.Visible
            rows = sheet.to_python(skip_empty_area=False)
            found.append(Sheet(meta.name, hidden, _cells(rows, facts.get(meta.name, {}))))
        return found
    except UnreadableFile:
        raise
    except calamine.PasswordError as error:
        raise UnreadableFile("F02", file=path.name) from error
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # calamine's Rust panics are not Exceptions
        if _looks_encrypted(path):
            raise UnreadableFile("F02", file=path.name) from error
        raise UnreadableFile("F01", file=path.name, why="sie ist beschädigt oder keine Arbeitsmappe") from error


def _cells(
    rows: Sequence[Sequence[CellValue]], facts: Mapping[tuple[int, int], CellFacts]
) -> dict[tuple[int, int], Cell]:
    cells: dict[tuple[int, int], Cell] = {}
    for row_number, row in enumerate(rows, start=1):
        for column_number, value in enumerate(row, start=1):
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            cells[(row_number, column_number)] = Cell(row_number, column_number, value)
    for (row_number, column_number), fact in facts.items():
        present = cells.get((row_number, column_number))
        if fact.error:
            cells[(row_number, column_number)] = Cell(row_number, column_number, None, error=fact.error)
        elif fact.uncalculated and present is None:
            cells[(row_number, column_number)] = Cell(row_number, column_number, None, uncalculated=True)
    return cells


def _zip_facts(path: Path) -> Mapping[str, Mapping[tuple[int, int], CellFacts]]:
    _gate(path)
    try:
        return read_facts(path)
    except UnsafeXml as error:
        raise UnreadableFile("F05", file=path.name, why="sie enthält unzulässige XML-Bestandteile") from error
    except (KeyError, zipfile.BadZipFile, OSError) as error:
        raise UnreadableFile("F01", file=path.name, why="sie ist beschädigt") from error


def _gate(path: Path) -> None:
    """Refuse what would only cost memory: broken zips, bombs, too many parts."""
    if not zipfile.is_zipfile(path):
        if _looks_encrypted(path):
            raise UnreadableFile("F02", file=path.name)
        raise UnreadableFile("F01", file=path.name, why="sie ist beschädigt oder keine Excel-Arbeitsmappe")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise UnreadableFile("F01", file=path.name, why="sie ist beschädigt") from error
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise UnreadableFile("F05", file=path.name, why="sie ist entpackt ungewöhnlich groß")


def _looks_encrypted(path: Path) -> bool:
    """An encrypted OOXML workbook is an OLE container with a stream named EncryptedPackage."""
    with path.open("rb") as stream:
        head = stream.read(65536)
    return head.startswith(b"\xd0\xcf\x11\xe0") and "EncryptedPackage".encode("utf-16-le") in head


def column_letters(column: int) -> str:
    """1 -> A, 27 -> AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """A -> 1, AA -> 27; ValueError for anything else."""
    if not re.fullmatch(r"[A-Z]{1,3}", letters):
        raise ValueError(f"{letters} is no column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
