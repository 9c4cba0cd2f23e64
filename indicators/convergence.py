"""Do regions, and do groups, come closer to each other? `indicator_convergence`, one row per measure and year.

Scopes are the Land and the groups of regions with enough members; members that report in two years, with no break
between them, are compared, so that a measure never moves because somebody else reported. Measures (Eurofound, EU
Convergence Monitoring Hub): `sigma_sd` standard deviation over the regions, `sigma_cv` the same relative to the mean,
`delta` mean distance to the best region (only where the framework says what better is), `beta` slope of the yearly growth
rate over some years on the logarithm of the start value, and `group_gap`, the mean distance between the two groups whose
gap the framework asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from indicators.window import Years
from indicators.window import listed as listed_years
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.sql import column, dimension_columns, listed

_SHORT = 1
"""Years between two figures that are compared, beside the long stretch of the framework (`series.long_years`)."""


def scope_table(framework: Framework, years: Iterable[int]) -> pa.Table:
    """scope, year, region: members of the Land and of every group that is large enough."""
    rows = [
        (aggregate.code, year, member)
        for year in sorted(set(years))
        for aggregate in framework.territory.aggregates(year)
        if len(aggregate.members) >= framework.series.min_regions
        for member in aggregate.members
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kinds = (pa.string(), pa.int32(), pa.string())
    names = ("scope", "year", "region")
    return pa.table({n: pa.array(c, type=k) for n, c, k in zip(names, columns, kinds, strict=True)})


def years_reached(framework: Framework, changed: Iterable[int]) -> Years:
    """Years whose measures may be others when figures or breaks of some years are: each is held against those before."""
    steps = range(max(_SHORT, framework.series.long_years) + 1)
    return frozenset(year + step for year in changed for step in steps)


def years_needed(framework: Framework, years: Years) -> str:
    """SQL condition: the year is one whose figures the measures of some years are made of."""
    first = min(years, default=0) - max(_SHORT, framework.series.long_years)
    return f"year BETWEEN {first} AND {max(years, default=first)}"


def convergence_statements(
    framework: Framework, series: str, scopes: str, target: str, years: Years | None = None
) -> Iterator[str]:
    """SQL that makes the table `target` (shape of `indicator_convergence`) from the tables of `series_statements`: of some
    years (from the series of `compared_values`), or of all.

    `value` and `previous` stand on the same regions. `direction`: converging, diverging or steady. Where fewer regions
    than needed have comparable values there is no value, and the status says so. Regions are added up in a fixed order,
    because the last digit depends on it.
    """
    enough = framework.series.min_regions
    yield from _direction_statements(framework, target)
    yield _flat_statement(framework, series, target, named=years is not None)
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_pair AS
WITH earlier AS (
    SELECT indicator, what, region, year + years AS year, stretch, value AS before, period, years
    FROM {target}_flat CROSS JOIN (VALUES ('short', {_SHORT}), ('long', {framework.series.long_years})) p(period, years)
    WHERE {"true" if years is None else f"year + years IN {listed_years(years)}"}
), paired AS (
    SELECT * FROM {target}_flat JOIN earlier USING (indicator, what, region, year, stretch)
)
SELECT p.*, s.scope, d.better FROM paired p JOIN {scopes} s USING (region, year) JOIN {target}_better d USING (indicator)"""
    measures = {
        "sigma_sd": ("stddev_pop({0} ORDER BY region)", "what = 'value'"),
        "sigma_cv": (
            "stddev_pop({0} ORDER BY region) / nullif(abs(avg({0} ORDER BY region)), 0)",
            "what = 'value'",
        ),
        "delta": (
            "CASE any_value(better) WHEN 'high' THEN max({0}) - avg({0} ORDER BY region)"
            " WHEN 'low' THEN avg({0} ORDER BY region) - min({0})"
            " WHEN 'one' THEN avg(abs({0} - 1) ORDER BY region) - min(abs({0} - 1)) END",
            "what = 'value' AND better <> ''",
        ),
        "group_gap": ("avg(abs({0}) ORDER BY region)", "what = 'gap'"),
    }
    branches = [
        f"""SELECT indicator, year, scope, '{name}' AS measure, {text.format("value")} AS value,
                   {text.format("before")} AS previous, count(*) AS n
            FROM {target}_pair WHERE period = 'short' AND {condition} GROUP BY indicator, year, scope"""
        for name, (text, condition) in measures.items()
    ]
    yield f"""
CREATE OR REPLACE TEMP TABLE {target} AS
WITH measured AS (
    {" UNION ALL ".join(branches)}
    UNION ALL
    SELECT indicator, year, scope, 'beta' AS measure,
           regr_slope(ln(value / before) / years, ln(before) ORDER BY region) AS value,
           CAST(NULL AS DOUBLE) AS previous, count(*) AS n
    FROM {target}_pair WHERE period = 'long' AND what = 'value' AND value > 0 AND before > 0
    GROUP BY indicator, year, scope
), judged AS (
    SELECT *, CASE WHEN n < {enough} THEN 'too_few_regions' WHEN value IS NULL OR isnan(value) THEN 'not_computable'
                   ELSE 'ok' END AS status
    FROM measured
)
SELECT indicator, year, scope, measure, CASE WHEN status = 'ok' THEN value END AS value,
       CASE WHEN status = 'ok' THEN previous END AS previous,
       CASE WHEN status <> 'ok' THEN '' WHEN measure = 'beta' THEN {_word("value", "0")}
            ELSE {_word("value", "previous")} END AS direction,
       CAST(n AS INTEGER) AS n, status
FROM judged"""
    yield f"DROP TABLE {target}_pair"
    yield f"DROP TABLE {target}_flat"


