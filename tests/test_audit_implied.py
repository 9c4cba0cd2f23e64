"""The attacker leaves out rows that follow from others, and none that says anything."""

from __future__ import annotations

import math

import numpy as np
import pytest

from indicators.audit import implied as module
from indicators.audit.implied import implied, obeyed
from indicators.audit.program import Contradiction, Rows, Solver

TABLE = [
    ({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, 10.0, 10.0),
    ({0: 1.0, 1: 1.0}, 6.0, 6.0),
    ({2: 1.0, 3: 1.0}, 4.0, 4.0),
    ({0: 1.0, 2: 1.0}, 7.0, 7.0),
    ({1: 1.0, 3: 1.0}, 3.0, 3.0),
]
"""Two by two cells with their total, the sums of rows and of columns: any three of the four sums tell the rest."""
ONE = np.zeros(4, np.int64)


def sure(rows: Rows) -> np.ndarray:
    return np.ones(len(rows), bool)


def test_total_and_last_margin_follow_from_the_other_sums() -> None:
    rows = Rows.of(4, TABLE)
    assert implied(rows, ONE, sure(rows)).tolist() == [True, False, False, False, True]


def test_a_sum_that_contradicts_the_others_stays() -> None:
    rows = Rows.of(4, [*TABLE[:4], ({1: 1.0, 3: 1.0}, 3.01, 3.01)])
    assert implied(rows, ONE, sure(rows)).tolist() == [True, False, False, False, False]


def test_what_nobody_is_sure_of_neither_goes_nor_makes_another_go() -> None:
    rows, certain = Rows.of(4, TABLE), np.array([True, False, True, True, False])
    assert not implied(rows, ONE, certain).any()


def test_sums_of_two_families_and_ranges_stay() -> None:
    rows = Rows.of(4, [*TABLE, ({0: 1.0, 1: 1.0}, 6.0, 7.0)])
    assert not implied(rows, np.array([0, 0, 1, 1]), sure(rows)).any()
    assert not implied(rows, ONE, sure(rows))[5]


def test_a_rule_goes_only_when_sums_leave_no_way_to_break_it() -> None:
    limits = [({0: 1.0, 1: 1.0}, 6.0, 6.0), ({2: 1.0, 3: 1.0}, 4.0, 4.0)]
    rules = [
        ({0: 1.0, 2: 1.0}, -math.inf, 10.0),  # 6 and 4 at most
        ({0: 1.0, 2: 1.0}, -math.inf, 9.5),
        ({0: 1.0, 2: -1.0}, -4.0, 6.0),
        ({0: 1.0, 2: -1.0}, -3.5, 6.0),
        ({0: 1.0, 4: -1.0}, -math.inf, 6.0),  # the second is taken off, so it may be anything
        ({0: 1.0, 4: -1.0}, 0.0, math.inf),
    ]
    rows = Rows.of(5, [*limits, *rules])
    assert obeyed(rows, sure(rows)).tolist() == [False, False, True, False, True, False, True, False]
    doubted = np.array([True, False, *[True] * 6])
    assert obeyed(rows, doubted).tolist() == [False] * 6 + [True, False]


def test_a_rule_does_not_speak_for_itself_or_for_another_one() -> None:
    rows = Rows.of(2, [({0: 1.0}, -math.inf, 5.0), ({0: 1.0}, -math.inf, 6.0), ({0: 1.0, 1: 1.0}, -math.inf, 5.0)])
    assert not obeyed(rows, sure(rows)).any()


@pytest.mark.parametrize("at_once", [5, module._ROWS])
@pytest.mark.parametrize("seed", range(6))
def test_every_end_is_what_it_is_with_all_rows(seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROWS", at_once)
    rng = np.random.default_rng(seed)
    families = rng.integers(0, 3, 12)
    truth = rng.integers(0, 9, 12).astype(float)
    made = []
    for _ in range(40):
        of = rng.choice(np.flatnonzero(families == rng.choice(families)), 6)
        own = dict.fromkeys(of[: rng.integers(1, 7)].tolist(), 1.0)
        come_to = sum(truth[column] for column in own)
        made.append((own, come_to, come_to))
    for _ in range(25):
        one, other = rng.choice(12, 2, replace=False).tolist()
        apart = truth[one] - truth[other]
        made.append(({one: 1.0, other: -1.0}, -math.inf, apart + rng.integers(0, 12)))
    kept = rng.random(len(made)) < 0.5
    whole = Rows.of(12, [row for row, here in zip(made, kept, strict=True) if here])
    certain = rng.random(len(whole)) < 0.9
    gone = implied(whole, families, certain), obeyed(whole, certain)
    less = whole.kept(~(gone[0] | gone[1]))
    assert gone[0].any()
    assert gone[1].any()
    equal = np.zeros((2, len(whole), 12))
    for number, rows in enumerate((whole, less)):
        alike = rows.low == rows.high
        equal[number][rows.owner, rows.columns] = np.where(alike[rows.owner], rows.values, 0.0)
    assert np.linalg.matrix_rank(equal[0]) == np.linalg.matrix_rank(equal[1])
    for most in (True, False):
        for costs in np.eye(12):
            assert Solver(less).solve(costs, most) == pytest.approx(Solver(whole).solve(costs, most), abs=1e-6)


def test_a_contradiction_is_one_without_what_follows() -> None:
    whole = Rows.of(4, [*TABLE, ({0: 1.0}, 8.0, 8.0)])  # in a sum of 6
    less = whole.kept(~(implied(whole, ONE, sure(whole)) | obeyed(whole, sure(whole))))
    for rows in (whole, less):
        with pytest.raises(Contradiction):
            Solver(rows).solve(np.ones(4), most=True)
