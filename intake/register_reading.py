"""Find the register sheets of our form and cut them into rows; what the cells say is settled in `register_records`.

A register is recognised by its mark, a column by its hidden key or, where that is gone, by its heading. Sheets may be
renamed, columns moved, rows and columns inserted. Every row that holds something in a known column is an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from intake import form_request as form
from intake.form_answers import Cover, is_nil
from intake.form_blocks import Block, find_blocks
from intake.messages import finding
from intake.reading import Cell, Sheet, Workbook, column_letters
from intake.register_choices import plain
from schemas.definitions_registers import Register
from schemas.framework_model import Framework
from schemas.shapes import Finding

NIL_CONFLICT, BELOW_END, STRANGE_COLUMN, MISSING_COLUMN, TWICE = "E20", "E21", "E22", "E23", "E24"


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One row: the id as typed (may be empty) and its filled cells by field."""

    number: int
    id_text: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class RegisterSheet:
    """The register of a delivery: where it stands, the column of every field, its rows, and ids without anything else."""

    register: Register
    sheet: str
    top: str
    id_column: int
    columns: Mapping[str, int]
    rows: tuple[RegisterRow, ...]
    emptied: Mapping[str, str] = field(default_factory=dict)

    def address(self, field_code: str, row: int) -> str:
        """The cell of a field in a row, that of the id where the column is gone."""
        return f"{column_letters(self.columns.get(field_code, self.id_column))}{row}"


@dataclass
class RegisterSheets:
    """What a delivery says in its registers, before ids are given and references settled. `nil`: declared empty."""

    sheets: dict[str, RegisterSheet] = field(default_factory=dict)
    nil: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def delivered(self) -> tuple[str, ...]:
        """Codes of the registers that the file delivers: those with entries and those declared empty."""
        return tuple(code for code, sheet in self.sheets.items() if sheet.rows or code in self.nil)


def read_registers(workbook: Workbook, framework: Framework, cover: Cover, year: int) -> RegisterSheets:
    """The rows of every register sheet of a reporting year, and what does not fit its table."""
    content = RegisterSheets(nil=nil_registers(framework, cover, year))
    for sheet, block, register in register_blocks(workbook, framework, year):
        if register.code in content.sheets:
            place = {"sheet": sheet.name, "cell": _top(block)}
            content.findings.append(finding(framework, TWICE, {"register": register.name_de}, **place))
            continue
        cut = _cut(sheet, block, register, year)
        content.sheets[register.code] = cut
        content.findings += _structure(framework, sheet, block, cut, year)
    for code in content.nil:
        if code not in content.sheets:
            content.sheets[code] = _nowhere(framework.registers[code], cover)
        elif content.sheets[code].rows:
            content.findings.append(_nil_conflict(framework, content.sheets[code]))
    content.sheets = {code: content.sheets[code] for code in framework.registers if code in content.sheets}
    return content


def nil_registers(framework: Framework, cover: Cover, year: int) -> tuple[str, ...]:
    """Registers for which the cover declares Fehlanzeige; all of them when the whole delivery is nil."""
    codes = tuple(code for code, register in framework.registers.items() if register.valid_in(year))
    if is_nil(cover.answer("nil")):
        return codes
    return tuple(code for code in codes if is_nil(cover.answer(f"{form.NIL_REGISTER}:{code}")))


def register_blocks(
    workbook: Workbook, framework: Framework, year: int | None = None
) -> Iterator[tuple[Sheet, Block, Register]]:
    """Every block of a register that the framework knows (in the reporting year, when it is given)."""
    for sheet in workbook.sheets:
        for block in find_blocks(sheet):
            if form.is_register(block.table):
                register = framework.registers.get(form.register_code(block.table))
                if register is not None and (year is None or register.valid_in(year)):
                    yield sheet, block, register


def without_entries(workbook: Workbook, framework: Framework) -> Workbook:
    """The workbook without the cells that belong to a register: these are checked field by field, not as a list."""
    gone: dict[str, list[tuple[Block, frozenset[int]]]] = {}
    for sheet, block, _ in register_blocks(workbook, framework):
        gone.setdefault(sheet.name, []).append((block, frozenset(block.columns.values())))
    if not gone:
        return workbook
    sheets = tuple(_without(sheet, gone[sheet.name]) if sheet.name in gone else sheet for sheet in workbook.sheets)
    return replace(workbook, sheets=sheets)


def _without(sheet: Sheet, gone: Sequence[tuple[Block, frozenset[int]]]) -> Sheet:
    """The sheet without the cells in these columns of the blocks."""
    rows = {}
    for number, row in sheet.rows.items():
        left = row
        for block, columns in gone:
            if block.first_row <= number <= block.last_row:
                left = left.without(columns)
        if left.values:
            rows[number] = left
    return Sheet(sheet.name, sheet.hidden, rows=rows)


