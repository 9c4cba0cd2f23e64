"""The parts of an Office Open XML workbook: read them, change some, add some, write the package again.

Parts that are not changed are copied byte for byte, in their order.
"""

from __future__ import annotations

import os
import posixpath
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from intake.annotate_xml import Edits, Element, NotAnnotatable, elements, plain, prefix_of
from intake.gate_known import DAMAGED_ARCHIVE

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml."
WORKBOOK_TYPE, SHEET_TYPE = f"{_TYPE}sheet.main+xml", f"{_TYPE}worksheet+xml"
STYLES_TYPE, COMMENTS_TYPE = f"{_TYPE}styles+xml", f"{_TYPE}comments+xml"
VML_TYPE = "application/vnd.openxmlformats-officedocument.vmlDrawing"
DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_UNREADABLE = (*DAMAGED_ARCHIVE, RuntimeError)  # the last says that a part is encrypted
_CONTENT_TYPES = "[Content_Types].xml"
_AS_IT_LIES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_NAME_LENGTH = 26
"""Where the header of a part in the archive says how long its name is, and then its extra field."""
_OWNER_ONLY = 0o600 << 16
_NEW_PART_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Relationship:
    """What a part refers to: `target` is the name of a part of the package."""

    id: str
    kind: str
    target: str


def mentions(source: Path, text: str) -> bool:
    """Could a part of this workbook hold the text? True also where it is no package, so that a reader has to look."""
    try:
        with zipfile.ZipFile(source) as archive:
            names = [name for name in archive.namelist() if name.endswith(".xml")]
            return any(text.encode() in archive.read(name) for name in names)
    except _UNREADABLE:
        return True


