"""What is done once and used again says the same as when it is done each time; and the bench tells the truth."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from bench import peers
from bench.speed.goals import BEGIN, END, SECONDS, Goal, Hidden, Line, page, write
from bench.speed.measuring import Measured, measure
from bench.speed.scripts import naive, sketch
from bench.speed.worlds import Size, correction, grown, load_rows, places, write_workbooks
from flows.demo.running import WORLD
from flows.demo.world import World, load_world
from intake import cause_equations
from intake.cause_equations import Sums
from intake.rules import RuleInput
from schemas.framework_model import Framework
from schemas.remembered import forget, remembered
from schemas.shapes import TOTAL, Observation, member_key
from schemas.tables import entry_tables


@pytest.mark.parametrize("most", [1, 1 << 17])
def test_sums_that_deliveries_share_are_those_of_each_alone(
    framework: Framework, world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Also where more cells were seen than are worth keeping."""
    monkeypatch.setattr(cause_equations, "_MOST_CELLS", most)
    rng = random.Random(7)
    items = [_delivery(framework, world, rng, number) for number in range(6)]
    shared = Sums.for_items(framework, items)
    for item in items:
        values = {(o.variable, member_key(o.members)): o.value for o in item.observations if o.value is not None}
        alone = Sums(replace(framework), shared.dynamic).of(item, values).all
        assert alone
        assert shared.of(item, values).all == alone
        assert shared.of(item, values).all == alone, "asked once more"


def _delivery(framework: Framework, world: World, rng: random.Random, number: int) -> RuleInput:
    """Two regions in turn, some cells left out, some without a value."""
    region, year = world.regions[number % 2], world.years[-1]
    observations = []
    for (variable, key), value in world.values(region, year).items():
        if (fate := rng.random()) < 0.1 * (number // 2):
            continue
        members = tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)
        known = None if fate > 1 - 0.02 * number else Decimal(str(value))
        observations.append(Observation(region, year, variable, members, known, "ok", "Blatt", "A1", "", "", "", ""))
    return RuleInput(str(number), region, year, observations)


def test_tables_that_regions_share_are_those_of_each_alone(framework: Framework, world: World) -> None:
    """Asked for many regions and years in turn, each table is what a framework that was never asked says."""
    year = world.years[-1]
    for region in world.regions:
        fresh = replace(framework)
        assert entry_tables(framework, region, year) == entry_tables(fresh, region, year)
        assert [t.grid for t in entry_tables(framework, region, year)] == [
            t.grid for t in entry_tables(fresh, region, year)
        ]


def test_what_was_forgotten_is_worked_out_again() -> None:
    class Something:
        pass

    one, other, worked = Something(), Something(), []
    for framework in (one, other, one):
        remembered(framework, lambda framework=framework: worked.append(framework), "a question")
    forget(one)
    for framework in (one, other, one):
        remembered(framework, lambda framework=framework: worked.append(framework), "a question")
    assert worked == [one, other, one]
    forget(Something())


# --- the bench -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(framework: Framework) -> World:
    return grown(framework, load_world(WORLD, framework))


