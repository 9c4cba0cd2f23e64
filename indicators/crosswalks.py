"""What makes up a territory in another year, as tables: for series at today's territory, and for terms that look back.

As reported, a figure speaks of the territory its region had in its year; a term of an earlier year is taken at the territory
of the figure (`Lags`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa

from indicators.remembered import crosswalk_of
from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework
from schemas.territory import reference_day

_COEFFICIENT = pa.decimal128(9, 6)


def crosswalk_table(framework: Framework, regions: Iterable[str], years: Iterable[int]) -> pa.Table:
    """territory_day, region, year, part, coefficient, n_parts: what makes up a territory of the newest year.

    Regions are those of the newest year whose territory was another one in an earlier year of the data.
    """
    crosswalk, wanted = crosswalk_of(framework), sorted(set(years))
    rows: list[dict[str, Any]] = []
    now = wanted[-1] if wanted else 0
    reporting = framework.territory.reporters(reference_day(now)) if wanted else ()
    for region in sorted({*regions, *reporting}) if wanted else ():
        if not _known(framework, region) or not crosswalk.units_of(region, now):
            continue
        made = {year: _at(crosswalk, region, now, year) for year in wanted}
        if all(parts == {region: 1} for parts in made.values()):
            continue
        for year, parts in made.items():
            for part, coefficient in parts.items():
                rows.append(
                    {
                        "territory_day": reference_day(now),
                        "region": region,
                        "year": year,
                        "part": part,
                        "coefficient": _decimal(coefficient),
                        "n_parts": len(parts),
                    }
                )
    kinds = {"territory_day": pa.date32(), "year": pa.int32(), "n_parts": pa.int32(), "coefficient": _COEFFICIENT}
    names = ("territory_day", "region", "year", "part", "coefficient", "n_parts")
    return _table(rows, names, kinds)


def _at(crosswalk: Crosswalk, region: str, now: int, year: int) -> dict[str, Any]:
    """Reports that make up the territory of `now` in an earlier year: its own where nothing changed."""
    if crosswalk.units_of(region, year) and not crosswalk.changed(region, year, now):
        return {region: 1}
    return dict(crosswalk.parts(region, now, year) or {})


def _known(framework: Framework, region: str) -> bool:
    territory = framework.territory
    return territory.known(region) or any(group.code == region for group in territory.groups())


class Lags:
    """Terms that look back: which reports make up, in the earlier year, the territory that a region has in its year.

    Without this a quotient over last year's stock would set the cases of the new territory against the persons of the
    old one. For an aggregate the region that left and the one it left count together (`joint`): what one of them lost the
    other one has, so that their sum is known even where the two are not known apart.
    """

    def __init__(self, framework: Framework, regions: Iterable[str], years: Sequence[int], lags: Iterable[int]) -> None:
        self.framework = framework
        self.crosswalk = crosswalk_of(framework)
        self.moved: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.joint: dict[tuple[str, int, str], str] = {}
        self._joint_rows: list[dict[str, Any]] = []
        self._partners: list[dict[str, Any]] = []
        self.regions = sorted(r for r in set(regions) if framework.territory.known(r))
        for lag in sorted(set(lags) - {0}):
            for year in years:
                self._collect(year, lag)

    def _collect(self, year: int, lag: int) -> None:
        for region in self.regions:
            if not self.crosswalk.units_of(region, year):
                self.moved[region, year, lag] = {}  # a region that is no more has no figures of its last year either
            else:
                parts = _at(self.crosswalk, region, year, year - lag)
                if parts != {region: 1}:
                    self.moved[region, year, lag] = parts
        affected = {region for region, when, back in self.moved if (when, back) == (year, lag)}
        for aggregate in self.framework.territory.aggregates(year) if affected else ():
            members = [member for member in aggregate.members if member in affected]
            if len(members) > 1:
                self._join(aggregate.code, aggregate.members, members, year, lag)

    def _join(self, code: str, everyone: Sequence[str], members: list[str], year: int, lag: int) -> None:
        """Rows of one aggregate: the first of the members concerned carries what all of them had together."""
        whole = self.crosswalk.parts(code, year, year - lag)
        if whole is None:
            return
        rest = {part: weight for part, weight in whole.items() if part not in everyone or part in members}
        for member in members:
            self.joint[code, year, member] = code
            self._partners.append({"unit": code, "region": member, "year": year, "first": member == members[0]})
        for part, coefficient in rest.items():
            place = {"unit": code, "region": members[0], "year": year, "lag": lag, "part": part}
            self._joint_rows.append(place | {"coefficient": _decimal(coefficient), "n_parts": len(rest)})

    def tables(self) -> dict[str, pa.Table]:
        """`lagged`: unit, region, year, lag, part, coefficient, n_parts; `moved`: region, year, lag; `partner`: unit,
        region, year, first."""
        rows = list(self._joint_rows)
        for (region, year, lag), parts in self.moved.items():
            for part, coefficient in parts.items():
                place = {"unit": "", "region": region, "year": year, "lag": lag, "part": part}
                rows.append(place | {"coefficient": _decimal(coefficient), "n_parts": len(parts)})
        moved = [{"region": region, "year": year, "lag": lag} for region, year, lag in self.moved]
        partners = [row for index, row in enumerate(self._partners) if row not in self._partners[:index]]
        whole = {"year": pa.int32(), "lag": pa.int32(), "n_parts": pa.int32(), "coefficient": _COEFFICIENT}
        return {
            "lagged": _table(rows, ("unit", "region", "year", "lag", "part", "coefficient", "n_parts"), whole),
            "moved": _table(moved, ("region", "year", "lag"), whole),
            "partner": _table(partners, ("unit", "region", "year", "first"), {"year": pa.int32(), "first": pa.bool_()}),
        }

    def statements(self, prefix: str) -> Iterator[str]:
        """SQL that sets right the cells of earlier years in `{prefix}keyed`; nothing where no territory changed.

        Measures cannot be added up; they are taken over only where the territory merely changed its code.
        """
        if not self.moved:
            return
        sizes = [code for code, variable in self.framework.variables.items() if variable.type == "measure"]
        unaddable = ", ".join(f"'{code}'" for code in sizes) or "''"
        yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}converted AS
SELECT x.unit, x.region, x.year, x.lag, k.variable, k.key, CAST(sum(k.value * x.coefficient) AS DECIMAL(24, 4)) AS value,
       max(k.rank) AS rank
FROM {prefix}keyed k JOIN {prefix}lagged x ON x.part = k.region AND x.year = k.year AND x.lag = k.lag
WHERE (x.n_parts = 1 AND x.coefficient = 1) OR k.variable NOT IN ({unaddable})
GROUP BY x.unit, x.region, x.year, x.lag, k.variable, k.key, x.n_parts HAVING count(k.value) = x.n_parts"""
        yield f"""
INSERT INTO {prefix}converted
SELECT c.unit, p.region, c.year, c.lag, c.variable, c.key, 0 AS value, 0 AS rank
FROM {prefix}converted c JOIN {prefix}partner p ON p.unit = c.unit AND p.year = c.year AND NOT p.first"""
        yield f"""
DELETE FROM {prefix}keyed k USING {prefix}moved m WHERE k.region = m.region AND k.year = m.year AND k.lag = m.lag"""
        yield f"""
INSERT INTO {prefix}keyed BY NAME
SELECT p.unit, k.region, k.year, k.lag, k.variable, k.key, k.value, k.rank
FROM {prefix}keyed k JOIN {prefix}partner p ON p.region = k.region AND p.year = k.year WHERE k.lag = 0"""
        yield f"INSERT INTO {prefix}keyed BY NAME FROM {prefix}converted"


def _decimal(number: Fraction | int) -> Decimal:
    """A coefficient in the digits of its column."""
    return (Decimal(number.numerator) / Decimal(number.denominator)).quantize(Decimal("0.000001"))


def _table(rows: list[dict[str, Any]], names: Sequence[str], kinds: dict[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in names]))
