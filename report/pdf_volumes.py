"""The volumes as blocks: the yearly report, and one volume for each region. Made from the same content as the site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from report.chart_style import colours
from report.content import IndicatorContent, Report
from report.pdf_annex import annex, short_annex, short_signs
from report.pdf_blocks import (
    FONT,
    Block,
    Missing,
    Text,
    bullets,
    facts,
    findings,
    heading,
    new_page,
    paragraph,
)
from report.pdf_region import field_overview, key_findings, overview, population, standing, targets
from report.pdf_registers import register_chapter
from report.pdf_sheets import Sheets, with_values
from report.places import Place
from report.summary import facts as edition_facts
from report.wording import Wording
from schemas.definitions import Indicator, ReportField

MAIN, REGIONS = "bericht", "regionen"


@dataclass(frozen=True)
class Volume:
    """One PDF: the yearly report when `place` is None, otherwise the volume of a region."""

    wording: Wording
    report: Report
    place: Place | None = None

    @property
    def path(self) -> str:
        """Path of the file below the folder of all volumes."""
        name = MAIN if self.place is None else f"{REGIONS}/{self.place.slug}"
        return f"{self.wording.lang}/{name}.pdf"

    def content(self, found: Missing) -> dict[str, object]:
        """What the template needs, as plain data; what could not be made is noted in `found`."""
        t, report = self.wording, self.report
        framework, data = report.framework, report.data
        edition = t("site.full", year=report.year)
        day = t.day(data.created_at)
        state = t(
            "site.state", day=day, framework=framework.code, version=framework.version, generation=data.generation
        )
        return {
            "lang": t.lang,
            "region": "DE" if t.lang == "de" else "GB",
            "font": FONT,
            "colours": colours(),
            "title": edition if self.place is None else f"{edition}: {t.place(self.place)}",
            "cover": [t.place(self.place), edition] if self.place else [edition, t("pdf.subtitle")],
            "kicker": t("pdf.kicker_region" if self.place else "pdf.kicker"),
            "framework": t.plain(framework.head, "title"),
            "date": _date(data.created_at, report.year),
            "state": state,
            "sample": t("site.sample") if data.sample else "",
            "sample_long": t("pdf.sample_long") if data.sample else "",
            "contents": t("pdf.contents"),
            "page": t("pdf.page"),
            "blocks": list(self._main(found) if self.place is None else self._regional(found, self.place)),
        }

    # --- yearly report --------------------------------------------------------------------------------------------

    def _main(self, found: Missing) -> Iterator[Block]:
        t, report = self.wording, self.report
        yield from self._summary(found, None)
        yield from self._how_to_read()
        sheets = Sheets(t, report, found)
        for field in report.framework.fields.values():
            entries = _entries(report, field)
            if not entries:
                continue
            yield from (new_page(), heading(1, t.plain(field), code=field.code, mark=f"f-{field.code}"))
            yield paragraph(_german(t, field.dimension), "meta", t("field.dimension"))
            first = next((content.main for e in entries if (content := report.content(e.code)) and content.main), None)
            if first is not None:
                yield from found.guarded(t, field.code, partial(self._field, first, field))
            told = [content for entry in entries if (content := report.content(entry.code)) is not None]
            yield from found.guarded(t, field.code, partial(self._findings, None, told, gap=False))
            for entry in entries:
                yield from (new_page(), *sheets.full(entry))
        yield from self._targets(found, None)
        yield from (
            new_page(),
            heading(1, t("pdf.profiles"), mark="profiles"),
            paragraph(t("pdf.profiles_note"), "lead"),
        )
        for place in report.regions:
            yield from found.guarded(t, place.code, partial(self._profile, place))
        yield from self._registers(found, None)
        yield from annex(t, report)

    def _profile(self, place: Place) -> list[Block]:
        """One region on about one page: core indicators."""
        t, report = self.wording, self.report
        entries = [entry for entry in report.indicators() if entry.tier == "core"]
        caption = t("pdf.table_profile", region=t.place(place), year=report.year)
        blocks = [heading(2, t.place(place), mark=f"r-{place.slug}"), *standing(t, report, place)]
        return [*blocks, overview(t, report, place, entries, caption), new_page()]

    # --- volume of a region ---------------------------------------------------------------------------------------

    def _regional(self, found: Missing, place: Place) -> Iterator[Block]:
        t, report = self.wording, self.report
        yield from self._summary(found, place)
        yield from self._how_to_read()
        profile = found.guarded(t, t("pdf.population"), lambda: population(t, report, place))
        if profile:
            yield from (new_page(), heading(1, t("pdf.population"), mark="population"), *profile)
        yield from self._targets(found, place)
        sheets = Sheets(t, report, found, place)
        for field in report.framework.fields.values():
            entries = _entries(report, field)
            if not entries:
                continue
            yield from (new_page(), heading(1, t.plain(field), code=field.code, mark=f"f-{field.code}"))
            yield from found.guarded(t, field.code, partial(self._field, place, field))
            shown = with_values(report, entries, place)
            for entry in shown:
                yield from sheets.regional(entry, place)
            if len(shown) < len(entries):
                names = [t.plain(entry) for entry in entries if entry not in shown]
                yield paragraph(", ".join(names) + ".", "body", t("pdf.without"))
        yield from self._registers(found, place)
        yield from short_annex(t, report)

    # --- both -----------------------------------------------------------------------------------------------------

    def _summary(self, found: Missing, place: Place | None) -> Iterator[Block]:
        """The edition in numbers and one sentence for each field."""
        t, report = self.wording, self.report
        yield heading(1, t("pdf.summary"), mark="summary")
        if place is None:
            known = edition_facts(report)
            yield paragraph(
                t(
                    "start.lead",
                    indicators=len(report.indicators()),
                    fields=len(report.framework.fields),
                    year=report.year,
                ),
                "lead",
            )
            yield facts(
                [
                    (t("start.of", n=known.delivered, all=known.expected), t("start.delivered")),
                    (t("start.of", n=known.with_values, all=len(report.indicators())), t("start.with_values")),
                    (t.number(known.shown), t("start.published")),
                    (t.number(known.hidden), t("start.hidden")),
                ]
            )
        else:
            yield from standing(t, report, place)
        chosen = _leading(report, place)
        yield from found.guarded(t, t("pdf.summary"), partial(self._findings, place, chosen))
        yield paragraph(t("pdf.summary_note"), "note")

    def _field(self, place: Place, field: ReportField) -> list[Block]:
        return [field_overview(self.wording, self.report, place, field)]

    def _findings(self, place: Place | None, chosen: Sequence[IndicatorContent], *, gap: bool = True) -> list[Block]:
        return [findings(key_findings(self.wording, self.report, place, chosen, gap=gap))]

    def _how_to_read(self) -> Iterator[Block]:
        t = self.wording
        yield from (new_page(), heading(1, t("start.read"), mark="read"), paragraph(t("start.lead_more")))
        yield bullets(t(f"start.read_{number}") for number in range(1, 5))
        yield from (heading(2, t("start.signs")), short_signs(t))

    def _registers(self, found: Missing, place: Place | None) -> Iterator[Block]:
        t, report = self.wording, self.report
        yield from found.guarded(t, t("programme.heading"), lambda: register_chapter(t, report, place))

    def _targets(self, found: Missing, place: Place | None) -> Iterator[Block]:
        made = found.guarded(
            self.wording, self.wording("pdf.targets"), lambda: targets(self.wording, self.report, place)
        )
        if made:
            yield from (new_page(), heading(1, self.wording("pdf.targets"), mark="targets"), *made)


def volumes(report: Report, langs: Sequence[str]) -> Iterator[Volume]:
    """Every volume: for each language the report, then the regions."""
    for lang in langs:
        wording = Wording(lang, report.framework)
        yield Volume(wording, report)
        yield from (Volume(wording, report, place) for place in report.regions)


def _entries(report: Report, field: ReportField) -> list[Indicator]:
    return [entry for entry in report.framework.indicators_of(field.code) if entry.valid_in(report.year)]


def _leading(report: Report, place: Place | None) -> list[IndicatorContent]:
    """For each field its first core indicator that has a value here; any other indicator where none has."""
    chosen = []
    for field in report.framework.fields.values():
        ranked = sorted(_entries(report, field), key=lambda entry: entry.tier != "core")
        contents = [content for entry in ranked if (content := report.content(entry.code)) is not None]
        where = [(content, place or content.main) for content in contents]
        cells = [(content, content.cell(p.code, report.year) if p else None) for content, p in where]
        best = next((content for content, cell in cells if cell is not None and cell.value is not None), None)
        chosen += [best] if best else contents[:1] if place is None else []
    return chosen


def _german(wording: Wording, text: str) -> Text:
    return text if wording.lang == "de" else {"t": text, "lang": "de"}


def _date(created_at: str, year: int) -> list[int]:
    """Day of the snapshot; the end of the report year where it is unknown."""
    try:
        day = date.fromisoformat(created_at[:10])
    except ValueError:
        day = date(year, 12, 31)
    return [day.year, day.month, day.day]
