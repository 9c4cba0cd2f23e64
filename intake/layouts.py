"""Foreign workbooks: recognise one by its layout and read its values, header by header, row by row.

Closed world: every column and every row of a sheet that is read must be explained by the layout, read or ignored for a
reason. Whatever is left is a finding, so nothing is dropped silently. Columns are found by their header texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from intake.layout_header import Found, Header, read_header, rows_of
from intake.layout_loading import combine, load_layouts
from intake.layout_model import Layout, Recognise, SheetRule, normalised, says, whole
from intake.layout_rows import Cells, Refused, Row, RowReader
from intake.messages import finding
from intake.reading import Cell, Sheet, Workbook, column_letters
from intake.values import parse_cell
from schemas.framework_model import Framework, Members
from schemas.shapes import Finding, Observation, member_key

__all__ = ["Extraction", "Layout", "LayoutError", "extract", "load_layouts", "recognise"]

MARK_ROWS = 20
MISSING_ROW = ("S10", "S08")


class LayoutError(ValueError):
    """Several layouts claim the same workbook; the message names them."""


@dataclass(frozen=True)
class Extraction:
    """What a foreign workbook says. `expected_cells` counts the cells of mapped rows and columns, filled or not."""

    observations: tuple[Observation, ...]
    findings: tuple[Finding, ...]
    layout: str
    expected_cells: int


def recognise(workbook: Workbook, layouts: Iterable[Layout]) -> Layout | None:
    """The layout of a workbook, None when there is none; raises LayoutError when several claim it."""
    found = [layout for layout in layouts if _known_by(workbook, layout.recognise)]
    if len(found) > 1:
        raise LayoutError(f"{workbook.file_name}: {', '.join(layout.code for layout in found)}")
    return found[0] if found else None


def extract(workbook: Workbook, layout: Layout, framework: Framework, *, folder_region: str | None) -> Extraction:
    """Read a workbook by its layout: sheets in the order of the layout, cells from top left to bottom right.

    `folder_region` is the region of the sender's folder, for layouts that say `folder: true`. Repeated cells are left
    to the contract, which sees the whole delivery.
    """
    result = _Result(framework, layout, folder_region)
    read: dict[str, list[_Table]] = {}
    for rule in layout.sheets:
        matches = [(sheet, hit) for sheet in workbook.sheets if (hit := says((rule.name,), normalised(sheet.name)))]
        if not matches and not rule.optional:
            result.find("S09", rule.name, {})
        for sheet, hit in matches:
            year = hit.groupdict().get("year")
            read.setdefault(sheet.name, []).append(_Table(result, rule, sheet, int(year) if year else None))
    for tables in read.values():
        _read_tables(tables)
    ignored = [entry.name for entry in layout.ignore_sheets]
    for sheet in workbook.sheets:
        if sheet.cells and sheet.name not in read and not says(ignored, normalised(sheet.name)):
            result.find("S04", sheet.name, {})
    return Extraction(tuple(result.observations), tuple(result.findings), layout.code, result.expected)


def _read_tables(tables: list[_Table]) -> None:
    """Read the tables of one sheet; each ends where the next one starts."""
    tops = sorted(table.header.top for table in tables if table.header)
    for table in tables:
        top = table.header.top if table.header else 0
        table.read(first=top == tops[0] if tops else True, end=next((other for other in tops if other > top), None))


def _known_by(workbook: Workbook, marks: Recognise) -> bool:
    names = [normalised(sheet.name) for sheet in workbook.sheets]
    if marks.file_name and not whole(marks.file_name).fullmatch(workbook.file_name):
        return False
    if not all(any(says((wanted,), name) for name in names) for wanted in marks.sheets):
        return False
    return all(
        any(
            says((mark.text,), normalised(cell.text))
            for sheet in workbook.sheets
            if says((mark.sheet,), normalised(sheet.name))
            for cell in sheet.cells.values()
            if cell.row <= MARK_ROWS and isinstance(cell.value, str)
        )
        for mark in marks.texts
    )


@dataclass
class _Result:
    """What has been collected so far."""

    framework: Framework
    layout: Layout
    folder_region: str | None
    observations: list[Observation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    expected: int = 0
    targets: dict[tuple[int, ...], tuple[str, Members]] = field(default_factory=dict)

    def find(self, code: str, sheet: str, details: Mapping[str, str], **place: Any) -> None:
        self.findings.append(finding(self.framework, code, {"sheet": sheet, **details}, sheet=sheet, **place))

    def target(self, column: Found, row: Row) -> tuple[str, Members]:
        """Variable and members of a cell; that they fit was checked when the layout was loaded."""
        assert column.rule is not None
        assert column.rule.value is not None
        parts = (column.rule.value, *row.labels)
        key = tuple(id(part) for part in parts)
        if key not in self.targets:
            self.targets[key] = combine(self.framework, parts)
        return self.targets[key]


class _Table:
    """One table of a sheet, read once from top to bottom."""

    def __init__(self, result: _Result, rule: SheetRule, sheet: Sheet, year: int | None) -> None:
        self.result, self.rule, self.sheet, self.year = result, rule, sheet, year
        self.framework = result.framework
        self.profile = result.framework.sign_profiles[result.layout.sign_profile]
        self.rows = rows_of(sheet)
        self.header = read_header(self.rows, rule)
        self.columns: dict[int, Found] = {}
        self.headless: dict[int, Cell] = {}
        self.regions: dict[tuple[str, str], tuple[Refused, Cell, int]] = {}

    def read(self, *, first: bool, end: int | None) -> None:
        """Header, rows, then what is expected and missing; the rows above belong to the first table."""
        header = self.header
        if header is None:
            self._find("S08", {"label": self.rule.header.anchor})
            return
        if not self._explained(header):
            return
        reader = RowReader(
            self.framework, self.rule, tuple(self.columns.values()), self.year, self.result.folder_region
        )
        for number, cells in self.rows.items():
            if number < header.top and first:
                self._above(cells, reader)
            elif header.below <= number < (end or number + 1):
                self._row(cells, reader)
        for number, cell in sorted(self.headless.items()):
            self._find("S06", {"label": column_letters(number)}, cell=cell.address)
        for refused, cell, count in self.regions.values():
            place = {"cell": cell.address, "row_label": refused.text, "region": refused.region}
            self._find(refused.code, {"why": refused.why, "found": refused.region}, count=count, **place)
        for label in reader.unseen():
            code = next(code for code in MISSING_ROW if code in self.framework.messages)
            self._find(code, {"label": label.text}, row_label=label.text)

    def _find(self, code: str, details: Mapping[str, str], **place: Any) -> None:
        self.result.find(code, self.sheet.name, details, **place)

    def _explained(self, header: Header) -> bool:
        """Report what the header does not explain; False when the rows cannot be understood without it."""
        self.columns = header.columns
        for text, cell in header.unknown:
            self._find("S06", {"label": text}, cell=cell.address, column_label=text)
        for column in header.missing:
            self._find("S08", {"label": column.header}, column_label=column.header)
        return not any(column.key for column in header.missing) and self._sheet_year(header.below)

    def _sheet_year(self, below: int) -> bool:
        """Find the year of the sheet where it has one; False when it should and cannot be found."""
        rule = self.rule.year
        if rule is None or rule.key:
            return True
        if rule.text is None:
            self.year = rule.fixed
            return True
        above = (cell for row, cells in self.rows.items() if row < below for cell in cells.values())
        hits = (says((rule.text,), normalised(cell.text)) for cell in above)
        years = sorted({int(hit["year"]) for hit in hits if hit})
        if len(years) == 1:
            self.year = years[0]
            return True
        first, last = self.framework.head.delivery.first_year, date.today().year
        self._find("C03", {"first": str(first), "last": str(last), "found": ", ".join(map(str, years))})
        return False

    def _above(self, cells: Cells, reader: RowReader) -> None:
        """Texts above the header are titles; anything else there is unexplained."""
        numbers = [cell for cell in cells.values() if not isinstance(cell.value, str)]
        if numbers and not reader.ignored(cells, {}):
            self._find("S07", {"label": numbers[0].text}, cell=numbers[0].address, row_label=numbers[0].text)

    def _row(self, cells: Cells, reader: RowReader) -> None:
        keys = reader.keys(cells)
        told = any(number not in self.columns or self.columns[number].read for number in cells)
        if not told or reader.ignored(cells, keys):
            return
        row, first = reader.understand(cells, keys), next(iter(cells.values()))
        if isinstance(row, Refused) and row.code == "S07":
            self._find("S07", {"label": row.text}, cell=first.address, row_label=row.text)
        elif isinstance(row, Refused):  # one cause, one finding: not one per row
            cause = (row.code, row.why)
            _, place, count = self.regions.get(cause, (row, first, 0))
            self.regions[cause] = (row, place, count + 1)
        else:
            self._values(cells, row)

    def _values(self, cells: Cells, row: Row) -> None:
        for number, cell in cells.items():
            if number not in self.columns:
                self.headless.setdefault(number, cell)
        for column in self.columns.values():
            if column.rule is not None and column.rule.value is not None:
                self.result.expected += 1
                if column.number in cells:
                    self._value(cells[column.number], column, row)

    def _value(self, cell: Cell, column: Found, row: Row) -> None:
        variable, members = self.result.target(column, row)
        year = row.year or column.year
        assert year is not None
        place = {
            "cell": cell.address,
            "row_label": row.text,
            "column_label": column.text,
            "region": row.region,
            "variable": variable,
            "members": member_key(members),
        }
        if not self.framework.variables[variable].valid_in(year):
            self._find("V15", {"label": f"{self.framework.variables[variable].name_de} ({year})"}, **place)
            return
        parsed = parse_cell(cell, self.profile, integer=self.framework.is_integer(variable))
        if parsed.problem:
            self._find(parsed.problem, parsed.details, **place)
        if parsed.status:
            self.result.observations.append(
                Observation(
                    region=row.region,
                    year=year,
                    variable=variable,
                    members=members,
                    value=parsed.value,
                    status=parsed.status,
                    sheet=self.sheet.name,
                    cell=cell.address,
                    text=cell.text,
                    row_label=row.text,
                    column_label=column.text,
                )
            )
