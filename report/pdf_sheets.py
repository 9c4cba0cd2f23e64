"""The sheet of an indicator: definition, finding, charts, tables, notes, source."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from report import sentences
from report.charts import FLAT, TALL
from report.content import IndicatorContent, Report
from report.dense_comparison import dense_comparison
from report.figures import Figures
from report.formula_text import formula_words
from report.pdf_blocks import (
    Block,
    Missing,
    Text,
    bullets,
    chart,
    heading,
    missing,
    own,
    paragraph,
    side_by_side,
    terms,
    together,
)
from report.pdf_tables import PrintTables
from report.places import Place, slug
from report.wording import Wording
from schemas.definitions import Indicator

REGIONS_ON_A_PAGE = 14
"""With more regions their chart and table follow on pages of their own, after everything else."""


class Sheets:
    """The sheets of one volume, of all regions or of one; what cannot be made is noted in `found`."""

    def __init__(self, wording: Wording, report: Report, found: Missing, place: Place | None = None) -> None:
        self.wording = wording
        self.report = report
        self.found = found
        self.place = place

    def full(self, entry: Indicator) -> list[Block]:
        """The sheet of the state volume."""
        return self._sheet(entry, self._full)

    def regional(self, entry: Indicator, place: Place) -> list[Block]:
        """The sheet of a regional volume: charts beside the table."""
        return [together(*self._sheet(entry, lambda content: self._regional(content, place)))]

    def _sheet(self, entry: Indicator, make: Callable[[IndicatorContent], list[Block]]) -> list[Block]:
        head = heading(2, own(self.wording, entry), code=entry.code, mark=mark(entry.code))
        content = self.report.content(entry.code)
        if content is None:
            return [head, missing(self.wording, self.report.missing_reason(entry.code))]
        return [head, *self.found.guarded(self.wording, entry.code, lambda: make(content))]

    # --- state volume ---------------------------------------------------------------------------------------------

    def _full(self, content: IndicatorContent) -> list[Block]:
        t, main = self.wording, content.main
        tables = PrintTables(t, self.report, content)
        finding = sentences.headline(t, self.report, content)
        blocks = [self._meta(content), self._definition(content), paragraph(finding, "message")]
        if main is not None:
            lines, gap, years = self._lines(content, main), self._gap(content, main), tables.years(main)
            blocks += [side_by_side(lines, gap), years] if gap else [side_by_side(lines, [years])]
        regions, notes = [*self._comparison(content), tables.regions()], self._notes(content)
        split = tables.breakdown(main) if main is not None else []
        many = len(self.report.places) > REGIONS_ON_A_PAGE
        rest = [*split, *notes, *regions] if many else [*regions, *split, *notes]
        return [*blocks, *rest, self._source(content)]

    def _comparison(self, content: IndicatorContent) -> list[Block]:
        t, figures = self.wording, Figures(self.wording, self.report, content)

        def draw() -> list[Block]:
            drawn = figures.regions(dense_comparison)
            caption = f"{t('figure.regions')} {self.report.year}"
            return [chart(drawn, caption, figures.regions_note())] if drawn else []

        return self.found.guarded(t, f"{content.code} {t('figure.regions')}", draw)

    # --- regional volume ------------------------------------------------------------------------------------------

    def _regional(self, content: IndicatorContent, place: Place) -> list[Block]:
        t = self.wording
        spoken = [sentences.level(t, self.report, content, place), sentences.gap(t, self.report, content, place)]
        blocks = [self._definition(content), paragraph(" ".join(part for part in spoken if part), "message")]
        beside = [other for other in self.report.references if other != place]
        table = PrintTables(t, self.report, content).years(place, beside)
        charts = [*self._lines(content, place, FLAT), *self._gap(content, place, FLAT)]
        blocks.append(side_by_side(charts, [table], shares=(0.42, 0.58)) if charts else table)
        return [*blocks, self._source(content)]

    # --- parts ----------------------------------------------------------------------------------------------------

    def _lines(self, content: IndicatorContent, place: Place, height: float = TALL) -> list[Block]:
        t, figures = self.wording, Figures(self.wording, self.report, content)
        if not figures.has_values(place):
            return []
        caption = self._named(t("figure.lines" if len(content.series) > 1 else "figure.lines_total"), place)

        def draw() -> list[Block]:
            return [chart(figures.lines(place, height), caption, figures.lines_note(place))]

        return self.found.guarded(t, f"{content.code} {caption}", draw)

    def _gap(self, content: IndicatorContent, place: Place, height: float = TALL) -> list[Block]:
        t, declared = self.wording, content.entry.gap
        if declared is None:
            return []
        caption = self._named(t("figure.gap"), place)
        note = t(
            "figure.gap_note",
            focus=t.member(declared.dimension, declared.focus),
            reference=t.member(declared.dimension, declared.reference),
            unit=t.unit(content.entry.unit, "gap"),
            direction="",
        ).strip()

        def draw() -> list[Block]:
            drawn = Figures(t, self.report, content).gap(place, height)
            return [chart(drawn, caption, note)] if drawn else []

        return self.found.guarded(t, f"{content.code} {caption}", draw)

    def _named(self, caption: str, place: Place) -> str:
        """A caption with the region, unless the whole volume is about it."""
        return caption if place == self.place else f"{caption}: {self.wording.place(place)}"

    def _meta(self, content: IndicatorContent) -> Block:
        t, entry = self.wording, content.entry
        field = self.report.framework.fields[content.field]
        parts = [t.choice("tier", entry.tier), t.plain(field), t.unit(entry.unit)]
        return paragraph(" · ".join(part for part in parts if part), "meta")

    def _definition(self, content: IndicatorContent) -> Block:
        t, entry = self.wording, content.entry
        text = f"{t.plain(entry, 'definition')} {t.choice('direction', entry.direction)}"
        return paragraph(text, "body", t("indicator.definition"))

    def _notes(self, content: IndicatorContent) -> list[Block]:
        """Calculation, concepts, method and pitfalls of the indicator."""
        t, entry, framework = self.wording, content.entry, self.report.framework
        words = formula_words(t, entry.code)
        below = f" ÷ {words.denominator}" if words.denominator else ""
        factor = f", {t('indicator.times', factor=words.multiplier)}" if words.multiplier else ""
        pairs: list[tuple[Text, Text]] = [(t("indicator.calculation"), f"{words.numerator}{below}{factor}.")]
        used = dict.fromkeys(framework.concept(code) for code in framework.indicator_variables(entry.code))
        named = [framework.concepts[code] for code in used]
        meanings = " ".join(f"{t.plain(concept)}: {t.plain(concept, 'meaning')}" for concept in named)
        pairs += [(t("word.concept"), meanings)] if meanings else []
        pairs += [(t("word.concept"), own(t, said, "text")) for said in framework.concept_comparisons(entry.code)]
        pairs += [(t("indicator.note"), own(t, entry, "note"))] if t.plain(entry, "note") else []
        traps = [own(t, framework.pitfalls[code], "text") for code in entry.pitfalls]
        listed = [paragraph("", "body", t("indicator.pitfalls")), bullets(traps)] if traps else []
        return [together(heading(3, t("pdf.notes")), terms(pairs)), *listed]

    def _source(self, content: IndicatorContent) -> Block:
        t, framework = self.wording, self.report.framework
        variables = [framework.variables[code] for code in framework.indicator_variables(content.code)]
        sources = dict.fromkeys(t.plain(framework.sources[entry.source]) for entry in variables)
        periods = dict.fromkeys(t.plain(framework.periods[entry.period]) for entry in variables)
        day = t.day(self.report.data.created_at)
        text = t("pdf.source", sources=", ".join(sources), periods=", ".join(periods), day=day)
        return paragraph(text, "note", t("word.source"))


def mark(code: str) -> str:
    """What links to the sheet of an indicator lead to."""
    return f"i-{slug(code)}"


def with_values(report: Report, entries: Sequence[Indicator], place: Place) -> list[Indicator]:
    """Indicators that show a number for the place in any year, and those that could not be prepared."""
    kept = []
    for entry in entries:
        content = report.content(entry.code)
        if content is None or any(
            cell.value is not None
            for (region, _), by_year in content.values.cells.items()
            if region == place.code
            for cell in by_year.values()
        ):
            kept.append(entry)
    return kept
