"""Find elements in XML and change single bytes of it: what is not touched stays exactly as it was.

A workbook that comes back to its sender must not pass through a program that understands only part of it. So parts are
never parsed and written again; the places to change are located, and text is cut out or put in there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ENCODING = re.compile(rb"""^<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
LONGEST_TEXT = 32_000


class NotAnnotatable(Exception):
    """The workbook is built in a way that cannot be changed safely; the sender gets a separate protocol instead."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element and where it stands: `start` and `end` enclose it, `open_end` ends its start tag."""

    name: str
    depth: int
    attributes: Mapping[str, str]
    start: int
    open_end: int
    end: int

    @property
    def empty(self) -> bool:
        """Is it written as one tag that closes itself?"""
        return self.open_end == self.end

    def close_start(self, data: bytes) -> int:
        """Where its end tag starts (an element with an end tag)."""
        return data.rindex(b"</", self.open_end, self.end)


Wanted = Callable[[int, str, dict[str, str]], bool]


def elements(data: bytes, wanted: Wanted) -> list[Element]:
    """Every element for which `wanted(depth, local name, attributes)` holds, in the order of their start tags.

    The root has depth 0. `wanted` sees every element once and may complete the attributes.
    """
    found: list[Element | None] = []
    stack: list[tuple[int, str, dict[str, str], int] | None] = []
    names: dict[str, str] = {}
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = names.get(tag)
        if name is None:
            name = names[tag] = tag.rpartition(":")[2]
        if wanted(len(stack), name, attributes):
            stack.append((len(found), name, attributes, parser.CurrentByteIndex))
            found.append(None)
        else:
            stack.append(None)

    def end(_: str) -> None:
        opened = stack.pop()
        if opened is None:
            return
        index, name, attributes, first = opened
        open_end = tag_end(data, first)
        closed = open_end if data[open_end - 2 : open_end] == b"/>" else tag_end(data, parser.CurrentByteIndex)
        found[index] = Element(name, len(stack), attributes, first, open_end, closed)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    _parse(parser, data)
    return [element for element in found if element is not None]


def well_formed(data: bytes) -> None:
    """Raises NotAnnotatable for a part that is not."""
    _parse(expat.ParserCreate(), data)


def _parse(parser: expat.XMLParserType, data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise NotAnnotatable("the part declares entities")

    parser.EntityDeclHandler = parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise NotAnnotatable(f"the part is no well-formed XML: {error}") from error
    finally:  # what the parser calls knows the parser: neither would go
        parser.StartElementHandler = parser.EndElementHandler = None


def tag_end(data: bytes, start: int) -> int:
    """Offset behind the `>` of the tag that starts at `start`; a `>` inside an attribute does not count."""
    tag = _TAG.match(data, start)
    if tag is None:
        raise NotAnnotatable("a tag does not end")
    return tag.end()


_TAG = re.compile(rb"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")


@dataclass
class Edits:
    """Changes to one part, collected by position and carried out together."""

    data: bytes
    changes: list[tuple[int, int, int, bytes]] = field(default_factory=list)

    def insert(self, position: int, text: bytes) -> None:
        """Put text in; several texts at one position keep their order."""
        self.replace(position, position, text)

    def replace(self, start: int, end: int, text: bytes) -> None:
        """Put text in the place of what stands from start to end."""
        self.changes.append((start, end, len(self.changes), text))

    def append_to(self, element: Element, text: bytes) -> None:
        """Put text at the end of an element's content."""
        if element.empty:
            tag = self.data[element.start : element.open_end]
            name = tag_name(tag)
            self.replace(element.start, element.end, tag[:-2].rstrip() + b">" + text + b"</" + name + b">")
        else:
            self.insert(element.close_start(self.data), text)

    def result(self) -> bytes:
        """The changed part."""
        if not self.changes:
            return self.data
        pieces, position = [], 0
        for start, end, _, text in sorted(self.changes):
            if start < position:
                raise NotAnnotatable("changes overlap")
            pieces += [self.data[position:start], text]
            position = end
        return b"".join([*pieces, self.data[position:]])


def tag_name(tag: bytes) -> bytes:
    """Name with prefix of a start tag."""
    found = re.match(rb"<([^\s/>]+)", tag)
    if not found:
        raise NotAnnotatable("no tag")
    return found.group(1)


class _RootSeen(Exception):
    """Enough was read."""


def prefix_of(data: bytes) -> str:
    """The namespace prefix of the root element with its colon, empty in most workbooks."""
    root = ""

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal root
        root = tag
        raise _RootSeen

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    with suppress(_RootSeen):
        _parse(parser, data)
    return f"{root.rpartition(':')[0]}:" if ":" in root else ""


def with_attribute(tag: bytes, name: str, value: str | None) -> bytes:
    """A start tag with an attribute set to a value, or without it (None)."""
    pattern = re.compile(rb"""\s+""" + re.escape(name.encode()) + rb"""\s*=\s*(?:"[^"]*"|'[^']*')""")
    new = b"" if value is None else f" {name}={quoteattr(value)}".encode()
    if pattern.search(tag):
        return pattern.sub(lambda _: new, tag, count=1)
    end = re.search(rb"\s*/?>$", tag)
    if end is None:
        raise NotAnnotatable("no tag")
    return tag[: end.start()] + new + end.group()


def plain(data: bytes) -> bytes:
    """The part in UTF-8 without a byte order mark, as the offsets need it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16")
    else:
        data = data.removeprefix(b"\xef\xbb\xbf")
        declared = _ENCODING.match(data)
        encoding = declared.group(1).decode().lower() if declared else "utf-8"
        if encoding in ("utf-8", "utf8", "us-ascii", "ascii"):
            return data
        text = data.decode(encoding)
    return re.sub(r"""(<\?xml[^>]*?encoding\s*=\s*)["'][^"']*["']""", r'\1"UTF-8"', text, count=1).encode()


def written(text: str) -> str:
    """A text as XML content that spreadsheet programs read back unchanged."""
    return escape(_ESCAPED.sub("_x005F_", _FORBIDDEN.sub("", text)[:LONGEST_TEXT]))


def content(data: bytes, element: Element) -> str:
    """The text of an element without children."""
    if element.empty:
        return ""
    return html.unescape(data[element.open_end : element.close_start(data)].decode("utf-8"))
