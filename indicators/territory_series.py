"""Whole series at today's territory, beside those as reported.

As reported, a figure speaks of the territory its region had in its year. `indicator_value_today` tells the series again
for the territory of the newest year: numerators and denominators of the reports are added with the weights of the table
of changes, then divided; a rate is never converted. Only regions whose territory changed have rows there, all their years.
"""

from __future__ import annotations

from collections.abc import Iterator

from indicators.protection.policy import Policy
from indicators.small_numbers import (
    SECRET_REASON,
    SECRET_REASONS,
    base_of,
    hidden_reason,
    public_sign,
    public_status,
    strictest_threshold,
)
from schemas.formula import Expression, Number, Operation, SumOver, Term
from schemas.framework_model import Framework
from schemas.sql import dimension_columns, listed

TERRITORY = "territory"
"""Cause of a break that a series at today's territory does not have."""


def today_statements(
    framework: Framework, values: str, crosswalk: str, breaks: str, target: str, *, published: bool
) -> Iterator[str]:
    """SQL that makes the table `target` (shape of `indicator_value_today`, published: `published_today`).

    A sum or difference needs a value of every report it is made of. A published one is made of published sides alone,
    and the sides that come out must pass the primary rules for small numbers themselves. A share whose numerator comes
    out below zero (reports that do not fit together) is not computable.
    """
    dims = dimension_columns(framework)
    keys = ", ".join(["x.region", "x.year", "v.indicator", *(f"v.{name}" for name in dims)])
    flags = """CASE WHEN b.region IS NULL THEN nullif(array_to_string(list_filter(string_split(v.flags, ','),
                     lambda flag: flag <> 'break'), ','), '') ELSE v.flags END"""
    other = f"""LEFT JOIN (SELECT DISTINCT region, year, indicator FROM {breaks} WHERE reason <> '{TERRITORY}') b
                  ON b.region = v.region AND b.year = v.year AND b.indicator = v.indicator"""
    marks = [(s.code, s.rank, s.sign) for s in framework.statuses.values()]
    statuses = listed("code rank:INTEGER sign", marks)
    yield f"""
CREATE OR REPLACE TEMP TABLE {target}_sum AS
WITH definition AS ({_definitions(framework)}),
status AS ({statuses}),
summed AS (
    SELECT {keys}, any_value(x.territory_day) AS territory_day, any_value(d.multiplier) AS multiplier,
           any_value(d.quotient) AS quotient, any_value(d.share) AS share, arg_max(v.status, s.rank) AS worst,
           max(s.rank) AS rank, bool_and(d.additive) AND count(v.value) = any_value(x.n_parts) AS whole,
           sum(CAST(v.numerator AS DECIMAL(24, 8)) * x.coefficient) AS above,
           sum(CAST(v.denominator AS DECIMAL(24, 8)) * x.coefficient) AS below,
           sum(CAST(v.cases AS DECIMAL(24, 0)) * x.coefficient) AS cases, count(v.value) AS n_reported,
           any_value(x.n_parts) AS n_members, max({flags}) AS flags
    FROM {crosswalk} x JOIN {values} v ON v.region = x.part AND v.year = x.year
    JOIN definition d ON d.indicator = v.indicator LEFT JOIN status s ON s.code = v.status {other}
    WHERE x.n_parts > 1 OR x.coefficient <> 1 GROUP BY ALL
), divided AS (
    SELECT *, whole AND coalesce(below <> 0, NOT quotient) AND NOT coalesce(share AND above < 0, false) AS computed
    FROM summed
)
SELECT {", ".join(["region", "year", "indicator", *dims])}, territory_day, n_reported, n_members, flags,
       CASE WHEN computed
            THEN multiplier * CAST(above AS DOUBLE) / CASE WHEN quotient THEN CAST(below AS DOUBLE) ELSE 1 END END AS value,
       CASE WHEN NOT computed THEN 'not_computable' WHEN rank > 0 THEN worst WHEN above = 0 THEN 'zero' ELSE 'ok' END
           AS status,
       CASE WHEN computed THEN CAST(above AS DECIMAL(30, 8)) END AS numerator,
       CASE WHEN computed AND quotient THEN CAST(below AS DECIMAL(30, 8)) END AS denominator,
       CASE WHEN computed THEN CAST(cases AS BIGINT) END AS cases
FROM divided"""
    made = _shown(framework, f"{target}_sum", statuses) if published else f"FROM {target}_sum"
    version = "" if published else f"'{framework.version}' AS framework_version, "
    yield f"""
CREATE OR REPLACE TEMP TABLE {target} AS
SELECT v.* REPLACE (x.region AS region, {flags} AS flags), x.territory_day
FROM {crosswalk} x JOIN {values} v ON v.region = x.part AND v.year = x.year {other}
WHERE x.n_parts = 1 AND x.coefficient = 1
UNION ALL BY NAME
SELECT * REPLACE (CAST(n_reported AS INTEGER) AS n_reported, CAST(n_members AS INTEGER) AS n_members), {version}
       CAST(NULL AS DOUBLE) AS lower, CAST(NULL AS DOUBLE) AS upper, CAST(NULL AS VARCHAR) AS method
FROM ({made})"""


