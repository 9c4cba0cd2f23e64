"""The atoms of a table: the smallest cells that anything published can tell apart.

Every published cell of a table is a sum of atoms, every atom a number of persons, so an attacker's knowledge is a set of
linear equations over non-negative whole numbers. Members of a dimension that nothing published tells apart share an atom:
any table of atoms can be split into a table of the finest cells, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from schemas.framework_model import Framework
from schemas.shapes import TOTAL

_PRIME = 2_147_483_647
Array = npt.NDArray[np.float64]
Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Axis:
    """One dimension of a table: members over atom classes, and which members give the classes back.

    `incidence` has a row for each member and a column for each class; `inverse @ values[basis]` are the classes.
    `residual` and `open` say which classes collect what could not be assigned, and which describe nobody.
    """

    dimension: str
    members: tuple[str, ...]
    incidence: Array
    basis: tuple[int, ...]
    inverse: Array
    residual: npt.NDArray[np.bool_]
    open: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lattice:
    """One table of a variable: axes, atoms in row-major order, and the cells that printing everything would give back."""

    variable: str
    number: int
    axes: tuple[Axis, ...]
    keys: tuple[Key, ...]
    at_risk: Array = field(repr=False)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of classes on each axis."""
        return tuple(len(axis.basis) for axis in self.axes)

    @cached_property
    def size(self) -> int:
        """Number of atoms."""
        return int(np.prod(self.shape, dtype=int))

    def row(self, key: Key) -> Array:
        """Which atoms make up a cell; KeyError when the table does not know a member."""
        return _cell(self.axes, dict(key))

    @cached_property
    def inhabited(self) -> npt.NDArray[np.bool_]:
        """Which cells at risk are not made of atoms alone that describe nobody."""
        return np.asarray((self.at_risk[:, ~self.open] > 0).any(axis=1))

    @cached_property
    def members(self) -> frozenset[tuple[str, str]]:
        """Dimension and member of everything that its cells stand for."""
        return frozenset((axis.dimension, member) for axis in self.axes for member in axis.members)

    @cached_property
    def cells(self) -> npt.NDArray[np.bool_]:
        """The atoms of every cell that can be delivered: cells in row-major order of the members over atoms."""
        found = np.ones((1, 1))
        for axis in self.axes:
            found = np.einsum("ia,jb->ijab", found, axis.incidence).reshape(len(found) * len(axis.members), -1)
        return found > 0

    @cached_property
    def open(self) -> npt.NDArray[np.bool_]:
        """Atoms that describe nobody on some axis."""
        return self.flagged("open")

    @cached_property
    def residual(self) -> npt.NDArray[np.bool_]:
        """Atoms that collect on some axis what could not be assigned."""
        return self.flagged("residual")

    def flagged(self, kind: str) -> npt.NDArray[np.bool_]:
        """Atoms in a class that is `residual` or `open` on any axis."""
        found = np.zeros(self.shape, dtype=bool)
        for number, axis in enumerate(self.axes):
            shape = [1] * len(self.axes)
            shape[number] = -1
            found |= getattr(axis, kind).reshape(shape)
        return found.ravel()


def lattices(
    framework: Framework,
    variable: str,
    keys: Iterable[Key],
    dynamic: Mapping[str, Sequence[str]],
    open_members: Mapping[str, Sequence[str]],
) -> list[Lattice]:
    """One lattice for each delivered table of the variable that the keys need; a key belongs to the first that has it."""
    tables = [set(table) for table in framework.variables[variable].tables]
    wanted: dict[int, list[Key]] = {}
    for key in sorted(set(keys)):
        dims = {dimension for dimension, _ in key}
        found = next((number for number, table in enumerate(tables) if dims <= table), None)
        if found is not None:
            wanted.setdefault(found, []).append(key)
    made = []
    for number, own in sorted(wanted.items()):
        used = [d for d in framework.dimension_order if any(d == dimension for key in own for dimension, _ in key)]
        axes = tuple(
            _axis(framework, variable, d, {dict(key).get(d, TOTAL) for key in own}, dynamic, open_members) for d in used
        )
        made.append(Lattice(variable, number, axes, tuple(own), _at_risk(axes, own)))
    return made


def atoms_of(lattice: Lattice, values: Array) -> Array:
    """Atoms of many blocks from `values[block, member, member, ...]`; not a number where a cell is missing."""
    solved = values
    for number, axis in enumerate(lattice.axes):
        chosen = np.take(solved, axis.basis, axis=number + 1)
        solved = np.moveaxis(np.tensordot(axis.inverse, np.moveaxis(chosen, number + 1, 0), axes=1), 0, number + 1)
    return solved.reshape(len(values), -1)


def _axis(
    framework: Framework,
    variable: str,
    dimension: str,
    used: set[str],
    dynamic: Mapping[str, Sequence[str]],
    open_members: Mapping[str, Sequence[str]],
) -> Axis:
    leaf_sets = _leaf_sets(framework, variable, dimension, dynamic)
    leaves = sorted(set().union(*leaf_sets.values()))
    marks = {leaf: tuple(leaf in leaf_sets[member] for member in sorted(used | {TOTAL})) for leaf in leaves}
    classes: dict[tuple[object, ...], list[str]] = {}
    entry = framework.dimensions[dimension]
    secluded = open_members.get(dimension, ())
    for leaf in leaves:
        kind = (marks[leaf], entry.is_residual(leaf), leaf in secluded)
        classes.setdefault(kind, []).append(leaf)
    groups = [frozenset(group) for group in classes.values()]
    possible = {m: s for m, s in leaf_sets.items() if all(group <= s or not group & s for group in groups)}
    incidence = np.array([[group <= s for group in groups] for s in possible.values()], dtype=float)
    basis, inverse = _basis(incidence, [m in entry.members and entry.is_residual(m) for m in possible])
    return Axis(
        dimension,
        tuple(possible),
        incidence,
        basis,
        inverse,
        np.array([all(entry.is_residual(leaf) for leaf in group) for group in groups]),
        np.array([all(leaf in secluded for leaf in group) for group in groups]),
    )


