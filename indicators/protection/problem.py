"""A release as a linear problem: atoms, forms over them, figures that tell forms, and what must stay unknown.

Plain numbers without any framework, so that `protect` and `verify` can be tried on any table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
Short = npt.NDArray[np.int32]
"""Half the room, for what a release has tens of millions of."""
Moves = Mapping[int, int]
"""Atom -> by how much a witness table differs from the start table."""


@dataclass(frozen=True, slots=True)
class Form:
    """A whole-number combination of atoms. `key` names it for ever (see `ledger`)."""

    atoms: Whole | Short
    factors: Whole
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

    @cached_property
    def columns(self) -> Columns:
        """All forms as arrays, made once: they are the largest part of a problem."""
        return Columns(self)


@dataclass(frozen=True, slots=True)
class Witness:
    """Two tables that agree with everything published: `up` above and `down` below the start table in the target."""

    up: Moves
    down: Moves


@dataclass(frozen=True)
class Mask:
    """Numbers of the hidden rows, a witness for every proved target, and targets for which there is none.

    `lost`: unproved although everything around them is hidden, so earlier releases or other publishers give them away.
    `withheld`: rows hidden because a target could not be proved any other way. `moved`: forms that must stay hidden, because a
    witness moves them.
    """

    hidden: frozenset[int]
    certificate: Mapping[int, Witness]
    lost: tuple[int, ...] = ()
    withheld: frozenset[int] = frozenset()
    moved: frozenset[int] = frozenset()


_SHORT = 1 << 16
_NOTHING: Whole = np.empty(0, dtype=np.int64)


class Columns:
    """All forms as arrays: what a form is made of, and which forms an atom is part of."""

    def __init__(self, problem: Problem) -> None:
        sizes = np.array([len(form.atoms) for form in problem.forms], dtype=np.int64)
        nothing = [np.empty(0, dtype=np.int64)]
        self.starts: Whole = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.atoms: Short = np.concatenate([form.atoms for form in problem.forms] or nothing, dtype=np.int32)
        factors = _narrow(np.concatenate([form.factors for form in problem.forms] or nothing, dtype=np.int32))
        order: Short = stable(self.atoms, len(problem.start)).astype(np.int32)
        counts = np.bincount(self.atoms, minlength=len(problem.start))
        self._ends: Whole = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self._forms: Short = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
        self._steps = factors[order]
        self._sums = np.zeros(len(sizes), dtype=np.int64)

    def forms(self, atoms: Whole) -> Whole:
        """Forms that some atoms are part of, each once, in order."""
        return distinct(self._forms[spans(self._ends[atoms], self._ends[atoms + 1])].astype(np.int64))

    def inside(self, atoms: Whole) -> tuple[Whole, Whole, Whole, Whole]:
        """What forms have of some atoms: the forms in order, where the entries of each start (and where the last ends), the
        position of the atom and the factor of every entry."""
        firsts, ends = self._ends[atoms], self._ends[atoms + 1]
        where = spans(firsts, ends)
        owner = self._forms[where]
        order = stable(owner, len(self._sums))
        owner = owner[order]
        starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])) if len(owner) else where
        places = np.repeat(np.arange(len(atoms)), ends - firsts)[order]
        forms = owner[starts].astype(np.int64)
        return forms, np.concatenate([starts, [len(owner)]]), places, self._steps[where][order].astype(np.int64)

    def of_forms(self, forms: Whole) -> Short:
        """The atoms of some forms, form by form."""
        return self.atoms[spans(self.starts[forms], self.starts[forms + 1])]

    def changes(self, moves: Moves) -> tuple[Whole, Whole]:
        """Every form that moves, and by how much."""
        if not moves:
            return _NOTHING, _NOTHING
        atoms = np.fromiter(moves.keys(), np.int64, len(moves))
        steps = np.fromiter(moves.values(), np.int64, len(moves))
        firsts, ends = self._ends[atoms], self._ends[atoms + 1]
        where = spans(firsts, ends)
        forms = self._forms[where].astype(np.int64)
        np.add.at(self._sums, forms, self._steps[where] * np.repeat(steps, ends - firsts))
        moved = np.flatnonzero(self._sums)
        changes = self._sums[moved]
        self._sums[moved] = 0
        return moved, changes


class Rows:
    """Which rows each form stands in, in order: `lists` has the forms of every row, some perhaps twice. `forms` and `rows`: every
    form of every row once, form by form."""

    def __init__(self, lists: Sequence[tuple[int, ...]], size: int) -> None:
        count = np.fromiter(map(len, lists), np.int64, len(lists))
        forms = np.fromiter(chain.from_iterable(lists), np.int64, int(count.sum()))
        pairs = distinct(forms * len(lists) + np.repeat(np.arange(len(lists)), count))
        forms, rows = np.divmod(pairs, max(1, len(lists)))
        self.forms: Short = forms.astype(np.int32)
        self.rows: Short = rows.astype(np.int32)
        self.ends: Whole = np.searchsorted(self.forms, np.arange(size + 1)).astype(np.int64)
        self._listed = self.ends.tolist()

    def of(self, form: int) -> list[int]:
        """Rows of a form."""
        found: list[int] = self.rows[self._listed[form] : self._listed[form + 1]].tolist()
        return found

    def sums(self, forms: Whole, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What the rows of each form have together of values of all rows."""
        firsts, ends = self.ends[forms], self.ends[forms + 1]
        own = np.repeat(np.arange(len(forms)), ends - firsts)
        found: npt.NDArray[np.float64] = np.bincount(own, values[self.rows[spans(firsts, ends)]], len(forms)).astype(
            float
        )
        return found


def _narrow(factors: Short) -> npt.NDArray[np.signedinteger]:
    """The same in the smallest numbers that hold them: nearly all factors are one."""
    largest = max(-int(factors.min(initial=0)), int(factors.max(initial=0))) + 1
    return factors.astype(np.min_scalar_type(-largest))


def stable(numbers: Whole | Short, size: int) -> Whole:
    """The order of numbers below `size`, those alike as they stand; of few bits without comparing any."""
    return np.argsort(numbers.astype(np.uint16) if size <= _SHORT else numbers, kind="stable")


def distinct(numbers: Whole) -> Whole:
    """Each number once, in order; for short arrays faster than `np.unique`, which looks for hashes first."""
    found = np.sort(numbers)
    return found[np.concatenate([[True], found[1:] != found[:-1]])] if len(found) else found


def spans(firsts: Whole, ends: Whole) -> Whole:
    """All positions from each first up to its end, one span after the other."""
    sizes = ends - firsts
    before = np.concatenate([[0], np.cumsum(sizes)])
    return np.repeat(firsts - before[:-1], sizes) + np.arange(int(before[-1]))


def known_forms(problem: Problem, hidden: Iterable[int]) -> set[int]:
    """Forms that a reader knows: those of shown rows, and those known anyway."""
    away = set(hidden)
    shown = {form for number, row in enumerate(problem.rows) if number not in away for form in row.tells}
    return shown | problem.known
