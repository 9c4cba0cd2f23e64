"""From a computation to its linear problem: which figures tell what, and which counts must stay unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

import numpy as np

from indicators.protection.blocks import Block
from indicators.protection.book import Book
from indicators.protection.figure import Exact, Figure, Place
from indicators.protection.forms import Linear
from indicators.protection.lattice import Array, Key
from indicators.protection.naming import read_name
from indicators.protection.policy import Policy
from indicators.protection.problem import Cap, Problem, Row, Target
from schemas.shapes import TOTAL, member_key

_FEW = 2
"""Sides of a quotient. A figure that tells more of them than that has parts, or strata."""


@dataclass(kw_only=True)
class Release(Book):
    """Collects forms, figures and targets; `problem` puts them together. `places`: where the figure of each row stands."""

    policy: Policy
    active: set[tuple[str, int]]
    rows: list[Row] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    needs: dict[int, int] = field(default_factory=dict)
    known: set[int] = field(default_factory=set)
    frozen: set[int] = field(default_factory=set)
    caps: dict[int, int] = field(default_factory=dict)
    _thresholds: dict[frozenset[str], int] = field(default_factory=dict)

    # --- what is published --------------------------------------------------------------------------------------------

    def add(self, figure: Figure) -> None:
        """A figure with a value: what it tells, what must not be told, what everybody knows of it."""
        sides: list[int | None]
        if figure.counted or len(figure.sides) <= _FEW:
            sides = [self._side(figure, number) for number in range(len(figure.sides))]
        else:
            sides = [*self.told_parts(figure.sides, figure.regions, figure.place[1])]
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
        if figure.limit is not None and len(figure.sides) == 2 and sides[1] is not None:
            slack = figure.limit - int(self.truth[sides[1]])
            self.caps[sides[1]] = min(slack, self.caps.get(sides[1], slack))
        if not held:
            return
        if figure.shown:
            self.places.append(figure.place)
            size = abs(int(self.truth[held[0]]))  # of two figures alike the smaller one is given up first
            self.rows.append(
                Row(told, tuple(held) if len(held) > len(told) else told, figure.cost * (1 + math.log1p(size) / 100))
            )

    def _side(self, figure: Figure, number: int) -> int | None:
        return self.told(figure.sides[number], figure.regions, figure.place[1], figure.values[number])

    def _rest(self, figure: Figure) -> int | None:
        """The complement of a share: a count of persons, and never below zero."""
        left, turned = self.patterns.rest(*figure.sides)
        numerator, denominator = figure.values
        assert numerator is not None
        assert denominator is not None
        number = self.told(left, figure.regions, figure.place[1], denominator - numerator)
        if number is None:
            return None
        if self.truth[number] >= 0:
            threshold = max(self._threshold(side) for side in figure.sides)
            self._secret(figure, number, threshold)
            below = self.opposite(number, turned, figure.regions, figure.place[1], numerator - denominator)
            self.caps[below] = int(denominator - numerator)
        return number

    def _not_zero(self, figure: Figure, number: int, side: Linear) -> None:
        """Every zero is printed: it is known, and every other blank is at least one."""
        if self.truth[number] == 0:
            self.known.add(number)
        elif self.truth[number] > 0:
            below = self.opposite(number, self.patterns.turned(side), figure.regions, figure.place[1])
            self.caps[below] = int(self.truth[number]) - 1

    def _threshold(self, side: Linear) -> int:
        variables = self.patterns.of(side).variables
        if variables not in self._thresholds:
            own = (self.policy.threshold(variable) for variable in variables if self.policy.protects(variable))
            self._thresholds[variables] = max(own, default=0)
        return self._thresholds[variables]

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
            small = (values > 0) & (values < threshold)
            if len(together) > 1 and block.delivered is not None:
                printed = block.lattice.at_risk @ block.delivered
                small |= (printed > 0) & (printed < threshold)
            small &= block.lattice.at_risk @ free > 0
            wanted = [block.lattice.at_risk[n] for n in np.nonzero(small)[0]]
            wanted += self._withheld(together)
            for row in wanted:
                inside = np.nonzero(row)[0]
                where = np.concatenate([one.first + inside for one in together])
                target = self.raw(where, row[inside].astype(np.int64), len(together))
                self.needs[target] = max(self.needs.get(target, 0), self.policy.required(threshold))

    def _withheld(self, together: list[Block]) -> list[Array]:
        """Cells that the supplier keeps secret, where the printed ones would give them back."""
        found = []
        for block in together:
            risk = {row.tobytes() for row in block.lattice.at_risk}
            rows = [block.lattice.row(key) for key in block.withheld]
            found += [row for row in rows if row.tobytes() in risk]
        return found

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
                self.known.add(self.raw(atoms, factors, 1))

    # --- earlier releases and other publishers --------------------------------------------------------------------------

    def add_known(self, names: Iterable[tuple[str, Exact | None]]) -> None:
        """Forms that are public already: by name, with the value that was published where it still is the value."""
        for name, value in names:
            number = self._named(name)
            if number is not None and (value is None or self.truth[number] == value * self.scales[number]):
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
        if name in self.numbers:
            return self.numbers[name]
        combination = read_name(name)
        touched = any((variable, year) in self.active for _, year, variable, _ in combination)
        return self.form(combination) if touched else None

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
