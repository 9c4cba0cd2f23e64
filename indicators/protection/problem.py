"""A release as a linear problem: atoms, forms over them, figures that tell forms, and what must stay unknown.

Plain numbers without any framework, so that `protect` and `verify` can be tried on any table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Moves = Mapping[int, int]
"""Atom -> by how much a witness table differs from the start table."""


@dataclass(frozen=True, slots=True)
class Form:
    """A whole-number combination of atoms. `key` names it for ever (see `ledger`)."""

    atoms: npt.NDArray[np.int64]
    factors: npt.NDArray[np.int64]
    key: str = ""

    def change(self, moves: Moves) -> int:
        """By how much a witness moves the form, exactly."""
        pairs = zip(self.atoms.tolist(), self.factors.tolist(), strict=True)
        return sum(factor * moves[atom] for atom, factor in pairs if atom in moves)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure that may be published. Shown it tells the forms `tells`; it is hidden when one of `holds` is."""

    tells: tuple[int, ...]
    holds: tuple[int, ...]
    cost: float = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """A form that must stay unknown: what is known must allow `need` or more, and a range at least as wide."""

    form: int
    value: int
    need: int


@dataclass(frozen=True, slots=True)
class Cap:
    """Everybody knows that the form is at most `slack` above its value (a numerator is no more than its denominator)."""

    form: int
    slack: int


@dataclass(frozen=True)
class Problem:
    """Everything that is asked of one release.

    `start`: one table that fits (the truth where it is known). `fixed`: atoms that everybody knows. `known`: forms that
    somebody has published, whatever is hidden now. `frozen`: forms that an earlier release hid. `group`: the block of
    each atom; witnesses are sought in a block and few others. `rows` are figures in an order that the caller knows; those
    that cost `dear` or more are hidden only where nothing else helps.
    """

    start: npt.NDArray[np.int64]
    forms: tuple[Form, ...]
    rows: tuple[Row, ...]
    targets: tuple[Target, ...]
    known: frozenset[int] = frozenset()
    frozen: frozenset[int] = frozenset()
    caps: tuple[Cap, ...] = ()
    fixed: frozenset[int] = frozenset()
    group: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    dear: float = math.inf


@dataclass(frozen=True, slots=True)
class Witness:
    """Two tables that agree with everything published: `up` above and `down` below the start table in the target."""

    up: Moves
    down: Moves


@dataclass(frozen=True)
class Mask:
    """Numbers of the hidden rows, a witness for every proved target, and targets for which there is none.

    `lost`: unproved although everything around them is hidden, so earlier releases or other publishers give them away.
    `withheld`: rows hidden because a target could not be proved any other way.
    """

    hidden: frozenset[int]
    certificate: Mapping[int, Witness]
    lost: tuple[int, ...] = ()
    withheld: frozenset[int] = frozenset()

    def moved(self, problem: Problem) -> set[int]:
        """Forms that must stay hidden, because a witness moves them."""
        columns = Columns(problem)
        return {
            form
            for witness in self.certificate.values()
            for moves in (witness.up, witness.down)
            for form in columns.changes(moves)
        }


class Columns:
    """The forms of every atom, to tell at once which forms a witness moves."""

    def __init__(self, problem: Problem) -> None:
        sizes = [len(form.atoms) for form in problem.forms]
        atoms = np.concatenate([form.atoms for form in problem.forms] or [np.empty(0, dtype=np.int64)])
        factors = np.concatenate([form.factors for form in problem.forms] or [np.empty(0, dtype=np.int64)])
        order = np.argsort(atoms, kind="stable")
        self._forms = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._factors = factors[order]
        self._ends = np.searchsorted(atoms[order], np.arange(len(problem.start) + 1))

    def forms(self, atom: int) -> npt.NDArray[np.int64]:
        """Forms that an atom is part of."""
        return self._forms[self._ends[atom] : self._ends[atom + 1]]

    def changes(self, moves: Moves) -> dict[int, int]:
        """Every form that moves, and by how much."""
        if not moves:
            return {}
        parts = [(slice(self._ends[atom], self._ends[atom + 1]), step) for atom, step in moves.items()]
        forms, inverse = np.unique(np.concatenate([self._forms[part] for part, _ in parts]), return_inverse=True)
        changes = np.zeros(len(forms), dtype=np.int64)
        np.add.at(changes, inverse, np.concatenate([self._factors[part] * step for part, step in parts]))
        return {int(form): int(change) for form, change in zip(forms, changes, strict=True) if change}


def known_forms(problem: Problem, hidden: Iterable[int]) -> set[int]:
    """Forms that a reader knows: those of shown rows, and those known anyway."""
    away = set(hidden)
    shown = {form for number, row in enumerate(problem.rows) if number not in away for form in row.tells}
    return shown | problem.known
