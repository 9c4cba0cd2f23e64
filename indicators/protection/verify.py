"""Check a mask against its certificate: whole numbers only, no solver, nothing taken over from `protect`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from indicators.protection.problem import Form, Mask, Moves, Problem, Short, Whole, distinct, known_forms, stable

_AT_ONCE = 20_000
Number = TypeVar("Number", bound=np.generic)
_NOTHING = np.empty(0, dtype=np.int64)
_NO_LIMIT = np.iinfo(np.int64).max


def verify(problem: Problem, mask: Mask) -> list[str]:
    """Violations; an empty list proves that no target can be worked out more closely than allowed.

    A witness must leave every known form as it is, keep every atom at zero or above, leave alone what everybody knows,
    and obey every cap. With it the target reaches its need, and both witnesses together are as far apart.
    """
    table = _Table(problem, known_forms(problem, mask.hidden), mask)
    found = []
    lost = set(mask.lost)
    secret = {target.form for target in problem.targets}
    for number, row in enumerate(problem.rows):
        if number not in mask.hidden and not secret.isdisjoint(row.holds):
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
    """Every (atom, form, factor) of the atoms that witnesses move, in the order of atoms, and what is known of the forms."""

    def __init__(self, problem: Problem, known: set[int], mask: Mask) -> None:
        self.start = problem.start
        self.fixed = problem.fixed
        self.known = np.zeros(len(problem.forms), dtype=bool)
        self.known[sorted(known)] = True
        self.limit = np.full(len(problem.forms), _NO_LIMIT)
        for cap in problem.caps:
            self.limit[cap.form] = min(cap.slack, self.limit[cap.form])
        touched = np.zeros(len(problem.start), dtype=bool)
        tables = {id(moves): moves for witness in mask.certificate.values() for moves in (witness.up, witness.down)}
        touched[[atom for moves in tables.values() for atom in moves]] = True
        atoms, self.forms, self.factors = _entries(problem.forms, touched)
        self.ends = np.searchsorted(atoms, np.arange(len(problem.start) + 1))
        self.moved = np.zeros(len(problem.forms), dtype=np.int64)

    def faults(self, moves: Moves) -> Iterator[str]:
        """What is wrong with one witness table; nothing with one that moves nothing."""
        if not moves:
            return
        atoms, steps = (np.fromiter(part, np.int64, len(moves)) for part in (moves.keys(), moves.values()))
        yield from (f"atom {atom} falls below zero" for atom in atoms[self.start[atoms] + steps < 0])
        yield from (f"atom {atom} is known to everybody" for atom in atoms[steps != 0].tolist() if atom in self.fixed)
        sizes = self.ends[atoms + 1] - self.ends[atoms]
        mine = np.repeat(self.ends[atoms + 1] - np.cumsum(sizes), sizes) + np.arange(sizes.sum())
        touched = self.forms[mine].astype(np.int64)
        np.add.at(self.moved, touched, self.factors[mine] * np.repeat(steps, sizes))
        forms = distinct(touched)
        changes = self.moved[forms]
        self.moved[forms] = 0
        yield from (f"form {form} is published and moved" for form in forms[(changes != 0) & self.known[forms]])
        yield from (f"form {form} rises above its limit" for form in forms[changes > self.limit[forms]])


def _entries(forms: Sequence[Form], touched: npt.NDArray[np.bool_]) -> tuple[Short, Short, Whole]:
    """Atom, form and factor of every entry of the touched atoms, atom by atom; some forms at a time, for the sake of room."""
    parts: tuple[list[Short], list[Short], list[Whole]] = ([], [], [])
    for first in range(0, len(forms), _AT_ONCE):
        some = forms[first : first + _AT_ONCE]
        atoms = np.concatenate([form.atoms for form in some])
        numbers = np.repeat(np.arange(first, first + len(some)), [len(form.atoms) for form in some])
        kept = touched[atoms]
        factors = np.concatenate([form.factors for form in some])
        parts[0].append(atoms[kept].astype(np.int32))
        parts[1].append(numbers[kept].astype(np.int32))
        parts[2].append(factors[kept])
    if not parts[0]:
        return np.empty(0, np.int32), np.empty(0, np.int32), _NOTHING
    atoms = _joined(parts[0])
    order = stable(atoms, len(touched)).astype(np.int32)
    return atoms[order], _joined(parts[1])[order], _joined(parts[2])[order]


def _joined(parts: list[npt.NDArray[Number]]) -> npt.NDArray[Number]:
    """One column of all parts; the parts are given up."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole
