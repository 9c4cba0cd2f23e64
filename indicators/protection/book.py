"""All forms of a release, each once under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, lru_cache
from math import lcm

import numpy as np

from indicators.protection.blocks import REST, Blocks
from indicators.protection.figure import Exact
from indicators.protection.forms import Linear
from indicators.protection.lattice import Array, Key, Lattice, key_of
from indicators.protection.naming import Cell, Combination, name_of
from indicators.protection.pattern import Pattern, Patterns
from indicators.protection.problem import Form

Part = tuple[np.ndarray, np.ndarray]
"""Atoms in order, each once, with their factors."""


@dataclass(kw_only=True)
class Book:
    """`forms` with the true value of each (`truth`), times its `scale` by which all factors are whole; `numbers` by name."""

    blocks: Blocks
    forms: list[Form] = field(default_factory=list)
    truth: list[Exact] = field(default_factory=list)
    scales: list[int] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    patterns: Patterns = field(default_factory=Patterns)
    start: Array = field(init=False)
    _told: dict[tuple[int, int], dict[tuple[str, ...], int | None]] = field(default_factory=dict)
    _own: dict[tuple[int, tuple[int, ...]], tuple[tuple[Linear, ...], list[Linear]]] = field(default_factory=dict)
    _known_tables: dict[tuple[int, str], tuple[int, ...]] = field(default_factory=dict)
    _atoms: dict[tuple[int, str, str], dict[str, Part | None]] = field(default_factory=dict)
    _sums: dict[tuple[tuple[str, ...], int, str, str], Part | None] = field(default_factory=dict)
    _within: dict[tuple[int, str], np.ndarray | None] = field(default_factory=dict)
    _alike: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.blocks.start()

    def forget(self) -> None:
        """Give up what only makes further forms faster to find."""
        self._told.clear()
        self._own.clear()
        self._known_tables.clear()
        self._atoms.clear()
        self._sums.clear()
        self._within.clear()
        self._alike.clear()

    def form(self, combination: Combination, value: Exact | None = None) -> int | None:
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

    def told(self, side: Linear, regions: tuple[str, ...], year: int, value: Exact | None = None) -> int | None:
        """Number of the form that a side tells of some regions in a year; None when nothing protected is in it, as when a
        figure over members of its own (the districts of a town) names those of every region."""
        pattern = self.patterns.of(side)
        found = self._told.setdefault((id(pattern), year), {})
        if regions not in found:
            found[regions] = self._number(pattern, regions, year, value)
        return found[regions]

    def told_parts(self, sides: tuple[Linear, ...], regions: tuple[str, ...], year: int) -> list[int]:
        """Numbers of the forms that several sides tell: of hundreds of districts a town has a few, in every year."""
        own: Sequence[Linear] = sides
        if len(regions) == 1:
            which = (id(sides), self._tables(sides, regions[0]))
            if which not in self._own:
                self._own[which] = (sides, [side for side in sides if self._at_home(side, regions[0])])
            own = self._own[which][1]
        numbers = (self.told(side, regions, year) for side in own)
        return [number for number in numbers if number is not None]

    def _tables(self, sides: tuple[Linear, ...], region: str) -> tuple[int, ...]:
        """The tables of a region that may know cells of the sides, by identity: regions of the same ones have the same of
        them."""
        which = (id(sides), region)
        if which not in self._known_tables:
            variables = sorted({variable for side in sides for variable, _, _ in side})
            tables = (lattice for variable in variables for lattice in self.blocks.lattices.get((variable, region), ()))
            self._known_tables[which] = tuple(id(lattice) for lattice in tables)
        return self._known_tables[which]

    def _at_home(self, side: Linear, region: str) -> bool:
        """May a table of the region know the cell that the side is, in any year?"""
        terms = self.patterns.of(side).terms
        if len(terms) > 1:
            return True
        ((variable, key, _),) = (base for base, _ in terms)
        tables = self.blocks.lattices.get((variable, region), ())
        return any(self._inside(lattice, key) is not None for lattice in tables)

    def _number(self, pattern: Pattern, regions: tuple[str, ...], year: int, value: Exact | None) -> int | None:
        parts = []
        for (variable, key, lag), factor in pattern.terms:
            part = self._cells(regions, year - lag, variable, key)
            if part is not None:
                parts.append((part[0], _times(part[1], factor)))
        if not parts:
            return None
        name = pattern.name(regions, year)
        if name in self.numbers:
            return self.numbers[name]
        atoms, factors = _summed(parts)
        return self._new(name, atoms, factors, pattern.scale, value) if len(atoms) else None

    def opposite(
        self, number: int, turned: Linear, regions: tuple[str, ...], year: int, value: Exact | None = None
    ) -> int:
        """Number of the form `number` with all signs turned round; `turned` is its side."""
        pattern = self.patterns.of(turned)
        told = self._told.setdefault((id(pattern), year), {})
        found = told.get(regions)
        if found is None:
            name = pattern.name(regions, year)
            found = self.numbers.get(name)
            if found is None:
                form = self.forms[number]
                found = self._new(name, form.atoms, _times(form.factors, -1), pattern.scale, value)
            told[regions] = found
        return found

    def value_of(self, number: int) -> Fraction:
        """The true value of a form, by its own factors."""
        return Fraction(self.truth[number]) / self.scales[number]

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

    def _new(self, name: str, atoms: np.ndarray, factors: np.ndarray, scale: int, value: Exact | None) -> int:
        number = len(self.forms)
        self.numbers[name] = number
        if not _uniform(factors) and (factors == factors[0]).all():
            factors = _same(int(factors[0]), len(factors))
        self.forms.append(Form(atoms, factors, name))
        self.scales.append(scale)
        if value is None:
            value = int(self.start[atoms] @ factors)
        else:
            value *= scale
        self.truth.append(value)
        return number

    def _cell(self, cell: Cell) -> Part | None:
        region, year, variable, key = cell
        found = self._atoms.setdefault((year, variable, key), {})
        if region not in found:
            found[region] = self._part(region, year, variable, key)
        return found[region]

    def _part(self, region: str, year: int, variable: str, key: str) -> Part | None:
        places = (region,) if region.startswith(REST) else self.blocks.places(variable, region, year)
        found = []
        for place in places:
            inside = self._in_place(variable, place, year, key)
            if inside is None:
                return None
            found.append(inside)
        if not found:
            return None
        atoms = found[0] if len(found) == 1 else np.sort(np.concatenate(found))
        return atoms, _same(1, len(atoms))

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
    if all(_uniform(part[1]) and part[1][0] == parts[0][1][0] for part in parts):
        apart = np.sort(atoms)
        if (apart[1:] != apart[:-1]).all():
            return apart, _same(int(parts[0][1][0]), len(apart))
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


@lru_cache(maxsize=1 << 14)
def _same(factor: int, size: int) -> np.ndarray:
    """The same factor for every atom, as nearly all forms have it: a part of one long array, which takes no room."""
    return _long(factor, 1 << max(10, (size - 1).bit_length()))[:size]


def _uniform(factors: np.ndarray) -> bool:
    """Is it a part of a long array of the same factor?"""
    return factors.base is not None


def _times(factors: np.ndarray, number: int) -> np.ndarray:
    if number == 1:
        return factors
    return _same(number * int(factors[0]), len(factors)) if _uniform(factors) else factors * number


def _mark(atoms: np.ndarray, factors: np.ndarray) -> bytes:
    """Fingerprint by which the same combination is found again."""
    return hashlib.blake2b(atoms.tobytes() + factors.tobytes(), digest_size=20).digest()
