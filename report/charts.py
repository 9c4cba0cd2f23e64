"""Charts over time: lines by group, small multiples, gap columns, sparkline. Plain SVG, styled by CSS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from report.chart_marks import bands, break_lines, stretches, whisker
from report.svg import Frame, Point, Scale, coordinate, label, line, marker, scale, spread, text_width, wrapped

Format = Callable[[float], str]
WIDTH = 360.0
LINE_HEIGHT = 13.5
TALL, FLAT = 190.0, 140.0
"""Lower edge of a chart: on a page of its own, or among many on paper."""
_FOOT = 22.0
CROWDED = 8
"""Small and flat charts of more years mark only the values that need it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One series: points in the order of the years."""

    label: str
    role: str
    points: tuple[Point, ...]


def line_chart(
    frame: Frame,
    years: Sequence[int],
    lines: Sequence[Line],
    text: Format,
    tick: Format,
    full: float | None = None,
    bottom: float = TALL,
    cuts: Sequence[int] = (),
    cut_word: str = "",
) -> Markup:
    """Level by group over time, each series labelled at its end with name and last value.

    Series begin anew in the years of `cuts`; each is marked with `cut_word`.
    """
    names = [wrapped(entry.label, 82.0) for entry in lines]
    widest = max((text_width(part) for parts in names for part in parts), default=40.0)
    right = WIDTH - min(widest, 124.0) - 16
    values = _values(lines)
    vertical = scale(values, bottom, 12.0, full=full)
    left = _left(vertical, tick)
    across = _years_scale(years, left + 10, right - 8)
    body = [*_grid(vertical, tick, left, right), *_year_axis(years, across, bottom)]
    body += break_lines(cuts, years, across, 8.0, bottom, cut_word)
    body += _missing(lines, years, across, bottom - 7)
    for entry in lines:
        body += bands(entry.points, years, cuts, across, vertical, entry.role)
    every = bottom > FLAT or len(years) <= CROWDED
    for entry in sorted(lines, key=lambda item: item.role != "total"):
        body += _line(entry, years, across, vertical, cuts, every=every)
    body += _end_labels(lines, names, years, vertical, right, text)
    return frame.svg(WIDTH, bottom + _FOOT, body)


def small_line_chart(
    frame: Frame,
    years: Sequence[int],
    lines: Sequence[Line],
    text: Format,
    tick: Format,
    shared: Sequence[float],
    full: float | None = None,
    cuts: Sequence[int] = (),
) -> Markup:
    """One of many small charts that share a scale (`shared`: all values of all of them)."""
    width, bottom = 224.0, 112.0
    vertical = scale(shared, bottom, 10.0, full=full)
    left = _left(vertical, tick)
    right = width - 40
    across = _years_scale(years, left + 14, right - 10)
    body = [*_grid(vertical, tick, left, right), *_year_axis(years, across, bottom)]
    body += break_lines(cuts, years, across, 6.0, bottom, "")
    body += _missing(lines, years, across, bottom - 7)
    for entry in sorted(lines, key=lambda item: item.role != "total"):
        body += _line(entry, years, across, vertical, cuts, radius=3.0, every=len(years) <= CROWDED)
    body += _end_labels(lines, [[] for _ in lines], years, vertical, right, text)
    return frame.svg(width, bottom + _FOOT, body, "chart small")


def gap_chart(
    frame: Frame,
    years: Sequence[int],
    points: Sequence[Point],
    text: Format,
    tick: Format,
    foot: float = TALL,
    beside: Sequence[Point] = (),
) -> Markup:
    """Columns around 0; first and last are labelled, the last one in accent. `beside`: the same otherwise measured, drawn
    as outlines at the right of the columns."""
    shown = [value for point in (*points, *beside) for value in point.extent]
    vertical = scale(shown, foot - 14, 24.0, zero=True)
    left = _left(vertical, tick)
    across = _years_scale(years, left + (30 if beside else 18), WIDTH - 20)
    width = min(26.0, (WIDTH - left - 40) / max(len(years), 1) * 0.62)
    labelled = [number for number, point in enumerate(points) if point.value is not None]
    body = [*_grid(vertical, tick, left, WIDTH), line(left, vertical(0), WIDTH, vertical(0), "zero")]
    if any(point.value is not None for point in beside):
        width, shift = width * 0.6, width * 0.4
        body += _outlines(beside, years, across, vertical, width, shift)
    else:
        shift = 0.0
    for number, (year, point) in enumerate(zip(years, points, strict=True)):
        x = across(year) - shift
        if point.value is None:
            body.append(label(x, vertical(0) - 8, point.sign, "sign", "middle"))
            continue
        top, bottom = sorted((vertical(point.value), vertical(0)))
        css = "bar last" if number == len(points) - 1 else "bar"
        size = f'width="{coordinate(width)}" height="{coordinate(max(bottom - top, 0.8))}"'
        body.append(f'<rect x="{coordinate(x - width / 2)}" y="{coordinate(top)}" {size} class="{css}"/>')
        if point.lower is not None and point.upper is not None:
            limits = vertical(point.lower), vertical(point.upper)
            body.append(whisker(x, *limits, "total"))
            top, bottom = min(top, *limits), max(bottom, *limits)
        if number in (labelled[0], labelled[-1]):
            y = bottom + 9 if point.value < 0 else top - 9
            body.append(label(x, y, text(point.value), "value", "middle"))
    body += _year_axis(years, across, foot)
    return frame.svg(WIDTH, foot + _FOOT, body)


def _outlines(
    points: Sequence[Point], years: Sequence[int], across: Scale, vertical: Scale, width: float, shift: float
) -> list[str]:
    drawn = []
    for year, point in zip(years, points, strict=True):
        if point.value is not None:
            top, bottom = sorted((vertical(point.value), vertical(0)))
            place = f'x="{coordinate(across(year) + shift - width / 2)}" y="{coordinate(top)}"'
            size = f'width="{coordinate(width)}" height="{coordinate(max(bottom - top, 0.8))}"'
            drawn.append(f'<rect {place} {size} class="bar beside"/>')
    return drawn


def sparkline(points: Sequence[Point]) -> Markup:
    """Development in the size of a word; hidden from screen readers, the table says it in words."""
    values = [point.value for point in points if point.value is not None]
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    span = high - low or 1.0
    step = 76.0 / max(len(points) - 1, 1)
    spots = [
        None if p.value is None else (round(4 + step * n), round(20 - (p.value - low) / span * 16))
        for n, p in enumerate(points)
    ]
    drawn = "".join(_steps(run) for run in _runs(spots) if len(run) > 1)
    drawn = f'<path d="{drawn}"/>' if drawn else ""
    x, y = next(spot for spot in reversed(spots) if spot is not None)
    dot = f'<circle cx="{x}" cy="{y}" r="2.6"/>'
    return Markup(f'<svg class="spark" viewBox="0 0 84 24" aria-hidden="true">{drawn}{dot}</svg>')


def key_marker(role: str) -> Markup:
    """Marker and dash of a series for a key in the text."""
    body = f'<line x1="0" y1="7" x2="26" y2="7" class="line {role}"/>{marker(13, 7, role)}'
    return Markup(f'<svg class="key" viewBox="0 0 26 14" aria-hidden="true">{body}</svg>')


# --- parts ------------------------------------------------------------------------------------------------------------


def _values(lines: Sequence[Line]) -> list[float]:
    return [value for entry in lines for point in entry.points for value in point.extent]


def _left(vertical: Scale, tick: Format) -> float:
    return max((text_width(tick(value)) for value in vertical.ticks), default=20.0) + 6


def _years_scale(years: Sequence[int], start: float, end: float) -> Scale:
    if len(years) < 2:
        return Scale(years[0] - 1, years[0] + 1, start, end)
    return Scale(years[0], years[-1], start, end)


def _grid(vertical: Scale, tick: Format, left: float, right: float) -> list[str]:
    drawn = []
    for value in vertical.ticks:
        drawn.append(line(left, vertical(value), right, vertical(value), "grid"))
        drawn.append(label(left - 5, vertical(value), tick(value), "axis", "end"))
    return drawn


def _year_axis(years: Sequence[int], across: Scale, bottom: float) -> list[str]:
    """Years below the chart; the last one always, the others as far as they fit."""
    drawn, free = [], across(years[-1]) + 40
    for year in reversed(years):
        if across(year) <= free - 34:
            drawn.append(label(across(year), bottom + 12, str(year), "axis", "middle"))
            free = across(year)
    return drawn


def _missing(lines: Sequence[Line], years: Sequence[int], across: Scale, y: float) -> list[str]:
    """At the foot of each year in which something is hidden: its signs."""
    drawn = []
    for number, year in enumerate(years):
        signs = dict.fromkeys(e.points[number].sign for e in lines if e.points[number].value is None)
        if text := " ".join(sign for sign in signs if sign):
            drawn.append(label(across(year), y, text, "sign", "middle"))
    return drawn


def _line(
    entry: Line,
    years: Sequence[int],
    across: Scale,
    vertical: Scale,
    cuts: Sequence[int],
    radius: float = 4.0,
    *,
    every: bool = True,
) -> list[str]:
    """The line is broken where a value is hidden or the series begins anew; a single value keeps its marker.

    Without `every` only hollow, single and last values are marked.
    """
    pairs = list(zip(years, entry.points, strict=True))
    runs = [
        [(across(y), vertical(p.value)) for y, p in run if p.value is not None]
        for run in stretches(entry.points, years, cuts)
    ]
    drawn = [f'<polyline points="{_path(run)}" class="line {entry.role}"/>' for run in runs if len(run) > 1]
    alone = {run[0][0] for run in runs if len(run) == 1}
    last = _last(entry)
    drawn += [
        marker(across(y), vertical(p.value), entry.role, hollow=p.hollow, radius=radius)
        for number, (y, p) in enumerate(pairs)
        if p.value is not None and (every or p.hollow or number == last or across(y) in alone)
    ]
    return drawn


def _runs(spots: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for spot in spots:
        if spot is None:
            runs.append([])
        else:
            runs[-1].append(spot)
    return runs


def _path(run: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in run)


def _steps(run: Sequence[tuple[float, float]]) -> str:
    """The run as a path of steps: shorter than the places themselves."""
    places = [(int(x), int(y)) for x, y in run]
    moves = [f"{bx - ax} {by - ay}" for (ax, ay), (bx, by) in pairwise(places)]
    return f"M{places[0][0]} {places[0][1]}l{' '.join(moves).replace(' -', '-')}"


def _end_labels(
    lines: Sequence[Line],
    names: Sequence[list[str]],
    years: Sequence[int],
    vertical: Scale,
    right: float,
    text: Format,
) -> list[str]:
    """Last value and name at the end of each line, moved apart where they would overlap.

    A last value that is older than the chart's last year carries its year.
    """
    chosen = [(e, parts, _last(e)) for e, parts in zip(lines, names, strict=True)]
    found = [(entry, parts, last, entry.points[last].value) for entry, parts, last in chosen if last is not None]
    shown = [
        (entry, parts if years[last] == years[-1] else [f"({years[last]})", *parts], value)
        for entry, parts, last, value in found
        if value is not None
    ]
    heights = [LINE_HEIGHT * (len(parts) + 1) + 2 for _, parts, _ in shown]
    wanted = [vertical(last) for _, _, last in shown]
    middles = spread(wanted, heights, vertical.end - 10, vertical.start + 18)
    drawn = []
    for (entry, parts, last), height, middle in zip(shown, heights, middles, strict=True):
        y = middle - height / 2 + LINE_HEIGHT / 2 + 1
        drawn.append(label(right + 6, y, text(last), f"value {entry.role}"))
        drawn += [
            label(right + 6, y + LINE_HEIGHT * (n + 1), part, f"name {entry.role}") for n, part in enumerate(parts)
        ]
    return drawn


def _last(entry: Line) -> int | None:
    return next((n for n in reversed(range(len(entry.points))) if entry.points[n].value is not None), None)
