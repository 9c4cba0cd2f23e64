"""Gaps between two groups: focus against reference, as difference and as ratio."""

from __future__ import annotations

from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL


def gap_statement(framework: Framework, values: str, target: str) -> str:
    """SQL that makes the table `target` from the relation `values` (columns of `indicator_value`).

    One row per region, year, indicator and members of the other dimensions; the compared dimension stands at the total.
    """
    dims = sql.dimension_columns(framework)
    branches = []
    for code, entry in framework.indicators.items():
        if entry.gap is None:
            continue
        own = sql.column(entry.gap.dimension)
        others = [name for name in dims if name != own]
        same = " AND ".join(f"f.{name} = r.{name}" for name in ["region", "year", "indicator", *others])
        columns = ", ".join(f"'{TOTAL}' AS {name}" if name == own else f"f.{name}" for name in dims)
        branches.append(f"""
            SELECT f.region, f.year, f.indicator, {columns}, '{entry.gap.focus}' AS focus,
                   '{entry.gap.reference}' AS reference, f.value - r.value AS difference,
                   f.value / nullif(r.value, 0) AS ratio, CAST(NULL AS DOUBLE) AS lower, CAST(NULL AS DOUBLE) AS upper,
                   CASE WHEN f.value IS NOT NULL AND r.value IS NOT NULL THEN 'ok' ELSE 'not_computable' END AS status
            FROM {values} f JOIN {values} r ON {same}
            WHERE f.indicator = '{code}' AND f.{own} = '{entry.gap.focus}' AND r.{own} = '{entry.gap.reference}'""")
    empty = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in ["region", "indicator", *dims])
    nothing = f"""SELECT {empty}, CAST(NULL AS INTEGER) AS year, '' AS focus, '' AS reference,
        CAST(NULL AS DOUBLE) AS difference, CAST(NULL AS DOUBLE) AS ratio, CAST(NULL AS DOUBLE) AS lower,
        CAST(NULL AS DOUBLE) AS upper, '' AS status WHERE false"""
    body = " UNION ALL BY NAME ".join(branches) if branches else nothing
    return f"""
        CREATE OR REPLACE TEMP TABLE {target} AS
        SELECT *, false AS standardised, CAST(NULL AS DOUBLE) AS ratio_lower, CAST(NULL AS DOUBLE) AS ratio_upper,
               CAST(NULL AS VARCHAR) AS method, CAST(NULL AS DOUBLE) AS previous, CAST(NULL AS VARCHAR) AS direction
        FROM ({body})"""
