"""What a sheet holds (see `intake.sheets`), in the same shapes for every format: cells and rows. Nobody changes a row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

WIDEST_KNOWN = 1 << 8

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


Cells = Mapping[tuple[int, int], Cell]
SEEN = {hidden: Cell(0, 0, None, hidden=hidden)[3:] for hidden in (False, True)}
"""What an ordinary cell says beside its place and value, by whether it is hidden."""


class Layout:
    """Which columns of a row are filled, and which of them are hidden. Compared by identity: see `the_layout`."""

    __slots__ = ("columns", "hidden", "place", "seen")

    def __init__(self, columns: Iterable[int], hidden: Iterable[bool]) -> None:
        self.columns = tuple(columns)
        self.hidden = tuple(hidden)
        self.place = {column: number for number, column in enumerate(self.columns)}
        self.seen = tuple(SEEN[hidden] for hidden in self.hidden)


@lru_cache(maxsize=1 << 12)
def _known_layout(columns: tuple[int, ...], hidden: tuple[bool, ...]) -> Layout:
    return Layout(columns, hidden)


def the_layout(columns: tuple[int, ...], hidden: tuple[bool, ...]) -> Layout:
    """The one layout with these columns; very wide ones, of which nobody needs many, are not kept."""
    return (_known_layout if len(columns) <= WIDEST_KNOWN else Layout)(columns, hidden)


class Row:
    """The filled cells of one row. Ordinary cells are kept as values; `cells` are made when somebody asks for them.

    `odd`: the cells themselves, where any of them may say more than its value and whether it is hidden. `common`: texts
    alone, shared between workbooks. `derived` is what readers work out about the row and ask for again, by name: it
    serves every workbook that shares the row.
    """

    __slots__ = ("_cells", "_marks", "common", "derived", "layout", "number", "odd", "values")

    def __init__(
        self,
        number: int,
        layout: Layout,
        values: Sequence[CellValue],
        odd: Sequence[Cell] | None = None,
        *,
        common: bool = False,
    ) -> None:
        self.number, self.layout, self.values, self.odd, self.common = number, layout, values, odd, common
        self._cells = odd
        self._marks: Sequence[Cell] | None = None
        self.derived: dict[Any, Any] = {}

    @classmethod
    def of(cls, number: int, cells: Sequence[Cell]) -> Row:
        """A row from its cells."""
        layout = the_layout(tuple(cell.column for cell in cells), tuple(cell.hidden for cell in cells))
        return cls(number, layout, [cell.value for cell in cells], cells)

    @property
    def cells(self) -> Sequence[Cell]:
        """The cells in the order in which they were read."""
        if self._cells is None:
            number, layout = self.number, self.layout
            self._cells = [
                Cell._make((number, column, value, *seen))
                for column, value, seen in zip(layout.columns, self.values, layout.seen, strict=True)
            ]
        return self._cells

    def at(self, column: int) -> Cell | None:
        """The cell of a column, or None when it is empty."""
        place = self.layout.place.get(column)
        if place is None:
            return None
        if self._cells is not None:
            return self._cells[place]
        return Cell._make((self.number, column, self.values[place], *self.layout.seen[place]))

    def text(self, column: int) -> str:
        """Text of a cell, empty when there is nothing."""
        place = self.layout.place.get(column)
        if place is None:
            return ""
        value = self.values[place]
        return value.strip() if isinstance(value, str) else self.cells[place].text

    def without(self, columns: frozenset[int]) -> Row:
        """The row without the cells of these columns."""
        found: Row | None = self.derived.get(columns)
        if found is None:
            layout = self.layout
            if columns.isdisjoint(layout.columns):
                found = self
            else:
                kept = [place for place, column in enumerate(layout.columns) if column not in columns]
                left = the_layout(tuple(layout.columns[p] for p in kept), tuple(layout.hidden[p] for p in kept))
                odd = self.odd and [self.odd[place] for place in kept]
                found = Row(self.number, left, [self.values[place] for place in kept], odd, common=self.common)
            self.derived[columns] = found
        return found

    def find_marks(self) -> Sequence[Cell]:
        """Cells whose text begins with `#`."""
        if self._marks is None:
            places = [place for place, value in enumerate(self.values) if type(value) is str and "#" in value]
            self._marks = [self.cells[p] for p in places if str(self.values[p]).lstrip().startswith("#")]
        return self._marks


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
