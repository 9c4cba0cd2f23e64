"""What a reader knows under a mask that grows, and the witness tables found so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from indicators.protection.ground import NO_CAP, Flags, Ground
from indicators.protection.memory import Memory
from indicators.protection.problem import Columns, Moves, Problem, Rows, Target, Whole, Witness, distinct

_KEPT = 2
"""Blocks of a ground that is kept."""


@dataclass
class Search:
    """Arrays over all forms. `known`: somebody can see it, `always`: whatever is hidden. `cap`: how far it can rise at
    most. `dear`: how many shown figures that are to be hidden last tell it. `fixed` marks atoms that everybody knows.
    """

    problem: Problem
    memory: Memory = field(default_factory=Memory)
    columns: Columns = field(init=False)
    members: dict[int, Whole] = field(init=False)
    known: Flags = field(init=False)
    dear: Whole = field(init=False)
    cap: Whole = field(init=False)
    always: Flags = field(init=False)
    fixed: Flags = field(init=False)
    _shown: Flags = field(init=False)
    _tellers: Rows = field(init=False)
    _costs: npt.NDArray[np.float64] = field(init=False)
    _prices: npt.NDArray[np.float64] = field(init=False)
    _tables: list[Moves] = field(init=False, default_factory=list)
    _highest: Whole = field(init=False)
    _lowest: Whole = field(init=False)
    _above: Whole = field(init=False)
    _below: Whole = field(init=False)
    _changed: dict[int, tuple[Moves, Whole, Whole]] = field(init=False, default_factory=dict)
    _touching: dict[int, Whole] = field(init=False, default_factory=dict)
    _blocks: dict[int, Whole] = field(init=False, default_factory=dict)
    _grounds: dict[tuple[int, ...], Ground] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = self.problem.columns
        size = len(self.problem.forms)
        self.always = np.zeros(size, dtype=bool)
        self.always[list(self.problem.known)] = True
        self.known = self.always.copy()
        self.fixed = np.zeros(len(self.problem.start), dtype=bool)
        self.fixed[list(self.problem.fixed)] = True
        self.dear = np.zeros(size, dtype=np.int64)
        self._shown = np.ones(len(self.problem.rows), dtype=bool)
        self._tellers = Rows([row.tells for row in self.problem.rows], size)
        self.known[self._tellers.forms] = True
        self._costs = np.array([row.cost for row in self.problem.rows], dtype=np.float64)
        np.add.at(self.dear, self._tellers.forms, self._costs[self._tellers.rows] >= self.problem.dear)
        self._prices = np.full(size, np.nan)
        order = np.argsort(self.problem.group, kind="stable")
        groups, starts = np.unique(self.problem.group[order], return_index=True)
        parts = np.split(order, starts[1:]) if len(order) else []
        self.members = dict(zip(groups.tolist(), parts, strict=True))
        self.cap = np.full(size, NO_CAP)
        caps = np.array([(cap.form, cap.slack) for cap in self.problem.caps], dtype=np.int64).reshape(-1, 2)
        np.minimum.at(self.cap, caps[:, 0], caps[:, 1])
        self._highest, self._lowest = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        self._above, self._below = np.full(size, -1), np.full(size, -1)

    def hide(self, rows: Iterable[int]) -> None:
        """The rows tell nothing any more."""
        for row in rows:
            if not self._shown[row]:
                continue
            self._shown[row], self._costs[row] = False, 0.0
            entry = self.problem.rows[row]
            for form in dict.fromkeys(entry.tells):
                self._prices[form] = np.nan
                self.dear[form] -= entry.cost >= self.problem.dear
                self.known[form] = self.always[form] or any(self._shown[one] for one in self._tellers.of(form))

    def prices(self, forms: Whole) -> npt.NDArray[np.float64]:
        """What is lost when a form moves: the figures that tell it."""
        unknown = forms[np.isnan(self._prices[forms])]
        if len(unknown):
            self._prices[unknown] = self._tellers.sums(unknown, self._costs)
        return self._prices[forms]

    def forms_of(self, groups: Iterable[int]) -> Whole:
        """Forms that touch one of the blocks."""
        parts = [self._forms_touching(group) for group in groups]
        return distinct(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)

    def ground(self, groups: Iterable[int]) -> Ground:
        """What is told of the atoms of some blocks; that of one or two blocks is kept, for many targets ask of it."""
        which = tuple(sorted(groups))
        found = self._grounds.get(which)
        if found is None:
            atoms = np.sort(np.concatenate([self.members[group] for group in which]))
            found = Ground(self.columns, atoms[~self.fixed[atoms]], self.problem.start, self.cap)
            if len(which) <= _KEPT:
                self._grounds[which] = found
        return found

    def _forms_touching(self, group: int) -> Whole:
        if group not in self._touching:
            self._touching[group] = self.columns.forms(self.members[group])
        return self._touching[group]

    def blocks_of(self, form: int) -> list[int]:
        """Blocks that a form touches."""
        if form not in self._blocks:
            self._blocks[form] = distinct(self.problem.group[self.problem.forms[form].atoms])
        found: list[int] = self._blocks[form].tolist()
        return found

    def tied(self, forms: Whole) -> set[int]:
        """Blocks that one of the forms touches."""
        found: list[int] = distinct(self.problem.group[self.columns.of_forms(forms)]).tolist()
        return set(found)

    def moved(self, witness: Witness) -> set[int]:
        """Forms that a witness moves."""
        return {form for moves in (witness.up, witness.down) for form in self.changes(moves)[0].tolist()}

    def changes(self, moves: Moves) -> tuple[Whole, Whole]:
        """As `Columns.changes`; the answers are kept together with the tables, which many targets share."""
        if id(moves) not in self._changed:
            self._changed[id(moves)] = (moves, *self.columns.changes(moves))
        return self._changed[id(moves)][1:]

    def remember(self, witness: Witness) -> None:
        """Keep the tables of a witness: they may serve other targets, too."""
        for moves in (witness.up, witness.down):
            number = len(self._tables)
            self._tables.append(moves)
            forms, changes = self.changes(moves)
            higher, lower = changes > self._highest[forms], changes < self._lowest[forms]
            self._highest[forms[higher]], self._above[forms[higher]] = changes[higher], number
            self._lowest[forms[lower]], self._below[forms[lower]] = changes[lower], number

    def again(self, target: Target) -> Witness | None:
        """A witness from remembered tables, None when they do not move the target far enough."""
        up, down = int(self._highest[target.form]), int(self._lowest[target.form])
        if target.value + up < target.need or up - down < target.need:
            return None
        above, below = (int(one[target.form]) for one in (self._above, self._below))
        return Witness(*({} if one < 0 else self._tables[one] for one in (above, below)))
