"""Where the tables stand on a sheet of our form: found by their marks, wherever they were moved to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from intake import form_request as form
from intake.cells import Cell, Row
from intake.sheets import Sheet, Strip

MOST_TOGETHER = 16


@dataclass(frozen=True)
class Block:
    """One table on a sheet: key column, rows, and the column of every column key."""

    table: str
    key_column: int
    first_row: int
    last_row: int
    columns: dict[str, int]
    label_column: int
    note_column: int | None
    previous: frozenset[int]

    @cached_property
    def known(self) -> frozenset[int]:
        """The columns that belong to the table."""
        others = {self.key_column, self.label_column, self.note_column or self.label_column}
        return frozenset({*self.columns.values(), *self.previous, *others})

    @cached_property
    def right(self) -> int:
        """The last column of the table."""
        return max([self.label_column, *self.columns.values(), self.note_column or 0])


def find_blocks(sheet: Sheet) -> Sequence[Block]:
    """All tables of a sheet from top to bottom."""
    found: Sequence[Block] | None = sheet.derived.get("blocks")
    if found is None:
        strips = _bounding(sheet)
        if not strips:
            found = () if strips is not None else tuple(_blocks(sheet))
        else:
            known: dict[tuple[Strip, ...], Sequence[Block]] = strips[0].derived.setdefault("blocks", {})
            found = known.get(strips)
            if found is None:
                if len(known) >= MOST_TOGETHER:
                    known.clear()
                found = known[strips] = tuple(_blocks(sheet))
        sheet.derived["blocks"] = found
    return found


def _bounding(sheet: Sheet) -> tuple[Strip, ...] | None:
    """The strips in which the tables of a sheet begin and end, so that they are the same wherever these stand; None where
    more than that has to be known."""
    found: list[Strip] = []
    for said in sheet.outlines if sheet.in_rows else ():
        if _bounds(said):
            if isinstance(said, Row):
                return None
            found.append(said)
    if not sheet.in_rows or not all(map(_is_told, found)):
        return None
    return tuple(found) if not found or _bounds(found[-1])[-1].text == form.END_MARK else None


def _is_told(strip: Strip) -> bool:
    """Do the rows in which its tables begin hold no numbers, and do tables begin and end from top to bottom?"""
    if _is_told not in strip.derived:
        bounds = _bounds(strip)
        told = all(None not in strip.rows[mark.row].values for mark in bounds)
        strip.derived[_is_told] = told and len({mark.row for mark in bounds}) == len(bounds)
    return bool(strip.derived[_is_told])


def _bounds(piece: Strip | Row) -> Sequence[Cell]:
    """Marks at which tables begin and end."""
    found: Sequence[Cell] | None = piece.derived.get(_bounds)
    if found is None:
        found = [mark for mark in piece.find_marks() if mark.text.startswith((form.TABLE_MARK, form.END_MARK))]
        piece.derived[_bounds] = found
    return found


def _blocks(sheet: Sheet) -> Iterator[Block]:
    marks = sorted((c for c in sheet.marks if c.text.startswith(form.TABLE_MARK)), key=lambda cell: cell.row)
    ends = [cell.row for cell in sheet.marks if cell.text == form.END_MARK]
    for index, mark in enumerate(marks):
        stop = (
            marks[index + 1].row
            if index + 1 < len(marks)
            else min((r + 1 for r in ends if r > mark.row), default=sheet.last_row + 1)
        )
        keys = _keys(sheet.row(mark.row), mark.column)
        name = mark.text.removeprefix(form.TABLE_MARK).strip()
        yield Block(name, mark.column, mark.row, stop - 1, *keys)


def _keys(row: Row, mark_column: int) -> tuple[dict[str, int], int, int | None, frozenset[int]]:
    """What the row of the mark says about the columns on its right: their keys, those of the label, the note, last year."""
    known = row.derived.get((_keys, mark_column))
    if known is not None:
        found: tuple[dict[str, int], int, int | None, frozenset[int]] = known
        return found
    columns: dict[str, int] = {}
    previous = set()
    label, note = mark_column + 1, None
    for cell in sorted(row.cells, key=lambda cell: cell.column):
        if cell.column <= mark_column:
            continue
        if cell.text == form.LABEL_KEY:
            label = cell.column
        elif cell.text == form.NOTE_KEY:
            note = cell.column
        elif cell.text.startswith(form.PREVIOUS_KEY):
            previous.add(cell.column)
        else:
            columns[cell.text] = cell.column
    row.derived[_keys, mark_column] = columns, label, note, frozenset(previous)
    return columns, label, note, frozenset(previous)
