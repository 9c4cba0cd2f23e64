"""Each chart as files of its own: SVG with its rules inside, its numbers as CSV, and a page to put into a frame.

All three are made from the chart and the published cells of the page, so they cannot tell anything else.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

from report.chart_style import NAMESPACE, fixed_rules
from report.content import IndicatorContent, Report
from report.places import Place, slug
from report.site import Site
from report.values import Cell
from report.wording import Wording

FOLDER = "grafik"
Kind = Literal["verlauf", "abstand", "regionen", "karte"]
_FONT = "Source Sans 3, Arial, Helvetica, sans-serif"
_LINK = re.compile(r'<a (class="[^"]*") href="[^"]*" aria-label="[^"]*">|</a>')
_HEAD = re.compile(r'<svg class="[^"]*" viewBox="0 0 ([\d.]+) ([\d.]+)" role="\w+"')
_FOOT = 18.0


@dataclass(frozen=True, slots=True)
class Files:
    """What a chart is saved as, seen from its page, its address and how it is put into a frame."""

    svg: str
    csv: str
    page: str
    snippet: str


def chart_files(
    site: Site,
    wording: Wording,
    content: IndicatorContent,
    kind: Kind,
    chart: Markup,
    title: str,
    rows: Sequence[Sequence[object]],
) -> Files | None:
    """Write SVG, CSV and page of a chart; None when there is no chart."""
    if not chart:
        return None
    name = f"{FOLDER}/{slug(content.code)}-{kind}"
    credit = credit_line(wording, site.report)
    site.write(f"{wording.lang}/{name}.svg", standalone_svg(chart, f"{title}. {credit}"))
    site.write(f"{wording.lang}/{name}.csv", _csv(rows))
    site.page(
        wording,
        f"{name}.html",
        "embed.html",
        title=title,
        chart=chart,
        credit=credit,
        target=f"indikatoren/{slug(content.code)}.html",
    )
    address = address_of(site.report, f"{wording.lang}/{name}.html")
    frame = f'<iframe src="{address}" title="{escape(title)}" width="640" height="560" loading="lazy"></iframe>'
    return Files(f"{name}.svg", f"{name}.csv", f"{name}.html", frame)


def standalone_svg(chart: Markup, credit: str) -> str:
    """The chart with fixed colours, a white ground, its title and a credit line; links are taken out."""
    text = _LINK.sub(lambda found: f"<g {found[1]}>" if found[1] else "</g>", str(chart))
    size = _HEAD.search(text)
    assert size is not None
    width, height = float(size[1]), float(size[2]) + _FOOT
    head = f'<svg xmlns="{NAMESPACE}" viewBox="-8 -8 {width + 16:g} {height + 16:g}" width="{2 * width:g}" role="img"'
    text = _HEAD.sub(lambda _: head, text, count=1)
    ground = f'<rect x="-8" y="-8" width="{width + 16:g}" height="{height + 16:g}" fill="#ffffff"/>'
    rules = f"<style>{fixed_rules(_FONT)}</style>{ground}"
    text = text.replace("</desc>", f"</desc>{rules}", 1)
    foot = f'<text x="0" y="{height - 2:g}" class="credit">{escape(credit)}</text></svg>'
    return text.removesuffix("</svg>") + foot + "\n"


def credit_line(wording: Wording, report: Report) -> str:
    """Who publishes it, which data state, under which licence."""
    known = report.framework.publication
    parts = [wording("site.full", year=report.year), wording("cite.state", day=wording.day(report.data.created_at))]
    parts += [known.licence.code] if known else []
    parts += [wording("site.sample")] if report.data.sample else []
    return ", ".join(parts)


def address_of(report: Report, path: str) -> str:
    """Public address of a file of the site; only the path where no address is known."""
    known = report.framework.publication
    return f"{known.base_url}{report.year}/site/{path}" if known else path


def citation(wording: Wording, report: Report, title: str, path: str) -> str:
    """How a page is quoted."""
    known = report.framework.publication
    publisher = wording.plain(known.publisher) if known else wording("site.title")
    return wording(
        "cite.text",
        publisher=publisher,
        title=title,
        report=wording("site.full", year=report.year),
        day=wording.day(report.data.created_at),
        url=address_of(report, f"{wording.lang}/{path}"),
    )


# --- numbers of the charts --------------------------------------------------------------------------------------------


def line_rows(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> list[list[object]]:
    """Series and years of one place."""
    rows: list[list[object]] = [["region", "series", "year", "unit", "value", "sign", "lower", "upper"]]
    for series in content.series:
        for year in report.years:
            cell = content.cell(place.code, year, series.members)
            rows.append(
                [wording.place(place), wording.members(series.members), year, content.entry.unit, *_cell(content, cell)]
            )
    return rows


def region_rows(wording: Wording, report: Report, content: IndicatorContent) -> list[list[object]]:
    """Groups of all places in the report year."""
    rows: list[list[object]] = [["region", "series", "year", "unit", "value", "sign", "lower", "upper"]]
    for place in report.places:
        for series in content.groups():
            cell = content.cell(place.code, report.year, series.members)
            name = wording.members(series.members)
            rows.append([wording.place(place), name, report.year, content.entry.unit, *_cell(content, cell)])
    return rows


def gap_rows(wording: Wording, report: Report, content: IndicatorContent, place: Place) -> list[list[object]]:
    """Gaps of one place over the years, crude and age-standardised."""
    rows: list[list[object]] = [["region", "year", "unit", "difference", "lower", "upper", "standardised"]]
    for year in report.years:
        crude, adjusted = content.gap(place.code, year), content.standardised(place.code, year)
        told = (crude.difference, crude.lower, crude.upper) if crude else (None, None, None)
        numbers = (*told, adjusted.difference if adjusted else None)
        plain = [_plain(each, content.entry.decimals) for each in numbers]
        rows.append([wording.place(place), year, content.entry.unit, *plain])
    return rows


def _cell(content: IndicatorContent, cell: Cell | None) -> list[str]:
    if cell is None:
        return ["", "", "", ""]
    decimals = content.entry.decimals
    return [_plain(cell.value, decimals), cell.sign, _plain(cell.lower, decimals), _plain(cell.upper, decimals)]


def _plain(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
