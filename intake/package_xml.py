"""The parts of an Office Open XML workbook that its sheets share: relations, number formats, shared strings.

Names of elements and relations are compared without their name space, so transitional and strict files are equal.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import IO
from xml.parsers import expat

from intake.display import NumberFormat, built_in_format, number_format
from intake.gate import MAX_TEXT

Attributes = dict[str, str]
_MOST_STRINGS = 16 << 20
_SMALL = 1 << 17
_PLAIN_STRINGS = re.compile(
    rb"""(?:<\?xml version="1\.0" encoding="(?:UTF-8|utf-8)"(?: standalone="yes")?\?>\s*)?"""
    rb"""<sst xmlns="[^"<&]*"(?: count="[0-9]+")?(?: uniqueCount="[0-9]+")?>(.*)</sst>\s*""",
    re.DOTALL,
)
_OPEN, _CLOSE = "<si><t>", "</t></si>"
_KEEPING_SPACE = '<si><t xml:space="preserve">'
_CONTROL = bytes(set(range(32)) - {9, 10})
"""What XML does not allow, and the carriage return, which it reads as a line feed."""
_NOT_IN_TEXT = (b"]]>", "\ufffe".encode(), "\uffff".encode())
_MEANT = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_ENTITY = re.compile(f"&({'|'.join(_MEANT)});")
_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")


class LimitBroken(Exception):
    """A part breaks a limit; the text is the rest of a German sentence."""


