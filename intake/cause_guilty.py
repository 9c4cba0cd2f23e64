"""The one cell that explains why several sums are broken.

A cell is guilty when one other value of it mends the equations that fail and breaks none that holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from intake.equations import Equation, Values
from intake.rules import CellKey

Likely = Callable[[CellKey, Decimal], bool]
Neat = Callable[[CellKey, Decimal, Decimal], Decimal]


class Suspect(NamedTuple):
    """A cell that explains broken sums, and the value with which they hold."""

    cell: CellKey
    value: Decimal
    mended: int


def suspects(equations: Sequence[Equation], values: Values, likely: Likely, neat: Neat) -> list[Suspect]:
    """Guilty cells, the one that mends most first; mended one by one until nothing can be explained any more.

    `likely(cell, value)` decides between cells that explain equally much; `neat(cell, low, high)` picks the value.
    """
    search = _Search(equations, dict(values), likely, neat)
    found: list[Suspect] = []
    while best := search.best():
        found.append(best)
        search.mend(best)
    return found


class _Search:
    """Candidates for every cell of a broken equation; mending one changes only those that share an equation with it."""

    def __init__(
        self, equations: Sequence[Equation], values: dict[CellKey, Decimal], likely: Likely, neat: Neat
    ) -> None:
        self.values = values
        self.likely = likely
        self.neat = neat
        self.equations: dict[CellKey, list[tuple[Equation, Decimal]]] = {}
        for equation in equations:
            for cell, factor in equation.cells:
                self.equations.setdefault(cell, []).append((equation, factor))
        self.residuals: dict[int, Decimal] = {}
        broken = [equation for equation in equations if not self._holds(equation)]
        self.candidates: dict[CellKey, Suspect | None] = {}
        self._look_at({cell for equation in broken for cell, _ in equation.cells})

    def best(self) -> Suspect | None:
        """A candidate that mends most and has no rival: another one for the same broken equation. A rival, or a single
        equation (whose cells all could be meant), is decided by what is likely."""
        candidates = [candidate for candidate in self.candidates.values() if candidate]
        most = max((candidate.mended for candidate in candidates), default=0)
        first = [candidate for candidate in candidates if candidate.mended == most]
        likely = {candidate.cell for candidate in first if self.likely(candidate.cell, candidate.value)}
        for candidate in first:
            rivals = {other.cell for other in first if other.cell in self._beside(candidate.cell)}
            alone = not rivals and most > 1
            if alone or (candidate.cell in likely and rivals.isdisjoint(likely)):
                return candidate
        return None

    def _beside(self, cell: CellKey) -> set[CellKey]:
        """The other cells of the broken equations of a cell."""
        broken = [equation for equation, _ in self.equations[cell] if not self._holds(equation)]
        return {other for equation in broken for other, _ in equation.cells} - {cell}

    def mend(self, suspect: Suspect) -> None:
        """Go on with the corrected value."""
        self.values[suspect.cell] = suspect.value
        for equation, _ in self.equations[suspect.cell]:
            self.residuals.pop(id(equation), None)
        self._look_at({cell for equation, _ in self.equations[suspect.cell] for cell, _ in equation.cells})

    def _look_at(self, cells: Iterable[CellKey]) -> None:
        for cell in sorted(cells):
            self.candidates[cell] = self._repair(cell)

    def _residual(self, equation: Equation) -> Decimal:
        """How far an equation is from holding now; asked for every cell of it, worked out once."""
        if id(equation) not in self.residuals:
            self.residuals[id(equation)] = equation.residual(self.values)
        return self.residuals[id(equation)]

    def _holds(self, equation: Equation) -> bool:
        return abs(self._residual(equation)) <= equation.slack

    def _repair(self, cell: CellKey) -> Suspect | None:
        """The value that mends most broken equations of the cell and breaks none that holds."""
        best: Suspect | None = None
        value = self.values[cell]
        ranges = [
            (equation.range_of(value, factor, self._residual(equation)), self._holds(equation))
            for equation, factor in self.equations[cell]
        ]
        low_kept = max((low for (low, _), holds in ranges if holds), default=Decimal(0))
        high_kept = min((high for (_, high), holds in ranges if holds), default=Decimal("Infinity"))
        failing = [bounds for bounds, holds in ranges if not holds]
        for start, _ in failing:
            agreeing = [bounds for bounds in failing if bounds[0] <= start <= bounds[1]]
            low = max(low_kept, Decimal(0), *(bounds[0] for bounds in agreeing))
            high = min(high_kept, *(bounds[1] for bounds in agreeing))
            if low <= high and (best is None or len(agreeing) > best.mended):
                best = Suspect(cell, self.neat(cell, low, high), len(agreeing))
        return best
