"""Cell styles for what we add to a sender's workbook: the own style of a cell with another fill, and the way back.

A marked cell carries one of three families of colours. The last two bits of each colour channel, invisible to the eye,
say which of the recorded original fills the cell had. So the mark can be taken off again, also after the workbook was
saved by another program, after rows were inserted and after cells were copied.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

from intake.annotate_package import MAIN
from intake.annotate_xml import Edits, Element, NotAnnotatable, elements, prefix_of, tag_end, with_attribute

COLOURS = {"must": (0xFC, 0xB0, 0xB0), "ask": (0xFC, 0xD8, 0x64), "note": (0xB8, 0xD4, 0xF0)}
_MOST_ORIGINALS = 64
_PARTS = ("fonts", "fills", "borders", "cellXfs")
_LOOK = re.compile(r"<fill>(?:(?!</?fill\b).)*</fill>(?:<font>(?:(?!</?font\b).)*</font>)?", re.DOTALL)
NO_FILL = '<fill><patternFill patternType="none"/></fill>'

EMPTY_STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    f'<fills count="2">{NO_FILL}<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/></cellXfs></styleSheet>'
)


def solid_fill(colour: str) -> str:
    """A fill of one colour (ARGB)."""
    pattern = f'<patternFill patternType="solid"><fgColor rgb="{colour}"/><bgColor indexed="64"/></patternFill>'
    return f"<fill>{pattern}</fill>"


@dataclass
class Originals:
    """What marked cells looked like before: fill and, where it had to be changed, font. The index is in the colour."""

    looks: list[tuple[str, str]] = field(default_factory=list)

    def index(self, fill: str, font: str) -> int:
        """Number of a look; the last number stands for all that do not fit any more."""
        if (fill, font) not in self.looks and len(self.looks) < _MOST_ORIGINALS:
            self.looks.append((fill, font))
        return self.looks.index((fill, font)) if (fill, font) in self.looks else _MOST_ORIGINALS - 1

    def as_text(self) -> str:
        """To be kept in the workbook."""
        return json.dumps(self.looks, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Originals:
        """Read back what `as_text` wrote; anything else gives no looks."""
        try:
            looks = [(str(fill), str(font)) for fill, font in json.loads(text)]
            return cls([look if _LOOK.fullmatch("".join(look)) else (NO_FILL, "") for look in looks])
        except (ValueError, TypeError):
            return cls()


def marked_colour(kind: str, index: int) -> str:
    """The colour of a mark as ARGB, with the number of the original look in its last bits."""
    red, green, blue = COLOURS[kind]
    return f"FF{red | index >> 4 & 3:02X}{green | index >> 2 & 3:02X}{blue | index & 3:02X}"


def index_in_colour(argb: str) -> int | None:
    """The number of the original look when this is a colour of ours, else None."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", argb):
        return None
    red, green, blue = (int(argb[start : start + 2], 16) for start in (2, 4, 6))
    if (red & ~3, green & ~3, blue & ~3) not in COLOURS.values():
        return None
    return (red & 3) << 4 | (green & 3) << 2 | blue & 3


