"""Changes, trends and breaks: against scipy, under Hypothesis, and with faults in the data of the framework.

scipy is a dependency of the tests alone (1.17).
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, theilslopes

from indicators.breaks import Breaks
from indicators.compute import compute
from indicators.convergence import convergence_statements, scope_table
from indicators.series import make_trends, read_trends, series_statements
from intake.rule_plans import tolerance
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.plan import rule_plan
from schemas.yaml_source import FrameworkError

ROOT = Path(__file__).resolve().parents[1]
SHARE, RATE = "ANG-02", "REC-05"
NO_BREAKS = "(SELECT '' AS region, 0 AS year, '' AS indicator, '' AS reason WHERE false)"


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as opened:
        yield opened


def trends(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    series: dict[str, dict[int, float]],
    breaks: str = NO_BREAKS,
    target: str = "found",
    like: tuple[str, str] | None = None,
) -> dict[tuple[str, int, str], dict[str, Any]]:
    """The rows of the table of trends for series that are made of totals, by region, year and period."""
    rows = [
        {"region": region, "year": year, "indicator": SHARE, "value": value, "n_reported": 1, "n_members": 1}
        | {dimension.lower(): "T" for dimension in framework.dimension_order}
        for region, values in series.items()
        for year, value in values.items()
    ]
    whole = dict.fromkeys(("year", "n_reported", "n_members"), pa.int64()) | {"value": pa.float64()}
    texts = ("region", "indicator", *(dimension.lower() for dimension in framework.dimension_order))
    kinds = whole | dict.fromkeys(texts, pa.string())
    connection.register("given", pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items()))))
    for statement in series_statements(framework, "given", breaks, f"{target}_series"):
        connection.execute(statement)
    make_trends(connection, framework, f"{target}_series", target, like)
    found = read_trends(connection, f"{target}_series", target).to_pylist()
    assert found == connection.sql(f"FROM {target} ORDER BY ALL").to_arrow_table().to_pylist()
    keyed = {(row["region"], row["year"], row["period"]): row for row in found}
    assert len(keyed) == len(found), "a comparison has two rows"
    return keyed


# Few different values, so that ties occur; many digits, so that they do not.
numbers = st.one_of(st.integers(0, 6).map(float), st.floats(0, 100, width=32))
histories = st.dictionaries(st.integers(2012, 2026), numbers, min_size=1, max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(histories, min_size=1, max_size=6))
def test_slope_and_interval_are_those_of_scipy(
    connection: duckdb.DuckDBPyConnection, framework: Framework, given_series: list[dict[int, float]]
) -> None:
    """For every year of every series, looking back as far as the framework says."""
    found = trends(connection, framework, {f"r{n}": values for n, values in enumerate(given_series)})
    rules = framework.series
    for number, values in enumerate(given_series):
        for year in values:
            row = found[f"r{number}", year, "trend"]
            years = sorted(y for y in values if year - rules.trend_max_years < y <= year)
            assert (row["n_years"], row["from_year"]) == (len(years), years[0])
            if len(years) < rules.trend_min_years:
                assert (row["status"], row["change"], row["lower"], row["upper"]) == ("too_few_years", None, None, None)
                continue
            known = theilslopes([values[y] for y in years], years, alpha=0.95)
            assert row["change"] == pytest.approx(known.slope, rel=1e-9, abs=1e-12)
            assert row["lower"] == pytest.approx(known.low_slope, rel=1e-9, abs=1e-12)
            assert row["upper"] == pytest.approx(known.high_slope, rel=1e-9, abs=1e-12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, st.sets(st.integers(2013, 2026), max_size=3))
def test_nothing_is_compared_across_a_break(
    connection: duckdb.DuckDBPyConnection, framework: Framework, values: dict[int, float], cuts: set[int]
) -> None:
    rows = " UNION ALL ".join(f"SELECT 'r', {year}, '{SHARE}', 'definition'" for year in sorted(cuts))
    breaks = f"(FROM ({rows}) b(region, year, indicator, reason))" if cuts else NO_BREAKS
    found = trends(connection, framework, {"r": values}, breaks)
    for (_, year, period), row in found.items():
        between = sorted(cut for cut in cuts if row["from_year"] < cut <= year)
        if period == "trend":
            assert not between
            continue
        assert year - row["from_year"] == (1 if period == "year" else framework.series.long_years)
        assert (row["status"], row["change"] is None) == (("break", True) if between else ("ok", False))
        assert row["reason"] == ",".join("definition" for _ in between)
        if not between:
            assert row["change"] == values[year] - values[row["from_year"]]
    steps = {"year": 1, "five_years": framework.series.long_years}
    wanted = {("r", y, p) for (p, s), y in product(steps.items(), values) if y - s in values}
    assert {key for key in found if key[2] != "trend"} == wanted


def test_count_gets_a_rate_but_not_on_a_small_base(connection: duckdb.DuckDBPyConnection, framework: Framework) -> None:
    """The state office gives no change rate on a base below 100; the framework so far has no indicator that is a count."""
    entry = framework.indicators[SHARE].model_copy(update={"unit": "count"})
    counted = replace(framework, indicators={**framework.indicators, SHARE: entry})
    found = trends(connection, counted, {"r": {2023: 99.0, 2024: 100.0, 2025: 110.0}})
    small, large = found["r", 2024, "year"], found["r", 2025, "year"]
    assert (small["change"], small["status"], small["reason"]) == (None, "not_applicable", "small_base")
    assert (large["change"], large["status"], large["method"]) == (pytest.approx(10), "ok", "rate")


def test_beta_is_the_slope_of_growth_on_the_start_value(
    connection: duckdb.DuckDBPyConnection, framework: Framework
) -> None:
    """Yearly logarithmic growth on the logarithm of the start, with scipy's least squares."""
    years, pairs = framework.series.long_years, [(12.0, 19.5), (25.0, 26.25), (40.0, 37.0), (55.5, 60.0)]
    series = {
        r: {2024 - years: a, 2024: b} for r, (a, b) in zip(("06413", "06414", "06611", "06434"), pairs, strict=True)
    }
    trends(connection, framework, series)
    connection.register("scopes", scope_table(framework, [2024]))
    for statement in convergence_statements(framework, "found_series", "scopes", "closer"):
        connection.execute(statement)
    query = "SELECT value, direction, n, status FROM closer WHERE measure = 'beta' AND scope = 'MODELL'"
    ((value, direction, n, status),) = connection.execute(query).fetchall()
    known = linregress([math.log(a) for a, _ in pairs], [math.log(b / a) / years for a, b in pairs]).slope
    assert (value, direction, n, status) == (pytest.approx(known, rel=1e-9), "converging", 4, "ok")