def _word(now: str, before: str) -> str:
    """Converging where the measure is smaller than the one it is held against; differences in the tenth digit are none."""
    small = f"1e-9 * greatest(abs({now}), abs({before}), 1e-9)"
    return (
        f"CASE WHEN {before} IS NULL THEN '' WHEN abs({now} - {before}) <= {small} THEN 'steady'"
        f" WHEN {now} < {before} THEN 'converging' ELSE 'diverging' END"
    )


def _direction_statements(framework: Framework, target: str) -> Iterator[str]:
    words = {"higher_better": "high", "lower_better": "low", "closer_to_1": "one"}
    rows = [(code, words.get(entry.direction, "")) for code, entry in framework.indicators.items()]
    yield f"CREATE OR REPLACE TEMP TABLE {target}_better AS {listed('indicator better', rows)}"


COMPARED = ("region", "indicator", "role")
"""What names a series of `compared_values`."""


def compared_values(framework: Framework, values: str, years: Years) -> str:
    """SQL of the rows of a relation of values whose series the measures of some years are made of: COMPARED, year, value,
    n_reported, n_members."""
    own = {column(entry.gap.dimension) for entry in framework.indicators.values() if entry.gap is not None}
    names = dimension_columns(framework)
    totals = " AND ".join(f"v.{name} = '{TOTAL}'" for name in names if name not in own) or "true"
    key = ", ".join(["indicator", *(name for name in names if name in own)])
    return f"""(
    SELECT v.region, v.indicator, s.role, v.year, v.value, v.n_reported, v.n_members
    FROM {values} v JOIN ({_sides(framework)}) s USING ({key}) WHERE {totals} AND v.{years_needed(framework, years)})"""


def _sides(framework: Framework) -> str:
    """SQL of indicator, role and dimensions: which series of an indicator are looked at."""
    dims = dimension_columns(framework)
    rows = []
    for code, entry in framework.indicators.items():
        chosen = {"value": ("", TOTAL)}
        if entry.gap is not None:
            own = column(entry.gap.dimension)
            chosen |= {"focus": (own, entry.gap.focus), "reference": (own, entry.gap.reference)}
        for role, (own, member) in chosen.items():
            rows.append((code, role, *(member if name == own else TOTAL for name in dims)))
    return listed(" ".join(("indicator", "role", *dims)), rows)


def _flat_statement(framework: Framework, series: str, target: str, *, named: bool) -> str:
    """`target`_flat: indicator, what, region, year, stretch, value: the totals (`value`), focus minus reference (`gap`).
    `named`: the series name their roles."""
    key = ", ".join(["indicator", *dimension_columns(framework)])
    sides = f"{series}_key" if named else f"({_sides(framework)}) JOIN {series}_key USING ({key})"
    return f"""
CREATE OR REPLACE TEMP TABLE {target}_flat AS
WITH looked_at AS (
    SELECT k.indicator, k.role, k.region, p.year, CAST(p.stretch AS VARCHAR) AS stretch, p.value
    FROM (SELECT id, {", ".join(COMPARED)} FROM {sides}) k JOIN {series}_point p USING (id)
)
SELECT indicator, 'value' AS what, region, year, stretch, value FROM looked_at WHERE role = 'value'
UNION ALL
SELECT f.indicator, 'gap', f.region, f.year, f.stretch || '-' || r.stretch, f.value - r.value
FROM looked_at f JOIN looked_at r USING (indicator, region, year) WHERE f.role = 'focus' AND r.role = 'reference'"""
