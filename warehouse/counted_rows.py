"""From a value that was counted from a register to the rows that were counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.conditions import holds
from schemas.counting import looked_into
from schemas.definitions_registers import ComputedFrom
from schemas.framework_model import Framework
from schemas.shapes import Record
from warehouse.access import Connection
from warehouse.cells import Cell
from warehouse.records import records_behind, records_of, sources_of


def counted_rows(connection: Connection, framework: Framework, cell: Cell) -> dict[str, Any] | None:
    """The rows behind a counted cell, in the order of the sheet; None for any other cell, a corrected one included.

    `entries` is the number of rows of the register in that delivery, `rows` are those that count, each with id, title,
    sheet, row and, where a field is summed or told apart, its text. `beside` are the other registers that decided which
    of them count, as they stand, each with the delivery that brought it.
    """
    made = framework.variables[cell.variable].computed_from
    if made is None or not cell.register or cell.correction:
        return None
    others = looked_into(framework, made)
    sent = [record for record in records_behind(connection, cell.submission_id) if _place(record) == _place(cell)]
    rows = [record for record in sent if record.register == made.records]
    standing = [r for r in records_of(connection, *_place(cell)) if r.register in others] if others else []
    known = {(record.register, record.id): record.values for record in (*rows, *standing)}
    condition = framework.condition(made.records, made.where)

    def find(register: str, id_: str) -> Mapping[str, str] | None:
        return known.get((register, id_))

    counted = [record for record in rows if holds(condition, record.values, cell.year, find) is True]
    register = framework.registers[made.records]
    return {
        "register": register.code,
        "name_de": register.name_de,
        "name_en": register.name_en,
        "region": cell.region,
        "submission_id": cell.submission_id,
        "entries": len(rows),
        "rows": [_row(record, register.title, made) for record in counted if _looked_at(record, made)],
        "beside": [
            {"register": code, "name_de": other.name_de, "name_en": other.name_en, "submission_id": submission}
            for code, submission in sources_of(connection, *_place(cell)).items()
            if code in others and (other := framework.registers[code])
        ],
    }


def _place(entry: Record | Cell) -> tuple[str, int]:
    return entry.region, entry.year


def _looked_at(record: Record, made: ComputedFrom) -> bool:
    field = made.sum or made.count_distinct
    return field is None or bool(record.values.get(field))


def _row(record: Record, title: str, made: ComputedFrom) -> dict[str, Any]:
    field = made.sum or made.count_distinct
    return {
        "id": record.id,
        "title": record.values.get(title, ""),
        "sheet": record.sheet,
        "row": record.row,
        "value": record.values.get(field, "") if field else "",
    }
