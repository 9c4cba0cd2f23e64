"""Gaps between two groups: focus against reference, as difference and as ratio, with limits and beside last year.

Difference: limits are put together from those of both sides (Newcombe 1998, method 10; for rates the same square-and-add
from Byar's limits). Ratio: on the log scale (Katz for shares, 1/O + 1/O for counts, Var/DSR² for standardised rates).
Both sides are different people, so they count as independent.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL

BREAK = "break"
"""Flag of a figure that cannot be compared with the year before."""

_LOG_VARIANCE = {
    "wilson": "(1 - p) / nullif(n * p, 0)",
    "weighted": "(1 - p) / nullif(m * p, 0)",
    "byar": "1 / nullif(x, 0)",
}
_METHODS = {
    "wilson": "newcombe",
    "weighted": "newcombe_weighted",
    "byar": "square_and_add",
    "dobson": "square_and_add_standardised",
}


def gap_statements(framework: Framework, values: str, target: str, standardised: str) -> Iterator[str]:
    """SQL that makes the table `target` from the relation `values` (columns of `indicator_value`) and the standardised
    rates of the relation `standardised` (see `standardised_statements`).

    One row per region, year, indicator and members of the other dimensions; the compared dimension stands at the total.
    A standardised gap stands beside the crude one, and never without it. A side without limits gives a gap without
    limits; a ratio to or from zero has none. `previous` is the difference of last year; `direction` says whether the
    distance is opening, closing or steady: steady is a change of less than `steady_steps`, and, where both years have
    limits, one that these do not tell from chance. It stays empty over a break or a change of reporting members.
    """
    dims = sql.dimension_columns(framework)
    keys = ["region", "year", "indicator", *dims]
    yield f"""
        CREATE OR REPLACE TEMP TABLE {target} AS
        WITH side AS ({_sides(framework, values, standardised)}),
        pair AS ({_pairs(framework)}),
        gap AS (
            SELECT *, f_value - r_value AS difference, f_value / nullif(r_value, 0) AS ratio,
                   sqrt(f_log_variance + r_log_variance) AS spread,
                   sqrt(pow(f_value - f_lower, 2) + pow(r_upper - r_value, 2)) AS below,
                   sqrt(pow(f_upper - f_value, 2) + pow(r_value - r_lower, 2)) AS above FROM pair
        ), beside AS (
            SELECT g.* FROM gap g SEMI JOIN gap c
              ON NOT c.standardised AND c.difference IS NOT NULL AND {_same(keys, "g", "c")} WHERE g.standardised
            UNION ALL SELECT * FROM gap WHERE NOT standardised
        )
        SELECT {", ".join("g." + name for name in keys)}, g.focus, g.reference, g.difference, g.ratio,
               g.difference - g.below AS lower, g.difference + g.above AS upper,
               CASE WHEN g.difference IS NOT NULL THEN 'ok' WHEN 'unreliable' IN (g.f_status, g.r_status)
                    AND g.standardised THEN 'unreliable' ELSE 'not_computable' END AS status, g.standardised,
               CASE WHEN g.spread > 0 THEN g.ratio * exp(-{framework.head.intervals.z} * g.spread) END AS ratio_lower,
               CASE WHEN g.spread > 0 THEN g.ratio * exp({framework.head.intervals.z} * g.spread) END AS ratio_upper,
               CASE WHEN g.f_lower IS NOT NULL AND g.r_lower IS NOT NULL THEN CASE g.method {_cases(_METHODS, "'")} END END
                   AS method,
               p.difference AS previous,
               coalesce(CASE WHEN g.broken OR g.f_reported <> p.f_reported OR g.r_reported <> p.r_reported THEN ''
                             WHEN abs(abs(g.difference) - abs(p.difference)) < g.steady_below THEN 'steady'
                             WHEN g.difference - p.difference BETWEEN -sqrt(pow(g.above, 2) + pow(p.below, 2))
                                  AND sqrt(pow(g.below, 2) + pow(p.above, 2)) THEN 'steady'
                             WHEN abs(g.difference) > abs(p.difference) THEN 'opening'
                             WHEN abs(g.difference) < abs(p.difference) THEN 'closing' END, '') AS direction
        FROM beside g LEFT JOIN beside p
          ON p.standardised = g.standardised AND p.year = g.year - 1
         AND {_same([name for name in keys if name != "year"], "g", "p")}"""


def _sides(framework: Framework, values: str, standardised: str) -> str:
    """One side of a gap, crude and standardised: the value, its limits, and the variance of its logarithm."""
    dims = ", ".join(sql.dimension_columns(framework))
    settings = framework.head.intervals
    compared = [code for code, entry in framework.indicators.items() if entry.gap is not None]
    multiplier = " ".join(f"WHEN '{code}' THEN {float(framework.ratio(code).multiplier)}" for code in compared)
    these = ", ".join(f"'{code}'" for code in compared) or "''"
    return f"""
        SELECT region, year, indicator, {dims}, false AS standardised, value, lower, upper, status, method,
               CASE method {_cases(_LOG_VARIANCE)} END AS log_variance, n_reported, flags
        FROM (SELECT *, CAST(numerator AS DOUBLE) AS x, CAST(denominator AS DOUBLE) AS n,
                     cases / {settings.design_effect} AS m,
                     value / CASE indicator {multiplier or "WHEN '' THEN 1.0"} ELSE 1.0 END AS p
              FROM {values} WHERE indicator IN ({these}))
        UNION ALL
        SELECT s.region, s.year, s.indicator, {", ".join("s." + name for name in sql.dimension_columns(framework))}, true,
               s.value, s.lower, s.upper, s.status, s.method, s.log_variance, v.n_reported, v.flags
        FROM {standardised} s JOIN {values} v
          ON {_same(["region", "year", "indicator", *sql.dimension_columns(framework)], "s", "v")}"""


def _pairs(framework: Framework) -> str:
    """Focus and reference side by side: one branch for each compared dimension."""
    dims = sql.dimension_columns(framework)
    by_dimension: dict[str, list[tuple[object, ...]]] = {}
    for code, entry in framework.indicators.items():
        if entry.gap is not None:
            steady = framework.head.intervals.steady_steps / 10**entry.decimals
            row = (code, entry.gap.focus, entry.gap.reference, steady)
            by_dimension.setdefault(entry.gap.dimension, []).append(row)
    if not by_dimension:  # the columns of a gap without any row
        by_dimension[framework.dimension_order[0]] = []
    columns = ("value", "lower", "upper", "status", "log_variance")
    branches = []
    for dimension, rows in by_dimension.items():
        own = sql.column(dimension)
        same = ["region", "year", "indicator", "standardised", *(name for name in dims if name != own)]
        members = ", ".join(f"'{TOTAL}' AS {name}" if name == own else f"f.{name}" for name in dims)
        branches.append(f"""
            SELECT f.region, f.year, f.indicator, {members}, f.standardised, d.focus, d.reference, d.steady_below,
                   {", ".join(f"f.{name} AS f_{name}, r.{name} AS r_{name}" for name in columns)}, f.method,
                   f.n_reported AS f_reported, r.n_reported AS r_reported,
                   list_contains(string_split(concat_ws(',', f.flags, r.flags), ','), '{BREAK}') AS broken
            FROM ({sql.listed("indicator focus reference steady_below:DOUBLE", rows)}) d
            JOIN side f ON f.indicator = d.indicator AND f.{own} = d.focus
            JOIN side r ON r.{own} = d.reference AND {_same(same, "f", "r")}""")
    return " UNION ALL ".join(branches)


def _same(names: list[str], one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in names)


def _cases(texts: dict[str, str], quote: str = "") -> str:
    return " ".join(f"WHEN '{key}' THEN {quote}{text}{quote}" for key, text in texts.items())
