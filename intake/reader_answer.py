"""What the child that opens files says to its parent: a workbook, or why there is none, as JSON.

Rows that many workbooks share (`Row.common`), strips of rows and the layouts of rows are said once and then called by
their number, so both sides remember what was said; strips have the negative numbers, and beside them stand the numbers
for their open places (as a text, see `_packed`). A sheet that was not read row by row is a list of its cells.
"""

from __future__ import annotations

import json
from array import array
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from intake.cells import SEEN, Cell, CellValue, Layout, Row, the_layout
from intake.gate import UnreadableFile, broken
from intake.reading import Workbook
from intake.sheets import FilledStrip, Piece, Sheet, Strip

MAX_TOLD = 1 << 14
"""So many rows, strips and layouts are remembered; what comes later is said each time."""
MAX_TOLD_CHARACTERS = 16 << 20
"""The same for what the strips say together."""
_PLAIN = SEEN[False]
_PLAIN_TYPES = frozenset((str, float, bool, type(None)))


@dataclass
class Told:
    """What the child has said so far: the numbers of rows, strips and layouts, and how much the strips say."""

    rows: dict[Row, int] = field(default_factory=dict)
    strips: dict[Strip, int] = field(default_factory=dict)
    characters: int = 0
    layouts: dict[Layout, int] = field(default_factory=dict)


@dataclass
class Heard:
    """The same on the other side. Nothing in it is trusted; it belongs to one child and ends with it."""

    rows: list[Row] = field(default_factory=list)
    strips: list[Strip] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)


def encode(workbook: Workbook, told: Told | None = None) -> bytes:
    """A workbook as JSON. `told` is added to: what it says must reach the parent, or this child is of no more use."""
    saying = _Saying(told or Told())
    sheets = [saying.sheet(sheet) for sheet in workbook.sheets]
    new = {"layouts": saying.layouts, "rows": saying.rows, "strips": saying.strips}
    content = {**new, "sheets": sheets, "notices": workbook.notices}
    return json.dumps(content, default=_moment, separators=(",", ":")).encode("ascii")


