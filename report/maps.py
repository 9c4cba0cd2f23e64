"""Maps as plain SVG: a tile for each region, or outlines. Classes by shade, no value hatched, every area a link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

from report.geometry import Outline
from report.svg import Frame, coordinate, label

CLASSES = 5
WIDTH = 360.0
TILE_HEIGHT, GUTTER = 42.0, 4.0
_HATCH = (
    '<defs><pattern id="{id}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" class="hatch-ground"/><line x1="0" y1="0" x2="0" y2="6" class="hatch"/></pattern></defs>'
)


@dataclass(frozen=True, slots=True)
class Area:
    """A region on a map: what it is called, what stands on it, its class (None: no value), where it leads to."""

    code: str
    name: str
    label: str
    text: str
    shade: int | None
    href: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """Place of a tile on the grid."""

    area: Area
    row: int
    col: int


def classes(values: Sequence[float], most: int = CLASSES) -> tuple[tuple[float, float], ...]:
    """At most `most` classes of about as many different values each; a class is its smallest and largest value."""
    ordered = sorted(set(values))
    count = min(most, len(ordered))
    edges = [round(len(ordered) * number / count) for number in range(count + 1)] if count else []
    return tuple((ordered[a], ordered[b - 1]) for a, b in pairwise(edges))


def shade(value: float, found: Sequence[tuple[float, float]]) -> int:
    """Which of five shades: few classes are spread over all of them."""
    position = next(number for number, (_, high) in enumerate(found) if value <= high)
    return position if len(found) in (1, CLASSES) else round(position * (CLASSES - 1) / (len(found) - 1))


def tile_map(frame: Frame, spots: Sequence[Spot], *, plain: bool = False, names: bool = True) -> Markup:
    """A square for each region, about where it lies; `plain` names only those with a value, for many maps on a page."""
    columns = max((spot.col for spot in spots), default=0) + 1
    rows = max((spot.row for spot in spots), default=0) + 1
    width = (WIDTH + GUTTER) / columns - GUTTER
    hatch = f"h-{frame.id}"
    body = [_HATCH.format(id=hatch)]
    for spot in spots:
        x, y = spot.col * (width + GUTTER), spot.row * (TILE_HEIGHT + GUTTER)
        place = (
            f'x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(width)}" height="{coordinate(TILE_HEIGHT)}"'
        )
        shape = f'<rect {place} rx="3"{_fill(spot.area, hatch)}/>'
        if plain and spot.area.shade is None:
            body.append(f'<g class="area none">{shape}</g>')
            continue
        middle = x + width / 2
        name_y = y + TILE_HEIGHT / 2 - (8 if spot.area.text else 0)
        text = label(middle, name_y, spot.area.label, "tile-name", "middle") if names else ""
        if spot.area.text:
            text += " " * names + label(
                middle, y + TILE_HEIGHT / 2 + (9 if names else 0), spot.area.text, "tile-value", "middle"
            )
        body.append(_linked(spot.area, shape + text, named=True))
    return frame.svg(WIDTH, rows * (TILE_HEIGHT + GUTTER) - GUTTER, body, "chart map tiles", "group")


def outline_map(frame: Frame, width: float, height: float, areas: Sequence[tuple[Area, Outline]]) -> Markup:
    """The outlines of the regions; small ones come last and lie on top."""
    hatch = f"h-{frame.id}"
    body = [_HATCH.format(id=hatch)]
    for area, outline in areas:
        body.append(_linked(area, f'<path d="{outline.path}"{_fill(area, hatch)}/>'))
    return frame.svg(width, height, body, "chart map outlines", "group")


def swatch(shade_number: int | None) -> Markup:
    """A small square in the shade of a class, for the key beside a map."""
    css = "none" if shade_number is None else f"c{shade_number}"
    body = '<rect x="0.5" y="0.5" width="25" height="13" rx="2"/>'
    if shade_number is None:
        body += '<path d="M2 13L13 1M9 13L20 1M16 13L25 3" class="hatch"/>'
    return Markup(f'<svg class="key" viewBox="0 0 26 14" aria-hidden="true"><g class="area {css}">{body}</g></svg>')


def _fill(area: Area, hatch: str) -> str:
    return f' fill="url(#{hatch})"' if area.shade is None else ""


def _linked(area: Area, body: str, *, named: bool = False) -> str:
    css = "area none" if area.shade is None else f"area c{area.shade}"
    said = escape(f"{area.name}: {area.text}" if area.text else area.name)
    if named:  # what is read aloud begins with what is seen
        seen = f"{area.label} {area.text}".strip()
        said = escape(seen if area.name == area.label else f"{seen}, {area.name}")
    tip = "" if named else f"<title>{said}</title>"
    if area.href:
        return f'<a class="{css}" href="{escape(area.href)}" aria-label="{said}">{tip}{body}</a>'
    return f'<g class="{css}">{tip}{body}</g>'
