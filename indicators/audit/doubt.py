"""What an attacker does with pieces that do not fit together: keep the newest edition, and of the rest all that fits.

After a correction the old numbers speak of another state. Which of them can still be true is found by linear programming:
the doubtful equations may be broken, at a price, and as few as possible are.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial

import numpy as np

from indicators.audit.intervals import intervals
from indicators.audit.memory import Memory, question
from indicators.audit.piece import Piece
from indicators.audit.program import Contradiction, Real, Rows, Solver, Whole
from indicators.audit.verdicts import UNPROVED, Interval

_BROKEN = 1e-6
_CHEAP = 0.01
"""What belongs to a corrected region and year alone is given up first: it is the likeliest to be out of date."""


def without_doubt(piece: Piece, corrected: Collection[tuple[int, int]], exact: bool, memory: Memory) -> list[Interval]:
    """Intervals of a contradictory piece: without the older numbers that do not fit, then also without rules that the
    newest numbers break. `corrected`: regions and years with a correction. What still does not fit counts as unproved.
    """
    rows, places = piece.rows, piece.places
    former = np.zeros(len(rows), bool)
    former[rows.owner[places[rows.columns, 0] > 0]] = True
    doubtful = piece.older | former
    dated = np.array([(int(region), int(year)) in corrected for _, region, year, _ in places], bool)
    cheap = np.ones(len(rows), bool)
    cheap[rows.owner[~dated[rows.columns]]] = False
    for loose in (doubtful, doubtful | (rows.low != rows.high)):
        numbers, prices = np.flatnonzero(loose), np.where(cheap, _CHEAP, 1.0)[loose]
        asked = question(rows, numbers, prices)
        try:
            broken = memory.recall(asked, partial(_broken, rows, numbers, prices)).astype(bool)
            return intervals(Piece(places, rows.kept(~broken), piece.targets, piece.older[~broken]), exact, memory)
        except Contradiction:
            continue
    return [Interval(target, 0.0, math.inf, UNPROVED) for target in piece.targets]


def _broken(rows: Rows, loose: Whole, prices: Real) -> Real:
    """Which rows to give up so that the rest fits, at the least price. Raises Contradiction when the
    others contradict each other."""
    up = rows.size + 2 * np.arange(len(loose))
    owner = np.concatenate([rows.owner, loose, loose])
    columns = np.concatenate([rows.columns, up, up + 1])
    values = np.concatenate([rows.values, np.ones(len(loose)), -np.ones(len(loose))])
    ends = np.abs(np.stack([rows.low[loose], rows.high[loose]]))
    costs = np.zeros(rows.size + 2 * len(loose))
    costs[up] = costs[up + 1] = prices / np.maximum(
        1.0, np.where(np.isfinite(ends), ends, 0.0).max(axis=0, initial=0.0)
    )
    solver = Solver(Rows.made(len(costs), owner, columns, values, rows.low, rows.high))
    if solver.solve(costs, most=False) is None:
        raise Contradiction
    bending, broken = solver.witnesses[-1], np.zeros(len(rows))
    broken[loose] = np.maximum(bending[up], bending[up + 1]) > _BROKEN
    return broken