class _Saying:
    """One answer: the layouts, rows and strips that are new in it."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.layouts: list[Any] = []
        self.rows: list[Any] = []
        self.strips: list[Any] = []

    def sheet(self, sheet: Sheet) -> tuple[Any, ...]:
        if not sheet.in_rows:
            return sheet.name, sheet.hidden, [_cell(cell) for cell in sheet.cells.values()]
        rows: list[Any] = []
        for piece in sheet.pieces:
            rows += self._filled(piece) if isinstance(piece, FilledStrip) else (self._row(piece),)
        return sheet.name, sheet.hidden, [], rows

    def _filled(self, filled: FilledStrip) -> Sequence[Any]:
        """The number of a strip, with what fills it, when it may be remembered; else its rows."""
        number = self._strip(filled.strip)
        if number is None:
            return [self._row(row) for row in filled.rows.values()]
        return ((number, _packed(filled.numbers)),) if filled.strip.open else (number,)

    def _strip(self, strip: Strip) -> int | None:
        told = self.told
        known = told.strips.get(strip)
        if known is not None:
            return known
        if len(told.strips) >= MAX_TOLD or told.characters + strip.characters > MAX_TOLD_CHARACTERS:
            return None
        self.strips.append([self._row(row) for row in strip.rows.values()])
        told.characters += strip.characters
        return told.strips.setdefault(strip, -1 - len(told.strips))

    def _row(self, row: Row) -> Any:
        """Its number when it may be remembered; else number and cells, or number, layout and values."""
        known = self.told.rows.get(row) if row.common else None
        if known is not None:
            return known
        if row.odd is not None:
            return row.number, [_cell(cell) for cell in row.odd]
        layout = self._layout(row.layout)
        said = (row.number, layout, row.values)
        if not row.common or len(self.told.rows) >= MAX_TOLD or not isinstance(layout, int):
            return said
        self.rows.append(said)
        return self.told.rows.setdefault(row, len(self.told.rows))

    def _layout(self, layout: Layout) -> Any:
        known = self.told.layouts.get(layout)
        if known is not None:
            return known
        said = (layout.columns, layout.hidden)
        if len(self.told.layouts) >= MAX_TOLD:
            return said
        self.layouts.append(said)
        return self.told.layouts.setdefault(layout, len(self.told.layouts))


def _packed(numbers: Sequence[float]) -> str:
    """Numbers as a text: many are written and read so much sooner than as JSON."""
    return b2a_base64(array("d", numbers).tobytes(), newline=False).decode("ascii")


def _unpacked(text: str) -> list[float]:
    numbers = array("d")
    numbers.frombytes(a2b_base64(text))
    return numbers.tolist()


def _cell(cell: Cell) -> tuple[Any, ...]:
    """An ordinary cell is its row, column and value."""
    return cell[:3] if cell[3:] == _PLAIN else cell


def encode_refusal(error: UnreadableFile, *, last: bool = False) -> bytes:
    """Why a file was not read, as JSON; after the `last` answer this process ends."""
    return json.dumps({"refused": error.code, "details": error.details, "last": last}).encode("ascii")


def _moment(value: Any) -> dict[str, str | float]:
    """Days and times, which JSON does not have."""
    if isinstance(value, timedelta):
        return {"duration": value.total_seconds()}
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, time):
        return {"time": value.isoformat()}
    raise TypeError(f"no cell holds a {type(value).__name__}")


class NotUnderstood(Exception):
    """The answer has another shape than expected; whoever gave it has lost its mind."""


def decode(answer: Any, path: Path, heard: Heard | None = None) -> Workbook:
    """The workbook from what a child said; UnreadableFile when it refused the file, NotUnderstood for anything that is
    not of the expected shape. Nothing in it is trusted."""
    heard = heard or Heard()
    try:
        if "refused" in answer:
            details = {str(key): str(value) for key, value in answer["details"].items()}
            raise UnreadableFile(str(answer["refused"]), **{**details, "file": path.name})
        heard.layouts += [_heard_layout(said) for said in answer.get("layouts", ())]
        heard.rows += [_heard_row(heard, said, common=True) for said in answer.get("rows", ())]
        heard.strips += [
            Strip({row.number: row for row in _heard_rows(heard, said)}) for said in answer.get("strips", ())
        ]
        sheets = tuple(_heard_sheet(heard, *said) for said in answer["sheets"])
        notices = tuple((str(code), {str(k): str(v) for k, v in found.items()}) for code, found in answer["notices"])
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        raise NotUnderstood from error
    return Workbook(path.name, sheets, notices)


def misunderstood(path: Path) -> UnreadableFile:
    """The finding for a file whose reader said something that is not of the expected shape."""
    return broken(path, "ihr Aufbau ist unerwartet")


def _heard_sheet(heard: Heard, name: Any, hidden: Any, cells: Any, rows: Any = None) -> Sheet:
    if rows is None:
        found = [_heard_cell(item) for item in cells]
        return Sheet(str(name), bool(hidden), {(cell.row, cell.column): cell for cell in found})
    return Sheet(str(name), bool(hidden), pieces=[_heard_piece(heard, said) for said in rows])


def _heard_piece(heard: Heard, said: Any) -> Piece:
    number = said if type(said) is int else said[0]
    if number >= 0:
        (row,) = _heard_rows(heard, [said])
        if row.odd is None and None in row.values:
            raise ValueError
        return row
    strip = heard.strips[-1 - number]
    numbers = () if type(said) is int else _unpacked(said[1])
    if len(numbers) != strip.open:
        raise ValueError
    return FilledStrip(strip, numbers)


def _heard_rows(heard: Heard, rows: Any) -> list[Row]:
    return [heard.rows[said] if type(said) is int else _heard_row(heard, said) for said in rows]


def _heard_layout(said: Any) -> Layout:
    columns, hidden = said
    return the_layout(tuple(map(int, columns)), tuple(map(bool, hidden)))


def _heard_row(heard: Heard, said: Any, *, common: bool = False) -> Row:
    if len(said) == 2:
        number, cells = said
        return Row.of(int(number), [_heard_cell(cell) for cell in cells])
    number, layout, values = said
    form = heard.layouts[layout] if type(layout) is int else _heard_layout(layout)
    if not _PLAIN_TYPES.issuperset(map(type, values)):
        values = [value if type(value) in _PLAIN_TYPES else _value(value) for value in values]
    if len(values) != len(form.columns):
        raise ValueError
    return Row(int(number), form, values, common=common)


def _heard_cell(item: Any) -> Cell:
    if type(item[2]) not in _PLAIN_TYPES:
        item[2] = _value(item[2])
    return Cell(*item)


def _value(found: Any) -> CellValue:
    """Days and times from their JSON form; ValueError or TypeError for anything else."""
    if type(found) is int:
        return float(found)
    ((kind, value),) = found.items()
    if kind == "duration":
        return timedelta(seconds=value)
    if kind == "datetime":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "date" else time.fromisoformat(value)
