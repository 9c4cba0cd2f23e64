"""Change against last year and over some years, trend, and the last available value: what a series in time tells.

A break interrupts everything: figures are compared, and a trend runs, only between years with no break between them
(`series_break`, and for aggregates a change in how many members reported). The trend (`indicators.slopes`) does not follow
single outlying years and needs no assumption about their spread.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from indicators.coded import of_few
from indicators.shared_series import joined_rows, same_series
from indicators.slopes import TrendRule, slope_table
from schemas.framework_model import Framework
from schemas.sql import dimension_columns, listed

COVERAGE = "coverage"
"""Cause of an interruption that follows from the values themselves: members are missing, and not as many as before."""

_PERIODS, _TREND = ("year", "five_years"), "trend"
"""What a change is a change over: the last year, some years; and the trend."""


def series_statements(
    framework: Framework, values: str, breaks: str, target: str, named: Sequence[str] = ()
) -> Iterator[str]:
    """SQL that makes `target`_key, `target`_point and `target`_cut: the series of the relation `values`, numbered.

    `_key`: id, region, indicator and dimensions of every series with a value; ids follow their order. `_point`: id, year,
    value and `stretch`: two years of a series are comparable when they have the same. `_cut`: id, year and causes of every
    interruption. `named`: the columns that name a series, where these are not region, indicator and dimensions.
    """
    key = ", ".join(named or ["region", "indicator", *dimension_columns(framework)])
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_key AS
SELECT CAST(row_number() OVER (ORDER BY {key}) AS INTEGER) AS id, *
FROM (SELECT DISTINCT {key} FROM {values} WHERE value IS NOT NULL)"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_valued AS
SELECT k.id, v.year, v.value, CASE WHEN n_reported < n_members THEN [n_reported, n_members] END AS partial
FROM {values} v JOIN {target}_key k USING ({key}) WHERE v.value IS NOT NULL"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_cut AS
WITH covered AS (
    SELECT id, year, partial IS DISTINCT FROM lag(partial) OVER of_series AND lag(year) OVER of_series IS NOT NULL AS other
    FROM {target}_valued SEMI JOIN (SELECT id FROM {target}_valued WHERE partial IS NOT NULL) USING (id)
    WINDOW of_series AS (PARTITION BY id ORDER BY year)
)
SELECT id, year, string_agg(DISTINCT reason, ',' ORDER BY reason) AS reason FROM (
    SELECT k.id, b.year, b.reason FROM {breaks} b JOIN {target}_key k USING (region, indicator)
    UNION ALL SELECT id, year, '{COVERAGE}' FROM covered WHERE other
) GROUP BY id, year"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_point AS
WITH moments AS (
    SELECT id, year, value, 0 AS cut FROM {target}_valued SEMI JOIN {target}_cut USING (id)
    UNION ALL SELECT id, year, NULL, 1 FROM {target}_cut
), counted AS (
    SELECT id, year, value, sum(cut) OVER (PARTITION BY id ORDER BY year) AS stretch FROM moments
)
SELECT id, year, value, CAST(stretch AS INTEGER) AS stretch FROM counted WHERE value IS NOT NULL
UNION ALL SELECT id, year, value, 0 FROM {target}_valued ANTI JOIN {target}_cut USING (id)"""


def make_trends(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    series: str,
    target: str,
    like: tuple[str, str] | None = None,
) -> None:
    """Make the view `target` (shape of `indicator_trend`) from the tables of `series_statements`.

    `change` is in the unit of the indicator, percentages in percentage points, the trend per year; of an indicator that
    is a count the change is a rate in percent, not given on a base below `rate_base` (sign x, as the state office does).
    A change is steady when it vanishes in the decimals shown; a trend is steady when its interval holds zero.

    `like` names other series and the view that was made from them before: what follows from a series that has the same
    values and interruptions there is taken over (`indicators.shared_series`).
    """
    if like is None:
        _make_rows(connection, framework, series, target)
    else:
        rest = f"{series}_rest"
        for statement in same_series(framework, series, like[0], rest):
            connection.execute(statement)
        _make_rows(connection, framework, rest, f"{target}_rest")
        connection.execute(joined_rows(f"{target}_rest_row", f"{like[1]}_row", f"{series}_same", f"{target}_row"))
    connection.execute(f"""
CREATE OR REPLACE TEMP VIEW {target} AS
SELECT {_keys(framework)}, t.* EXCLUDE (id) FROM {target}_row t JOIN {series}_key k USING (id)""")


