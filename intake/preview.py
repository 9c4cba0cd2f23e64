"""After acceptance: what becomes of the numbers. The sender's indicators beside last year, Kreis and Land.

Own values are shown to their sender unhidden; what belongs to others stands here as published: a value or its sign. The
computing is done elsewhere; two frames come in, see `intake.preview_frames`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from intake.page_templates import template
from intake.preview_figures import Figures, Numbers, numbers, texts
from intake.preview_rows import AllOthers, Place, PreviewRow, Rows, unit_of
from schemas.framework_model import Framework
from schemas.shapes import Submission

if TYPE_CHECKING:
    import pandas as pd
    from markupsafe import Markup


@dataclass(frozen=True)
class PreviewIndicator:
    """An indicator: what it says, its unit, and its figures, the total first."""

    code: str
    name: str
    definition: str
    unit: str
    rows: tuple[PreviewRow, ...]


@dataclass(frozen=True)
class PreviewField:
    """The indicators of one field: rows of `told` from `start` to `end`."""

    code: str
    name: str
    told: Rows
    start: int
    end: int

    @property
    def indicators(self) -> tuple[PreviewIndicator, ...]:
        """The indicators with their figures as texts."""
        return tuple(self._indicators())

    @property
    def lines(self) -> Markup:
        """The rows as they stand in the page, those of an indicator together."""
        from markupsafe import Markup  # with the templates

        return Markup(self.told.text(self.start, self.end))  # put together from pieces that are escaped

    def _indicators(self) -> Iterator[PreviewIndicator]:
        for start, end in _stretches(self.told.entries[self.start : self.end]):
            entry = self.told.known[self.told.entries[self.start + start]]
            rows = self.told.rows(self.start + start, self.start + end)
            yield PreviewIndicator(entry.code, entry.name_de, entry.definition_de, unit_of(entry), rows)


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


@dataclass
class Content:
    """What a page says of a region and year, whichever delivery it answers: the figures, and the signs that occur."""

    fields: list[PreviewField]
    signs: set[str]


class Previews:
    """Previews that are put beside the same published figures: what they have in common is written once."""

    def __init__(self, framework: Framework, reference: pd.DataFrame, figures: Figures | None = None) -> None:
        self.framework = framework
        figures = figures or Figures(framework.statuses)
        regions, names = texts(reference["region"]), texts(reference["region_name"])
        self.names = dict(zip(regions, names, strict=True))
        codes, members = texts(reference["indicator"]), texts(reference["members"])
        known = framework.indicators
        decimals = [known[code].decimals if code in known else 0 for code in codes]
        shown = figures.shown(numbers(reference["value"]), texts(reference["sign"]), decimals)
        (nothing,) = figures.shown(np.array([np.nan]), [""], [0])
        self._nothing = nothing
        self._published = dict(zip(zip(codes, members, regions, strict=True), shown, strict=True))
        self.others = AllOthers(tuple(self.names), self._published, nothing)

    def among(self, regions: Iterable[str]) -> Previews:
        """Those that are put beside some of the regions alone, in this order."""
        few = copy(self)
        few.names = {region: self.names[region] for region in regions if region in self.names}
        few.others = AllOthers(tuple(few.names), self._published, self._nothing)
        return few

    def write(self, submission: Submission, content: Content, outbox: Path, *, sample: bool = False) -> Path:
        """Write `Vorschau_<region>_<year>_<number>.html` into the sender's folder of the outbox; returns its path."""
        folder = outbox / (submission.sender or submission.region)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"Vorschau_{submission.region}_{submission.year}_{submission.id}.html"
        page = self.page(submission, content, sample=sample)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(template("preview.html").render(p=page).encode("utf-8"))
        os.replace(temporary, path)
        return path

    def page(self, submission: Submission, content: Content, *, sample: bool = False) -> Preview:
        """The content of one page."""
        if submission.year is None:
            raise ValueError("a preview needs a reporting year")
        region = self.framework.territory.unit_name(submission.region)
        return Preview(
            title=f"Vorschau: Ihre Indikatoren {submission.year} – {region}",
            number=submission.id,
            region=region,
            year=submission.year,
            references=tuple(self.names.values()),
            fields=tuple(content.fields),
            signs=tuple(_meanings(self.framework, content.signs)),
            contact=self.framework.head.delivery.contact,
            sample=sample,
        )


def contents(
    framework: Framework, places: Sequence[tuple[Place, Previews]], own: pd.DataFrame, figures: Figures | None = None
) -> list[Content]:
    """What the pages of some different regions and years say, each put beside what belongs to it."""
    figures = figures or Figures(framework.statuses)
    fields = [(field, entry) for field in framework.fields for entry in framework.indicators_of(field)]
    beside = [(place, pages.others) for place, pages in places]
    rows = Rows(framework, [entry for _, entry in fields], beside, own, figures)
    found = [Content([], signs) for signs in rows.signs()]
    order = {code: number for number, code in enumerate(framework.fields)}
    numbered = np.array([order[code] for code, _ in fields], np.int64)[rows.entries]
    for start, end in _stretches(rows.pages * len(order) + numbered):
        code = fields[rows.entries[start]][0]
        found[rows.pages[start]].fields.append(PreviewField(code, framework.fields[code].name_de, rows, start, end))
    return found


def _stretches(numbered: Numbers) -> list[tuple[int, int]]:
    """Where the stretches of equal numbers begin and end."""
    starts = np.flatnonzero(np.diff(numbered, prepend=-1)).tolist()
    return list(zip(starts, [*starts, len(numbered)][1:], strict=True))


def _meanings(framework: Framework, shown: set[str]) -> list[tuple[str, str]]:
    """Meaning of every sign that occurs on the page."""
    meanings: dict[str, str] = {}
    for status in framework.statuses.values():
        if status.sign in shown:
            known = meanings.get(status.sign)
            meanings[status.sign] = f"{known}; {status.meaning_de}" if known else status.meaning_de
    return list(meanings.items())
