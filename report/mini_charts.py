"""The smallest charts over time: the total of a place over the grey line of a reference, for many beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from report.content import IndicatorContent, Report
from report.figures import cell_point
from report.places import Place, slug
from report.svg import Scale, coordinate, scale

WIDTH, HEIGHT = 112.0, 56.0
_GROUND = f'<path d="M0 {HEIGHT - 4:g}h{WIDTH:g}" class="grid"/>'


def shared_scale(report: Report, content: IndicatorContent, shown: Sequence[Place], full: float | None) -> Scale | None:
    """One scale for all places; None where no total is shown."""
    values = [value for place in shown for value in shown_totals(report, content, place)]
    return scale(values, HEIGHT - 4, 6.0, full=full) if values else None


def shown_totals(report: Report, content: IndicatorContent, place: Place) -> list[float]:
    """The shown values of the total of a place."""
    cells = (content.cell(place.code, year) for year in report.years)
    return [cell.value for cell in cells if cell is not None and cell.value is not None]


def shared_line(report: Report, content: IndicatorContent, up: Scale | None) -> tuple[Markup, str]:
    """The line of the first reference with values, drawn once for all charts of a page, and its id."""
    beside = next((place for place in report.references if shown_totals(report, content, place)), None)
    if up is None or beside is None:
        return Markup(""), ""
    name = f"b-{slug(content.code)}"
    body = "".join(_drawn(report, content, beside, up, "beside"))
    return Markup(f'<svg class="mini defs" aria-hidden="true"><defs><g id="{name}">{body}</g></defs></svg>'), name


def mini_chart(
    report: Report,
    content: IndicatorContent,
    place: Place,
    up: Scale | None,
    references: Sequence[Place],
    shared: str = "",
) -> Markup:
    """The total of a place over the years, over the grey line of the first reference; the table says it in numbers."""
    if up is None:
        return Markup("")
    beside = next((other for other in references if other != place and shown_totals(report, content, other)), None)
    body = [_GROUND]
    if shared:
        body.append(f'<use href="#{shared}"/>')
    elif beside:
        body += _drawn(report, content, beside, up, "beside")
    body += _drawn(report, content, place, up, "own")
    head = f'<svg class="mini" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" aria-hidden="true">'
    return Markup(head + "".join(body) + "</svg>")


def _drawn(report: Report, content: IndicatorContent, place: Place, up: Scale, css: str) -> list[str]:
    step = (WIDTH - 12) / max(len(report.years) - 1, 1)
    cuts = {each.year for each in content.breaks(place.code)}
    runs: list[list[tuple[float, float]]] = [[]]
    for number, year in enumerate(report.years):
        point = cell_point(content.cell(place.code, year))
        if point.value is None or year in cuts:
            runs.append([])
        if point.value is not None:
            runs[-1].append((6 + step * number, up(point.value)))
    drawn = []
    for run in runs:
        if len(run) > 1:
            path = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in run)
            drawn.append(f'<polyline points="{path}" class="{css}"/>')
        elif run:
            drawn.append(f'<circle cx="{coordinate(run[0][0])}" cy="{coordinate(run[0][1])}" r="1.6" class="{css}"/>')
    if css == "own" and runs[-1]:
        x, y = runs[-1][-1]
        drawn.append(f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="3" class="own dot"/>')
    return drawn
