"""Check a mask against its certificate: whole numbers only, no solver, nothing taken over from `protect`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from indicators.protection.problem import Form, Mask, Moves, Problem, Short, known_forms

_NO_LIMIT = np.iinfo(np.int64).max


def verify(problem: Problem, mask: Mask) -> list[str]:
    """Violations; an empty list proves that no target can be worked out more closely than allowed.

    A witness must leave every known form as it is, keep every atom at zero or above, leave alone what everybody knows,
    and obey every cap. With it the target reaches its need, and both witnesses together are as far apart.
    """
    table = _Table(problem, known_forms(problem, mask.hidden))
    found = []
    lost = set(mask.lost)
    secret = {target.form for target in problem.targets}
    for number, row in enumerate(problem.rows):
        if number not in mask.hidden and secret & set(row.holds):
            found.append(f"row {number} is shown and holds a secret form")
    faults: dict[int, list[str]] = {}
    for number, target in enumerate(problem.targets):
        if number in lost:
            continue
        witness = mask.certificate.get(number)
        if witness is None:
            found.append(f"target {number} has no witness")
            continue
        for moves in (witness.up, witness.down):
            if id(moves) not in faults:  # one table may serve many targets
                faults[id(moves)] = list(table.faults(moves))
            found += [f"target {number}: {text}" for text in faults[id(moves)]]
        up = problem.forms[target.form].change(witness.up)
        down = problem.forms[target.form].change(witness.down)
        if target.value + up < target.need:
            found.append(f"target {number} stays below {target.need}")
        if up - down < target.need:
            found.append(f"target {number} is known to {up - down}, not to {target.need}")
    return found


class _Table:
    """Every (atom, form, factor) once, in the order of atoms, and what is known of the forms."""

    def __init__(self, problem: Problem, known: set[int]) -> None:
        self.start = problem.start
        self.fixed = problem.fixed
        self.known = np.zeros(len(problem.forms), dtype=bool)
        self.known[sorted(known)] = True
        self.limit = np.full(len(problem.forms), _NO_LIMIT)
        for cap in problem.caps:
            self.limit[cap.form] = min(cap.slack, self.limit[cap.form])
        atoms, self.forms, self.factors = _entries(problem.forms)
        self.ends = np.searchsorted(atoms, np.arange(len(problem.start) + 1))
        self.moved = np.zeros(len(problem.forms), dtype=np.int64)

    def faults(self, moves: Moves) -> Iterator[str]:
        """What is wrong with one witness table."""
        touched = [self.forms[self.ends[atom] : self.ends[atom + 1]] for atom in moves]
        forms = np.unique(np.concatenate(touched or [np.empty(0, dtype=np.int64)]))
        self.moved[forms] = 0
        for atom, step in moves.items():
            if int(self.start[atom]) + step < 0:
                yield f"atom {atom} falls below zero"
            if step and atom in self.fixed:
                yield f"atom {atom} is known to everybody"
            mine = slice(self.ends[atom], self.ends[atom + 1])
            np.add.at(self.moved, self.forms[mine], self.factors[mine] * step)
        changes = self.moved[forms]
        yield from (f"form {form} is published and moved" for form in forms[(changes != 0) & self.known[forms]])
        yield from (f"form {form} rises above its limit" for form in forms[changes > self.limit[forms]])


def _entries(forms: Iterable[Form]) -> tuple[Short, Short, Short]:
    """Atom, form and factor of every entry, atom by atom."""
    listed = list(forms)
    nothing = [np.empty(0, dtype=np.int64)]
    atoms = np.concatenate([form.atoms for form in listed] or nothing, dtype=np.int32)
    factors = np.concatenate([form.factors for form in listed] or nothing, dtype=np.int32)
    numbers = np.repeat(np.arange(len(listed), dtype=np.int32), [len(form.atoms) for form in listed])
    order = np.argsort(atoms, kind="stable")
    return atoms[order], numbers[order], factors[order]
