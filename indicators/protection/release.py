"""From a computation to its linear problem: which figures tell what, and which counts must stay unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

import numpy as np

from indicators.protection.book_of_tables import BookOfTables
from indicators.protection.figure import Exact, Figure, Place
from indicators.protection.layout import Side, Spoken
from indicators.protection.naming import read_name
from indicators.protection.parting import Home
from indicators.protection.policy import Policy
from indicators.protection.problem import Cap, Problem, Row, Target
from indicators.protection.telling import BELOW, QUOTIENT, TURNED, ZERO, Said, Telling, Tellings
from schemas.shapes import TOTAL, member_key


@dataclass(kw_only=True)
class Release(BookOfTables):
    """Collects forms, figures and targets; `problem` puts them together. `places`: where the figure of each row stands.

    `rests`: what must stay unknown of a remainder that lies in several parts, by the form that answers for it and the size
    of the remainder.
    """

    tellings: Tellings
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

    def add(self, figures: Sequence[Figure]) -> None:
        """Figures with a value, before anything else: what they tell, what must not be told, what everybody knows of them."""
        if not figures:
            return
        told = [self.tellings.of(figure, figure.place[1] - self.shift) for figure in figures]
        said = Said(self.tellings, figures, told, self.start)
        self.begin(said.forms, said.truths)
        self._secrets(said, figures)
        self._zeros(said, told)
        for n in said.of((said.kind == BELOW) & (said.number >= 0)):
            self._cap(said.number.item(n), int(said.left.item(n)), Fraction(1))
        self._rest_of_parts(said, figures, told)
        own, truth = self._own, self.truth
        for figure, telling in zip(figures, told, strict=True):
            if figure.limit is not None and len(figure.sides) == QUOTIENT:
                self._limit(figure.limit, figure.values[1], telling.spoken[1])
            if not figure.shown:
                continue
            held = tellers = tuple([own[n] for n in telling.told])
            if telling.rest is not None:
                held = (*tellers, own[telling.rest])
            if held:
                self.places.append(figure.place)
                size = abs(int(truth[held[0]]))  # of two figures alike the smaller one is given up first
                self.rows.append(Row(tellers, held, figure.cost * (1 + math.log1p(size) / 100)))

    def _cap(self, form: int, slack: Exact, step: Fraction) -> None:
        """The side of which a form is a piece rises by so much at most, as everybody knows."""
        most = slack * step.denominator // step.numerator
        self.caps[form] = min(most, self.caps.get(form, most))

    def _limit(self, limit: int, denominator: Exact | None, side: Side) -> None:
        """A hidden figure whose sign says how large its denominator is at most."""
        if side.form is not None and denominator is not None:
            self._cap(self.number(side.form), limit - denominator, side.step)

    def _secrets(self, said: Said, figures: Sequence[Figure]) -> None:
        """Small sides and remainders, all counts of persons."""
        spoken = (said.threshold >= 0) & (said.number >= 0)
        small = spoken & (said.truth > 0) & (said.truth < said.threshold)
        if self.policy.rules.zeros == "sensitive":
            sensitive = [figure.place[2] in self.policy.rules.group_disclosure for figure in figures]
            small |= spoken & (said.truth == 0) & np.array(sensitive)[said.figure]
        for n in said.of(small):
            number, need = said.number.item(n), self.policy.required(said.threshold.item(n))
            self.needs[number] = max(self.needs.get(number, 0), need)

    def _zeros(self, said: Said, told: Sequence[Telling]) -> None:
        """Every zero is printed: it is known, and every other blank is at least one."""
        for n in said.of(said.kind == ZERO):
            telling, side = told[said.figure.item(n)], said.side.item(n)
            form, step = telling.spoken[side].form, telling.spoken[side].step
            assert form is not None
            total = said.own.item(n) if said.there[n] else self.truth[self.number(form)] * step
            if total == 0:
                self.known.add(self.number(form))
            elif total > 0:
                least = Fraction(1, self.layout.patterns.of(telling.sides[side]).scale)
                self._cap(said.number.item(n), total - least, step)

    def _rest_of_parts(self, said: Said, figures: Sequence[Figure], told: Sequence[Telling]) -> None:
        """A complement with pieces in several parts. With all others as they are the numerator rises by no more than the
        rest, the denominator falls by no more. A small rest is kept by one part alone: as far as its form can move, the
        rest is unknown."""
        for n in said.of((said.kind == TURNED) & (said.number >= 0)):
            number, side, below, left = said.figure.item(n), said.side.item(n), said.number.item(n), said.left.item(n)
            telling = told[number]
            one, whole = telling.spoken[side], left * telling.scale
            assert one.form is not None
            form = self.number(one.form)
            self._cap(below if side else form, left, one.step)
            threshold = max(other.threshold for other in telling.spoken)
            if 0 < whole < threshold and one.bears:
                need, numerator = self.policy.required(threshold), figures[number].values[0]
                assert numerator is not None
                if side == self._bearer(numerator, telling.spoken, need):
                    which = (form if side else below, int(whole))
                    self.rests[which] = max(self.rests.get(which, 0), need)

    def _bearer(self, numerator: Exact, spoken: Spoken, need: int) -> int:
        """Which side keeps a small rest: the numerator where it is large enough to fall, else the denominator."""
        if not spoken[1].protected:
            return 0
        return 0 if spoken[0].protected and numerator >= 2 * need else 1

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