# --- where a series breaks ------------------------------------------------------------------------------------------


def found_breaks(framework: Framework, *regions: str, **given_: Any) -> set[tuple[str, int, str, str]]:
    indicators = given_.pop("indicators", framework.indicators)
    rows = Breaks(framework, regions, range(2010, 2028), indicators, **given_).found()
    return {(row.region, row.year, row.indicator, row.reason) for row in rows}


def test_break_reaches_every_indicator_that_uses_the_variable(framework: Framework) -> None:
    """A term of last year meets the break a year later, a mean of two years in both."""
    entry = next(iter(framework.breaks.values())).model_copy(
        update={"code": "X", "year": 2015, "cause": "basis", "variables": ["POP"], "regions": []}
    )
    found = found_breaks(replace(framework, breaks={"X": entry}), "06413", indicators=["BEV-01", "LEB-01", "BEV-05"])
    assert found == {
        ("06413", 2015, "BEV-01", "basis"),
        ("06413", 2016, "LEB-01", "basis"),
        ("06413", 2015, "BEV-05", "basis"),
        ("06413", 2016, "BEV-05", "basis"),
    }


def test_break_of_a_region_reaches_the_aggregates_it_is_in(framework: Framework) -> None:
    (entry,) = [entry for entry in framework.breaks.values() if entry.regions]
    (region,) = entry.regions
    other = next(r for r in ("06413", "06434") if r != region)
    hit = {row[0] for row in found_breaks(framework, region, other, "MODELL", "06", "MKK-HU") if row[1] == entry.year}
    assert hit == {region, "MODELL", "06"}


def test_delivered_population_basis_breaks_what_stands_on_it(framework: Framework) -> None:
    bases = {("06413", 2021): "FORT2011", ("06413", 2022): "FORT2022", ("06413", 2023): "FORT2022"}
    codes = ["BEV-01", "LEB-01", "ARB-05", "BEV-05"]
    found = found_breaks(framework, "06413", "06414", "MODELL", indicators=codes, bases=bases)
    here = {(year, indicator) for region, year, indicator, reason in found if (region, reason) == ("06413", "basis")}
    assert here == {(2022, "BEV-01"), (2023, "LEB-01"), (2022, "BEV-05"), (2023, "BEV-05")}
    assert {region for region, *_, reason in found if reason == "basis"} == {"06413", "MODELL"}
    mixed = Breaks(framework, ["06413", "MODELL"], range(2010, 2028), codes, bases).mixed_bases()
    assert mixed == {("06413", 2022, "BEV-05"), ("MODELL", 2022, "BEV-05")}  # a mean over both bases


def test_basis_of_the_cover_comes_through_the_source(framework: Framework) -> None:
    """Where the relation has a column for it; otherwise nothing is known and nothing breaks."""
    cells: Iterable[tuple[int, str, str]] = [(2021, "FORT2011", "100"), (2022, "FORT2022", "90")]
    rows = [
        {"region": "06413", "year": year, "variable": "POP", "value": Decimal(value), "status": "ok"}
        | {dimension.lower(): member for dimension in framework.dimension_order}
        | {"grp": "A" if member == "A" else "T", "population_basis": basis}
        for year, basis, value in cells
        for member in ("T",)
    ]
    with duckdb.connect(":memory:") as connection:
        connection.register("delivered", pa.Table.from_pylist(rows))
        connection.execute(
            "CREATE TABLE observation AS SELECT * REPLACE (CAST(value AS DECIMAL(24, 4)) AS value) FROM delivered"
        )
        connection.execute("CREATE VIEW without AS SELECT * EXCLUDE (population_basis) FROM observation")
        known = compute(connection, framework, "observation", ["BEV-01"]).tables["series_break"].to_pylist()
        unknown = compute(connection, framework, "without", ["BEV-01"]).tables["series_break"].to_pylist()
    assert {(row["year"], row["reason"]) for row in known if row["region"] == "06413"} == {(2022, "basis")}
    assert "Zensus 2011" in known[0]["text_de"]
    assert unknown == []


