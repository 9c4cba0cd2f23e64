"""After acceptance: what becomes of the numbers. The sender's indicators beside last year, Kreis and Land.

Own values are shown to their sender unhidden; what belongs to others stands here as published: a value or its sign. The
computing is done elsewhere; two frames come in, see `intake.preview_frames`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from intake.page_templates import template
from intake.preview_figures import Figures, Shown, numbers, texts
from schemas.definitions import Indicator
from schemas.framework_model import Framework
from schemas.shapes import Submission
from schemas.territory import reference_day

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup

_UNITS = {
    "percent": "Prozent",
    "per_1000": "je 1\u202f000",
    "per_10000": "je 10\u202f000",
    "ratio": "Verhältnis",
    "index_0_100": "Index 0 bis 100",
    "sqm": "Quadratmeter",
    "count": "Anzahl",
}


_TEXT = "text"


class PreviewRow(NamedTuple):
    """One figure: texts as they are shown. `group` is empty for the total."""

    name: str
    group: str
    value: str
    previous: str
    change: str
    others: tuple[str, ...]


@dataclass(frozen=True)
class PreviewIndicator:
    """An indicator: what it says, its unit, and its figures, the total first. `lines`: as they stand in the page."""

    code: str
    name: str
    definition: str
    unit: str
    told: Sequence[_Told]
    lines: str

    @property
    def rows(self) -> tuple[PreviewRow, ...]:
        """The figures as texts."""
        return tuple(
            PreviewRow(self.name, group, now.text, before.text, change, beside.texts)
            for group, now, before, change, beside in self.told
        )


@dataclass(frozen=True)
class PreviewField:
    """The indicators of one field."""

    code: str
    name: str
    indicators: tuple[PreviewIndicator, ...]

    @property
    def lines(self) -> Markup:
        """The rows as they stand in the page, those of an indicator together."""
        opening, closing = _around("body")
        return _escaped("".join([f"{opening}{indicator.lines}{closing}" for indicator in self.indicators]))


@dataclass(frozen=True)
class Preview:
    """Everything the page says."""

    title: str
    number: str
    region: str
    year: int
    references: tuple[str, ...]
    fields: tuple[PreviewField, ...]
    signs: tuple[tuple[str, str], ...]
    contact: str
    sample: bool


class _Others(NamedTuple):
    """What stands beside an own figure: texts, the signs in them, and the end of the line in the page."""

    texts: tuple[str, ...]
    signs: tuple[str, ...]
    end: str


class _AllOthers(dict[tuple[str, str], _Others]):
    """What the others have for a figure, by indicator and members."""

    def __init__(self, regions: Iterable[str], published: Mapping[tuple[str, str, str], Shown], nothing: Shown) -> None:
        self._regions, self._published, self._nothing = tuple(regions), published, nothing

    def __missing__(self, figure: tuple[str, str]) -> _Others:
        shown = [self._published.get((*figure, region), self._nothing) for region in self._regions]
        signs = tuple(dict.fromkeys([sign for one in shown for sign in one.signs]))
        opening, closing = _around("cell")
        cells = "".join([f"{opening}{one.escaped}{closing}" for one in shown])
        found = self[figure] = _Others(tuple([one.text for one in shown]), signs, f"{cells}</tr>\n")
        return found


_Told = tuple[str, Shown, Shown, str, _Others]
"""Group, the figure, that of the year before, the change, and what stands beside."""


class Previews:
    """Previews that are put beside the same published figures: what they have in common is written once."""

    def __init__(self, framework: Framework, reference: pd.DataFrame, figures: Figures | None = None) -> None:
        self.framework = framework
        self.figures = figures or Figures(framework.statuses)
        self.decimals = {code: entry.decimals for code, entry in framework.indicators.items()}
        self.fields = [
            (code, field.name_de, list(framework.indicators_of(code))) for code, field in framework.fields.items()
        ]
        regions, names = texts(reference["region"]), texts(reference["region_name"])
        self.names = dict(zip(regions, names, strict=True))
        codes, members = texts(reference["indicator"]), texts(reference["members"])
        decimals = [self.decimals.get(code, 0) for code in codes]
        shown = self.figures.shown(numbers(reference["value"]), texts(reference["sign"]), decimals)
        (nothing,) = self.figures.shown(np.array([np.nan]), [""], [0])
        published = dict(zip(zip(codes, members, regions, strict=True), shown, strict=True))
        self.others = _AllOthers(self.names, published, nothing)

    def write(self, submission: Submission, own: pd.DataFrame, outbox: Path, *, sample: bool = False) -> Path:
        """Write `Vorschau_<region>_<year>_<number>.html` into the sender's folder of the outbox; returns its path."""
        folder = outbox / (submission.sender or submission.region)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"Vorschau_{submission.region}_{submission.year}_{submission.id}.html"
        page = self.page(submission, own, sample=sample)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(template("preview.html").render(p=page).encode("utf-8"))
        os.replace(temporary, path)
        return path

    def page(self, submission: Submission, own: pd.DataFrame, *, sample: bool = False) -> Preview:
        """The content of one page."""
        if submission.year is None:
            raise ValueError("a preview needs a reporting year")
        region = self.framework.territory.unit_name(submission.region)
        page = _Page(self, submission.region, submission.year, own)
        fields = tuple(
            PreviewField(code, name, indicators)
            for code, name, entries in self.fields
            if (indicators := page.indicators(entries))
        )
        return Preview(
            title=f"Vorschau: Ihre Indikatoren {submission.year} – {region}",
            number=submission.id,
            region=region,
            year=submission.year,
            references=tuple(self.names.values()),
            fields=fields,
            signs=tuple(_meanings(self.framework, page.shown_signs)),
            contact=self.framework.head.delivery.contact,
            sample=sample,
        )


