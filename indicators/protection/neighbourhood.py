"""Search for a witness: the cheapest way to let a target vary, in the blocks around it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt

from indicators.protection.asked import Asked, Inside
from indicators.protection.memory import NO_ANSWER, Steps, question
from indicators.protection.problem import Moves, Target, Whole, Witness, spans
from indicators.protection.search import NO_CAP, Flags, Search
from indicators.protection.solve import Matrix

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
        atoms = np.sort(np.concatenate([search.members[group] for group in self.groups]))
        self.atoms = atoms[~search.fixed[atoms]]
        self.touching = search.forms_of(self.groups)

    @cached_property
    def _told(self) -> tuple[Whole, Inside]:
        """Forms that atoms which may move are part of, and what they have of them."""
        forms, starts, places, factors = self.search.columns.inside(self.atoms)
        return forms, Inside(starts, places, factors.astype(float))

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
        away = stuck | self.search.known if free else stuck
        which = self._question(two_sided, stuck, free)
        remembered = self.search.memory.recall(which)
        if remembered is not None:
            found = self._read(remembered)
            if found is None or self._holds(found, away):
                self.search.memory.keep(which, remembered, new=False)
                return found
        asked = self._asked(two_sided, stuck, free)
        found = None if asked is None else self._found(asked, away)
        self.search.memory.keep(which, self._written(found), new=True)
        return found

    def _question(self, two_sided: bool, stuck: Flags, free: bool) -> bytes:
        """Digest of everything that decides the answer, in numbers of its own: those of the forms and atoms around here."""
        forms, search = self.touching, self.search
        fast, prices = stuck[forms], np.where(stuck[forms], 0.0, search.prices(forms))
        return question(
            np.frombuffer(self._structure(), np.uint8),
            np.array([self.target.value, self.target.need, two_sided, free, np.searchsorted(forms, self.target.form)]),
            np.packbits(fast),
            np.packbits(search.known[forms] if free else fast),
            prices > 0 if free else prices,
            search.cap[forms],
            np.minimum(self.problem.start[self.atoms], 2 * self.target.need),
        )

    def _structure(self) -> bytes:
        """Digest of what the forms around here are made of."""
        which = tuple(self.groups)
        if which not in self.search.structures:
            forms, inside = self._told
            parts = (np.searchsorted(self.touching, forms), inside.starts, inside.places, inside.factors)
            self.search.structures[which] = question(*(part.astype(np.int32) for part in parts))
        return self.search.structures[which]

    def _found(self, asked: Asked, stuck: Flags) -> Witness | None:
        for solution in self._solutions(*asked.program()):
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

    def _moves(self, solution: npt.NDArray[np.float64], first: int) -> Moves:
        middle, end = first + len(self.atoms), first + 2 * len(self.atoms)
        steps = np.rint(solution[first:middle] - solution[middle:end]).astype(int)
        return {int(self.atoms[n]): int(steps[n]) for n in np.nonzero(steps)[0]}

    def _solutions(self, program: Matrix, switches: Whole) -> Iterator[npt.NDArray[np.float64]]:
        """Proposals, cheap ones first: without whole numbers, then whole with the same switches, then in full."""
        relaxed = program.solve(relaxed=True)
        if relaxed is None:
            return
        yield relaxed
        unused = switches[relaxed[switches] < 1e-7]
        for nodes, off in ((NARROW_NODES, unused), (WIDE_NODES, unused[:0])):
            solution = program.solve(nodes=nodes, off=off)
            if solution is not None:
                yield solution

    # --- the program -----------------------------------------------------------------------------------------------------

    def _asked(self, two_sided: bool, stuck: Flags, free: bool) -> Asked | None:
        """What is asked: a known form may move only when it is paid for. None when nothing of the target can move."""
        forms, _ = self._told
        own = self._of(np.flatnonzero(forms == self.target.form))
        if not len(own.places):
            return None
        prices = self.search.prices(forms)
        caps = self.search.cap[forms]
        fast = stuck[forms]
        kept = (caps != NO_CAP) | fast | (prices > 0)
        inside = self._of(np.flatnonzero(kept))
        some = np.diff(inside.starts) > 0
        prices, caps, fast = (one[kept] for one in (prices, caps, fast))
        fast = (fast | ((prices > 0) & free)) & some
        paid = np.flatnonzero(~fast & (prices > 0) & some)
        capped = np.flatnonzero((caps != NO_CAP) & some)
        lowest = np.minimum(self.problem.start[self.atoms], 2 * self.target.need)
        return Asked(
            self.target, two_sided, own, inside, np.flatnonzero(fast), capped, caps[capped], paid, prices[paid], lowest
        )

    def _of(self, numbers: Whole) -> Inside:
        """Columns and factors of some of the forms, by their place among those that are told here."""
        inside = self._told[1]
        firsts, ends = inside.starts[numbers], inside.starts[numbers + 1]
        where = spans(firsts, ends)
        places, factors = inside.places[where], inside.factors[where]
        both = np.stack([places, places + len(self.atoms)], axis=1)
        starts = 2 * np.concatenate([[0], np.cumsum(ends - firsts)])
        return Inside(starts, both.ravel(), np.stack([factors, -factors], axis=1).ravel())

    def _holds(self, witness: Witness, stuck: Flags) -> bool:
        """What the solver says holds for floating-point numbers; does it hold for whole ones?"""
        form = self.problem.forms[self.target.form]
        up, down = form.change(witness.up), form.change(witness.down)
        if self.target.value + up < self.target.need or up - down < self.target.need:
            return False
        for moves in (witness.up, witness.down):
            if any(int(self.problem.start[atom]) + step < 0 for atom, step in moves.items()):
                return False
            forms, changes = self.search.columns.changes(moves)
            if stuck[forms].any() or (changes > self.search.cap[forms]).any():
                return False
        return True
