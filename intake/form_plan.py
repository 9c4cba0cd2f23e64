"""How an entry table lies on a sheet of our form: which of its cells stands in which column.

Worked out once for a table and the columns of its block, and for the cells that a row has filled: both are the same in
most workbooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from intake.cells import Layout, column_letters
from intake.form_blocks import Block
from schemas.framework_model import Framework, Members
from schemas.remembered import remembered
from schemas.tables import CellKey, Column, EntryTable, Row

MOST_PLANS = 1 << 12
MOST_LAYOUTS = 64


class Asked(NamedTuple):
    """A filled cell of a row where the table has a column. `place`: its number among the filled cells of the row.

    `key` is None where nothing is asked for; `plain`: the cell is not hidden.
    """

    place: int
    heading: str
    key: CellKey | None
    members: Members
    letters: str
    plain: bool


@dataclass(eq=False)
class AtOnce:
    """The filled cells of a row that nothing hides: where they stand, of what, and which places must say that nothing is
    asked there. The tuples are in the same order."""

    places: tuple[int, ...]
    blocked: tuple[int, ...]
    members: tuple[Members, ...]
    headings: tuple[str, ...]
    letters: tuple[str, ...]
    _addresses: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, asked: Sequence[Asked]) -> AtOnce | None:
        """None where a cell is hidden, so that more has to be said of it."""
        if not all(cell.plain for cell in asked):
            return None
        wanted = [cell for cell in asked if cell.key is not None]
        blocked = tuple(cell.place for cell in asked if cell.key is None)
        members, headings = tuple(cell.members for cell in wanted), tuple(cell.heading for cell in wanted)
        return cls(
            tuple(cell.place for cell in wanted), blocked, members, headings, tuple(cell.letters for cell in wanted)
        )

    def addresses(self, row: int) -> tuple[str, ...]:
        """The cells in a row of the sheet."""
        found = self._addresses.get(row)
        if found is None:
            if len(self._addresses) >= MOST_LAYOUTS:
                self._addresses.clear()
            found = self._addresses[row] = tuple(f"{letters}{row}" for letters in self.letters)
        return found


class Gap(NamedTuple):
    """A cell that has to be filled and is not; `at` is its column, None where the column is gone."""

    column: Column
    key: CellKey
    at: int | None


@dataclass(eq=False)
class RowPlan:
    """One row of the table: for each of its columns, in order, where it stands (None: nowhere) and its key."""

    row: Row
    integer: bool
    cells: tuple[tuple[Column, int | None, CellKey | None], ...]
    members: Mapping[CellKey, Members]
    _asked: dict[Layout, tuple[Asked, ...]] = field(default_factory=dict)
    _at_once: dict[Layout, AtOnce | None] = field(default_factory=dict)
    _gaps: dict[Layout | None, tuple[Gap, ...]] = field(default_factory=dict)

    def asked(self, layout: Layout) -> tuple[Asked, ...]:
        """The filled cells of a row of the sheet that belong to the table, in its order."""
        found = self._asked.get(layout)
        if found is None:
            if len(self._asked) >= MOST_LAYOUTS:
                self._asked.clear()
            found = self._asked[layout] = tuple(self._find(layout))
        return found

    def at_once(self, layout: Layout) -> AtOnce | None:
        """The same where all of them may be read together."""
        if layout not in self._at_once:
            if len(self._at_once) >= MOST_LAYOUTS:
                self._at_once.clear()
            self._at_once[layout] = AtOnce.of(self.asked(layout))
        return self._at_once[layout]

    def _find(self, layout: Layout) -> Iterator[Asked]:
        for column, at, key in self.cells:
            if at is not None and at in layout.place:
                place = layout.place[at]
                members = self.members[key] if key is not None else ()
                yield Asked(place, column.heading, key, members, column_letters(at), not layout.hidden[place])

    def gaps(self, layout: Layout | None) -> tuple[Gap, ...]:
        """The cells that have to be filled and are not; `layout` is None where the row is gone."""
        found = self._gaps.get(layout)
        if found is None:
            if len(self._gaps) >= MOST_LAYOUTS:
                self._gaps.clear()
            filled: Mapping[int, int] = layout.place if layout else {}
            found = self._gaps[layout] = tuple(
                Gap(column, key, at)
                for column, at, key in self.cells
                if key is not None and not column.optional and at not in filled
            )
        return found


@dataclass(frozen=True, eq=False)
class TablePlan:
    """One table whose columns stand where a block has them."""

    table: EntryTable
    rows: tuple[RowPlan, ...]
    by_variable: Mapping[str, tuple[RowPlan, ...]]
    by_key: Mapping[str, RowPlan]


def table_plan(framework: Framework, table: EntryTable, block: Block) -> TablePlan:
    """The plan of a table for the columns of a block."""

    def made() -> TablePlan:
        places = [block.columns.get(column.key) for column in table.columns]
        rows = tuple(
            RowPlan(
                row,
                framework.is_integer(row.variable),
                tuple(zip(table.columns, places, keys, strict=True)),
                table.members,
            )
            for row, keys in zip(table.rows, table.grid, strict=True)
        )
        own = {variable: tuple(r for r in rows if r.row.variable == variable) for variable in table.variables}
        return TablePlan(table, rows, own, {row.row.key: row for row in rows})

    # the table itself is part of the answer, so no other one can have its identity
    columns = tuple(block.columns.items())
    return remembered(framework, made, "how tables lie on sheets", id(table), columns, most=MOST_PLANS)