def read_trends(connection: duckdb.DuckDBPyConnection, series: str, target: str) -> pa.Table:
    """The rows of `target` in the order of all their columns.

    There are more of them than of anything else: they are sorted while they are narrow, by the ids, which follow the order
    of the keys, and the keys are put beside them only then.
    """
    rows = connection.sql(f"FROM {target}_row ORDER BY id, year, change, period").to_arrow_table()
    keys = connection.sql(f"SELECT * EXCLUDE (id) FROM {series}_key ORDER BY id").to_arrow_table()
    ((first,),) = connection.sql(f"SELECT coalesce(min(id), 0) FROM {series}_key").fetchall()
    places = pc.subtract(rows.column("id").combine_chunks(), first)
    beside = [keys.column(name).combine_chunks().take(places) for name in keys.column_names]
    rest = rows.drop_columns(["id"])
    return pa.table([*beside, *rest.columns], names=[*keys.column_names, *rest.column_names])


def _make_rows(connection: duckdb.DuckDBPyConnection, framework: Framework, series: str, target: str) -> None:
    """`target`_row: the rows of the table of trends with the id of their series."""
    _make_slopes(connection, framework, series, target)
    for statement in _row_statements(framework, series, target):
        connection.execute(statement)
    connection.unregister(f"{target}_slope")


def _row_statements(framework: Framework, series: str, target: str) -> Iterator[str]:
    """The same from `target`_slope."""
    yield from _indicator_statements(framework, target)
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_opening AS  -- what cut off the years before a stretch
WITH stretches AS (
    SELECT id, stretch, min(year) AS first, lag(max(year)) OVER (PARTITION BY id ORDER BY stretch) AS before
    FROM {series}_point GROUP BY id, stretch
)
SELECT s.id, s.first, string_agg(c.reason, ',' ORDER BY c.year) AS reason
FROM stretches s JOIN {series}_cut c ON c.id = s.id AND c.year > s.before AND c.year <= s.first GROUP BY s.id, s.first"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_row AS
SELECT id, year, change, {of_few("period", *_PERIODS, _TREND)} AS period,
       {of_few("direction", "", "rising", "falling", "steady")} AS direction,
       {of_few("method", "rate", "difference", "theil_sen")} AS method, from_year, lower, upper, n_years,
       {of_few("status", "ok", "break", "not_applicable", "too_few_years")} AS status, reason
