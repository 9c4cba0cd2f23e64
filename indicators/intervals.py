"""How certain a figure is: confidence limits of shares, rates and survey results, as SQL.

Wilson score interval (Wilson 1927) for shares, Byar's limits for counts, Wilson on the effective number of cases for
survey results. Which indicator has which, if any, is data of the framework (`schemas.supports.interval_method`).
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas import sql
from schemas.framework_model import Framework
from schemas.supports import CASES, interval_method


def wilson(count: str, size: str, z: float) -> tuple[str, str]:
    """Lower and upper limit of the share `count` / `size` (0 to 1), as SQL over two floating-point expressions.

    `[2x + z² -+ z sqrt(z² + 4x(1 - x/n))] / [2(n + z²)]`; empty unless 0 <= count <= size and size > 0.
    """
    sound = f"{size} > 0 AND {count} >= 0 AND {count} <= {size}"
    root = f"{z} * sqrt({z * z} + 4 * {count} * (1 - {count} / {size}))"
    limits = (f"(2 * {count} + {z * z} {sign} {root}) / (2 * ({size} + {z * z}))" for sign in "-+")
    lower, upper = (f"CASE WHEN {sound} THEN greatest(0.0, least(1.0, {limit})) END" for limit in limits)
    return lower, upper


def byar(count: str, z: float) -> tuple[str, str]:
    """Lower and upper limit of a Poisson count (0 cases: lower limit 0), as SQL over a floating-point expression."""
    low = f"{count} * pow(1 - 1 / (9 * {count}) - {z} / (3 * sqrt({count})), 3)"
    high = f"({count} + 1) * pow(1 - 1 / (9 * ({count} + 1)) + {z} / (3 * sqrt({count} + 1)), 3)"
    lower = f"CASE WHEN {count} > 0 THEN greatest(0.0, {low}) WHEN {count} = 0 THEN 0.0 END"
    return lower, f"CASE WHEN {count} >= 0 THEN {high} END"


def interval_statements(framework: Framework) -> Iterator[str]:
    """SQL that fills `cases`, `lower`, `upper` (unit of the indicator) and `method` of `calc_indicator_value`.

    A figure without a method, without a value, or whose case number is unknown keeps empty limits and no method.
    """
    dims = sql.dimension_columns(framework)
    same = " AND ".join(f"v.{name} = s.{name}" for name in ["region", "year", "indicator", *dims])
    yield f"""
        UPDATE calc_indicator_value v SET cases = s.left_value FROM calc_support s
        WHERE {same} AND s.role = '{CASES}' AND (s.n_reported IS NULL OR s.n_reported = v.n_reported)"""
    declared = {code: interval_method(framework, code) for code in framework.indicators}
    rows = [
        (code, method, float(framework.ratio(code).multiplier)) for code, method in declared.items() if method != "none"
    ]
    if not rows:
        return
    settings = framework.head.intervals
    share = wilson("x", "n", settings.z)
    survey = wilson("(x / n * m)", "m", settings.z)
    count = byar("x", settings.z)
    limits = [
        f"""CASE method WHEN 'wilson' THEN {share[side]} WHEN 'weighted' THEN {survey[side]}
                        WHEN 'byar' THEN {count[side]} / n END"""
        for side in (0, 1)
    ]
    yield f"""
        UPDATE calc_indicator_value v SET lower = s.lower, upper = s.upper, method = s.method FROM (
            WITH declared AS ({sql.listed("indicator method multiplier:DOUBLE", rows)}),
            given AS (
                SELECT v.rowid AS id, d.method, d.multiplier, CAST(v.numerator AS DOUBLE) AS x,
                       CAST(v.denominator AS DOUBLE) AS n, v.cases / {settings.design_effect} AS m
                FROM calc_indicator_value v JOIN declared d ON d.indicator = v.indicator
                WHERE v.value IS NOT NULL AND v.denominator > 0
            )
            SELECT * EXCLUDE (lower, upper), multiplier * lower AS lower, multiplier * upper AS upper
            FROM (SELECT *, {limits[0]} AS lower, {limits[1]} AS upper FROM given)
        ) s WHERE v.rowid = s.id AND s.lower IS NOT NULL AND s.upper IS NOT NULL"""
