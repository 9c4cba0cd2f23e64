"""What of the registers may leave the house: public fields of listed rows, and nothing that points to a row that stays.

A row is listed where the condition of its register holds; one that cannot be decided stays in the house. A reference to
a row that stays is left out; a row whose required reference falls away stays as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from schemas.addresses import is_email_address, is_web_address
from schemas.conditions import entries, holds
from schemas.definitions_registers import REFERRING, SEPARATOR, RecordField
from schemas.framework_model import Framework
from schemas.shapes import Record, Registers

REGISTER_TABLE, RECORD_TABLE = "published_register", "published_record"
Place = tuple[str, int]
Rows = dict[tuple[str, str], Record]
"""(register, id) -> row, of one region and year."""
_TEXT, _YEAR = pa.string(), pa.int32()
_PLACE = [("region", _TEXT), ("year", _YEAR), ("register", _TEXT)]
REGISTER_SCHEMA = pa.schema([*_PLACE, ("entries", pa.int32())])
RECORD_SCHEMA = pa.schema([*_PLACE, ("position", pa.int32()), ("id", _TEXT), ("field", _TEXT), ("value", _TEXT)])


def published_registers(framework: Framework, registers: Registers) -> dict[str, pa.Table]:
    """`published_register`: every delivered register with the number of rows shown; `published_record`: one row for
    every field that is shown, `position` tells the order of the rows of a register."""
    rules = _Rules(framework)
    places: dict[Place, Rows] = {(region, year): {} for region, year, _ in registers.delivered}
    for record in registers.records:
        places.setdefault((record.region, record.year), {})[record.register, record.id] = record
    shown = {place: rules.listed(rows, place[1]) for place, rows in places.items()}
    counts = [
        (region, year, code, sum(register == code for register, _ in shown[region, year]))
        for region, year, code in registers.delivered
        if code in framework.registers
    ]
    fields = [row for place in sorted(shown) for row in rules.fields(shown[place], place[1])]
    return {REGISTER_TABLE: _table(counts, REGISTER_SCHEMA), RECORD_TABLE: _table(fields, RECORD_SCHEMA)}


def _table(rows: Iterable[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)], schema=schema)


@dataclass(frozen=True)
class _Rules:
    framework: Framework

    def listed(self, rows: Rows, year: int) -> Rows:
        """The rows of a region and year that may be shown."""
        kept = {key: row for key, row in rows.items() if self._is_listed(row, rows, year)}
        while True:  # a row that stays may take another one with it
            fallen = [key for key, row in kept.items() if not self._refers(row, kept)]
            if not fallen:
                return kept
            for key in fallen:
                del kept[key]

    def fields(self, rows: Rows, year: int) -> Iterator[tuple[object, ...]]:
        """Columns of `RECORD_SCHEMA`."""
        positions: dict[str, int] = {}
        for (code, id_), row in rows.items():
            positions[code] = positions.get(code, 0) + 1
            for entry in self.framework.registers[code].fields_in(year):
                text = _kept(entry, row.values, rows) if entry.public else ""
                if text:
                    yield row.region, year, code, positions[code], id_, entry.code, text

    def _is_listed(self, row: Record, rows: Rows, year: int) -> bool:
        register = self.framework.registers.get(row.register)
        if register is None:
            return False

        def find(code: str, id_: str) -> Mapping[str, str] | None:
            other = rows.get((code, id_))
            return other.values if other else None

        return holds(self.framework.condition(register.code, register.listed), row.values, year, find) is True

    def _refers(self, row: Record, rows: Rows) -> bool:
        """Is something left of every required reference?"""
        referring = (entry for entry in self.framework.registers[row.register].fields if entry.type in REFERRING)
        return all(_kept(entry, row.values, rows) for entry in referring if entry.required)


def _kept(entry: RecordField, values: Mapping[str, str], rows: Rows) -> str:
    """What is shown of a field: all of it, but no address that is none, and no reference to a row that is not shown."""
    text = values.get(entry.code, "")
    if (entry.type == "url" and not is_web_address(text)) or (entry.type == "email" and not is_email_address(text)):
        return ""
    if entry.type not in REFERRING:
        return text
    return SEPARATOR.join(id_ for id_ in entries(text) if (entry.refers_to or "", id_) in rows)