FROM (
    SELECT t.id, t.year, t.change, t.period,
           CASE WHEN t.status <> 'ok' THEN '' WHEN abs(t.difference) < s.step THEN 'steady'
                WHEN t.difference > 0 THEN 'rising' ELSE 'falling' END AS direction,
           CASE WHEN s.counted THEN 'rate' ELSE 'difference' END AS method, t.from_year,
           CAST(NULL AS DOUBLE) AS lower, CAST(NULL AS DOUBLE) AS upper, 2 AS n_years, t.status, t.reason
    FROM ({_changes(framework, series, target)}) t JOIN {series}_key k USING (id) JOIN {target}_indicator s USING (indicator)
    UNION ALL BY NAME
    SELECT t.id, t.year, t.slope AS change, '{_TREND}' AS period,
           CASE WHEN t.slope IS NULL THEN '' WHEN t.lower > 0 THEN 'rising' WHEN t.upper < 0 THEN 'falling' ELSE 'steady' END
               AS direction,
           'theil_sen' AS method, t.from_year, t.lower, t.upper, t.n_years,
           CASE WHEN t.slope IS NOT NULL THEN 'ok' WHEN c.reason IS NOT NULL THEN 'break' ELSE 'too_few_years' END AS status,
           coalesce(c.reason, '') AS reason
    FROM {target}_slope t LEFT JOIN {target}_opening c ON c.id = t.id AND c.first = t.from_year
)"""
    yield f"DROP TABLE {target}_opening"


def _keys(framework: Framework) -> str:
    return ", ".join(f"k.{name}" for name in ["region", "indicator", *dimension_columns(framework)])


def _indicator_statements(framework: Framework, target: str) -> Iterator[str]:
    """`target`_indicator: half a step of the last decimal shown, whether the indicator is a count, does it come yearly."""
    rows = [(code, 10.0**-entry.decimals / 2, entry.unit == "count") for code, entry in framework.indicators.items()]
    named = listed("indicator step:DOUBLE counted:BOOLEAN", rows)
    yield f"CREATE OR REPLACE TEMP TABLE {target}_indicator AS {named}"


def _changes(framework: Framework, series: str, target: str) -> str:
    """Pairs of years of a series: id, year, from_year, period, difference, change, status and reason."""
    rules, (year, years) = framework.series, _PERIODS
    return f"""
    WITH compared AS (
        SELECT b.id, b.year, a.year AS from_year, p.period, b.value - a.value AS difference, a.value AS base,
               a.stretch = b.stretch AS whole
        FROM {series}_point b CROSS JOIN (VALUES ('{year}', 1), ('{years}', {rules.long_years})) p(period, years)
        JOIN {series}_point a ON a.id = b.id AND a.year = b.year - p.years
    ), cut AS (
        SELECT c.id, c.year, c.period, string_agg(x.reason, ',' ORDER BY x.year) AS reason
        FROM compared c JOIN {series}_cut x ON x.id = c.id AND x.year > c.from_year AND x.year <= c.year
        WHERE NOT c.whole GROUP BY c.id, c.year, c.period
    ), judged AS (
        SELECT c.*, coalesce(cut.reason, '') AS reason, i.counted,
               CASE WHEN NOT c.whole THEN 'break' WHEN i.counted AND c.base < {rules.rate_base} THEN 'not_applicable'
                    ELSE 'ok' END AS status
        FROM compared c JOIN {series}_key k USING (id) JOIN {target}_indicator i USING (indicator)
        LEFT JOIN cut ON cut.id = c.id AND cut.year = c.year AND cut.period = c.period
    )
    SELECT id, year, from_year, period, difference, status,
           CASE WHEN status = 'not_applicable' THEN 'small_base' ELSE reason END AS reason,
           CASE WHEN status = 'ok' THEN CASE WHEN counted THEN 100 * difference / base ELSE difference END END AS change
    FROM judged"""


def _make_slopes(connection: duckdb.DuckDBPyConnection, framework: Framework, series: str, target: str) -> None:
    """`target`_slope: for every series and year the trend up to that year; without a slope where years are too few."""
    rules = framework.series
    rule = TrendRule(rules.trend_min_years, rules.trend_max_years, framework.head.intervals.z)
    points = connection.sql(f"SELECT id, stretch, year, value FROM {series}_point ORDER BY id, year").to_arrow_table()
    connection.register(f"{target}_slope", slope_table(points, rule))


def last_statements(framework: Framework, values: str, series: str, target: str) -> Iterator[str]:
    """SQL that makes the table `target` (shape of `indicator_last`) from the relation `values` and the tables that
    `series_statements` makes of it: for figures that do not come every year the last value, with its year, in every later
    year without one.

    A value that is kept secret or is not reliable is no missing one: it is not replaced by an older one.
    """
    keys = ["region", "indicator", *dimension_columns(framework)]
    rare = ", ".join(
        f"'{code}'" for code, entry in framework.indicators.items() if not framework.periods[entry.period].yearly
    )
    rare = f"indicator IN ({rare or 'NULL'})"
    missing = [s.code for s in framework.statuses.values() if not s.has_value and s.conf_status == "F"]
    absent = ", ".join(f"'{code}'" for code in missing if framework.statuses[code].obs_status != "U") or "''"
    same = " AND ".join(f"v.{name} = k.{name}" for name in keys)
    own = f"(FROM {values} WHERE {rare})"
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_missing AS
WITH known AS (
    SELECT id, year, lead(year) OVER (PARTITION BY id ORDER BY year) AS next
    FROM {series}_valued SEMI JOIN (FROM {series}_key WHERE {rare}) USING (id)
), asked AS (SELECT DISTINCT region, year FROM {values})
SELECT {", ".join("k." + name for name in keys)}, a.year, p.year AS value_year
FROM known p JOIN {series}_key k USING (id)
JOIN asked a ON a.region = k.region AND a.year > p.year AND a.year < coalesce(p.next, 9999)
ANTI JOIN (FROM {own} WHERE value IS NULL AND status NOT IN ({absent})) v ON {same} AND v.year = a.year"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {target} AS
SELECT v.* EXCLUDE (year) REPLACE (concat_ws(',', nullif(v.flags, ''), 'last_available') AS flags), k.year, k.value_year
FROM {own} v JOIN {target}_missing k ON {same} AND v.year = k.value_year"""
    yield f"DROP TABLE {target}_missing"
