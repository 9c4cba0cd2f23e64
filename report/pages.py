"""The pages of the report: indicator, field and region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup, escape

from report import sentences
from report.charts import key_marker
from report.content import IndicatorContent, Report
from report.deliveries import Delivery
from report.figures import Figures
from report.formula_text import formula_words
from report.places import Place, slug
from report.site import Site
from report.tables import Tables, change_text, table
from report.wording import Wording
from schemas.definitions import Indicator, ReportField


@dataclass(frozen=True)
class Item:
    """An indicator as it stands in a list."""

    entry: Indicator

    @property
    def slug(self) -> str:
        """File name of its page and of its download."""
        return slug(self.entry.code)


def indicator_page(site: Site, wording: Wording, content: IndicatorContent) -> None:
    """Definition, findings, charts, tables, basis of one indicator."""
    report = site.report
    figures, tables = Figures(wording, report, content), Tables(wording, report, content)
    before, after = _neighbours(report, content.code)
    main = content.main
    site.page(
        wording,
        f"indikatoren/{slug(content.code)}.html",
        "indicator.html",
        title=wording.plain(content.entry),
        content=content,
        slug=slug(content.code),
        field=report.framework.fields[content.field],
        field_slug=slug(content.field),
        sentence=sentences.headline(wording, report, content),
        words=formula_words(wording, content.code),
        concepts=_concepts(report, content.code),
        lines=figures.lines(main) if main else "",
        lines_note=figures.lines_note(main) if main else "",
        lines_table=tables.series(main) if main else "",
        gap=figures.gap(main) if main and content.entry.gap else "",
        gap_details=tables.gap_series(main) if main and content.entry.gap else "",
        regions=figures.regions(),
        regions_note=figures.regions_note(),
        regions_table=tables.regions(),
        key=figures.key(),
        group_key=[(key_marker(s.role), wording.members(s.members)) for s in content.groups()],
        small=_small_multiples(report, figures, tables, main),
        years_table=tables.years(),
        gap_table=tables.gaps(),
        groups_table=tables.groups(),
        before=before,
        after=after,
    )


def missing_page(site: Site, wording: Wording, entry: Indicator) -> None:
    """What stands in place of an indicator that could not be prepared."""
    field = site.report.framework.indicator_field[entry.code]
    site.page(
        wording,
        f"indikatoren/{slug(entry.code)}.html",
        "missing.html",
        title=wording.plain(entry),
        entry=entry,
        field=site.report.framework.fields[field],
        field_slug=slug(field),
        reason=site.report.missing_reason(entry.code),
    )


def field_page(site: Site, wording: Wording, field: ReportField) -> None:
    """All indicators of a field with finding and a small chart."""
    report = site.report
    entries = [e for e in report.framework.indicators_of(field.code) if e.valid_in(report.year)]
    site.page(
        wording,
        f"felder/{slug(field.code)}.html",
        "field.html",
        title=wording.plain(field),
        field=field,
        items=[_field_item(wording, report, entry) for entry in entries],
    )


def _field_item(wording: Wording, report: Report, entry: Indicator) -> dict[str, object]:
    content = report.content(entry.code)
    item: dict[str, object] = {"entry": entry, "slug": slug(entry.code), "chart": "", "missing": ""}
    if content is None:
        return {**item, "missing": report.missing_reason(entry.code)}
    item["sentence"] = sentences.headline(wording, report, content)
    if content.main:
        figures = Figures(wording, report, content)
        item["chart"] = figures.small_lines(content.main, alone=True)
        item["caption"] = f"{wording.place(content.main)} ({wording.unit(entry.unit)})"
        item["key"] = figures.key()
    return item


def region_page(site: Site, wording: Wording, place: Place) -> None:
    """All indicators of a region, field by field, with what is missing and why."""
    report = site.report
    counts: Counter[str] = Counter()
    for entry in report.indicators():
        counts[_standing(wording, report, entry, place)] += 1
    profile = RegionProfile(wording, report, place)
    fields = report.framework.fields
    groups = [{"field": fields[code], "slug": slug(code), "table": profile.table(fields[code])} for code in fields]
    site.page(
        wording,
        f"regionen/{place.slug}.html",
        "region.html",
        title=wording.place(place),
        place=place,
        shown=counts.pop("", 0),
        total=len(report.indicators()),
        missing=sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])),
        received=report.deliveries.of(place.code, report.year),
        findings=lambda entry: findings_text(wording, entry),
        groups=groups,
    )


def _standing(wording: Wording, report: Report, entry: Indicator, place: Place) -> str:
    """Empty when there is a value, otherwise why there is none."""
    content = report.content(entry.code)
    if content is None:
        return wording("region.failed")
    cell = content.cell(place.code, report.year)
    if cell is None:
        return wording("word.no_row")
    return "" if cell.value is not None else wording.status(cell.status)


@dataclass(frozen=True)
class RegionProfile:
    """The tables of a region page."""

    wording: Wording
    report: Report
    place: Place

    @cached_property
    def compared(self) -> tuple[Place, ...]:
        """The references other than the place itself."""
        return tuple(place for place in self.report.references if place != self.place)

    def table(self, field: ReportField) -> Markup:
        """One row for each indicator of the field."""
        t, year = self.wording, self.report.year
        caption = t("region.table", field=t.plain(field), region=t.place(self.place), year=year)
        heads = [t("word.unit"), str(year), str(year - 1), t("word.change"), t("word.gap")]
        heads += [*(t.place(place) for place in self.compared), t("word.trend"), t("word.note")]
        entries = [e for e in self.report.framework.indicators_of(field.code) if e.valid_in(year)]
        return table(escape(caption), t("word.indicator"), heads, [self._row(entry) for entry in entries], "profile")

    def _row(self, entry: Indicator) -> tuple[Markup, list[Markup], bool]:
        t, year = self.wording, self.report.year
        link = Markup('<a href="../indikatoren/{}.html#r-{}">{}</a>')
        name = link.format(slug(entry.code), self.place.slug, t.own(entry))
        unit = Markup('<td class="unit">{}</td>').format(t.unit(entry.unit))
        content = self.report.content(entry.code)
        if content is None:
            reason = Markup("<td>{}</td>").format(t("region.failed"))
            name = Markup('<a href="../indikatoren/{}.html">{}</a>').format(slug(entry.code), t.own(entry))
            return name, [unit, *[Markup("<td></td>")] * (5 + len(self.compared)), reason], False
        tables = Tables(t, self.report, content)
        cells = [tables.cell(content.cell(self.place.code, each)) for each in (year, year - 1)]
        change = Markup('<td class="n">{}</td>').format(change_text(tables, self.place))
        gap = tables.gap(self.place, year) if entry.gap else Markup("<td></td>")
        others = [tables.cell(content.cell(place.code, year)) for place in self.compared]
        return name, [unit, *cells, change, gap, *others, self._trend(content), self._note(content)], False

    def _trend(self, content: IndicatorContent) -> Markup:
        """Sparkline, and the same in one word for those who do not see it."""
        figures = Figures(self.wording, self.report, content)
        cells = (content.cell(self.place.code, year) for year in self.report.years)
        shown = [cell.value for cell in cells if cell is not None and cell.value is not None]
        if len(shown) < 2:
            return Markup("<td></td>")
        step = shown[-1] - shown[0]
        word = self.wording("word.rising" if step > 0 else "word.falling" if step < 0 else "word.steady")
        return Markup('<td>{}<span class="vh">{}</span></td>').format(figures.spark(self.place), word)

    def _note(self, content: IndicatorContent) -> Markup:
        cell = content.cell(self.place.code, self.report.year)
        if cell is None:
            return Markup("<td>{}</td>").format(self.wording("word.no_row"))
        parts = [self.wording.status(cell.status)] if cell.sign else []
        parts.append(self.wording.reason(cell))
        return Markup("<td>{}</td>").format("; ".join(part for part in parts if part))


def findings_text(wording: Wording, entry: Delivery) -> str:
    """Numbers of findings by severity, worst first; nothing when there are none."""
    counted: Mapping[str, int] = entry.findings
    return ", ".join(wording.count(f"severity.{severity}", n) for severity, n in counted.items() if n) or "–"


def _neighbours(report: Report, code: str) -> tuple[Item | None, Item | None]:
    entries = report.indicators()
    position = [entry.code for entry in entries].index(code)
    before = Item(entries[position - 1]) if position else None
    return before, Item(entries[position + 1]) if position + 1 < len(entries) else None


def _concepts(report: Report, code: str) -> list[object]:
    framework = report.framework
    used = dict.fromkeys(framework.concept(variable) for variable in framework.indicator_variables(code))
    return [framework.concepts[concept] for concept in used]


def _small_multiples(report: Report, figures: Figures, tables: Tables, main: Place | None) -> list[dict[str, object]]:
    """A small chart for each region; a region without any value is told in the table, not drawn."""
    return [
        {"place": place, "chart": figures.small_lines(place), "table": tables.series(place)}
        for place in report.places
        if place != main and figures.has_values(place)
    ]
