"""Rates that are free of differences in structure: direct standardisation of the groups of a gap.

Rate and variance after Dobson et al. 1991, as in the public-health packages: `DSR = sum(w x/n) / sum(w)`,
`Var = sum(w² x/n²) / sum(w)²`, limits `DSR + sqrt(Var/O) (Byar(O) - O)` with O the sum of the cases.
"""

from __future__ import annotations

from collections.abc import Iterator

from indicators.coded import INDICATOR
from indicators.intervals import byar
from schemas import sql
from schemas.framework_model import Framework
from schemas.supports import CASES, supports

METHOD = "dobson"


def support_statement(framework: Framework) -> str:
    """SQL that makes `calc_support`: case numbers and strata beside the indicators, one row per figure and role.

    Columns: indicator, role, region, year, the dimensions (`calc_members`), left_value, right_value, n_reported (empty
    unless the region is an aggregate).
    """
    members = ", ".join(f"k.{name}" for name in sql.dimension_columns(framework))
    rows = [(one.owner, one.indicator, one.role) for one in supports(framework, framework.indicators)]
    return f"""
        CREATE OR REPLACE TEMP TABLE calc_support AS
        WITH declared AS ({sql.listed("owner indicator role", rows)})
        SELECT CAST(d.indicator AS {INDICATOR}) AS indicator, d.role, e.region, e.year, {members},
               CAST(e.left_value AS DOUBLE) AS left_value, CAST(e.right_value AS DOUBLE) AS right_value, c.n_reported
        FROM calc_point p JOIN declared d USING (owner) JOIN calc_members k USING (point) JOIN calc_evaluated e USING (point)
        LEFT JOIN calc_coverage c ON c.region = e.region AND c.year = e.year AND c.point = e.point
        WHERE e.present = e.slots"""


def standardised_statements(framework: Framework) -> Iterator[str]:
    """SQL that makes `calc_indicator_standardised` from `calc_support`, and its part that may leave the house.

    Columns: region, year, indicator, dimensions, value, lower, upper (unit of the indicator), log_variance, method,
    status, low_count (the smallest of all counts of a stratum that could be told apart). A rate on too few cases has
    the status `unreliable` and no value; a rate without all of its strata has no row.
    """
    dims = sql.dimension_columns(framework)
    settings = framework.head.intervals
    entries = {code: entry for code, entry in framework.indicators.items() if entry.standardise is not None}
    strata = [(one.indicator, one.role, one.weight) for one in supports(framework, entries) if one.role != CASES]
    rates = [
        (
            code,
            len(entry.standardise.bands),
            float(framework.ratio(code).multiplier),
            entry.standardise.interval,
            entry.unit == "percent",
        )
        for code, entry in entries.items()
        if entry.standardise is not None
    ]
    rate_columns = "indicator strata:INTEGER multiplier:DOUBLE interval_method part_of_base:BOOLEAN"
    keys = ", ".join(["region", "year", "indicator", *dims])
    same = " AND ".join(f"v.{name} = s.{name}" for name in ["region", "year", "indicator", *dims])
    low, high = byar("cases", settings.z)
    chance = "sqrt(variance / cases)"
    yield f"""
        CREATE OR REPLACE TEMP TABLE calc_indicator_standardised AS
        WITH stratum AS ({sql.listed("indicator role weight:DOUBLE", strata)}),
        declared AS ({sql.listed(rate_columns, rates)}),
        summed AS (
            SELECT {", ".join("s." + name for name in ["region", "year", "indicator", *dims])},
                   sum(weight * left_value / right_value ORDER BY role) / sum(weight ORDER BY role) AS rate,
                   sum(weight * weight * left_value / (right_value * right_value) ORDER BY role)
                       / pow(sum(weight ORDER BY role), 2) AS variance,
                   sum(left_value ORDER BY role) AS cases, d.multiplier, d.interval_method,
                   min(CASE WHEN d.part_of_base THEN least(left_value, right_value - left_value)
                            ELSE left_value END) AS low_count
            FROM calc_support s JOIN stratum USING (indicator, role) JOIN declared d USING (indicator)
            JOIN calc_indicator_value v ON {same} AND v.value IS NOT NULL
            WHERE left_value >= 0 AND right_value > 0 AND (s.n_reported IS NULL OR s.n_reported = v.n_reported)
            GROUP BY ALL HAVING count(*) = any_value(d.strata)
        ), limited AS (
            SELECT *, cases >= {settings.min_cases_standardised} AS enough,
                   rate + {chance} * ({low} - cases) AS low, rate + {chance} * ({high} - cases) AS high FROM summed
        )
        SELECT {keys}, CASE WHEN enough THEN multiplier * rate END AS value,
               CASE WHEN enough AND interval_method = '{METHOD}' THEN multiplier * low END AS lower,
               CASE WHEN enough AND interval_method = '{METHOD}' THEN multiplier * high END AS upper,
               CASE WHEN enough AND interval_method = '{METHOD}' THEN variance / (rate * rate) END AS log_variance,
               CASE WHEN enough AND interval_method = '{METHOD}' THEN '{METHOD}' END AS method,
               CASE WHEN enough THEN 'ok' ELSE 'unreliable' END AS status, low_count
        FROM limited"""
    yield f"""
        CREATE OR REPLACE TEMP TABLE calc_published_standardised AS
        SELECT * FROM calc_indicator_standardised
        WHERE low_count >= {framework.head.confidentiality.suppress_counts_below}"""
