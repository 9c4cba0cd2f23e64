"""Read the cells of one worksheet whose rows are plain, row by row: the quick way, which nearly every sheet allows.

Rows whose texts were there before, in this workbook or in another one, are together the same `Strip` again, whatever
numbers stand among them; a row of nothing but texts is the same `Row`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from typing import TypeVar
from xml.parsers import expat

from intake.cells import WIDEST_KNOWN, CellValue, Layout, Row, column_number, the_layout
from intake.package_xml import LimitBroken, parser
from intake.reading import under_merges
from intake.sheet_events import Book, SheetReader, merged, number_of
from intake.sheet_plain import CLOSE, OPEN, PlainRow, PlainRows, RowShape, Run, plain_cells, plain_rows
from intake.sheets import FilledStrip, Piece, Sheet, Strip

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
    first, last = content.find(OPEN), content.rfind(CLOSE)  # rows with an end among them are not plain
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
        self.pieces: list[Piece] = []
        self.cells = self.characters = 0
        self.reader = SheetReader(book, hidden)
        self.reader.hidden_columns = set(frame.hidden_columns)
        self.reader.rows_hidden = frame.rows_hidden

    def sheet(self, name: str, rows: PlainRows) -> Sheet:
        """The sheet; row by row where its rows are in order and every cell stands in its row."""
        if not rows.shape.ordered:
            return self._disordered(name, rows)
        for run in [*rows.shape.runs]:
            if not (run.simple and self._ordinary(run) and self._take_run(run, rows)):
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

    def _ordinary(self, part: Run | RowShape) -> bool:
        """Do all its cells show their numbers as they are?"""
        return not self.book.formats or part.styles.isdisjoint(self.book.formats)

    def _take_run(self, run: Run, rows: PlainRows) -> bool:
        """Simple rows together: a strip, and the numbers in it; False when they have to be taken one by one."""
        if run.changing:
            return False
        said = rows.values[run.values]
        try:
            texts = tuple(map(self.book.texts.__getitem__, compress(said, run.texts)))
            numbers = [*map(_numbers.__getitem__, compress(said, run.numbers))]
        except KeyError:  # a text that is not there, or no number
            return False
        known = _strips.get((run, self.frame, self.hidden, texts))
        if known is None:
            if run.said is not None and rows.shape.cut(run, texts):
                return False
            run.said = texts
            known = self._new_strip(run, texts)
            if known is None:
                return False
        strip, characters = known
        self.pieces.append(FilledStrip(strip, numbers))
        self.cells += len(said) - texts.count("")
        self.characters += characters
        return True

    def _new_strip(self, run: Run, texts: tuple[str, ...]) -> tuple[Strip, int] | None:
        """What is to be kept of these rows; None where that is too much, or a row has to be looked at more closely."""
        left = iter(texts)
        found: dict[int, Row] = {}
        for row in run.rows:
            outline = self._outline(row.shape, left)
            if outline is None:
                return None
            if outline.values:
                found[outline.number] = outline
        characters = sum(map(len, texts))
        if len(texts) > MOST_STRIP_CELLS or characters > MOST_STRIP_CHARACTERS:
            return None
        _strips.keep((run, self.frame, self.hidden, texts), Strip(found, characters), characters)
        return _strips[run, self.frame, self.hidden, texts]

    def _outline(self, shape: RowShape, texts: Iterator[str]) -> Row | None:
        """A row with None in the place of its numbers; None where a text beside them is blank."""
        values: list[CellValue] = [
            next(texts) if text else None for start, end, text in shape.runs for _ in range(start, end)
        ]
        layout = self._known_layout(shape)
        if "" in values:
            if None in values:
                return None
            layout, values = _without_blanks(layout, values)
        return self._shared_row(shape.number, layout, values)[0]

    def _take_row(self, row: PlainRow, rows: PlainRows) -> None:
        shape = row.shape
        if not (shape.simple and self._ordinary(shape) and self._take(shape, rows.values[row.start : row.end])):
            self._take_slowly(shape, rows.written(row))

    def _take(self, shape: RowShape, said: list[str]) -> bool:
        """A row of texts and numbers; False when any of them is something else."""
        texts, runs = self.book.texts, shape.runs
        layout = self._known_layout(shape)
        values: list[CellValue]
        try:
            if len(runs) == 1 and runs[0][2]:
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
        """A row that says nothing but texts."""
        if values:
            row, characters = self._shared_row(number, layout, values)
            self.pieces.append(row)
            self.cells += len(values)
            self.characters += characters
        return True

    def _shared_row(self, number: int, layout: Layout, values: list[CellValue]) -> tuple[Row, int]:
        """The row that said the same before, and how many characters it has."""
        key = (number, layout, tuple(values))
        known = _shared.get(key)
        if known is None:
            characters = sum(len(value) for value in values if isinstance(value, str))
            common = len(values) <= MOST_COMMON_CELLS and characters <= MOST_COMMON_CHARACTERS
            known = Row(number, layout, values, common=common), characters
            if common and values:
                _shared.keep(key, *known)
        return known

    def _known_layout(self, shape: RowShape) -> Layout:
        hidden = (shape.hidden if shape.hidden is not None else self.frame.rows_hidden) or self.hidden
        return self.frame.layouts[hidden].get(shape) or self._layout(shape, hidden)

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
