"""Choose what to hide: a cheap witness for every target, a mask from the witnesses, then fewer secondaries.

Any proposal would do, because `verify` checks the result. The order of targets is fixed, the solver counts nodes instead
of seconds: the same problem has the same mask.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from indicators.protection.ground import Flags
from indicators.protection.memory import Memory
from indicators.protection.neighbourhood import Neighbourhood
from indicators.protection.problem import Mask, Problem, Rows, Target, Whole, Witness, distinct
from indicators.protection.search import Search

TIDY_TRIES, TIDY_SHARE, TIDY_USERS = 400, 5, 1
"""How many witnesses are sought anew at least, of how many targets one is, and how many may hang on a form that is tried."""

_NOTHING: Whole = np.empty(0, dtype=np.int64)


def protect(problem: Problem, *, tidy: bool = True, memory: Memory | None = None) -> Mask:
    """Hide rows until every target has a witness; where none can be found everything around the target is hidden.

    The memory makes it faster, never different: see `memory`.
    """
    work = _Work(problem, memory or Memory())
    work.hide_holders({target.form for target in problem.targets} | set(problem.frozen))
    order = sorted(range(len(problem.targets)), key=lambda n: _order(problem, n))
    for number in order:
        work.prove(number)
    for number in [n for n in order if n not in work.certificate]:
        work.withhold(number)
    if tidy:
        work.tidy()
    lost = tuple(n for n in order if n not in work.certificate)
    return Mask(frozenset(work.hidden), dict(work.certificate), lost, frozenset(work.withheld), work.moved())


def _order(problem: Problem, number: int) -> tuple[int, str, int]:
    """Narrow forms first: the tables that move the parts of a total move the total, too, and what is hidden for them is hidden
    where it costs little."""
    form = problem.forms[problem.targets[number].form]
    return len(form.atoms), form.key, number


class _Users:
    """Of each form how many targets have a witness that moves it, and the sum of their numbers."""

    def __init__(self, forms: int) -> None:
        self.count = np.zeros(forms, dtype=np.int64)
        self.sum = np.zeros(forms, dtype=np.int64)

    def add(self, number: int, forms: Whole) -> None:
        """The witness of a target moves some forms."""
        self.count[forms] += 1
        self.sum[forms] += number

    def remove(self, number: int, forms: Whole) -> None:
        """It does no longer."""
        self.count[forms] -= 1
        self.sum[forms] -= number


@dataclass
class _Work:
    problem: Problem
    memory: Memory
    hidden: set[int] = field(default_factory=set)
    withheld: set[int] = field(default_factory=set)
    certificate: dict[int, Witness] = field(default_factory=dict)
    search: Search = field(init=False)
    holders: Rows = field(init=False)

    def __post_init__(self) -> None:
        self.search = Search(self.problem, self.memory)
        held = [row.holds + row.tells for row in self.problem.rows]
        self.holders = Rows(held, len(self.problem.forms))

    def hide_holders(self, forms: Iterable[int]) -> None:
        """Hide every row that holds one of the forms."""
        rows = {row for form in forms for row in self.holders.of(form)} - self.hidden
        self.hidden |= rows
        self.search.hide(rows)

    def prove(self, number: int) -> bool:
        """Find a witness that spares dear figures, else any; hides what it moves."""
        target = self.problem.targets[number]
        ready = self.search.again(target)
        if ready is not None:
            self.certificate[number] = ready
            return True
        dear = self.search.dear > 0
        witness = (self._witness(target, dear) if dear.any() else None) or self._witness(target, None)
        if witness is None:
            return False
        self.certificate[number] = witness
        self.search.remember(witness)
        self.hide_holders(self.search.moved(witness))
        return True

    def _witness(self, target: Target, shown: Flags | None) -> Witness | None:
        """A witness in a small neighbourhood, else in wider ones."""
        for width in (0, 4, None):
            around = Neighbourhood(self.search, target, width)
            for two_sided in (False, True):
                witness = around.witness(two_sided=two_sided, shown=shown)
                if witness is not None:
                    return witness
            if around.complete:
                break
        return None

    def withhold(self, number: int) -> None:
        """Fail closed: hide everything told about the blocks of the target, then try once more."""
        target = self.problem.targets[number]
        blocks = self.search.blocks_of(target.form)
        rows = {row for form in self.search.forms_of(blocks).tolist() for row in self.holders.of(form)} - self.hidden
        self.hidden |= rows
        self.withheld |= rows
        self.search.hide(rows)
        self.prove(number)

    def moved(self) -> frozenset[int]:
        """Forms that any witness moves."""
        tables = {id(moves): moves for witness in self.certificate.values() for moves in (witness.up, witness.down)}
        return frozenset(form for moves in tables.values() for form in self.search.changes(moves)[0].tolist())

    def tidy(self) -> None:
        """Show secondary rows again where other hidden forms can do their work, dearest first."""
        secret = {target.form for target in self.problem.targets} | set(self.problem.frozen)
        users = _Users(len(self.problem.forms))
        for number, witness in self.certificate.items():
            users.add(number, self._moved(witness))
        tries = max(TIDY_TRIES, len(self.problem.targets) // TIDY_SHARE)
        few = np.flatnonzero((users.count > 0) & (users.count <= TIDY_USERS)).tolist()
        spare = [form for form in few if form not in secret and self.holders.of(form)]
        for form in sorted(spare, key=self._rank):
            if tries <= 0:
                break
            concerned = self._concerned(form, users)
            tries -= len(concerned)
            for number, witness in self._without(form, concerned).items():
                users.remove(number, self._moved(self.certificate[number]))
                users.add(number, self._moved(witness))
                self.certificate[number] = witness
        needed = secret.union(np.flatnonzero(users.count).tolist())
        held = {row for form in needed for row in self.holders.of(form)}
        self.hidden &= held | self.withheld

    def _moved(self, witness: Witness) -> Whole:
        """Forms that a witness moves, each once."""
        tables = [self.search.changes(moves)[0] for moves in (witness.up, witness.down) if moves]
        return tables[0] if len(tables) == 1 else distinct(np.concatenate([_NOTHING, *tables]))

    def _concerned(self, form: int, users: _Users) -> list[int]:
        """Targets whose witnesses move the form, in order."""
        if users.count[form] < 2:
            return [int(users.sum[form])] if users.count[form] else []
        return sorted(n for n, witness in self.certificate.items() if form in self._moved(witness))

    def _without(self, form: int, concerned: list[int]) -> dict[int, Witness]:
        """Witnesses that leave the form alone and hide nothing more, for all concerned or for none."""
        found = {}
        alone = np.zeros(len(self.problem.forms), dtype=bool)
        alone[form] = True
        for number in concerned:
            target = self.problem.targets[number]
            witness = Neighbourhood(self.search, target, 0).witness(two_sided=False, shown=alone, free=True)
            if witness is None:
                return {}
            found[number] = witness
        return found

    def _rank(self, form: int) -> tuple[float, str, int]:
        """Dearest first, by what showing its figures would give back."""
        cost = sum(self.problem.rows[row].cost for row in self.holders.of(form))
        return -cost, self.problem.forms[form].key, form
