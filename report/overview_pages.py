"""The pages that lead to the others or explain them: start, reporting status, methods, directory, search index."""

from __future__ import annotations

import json

from report.content import Report
from report.deliveries import Deliveries
from report.pages import findings_text
from report.places import slug
from report.record_view import RecordView
from report.register_pages import links_of
from report.site import Site
from report.summary import facts
from report.wording import Wording

OVERVIEWS = (
    ("maps", "karten.html"),
    ("compare", "vergleich.html"),
    ("status", "meldestand.html"),
    ("methods", "methodik.html"),
    ("glossary", "glossar.html"),
    ("changes", "aenderungen.html"),
)
"""Pages that the search knows by the name they have in the navigation."""


def status_page(site: Site, wording: Wording) -> None:
    """Expected and received deliveries: the report year in detail, all years as a matrix of words."""
    report = site.report
    known: Deliveries = report.deliveries
    expected = known.expected[report.year]
    names = {code: _region_name(report, wording, code) for code in (*expected, *known.senders())}
    senders = sorted(known.senders(), key=lambda code: names[code])
    years = list(known.expected)
    rows = [
        {
            "name": names[code],
            "current": known.current(code, report.year),
            "state": known.state(code, report.year),
            "states": [known.state(code, year) for year in years],
        }
        for code in senders
    ]
    site.page(
        wording,
        "meldestand.html",
        "status.html",
        title=wording("nav.status"),
        facts=facts(report),
        rows=rows,
        years=years,
        silent=sorted(names[code] for code in expected if code not in senders),
        deadline=report.framework.deadline(report.year).isoformat(),
        findings=lambda entry: findings_text(wording, entry),
    )


def _region_name(report: Report, wording: Wording, code: str) -> str:
    place = next((place for place in report.places if place.code == code), None)
    if place is not None:
        return wording.place(place)
    if not report.framework.territory.known(code):
        return code
    unit = report.framework.territory.unit(code)
    return (unit.name_en or unit.label) if wording.lang == "en" else unit.label


def methods_page(site: Site, wording: Wording) -> None:
    """Signs, confidentiality, calculation, concepts, sources, pitfalls, dimensions."""
    report = site.report
    concerned = {
        pitfall: [(e.code, f"indikatoren/{slug(e.code)}.html") for e in report.indicators() if pitfall in e.pitfalls]
        for pitfall in report.framework.pitfalls
    }
    site.page(wording, "methodik.html", "methods.html", title=wording("nav.methods"), concerned=concerned)


def directory_page(site: Site, wording: Wording) -> None:
    """Everything in alphabetical order: what the search box leads to without JavaScript."""
    entries = sorted(_entries(site.report, wording), key=lambda entry: entry[0].lower())
    site.page(
        wording,
        "verzeichnis.html",
        "directory.html",
        title=wording("nav.directory"),
        fields=[entry[:2] for entry in entries if entry[1].startswith("felder/")],
        regions=[entry[:2] for entry in entries if entry[1].startswith("regionen/")],
        indicators=[entry for entry in entries if entry[1].startswith("indikatoren/")],
        terms=[entry[:2] for entry in entries if entry[1].startswith("glossar.html#")],
    )


def search_index(site: Site, wording: Wording) -> None:
    """The list behind the search box: name, path, hint. A script, because pages from a disk may not load data."""
    text = json.dumps(_entries(site.report, wording), ensure_ascii=False, separators=(",", ":"))
    site.write(f"assets/search-{wording.lang}.js", f"window.SEARCH_INDEX={text};\n")


def _entries(report: Report, wording: Wording) -> list[tuple[str, str, str]]:
    regions = [(wording.place(p), f"regionen/{p.slug}.html", wording("word.region")) for p in report.places]
    fields = [
        (wording.plain(field), f"felder/{slug(code)}.html", wording("word.field"))
        for code, field in report.framework.fields.items()
    ]
    indicators = [(wording.plain(e), f"indikatoren/{slug(e.code)}.html", e.code) for e in report.indicators()]
    terms = [
        (wording.plain(term), f"glossar.html#{term.code}", wording("word.term"))
        for term in report.framework.glossary.values()
    ]
    pages = [(wording(f"nav.{key}"), path, wording("word.page")) for key, path in OVERVIEWS]
    pages += [
        (wording.plain(page, "title"), f"{page.slug}.html", wording("word.page"))
        for page in report.framework.site_pages.values()
    ]
    pages += [(wording.plain(page, "title"), path, wording("word.page")) for page, path, _ in links_of(report)]
    return regions + fields + indicators + terms + pages + _records(report, wording)


def _records(report: Report, wording: Wording) -> list[tuple[str, str, str]]:
    """Rows of the registers whose lists can be narrowed."""
    view = RecordView(wording, report)
    names = {place.code: wording.place(place) for place in report.registers.places}
    return [
        (view.name(row), view.href(row).removeprefix("../"), names[row.region])
        for page in report.framework.register_pages.values()
        for part in page.parts
        if part.filters
        for row in report.registers.all(part.records)
    ]
