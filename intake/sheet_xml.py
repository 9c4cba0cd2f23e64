"""Read an Office Open XML workbook (xlsx, xlsm; transitional and strict) from its own XML, cell by cell.

What a sender sees is only in here: number formats that hide a value, hidden rows and columns, merged ranges, error
values, formulas that were never calculated. The reader is sparse (a cell in the last row costs one cell) and streams.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO
from xml.parsers import expat

from intake.gate import MAX_SHEETS, broken, refused
from intake.package_xml import Attributes, LimitBroken, Package, local, parse, read_formats, shared_strings
from intake.reading import Sheet, Workbook
from intake.sheet_events import Book, SheetReader
from intake.sheet_plain import MAX_BYTES, TRUE
from intake.sheet_quick import read_quickly

_SMALL = 1 << 17


def read_xlsx(path: Path, unpacked: Mapping[str, bytes | None], most: int | None = None) -> Workbook:
    """Every worksheet, or the first ones, of a workbook that has passed the gate; raises UnreadableFile.

    `unpacked`: its parts as the gate has unpacked them (`gate.Passed`).
    """
    try:
        with closing(Package(path, unpacked)) as package:
            sheets = tuple(islice(_sheets(package), most))
    except LimitBroken as error:
        raise refused(path, str(error)) from error
    except (expat.ExpatError, zipfile.BadZipFile, KeyError, ValueError, IndexError, OverflowError) as error:
        raise broken(path, "ihr Inhalt ist beschädigt") from error
    if not sheets:
        raise broken(path, "sie enthält kein Tabellenblatt")
    return Workbook(path.name, sheets)


def _sheets(package: Package) -> Iterator[Sheet]:
    main = next((target for kind, target in package.relations("").values() if kind == "officeDocument"), "")
    main = main if package.has(main) else "xl/workbook.xml"
    from_1904, listed = _contents(package, main)
    book = Book(from_1904=from_1904)
    if len(listed) > MAX_SHEETS:
        raise LimitBroken(f"sie hat mehr als {MAX_SHEETS} Tabellenblätter")
    relations = package.relations(main)
    for kind, target in relations.values():
        if kind == "sharedStrings" and package.has(target):
            book.strings = shared_strings(package.open(target))
        elif kind == "styles" and package.has(target):
            book.formats = read_formats(package.open(target))
    for entry in listed:
        kind, target = relations[entry["id"]]
        if kind == "worksheet":
            hidden = entry.get("state", "visible") != "visible"
            yield _sheet(book, entry.get("name", ""), hidden, package, target)


def _contents(package: Package, main: str) -> tuple[bool, Sequence[Attributes]]:
    """From when days are counted, and the sheets; many workbooks say the same of both, byte for byte."""
    content = package.beginning(main, _SMALL + 1)
    return _known_contents(content) if len(content) <= _SMALL else _read_contents(package.open(main))


def _read_contents(stream: IO[bytes]) -> tuple[bool, Sequence[Attributes]]:
    listed: list[Attributes] = []
    from_1904 = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal from_1904
        name = local(tag)
        if name == "sheet":
            listed.append({local(key): value for key, value in attributes.items()})
        elif name == "workbookPr":
            from_1904 = attributes.get("date1904", "") in TRUE

    parse(stream, start)
    return from_1904, listed


@lru_cache(maxsize=64)
def _known_contents(content: bytes) -> tuple[bool, Sequence[Attributes]]:
    return _read_contents(BytesIO(content))


def _sheet(book: Book, name: str, hidden: bool, package: Package, target: str) -> Sheet:
    """A sheet with all its filled cells: the quick way where its rows are plain, else event by event."""
    content = package.beginning(target, MAX_BYTES + 1)
    if len(content) <= MAX_BYTES and (quick := read_quickly(book, name, hidden, content)):
        return quick
    reader = SheetReader(book, hidden)
    parse(package.open(target), reader.start, reader.end, reader.data)
    return Sheet(name, hidden, reader.finished())
