"""Pictures of who works with whom: two columns joined by lines, and regions around a circle. The same input, the same bytes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from markupsafe import Markup

from report.svg import Frame, coordinate, label, marker, wrapped

WIDTH = 420.0
_TEXT, _GAP, _LINE = 158.0, 8.0, 14.0
_MOST_LINES, _THICKEST = 3, 5
_RADIUS, _MARGIN = 118.0, 46.0


def bipartite(frame: Frame, joined: Sequence[tuple[str, str, int]]) -> Markup:
    """Left names in their order, right names near those they are joined with; `style` tells kinds of lines apart."""
    left = list(dict.fromkeys(a for a, _, _ in joined))
    rank = {name: place for place, name in enumerate(left)}
    right = sorted(dict.fromkeys(b for _, b, _ in joined), key=lambda name: (_middle(name, joined, rank), name))
    height = max(_height(left), _height(right))
    at_left, at_right = _column(left, height), _column(right, height)
    start, end = _TEXT + _GAP, WIDTH - _TEXT - _GAP
    body = [
        _curve(start, at_left[a], end, at_right[b], f"edge e{style % 3}")
        for a, b, style in dict.fromkeys((a, b, style) for a, b, style in joined)
    ]
    styles = {name: min(style for _, b, style in joined if b == name) for name in right}
    for name in left:
        body += _words(name, _TEXT, at_left[name], "end")
        body.append(marker(start, at_left[name], "total"))
    for name in right:
        body += _words(name, WIDTH - _TEXT, at_right[name], "start")
        body.append(marker(end, at_right[name], "reference" if styles[name] else "focus"))
    return frame.svg(WIDTH, height, body, "chart network")


def circle(frame: Frame, joined: Sequence[tuple[str, str]]) -> Markup:
    """Names around a circle in alphabetical order; the more rows join two of them, the thicker the line."""
    names = sorted({name for pair in joined for name in pair}, key=str.lower)
    turn = 2 * math.pi / max(len(names), 1)
    centre = (WIDTH / 2, _RADIUS + _MARGIN)
    angles = {name: turn * place - math.pi / 2 for place, name in enumerate(names)}
    spots = {
        name: (centre[0] + _RADIUS * math.cos(angle), centre[1] + _RADIUS * math.sin(angle))
        for name, angle in angles.items()
    }
    body = []
    for (a, b), count in sorted(Counter(tuple(sorted(pair)) for pair in joined).items()):
        (x1, y1), (x2, y2) = spots[a], spots[b]
        bend = f"Q{coordinate((x1 + x2) / 4 + centre[0] / 2)} {coordinate((y1 + y2) / 4 + centre[1] / 2)}"
        path = f"M{coordinate(x1)} {coordinate(y1)}{bend} {coordinate(x2)} {coordinate(y2)}"
        body.append(f'<path d="{path}" class="edge w{min(count, _THICKEST)}"/>')
    for name, angle in angles.items():
        x, y = spots[name]
        body.append(marker(x, y, "focus", radius=5.0))
        side = math.cos(angle)
        anchor = "start" if side > 0.3 else "end" if side < -0.3 else "middle"
        away = (10.0 if anchor == "start" else -10.0 if anchor == "end" else 0.0, 0.0)
        up = math.sin(angle) * (18.0 if anchor == "middle" else 6.0)
        body += _words(name, x + away[0], y + up, anchor, 88.0)
    return frame.svg(WIDTH, 2 * (_RADIUS + _MARGIN), body, "chart network")


def _middle(name: str, joined: Sequence[tuple[str, str, int]], rank: dict[str, int]) -> float:
    places = [rank[a] for a, b, _ in joined if b == name]
    return sum(places) / len(places)


def _lines(name: str, width: float = _TEXT) -> list[str]:
    return wrapped(name, width, _MOST_LINES)


def _height(names: Sequence[str]) -> float:
    return sum(_room(name) for name in names) + _GAP


def _room(name: str) -> float:
    return len(_lines(name)) * _LINE + 10.0


def _column(names: Sequence[str], height: float) -> dict[str, float]:
    """Middle of each name; a shorter column is spread over the whole height."""
    spare = (height - _height(names)) / max(len(names), 1)
    found, y = {}, _GAP / 2
    for name in names:
        room = _room(name) + spare
        found[name] = y + room / 2
        y += room
    return found


def _words(name: str, x: float, y: float, anchor: str, width: float = _TEXT) -> list[str]:
    lines = _lines(name, width)
    top = y - (len(lines) - 1) * _LINE / 2
    return [label(x, top + number * _LINE, text, "who", anchor) for number, text in enumerate(lines)]


def _curve(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    half = coordinate((x1 + x2) / 2)
    a, b, c, d = (coordinate(value) for value in (x1, y1, x2, y2))
    return f'<path d="M{a} {b}C{half} {b} {half} {d} {c} {d}" class="{css}"/>'
