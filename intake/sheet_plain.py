"""The rows of a worksheet as spreadsheet programs write them, taken apart at once instead of event by event.

Nearly every sheet holds nothing but rows of plain cells: an address, a style, a kind, perhaps a formula, a value. Where
anything else stands among them (a comment, an entity, rich text, another order), nothing is said here, and the XML is
read the general way. So this is a matter of speed only; a test holds both ways against each other.

What stands around the values of a sheet is the same in many workbooks. It is looked at once and then known by its text
(`SheetShape`), and where a sheet is new, each row that is not (`RowShape`); only the values are new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

MAX_BYTES = 4 << 20
"""Larger sheets are streamed."""
MAX_KNOWN = 8 << 20
"""Characters of rows whose shape is kept; beyond that it is forgotten, and kept anew."""
LONGEST_KNOWN, LONGEST_KNOWN_SHEET = 1 << 16, 1 << 18
LAST_ROW, LAST_COLUMN = 1_048_576, 16_384
OPEN, CLOSE = b"<sheetData>", b"</sheetData>"
TRUE = ("1", "true", "on")
ROW_END = "</row>"

Shape = TypeVar("Shape")
PlainCell = tuple[str, ...]
"""Of one cell as it is written (from the third entry on): letters, row, style, kind, formula, element of the value, its
text; what is not there is empty."""

_TEXT = r"[^<>&\x00-\x1f]*"
_ATTRIBUTES = rf'((?: [A-Za-z0-9]+(?::[A-Za-z0-9]+)?="{_TEXT.replace("<>&", "<>&" + chr(34))}")*)'
_TOKEN = re.compile(
    rf"(<row{_ATTRIBUTES}>"
    r'|<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"(?: s="([0-9]+)")?(?: t="(s|n|str|b|e|d)")?'
    rf"(?:/>|>(<f>{_TEXT}</f>)?(<v>({_TEXT})</v>|<v ?/>)?</c>))"
)
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')
_EMPTY_ROW = re.compile(rf"<row{_ATTRIBUTES}/>")
_VALUE = re.compile("<v>([^<]*)</v>")
_NO_VALUE = "<v></v>"
_LAST = (3, "XFD")
"""The last column, as columns are compared."""
_TAKEN_QUICKLY = {"s": True, "n": False, "": False}
"""Kinds of cells that hold the number of a text (True) or a number."""


@dataclass(frozen=True, slots=True, eq=False)
class RowShape:
    """A row without its values. `number`: 0 where it does not say where it stands. `in_place`: all its cells stand in
    that row. `simple`: they do so from left to right, and each holds a text, a number or nothing; then `letters` are the
    columns of those with a value, `runs` tell from where to where these are texts (True) or numbers, and `styles` how
    they look. `hidden`: None where it says nothing about that."""

    attributes: dict[str, str]
    number: int
    in_place: bool
    simple: bool
    hidden: bool | None = None
    letters: tuple[str, ...] = ()
    runs: tuple[tuple[int, int, bool], ...] = ()
    styles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class PlainRow:
    """A row of a sheet: its shape, from where to where among the sheet's values its own stand, the row without them."""

    shape: RowShape
    start: int
    end: int
    skeleton: str


@dataclass(eq=False)
class Run:
    """Rows that follow each other. `simple`: all of them are; any other row is a run alone. `styles` are those of all.

    `texts` and `numbers` tell which of their values are what. `said`: the texts that a sheet said in them, once that is
    known; `changing`: they are known to say something else in every workbook.
    """

    rows: tuple[PlainRow, ...]
    simple: bool
    styles: frozenset[str] = frozenset()
    changing: bool = False
    said: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        self.values = slice(self.rows[0].start, self.rows[-1].end)
        self.styles = frozenset().union(*(row.shape.styles for row in self.rows))
        self.texts = [text for row in self.rows for start, end, text in row.shape.runs for _ in range(start, end)]
        self.numbers = [not text for text in self.texts]

    def parts(self, said: tuple[str, ...]) -> list[Run]:
        """The run cut where a sheet says something else than the one before; nothing where that is most of it."""
        assert self.said is not None
        changed, place = [], 0
        for row in self.rows:
            end = place + sum(stop - start for start, stop, text in row.shape.runs if text)
            changed.append(said[place:end] != self.said[place:end])
            place = end
        if sum(changed) * 2 > len(changed):
            return []
        marked = zip(changed, self.rows, strict=True)
        return [
            Run(tuple(r for _, r in rows), True, changing=one) for one, rows in groupby(marked, lambda pair: pair[0])
        ]


@dataclass(slots=True, eq=False)
class SheetShape:
    """The rows of a sheet that hold anything, without their values. `ordered`: every cell stands in its row, and the
    rows stand from top to bottom. `runs`: all rows; they are cut where sheets turn out to differ."""

    runs: list[Run]
    ordered: bool

    def cut(self, run: Run, said: tuple[str, ...]) -> bool:
        """Cut a run (see `Run.parts`); False where it stays as it is."""
        parts = run.parts(said)
        if parts:
            place = self.runs.index(run)
            self.runs[place : place + 1] = parts
        return bool(parts)


