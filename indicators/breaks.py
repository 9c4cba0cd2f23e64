"""Where a series begins anew: `series_break`, one row per region, year, indicator and cause.

Four origins: entries of the framework (`breaks.yaml`), changes of the territory (table of changes), changes of the
sub-areas over which an index is summed, and the population basis that the covers of the deliveries name. A term that
looks back a year meets a break of its variable one year later; a territorial break it does not meet, because the earlier
year is converted (see `crosswalks`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from itertools import pairwise

import pyarrow as pa

from indicators.remembered import crosswalk_of
from schemas.definitions_series import Break
from schemas.formula import summed_dimensions, terms
from schemas.framework_model import Framework
from schemas.territory import Change, reference_day

Bases = Mapping[tuple[str, int], str]
"""Population basis of the delivery of a region and year."""


@dataclass(frozen=True, slots=True, order=True)
class SeriesBreak:
    """From `year` on the values of an indicator in a region are not comparable with the earlier ones."""

    region: str
    year: int
    indicator: str
    reason: str
    text_de: str
    text_en: str


class Breaks:
    """The breaks of some regions and indicators between the first and the last year of the data."""

    def __init__(
        self,
        framework: Framework,
        regions: Iterable[str],
        years: Iterable[int],
        indicators: Iterable[str],
        bases: Bases | None = None,
    ) -> None:
        self.framework = framework
        self.crosswalk = crosswalk_of(framework)
        known = {group.code for group in framework.territory.groups()}
        self.regions = sorted(r for r in set(regions) if r in known or framework.territory.known(r))
        given = set(years)
        self.years = range(min(given) + 1, max(given) + 1) if given else range(0)
        self.indicators = list(indicators)
        self.bases = bases or {}

    def found(self) -> list[SeriesBreak]:
        """All breaks, each once, by region and year."""
        rows = {*self._declared(), *self._territorial(), *self._subareas(), *self._delivered_bases()}
        return sorted(row for row in rows if row.year in self.years)

    def mixed_bases(self) -> set[tuple[str, int, str]]:
        """Region, year and indicator whose terms stand on different sides of a break of the population basis."""
        found = set()
        for entry in self.framework.breaks.values():
            if entry.cause == "basis":
                for code, lags in self._concerned(entry):
                    found |= {
                        (region, year, code)
                        for year in self.years
                        if len({year - lag >= entry.year for lag in lags}) > 1
                        for region in self._regions_of(entry.regions, year)
                    }
        for code in self.indicators:
            lags = self._delivered_lags(code)
            for region, year in self.bases if len(lags) > 1 else ():
                sides = {self.bases.get((region, year - lag), "") for lag in lags} - {""}
                if len(sides) > 1:
                    found |= {(place, year, code) for place in self._regions_of([region], year)}
        return found

    def _declared(self) -> Iterator[SeriesBreak]:
        for entry in self.framework.breaks.values():
            for code, lags in self._concerned(entry):
                for lag in lags:
                    for region in self._regions_of(entry.regions, entry.year):
                        yield SeriesBreak(region, entry.year + lag, code, entry.cause, entry.text_de, entry.text_en)

    def _concerned(self, entry: Break) -> Iterator[tuple[str, set[int]]]:
        """Indicators that use what the entry names, with the years that they look back to it."""
        for code in self.indicators:
            lags = {0} if code in entry.indicators else set()
            for term in terms(self.framework.formulas[code]):
                source = self.framework.variables[term.variable].source
                if term.variable in entry.variables or source in entry.sources:
                    lags.add(term.lag)
            if lags:
                yield code, lags

    def _regions_of(self, named: list[str], year: int) -> list[str]:
        """The regions a break concerns: those named, and every aggregate that has one of them in it; without names all."""
        if not named:
            return self.regions
        inside = {unit for region in named for unit in self.crosswalk.units_of(region, year)}
        return [r for r in self.regions if r in named or (self._joint(r) and inside & self.crosswalk.units_of(r, year))]

    def _joint(self, region: str) -> bool:
        """Is the region put together from other reports?"""
        territory = self.framework.territory
        return not territory.known(region) or not territory.unit(region).reports

    def _territorial(self) -> Iterator[SeriesBreak]:
        for region in self.regions:
            for year in self.years:
                if self.crosswalk.changed(region, year - 1, year):
                    text_de, text_en = self._told(region, year)
                    for code in self.indicators:
                        yield SeriesBreak(region, year, code, "territory", text_de, text_en)

    def _told(self, region: str, year: int) -> tuple[str, str]:
        """What happened to a territory: the entries of the table of changes, or that its members changed."""
        units = self.crosswalk.units_of(region, year - 1) | self.crosswalk.units_of(region, year)
        happened = [
            change
            for change in self.framework.territory.changes()
            if reference_day(year - 1) < change.day <= reference_day(year)
            and {change.old_code, change.new_code} & units
        ]
        wording = self.framework.series.wording
        if not happened:
            name = self.framework.territory.unit_name(region)
            return wording["members"].de.format(name=name), wording["members"].en.format(name=name)
        texts = [self._facts(change) for change in happened]
        return tuple(  # type: ignore[return-value]
            " ".join(dict.fromkeys(template.format(**facts) for facts in texts))
            for template in (wording["territory"].de, wording["territory"].en)
        )

    def _facts(self, change: Change) -> dict[str, str]:
        old, new = (f"{self.framework.territory.unit_name(c)} {c}" for c in (change.old_code, change.new_code))
        return {"day": f"{change.day:%d.%m.%Y}", "reason": change.reason, "old": old, "new": new}

    def _subareas(self) -> Iterator[SeriesBreak]:
        """An index over sub-areas depends on how the region is divided, even where its border stays."""
        summed = [code for code in self.indicators if _is_over_subareas(self.framework, code)]
        wording = self.framework.series.wording["subareas"]
        for region in (region for region in self.regions if summed and not self._joint(region)):
            divided = [self._divided(region, reference_day(year - 1)) for year in self.years]
            divided += [self._divided(region, reference_day(self.years[-1]))] if self.years else []
            for year, (before, now) in zip(self.years, pairwise(divided), strict=True):
                if before and now and before != now:
                    for code in summed:
                        yield SeriesBreak(region, year, code, "subareas", wording.de, wording.en)

    def _divided(self, region: str, day: date) -> set[str]:
        territory = self.framework.territory
        return set(territory.subareas(region, day)) if territory.valid(region, day) else set()

    def _delivered_lags(self, code: str) -> set[int]:
        """How far the terms look back whose source stands on the basis named on the cover."""
        variables, sources = self.framework.variables, self.framework.sources
        return {
            term.lag
            for term in terms(self.framework.formulas[code])
            if sources[variables[term.variable].source].delivered_basis
        }

    def _delivered_bases(self) -> Iterator[SeriesBreak]:
        names = {basis.code: basis for basis in self.framework.head.delivery.population_bases}
        wording = self.framework.series.wording["basis"]
        last: dict[str, str] = {}
        for (region, year), basis in sorted(self.bases.items()):
            before = last.get(region)
            last[region] = basis
            if before in (None, basis) or before not in names or basis not in names:
                continue
            text_de = wording.de.format(before=names[before].name_de, now=names[basis].name_de)
            text_en = wording.en.format(before=names[before].name_en, now=names[basis].name_en)
            for code in self.indicators:
                for lag in self._delivered_lags(code):
                    for place in self._regions_of([region], year):
                        yield SeriesBreak(place, year + lag, code, "basis", text_de, text_en)


def break_table(rows: Iterable[SeriesBreak]) -> pa.Table:
    """Rows of `series_break`."""
    columns = list(zip(*(astuple(row) for row in rows), strict=True)) or [()] * len(SeriesBreak.__dataclass_fields__)
    kinds = {"year": pa.int32()}
    names = SeriesBreak.__dataclass_fields__
    return pa.table({n: pa.array(c, type=kinds.get(n, pa.string())) for n, c in zip(names, columns, strict=True)})


def _is_over_subareas(framework: Framework, code: str) -> bool:
    return any(framework.dimensions[dimension].dynamic for dimension in summed_dimensions(framework.formulas[code]))
