"""Observations as SDMX-CSV 2.1: one row per published cell, codes only, a hidden value as NaN with its status."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal

from report.opendata.sdmx_structure import Component, Structure, sdmx_code
from report.opendata.table import Row, Value

_REPLACE = "R"
_MISSING = "NaN"


def sdmx_csv(structure: Structure) -> str:
    """The whole dataset; the action replaces what a receiver has of it."""
    writers = [_writer(structure, part) for part in structure.components]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["STRUCTURE", "STRUCTURE_ID", "ACTION", *(part.id for part in structure.components)])
    head = ["dataflow", structure.flow, _REPLACE]
    writer.writerows([*head, *(write(row) for write in writers)] for row in structure.values.rows)
    return buffer.getvalue()


def _writer(structure: Structure, part: Component) -> Callable[[Row], str]:
    """How the cell of a component is made from a row of the value table."""
    names, framework = structure.values.names, structure.framework
    status, indicator = names.index("status"), names.index("indicator")
    statuses, indicators = framework.statuses, framework.indicators
    match part.column:
        case "obs_status" | "conf_status":
            codes = {code: str(getattr(entry, part.column)) for code, entry in statuses.items()}
            return lambda row: codes[str(row[status])]
        case "decimals":
            return lambda row: str(indicators[str(row[indicator])].decimals)
    place = names.index(part.column)
    missing = _MISSING if part.role == "measure" else ""
    coded = {code: sdmx_code(code) for code in {str(row[place]) for row in structure.values.rows}} if part.codes else {}
    return lambda row: coded.get(str(row[place])) or _text(row[place], missing)


def _text(cell: Value, missing: str) -> str:
    return missing if cell is None else format(cell, "f") if type(cell) is Decimal else str(cell)