@dataclass(frozen=True, slots=True)
class PlainRows:
    """The rows of a sheet: their shape, and their values from the first to the last."""

    shape: SheetShape
    values: list[str]

    def written(self, row: PlainRow) -> str:
        """A row as it is written, without its end."""
        start, *others = row.skeleton.split(_NO_VALUE)
        said = self.values[row.start : row.end]
        return start + "".join(f"<v>{value}</v>{other}" for value, other in zip(said, others, strict=True))


class _Shapes(dict[str, Shape]):
    """Shapes by the text of a row or of a sheet without its values."""

    def __init__(self, longest: int) -> None:
        self.longest, self.characters = longest, 0

    def keep(self, text: str, shape: Shape) -> None:
        """Keep one for the next workbook, unless it takes too much room."""
        if len(text) > self.longest:
            return
        if self.characters > MAX_KNOWN:
            self.clear()
            self.characters = 0
        self[text] = shape
        self.characters += len(text)


_known: _Shapes[RowShape] = _Shapes(LONGEST_KNOWN)
_known_sheets: _Shapes[SheetShape] = _Shapes(LONGEST_KNOWN_SHEET)


def plain_rows(content: bytes) -> PlainRows | None:
    """The rows that hold something; None when what stands between the rows' marks is not that plain."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return None
    parts = _VALUE.split(text)
    skeleton, values = _NO_VALUE.join(parts[::2]), parts[1::2]
    together = "".join(values)
    if not together.isprintable() or ">" in together or "&" in together:
        return None
    shape = _known_sheets.get(skeleton) or _new_sheet(skeleton)
    return None if shape is None else PlainRows(shape, values)


def plain_cells(row: str) -> tuple[PlainCell, ...]:
    """The cells of a row of `plain_rows`, as it is written."""
    return tuple(_TOKEN.findall(row)[1:])


def _new_sheet(skeleton: str) -> SheetShape | None:
    """The shape of a sheet that was not seen before; None when it is not plain."""
    rows = _rows(skeleton)
    rows = _rows(_EMPTY_ROW.sub(_without, skeleton)) if rows is None else rows
    if rows is None:
        return None
    ordered = all(row.shape.in_place for row in rows)
    ordered = ordered and all(one.shape.number < other.shape.number for one, other in pairwise(rows))
    shape = SheetShape([*_runs(rows)], ordered)
    _known_sheets.keep(skeleton, shape)
    return shape


def _rows(skeleton: str) -> list[PlainRow] | None:
    *pieces, rest = skeleton.split(ROW_END)
    if rest:
        return None
    rows: list[PlainRow] = []
    start = 0
    for piece in pieces:
        shape = _known.get(piece) or _new_shape(piece)
        if shape is None:
            return None
        end = start + piece.count(_NO_VALUE)
        if end > start or not shape.simple:
            rows.append(PlainRow(shape, start, end, piece))
        start = end
    return rows


def _runs(rows: list[PlainRow]) -> Iterator[Run]:
    for simple, together in groupby(rows, lambda row: row.shape.simple):
        for run in [tuple(together)] if simple else [(row,) for row in together]:
            yield Run(run, simple)


def _without(found: re.Match[str]) -> str:
    """Nothing in the place of an empty row; one that is not well formed stays, and with it the sheet is not plain."""
    return found[0] if _attributes(found[1]) is None else ""


def _attributes(text: str) -> dict[str, str] | None:
    """Attributes as they are written; None when one is there twice, which no XML may have."""
    pairs = _ATTRIBUTE.findall(text)
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def _new_shape(text: str) -> RowShape | None:
    """The shape of a row that was not seen before; None when it is not plain."""
    tokens = _TOKEN.findall(text)
    if not tokens or tokens[0][2] or any(not token[2] for token in tokens[1:]):
        return None
    if sum(len(token[0]) for token in tokens) != len(text):
        return None
    attributes = _attributes(tokens[0][1])
    if attributes is None or "r" not in attributes:  # a row that does not say where it stands counts those above it
        return None
    shape = _shape(attributes, tokens[1:])
    _known.keep(text, shape)
    return shape


def _shape(attributes: dict[str, str], cells: list[PlainCell]) -> RowShape:
    number = attributes["r"]
    row = int(number) if re.fullmatch("[1-9][0-9]{0,6}", number) else 0
    order = [(len(letters), letters) for _, _, letters, *_ in cells]
    in_place = row > 0 and all(place == number for _, _, _, place, *_ in cells)
    in_place = in_place and row <= LAST_ROW
    rising = all(one < other for one, other in pairwise(order)) and order[-1:] <= [_LAST]
    if not (in_place and rising):
        return RowShape(attributes, row, in_place, simple=False)
    holding: list[tuple[str, str, bool]] = []
    for _, _, letters, _, style, kind, formula, value, _ in cells:
        if value == _NO_VALUE and not formula and kind in _TAKEN_QUICKLY:
            holding.append((letters, style, _TAKEN_QUICKLY[kind]))
        elif value or formula or kind == "e":
            return RowShape(attributes, row, in_place, simple=False)
    texts = [text for _, _, text in holding]
    ends = [n for n in range(1, len(texts) + 1) if n == len(texts) or texts[n] != texts[n - 1]]
    runs = tuple((start, end, texts[start]) for start, end in zip([0, *ends], ends, strict=False))
    columns = tuple(letters for letters, _, _ in holding)
    styles = frozenset(style for _, style, _ in holding)
    hidden = attributes["hidden"] in TRUE if "hidden" in attributes else None
    return RowShape(attributes, row, True, True, hidden, columns, runs, styles)
