"""Read a table of our form whose rows stand in strips: what is the same in every workbook is worked out once for a strip,
and then only its numbers are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from intake import form_request as form
from intake.cells import CellValue, Row
from intake.form_blocks import Block
from intake.form_plan import RowPlan, TablePlan
from intake.sheets import FilledStrip, Sheet, Strip
from intake.values import Readings
from schemas.observations import Places, Stretch

MOST_PLANS = 64
PASSED_OVER = (form.HEAD_MARK, form.TEXT_MARK)
"""Marks of rows that say nothing of a table."""


@dataclass(frozen=True, eq=False)
class StripPlan:
    """The rows of a table in a strip, from top to bottom, where there is nothing to say about any of them but its values.

    `lines` are their numbers on the sheet. `pick` takes the values that are asked for out of the numbers of the strip with
    `texts` behind them; `whole` tells of which of them only whole numbers make sense: from where to where, and whether.
    """

    rows: tuple[RowPlan, ...]
    lines: tuple[int, ...]
    places: Places
    texts: tuple[str, ...]
    pick: Callable[[Sequence[CellValue]], Sequence[CellValue]]
    whole: tuple[tuple[slice, bool], ...]

    def read(
        self, numbers: Sequence[float], readings: Mapping[bool, Readings], region: str, year: int, sheet: str
    ) -> Stretch | None:
        """What the table says; None where there is more to say about a value."""
        said = self.pick([*numbers, *self.texts] if self.texts else numbers)
        read: list[tuple[Decimal | None, str, str, float]] = []
        try:
            for part, integer in self.whole:
                read += map(readings[integer].__getitem__, said[part])
        except KeyError:
            return None
        values, statuses, texts, floats = zip(*read, strict=True)
        if not all(statuses):
            return None
        return Stretch(region, year, sheet, self.places, values, statuses, texts, floats)


Part = tuple[StripPlan, FilledStrip] | tuple[RowPlan, Row]


class OneByOne(Exception):
    """There is more to say of a row than its values; what, is found out where rows are read one by one."""


def table_parts(sheet: Sheet, block: Block, plan: TablePlan) -> list[Part]:
    """The rows of a table in the order of the form, where all are there, complete and in that order, and nothing else is;
    raises OneByOne for any other."""
    found: list[Part] = []
    rows: list[RowPlan] = []
    for first, last, piece in _places(sheet):
        if last <= block.first_row or first > block.last_row:
            continue
        if isinstance(piece, FilledStrip):
            planned = strip_plan(piece.strip, block, plan)
            rows += planned.rows
            if len(planned.places):  # rows of which all cells are blocked say nothing
                found.append((planned, piece))
        elif (entry := _entry(piece, block, plan)) is not None:
            rows.append(entry)
            found.append((entry, piece))
    if tuple(rows) != plan.rows:
        raise OneByOne
    return found


def _places(sheet: Sheet) -> list[tuple[int, int, Row | FilledStrip]]:
    """The pieces of a sheet with their first and last row; none where it has no strips."""
    found: list[tuple[int, int, Row | FilledStrip]] | None = sheet.derived.get("places")
    if found is None:
        pieces = sheet.pieces if sheet.in_rows else ()
        strips = any(isinstance(piece, FilledStrip) for piece in pieces)
        found = sheet.derived["places"] = [(*_span(piece), piece) for piece in pieces] if strips else []
    return found


def _span(piece: Row | FilledStrip) -> tuple[int, int]:
    if isinstance(piece, Row):
        return piece.number, piece.number
    numbers = piece.strip.rows
    return min(numbers, default=0), max(numbers, default=0)


def _entry(row: Row, block: Block, plan: TablePlan) -> RowPlan | None:
    """The row of the table that this is, None for a heading and the like; raises OneByOne.

    In a strip the numbers are None: where more than an ordinary value depends on one, there is more to say, too.
    """
    layout = row.layout
    if row.odd is not None or any(_is_open(row, column) for column in (block.key_column, block.note_column)):
        raise OneByOne
    key = row.text(block.key_column)
    entry = plan.by_key.get(key)
    if entry is None:
        if key not in PASSED_OVER and not layout.place.keys().isdisjoint(block.columns.values()):
            raise OneByOne
        return None
    together = entry.at_once(layout)
    strange = [column for column in layout.columns if column not in block.known and column <= block.right]
    if together is None or entry.gaps(layout) or any(column > block.key_column for column in strange):
        raise OneByOne
    if any(row.values[place] != form.BLOCKED for place in together.blocked):
        raise OneByOne
    return entry


def _is_open(row: Row, column: int | None) -> bool:
    place = row.layout.place.get(column or 0)
    return place is not None and row.values[place] is None


def strip_plan(strip: Strip, block: Block, plan: TablePlan) -> StripPlan:
    """How a table lies in a strip; raises OneByOne. Block and plan are part of what is kept, so no others can have their
    identity."""
    known: dict[tuple[int, int], tuple[Block, TablePlan, StripPlan | None]] = strip.derived.setdefault("plans", {})
    key = id(block), id(plan)
    if key not in known:
        if len(known) >= MOST_PLANS:
            known.clear()
        try:
            known[key] = block, plan, _planned(strip, block, plan)
        except OneByOne:
            known[key] = block, plan, None
    found = known[key][2]
    if found is None:
        raise OneByOne
    return found


def _planned(strip: Strip, block: Block, plan: TablePlan) -> StripPlan:
    """`before`: how many open places stand above a row."""
    before = 0
    own: list[tuple[RowPlan, Row, int]] = []
    for number, row in strip.rows.items():
        if block.first_row < number <= block.last_row and (entry := _entry(row, block, plan)) is not None:
            own.append((entry, row, before))
        before += row.values.count(None)
    return _joined(own, block.note_column, strip.open)


def _joined(own: Sequence[tuple[RowPlan, Row, int]], note_column: int | None, numbers: int) -> StripPlan:
    """The plan of some rows of a strip with so many open places; `own` has for each how many of these stand above it."""
    texts: list[str] = []
    picked: list[int] = []
    whole: list[bool] = []
    columns: list[tuple[Any, ...]] = []
    for entry, row, before in own:
        together = entry.at_once(row.layout)
        assert together is not None
        for place in together.places:
            value = row.values[place]
            if value is None:
                picked.append(before + row.values[:place].count(None))
            else:
                picked.append(numbers + len(texts))
                texts.append(str(value))
        whole += [entry.integer] * len(together.places)
        note, label = row.text(note_column) if note_column else "", entry.row.label
        described = zip(together.members, together.addresses(row.number), together.headings, strict=True)
        columns += [(entry.row.variable, members, cell, note, label, heading) for members, cell, heading in described]
    places = Places(*zip(*columns, strict=True)) if columns else Places((), (), (), (), (), ())
    entries, lines = tuple(entry for entry, _, _ in own), tuple(row.number for _, row, _ in own)
    return StripPlan(entries, lines, places, tuple(texts), _picker(picked), tuple(_alike(whole)))


def _alike(whole: Sequence[bool]) -> Iterator[tuple[slice, bool]]:
    start = 0
    for integer, same in groupby(whole):
        end = start + sum(1 for _ in same)
        yield slice(start, end), integer
        start = end


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(places) > 1 and list(places) != list(range(places[0], places[0] + len(places))):
        return itemgetter(*places)
    return itemgetter(slice(places[0], places[-1] + 1) if places else slice(0))
