"""What is said at once of the contract is what pandera says row by row; where it is plain, pandera is not asked."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import pytest

import intake.checking
from flows.demo.world import World
from intake.checking import check_read
from intake.deliveries import ReadDelivery
from schemas.contract import batch_frame, check_contract
from schemas.contract_kept import keeps_contract
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.shapes import Observation, Submission

Change = Callable[[Observation], Observation]

VIOLATIONS: dict[str, Change] = {
    "another region": lambda o: o._replace(region="99999"),
    "a year long ago": lambda o: o._replace(year=1899),
    "a variable that nobody knows": lambda o: o._replace(variable="NIX"),
    "a member that the variable has not": lambda o: o._replace(members=(("SEX", "NIX"),)),
    "below zero": lambda o: o._replace(value=Decimal(-1), status="ok"),
    "half a person": lambda o: o._replace(value=Decimal("1.5"), status="ok"),
    "a status that nobody knows": lambda o: o._replace(status="nix"),
    "a value beside a sign": lambda o: o._replace(value=Decimal(1), status="secret"),
    "no value and no sign": lambda o: o._replace(value=None, status="ok"),
}


def delivery(framework: Framework, world: World, number: int) -> list[Observation]:
    """A delivery of the sample world, its fields on sheets of their own."""
    region, year = world.regions[number], world.years[-1]
    return [
        Observation(
            region,
            year,
            variable,
            tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part),
            Decimal(str(value)),
            "ok" if value else "zero",
            framework.variable_field[variable],
            "A1",
            str(value),
            "",
            "",
            "",
        )
        for (variable, key), value in world.values(region, year).items()
    ]


def agree(framework: Framework, said: list[Observations]) -> bool:
    """Is the contract kept, as both ways say?"""
    found = check_contract(framework, batch_frame(said))
    kept = keeps_contract(framework, said)
    assert kept is (not found)
    return kept


def test_sound_deliveries_keep_it(framework: Framework, world: World) -> None:
    assert agree(framework, [Observations.of(delivery(framework, world, number)) for number in range(3)])
    assert agree(framework, [])
    assert agree(framework, [Observations()])


@pytest.mark.parametrize("what", VIOLATIONS)
def test_one_violation_in_one_of_many_deliveries_is_seen(framework: Framework, world: World, what: str) -> None:
    said = [delivery(framework, world, number) for number in range(3)]
    place = next(n for n, o in enumerate(said[1]) if o.variable == "POP" and not o.members)
    said[1][place] = VIOLATIONS[what](said[1][place])
    assert not agree(framework, [*map(Observations.of, said)])


def test_a_cell_said_twice_is_seen_on_the_same_sheet_and_on_another(framework: Framework, world: World) -> None:
    said = delivery(framework, world, 0)
    again = said[7]._replace(cell="B2")
    assert not agree(framework, [Observations.of([*said, again])])
    assert not agree(framework, [Observations.of([*said, again._replace(sheet="anderswo")])])
    assert agree(framework, [Observations.of([*said, again._replace(year=again.year - 1)])])
    assert agree(framework, [Observations.of(said), Observations.of(said)])  # by two senders


def test_many_changes_by_chance_are_judged_alike(framework: Framework, world: World) -> None:
    dice = random.Random(3)
    sound = [delivery(framework, world, number) for number in range(2)]
    verdicts = set()
    for _ in range(12):
        said = [list(own) for own in sound]
        for _ in range(dice.randrange(2)):
            own = dice.choice(said)
            place = dice.randrange(len(own))
            own[place] = dice.choice([*VIOLATIONS.values()])(own[place])
        dice.shuffle(said[0])
        verdicts.add(agree(framework, [*map(Observations.of, said)]))
    assert verdicts == {True, False}


def test_pandera_is_asked_where_it_is_not_plain_and_only_there(
    framework: Framework, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(intake.checking, "check_contract", lambda _, frame: asked.append(len(frame)) or [])
    said = delivery(framework, world, 0)
    region = said[0].region
    sent = Submission("1", "a" * 64, "a.xlsx", region, datetime(2026, 1, 1), region, said[0].year)
    check_read(framework, [ReadDelivery(sent, said)])
    assert asked == []
    check_read(framework, [ReadDelivery(sent, [*said, said[0]])])
    assert asked == [len(said) + 1]
