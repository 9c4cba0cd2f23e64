"""Which number an atom held when, by hand: what the attacker of the audit may take for unchanged between editions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from indicators.audit.believed import moved
from indicators.audit.family import NEVER, Family, Kinds
from indicators.audit.versions import changing

MEN, WOMEN, THIRD = 0, 1, 2
ALL, BOTH = 3, 4
"""Kinds of delivered cells: three atoms one by one, all of them, men and women together."""
KINDS = Kinds([0b001, 0b010, 0b100, 0b111, 0b011], [MEN, WOMEN, THIRD, -1, -1], [1, 1, 1])


def family(*states: Mapping[int, float]) -> Family:
    """What was told in one state after another, from moment 10 on, each for 10 moments; the last one still counts."""
    rows = [
        {
            "kind": kind,
            "value": value,
            "since": 10 * number,
            "until": 10 * number + 10 if number < len(states) else NEVER,
        }
        for number, told in enumerate(states, start=1)
        for kind, value in told.items()
    ]
    return Family(pd.DataFrame(rows), KINDS, np.arange(3))


def versions(one: Family, moment: int) -> dict[int, tuple[int, float]]:
    """Version and number of what differs from today, by atom."""
    (state,) = one.state_at(np.array([moment])).tolist()
    asked = one.state_at(np.array([5, 15, 25, 35]))
    return {atom: (version, number) for when, atom, version, number in one.differences(asked) if when == state}


def test_a_number_that_is_the_same_again_is_the_same_unknown() -> None:
    told = family({MEN: 5, WOMEN: 2, THIRD: 1}, {MEN: 7, WOMEN: 2, THIRD: 1}, {MEN: 5, WOMEN: 3, THIRD: 1})
    assert one_by_one(versions(told, 15)) == {WOMEN: 2.0}
    assert one_by_one(versions(told, 25)) == {MEN: 7.0, WOMEN: 2.0}
    assert versions(told, 15)[WOMEN] == versions(told, 25)[WOMEN], "both former states say 2: one unknown"
    assert versions(told, 35) == {}


def one_by_one(found: Mapping[int, tuple[int, float]]) -> dict[int, float]:
    return {atom: number for atom, (version, number) in found.items() if version}


def test_atoms_that_were_never_told_one_by_one_agree_with_their_sums() -> None:
    """Then 12 in all, of them 10 men and women; now 14 and 12: the third sex need not have changed."""
    told = family({ALL: 12, BOTH: 10}, {ALL: 14, BOTH: 12})
    assert told.today.sum() == pytest.approx(14)
    assert told.today[THIRD] == pytest.approx(2)
    changed = one_by_one(versions(told, 15))
    assert THIRD not in changed
    assert sum(told.today[atom] - number for atom, number in changed.items()) == pytest.approx(2)


def test_before_the_first_delivery_nothing_is_known() -> None:
    told = family({MEN: 5, WOMEN: 2, THIRD: 1})
    assert set(versions(told, 5)) == {MEN, WOMEN, THIRD}
    assert all(np.isnan(number) for _, number in versions(told, 5).values())


def test_a_workbook_that_says_the_same_again_changes_nothing() -> None:
    """By region: two numbers delivered again as they were; one of them as another one; one missing for a while; one more."""
    told = {
        1: [(MEN, 5, 10, 20), (MEN, 5, 20, NEVER), (WOMEN, 2, 10, NEVER)],
        2: [(MEN, 5, 10, 20), (MEN, 6, 20, NEVER), (WOMEN, 2, 10, NEVER)],
        3: [(MEN, 5, 10, 20), (MEN, 5, 30, NEVER), (WOMEN, 2, 10, NEVER)],
        4: [(MEN, 5, 10, 20), (MEN, 5, 20, NEVER), (WOMEN, 2, 20, NEVER)],
        5: [(MEN, 5, 10, 20), (MEN, 5, 20, 30), (WOMEN, 2, 10, 30)],
    }
    rows = pd.DataFrame(
        [{"region": region, "year": 0, "variable": 0, **dict(zip(("kind", "value", "since", "until"), row, strict=True))}
         for region, own in told.items() for row in own]
    )  # fmt: skip
    assert set(changing(rows)["region"]) == {2, 3, 4, 5}
    assert changing(rows[rows["region"] == 2]).values.tolist() == rows[rows["region"] == 2].values.tolist()
    assert not len(changing(rows[:0]))


def test_what_contradicts_itself_is_known_one_by_one_only() -> None:
    told = family({MEN: 5, BOTH: 10, ALL: 4}, {MEN: 5, WOMEN: 5, THIRD: 0})
    assert set(versions(told, 15)) == {WOMEN, THIRD}


@pytest.mark.parametrize(
    ("changes", "apart"),
    [
        ({0b001: 0, 0b011: 0}, 0),
        ({0b001: 3, 0b111: 3}, 0b001),  # the men alone explain it
        ({0b111: 3}, 0b111),  # nobody knows who
        ({0b001: 3, 0b011: 0}, 0b011),  # the women made up for the men
        ({0b001: 3, 0b010: -3, 0b111: 0}, 0b011),  # the two made up for each other
        ({0b110: 2, 0b111: 2, 0b100: 0}, 0b010),  # the women, as the third sex is told to be as many as before
        ({0b001: 3, 0b111: 5}, 0b111),  # two more than the men explain: women or the third sex
        ({0b001: 3, 0b010: 2, 0b111: 5}, 0b011),
    ],
)
def test_what_may_have_changed_by_what_did(changes: dict[int, float], apart: int) -> None:
    assert moved(changes) == apart
