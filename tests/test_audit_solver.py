"""The attacker's solver ends, whatever it is asked: limits count steps, and giving up leaves nothing behind."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.audit import program
from indicators.audit.program import Rows, Solver

ROWS = Rows.of(
    4,
    [
        ({0: 1.0, 1: 1.0, 2: 1.0}, 10.0, 10.0),
        ({1: 1.0, 2: 1.0, 3: 1.0}, 7.0, 7.0),
        ({0: 1.0, 3: -1.0}, -math.inf, 6.0),
    ],
)
"""x0 + x1 + x2 = 10, x1 + x2 + x3 = 7, x0 - x3 <= 6: x0 - x3 is 3, and x0 lies between 3 and 10."""


def test_a_centre_obeys_every_row() -> None:
    centre = Solver(ROWS).centre()
    assert centre is not None
    assert ROWS.fits(centre)


def test_a_centre_that_is_not_reached_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    set_option = program.highspy.Highs.setOptionValue

    def noted(solver: object, option: str, value: object) -> object:
        tried.append((option, value))
        return set_option(solver, option, value)

    monkeypatch.setattr(program.highspy.Highs, "setOptionValue", noted)
    monkeypatch.setattr(program, "_INTERIOR", {**program._INTERIOR, "ipm_iteration_limit": 0})
    monkeypatch.setattr(Rows, "fits", lambda rows, solution: False)
    assert Solver(ROWS).centre() is None
    assert [value for option, value in tried if option == "presolve"][::2] == ["choose", "off"]


def test_what_is_asked_after_a_centre_is_answered_as_without_one() -> None:
    asked = Solver(ROWS)
    usual = [asked.solver.getOptionValue(option)[1] for option in program._INTERIOR]
    asked.centre()
    assert [asked.solver.getOptionValue(option)[1] for option in program._INTERIOR] == usual
    first = np.array([1.0, 0, 0, 0])
    assert asked.solve(first, most=True) == pytest.approx(10)
    assert asked.solve(first, most=False) == pytest.approx(3)


def test_no_search_of_the_interior_is_without_end() -> None:
    assert 0 < program._INTERIOR["ipm_iteration_limit"] <= 1000  # type: ignore[operator]
    assert program._INTERIOR["ipm_optimality_tolerance"] >= 1e-7  # type: ignore[operator]


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 4), st.sampled_from([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]), min_size=1),
            st.sampled_from([-math.inf, 0.0]),
            st.sampled_from([0.0, 1.0, math.inf]),
        ),
        max_size=40,
    )
)
def test_only_what_was_said_before_is_left_out(rows: list[tuple[dict[int, float], float, float]]) -> None:
    ordered = [(dict(sorted(row.items())), low, high) for row, low, high in rows]
    first = [ordered.index(row) == place for place, row in enumerate(ordered)]
    assert Rows.of(5, ordered).once().tolist() == first


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.integers(0, 3), st.sampled_from([1.0, -1.0, 0.5]), min_size=1),
            st.sampled_from([-math.inf, 0.0, 1.0]),
            st.sampled_from([0.0, 2.0, math.inf]),
        ),
        max_size=6,
    )
)
def test_what_is_left_no_room_is_nothing_in_every_solution(rows: list[tuple[dict[int, float], float, float]]) -> None:
    made = Rows.of(4, [(row, low, high) for row, low, high in rows if low <= high])
    for unknown in np.flatnonzero(made.nothing(np.ones(len(made), bool))).tolist():
        with suppress(program.Contradiction):
            assert Solver(made).solve(np.eye(4)[unknown], most=True) == pytest.approx(0)


def test_an_empty_sum_leaves_nothing_of_its_parts_and_of_what_they_hold() -> None:
    rows = Rows.of(4, [({0: 1.0, 1: 1.0}, 0.0, 0.0), ({1: 1.0, 2: -1.0}, 0.0, math.inf), ({3: 1.0}, 0.0, 1.0)])
    assert rows.nothing(np.ones(3, bool)).tolist() == [True, True, True, False]
    assert rows.nothing(np.array([False, True, True])).tolist() == [False] * 4