_Row = tuple[str, Shown, Shown]
"""Members, the figure, and that of the year before."""


class _Page:
    """The page of one region and year; `shown_signs` are those that occur on it."""

    def __init__(self, pages: Previews, region: str, year: int, own: pd.DataFrame) -> None:
        self.pages = pages
        self.framework = pages.framework
        self.region = region
        self.year = year
        self.shown_signs: set[str] = set()
        self._labels = _Labels(self.framework, region, year)
        self._own: dict[str, list[_Row]] = {}
        codes = texts(own["indicator"])
        decimals = [pages.decimals.get(code, 0) for code in codes]
        now = pages.figures.of_status(numbers(own["value"]), own["status"].tolist(), decimals)
        before = pages.figures.of_status(numbers(own["previous"]), own["previous_status"].tolist(), decimals)
        for code, row in zip(codes, zip(texts(own["members"]), now, before, strict=True), strict=True):
            self._own.setdefault(code, []).append(row)

    def indicators(self, entries: Sequence[Indicator]) -> tuple[PreviewIndicator, ...]:
        """Those of some indicators that the region has."""
        return tuple([self._indicator(entry) for entry in entries if entry.code in self._own])

    def _indicator(self, entry: Indicator) -> PreviewIndicator:
        code, name, unit, decimals = entry.code, entry.name_de, _UNITS.get(entry.unit, entry.unit), entry.decimals
        figures, others = self.pages.figures, self.pages.others
        (own, end), (cell, close) = _around("own"), _around("cell")
        own_end, next_cell = f"{end}{cell}", f"{close}{cell}"
        signs: set[tuple[str, ...]] = set()
        told, lines = list[_Told](), list[str]()
        rows = self._own[code]
        for members, now, before in sorted(rows, key=_place) if len(rows) > 1 else rows:
            change = figures.change(now, before, decimals)
            if not change:
                change = figures.nothing
                self.shown_signs.add(change)
            beside, group = others[code, members], self._labels[members]
            signs |= {now.signs, before.signs, beside.signs}
            cells = f"{own}{now.escaped}{own_end}{before.escaped}{next_cell}{change}{close}{beside.end}"
            lines.append(f"{_head(name, group, unit, code)}{cells}")
            told.append((group, now, before, change, beside))
        self.shown_signs.update(*signs)
        return PreviewIndicator(code, name, entry.definition_de, unit, told, "".join(lines))


class _Labels(dict[str, str]):
    """What groups are called in a region and year, by their members; the total has no name."""

    def __init__(self, framework: Framework, region: str, year: int) -> None:
        self.framework, self.region, self.day = framework, region, reference_day(year)

    def __missing__(self, members: str) -> str:
        pairs = (part.partition("=") for part in members.split(",") if part)
        label = self[members] = ", ".join([self._label(dimension, member) for dimension, _, member in pairs])
        return label

    def _label(self, dimension: str, member: str) -> str:
        return self.framework.label(dimension, member, region=self.region, day=self.day)


def _place(row: _Row) -> tuple[int, bool]:
    """The total first, single breakdowns before combined ones."""
    return row[0].count("="), row[0] != ""


def _meanings(framework: Framework, shown: set[str]) -> list[tuple[str, str]]:
    """Meaning of every sign that occurs on the page."""
    meanings: dict[str, str] = {}
    for status in framework.statuses.values():
        if status.sign in shown:
            known = meanings.get(status.sign)
            meanings[status.sign] = f"{known}; {status.meaning_de}" if known else status.meaning_de
    return list(meanings.items())


@lru_cache(1 << 12)
def _head(name: str, group: str, unit: str, code: str) -> str:
    """The head of a row, escaped. Pages have the same ones."""
    return _piece("head", name, group, unit, code)


@cache
def _around(macro: str) -> tuple[str, str]:
    """What stands before and behind a text, which is escaped."""
    opening, _, closing = _piece(macro, _TEXT).partition(_TEXT)
    return opening, closing


def _piece(macro: str, *texts: str) -> str:
    return str(getattr(template("preview_row.html").module, macro)(*texts))


def _escaped(text: str) -> Markup:
    """Marks what is put together from pieces as escaped."""
    from markupsafe import Markup  # with the templates

    return Markup(text)
