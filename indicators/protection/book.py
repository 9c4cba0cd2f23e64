"""All forms of a part of a release, each once, with their true values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

import numpy as np

from indicators.protection.atoms import mark, narrow
from indicators.protection.blocks import Blocks
from indicators.protection.figure import Exact
from indicators.protection.lattice import Array
from indicators.protection.layout import Layout, Shape
from indicators.protection.naming import Combination, name_of
from indicators.protection.problem import Form


@dataclass(kw_only=True)
class Book:
    """`forms` with the true value of each (`truth`), times its `scale` by which all factors are whole.

    The years of the part are by `shift` later than those of its layout, in which the keys of all forms are written.
    """

    blocks: Blocks
    layout: Layout
    shift: int = 0
    forms: list[Form] = field(default_factory=list)
    truth: list[Exact] = field(default_factory=list)
    scales: list[int] = field(default_factory=list)
    shapes: list[Shape | None] = field(default_factory=list)
    start: Array = field(init=False)
    _own: dict[int, int] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _numbers: dict[str, int] | None = None
    _alike: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.blocks.start()

    def begin(self, which: Sequence[int], truth: Sequence[Exact]) -> None:
        """Take in forms of the layout, before any other, with their true values."""
        shapes = [self.layout.forms[n] for n in which]
        self.forms, self.scales = [shape.form for shape in shapes], [shape.scale for shape in shapes]
        self.shapes, self.truth = [*shapes], [*truth]
        self._own = dict(zip(which, range(len(shapes)), strict=True))

    def here(self, which: Iterable[int]) -> tuple[int, ...]:
        """Numbers here of forms of the layout that have been taken in."""
        return tuple([self._own[n] for n in which])

    def number(self, which: int) -> int:
        """Number here of a form of the layout, new or known."""
        found = self._own.get(which)
        if found is None:
            shape = self.layout.forms[which]
            found = self._own[which] = self._new(shape.form, shape.scale, None, shape)
            if self._numbers is not None:
                self._numbers[self.name(found)] = found
        return found

    def form(self, combination: Combination, value: Exact | None = None) -> int | None:
        """Number of the form, new or known; None when nothing protected is in it."""
        kept = {cell: factor for cell, factor in combination.items() if factor}
        name = name_of(kept)
        found = self.named(name)
        if found is not None:
            return found
        scale = lcm(*(factor.denominator for factor in kept.values())) if kept else 1
        there = {(region, year - self.shift, variable, key): f for (region, year, variable, key), f in kept.items()}
        atoms, factors = self.layout.combined({cell: int(factor * scale) for cell, factor in there.items()})
        if not len(atoms):
            return None
        number = self._new(Form(atoms, narrow(factors), name_of(there)), scale, value)
        self._names[number] = name
        if self._numbers is not None:
            self._numbers[name] = number
        return number

    def named(self, name: str) -> int | None:
        """Number of a form by its name."""
        if self._numbers is None:
            self._numbers = {self.name(number): number for number in range(len(self.forms))}
        return self._numbers.get(name)

    def name(self, number: int) -> str:
        """The one name of a form (see `naming`); that of a form over atoms which is no delivered cell begins with @."""
        found = self._names.get(number)
        if found is None:
            shape, found = self.shapes[number], self.forms[number].key
            if shape is not None and self.shift:
                found = self._names[number] = shape.pattern.name(shape.regions, shape.year + self.shift)
        return found

    def value_of(self, number: int) -> Fraction:
        """The true value of a form, by its own factors."""
        scale, truth = self.scales[number], Fraction(self.truth[number])
        return truth if scale == 1 else truth / scale

    def _new(self, form: Form, scale: int, value: Exact | None, shape: Shape | None = None) -> int:
        number = len(self.forms)
        self.forms.append(form)
        self.scales.append(scale)
        self.shapes.append(shape)
        self.truth.append(int(self.start[form.atoms] @ form.factors) if value is None else value * scale)
        return number

    def raw(self, atoms: np.ndarray, factors: np.ndarray, times: int) -> int:
        """A form over atoms that is no delivered cell; the same atoms are the same form."""
        order = np.argsort(atoms)
        atoms, factors = atoms[order].astype(np.int32), np.tile(factors, times)[order]
        which = mark(atoms, factors)
        if not self._alike:
            self._alike = {self._mark(number): number for number in range(len(self.forms))}
        if which not in self._alike:
            name = "@" + ",".join(f"{f}*{a}" for a, f in zip(atoms.tolist(), factors.tolist(), strict=True))
            self._alike[which] = self._new(Form(atoms, narrow(factors), name), 1, None)
        return self._alike[which]

    def _mark(self, number: int) -> bytes:
        shape, form = self.shapes[number], self.forms[number]
        return mark(form.atoms, form.factors) if shape is None else shape.mark
