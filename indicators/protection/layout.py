"""Forms over the atoms of a part, worked out once for all years in which the same tables stand in the same places.

A layout counts in the years of the first part that had it; every other one says by how many years it is later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from indicators.protection.atoms import Part, each_once, mark, narrow, summed, times, within
from indicators.protection.blocks import REST, Blocks
from indicators.protection.forms import Linear
from indicators.protection.lattice import Lattice, key_of
from indicators.protection.naming import Cell
from indicators.protection.parting import Home, Pieces
from indicators.protection.pattern import Pattern, Patterns
from indicators.protection.policy import Policy
from indicators.protection.problem import Form

Signature = tuple[object, ...]
Spoken = tuple["Side", ...]
_Singles = tuple[tuple[Linear, ...], list[tuple[Linear, tuple[str, frozenset[tuple[str, str]]] | None]]]
"""Sides, and what there is of them: with the variable and the members of those that are one cell."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A form of a layout: `form` has the name that it has in the layout's own year."""

    form: Form
    scale: int
    pattern: Pattern
    regions: tuple[str, ...]
    year: int
    mark: bytes


class Side(NamedTuple):
    """What there is of a side of figures of some regions in a year: `form` (None where nothing of it is protected) and by how
    much the side rises when that rises by one. `whole`: nothing that is protected is missing; `all_here`: nor would it be if
    there were nothing. `threshold`: from which count on the side is no secret. `bears`: this part answers for it (see
    `Pieces`)."""

    form: int | None
    step: Fraction
    whole: bool
    all_here: bool
    threshold: int
    protected: bool
    bears: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a whole beside a part: `form` and the same turned round, where all of it is here; else the `turned` form
    of either side. `scale`: by what it is multiplied to have whole factors."""

    form: int | None
    below: int | None
    turned: tuple[int | None, ...]
    scale: int


def signature(blocks: Blocks, home: Home | None, first: int) -> Signature:
    """What two parts of different years must have alike to share a layout; tables are told by identity."""
    return (
        None if home is None else frozenset((variable, year - first) for variable, year in home),
        tuple((id(block.lattice), block.place, block.year - first) for block in blocks.blocks),
        tuple(sorted((v, region, year - first, places) for (v, region, year), places in blocks.parts.items())),
    )


@dataclass
class Layout:
    """`forms` each once, by the name that they have in the layout's own year (`numbers`)."""

    policy: Policy
    blocks: Blocks
    home: Home | None
    first: int = 0
    forms: list[Shape] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    patterns: Patterns = field(default_factory=Patterns)
    pieces: Pieces = field(init=False)
    _told: dict[tuple[int, int], dict[tuple[str, ...], int | None]] = field(default_factory=dict)
    _sides: dict[tuple[int, int], tuple[Linear, Linear | None, Side]] = field(default_factory=dict)
    _singles: dict[tuple[int, int], _Singles] = field(default_factory=dict)
    _parts: dict[tuple[object, ...], tuple[tuple[Linear, ...], list[int]]] = field(default_factory=dict)
    _atoms: dict[tuple[int, str, str], dict[str, Part | None]] = field(default_factory=dict)
    _sums: dict[tuple[tuple[str, ...], int, str, str], Part | None] = field(default_factory=dict)
    _within: dict[tuple[int, str], np.ndarray | None] = field(default_factory=dict)
    _thresholds: dict[frozenset[str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pieces = Pieces(self.policy, self.home)

    # --- forms of figures ------------------------------------------------------------------------------------------------

    def told(self, side: Linear, regions: tuple[str, ...], year: int) -> int | None:
        """Number of the form that a side tells of some regions in a year; None when nothing protected is in it, as when a
        figure over members of its own (the districts of a town) names those of every region."""
        pattern = self.patterns.of(side)
        found = self._told.setdefault((id(pattern), year), {})
        if regions not in found:
            found[regions] = self._number(pattern, regions, year)
        return found[regions]

    def told_parts(self, sides: tuple[Linear, ...], regions: tuple[str, ...], year: int) -> list[int]:
        """Numbers of the forms that what there is of several sides tells."""
        which = (id(sides), regions, year)
        if which not in self._parts:
            told = (self.told(side, regions, year) for side in self._at_home(sides, regions, year))
            self._parts[which] = (sides, [number for number in told if number is not None])
        return self._parts[which][1]

    def _at_home(self, sides: tuple[Linear, ...], regions: tuple[str, ...], year: int) -> list[Linear]:
        """What there is of several sides without cells that no table of the region knows: of hundreds of districts a town has
        a few."""
        own = self.pieces.of_all(sides, year)
        if len(regions) > 1:
            return list(own)
        if (id(sides), year) not in self._singles:
            terms = [self.patterns.of(side).terms for side in own]
            cells = [(one[0][0][0], frozenset(key_of(one[0][0][1]))) if len(one) == 1 else None for one in terms]
            self._singles[id(sides), year] = (sides, [*zip(own, cells, strict=True)])
        tables = {
            v: [one.members for one in t] for (v, region), t in self.blocks.lattices.items() if region == regions[0]
        }
        return [
            side
            for side, cell in self._singles[id(sides), year][1]
            if cell is None or any(cell[1] <= members for members in tables.get(cell[0], ()))
        ]

    def spoken(self, sides: tuple[Linear, ...], regions: tuple[str, ...], year: int) -> Spoken:
        """What there is of the sides of a figure."""
        return tuple(self._side(side, regions, year) for side in sides)

    def _side(self, side: Linear, regions: tuple[str, ...], year: int) -> Side:
        which = (id(side), year)
        if which not in self._sides:
            self._sides[which] = (side, *self._anywhere(side, year))
        _, piece, found = self._sides[which]
        return found if piece is None else found._replace(form=self.told(piece, regions, year))

    def _anywhere(self, side: Linear, year: int) -> tuple[Linear | None, Side]:
        """The piece that there is of a side, and what does not depend on the regions."""
        piece, pattern = self.pieces.of(side, year), self.patterns.of(side)
        own = None if piece is None else piece.side
        return own, Side(
            None,
            Fraction(1) if piece is None else piece.factor / self.patterns.of(piece.side).scale,
            piece is not None and piece.whole,
            self.pieces.all_here(side, year),
            self._threshold(pattern.variables),
            self.pieces.protected(side),
            self.pieces.bears(side, year),
        )

    def rest(self, sides: tuple[Linear, ...], spoken: Spoken, regions: tuple[str, ...], year: int) -> Rest:
        """What is left of the second of two sides beside the first."""
        part, whole = sides
        left, turned = self.patterns.rest(part, whole)
        scale = self.patterns.of(left).scale
        if not all(side.all_here for side in spoken):
            return Rest(None, None, tuple(self.turned(side, regions, year) for side in sides), scale)
        form = self.told(left, regions, year)
        return Rest(form, None if form is None else self.opposite(form, turned, regions, year), (), scale)

    def turned(self, side: Linear, regions: tuple[str, ...], year: int) -> int | None:
        """Number of the form that there is of a side, with all signs turned round."""
        piece = self.pieces.of(side, year)
        form = None if piece is None else self.told(piece.side, regions, year)
        if piece is None or form is None:
            return None
        return self.opposite(form, self.patterns.turned(piece.side), regions, year)

    def opposite(self, number: int, turned: Linear, regions: tuple[str, ...], year: int) -> int:
        """Number of the form `number` with all signs turned round; `turned` is its side."""
        pattern = self.patterns.of(turned)
        told = self._told.setdefault((id(pattern), year), {})
        found = told.get(regions)
        if found is None:
            form = self.forms[number].form
            found = told[regions] = self._new(pattern, regions, year, (form.atoms, times(form.factors, -1)))
        return found

    def _number(self, pattern: Pattern, regions: tuple[str, ...], year: int) -> int | None:
        parts = []
        for (variable, key, lag), factor in pattern.terms:
            part = self._cells(regions, year - lag, variable, key)
            if part is not None:
                parts.append((part[0], times(part[1], factor)))
        own = summed(parts)
        return self._new(pattern, regions, year, own) if len(own[0]) else None

    def _new(self, pattern: Pattern, regions: tuple[str, ...], year: int, part: Part) -> int:
        name = pattern.name(regions, year)
        if name not in self.numbers:
            self.numbers[name] = len(self.forms)
            form = Form(part[0], narrow(part[1]), name)
            self.forms.append(Shape(form, pattern.scale, pattern, regions, year, mark(form.atoms, form.factors)))
        return self.numbers[name]

    def _threshold(self, variables: frozenset[str]) -> int:
        if variables not in self._thresholds:
            own = (self.policy.threshold(variable) for variable in variables if self.policy.protects(variable))
            self._thresholds[variables] = max(own, default=0)
        return self._thresholds[variables]

    # --- atoms of cells --------------------------------------------------------------------------------------------------

    def combined(self, cells: Mapping[Cell, int]) -> Part:
        """Atoms in order, each once, with their factors; what is not protected is left out."""
        parts = ((self.cell(cell), factor) for cell, factor in cells.items())
        return summed([(part[0], part[1] * factor) for part, factor in parts if part is not None])

    def cell(self, cell: Cell) -> Part | None:
        """Atoms of a cell; None when it is not protected."""
        region, year, variable, key = cell
        found = self._atoms.setdefault((year, variable, key), {})
        if region not in found:
            found[region] = self._part(region, year, variable, key)
        return found[region]

    def _cells(self, regions: tuple[str, ...], year: int, variable: str, key: str) -> Part | None:
        """The cells of several regions together; each is left out that is not protected."""
        if len(regions) == 1:
            return self.cell((regions[0], year, variable, key))
        which = (regions, year, variable, key)
        if which not in self._sums:
            parts = [self.cell((region, year, variable, key)) for region in regions]
            found = [part for part in parts if part is not None]
            self._sums[which] = summed(found) if found else None
        return self._sums[which]

    def _part(self, region: str, year: int, variable: str, key: str) -> Part | None:
        places: Sequence[str] = (region,) if region.startswith(REST) else self.blocks.places(variable, region, year)
        found = []
        for place in places:
            inside = self._in_place(variable, place, year, key)
            if inside is None:
                return None
            found.append(inside)
        return each_once(found) if found else None

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
            self._within[which] = within(lattice, key)
        return self._within[which]
