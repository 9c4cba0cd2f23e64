"""What may leave the house, decided once per release: `indicator_published`.

Primary rules of the framework so far: small numerators, small remainders and small denominators are hidden, figures on
few cases are marked. Hidden figures carry a sign and a reason, never the number.
"""

from __future__ import annotations

from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL


def published_statement(framework: Framework) -> str:
    """SQL that makes `calc_indicator_published` from `calc_indicator_value`.

    A numerator from 1 up to below the threshold is secret, and so is a remainder (denominator minus numerator) of that
    size where the numerator is a part of the denominator: both give single persons back. A denominator below the
    minimum makes the figure unreliable.
    """
    rules = framework.head.confidentiality
    parts = [code for code in framework.indicators if _is_share(framework, code)]
    surveys = [code for code, entry in framework.indicators.items() if entry.tier == "survey"]
    small = rules.suppress_counts_below
    dims = ", ".join(sql.dimension_columns(framework))
    secret = framework.statuses["secret"].sign
    return f"""
CREATE OR REPLACE TEMP TABLE calc_indicator_published AS
WITH judged AS (
    SELECT v.*, CASE
        WHEN value IS NULL OR denominator IS NULL THEN ''
        WHEN numerator > 0 AND numerator < {small} AND indicator NOT IN ({_list(_indices(framework))}) THEN 'small_numerator'
        WHEN denominator - numerator > 0 AND denominator - numerator < {small} AND indicator IN ({_list(parts)})
            THEN 'small_remainder'
        WHEN denominator < {rules.survey_min_n} AND indicator IN ({_list(surveys)}) THEN 'few_respondents'
        WHEN denominator < {rules.min_denominator_rate} AND indicator NOT IN ({_list(_indices(framework))})
            THEN 'small_denominator'
        ELSE '' END AS reason
    FROM calc_indicator_value v
)
SELECT j.region, j.year, j.indicator, {", ".join("j." + name for name in sql.dimension_columns(framework))},
       CASE WHEN reason = '' THEN value END AS value,
       CASE WHEN reason IN ('small_numerator', 'small_remainder') THEN '{secret}'
            WHEN reason <> '' THEN '{framework.statuses["unreliable"].sign}'
            WHEN value IS NOT NULL AND denominator < {rules.min_denominator_mark}
                 AND indicator NOT IN ({_list(_indices(framework))}) THEN '{framework.statuses["limited"].sign}'
            WHEN value IS NOT NULL AND j.status IN ('ok', 'zero') THEN ''
            ELSE s.sign END AS sign,
       CASE WHEN reason IN ('small_numerator', 'small_remainder') THEN 'secret'
            WHEN reason <> '' THEN 'unreliable' ELSE j.status END AS status,
       reason,
       CASE WHEN reason = '' AND value IS NOT NULL THEN numerator END AS numerator,
       CASE WHEN reason = '' AND value IS NOT NULL THEN denominator END AS denominator,
       n_reported, n_members,
       CASE WHEN reason = '' THEN lower END AS lower, CASE WHEN reason = '' THEN upper END AS upper,
       CASE WHEN reason = '' THEN method END AS method, flags
FROM judged j JOIN calc_status s ON s.code = j.status
ORDER BY indicator, region, year, {dims}"""


def _is_share(framework: Framework, code: str) -> bool:
    """Is the numerator a part of the denominator, so that the remainder is a count of persons, too?"""
    return framework.indicators[code].unit == "percent"


def _indices(framework: Framework) -> list[str]:
    """Indicators that are no quotient of counts: their sides are no numbers of persons."""
    return [code for code, entry in framework.indicators.items() if entry.unit in ("ratio", "index_0_100")]


def _list(codes: list[str]) -> str:
    return ", ".join(f"'{code}'" for code in codes) or f"'{TOTAL}'"
