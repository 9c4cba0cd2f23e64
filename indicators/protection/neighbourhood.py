"""Search for a witness: the cheapest way to let a target vary, in the blocks around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indicators.protection.problem import Moves, Target, Whole, Witness, spans
from indicators.protection.search import NO_CAP, Flags, Search
from indicators.protection.solve import Matrix

WIDEST = 40
"""Blocks in the widest neighbourhood."""
NARROW_NODES, WIDE_NODES = 100, 300
"""Nodes of the search tree for the second and the third proposal."""
_ENDLESS = 1e9
_STEP = 1e-4
"""What a step of an atom costs beside the figures: so little that no figure is chosen for it. Without it thousands of hidden
atoms may move for nothing, and the solver loses itself among tables that are all alike."""


@dataclass(frozen=True)
class _Inside:
    """The atoms of some forms that may move: form n has `places` and `factors` from `starts[n]` on.

    Every atom has two columns, one in which it rises and one in which it falls, with opposite factors.
    """

    starts: Whole
    places: Whole
    factors: npt.NDArray[np.float64]


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
        self.forms, starts, places, factors = search.columns.inside(self.atoms)
        self.inside = _Inside(starts, places, factors.astype(float))

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
        found = self._program(two_sided, stuck, free)
        if found is None:
            return None
        for solution in self._solutions(*found):
            up = self._moves(solution, 0)
            witness = Witness(up, self._moves(solution, 2 * len(self.atoms)) if two_sided else {})
            if self._holds(witness, stuck | self.search.known if free else stuck):
                return witness
        return None

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

    def _program(self, two_sided: bool, stuck: Flags, free: bool) -> tuple[Matrix, Whole] | None:
        """The program and the numbers of its switches: a known form may move only when it is paid for."""
        firsts = [0, 2 * len(self.atoms)] if two_sided else [0]
        own = self._inside(np.flatnonzero(self.forms == self.target.form))
        if not len(own.places):
            return None
        prices = self.search.prices(self.forms)
        caps = self.search.cap[self.forms]
        fast = stuck[self.forms]
        kept = (caps != NO_CAP) | fast | (prices > 0)
        inside = self._inside(np.flatnonzero(kept))
        some = np.diff(inside.starts) > 0
        prices, caps, fast = (one[kept] for one in (prices, caps, fast))
        fast = (fast | ((prices > 0) & free)) & some
        paid = ~fast & (prices > 0) & some
        still = _unlike(inside, np.flatnonzero(fast))
        rows = _Rows(inside)
        for side, first in enumerate(firsts):
            capped = np.flatnonzero((caps != NO_CAP) & some)
            rows.add(capped, side, first, -_ENDLESS, caps[capped])
            rows.add(still, 2 + side, first, 0, 0)
        switched = np.flatnonzero(paid)
        size = 2 * len(firsts) * len(self.atoms)
        switches = size + np.arange(len(switched))
        if len(switched):
            largest = np.maximum.reduceat(
                np.abs(inside.factors), np.minimum(inside.starts[:-1], len(inside.factors) - 1)
            )
            most = 2 * self.target.need * largest[switched]
            for side, first in enumerate(firsts):
                rows.add(switched, 2 + 2 * side, first, -_ENDLESS, 0, switches, -most)
                rows.add(switched, 3 + 2 * side, first, 0, _ENDLESS, switches, most)
        reach = 2 * self.target.need
        furthest = np.tile(np.minimum(self.problem.start[self.atoms], reach), 2 * len(firsts)).reshape(
            -1, len(self.atoms)
        )
        furthest[::2] = reach
        matrix = rows.matrix(
            self._reach(own, firsts),
            np.concatenate([np.full(size, _STEP), prices[switched]]),
            np.zeros(size + len(switches)),
            np.concatenate([furthest.ravel(), np.ones(len(switches))]),
        )
        return matrix, switches

    def _reach(self, own: _Inside, firsts: list[int]) -> list[tuple[Whole, npt.NDArray[np.float64], float]]:
        """How far the target has to move: columns, factors and the least sum of each row."""
        need = float(self.target.need)
        if len(firsts) == 1:
            return [(own.places, own.factors, need)]
        both = np.concatenate([own.places, firsts[1] + own.places])
        factors = np.concatenate([own.factors, -own.factors])
        return [(own.places, own.factors, need - self.target.value), (both, factors, need)]

    def _inside(self, numbers: Whole) -> _Inside:
        """Columns and factors of some of the forms, by their place in `forms`."""
        firsts, ends = self.inside.starts[numbers], self.inside.starts[numbers + 1]
        where = spans(firsts, ends)
        places, factors = self.inside.places[where], self.inside.factors[where]
        both = np.stack([places, places + len(self.atoms)], axis=1)
        starts = 2 * np.concatenate([[0], np.cumsum(ends - firsts)])
        return _Inside(starts, both.ravel(), np.stack([factors, -factors], axis=1).ravel())

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


def _unlike(inside: _Inside, forms: Whole) -> Whole:
    """Those of some forms that say something of their own here: what a region and the Land tell of its atoms is the same.

    By a sum of random numbers over the atoms; should two forms meet by chance, a proposal fails its check.
    """
    weights = np.random.default_rng(1).integers(1, 1 << 40, int(inside.places.max(initial=0)) + 1)
    sums = np.concatenate([[0], np.cumsum(weights[inside.places] * inside.factors.astype(np.int64))])
    _, first = np.unique(np.abs(sums[inside.starts[forms + 1]] - sums[inside.starts[forms]]), return_index=True)
    return forms[np.sort(first)]


class _Rows:
    """Rows over forms, gathered kind by kind and written form by form."""

    def __init__(self, inside: _Inside) -> None:
        self.inside = inside
        self.parts: list[tuple[npt.NDArray[np.float64], ...]] = []

    def add(
        self,
        forms: Whole,
        turn: int,
        first: int,
        low: float,
        high: float | Whole,
        switches: Whole | None = None,
        weights: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """A row for each of the forms, the `turn`-th of its form, over the columns from `first` on."""
        size = len(forms)
        columns = (
            forms,
            turn,
            first,
            low,
            high,
            -1 if switches is None else switches,
            0 if weights is None else weights,
        )
        self.parts.append(tuple(np.broadcast_to(np.asarray(one, dtype=float), size) for one in columns))

    def matrix(
        self,
        before: list[tuple[Whole, npt.NDArray[np.float64], float]],
        cost: npt.NDArray[np.float64],
        low: npt.NDArray[np.float64],
        high: npt.NDArray[np.float64],
    ) -> Matrix:
        """The whole program; `before` are rows (columns, factors, least) that come first."""
        forms, turns, firsts, lows, highs, switches, weights = (
            np.concatenate(one) for one in zip(*self.parts, strict=True)
        )
        order = np.lexsort((turns, forms))
        forms, firsts, switches, weights = (one[order] for one in (forms, firsts, switches, weights))
        lows, highs = lows[order], highs[order]
        mine = forms.astype(np.int64)
        begin, end = self.inside.starts[mine], self.inside.starts[mine + 1]
        where = spans(begin, end)
        own = np.repeat(firsts.astype(np.int64), end - begin) + self.inside.places[where]
        switched = np.flatnonzero(switches >= 0)
        behind = np.cumsum(end - begin)[switched]  # a switch stands at the end of its row
        columns = np.insert(own, behind, switches[switched].astype(np.int64))
        factors = np.insert(self.inside.factors[where], behind, weights[switched])
        sizes = [*(len(columns_of) for columns_of, _, _ in before), *(end - begin + (switches >= 0)).tolist()]
        return Matrix(
            cost,
            low,
            high,
            np.ones(len(cost), dtype=bool),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate([*(one for one, _, _ in before), columns]),
            np.concatenate([*(one for _, one, _ in before), factors]),
            np.concatenate([[least for _, _, least in before], lows]),
            np.concatenate([[_ENDLESS] * len(before), highs]),
        )
