"""From a computation to its linear problem: which figures tell what, and which counts must stay unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

import numpy as np

from indicators.protection.book_of_tables import BookOfTables
from indicators.protection.figure import Exact, Figure, Place
from indicators.protection.forms import Linear
from indicators.protection.naming import read_name
from indicators.protection.parting import Home, Pieces
from indicators.protection.problem import Cap, Problem, Row, Target
from schemas.shapes import TOTAL, member_key

_FEW = 2
"""Sides of a quotient. A figure that tells more of them than that has parts, or strata."""


@dataclass(kw_only=True)
class Release(BookOfTables):
    """Collects forms, figures and targets; `problem` puts them together. `places`: where the figure of each row stands.

    `home`: the part of the release that this is (see `parting`), None where it is the whole. `rests`: what must stay
    unknown of a remainder that lies in several parts, by the form that answers for it and the size of the remainder.
    """

    home: Home | None = None
    rows: list[Row] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    rests: dict[tuple[int, int], int] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)
    caps: dict[int, int] = field(default_factory=dict)
    pieces: Pieces = field(init=False)
    _thresholds: dict[frozenset[str], int] = field(default_factory=dict)
    _steps: dict[tuple[int, int], Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pieces = Pieces(self.policy, self.home)

    # --- what is published --------------------------------------------------------------------------------------------

    def add(self, figure: Figure) -> None:
        """A figure with a value: what it tells, what must not be told, what everybody knows of it."""
        year = figure.place[1]
        sides: list[int | None]
        if figure.counted or len(figure.sides) <= _FEW:
            sides = [self._side(figure, number) for number in range(len(figure.sides))]
        else:
            sides = [*self.told_parts(self.pieces.of_all(figure.sides, year), figure.regions, year)]
        told = tuple(dict.fromkeys(number for number in sides if number is not None))
        held = list(told)
        if figure.counted:
            for number, side, value in zip(sides, figure.sides, figure.values, strict=True):
                if number is not None:
                    self._secret(figure, number, self._threshold(side))
                    if self.policy.rules.zeros == "published":
                        self._not_zero(figure, number, side, value)
        if figure.share and len(figure.sides) == 2:
            rest = self._rest(figure, sides)
            if rest is not None:
                held.append(rest)
        if (
            figure.limit is not None
            and len(figure.sides) == 2
            and sides[1] is not None
            and figure.values[1] is not None
        ):
            self._cap(sides[1], figure.limit - figure.values[1], self._step(figure.sides[1], year))
        if not held:
            return
        if figure.shown:
            self.places.append(figure.place)
            size = abs(int(self.truth[held[0]]))  # of two figures alike the smaller one is given up first
            self.rows.append(
                Row(told, tuple(held) if len(held) > len(told) else told, figure.cost * (1 + math.log1p(size) / 100))
            )

    def _side(self, figure: Figure, number: int) -> int | None:
        piece = self.pieces.of(figure.sides[number], figure.place[1])
        if piece is None:
            return None
        value = figure.values[number] if piece.whole else None
        return self.told(piece.side, figure.regions, figure.place[1], value)

    def _step(self, side: Linear, year: int) -> Fraction:
        """By how much a side rises when the form that this part has of it rises by one."""
        which = (id(side), year)
        if which not in self._steps:
            piece = self.pieces.of(side, year)
            assert piece is not None
            self._steps[which] = piece.factor / self.patterns.of(piece.side).scale
        return self._steps[which]

    def _cap(self, form: int, slack: Exact, step: Fraction) -> None:
        """The side of which a form is a piece rises by so much at most, as everybody knows."""
        most = math.floor(slack / step)
        self.caps[form] = min(most, self.caps.get(form, most))

    def _rest(self, figure: Figure, sides: list[int | None]) -> int | None:
        """The complement of a share: a count of persons, and never below zero."""
        year = figure.place[1]
        numerator, denominator = figure.values
        assert numerator is not None
        assert denominator is not None
        if not all(self.pieces.all_here(side, year) for side in figure.sides):
            self._rest_of_parts(figure, sides, denominator - numerator)
            return None
        left, turned = self.patterns.rest(*figure.sides)
        number = self.told(left, figure.regions, year, denominator - numerator)
        if number is None:
            return None
        if self.truth[number] >= 0:
            threshold = max(self._threshold(side) for side in figure.sides)
            self._secret(figure, number, threshold)
            below = self.opposite(number, turned, figure.regions, year, numerator - denominator)
            self.caps[below] = int(denominator - numerator)
        return number

    def _rest_of_parts(self, figure: Figure, sides: list[int | None], rest: Exact) -> None:
        """A complement with pieces in several parts. With all others as they are the numerator rises by no more than the
        rest, the denominator falls by no more. A small rest is kept by one part alone: as far as its form can move, the
        rest is unknown."""
        if rest < 0:
            return
        year = figure.place[1]
        left, _ = self.patterns.rest(*figure.sides)
        whole = rest * self.patterns.of(left).scale
        threshold = max(self._threshold(side) for side in figure.sides)
        need = self.policy.required(threshold)
        bearer = self._bearer(figure, need)
        for number, side in enumerate(figure.sides):
            form = sides[number]
            if form is None:
                continue
            step = self._step(side, year)
            below = self._turned(form, side, figure)
            self._cap(form if number == 0 else below, rest, step)
            if number == bearer and 0 < whole < threshold and self.pieces.bears(side, year):
                which = (below if number == 0 else form, int(whole))
                self.rests[which] = max(self.rests.get(which, 0), need)

    def _bearer(self, figure: Figure, need: int) -> int:
        """Which side keeps a small rest: the numerator where it is large enough to fall, else the denominator."""
        numerator, denominator = figure.sides
        if not self.pieces.protected(denominator):
            return 0
        value = figure.values[0]
        return 0 if self.pieces.protected(numerator) and value is not None and value >= 2 * need else 1

    def _turned(self, form: int, side: Linear, figure: Figure) -> int:
        piece = self.pieces.of(side, figure.place[1])
        assert piece is not None
        return self.opposite(form, self.patterns.turned(piece.side), figure.regions, figure.place[1])

    def _not_zero(self, figure: Figure, number: int, side: Linear, value: Exact | None) -> None:
        """Every zero is printed: it is known, and every other blank is at least one."""
        step = self._step(side, figure.place[1])
        total = self.truth[number] * step if value is None else value
        if total == 0:
            self.known.add(number)
        elif total > 0:
            least = Fraction(1, self.patterns.of(side).scale)
            self._cap(self._turned(number, side, figure), total - least, step)

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
        if self.home is not None and any(
            (variable, year) not in self.home and self.policy.protects(variable)
            for _, year, variable, _ in combination
            if variable in self.policy.framework.variables
        ):
            return None  # its pieces are told, too, by names of their own
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
            (
                *(Target(n, int(self.truth[n]), need) for n, need in sorted(self.needs.items())),
                *(Target(n, rest, need) for (n, rest), need in sorted(self.rests.items())),
            ),
            frozenset(self.known),
            frozenset(self.frozen - self.known),
            tuple(Cap(form, slack) for form, slack in sorted(self.caps.items())),
            frozenset(fixed),
            group,
            dear=self.policy.rules.costs.total,
        )
