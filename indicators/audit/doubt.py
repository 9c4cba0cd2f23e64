"""What an attacker does with pieces that do not fit together: keep the newest edition, and of the rest all that fits.

After a correction the old numbers speak of another state. Which of them can still be true is found by linear programming:
the doubtful equations may be broken, at a price, and as few as possible are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from indicators.audit.intervals import intervals
from indicators.audit.program import Contradiction, Rows, Solver
from indicators.audit.system import Piece
from indicators.audit.verdicts import UNPROVED, Interval

_BROKEN = 1e-6
_CHEAP = 0.01
"""What belongs to a corrected region and year alone is given up first: it is the likeliest to be out of date."""


def without_doubt(piece: Piece, corrected: Collection[tuple[int, int]], exact: bool) -> list[Interval]:
    """Intervals of a contradictory piece: without the older numbers that do not fit, then also without rules that the
    newest numbers break. `corrected`: regions and years with a correction. What still does not fit counts as unproved.
    """
    home = {column: place for place, column in piece.columns.items()}
    former = {number for number, (row, _, _) in enumerate(piece.rows) if any(home[column][0] for column in row)}
    doubtful = piece.older | former
    rules = {number for number, (_, low, high) in enumerate(piece.rows) if low != high}
    for loose in (doubtful, doubtful | rules):
        prices = {
            number: _CHEAP if all(home[column][1:3] in corrected for column in piece.rows[number][0]) else 1.0
            for number in sorted(loose)
        }
        broken = _broken(piece, prices)
        if broken is None:
            continue
        kept = [row for number, row in enumerate(piece.rows) if number not in broken]
        try:
            return intervals(Piece(piece.columns, kept, piece.targets), exact)
        except Contradiction:
            continue
    return [Interval(target, 0.0, math.inf, UNPROVED) for target in piece.targets]


def _broken(piece: Piece, prices: Mapping[int, float]) -> set[int] | None:
    """Numbers of rows to give up so that the rest fits, at the least price; None when the others contradict each other."""
    bent = Piece(dict(piece.columns), [], [])
    bends: dict[int, tuple[int, int]] = {}
    for number, (row, low, high) in enumerate(piece.rows):
        if number in prices:
            up, down = (bent.column((-1, number, side, 0)) for side in (0, 1))
            bends[number] = (up, down)
            row = {**row, up: 1.0, down: -1.0}
        bent.rows.append((row, low, high))
    costs = np.zeros(len(bent.columns))
    for number, sides in bends.items():
        _, low, high = piece.rows[number]
        size = max(1.0, *(abs(end) for end in (low, high) if math.isfinite(end)))
        costs[list(sides)] = prices[number] / size
    solver = Solver(Rows.of(len(bent.columns), bent.rows))
    try:
        if solver.solve(costs, most=False) is None:
            return None
    except Contradiction:
        return None
    bending = solver.witnesses[-1]
    return {number for number, sides in bends.items() if bending[list(sides)].max() > _BROKEN}
