"""Tiny workbooks written by hand, part by part, so that a defect can be made exactly. No reader or writer is involved."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

Grid = Sequence[Sequence[object]]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"


def letters(column: int) -> str:
    """1 -> A, 27 -> AA."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def cell(address: str, value: object, *, style: int = 0) -> str:
    """A cell element; texts are inline strings."""
    head = f'<c r="{address}" s="{style}"' if style else f'<c r="{address}"'
    if isinstance(value, bool):
        return f'{head} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"{head}><v>{value!r}</v></c>"
    return f'{head} t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def sheet_data(grid: Grid) -> str:
    """The rows of a sheet; None leaves a cell out."""
    rows = []
    for number, values in enumerate(grid, start=1):
        cells = "".join(cell(f"{letters(c)}{number}", v) for c, v in enumerate(values, start=1) if v is not None)
        rows.append(f'<row r="{number}">{cells}</row>')
    return f"<sheetData>{''.join(rows)}</sheetData>"


def xlsx(
    path: Path,
    *sheets: str,
    formats: Sequence[str] = (),
    strings: Sequence[str] = (),
    names: Sequence[str] = (),
    states: Mapping[int, str] | None = None,
    date1904: bool = False,
    strict: bool = False,
    extra: Mapping[str, str | bytes] | None = None,
) -> Path:
    """An Office Open XML workbook. A sheet is what stands within `<worksheet>`; number format n has style n, from 1."""
    main, relations = (STRICT_MAIN, STRICT_RELATIONS) if strict else (MAIN, RELATIONS)
    listed, links = "", ""
    parts: dict[str, str | bytes] = {}
    for number, content in enumerate(sheets, start=1):
        name = names[number - 1] if names else f"Blatt{number}"
        state = f' state="{states[number]}"' if states and number in states else ""
        listed += f'<sheet name={quoteattr(name)} sheetId="{number}"{state} r:id="rId{number}"/>'
        links += _link(f"rId{number}", f"{relations}/worksheet", f"worksheets/sheet{number}.xml")
        parts[f"xl/worksheets/sheet{number}.xml"] = f'<worksheet xmlns="{main}">{content}</worksheet>'
    if formats:
        links += _link("rIdS", f"{relations}/styles", "styles.xml")
        parts["xl/styles.xml"] = _styles(main, formats)
    if strings:
        links += _link("rIdT", f"{relations}/sharedStrings", "sharedStrings.xml")
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{main}">{"".join(f"<si>{text}</si>" for text in strings)}</sst>'
    properties = '<workbookPr date1904="1"/>' if date1904 else ""
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{main}" xmlns:r="{relations}">{properties}<sheets>{listed}</sheets></workbook>'
    )
    parts["xl/_rels/workbook.xml.rels"] = _links(links)
    parts["_rels/.rels"] = _links(_link("rId1", f"{relations}/officeDocument", "xl/workbook.xml"))
    parts["[Content_Types].xml"] = (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="{SHEET_TYPE}"/></Types>'
    )
    return write_zip(path, parts | dict(extra or {}))


