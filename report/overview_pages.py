"""The pages that lead to the others or explain them: start, reporting status, methods, directory, search index."""

from __future__ import annotations

import json
from dataclasses import dataclass

from report.content import IndicatorContent, Report
from report.deliveries import Deliveries
from report.pages import findings_text
from report.places import slug
from report.site import Site
from report.values import Cell
from report.wording import Wording
from schemas.definitions import Indicator, ReportField


@dataclass(frozen=True, slots=True)
class Facts:
    """Numbers about the edition itself."""

    delivered: int
    expected: int
    with_values: int
    shown: int
    hidden: int


def facts(report: Report) -> Facts:
    """Deliveries, indicators with a value, published and hidden cells of the report year (regions only)."""
    own = {place.code for place in report.regions}
    shown = hidden = with_values = 0
    for entry in report.indicators():
        content = report.content(entry.code)
        table = content.values.cells if content else {}
        cells = [years[report.year] for (region, _), years in table.items() if region in own and report.year in years]
        values = sum(cell.value is not None for cell in cells)
        shown, hidden, with_values = shown + values, hidden + len(cells) - values, with_values + bool(values)
    due = report.deliveries
    return Facts(len(due.accepted(report.year)), len(due.expected[report.year]), with_values, shown, hidden)


def start_page(site: Site, wording: Wording) -> None:
    """What this is, where to find what, how to read it."""
    report = site.report
    cards = [_card(wording, report, field) for field in report.framework.fields.values()]
    title = wording("site.full", year=report.year)
    site.page(wording, "index.html", "start.html", title=title, facts=facts(report), cards=cards)


def _card(wording: Wording, report: Report, field: ReportField) -> dict[str, object]:
    """A field with its first indicator that has something to show, core indicators first."""
    entries = [entry for entry in report.framework.indicators_of(field.code) if entry.valid_in(report.year)]
    ranked = sorted(entries, key=lambda entry: entry.tier != "core")
    contents = [content for entry in ranked if (content := report.content(entry.code)) is not None]
    chosen = next((content for content in contents if content.main), contents[0] if contents else None)
    card: dict[str, object] = {"field": field, "href": f"felder/{slug(field.code)}.html", "count": len(entries)}
    if chosen is None:
        return {**card, "figure": "", "entry": None, "note": "", "indicator": ""}
    target = f"indikatoren/{slug(chosen.code)}.html"
    return {**card, "entry": chosen.entry, "indicator": target, **_card_figure(wording, report, chosen)}


def _figure(wording: Wording, cell: Cell, entry: Indicator) -> str:
    """Number and unit; a letter that marks the number stands behind both."""
    unit = wording.unit(entry.unit, "figure")
    if cell.value is not None and cell.sign.isalpha():
        return f"{wording.number(cell.value, entry.decimals)} {unit} {cell.sign}".strip()
    return f"{wording.cell_text(cell, entry.decimals)} {unit}".strip()


def _card_figure(wording: Wording, report: Report, content: IndicatorContent) -> dict[str, str]:
    entry, main = content.entry, content.main
    cell = content.cell(main.code, report.year) if main else None
    if main is None or cell is None or cell.value is None:
        return {"figure": "", "note": ""}
    gap = content.gap(main.code, report.year)
    note = wording.place(main)
    if gap is not None and gap.difference is not None:
        note += f" · {wording('word.gap')} {wording.measured(gap.difference, entry.decimals, entry.unit, 'gap')}"
    return {
        "figure": _figure(wording, cell, entry),
        "note": note,
    }


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
    return regions + fields + indicators
