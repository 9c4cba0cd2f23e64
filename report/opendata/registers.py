"""The registers of the regions as tables: one for each register, one with all entries, and the lists of their codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from report.content import Report
from report.data import records
from report.opendata.edition import Edition
from report.opendata.json_text import json_with_rows
from report.opendata.published import note_of
from report.opendata.table import CODE_LISTS, Column, Kind, Row, Table, Value, declared_table
from report.places import slug
from schemas.definitions_registers import RecordField, Register

FOLDER = "register"
ALL = "alle-registereintraege"
_PREFIX = "liste-"
_STEERING = re.compile(r"[=@\t\r]|[+-](?![\d\s()/.-]*$)")
_KINDS: dict[str, Kind] = {"year": "year", "integer": "integer", "decimal": "decimal", "money": "decimal"}
Key = tuple[str, int, str, int, str]
"""Region, year, register, position, id."""


@dataclass(frozen=True)
class RegisterTables:
    """Tables by register, the table of all entries, and the lists of codes; empty where nothing was delivered."""

    single: Mapping[str, Table]
    whole: Table | None
    codes: list[Table]

    @property
    def tables(self) -> list[Table]:
        """All tables that are described together."""
        return [*([self.whole] if self.whole else []), *self.single.values(), *self.codes]


def register_tables(report: Report) -> RegisterTables:
    """The published rows of all years up to the report year; a register that was delivered and is empty has a table."""
    delivered = set(report.data.registers["register"]) if not report.data.registers.empty else set()
    registers = [entry for code, entry in report.framework.registers.items() if code in delivered]
    if not registers:
        return RegisterTables({}, None, [])
    rows = _rows(report)
    single = {entry.code: _table(report, entry, rows) for entry in registers}
    whole = _with_regions(report, declared_table(report.framework, ALL).with_rows(list(_all(report, rows))))
    used = {field.codelist for entry in registers for field in _public(entry) if field.type == "code"}
    return RegisterTables(single, whole, [_codes(report, code) for code in sorted(code for code in used if code)])


def register_files(report: Report, edition: Edition, tables: RegisterTables) -> Iterator[tuple[str, str]]:
    """(path, text) of a JSON file for each register, with the meaning of its fields."""
    for code, table in tables.single.items():
        register = report.framework.registers[code]
        fields = [
            {"code": field.code, "name_de": field.name_de, "name_en": field.name_en, "type": field.type}
            | ({"codelist": field.codelist} if field.codelist else {})
            | ({"refers_to": field.refers_to} if field.refers_to else {})
            for field in _public(register)
        ]
        head: dict[str, Any] = {
            "edition": edition.described(),
            "register": {
                name: getattr(register, name) for name in ("code", "name_de", "name_en", "purpose_de", "purpose_en")
            },
            "fields": fields,
            "columns": list(table.names),
        }
        yield f"{table.name}.json", json_with_rows(head, {"rows": table.rows})


def index_of(tables: RegisterTables) -> list[dict[str, str]]:
    """The registers in the index of the JSON files."""
    return [
        {"code": code, "name_de": table.title_de, "name_en": table.title_en}
        | {"json": f"{table.name}.json", "csv": f"{table.name}.csv"}
        for code, table in tables.single.items()
    ]


def _rows(report: Report) -> dict[Key, dict[str, str]]:
    found: dict[Key, dict[str, str]] = {}
    frame = report.data.records
    columns = ["region", "year", "register", "position", "id", "field", "value"]
    for region, year, register, position, id_, name, value in records(frame, columns) if not frame.empty else []:
        if int(str(year)) <= report.year:
            key = (str(region), int(str(year)), str(register), int(str(position)), str(id_))
            found.setdefault(key, {})[str(name)] = str(value)
    return dict(sorted(found.items()))


def _public(register: Register) -> list[RecordField]:
    return [field for field in register.fields if field.public]


def _table(report: Report, register: Register, rows: Mapping[Key, Mapping[str, str]]) -> Table:
    framed = declared_table(report.framework, f"{FOLDER}/eintraege")
    fields = _public(register)
    taken = set(framed.names)
    last = framed.columns[-1]
    columns = (*framed.columns[:-1], *(_column(field, taken) for field in fields), last)
    table = Table(f"{FOLDER}/{slug(register.code)}", register.name_de, register.name_en, columns, framed.key)
    names = {place.code: place.name_de for place in (*report.registers.places, *report.places)}
    return _with_regions(
        report,
        table.with_rows(
            [
                (region, names.get(region, region), year, _safe(id_), *_cells(fields, values), note_of(report))
                for (region, year, code, _, id_), values in rows.items()
                if code == register.code
            ]
        ),
    )


def _column(field: RecordField, taken: set[str]) -> Column:
    name = field.code.lower()
    several = "; mehrere durch Strichpunkt getrennt" if field.several else ""
    separated = "; several separated by semicolons" if field.several else ""
    return Column(
        f"{name}_value" if name in taken else name,
        _KINDS.get(field.type, "code" if field.type == "code" else "text"),
        field.name_de,
        field.name_en,
        (field.hint_de or field.name_de) + several,
        field.name_en + separated,
        f"{_PREFIX}{slug(field.codelist)}" if field.type == "code" and field.codelist else "",
    )


def _cells(fields: Iterable[RecordField], values: Mapping[str, str]) -> Iterator[Value]:
    for field in fields:
        text = values.get(field.code, "")
        yield _number(text) if field.type in _KINDS else _safe(text) or None


def _number(text: str) -> Value:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return int(number) if number == number.to_integral_value() and "." not in text else number


def _safe(text: str) -> str:
    """Typed text that a table program would take for a formula gets an apostrophe before it."""
    return f"'{text}" if _STEERING.match(text) else text


def _all(report: Report, rows: Mapping[Key, Mapping[str, str]]) -> Iterator[Row]:
    for (region, year, code, _, id_), values in rows.items():
        for name, text in values.items():
            yield region, year, code, _safe(id_), name, _safe(text), note_of(report)


def _with_regions(report: Report, table: Table) -> Table:
    """Regions refer to the list of regions as long as it has them all."""
    known = {place.code for place in report.places}
    at = table.names.index("region")
    if all(row[at] in known for row in table.rows):
        return table
    return replace(table, columns=tuple(replace(c, codes="") if c.name == "region" else c for c in table.columns))


def _codes(report: Report, code: str) -> Table:
    listed = report.framework.codelists[code]
    rows: list[Row] = [(entry.code, entry.name_de, entry.name_en) for entry in listed.entries]
    table = declared_table(report.framework, f"{CODE_LISTS}/merkmal")
    named = table.with_rows(rows, f"{CODE_LISTS}/{_PREFIX}{slug(code)}")
    return replace(named, title_de=listed.name_de, title_en=listed.name_en)
