"""Comments at cells: ours are put in front of what the sender wrote there, and taken off again without a trace."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice, takewhile

from intake.annotate_cells import Place, SheetPart, place_of
from intake.annotate_package import COMMENTS_TYPE, DECLARATION, MAIN, VML_TYPE, Package
from intake.annotate_xml import Edits, Element, NotAnnotatable, content, elements, prefix_of, with_attribute, written
from intake.reading import column_letters

COMMENT_START = "Prüfung – "
COMMENT_END = "— Ende der Prüfung —"
_AUTHOR = "Prüfung Integrationsmonitoring"
_BOX_WIDTH = 330
_FONT = '<rPr><sz val="9"/><color indexed="81"/><rFont val="Arial"/><family val="2"/></rPr>'
_EMPTY_COMMENTS = f'<comments xmlns="{MAIN}"><authors></authors><commentList></commentList></comments>'
_SHAPE_TYPE = (
    '<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe">'
    '<v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>'
)
_SHAPE = re.compile(r"<((?:\w+:)?)shape\s.*?</\1shape>", re.DOTALL)
_ROW, _COLUMN = re.compile(r"<(?:\w+:)?Row>(\d+)</"), re.compile(r"<(?:\w+:)?Column>(\d+)</")
_NAMESPACES = {"v": "urn:schemas-microsoft-com:vml"} | {
    letter: f"urn:schemas-microsoft-com:office:{name}" for letter, name in (("o", "office"), ("x", "excel"))
}


def comment_text(lines: list[str]) -> str:
    """Our part of a comment; `lines` start with the urgency."""
    return COMMENT_START + "\n".join(lines) + f"\n{COMMENT_END}"


def change_comments(package: Package, part: str, sheet: SheetPart, texts: Mapping[Place, str]) -> None:
    """Remove our old comments of a sheet and write new ones; `sheet` gets a reference to their boxes if it had none."""
    name = package.related(part, "comments")
    if not name and not texts:
        return
    if not name:
        name = package.free_name("xl/comments{}.xml")
        package.add(name, DECLARATION + _EMPTY_COMMENTS.encode(), COMMENTS_TYPE)
        package.relate(part, "comments", name)
    comments = _Comments(package.read(name))
    removed = comments.remove_ours(set(texts))
    boxes = [place for place in texts if place not in comments.places]
    comments.add(texts)
    package.replace(name, comments.edits.result())
    if removed or boxes:
        _change_boxes(package, part, sheet, removed, {place: texts[place] for place in boxes})


@dataclass(frozen=True)
class _Comment:
    """A comment: its element, the element of its text, and the text pieces inside."""

    element: Element
    text: Element
    pieces: list[tuple[Element, Element]]


class _Comments:
    """The comments part of one sheet."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.edits = Edits(data)
        self.prefix = prefix_of(data)
        found = elements(data, lambda depth, name, _: True)
        self.places: dict[Place, _Comment] = {}
        self.rest: dict[Place, str] = {}
        self.authors = next((e for e in found if e.name == "authors" and e.depth == 1), None)
        self.author_count = sum(1 for e in found if e.name == "author" and e.depth == 2)
        self.list = next((e for e in found if e.name == "commentList"), None)
        for index, element in enumerate(found):
            place = place_of(element.attributes.get("ref", "")) if element.name == "comment" else None
            if place:
                self._collect(place, element, islice(found, index + 1, None))

    def _collect(self, place: Place, element: Element, following: Iterable[Element]) -> None:
        text, piece = None, None
        pieces = []
        for inner in takewhile(lambda inner: inner.start < element.end, following):
            if inner.name == "text":
                text = inner
            elif inner.name == "r":
                piece = inner
            elif inner.name == "t":
                inside = piece is not None and inner.end <= piece.end
                pieces.append((piece if inside and piece is not None else inner, inner))
        if text is not None:
            self.places[place] = _Comment(element, text, pieces)
            self.rest[place] = "".join(content(self.data, t) for _, t in pieces)

    def remove_ours(self, kept: set[Place]) -> set[Place]:
        """Take our part off every comment. A comment of which nothing is left goes; returns the places of those.

        Where a new comment follows (`kept`) the element stays, so that its box keeps its size and place.
        """
        removed = set()
        for place, comment in self.places.items():
            whole = self.rest[place]
            if not whole.startswith(COMMENT_START):
                continue
            before, mark, _ = whole.partition(COMMENT_END)
            length = len(before) + len(mark) if mark else len(whole)
            self.rest[place] = whole[length:].lstrip("\r\n")
            length = len(whole) - len(self.rest[place])
            if not self.rest[place] and place not in kept:
                self.edits.replace(comment.element.start, comment.element.end, b"")
                removed.add(place)
            else:
                self._cut(comment, length)
        return removed

    def _cut(self, comment: _Comment, length: int) -> None:
        """Remove the first characters of a comment's text."""
        for piece, text in comment.pieces:
            said = content(self.data, text)
            if length >= len(said):
                self.edits.replace(piece.start, piece.end, b"")
                length -= len(said)
            elif length:
                tag = with_attribute(self.data[text.start : text.open_end], "xml:space", "preserve")
                rest = tag + written(said[length:]).encode() + f"</{self.prefix}t>".encode()
                self.edits.replace(text.start, text.end, rest)
                length = 0

    def add(self, texts: Mapping[Place, str]) -> None:
        """Put our text in front of a comment that is there, or write a new one."""
        if not texts:
            return
        if self.authors is None or self.list is None:
            raise NotAnnotatable("the comments are incomplete")
        p = self.prefix
        self.edits.append_to(self.authors, f"<{p}author>{written(_AUTHOR)}</{p}author>".encode())
        new = []
        for (row, column), text in sorted(texts.items()):
            there = self.places.get((row, column))
            if there is not None:
                self._in_front(there, text, self.rest[(row, column)])
            else:
                inner = f"<{p}text>{self._run(text)}</{p}text>"
                place = f"{column_letters(column)}{row}"
                new.append(f'<{p}comment ref="{place}" authorId="{self.author_count}">{inner}</{p}comment>')
        if new:
            self.edits.append_to(self.list, "".join(new).encode())

    def _in_front(self, comment: _Comment, text: str, rest: str) -> None:
        run = self._run(f"{text}\n" if rest else text)
        if comment.text.empty:
            self.edits.append_to(comment.text, run.encode())
            return
        self.edits.insert(comment.text.open_end, run.encode())
        for piece, text_element in comment.pieces:
            if rest and piece is text_element:  # plain text becomes a run: plain text and runs do not stand together
                self.edits.insert(piece.start, f"<{self.prefix}r>".encode())
                self.edits.insert(piece.end, f"</{self.prefix}r>".encode())

    def _run(self, text: str) -> str:
        font = re.sub(r"<(/?)", rf"<\1{self.prefix}", _FONT)
        return f'<{self.prefix}r>{font}<{self.prefix}t xml:space="preserve">{written(text)}</{self.prefix}t></{self.prefix}r>'