@pytest.fixture(scope="module")
def forms(framework: Framework, large: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forms")
    write_workbooks(framework, large, places(large, 40)[-2:], folder)
    return folder


def test_the_same_world_is_made_again(framework: Framework, large: World, forms: Path, tmp_path: Path) -> None:
    again = grown(framework, load_world(WORLD, framework))
    assert len(again.regions) == len(set(again.regions)) > len(load_world(WORLD, framework).regions)
    write_workbooks(framework, again, places(again, 40)[-2:], tmp_path)
    made = {path.relative_to(forms): path.read_bytes() for path in forms.rglob("*.xlsx")}
    assert made == {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.xlsx")}
    assert len(made) == 2
    assert len(set(places(large, 100))) == 100


def test_each_correction_is_of_another_delivery(framework: Framework, large: World, tmp_path: Path) -> None:
    """So that a later night has something of its own to do."""
    wanted = places(large, 40)
    for which in (1, 2):
        path = correction(framework, tmp_path, 40, which)
        region, year = wanted[-which]
        assert (path.parent.name, path.stem) == (region, f"Musterdaten_{region}_{year}_Korrektur")
    assert wanted[-1][0] != wanted[-2][0]


def test_rows_grow_with_regions_and_years(framework: Framework) -> None:
    known = len(load_world(WORLD, framework).regions)
    with duckdb.connect(":memory:") as connection:
        one = load_rows(connection, framework, Size(known, 1), "one")
        assert load_rows(connection, framework, Size(known, 2), "two") == 2 * one
        assert load_rows(connection, framework, Size(known, 1), "again") == one
        assert connection.sql("FROM one EXCEPT ALL FROM again").fetchall() == []


def test_what_the_bench_compares_with_reads_the_same_values(
    forms: Path, tmp_path: Path, check: Callable[..., list]
) -> None:
    """The scripts of others get every value that this house gets, and no other."""
    paths = sorted(forms.rglob("*.xlsx"))
    ours = {
        (path.name, o.variable, frozenset(o.members), float(o.value))
        for path, delivery in zip(paths, check(paths), strict=True)
        for o in delivery.observations
        if o.value is not None and o.status != "zero"
    }
    for script in (sketch, naive):
        target = tmp_path / f"{script.__name__}.duckdb"
        script(str(forms), str(target))
        with duckdb.connect(str(target)) as connection:
            rows = connection.execute(
                "SELECT file, variable, members, value FROM observation WHERE value > 0"
            ).fetchall()
        theirs = {
            (f, v, frozenset(tuple(m.split("=")) for m in k.split(",") if m and m[-2:] != "=T"), x)
            for f, v, k, x in rows
        }
        assert theirs == ours, script.__name__


def test_goals_are_judged_and_the_page_keeps_what_people_wrote(tmp_path: Path) -> None:
    fast, slow = Measured("fast", 1.0, 1.0, 100.0), Measured("slow", 12.0, 12.0, 900.0, scale=7.1)
    absent = Measured("absent", why="could not be installed here")
    goals = [Goal("a", 1.4, most=1.5), Goal("b", 5.0, least=6), Goal("c", None, most=1)]
    assert [goal.verdict for goal in goals] == ["reached", "MISSED", "not measured"]
    lines = [Line("fast", fast, fast), Line("slow", slow, fast), Line("absent", absent, fast)]
    text = page([("Stages", lines)], goals, "make bench")
    assert "| slow | 12.0 s | 12.00 | 900 MB | a sample, times 7.1 |" in text
    assert "not measured: could not be installed here" in text
    path = tmp_path / "page.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write(text, path)
    once = path.read_text(encoding="utf-8")
    write(text, path)
    assert once == path.read_text(encoding="utf-8")
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert "old" not in once
    assert text in once
    path.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write(text, path)


def test_goals_in_seconds_are_judged_in_those_of_the_machine_on_which_they_were_set() -> None:
    there, here = Goal("a", 4.5, most=3, unit=SECONDS), Goal("a", 4.5, most=3, unit=SECONDS, pace=1.6)
    quick = Goal("a", 2.9, most=3, unit=SECONDS, pace=0.9)
    assert [(goal.found, goal.verdict) for goal in (there, here, quick)] == [
        ("4.50 CPU s", "MISSED"),
        ("2.81 CPU s (here 4.50)", "reached"),
        ("3.22 CPU s (here 2.90)", "MISSED"),
    ]
    others = [Goal("clock", 310.0, most=300, unit="s", pace=1.6), Goal("ratio", 4.1, most=4, pace=1.6)]
    assert [(goal.found, goal.verdict) for goal in others] == [("310.00 s", "MISSED"), ("4.10", "MISSED")]


def test_what_is_hidden_has_a_table_of_its_own() -> None:
    facts = {"figures": 2000, "hidden": 90, "attacked": 40, "recovered": 1, "narrow": 2}
    seconds = {"seconds": {"release": 2.04, "attack": 3.0}}
    told = Hidden("a mask", Measured("mask", 6.0, 7.0, 300.4, {**facts, **seconds}), "the tool itself: 9 MB")
    absent = Hidden("another", Measured("other", why="not installed"))
    assert (told.leaks, absent.leaks) == (3, None)
    text = page([("Small numbers", [told, absent])], [Goal("leaks", told.leaks, most=0)], "make bench")
    assert "| a mask | 2,000 | 4.5 % | 40 | 1 | 2 | 2.0 s | 3.0 s | 300 MB | the tool itself: 9 MB |" in text
    assert "| another | – | – | – | – | – | – | – | – | not measured: not installed |" in text
    assert "| leaks | at most 0 | 3.00 | MISSED |" in text


def test_methods_are_judged_by_what_an_attacker_makes_of_their_masks() -> None:
    """Two municipalities of one Kreis: hiding the small number alone leaves it in every difference."""
    leaves = {
        ("06411001", "D", "M"): 2,
        ("06411001", "A", "M"): 40,
        ("06411002", "D", "M"): 30,
        ("06411002", "A", "M"): 50,
    }
    table = peers.tabled(leaves)
    assert table.cells["06411", "D", TOTAL][1] == 32
    bare, own = (peers.facts(table, name) for name in ("small numbers alone", peers.OURS))
    assert bare is not None
    assert own is not None
    assert (bare["secondary"], bare["recovered"]) == (0, bare["attacked"])
    assert own["attacked"] == bare["attacked"] > 0
    assert (own["recovered"], own["narrow"]) == (0, 0)
    assert own["secondary"] > 0


@pytest.mark.thorough
def test_small_numbers_of_the_municipalities_are_kept() -> None:
    done = measure("bench.speed.stages:secrecy", "0")
    assert done.done, done.why
    assert (done.facts["recovered"], done.facts["narrow"]) == (0, 0)
    assert done.facts["attacked"] > 300
    assert done.facts["figures"] > done.facts["hidden"] > done.facts["attacked"]


def test_a_stage_that_fails_says_why() -> None:
    assert "No module named" in measure("bench.speed.nowhere:work").why
    done = measure("bench.speed.limits:inflate", "/nowhere")
    assert done.done, done.why
    assert done.peak > 1
