"""The gate: what a delivered file is, decided on its bytes, before any reader of workbooks sees it.

Only the standard library's zip and inflate code runs here, with everything bounded that a sender controls. Refused are
archives that unpack to too much, lie about their parts or step out of their folder, parts that declare XML entities,
encrypted files, macros where there must be none, and contents that are not what the file's ending says.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from intake.gate_known import DAMAGED_ARCHIVE, KnownParts, as_archived, ends_of, unpacked

Notice = tuple[str, dict[str, str]]

SUFFIX_KINDS = {
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xlsb": "xlsb",
    ".xls": "xls",
    ".ods": "ods",
    ".csv": "text",
    ".tsv": "text",
}
MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
MAX_PART_RATIO = 250
RATIO_MATTERS_FROM = 16 * 1024 * 1024
MAX_ENTRIES = 3_000
MAX_SHEETS = 1_000
MAX_CELLS = 1_000_000
MAX_TEXT = 50_000_000
MAX_KEPT_BYTES = 32 * 1024 * 1024
_BLOCK = 1 << 16
_SHORTEST_CELL = len("<c/>")
_known_parts = KnownParts()

_KIND_NAMES = {
    "xlsx": "eine Excel-Arbeitsmappe (.xlsx)",
    "xlsb": "eine binäre Excel-Arbeitsmappe (.xlsb)",
    "xls": "eine Excel-Arbeitsmappe in altem Format (.xls)",
    "ods": "eine OpenDocument-Tabelle (.ods)",
    "text": "einfachen Text",
    "zip": "ein ZIP-Archiv ohne Arbeitsmappe",
    "word": "ein Textdokument",
    "slides": "eine Präsentation",
    "pdf": "ein PDF-Dokument",
    "html": "eine HTML-Seite",
    "xml": "eine XML-Datei",
    "image": "ein Bild",
    "archive": "ein gepacktes Archiv",
}
_MAGIC = (
    (b"%PDF", "pdf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"{\\rtf", "word"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_EXCEL = re.compile(rb"\x09[\x00\x02\x04][\x04\x06]\x00")
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|table|meta|body)\b", re.IGNORECASE | re.DOTALL)
_BIFF_START = re.compile(rb"\x09\x08(?:\x10\x00\x00\x06|\x08\x00\x00\x05)\x05\x00")
_XLSX_TYPE = re.compile(rb"(?:spreadsheetml\.(?:sheet|template)|sheet\.macroEnabled)\.main\+xml", re.IGNORECASE)
_CELL = re.compile(rb"<(?:\w+:)?c[ />]")


class UnreadableFile(Exception):
    """The file cannot be read; `code` is the finding code, `details` fill the placeholders of its message."""

    def __init__(self, code: str, **details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Passed:
    """What came through the gate: xlsx, xlsb, xls, ods or text, and what the sender should know about it.

    `unpacked`: the parts of an xlsx by their name; None for those that are too large to be held.
    """

    kind: str
    notices: tuple[Notice, ...] = ()
    unpacked: Mapping[str, bytes | None] = field(default_factory=dict, repr=False)


def check_file(path: Path) -> Passed:
    """Decide what a file is and whether it may be read at all; raises UnreadableFile."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIX_KINDS:
        raise UnreadableFile("F04", file=path.name, suffix=suffix or "(keine)")
    size = path.stat().st_size
    if size == 0:
        raise broken(path, "sie ist leer")
    if size > MAX_FILE_BYTES:
        raise refused(path, f"sie ist größer als {MAX_FILE_BYTES >> 20} MB")
    with path.open("rb") as stream:
        head = stream.read(8_192)
    if head.startswith(_OLE):
        passed = _check_ole(path)
    elif head.startswith(b"PK"):
        passed = _check_zip(path, suffix)
    else:
        passed = Passed(_plain_kind(path, head))
    if passed.kind != SUFFIX_KINDS[suffix]:
        raise UnreadableFile("F10", file=path.name, suffix=suffix, found=_KIND_NAMES[passed.kind])
    return passed


