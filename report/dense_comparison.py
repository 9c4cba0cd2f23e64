"""The chart of all regions for paper: one line of text for each region over the full width. No ranking."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from report.chart_marks import level_whisker
from report.charts import Format
from report.comparison import Row
from report.svg import Frame, Point, Scale, label, line, marker, scale, text_width

WIDTH, ROW_HEIGHT, TOP, FOOT = 720.0, 18.0, 6.0, 20.0
_MARGIN = 52.0


def dense_comparison(
    frame: Frame, rows: Sequence[Row], text: Format, tick: Format, full: float | None = None
) -> Markup:
    """Names at the left, values on one scale; references below a rule and as light verticals."""
    shown = [value for row in rows for _, point in row.points for value in point.extent]
    left = min(max(text_width(row.label) for row in rows) + 14, WIDTH * 0.42)
    across = scale(shown, left + _MARGIN, WIDTH - _MARGIN, full=full, steps=6, near=0.2)
    split = 6.0 if any(row.reference for row in rows) else 0.0
    bottom = TOP + ROW_HEIGHT * len(rows) + split
    body = []
    for value in across.ticks:
        body.append(line(across(value), TOP, across(value), bottom, "grid"))
        body.append(label(across(value), bottom + 10, tick(value), "axis", "middle"))
    body += _references(rows, across, bottom)
    y = TOP
    for number, row in enumerate(rows):
        if row.reference and number and not rows[number - 1].reference:
            body.append(line(0, y + 3, WIDTH, y + 3, "rule"))
            y += split
        body += _row(row, across, y + ROW_HEIGHT / 2, left, text)
        y += ROW_HEIGHT
    return frame.svg(WIDTH, bottom + FOOT, body)


def _references(rows: Sequence[Row], across: Scale, bottom: float) -> list[str]:
    first = next((row for row in rows if row.reference), None)
    points = first.points if first else ()
    return [
        line(across(p.value), TOP, across(p.value), bottom, f"against {role}")
        for role, p in points
        if p.value is not None
    ]


def _row(row: Row, across: Scale, y: float, left: float, text: Format) -> list[str]:
    drawn = [label(0, y, row.label, "row strong" if row.reference else "row")]
    signs = list(dict.fromkeys(point.sign for _, point in row.points if point.value is None and point.sign))
    drawn += [label(left + 4 + 14 * number, y, sign, "sign") for number, sign in enumerate(signs)]
    spots = sorted((across(p.value), role, p) for role, p in row.points if p.value is not None)
    if not spots:
        return drawn
    if len(spots) > 1:
        drawn.append(line(spots[0][0], y, spots[-1][0], y, "span"))
    for x, role, point in spots:
        if point.lower is not None and point.upper is not None:
            drawn.append(level_whisker(y, across(point.lower), across(point.upper), role))
        drawn.append(marker(x, y, role, hollow=point.hollow, radius=4.4))
    return drawn + _values(spots, across, y, text)


def _values(spots: Sequence[tuple[float, str, Point]], across: Scale, y: float, text: Format) -> list[str]:
    """The smallest value stands left of its mark, the others right of the last one."""
    drawn = []
    for number, (x, role, point) in enumerate(spots):
        before = number == 0 and len(spots) > 1
        assert point.value is not None
        limit = point.lower if before else point.upper
        beyond = (min if before else max)(x, x if limit is None else across(limit))
        place = (beyond - 9, "end") if before else (beyond + 9, "start")
        drawn.append(label(place[0], y, text(point.value), f"value {role}", place[1]))
    return drawn
