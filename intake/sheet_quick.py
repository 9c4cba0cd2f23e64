"""Read the cells of one worksheet whose rows are plain, row by row: the quick way, which nearly every sheet allows.

Rows of nothing but texts (headings, explanations, lists to choose from) that were there before, in this workbook or in
another one, are the same `Row`, and together the same `Strip`, again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar
from xml.parsers import expat

from intake.cells import WIDEST_KNOWN, CellValue, Layout, Row, Sheet, Strip, column_number, the_layout
from intake.package_xml import LimitBroken, parser
from intake.reading import under_merges
from intake.sheet_events import Book, SheetReader, merged, number_of
from intake.sheet_plain import CLOSE, OPEN, PlainRow, PlainRows, RowShape, Run, plain_cells, plain_rows

MAX_KEPT = 1 << 15
MAX_SHARED_CHARACTERS = 8 << 20
MOST_COMMON_CELLS, MOST_COMMON_CHARACTERS = 64, 4_000
"""Larger rows are not shared: what is kept for the next file must not take much room, whatever a file holds."""
MOST_STRIP_CELLS, MOST_STRIP_CHARACTERS = 1 << 13, 1 << 16
_SMALL_FRAME = 1 << 15

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """What stands around the rows of a sheet. `layouts`: which cells of a row of some shape are hidden in it, where
    the row is seen, and where it is hidden."""

    hidden_columns: frozenset[int]
    rows_hidden: bool
    merges: tuple[tuple[int, int, int, int], ...]
    layouts: tuple[dict[RowShape, Layout], dict[RowShape, Layout]] = field(default_factory=lambda: ({}, {}))


class _Numbers(dict[str, float]):
    """Numbers by their text; KeyError for what is none."""

    def __missing__(self, text: str) -> float:
        number = number_of(text)
        if not isinstance(number, float):
            raise KeyError(text)
        _put(self, text, number)
        return number


class _Shared(dict[Key, tuple[Value, int]]):
    """Rows or strips of texts, and how many characters these have, by all that they say."""

    characters = 0

    def keep(self, key: Key, value: Value, characters: int) -> None:
        """Keep one; when there are too many, all are forgotten first."""
        if len(self) >= MAX_KEPT or self.characters + characters > MAX_SHARED_CHARACTERS:
            self.clear()
            self.characters = 0
        self[key] = value, characters
        self.characters += characters


_numbers = _Numbers()
_shared: _Shared[tuple[int, Layout, tuple[CellValue, ...]], Row] = _Shared()
_strips: _Shared[tuple[Run, _Frame, bool, tuple[str, ...]], Strip] = _Shared()


def _put(kept: dict[Key, Value], key: Key, value: Value) -> None:
    """Keep a value; when there are too many, all are forgotten first."""
    if len(kept) >= MAX_KEPT:
        kept.clear()
    kept[key] = value


def read_quickly(book: Book, name: str, hidden: bool, content: bytes) -> Sheet | None:
    """A sheet whose rows are plain; None for any other, which is to be read the general way."""
    first, last = content.find(OPEN), content.find(CLOSE)
    if not 0 <= first < last:
        return None
    head, tail = content[:first], content[last:]
    rows = plain_rows(content[first + len(OPEN) : last])
    if rows is None:
        return None
    try:
        frame = (_known_frame if len(head) + len(tail) < _SMALL_FRAME else _frame)(head, tail)
    except (LimitBroken, expat.ExpatError, ValueError, LookupError):  # perhaps what comes before it is worse
        return None
    return None if frame is None else _Quick(book, frame, hidden).sheet(name, rows)


def _frame(head: bytes, tail: bytes) -> _Frame | None:
    """What stands before and behind the rows; None when what looked like their beginning is none."""
    reader = SheetReader(Book(), False)
    reading = parser(reader.start, reader.end, reader.data)
    reading.Parse(head, False)
    reader.at_rows = False
    reading.Parse(OPEN, False)
    hidden_columns, rows_hidden = frozenset(reader.hidden_columns), reader.rows_hidden
    if not reader.at_rows:  # for instance within a comment
        return None
    reading.Parse(tail, True)
    if reader.row or reader.column:  # cells outside of the rows
        return None
    return _Frame(hidden_columns, rows_hidden, tuple(reader.merges))


_known_frame = lru_cache(maxsize=256)(_frame)


class _Quick:
    """One sheet."""

    def __init__(self, book: Book, frame: _Frame, hidden: bool) -> None:
        self.book, self.frame, self.hidden = book, frame, hidden
        self.pieces: list[Row | Strip] = []
        self.cells = self.characters = 0
        self.reader = SheetReader(book, hidden)
        self.reader.hidden_columns = set(frame.hidden_columns)
        self.reader.rows_hidden = frame.rows_hidden

    def sheet(self, name: str, rows: PlainRows) -> Sheet:
        """The sheet; row by row where its rows are in order and every cell stands in its row."""
        if not rows.shape.ordered:
            return self._disordered(name, rows)
        formats = self.book.formats
        for run in rows.shape.runs:
            simple = not formats or run.styles.isdisjoint(formats)
            if not (run.texts and simple and self._take_strip(run, rows)):
                for row in run.rows:
                    self._take_row(row, rows)
        self.book.add(self.cells, self.characters)
        sheet = Sheet(name, self.hidden, pieces=self.pieces)
        if self.frame.merges and under_merges(sheet.cells, self.frame.merges):
            return Sheet(name, self.hidden, merged(dict(sheet.cells), self.frame.merges))
        return sheet

    def _disordered(self, name: str, rows: PlainRows) -> Sheet:
        """A sheet whose cells have to be taken one by one."""
        for run in rows.shape.runs:
            for row in run.rows:
                self.reader.take_row(row.shape.attributes, plain_cells(rows.written(row)))
        self.reader.merges = [*self.frame.merges]
        return Sheet(name, self.hidden, self.reader.finished())

    def _take_strip(self, run: Run, rows: PlainRows) -> bool:
        """Rows of nothing but texts: those that said the same before; False when a text is not there."""
        try:
            texts = tuple(map(self.book.texts.__getitem__, rows.values[run.values]))
        except KeyError:
            return False
        key = (run, self.frame, self.hidden, texts)
        known = _strips.get(key)
        if known is None:
            alone = _Quick(self.book, self.frame, self.hidden)
            for row in run.rows:
                alone._take_row(row, rows)
            if len(texts) > MOST_STRIP_CELLS or alone.characters > MOST_STRIP_CHARACTERS:
                self.pieces += alone.pieces
                self.cells += alone.cells
                self.characters += alone.characters
                return True
            found = {row.number: row for row in alone.pieces if isinstance(row, Row)}
            known = Strip(found, alone.characters), alone.characters
            _strips.keep(key, *known)
        self.pieces.append(known[0])
        self.cells += len(texts) - texts.count("")
        self.characters += known[1]
        return True

    def _take_row(self, row: PlainRow, rows: PlainRows) -> None:
        formats, shape = self.book.formats, row.shape
        ordinary = shape.simple and (not formats or shape.styles.isdisjoint(formats))
        if not (ordinary and self._take(shape, rows.values[row.start : row.end])):
            self._take_slowly(shape, rows.written(row))

    def _take(self, shape: RowShape, said: list[str]) -> bool:
        """A row of texts and numbers; False when any of them is something else."""
        texts, runs = self.book.texts, shape.runs
        hidden = shape.hidden if shape.hidden is not None else self.frame.rows_hidden
        layout = self.frame.layouts[hidden or self.hidden].get(shape) or self._layout(shape, hidden or self.hidden)
        values: list[CellValue]
        try:
            if shape.texts_alone:
                values = [*map(texts.__getitem__, said)]
                if "" in values:
                    layout, values = _without_blanks(layout, values)
                return self._take_texts(shape.number, layout, values)
            values, characters = [], 0
            for start, end, written in runs:
                if written:
                    found = [*map(texts.__getitem__, said[start:end])]
                    if "" in found:
                        return False
                    characters += sum(map(len, found))
                    values += found
                else:
                    values += map(_numbers.__getitem__, said[start:end])
        except KeyError:  # a text that is not there, or no number
            return False
        self.cells += len(values)
        self.characters += characters
        self.pieces.append(Row(shape.number, layout, values))
        return True

    def _take_texts(self, number: int, layout: Layout, values: list[CellValue]) -> bool:
        """A row that says nothing but texts: the one that said the same before."""
        key = (number, layout, tuple(values))
        known = _shared.get(key)
        if not values:
            return True
        if known is None:
            characters = sum(map(len, values))  # type: ignore[arg-type]
            common = len(values) <= MOST_COMMON_CELLS and characters <= MOST_COMMON_CHARACTERS
            known = Row(number, layout, values, common=common), characters
            if common:
                _shared.keep(key, *known)
        self.pieces.append(known[0])
        self.cells += len(values)
        self.characters += known[1]
        return True

    def _layout(self, shape: RowShape, hidden: bool) -> Layout:
        """Filled and hidden columns of a row."""
        columns = tuple(map(column_number, shape.letters))
        layout = the_layout(columns, tuple(hidden or column in self.frame.hidden_columns for column in columns))
        if len(columns) <= WIDEST_KNOWN:
            _put(self.frame.layouts[hidden], shape, layout)
        return layout

    def _take_slowly(self, shape: RowShape, whole: str) -> None:
        """A row in which anything is out of the ordinary."""
        reader = self.reader
        reader.cells = {}
        before = reader.characters
        reader.take_row(shape.attributes, plain_cells(whole))
        if reader.cells:
            self.pieces.append(Row.of(shape.number, list(reader.cells.values())))
        self.cells += len(reader.cells)
        self.characters += reader.characters - before


def _without_blanks(layout: Layout, values: list[CellValue]) -> tuple[Layout, list[CellValue]]:
    """The cells of a row that say something."""
    kept = [place for place, value in enumerate(values) if value != ""]
    columns, hidden = tuple(layout.columns[place] for place in kept), tuple(layout.hidden[place] for place in kept)
    return the_layout(columns, hidden), [values[place] for place in kept]
