"""The chart of all regions for paper: one line of text for each region over the full width. No ranking."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from report.charts import Format
from report.comparison import Row, reference_lines, row_marks
from report.svg import Frame, Scale, label, line, scale, text_width

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
    body += reference_lines(rows, across, TOP, bottom)
    y = TOP
    for number, row in enumerate(rows):
        if row.reference and number and not rows[number - 1].reference:
            body.append(line(0, y + 3, WIDTH, y + 3, "rule"))
            y += split
        body += _row(row, across, y + ROW_HEIGHT / 2, left, text)
        y += ROW_HEIGHT
    return frame.svg(WIDTH, bottom + FOOT, body)


def _row(row: Row, across: Scale, y: float, left: float, text: Format) -> list[str]:
    drawn = [label(0, y, row.label, "row strong" if row.reference else "row")]
    signs = list(dict.fromkeys(point.sign for _, point in row.points if point.value is None and point.sign))
    drawn += [label(left + 4 + 14 * number, y, sign, "sign") for number, sign in enumerate(signs)]
    return drawn + row_marks(row, across, y, text, 4.4)
