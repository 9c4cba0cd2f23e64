"""Where the tables of a foreign sheet are: header rows above numbers, their texts, and what each column holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from intake.layout_guess_words import YEAR, is_share, years
from intake.layout_header import Rows, header_texts, rows_of
from intake.layout_model import HeaderRule, normalised
from intake.reading import Cell, Sheet, column_letters

MOST_HEADER_ROWS = 8
_NUMBER = re.compile(r"[-−–+]?\d[\d\s.,'\u00a0\u202f]*%?|[-−–./x·]|\(\s*-?\d[\d.,\s]*\)")
_UNIT = re.compile(r"anzahl|prozent(punkte)?|in %|%|personen|1 ?000|in 1 ?000|in tausend|tsd\.?")
_THOUSANDS = re.compile(r"\bin (?:1 ?000|tausend|tsd)|^(?:1 ?000|tsd\.?)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its joined header (empty: it has none) and its filled cells below."""

    number: int
    header: str
    cells: tuple[Cell, ...]
    share: bool = False

    @property
    def letters(self) -> str:
        return column_letters(self.number)

    @property
    def texts(self) -> tuple[str, ...]:
        """Different texts of the column in order."""
        return tuple(dict.fromkeys(cell.text for cell in self.cells))

    @property
    def numeric(self) -> bool:
        """Are most cells numbers or table signs?"""
        return sum(is_number(cell) for cell in self.cells) * 2 > len(self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a sheet; `notes` are rows of text only, `titles` the texts above the header."""

    sheet: Sheet
    top: int
    below: int
    anchor: str
    drop: tuple[str, ...]
    columns: tuple[Column, ...]
    titles: tuple[str, ...]
    notes: tuple[str, ...]
    contains: tuple[str, ...] = ()
    thousands: bool = False

    @property
    def header_rows(self) -> int:
        return self.below - self.top


@dataclass
class _Finder:
    """Goes through the rows of one sheet."""

    sheet: Sheet
    rows: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.rows = rows_of(self.sheet)

    def tables(self) -> Iterator[Table]:
        starts = list(self._starts())
        for number, (top, below) in enumerate(starts):
            end = starts[number + 1][0] if number + 1 < len(starts) else self.sheet.last_row + 1
            table = self._table(top, below, end, first=number == 0)
            if table is not None:
                yield table

    def _starts(self) -> Iterator[tuple[int, int]]:
        """Top of the header and first row below it, for each table of the sheet."""
        below = wide = 0
        for row, cells in self.rows.items():
            if not _is_data(cells) or (below and not self._header_between(below, row, wide)):
                below = row if below and _is_data(cells) else below
                continue
            top = self._top(row, below)
            if top is None:
                continue
            yield top, row
            below, wide = row, max(len(self.rows.get(r, {})) for r in range(top, row))

    def _header_between(self, before: int, row: int, wide: int) -> bool:
        """Is there a row with nearly as many texts as the first header had, right above?"""
        between = [self.rows.get(r, {}) for r in range(max(before + 1, row - MOST_HEADER_ROWS), row)]
        return any(
            len(cells) >= max(3, wide * 0.7)
            and (
                _counts_up(cells.values()) or not any(is_number(cell) and not is_year(cell) for cell in cells.values())
            )
            for cells in between
        )

    def _top(self, row: int, before: int) -> int | None:
        """The highest row above with two texts or more, at most one empty row apart from the next."""
        above, gap = [], 0
        for number in range(row - 1, max(before, row - 1 - MOST_HEADER_ROWS), -1):
            cells = self.rows.get(number, {})
            gap = 0 if cells else gap + 1
            if gap > 1 or _is_data(cells):
                break
            above.append((number, len(cells)))
        wide = [number for number, filled in above if filled > 1]
        single = [number for number, filled in above if filled]
        return min(wide) if wide else single[0] if single else None

    def _table(self, top: int, below: int, end: int, *, first: bool) -> Table | None:
        header = [cell for row in range(top, below) for cell in self.rows.get(row, {}).values()]
        drop = tuple(self._drop(top, below))
        kept = [c for c in header if not any(re.fullmatch(p, normalised(c.text), re.IGNORECASE) for p in drop)]
        anchor = next((cell.text for cell in kept if cell.row == top and cell.text), "")
        if not anchor or len(normalised(anchor)) < 1:
            return None
        texts = header_texts(self.rows, top, HeaderRule(anchor=anchor, rows=below - top, drop=list(drop)))
        shares = _shares([cell for cell in header if _UNIT.fullmatch(normalised(cell.text))])
        body = {row: cells for row, cells in self.rows.items() if below <= row < end}
        data = {row: cells for row, cells in body.items() if _is_data(cells) or len(cells) > 1}
        numbers = sorted({number for cells in data.values() for number in cells} | set(texts))
        columns = []
        for number in numbers:
            cells = tuple(cells[number] for cells in data.values() if number in cells)
            share = is_share(texts.get(number, "")) or shares.get(_left(shares, number), False)
            columns.append(Column(number, texts.get(number, ""), cells, share))
        notes = [next(iter(cells.values())).text for row, cells in body.items() if row not in data]
        titles = [c.text for row, cells in self.rows.items() if row < top and first for c in cells.values()]
        titles = [" ".join(text.split()) for text in titles if re.search(r"[^\W\d]", text)]
        units = "\n".join([*(normalised(cell.text) for cell in header), *map(normalised, titles[-3:])])
        return Table(
            self.sheet,
            top,
            below,
            anchor,
            drop,
            tuple(columns),
            tuple(titles),
            tuple(dict.fromkeys(notes)),
            self._contains(anchor, top, kept),
            bool(_THOUSANDS.search(units)),
        )

    def _drop(self, top: int, below: int) -> Iterator[str]:
        """Patterns of header texts that do not count: column numbers and units."""
        for row in range(top, below):
            if _counts_up(self.rows.get(row, {}).values()):
                yield r"\d{1,2}"
        units = (cell.text for row in range(top, below) for cell in self.rows.get(row, {}).values())
        for text in dict.fromkeys(normalised(unit) for unit in units):
            if _UNIT.fullmatch(text):
                yield re.escape(text).replace(r"\ ", " ")

    def _contains(self, anchor: str, top: int, kept: Sequence[Cell]) -> tuple[str, ...]:
        """A second text where the anchor alone also occurs further up."""
        wanted = normalised(anchor)
        if not any(normalised(c.text) == wanted for r, cells in self.rows.items() if r < top for c in cells.values()):
            return ()
        return tuple(cell.text for cell in kept if normalised(cell.text) != wanted and not years(cell.text))[:2]


def find_tables(sheet: Sheet) -> tuple[Table, ...]:
    """The tables of a sheet from top to bottom; none where there are no numbers below texts."""
    return tuple(_Finder(sheet).tables())


def is_number(cell: Cell) -> bool:
    """A number, or a text that offices write in the place of one."""
    if isinstance(cell.value, bool):
        return False
    return isinstance(cell.value, float) or bool(isinstance(cell.value, str) and _NUMBER.fullmatch(cell.text))


def is_year(cell: Cell) -> bool:
    """A year standing alone, with or without a footnote mark."""
    return bool(YEAR.fullmatch(normalised(cell.text)))


def _is_data(cells: object) -> bool:
    """Does a row hold numbers that are neither years nor column numbers?"""
    assert isinstance(cells, dict)
    numbers = [cell for cell in cells.values() if is_number(cell) and not is_year(cell)]
    if not numbers or _counts_up(cells.values()):
        return False
    return len(numbers) >= 2 or len(numbers) * 2 >= len(cells)


def _counts_up(cells: object) -> bool:
    """1, 2, 3 ...: the numbers of the columns."""
    found = [cell.text for cell in cells if cell.text]  # type: ignore[attr-defined]
    if len(found) < 2 or not all(text.isdecimal() and len(text) < 3 for text in found):
        return False
    return found[0] == "1" and all(int(b) == int(a) + 1 for a, b in pairwise(found))


def _shares(units: Sequence[Cell]) -> dict[int, bool]:
    """Columns in which a unit is written, and whether it says percent; it counts for the columns to its right."""
    return {cell.column: is_share(cell.text) for cell in sorted(units, key=lambda cell: cell.column)}


def _left(units: dict[int, bool], number: int) -> int:
    return max((column for column in units if column <= number), default=0)
