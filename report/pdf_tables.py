"""The tables of one indicator for paper; signs that occur are explained below each table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.content import IndicatorContent, Report
from report.pdf_blocks import Block, Column, Line, table
from report.places import Place
from report.tables import Tables, change_text
from report.values import RATIO_DECIMALS, Cell
from report.wording import Wording
from schemas.framework_model import Members

YEARS_BESIDE, YEARS_OF_REGIONS = 6, 4
"""Years next to each other on a page: of a breakdown, of all regions."""


class Marks:
    """The signs of a table, each with what it means there, in the order in which they occur."""

    def __init__(self, wording: Wording) -> None:
        self.wording = wording
        self._found: dict[str, dict[str, None]] = {}
        self._empty = False

    def text(self, cell: Cell | None, decimals: int) -> str:
        """What stands in a cell, noted for the explanation."""
        if cell is None:
            self._empty = True
        elif cell.sign:
            self._found.setdefault(cell.sign, {})[self.wording.sign_meaning(cell)] = None
        return self.wording.cell_text(cell, decimals)

    def note(self) -> str:
        """`/ = not reliable; ( ) = of limited reliability`."""
        known = [f"{sign} = {', '.join(meanings)}" for sign, meanings in self._found.items()]
        known += [f"{self.wording('pdf.empty')} = {self.wording('word.no_row')}"] if self._empty else []
        return f"{self.wording('pdf.signs')} {'; '.join(known)}." if known else ""


class PrintTables:
    """Tables of one indicator in one language."""

    def __init__(self, wording: Wording, report: Report, content: IndicatorContent) -> None:
        self.wording = wording
        self.report = report
        self.content = content
        self.decimals = content.entry.decimals
        self._numbers = Tables(wording, report, content)

    def years(self, place: Place, beside: Sequence[Place] = ()) -> Block:
        """Years in rows; total, groups and gap in columns, then the ratio or the totals of the places beside it."""
        t, content = self.wording, self.content
        heads = [t.members(series.members) for series in content.series]
        heads += [t("word.gap"), *([] if beside else [t("word.ratio")])] if content.entry.gap else []
        heads += [t.place(other) for other in beside]
        marks = Marks(t)
        lines = [Line(str(year), self._year(marks, place, year, beside)) for year in self.report.years]
        caption = self._caption("pdf.table_years", region=t.place(place))
        return self._table(caption, t("word.year"), heads, lines, marks, first=0.8)

    def breakdown(self, place: Place) -> list[Block]:
        """Every point of the breakdown in rows, the latest years in columns; nothing beyond what `years` shows."""
        shown = {series.members for series in self.content.series}
        points = [point for point in self.content.points if point not in shown]
        if not points:
            return []
        years = self.report.years[-YEARS_BESIDE:]
        marks = Marks(self.wording)
        lines = [self._point(marks, place, point, years) for point in points]
        caption = self._caption("pdf.table_breakdown", region=self.wording.place(place))
        return [self._table(caption, self.wording("word.group"), [str(y) for y in years], lines, marks, first=2.6)]

    def regions(self) -> Block:
        """Regions in rows; totals of the latest years, groups, gap and its change in columns."""
        t, content, year = self.wording, self.content, self.report.year
        years = self.report.years[-YEARS_OF_REGIONS:]
        groups = [series for series in content.series if series.members]
        heads = [f"{t('word.total')} {years[0]}", *(str(each) for each in years[1:])]
        heads += [f"{t.members(series.members)} {year}" for series in groups]
        heads += [f"{t('word.gap')} {year}"] if content.entry.gap else []
        heads += [t("pdf.change", year=self.report.previous_year)]
        marks, lines = Marks(t), []
        for place in self.report.places:
            cells = [marks.text(content.cell(place.code, each), self.decimals) for each in years]
            cells += [marks.text(content.cell(place.code, year, s.members), self.decimals) for s in groups]
            cells += [self.gap(marks, place, year)] if content.entry.gap else []
            lines.append(Line(t.place(place), [*cells, change_text(self._numbers, place)], place.reference))
        return self._table(self._caption("pdf.table_regions"), t("word.region"), heads, lines, marks, first=2.4)

    def gap(self, marks: Marks, place: Place, year: int) -> str:
        """The gap, or the sign of the group that hides it."""
        found = self.content.gap(place.code, year)
        if found is not None and found.difference is not None:
            return self.wording.number(found.difference, self.decimals)
        cells = (self.content.cell(place.code, year, series.members) for series in self.content.groups())
        return marks.text(next((cell for cell in cells if cell is not None and cell.value is None), None), 0)

    def change(self, place: Place) -> str:
        """Difference to the year before."""
        return change_text(self._numbers, place)

    def _year(self, marks: Marks, place: Place, year: int, beside: Sequence[Place]) -> list[str]:
        content = self.content
        cells = [marks.text(content.cell(place.code, year, s.members), self.decimals) for s in content.series]
        if content.entry.gap:
            gap = content.gap(place.code, year)
            cells += [self.gap(marks, place, year)]
            cells += [] if beside else [self.wording.number(gap.ratio if gap else None, RATIO_DECIMALS)]
        return cells + [marks.text(content.cell(other.code, year), self.decimals) for other in beside]

    def _point(self, marks: Marks, place: Place, point: Members, years: Iterable[int]) -> Line:
        label = self.wording.members(point)
        return Line(label, [marks.text(self.content.cell(place.code, year, point), self.decimals) for year in years])

    def _caption(self, key: str, **parts: object) -> str:
        unit = self.wording.unit(self.content.entry.unit)
        return self.wording(key, year=self.report.year, unit=unit, **{"region": "", **parts})

    def _table(
        self, caption: str, corner: str, heads: Iterable[str], lines: list[Line], marks: Marks, first: float
    ) -> Block:
        columns = [Column(head, share=max(1.0, min(longest_word(head) / 7.5, 1.9))) for head in heads]
        return table(caption, corner, columns, lines, first=first, note=marks.note())


def longest_word(text: str) -> int:
    """Length of the longest word: what a narrow column must hold."""
    return max((len(word) for word in text.split()), default=0)
