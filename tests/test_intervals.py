"""Confidence limits, gaps and standardised rates against published test vectors and independent implementations.

Independent are statsmodels (Wilson, Newcombe, Katz, square-and-add) and scipy (exact Poisson limits); the figures come
from the SQL of the project. What a whole delivery gives is shown by the cases 24 to 38 (`cases/README.md`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isclose, isnan, sqrt
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import _inference_tools, proportion, rates

from indicators.gaps import gap_statements
from indicators.intervals import byar, interval_statements, wilson
from indicators.standardised import standardised_statements
from schemas import sql
from schemas.definitions_intervals import Band, StandardPopulation
from schemas.framework_model import Framework
from schemas.supports import interval_method, supports

Z = 1.959964
Limits = tuple[float | None, float | None]
few = settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Each example is a table of many figures that go through SQL together."""


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:", config={"threads": "1"})


def limits(
    connection: duckdb.DuckDBPyConnection, texts: tuple[str, str], rows: Sequence[tuple[float, float]]
) -> list[Limits]:
    """Lower and upper limit of many counts at once; the SQL sees x and n."""
    given_rows = ", ".join(f"({i}, {float(x)!r}::DOUBLE, {float(n)!r}::DOUBLE)" for i, (x, n) in enumerate(rows))
    query = f"SELECT {texts[0]}, {texts[1]} FROM (VALUES {given_rows}) v(i, x, n) ORDER BY i"
    return [(row[0], row[1]) for row in connection.execute(query).fetchall()]


def close(got: Sequence[float | None], wanted: Sequence[float], tolerance: float) -> bool:
    return all(
        g is not None and isclose(g, w, rel_tol=tolerance, abs_tol=tolerance) for g, w in zip(got, wanted, strict=True)
    )


# --- limits of one figure -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "size", "low", "high"),
    [(9, 48, 0.101914, 0.319399), (0, 20, 0, 0.161125), (20, 20, 0.838875, 1), (50, 200, 0.195082, 0.314341)],
)
def test_wilson_gives_the_published_vectors(
    connection: duckdb.DuckDBPyConnection, count: int, size: int, low: float, high: float
) -> None:
    ((lower, upper),) = limits(connection, wilson("x", "n", Z), [(count, size)])
    assert lower is not None
    assert upper is not None
    assert (round(lower, 6), round(upper, 6)) == (low, high)


def test_wilson_has_no_limits_where_there_is_no_share(connection: duckdb.DuckDBPyConnection) -> None:
    found = limits(connection, wilson("x", "n", Z), [(0, 0), (-1, 10), (11, 10)])
    assert found == [(None, None)] * 3


@few
@given(
    st.lists(
        st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=20, max_size=60
    )
)
def test_wilson_is_that_of_statsmodels(connection: duckdb.DuckDBPyConnection, rows: list[tuple[int, int]]) -> None:
    for (x, n), found in zip(rows, limits(connection, wilson("x", "n", Z), rows), strict=True):
        assert close(found, proportion.proportion_confint(x, n, method="wilson"), 1e-7), (x, n)
        assert found[0] is not None
        assert found[1] is not None
        assert 0 <= found[0] <= x / n + 1e-12
        assert x / n - 1e-12 <= found[1] <= 1


def test_byar_gives_the_published_vector_and_begins_at_zero(connection: duckdb.DuckDBPyConnection) -> None:
    found = limits(connection, byar("x", Z), [(25, 1), (0, 1), (-1, 1)])
    assert found[0] == (pytest.approx(16.1743, abs=5e-5), pytest.approx(36.9065, abs=5e-5))
    assert found[1] == (0, pytest.approx(stats.chi2.ppf(0.975, 2) / 2, rel=0.01))
    assert found[2] == (None, None)


@few
@given(st.lists(st.integers(5, 5_000), min_size=20, max_size=60))
def test_byar_is_close_to_the_exact_poisson_limits(connection: duckdb.DuckDBPyConnection, counts: list[int]) -> None:
    for count, found in zip(counts, limits(connection, byar("x", Z), [(c, 1) for c in counts]), strict=True):
        exact = stats.chi2.ppf(0.025, 2 * count) / 2, stats.chi2.ppf(0.975, 2 * count + 2) / 2
        assert close(found, exact, 0.01), count


# --- gaps -----------------------------------------------------------------------------------------------------------

