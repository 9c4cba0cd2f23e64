"""From content to figures: which numbers go into which chart, with title, description and caption in one language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from markupsafe import Markup

from report import charts, sentences
from report.charts import Line
from report.comparison import Row, comparison_chart
from report.content import IndicatorContent, Report, Series
from report.derived import Break
from report.numbers import is_bracket
from report.places import Place, slug
from report.svg import Frame, Point, scale
from report.values import Cell
from report.wording import Wording


class Figures:
    """The figures of one indicator in one language. Ids are unique on a page: they contain what they show."""

    def __init__(self, wording: Wording, report: Report, content: IndicatorContent) -> None:
        self.wording = wording
        self.report = report
        self.content = content
        self.years = report.years
        self.full = 100.0 if content.entry.unit in ("percent", "index_0_100") else None

    def has_values(self, place: Place) -> bool:
        """Is there any number to draw for the region?"""
        return bool(self._values(place))

    def lines(self, place: Place, height: float = charts.TALL) -> Markup:
        """Level by group over time."""
        frame = self._frame("l", place, "figure.lines_title", self._spoken(place))
        cuts, word = self._cuts(place), self.wording("figure.break")
        lines = self._lines(place)
        return charts.line_chart(frame, self.years, lines, self._text, self._tick, self.full, height, cuts, word)

    def small_lines(self, place: Place, *, alone: bool = False) -> Markup:
        """The same in small, on the scale that all regions share; on its own scale when it stands alone."""
        shared = self._values(place) if alone else self._all_values
        frame = self._frame("s", place, "figure.lines_title", self._spoken(place))
        lines = self._lines(place)
        cuts = self._cuts(place)
        return charts.small_line_chart(frame, self.years, lines, self._text, self._tick, shared, self.full, cuts)

    def _cuts(self, place: Place) -> list[int]:
        return [each.year for each in self.content.breaks(place.code)]

    @cached_property
    def _all_values(self) -> list[float]:
        return [value for place in self.report.places for value in self._values(place)]

    def lines_note(self, place: Place) -> str:
        """Unit, and what a reader must know about this very chart: axis not from 0, lines that are broken."""
        parts = [self.wording("figure.unit", unit=self.wording.unit(self.content.entry.unit))]
        if scale(self._values(place), 0, 1, full=self.full).low > 0:
            parts.append(self.wording("figure.axis"))
        if any(point.value is None and point.sign for line in self._lines(place) for point in line.points):
            parts.append(self.wording("figure.broken"))
        if any(point.lower is not None for line in self._lines(place) for point in line.points):
            parts.append(self.wording("figure.band"))
        parts += [self._break_text(each) for each in self.content.breaks(place.code) if each.year > self.years[0]]
        return " ".join(parts)

    def _break_text(self, each: Break) -> str:
        return self.wording("figure.break_text", year=each.year, text=self.wording.plain(each, "text"))

    def regions_note(self) -> str:
        """That there is no ranking, and what the dashed lines are."""
        parts = [self.wording("figure.unit", unit=self.wording.unit(self.content.entry.unit))]
        parts.append(self.wording("figure.regions_note"))
        first = next((place for place in self.report.references if self.has_values(place)), None)
        cells = [self._cell(first, series, self.report.year) for series in self.content.groups()] if first else []
        if first and any(cell is not None and cell.value is not None for cell in cells):
            parts.append(self.wording("figure.against", place=self.wording.place(first)))
        return " ".join(parts)

    def gap(self, place: Place, height: float = charts.TALL) -> Markup:
        """Focus minus reference for each year; empty when no year has a gap."""
        points = [self._gap_point(place, year) for year in self.years]
        if not any(point.value is not None for point in points):
            return Markup("")
        spoken = self.wording("alt.gap", values=self._listed(points))
        frame = self._frame("g", place, "figure.gap_title", spoken)
        beside = [self._adjusted_point(place, year) for year in self.years]
        return charts.gap_chart(frame, self.years, points, self._text, self._tick, height, beside)

    def has_standardised(self, place: Place) -> bool:
        """Does any year have a gap after age standardisation?"""
        return any(self._adjusted_point(place, year).value is not None for year in self.years)

    def regions(self, draw: Callable[..., Markup] = comparison_chart) -> Markup:
        """All regions in the report year; empty when none has a value. `draw` decides the form."""
        rows = [self._row(place) for place in self.report.places if not place.reference or self.has_values(place)]
        if not any(point.value is not None for row in rows for _, point in row.points):
            return Markup("")
        spoken = sentences.regions_range(self.wording, self.report, self.content)
        name = self.wording.plain(self.content.entry)
        title = self.wording("figure.regions_title", name=name, year=self.report.year)
        return draw(Frame("c", title, spoken), rows, self._text, self._tick, self.full)

    def spark(self, place: Place) -> Markup:
        """Development of the total in the size of a word."""
        return charts.sparkline([cell_point(self.content.cell(place.code, year)) for year in self.years])

    def key(self) -> list[tuple[Markup, str]]:
        """Marker and name of each series, for charts that are too small to name them."""
        return [(charts.key_marker(s.role), self.wording.members(s.members)) for s in self.content.series]

    # --- parts ----------------------------------------------------------------------------------------------------

    def _frame(self, kind: str, place: Place, key: str, spoken: str) -> Frame:
        name = self.wording.plain(self.content.entry)
        return Frame(
            f"{kind}-{slug(self.content.code)}-{place.slug}",
            self.wording(key, name=name, region=self.wording.place(place)),
            spoken,
        )

    def _spoken(self, place: Place) -> str:
        said = sentences.spoken_series(self.wording, self.report, self.content, place)
        years = ", ".join(str(year) for year in self._cuts(place) if year > self.years[0])
        return f"{said} {self.wording('alt.breaks', years=years)}" if years else said

    def _text(self, value: float) -> str:
        return self.wording.number(value, self.content.entry.decimals)

    def _tick(self, value: float) -> str:
        decimals = next((n for n in range(4) if abs(value - round(value, n)) < 1e-9), 4)
        return self.wording.number(value, decimals)

    def _values(self, place: Place) -> list[float]:
        return [
            cell.value
            for series in self.content.series
            for year in self.years
            if (cell := self._cell(place, series, year)) is not None and cell.value is not None
        ]

    def _cell(self, place: Place, series: Series, year: int) -> Cell | None:
        return self.content.cell(place.code, year, series.members)

    def _lines(self, place: Place) -> list[Line]:
        return [
            Line(
                self.wording.members(series.members),
                series.role,
                tuple(cell_point(self._cell(place, series, year)) for year in self.years),
            )
            for series in self.content.series
        ]

    def _gap_point(self, place: Place, year: int) -> Point:
        gap = self.content.gap(place.code, year)
        if gap is not None and gap.difference is not None:
            return Point(gap.difference, lower=gap.lower, upper=gap.upper)
        cells = [self._cell(place, series, year) for series in self.content.groups()]
        return Point(None, next((cell.sign for cell in cells if cell is not None and cell.value is None), ""))

    def _adjusted_point(self, place: Place, year: int) -> Point:
        gap = self.content.standardised(place.code, year)
        return Point(None) if gap is None else Point(gap.difference)

    def _row(self, place: Place) -> Row:
        points = tuple(
            (series.role, cell_point(self._cell(place, series, self.report.year))) for series in self.content.groups()
        )
        if not any(point.value is not None or point.sign for _, point in points):
            total = cell_point(self.content.cell(place.code, self.report.year))
            points = (("total", total if total.value is None else Point(None)),)
        return Row(self.wording.place(place), points, place.reference)

    def _listed(self, points: Sequence[Point]) -> str:
        pairs = zip(self.years, points, strict=True)
        return "; ".join(f"{year}: {self._text(point.value)}" for year, point in pairs if point.value is not None)


def cell_point(cell: Cell | None) -> Point:
    """What a chart draws of a cell."""
    if cell is None:
        return Point(None)
    hollow = cell.value is not None and is_bracket(cell.sign)
    return Point(cell.value, cell.sign, hollow, cell.lower, cell.upper)
