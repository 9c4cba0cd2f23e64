"""Smaller page contents: what typst writes of a chart again and again is written once. Nothing looks different.

typst sets each letter of a text inside an SVG on its own, with place and colour; a chart of fifteen years becomes three
kilobytes that way. Here letters of one line, size and colour become one run, and neighbouring shapes of one colour one
path. Coordinates get two decimals of a point; the text alternative, which stands in the structure, is not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pikepdf

_CODE = rb"(?:\\[0-7]{3}|\\[^0-7]|[^\\()])"
_GLYPH = re.compile(
    rb"q (\S+) 0 0 (\S+) (\S+) (\S+) cm(/c\d+ cs [\d. ]+ scn)\n"
    rb"BT 0 Tr(/f\d+) (\S+) Tf 1 0 0 -1 0 0 Tm\((" + _CODE + _CODE + rb")\)Tj\nET\nQ\n",
    re.DOTALL,
)
_SHAPE = re.compile(rb"(q [\d. -]+ cm/c\d+ cs [\d. ]+ scn )([\d. -]+ m [\d. \-lc]+\nh\n)f\nQ\n")
_LONG = re.compile(rb"\((?:\\.|[^\\()])*\)|(-?\d+\.\d\d\d+)", re.DOTALL)
_SPOKEN = re.compile(rb"(/Span<</MCID \d+)/Alt<[0-9A-F]*>(>>BDC)")
_ESCAPES = {b"n": 10, b"r": 13, b"t": 9, b"b": 8, b"f": 12}
Widths = Mapping[int, float]


def compact_pages(pdf: pikepdf.Pdf) -> None:
    """Shorten the contents of every page."""
    known: dict[tuple[int, int], Widths] = {}
    for page in pdf.pages:
        if not isinstance(page.get("/Contents"), pikepdf.Stream):
            continue
        fonts = page.get("/Resources", pikepdf.Dictionary()).get("/Font", pikepdf.Dictionary())
        widths = {}
        for name, font in fonts.items():
            if font.objgen not in known:
                known[font.objgen] = _widths(font)
            widths[name.encode()] = known[font.objgen]
        page.Contents.write(compact(page.Contents.read_bytes(), widths))


def compact(content: bytes, widths: Mapping[bytes, Widths]) -> bytes:
    """A content stream of typst, shorter. `widths`: advance of each glyph in thousandths of the size, by font."""
    joined = b"".join(_with_runs(content, widths))
    joined = b"".join(_with_paths(joined))
    return _LONG.sub(_shorter, _SPOKEN.sub(rb"\1\2", joined))


@dataclass
class _Run:
    """Letters that stand on one line in one look; `place` is where the first one stands."""

    look: tuple[bytes, ...]
    place: bytes
    size: float
    start: float
    pen: float = 0.0
    parts: list[bytes | int] = field(default_factory=list)

    def add(self, code: bytes, at: float, width: float) -> None:
        """One more letter at `at` thousandths of the size from the start."""
        gap = round(self.pen - at)
        if gap:
            self.parts.append(gap)
            self.pen -= gap
        self.parts.append(code)
        self.pen += width

    def text(self) -> bytes:
        """The run as operators."""
        across, up, level, colour, font, size = self.look
        inner = b"".join(b"%d" % each if isinstance(each, int) else b"(%s)" % each for each in self.parts)
        shown = inner.replace(b")(", b"")
        head = b"q %s 0 0 %s %s %s cm%s\nBT 0 Tr%s %s Tf" % (across, up, self.place, level, colour, font, size)
        return head + b" 1 0 0 -1 0 0 Tm[%s]TJ\nET\nQ\n" % shown


def _with_runs(content: bytes, widths: Mapping[bytes, Widths]) -> Iterator[bytes]:
    run, done = None, 0
    for found in _GLYPH.finditer(content):
        across, up, place, level, colour, font, size, code = found.groups()
        look = (across, up, level, colour, font, size)
        width = widths.get(font, {}).get(_number(code))
        if run is not None and (found.start() > done or look != run.look):
            yield run.text()
            run = None
        yield content[done : found.start()]
        done = found.end()
        if width is None:
            if run is not None:
                yield run.text()
                run = None
            yield found[0]
            continue
        if run is None:
            run = _Run(look, place, float(across) * float(size), float(place))
        run.add(code, (float(place) - run.start) / run.size * 1000, width)
    if run is not None:
        yield run.text()
    yield content[done:]


def _with_paths(content: bytes) -> Iterator[bytes]:
    head, done = b"", 0
    for found in _SHAPE.finditer(content):
        if head and (found.start() > done or found[1] != head):
            yield b"f\nQ\n"
            head = b""
        yield content[done : found.start()]
        done = found.end()
        yield found[2] if head else found[1] + found[2]
        head = found[1]
    yield b"f\nQ\n" if head else b""
    yield content[done:]


def _shorter(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    text = b"%.2f" % float(found[1])
    return text.rstrip(b"0").rstrip(b".")


def _number(code: bytes) -> int:
    """The glyph that two characters of a string, perhaps escaped, stand for."""
    values = [
        int(each[1:], 8) if each[1:].isdigit() else _ESCAPES.get(each[1:], each[-1])
        for each in re.findall(_CODE, code, re.DOTALL)
    ]
    return values[0] * 256 + values[1]


def _widths(font: pikepdf.Object) -> Widths:
    """Advances of a font with two bytes a glyph; empty for another kind of font."""
    found: dict[int, float] = {}
    listed = list(font.get("/DescendantFonts", pikepdf.Array([pikepdf.Dictionary()]))[0].get("/W", pikepdf.Array()))
    while listed:
        first, second = int(listed.pop(0)), listed.pop(0)
        if isinstance(second, pikepdf.Array):
            found |= {first + number: float(width) for number, width in enumerate(second)}
        else:
            width = float(listed.pop(0))
            found |= dict.fromkeys(range(first, int(second) + 1), width)
    return found