SHARE, RATE, SURVEY = "SCH-08", "SIC-01", "IDE-05"


Side = tuple[int, int]
"""count, size; of a survey the effective ones"""


def gaps(
    framework: Framework,
    indicator: str,
    pairs: Sequence[tuple[Side, Side]],
    years: Mapping[int, Mapping[str, object]] = {},
) -> list[dict[str, Any]]:
    """The gap rows of many regions, one for each pair of focus and reference.

    `years`: the pairs are one region in these years instead, with other columns of the focus.
    """
    method = interval_method(framework, indicator)
    entry = framework.indicators[indicator]
    assert entry.gap is not None
    factor = float(framework.ratio(indicator).multiplier)
    effect = framework.head.intervals.design_effect
    texts = byar("x", Z) if method == "byar" else wilson("x", "n", Z)
    columns: dict[str, list[object]] = {}
    with duckdb.connect(":memory:", config={"threads": "1"}) as database:
        found = iter(limits(database, texts, [side for pair in pairs for side in pair]))
        for region, pair in enumerate(pairs):
            for member, (x, n) in zip((entry.gap.focus, entry.gap.reference), pair, strict=True):
                low, high = next(found)
                scale = factor / n if method == "byar" else factor
                weight = 7 if method == "weighted" else 1  # of a weighted figure only the quotient of its sides counts
                row: dict[str, object] = {"region": f"{region:04}", "year": 2025, "indicator": indicator}
                row["value"] = factor * x / n
                row |= {d.lower(): member if d == entry.gap.dimension else "T" for d in framework.dimension_order}
                row |= {"status": "ok", "numerator": x * weight, "denominator": n * weight, "flags": ""}
                row |= {"lower": (low or 0.0) * scale, "upper": (high or 0.0) * scale, "method": method}
                row |= {"n_reported": 1, "cases": n * effect}
                if years:
                    row |= {"region": "0000", "year": list(years)[region]}
                    row |= years[list(years)[region]] if member == entry.gap.focus else {}
                for name, item in row.items():
                    columns.setdefault(name, []).append(item)
        database.register("given", pa.table(columns))
        database.execute("CREATE TABLE empty AS SELECT *, value AS log_variance FROM given WHERE false")
        for statement in gap_statements(framework, "given", "found", "empty"):
            database.execute(statement)
        rows = database.sql("FROM found ORDER BY region, year").to_arrow_table().to_pylist()
    assert len(rows) == len(pairs)
    return [{name: float("nan") if item is None else item for name, item in row.items()} for row in rows]


@pytest.mark.parametrize("indicator", [SHARE, SURVEY])
@pytest.mark.parametrize(
    ("focus", "reference", "difference", "low", "high"),
    [((56, 70), (48, 80), 0.2, 0.0524, 0.3339), ((9, 10), (3, 10), 0.6, 0.1705, 0.8090)],
)
def test_newcombe_gives_the_published_vectors(
    framework: Framework,
    indicator: str,
    focus: Side,
    reference: Side,
    difference: float,
    low: float,
    high: float,
) -> None:
    (found,) = gaps(framework, indicator, [(focus, reference)])
    assert [round(found[name] / 100, 4) for name in ("difference", "lower", "upper")] == [difference, low, high]


sample = st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
rate = st.tuples(st.integers(0, 500), st.integers(500, 100_000))


@few
@given(st.lists(st.tuples(sample, sample), min_size=20, max_size=60))
def test_gaps_of_shares_are_those_of_statsmodels(framework: Framework, pairs: list[tuple[Side, Side]]) -> None:
    for indicator in (SHARE, SURVEY):
        for (focus, reference), found in zip(pairs, gaps(framework, indicator, pairs), strict=True):
            newcombe = proportion.confint_proportions_2indep(*focus, *reference, method="newcomb")
            assert close([found["lower"] / 100, found["upper"] / 100], newcombe, 1e-7)
            assert found["lower"] - 1e-9 <= found["difference"] <= found["upper"] + 1e-9
            if not focus[0] or not reference[0] or (focus[0] == focus[1] and reference[0] == reference[1]):
                assert isnan(found["ratio_lower"])
                assert isnan(found["ratio_upper"])
            else:
                log = {"compare": "ratio", "method": "log", "correction": False}
                katz = proportion.confint_proportions_2indep(*focus, *reference, **log)
                assert close([found["ratio_lower"], found["ratio_upper"]], katz, 1e-6)


