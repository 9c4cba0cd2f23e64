"""Take our own form back: recognised by its keys, whatever was renamed, reordered or inserted around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from intake import form_request as form
from intake.cells import Row as Filled
from intake.form_answers import Cover, nil_fields
from intake.form_blocks import Block, find_blocks
from intake.form_older import counted_row, counted_rows, joined, older_table
from intake.form_plan import Gap, RowPlan, TablePlan, table_plan
from intake.form_rows import FormContent, FormRows
from intake.form_strips import OneByOne, StripPlan, table_parts
from intake.messages import finding
from intake.reading import Cell, Sheet, Workbook, column_letters
from intake.sheets import FilledStrip
from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.shapes import Finding, Observation
from schemas.tables import CellKey, Column, EntryTable, Row, entry_tables

PROTOCOL_SHEET = "Prüfprotokoll"


def read_tables(
    workbook: Workbook,
    framework: Framework,
    cover: Cover,
    region: str,
    year: int,
    profile: SignProfile,
    *,
    figures: bool = True,
) -> FormContent:
    """Every value of every table, with findings for what is missing, unreadable or not part of the form.

    `figures`: False for a workbook that delivers registers alone. What stands in registers is read by `register_reading`.
    """
    content = FormContent()
    tables = {table.id: table for table in entry_tables(framework, region, year)} if figures else {}
    reader = _Tables(framework, region, year, profile, content)
    seen: set[str] = set()
    for sheet in workbook.sheets:
        blocks = find_blocks(sheet)
        if not blocks:
            content.findings += _foreign_sheet(framework, sheet, cover)
        for block in blocks:
            if form.is_register(block.table) and form.register_code(block.table) in framework.registers:
                continue
            table = tables.get(block.table) or older_table(framework, sheet, block, tables, seen)
            if table is None and (old := counted_rows(framework, sheet, block)):
                content.findings += old
            elif table is None:
                place = {"sheet": sheet.name, "cell": f"A{block.first_row}"}
                content.findings.append(finding(framework, "V15", {"label": block.table}, **place))
            elif table.id in seen:
                content.findings += reader.repeated(sheet, block, table)
            else:
                seen.add(table.id)
                reader.read(sheet, block, table)
    nil = nil_fields(framework, cover, year)
    for table in tables.values():
        if table.id not in seen and table.field not in nil:
            content.findings.append(
                finding(framework, "S01", {"table": table.title}, variable=table.variables[0], region=region)
            )
        content.expected_cells += table.expected
    content.findings += _nil_conflicts(framework, content.observations, nil)
    content.findings = joined(framework, content.findings)
    return content


def _nil_conflicts(
    framework: Framework, observations: Sequence[Observation], nil: tuple[str, ...]
) -> Iterator[Finding]:
    for field_code in nil:
        given = [o for o in observations if framework.variable_field[o.variable] == field_code and o.value is not None]
        if given:
            first = given[0]
            name = framework.fields[field_code].name_de
            yield finding(
                framework,
                "V11",
                {"field": name},
                sheet=first.sheet,
                cell=first.cell,
                variable=first.variable,
                count=len(given),
            )


def _foreign_sheet(framework: Framework, sheet: Sheet, cover: Cover) -> list[Finding]:
    known = {cover.sheet, form.GUIDE_SHEET, PROTOCOL_SHEET}
    guide = any(cell.text == form.TEXT_MARK for cell in sheet.marks)
    if sheet.name in known or guide or not sheet.rows:
        return []
    return [finding(framework, "S04", {"sheet": sheet.name}, sheet=sheet.name)]


class _Tables(FormRows):
    def read(self, sheet: Sheet, block: Block, table: EntryTable) -> None:
        plan = table_plan(self.framework, table, block)
        try:
            parts = table_parts(sheet, block, plan)
        except OneByOne:
            self._read_rows(sheet, block, plan)
            return
        for part, piece in parts:
            if isinstance(part, StripPlan):
                assert isinstance(piece, FilledStrip)
                self.strip(sheet, block, part, piece)
            else:
                assert isinstance(piece, Filled)
                self.row(sheet, block, part, piece)

    def _read_rows(self, sheet: Sheet, block: Block, plan: TablePlan) -> None:
        known = {entry.row.key for entry in plan.rows}
        found: dict[str, Filled] = {}
        for number, filled in sheet.rows.items():
            if not block.first_row < number <= block.last_row:
                continue
            key = filled.text(block.key_column)
            if key in known and key not in found:
                found[key] = filled
            elif key not in (form.HEAD_MARK, form.TEXT_MARK):
                self._unknown_row(sheet, block, number, filled.cells)
        self._unknown_columns(sheet, block, found.values())
        entered = {
            entry.row.key: self.row(sheet, block, entry, found[entry.row.key]) if entry.row.key in found else 0
            for entry in plan.rows
        }
        self._missing(sheet, block, plan, found, entered)

    def _unknown_row(self, sheet: Sheet, block: Block, row: int, cells: Sequence[Cell]) -> None:
        values = [cell for cell in cells if cell.column in block.columns.values()]
        if values:
            if counted := counted_row(self.framework, sheet, block, row):
                self.content.findings.append(counted)
                return
            first = min(values, key=lambda cell: cell.column)
            label = sheet.text(row, block.label_column)
            self.place("S02", sheet, first.address, row_label=label, count=len(values))

    def _unknown_columns(self, sheet: Sheet, block: Block, found: Iterable[Filled]) -> None:
        known = block.known
        strange: dict[int, list[Cell]] = {}
        for row in found:
            if known.issuperset(row.layout.columns):
                continue
            for column in range(block.key_column + 1, block.right + 1):
                if column not in known and (cell := row.at(column)) is not None:
                    strange.setdefault(column, []).append(cell)
        for cells in strange.values():
            self.place("S03", sheet, cells[0].address, count=len(cells))

    def _missing(
        self, sheet: Sheet, block: Block, plan: TablePlan, found: Mapping[str, Filled], entered: Mapping[str, int]
    ) -> None:
        """Empty cells: one finding each where the variable was begun, one for the whole variable where it was not."""
        for variable, rows in plan.by_variable.items():
            gaps = [
                (entry.row, number, gap)
                for entry in rows
                for number, own in [_place_and_gaps(entry, found.get(entry.row.key))]
                for gap in own
            ]
            if not gaps:
                continue
            if any(entered[entry.row.key] for entry in rows):
                for row, number, gap in gaps:
                    address = f"{column_letters(gap.at or block.label_column)}{number or block.first_row}"
                    self._empty(sheet, address, row, gap.column, gap.key)
                continue
            first = found.get(rows[0].row.key)
            address = f"{column_letters(block.label_column)}{first.number if first else block.first_row}"
            entry = self.framework.variables[variable]
            self.content.findings.append(
                finding(
                    self.framework,
                    "V02",
                    {"label": plan.table.title if len(entry.tables) > 1 else entry.name_de},
                    sheet=sheet.name,
                    cell=address,
                    row_label=entry.name_de,
                    region=self.region,
                    variable=variable,
                    count=len(gaps),
                )
            )

    def _empty(self, sheet: Sheet, address: str, row: Row, column: Column, key: CellKey) -> None:
        name = self.framework.variables[row.variable].name_de
        heading = column.heading
        label = heading if row.label == name else f"{row.label}, {heading}"
        self.content.findings.append(
            finding(
                self.framework,
                "V01",
                {"label": f"{name}, {label}"},
                sheet=sheet.name,
                cell=address,
                row_label=row.label,
                column_label=heading,
                region=self.region,
                variable=row.variable,
                members=key[1],
            )
        )

    def repeated(self, sheet: Sheet, block: Block, table: EntryTable) -> list[Finding]:
        """The same table twice in one workbook, for instance on a copied sheet."""
        return [
            finding(
                self.framework,
                "S05",
                {"label": table.title, "other": "einem anderen Blatt"},
                sheet=sheet.name,
                cell=f"{column_letters(block.label_column)}{block.first_row + 1}",
                variable=table.variables[0],
            )
        ]


def _place_and_gaps(plan: RowPlan, filled: Filled | None) -> tuple[int, Sequence[Gap]]:
    """Number of a row on the sheet, 0 where it is gone, and its empty cells."""
    return (filled.number, plan.gaps(filled.layout)) if filled else (0, plan.gaps(None))


def control_sums(observations: Observations) -> dict[str, Decimal]:
    """Grand total of each variable that has one: what a sender can compare with the own books."""
    return {variable: value for variable, value in observations.totals() if value is not None}
