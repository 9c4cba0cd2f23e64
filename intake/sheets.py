"""The sheets of a workbook, in the same shape for every format.

A sheet is kept row by row where its rows are in order, as nearly all are: of the rows of a form most are the same in
every workbook (headings, explanations, and all but the numbers of a table), so they are read and handed over once and
then shared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from intake.cells import Cell, Cells, Layout, Row


class Strip:
    """Rows that follow each other, by their number, and of these what is the same in many workbooks: texts, and None in the
    place of each of the `open` numbers. In another workbook that says the same, it is this strip again. `characters`: how
    much it says. `derived` is as with `Row`; what is worked out of a strip with open places holds for any numbers there."""

    __slots__ = ("_marks", "characters", "derived", "open", "rows")

    def __init__(self, rows: Mapping[int, Row], characters: int = 0) -> None:
        self.rows, self.characters = rows, characters
        self.open = sum(row.values.count(None) for row in rows.values())
        self._marks: Sequence[Cell] | None = None
        self.derived: dict[Any, Any] = {}

    def find_marks(self) -> Sequence[Cell]:
        """Cells whose text begins with `#`."""
        if self._marks is None:
            self._marks = [mark for row in self.rows.values() for mark in row.find_marks()]
        return self._marks


class FilledStrip:
    """The rows of a strip with the numbers that one workbook has in its open places, from left to right, row by row."""

    __slots__ = ("_rows", "numbers", "strip")

    def __init__(self, strip: Strip, numbers: Sequence[float] = ()) -> None:
        self.strip, self.numbers = strip, numbers
        self._rows: Mapping[int, Row] | None = None if strip.open else strip.rows

    @property
    def rows(self) -> Mapping[int, Row]:
        """The rows as they stand in the workbook; those without numbers are shared."""
        if self._rows is None:
            numbers = iter(self.numbers)
            self._rows = {number: _filled(row, numbers) for number, row in self.strip.rows.items()}
        return self._rows


def _filled(row: Row, numbers: Iterator[float]) -> Row:
    if None not in row.values:
        return row
    return Row(row.number, row.layout, [next(numbers) if value is None else value for value in row.values])


Piece = Row | FilledStrip
_EMPTY = Row(0, Layout((), ()), ())


class Sheet:
    """A worksheet: its name, whether it is hidden, and its filled cells by (row, column), both counted from 1.

    Made of `cells`, of `rows` by their numbers, or of `pieces` (see there); the rest is worked out when it is asked for.
    """

    def __init__(
        self,
        name: str,
        hidden: bool,
        cells: Cells | None = None,
        rows: Mapping[int, Row] | None = None,
        pieces: Sequence[Piece] | None = None,
    ) -> None:
        self.name, self.hidden = name, hidden
        self.in_rows = rows is not None or pieces is not None
        if pieces is not None:
            self.pieces = pieces
        elif rows is not None:
            self.rows = rows
        else:
            self.cells = cells or {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sheet):
            return NotImplemented
        return (self.name, self.hidden, self.cells) == (other.name, other.hidden, other.cells)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def cells(self) -> Cells:
        """Filled cells by row and column, in the order in which they were read."""
        return {(number, cell.column): cell for number, row in self.rows.items() for cell in row.cells}

    @cached_property
    def rows(self) -> Mapping[int, Row]:
        """The rows that hold anything, by their number, in the order in which they were read."""
        if "pieces" in self.__dict__:
            rows: dict[int, Row] = {}
            for piece in self.pieces:
                rows.update(piece.rows if isinstance(piece, FilledStrip) else {piece.number: piece})
            return rows
        found: dict[int, list[Cell]] = {}
        for cell in self.cells.values():
            found.setdefault(cell.row, []).append(cell)
        return {number: Row.of(number, cells) for number, cells in found.items()}

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """The rows in the order in which they were read, together where other workbooks say them, too."""
        return list(self.rows.values())

    @property
    def outlines(self) -> Iterator[Row | Strip]:
        """The pieces, those of strips without their numbers."""
        return (piece.strip if isinstance(piece, FilledStrip) else piece for piece in self.pieces)

    def _outline_rows(self) -> Iterator[Row]:
        for said in self.outlines:
            if isinstance(said, Strip):
                yield from said.rows.values()
            else:
                yield said

    def row(self, number: int) -> Row:
        """A row; one without cells where there is nothing."""
        if "rows" in self.__dict__:
            return self.rows.get(number, _EMPTY)
        for piece in self.pieces:
            if isinstance(piece, Row):
                if piece.number == number:
                    return piece
            elif (row := piece.strip.rows.get(number)) is not None:
                return row if None not in row.values else piece.rows[number]
        return _EMPTY

    def at(self, row: int, column: int) -> Cell | None:
        """The cell, or None when it is empty."""
        found = self.rows.get(row)
        return found.at(column) if found else None

    def text(self, row: int, column: int) -> str:
        """Text of a cell, empty when there is nothing."""
        found = self.rows.get(row)
        return found.text(column) if found else ""

    @cached_property
    def marks(self) -> Sequence[Cell]:
        """Cells whose text begins with `#`: by such marks our own sheets are recognised."""
        if not self.in_rows:
            cells = self.cells.values()
            return [cell for cell in cells if isinstance(cell.value, str) and cell.value.lstrip().startswith("#")]
        return [mark for said in self.outlines for mark in said.find_marks()]

    @cached_property
    def derived(self) -> dict[str, Any]:
        """What readers work out about the sheet and ask for again, by name. The cells do not change."""
        return {}

    @cached_property
    def last_row(self) -> int:
        """Number of the last filled row, 0 for an empty sheet."""
        return max((row.number for row in self._outline_rows()), default=0)

    @cached_property
    def last_column(self) -> int:
        """Number of the last filled column, 0 for an empty sheet."""
        return max((column for row in self._outline_rows() for column in row.layout.columns), default=0)
