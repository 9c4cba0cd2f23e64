"""Sums that a delivery must keep, as equations over its cells.

Two kinds of sums are known: what the dimensions say (a total, or a delivered aggregate, is the sum of its leaves) and
the rules of the framework with `=`. Both become linear equations over delivered cells; an aggregate that was not
delivered is replaced by its leaves, as `schemas.sql.completion` does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial
from itertools import product

import numpy as np

from intake.cause_parts import Parts, dynamic_members, linear_rules, members_of, present, slot_lookups
from intake.equations import Block, Equation, Equations, Numbers, Stock, Values
from intake.kept import Kept
from intake.linear import Linear
from intake.rule_plans import Dynamic, plan_of, summed_members, with_seen
from intake.rules import CellKey, RuleInput
from schemas.framework_model import Framework
from schemas.plan import Lookup
from schemas.remembered import remembered
from schemas.shapes import TOTAL

_POINTS_KEPT = 1 << 9
"""Answers kept: one for each rule, and for each set of sub-areas where a rule adds these up."""
_MOST_STATED = 1 << 12
"""Answers kept: a few hundred for each form, and some more for whatever a delivery leaves out."""
_MOST_CELLS = 1 << 17
_MOST_SAME = 1 << 7
"""Sets of equations kept: one for each region with sub-areas of its own, and for what else makes deliveries differ."""

LinearPoint = tuple[list[tuple[Lookup, Decimal]], Decimal]
"""Lookups with their factors, and the tolerance."""


@dataclass
class _Stated:
    """Equations by what they follow from. `seen`: numbers for the cells of a variable that have a value, and for those that
    have none."""

    stock: Stock = field(default_factory=Stock)
    seen: Numbers[Hashable] = field(default_factory=Numbers)
    blocks: Kept[Hashable, Block] = field(default_factory=lambda: Kept(_MOST_STATED))

    @property
    def full(self) -> bool:
        """Are there more numbers than are worth keeping?"""
        return len(self.stock.numbers) > _MOST_CELLS or len(self.seen) > _MOST_STATED

    def block(self, key: Hashable, work: Callable[[], Iterable[Equation]]) -> Block:
        """The equations of more than one cell that `work` finds, from the first time on."""
        found = self.blocks.get(key)
        if found is None:
            several = (equation for equation in work() if len(equation.cells) > 1)
            found = self.blocks[key] = self.stock.block(several)
        return found


@dataclass
class _Shared:
    """What follows from a framework, for whatever deliveries: worked out once for all checks. `looks`: the same as `same`,
    by where the cells of a form stand."""

    parts: Kept[CellKey, list[Parts]] = field(default_factory=lambda: Kept(_MOST_CELLS))
    expansions: Kept[CellKey, Parts] = field(default_factory=lambda: Kept(_MOST_CELLS))
    slacks: dict[str, Decimal] = field(default_factory=dict)
    stated: _Stated = field(default_factory=_Stated)
    same: Kept[Hashable, Equations] = field(default_factory=lambda: Kept(_MOST_SAME))
    looks: Kept[Hashable, Equations] = field(default_factory=lambda: Kept(_MOST_SAME))


@dataclass
class Sums:
    """Equations of deliveries. One object per check; what follows from the framework alone is shared by all checks."""

    framework: Framework
    dynamic: Dynamic
    _members: dict[str, Hashable] = field(default_factory=dict)
    _years: dict[int, tuple[str, ...]] = field(default_factory=dict)
    _dynamic_sums: dict[int, Hashable] = field(default_factory=dict)

    @cached_property
    def _shared(self) -> _Shared:
        return remembered(self.framework, _Shared, "equations")

    @classmethod
    def for_items(cls, framework: Framework, items: Iterable[RuleInput]) -> Sums:
        """For these deliveries, or others with the same members of dynamic dimensions."""
        linear = remembered(framework, partial(linear_rules, framework), "linear rules")
        return cls(framework, with_seen(framework, dynamic_members(framework, items), linear))

    def of(self, item: RuleInput, values: Values) -> Equations:
        """All equations whose cells were delivered; an equation that rules and dimensions both state, once, as rule.

        They follow from which cells have a value, not from the values: many deliveries of the same form share them all.
        """
        if item.year not in self._dynamic_sums:
            self._dynamic_sums[item.year] = tuple((owner, self._counted(owner)) for owner in self._tried(item.year))
        dynamic, said = self._dynamic_sums[item.year], item.said
        if not said.each_once:
            return self._same(item, values, dynamic)
        places = tuple(stretch.places for stretch in said.stretches)
        looks, known = (dynamic, places, np.isnan(said.numbers).tobytes()), self._shared.looks
        found = known.get(looks)
        if found is None:
            found = known[looks] = self._same(item, values, dynamic)
        return found

    def _same(self, item: RuleInput, values: Values, dynamic: Hashable) -> Equations:
        """The same by what the cells are, wherever they stand."""
        unknown = frozenset(cell for cell, value in zip(item.cells, item.said.values, strict=True) if value is None)
        order = tuple(values)
        same, known = (dynamic, unknown, order), self._shared.same
        found = known.get(same)
        if found is None:
            found = known[same] = Equations(order, *self._stated(item, values, unknown))
        return found

    def _tried(self, year: int) -> tuple[str, ...]:
        """Linear rules that are tried on a reporting year."""
        if year not in self._years:
            self._years[year] = tuple(owner for owner in self._owners if self.framework.rules[owner].tried_in(year))
        return self._years[year]

    def _stated(self, item: RuleInput, values: Values, unknown: Collection[CellKey]) -> tuple[Block, Stock]:
        """The same; what follows from which cells of a variable have a value is shared by most deliveries."""
        delivered: dict[str, list[CellKey]] = {}
        for cell in values:
            delivered.setdefault(cell[0], []).append(cell)
        without: dict[str, list[CellKey]] = {}
        for cell in unknown:
            without.setdefault(cell[0], []).append(cell)
        if self._shared.stated.full:
            self._shared.stated = _Stated()
        stated = self._shared.stated
        seen = {
            variable: stated.seen[tuple(delivered.get(variable, ())), frozenset(without.get(variable, ()))]
            for variable in (*delivered, *without)
        }
        found = []
        for owner in self._tried(item.year):
            key = (owner, self._counted(owner), *(seen.get(variable) for variable in self._owners[owner]))
            found.append(stated.block(key, partial(self._of_rule, owner, values, unknown)))
        for variable, own in delivered.items():
            found.append(stated.block((variable, seen[variable]), partial(self._of_dimensions, own, values, unknown)))
        return stated.stock.joined(found), stated.stock

    # --- dimensions ---------------------------------------------------------------------------------------------------

    def _of_dimensions(
        self, own: Iterable[CellKey], values: Values, unknown: Collection[CellKey]
    ) -> Iterator[Equation]:
        """Equations of the cells of one variable."""
        shared = self._shared
        for whole in own:
            made = shared.parts.get(whole)
            if made is None:
                made = shared.parts[whole] = list(self._parts_of(*whole))
                shared.slacks.setdefault(whole[0], self._slack(whole[0]))
            for dimension, parts in made:
                cells = present(parts, values, unknown)
                if cells:
                    slack = shared.slacks[whole[0]] * (len(cells) + 1)
                    yield Equation(((whole, _ONE), *((cell, -_ONE) for cell in cells)), slack, "", dimension, whole)

    def _parts_of(self, variable: str, key: str) -> Iterator[Parts]:
        """Per dimension the leaves of a cell that is a total or an aggregate there."""
        named = members_of(key)
        dimensions = self.framework.variable_dimensions(variable)
        texts = [f"{dimension}={named[dimension]}" if dimension in named else "" for dimension in dimensions]
        for place, dimension in enumerate(dimensions):
            entry = self.framework.dimensions[dimension]
            if entry.dynamic:
                continue
            scheme = entry.scheme(self.framework.variables[variable].schemes.get(dimension))
            cells = []
            for leaf in scheme.aggregates.get(named.get(dimension, TOTAL), ()):
                part = ",".join(filter(None, (*texts[:place], f"{dimension}={leaf}", *texts[place + 1 :])))
                cells.append(((variable, part), entry.is_residual(leaf)))
            if cells:
                yield Parts(dimension, tuple(cells))

    def _slack(self, variable: str) -> Decimal:
        """Rounding of one cell: by the source, by an annual mean, by the decimals of a weighted value."""
        entry = self.framework.variables[variable]
        mean = 1 if self.framework.periods[entry.period].annual_mean else 0
        own = Decimal(0) if self.framework.is_integer(variable) else Decimal("0.5") / 10**entry.decimals
        return self.framework.sources[entry.source].rounding // 2 + mean + own

    # --- rules --------------------------------------------------------------------------------------------------------

    @cached_property
    def _points(self) -> Mapping[str, list[LinearPoint]]:
        """Every point of every linear rule, by rule."""
        linear = remembered(self.framework, partial(linear_rules, self.framework), "linear rules")
        return {code: own for code, factors in linear.items() if (own := self._points_of(code, factors))}

    def _points_of(self, code: str, factors: Linear) -> list[LinearPoint]:
        """The points of a rule that looks at no other year."""

        def made() -> list[LinearPoint]:
            plan, allowed = plan_of(self.framework, self.dynamic, [code])
            found = [
                ([(look, factor) for slot, factor in factors.items() for look in slot_lookups(point, slot)], slack)
                for point, slack in zip(plan.points, allowed, strict=True)
            ]
            return [(looks, slack) for looks, slack in found if all(look.lag == 0 for look, _ in looks)]

        return remembered(self.framework, made, "points of a linear rule", code, self._summed(code), most=_POINTS_KEPT)

    def _summed(self, code: str) -> Hashable:
        """The members of dynamic dimensions that a rule adds up."""
        if code not in self._members:
            self._members[code] = summed_members(self.framework, self.dynamic, code)
        return self._members[code]

    def _counted(self, code: str) -> Hashable:
        """What of these members makes the equations of a rule others, beside the cells that were delivered: what others
        deliver counts as 0 in a sum, but may count for the tolerance."""
        return self._summed(code) if isinstance(self.framework.rules[code].tolerance, str) else ()

    @cached_property
    def _owners(self) -> Mapping[str, tuple[str, ...]]:
        """The variables of every linear rule."""
        return {owner: self._variables(owner, points) for owner, points in self._points.items()}

    def _variables(self, owner: str, points: Sequence[LinearPoint]) -> tuple[str, ...]:
        def made() -> tuple[str, ...]:
            return tuple(sorted({look.variable for looks, _ in points for look, _ in looks}))

        return remembered(
            self.framework, made, "variables of a linear rule", owner, self._summed(owner), most=_POINTS_KEPT
        )

    def _of_rule(self, owner: str, values: Values, unknown: Collection[CellKey]) -> Iterator[Equation]:
        for looks, slack in self._points[owner]:
            cells: dict[CellKey, Decimal] = {}
            for look, factor in looks:
                found = self.resolve(look, values, unknown)
                if found is None:
                    break
                for cell in found:
                    cells[cell] = cells.get(cell, _NONE) + factor
            else:
                kept = tuple((cell, factor) for cell, factor in cells.items() if factor)
                if kept:
                    yield Equation(kept, slack, owner, "", kept[0][0])

    def resolve(
        self, look: Lookup, values: Mapping[CellKey, object], unknown: Collection[CellKey] = ()
    ) -> list[CellKey] | None:
        """Delivered cells that make up a looked-up cell: itself, else the leaves of its aggregates; None if one lacks."""
        cell = (look.variable, look.key)
        if cell in values:
            return [cell]
        if cell in unknown:
            return None
        made = self._shared.expansions.get(cell)
        if made is None:
            made = self._shared.expansions[cell] = Parts("", tuple(self._expanded(cell)))
        return present(made.cells, values, unknown) or ([] if look.zero else None)

    def _expanded(self, cell: CellKey) -> Iterator[tuple[CellKey, bool]]:
        variable, key = cell
        named = members_of(key)
        choices: list[list[tuple[str, bool]]] = []
        for dimension in self.framework.variable_dimensions(variable):
            member, entry = named.get(dimension, TOTAL), self.framework.dimensions[dimension]
            leaves = None if entry.dynamic else self.framework.scheme(variable, dimension).aggregates.get(member)
            choices.append(
                [
                    (f"{dimension}={leaf}" if leaf != TOTAL else "", entry.is_residual(leaf))
                    for leaf in (leaves or [member])
                ]
            )
        for members in product(*choices):
            part = (variable, ",".join(text for text, _ in members if text))
            if part != cell:
                yield part, any(residual for _, residual in members)


_ONE, _NONE = Decimal(1), Decimal(0)