def _leaf_sets(
    framework: Framework, variable: str, dimension: str, dynamic: Mapping[str, Sequence[str]]
) -> dict[str, frozenset[str]]:
    """Every member a cell of the variable can have, with the leaves of the dimension that it covers."""
    entry = framework.dimensions[dimension]
    if entry.dynamic:
        leaves = tuple(dynamic.get(dimension, ()))
        return {TOTAL: frozenset(leaves or ("",))} | {leaf: frozenset((leaf,)) for leaf in leaves}
    scheme = entry.scheme(framework.variables[variable].schemes.get(dimension))
    full = {TOTAL: frozenset(scheme.leaves)} | {leaf: frozenset((leaf,)) for leaf in scheme.leaves}
    full |= {member: frozenset(leaves) for member, leaves in scheme.aggregates.items() if member != TOTAL}
    known = framework.members(variable, dimension)
    return {member: leaves for member, leaves in full.items() if member == TOTAL or member in known}


def _basis(incidence: Array, residual: Sequence[bool]) -> tuple[tuple[int, ...], Array]:
    """Members whose cells give the classes back, small members first, residual ones (often absent) never if possible."""
    order = sorted(range(len(incidence)), key=lambda m: (incidence[m].sum(), residual[m], m))
    chosen: list[int] = []
    for member in order:
        if np.linalg.matrix_rank(incidence[[*chosen, member]]) > len(chosen):
            chosen.append(member)
    square = incidence[chosen]
    inverse = np.rint(np.linalg.pinv(square))
    return tuple(chosen), inverse


def _cell(axes: Sequence[Axis], selected: Mapping[str, str]) -> Array:
    row = np.ones(1)
    for axis in axes:
        member = axis.members.index(selected.get(axis.dimension, TOTAL))
        row = np.outer(row, axis.incidence[member]).ravel()
    return row


def _at_risk(axes: Sequence[Axis], keys: Sequence[Key]) -> Array:
    """Cells (rows over atoms) that follow from the keys when all of them are printed."""
    printed = np.array([_cell(axes, dict(key)) for key in keys])
    natural = tuple(np.vstack([axis.incidence, np.eye(len(axis.basis))]) for axis in axes)
    return _following(printed.tobytes(), printed.shape[1], tuple((one.tobytes(), one.shape[1]) for one in natural))


@lru_cache(maxsize=512)
def _following(printed_bytes: bytes, width: int, natural: tuple[tuple[bytes, int], ...]) -> Array:
    """Natural cells of the table, and differences of two printed cells of which one contains the other, as far as they
    are combinations of printed ones. The same tables come again in every run of a process."""
    printed = np.frombuffer(printed_bytes).reshape(-1, width)
    cells = np.ones((1, 1))
    for data, classes in natural:
        options = np.frombuffer(data).reshape(-1, classes)
        cells = np.einsum("ia,jb->ijab", cells, options).reshape(len(cells) * len(options), -1)
    candidates = np.unique(np.vstack([cells, _differences(printed)]), axis=0)
    found = candidates[~(candidates.astype(np.int64) @ _across(printed) % _PRIME).any(axis=1)]
    kept: Array = found[found.any(axis=1)]
    kept.flags.writeable = False
    return kept


def _across(rows: Array) -> npt.NDArray[np.int64]:
    """Columns on which every combination of the rows is zero, and nothing else. Exact, modulo a prime that no determinant
    of a table comes near: its rows hold nothing but 0 and 1."""
    left = np.unique(rows, axis=0).astype(np.int64)
    width = left.shape[1]
    pivots: list[int] = []
    for column in range(width):
        done = len(pivots)
        able = np.flatnonzero(left[done:, column])
        if not len(able):
            continue
        left[[done, done + able[0]]] = left[[done + able[0], done]]
        left[done] = left[done] * pow(int(left[done, column]), -1, _PRIME) % _PRIME
        touched = np.flatnonzero(left[:, column])
        touched = touched[touched != done]
        left[touched] = (left[touched] - left[touched, column][:, None] * left[done]) % _PRIME
        pivots.append(column)
    free = np.setdiff1d(np.arange(width), pivots)
    found = np.zeros((width, len(free)), dtype=np.int64)
    found[free, np.arange(len(free))] = 1
    found[pivots] = -left[: len(pivots), free] % _PRIME
    return found


def _differences(printed: Array) -> Array:
    unique = np.unique(printed, axis=0)
    inside = unique @ unique.T == unique.sum(axis=1)[None, :]
    np.fill_diagonal(inside, False)
    whole, part = np.nonzero(inside)
    if not len(whole):
        return np.empty((0, printed.shape[1]))
    return np.unique(unique[whole] - unique[part], axis=0)


@lru_cache(maxsize=1 << 14)
def key_of(text: str) -> Key:
    """`GRP=A,SEX=W` as pairs."""
    return tuple((d, m) for d, _, m in (part.partition("=") for part in text.split(",") if part))
