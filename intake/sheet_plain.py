"""The rows of a worksheet as spreadsheet programs write them, taken apart at once instead of event by event.

Nearly every sheet holds nothing but rows of plain cells: an address, a style, a kind, perhaps a formula, a value. Where
anything else stands among them (a comment, an entity, rich text, another order), nothing is said here, and the XML is
read the general way. So this is a matter of speed only; a test holds both ways against each other.
"""

from __future__ import annotations

import re

MAX_BYTES = 4 << 20
"""Larger sheets are streamed."""
OPEN, CLOSE = b"<sheetData>", b"</sheetData>"

PlainCell = tuple[str, ...]
"""Of one cell as it is written (from the third entry on): letters, row, style, kind, formula, element of the value, its
text; what is not there is empty."""
PlainRow = tuple[dict[str, str], list[PlainCell]]

_TEXT = r"[^<>&\x00-\x1f]*"
_TOKEN = re.compile(
    rf'(</row>|<row((?: [A-Za-z0-9]+(?::[A-Za-z0-9]+)?="{_TEXT.replace("<>&", "<>&" + chr(34))}")*)>'
    r'|<c r="([A-Z]{1,3})([1-9][0-9]{0,6})"(?: s="([0-9]+)")?(?: t="(s|n|str|b|e|d)")?'
    rf"(?:/>|>(<f>{_TEXT}</f>)?(<v>({_TEXT})</v>|<v ?/>)?</c>))"
)
_ATTRIBUTE = re.compile(r' ([A-Za-z0-9:]+)="([^"]*)"')


def plain_rows(content: bytes) -> list[PlainRow] | None:
    """The attributes and the cells of every row; None when what stands between the rows' marks is not that plain."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return None
    tokens = _TOKEN.findall(text)
    if sum(len(token[0]) for token in tokens) != len(text):
        return None
    rows: list[PlainRow] = []
    cells: list[PlainCell] | None = None
    for token in tokens:
        if token[2]:
            if cells is None:
                return None
            cells.append(token)
        elif token[0] == "</row>":
            if cells is None:
                return None
            cells = None
        else:
            pairs = _ATTRIBUTE.findall(token[1])
            if cells is not None or len({name for name, _ in pairs}) < len(pairs):
                return None
            cells = []
            rows.append((dict(pairs), cells))
    return rows if cells is None else None
