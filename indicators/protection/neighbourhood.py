"""Search for a witness: the cheapest way to let a target vary, in the blocks around it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indicators.protection.asked import Asked
from indicators.protection.ground import Flags, Numbers
from indicators.protection.memory import NO_ANSWER, Steps
from indicators.protection.problem import Moves, Target, Witness
from indicators.protection.search import Search

WIDEST = 40
"""Blocks in the widest neighbourhood."""
NARROW_NODES, WIDE_NODES = 100, 300
"""Nodes of the search tree for the second and the third proposal."""


class Neighbourhood:
    """Blocks around a target: its own, and up to `width` others that published forms tie to them (None: many)."""

    def __init__(self, search: Search, target: Target, width: int | None) -> None:
        self.search = search
        self.problem = search.problem
        self.target = target
        self.groups = search.blocks_of(target.form)
        self.complete = self._grow(WIDEST if width is None else width)
        self.ground = search.ground(self.groups)
        self.atoms = self.ground.atoms

    def _grow(self, width: int) -> bool:
        """Add tied blocks, those with most hidden forms first; says whether none was left out."""
        if not width:
            return False
        forms, known = self.search.forms_of(self.groups), self.search.known
        tied = self.search.tied(forms[known[forms]]) - set(self.groups)
        hidden = {group: int(np.count_nonzero(~known[self.search.forms_of([group])])) for group in tied}
        self.groups = [*self.groups, *sorted(tied, key=lambda group: (-hidden[group], group))[:width]]
        return len(tied) <= width

    def witness(self, *, two_sided: bool, shown: Flags | None = None, free: bool = False) -> Witness | None:
        """The cheapest witness, None when there is none here. With `free` nothing more may be hidden.

        One-sided, the start table is the lower end of the range. `shown` marks forms that are to be taken as known.
        """
        stuck = self.search.always if shown is None else self.search.always | shown
        asked = self._asked(two_sided, stuck, free)
        if asked is None:
            return None
        away = stuck | self.search.known if free else stuck
        which = asked.digest(free=free)
        remembered = self.search.memory.recall(which)
        if remembered is not None:
            found = self._read(remembered)
            if found is None or self._holds(found, away):
                self.search.memory.keep(which, remembered, new=False)
                return found
        found = self._found(asked, away)
        self.search.memory.keep(which, self._written(found), new=True)
        return found

    def _asked(self, two_sided: bool, stuck: Flags, free: bool) -> Asked | None:
        """What is asked: a known form may move only when it is paid for. None when nothing of the target can move."""
        ground = self.ground
        position = ground.of(self.target.form)
        if position < 0:
            return None
        fast = stuck[ground.forms]
        prices = np.where(fast, 0.0, self.search.prices(ground.forms))
        paid = np.bincount(ground.row, prices, ground.size).astype(np.float64)
        still = np.zeros(ground.size, dtype=bool)
        still[ground.row[fast]] = True
        if free:
            still |= paid > 0
        own = int(ground.row[position])
        if still[own]:
            return None
        priced = np.flatnonzero(~still & (paid > 0))
        sign = int(ground.sign[position])
        return Asked(ground, self.target, two_sided, own, sign, np.flatnonzero(still), priced, paid[priced])

    def _found(self, asked: Asked, stuck: Flags) -> Witness | None:
        for solution in self._solutions(asked):
            up = self._moves(solution, 0)
            witness = Witness(up, self._moves(solution, 2 * len(self.atoms)) if asked.two_sided else {})
            if self._holds(witness, stuck):
                return witness
        return None

    def _written(self, witness: Witness | None) -> Steps:
        """A witness by the places of its atoms here."""
        if witness is None:
            return NO_ANSWER
        tables = [np.array(list(moves.items()), np.int64).reshape(-1, 2) for moves in (witness.up, witness.down)]
        rows = [
            np.column_stack([np.full(len(one), n), np.searchsorted(self.atoms, one[:, 0]), one[:, 1]])
            for n, one in enumerate(tables)
        ]
        return np.concatenate(rows).astype(np.int32)

    def _read(self, steps: Steps) -> Witness | None:
        """The witness that was written; one that does not fit moves nothing, and so holds nowhere."""
        if np.array_equal(steps, NO_ANSWER):
            return None
        _, places, _ = steps.T
        if len(places) and not 0 <= places.min() <= places.max() < len(self.atoms):
            return Witness({}, {})
        up, down = (
            dict(zip(self.atoms[own[:, 1]].tolist(), own[:, 2].tolist(), strict=True))
            for own in (steps[steps[:, 0] == table] for table in (0, 1))
        )
        return Witness(up, down)

    def _moves(self, solution: Numbers, first: int) -> Moves:
        middle, end = first + len(self.atoms), first + 2 * len(self.atoms)
        steps = np.rint(solution[first:middle] - solution[middle:end]).astype(np.int64)
        moved = np.flatnonzero(steps)
        return dict(zip(self.atoms[moved].tolist(), steps[moved].tolist(), strict=True))

    def _solutions(self, asked: Asked) -> Iterator[Numbers]:
        """Proposals, cheap ones first: without whole numbers, then whole with the same switches, then in full."""
        relaxed = asked.relaxed().solve(relaxed=True)
        if relaxed is None:
            return
        yield relaxed
        program, unused = asked.switched(), asked.unused(relaxed)
        for nodes, off in ((NARROW_NODES, unused), (WIDE_NODES, unused[:0])):
            solution = program.solve(nodes=nodes, off=off)
            if solution is not None:
                yield solution

    def _holds(self, witness: Witness, stuck: Flags) -> bool:
        """What the solver says holds for floating-point numbers; does it hold for whole ones?"""
        form = self.problem.forms[self.target.form]
        up, down = form.change(witness.up), form.change(witness.down)
        if self.target.value + up < self.target.need or up - down < self.target.need:
            return False
        for moves in (witness.up, witness.down):
            if any(int(self.problem.start[atom]) + step < 0 for atom, step in moves.items()):
                return False
            forms, changes = self.search.changes(moves)
            if stuck[forms].any() or (changes > self.search.cap[forms]).any():
                return False
        return True