@few
@given(st.lists(st.tuples(rate, rate), min_size=20, max_size=60))
def test_gaps_of_rates_are_those_of_statsmodels(
    framework: Framework, connection: duckdb.DuckDBPyConnection, pairs: list[tuple[Side, Side]]
) -> None:
    sides = [side for pair in pairs for side in pair]
    ranges = iter(limits(connection, byar("x", Z), sides))
    for (focus, reference), found in zip(pairs, gaps(framework, RATE, pairs), strict=True):
        one, other = ([(limit or 0.0) / n for limit in next(ranges)] for _, n in (focus, reference))
        rate_one, rate_other = focus[0] / focus[1], reference[0] / reference[1]
        added = _inference_tools._mover_confint(rate_one, rate_other, one, other, contrast="diff")
        assert close([found["lower"] / 1000, found["upper"] / 1000], added, 1e-9)
        if focus[0] and reference[0]:
            wald = rates.confint_poisson_2indep(*focus, *reference, method="wald-log")
            assert close([found["ratio_lower"], found["ratio_upper"]], wald, 1e-6)
        else:
            assert isnan(found["ratio_upper"])


def test_gap_of_equal_sides_is_none_and_turns_round_with_its_sides(framework: Framework) -> None:
    few_and_many = ((9, 48), (50, 200))
    same, there, back = gaps(framework, SHARE, [((12, 40), (12, 40)), few_and_many, few_and_many[::-1]])
    assert same["difference"] == 0
    assert same["lower"] == pytest.approx(-same["upper"])
    assert there["lower"] == pytest.approx(-back["upper"])
    assert there["ratio_lower"] == pytest.approx(1 / back["ratio_upper"])


def test_direction_is_empty_over_a_break_and_over_a_change_of_members(framework: Framework) -> None:
    """The difference of last year is told all the same."""
    years: dict[int, dict[str, object]] = {
        2020: {},
        2021: {},
        2022: {"flags": "mixed_basis,break"},
        2023: {"flags": "breakfast"},
        2024: {"n_reported": 2},
        2025: {"n_reported": 2},
        2027: {},
    }
    shares = [900, 500, 900, 500, 900, 500, 500]
    pairs = [((share, 1000), (100, 1000)) for share in shares]
    found = gaps(framework, SHARE, pairs, years)
    assert [row["direction"] for row in found] == ["", "closing", "", "closing", "", "closing", ""]
    assert [row["previous"] for row in found][1:-1] == [pytest.approx(share / 10 - 10) for share in shares[:5]]
    assert isnan(found[-1]["previous"])


def test_direction_needs_more_than_chance_where_there_are_limits(framework: Framework) -> None:
    """10 against 10 of 100, then more: steady as long as the limits of the change contain zero (statsmodels)."""
    directions = set()
    for more in range(0, 30, 2):
        pairs = [((20, 100), (10, 100)), ((20 + more, 100), (10, 100))]
        before, after = gaps(framework, SHARE, pairs, {2024: {}, 2025: {}})
        limits_of = [[row["lower"], row["upper"]] for row in (after, before)]
        change = _inference_tools._mover_confint(after["difference"], before["difference"], *limits_of, contrast="diff")
        assert after["direction"] == ("opening" if change[0] > 0 else "steady"), more
        directions.add(after["direction"])
    assert directions == {"steady", "opening"}


# --- standardised rates ---------------------------------------------------------------------------------------------

Stratum = tuple[float, float]
"""cases, base"""