class StyleSheet:
    """The style part: entries can be appended, never changed. Equal entries are stored once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.prefix = prefix_of(data)
        self.lists: dict[str, Element] = {}
        self.entries: dict[str, list[str]] = {name: [] for name in _PARTS}
        self.added: dict[str, list[str]] = {name: [] for name in _PARTS}
        parents: list[str] = [""]

        def wanted(depth: int, name: str, _: dict[str, str]) -> bool:
            if depth == 1:
                parents[0] = name
            return parents[0] in _PARTS and depth in (1, 2)

        current = ""
        for element in elements(data, wanted):
            if element.depth == 1:
                current = element.name
                self.lists[current] = element
            else:
                self.entries[current].append(data[element.start : element.end].decode("utf-8"))
        if set(self.lists) != set(_PARTS) or not self.entries["cellXfs"]:
            raise NotAnnotatable("the styles are incomplete")

    def add(self, part: str, entry: str) -> int:
        """Number of an entry, appended unless it is there. Written without prefix; the part's prefix is put in."""
        if self.prefix:
            entry = re.sub(r"<(/?)(?=[A-Za-z])(?!\w+:)", rf"<\1{self.prefix}", entry)
        if entry not in self.entries[part]:
            self.entries[part].append(entry)
            self.added[part].append(entry)
        return self.entries[part].index(entry)

    def marked(self, style: int, kind: str, originals: Originals) -> int:
        """The style with the colour of a mark; light letters become dark, so that they can be read on it."""
        xf = self._xf(style)
        fill, font = self._entry("fills", xf, "fillId"), self._entry("fonts", xf, "fontId")
        dark = _dark(font)
        index = originals.index(self._bare(fill), self._bare(font) if dark != font else "")
        solid = solid_fill(marked_colour(kind, index))
        changes = {"fillId": str(self.add("fills", solid)), "applyFill": "1"}
        if dark != font:
            changes |= {"fontId": str(self.add("fonts", dark)), "applyFont": "1"}
        return self._add_xf(xf, changes)

    def unmarked(self, style: int, originals: Originals) -> int:
        """The style a marked cell had before; any other style as it is."""
        index = self.mark_of(style)
        if index is None:
            return style
        fill, font = originals.looks[index] if index < len(originals.looks) else (NO_FILL, "")
        changes = {"fillId": str(self.add("fills", fill))}
        if font:
            changes["fontId"] = str(self.add("fonts", font))
        return self._add_xf(self._xf(style), changes)

    def mark_of(self, style: int) -> int | None:
        """Number of the original look when a style is marked by us."""
        if not 0 <= style < len(self.entries["cellXfs"]):
            return None
        fill = self._entry("fills", self._xf(style), "fillId")
        colour = re.search(r'fgColor\s+rgb="([0-9A-Fa-f]{8})"', fill)
        return index_in_colour(colour.group(1)) if colour else None

    def result(self) -> bytes:
        """The style part with what was added."""
        edits = Edits(self.data)
        for part, new in self.added.items():
            if not new:
                continue
            element = self.lists[part]
            tag = self.data[element.start : element.open_end]
            count = str(len(self.entries[part]))
            if element.empty:
                raise NotAnnotatable("the styles are incomplete")
            edits.replace(element.start, element.open_end, with_attribute(tag, "count", count))
            edits.append_to(element, "".join(new).encode())
        return edits.result()

    def _xf(self, style: int) -> str:
        known = self.entries["cellXfs"]
        return known[style] if 0 <= style < len(known) else known[0]

    def _entry(self, part: str, xf: str, attribute: str) -> str:
        found = re.search(rf'\s{attribute}="(\d+)"', xf[: xf.index(">")])
        number = int(found.group(1)) if found else 0
        known = self.entries[part]
        return known[number] if number < len(known) else known[0]

    def _bare(self, entry: str) -> str:
        """An entry without the prefix of this part: it may have to go back into a part with another one."""
        return re.sub(rf"<(/?){re.escape(self.prefix)}", r"<\1", entry) if self.prefix else entry

    def _add_xf(self, xf: str, changes: dict[str, str]) -> int:
        """Number of a style with other attributes: an equal one where there is one, else a new one."""
        end = tag_end(xf.encode(), 0)
        tag, rest = xf.encode()[:end], xf.encode()[end:]
        for name, value in changes.items():
            tag = with_attribute(tag, name, value)
        text = (tag + rest).decode("utf-8")
        same = _without_apply(text)
        for number, known in enumerate(self.entries["cellXfs"]):
            if _without_apply(known) == same:
                return number
        self.entries["cellXfs"].append(text)
        self.added["cellXfs"].append(text)
        return len(self.entries["cellXfs"]) - 1


@lru_cache(maxsize=1 << 10)
def _without_apply(xf: str) -> str:
    return re.sub(r'\s+apply(?:Fill|Font)="\w+"', "", xf)


def _dark(font: str) -> str:
    """The font with black letters where its letters are light, else as it is."""
    colour = re.search(r"<((?:\w+:)?color)\s([^>]*?)/?>(?:</\1>)?", font)
    if not colour:
        return font
    said = colour.group(2)
    rgb = re.search(r'rgb="[0-9A-Fa-f]{2}([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})"', said)
    light = bool(re.search(r'theme="0"|indexed="(?:1|9)"', said))
    if rgb:
        light = sum(int(channel, 16) for channel in rgb.groups()) > 3 * 0x90
    if not light:
        return font
    return font[: colour.start()] + f'<{colour.group(1)} rgb="FF000000"/>' + font[colour.end() :]
