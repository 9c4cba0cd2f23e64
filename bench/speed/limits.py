"""What reading must take at least: bytes inflated, XML parsed, cells read by the fastest reader, and nothing else."""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.parsers import expat

from bench.speed.measuring import Facts


def inflate(folder: str) -> Facts:
    """Unpack every sheet of every workbook."""
    done = sum(len(data) for path in _files(folder) for data in _sheets(path))
    return {"megabytes": done / 1e6}


def parse(folder: str) -> Facts:
    """Unpack and hand every tag to a parser that does nothing with it."""
    for path in _files(folder):
        for data in _sheets(path):
            expat.ParserCreate().Parse(data, True)
    return {}


def read(folder: str) -> Facts:
    """Every cell as a Python value by calamine, each workbook opened once."""
    from python_calamine import CalamineWorkbook

    rows = 0
    for path in _files(folder):
        book = CalamineWorkbook.from_path(str(path))
        for name in book.sheet_names:
            rows += len(book.get_sheet_by_name(name).to_python(skip_empty_area=False))
    return {"rows": rows}


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).rglob("*.xlsx"))


def _sheets(path: Path) -> list[bytes]:
    with zipfile.ZipFile(path) as package:
        names = [n for n in package.namelist() if n.startswith("xl/worksheets/sheet") or n == "xl/sharedStrings.xml"]
        return [package.read(name) for name in names]
