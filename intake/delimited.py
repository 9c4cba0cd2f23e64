"""Read csv and tsv files: encoding and separator are found in the content, every cell stays text.

A wrong separator or encoding gives one column or broken umlauts and no error, so both are looked for and reported. Lines
end only at line feeds and carriage returns: U+0085 and other Unicode separators occur within cells of real files.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from intake.gate import MAX_CELLS, MAX_TEXT, Notice, broken, refused
from intake.reading import Cell, Sheet, Workbook

SHEET_NAME = "Tabelle"
SEPARATORS = ";\t,|"
_SAMPLE_CHARACTERS = 200_000
_FIELD_LIMIT = 100_000
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
_BROKEN_UMLAUT = re.compile("Ã[¤¶¼„–œŸ\u009f]|â€[“”ž]|\ufffd")


def read_delimited(path: Path) -> Workbook:
    """The file as a workbook of one sheet; raises UnreadableFile. The sheet has a fixed name, files are renamed."""
    text = decode(path.read_bytes())
    if text is None or "\0" in text:
        raise broken(path, "ihr Inhalt ist kein Text")
    told = _SEPARATOR_LINE.match(text)
    if told:  # Excel's own mark; Excel does not show it as a row
        text = text[told.end() :]
    separator = told[1] if told else find_separator(text)
    cells = _cells(path, text, separator or ";")
    if not cells:
        raise broken(path, "sie ist leer")
    notices: list[Notice] = []
    if max(column for _, column in cells) == 1:
        notices.append(("F14", {"file": path.name}))
    if damaged := _BROKEN_UMLAUT.search(text):
        notices.append(("F13", {"file": path.name, "found": damaged[0]}))
    return Workbook(path.name, (Sheet(SHEET_NAME, False, cells),), tuple(notices))


def decode(content: bytes) -> str | None:
    """UTF-8 and UTF-16 with or without a mark at the start, otherwise Windows' Western European; None for no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decoded(content, "utf-16")
    head = content[:1_000]
    if b"\0" in head:
        return _decoded(content, "utf-16-le" if head[1::2].count(0) >= head[0::2].count(0) else "utf-16-be")
    text = _decoded(content, "utf-8-sig")
    if text is not None:
        return text
    text = _decoded(content, "cp1252")
    return text if text is not None else content.decode("latin-1")


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def find_separator(text: str) -> str:
    """The separator that divides most lines into the same number of fields; empty when none occurs.

    Titles and footnotes above and below a table are lines of one field, so they do not count.
    """
    sample = text[:_SAMPLE_CHARACTERS]
    best, score = "", (0, 0)
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in _rows(sample, separator) if len(row) > 1)
        if widths:
            width, lines = max(widths.items(), key=lambda item: (item[1], item[0]))
            if (lines, width) > score:
                best, score = separator, (lines, width)
    return best


def _rows(text: str, separator: str) -> list[list[str]]:
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error:
        return []


def _cells(path: Path, text: str, separator: str) -> dict[tuple[int, int], Cell]:
    if len(text) > MAX_TEXT:
        raise refused(path, "sie enthält ungewöhnlich viel Text")
    csv.field_size_limit(_FIELD_LIMIT)
    cells: dict[tuple[int, int], Cell] = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=separator), start=1):
            for column, value in enumerate(row, start=1):
                if value.strip():
                    cells[number, column] = Cell(number, column, value)
            if len(cells) > MAX_CELLS:
                raise refused(path, "sie hat ungewöhnlich viele Zellen")
    except csv.Error as error:
        raise broken(path, "ein Anführungszeichen wird nicht geschlossen oder eine Zelle ist zu lang") from error
    return cells
