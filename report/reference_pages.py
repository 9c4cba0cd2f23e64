"""Pages to look things up: glossary, changes since the last edition, maps, and the pages that are only text."""

from __future__ import annotations

from report.content import IndicatorContent, Report
from report.edition_changes import Changes
from report.edition_diff import CHANGES
from report.map_figures import Maps
from report.places import slug
from report.site import Site
from report.site_facts import facts, placeholders
from report.wording import Wording
from schemas.definitions import ReportField
from schemas.definitions_site import SitePage


def glossary_page(site: Site, wording: Wording) -> None:
    """Every term in alphabetical order of the language."""
    terms = sorted(site.report.framework.glossary.values(), key=lambda term: wording.plain(term).lower())
    site.page(wording, "glossar.html", "glossary.html", title=wording("nav.glossary"), terms=terms)


def text_pages(site: Site, wording: Wording) -> None:
    """Accessibility statement, easy-to-read page, imprint: whatever the framework declares."""
    known = placeholders(site.report, wording)
    for page in site.report.framework.site_pages.values():
        sections = [
            {
                "heading": wording.plain(section, "heading"),
                "paragraphs": [
                    text.format(**known, **facts(section, wording))
                    for text in getattr(section, f"text_{wording.lang}", section.text_de)
                ],
            }
            for section in page.sections
        ]
        title = wording.plain(page, "title")
        site.page(wording, f"{page.slug}.html", "text.html", title=title, sections=sections, easy=_easy(page, wording))


def _easy(page: SitePage, wording: Wording) -> bool:
    return page.easy and wording.lang == "de"


def changes_page(site: Site, wording: Wording, changes: Changes | None) -> None:
    """What changed since the last edition, counted by indicator and kind."""
    report = site.report
    counts = changes.counts if changes else {}
    entries = [entry for entry in report.indicators() if entry.code in counts]
    site.page(
        wording,
        "aenderungen.html",
        "changes.html",
        title=wording("nav.changes"),
        changes=changes,
        kinds=[kind for kind in CHANGES if any(counted[kind] for counted in counts.values())],
        entries=[(entry, slug(entry.code), counts[entry.code]) for entry in entries],
    )


def maps_page(site: Site, wording: Wording) -> None:
    """For each field the map of one rate, core indicators first."""
    drawn = Maps(wording, site.report, site.geometry, "")
    items = []
    for field in site.report.framework.fields.values():
        content = _mapped(site.report, field)
        if content is None:
            continue
        chart, key = drawn.choropleth(content, linked=False)
        items.append({"field": field, "entry": content.entry, "slug": slug(content.code), "chart": chart, "key": key})
    site.page(
        wording,
        "karten.html",
        "maps.html",
        title=wording("nav.maps"),
        items=[i for i in items if i["chart"]],
        credit=drawn.credit,
    )


def _mapped(report: Report, field: ReportField) -> IndicatorContent | None:
    entries = sorted(report.framework.indicators_of(field.code), key=lambda entry: entry.tier != "core")
    contents = (content for entry in entries if (content := report.content(entry.code)) is not None)
    found = (
        content
        for content in contents
        if content.entry.unit != "count"
        and sum(_has_value(content, place.code, report.year) for place in report.regions if not place.aggregate) > 1
    )
    return next(found, None)


def _has_value(content: IndicatorContent, region: str, year: int) -> bool:
    cell = content.cell(region, year)
    return cell is not None and cell.value is not None
