"""From content to maps: which region gets which shade; the map that leads to the regions."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from report import maps, sentences
from report.content import FEW, IndicatorContent, Report
from report.geometry import Geometry
from report.maps import Area, Spot
from report.places import slug
from report.svg import Frame
from report.wording import Wording
from schemas.territory import reference_day
from schemas.tiles import tiles_on

Shown = tuple[str, int | None]
"""What stands on an area, and its shade."""


class Maps:
    """The maps of a report in one language; `up` leads from the page to the folder of the language."""

    def __init__(self, wording: Wording, report: Report, geometry: Geometry | None, up: str) -> None:
        self.wording = wording
        self.report = report
        self.geometry = geometry
        self.up = up
        self.tiles = tiles_on(report.framework.tiles, reference_day(report.year))
        self.pages = {place.code: place for place in report.places}

    @property
    def credit(self) -> str:
        """Credit line of the outlines; empty for the tile map."""
        return self.geometry.credit if self.geometry else ""

    def regions(self) -> Markup:
        """The way to the regions: those with a page are links, shaded when their delivery is in force."""
        accepted = set(self.report.deliveries.accepted(self.report.year))
        shown: dict[str, Shown] = {code: ("", 3 if code in accepted else 0) for code in self.pages}
        frame = Frame("map-regions", self.wording("map.regions"), self.wording("map.regions_alt"))
        return self._drawn(frame, shown)

    def choropleth(self, content: IndicatorContent, *, linked: bool = True) -> tuple[Markup, list[tuple[Markup, str]]]:
        """Values of the report year in classes, with the key; empty for counts and where no region has a value."""
        entry, year = content.entry, self.report.year
        cells = {code: content.cell(code, year) for code in self._codes()}
        values = {code: cell.value for code, cell in cells.items() if cell is not None and cell.value is not None}
        if entry.unit == "count" or not values:
            return Markup(""), []
        found = maps.classes(list(values.values()))
        shown: dict[str, Shown] = {
            code: (
                self.wording.cell_text(cell, entry.decimals) if cell else "",
                maps.shade(values[code], found) if code in values else None,
            )
            for code, cell in cells.items()
        }
        title = self.wording("map.title", name=self.wording.plain(entry), year=year)
        frame = Frame(f"m-{slug(entry.code)}", title, sentences.regions_range(self.wording, self.report, content))

        return self._drawn(frame, shown, "regionen/{}.html" if linked else ""), self._key(found, entry.decimals)

    def _key(self, found: tuple[tuple[float, float], ...], decimals: int) -> list[tuple[Markup, str]]:
        rows = []
        for low, high in found:
            least, most = (self.wording.number(each, decimals) for each in (low, high))
            text = least if low == high else self.wording("map.range", low=least, high=most)
            rows.append((maps.swatch(maps.shade(high, found)), text))
        return [*rows, (maps.swatch(None), self.wording("map.none"))]

    def _codes(self) -> list[str]:
        if self.geometry:
            return [
                outline.code for outline in self.geometry.outlines(self.report.framework.territory, self.report.year)
            ]
        return [tile.code for tile in self.tiles]

    def _drawn(self, frame: Frame, shown: Mapping[str, Shown], target: str = "regionen/{}.html") -> Markup:
        def area(code: str, label: str = "") -> Area:
            text, shade = shown.get(code, ("", None))
            place = self.pages.get(code)
            name = self.wording.place(place) if place else self.report.framework.territory.unit_name(code)
            href = self.up + target.format(place.slug) if place and target else ""
            return Area(code, name, label or name, text, shade, href)

        if self.geometry:
            outlines = self.geometry.outlines(self.report.framework.territory, self.report.year)
            pairs = [(area(outline.code), outline) for outline in outlines]
            return maps.outline_map(frame, self.geometry.width, self.geometry.height, pairs)
        spots = [Spot(area(tile.code, tile.label), tile.row, tile.col) for tile in self.tiles]
        return (
            maps.tile_map(frame, spots, plain=not target, names=bool(target) or len(self.pages) <= FEW)
            if spots
            else Markup("")
        )
