"""Open a delivered workbook and hand out typed cells with their addresses, in the same shapes for every format.

Cells are read as they are, because a reader that guesses column types loses leading zeros and hides unreadable cells.
Office Open XML is read from its own XML (`sheet_xml`), delimited text by `delimited`, the binary formats and
OpenDocument by calamine. Production code calls `sandbox.read_safely`, which runs `read_workbook` in a child process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import python_calamine as calamine

from intake.cells import Cell, CellValue, column_letters, column_number
from intake.gate import MAX_CELLS, MAX_SHEETS, SUFFIX_KINDS, Notice, UnreadableFile, broken, check_file, refused
from intake.sheets import Sheet

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
        workbook = read_xlsx(path, passed.unpacked, sheets)
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


def _cells(rows: Iterable[Sequence[CellValue]], left: int, hidden: bool) -> dict[tuple[int, int], Cell]:
    """Filled cells of calamine's rows, which start in the first row and in the first used column."""
    cells: dict[tuple[int, int], Cell] = {}
    for row_number, row in enumerate(rows, start=1):
        for number, value in enumerate(row, start=left + 1):
            if value is None or (isinstance(value, str) and not value.strip()):
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            cells[row_number, number] = Cell(row_number, number, value, hidden=hidden)
    return cells


def under_merges(
    cells: Mapping[tuple[int, int], Cell], merges: Sequence[tuple[int, int, int, int]]
) -> list[tuple[int, int]]:
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
