"""Intervals of hidden counts by linear programming, rounded inwards because counts are whole.

Every solution of a piece is a table that agrees with all that is published: it shows how far apart all targets can lie at
once. Only what these witnesses do not show wide enough is solved for on its own. In a large piece the surroundings of a
target are asked first (`areas`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from indicators.audit.areas import Map, decided
from indicators.audit.memory import Memory, question
from indicators.audit.mending import mended
from indicators.audit.piece import Piece
from indicators.audit.program import Real, Solver
from indicators.audit.verdicts import UNPROVED, Interval, is_wide, judged, reaches

_LARGE = 1500
"""Unknowns from which on the surroundings of a target are asked before the whole piece."""


def intervals(piece: Piece, exact: bool = False, memory: Memory | None = None) -> list[Interval]:
    """The interval of every target of a piece. Without `exact` the ends of a wide interval are only what witnesses show.

    `memory` holds what is known of earlier attacks and takes in what is found. Raises Contradiction.
    """
    memory = Memory() if memory is None else memory
    solver = Solver(piece.rows)
    found: dict[int, Interval] = {}
    if not exact and piece.rows.size >= _LARGE:
        map_ = Map.of(piece)
        centre = _centre(piece, map_, solver, memory)
        if centre is not None:
            memory.solve(piece.places, centre)
            solver.witnesses.append(centre)
            found = decided(piece, map_, centre, memory)
    left = [number for number in range(len(piece.targets)) if number not in found]
    if left:
        asked = question(piece.rows, np.array([exact]), *piece.asked(left))
        ends = memory.recall(asked, lambda: _whole(piece, solver, left, exact))
        for number, (low, high) in zip(left, ends.tolist(), strict=True):
            target, proved = piece.targets[number], low == low and high == high
            found[number] = judged(target, low, high) if proved else Interval(target, 0.0, math.inf, UNPROVED)
    return [found[number] for number in range(len(piece.targets))]


def _centre(piece: Piece, map_: Map, solver: Solver, memory: Memory) -> Real | None:
    """A solution of all rows: the remembered one where it still is one or can be mended, else a new one."""
    guess = memory.guess(piece.places)
    found = None if guess is None else mended(piece.rows, map_, guess)
    return solver.centre() if found is None else found


def _whole(piece: Piece, solver: Solver, numbers: Sequence[int], exact: bool) -> Real:
    """Least and most of some targets by all rows of their piece; NaN without an answer of the solver."""
    tops = [_objective(piece, number, True) for number in numbers]
    bottoms = [_objective(piece, number, False) for number in numbers]
    capped = np.clip(np.sum(tops, axis=0), 0, 1)
    solver.solve(capped, most=False)
    solver.solve(capped, most=True)
    found = np.full((len(numbers), 2), np.nan)
    for place, (number, top, bottom) in enumerate(zip(numbers, tops, bottoms, strict=True)):
        target = piece.targets[number]
        most: float | None = max((float(top @ w) for w in solver.witnesses), default=-math.inf)
        least: float | None = min((float(bottom @ w) for w in solver.witnesses), default=math.inf)
        if exact or not is_wide(target, least, most):  # type: ignore[arg-type]
            most = solver.solve(top, most=True)
            if most is not None and (exact or not reaches(target, most) or not is_wide(target, least, most)):  # type: ignore[arg-type]
                least = solver.solve(bottom, most=False)
        if most is not None and least is not None:
            found[place] = least, most
    return found


def _objective(piece: Piece, number: int, touched: bool) -> Real:
    found = np.zeros(len(piece.places))
    columns, values = piece.of_target(number, touched)
    found[columns] = values
    return found
