"""Take our own form back: recognised by its keys, whatever was renamed, reordered or inserted around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from intake import form_request as form
from intake.form_answers import Cover, nil_fields
from intake.form_blocks import Block, find_blocks
from intake.form_older import counted_row, counted_rows, joined, older_table
from intake.messages import finding
from intake.reading import Cell, Sheet, Workbook, column_letters
from intake.values import Parsed, parse_cell
from schemas.definitions import SignProfile
from schemas.framework_model import Framework
from schemas.shapes import Finding, Observation
from schemas.tables import CellKey, Column, EntryTable, Row, entry_tables

PROTOCOL_SHEET = "Prüfprotokoll"


@dataclass
class FormContent:
    """What the tables of the form say."""

    observations: list[Observation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    expected_cells: int = 0


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
        content.expected_cells += sum(1 for _, column, _ in table.cells() if not column.optional)
    content.findings += _nil_conflicts(framework, content.observations, nil)
    content.findings = joined(framework, content.findings)
    return content


def _nil_conflicts(framework: Framework, observations: list[Observation], nil: tuple[str, ...]) -> Iterator[Finding]:
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
    if not sheet.cells or sheet.name in known or guide:
        return []
    return [finding(framework, "S04", {"sheet": sheet.name}, sheet=sheet.name)]


class _Tables:
    def __init__(
        self, framework: Framework, region: str, year: int, profile: SignProfile, content: FormContent
    ) -> None:
        self.framework = framework
        self.region = region
        self.year = year
        self.profile = profile
        self.content = content

    def read(self, sheet: Sheet, block: Block, table: EntryTable) -> None:
        known = {entry.key for entry in table.rows}
        found: dict[str, int] = {}
        for row, cells in sheet.by_row.items():
            if not block.first_row < row <= block.last_row:
                continue
            key = sheet.text(row, block.key_column)
            if key in (form.HEAD_MARK, form.TEXT_MARK):
                continue
            if key in known and key not in found:
                found[key] = row
            else:
                self._unknown_row(sheet, block, row, cells)
        self._unknown_columns(sheet, block, found)
        columns = [(column, block.columns.get(column.key)) for column in table.columns]
        entered = {
            row.key: self._row(sheet, block, table, row, zip(columns, keys, strict=True), found[row.key])
            if row.key in found
            else 0
            for row, keys in zip(table.rows, table.grid, strict=True)
        }
        self._missing(sheet, block, table, found, entered)

    def _row(
        self,
        sheet: Sheet,
        block: Block,
        table: EntryTable,
        row: Row,
        asked: Iterable[tuple[tuple[Column, int | None], CellKey | None]],
        number: int,
    ) -> int:
        """Read one row, whose cells are `asked` (column, its place, key); returns how many of its cells hold something."""
        entered = 0
        integer = self.framework.is_integer(row.variable)
        note = sheet.text(number, block.note_column) if block.note_column else ""
        label = sheet.text(number, block.label_column)
        observations, cells = self.content.observations, sheet.cells
        for (column, place), key in asked:
            cell = cells.get((number, place)) if place else None
            if cell is None:
                continue
            if key is None:
                if cell.text.strip() != form.BLOCKED:
                    self._place("S11", sheet, cell.address, row_label=label or row.label)
                continue
            entered += 1
            parsed = parse_cell(cell, self.profile, integer=integer)
            if parsed.problem:
                self._problem(parsed, sheet, cell, row.variable, key[1], label or row.label, column.heading)
            if parsed.status:
                observations.append(
                    Observation(
                        self.region,
                        self.year,
                        row.variable,
                        table.members[key],
                        parsed.value,
                        parsed.status,
                        sheet.name,
                        cell.address,
                        cell.text,
                        note,
                        row.label,
                        column.heading,
                    )
                )
        return entered

    def _problem(
        self, parsed: Parsed, sheet: Sheet, cell: Cell, variable: str, members: str, row: str, column: str
    ) -> None:
        self.content.findings.append(
            finding(
                self.framework,
                parsed.problem,
                parsed.details,
                sheet=sheet.name,
                cell=cell.address,
                row_label=row,
                column_label=column,
                region=self.region,
                variable=variable,
                members=members,
            )
        )

    def _unknown_row(self, sheet: Sheet, block: Block, row: int, cells: list[Cell]) -> None:
        values = [cell for cell in cells if cell.column in block.columns.values()]
        if values:
            if counted := counted_row(self.framework, sheet, block, row):
                self.content.findings.append(counted)
                return
            first = min(values, key=lambda cell: cell.column)
            label = sheet.text(row, block.label_column)
            self._place("S02", sheet, first.address, row_label=label, count=len(values))

    def _unknown_columns(self, sheet: Sheet, block: Block, found: dict[str, int]) -> None:
        known = {*block.columns.values(), *block.previous, block.key_column, block.label_column, block.note_column}
        right = max([block.label_column, *block.columns.values(), block.note_column or 0])
        strange: dict[int, list[Cell]] = {}
        for row in found.values():
            for column in range(block.key_column + 1, right + 1):
                cell = sheet.at(row, column)
                if column not in known and cell is not None:
                    strange.setdefault(column, []).append(cell)
        for cells in strange.values():
            self._place("S03", sheet, cells[0].address, count=len(cells))

    def _missing(
        self, sheet: Sheet, block: Block, table: EntryTable, found: dict[str, int], entered: dict[str, int]
    ) -> None:
        """Empty cells: one finding each where the variable was begun, one for the whole variable where it was not."""
        for variable in table.variables:
            rows = [pair for pair in zip(table.rows, table.grid, strict=True) if pair[0].variable == variable]
            entry = self.framework.variables[variable]
            begun = any(entered[row.key] for row, _ in rows)
            empty = 0
            for row, keys in rows:
                number = found.get(row.key)
                for column, key in zip(table.columns, keys, strict=True):
                    place = block.columns.get(column.key)
                    if column.optional or key is None:
                        continue
                    if number and place and sheet.at(number, place) is not None:
                        continue
                    empty += 1
                    if begun:
                        address = f"{column_letters(place or block.label_column)}{number or block.first_row}"
                        self._empty(sheet, address, row, column, key)
            if empty and not begun:
                address = f"{column_letters(block.label_column)}{found.get(rows[0][0].key, block.first_row)}"
                self.content.findings.append(
                    finding(
                        self.framework,
                        "V02",
                        {"label": table.title if len(entry.tables) > 1 else entry.name_de},
                        sheet=sheet.name,
                        cell=address,
                        row_label=entry.name_de,
                        region=self.region,
                        variable=variable,
                        count=empty,
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

    def _place(self, code: str, sheet: Sheet, address: str, row_label: str = "", count: int = 1) -> None:
        self.content.findings.append(
            finding(
                self.framework,
                code,
                {},
                sheet=sheet.name,
                cell=address,
                row_label=row_label,
                region=self.region,
                count=count,
            )
        )


def control_sums(observations: list[Observation] | tuple[Observation, ...]) -> dict[str, Decimal]:
    """Grand total of each variable that has one: what a sender can compare with the own books."""
    return {o.variable: o.value for o in observations if not o.members and o.value is not None}
