"""Cells that belong together in the form: the delivery, its sheets, its tables, and their rows and columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from intake.cause_cells import Cells, Correction, Suspicion
from intake.messages import finding
from intake.rules import CellKey
from schemas.framework_model import Framework
from schemas.tables import EntryTable, entry_tables

ROW, COLUMN = "Zeile", "Spalte"
NOWHERE: CellKey = ("", "")
"""Stands for a cell that a table does not ask for."""


@dataclass(frozen=True)
class Group:
    """Some cells, their name in a sentence, and the first cell that was delivered."""

    name: str
    cells: tuple[CellKey, ...]
    sheet: str = ""
    cell: str = ""
    region: str = ""


@dataclass(frozen=True)
class Groups:
    """The groups of one delivery, from the tables of its region and year."""

    framework: Framework
    cells: Cells

    @cached_property
    def tables(self) -> Sequence[EntryTable]:
        """All tables of the form."""
        return entry_tables(self.framework, self.cells.item.region, self.cells.item.year)

    def all(self) -> Iterator[Group]:
        """From large to small, rows and columns as well."""
        yield from self.delivery()
        yield from map(self.sheet, self.cells.at.by_sheet)
        for table in self.tables:
            group = self.table(table)
            if group.cells:
                yield group
                for kind, found in self.lines(table).items():
                    for line in found:
                        yield self._placed(f"In der {kind} „{line.name}“ der Tabelle „{table.title}“", line.cells)

    def delivery(self) -> Iterator[Group]:
        """All together, where that is more than one sheet."""
        if len(self.cells.at.by_sheet) > 1:
            yield Group("In der ganzen Lieferung", tuple(self.cells.at), region=self.cells.item.region)

    def sheet(self, sheet: str) -> Group:
        """The delivered cells of a sheet."""
        return self._placed(f"Im Blatt „{sheet}“", self.cells.at.by_sheet.get(sheet, ()), whole_sheet=True)

    def tables_with(self, cells: Collection[CellKey], least: float) -> Iterator[Group]:
        """The tables that hold so many of these cells."""
        wanted = {*cells}
        for table in self.tables:
            if len(wanted & table.members.keys()) >= least:
                group = self.table(table)
                if group.cells:
                    yield group

    def table(self, table: EntryTable) -> Group:
        """The delivered cells of a table."""
        keys = [key for _, _, key in table.cells() if key in self.cells.at.numbers]
        return self._placed(f"In der Tabelle „{table.title}“", keys)

    def lines(self, table: EntryTable) -> dict[str, list[Group]]:
        """Rows and columns; the cells of two rows (or columns) stand in the same order, delivered or not."""

        grid = [[key or NOWHERE for key in keys] for keys in table.grid]
        rows = [Group(row.label, tuple(keys)) for row, keys in zip(table.rows, grid, strict=True)]
        columns = [
            Group(", ".join(column.labels), tuple(keys[number] for keys in grid))
            for number, column in enumerate(table.columns)
        ]
        return {ROW: rows, COLUMN: columns}

    def _placed(self, name: str, cells: Sequence[CellKey], *, whole_sheet: bool = False) -> Group:
        first = next((self.cells.at[cell] for cell in cells if cell in self.cells.at), None)
        if first is None:
            return Group(name, ())
        return Group(name, tuple(cells), first.sheet, "" if whole_sheet else first.cell, first.region)


def suspicion(
    framework: Framework,
    code: str,
    group: Group,
    details: Mapping[str, str],
    corrected: Correction,
    explains: tuple[str, ...] = (),
) -> Suspicion:
    """A suspicion about a group, with its finding."""
    found = finding(framework, code, details, sheet=group.sheet, cell=group.cell, region=group.region)
    return Suspicion(found, corrected, structural=True, explains=explains)