def today_breaks(crosswalk: str, breaks: str, target: str) -> str:
    """SQL that makes `target` (region, year, indicator, reason): breaks that a series at today's territory has.

    Those of its parts, each in the years in which it is a part; a change of territory is no break any more.
    """
    return f"""
CREATE OR REPLACE TEMP TABLE {target} AS
SELECT DISTINCT x.region, b.year, b.indicator, b.reason
FROM {crosswalk} x JOIN {breaks} b ON b.region = x.part AND b.year = x.year WHERE b.reason <> '{TERRITORY}'"""


def _definitions(framework: Framework) -> str:
    """SQL of indicator, multiplier, quotient, share and additive: do the sides of the parts add up to those of the whole?"""
    policy = Policy(framework)
    ratios = {code: framework.ratio(code) for code in framework.indicators}
    rows = [
        (
            code,
            float(r.multiplier),
            r.denominator is not None,
            policy.is_share(code),
            _additive(r.numerator) and (r.denominator is None or _additive(r.denominator)),
        )
        for code, r in ratios.items()
    ]
    return listed("indicator multiplier:DOUBLE quotient:BOOLEAN share:BOOLEAN additive:BOOLEAN", rows)


def _shown(framework: Framework, made: str, statuses: str) -> str:
    """SQL of the sums and differences with sign and public reason, without what may not be shown."""
    values = ", ".join(f"CASE WHEN reason = '' THEN {c} END AS {c}" for c in ("value", "numerator", "denominator"))
    rest = ", ".join(f"CASE WHEN reason = '' THEN {c} END AS {c}" for c in ("cases", "flags"))
    reason = f"CASE WHEN reason IN {SECRET_REASONS} THEN '{SECRET_REASON}' ELSE reason END AS reason"
    return f"""
SELECT j.* EXCLUDE (base, own) REPLACE ({values}, {rest}, {public_status()} AS status),
       {public_sign(framework, "own")} AS sign
FROM (
    SELECT b.* REPLACE ({reason}), m.sign AS own FROM (
        SELECT *, {hidden_reason(framework, strictest_threshold(framework))} AS reason
        FROM (SELECT *, {base_of(framework)} AS base FROM {made})
    ) b JOIN ({statuses}) m ON m.code = b.status
) j"""


def _additive(side: Expression) -> bool:
    """Is the side of a joined territory the sum of the sides of its parts?"""
    match side:
        case Term():
            return True
        case SumOver(inner, _):
            return _additive(inner)
        case Operation("+" | "-", left, right):
            return _additive(left) and _additive(right)
        case Operation("*", left, right):
            return (isinstance(left, Number) and _additive(right)) or (isinstance(right, Number) and _additive(left))
        case Operation("/", left, Number()):
            return _additive(left)
        case _:
            return False