def refused(path: Path, why: str) -> UnreadableFile:
    """The finding for a file that is not read for safety's sake; `why` is the rest of a German sentence."""
    return UnreadableFile("F05", file=path.name, why=why)


def broken(path: Path, why: str) -> UnreadableFile:
    """The finding for a file that cannot be opened; `why` is the rest of a German sentence."""
    return UnreadableFile("F01", file=path.name, why=why)


def _plain_kind(path: Path, head: bytes) -> str:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[2:].replace(b"\0", b"")
    if _OLD_EXCEL.match(head):
        raise broken(path, "sie stammt aus einer Excel-Version vor 1995")
    if _HTML.match(text):
        return "html"
    if text.lstrip().startswith(b"<?xml"):
        return "xml"
    if b"\0" in head and len(head.replace(b"\0", b"")) < len(head) // 3:
        raise broken(path, "ihr Inhalt ist keine Arbeitsmappe")
    return "text"


def _check_ole(path: Path) -> Passed:
    """An OLE container: a workbook of the old format, an encrypted new one, or another Office document."""
    content = path.read_bytes()
    if _wide("EncryptedPackage") in content:
        raise UnreadableFile("F02", file=path.name)
    for stream, kind in (("WordDocument", "word"), ("PowerPoint Document", "slides")):
        if _wide(stream) in content:
            return Passed(kind)
    start = _BIFF_START.search(content)
    if start and _has_password(content, start.start()):
        raise UnreadableFile("F02", file=path.name)
    if not any(_wide(name) in content for name in ("Workbook", "Book", "WORKBOOK", "BOOK")):
        raise broken(path, "ihr Inhalt ist keine Arbeitsmappe")
    macros = _wide("_VBA_PROJECT") in content
    return Passed("xls", (("F09", {"file": path.name}),) if macros else ())


def _has_password(content: bytes, position: int) -> bool:
    """Does a FILEPASS record stand among the first records of the workbook?"""
    for _ in range(12):
        record = int.from_bytes(content[position : position + 2], "little")
        if record == 0x2F:
            return True
        if record in (0x85, 0x0A):  # first sheet, end of file
            return False
        position += 4 + int.from_bytes(content[position + 2 : position + 4], "little")
    return False


def _wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def _check_zip(path: Path, suffix: str) -> Passed:
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            _check_directory(path, entries)
            unpacked: dict[str, bytes | None] = {}
            kind = _zip_kind(archive, {_plain_name(entry.filename) for entry in entries})
            if kind in ("xlsx", "xlsb", "ods"):
                unpacked = _check_parts(path, content, archive, entries, keep=kind == "xlsx")
            if kind == "ods" and b"encryption-data" in _part(archive, "META-INF/manifest.xml"):
                raise UnreadableFile("F02", file=path.name)
    except DAMAGED_ARCHIVE as error:
        raise broken(path, "sie ist beschädigt oder unvollständig") from error
    names = [_plain_name(entry.filename) for entry in entries]
    macros = any(name.endswith("vbaproject.bin") or name.startswith("basic/") for name in names)
    if macros and suffix == ".xlsx":
        raise refused(path, "sie enthält Makros, obwohl die Endung „.xlsx“ dies ausschließt")
    macros = macros or any(name.startswith("xl/macrosheets/") for name in names)
    return Passed(kind, (("F09", {"file": path.name}),) if macros else (), unpacked)


