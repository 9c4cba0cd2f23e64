"""Where the tables stand on a sheet of our form: found by their marks, wherever they were moved to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from intake import form_request as form
from intake.cells import Row, Sheet


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


def find_blocks(sheet: Sheet) -> Sequence[Block]:
    """All tables of a sheet from top to bottom."""
    if "blocks" not in sheet.derived:
        sheet.derived["blocks"] = tuple(_blocks(sheet))
    found: Sequence[Block] = sheet.derived["blocks"]
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
