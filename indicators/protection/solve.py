"""The one place that talks to HiGHS: small mixed-integer programs, solved the same way on every run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import highspy
import numpy as np
import numpy.typing as npt

NODE_LIMIT = 2_000
STEP_LIMIT = 20_000
"""Steps of a program without whole numbers: the widest neighbourhood of 33 regions needs some hundreds."""
_ACCEPTED = (
    highspy.HighsModelStatus.kOptimal,
    highspy.HighsModelStatus.kSolutionLimit,
    highspy.HighsModelStatus.kObjectiveTarget,
)


Solution = npt.NDArray[np.float64]


@dataclass
class Matrix:
    """Minimise `cost @ x` with `low <= x <= high` and `row_low <= factors @ x[columns] <= row_high` row after row, row n
    from `starts[n]` on; `whole` variables take whole numbers."""

    cost: Solution
    low: Solution
    high: Solution
    whole: npt.NDArray[np.bool_]
    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64] | npt.NDArray[np.int32]
    factors: Solution
    row_low: Solution
    row_high: Solution

    def solve(
        self, *, relaxed: bool = False, nodes: int = NODE_LIMIT, off: Sequence[int] | npt.NDArray[np.int64] = ()
    ) -> Solution | None:
        """The best solution found within the limits, None when none was found. Variables in `off` are zero.

        Limits count nodes and steps, never time, and there is one thread: the same program has the same answer on every run.
        Whether an answer is right is checked elsewhere, with whole numbers.
        """
        solver = _simplex() if relaxed else _quiet_solver(nodes)
        self._pass_to(solver, relaxed, np.asarray(off, dtype=np.int64))
        solver.run()
        if solver.getModelStatus() not in _ACCEPTED or solver.getInfo().primal_solution_status != 2:
            return None
        return np.array(solver.getSolution().col_value)

    def _pass_to(self, solver: highspy.Highs, relaxed: bool, off: npt.NDArray[np.int64]) -> None:
        """As arrays: a model filled field by field is copied number by number, which takes as long as solving it."""
        low, high = self.low.copy(), self.high.copy()
        low[off] = high[off] = 0.0
        whole = np.zeros(len(low), dtype=np.int32) if relaxed else self.whole.astype(np.int32)
        solver.passModel(
            len(low),
            len(self.row_low),
            len(self.columns),
            int(highspy.MatrixFormat.kRowwise),
            int(highspy.ObjSense.kMinimize),
            0.0,
            self.cost,
            low,
            high,
            self.row_low,
            self.row_high,
            self.starts.astype(np.int32),
            self.columns.astype(np.int32, copy=False),
            self.factors,
            whole,
        )


@dataclass
class Program:
    """A matrix whose variables and rows are added one by one."""

    cost: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)
    row_low: list[float] = field(default_factory=list)
    row_high: list[float] = field(default_factory=list)

    def variable(self, low: float, high: float, cost: float = 0.0, *, whole: bool = True) -> int:
        """Add a variable; returns its number."""
        self.cost.append(cost)
        self.low.append(low)
        self.high.append(high)
        self.whole.append(whole)
        return len(self.cost) - 1

    def row(self, columns: Sequence[int], factors: Sequence[float], low: float, high: float) -> None:
        """Add `low <= factors @ x[columns] <= high`."""
        self.starts.append(len(self.columns))
        self.columns.extend(columns)
        self.factors.extend(factors)
        self.row_low.append(low)
        self.row_high.append(high)

    def solve(self, *, relaxed: bool = False, nodes: int = NODE_LIMIT) -> Solution | None:
        """The best solution found within the node limit, None when none was found."""
        return self._matrix().solve(relaxed=relaxed, nodes=nodes)

    def _matrix(self) -> Matrix:
        return Matrix(
            np.array(self.cost, dtype=np.float64),
            np.array(self.low, dtype=np.float64),
            np.array(self.high, dtype=np.float64),
            np.array(self.whole, dtype=bool),
            np.array([*self.starts, len(self.columns)], dtype=np.int64),
            np.array(self.columns, dtype=np.int64),
            np.array(self.factors, dtype=np.float64),
            np.array(self.row_low, dtype=np.float64),
            np.array(self.row_high, dtype=np.float64),
        )


@cache
def _simplex() -> highspy.Highs:
    """For programs without whole numbers, which are small and asked by the thousand: to make a solver, to look for what to
    leave out, or for factors to scale by, each takes as long as the rest; costs that all differ need not be shaken. It
    forgets a program when it is passed the next."""
    solver = _quiet_solver(NODE_LIMIT)
    for option, value in (
        ("presolve", "off"),
        ("simplex_scale_strategy", 0),
        ("simplex_iteration_limit", STEP_LIMIT),
        ("dual_simplex_cost_perturbation_multiplier", 0.0),
    ):
        solver.setOptionValue(option, value)
    return solver


def _quiet_solver(nodes: int) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    for option, value in (("threads", 1), ("random_seed", 1), ("mip_max_nodes", nodes), ("parallel", "off")):
        solver.setOptionValue(option, value)
    return solver