def _check_directory(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """What the archive says about itself: number, size and names of its parts."""
    if len(entries) > MAX_ENTRIES:
        raise refused(path, f"sie besteht aus mehr als {MAX_ENTRIES} Teilen")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise refused(path, f"sie ist entpackt größer als {MAX_UNPACKED_BYTES >> 20} MB")
    for entry in entries:
        if entry.file_size > RATIO_MATTERS_FROM and entry.file_size > MAX_PART_RATIO * max(entry.compress_size, 1):
            raise refused(path, "sie ist entpackt ungewöhnlich groß")
        if entry.flag_bits & 0x1:
            raise UnreadableFile("F02", file=path.name)
        name = entry.filename.replace("\\", "/")
        if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
            raise refused(path, "ein Bestandteil verweist auf einen Ort außerhalb der Datei")
    names = [_plain_name(entry.filename) for entry in entries]
    if len(set(names)) < len(names):
        raise refused(path, "ein Bestandteil kommt doppelt vor")
    if sum("/worksheets/" in name and name.endswith((".xml", ".bin")) for name in names) > MAX_SHEETS:
        raise refused(path, f"sie hat mehr als {MAX_SHEETS} Tabellenblätter")


def _check_parts(
    path: Path, content: bytes, archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], *, keep: bool
) -> dict[str, bytes | None]:
    """Unpack every part once: sizes and checksums hold, no entities, not too many cells. Returns the parts (see `Passed`).

    A larger part is unpacked block by block, so that it does not have to be held. One that was in order before is known.
    """
    named = [(entry, _plain_name(entry.filename)) for entry in entries]
    markup = {name for _, name in named if name.endswith((".xml", ".rels", ".vml"))}
    sheets = {name for name in markup if "/worksheets/" in name}
    # no part unpacks to more than it says, so most workbooks cannot hold too many cells
    room = sum(entry.file_size for entry, name in named if name in sheets)
    counted = sheets if room >= MAX_CELLS * 2 * _SHORTEST_CELL else frozenset()
    cells, left = 0, MAX_KEPT_BYTES if keep else 0
    kept: dict[str, bytes | None] = {}
    ends = ends_of(entries, len(content))
    for entry, name in named:
        whole = entry.file_size <= left
        archived = as_archived(content, entry, ends[entry.header_offset]) if whole and not counted else None
        part = _known_parts.get(archived) if archived else None
        if part is None and archived and (part := unpacked(entry, archived)) is not None:
            _refuse_entities(path, part if name in markup else b"")
            _known_parts.keep(archived, part)
        if part is None:
            part, end = b"", b""
            with archive.open(entry) as stream:
                while block := stream.read(entry.file_size + 1 if whole else _BLOCK):
                    _refuse_entities(path, end + block if name in markup else b"")
                    cells += len(_CELL.findall(block)) if name in counted else 0
                    if cells > MAX_CELLS * 2:
                        raise refused(path, "sie hat ungewöhnlich viele Zellen")
                    part, end = block if whole else b"", block[-32:]
            if archived:
                _known_parts.keep(archived, part)
        kept[entry.filename] = part if whole else None
        left -= len(part)
    return kept


def _refuse_entities(path: Path, markup: bytes) -> None:
    if b"\0" in markup:  # UTF-16
        markup = markup.replace(b"\0", b"")
    # the mark alone is found at once, and most parts have none
    if b"!" in markup and (b"<!DOCTYPE" in markup or b"<!ENTITY" in markup):
        raise refused(path, "sie enthält unzulässige XML-Bestandteile")


def _zip_kind(archive: zipfile.ZipFile, names: set[str]) -> str:
    if "mimetype" in names:
        kind = _part(archive, "mimetype").strip()
        family = kind.removeprefix(b"application/vnd.oasis.opendocument.").partition(b"-")[0]
        return {b"spreadsheet": "ods", b"text": "word", b"presentation": "slides"}.get(family, "zip")
    if "xl/workbook.bin" in names:
        return "xlsb"
    if "xl/workbook.xml" in names:
        return "xlsx"
    types = _part(archive, "[Content_Types].xml")
    if _XLSX_TYPE.search(types):
        return "xlsx"
    marks = ((b"sheet.binary", "xlsb"), (b"wordprocessingml", "word"), (b"presentationml", "slides"))
    return next((kind for mark, kind in marks if mark in types), "zip")


def _part(archive: zipfile.ZipFile, wanted: str) -> bytes:
    """The beginning of a part, empty when there is none of that name."""
    for name in archive.namelist():
        if _plain_name(name) == wanted.lower():
            with archive.open(name) as stream:
                return stream.read(1 << 20)
    return b""


@lru_cache(maxsize=1 << 12)
def _plain_name(name: str) -> str:
    return name.replace("\\", "/").lower()
