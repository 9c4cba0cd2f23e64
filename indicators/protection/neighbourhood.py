"""Search for a witness: the cheapest way to let a target vary, in the blocks around it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import numpy.typing as npt

from indicators.protection.problem import Moves, Target, Witness
from indicators.protection.search import Search
from indicators.protection.solve import Program

WIDEST = 40
"""Blocks in the widest neighbourhood."""
NARROW_NODES, WIDE_NODES = 100, 300
"""Nodes of the search tree for the second and the third proposal."""
_ENDLESS = 1e9


class Neighbourhood:
    """Blocks around a target: its own, and up to `width` others that published forms tie to them (None: many)."""

    def __init__(self, search: Search, target: Target, width: int | None) -> None:
        self.search = search
        self.problem = search.problem
        self.target = target
        self.groups = search.blocks_of(target.form)
        self.complete = self._grow(WIDEST if width is None else width)
        atoms = {atom for group in self.groups for atom in search.members[group].tolist()} - self.problem.fixed
        self.atoms = np.array(sorted(atoms), dtype=np.int64)
        self.forms = search.forms_of(self.groups)

    def _grow(self, width: int) -> bool:
        """Add tied blocks, those with most hidden forms first; says whether none was left out."""
        if not width:
            return False
        own = set(self.groups)
        known = [form for form in self.search.forms_of(self.groups) if self.search.is_known(form)]
        tied = {group for form in known for group in self.search.blocks_of(form)} - own
        ranked = sorted(tied, key=lambda g: (-sum(not self.search.is_known(f) for f in self.search.forms_of([g])), g))
        self.groups = [*self.groups, *ranked[:width]]
        return len(ranked) <= width

    def witness(self, *, two_sided: bool, shown: Collection[int] = (), free: bool = False) -> Witness | None:
        """The cheapest witness, None when there is none here. With `free` nothing more may be hidden.

        One-sided, the start table is the lower end of the range. `shown` are forms that are to be taken as known.
        """
        self.search.place[self.atoms] = np.arange(len(self.atoms))
        try:
            program, switches = self._program(two_sided, shown, free)
        finally:
            self.search.place[self.atoms] = -1
        if program is None:
            return None
        for solution in self._solutions(program, switches):
            up = self._moves(solution, 0)
            witness = Witness(up, self._moves(solution, len(self.atoms)) if two_sided else {})
            if self._holds(witness, shown, free):
                return witness
        return None

    def _moves(self, solution: npt.NDArray[np.float64], first: int) -> Moves:
        steps = np.rint(solution[first : first + len(self.atoms)]).astype(int)
        return {int(self.atoms[n]): int(steps[n]) for n in np.nonzero(steps)[0]}

    def _solutions(self, program: Program, switches: list[int]) -> Iterator[npt.NDArray[np.float64]]:
        """Proposals, cheap ones first: without whole numbers, then whole with the same switches, then in full."""
        relaxed = program.solve(relaxed=True)
        if relaxed is None:
            return
        yield relaxed
        unused = [switch for switch in switches if relaxed[switch] < 1e-7]
        for nodes, off in ((NARROW_NODES, unused), (WIDE_NODES, [])):
            with program.off(off):
                solution = program.solve(nodes=nodes)
            if solution is not None:
                yield solution

    # --- the program -----------------------------------------------------------------------------------------------------

    def _program(
        self, two_sided: bool, shown: Collection[int], free: bool
    ) -> tuple[Program, list[int]] | tuple[None, list[int]]:
        program, switches = Program(), []
        reach = 2 * self.target.need
        most = np.minimum(self.problem.start[self.atoms], reach)
        firsts = [0, len(self.atoms)] if two_sided else [0]
        for _ in firsts:
            for low in most.tolist():
                program.variable(-low, reach)
        if not self._reach(program, firsts):
            return None, []
        for number in self.forms:
            cap = self.search.caps.get(number)
            stuck = number in self.problem.known or number in shown
            price = 0.0 if stuck else self.search.price(number)
            if cap is None and not stuck and not price:
                continue
            places, factors = self._inside(number)
            if not places:
                continue
            if cap is not None:
                for first in firsts:
                    program.row([first + place for place in places], factors, -_ENDLESS, cap)
            if stuck or (free and price):
                for first in firsts:
                    program.row([first + place for place in places], factors, 0, 0)
            elif price:
                switches.append(
                    self._switch(program, [[first + p for p in places] for first in firsts], factors, price)
                )
        return program, switches

    def _switch(self, program: Program, sides: list[list[int]], factors: list[float], price: float) -> int:
        """A known form may move only when it is paid for."""
        switch = program.variable(0, 1, price)
        most = 2 * self.target.need * max(abs(factor) for factor in factors)
        for columns in sides:
            program.row([*columns, switch], [*factors, -most], -_ENDLESS, 0)
            program.row([*columns, switch], [*factors, most], 0, _ENDLESS)
        return switch

    def _reach(self, program: Program, firsts: list[int]) -> bool:
        places, factors = self._inside(self.target.form)
        if not places:
            return False
        if len(firsts) == 1:
            program.row(places, factors, self.target.need, _ENDLESS)
            return True
        program.row(places, factors, self.target.need - self.target.value, _ENDLESS)
        both = [*places, *(firsts[1] + place for place in places)]
        program.row(both, [*factors, *(-factor for factor in factors)], self.target.need, _ENDLESS)
        return True

    def _inside(self, number: int) -> tuple[list[int], list[float]]:
        """Positions and factors of the atoms of a form that may move."""
        form = self.problem.forms[number]
        places = self.search.place[form.atoms]
        inside = places >= 0
        return places[inside].tolist(), form.factors[inside].astype(float).tolist()

    def _holds(self, witness: Witness, shown: Collection[int], free: bool) -> bool:
        """What the solver says holds for floating-point numbers; does it hold for whole ones?"""
        form = self.problem.forms[self.target.form]
        up, down = form.change(witness.up), form.change(witness.down)
        if self.target.value + up < self.target.need or up - down < self.target.need:
            return False
        for moves in (witness.up, witness.down):
            if any(int(self.problem.start[atom]) + step < 0 for atom, step in moves.items()):
                return False
            for number, change in self.search.columns.changes(moves).items():
                stuck = number in self.problem.known or number in shown or (free and self.search.is_known(number))
                if stuck or change > self.search.caps.get(number, change):
                    return False
        return True
