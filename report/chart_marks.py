"""What a chart says beside its values: uncertainty as bands and whiskers, breaks in series as dotted verticals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.svg import Point, Scale, coordinate, label, line

_CAP = 2.5


def bands(
    points: Sequence[Point], years: Sequence[int], cuts: Iterable[int], across: Scale, up: Scale, role: str
) -> list[str]:
    """Light areas between the limits of neighbouring years; a whisker where a year with limits stands alone."""
    drawn: list[str] = []
    for run in stretches(points, years, cuts):
        limits = [
            (across(year), up(p.lower), up(p.upper)) for year, p in run if p.lower is not None and p.upper is not None
        ]
        if len(limits) < len(run):
            drawn += [whisker(x, low, high, role) for x, low, high in limits]
        elif len(limits) == 1:
            drawn.append(whisker(*limits[0], role))
        elif limits:
            corners = [(x, low) for x, low, _ in limits] + [(x, high) for x, _, high in reversed(limits)]
            path = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in corners)
            drawn.append(f'<polygon points="{path}" class="band {role}"/>')
    return drawn


def stretches(points: Sequence[Point], years: Sequence[int], cuts: Iterable[int]) -> list[list[tuple[int, Point]]]:
    """Neighbouring years with a value; a hidden value and a break in series each end a stretch."""
    stops, found = frozenset(cuts), [[]]  # type: frozenset[int], list[list[tuple[int, Point]]]
    for year, point in zip(years, points, strict=True):
        if point.value is None or year in stops:
            found.append([])
        if point.value is not None:
            found[-1].append((year, point))
    return [run for run in found if run]


def whisker(x: float, low: float, high: float, role: str) -> str:
    """A vertical interval with caps."""
    a, top, bottom = x, *sorted((low, high))
    path = f"M{coordinate(a)} {coordinate(top)}V{coordinate(bottom)}"
    caps = "".join(f"M{coordinate(a - _CAP)} {coordinate(y)}h{coordinate(2 * _CAP)}" for y in (top, bottom))
    return f'<path d="{path}{caps}" class="whisker {role}"/>'


def level_whisker(y: float, low: float, high: float, role: str) -> str:
    """A horizontal interval with caps."""
    left, right = sorted((low, high))
    path = f"M{coordinate(left)} {coordinate(y)}H{coordinate(right)}"
    caps = "".join(f"M{coordinate(x)} {coordinate(y - _CAP)}v{coordinate(2 * _CAP)}" for x in (left, right))
    return f'<path d="{path}{caps}" class="whisker {role}"/>'


def break_lines(
    cuts: Iterable[int], years: Sequence[int], across: Scale, top: float, bottom: float, word: str
) -> list[str]:
    """A dotted vertical before each year in which a series begins anew, with a word at its head."""
    drawn = []
    for year in sorted(set(cuts)):
        if years[0] < year <= years[-1]:
            x = across(year - 0.5)
            drawn.append(line(x, top, x, bottom, "cut"))
            drawn.append(label(x + 4, top + 4, word, "cut-name"))
    return drawn