def standardised(
    framework: Framework, weights: Sequence[float], regions: Sequence[Sequence[Stratum]]
) -> list[dict[str, float | str | None]]:
    """The standardised rates (per 1) of many regions with the same strata, declared and computed as those of an
    indicator; {} where there is none."""
    code = next(code for code, entry in framework.indicators.items() if entry.standardise is not None)
    entry = framework.indicators[code]
    assert entry.standardise is not None
    standard = {f"M{number}": float(weight) for number, weight in enumerate(weights)}
    population = StandardPopulation(code="TEST", name_de="t", name_en="t", dimension="AGE", weights=standard)
    pattern = entry.standardise.bands[0]
    bands = [Band(members=[member], cases=pattern.cases, base=pattern.base) for member in standard]
    declared = entry.standardise.model_copy(update={"standard": "TEST", "bands": bands, "interval": "dobson"})
    intervals = framework.head.intervals.model_copy(update={"standards": [population]})
    changed = replace(
        framework,
        head=framework.head.model_copy(update={"intervals": intervals}),
        indicators={code: entry.model_copy(update={"standardise": declared})},
    )
    assert [one.role for one in supports(changed, [code])] == [str(n) for n in range(len(weights))]
    dims = ", ".join(f"'T' AS {name}" for name in sql.dimension_columns(framework))
    rows = [
        f"('{region:04}', '{n}', {x}::DOUBLE, {base}::DOUBLE)"
        for region, strata in enumerate(regions)
        for n, (x, base) in enumerate(strata)
    ]
    with duckdb.connect(":memory:", config={"threads": "1"}) as database:
        database.execute(f"""
            CREATE TABLE calc_support AS SELECT region, 2025 AS year, '{code}' AS indicator, {dims}, role, left_value,
                right_value, NULL::INTEGER AS n_reported
            FROM (VALUES {", ".join(rows)}) s(region, role, left_value, right_value)""")
        database.execute("""
            CREATE TABLE calc_indicator_value AS SELECT DISTINCT * EXCLUDE (role, left_value, right_value, n_reported),
                1.0 AS value, 1 AS n_reported FROM calc_support""")
        for statement in standardised_statements(changed):
            database.execute(statement)
        found = {
            row["region"]: row for row in database.sql("FROM calc_indicator_standardised").to_arrow_table().to_pylist()
        }
    factor = float(framework.ratio(code).multiplier)
    for row in found.values():
        row |= {name: row[name] / factor for name in ("value", "lower", "upper") if row[name] is not None}
    return [found.get(f"{region:04}", {}) for region in range(len(regions))]


def test_dobson_gives_the_published_vector(framework: Framework) -> None:
    (found,) = standardised(framework, [4000, 3500, 2500], [[(10, 1000), (20, 1500), (30, 1200)]])
    wanted = {"value": 14.9167, "lower": 11.2502, "upper": 19.3612}
    assert {name: round(1000 * float(found[name] or 0), 4) for name in wanted} == wanted


def test_nothing_is_standardised_on_fewer_than_ten_cases_or_without_a_base(framework: Framework) -> None:
    regions = [[(4, 1000), (5, 1000)], [(4, 1000), (6, 1000)], [(10, 0), (10, 1000)], [(-1, 100), (20, 1000)]]
    nine, ten, no_base, negative = standardised(framework, [1, 1], regions)
    assert (nine["value"], nine["lower"], nine["status"]) == (None, None, "unreliable")
    assert (ten["value"], ten["status"]) == (0.005, "ok")
    assert no_base == {}
    assert negative == {}


stratum = st.tuples(st.integers(5, 400), st.integers(500, 5_000))
weights = st.tuples(st.integers(1, 9_000), st.integers(1, 9_000), st.integers(1, 9_000))


@few
@given(weights, st.lists(st.tuples(stratum, stratum, stratum), min_size=10, max_size=40))
def test_standardised_rate_is_a_weighted_mean_with_the_variance_of_its_counts(
    framework: Framework, weights: tuple[int, ...], regions: list[tuple[Stratum, ...]]
) -> None:
    """Computed in another way: as a linear combination of Poisson counts, with the exact limits of their sum."""
    for strata, found in zip(regions, standardised(framework, weights, regions), strict=True):
        shares = [weight / sum(weights) / n for weight, (_, n) in zip(weights, strata, strict=True)]
        value = sum(share * x for share, (x, _) in zip(shares, strata, strict=True))
        spread = sqrt(sum(share**2 * x for share, (x, _) in zip(shares, strata, strict=True)))
        cases = sum(x for x, _ in strata)
        exact = stats.chi2.ppf(0.025, 2 * cases) / 2, stats.chi2.ppf(0.975, 2 * cases + 2) / 2
        dobson = [value + spread / sqrt(cases) * (limit - cases) for limit in exact]
        assert found["value"] == pytest.approx(value)
        assert found["lower"] == pytest.approx(dobson[0], rel=0.005)
        assert found["upper"] == pytest.approx(dobson[1], rel=0.005)
        assert found["low_count"] == min(min(x, n - x) for x, n in strata)


