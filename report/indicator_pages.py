"""The page of an indicator: findings, charts, map, numbers, targets, basis, and how to use it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from report import sentences, standalone, trend_sentences
from report.charts import key_marker
from report.content import FEW, IndicatorContent, Report
from report.figures import Figures
from report.formula_text import formula_words
from report.map_figures import Maps
from report.mini_charts import mini_chart, shared_line, shared_scale
from report.pages import Item
from report.places import Place, slug
from report.site import Site
from report.standalone import Files, Kind, chart_files
from report.tables import Tables
from report.targets_view import TargetsView
from report.wording import Wording

MANY = 12
"""Up to so many regions each has a chart of all groups; more of them get the smallest charts."""


def indicator_page(site: Site, wording: Wording, content: IndicatorContent) -> None:
    """Write the page of an indicator and the files of its charts."""
    view = IndicatorView(site, wording, content)
    before, after = _neighbours(site.report, content.code)
    site.page(
        wording,
        view.path,
        "indicator.html",
        title=wording.plain(content.entry),
        content=content,
        slug=slug(content.code),
        field=site.report.framework.fields[content.field],
        field_slug=slug(content.field),
        words=formula_words(wording, content.code),
        concepts=_concepts(site.report, content.code),
        before=before,
        after=after,
        years_page=view.years_path if view.many else "",
        **view.findings(),
        **view.charts(),
        **view.numbers(),
        permalink=standalone.address_of(site.report, f"{wording.lang}/{view.path}"),
        citation=standalone.citation(wording, site.report, wording.plain(content.entry), view.path),
    )
    if view.many:
        years_page(view)


def years_page(view: IndicatorView) -> None:
    """Write the page with all regions and years: of many regions these tables are too heavy beside everything else."""
    title = f"{view.wording.plain(view.content.entry)}: {view.wording('indicator.heading_years')}"
    field = view.site.report.framework.fields[view.content.field]
    view.site.page(
        view.wording,
        view.years_path,
        "indicator_years.html",
        title=title,
        content=view.content,
        indicator_path=view.path,
        slug=slug(view.content.code),
        field=field,
        field_slug=slug(view.content.field),
        **view.year_tables(),
    )


@dataclass(frozen=True)
class IndicatorView:
    """What stands on the page of an indicator in one language."""

    site: Site
    wording: Wording
    content: IndicatorContent

    @property
    def path(self) -> str:
        """Path of the page below its language."""
        return f"indikatoren/{slug(self.content.code)}.html"

    @property
    def years_path(self) -> str:
        """Path of the page with all regions and years."""
        return f"indikatoren/{slug(self.content.code)}-jahre.html"

    @property
    def many(self) -> bool:
        """Are there more regions than tables of all years fit beside?"""
        return len(self.report.places) > FEW

    @property
    def report(self) -> Report:
        """The report that the page is part of."""
        return self.site.report

    @cached_property
    def figures(self) -> Figures:
        """Its figures."""
        return Figures(self.wording, self.report, self.content)

    @cached_property
    def tables(self) -> Tables:
        """Its tables."""
        return Tables(self.wording, self.report, self.content)

    def findings(self) -> dict[str, object]:
        """The sentences at the head of the page."""
        main, parts = self.content.main, []
        told = main or next((place for place in self.report.references if self.content.last_year(place.code)), None)
        if main:
            parts.append(trend_sentences.development(self.wording, self.report, self.content, main))
        if told:
            parts.append(trend_sentences.last_value(self.wording, self.report, self.content, told))
            parts.append(trend_sentences.spread(self.wording, self.report, self.content, told))
        more = " ".join(part for part in parts if part)
        return {"sentence": sentences.headline(self.wording, self.report, self.content), "more": more}

    def charts(self) -> dict[str, object]:
        """Charts with notes, tables and files."""
        main, content = self.content.main, self.content
        lines = self.figures.lines(main) if main else Markup("")
        gap = self.figures.gap(main) if main and content.entry.gap else Markup("")
        regions = self.figures.regions()
        chart, key = Maps(self.wording, self.report, self.site.geometry, "../").choropleth(content)
        targets = TargetsView(self.wording, self.report)
        return {
            "lines": lines,
            "lines_note": self.figures.lines_note(main) if main else "",
            "lines_table": self.tables.series(main) if main else "",
            "lines_files": self._files("verlauf", lines, "figure.lines", standalone.line_rows, main),
            "gap": gap,
            "gap_beside": bool(main and self.figures.has_standardised(main)),
            "gap_details": self.tables.gap_series(main) if main and content.entry.gap else "",
            "gap_files": self._files("abstand", gap, "figure.gap", standalone.gap_rows, main),
            "regions": regions,
            "regions_note": self.figures.regions_note(),
            "regions_table": self.tables.regions(),
            "regions_files": self._region_files("regionen", regions, "figure.regions"),
            "map": chart,
            "map_key": key,
            "map_credit": self.site.geometry.credit if self.site.geometry else "",
            "map_files": self._region_files("karte", chart, "map.heading"),
            "key": self.figures.key(),
            "group_key": [(key_marker(s.role), self.wording.members(s.members)) for s in content.groups()],
            "small": self._small_multiples(),
            "many": len(self.report.places) > MANY + 1,
            "tracks": targets.track(content, main) if main else [],
            "targets": targets.of_indicator(content),
            "target_note": targets.note,
        }

    def numbers(self) -> dict[str, object]:
        """The tables of the page."""
        return {
            **({} if self.many else self.year_tables()),
            "groups_table": self.tables.groups(),
            "today_table": self.tables.today(),
        }

    def year_tables(self) -> dict[str, object]:
        """Regions in rows, years in columns: values, gaps."""
        return {"years_table": self.tables.years(), "gap_table": self.tables.gaps()}

    def _files(
        self,
        kind: Kind,
        chart: Markup,
        key: str,
        rows: Callable[[Wording, Report, IndicatorContent, Place], list[list[object]]],
        place: Place | None,
    ) -> Files | None:
        if place is None or not chart:
            return None
        name = self.wording.plain(self.content.entry)
        title = f"{name}, {self.wording(key)}: {self.wording.place(place)}"
        numbers = rows(self.wording, self.report, self.content, place)
        return chart_files(self.site, self.wording, self.content, kind, chart, title, numbers)

    def _region_files(self, kind: Kind, chart: Markup, key: str) -> Files | None:
        title = f"{self.wording.plain(self.content.entry)}, {self.wording(key)}: {self.report.year}"
        numbers = standalone.region_rows(self.wording, self.report, self.content)
        return chart_files(self.site, self.wording, self.content, kind, chart, title, numbers)

    def _small_multiples(self) -> list[dict[str, object]]:
        """A small chart for each region; a region without any value is told in the table, not drawn.

        Many regions get the smallest charts, of the total alone: a page must stay light.
        """
        shown = [p for p in self.report.places if p != self.content.main and self.figures.has_values(p)]
        if len(shown) <= MANY:
            return [
                {"place": place, "chart": self.figures.small_lines(place), "table": self.tables.series(place)}
                for place in shown
            ]
        up = shared_scale(self.report, self.content, self.report.places, self.figures.full)
        line, name = shared_line(self.report, self.content, up)
        drawn = [mini_chart(self.report, self.content, place, up, (), name) for place in shown]
        drawn[0] = line + drawn[0]
        return [{"place": place, "chart": chart, "table": ""} for place, chart in zip(shown, drawn, strict=True)]


def _neighbours(report: Report, code: str) -> tuple[Item | None, Item | None]:
    entries = report.indicators()
    position = [entry.code for entry in entries].index(code)
    before = Item(entries[position - 1]) if position else None
    return before, Item(entries[position + 1]) if position + 1 < len(entries) else None


def _concepts(report: Report, code: str) -> list[object]:
    framework = report.framework
    used = dict.fromkeys(framework.concept(variable) for variable in framework.indicator_variables(code))
    return [framework.concepts[concept] for concept in used]
