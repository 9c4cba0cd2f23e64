"""Rows of a piece as arrays, and the solver (HiGHS) that looks for ends and for solutions far from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
_SLACK = 1e-6
_DIGITS = 6
_SMALL = 2000
"""Unknowns below which a program is solved as it is: to make it simpler takes longer than it saves."""
_INTERIOR: dict[str, str | float | int] = {
    "solver": "ipm",
    "run_crossover": "off",
    "ipm_optimality_tolerance": 1e-6,
    "ipm_iteration_limit": 200,
}
"""Nothing is optimised, so the gap need not close to the last digit, where the method can step on the spot for ever."""
_OPTIMAL, _UNBOUNDED = highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kUnbounded


_DUAL, _PRIMAL = 1, 4
"""From question to question only costs change, so the last solution stays one: the primal method goes on from there."""


class Contradiction(ArithmeticError):
    """What is published does not fit together, or not with the rules."""


@dataclass(frozen=True)
class Rows:
    """`low <= values @ x[columns] <= high` row after row, row n from `starts[n]` on; `size` unknowns, each 0 or more."""

    size: int
    starts: Whole
    columns: Whole
    values: Real
    low: Real
    high: Real

    @classmethod
    def of(cls, size: int, rows: Sequence[tuple[Mapping[int, float], float, float]]) -> Rows:
        """From rows of (coefficients by column, low, high)."""
        starts = np.cumsum([0, *(len(row) for row, _, _ in rows)])
        return cls(
            size,
            starts,
            np.fromiter((column for row, _, _ in rows for column in row), np.int64, int(starts[-1])),
            np.fromiter((value for row, _, _ in rows for value in row.values()), float, int(starts[-1])),
            np.array([low for _, low, _ in rows], dtype=float),
            np.array([high for _, _, high in rows], dtype=float),
        )

    @classmethod
    def made(cls, size: int, owner: Whole, columns: Whole, values: Real, low: Real, high: Real) -> Rows:
        """From the row, column and value of every coefficient, in any order."""
        order = np.lexsort((columns, owner))
        starts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(low)))]).astype(np.int64)
        return cls(size, starts, columns[order], values[order], low, high)

    def __len__(self) -> int:
        return len(self.low)

    def kept(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """The chosen rows, with all unknowns."""
        mine = chosen[self.owner]
        starts = np.concatenate([[0], np.cumsum(np.diff(self.starts)[chosen])])
        return Rows(self.size, starts, self.columns[mine], self.values[mine], self.low[chosen], self.high[chosen])

    def put(self, known: Real) -> Rows:
        """With known unknowns put in (not a number: still unknown); their columns are empty then."""
        value = known[self.columns]
        open_ = np.isnan(value)
        given = added(self.owner, np.where(open_, 0.0, self.values * value), len(self))
        starts = np.concatenate([[0], np.cumsum(added(self.owner, open_, len(self)).astype(np.int64))])
        low, high = self.low - given, self.high - given
        return Rows(self.size, starts, self.columns[open_], self.values[open_], low, high)

    def new(self) -> npt.NDArray[np.bool_]:
        """Rows that are not empty, or are wrong: no solution obeys those."""
        return (np.diff(self.starts) > 0) | (self.low > _SLACK) | (self.high < -_SLACK)

    def nothing(self, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Unknowns that the chosen rows leave no room: what adds up to nothing at most, and what is at most nothing."""
        found = np.zeros(self.size, bool)
        while True:
            open_ = ~found[self.columns]
            up = np.bincount(self.owner[open_ & (self.values > 0)], minlength=len(self)) > 0
            down = np.bincount(self.owner[open_ & (self.values < 0)], minlength=len(self)) > 0
            full = chosen & (((self.high == 0) & ~down & up) | ((self.low == 0) & ~up & down))
            if not full.any():
                return found
            found[self.columns[full[self.owner]]] = True

    def once(self, apart: Whole | None = None) -> npt.NDArray[np.bool_]:
        """The first of all rows that say the same, but for the last digits of their ends; the terms are in order (`made`).
        Rows of different numbers in `apart` say nothing of each other, even where they have no term."""
        numbers = np.random.default_rng(1).integers(1, 1 << 62, (2, self.size), dtype=np.uint64)
        factor = mixed(bits(self.values))
        said = [np.add.reduceat(np.append(n[self.columns] * factor, np.uint64(0)), self.starts[:-1]) for n in numbers]
        keys = [*(bits(end.round(_DIGITS)) for end in (self.low, self.high)), *said]
        keys += [] if apart is None else [apart.astype(np.uint64)]
        order = np.lexsort(keys)
        first = np.ones(len(self), bool)
        first[order[1:]] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
        return first

    @cached_property
    def owner(self) -> Whole:
        """The row of each coefficient."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def sums(self, solution: Real) -> Real:
        """What each row comes to."""
        return added(self.owner, self.values * solution[self.columns], len(self))

    def fits(self, solution: Real) -> bool:
        """Does a solution obey every row, but for the last digits?"""
        return bool(solution.min() > -_SLACK and not self.broken(solution).any())

    def broken(self, solution: Real) -> npt.NDArray[np.bool_]:
        """Rows that a solution does not obey."""
        found = self.sums(solution)
        slack = _SLACK / 10 * np.maximum(1.0, np.abs(found) * 1e-3)
        broken: npt.NDArray[np.bool_] = ~((found >= self.low - slack) & (found <= self.high + slack))
        return broken

    @cached_property
    def most(self) -> Real:
        """What each unknown can be at most, as far as a single row says so."""
        least = np.ones(len(self), dtype=bool)
        least[self.owner[self.values < 0]] = False
        within = least[self.owner] & np.isfinite(self.high[self.owner]) & (self.values > 0)
        found = np.full(self.size, np.inf)
        np.minimum.at(found, self.columns[within], (self.high[self.owner] / np.where(within, self.values, 1))[within])
        return found

    def bounded(self) -> tuple[Rows, Real, Real]:
        """The rows of several unknowns, with the least and most of each unknown by those of one; where these contradict
        each other, if only in the last digit, they stay rows."""
        least, most = np.zeros(self.size), np.full(self.size, np.inf)
        alone = np.diff(self.starts) == 1
        at = self.starts[:-1][alone]
        columns, ends = self.columns[at], np.stack([self.low[alone], self.high[alone]]) / self.values[at]
        np.maximum.at(least, columns, ends.min(axis=0))
        np.minimum.at(most, columns, ends.max(axis=0))
        wrong = least > most
        least[wrong], most[wrong] = 0.0, np.inf
        alone[alone] = ~wrong[columns]
        return self.kept(~alone), least, most

    def part(self, columns: Whole, rows: Whole, low: Real, high: Real) -> Rows:
        """Some columns of some rows, with the room that is left for them."""
        place = np.full(self.size, -1)
        place[columns] = np.arange(len(columns))
        mine = self.of_rows(rows)
        inside = mine[place[self.columns[mine]] >= 0]
        sizes = np.bincount(self.owner[inside], minlength=len(self))[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return Rows(len(columns), starts, place[self.columns[inside]], self.values[inside], low, high)

    def of_rows(self, rows: Whole) -> Whole:
        """Positions of the coefficients of some rows, in order."""
        sizes = np.diff(self.starts)[rows]
        firsts = np.repeat(self.starts[rows] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        return firsts + np.arange(int(sizes.sum()))


def added(numbers: Whole, values: Real, size: int) -> Real:
    """The sum of the values of each number below `size`."""
    return np.bincount(numbers, values, size).astype(np.float64)


def bits(numbers: npt.NDArray[np.number[Any]]) -> npt.NDArray[np.uint64]:
    """Numbers as they lie in memory; 0 and -0 are one."""
    plain = numbers + 0.0 if numbers.dtype.kind == "f" else numbers.astype(np.int64)
    return plain.view(np.uint64)


def mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Every bit of a number moves every other one (the finalizer of SplitMix64)."""
    found = numbers + np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