def _link(identifier: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{identifier}" Type="{kind}" Target="{target}"/>'


def _links(links: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{links}</Relationships>'


def _styles(main: str, formats: Sequence[str]) -> str:
    """Custom number formats 200, 201, ...; a format given as `#14` is the built-in one of that number."""
    codes, styles = "", '<xf numFmtId="0"/>'
    for number, code in enumerate(formats, start=200):
        if code.startswith("#") and code[1:].isdecimal():
            styles += f'<xf numFmtId="{code[1:]}"/>'
        else:
            codes += f'<numFmt numFmtId="{number}" formatCode={quoteattr(code)}/>'
            styles += f'<xf numFmtId="{number}"/>'
    return f'<styleSheet xmlns="{main}"><numFmts>{codes}</numFmts><cellXfs>{styles}</cellXfs></styleSheet>'


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip archive of these parts; XML parts get a declaration."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if isinstance(content, str):
                declaration = '<?xml version="1.0" encoding="UTF-8"?>\n' if name.endswith((".xml", ".rels")) else ""
                content = (declaration + content).encode("utf-8")
            archive.writestr(name, content)
    return path


def ods(path: Path, rows: str, *, extra: Mapping[str, str | bytes] | None = None) -> Path:
    """An OpenDocument table; `rows` are its `table:table-row` elements."""
    spaces = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"' for prefix in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="Daten">{rows}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    parts = {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": content,
        "META-INF/manifest.xml": "<manifest/>",
    }
    return write_zip(path, parts | dict(extra or {}))


def xls(path: Path, grid: Grid, *, merges: Iterable[tuple[int, int, int, int]] = (), password: bool = False) -> Path:
    """A workbook of the old binary format (BIFF8 in an OLE container) with one sheet."""
    head = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    head += _record(0x002F, b"\0" * 6) if password else b""
    head += _record(0x0042, struct.pack("<H", 1200))
    offset = len(head) + 4 + 8 + len("Daten") + 4
    head += _record(0x0085, struct.pack("<IBBBB", offset, 0, 0, 5, 0) + b"Daten") + _record(0x000A, b"")
    body = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            body += _biff_cell(row, column, value)
    ranges = [struct.pack("<HHHH", top, bottom, left, right) for top, left, bottom, right in merges]
    body += _record(0x00E5, struct.pack("<H", len(ranges)) + b"".join(ranges)) if ranges else b""
    return ole(path, {"Workbook": head + body + _record(0x000A, b"")})


def _biff_cell(row: int, column: int, value: object) -> bytes:
    place = struct.pack("<HHH", row, column, 0)
    if value is None:
        return b""
    if isinstance(value, int | float):
        return _record(0x0203, place + struct.pack("<d", value))
    text = str(value).encode("utf-16-le")
    return _record(0x0204, place + struct.pack("<HB", len(text) // 2, 1) + text)


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def ole(path: Path, streams: Mapping[str, bytes]) -> Path:
    """An OLE container: header, one sector of allocation table, one of directory entries, then the streams."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF
    table, content = [0xFFFFFFFD, end], b""
    entries = [_entry("Root Entry", 5, end, 0, child=1)]
    for number, (name, stream) in enumerate(streams.items(), start=1):
        padded = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
        first, sectors = len(table), len(padded) // 512
        table += [*range(first + 1, first + sectors), end]
        following = number + 1 if number < len(streams) else free
        entries.append(_entry(name, 2, first, len(padded), right=following))
        content += padded
    table += [free] * (128 - len(table))
    entries += [b"\0" * 68 + struct.pack("<III", free, free, free) + b"\0" * 48] * (4 - len(entries))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\0" * 6
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, end, 0, end, 0) + struct.pack("<I", 0)
    head = head.ljust(512, b"\xff")
    path.write_bytes(head + struct.pack("<128I", *table) + b"".join(entries) + content)
    return path


def _entry(name: str, kind: int, first: int, size: int, *, child: int = 0xFFFFFFFF, right: int = 0xFFFFFFFF) -> bytes:
    text = name.encode("utf-16-le")
    entry = text.ljust(64, b"\0") + struct.pack("<HBB", len(text) + 2, kind, 1)
    entry += struct.pack("<III", 0xFFFFFFFF, right, child) + b"\0" * 36
    return entry + struct.pack("<IQ", first, size)


def xlsb(path: Path, grid: Grid) -> Path:
    """A binary Office Open XML workbook with one sheet."""
    book = _brt(131) + _brt(143) + _brt(156, struct.pack("<II", 0, 1) + _wide("rId1") + _wide("Daten"))
    rows = b""
    for row, values in enumerate(grid):
        rows += _brt(0, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0))
        for column, value in enumerate(values):
            place = struct.pack("<II", column, 0)
            if isinstance(value, int | float):
                rows += _brt(5, place + struct.pack("<d", value))
            elif value is not None:
                rows += _brt(6, place + _wide(str(value)))
    size = struct.pack("<IIII", 0, len(grid) - 1, 0, max(map(len, grid)) - 1)
    sheet = _brt(129) + _brt(148, size) + _brt(145) + rows + _brt(146) + _brt(130)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": _links(_link("rId1", f"{RELATIONS}/officeDocument", "xl/workbook.bin")),
        "xl/_rels/workbook.bin.rels": _links(_link("rId1", f"{RELATIONS}/worksheet", "worksheets/sheet1.bin")),
        "xl/workbook.bin": book + _brt(144) + _brt(132),
        "xl/worksheets/sheet1.bin": sheet,
    }
    return write_zip(path, parts)


def _brt(kind: int, content: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length, size = len(content), b""
    while True:
        length, rest = length >> 7, length & 0x7F
        size += bytes([rest | (0x80 if length else 0)])
        if not length:
            return head + size + content


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")
