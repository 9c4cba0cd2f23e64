"""Bars beside their names: shares of a whole, and how many figures went which way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from report.svg import Frame, Point, coordinate, label, text_width

WIDTH, ROW = 360.0, 24.0


def share_bars(frame: Frame, bars: Sequence[tuple[str, Point]], text: Callable[[float], str]) -> Markup:
    """One row for each part, in the given order, all on one scale from zero; long names stand above their bars."""
    widest = max((text_width(name) for name, _ in bars), default=0.0) + 8
    above = widest > WIDTH * 0.46
    left, row = (0.0, ROW + 16.0) if above else (widest, ROW)
    largest = max((point.value for _, point in bars if point.value is not None), default=1.0) or 1.0
    body = []
    for number, (name, point) in enumerate(bars):
        middle = row * number + (row - ROW / 2)
        body.append(label(0, middle - 19, name, "row") if above else label(left - 6, middle, name, "row", "end"))
        if point.value is None:
            body.append(label(left + 4, middle, point.sign, "sign"))
            continue
        width = (WIDTH - left - 44) * point.value / largest
        size = f'width="{coordinate(max(width, 0.8))}" height="{coordinate(ROW - 8)}"'
        body.append(f'<rect x="{coordinate(left)}" y="{coordinate(middle - ROW / 2 + 4)}" {size} class="bar"/>')
        body.append(label(left + width + 6, middle, text(point.value), "value"))
    return frame.svg(WIDTH, row * len(bars), body)


def split_bar(frame: Frame, parts: Sequence[tuple[str, int, str]]) -> Markup:
    """One bar split into parts (name, number, css class), with name and number under each; empty parts are left out."""
    shown = [part for part in parts if part[1] > 0]
    whole = sum(number for _, number, _ in shown) or 1
    free, x, body = WIDTH - 2 * (len(shown) - 1), 0.0, []
    for _, number, css in shown:
        width = free * number / whole
        body.append(f'<rect x="{coordinate(x)}" y="0" width="{coordinate(width)}" height="18" class="part {css}"/>')
        x += width + 2
    for row, (name, number, css) in enumerate(shown):
        y = 34.0 + 17 * row
        body.append(f'<rect x="0" y="{coordinate(y - 6)}" width="12" height="12" class="part {css}"/>')
        body.append(label(19, y, f"{number} {name}", "row"))
    return frame.svg(WIDTH, 28.0 + 17 * len(shown), body)
