"""Regions side by side, field by field: small multiples on one scale, alphabetical, with the references in grey. No ranks.

Which regions are shown is chosen with check boxes and the style sheet of the page alone, so it works without scripts.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from report.content import FEW, IndicatorContent, Report
from report.figures import Figures
from report.mini_charts import mini_chart, shared_line, shared_scale
from report.places import slug
from report.site import Site
from report.tables import Tables, table
from report.wording import Wording
from schemas.definitions import ReportField

FOLDER = "vergleich"
LATEST = 8
"""With many regions the tables show so many years; the page of the indicator leads to all of them."""


def compare_pages(site: Site, wording: Wording) -> None:
    """An overview of the fields, and a page for each of them."""
    report = site.report
    fields = [(field, f"{FOLDER}/{slug(field.code)}.html") for field in report.framework.fields.values()]
    site.page(wording, "vergleich.html", "compare.html", title=wording("compare.title"), fields=fields)
    for field, path in fields:
        _field_page(site, wording, field, path, [(each, target) for each, target in fields])


def _field_page(
    site: Site, wording: Wording, field: ReportField, path: str, fields: Sequence[tuple[ReportField, str]]
) -> None:
    report = site.report
    contents = [c for e in report.framework.indicators_of(field.code) if (c := report.content(e.code)) is not None]
    items = [_item(wording, report, content) for content in contents]
    title = wording("compare.field", field=wording.plain(field))
    site.page(
        wording,
        path,
        "compare_field.html",
        title=title,
        field=field,
        field_slug=slug(field.code),
        fields=fields,
        items=[item for item in items if item],
    )


def _item(wording: Wording, report: Report, content: IndicatorContent) -> dict[str, object]:
    figures = Figures(wording, report, content)
    shown = [place for place in report.side_by_side if figures.has_values(place)]
    if not shown:
        return {}
    up = shared_scale(report, content, shown, figures.full)
    tables = Tables(wording, report, content)
    years = report.years if len(report.places) <= FEW else report.years[-LATEST:]
    heads = [str(year) for year in years]
    rows = [
        (
            Markup('<a href="../regionen/{}.html">{}</a>').format(place.slug, wording.place(place)),
            [tables.cell(content.cell(place.code, year)) for year in years],
            place.reference,
        )
        for place in shown
    ]
    beside, name = shared_line(report, content, up)
    drawn = [mini_chart(report, content, place, up, report.references, name) for place in shown]
    drawn[0] = beside + drawn[0]
    caption = Markup("{} ({})").format(wording.plain(content.entry), wording.unit(content.entry.unit))
    return {
        "entry": content.entry,
        "slug": slug(content.code),
        "unit": wording.unit(content.entry.unit),
        "charts": [
            {
                "place": place,
                "value": wording.cell_text(content.cell(place.code, report.year), content.entry.decimals) or "–",
                "chart": chart,
            }
            for place, chart in zip(shown, drawn, strict=True)
        ],
        "table": table(caption, wording("word.region"), heads, rows),
    }
