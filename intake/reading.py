"""Open a delivered workbook and hand out typed cells with their addresses, in the same shapes for every format.

Cells are read as they are, because a reader that guesses column types loses leading zeros and hides unreadable cells.
Office Open XML is read from its own XML (`sheet_xml`), delimited text by `delimited`, the binary formats and
OpenDocument by calamine. Production code calls `sandbox.read_safely`, which runs `read_workbook` in a child process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import python_calamine as calamine

from intake.gate import MAX_CELLS, MAX_SHEETS, SUFFIX_KINDS, Notice, UnreadableFile, broken, check_file, refused

__all__ = [
    "Cell",
    "CellValue",
    "Sheet",
    "UnreadableFile",
    "Workbook",
    "column_letters",
    "column_number",
    "read_workbook",
]

SUFFIXES = tuple(SUFFIX_KINDS)
MAX_AREA = 20_000_000
MAX_MERGE_STEPS = 20_000_000

CellValue = str | float | bool | date | datetime | time | timedelta | None


class Cell(NamedTuple):
    """One cell that holds something. `value` is None for an error or for a formula that was never calculated.

    What the sender sees of it: `masked` is the text that the number format shows in the place of the value (None: the
    value can be seen), `bracketed` says that it is shown in round brackets, `percent` as a percentage, `hidden` that its
    row, column or sheet is hidden, `under_merge` that a merged cell covers it. A tuple, because there are many of them.
    """

    row: int
    column: int
    value: CellValue
    error: str = ""
    uncalculated: bool = False
    masked: str | None = None
    bracketed: bool = False
    percent: bool = False
    hidden: bool = False
    under_merge: bool = False

    @property
    def address(self) -> str:
        """Excel address, for instance `D7`."""
        return f"{column_letters(self.column)}{self.row}"

    @property
    def text(self) -> str:
        """What the cell says, as text without surrounding blanks; whole numbers without a decimal point."""
        if self.error:
            return self.error
        value = self.value
        if isinstance(value, str):
            return value.strip()
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        return "" if value is None else str(value).strip()


Cells = dict[tuple[int, int], Cell]


@dataclass(frozen=True)
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

    @cached_property
    def by_row(self) -> Mapping[int, list[Cell]]:
        """Filled cells of every row that has any, in the order in which they were read."""
        rows: dict[int, list[Cell]] = {}
        for cell in self.cells.values():
            rows.setdefault(cell.row, []).append(cell)
        return rows

    @cached_property
    def marks(self) -> Sequence[Cell]:
        """Cells whose text begins with `#`: by such marks our own sheets are recognised."""
        return [
            cell for cell in self.cells.values() if isinstance(cell.value, str) and cell.value.lstrip().startswith("#")
        ]

    @cached_property
    def derived(self) -> dict[str, Any]:
        """What readers work out about the sheet and ask for again, by name. The cells do not change."""
        return {}

    def row_cells(self, row: int) -> Iterator[Cell]:
        """Filled cells of a row from left to right."""
        return iter(sorted(self.by_row.get(row, ()), key=lambda cell: cell.column))

    @cached_property
    def last_row(self) -> int:
        """Number of the last filled row, 0 for an empty sheet."""
        return max((row for row, _ in self.cells), default=0)

    @cached_property
    def last_column(self) -> int:
        """Number of the last filled column, 0 for an empty sheet."""
        return max((column for _, column in self.cells), default=0)


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook in reading order. `notices` are findings about the whole file: codes with their details."""

    file_name: str
    sheets: tuple[Sheet, ...] = field(default_factory=tuple)
    notices: tuple[Notice, ...] = ()

    def sheet(self, name: str) -> Sheet | None:
        """The sheet of that name (blanks at the ends ignored), or None."""
        wanted = name.strip()
        return next((sheet for sheet in self.sheets if sheet.name.strip() == wanted), None)


def read_workbook(path: Path, sheets: int | None = None) -> Workbook:
    """Read every sheet of a workbook; raises UnreadableFile with the code of the finding to report. `sheets`: so many
    are enough, where the kind of file allows to stop.

    Runs in this process: only for files of our own making, for tests, and within the child of `sandbox`.
    """
    from intake.delimited import read_delimited  # the readers build on the shapes above
    from intake.sheet_xml import read_xlsx

    passed = check_file(path)
    if passed.kind == "xlsx":
        workbook = read_xlsx(path, sheets)
    else:
        workbook = read_delimited(path) if passed.kind == "text" else _read_binary(path)
    return replace(workbook, notices=passed.notices + workbook.notices)


def _read_binary(path: Path) -> Workbook:
    """xls, xlsb and ods by calamine; number formats and hidden rows of these are not known."""
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheets = tuple(_binary_sheets(path, book))
    except (UnreadableFile, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except calamine.PasswordError as error:
        raise UnreadableFile("F02", file=path.name) from error
    except BaseException as error:  # calamine's Rust panics are not Exceptions
        raise broken(path, "sie ist beschädigt oder keine Arbeitsmappe") from error
    if not sheets:
        raise broken(path, "sie enthält kein Tabellenblatt")
    return Workbook(path.name, sheets)


def _binary_sheets(path: Path, book: calamine.CalamineWorkbook) -> Iterator[Sheet]:
    filled = 0
    if len(book.sheets_metadata) > MAX_SHEETS:
        raise refused(path, f"sie hat mehr als {MAX_SHEETS} Tabellenblätter")
    for number, meta in enumerate(book.sheets_metadata):
        if meta.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_index(number)
        if sheet.end and (sheet.end[0] + 1) * (sheet.end[1] + 1) > MAX_AREA:
            raise refused(path, "ein Blatt ist ungewöhnlich groß")
        hidden = meta.visible != calamine.SheetVisibleEnum.Visible
        cells = _cells(sheet.iter_rows(), sheet.start[1] if sheet.start else 0, hidden)
        filled += len(cells)
        if filled > MAX_CELLS:
            raise refused(path, "sie hat ungewöhnlich viele Zellen")
        merges = [
            (top + 1, left + 1, below + 1, right + 1) for (top, left), (below, right) in sheet.merged_cell_ranges or ()
        ]
        for place in under_merges(cells, merges):
            cells[place] = cells[place]._replace(under_merge=True)
        yield Sheet(meta.name, hidden, cells)


def _cells(rows: Iterable[Sequence[CellValue]], left: int, hidden: bool) -> Cells:
    """Filled cells of calamine's rows, which start in the first row and in the first used column."""
    cells: Cells = {}
    for row_number, row in enumerate(rows, start=1):
        for column_number, value in enumerate(row, start=left + 1):
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            cells[row_number, column_number] = Cell(row_number, column_number, value, hidden=hidden)
    return cells


def under_merges(cells: Cells, merges: Sequence[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """Places of filled cells that a merged range (top, left, bottom, right) covers; its first cell is what is seen."""
    found: list[tuple[int, int]] = []
    steps = 0
    for top, left, bottom, right in merges:
        area = (bottom - top + 1) * (right - left + 1)
        steps += min(area, len(cells))
        if steps > MAX_MERGE_STEPS:
            break  # thousands of huge ranges: nobody draws these by hand
        if area <= len(cells):
            places = [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]
            found += [place for place in places[1:] if place in cells]
        else:
            found += [
                (row, column)
                for row, column in cells
                if top <= row <= bottom and left <= column <= right and (row, column) != (top, left)
            ]
    return found


@lru_cache(maxsize=1 << 15)
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
