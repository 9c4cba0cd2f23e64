"""The page of a region: overview, population, fields, targets, what is missing and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup, escape

from report import sentences
from report.content import IndicatorContent, Report
from report.figures import Figures
from report.pages import findings_text
from report.places import Place, slug
from report.profile_view import ProfileView
from report.register_pages import links_of
from report.site import Site
from report.standalone import address_of, citation
from report.tables import Tables, change_text, table
from report.targets_view import FEW_TARGETS, TargetsView
from report.trend_sentences import last_value
from report.wording import Wording
from schemas.definitions import Indicator, ReportField


def region_page(site: Site, wording: Wording, place: Place) -> None:
    """All indicators of a region, field by field, with what is missing and why."""
    report = site.report
    counts: Counter[str] = Counter()
    for entry in report.indicators():
        counts[_standing(wording, report, entry, place)] += 1
    profile = RegionProfile(wording, report, place)
    fields = report.framework.fields
    groups = [{"field": fields[code], "slug": slug(code), "table": profile.table(fields[code])} for code in fields]
    path = f"regionen/{place.slug}.html"
    people, targets = ProfileView(wording, report, place), TargetsView(wording, report)
    many = targets.count(place) > FEW_TARGETS
    targets_path = f"regionen/{place.slug}-ziele.html" if many else ""
    site.page(
        wording,
        path,
        "region.html",
        title=wording.place(place),
        place=place,
        shown=counts.pop("", 0),
        total=len(report.indicators()),
        missing=sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])),
        received=report.deliveries.of(place.code, report.year),
        findings=lambda entry: findings_text(wording, entry),
        groups=groups,
        people=people.sentences(),
        profile=people.parts(),
        key_findings=_key_findings(wording, report, place),
        targets=targets.next_of_region(place) if many else targets.of_region(place),
        targets_path=targets_path,
        targets_count=targets.count(place),
        programme=links_of(report, place),
        target_note=targets.note,
        permalink=address_of(report, f"{wording.lang}/{path}"),
        citation=citation(wording, report, wording.place(place), path),
    )
    if targets_path:
        _targets_page(site, wording, place, targets, targets_path)


def _targets_page(site: Site, wording: Wording, place: Place, targets: TargetsView, path: str) -> None:
    """All targets of a region: of many of them the table is too heavy beside everything else."""
    title = f"{wording.place(place)}: {wording('target.heading')}"
    site.page(
        wording,
        path,
        "region_targets.html",
        title=title,
        place=place,
        region_path=f"regionen/{place.slug}.html",
        targets=targets.of_region(place),
        target_note=targets.note,
        permalink=address_of(site.report, f"{wording.lang}/{path}"),
        citation=citation(wording, site.report, title, path),
    )


def _key_findings(wording: Wording, report: Report, place: Place) -> list[dict[str, object]]:
    """For each field the first core indicator with a value: name, value, change and gap in words, a small chart."""
    found: list[dict[str, object]] = []
    for field in report.framework.fields.values():
        content = next((c for c in _core(report, field) if _has_value(c, place, report.year)), None)
        if content is None:
            continue
        said = [
            sentences.value_and_change(wording, report, content, place),
            sentences.gap(wording, report, content, place),
        ]
        found.append(
            {
                "field": field,
                "field_slug": slug(field.code),
                "entry": content.entry,
                "slug": slug(content.code),
                "text": " ".join(part for part in said if part),
                "spark": Figures(wording, report, content).spark(place),
            }
        )
    return found


def _core(report: Report, field: ReportField) -> list[IndicatorContent]:
    entries = sorted(report.framework.indicators_of(field.code), key=lambda entry: entry.tier != "core")
    return [content for entry in entries if (content := report.content(entry.code)) is not None]


def _has_value(content: IndicatorContent, place: Place, year: int) -> bool:
    cell = content.cell(place.code, year)
    return cell is not None and cell.value is not None


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
        unit = Markup("<td>{}</td>").format(t.unit(entry.unit))
        content = self.report.content(entry.code)
        if content is None:
            reason = Markup("<td>{}</td>").format(t("region.failed"))
            name = Markup('<a href="../indikatoren/{}.html">{}</a>').format(slug(entry.code), t.own(entry))
            return name, [unit, *[Markup("<td></td>")] * (5 + len(self.compared)), reason], False
        tables = Tables(t, self.report, content)
        cells = [tables.cell(content.cell(self.place.code, each)) for each in (year, year - 1)]
        change = Markup("<td>{}</td>").format(change_text(tables, self.place))
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
        parts = [] if cell else [self.wording("word.no_row")]
        if cell is not None:
            parts += [self.wording.sign_meaning(cell)] if cell.sign else []
            parts.append(self.wording.reason(cell))
            parts += [self.wording.plain(flag) for flag in self.wording.flags(cell)]
        parts.append(last_value(self.wording, self.report, content, self.place))
        return Markup("<td>{}</td>").format("; ".join(part for part in parts if part))