class Package:
    """A workbook as its parts. Raises NotAnnotatable for whatever is not a plain .xlsx workbook."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.changed: dict[str, bytes] = {}
        self.removed: set[str] = set()
        try:
            with zipfile.ZipFile(source) as archive:
                self.order = [info.filename for info in archive.infolist()]
                self._original = {name: archive.read(name) for name in self.order if not name.endswith("/")}
        except _UNREADABLE as error:
            raise NotAnnotatable(f"no zip package: {error}") from error
        if len(set(self.order)) != len(self.order) or _CONTENT_TYPES not in self._original:
            raise NotAnnotatable("parts are missing or repeated")
        self.workbook = next((r.target for r in self.relationships("") if r.kind == "officeDocument"), "")
        if not self.has(self.workbook) or self._type(self.workbook) != WORKBOOK_TYPE:
            raise NotAnnotatable("not a workbook without macros")
        if MAIN.encode() not in self.read(self.workbook):
            raise NotAnnotatable("not in the transitional namespace")

    def has(self, name: str) -> bool:
        """Is there a part of this name?"""
        return name not in self.removed and (name in self.changed or name in self._original)

    def read(self, name: str) -> bytes:
        """The present content of a part."""
        if not self.has(name):
            raise NotAnnotatable(f"the part {name} is missing")
        return self.changed[name] if name in self.changed else plain(self._original[name])

    def mentions(self, text: str) -> bool:
        """Does a part, as it came, hold this text?"""
        return any(text.encode() in data for name, data in self._original.items() if name.endswith(".xml"))

    def replace(self, name: str, data: bytes) -> None:
        """Give a part another content; content that stays the same leaves the original bytes in place."""
        if name in self.changed or data != plain(self._original[name]):
            self.changed[name] = data

    def add(self, name: str, data: bytes, content_type: str = "") -> None:
        """Add a part, with its content type unless that follows from the ending."""
        self.changed[name] = data
        self.removed.discard(name)
        if content_type:
            entry = f"Override PartName={quoteattr('/' + name)} ContentType={quoteattr(content_type)}"
            self._content_type(entry)

    def remove_relationships(self, part: str) -> None:
        """Forget what a part refers to."""
        if self.has(rels_name(part)):
            self.removed.add(rels_name(part))
            self.changed.pop(rels_name(part), None)

    def default_type(self, ending: str, content_type: str) -> None:
        """Declare the content type of all parts with this ending, where it is not declared."""
        known = elements(self.read(_CONTENT_TYPES), lambda depth, name, _: name == "Default")
        if ending not in {e.attributes.get("Extension", "").lower() for e in known}:
            self._content_type(f"Default Extension={quoteattr(ending)} ContentType={quoteattr(content_type)}")

    def free_name(self, pattern: str) -> str:
        """A part name that is not in use; `pattern` holds `{}` for the number."""
        taken = {name.lower() for name in (*self.order, *self.changed)}
        return next(name for i in range(1, 100_000) if (name := pattern.format(i)).lower() not in taken)

    def relationships(self, part: str) -> list[Relationship]:
        """What a part refers to inside the package; the empty name asks for the package itself."""
        if not self.has(rels_name(part)):
            return []
        found = []
        for element in self._relationship_elements(part):
            attributes = element.attributes
            if attributes.get("TargetMode", "Internal") == "Internal":
                target = attributes.get("Target", "")
                folder = posixpath.dirname(part)
                name = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
                kind = attributes.get("Type", "").rpartition("/")[2]
                found.append(Relationship(attributes.get("Id", ""), kind, name.lstrip("/")))
        return found

    def related(self, part: str, kind: str) -> str:
        """The first part of a kind that a part refers to, empty when there is none."""
        return next((r.target for r in self.relationships(part) if r.kind == kind and self.has(r.target)), "")

    def relate(self, part: str, kind: str, target: str) -> str:
        """Let a part refer to another one; returns the id of the relationship."""
        name = rels_name(part)
        if not self.has(name):
            self.add(name, DECLARATION + f'<Relationships xmlns="{_RELS}"></Relationships>'.encode())
        taken = {element.attributes.get("Id", "") for element in self._relationship_elements(part)}
        number = next(i for i in range(1, 100_000) if f"rId{i}" not in taken)
        data = self.read(name)
        way = quoteattr(posixpath.relpath("/" + target, "/" + posixpath.dirname(part)))
        entry = f'<{prefix_of(data)}Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target={way}/>'
        self.replace(name, _appended(data, entry))
        return f"rId{number}"

    def write(self, target: Path) -> None:
        """Write the package; the file appears whole or not at all."""
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        with zipfile.ZipFile(self.source) as old, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                if info.filename not in self.removed:
                    data = self.changed.get(info.filename)
                    copy = zipfile.ZipInfo(info.filename, info.date_time)
                    copy.compress_type, copy.external_attr = info.compress_type, info.external_attr
                    if data is None and info.compress_type in _AS_IT_LIES:
                        _copy_packed(old, info, new, copy)
                    else:
                        new.writestr(copy, self._original.get(info.filename, b"") if data is None else data)
            for name in sorted(self.changed.keys() - set(self.order)):
                added = zipfile.ZipInfo(name, _NEW_PART_TIME)
                added.compress_type = zipfile.ZIP_DEFLATED
                new.writestr(added, self.changed[name])
        os.replace(temporary, target)

    def _relationship_elements(self, part: str) -> list[Element]:
        return elements(self.read(rels_name(part)), lambda depth, name, _: name == "Relationship")

    def _content_type(self, entry: str) -> None:
        data = self.read(_CONTENT_TYPES)
        self.replace(_CONTENT_TYPES, _appended(data, f"<{prefix_of(data)}{entry}/>"))

    def _type(self, part: str) -> str:
        wanted = {"/" + part.lower(): "PartName", part.rpartition(".")[2].lower(): "Extension"}
        declared = elements(self.read(_CONTENT_TYPES), lambda depth, name, _: name in ("Override", "Default"))
        for key, attribute in wanted.items():
            for element in declared:
                if element.attributes.get(attribute, "").lower() == key:
                    return element.attributes.get("ContentType", "")
        return ""


def rels_name(part: str) -> str:
    """Name of the part that lists what a part refers to."""
    folder, name = posixpath.split(part)
    return f"{folder}/_rels/{name}.rels".lstrip("/")


def _copy_packed(old: zipfile.ZipFile, info: zipfile.ZipInfo, new: zipfile.ZipFile, copy: zipfile.ZipInfo) -> None:
    """Append a part as it lies packed in another archive, where it was read, and so checked, before.

    Packing is the dearest step of an answer, and most parts stay as they came.
    """
    assert old.fp is not None
    assert new.fp is not None
    old.fp.seek(info.header_offset + _NAME_LENGTH)
    name, extra = struct.unpack("<HH", old.fp.read(4))
    old.fp.seek(name + extra, os.SEEK_CUR)
    packed = old.fp.read(info.compress_size)
    if len(packed) != info.compress_size:
        raise NotAnnotatable("a part ends too early")
    copy.CRC, copy.compress_size, copy.file_size = info.CRC, info.compress_size, info.file_size
    copy.external_attr = info.external_attr or _OWNER_ONLY
    new.fp.seek(new.start_dir)
    copy.header_offset = new.fp.tell()
    new.fp.write(copy.FileHeader() + packed)
    new.start_dir = new.fp.tell()
    new.filelist.append(copy)
    new.NameToInfo[copy.filename] = copy


def _appended(data: bytes, entry: str) -> bytes:
    """A list part (content types, relationships) with one entry more; its namespace is that of the root."""
    edits = Edits(data)
    edits.append_to(elements(data, lambda depth, name, _: depth == 0)[0], entry.encode())
    return edits.result()
