"""Computing only the years that a change reaches says what computing everything says, and forgets nothing for the next time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from random import Random

import pyarrow as pa
import pytest
from stored_results import in_order, rows_of, warehouse

from indicators.compute import RESULT_TABLES, Beside, Results, compute, row_order
from indicators.protection import ledger
from indicators.protection.memory import Memory
from indicators.window import Window, window_of
from schemas.framework_model import Framework
from schemas.shapes import TOTAL
from schemas.territory import reference_day
from warehouse.results import Completed

YEARS = range(2013, 2027)
DIMENSIONS = ("GRP", "AGE")
KREIS, TOWN, OLD_TOWN = "06435", "06415", "06435014"
Cell = tuple[str, int, str, str, str]
Cells = dict[Cell, int]


def test_which_years_a_change_reaches() -> None:
    """By hand, where formulas look back one year: a figure of 2021 takes what changed in 2020; it tells a piece of the part
    of 2020, and the figure of 2020 one of the part of 2019; what these parts hide stands in figures up to 2022; the gap of
    2023 stands beside that of 2022, and that of 2019 needs 2018. What is hidden in 2018 is decided in 2017, too."""
    found = Window(frozenset([2020]), 1)
    assert sorted(found.changeable) == [2019, 2020, 2021]
    assert sorted(found.beside) == [2019, 2020, 2021, 2022, 2023]
    assert sorted(found.made) == [2018, 2019, 2020, 2021, 2022, 2023]
    assert sorted(found.decided) == [2017, 2018, 2019, 2020, 2021, 2022, 2023]
    assert sorted(found.told) == [2017, 2018, 2019, 2020, 2021, 2022, 2023, 2024]
    assert sorted(found.read) == [2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023, 2024]


def test_without_a_look_back_only_gaps_reach_further() -> None:
    found = Window(frozenset([2020]), 0)
    assert sorted(found.changeable) == [2020]
    assert sorted(found.beside) == [2020, 2021]
    assert found.made == found.decided == found.told == found.read == {2019, 2020, 2021}


def test_a_window_that_spares_too_little_is_none() -> None:
    assert window_of(None, YEARS, 1) is None, "all may have changed"
    assert window_of(frozenset([2012]), YEARS, 1) is None, "a year that is not there"
    assert window_of(frozenset([2026]), range(2021, 2027), 1) is None, "5 of 6 years would be read"
    assert window_of(frozenset([2019, 2024]), YEARS, 1) is None, "two windows are nearly everything"
    assert window_of(frozenset([1]), (), 1) is None
    newest = window_of(frozenset(), YEARS, 1)
    assert newest is not None
    assert newest.changed == {2026}, "nothing was delivered: what follows is made of the newest year"


@dataclass(frozen=True)
class World:
    """What is computed, and by which dimensions everything is delivered; `moved`: a town leaves its Kreis in the last year."""

    framework: Framework
    codes: tuple[str, ...]
    dimensions: tuple[str, ...]
    years: range = YEARS
    regions: int = 3
    moved: bool = False


def delivered(world: World, dice: Random) -> Cells:
    """Few cases in some cells, so that some are secret; a region misses a year."""
    here = world.framework.territory.reporters(reference_day(world.years[0]))[: world.regions]
    reports = set(product(here, world.years)) - {(here[0], dice.choice(world.years))}
    if world.moved:
        last = world.years[-1]
        reports |= {(KREIS, year) for year in world.years} | {(OLD_TOWN, year) for year in world.years if year != last}
        reports.add((TOWN, last))
    return {
        (*report, *cell): dice.choice((0, 2, 4, 20, 45, 60, 75, 90, 120, 150))
        for report, cell in product(sorted(reports), _cells(world))
    }


def _cells(world: World) -> Iterator[tuple[str, str, str]]:
    framework = world.framework
    variables = set().union(*(framework.indicator_variables(code) for code in world.codes))
    for variable in sorted({*variables, *framework.profile.variables()}):
        own = {*framework.variable_dimensions(variable)}.intersection(world.dimensions)
        leaves = [framework.scheme(variable, d).leaves if d in own else (TOTAL,) for d in DIMENSIONS]
        for group, age in product(*leaves):
            yield variable, group, age


@dataclass
class Nights:
    """One computation after the other, as nights make them: each has the result tables, the ledger and the memory of those
    before. `narrow`: only what changed is looked at."""

    world: World
    narrow: bool
    tables: dict[str, pa.Table]
    records: pa.Table
    memory: Memory
    unsettled: frozenset[int] = frozenset()

    def night(self, cells: Cells, changed: frozenset[int] | None) -> Results:
        """Compute, and keep what the next night finds."""
        if self.narrow and changed is not None:
            changed |= self.unsettled
        else:
            changed = None
        memory = Memory(self.memory.used, self.memory.parts_used)
        known = Beside(ledger=self.records, proofs=memory, stands=bool(self.tables), changed=changed)
        with warehouse(self.world.framework, cells, self.tables) as connection:
            after = compute(connection, self.world.framework, "observation", self.world.codes, known)
            whole = Completed(connection, after.tables, after.partial)
            self.tables = {name: whole[name] for name in RESULT_TABLES}
        self.records = pa.concat_tables([self.records, after.protection.ledger])
        self.memory, self.unsettled = memory, after.protection.unsettled
        return after


def agree(framework: Framework, narrow: Nights, whole: Nights) -> None:
    for name in RESULT_TABLES:
        assert rows_of(narrow.tables[name]) == rows_of(whole.tables[name]), name
        if row_order(framework, name):
            assert in_order(framework, name, narrow.tables[name]) == in_order(framework, name, whole.tables[name]), name
    assert rows_of(narrow.records) == rows_of(whole.records), "ledger"


def corrected(cells: Cells, dice: Random, year: int) -> frozenset[int]:
    """Some cells of a year are others."""
    of_the_year = [cell for cell in sorted(cells) if cell[1] == year]
    for cell in dice.sample(of_the_year, min(dice.choice((1, 5, 20)), len(of_the_year))):
        cells[cell] = dice.choice((0, 2, 3, 50, 101))
    return frozenset([year])


def same_nights(world: World, seed: int, years: tuple[int, ...]) -> None:
    """Corrections in one year a night."""
    dice = Random(seed)
    cells = delivered(world, dice)
    whole = Nights(world, False, {}, ledger.empty(), Memory())
    whole.night(cells, None)
    narrow = replace(whole, narrow=True)
    windows = []
    for year in years:
        changed = corrected(cells, dice, year)
        windows.append(narrow.night(cells, changed).window)
        assert whole.night(cells, changed).window is None
        agree(world.framework, narrow, whole)
    assert any(windows), "at least one of them looked at a window alone"


def test_a_window_says_what_everything_says(framework: Framework) -> None:
    same_nights(World(framework, ("BEV-05",), ("GRP",), range(2019, 2027), 2), 1, (2026,))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("seed", "years"), [(2, (2026, 2026, 2025)), (3, (2013, 2026, 2014)), (4, (2025, 2025)), (5, (2015, 2013, 2013))]
)
def test_nights_that_look_at_little_say_what_nights_say_that_look_at_everything(
    framework: Framework, seed: int, years: tuple[int, ...]
) -> None:
    """With standardised gaps, groups that are told by two dimensions, and the profile."""
    same_nights(World(framework, ("LEB-01", "SCH-05"), DIMENSIONS), seed, years)


@pytest.mark.thorough
def test_a_territory_that_moved_is_told_from_the_same_years(framework: Framework) -> None:
    same_nights(World(framework, ("BEV-05", "SCH-05"), ("GRP",), moved=True), 6, (2026, 2025, 2026))
