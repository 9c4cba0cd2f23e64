"""After acceptance: what becomes of the numbers. The sender's indicators beside last year, Kreis and Land.

Own values are shown to their sender unhidden; what belongs to others stands here as published: a value or its sign. The
computing is done elsewhere; two frames come in, see `intake.preview_frames`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from intake.page_templates import template
from intake.preview_figures import Figures, numbers, texts
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


class PreviewRow(NamedTuple):
    """One figure: texts as they are shown, and as they stand in the page. `group` is empty for the total."""

    name: str
    group: str
    value: str
    previous: str
    change: str
    others: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class PreviewIndicator:
    """An indicator: what it says, its unit, and its rows, the total first."""

    code: str
    name: str
    definition: str
    unit: str
    rows: tuple[PreviewRow, ...]

    @property
    def lines(self) -> Markup:
        """The rows as they stand in the page."""
        return _escaped("".join([row.line for row in self.rows]))


@dataclass(frozen=True)
class PreviewField:
    """The indicators of one field."""

    code: str
    name: str
    indicators: tuple[PreviewIndicator, ...]


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
    """What stands beside an own figure: texts, the signs in them, and the cells of the page."""

    texts: tuple[str, ...]
    signs: tuple[str, ...]
    cells: str


class Previews:
    """Previews that are put beside the same published figures: what they have in common is written once."""

    def __init__(self, framework: Framework, reference: pd.DataFrame, figures: Figures | None = None) -> None:
        self.framework = framework
        self.figures = figures or Figures(framework.statuses)
        self._published: dict[tuple[str, str], dict[str, tuple[float | None, str]]] = {}
        codes, names = texts(reference["region"]), texts(reference["region_name"])
        self.names = dict(zip(codes, names, strict=True))
        figures_of = zip(texts(reference["indicator"]), texts(reference["members"]), strict=True)
        told = zip(numbers(reference["value"]), texts(reference["sign"]), strict=True)
        for code, figure, said in zip(codes, figures_of, told, strict=True):
            self._published.setdefault(figure, {})[code] = said
        self._others: dict[tuple[str, str], _Others] = {}

    def write(self, submission: Submission, own: pd.DataFrame, outbox: Path, *, sample: bool = False) -> Path:
        """Write `Vorschau_<region>_<year>_<number>.html` into the sender's folder of the outbox; returns its path."""
        folder = outbox / (submission.sender or submission.region)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"Vorschau_{submission.region}_{submission.year}_{submission.id}.html"
        page = self.page(submission, own, sample=sample)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(template("preview.html").render(p=page), encoding="utf-8")
        os.replace(temporary, path)
        return path

    def page(self, submission: Submission, own: pd.DataFrame, *, sample: bool = False) -> Preview:
        """The content of one page."""
        if submission.year is None:
            raise ValueError("a preview needs a reporting year")
        region = self.framework.territory.unit_name(submission.region)
        page = _Page(self, submission.region, submission.year, own)
        fields = tuple(
            PreviewField(code, entry.name_de, indicators)
            for code, entry in self.framework.fields.items()
            if (indicators := page.indicators(code))
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

    def others(self, entry: Indicator, members: str) -> _Others:
        """What the others have for a figure."""
        found = self._others.get((entry.code, members))
        if found is None:
            told = self._published.get((entry.code, members), {})
            shown = [self.figures.shown(*told.get(region, (None, "")), entry.decimals) for region in self.names]
            signs = tuple(dict.fromkeys([sign for one in shown for sign in one.signs]))
            cells = "".join([_piece("cell", one.text) for one in shown])
            found = _Others(tuple([one.text for one in shown]), signs, cells)
            self._others[entry.code, members] = found
        return found


_Row = tuple[str, float | None, str, float | None, str]
"""Members, value and status, and those of the year before."""


class _Page:
    """The page of one region and year; `shown_signs` are those that occur on it."""

    def __init__(self, pages: Previews, region: str, year: int, own: pd.DataFrame) -> None:
        self.pages = pages
        self.framework = pages.framework
        self.region = region
        self.year = year
        self.shown_signs: set[str] = set()
        self._labels: dict[str, str] = {"": ""}
        self._own: dict[str, list[_Row]] = {}
        now, before = numbers(own["value"]), numbers(own["previous"])
        says, said = texts(own["status"]), texts(own["previous_status"])
        rows = zip(texts(own["members"]), now, says, before, said, strict=True)
        for code, row in zip(texts(own["indicator"]), rows, strict=True):
            self._own.setdefault(code, []).append(row)

    def indicators(self, field_code: str) -> tuple[PreviewIndicator, ...]:
        """The indicators of a field that the region has."""
        return tuple(
            self._indicator(entry) for entry in self.framework.indicators_of(field_code) if entry.code in self._own
        )

    def _indicator(self, entry: Indicator) -> PreviewIndicator:
        unit = _UNITS.get(entry.unit, entry.unit)
        # the total first, single breakdowns before combined ones
        rows = sorted(self._own[entry.code], key=lambda row: (row[0].count("="), row[0] != ""))
        told = tuple([self._row(entry, unit, row) for row in rows])
        return PreviewIndicator(entry.code, entry.name_de, entry.definition_de, unit, told)

    def _row(self, entry: Indicator, unit: str, row: _Row) -> PreviewRow:
        members, value, status, previous, previous_status = row
        figures, decimals = self.pages.figures, entry.decimals
        now = figures.of_status(value, status, decimals)
        before = figures.of_status(previous, previous_status, decimals)
        change = figures.change(now, before, decimals)
        if not change:
            change = figures.nothing
            self.shown_signs.add(change)
        others = self.pages.others(entry, members)
        for signs in (now.signs, before.signs, others.signs):
            if signs:
                self.shown_signs.update(signs)
        group = self._group(members)
        head = _piece("head", entry.name_de, group, unit, entry.code)
        cells = f"{_piece('own', now.text)}{_piece('cell', before.text)}{_piece('cell', change)}{others.cells}"
        line = f"{head}{cells}</tr>\n"
        return PreviewRow(entry.name_de, group, now.text, before.text, change, others.texts, line)

    def _group(self, members: str) -> str:
        label = self._labels.get(members)
        if label is None:
            pairs = (part.partition("=") for part in members.split(",") if part)
            label = ", ".join([self._label(dimension, member) for dimension, _, member in pairs])
            self._labels[members] = label
        return label

    def _label(self, dimension: str, member: str) -> str:
        return self.framework.label(dimension, member, region=self.region, day=reference_day(self.year))


def _meanings(framework: Framework, shown: set[str]) -> list[tuple[str, str]]:
    """Meaning of every sign that occurs on the page."""
    meanings: dict[str, str] = {}
    for status in framework.statuses.values():
        if status.sign in shown:
            known = meanings.get(status.sign)
            meanings[status.sign] = f"{known}; {status.meaning_de}" if known else status.meaning_de
    return list(meanings.items())


@lru_cache(1 << 14)
def _piece(macro: str, *texts: str) -> str:
    """A piece of a row, escaped. Pages have few different ones, each many times."""
    return str(getattr(template("preview_row.html").module, macro)(*texts))


def _escaped(text: str) -> Markup:
    """Marks what is put together from pieces as escaped."""
    from markupsafe import Markup  # with the templates

    return Markup(text)
