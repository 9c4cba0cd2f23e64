"""The chart of all regions in one year: a line for each region in alphabetical order, references below. No ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from report.chart_marks import level_whisker
from report.charts import WIDTH, Format
from report.svg import Frame, Point, Scale, label, line, marker, scale

ROW_HEIGHT, TOP, MARGIN, FOOT = 36.0, 8.0, 38.0, 22.0


@dataclass(frozen=True, slots=True)
class Row:
    """A region in the comparison: a point for each role."""

    label: str
    points: tuple[tuple[str, Point], ...]
    reference: bool = False


def comparison_chart(
    frame: Frame, rows: Sequence[Row], text: Format, tick: Format, full: float | None = None
) -> Markup:
    """Each region on its own line in alphabetical order, the references below a rule and as light verticals."""
    shown = [value for row in rows for _, point in row.points for value in point.extent]
    across = scale(shown, MARGIN, WIDTH - MARGIN, full=full, near=0.2)
    split = 10.0 if any(row.reference for row in rows) else 0.0
    bottom = TOP + ROW_HEIGHT * len(rows) + split
    body = []
    for value in across.ticks:
        body.append(line(across(value), TOP, across(value), bottom, "grid"))
        body.append(label(across(value), bottom + 11, tick(value), "axis", "middle"))
    body += reference_lines(rows, across, TOP, bottom)
    y = TOP
    for number, row in enumerate(rows):
        if row.reference and number and not rows[number - 1].reference:
            body.append(line(0, y + 5, WIDTH, y + 5, "rule"))
            y += split
        body += _row(row, across, y, text)
        y += ROW_HEIGHT
    return frame.svg(WIDTH, bottom + FOOT, body)


def reference_lines(rows: Sequence[Row], across: Scale, top: float, bottom: float) -> list[str]:
    """The values of the first reference as light verticals."""
    first = next((row for row in rows if row.reference), None)
    points = first.points if first else ()
    return [
        line(across(p.value), top, across(p.value), bottom, f"against {role}")
        for role, p in points
        if p.value is not None
    ]


def _row(row: Row, across: Scale, y: float, text: Format) -> list[str]:
    drawn = [label(0, y + 9, row.label, "row strong" if row.reference else "row")]
    base = y + 25
    drawn += row_marks(row, across, base, text, 4.6)
    hidden = list(dict.fromkeys(point.sign for _, point in row.points if point.value is None and point.sign))
    if not any(point.value is not None for _, point in row.points):
        return [*drawn, label(34, base, " ".join(hidden), "sign")]
    return [*drawn, *(label(WIDTH, base, sign, "sign", "end") for sign in hidden)]


def row_marks(row: Row, across: Scale, y: float, text: Format, radius: float) -> list[str]:
    """The points of a row with their intervals and values, joined by a line; nothing where all are hidden.

    The smallest value stands left of its mark, the others right of the last one.
    """
    spots = sorted(
        ((across(p.value), role, p) for role, p in row.points if p.value is not None), key=lambda spot: spot[0]
    )
    drawn = [line(spots[0][0], y, spots[-1][0], y, "span")] if len(spots) > 1 else []
    for x, role, point in spots:
        if point.lower is not None and point.upper is not None:
            drawn.append(level_whisker(y, across(point.lower), across(point.upper), role))
        drawn.append(marker(x, y, role, hollow=point.hollow, radius=radius))
    for number, (x, role, point) in enumerate(spots):
        before = number == 0 and len(spots) > 1
        assert point.value is not None
        limit = point.lower if before else point.upper
        beyond = (min if before else max)(x, x if limit is None else across(limit))
        at, anchor = (beyond - 9, "end") if before else (beyond + 9, "start")
        drawn.append(label(at, y, text(point.value), f"value {role}", anchor))
    return drawn
