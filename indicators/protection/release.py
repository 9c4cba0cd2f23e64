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
from indicators.protection.layout import Rest, Side, Spoken
from indicators.protection.naming import read_name
from indicators.protection.parting import Home
from indicators.protection.policy import Policy
from indicators.protection.problem import Cap, Problem, Row, Target
from schemas.shapes import TOTAL, member_key

_FEW = 2
"""Sides of a quotient. A figure that tells more of them than that has parts, or strata."""


@dataclass(kw_only=True)
class Release(BookOfTables):
    """Collects forms, figures and targets; `problem` puts them together. `places`: where the figure of each row stands.

    `rests`: what must stay unknown of a remainder that lies in several parts, by the form that answers for it and the size
    of the remainder.
    """

    rows: list[Row] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    rests: dict[tuple[int, int], int] = field(default_factory=dict)
    frozen: set[int] = field(default_factory=set)
    caps: dict[int, int] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        """The rules of the release."""
        return self.layout.policy

    # --- what is published --------------------------------------------------------------------------------------------

    def add(self, figure: Figure) -> None:
        """A figure with a value: what it tells, what must not be told, what everybody knows of it."""
        year, values = figure.place[1] - self.shift, figure.values
        sides: list[int | None]
        if figure.counted or len(figure.sides) <= _FEW:
            spoken = self.layout.spoken(figure.sides, figure.regions, year)
            sides = [
                None if one.form is None else self.number(one.form, value if one.whole else None)
                for one, value in zip(spoken, values, strict=True)
            ]
        else:
            spoken = ()
            sides = [self.number(one) for one in self.layout.told_parts(figure.sides, figure.regions, year)]
        told = tuple(dict.fromkeys(number for number in sides if number is not None))
        held = told
        if figure.counted:
            for n, number in enumerate(sides):
                if number is not None:
                    self._secret(figure, number, spoken[n].threshold)
                    if self.policy.rules.zeros == "published":
                        self._not_zero(figure, n, number, spoken[n])
        if figure.share and len(figure.sides) == 2:
            rest = self._rest(figure, sides, spoken)
            if rest is not None:
                held = (*told, rest)
        if figure.limit is not None and len(figure.sides) == 2 and sides[1] is not None and values[1] is not None:
            self._cap(sides[1], figure.limit - values[1], spoken[1].step)
        if held and figure.shown:
            self.places.append(figure.place)
            size = abs(int(self.truth[held[0]]))  # of two figures alike the smaller one is given up first
            self.rows.append(Row(told, held, figure.cost * (1 + math.log1p(size) / 100)))

    def _cap(self, form: int, slack: Exact, step: Fraction) -> None:
        """The side of which a form is a piece rises by so much at most, as everybody knows."""
        most = math.floor(slack / step)
        self.caps[form] = min(most, self.caps.get(form, most))

    def _rest(self, figure: Figure, sides: list[int | None], spoken: Spoken) -> int | None:
        """The complement of a share: a count of persons, and never below zero."""
        numerator, denominator = figure.values
        assert numerator is not None
        assert denominator is not None
        rest = self.layout.rest(figure.sides, figure.regions, figure.place[1] - self.shift)
        if rest.turned:
            self._rest_of_parts(figure, sides, spoken, rest)
            return None
        if rest.form is None or rest.below is None:
            return None
        number = self.number(rest.form, denominator - numerator)
        if self.truth[number] >= 0:
            self._secret(figure, number, max(spoken[0].threshold, spoken[1].threshold))
            below = self.number(rest.below, numerator - denominator)
            self.caps[below] = int(denominator - numerator)
        return number

    def _rest_of_parts(self, figure: Figure, sides: list[int | None], spoken: Spoken, rest: Rest) -> None:
        """A complement with pieces in several parts. With all others as they are the numerator rises by no more than the
        rest, the denominator falls by no more. A small rest is kept by one part alone: as far as its form can move, the
        rest is unknown."""
        numerator, denominator = figure.values
        assert numerator is not None
        assert denominator is not None
        left = denominator - numerator
        if left < 0:
            return
        whole = left * rest.scale
        threshold = max(side.threshold for side in spoken)
        need = self.policy.required(threshold)
        bearer = self._bearer(numerator, spoken, need)
        for n, (form, side, turned) in enumerate(zip(sides, spoken, rest.turned, strict=True)):
            if form is None or turned is None:
                continue
            below = self.number(turned)
            self._cap(form if n == 0 else below, left, side.step)
            if n == bearer and 0 < whole < threshold and side.bears:
                which = (below if n == 0 else form, int(whole))
                self.rests[which] = max(self.rests.get(which, 0), need)

    def _bearer(self, numerator: Exact, spoken: Spoken, need: int) -> int:
        """Which side keeps a small rest: the numerator where it is large enough to fall, else the denominator."""
        if not spoken[1].protected:
            return 0
        return 0 if spoken[0].protected and numerator >= 2 * need else 1

    def _not_zero(self, figure: Figure, n: int, number: int, side: Side) -> None:
        """Every zero is printed: it is known, and every other blank is at least one."""
        value = figure.values[n]
        total = self.truth[number] * side.step if value is None else value
        if total == 0:
            self.known.add(number)
        elif total > 0:
            turned = self.layout.turned(figure.sides[n], figure.regions, figure.place[1] - self.shift)
            assert turned is not None
            least = Fraction(1, self.layout.patterns.of(figure.sides[n]).scale)
            self._cap(self.number(turned), total - least, side.step)

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
        found = self.named(name)
        if found is not None:
            return found
        combination, home = read_name(name), self.home
        if home is not None and any(
            (variable, year) not in home and self.policy.protects(variable)
            for _, year, variable, _ in combination
            if variable in self.policy.framework.variables
        ):
            return None  # its pieces are told, too, by names of their own
        touched = any((variable, year) in self.active for _, year, variable, _ in combination)
        return self.form(combination) if touched else None

    @property
    def home(self) -> Home | None:
        """The part of the release that this is (see `parting`), None where it is the whole."""
        return self.layout.home and frozenset((v, year + self.shift) for v, year in self.layout.home)

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
