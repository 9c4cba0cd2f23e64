"""The header of a foreign table: texts of several rows joined per column, and the layout's entry for each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from intake.layout_model import SEPARATOR, Column, HeaderRule, SheetRule, normalised, normalised_header, says, whole
from intake.reading import Cell, Sheet

Rows = Mapping[int, Mapping[int, Cell]]


@dataclass(frozen=True, slots=True)
class Found:
    """A column of the sheet: its header, its entry in the layout (None: unknown), its year when the header says one."""

    number: int
    text: str
    rule: Column | None
    year: int | None

    @property
    def read(self) -> bool:
        """Do the cells of this column say something?"""
        return self.rule is not None and self.rule.ignore is None


@dataclass(slots=True)
class Header:
    """The rows from `top` up to, not including, `below`; what was found, what is unknown, what is missing."""

    top: int
    below: int
    columns: dict[int, Found] = field(default_factory=dict)
    unknown: list[tuple[str, Cell]] = field(default_factory=list)
    missing: list[Column] = field(default_factory=list)


def rows_of(sheet: Sheet) -> Rows:
    """Filled cells by row and column, both in order."""
    rows: dict[int, dict[int, Cell]] = {}
    for (row, column), cell in sorted(sheet.cells.items()):
        rows.setdefault(row, {})[column] = cell
    return rows


def read_header(rows: Rows, rule: SheetRule) -> Header | None:
    """Find the header by its anchor text and match its columns; None when the anchor is not in the sheet."""
    top = _top(rows, rule.header)
    if top is None:
        return None
    header = Header(top, top + rule.header.rows)
    used: list[Column] = []
    for number, text in header_texts(rows, top, rule.header).items():
        entry, hit = _entry(rule, normalised_header(text))
        if entry is not None and entry in used and entry.ignore is None and "{" not in entry.header:
            entry, hit = None, None  # the same header twice: neither guess nor add up
        if entry is None:
            cells = (rows[row][number] for row in rows if row >= top and number in rows[row])
            header.unknown.append((text, next(cells)))
        else:
            used.append(entry)
        year = hit.groupdict().get("year") if hit else None
        header.columns[number] = Found(number, text, entry, int(year) if year else None)
    header.missing = [column for column in rule.columns if column not in used and not column.optional]
    return header


def _top(rows: Rows, rule: HeaderRule) -> int | None:
    """The first row that has the anchor text and, within the header, all texts of `contains`."""
    anchors = (rule.anchor, *rule.aliases)
    for top, cells in rows.items():
        if any(says(anchors, normalised(cell.text)) for cell in cells.values()):
            block = [normalised(c.text) for row in range(top, top + rule.rows) for c in rows.get(row, {}).values()]
            if all(any(says((wanted,), text) for text in block) for wanted in rule.contains):
                return top
    return None


def header_texts(rows: Rows, top: int, rule: HeaderRule) -> dict[int, str]:
    """Header text of every column that has one: its parts from top to bottom, group headers carried to the right.

    A group ends where its row, or a row above it, has a new text. The last row is not carried, and a column without a
    text of its own has no header.
    """
    levels = []
    for row in range(top, top + rule.rows):
        texts = {number: cell.text for number, cell in rows.get(row, {}).items() if not _dropped(cell.text, rule)}
        if texts:
            levels.append(texts)
    numbers = sorted({number for level in levels for number in level})
    parts: dict[int, list[str]] = {number: [] for number in numbers}
    for depth, level in enumerate(levels):
        carried = ""
        for number in range(numbers[0], numbers[-1] + 1):
            if number in level:
                carried = level[number]
            elif any(number in upper for upper in levels[:depth]):
                carried = ""
            text = level.get(number, "" if depth == len(levels) - 1 else carried)
            if text and number in parts:
                parts[number].append(" ".join(text.split()))
    return {number: SEPARATOR.join(texts) for number, texts in parts.items()}


def _dropped(text: str, rule: HeaderRule) -> bool:
    return any(whole(pattern).fullmatch(normalised(text)) for pattern in rule.drop)


def _entry(rule: SheetRule, text: str) -> tuple[Column | None, re.Match[str] | None]:
    for column in rule.columns:
        if hit := says(column.texts, text):
            return column, hit
    return None, None
