"""A table of open data: typed columns that explain themselves, rows, and the CSV text. Every format is made from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from schemas.framework_model import Framework

Kind = Literal["code", "text", "year", "integer", "decimal"]
Value = str | int | Decimal | None
Row = tuple[Value, ...]
CODE_LISTS = "codelisten"
_DIMENSIONS = "dimensions"
_DECLARED = Path(__file__).resolve().parent / "columns.yaml"


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its names and meaning; `codes` is the code list that explains its cells (empty: none)."""

    name: str
    kind: Kind
    title_de: str
    title_en: str
    text_de: str
    text_en: str
    codes: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order of the columns: text, whole number, Decimal with the digits to be written, or None (empty).

    `name` is the path of its file without the ending; `key` names the columns that identify a row.
    """

    name: str
    title_de: str
    title_en: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: Sequence[Row] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def with_rows(self, rows: Sequence[Row], name: str = "") -> Table:
        """The same table with other rows, and under another name when given."""
        return replace(self, rows=rows, name=name or self.name)

    def csv(self) -> str:
        """UTF-8 text with a header row, comma, point as decimal mark; an empty cell is an empty field."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.names)
        writer.writerows(map(_written, self.rows))
        return buffer.getvalue()


def _written(row: Row) -> list[str | int]:
    return ["" if cell is None else format(cell, "f") if isinstance(cell, Decimal) else cell for cell in row]


def declared_table(framework: Framework, name: str, section: str = "tables") -> Table:
    """A table of columns.yaml without rows, with the columns of the framework's dimensions in their place."""
    entry = next(entry for entry in declarations()[section] if entry["name"] == name)
    columns = _columns(framework)
    spread = _spread(framework, entry["columns"])
    key = _spread(framework, entry["key"])
    return Table(name, entry["title_de"], entry["title_en"], tuple(columns[each] for each in spread), tuple(key))


@cache
def declarations() -> Mapping[str, Any]:
    """columns.yaml."""
    loaded: Mapping[str, Any] = yaml.safe_load(_DECLARED.read_text(encoding="utf-8"))
    return loaded


def dimension_columns(framework: Framework) -> list[str]:
    """Names of the columns of the dimensions, in framework order."""
    return [code.lower() for code in framework.dimension_order]


def _columns(framework: Framework) -> dict[str, Column]:
    columns = {entry["name"]: Column(**entry) for entry in declarations()["columns"]}
    for code, dimension in framework.dimensions.items():
        names = (dimension.name_de, dimension.name_en)
        columns[code.lower()] = Column(code.lower(), "code", *names, *names, codes=code.lower())
    return columns


def _spread(framework: Framework, names: Iterable[str]) -> list[str]:
    return [each for name in names for each in (dimension_columns(framework) if name == _DIMENSIONS else [name])]
