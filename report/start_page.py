"""The start page: the state of affairs in sentences and pictures, the map to the regions, what changed, how to read."""

from __future__ import annotations

from report import sentences, summary
from report.content import IndicatorContent, Report
from report.edition_changes import Changes
from report.figures import Figures
from report.map_figures import Maps
from report.numbers import is_bracket
from report.places import slug
from report.profile_view import ProfileView
from report.register_pages import links_of
from report.share_bars import split_bar
from report.site import Site
from report.svg import Frame
from report.values import Cell
from report.wording import Wording
from schemas.definitions import Indicator, ReportField


def start_page(site: Site, wording: Wording, changes: Changes | None) -> None:
    """What this is, what it says, where to find what, how to read it."""
    report = site.report
    moved = summary.movement(report)
    lead = next(iter(report.references), None)
    people = ProfileView(wording, report, lead).sentences() if lead else []
    site.page(
        wording,
        "index.html",
        "start.html",
        title=wording("site.full", year=report.year),
        facts=summary.facts(report),
        cards=[_card(wording, report, field) for field in report.framework.fields.values()],
        edition=[*people, *summary.edition_sentences(wording, report)],
        moved=summary.movement_sentences(wording, report, moved),
        pictures=_pictures(wording, report, moved),
        quality=summary.quality_sentences(wording, report, moved),
        breaks=[(content.entry, slug(content.code)) for content in moved.breaks],
        targets=summary.target_sentence(wording, report),
        programme=links_of(report),
        changes=changes.summary.get(wording.lang, "") if changes else "",
        map=Maps(wording, report, site.geometry, "").regions(),
        map_credit=site.geometry.credit if site.geometry else "",
    )


def _pictures(wording: Wording, report: Report, moved: summary.Movement) -> list[dict[str, object]]:
    """How many values and gaps went which way, as split bars."""
    found: list[dict[str, object]] = []
    for key, counted in (("values", moved.values), ("gaps", moved.gaps)):
        parts = [
            (wording(f"summary.{key}_{way}"), counted[way], way) for way in (summary.LESS, summary.SAME, summary.MORE)
        ]
        if sum(counted.values()):
            title = wording(f"summary.{key}_title", year=report.previous_year)
            said = ", ".join(f"{wording.number(number)} {name}" for name, number, _ in parts)
            found.append({"title": title, "chart": split_bar(Frame(f"moved-{key}", title, said), parts)})
    return found


def _card(wording: Wording, report: Report, field: ReportField) -> dict[str, object]:
    """A field with its first indicator that has something to show, core indicators first."""
    entries = [entry for entry in report.framework.indicators_of(field.code) if entry.valid_in(report.year)]
    ranked = sorted(entries, key=lambda entry: entry.tier != "core")
    contents = [content for entry in ranked if (content := report.content(entry.code)) is not None]
    chosen = next((content for content in contents if content.main), contents[0] if contents else None)
    card: dict[str, object] = {"field": field, "href": f"felder/{slug(field.code)}.html", "count": len(entries)}
    if chosen is None:
        return {**card, "figure": "", "entry": None, "sentence": "", "indicator": "", "chart": "", "place": ""}
    target = f"indikatoren/{slug(chosen.code)}.html"
    return {**card, "entry": chosen.entry, "indicator": target, **_card_figure(wording, report, chosen)}


def _figure(wording: Wording, cell: Cell, entry: Indicator) -> str:
    """Number and unit; a letter that marks the number stands behind both."""
    unit = wording.unit(entry.unit, "figure")
    if cell.value is not None and cell.sign and not is_bracket(cell.sign) and cell.sign.isalpha():
        return f"{wording.number(cell.value, entry.decimals)} {unit} {cell.sign}".strip()
    return f"{wording.cell_text(cell, entry.decimals)} {unit}".strip()


def _card_figure(wording: Wording, report: Report, content: IndicatorContent) -> dict[str, object]:
    main = content.main
    cell = content.cell(main.code, report.year) if main else None
    if main is None or cell is None or cell.value is None:
        said = sentences.regions_range(wording, report, content)
        return {"figure": "", "sentence": said, "chart": "", "place": ""}
    parts = [sentences.change(wording, report, content, main), sentences.gap(wording, report, content, main)]
    figures = Figures(wording, report, content)
    return {
        "figure": _figure(wording, cell, content.entry),
        "sentence": " ".join(part for part in parts if part),
        "chart": figures.small_lines(main, alone=True),
        "key": figures.key(),
        "place": wording.place(main),
    }