def _cut(sheet: Sheet, block: Block, register: Register, year: int) -> RegisterSheet:
    heads, rows = _rows(sheet, block)
    columns = _columns(block, register, year, heads)
    id_column = block.columns.get(form.ID_KEY, block.key_column + 1)
    known = {column: code for code, column in columns.items()}
    found, emptied = [], {}
    for number, cells in sorted(rows.items()):
        own = {known[cell.column]: cell for cell in cells if cell.column in known and (cell.text or cell.uncalculated)}
        id_text = sheet.text(number, id_column)
        if own:
            found.append(RegisterRow(number, id_text, own))
        elif id_text:
            emptied[id_text] = f"{column_letters(id_column)}{number}"
    return RegisterSheet(register, sheet.name, _top(block), id_column, columns, tuple(found), emptied)


def _rows(sheet: Sheet, block: Block) -> tuple[list[Cell], dict[int, Sequence[Cell]]]:
    """Cells of the headings, and the cells of every other row of the block."""
    heads: list[Cell] = []
    rows: dict[int, Sequence[Cell]] = {}
    marks = (form.HEAD_MARK, form.TEXT_MARK, form.END_MARK)
    for number, row in sheet.rows.items():
        if block.first_row < number <= block.last_row:
            mark = row.text(block.key_column)
            if mark == form.HEAD_MARK:
                heads += row.cells
            elif mark not in marks:
                rows[number] = row.cells
    return heads, rows


def _columns(block: Block, register: Register, year: int, heads: Sequence[Cell]) -> dict[str, int]:
    """Column of every field: by its key, else by its heading."""
    fields = register.fields_in(year)
    headings: dict[str, int] = {}
    if any(entry.code not in block.columns for entry in fields):
        headings = {plain(cell.text): cell.column for cell in heads if cell.column not in block.columns.values()}
    columns = {}
    for entry in fields:
        column = block.columns.get(entry.code) or headings.get(plain(entry.name_de))
        if column is not None:
            columns[entry.code] = column
    return columns


def _structure(framework: Framework, sheet: Sheet, block: Block, cut: RegisterSheet, year: int) -> Iterator[Finding]:
    """Columns that are gone or were added, and rows below the end of the table."""
    register = cut.register
    for entry in register.fields_in(year):
        if entry.code not in cut.columns and (entry.required or cut.rows):
            details = {"field": entry.name_de, "register": register.name_de}
            yield finding(framework, MISSING_COLUMN, details, sheet=sheet.name, cell=cut.top)
    known = {*cut.columns.values(), cut.id_column, block.key_column}
    strange: dict[int, list[Cell]] = {}
    numbers = {row.number for row in cut.rows}
    for row in (row for number, row in sheet.rows.items() if number in numbers):
        for cell in row.cells:
            if cell.column not in known and cell.column > block.key_column:
                strange.setdefault(cell.column, []).append(cell)
    for column, cells in sorted(strange.items()):
        first = min(cells, key=lambda cell: cell.row)
        details = {"column": column_letters(column), "register": register.name_de}
        place = {"sheet": sheet.name, "cell": first.address, "count": len(cells)}
        yield finding(framework, STRANGE_COLUMN, details, **place)
    columns = {*cut.columns.values()}
    under = (row for number, row in sheet.rows.items() if number > block.last_row)
    below = [cell for row in under if not columns.isdisjoint(row.layout.columns) for cell in row.cells]
    below = [cell for cell in below if cell.column in columns]
    below_rows = sorted({cell.row for cell in below})
    if below_rows and not any(other.first_row > block.first_row for other in find_blocks(sheet)):
        first = min((cell for cell in below if cell.row == below_rows[0]), key=lambda cell: cell.column)
        details = {
            "register": register.name_de,
            "found": str(len(below_rows)),
            "expected": f"bis Zeile {block.last_row}",
        }
        yield finding(framework, BELOW_END, details, sheet=sheet.name, cell=first.address)


def _nil_conflict(framework: Framework, sheet: RegisterSheet) -> Finding:
    first = sheet.rows[0]
    cell = min(first.cells.values(), key=lambda cell: cell.column)
    details = {"register": sheet.register.name_de, "found": str(len(sheet.rows))}
    return finding(framework, NIL_CONFLICT, details, sheet=sheet.sheet, cell=cell.address, count=len(sheet.rows))


def _nowhere(register: Register, cover: Cover) -> RegisterSheet:
    """A register that is declared empty on the cover and has no sheet."""
    name = f"{form.NIL_REGISTER}:{register.code}"
    return RegisterSheet(register, cover.sheet, cover.places.get(name) or cover.places.get("nil", ""), 1, {}, ())


def _top(block: Block) -> str:
    """The first heading of the table: the row of the keys is hidden."""
    return f"{column_letters(block.label_column)}{block.first_row + 1}"
