"""What counts of last year, held as columns, is judged exactly like the same as a dictionary."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from flows.demo.world import World
from intake.cause_cells import cells_of, restricted
from intake.causes import explain
from intake.plausibility import History, cell_findings
from intake.rules import Known, RuleInput, check_rules
from schemas.framework_model import Framework
from schemas.known_values import NOWHERE, KnownTable, KnownValues
from schemas.shapes import Finding, Observation


def in_columns(known: list[Known]) -> list[KnownValues]:
    """The same beside each other in one table, as a year is read."""
    cells = {cell: number for number, cell in enumerate(dict.fromkeys(cell for one in known for cell in one))}
    said = {what: number for number, what in enumerate(dict.fromkeys(what for one in known for what in one.values()))}
    every = np.full((len(known), len(cells)), NOWHERE, np.int32)
    for place, one in enumerate(known):
        for cell, what in one.items():
            every[place, cells[cell]] = said[what]
    return KnownTable(list(cells), list(said), every).values()


def deliveries_of(world: World) -> list[RuleInput]:
    dice = random.Random(23)
    places = [(region, year) for region in world.regions[:3] for year in world.years[-1:]]
    return [_troubled(world, dice, region, year, number) for number, (region, year) in enumerate(places)]


def _troubled(world: World, dice: random.Random, region: str, year: int, number: int) -> RuleInput:
    """Some cells left out, some without a value, one in the second delivery said twice, some ten times too large."""
    said = []
    for (variable, key), value in world.values(region, year).items():
        if (fate := dice.random()) < 0.1 * (number % 3):
            continue
        members = tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)
        now = None if fate > 0.98 else Decimal(str(value)) * (10 if fate > 0.97 else 1)
        said.append(Observation(region, year, variable, members, now, "ok", "Blatt", "A1", "", "", "", ""))
    if number == 1:
        said.append(said[5]._replace(value=Decimal(7)))
    previous = {
        cell: (None if dice.random() < 0.02 else Decimal(str(value)), "ok")
        for cell, value in world.values(region, year - 1).items()
        if dice.random() < 0.95
    }
    return RuleInput(str(number), region, year, said, previous)


def test_a_cell_is_found_where_it_was_said_and_nowhere_else() -> None:
    one = {("A", ""): (Decimal(3), "ok"), ("A", "SEX=M"): (None, "secret")}
    other = {("A", "SEX=M"): (Decimal("1.5"), "ok"), ("B", ""): (Decimal(0), "zero")}
    first, second = in_columns([one, other])
    assert (first, second) == (one, other)
    assert (dict(first), len(second), bool(in_columns([{}])[0])) == (one, 2, False)
    assert ("B", "") not in first
    assert ("C", "") not in first  # of no region
    with pytest.raises(KeyError):
        first["B", ""]
    assert second.restricted(frozenset(["B"])) == {("B", ""): (Decimal(0), "zero")}


def test_deliveries_are_judged_alike_beside_columns_and_dictionaries(framework: Framework, world: World) -> None:
    plain = deliveries_of(world)
    columns = in_columns([delivery.previous for delivery in plain])
    held = [replace(delivery, previous=known) for delivery, known in zip(plain, columns, strict=True)]
    found, again = check_rules(framework, plain), check_rules(framework, held)
    assert found == again
    assert sum(len(result.findings) for result in found.values()) > 50
    noticed: dict[str, list[Finding]] = {delivery.unit: found[delivery.unit].findings for delivery in plain}
    asked, asked_again = explain(framework, plain, noticed), explain(framework, held, noticed)
    assert asked == asked_again
    assert {entry.code for grouped in asked.values() for entry in grouped.findings} > {"M15"}


def test_first_deliveries_are_compared_with_others_alike_in_columns_and_dictionaries(
    framework: Framework, world: World
) -> None:
    firsts = [replace(delivery, previous={}) for delivery in deliveries_of(world)]
    year = world.years[-1]
    said: dict[str, Known] = {
        region: {cell: (Decimal(str(value)), "ok") for cell, value in world.values(region, year).items()}
        for region in world.regions
    }
    held = dict(zip(said, in_columns([*said.values()]), strict=True))

    def noticed(known: Mapping[str, Known]) -> dict[str, list[Finding]]:
        history = History(peers=lambda region, _: [one for other, one in known.items() if other != region])
        return cell_findings(framework, firsts, history)

    plain = noticed(said)
    assert noticed(held) == plain
    assert noticed({**held, "nobody": {}}) == plain  # not all of them read together
    assert "M12_PEERS" in {found.code for findings in plain.values() for found in findings}


def test_the_arrays_of_a_delivery_are_those_of_its_dictionaries(framework: Framework, world: World) -> None:
    plain = deliveries_of(world)
    for delivery, known in zip(plain, in_columns([one.previous for one in plain]), strict=True):
        for own, variables in ((delivery, None), (delivery, frozenset(list(framework.variables)[::3]))):
            one = cells_of(restricted(own, variables) if variables else own)
            two = cells_of(replace(one.item, previous=known.restricted(variables) if variables else known))
            said = dict(zip(one.item.cells, one.item.said.values, strict=True))
            assert one.values == two.values == {cell: value for cell, value in said.items() if value is not None}
            assert two.order == tuple(one.values)
            assert two.now.tolist() == [float(value) for value in one.values.values()]
            np.testing.assert_array_equal(one.was, two.was)
            assert (
                dict(one.before)
                == dict(two.before)
                == {c: v for c, (v, _) in one.item.previous.items() if v is not None}
            )
            assert one.changed(0.3) == two.changed(0.3)
            assert [two.sheets[1].tolist(), two.sheets[0]] == [one.sheets[1].tolist(), one.sheets[0]]


def test_a_rule_does_not_depend_on_the_sub_areas_of_deliveries_before(framework: Framework) -> None:
    def item(unit: str, region: str, **said: int) -> RuleInput:
        cells = [
            Observation(region, 2024, variable, members, Decimal(value), "ok", "Blatt", f"A{row}", "", "", "", "")
            for row, (name, value) in enumerate(said.items(), start=1)
            for variable, members in [("POP", ()) if name == "POP" else ("POP_DIST", (("DIST", name[1:]),))]
        ]
        return RuleInput(unit, region, 2024, cells)

    own = item("1", "06413", POP=100, d06413001=60, d06413002=30)
    others = [item("2", "06434", POP=10, d06434001=10), item("3", "06435", POP=10, d06435001=9)]
    fresh = replace(framework)
    alone = check_rules(replace(framework), [own])["1"]
    check_rules(fresh, others)
    assert check_rules(fresh, [own])["1"] == alone
    assert "R007" in [found.code for found in alone.findings]
