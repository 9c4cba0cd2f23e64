"""The report as plain data: which series an indicator shows, where, and what is missing. No text, no markup."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from report.data import ReportData
from report.deliveries import Deliveries, deliveries
from report.derived import NOTHING, Aim, Break, Derived, Trend, derived, frames_by_indicator
from report.places import COMPARISON, Place, places
from report.registers import Registers, published_registers
from report.values import Cell, GapValue, IndicatorValues, indicator_values
from schemas.definitions import Indicator
from schemas.framework_model import Framework, Members

Role = Literal["total", "focus", "reference"]
_MAX_GROUPS = 2
FEW = 14
"""So many places fit beside each other on a page, and in the columns of a table."""


@dataclass(frozen=True, slots=True)
class Series:
    """Members of one line of a chart; the role decides marker, dash and colour."""

    members: Members
    role: Role


@dataclass(frozen=True)
class IndicatorContent:
    """One indicator with its published values. `main` is the reference whose development leads the page."""

    entry: Indicator
    field: str
    values: IndicatorValues
    points: tuple[Members, ...]
    series: tuple[Series, ...]
    main: Place | None
    derived: Derived = NOTHING

    @property
    def code(self) -> str:
        """Code of the indicator."""
        return self.entry.code

    def cell(self, region: str, year: int, members: Members = ()) -> Cell | None:
        """Published cell, None when the snapshot has none."""
        return self.values.cell(region, members, year)

    def gap(self, region: str, year: int) -> GapValue | None:
        """Publishable gap of the total population."""
        return self.values.gap(region, year)

    def standardised(self, region: str, year: int) -> GapValue | None:
        """The gap of the total population after age standardisation."""
        return self.values.standardised_gap(region, year)

    def breaks(self, region: str) -> tuple[Break, ...]:
        """Breaks of the series of a region, oldest first."""
        return self.derived.breaks.get(region, ())

    def comparable(self, region: str, earlier: int, later: int) -> bool:
        """May values of two years be compared, or does a new series begin in between?"""
        return not any(earlier < each.year <= later for each in self.breaks(region))

    def trend(self, region: str, period: str, members: Members = ()) -> Trend | None:
        """Change or trend of the report year; without a number where a new series begins in between."""
        found = self.derived.trends.get((region, members, period))
        if found is None or found.from_year is None or self.comparable(region, found.from_year, self.derived.year):
            return found
        return replace(found, change=None, direction="", status="break")

    def trend_today(self, region: str, period: str, members: Members = ()) -> Trend | None:
        """The same of the series at today's territory, for regions whose territory has changed."""
        return self.derived.trends_today.get((region, members, period))

    def last_year(self, region: str, members: Members = ()) -> int | None:
        """The year of the last available value, where the report year has none."""
        return self.derived.last.get((region, members))

    def aims(self, region: str) -> tuple[Aim, ...]:
        """Targets of a region for this indicator."""
        return self.derived.aims.get(region, ())

    def groups(self) -> tuple[Series, ...]:
        """The series that are compared with each other: the groups, or the total where there are none."""
        return tuple(series for series in self.series if series.role != "total") or self.series


@dataclass(frozen=True)
class Report:
    """Everything the pages need. `failures` maps an indicator to the reason why it is missing."""

    framework: Framework
    data: ReportData
    year: int
    years: tuple[int, ...]
    places: tuple[Place, ...]
    contents: Mapping[str, IndicatorContent]
    deliveries: Deliveries
    failures: dict[str, str]
    registers: Registers = field(default_factory=Registers)

    @property
    def regions(self) -> tuple[Place, ...]:
        """Regions (and aggregates that stand for one), alphabetical."""
        return tuple(place for place in self.places if not place.reference)

    @property
    def references(self) -> tuple[Place, ...]:
        """What the regions are compared with."""
        return tuple(place for place in self.places if place.reference)

    @property
    def side_by_side(self) -> tuple[Place, ...]:
        """Places that one page can show beside each other: all of them, or the members of the comparison groups."""
        if len(self.places) <= FEW:
            return self.places
        groups = (group for group in self.framework.territory.aggregates(self.year) if group.kind == COMPARISON)
        members = {member for group in groups for member in group.members}
        return tuple(place for place in self.places if place.reference or place.code in members)

    @property
    def previous_year(self) -> int:
        """The year before the report year."""
        return self.year - 1

    def indicators(self) -> tuple[Indicator, ...]:
        """Indicators of the report year, in the order of the fields."""
        return tuple(
            entry
            for field in self.framework.fields
            for entry in self.framework.indicators_of(field)
            if entry.valid_in(self.year)
        )

    def content(self, code: str) -> IndicatorContent | None:
        """Content of an indicator, None when it failed."""
        return None if code in self.failures else self.contents.get(code)

    def missing_reason(self, code: str) -> str:
        """Why an indicator is missing; empty when it is there."""
        return self.failures.get(code, "")


def build_content(data: ReportData, framework: Framework, year: int, progress: Callable[[str], None]) -> Report:
    """Group the frames once and work out every indicator of the report year; one that fails is noted, not raised."""
    published = {str(code): rows for code, rows in data.published.groupby("indicator", sort=False)}
    gaps = {str(code): rows for code, rows in data.gaps.groupby("indicator", sort=False)}
    years = tuple(sorted({int(y) for y in data.published["year"].unique() if int(y) <= year} | {year}))
    shown = places(data, framework, years)
    beside = frames_by_indicator(data)
    contents: dict[str, IndicatorContent] = {}
    failures: dict[str, str] = {}
    for code, entry in framework.indicators.items():
        if not entry.valid_in(year):
            continue
        try:
            adjusted = beside["standardised"].get(code)
            values = indicator_values(framework, entry, published.get(code), gaps.get(code), year, adjusted)
            known = derived(framework, entry, values, beside, year)
            contents[code] = _content(framework, entry, values, shown, year, known)
        except Exception as problem:
            failures[code] = reason_of(problem)
            progress(f"{code}: {failures[code]}")
    kept = published_registers(data, framework, year, shown)
    return Report(framework, data, year, years, shown, contents, deliveries(data, framework, year), failures, kept)


def reason_of(problem: Exception) -> str:
    """One line that says what went wrong."""
    return f"{type(problem).__name__}: {problem}".splitlines()[0]


def _content(
    framework: Framework,
    entry: Indicator,
    values: IndicatorValues,
    shown: tuple[Place, ...],
    year: int,
    known: Derived,
) -> IndicatorContent:
    points = tuple(framework.breakdown_points(entry.code))
    main = next((p for p in shown if p.reference and _has_value(values.cell(p.code, (), year))), None)
    home = framework.indicator_field[entry.code]
    return IndicatorContent(entry, home, values, points, _series(entry, points), main, known)


def _has_value(cell: Cell | None) -> bool:
    return cell is not None and cell.value is not None


def _series(entry: Indicator, points: tuple[Members, ...]) -> tuple[Series, ...]:
    """The groups of the gap; else the first breakdown that has few enough members to be told apart; and the total."""
    total = Series((), "total")
    if entry.gap:
        pairs: list[tuple[Role, str]] = [("reference", entry.gap.reference), ("focus", entry.gap.focus)]
        return (total, *(Series(((entry.gap.dimension, member),), role) for role, member in pairs))
    roles: tuple[Role, ...] = ("focus", "reference")
    for dimension in entry.breakdowns:
        single = [point for point in points if len(point) == 1 and point[0][0] == dimension]
        if 0 < len(single) <= _MAX_GROUPS:
            return (total, *(Series(point, role) for point, role in zip(single, roles, strict=False)))
    return (total,)
