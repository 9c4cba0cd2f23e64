"""Facts about cells that only the sheet XML tells: error values and formulas without a stored result."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat


class UnsafeXml(Exception):
    """A part declares entities; nothing a spreadsheet program writes does that."""


@dataclass(frozen=True, slots=True)
class CellFacts:
    """What is special about one cell."""

    error: str = ""
    uncalculated: bool = False


def read_facts(path: Path) -> Mapping[str, Mapping[tuple[int, int], CellFacts]]:
    """Facts by sheet name and (row, column); only cells with something special are listed."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        targets = _relationships(archive, names)
        sheets: dict[str, str] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if _local(tag) == "sheet":
                relation = next((v for k, v in attributes.items() if k.endswith(":id") or k == "id"), "")
                target = targets.get(relation)
                if target in names:
                    sheets[attributes.get("name", "")] = target

        if "xl/workbook.xml" not in names:
            return {}
        _parse(archive.read("xl/workbook.xml"), start)
        return {name: _sheet_facts(archive, part) for name, part in sheets.items()}


def _relationships(archive: zipfile.ZipFile, names: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    part = "xl/_rels/workbook.xml.rels"
    if part not in names:
        return found

    def start(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "Relationship":
            target = attributes.get("Target", "")
            resolved = (
                target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
            )
            found[attributes.get("Id", "")] = resolved

    _parse(archive.read(part), start)
    return found


class _SheetReader:
    """Notes for every cell whether it holds an error, or a formula but no value."""

    def __init__(self) -> None:
        self.facts: dict[tuple[int, int], CellFacts] = {}
        self.address = ""
        self.kind = ""
        self.formula = False
        self.value: list[str] | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == "c":
            self.address, self.kind = attributes.get("r", ""), attributes.get("t", "")
            self.formula, self.value = False, None
        elif name == "f":
            self.formula = True
        elif name == "v" or (name == "t" and self.kind == "inlineStr"):
            self.value = []

    def data(self, text: str) -> None:
        if self.value is not None:
            self.value.append(text)

    def end(self, tag: str) -> None:
        if _local(tag) != "c":
            return
        place = _place(self.address)
        content = "".join(self.value or [])
        if place and self.kind == "e":
            self.facts[place] = CellFacts(error=content or "#FEHLER")
        elif place and self.formula and not content:
            self.facts[place] = CellFacts(uncalculated=True)


def _sheet_facts(archive: zipfile.ZipFile, part: str) -> dict[tuple[int, int], CellFacts]:
    reader = _SheetReader()
    with archive.open(part) as stream:
        parser = _parser(reader.start)
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.data
        try:
            while block := stream.read(1 << 16):
                parser.Parse(block, False)
            parser.Parse(b"", True)
        except expat.ExpatError:
            return reader.facts  # calamine decides whether the sheet can be read
    return reader.facts


def _parse(content: bytes, start: Callable[[str, dict[str, str]], None]) -> None:
    try:
        _parser(start).Parse(content, True)
    except expat.ExpatError:
        return


def _parser(start: Callable[[str, dict[str, str]], None]) -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartElementHandler = start

    def refuse(*_: object) -> None:
        raise UnsafeXml

    parser.EntityDeclHandler = refuse
    parser.StartDoctypeDeclHandler = refuse
    return parser


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _place(address: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([A-Z]{1,3})([0-9]{1,7})", address)
    if not found:
        return None
    column = 0
    for letter in found.group(1):
        column = column * 26 + ord(letter) - 64
    return int(found.group(2)), column
