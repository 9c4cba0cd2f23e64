"""Primitives of the charts: scales, text widths, markers, the frame with title and description. Units are SVG units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

FONT = 12.0
_NARROW, _MIDDLE, _WIDE = set("iljI.,:;|!'() \u2009"), set("frt-/"), set("mwMWÄÖ%")


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a chart: number or None, the sign to print where it is missing, hollow when uncertain.

    lower, upper: limits of its interval, where it has one.
    """

    value: float | None
    sign: str = ""
    hollow: bool = False
    lower: float | None = None
    upper: float | None = None

    @property
    def extent(self) -> tuple[float, ...]:
        """Every number that must fit on the scale."""
        return tuple(each for each in (self.value, self.lower, self.upper) if each is not None)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every figure says about itself: id, unique on its page, title and description in words."""

    id: str
    title: str
    description: str

    def svg(self, width: float, height: float, body: Sequence[str], css: str = "chart", role: str = "img") -> Markup:
        """The finished figure, readable by a screen reader, scaled to its column; role `group` for one with links."""
        head = (
            f'<svg class="{css}" viewBox="0 0 {coordinate(width)} {coordinate(height)}" role="{role}" '
            f'aria-labelledby="{self.id}-t {self.id}-d"><title id="{self.id}-t">{escape(self.title)}</title>'
            f'<desc id="{self.id}-d">{escape(self.description)}</desc>'
        )
        return Markup(head + "".join(body) + "</svg>")


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear map of values to units, and the values that get a grid line."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...] = ()

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def scale(
    values: Sequence[float],
    start: float,
    end: float,
    *,
    zero: bool = False,
    full: float | None = None,
    steps: int = 4,
    near: float = 0.45,
) -> Scale:
    """A scale with round limits. `full` caps the top.

    It starts at 0 when asked to, or when the smallest value is below the share `near` of the largest.
    """
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if zero or (low > 0 and low <= near * high):
        low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 1e-9:
        margin = abs(high) * 0.1 or 1.0
        low, high = (low - margin, high + margin) if not zero else (min(low, 0.0), max(high, margin))
    step = _step((high - low) / steps)
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    if full is not None and high <= full < top:
        top = full
    count = round((top - bottom) / step)
    ticks = tuple(round(bottom + step * number, 6) for number in range(count + 1))
    return Scale(bottom, top, start, end, tuple(tick for tick in ticks if tick <= top + 1e-9))


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough - 1e-12)


def coordinate(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text_width(text: str, size: float = FONT) -> float:
    """Approximate width of a text in a sans-serif face; a little too wide rather than too narrow."""
    return size * sum(
        0.3 if c in _NARROW else 0.36 if c in _MIDDLE else 0.88 if c in _WIDE else 0.7 if c.isupper() else 0.57
        for c in text
    )


def wrapped(text: str, width: float, lines: int = 3) -> list[str]:
    """The text in lines of at most `width` units; words are kept, a too long rest ends with an ellipsis."""
    found: list[str] = []
    for word in text.split():
        joined = f"{found[-1]} {word}" if found else word
        if found and text_width(joined) <= width:
            found[-1] = joined
        else:
            found.append(word)
    return found if len(found) <= lines else [*found[: lines - 1], found[lines - 1] + "…"]


def label(x: float, y: float, text: str, css: str, anchor: str = "start") -> str:
    """A text; the baseline is chosen so that `y` is its middle."""
    at = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{coordinate(x)}" y="{coordinate(y + 4)}" class="{css}"{at}>{escape(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    a, b, c, d = (coordinate(value) for value in (x1, y1, x2, y2))
    return f'<line x1="{a}" y1="{b}" x2="{c}" y2="{d}" class="{css}"/>'


def marker(x: float, y: float, role: str, *, hollow: bool = False, radius: float = 4.0) -> str:
    """Circle for the focus group, square for the reference group, diamond for the total: shape as well as colour."""
    css = f"mark {role}" + (" hollow" if hollow else "")
    if role == "reference":
        corner, side = radius * 0.9, radius * 1.8
        place = f'x="{coordinate(x - corner)}" y="{coordinate(y - corner)}"'
        return f'<rect {place} width="{coordinate(side)}" height="{coordinate(side)}" class="{css}"/>'
    if role == "total":
        far = radius * 1.2
        corners = ((x, y - far), (x + far, y), (x, y + far), (x - far, y))
        path = " ".join(f"{coordinate(a)},{coordinate(b)}" for a, b in corners)
        return f'<polygon points="{path}" class="{css}"/>'
    return f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="{coordinate(radius)}" class="{css}"/>'


def spread(wanted: Sequence[float], distances: Sequence[float], low: float, high: float) -> list[float]:
    """Positions close to the wanted ones, in their order, that keep their distances and stay between the limits.

    `distances[i]` is the height of label i; neighbours are kept half of both heights apart.
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = [0.0] * len(wanted)
    floor = low
    for index in order:
        placed[index] = max(wanted[index], floor + distances[index] / 2)
        floor = placed[index] + distances[index] / 2
    ceiling = high
    for index in reversed(order):
        placed[index] = min(placed[index], ceiling - distances[index] / 2)
        ceiling = placed[index] - distances[index] / 2
    return placed
