"""What may leave the house, decided once per release: `indicator_published`.

Small numerators, small remainders and small denominators are hidden, figures on few cases are marked. What else has to be
hidden so that none of them can be worked out is decided for the whole release (`indicators.protection`). Hidden figures
carry a sign and a status, never the number and never why.
"""

from __future__ import annotations

from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL

SECRET_REASON = "secret"
"""The one public reason: it tells a small count neither from its complement nor from a cell that only protects another."""


def judged_statement(framework: Framework) -> str:
    """SQL that makes `calc_indicator_judged`: `calc_indicator_value` with `base` and the `reason` to hide a figure.

    A numerator from 1 up to below the threshold is secret, and so is a remainder (denominator minus numerator) of that
    size where the numerator is a part of the denominator: both give single persons back. A denominator below the
    minimum makes the figure unreliable, and that comes first: the sign of a figure on few cases says nothing about its
    numerator. Reasons stay in the house. Where the unweighted case number is declared (`cases`), it decides instead of the
    denominator; an unknown case number is too few. A bracketed figure keeps its own letter: `( ) p` is a provisional
    figure on few cases.
    """
    rules = framework.head.confidentiality
    parts = [code for code in framework.indicators if _is_share(framework, code)]
    counted = [code for code, entry in framework.indicators.items() if entry.cases is not None]
    surveys = [code for code, entry in framework.indicators.items() if entry.tier == "survey"]
    small = rules.suppress_counts_below
    indices = _list(_indices(framework))
    return f"""
CREATE OR REPLACE TEMP TABLE calc_indicator_judged AS
SELECT v.*, CASE
    WHEN value IS NULL OR denominator IS NULL THEN ''
    WHEN base < {rules.survey_min_n} AND indicator IN ({_list(surveys)}) THEN 'few_respondents'
    WHEN base < {rules.min_denominator_rate} AND indicator NOT IN ({indices}) THEN 'small_denominator'
    WHEN numerator > 0 AND numerator < {small} AND indicator NOT IN ({indices}) THEN 'small_numerator'
    WHEN denominator - numerator > 0 AND denominator - numerator < {small} AND indicator IN ({_list(parts)})
        THEN 'small_remainder'
    ELSE '' END AS reason
FROM (SELECT *, CASE WHEN indicator IN ({_list(counted)}) THEN coalesce(cases, 0) ELSE denominator END AS base
      FROM calc_indicator_value) v"""


def published_statement(framework: Framework) -> str:
    """SQL that makes `calc_indicator_published` from `calc_indicator_judged` and `calc_hidden` (see
    `indicators.protection`); figures in `calc_rounded` stand with their rounded sides.

    Primary, secondary and hidden zero look alike: status and reason `secret`. A bracketed figure keeps its own letter:
    `( ) p` is a provisional figure on few cases.
    """
    rules = framework.head.confidentiality
    letters = [code for code, status in framework.statuses.items() if status.has_value and status.sign.isalpha()]
    surveys = [code for code, entry in framework.indicators.items() if entry.tier == "survey"]
    dims = ", ".join(sql.dimension_columns(framework))
    secret = framework.statuses["secret"].sign
    return f"""
CREATE OR REPLACE TEMP TABLE calc_indicator_published AS
WITH judged AS (
    SELECT v.* REPLACE (
        CASE WHEN h.region IS NOT NULL OR (r.region IS NOT NULL AND (r.numerator IS NULL OR r.denominator IS NULL))
                  OR (r.region IS NULL AND v.reason IN ('small_numerator', 'small_remainder')) THEN '{SECRET_REASON}'
             WHEN v.reason IN ('small_numerator', 'small_remainder') THEN '' ELSE v.reason END AS reason,
        CASE WHEN r.region IS NULL THEN v.value
             ELSE i.multiplier * CAST(r.numerator AS DOUBLE) / CAST(r.denominator AS DOUBLE) END AS value,
        CASE WHEN r.region IS NULL THEN v.numerator ELSE r.numerator END AS numerator,
        CASE WHEN r.region IS NULL THEN v.denominator ELSE r.denominator END AS denominator,
        CASE WHEN r.region IS NOT NULL AND v.status = 'zero' THEN 'ok' ELSE v.status END AS status,
        CASE WHEN r.region IS NULL THEN v.lower END AS lower, CASE WHEN r.region IS NULL THEN v.upper END AS upper,
        CASE WHEN r.region IS NULL THEN v.method END AS method)
    FROM calc_indicator_judged v JOIN calc_indicator i ON i.code = v.indicator
    LEFT JOIN calc_hidden h ON {_same_figure(framework, "h")}
    LEFT JOIN calc_rounded r ON {_same_figure(framework, "r")}
)
SELECT j.region, j.year, j.indicator, {", ".join("j." + name for name in sql.dimension_columns(framework))},
       CASE WHEN reason = '' THEN value END AS value,
       CASE WHEN reason = '{SECRET_REASON}' THEN '{secret}'
            WHEN reason <> '' THEN '{framework.statuses["unreliable"].sign}'
            WHEN value IS NOT NULL AND indicator NOT IN ({_list(_indices(framework))})
                 AND base < CASE WHEN indicator IN ({_list(surveys)}) THEN {rules.survey_mark_below}
                            ELSE {rules.min_denominator_mark} END
                THEN concat_ws(' ', '{framework.statuses["limited"].sign}',
                               CASE WHEN j.status IN ({_list(letters)}) THEN s.sign END)
            WHEN value IS NOT NULL AND j.status IN ('ok', 'zero') THEN ''
            ELSE s.sign END AS sign,
       CASE WHEN reason = '{SECRET_REASON}' THEN 'secret'
            WHEN reason <> '' THEN 'unreliable' ELSE j.status END AS status,
       reason,
       CASE WHEN reason = '' AND value IS NOT NULL THEN numerator END AS numerator,
       CASE WHEN reason = '' AND value IS NOT NULL THEN denominator END AS denominator,
       n_reported, n_members,
       CASE WHEN reason = '' THEN lower END AS lower, CASE WHEN reason = '' THEN upper END AS upper,
       CASE WHEN reason = '' THEN method END AS method, flags,
       CASE WHEN reason = '' AND value IS NOT NULL THEN cases END AS cases
FROM judged j JOIN calc_status s ON s.code = j.status
ORDER BY indicator, region, year, {dims}"""


def _same_figure(framework: Framework, other: str) -> str:
    """The figure of `v` in a table that names it by its member key."""
    same = " AND ".join(f"{other}.{name} = v.{name}" for name in ("region", "year", "indicator"))
    return f"{same} AND {other}.key = {sql.key_expression(framework, 'v')}"


def _is_share(framework: Framework, code: str) -> bool:
    """Is the numerator a part of the denominator, so that the remainder is a count of persons, too?"""
    return framework.indicators[code].unit == "percent"


def _indices(framework: Framework) -> list[str]:
    """Indicators that are no quotient of counts: their sides are no numbers of persons."""
    return [code for code, entry in framework.indicators.items() if entry.unit in ("ratio", "index_0_100")]


def _list(codes: list[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes) or f"'{TOTAL}'"
