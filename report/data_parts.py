"""The parts of the report for further work: workbook and open data. A part that fails is left out and named."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from report import workbook
from report.content import Report, reason_of
from report.opendata import files

TABLES, DATA = workbook.FOLDER, files.FOLDER
DATA_PARTS = (TABLES, DATA)


def write_data_parts(
    report: Report,
    folder: Path,
    langs: Sequence[str],
    parts: Collection[str],
    earlier: Iterable[Path],
    progress: Callable[[str], None],
) -> dict[str, str]:
    """Write those of `DATA_PARTS` that are asked for below `folder`; returns the reason by part for what failed.

    earlier: report folders in which the last edition is looked for, the first one that has open data counts.
    """
    books: list[Path] = []

    def tables() -> None:
        books.extend(workbook.write_workbooks(report, folder / TABLES, langs))

    def data() -> None:
        files.write_open_data(report, folder / DATA, earlier, books)

    failures: dict[str, str] = {}
    for part, title, write in ((TABLES, "Tabellenband", tables), (DATA, "Offene Daten", data)):
        if part not in parts:
            continue
        progress(title)
        try:
            write()
        except Exception as problem:
            shutil.rmtree(folder / part, ignore_errors=True)
            failures[part] = reason_of(problem)
            progress(f"{part}: {failures[part]}")
    return failures