def _change_boxes(
    package: Package, part: str, sheet: SheetPart, removed: set[Place], texts: Mapping[Place, str]
) -> None:
    """The boxes in which spreadsheet programs show comments: old ones go, new ones come."""
    relation = sheet.legacy_drawing()
    name = next((r.target for r in package.relationships(part) if r.id == relation), "")
    if not name or not package.has(name):
        if not texts:
            return
        name = package.free_name("xl/drawings/vmlDrawing{}.vml")
        package.add(name, _new_drawing(int(re.sub(r"\D", "", name))).encode())
        package.default_type("vml", VML_TYPE)
        sheet.set_legacy_drawing(package.relate(part, "vmlDrawing", name))
    drawing = package.read(name).decode("utf-8")
    drawing = _SHAPE.sub(lambda shape: "" if _box_place(shape.group()) in removed else shape.group(), drawing)
    if texts:
        drawing = _with_boxes(drawing, sheet, texts)
    package.replace(name, drawing.encode())


def _new_drawing(number: int) -> str:
    declared = " ".join(f'xmlns:{letter}="{name}"' for letter, name in _NAMESPACES.items())
    return (
        f'<xml {declared}><o:shapelayout v:ext="edit">'
        f'<o:idmap v:ext="edit" data="{number}"/></o:shapelayout>{_SHAPE_TYPE}</xml>'
    )


def _box_place(shape: str) -> Place | None:
    row, column = _ROW.search(shape), _COLUMN.search(shape)
    if not row or not column or 'ObjectType="Note"' not in shape:
        return None
    return int(row.group(1)) + 1, int(column.group(1)) + 1


def _with_boxes(drawing: str, sheet: SheetPart, texts: Mapping[Place, str]) -> str:
    end = drawing.rfind("</xml>")
    if end < 0:
        raise NotAnnotatable("the boxes of comments are built in another way")
    kind = "" if "_x0000_t202" in drawing else _SHAPE_TYPE
    taken = [int(number) for number in re.findall(r'"_x0000_s(\d+)"', drawing)]
    block = re.search(r'<(?:\w+:)?idmap[^>]*\sdata="(\d+)', drawing)
    first = max([*taken, int(block.group(1)) * 1024 if block else 1024]) + 1
    boxes = [_box(sheet, place, text, first + n) for n, (place, text) in enumerate(sorted(texts.items()))]
    return drawing[:end] + _in_prefixes_of(drawing, kind + "".join(boxes)) + drawing[end:]


def _in_prefixes_of(drawing: str, text: str) -> str:
    """The text with the namespace prefixes that the drawing declares."""
    own = {}
    for letter, name in _NAMESPACES.items():
        declared = re.search(rf"""xmlns:([\w.-]+)\s*=\s*["']{name}["']""", drawing)
        if declared is None:
            raise NotAnnotatable("the boxes of comments are built in another way")
        own[letter] = declared.group(1)
    if all(letter == prefix for letter, prefix in own.items()):  # as in nearly all
        return text
    return re.sub(r"(?<=[<\s/])([vox]):(?=\w)", lambda found: f"{own[found.group(1)]}:", text)


def _box(sheet: SheetPart, place: Place, text: str, number: int) -> str:
    row, column = place
    last, width = column + 1, 0
    while width < _BOX_WIDTH and last < column + 40:
        width += sheet.width(last)
        last += 1
    lines = sum(1 + len(line) // 52 for line in text.splitlines())
    top = max(row - 2, 0)
    anchor = f"{column}, 15, {top}, 10, {last - 1}, 15, {top + max(4, lines * 4 // 5 + 1)}, 4"
    style = f"position:absolute;margin-left:60pt;margin-top:8pt;width:250pt;height:{lines * 12 + 8}pt;"
    return (
        f'<v:shape id="_x0000_s{number}" type="#_x0000_t202" style="{style}z-index:{number % 1024};visibility:hidden"'
        ' fillcolor="#ffffe1" o:insetmode="auto"><v:fill color2="#ffffe1"/>'
        '<v:shadow on="t" color="black" obscured="t"/><v:path o:connecttype="none"/>'
        '<v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox>'
        f'<x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/><x:Anchor>{anchor}</x:Anchor>'
        f"<x:AutoFill>False</x:AutoFill><x:Row>{row - 1}</x:Row><x:Column>{column - 1}</x:Column>"
        "</x:ClientData></v:shape>"
    )
