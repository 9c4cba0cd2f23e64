"""Write a workbook as a layout describes it: for the demo, and to prove that what is written is read again.

The layout is the only template, so the sample cannot drift from it. It holds the titles, the header rows with merged
group headers, one row per combination of labels, and one row for every ignored row whose text is given literally.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from itertools import groupby, product
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from intake.layout_loading import combine
from intake.layout_model import SEPARATOR, Column, Label, Layout, SheetRule
from schemas.framework_model import Framework
from schemas.shapes import member_key

Number = int | float | Decimal
Values = Mapping[tuple[str, str], Number]
BOLD = Font(bold=True)
CENTRED = Alignment(horizontal="center", vertical="center", wrap_text=True)
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def write_sample(
    path: Path, layout: Layout, framework: Framework, values: Values, year: int, *, region: str = ""
) -> None:
    """Write `values` ({(variable, member key): number}) of one region and year; the same input gives the same bytes.

    `region` is needed only where the layout has the region in a column. A cell without a value stays empty. Raises
    ValueError when a value has no place in the layout.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title, book.properties.creator = layout.name_de, "Musterdaten"
    book.properties.created = datetime(year, 12, 31)
    written: set[tuple[str, str]] = set()
    for rule in layout.sheets:
        if not rule.optional:
            sheet = book.create_sheet(_filled(rule.name, year))
            written |= _Writer(sheet, layout, rule, framework, year, region).write(values)
    if homeless := sorted(set(values) - written):
        raise ValueError(f"the layout {layout.code} has no place for {homeless[0]} and {len(homeless) - 1} more")
    stream = BytesIO()
    book.save(stream)
    _without_clock(stream, path, year)


def _filled(text: str, year: int) -> str:
    return text.replace("{year}", str(year)).replace("{*}", "Musterdaten")


class _Writer:
    """Fills one sheet from top to bottom."""

    def __init__(
        self, sheet: Worksheet, layout: Layout, rule: SheetRule, framework: Framework, year: int, region: str
    ) -> None:
        self.sheet, self.layout, self.rule = sheet, layout, rule
        self.framework, self.year, self.region = framework, year, region
        self.columns: list[Column] = []
        self.row = 1

    def write(self, values: Values) -> set[tuple[str, str]]:
        """Everything; returns the keys of the values that found their cell."""
        groups: list[list[Label]] = [labels.values for labels in self.rule.labels]
        lines = list(product(*groups))
        self.columns = [column for column in self.rule.columns if self._wanted(column, lines, values)]
        for title in self._titles():
            self.sheet.cell(self.row, 1, title).font = BOLD
            self.row += 1
        self.row += 1
        self._header()
        written = {key for labels in lines for key in self._line(labels, values)}
        self.row += 1
        for ignored in self.rule.ignore_rows:
            if ignored.text is not None and ignored.key is None:
                self.sheet.cell(self.row, 1, _filled(ignored.text, self.year))
                self.row += 1
        self.sheet.column_dimensions["A"].width = 26
        return written

    def _wanted(self, column: Column, lines: list[tuple[Label, ...]], values: Values) -> bool:
        """An optional column is written only when there is a value for it."""
        if not column.optional:
            return True
        return column.value is not None and any(self._key(column, labels) in values for labels in lines)

    def _titles(self) -> Iterator[str]:
        marks = [m.text for m in self.layout.recognise.texts if m.sheet in ("{*}", self.rule.name)]
        told = [self.rule.year.text] if self.rule.year and self.rule.year.text else []
        return (_filled(text, self.year) for text in dict.fromkeys((*marks, *told)) or [self.layout.name_de])

    def _header(self) -> None:
        paths = [_filled(column.header, self.year).split(SEPARATOR) for column in self.columns]
        height = max(map(len, paths))
        if height > self.rule.header.rows:
            raise ValueError(f"a header of {self.layout.code} has more parts than the header has rows")
        for level in range(height):
            for group, members in groupby(enumerate(paths), key=lambda item: item[1][: level + 1]):
                numbers = [number for number, _ in members]
                if len(group) <= level:
                    continue
                cell = self.sheet.cell(self.row + level, numbers[0] + 1, group[level])
                cell.font, cell.alignment = BOLD, CENTRED
                if len(numbers) > 1:
                    self.sheet.merge_cells(
                        start_row=cell.row, end_row=cell.row, start_column=numbers[0] + 1, end_column=numbers[-1] + 1
                    )
        self.row += self.rule.header.rows

    def _line(self, labels: tuple[Label, ...], values: Values) -> Iterator[tuple[str, str]]:
        texts = {group.key: label.text for group, label in zip(self.rule.labels, labels, strict=True)}
        if self.rule.year and self.rule.year.key:
            texts[self.rule.year.key] = str(self.year)
        if self.rule.region.keys:
            texts |= self._region_texts()
        for number, column in enumerate(self.columns, start=1):
            if column.key is not None:
                self.sheet.cell(self.row, number, texts.get(column.key))
            elif column.value is not None and (key := self._key(column, labels)) in values:
                self.sheet.cell(self.row, number, values[key])
                yield key
        self.row += 1

    def _key(self, column: Column, labels: tuple[Label, ...]) -> tuple[str, str]:
        assert column.value is not None
        variable, members = combine(self.framework, (column.value, *labels))
        return variable, member_key(members)

    def _region_texts(self) -> dict[str, str]:
        """How the sender writes the region: the text of the layout's own list, else its name or its digits."""
        rule = self.rule.region
        if len(rule.keys) != 1:
            raise ValueError(f"{self.layout.code} joins the region from several columns; a sample cannot take it apart")
        listed = next((text for text, code in rule.map.items() if code == self.region), None)
        name = self.framework.territory.unit_name(self.region)
        text = listed or (name if rule.by == "name" else self.region.removeprefix(rule.prefix))
        return {rule.keys[0]: text}


def _without_clock(stream: BytesIO, path: Path, year: int) -> None:
    """Copy the parts with a fixed time, so that the same input gives the same bytes."""
    stamp = f"{year}-12-31T00:00:00Z".encode()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in sorted(source.namelist()):
            content = source.read(name)
            if name == "docProps/core.xml":
                content = MODIFIED.sub(rb"\g<1>" + stamp, content)
            info = zipfile.ZipInfo(name, (max(year, 1980), 12, 31, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, content)
