"""What stands of an earlier computation and what is made again are together what a computation of everything makes."""

from __future__ import annotations

from random import Random

import pyarrow as pa
import pytest
from stored_results import in_order, rows_of, warehouse

from indicators.compute import RESULT_TABLES, Beside, Results, compute
from indicators.convergence import years_needed, years_reached
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.territory import reference_day
from warehouse.results import Completed

CODES = ("SCH-05", "SPR-01", "ANG-02")
"""One with groups that are compared, one that does not come every year, one that is a total alone."""
YEARS = range(2021, 2027)
KREIS, TOWN, OLD_TOWN = "06435", "06415", "06435014"
"""The town left the Kreis in 2026: series at today's territory are made of the reports of others."""
Cell = tuple[str, int, str, str]
Cells = dict[Cell, int]


def delivered(framework: Framework, dice: Random) -> Cells:
    """Few cases in some cells, so that some are secret; every region misses a year."""
    here = framework.territory.reporters(reference_day(YEARS[0]))[:5]
    cells: Cells = {}
    for region in sorted({*here, KREIS, TOWN, OLD_TOWN}):
        gone = dice.choice([None, *YEARS])
        for year in YEARS:
            if year != gone and (region not in (TOWN, OLD_TOWN) or (region == TOWN) == (year == YEARS[-1])):
                cells |= {(region, year, *cell): value for cell, value in _report(framework, dice).items()}
    return cells


def _report(framework: Framework, dice: Random) -> dict[tuple[str, str], int]:
    found = {}
    for variable in sorted(set().union(*(framework.indicator_variables(code) for code in CODES))):
        grouped = "GRP" in framework.variable_dimensions(variable)
        for member in framework.scheme(variable, "GRP").leaves if grouped else (TOTAL,):
            found[variable, member] = dice.choice((0, 2, 20, 30, 45, 60, 75, 90, 120, 150))
    return found


def computed(framework: Framework, cells: Cells) -> Results:
    with warehouse(framework, cells, {}) as connection:
        return compute(connection, framework, "observation", CODES)


def together(framework: Framework, cells: Cells, before: Results) -> tuple[dict[str, pa.Table], Results]:
    """The result tables after a computation that leaves standing what it can."""
    with warehouse(framework, cells, {name: before.tables[name] for name in RESULT_TABLES}) as connection:
        after = compute(connection, framework, "observation", CODES, Beside(stands=True))
        whole = Completed(connection, after.tables, after.partial)
        return {name: whole[name] for name in RESULT_TABLES}, after


def a_value(cells: Cells, dice: Random) -> None:
    """Corrected."""
    cells[dice.choice(sorted(cells))] += 1


def a_report(cells: Cells, dice: Random) -> None:
    """Withdrawn: of this region and year nothing is left."""
    place = dice.choice(sorted(cells))[:2]
    for cell in [cell for cell in cells if cell[:2] == place]:
        del cells[cell]


def a_part(cells: Cells, dice: Random) -> None:
    """The part of today's territory that another region reported."""
    cells[dice.choice([cell for cell in sorted(cells) if cell[0] == OLD_TOWN])] += 3


def nothing(cells: Cells, dice: Random) -> None:
    """The same delivery again."""


@pytest.mark.parametrize(
    ("changed", "seed"),
    [
        (a_part, 1),
        *(
            pytest.param(changed, seed, marks=pytest.mark.thorough)
            for changed in (a_value, a_report, a_part, nothing)
            for seed in range(2, 4)
        ),
    ],
)
def test_a_change_leaves_all_other_regions_as_they_are(framework: Framework, changed: object, seed: int) -> None:
    assert callable(changed)
    dice = Random(seed)
    cells = delivered(framework, dice)
    before = computed(framework, cells)
    changed(cells, dice)
    expected = computed(framework, cells)
    tables, after = together(framework, cells, before)
    for name in RESULT_TABLES:
        assert rows_of(tables[name]) == rows_of(expected.tables[name]), name
    kept_in_order = (
        "indicator_published",
        "published_trend",
        "published_last",
        "published_gap",
        "published_convergence",
    )
    for name in (*kept_in_order, "indicator_trend_today"):
        assert in_order(framework, name, tables[name]) == expected.tables[name].to_pylist(), name
    regions = {region for region, *_ in cells}
    assert after.anew is not None
    assert bool(after.anew) == (changed is not nothing)
    assert len(regions & after.anew) <= 3, "its own, and what it is a part of"
    assert after.tables["indicator_trend"].num_rows < expected.tables["indicator_trend"].num_rows
    assert {*after.tables["indicator_convergence"]["year"].to_pylist()} <= (after.compared or frozenset())
    if changed is a_part:
        assert after.anew >= {OLD_TOWN, TOWN, KREIS}, "what is made of its reports today"


def test_regions_are_compared_again_in_the_years_that_a_change_reaches(framework: Framework) -> None:
    """By hand, where the long stretch is five years: the measures of 2020 to 2025 hold figures of 2020 against others, and are
    made of those of 2015 to 2025."""
    assert framework.series.long_years == 5
    assert years_reached(framework, [2020]) == frozenset(range(2020, 2026))
    assert years_needed(framework, years_reached(framework, [2020])) == "year BETWEEN 2015 AND 2025"
    assert years_reached(framework, []) == frozenset()
    cells = delivered(framework, Random(1))
    before = computed(framework, cells)
    place = max(cell for cell in cells if cell[1] == YEARS[-1])
    cells[place] += 1
    tables, after = together(framework, cells, before)
    assert after.compared is not None
    assert min(after.compared) == YEARS[-1]
    made, expected = after.tables["indicator_convergence"], computed(framework, cells).tables["indicator_convergence"]
    assert 0 < made.num_rows < expected.num_rows
    assert in_order(framework, "indicator_convergence", tables["indicator_convergence"]) == expected.to_pylist()


@pytest.mark.thorough
def test_another_newest_year_makes_everything_again(framework: Framework) -> None:
    cells = delivered(framework, Random(1))
    newest = max(year for _, year, *_ in cells)
    without = {cell: value for cell, value in cells.items() if cell[1] != newest}
    tables, after = together(framework, cells, computed(framework, without))
    assert after.anew is None
    assert not after.partial
    assert rows_of(tables["indicator_trend"]) == rows_of(computed(framework, cells).tables["indicator_trend"])
