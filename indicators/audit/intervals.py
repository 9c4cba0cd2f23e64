"""Intervals of hidden counts by linear programming (HiGHS), rounded inwards because counts are whole.

Every solution of a piece is a table that agrees with all that is published: it shows how far apart all targets can lie at
once. Only what these witnesses do not show wide enough is solved for on its own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import highspy
import numpy as np

from indicators.audit.editions import Place
from indicators.audit.system import Piece
from indicators.audit.targets import Sum, Target

_SLACK = 1e-6
_LARGE = 1e9
_LOCAL = 1500


@dataclass(frozen=True, slots=True)
class Interval:
    """What an attacker knows of a target: between `lower` and `upper`, both included."""

    target: Target
    lower: float
    upper: float
    verdict: str


OK, EXACT, BELOW, NARROW = "ok", "exact", "below", "narrow"
"""Wide enough; recovered; proved to be small; too narrow."""
BEYOND, MISLED, UNPROVED = "beyond", "misled", "unproved"
"""Finer than any table and limited by a small total, not recovered; outside of what the attacker believes, as after a
correction; no answer of the solver, which counts as recovered."""
HARMLESS = (OK, BEYOND, MISLED)


class Solver:
    """A piece as a linear program that is asked again and again; every answer is kept as a witness."""

    def __init__(self, piece: Piece) -> None:
        self.columns = piece.columns
        self.solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1)):
            self.solver.setOptionValue(option, value)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(piece.columns), len(piece.rows)
        program.col_cost_ = np.zeros(len(piece.columns))
        program.col_lower_ = np.zeros(len(piece.columns))
        program.col_upper_ = np.full(len(piece.columns), highspy.kHighsInf)
        program.row_lower_ = np.array([max(low, -highspy.kHighsInf) for _, low, _ in piece.rows])
        program.row_upper_ = np.array([min(high, highspy.kHighsInf) for _, _, high in piece.rows])
        starts = np.cumsum([0, *(len(row) for row, _, _ in piece.rows)])
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = starts
        program.a_matrix_.index_ = np.array([column for row, _, _ in piece.rows for column in row], np.int32)
        program.a_matrix_.value_ = np.array([value for row, _, _ in piece.rows for value in row.values()], float)
        self.solver.passModel(program)
        self.witnesses: list[np.ndarray] = []
        self.numbers = np.arange(len(piece.columns), dtype=np.int32)

    def costs(self, sums: list[tuple[Sum, float]]) -> np.ndarray:
        """An objective from sums of atoms and their weights."""
        found = np.zeros(len(self.columns))
        for one, weight in sums:
            for place, value in one.items():
                found[self.columns[(0, *place)]] += weight * value
        return found

    def solve(self, costs: np.ndarray, most: bool) -> float | None:
        """Least or most of an objective; infinite when nothing limits it, None when the solver has no answer."""
        self.solver.changeColsCost(len(self.numbers), self.numbers, costs)
        sense = highspy.ObjSense.kMaximize if most else highspy.ObjSense.kMinimize
        self.solver.changeObjectiveSense(sense)
        for cold in (False, True):
            if cold:  # from the beginning, and without the presolve that cannot tell unbounded from infeasible
                self.solver.clearSolver()
                self.solver.setOptionValue("presolve", "off")
            self.solver.run()
            status = self.solver.getModelStatus()
            if status == highspy.HighsModelStatus.kOptimal:
                solution = np.array(self.solver.getSolution().col_value)
                self.witnesses.append(solution)
                return float(costs @ solution)
            if status == highspy.HighsModelStatus.kUnbounded:
                return math.inf if most else -math.inf
            if status == highspy.HighsModelStatus.kInfeasible and cold:
                raise Contradiction
        return None


class Contradiction(ArithmeticError):
    """What is published does not fit together, or not with the rules."""


def intervals(piece: Piece, exact: bool = False, local: bool = False) -> list[Interval]:
    """The interval of every target of a piece. Without `exact` the ends of a wide interval are only what witnesses show.

    Raises Contradiction.
    """
    solver = Solver(piece)
    tops = [solver.costs([(target.touched, 1.0)]) for target in piece.targets]
    bottoms = [solver.costs([(target.inside, 1.0)]) for target in piece.targets]
    capped = np.clip(np.sum(tops, axis=0), 0, 1)
    solver.solve(capped, most=False)
    solver.solve(capped, most=True)
    found = []
    near = {} if exact or local else _nearby(piece, solver)
    for number, (target, top, bottom) in enumerate(zip(piece.targets, tops, bottoms, strict=True)):
        if number in near:
            found.append(near[number])
            continue
        seen_high = max((float(top @ w) for w in solver.witnesses), default=-math.inf)
        seen_low = min((float(bottom @ w) for w in solver.witnesses), default=math.inf)
        if exact or not _wide(target, seen_low, seen_high):
            high = solver.solve(top, most=True)
            low = seen_low
            if high is not None and (exact or _up_to(high) < target.required or not _wide(target, seen_low, high)):
                low = solver.solve(bottom, most=False)  # type: ignore[assignment]
            if high is None or low is None:
                found.append(Interval(target, 0.0, math.inf, UNPROVED))
                continue
            seen_low, seen_high = low, high
        lower, upper = max(0.0, _from(seen_low)), _up_to(seen_high)
        found.append(Interval(target, lower, upper, _verdict(target, lower, upper)))
    return found


def _nearby(piece: Piece, solver: Solver) -> dict[int, Interval]:
    """Targets of a large piece that are wide enough already when everything in other regions and years stays as in a
    known solution: what is possible then is possible. By their number in the piece."""
    if len(piece.columns) < _LOCAL or not solver.witnesses:
        return {}
    middle = np.mean(solver.witnesses, axis=0)
    rows_of: dict[tuple[int, int], list[int]] = defaultdict(list)
    columns_of: dict[tuple[int, int], list[Place]] = defaultdict(list)
    home = {column: place[1:3] for place, column in piece.columns.items()}
    for place in piece.columns:
        columns_of[place[1:3]].append(place)
    for number, (row, _, _) in enumerate(piece.rows):
        for where in {home[column] for column in row}:
            rows_of[where].append(number)
    together: dict[frozenset[tuple[int, int]], list[int]] = defaultdict(list)
    for number, target in enumerate(piece.targets):
        together[frozenset(place[:2] for place in target.touched)].append(number)
    found: dict[int, Interval] = {}
    for area, numbers in together.items():
        local = Piece(targets=[piece.targets[number] for number in numbers])
        inside = {piece.columns[place]: local.column(place) for where in area for place in columns_of[where]}
        for number in {number for where in area for number in rows_of[where]}:
            row, low, high = piece.rows[number]
            fixed = sum(value * middle[column] for column, value in row.items() if column not in inside)
            kept = {inside[column]: value for column, value in row.items() if column in inside}
            local.rows.append((kept, low - fixed - _SLACK / 10, high - fixed + _SLACK / 10))
        try:
            seen = intervals(local, local=True)
        except Contradiction:
            continue
        found |= {number: one for number, one in zip(numbers, seen, strict=True) if one.verdict == OK}
    return found


def _up_to(number: float) -> float:
    return number if math.isinf(number) or number > _LARGE else float(math.floor(number + _SLACK))


def _from(number: float) -> float:
    return 0.0 if math.isinf(number) else float(math.ceil(number - _SLACK))


def _wide(target: Target, low: float, high: float) -> bool:
    upper, lower = _up_to(high), max(0.0, _from(low))
    return upper >= target.required and upper - lower >= target.required


def _verdict(target: Target, lower: float, upper: float) -> str:
    if _wide(target, lower, upper):
        return OK
    if not lower <= target.true <= upper:
        return MISLED
    if lower >= upper:
        return EXACT
    if target.rounded and lower < 1:
        return OK
    if target.beyond:
        return BEYOND
    return BELOW if upper < target.required else NARROW