class Solver:
    """One program, asked many times. Every solution is kept as a witness: it agrees with all that is published."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.witnesses: list[Real] = []
        self.numbers = np.arange(rows.size, dtype=np.int32)

    @cached_property
    def solver(self) -> highspy.Highs:
        """The program in the solver, in which a row of one unknown is a bound of it; made when it is asked first."""
        rows, least, most = self.rows.bounded()
        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 1)):
            solver.setOptionValue(option, value)
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = rows.size, len(rows)
        program.col_cost_ = np.zeros(rows.size)
        program.col_lower_, program.col_upper_ = least, most
        program.row_lower_ = np.maximum(rows.low, -highspy.kHighsInf)
        program.row_upper_ = np.minimum(rows.high, highspy.kHighsInf)
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = rows.starts.astype(np.int32)
        program.a_matrix_.index_ = rows.columns.astype(np.int32)
        program.a_matrix_.value_ = rows.values
        solver.passModel(program)
        return solver

    def centre(self) -> Real | None:
        """A solution far from all ends, None when the interior point method has none that fits."""
        for presolve in ("choose", "off"):  # what presolve leaves over can be harder than what it was given
            status, solution = self._interior(presolve)
            if len(solution) == self.rows.size and self.rows.fits(solution):
                return solution
            if status == highspy.HighsModelStatus.kInfeasible:
                break
        return None

    def _interior(self, presolve: str) -> tuple[highspy.HighsModelStatus, Real]:
        """What the interior point method ends with. Steps are counted, not seconds: the same program, the same answer."""
        wanted: dict[str, str | float | int] = {**_INTERIOR, "presolve": presolve}
        usual = {option: self.solver.getOptionValue(option)[1] for option in wanted}
        for option, value in wanted.items():
            self.solver.setOptionValue(option, value)
        self.solver.run()
        solution = np.maximum(np.array(self.solver.getSolution().col_value), 0.0)
        status = self.solver.getModelStatus()
        self.solver.clearSolver()
        for option, value in usual.items():
            self.solver.setOptionValue(option, value)
        return status, solution

    def solve(self, costs: Real, most: bool) -> float | None:
        """Least or most of an objective; infinite when nothing limits it, None when the solver has no answer.

        Raises Contradiction.
        """
        self.solver.changeColsCost(len(self.numbers), self.numbers, costs)
        sense = highspy.ObjSense.kMaximize if most else highspy.ObjSense.kMinimize
        self.solver.changeObjectiveSense(sense)
        if self.rows.size < _SMALL:
            self.solver.setOptionValue("presolve", "off")
        for cold in (False, True):
            if cold:  # from the beginning, and without the presolve that cannot tell unbounded from infeasible
                self.solver.clearSolver()
                self.solver.setOptionValue("presolve", "off")
                self.solver.setOptionValue("simplex_strategy", _DUAL)
            self.solver.run()
            status = self.solver.getModelStatus()
            if status == _OPTIMAL:
                self.solver.setOptionValue("simplex_strategy", _PRIMAL)
                solution = np.array(self.solver.getSolution().col_value)
                self.witnesses.append(solution)
                return float(costs @ solution)
            if status == _UNBOUNDED:
                return math.inf if most else -math.inf
            if status == highspy.HighsModelStatus.kInfeasible and cold:
                raise Contradiction
        return None
