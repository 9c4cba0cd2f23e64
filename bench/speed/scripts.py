"""What others would write to get the same workbooks into a table: no replies, no rules, no history, no protection.

They are written for this comparison, and benevolently: the keys that our form carries tell them which cell is which, so
that nothing has to be recognised, and one short parser of these keys serves them all.

`sketch`  the least that does the job well: calamine, one contract check and one load for all files
`naive`   what a team would write first: pandas with openpyxl, check and load file by file
`tables`  the validation framework frictionless, sheet by sheet, and the same load
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.speed.measuring import Facts, timed
from intake.form_request import BLOCKED

COLUMNS = ("file", "variable", "members", "value", "note")
Row = tuple[str, str, str, float | None, str]


def tidy(file: str, sheet: Iterable[Sequence[Any]]) -> Iterator[Row]:
    """The rows of one sheet of our form, cell by cell."""
    columns: dict[int, str] = {}
    for cells in sheet:
        head = cells[0] if cells and isinstance(cells[0], str) else ""
        if head.startswith("#TABLE"):
            columns = {
                number: key for number, key in enumerate(cells) if number > 1 and isinstance(key, str) and _is_key(key)
            }
        elif head and not head.startswith("#"):
            variable, _, own = head.partition("|")
            for number, key in columns.items():
                value = cells[number] if number < len(cells) else None
                if value is None or value in ("", BLOCKED) or value != value:
                    continue
                members = ",".join(filter(None, (own, "" if key == "VALUE" else key)))
                if isinstance(value, str):
                    yield file, variable, members, None, value
                else:
                    yield file, variable, members, float(value), ""


def _is_key(key: str) -> bool:
    return key == "VALUE" or ("=" in key and not key.startswith("#"))


def files(folder: str, most: str = "") -> list[Path]:
    """The workbooks, evenly picked when only some are asked for."""
    found = sorted(Path(folder).rglob("*.xlsx"))
    wanted = int(most) if most else len(found)
    return [found[number * len(found) // wanted] for number in range(min(wanted, len(found)))]


def contract() -> Any:
    """The contract of the tidy table in pandera, as a script would have it."""
    import pandera.pandas as pa

    return pa.DataFrameSchema(
        {
            "file": pa.Column(str),
            "variable": pa.Column(str, pa.Check.str_matches(r"^[A-Z][A-Z0-9_]*$")),
            "members": pa.Column(str),
            "value": pa.Column(float, pa.Check.ge(0), nullable=True),
            "note": pa.Column(str, nullable=True),
        },
        unique=["file", "variable", "members"],
    )


def sketch(folder: str, target: str) -> Facts:
    """All files by calamine, one check, one load."""
    import duckdb
    import pyarrow as pa
    from python_calamine import CalamineWorkbook

    seconds: dict[str, float] = {}

    def read() -> pa.Table:
        rows: list[Row] = []
        for path in files(folder):
            book = CalamineWorkbook.from_path(str(path))
            for name in book.sheet_names:
                rows += tidy(path.name, book.get_sheet_by_name(name).to_python(skip_empty_area=False))
        return pa.table({name: pa.array(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)})

    table = timed(seconds, "read", read)
    timed(seconds, "check", lambda: contract().validate(table.to_pandas(), lazy=True))
    with duckdb.connect(target) as connection:
        connection.register("read", table)
        timed(seconds, "load", lambda: connection.execute("CREATE TABLE observation AS FROM read"))
    return {"rows": table.num_rows, "seconds": seconds}


def naive(folder: str, target: str, most: str = "") -> Facts:
    """File by file: pandas with openpyxl, pandera, load."""
    import duckdb
    import pandas as pd

    rows = 0
    with duckdb.connect(target) as connection:
        connection.execute(
            "CREATE TABLE observation (file VARCHAR, variable VARCHAR, members VARCHAR, value DOUBLE, note VARCHAR)"
        )
        for path in files(folder, most):
            sheets = pd.read_excel(path, sheet_name=None, header=None, engine="openpyxl")
            parts = [
                pd.DataFrame(list(tidy(path.name, sheet.to_numpy(dtype=object).tolist())), columns=list(COLUMNS))
                for sheet in sheets.values()
            ]
            frame = pd.concat([part for part in parts if len(part)], ignore_index=True)
            frame = frame.astype(
                {"value": "float64", "note": "str", "members": "str", "variable": "str", "file": "str"}
            )
            contract().validate(frame, lazy=True)
            connection.execute("INSERT INTO observation SELECT * FROM frame")
            rows += len(frame)
    return {"rows": rows}


def tables(folder: str, target: str, most: str = "") -> Facts:
    """File by file and sheet by sheet: frictionless validates and extracts, then load."""
    import duckdb
    import pandas as pd
    from frictionless import Dialect, Resource, formats
    from openpyxl import load_workbook

    rows = 0
    with duckdb.connect(target) as connection:
        connection.execute(
            "CREATE TABLE observation (file VARCHAR, variable VARCHAR, members VARCHAR, value DOUBLE, note VARCHAR)"
        )
        for path in files(folder, most):
            found: list[Row] = []
            for name in load_workbook(path, read_only=True).sheetnames:
                control = formats.ExcelControl(sheet=name)
                resource = Resource(
                    path=path.name, basepath=str(path.parent), control=control, dialect=Dialect(header=False)
                )
                resource.validate(limit_errors=1000)
                found += tidy(path.name, [list(row.to_list()) for row in resource.read_rows()])
            frame = pd.DataFrame(found, columns=list(COLUMNS)).astype({"value": "float64"})
            connection.execute("INSERT INTO observation SELECT * FROM frame")
            rows += len(frame)
    return {"rows": rows}
