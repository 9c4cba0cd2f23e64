"""Rules tried with whole numbers in arrays say what the same rules say in SQL, to the last finding."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest

from flows.demo.world import World
from intake import rule_sums, rules
from intake.rule_screen import Screen
from intake.rules import RuleInput, RuleResult, check_rules
from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import Observation

HUGE = 10**13
"""Ten of these, in ten-thousandths, are more than 64 bits hold with room for factors."""


@pytest.fixture
def in_sql(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many deliveries each pass in SQL had to add up; `Screen` is asked as ever."""
    asked: list[int] = []
    sound = rules.cell_tables

    def counted(framework: Framework, deliveries: list[RuleInput]) -> object:
        asked.append(len(deliveries))
        return sound(framework, deliveries)

    monkeypatch.setattr(rules, "cell_tables", counted)
    return asked


def told_by_sql(framework: Framework, deliveries: list[RuleInput]) -> dict[str, RuleResult]:
    """The same check without arrays, by a framework that nobody has asked yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "serves", staticmethod(lambda plan: False))
        return check_rules(replace(framework), deliveries)


def test_troubled_deliveries_are_judged_alike(framework: Framework, world: World, in_sql: list[int]) -> None:
    dice = random.Random(11)
    places = [(region, year) for region in world.regions[:4] for year in world.years[-3:]]
    deliveries = [_troubled(framework, world, dice, *place, number) for number, place in enumerate(places)]
    found = check_rules(framework, deliveries)
    assert in_sql == []
    assert found == told_by_sql(framework, deliveries)
    assert in_sql == [len(deliveries)]
    assert sum(len(result.findings) for result in found.values()) > 100
    assert len({result.run for result in found.values()}) > 4


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_deliveries_before_change_nothing(
    framework: Framework, world: World, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Cells of deliveries before keep their numbers, until they are too many; what those said is not added up here."""
    monkeypatch.setattr(rule_sums, "_MOST_KINDS", most)
    dice = random.Random(23)
    batches = [
        [_troubled(framework, world, dice, region, world.years[-1], number) for number in range(size)]
        for region, size in zip(world.regions, (1, 3, 2, 1), strict=False)
    ]
    own = replace(framework)
    for batch in (*batches, batches[0]):
        assert check_rules(own, batch) == check_rules(replace(framework), batch)


def test_cells_said_twice_and_huge_numbers_are_left_to_sql(
    framework: Framework, world: World, in_sql: list[int]
) -> None:
    dice = random.Random(5)
    region, year = world.regions[0], world.years[-1]
    sound, double, huge = (_troubled(framework, world, dice, region, year, number) for number in range(3))
    again = [o._replace(value=Decimal(7)) for o in double.observations[::10]]
    double = replace(double, observations=[*double.observations, *again])
    huge = replace(huge, observations=[o._replace(value=(o.value or 0) + Decimal(HUGE)) for o in huge.observations])
    found = check_rules(framework, [sound, double, huge])
    assert in_sql == [2]
    assert found == told_by_sql(framework, [sound, double, huge])


def test_a_sum_of_products_is_left_to_sql(framework: Framework, in_sql: list[int]) -> None:
    """What is added up there is worked out of two cells: 2 * 3 + 4 * 5 = 26 is more than 25."""
    dimension = framework.dimensions["SEX"]
    men, women = dimension.leaves[:2]
    rule = next(iter(framework.rules.values()))
    variables = [v for v in framework.variables if framework.variable_dimensions(v) == ("SEX",)]
    one, two = variables[:2]
    wrong = rule.model_copy(
        update={"expression": f"sum({one} * {two}, SEX) <= 25", "for_each": [], "tolerance": Decimal(0)}
    )
    own = replace(framework, rules={"R1": wrong.model_copy(update={"code": "R1", "since": None, "until": None})})
    values = {(one, men): 2, (two, men): 3, (one, women): 4, (two, women): 5}
    cells = [_cell(v, (("SEX", member),), Decimal(value)) for (v, member), value in values.items()]
    assert [found.code for found in check_rules(own, [RuleInput("a", "06411", 2024, cells)])["a"].findings] == ["R1"]
    assert in_sql == [1]


def test_rounds_of_adding_up_are_those_of_the_database(framework: Framework, world: World) -> None:
    """Every cell that follows from a troubled delivery, with its value, as the database fills it in."""
    import duckdb

    from intake.rule_cells import cell_tables
    from intake.rule_sums import filled

    delivery = _troubled(framework, world, random.Random(3), world.regions[1], world.years[-1], 0)
    held = filled(framework, [delivery], framework.variables, 1.0)
    said = {
        (cell, lag): None if held.secret[row, lag, 0] else Decimal(int(held.values[row, lag, 0])) / 10_000
        for cell, row in held.rows.items()
        for lag in (0, 1)
        if held.there[row, lag, 0]
    }
    cells = cell_tables(framework, [delivery])
    with duckdb.connect(":memory:") as connection:
        connection.register("leaves", sql.leaf_table(framework))
        for name, table in cells.tables.items():
            connection.register(f"own_{name}", table)
            connection.execute(f"CREATE TEMP TABLE {name} AS FROM own_{name}")
        for statement in sql.completion(framework, "", "leaves", cells.broken_down, numbered=True):
            connection.execute(statement)
        rows = connection.execute(f"""
            SELECT k.variable, {sql.key_expression(framework, "k")}, {delivery.year} - p.year, n.value
            FROM numbered n JOIN kind k USING (kind) JOIN place p USING (place)""").fetchall()
    assert said == {((variable, key), lag): value for variable, key, lag, value in rows}
    assert len(said) > 1.2 * (len(delivery.observations) + len(delivery.previous))


def _troubled(
    framework: Framework, world: World, dice: random.Random, region: str, year: int, number: int
) -> RuleInput:
    """A delivery of the sample world with some cells left out, some without a value, some wrong."""
    observations = []
    for (variable, key), value in world.values(region, year).items():
        if (fate := dice.random()) < 0.2 * (number % 3):
            continue
        members = tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)
        wrong = Decimal(dice.choice(["0.5", "3", "400"])) if fate > 0.97 else Decimal(0)
        known = None if 0.96 < fate <= 0.97 else Decimal(str(value)) + wrong
        observations.append(_cell(variable, members, known)._replace(region=region, year=year))
    previous = {
        cell: (None if dice.random() < 0.02 else Decimal(str(value)), "ok")
        for cell, value in world.values(region, year - 1).items()
        if dice.random() < 0.95
    }
    return RuleInput(str(number), region, year, observations, previous)


def _cell(variable: str, members: tuple[tuple[str, str], ...], value: Decimal | None) -> Observation:
    status = "secret" if value is None else "ok"
    return Observation("06411", 2024, variable, members, value, status, "Blatt", "A1", "", "", "", "")