def test_index_over_sub_areas_breaks_when_these_change(framework: Framework) -> None:
    """Four towns of the Odenwaldkreis merged in 2018: no break of the Kreis, but one of what is summed over its towns."""
    found = {row for row in found_breaks(framework, "06437") if row[3] in ("territory", "subareas")}
    assert found == {("06437", 2018, "WOH-03", "subareas")}


# --- the data of the framework --------------------------------------------------------------------------------------

DAMAGES = {
    "unknown variable": ("variables: [ABW_ELIG, ABW_VOTERS]", "variables: [ABW_NONE]", "„ABW_NONE“ gibt es unter"),
    "unknown source": ("sources: [SEU]", "sources: [SEX]", "„SEX“ gibt es unter sources nicht"),
    "unknown region": ("regions: ['06414']", "regions: ['99999']", "Das Gebiet „99999“ gibt es nicht"),
    "break of nothing": ("  sources: [SEU]\n", "", "Ein Bruch nennt Indikatoren, Merkmale oder Quellen"),
    "unknown cause": ("  cause: definition\n", "  cause: weather\n", "„cause“"),
    "unknown section": ("breaks:\n", "brakes:\n", "Der Schlüssel „brakes“ ist hier nicht bekannt"),
    "rule without a number": ("  min_regions: 3\n", "", "Der Schlüssel „min_regions“ fehlt"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_breaks_are_reported_at_their_line(tmp_path: Path, damage: str) -> None:
    for part in ("schemas/framework", "schemas/regions", "schemas/layouts", "indicators/catalogue"):
        shutil.copytree(ROOT / part, tmp_path / part)
    path = tmp_path / "schemas" / "framework" / "breaks.yaml"
    old, new, sentence = DAMAGES[damage]
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(FrameworkError) as refused:
        load_framework(tmp_path / "schemas" / "framework")
    assert [problem for problem in refused.value.problems if sentence in problem.message]
    assert all(p.file.endswith("breaks.yaml") and p.line > 1 for p in refused.value.problems)


def test_tolerance_follows_the_rounding_base_of_the_source(framework: Framework) -> None:
    """Naturalisations are not rounded by their source: a part larger than the whole is wrong by one already. Residents
    in the central register are rounded to multiples of five, each cell on its own."""
    points = {point.owner: point for point in rule_plan(framework, codes=["R025", "R027"]).points if not point.key}
    assert tolerance(framework, points["R025"]) == 0
    assert tolerance(framework, points["R027"]) == 10  # 2 for the part, 2 for each of the four lengths of stay


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(histories, min_size=1, max_size=4), st.data())
def test_what_is_taken_over_from_the_house_is_what_would_be_computed(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    given_series: list[dict[int, float]],
    data: st.DataObject,
) -> None:
    """Values, years, whole series and interruptions may differ between the house and what is published."""
    house = {f"r{n}": values for n, values in enumerate(given_series)}
    public = {
        region: data.draw(
            st.one_of(
                st.just(values),
                st.fixed_dictionaries({}, optional={y: st.just(v) for y, v in values.items()}),
                histories,
            )
        )
        for region, values in house.items()
        if data.draw(st.booleans()) or region == "r0"
    } | data.draw(st.dictionaries(st.just("new"), histories))
    place = data.draw(st.sampled_from(sorted(house)))
    cuts = [
        f"(FROM (VALUES ('{place}', 2019, '{SHARE}', '{cause}')) b(region, year, indicator, reason))"
        for cause in ("definition", "source")
    ]
    house_cut, public_cut = data.draw(st.lists(st.sampled_from((NO_BREAKS, *cuts)), min_size=2, max_size=2))
    trends(connection, framework, house, house_cut, "house")
    taken = trends(connection, framework, public, public_cut, "public", like=("house_series", "house"))
    assert taken == trends(connection, framework, public, public_cut, "anew")


def test_a_series_that_breaks_for_another_cause_is_not_taken_over(
    connection: duckdb.DuckDBPyConnection, framework: Framework
) -> None:
    series = {"r": {year: float(year % 7) for year in range(2015, 2023)}}
    named = "(FROM (VALUES ('r', 2019, '{}', '{}')) b(region, year, indicator, reason))"
    trends(connection, framework, series, named.format(SHARE, "definition"), "house")
    found = trends(
        connection, framework, series, named.format(SHARE, "source"), "public", like=("house_series", "house")
    )
    assert {row["reason"] for row in found.values()} == {"", "source"}
