"""How an entry table lies on a sheet of our form: which of its cells stands in which column.

Worked out once for a table and the columns of its block, and for the cells that a row has filled: both are the same in
most workbooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    _gaps: dict[Layout | None, tuple[Gap, ...]] = field(default_factory=dict)

    def asked(self, layout: Layout) -> tuple[Asked, ...]:
        """The filled cells of a row of the sheet that belong to the table, in its order."""
        found = self._asked.get(layout)
        if found is None:
            if len(self._asked) >= MOST_LAYOUTS:
                self._asked.clear()
            found = self._asked[layout] = tuple(self._find(layout))
        return found

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
        return TablePlan(table, rows, own)

    # the table itself is part of the answer, so no other one can have its identity
    columns = tuple(block.columns.items())
    return remembered(framework, made, "how tables lie on sheets", id(table), columns, most=MOST_PLANS)