class Package:
    """The parts of the archive; their names ignore case and the direction of slashes, as Excel does.

    `unpacked`: its parts by their name, as the gate has unpacked them (`gate.Passed`). To be closed after use.
    """

    def __init__(self, path: Path, unpacked: Mapping[str, bytes | None]) -> None:
        self.path = path
        self.unpacked = unpacked
        self.names = {name.replace("\\", "/").lower(): name for name in unpacked}

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        """Opened for large parts only."""
        return zipfile.ZipFile(self.path)

    def close(self) -> None:
        """Close the archive if it was opened."""
        if "_archive" in self.__dict__:
            self._archive.close()

    def has(self, part: str) -> bool:
        return part.lower() in self.names

    def open(self, part: str) -> IO[bytes]:
        name = self.names[part.lower()]
        content = self.unpacked[name]
        return self._archive.open(name) if content is None else BytesIO(content)

    def beginning(self, part: str, size: int) -> bytes:
        """The first bytes of a part."""
        with self.open(part) as stream:
            return stream.read(size)

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Kind and target of every relation of a part, by its id; kinds without their name space, so strict is equal."""
        folder, name = posixpath.split(part)
        listing = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self.has(listing):
            return {}
        content = self.beginning(listing, _SMALL + 1)
        if len(content) <= _SMALL:
            return _known_relations(content, folder)
        return _relations(self.open(listing), folder)


def _relations(stream: IO[bytes], folder: str) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if local(tag) == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes["Target"].replace("\\", "/")
            target = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[attributes["Id"]] = (attributes["Type"].rpartition("/")[2], target)

    parse(stream, start)
    return found


@lru_cache(maxsize=64)
def _known_relations(content: bytes, folder: str) -> dict[str, tuple[str, str]]:
    """Many workbooks have the same parts, and list them byte for byte alike."""
    return _relations(BytesIO(content), folder)


def read_formats(stream: IO[bytes]) -> dict[str, NumberFormat]:
    """Number formats by cell style (see `_formats`); many workbooks have the same styles, byte for byte."""
    with stream:
        content = stream.read(_SMALL + 1)
        if len(content) <= _SMALL:
            return _known_formats(content)
        stream.seek(0)
        return _formats(stream)


@lru_cache(maxsize=64)
def _known_formats(content: bytes) -> dict[str, NumberFormat]:
    return _formats(BytesIO(content))


def _formats(stream: IO[bytes]) -> dict[str, NumberFormat]:
    """Number formats by cell style, only those that do more than show the number; a cell without style has style 0."""
    codes: dict[str, str] = {}
    styles: list[str] = []
    within = False

    def start(tag: str, attributes: Attributes) -> None:
        nonlocal within
        name = local(tag)
        if name == "numFmt":
            codes.setdefault(attributes.get("numFmtId", ""), attributes.get("formatCode", ""))
        elif name in ("cellStyleXfs", "cellXfs", "cellStyles", "dxfs"):
            within = name == "cellXfs"
        elif name == "xf" and within:
            styles.append(attributes.get("numFmtId", "0"))

    parse(stream, start)
    found = {str(style): _format(number, codes) for style, number in enumerate(styles)}
    found[""] = found.get("0", number_format("General"))
    return {style: shape for style, shape in found.items() if not shape.plain}


def _format(number: str, codes: dict[str, str]) -> NumberFormat:
    code = codes.get(number)
    if code is None:
        code = built_in_format(int(number)) if number.isdecimal() else "General"
    return number_format(code)


def shared_strings(stream: IO[bytes]) -> list[str]:
    """The texts that the sheets share, in their order."""
    with stream:
        content = stream.read(_MOST_STRINGS + 1)
        if len(content) <= _MOST_STRINGS and (plain := plain_strings(content)) is not None:
            return plain
        stream.seek(0)
        return _strings(stream)


def plain_strings(content: bytes) -> list[str] | None:
    """The same at once, where there is nothing but plain texts; None for anything else."""
    found = _PLAIN_STRINGS.fullmatch(content)
    if found is None:
        return None
    try:
        text = found[1].decode("utf-8")
    except UnicodeDecodeError:
        return None
    if len(text) > MAX_TEXT:
        return None
    strings = _plain_parts(text)
    if strings is None:
        return None
    if len(content.translate(None, _CONTROL)) < len(content) or any(odd in content for odd in _NOT_IN_TEXT):
        return None
    if "&" in text:
        if text.count("&") != len(_ENTITY.findall(text)):
            return None
        strings = [_ENTITY.sub(lambda one: _MEANT[one[1]], said) if "&" in said else said for said in strings]
    return [unescaped(said) for said in strings] if "_x" in text else strings


def _plain_parts(text: str) -> list[str] | None:
    """The texts within the elements of plain ones; None where there are other elements."""
    plain = text.replace(_KEEPING_SPACE, _OPEN)
    if not plain:
        return []
    if not (plain.startswith(_OPEN) and plain.endswith(_CLOSE)):
        return None
    strings = plain[len(_OPEN) : -len(_CLOSE)].split(_CLOSE + _OPEN)
    return strings if plain.count("<") == (_OPEN + _CLOSE).count("<") * len(strings) else None


def _strings(stream: IO[bytes]) -> list[str]:
    strings: list[str] = []
    parts: list[str] = []
    collecting, phonetic, characters = False, False, 0

    def start(tag: str, _: Attributes) -> None:
        nonlocal collecting, phonetic
        name = local(tag)
        phonetic = phonetic or name == "rPh"
        collecting = name == "t" and not phonetic

    def end(tag: str) -> None:
        nonlocal collecting, phonetic
        name = local(tag)
        collecting = False
        if name == "rPh":
            phonetic = False
        elif name == "si":
            strings.append(unescaped("".join(parts)))
            parts.clear()

    def data(text: str) -> None:
        nonlocal characters
        if collecting:
            parts.append(text)
            characters += len(text)
            if characters > MAX_TEXT:
                raise LimitBroken("sie enthält ungewöhnlich viel Text")

    parse(stream, start, end, data)
    return strings


def unescaped(text: str) -> str:
    """`_x000D_` stands for a character that XML cannot hold."""
    if "_x" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")


def local(tag: str) -> str:
    return tag.rpartition(":")[2]


def parse(
    stream: IO[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> None:
    """Run one part through expat; a part that declares entities is refused."""
    with stream:
        parser(start, end, data).ParseFile(stream)


def parser(
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> expat.XMLParserType:
    """An expat parser that refuses to take in declared entities."""
    made = expat.ParserCreate()
    made.buffer_text = True
    made.buffer_size = 1 << 16
    made.StartElementHandler = start
    made.EndElementHandler = end
    made.CharacterDataHandler = data

    def refuse(*_: object) -> None:
        raise LimitBroken("sie enthält unzulässige XML-Bestandteile")

    made.EntityDeclHandler = refuse
    made.StartDoctypeDeclHandler = refuse
    return made
