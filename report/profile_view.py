"""The demographic profile of a region: population over time with projection, its structure, and tables of both.

What it consists of is declared in the framework (profile.yaml); a figure that is hidden stands as its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from report import charts
from report.charts import Line
from report.content import Report
from report.data import as_text, records
from report.numbers import is_bracket, rounded
from report.places import Place
from report.share_bars import share_bars
from report.svg import Frame, Point
from report.tables import table
from report.values import as_number
from report.wording import Wording
from schemas.definitions_profile import Measure
from schemas.shapes import TOTAL

DECIMALS = {"count": 0, "share": 1, "index": 1}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the profile; `projected` is no count."""

    value: float | None
    sign: str
    projected: bool
    source: str


Rows = Mapping[str, Mapping[int, Figure]]
"""Band -> year -> figure."""


class ProfileView:
    """The profile of one region in one language."""

    def __init__(self, wording: Wording, report: Report, place: Place) -> None:
        self.wording = wording
        self.report = report
        self.place = place
        self.declared = {measure.code: measure for measure in report.framework.profile.measures}
        self.figures = self._figures()

    def sentences(self) -> list[str]:
        """Population of the report year and its development since the first year."""
        found = []
        for code, rows in self.figures.items():
            if self.declared[code].figure == "count" and (text := self._population(rows.get(TOTAL, {}))):
                found.append(text)
        return found

    def parts(self) -> list[dict[str, object]]:
        """For each measure: title, chart, table, note."""
        return [self._part(self.declared[code], rows) for code, rows in self.figures.items()]

    def _population(self, by_year: Mapping[int, Figure]) -> str:
        counted = {y: f.value for y, f in by_year.items() if not f.projected and f.value is not None}
        now = counted.get(self.report.year)
        if now is None:
            return ""
        name, year = self.wording.place(self.place), self.report.year
        text = self.wording("profile.population", region=name, n=self.wording.about(now), year=year)
        first = min(counted)
        then = counted[first]
        if first == year or then is None:
            return text
        step = now - then
        key = "same" if step == 0 else "more" if step > 0 else "less"
        return f"{text} {self.wording(f'profile.{key}', n=self.wording.about(abs(step)), year=first)}"

    def _part(self, measure: Measure, rows: Rows) -> dict[str, object]:
        shown = sorted({year for by_year in rows.values() for year, f in by_year.items() if f.value is not None})
        projected = [f for by_year in rows.values() for f in by_year.values() if f.projected]
        note = ""
        if projected:
            note = (
                f"{self.wording.plain(self.report.framework.profile, 'projection_note')} {projected[0].source}".strip()
            )
        chart = Markup("")
        if shown and measure.dimension is None:
            chart = self._line(measure, rows.get(TOTAL, {}))
        elif shown:
            chart = self._bars(measure, rows)
        title = self.wording.plain(measure)
        return {"title": title, "chart": chart, "table": self._table(measure, rows), "note": note}

    def _line(self, measure: Measure, by_year: Mapping[int, Figure]) -> Markup:
        years = range(min(by_year), max(by_year) + 1)
        counted = [_point(by_year.get(year), projected=False) for year in years]
        lines = [Line(self.wording("profile.counted"), "focus", tuple(counted))]
        if any(f.projected for f in by_year.values()):
            ahead = [_point(by_year.get(year), projected=True) for year in years]
            lines.append(Line(self.wording("profile.projected"), "total", tuple(ahead)))
        decimals = DECIMALS[measure.figure]
        title = f"{self.wording.plain(measure)}: {self.wording.place(self.place)}"
        said = "; ".join(
            f"{year}: {self.wording.number(f.value, decimals)}"
            + (f" ({self.wording('profile.projected')})" if f.projected else "")
            for year, f in sorted(by_year.items())
            if f.value is not None
        )
        frame = Frame(f"p-{measure.code.lower()}-{self.place.slug}", title, said)
        number = self.wording.number
        return charts.line_chart(
            frame, years, lines, lambda value: number(value, decimals), lambda value: number(value, 0), bottom=150.0
        )

    def _bars(self, measure: Measure, rows: Rows) -> Markup:
        """The latest year: one bar for each band."""
        last = max((y for by_year in rows.values() for y, f in by_year.items() if not f.projected), default=None)
        bars = [
            (self._band(measure, band), _point(by_year.get(last or 0), projected=False))
            for band, by_year in rows.items()
        ]
        said = "; ".join(
            f"{name}: {self.wording.number(point.value, DECIMALS[measure.figure]) or point.sign}"
            for name, point in bars
        )
        title = f"{self.wording.plain(measure)}, {last}: {self.wording.place(self.place)}"
        frame = Frame(f"p-{measure.code.lower()}-{self.place.slug}", title, said)
        return share_bars(frame, bars, lambda value: self.wording.number(value, DECIMALS[measure.figure]))

    def _table(self, measure: Measure, rows: Rows) -> Markup:
        years = sorted({year for by_year in rows.values() for year in by_year})
        heads = [
            f"{year} {self.wording('profile.mark')}"
            if any(b[year].projected for b in rows.values() if year in b)
            else year
            for year in years
        ]
        body = [
            (escape(self._band(measure, band)), [self._cell(measure, by_year.get(year)) for year in years], False)
            for band, by_year in rows.items()
        ]
        caption = f"{self.wording.plain(measure)}: {self.wording.place(self.place)}"
        return table(escape(caption), self.wording("word.group"), heads, body)

    def _cell(self, measure: Measure, figure: Figure | None) -> Markup:
        if figure is None:
            return Markup('<td><span class="vh">{}</span></td>').format(self.wording("word.no_row"))
        text = self.wording.number(figure.value, DECIMALS[measure.figure]) if figure.value is not None else figure.sign
        return Markup("<td>{}</td>").format(text)

    def _band(self, measure: Measure, band: str) -> str:
        named = self.report.framework.profile.label(measure.code, band, self.wording.lang)
        if named:
            return named
        if band in ("", TOTAL) or measure.dimension is None:
            return self.wording("word.total")
        return self.wording.member(measure.dimension, band)

    def _figures(self) -> dict[str, dict[str, dict[int, Figure]]]:
        frame: pd.DataFrame = self.report.data.profile
        found: dict[str, dict[str, dict[int, Figure]]] = {}
        if frame.empty:
            return found
        rows = frame[(frame["region"] == self.place.code) & ((frame["year"] <= self.report.year) | frame["projected"])]
        columns = ["measure", "member", "year", "value", "status", "projected", "source"]
        for row in records(rows, columns):
            code, band = str(row[0]), as_text(row[1])
            if code not in self.declared:
                continue
            figure = self._figure(self.declared[code], row)
            found.setdefault(code, {}).setdefault(band, {})[int(str(row[2]))] = figure
        return {code: self._ordered(self.declared[code], found[code]) for code in self.declared if code in found}

    def _figure(self, measure: Measure, row: Sequence[object]) -> Figure:
        status, value = self.report.framework.statuses.get(as_text(row[4])), as_number(row[3])
        projected = as_text(row[5]) == "True"
        if value is None or status is None or not status.has_value:
            return Figure(None, (status.sign if status else "") or ".", projected, as_text(row[6]))
        return Figure(rounded(value, DECIMALS[measure.figure]), status.sign, projected, as_text(row[6]))

    @staticmethod
    def _ordered(measure: Measure, rows: dict[str, dict[int, Figure]]) -> dict[str, dict[int, Figure]]:
        order = [band.code for band in measure.bands]
        return {band: rows[band] for band in sorted(rows, key=lambda b: order.index(b) if b in order else -1)}


def _point(figure: Figure | None, *, projected: bool) -> Point:
    if figure is None or figure.projected != projected:
        return Point(None)
    return Point(figure.value, figure.sign, hollow=figure.value is not None and (projected or is_bracket(figure.sign)))
