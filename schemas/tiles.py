"""The tile map: each region a square on a grid, as data beside the regions (tiles.csv).

Columns: code, row, col (whole numbers from 0, row 0 is the north), label (short enough for a tile), valid_from, valid_to
(ISO dates, empty is open). A regions folder without the file has no tile map.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from schemas.territory import Period, Territory, TerritoryError
from schemas.territory_source import TerritorySource

FILE = "tiles.csv"


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a region stands on the grid, and when."""

    code: str
    row: int
    col: int
    label: str
    period: Period


def read_tiles(folder: Path, territory: Territory) -> tuple[Tile, ...]:
    """The tiles of a regions folder in the order of the file. Raises TerritoryError with all problems."""
    source = TerritorySource(folder)
    found: list[Tile] = []
    for row in source.rows(FILE, "code row col label valid_from valid_to"):
        tile = Tile(row["code"], row.parse("row", int, -1), row.parse("col", int, -1), row["label"], row.period())
        if not territory.known(tile.code):
            row.note(f"Schlüssel {tile.code} steht nicht in units.csv.")
        if min(tile.row, tile.col) < 0:
            row.note("row und col sind ganze Zahlen ab 0.")
        if not tile.label:
            row.note("label ist leer.")
        for other in found:
            together = other.period.first <= tile.period.last and tile.period.first <= other.period.last
            if together and (other.code == tile.code or (other.row, other.col) == (tile.row, tile.col)):
                row.note(f"{tile.code} und {other.code} stehen zur selben Zeit auf demselben Platz oder doppelt.")
        found.append(tile)
    if source.problems:
        raise TerritoryError(source.problems)
    return tuple(found)


def tiles_on(tiles: tuple[Tile, ...], day: date) -> tuple[Tile, ...]:
    """The tiles of a day."""
    return tuple(tile for tile in tiles if tile.period.covers(day))
