"""What a reader knows under a mask that grows, and the witness tables found so far."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from indicators.protection.problem import Columns, Moves, Problem, Target, Witness

Slot = tuple[int, Moves]


@dataclass
class Search:
    """`shown`: rows that still tell a form. `highest`, `lowest`: how far a remembered table moves a form, and which.

    `place` is a scratch array over all atoms: -1, or the position of an atom in the program that is being written.
    """

    problem: Problem
    columns: Columns = field(init=False)
    shown: dict[int, set[int]] = field(init=False, default_factory=dict)
    members: dict[int, npt.NDArray[np.int64]] = field(init=False)
    caps: dict[int, int] = field(init=False, default_factory=dict)
    highest: dict[int, Slot] = field(init=False, default_factory=dict)
    lowest: dict[int, Slot] = field(init=False, default_factory=dict)
    place: npt.NDArray[np.int64] = field(init=False)
    _touching: dict[int, npt.NDArray[np.int64]] = field(init=False, default_factory=dict)
    _dear: dict[int, set[int]] = field(init=False, default_factory=dict)
    _blocks: dict[int, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = Columns(self.problem)
        for number, row in enumerate(self.problem.rows):
            for form in row.tells:
                self.shown.setdefault(form, set()).add(number)
                if row.cost >= self.problem.dear:
                    self._dear.setdefault(form, set()).add(number)
        order = np.argsort(self.problem.group, kind="stable")
        groups, starts = np.unique(self.problem.group[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(order) else []
        self.members = dict(zip(groups.tolist(), parts, strict=True))
        for cap in self.problem.caps:
            self.caps[cap.form] = min(cap.slack, self.caps.get(cap.form, cap.slack))
        self.place = np.full(len(self.problem.start), -1, dtype=np.int64)

    def hide(self, rows: Iterable[int]) -> None:
        """The rows tell nothing any more."""
        for row in rows:
            for form in self.problem.rows[row].tells:
                self.shown[form].discard(row)
                if form in self._dear:
                    self._dear[form].discard(row)
                    if not self._dear[form]:
                        del self._dear[form]

    def is_known(self, form: int) -> bool:
        """Can a reader see the form, here or elsewhere?"""
        return form in self.problem.known or bool(self.shown.get(form))

    def price(self, form: int) -> float:
        """What is lost when the form moves: the figures that tell it."""
        return sum(self.problem.rows[row].cost for row in sorted(self.shown.get(form, ())))

    def dear(self) -> Collection[int]:
        """Forms that dear figures still tell, as they are now."""
        return self._dear.keys()

    def forms_of(self, groups: Iterable[int]) -> list[int]:
        """Forms that touch one of the blocks."""
        parts = [self._forms_touching(group) for group in groups]
        found: list[int] = np.unique(np.concatenate(parts)).tolist() if parts else []
        return found

    def _forms_touching(self, group: int) -> npt.NDArray[np.int64]:
        if group not in self._touching:
            parts = [self.columns.forms(atom) for atom in self.members[group].tolist()]
            self._touching[group] = np.unique(np.concatenate(parts))
        return self._touching[group]

    def blocks_of(self, form: int) -> list[int]:
        """Blocks that a form touches."""
        if form not in self._blocks:
            self._blocks[form] = np.unique(self.problem.group[self.problem.forms[form].atoms]).tolist()
        return self._blocks[form]

    def moved(self, witness: Witness) -> set[int]:
        """Forms that a witness moves."""
        return {form for moves in (witness.up, witness.down) for form in self.columns.changes(moves)}

    def remember(self, witness: Witness) -> None:
        """Keep the tables of a witness: they may serve other targets, too."""
        for moves in (witness.up, witness.down):
            for form, change in self.columns.changes(moves).items():
                if change > self.highest.get(form, (0, {}))[0]:
                    self.highest[form] = (change, moves)
                if change < self.lowest.get(form, (0, {}))[0]:
                    self.lowest[form] = (change, moves)

    def again(self, target: Target) -> Witness | None:
        """A witness from remembered tables, None when they do not move the target far enough."""
        up, above = self.highest.get(target.form, (0, {}))
        down, below = self.lowest.get(target.form, (0, {}))
        enough = target.value + up >= target.need and up - down >= target.need
        return Witness(above, below) if enough else None
