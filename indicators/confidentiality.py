"""What may leave the house, decided once per release: `indicator_published`.

Small numerators, small remainders and small denominators are hidden, figures on few cases are marked. What else has to be
hidden so that none of them can be worked out is decided for the whole release (`indicators.protection`). Hidden figures
carry a sign and a status, never the number and never why.
"""

from __future__ import annotations

from indicators.coded import coded
from indicators.small_numbers import SECRET_REASON, SECRET_REASONS, base_of, hidden_reason, public_sign, public_status
from schemas import sql
from schemas.framework_model import Framework


def judged_statement(framework: Framework) -> str:
    """SQL that makes the view `calc_indicator_judged`: `calc_indicator_value` with `base` and the `reason` to hide a figure.

    Reasons (`indicators.small_numbers`) stay in the house. Where the unweighted case number is declared (`cases`), it
    decides instead of the denominator; an unknown case number is too few.
    """
    return f"""
CREATE OR REPLACE TEMP VIEW calc_indicator_judged AS
SELECT v.*, {hidden_reason(framework)} AS reason
FROM (SELECT *, {base_of(framework)} AS base FROM calc_indicator_value) v"""


def published_statement(framework: Framework, condition: str = "true") -> str:
    """SQL that makes `calc_indicator_published` from `calc_indicator_judged`, under a condition on its rows (`v`), and
    `calc_hidden` (see `indicators.protection`); figures in `calc_rounded` stand with their rounded sides.

    Primary, secondary and hidden zero look alike: status and reason `secret`. Needs `calc_point` and `calc_members`.
    """
    dims = ", ".join(sql.dimension_columns(framework))
    return f"""
CREATE OR REPLACE TEMP TABLE calc_indicator_published AS
WITH judged AS (
    SELECT v.* REPLACE (
        CASE WHEN h.region IS NOT NULL OR (r.region IS NOT NULL AND (r.numerator IS NULL OR r.denominator IS NULL))
                  OR (r.region IS NULL AND v.reason IN {SECRET_REASONS}) THEN '{SECRET_REASON}'
             WHEN v.reason IN {SECRET_REASONS} THEN '' ELSE v.reason END AS reason,
        CASE WHEN r.region IS NULL THEN v.value
             ELSE i.multiplier * CAST(r.numerator AS DOUBLE) / CAST(r.denominator AS DOUBLE) END AS value,
        CASE WHEN r.region IS NULL THEN v.numerator ELSE r.numerator END AS numerator,
        CASE WHEN r.region IS NULL THEN v.denominator ELSE r.denominator END AS denominator,
        CASE WHEN r.region IS NOT NULL AND v.status = 'zero' THEN 'ok' ELSE v.status END AS status,
        CASE WHEN r.region IS NULL THEN v.lower END AS lower, CASE WHEN r.region IS NULL THEN v.upper END AS upper,
        CASE WHEN r.region IS NULL THEN v.method END AS method)
    FROM calc_indicator_judged v JOIN calc_indicator i ON i.code = v.indicator
    LEFT JOIN {_figures(framework, "calc_hidden")} h ON {_same_figure(framework, "h")}
    LEFT JOIN {_figures(framework, "calc_rounded")} r ON {_same_figure(framework, "r")}
    WHERE {condition}
)
SELECT j.region, j.year, j.indicator, {", ".join("j." + name for name in sql.dimension_columns(framework))},
       CASE WHEN reason = '' THEN value END AS value,
       {public_sign(framework, "s.sign")} AS sign,
       {public_status()} AS status,
       reason,
       CASE WHEN reason = '' AND value IS NOT NULL THEN numerator END AS numerator,
       CASE WHEN reason = '' AND value IS NOT NULL THEN denominator END AS denominator,
       n_reported, n_members,
       CASE WHEN reason = '' THEN lower END AS lower, CASE WHEN reason = '' THEN upper END AS upper,
       CASE WHEN reason = '' THEN method END AS method, flags,
       CASE WHEN reason = '' AND value IS NOT NULL THEN cases END AS cases
FROM judged j JOIN (SELECT code, sign FROM calc_status) s ON s.code = j.status
ORDER BY indicator, region, year, {dims}"""


def _figures(framework: Framework, named: str) -> str:
    """SQL of a relation that names figures by their member keys, with region, indicator and dimensions as numbers."""
    dims = ", ".join(f"m.{name}" for name in sql.dimension_columns(framework))
    return f"""(
        SELECT t.* EXCLUDE (key), {dims} FROM {coded(framework, named)} t
        JOIN calc_point p ON p.owner = t.indicator AND p.key = t.key JOIN calc_members m USING (point))"""


def _same_figure(framework: Framework, other: str) -> str:
    """The figure of `v` in a relation of `_figures`."""
    names = ["region", "year", "indicator", *sql.dimension_columns(framework)]
    return " AND ".join(f"{other}.{name} = v.{name}" for name in names)
