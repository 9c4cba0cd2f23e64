"""JSON as it is written here: plain numbers, one row of a table a line, the same bytes for the same content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from report.opendata.table import Row, Value


def json_text(content: Mapping[str, Any]) -> str:
    """Indented JSON with a newline at the end."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def json_with_rows(head: Mapping[str, Any], tables: Mapping[str, Iterable[Row]]) -> str:
    """The head, and below it each table as a list of rows, one row a line."""
    opened = json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    parts = [opened]
    for name, rows in tables.items():
        lines = ",\n".join("  " + json.dumps([_plain(cell) for cell in row], ensure_ascii=False) for row in rows)
        parts.append(f',\n "{name}": [\n{lines}\n ]' if lines else f',\n "{name}": []')
    return "".join(parts) + "\n}\n"


def _plain(cell: Value) -> str | int | float | None:
    return float(cell) if isinstance(cell, Decimal) else cell
