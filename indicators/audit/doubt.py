"""What an attacker does with pieces that do not fit together: keep the newest edition, and of the rest all that fits.

Where not even the house knows the single atoms (`family`), an old number may be taken for one of today that it is not any
more. Which can still be true is found by linear programming: as few of the doubtful equations as possible are broken.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from indicators.audit.intervals import intervals
from indicators.audit.memory import Memory, question
from indicators.audit.piece import Piece
from indicators.audit.program import Contradiction, Real, Rows, Solver, Whole
from indicators.audit.verdicts import UNPROVED, Interval

_BROKEN = 1e-6


def without_doubt(piece: Piece, exact: bool, memory: Memory) -> list[Interval]:
    """Intervals of a contradictory piece: without the older numbers that do not fit, then also without rules that the
    newest numbers break. What still does not fit counts as unproved.
    """
    rows = piece.rows
    for loose in (piece.doubtful, piece.doubtful | (rows.low != rows.high)):
        numbers = np.flatnonzero(loose)
        asked = question(rows, numbers)
        try:
            broken = memory.recall(asked, partial(_broken, rows, numbers)).astype(bool)
            return intervals(
                Piece(piece.places, rows.kept(~broken), piece.targets, piece.doubtful[~broken]), exact, memory
            )
        except Contradiction:
            continue
    return [Interval(target, 0.0, math.inf, UNPROVED) for target in piece.targets]


def _broken(rows: Rows, loose: Whole) -> Real:
    """Which rows to give up so that the rest fits, as few as possible. Raises Contradiction when the
    others contradict each other."""
    up = rows.size + 2 * np.arange(len(loose))
    owner = np.concatenate([rows.owner, loose, loose])
    columns = np.concatenate([rows.columns, up, up + 1])
    values = np.concatenate([rows.values, np.ones(len(loose)), -np.ones(len(loose))])
    ends = np.abs(np.stack([rows.low[loose], rows.high[loose]]))
    costs = np.zeros(rows.size + 2 * len(loose))
    costs[up] = costs[up + 1] = 1.0 / np.maximum(1.0, np.where(np.isfinite(ends), ends, 0.0).max(axis=0, initial=0.0))
    solver = Solver(Rows.made(len(costs), owner, columns, values, rows.low, rows.high))
    if solver.solve(costs, most=False) is None:
        raise Contradiction
    bending, broken = solver.witnesses[-1], np.zeros(len(rows))
    broken[loose] = np.maximum(bending[up], bending[up + 1]) > _BROKEN
    return broken
