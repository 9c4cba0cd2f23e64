"""All forms of a release, each once under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from math import lcm

import numpy as np

from indicators.protection.blocks import REST, Blocks
from indicators.protection.forms import Linear
from indicators.protection.lattice import Array, Key, Lattice, key_of
from indicators.protection.naming import Cell, Combination, name_of
from indicators.protection.pattern import Patterns
from indicators.protection.problem import Form

Part = tuple[np.ndarray, np.ndarray]
"""Atoms in order, each once, with their factors."""


@dataclass(kw_only=True)
class Book:
    """`forms` with the true value of each (`truth`), times its `scale` by which all factors are whole; `numbers` by name."""

    blocks: Blocks
    forms: list[Form] = field(default_factory=list)
    truth: list[Fraction] = field(default_factory=list)
    scales: list[int] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    patterns: Patterns = field(default_factory=Patterns)
    start: Array = field(init=False)
    _atoms: dict[Cell, Part | None] = field(default_factory=dict)
    _sums: dict[tuple[tuple[str, ...], int, str, str], Part | None] = field(default_factory=dict)
    _within: dict[tuple[int, str], np.ndarray | None] = field(default_factory=dict)
    _alike: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.blocks.start()

    def forget(self) -> None:
        """Give up what only makes further forms faster to find."""
        for found in (self._atoms, self._sums, self._within, self._alike):
            found.clear()

    def form(self, combination: Combination, value: Fraction | None = None) -> int | None:
        """Number of the form, new or known; None when nothing protected is in it."""
        kept = {cell: factor for cell, factor in combination.items() if factor}
        name = name_of(kept)
        if name in self.numbers:
            return self.numbers[name]
        scale = _scale(kept)
        atoms, factors = self._combined((cell, int(factor * scale)) for cell, factor in kept.items())
        if not len(atoms):
            return None
        return self._new(name, atoms, factors, scale, value)

    def _combined(self, cells: Iterable[tuple[Cell, int]]) -> Part:
        """Atoms in order, each once, with their factors; what is not protected is left out."""
        return _summed(
            [(part[0], part[1] * factor) for cell, factor in cells if (part := self._cell(cell)) is not None]
        )

    def told(self, side: Linear, regions: tuple[str, ...], year: int, value: Fraction | None = None) -> int | None:
        """Number of the form that a side tells of some regions in a year; None when nothing protected is in it."""
        pattern = self.patterns.of(side)
        if len(pattern.terms) == 1 and len(regions) == 1 and self._strange(regions[0], year, *pattern.terms[0][0]):
            return None
        name = pattern.name(regions, year)
        if name in self.numbers:
            return self.numbers[name]
        parts = []
        for (variable, key, lag), factor in pattern.terms:
            part = self._cells(regions, year - lag, variable, key)
            if part is not None:
                parts.append((part[0], part[1] * factor if factor != 1 else part[1]))
        atoms, factors = _summed(parts)
        if not len(atoms):
            return None
        return self._new(name, atoms, factors, pattern.scale, value)

    def _strange(self, region: str, year: int, variable: str, key: str, lag: int) -> bool:
        """Does no table of the region know the cell? A figure over members of its own (the districts of a town) names
        those of every region."""
        places = self.blocks.places(variable, region, year - lag)
        blocks = self.blocks.of(variable, places[0], year - lag) if places else ()
        return all(self._inside(block.lattice, key) is None for block in blocks)

    def _cells(self, regions: tuple[str, ...], year: int, variable: str, key: str) -> Part | None:
        """The cells of several regions together; each is left out that is not protected."""
        if len(regions) == 1:
            return self._cell((regions[0], year, variable, key))
        which = (regions, year, variable, key)
        if which not in self._sums:
            parts = [self._cell((region, year, variable, key)) for region in regions]
            found = [part for part in parts if part is not None]
            self._sums[which] = _summed(found) if found else None
        return self._sums[which]

    def _new(self, name: str, atoms: np.ndarray, factors: np.ndarray, scale: int, value: Fraction | None) -> int:
        number = len(self.forms)
        self.numbers[name] = number
        if len(factors) and (factors == factors[0]).all():
            factors = _same(int(factors[0]), len(factors))
        self.forms.append(Form(atoms, factors, name))
        self.scales.append(scale)
        self.truth.append(value * scale if value is not None else Fraction(int(self.start[atoms] @ factors)))
        return number

    def _cell(self, cell: Cell) -> Part | None:
        if cell not in self._atoms:
            region, year, variable, key = cell
            places = (region,) if region.startswith(REST) else self.blocks.places(variable, region, year)
            found = [self._in_place(variable, place, year, key) for place in places]
            whole = [part for part in found if part is not None]
            atoms = np.sort(np.concatenate(whole)) if whole and len(whole) == len(found) else None
            self._atoms[cell] = None if atoms is None else (atoms, _same(1, len(atoms)))
        return self._atoms[cell]

    def _in_place(self, variable: str, place: str, year: int, key: str) -> np.ndarray | None:
        for block in self.blocks.of(variable, place, year):
            inside = self._inside(block.lattice, key)
            if inside is not None:
                return block.first + inside
        return None

    def _inside(self, lattice: Lattice, key: str) -> np.ndarray | None:
        """Atoms of a cell by their place in the table; None when the table does not know it."""
        which = (id(lattice), key)
        if which not in self._within:
            self._within[which] = _within(lattice, key_of(key))
        return self._within[which]

    def raw(self, atoms: np.ndarray, factors: np.ndarray, times: int) -> int:
        """A form over atoms that is no delivered cell; the same atoms are the same form."""
        order = np.argsort(atoms)
        atoms, factors = atoms[order].astype(np.int32), np.tile(factors, times)[order]
        name = "@" + ",".join(f"{f}*{a}" for a, f in zip(atoms.tolist(), factors.tolist(), strict=True))
        which = _mark(atoms, factors)
        if not self._alike:
            self._alike = {_mark(form.atoms, form.factors): n for n, form in enumerate(self.forms)}
        if which in self._alike:
            return self._alike[which]
        if name not in self.numbers:
            self._alike[which] = self._new(name, atoms, factors, 1, None)
        return self.numbers[name]


def _within(lattice: Lattice, key: Key) -> np.ndarray | None:
    """Atoms of a cell by their place in the table; None when the table does not know it."""
    members = {axis.dimension: axis.members for axis in lattice.axes}
    known = all(member in members.get(dimension, ()) for dimension, member in key)
    return np.nonzero(lattice.row(key))[0].astype(np.int32) if known else None


def _scale(combination: Combination) -> int:
    """By what a form is multiplied so that its factors are whole."""
    return lcm(*(factor.denominator for factor in combination.values())) if combination else 1


def _summed(parts: list[Part]) -> Part:
    """The sum of some parts."""
    if not parts:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if len(parts) == 1:
        return parts[0]
    atoms = np.concatenate([part[0] for part in parts])
    order = np.argsort(atoms, kind="stable")
    atoms, factors = atoms[order], np.concatenate([part[1] for part in parts])[order]
    new = np.concatenate([[True], atoms[1:] != atoms[:-1]])
    if not new.all():
        factors = np.add.reduceat(factors, np.flatnonzero(new))
        atoms = atoms[new]
    kept = factors != 0
    return (atoms, factors) if kept.all() else (atoms[kept], factors[kept])


@cache
def _long(factor: int, length: int) -> np.ndarray:
    made = np.full(length, factor, dtype=np.int64)
    made.flags.writeable = False
    return made


def _same(factor: int, size: int) -> np.ndarray:
    """The same factor for every atom, as nearly all forms have it: a part of one long array, which takes no room."""
    return _long(factor, 1 << max(10, (size - 1).bit_length()))[:size]


def _mark(atoms: np.ndarray, factors: np.ndarray) -> bytes:
    """Fingerprint by which the same combination is found again."""
    return hashlib.blake2b(atoms.tobytes() + factors.tobytes(), digest_size=20).digest()
