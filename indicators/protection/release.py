"""From a computation to its linear problem: which figures tell what, and which counts must stay unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import lcm

import numpy as np

from indicators.protection.blocks import REST, Block, Blocks
from indicators.protection.figure import Figure, over
from indicators.protection.forms import Linear
from indicators.protection.lattice import Array, Key, key_of
from indicators.protection.naming import Cell, Combination, name_of, read_name
from indicators.protection.policy import Policy
from indicators.protection.problem import Cap, Form, Problem, Row, Target
from schemas.shapes import TOTAL, member_key


@dataclass
class Release:
    """Collects forms, figures and targets; `problem` puts them together."""

    policy: Policy
    blocks: Blocks
    active: set[tuple[str, int]]
    forms: list[Form] = field(default_factory=list)
    truth: list[Fraction] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    needs: dict[int, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    frozen: set[int] = field(default_factory=set)
    caps: dict[int, int] = field(default_factory=dict)
    start: Array = field(init=False)
    _atoms: dict[Cell, tuple[np.ndarray, np.ndarray] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.blocks.start()

    def form(self, combination: Combination, value: Fraction | None = None) -> int | None:
        """Number of the form, new or known; None when nothing protected is in it."""
        kept = {cell: factor for cell, factor in combination.items() if factor}
        name = name_of(kept)
        if name in self.numbers:
            return self.numbers[name]
        scale = self.scale(kept)
        atoms, factors = self._combined((cell, int(factor * scale)) for cell, factor in kept.items())
        if not len(atoms):
            return None
        number = len(self.forms)
        self.numbers[name] = number
        self.forms.append(Form(atoms, factors, name))
        self.truth.append(value * scale if value is not None else Fraction(int(self.start[atoms] @ factors)))
        return number

    def _combined(self, cells: Iterable[tuple[Cell, int]]) -> tuple[np.ndarray, np.ndarray]:
        """Atoms in order, each once, with their factors; what is not protected is left out."""
        found = [(part[0], part[1] * factor) for cell, factor in cells if (part := self._cell(cell)) is not None]
        if not found:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        if len(found) == 1:
            return found[0]
        atoms, where = np.unique(np.concatenate([part[0] for part in found]), return_inverse=True)
        factors = np.zeros(len(atoms), dtype=np.int64)
        np.add.at(factors, where, np.concatenate([part[1] for part in found]))
        return atoms[factors != 0], factors[factors != 0]

    def _cell(self, cell: Cell) -> tuple[np.ndarray, np.ndarray] | None:
        if cell not in self._atoms:
            region, year, variable, key = cell
            places = (region,) if region.startswith(REST) else self.blocks.places(variable, region, year)
            found = [self._in_place(variable, place, year, key_of(key)) for place in places]
            whole = [part for part in found if part is not None]
            atoms = np.sort(np.concatenate(whole)) if whole and len(whole) == len(found) else None
            self._atoms[cell] = None if atoms is None else (atoms, np.ones(len(atoms), dtype=np.int64))
        return self._atoms[cell]

    def _in_place(self, variable: str, place: str, year: int, key: Key) -> np.ndarray | None:
        dims = {dimension for dimension, _ in key}
        for block in self.blocks.of(variable, place, year):
            if dims <= {axis.dimension for axis in block.lattice.axes}:
                try:
                    return block.first + np.nonzero(block.lattice.row(key))[0]
                except ValueError:
                    continue
        return None

    # --- what is published --------------------------------------------------------------------------------------------

    def add(self, figure: Figure) -> None:
        """A figure with a value: what it tells, what must not be told, what everybody knows of it."""
        sides = [self._side(figure, number) for number in range(len(figure.sides))]
        told = tuple(dict.fromkeys(number for number in sides if number is not None))
        held = list(told)
        if figure.counted:
            for number, side in zip(sides, figure.sides, strict=True):
                if number is not None:
                    self._secret(figure, number, self._threshold(side))
                    if self.policy.rules.zeros == "published":
                        self._not_zero(figure, number, side)
        if figure.share and len(figure.sides) == 2:
            rest = self._rest(figure)
            if rest is not None:
                held.append(rest)
        if figure.limit is not None and len(sides) == 2 and sides[1] is not None:
            slack = figure.limit - int(self.truth[sides[1]])
            self.caps[sides[1]] = min(slack, self.caps.get(sides[1], slack))
        if not held:
            return
        if figure.shown:
            self.figures.append(figure)
            size = abs(int(self.truth[held[0]]))  # of two figures alike the smaller one is given up first
            self.rows.append(Row(told, tuple(held), figure.cost * (1 + math.log1p(size) / 100)))

    def _side(self, figure: Figure, number: int) -> int | None:
        return self.form(over(figure.sides[number], figure.regions, figure.place[1]), figure.values[number])

    def _rest(self, figure: Figure) -> int | None:
        """The complement of a share: a count of persons, and never below zero."""
        both = dict(over(figure.sides[1], figure.regions, figure.place[1]))
        for cell, factor in over(figure.sides[0], figure.regions, figure.place[1]).items():
            both[cell] = both.get(cell, Fraction(0)) - factor
        numerator, denominator = figure.values
        assert numerator is not None
        assert denominator is not None
        number = self.form(both, denominator - numerator)
        if number is None:
            return None
        if self.truth[number] >= 0:
            threshold = max(self._threshold(side) for side in figure.sides)
            self._secret(figure, number, threshold)
            turned = self.form({cell: -factor for cell, factor in both.items()}, numerator - denominator)
            assert turned is not None
            self.caps[turned] = int(denominator - numerator)
        return number

    def _not_zero(self, figure: Figure, number: int, side: Linear) -> None:
        """Every zero is printed: it is known, and every other blank is at least one."""
        if self.truth[number] == 0:
            self.known.add(number)
        elif self.truth[number] > 0:
            cells = over(side, figure.regions, figure.place[1])
            turned = self.form({cell: -factor for cell, factor in cells.items()}, None)
            assert turned is not None
            self.caps[turned] = int(self.truth[number]) - 1

    def _threshold(self, side: Linear) -> int:
        return max((self.policy.threshold(v) for v, _, _ in side if self.policy.protects(v)), default=0)

    def _secret(self, figure: Figure, number: int, threshold: int) -> None:
        value = self.truth[number]
        sensitive_zero = (
            value == 0
            and self.policy.rules.zeros == "sensitive"
            and figure.place[2] in self.policy.rules.group_disclosure
        )
        if 0 < value < threshold or sensitive_zero:
            self.needs[number] = max(self.needs.get(number, 0), self.policy.required(threshold))

    # --- what is at risk without being a figure -------------------------------------------------------------------------

    def add_tables(self) -> None:
        """Cells that the printed ones give back; tables of one variable that share margins; cells of other publishers."""
        for variable, region, year in sorted(self.blocks.parts):
            if (variable, year) in self.active:
                places = self.blocks.places(variable, region, year)
                for place in dict.fromkeys((*places, region) if len(places) > 1 else places):
                    self._at_risk(variable, (place,) if place in places else places, year)
                for place in places:
                    self._tie(variable, place, year)

    def _at_risk(self, variable: str, places: tuple[str, ...], year: int) -> None:
        threshold = self.policy.threshold(variable)
        for block in self.blocks.of(variable, places[0], year):
            together = self.blocks.alike(block, places)
            atoms = np.sum([one.atoms for one in together], axis=0)
            values = block.lattice.at_risk @ atoms
            free = ~(block.lattice.flagged("open"))
            small = (values > 0) & (values < threshold) & (block.lattice.at_risk @ free > 0)
            wanted = [block.lattice.at_risk[n] for n in np.nonzero(small)[0]]
            wanted += self._withheld(together)
            for row in wanted:
                inside = np.nonzero(row)[0]
                where = np.concatenate([one.first + inside for one in together])
                target = self._raw(where, row[inside].astype(np.int64), len(together))
                self.needs[target] = max(self.needs.get(target, 0), self.policy.required(threshold))

    def _withheld(self, together: list[Block]) -> list[Array]:
        """Cells that the supplier keeps secret, where the printed ones would give them back."""
        found = []
        for block in together:
            risk = {row.tobytes() for row in block.lattice.at_risk}
            rows = [block.lattice.row(key) for key in block.withheld]
            found += [row for row in rows if row.tobytes() in risk]
        return found

    def _raw(self, atoms: np.ndarray, factors: np.ndarray, times: int) -> int:
        """A form over atoms that is no delivered cell; the same atoms are the same form."""
        order = np.argsort(atoms)
        atoms, factors = atoms[order], np.tile(factors, times)[order]
        name = "@" + ",".join(f"{f}*{a}" for a, f in zip(atoms.tolist(), factors.tolist(), strict=True))
        same = self._same().get((atoms.tobytes(), factors.tobytes()))
        if same is not None:
            return same
        if name not in self.numbers:
            self.numbers[name] = len(self.forms)
            self.forms.append(Form(atoms.astype(np.int64), factors, name))
            self.truth.append(Fraction(int(self.start[atoms] @ factors)))
            self._known_atoms[atoms.tobytes(), factors.tobytes()] = self.numbers[name]
        return self.numbers[name]

    def _same(self) -> dict[tuple[bytes, bytes], int]:
        if not hasattr(self, "_known_atoms"):
            self._known_atoms = {(f.atoms.tobytes(), f.factors.tobytes()): n for n, f in enumerate(self.forms)}
        return self._known_atoms

    def _tie(self, variable: str, place: str, year: int) -> None:
        """Tables of one variable agree in what they share: their difference is known to everybody."""
        first, *others = self.blocks.of(variable, place, year)
        for other in others:
            shared = [
                (one, two) for one in first.lattice.axes for two in other.lattice.axes if one.dimension == two.dimension
            ]
            keys: list[Key] = [()]
            for one, two in shared:
                both = [member for member in one.members if member in two.members]
                keys = [(*key, (one.dimension, member)) for key in keys for member in both]
            for key in keys:
                left, right = (np.nonzero(block.lattice.row(key))[0] + block.first for block in (first, other))
                atoms = np.concatenate([left, right])
                factors = np.concatenate([np.ones(len(left)), -np.ones(len(right))]).astype(np.int64)
                self.known.add(self._raw(atoms, factors, 1))

    # --- earlier releases and other publishers --------------------------------------------------------------------------

    def add_known(self, names: Iterable[tuple[str, Fraction | None]]) -> None:
        """Forms that are public already: by name, with the value that was published where it still is the value."""
        for name, value in names:
            number = self._named(name)
            if number is not None and (value is None or self.truth[number] == value * self.scale_of(name)):
                self.known.add(number)

    def add_external(self) -> set[int]:
        """Cells that other publishers print (`known` of the policy): public whatever we do. Returns their numbers."""
        found = set()
        for table in self.policy.rules.known:
            for variable, region, year in sorted(self.blocks.parts):
                if variable != table.variable or (variable, year) not in self.active:
                    continue
                for key in self._table(variable, region, year, table.dimensions):
                    number = self.form({(region, year, variable, key): Fraction(1)})
                    if number is not None:
                        found.add(number)
        self.known |= found
        return found

    def _table(self, variable: str, region: str, year: int, dimensions: list[str]) -> Iterator[str]:
        """Member keys of all cells by some dimensions."""
        block = self.blocks.of(variable, self.blocks.places(variable, region, year)[0], year)[0]
        axes = {axis.dimension: axis.members for axis in block.lattice.axes}
        for chosen in product(*(axes.get(d, (TOTAL,)) for d in dimensions)):
            pairs = dict(zip(dimensions, chosen, strict=True))
            yield member_key((d, pairs[d]) for d in axes if d in pairs)

    def add_frozen(self, names: Iterable[str]) -> None:
        """Forms that an earlier release kept secret."""
        self.frozen |= {number for name in names if (number := self._named(name)) is not None}

    def _named(self, name: str) -> int | None:
        combination = read_name(name)
        touched = any((variable, year) in self.active for _, year, variable, _ in combination)
        return self.form(combination) if touched else None

    @staticmethod
    def scale(combination: Combination) -> int:
        """By what a form is multiplied so that its factors are whole."""
        return lcm(*(factor.denominator for factor in combination.values())) if combination else 1

    @classmethod
    def scale_of(cls, name: str) -> int:
        """The same for a name."""
        return cls.scale(read_name(name))

    def problem(self) -> Problem:
        """Everything together. A form that is known anyway is no target: it is no secret of ours any more."""
        group = np.empty(len(self.start), dtype=np.int64)
        fixed: set[int] = set()
        groups: dict[tuple[str, str, int], int] = {}
        for block in self.blocks.blocks:
            where = (block.lattice.variable, block.place, block.year)
            inside = slice(block.first, block.first + block.lattice.size)
            group[inside] = groups.setdefault(where, len(groups))
            fixed |= set((block.first + np.nonzero(block.fixed)[0]).tolist())
        return Problem(
            self.start.astype(np.int64),
            tuple(self.forms),
            tuple(self.rows),
            tuple(Target(n, int(self.truth[n]), need) for n, need in sorted(self.needs.items())),
            frozenset(self.known),
            frozenset(self.frozen - self.known),
            tuple(Cap(form, slack) for form, slack in sorted(self.caps.items())),
            frozenset(fixed),
            group,
            dear=self.policy.rules.costs.total,
        )
