"""Intervals of hidden counts by linear programming, rounded inwards because counts are whole.

Every solution of a piece is a table that agrees with all that is published: it shows how far apart all targets can lie at
once. Only what these witnesses do not show wide enough is solved for on its own. In a large piece the surroundings of a
target are asked first (`areas`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indicators.audit.areas import decided
from indicators.audit.program import Real, Rows, Solver
from indicators.audit.system import Piece
from indicators.audit.targets import Sum
from indicators.audit.verdicts import UNPROVED, Interval, is_wide, judged, reaches

_LARGE = 1500
"""Unknowns from which on the surroundings of a target are asked before the whole piece."""


def intervals(piece: Piece, exact: bool = False) -> list[Interval]:
    """The interval of every target of a piece. Without `exact` the ends of a wide interval are only what witnesses show.

    Raises Contradiction.
    """
    rows = Rows.of(len(piece.columns), piece.rows)
    solver = Solver(rows)
    found: dict[int, Interval] = {}
    if not exact and rows.size >= _LARGE:
        centre = solver.centre()
        if centre is not None:
            solver.witnesses.append(centre)
            found = decided(piece, rows, centre)
    left = [number for number in range(len(piece.targets)) if number not in found]
    found |= _whole(piece, solver, left, exact)
    return [found[number] for number in range(len(piece.targets))]


def _whole(piece: Piece, solver: Solver, numbers: Sequence[int], exact: bool) -> dict[int, Interval]:
    """Some targets by all rows of their piece."""
    tops = [_objective(piece, piece.targets[number].touched) for number in numbers]
    bottoms = [_objective(piece, piece.targets[number].inside) for number in numbers]
    if numbers:
        capped = np.clip(np.sum(tops, axis=0), 0, 1)
        solver.solve(capped, most=False)
        solver.solve(capped, most=True)
    found = {}
    for number, top, bottom in zip(numbers, tops, bottoms, strict=True):
        target = piece.targets[number]
        high = max((float(top @ w) for w in solver.witnesses), default=-math.inf)
        low = min((float(bottom @ w) for w in solver.witnesses), default=math.inf)
        if exact or not is_wide(target, low, high):
            most, least = solver.solve(top, most=True), low
            if most is not None and (exact or not reaches(target, most) or not is_wide(target, low, most)):
                least = solver.solve(bottom, most=False)  # type: ignore[assignment]
            if most is None or least is None:
                found[number] = Interval(target, 0.0, math.inf, UNPROVED)
                continue
            low, high = least, most
        found[number] = judged(target, low, high)
    return found


def _objective(piece: Piece, sums: Sum) -> Real:
    found = np.zeros(len(piece.columns))
    for place, value in sums.items():
        found[piece.columns[(0, *place)]] += value
    return found