@few
@given(st.tuples(stratum, stratum, stratum))
def test_weighting_by_the_own_population_gives_the_crude_rate(
    framework: Framework, strata: tuple[Stratum, ...]
) -> None:
    (found,) = standardised(framework, [n for _, n in strata], [strata])
    assert found["value"] == pytest.approx(sum(x for x, _ in strata) / sum(n for _, n in strata))


# --- aggregates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reported", "used"), [(None, True), (2, True), (1, False), (3, False)])
def test_what_stands_beside_an_aggregate_must_come_from_the_same_members(
    framework: Framework, reported: int | None, used: bool
) -> None:
    """Two members reported the figure itself; a single region has no number of members beside its support."""
    survey = SURVEY
    strata = next(code for code, e in framework.indicators.items() if e.standardise and len(e.standardise.bands) == 2)
    dims = ", ".join(f"'T' AS {name}" for name in sql.dimension_columns(framework))
    with duckdb.connect(":memory:", config={"threads": "1"}) as database:
        database.execute(f"""
            CREATE TABLE calc_indicator_value AS SELECT 'r' AS region, 2025 AS year, indicator, {dims}, 50.0 AS value,
                50 AS numerator, 100 AS denominator, NULL::DOUBLE AS lower, NULL::DOUBLE AS upper,
                NULL::VARCHAR AS method, NULL::BIGINT AS cases, 2 AS n_reported
            FROM (VALUES ('{survey}'), ('{strata}')) v(indicator)""")
        database.execute(f"""
            CREATE TABLE calc_support AS SELECT 'r' AS region, 2025 AS year, indicator, {dims}, role,
                60.0::DOUBLE AS left_value, 600.0::DOUBLE AS right_value, {reported or "NULL::INTEGER"} AS n_reported
            FROM (VALUES ('{survey}', 'cases'), ('{strata}', '0'), ('{strata}', '1')) v(indicator, role)""")
        for statement in (*interval_statements(framework), *standardised_statements(framework)):
            database.execute(statement)
        found = database.execute("SELECT cases, method FROM calc_indicator_value ORDER BY cases").fetchall()
        rates_found = database.execute("SELECT value FROM calc_indicator_standardised").fetchall()
    assert found[0] == ((60, "weighted") if used else (None, None))
    assert rates_found == ([(pytest.approx(10),)] if used else [])


# --- what is declared -----------------------------------------------------------------------------------------------


def test_method_of_an_indicator_is_its_own_or_the_first_default_that_holds(framework: Framework) -> None:
    methods = {code: interval_method(framework, code) for code in framework.indicators}
    for code, entry in framework.indicators.items():
        if entry.interval is not None:
            assert methods[code] == entry.interval
        elif entry.tier == "survey":  # a mean has no share that an interval of Wilson could be about
            assert methods[code] == ("weighted" if entry.cases and entry.unit == "percent" else "none")
        elif methods[code] != "none":
            assert "P_SMALL" in entry.pitfalls
            assert methods[code] == ("wilson" if entry.unit == "percent" else "byar")
    assert {"wilson", "byar", "weighted", "none"} == set(methods.values())
    bare = replace(framework, head=framework.head.model_copy(update={"intervals": type(framework.head.intervals)()}))
    assert {interval_method(bare, code) for code in framework.indicators} == {"none"}


def test_every_method_that_is_used_is_explained_in_both_languages(framework: Framework) -> None:
    used = {interval_method(framework, code) for code in framework.indicators} - {"none"}
    used |= {e.standardise.interval for e in framework.indicators.values() if e.standardise is not None}
    used -= {"none"}
    assert set(framework.head.intervals.notes) == used


def test_strata_cover_the_base_of_the_crude_rate(framework: Framework) -> None:
    """The members of the strata are the leaves over which the crude denominator runs, each once."""
    seen = 0
    for code, entry in framework.indicators.items():
        if entry.standardise is None:
            continue
        standard = next(s for s in framework.head.intervals.standards if s.code == entry.standardise.standard)
        dimension = framework.dimensions[standard.dimension]
        members = [member for band in entry.standardise.bands for member in band.members]
        denominator = framework.ratio(code).denominator
        (member,) = {m for d, m in denominator.members if d == standard.dimension}  # type: ignore[union-attr]
        assert members == dimension.aggregates[member]
        seen += 1
    assert seen == 3
