"""What a volume is made of: blocks of text, tables and figures as plain data. The template alone decides how they look.

A text is a string, or a mapping `{"t": ..., "lang": ...}` when it stands in the other language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from report.chart_style import drawing
from report.content import reason_of
from report.wording import Wording

FONT = "Monitor Sans"
Text = str | Mapping[str, str]
Block = dict[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """Head of a column; `share` is its part of the width, numbers stand at the right."""

    head: str
    share: float = 1.0
    left: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table: its name and its cells. `strong` sets a reference apart; `mark` leads to a heading."""

    head: Text
    cells: Sequence[Text]
    strong: bool = False
    mark: str = ""


@dataclass
class Missing:
    """Collects what could not be made, by place in the volume."""

    reasons: dict[str, str] = field(default_factory=dict)

    def guarded(self, wording: Wording, place: str, make: Callable[[], list[Block]]) -> list[Block]:
        """The blocks, or in their place the reason why they are missing."""
        try:
            return make()
        except Exception as problem:
            self.reasons[place] = reason_of(problem)
            return [missing(wording, self.reasons[place])]


def heading(level: int, text: Text, *, code: str = "", mark: str = "") -> Block:
    """A heading; `code` stands before it, `mark` is what links lead to."""
    return {"kind": "heading", "level": level, "text": text, "code": code, "mark": mark}


def paragraph(text: Text, style: str = "body", label: str = "") -> Block:
    """A paragraph; styles: body, lead, message, note, meta. `label` opens it in bold."""
    return {"kind": "text", "text": text, "style": style, "label": label}


def bullets(items: Iterable[Text]) -> Block:
    """A list."""
    return {"kind": "list", "items": list(items)}


def findings(items: Iterable[tuple[str, str, str]]) -> Block:
    """Sentences with a bold opening and the page that they lead to: (opening, sentence, mark)."""
    return {"kind": "findings", "items": [list(item) for item in items]}


def terms(pairs: Iterable[tuple[Text, Text]]) -> Block:
    """Terms and what they mean."""
    return {"kind": "terms", "items": [list(pair) for pair in pairs]}


def facts(pairs: Iterable[tuple[str, str]]) -> Block:
    """Large numbers with what they count."""
    return {"kind": "facts", "items": [list(pair) for pair in pairs]}


def chart(svg: Markup, caption: str, note: str = "") -> Block:
    """A chart with its text alternative; raises ParseError for one that cannot be drawn."""
    drawn = drawing(svg, FONT)
    return {"kind": "chart", "svg": drawn.svg, "alt": drawn.words, "caption": caption, "note": note}


def table(caption: str, corner: str, columns: Sequence[Column], lines: Sequence[Line], **options: object) -> Block:
    """A table with a head row and a head column. Options: first (share of the head column), note."""
    body = [{"head": each.head, "cells": list(each.cells), "strong": each.strong, "mark": each.mark} for each in lines]
    heads = [{"head": each.head, "share": each.share, "left": each.left} for each in columns]
    return {"kind": "table", "caption": caption, "corner": corner, "columns": heads, "rows": body} | {
        "first": 2.0,
        "note": "",
        **options,
    }


def side_by_side(*parts: list[Block], shares: Sequence[float] = ()) -> Block:
    """Columns next to each other."""
    filled = [part for part in parts if part]
    return {"kind": "row", "parts": filled, "shares": list(shares) if len(shares) == len(filled) else [1] * len(filled)}


def together(*blocks: Block) -> Block:
    """Blocks that stay on one page."""
    return {"kind": "keep", "blocks": list(blocks)}


def new_page() -> Block:
    """What follows starts on a new page."""
    return {"kind": "page"}


def missing(wording: Wording, reason: str) -> Block:
    """What stands in place of something that could not be made."""
    return paragraph(wording("pdf.missing", reason=reason), "missing")


def own(wording: Wording, entry: object, stem: str = "name") -> Text:
    """A text of the framework, marked when it stands in the other language."""
    text, lang = wording.text_and_language(entry, stem)
    return text if lang == wording.lang else {"t": text, "lang": lang}
