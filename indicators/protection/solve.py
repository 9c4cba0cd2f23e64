"""The one place that talks to HiGHS: small mixed-integer programs, solved the same way on every run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import highspy
import numpy as np
import numpy.typing as npt

NODE_LIMIT = 2_000
_ACCEPTED = (
    highspy.HighsModelStatus.kOptimal,
    highspy.HighsModelStatus.kSolutionLimit,
    highspy.HighsModelStatus.kObjectiveTarget,
)


@dataclass
class Program:
    """Minimise `cost @ x` with `low <= x <= high`, rows added one by one; `whole` variables take whole numbers."""

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

    @contextmanager
    def off(self, columns: Sequence[int]) -> Iterator[None]:
        """Variables that stay at zero for the time being."""
        before = [(self.low[c], self.high[c]) for c in columns]
        for column in columns:
            self.low[column] = self.high[column] = 0.0
        yield
        for column, (low, high) in zip(columns, before, strict=True):
            self.low[column], self.high[column] = low, high

    def solve(self, *, relaxed: bool = False, nodes: int = NODE_LIMIT) -> npt.NDArray[np.float64] | None:
        """The best solution found within the node limit, None when none was found.

        Limits count nodes, never time, and there is one thread: the same program has the same answer on every run.
        Whether an answer is right is checked elsewhere, with whole numbers.
        """
        solver = _quiet_solver(nodes)
        solver.passModel(self._model(relaxed))
        solver.run()
        if solver.getModelStatus() not in _ACCEPTED or solver.getInfo().primal_solution_status != 2:
            return None
        return np.array(solver.getSolution().col_value)

    def _model(self, relaxed: bool) -> highspy.HighsLp:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self.cost), len(self.starts)
        model.col_cost_ = np.array(self.cost)
        model.col_lower_, model.col_upper_ = np.array(self.low), np.array(self.high)
        model.row_lower_, model.row_upper_ = np.array(self.row_low), np.array(self.row_high)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.num_col_, model.a_matrix_.num_row_ = model.num_col_, model.num_row_
        model.a_matrix_.start_ = np.array([*self.starts, len(self.columns)], dtype=np.int32)
        model.a_matrix_.index_ = np.array(self.columns, dtype=np.int32)
        model.a_matrix_.value_ = np.array(self.factors, dtype=np.float64)
        if not relaxed and any(self.whole):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[whole] for whole in self.whole]
        return model


def _quiet_solver(nodes: int) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    for option, value in (("threads", 1), ("random_seed", 1), ("mip_max_nodes", nodes), ("parallel", "off")):
        solver.setOptionValue(option, value)
    return solver
