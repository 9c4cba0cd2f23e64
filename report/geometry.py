"""Outlines of regions from a file that the house names: drawn in place of the built-in tile map.

The file is JSON: `w`, `h` (size of the grid), `quelle` (credit line, always printed) and any number of collections, each a
mapping of the key of a region to its outline: `name`, `d` (SVG path), `x`, `y` (a point inside). Several collections may
show the same country at different times; the one that fits the reporting year best is drawn, and on top of it collections
of municipalities that are valid in that year.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.territory import KREIS, Territory, reference_day

_PATH = re.compile(r"[MmLlHhVvCcSsQqTtAaZz0-9eE\s.,+-]+")


class GeometryError(ValueError):
    """The file cannot be used; the message says why, in German."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Outline of a region as an SVG path on the grid of the file."""

    code: str
    path: str


@dataclass(frozen=True, slots=True)
class Geometry:
    """All collections of a file."""

    width: float
    height: float
    credit: str
    collections: tuple[tuple[Outline, ...], ...]

    def outlines(self, territory: Territory, year: int) -> tuple[Outline, ...]:
        """The outlines of a reporting year, those of municipalities last (on top)."""
        day = reference_day(year)
        valid = {unit.code: unit.level for unit in territory.valid_units(day)}
        districts = {code for code, level in valid.items() if level == KREIS}

        def fit(found: tuple[Outline, ...]) -> tuple[int, int]:
            codes = {outline.code for outline in found}
            return len(codes & districts), -len(codes - districts)

        base = max(self.collections, key=fit)
        inside = [o for found in self.collections if found is not base for o in found if valid.get(o.code, "") != KREIS]
        return (*(o for o in base if o.code in valid), *(o for o in inside if o.code in valid))


def read_geometry(path: Path) -> Geometry:
    """The outlines of a file; raises GeometryError when it is missing, unreadable or of another shape."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        width, height, credit = float(data.pop("w")), float(data.pop("h")), str(data.pop("quelle"))
        collections = tuple(
            tuple(_outline(path, code, entry) for code, entry in found.items()) for found in data.values()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, GeometryError):
            raise
        raise GeometryError(f"{path}: Die Datei mit den Umrissen ist nicht lesbar ({error}).") from error
    if not any(collections) or min(width, height) <= 0:
        raise GeometryError(f"{path}: Die Datei enthält keine Umrisse.")
    return Geometry(width, height, credit, collections)


def _outline(path: Path, code: str, entry: dict[str, Any]) -> Outline:
    drawn = str(entry["d"])
    if not _PATH.fullmatch(drawn):
        raise GeometryError(f"{path}: Der Umriss von {code} ist kein SVG-Pfad.")
    return Outline(str(code), drawn)
