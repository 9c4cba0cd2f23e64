"""Sums that a delivery must keep, as equations over its cells.

Two kinds of sums are known: what the dimensions say (a total, or a delivered aggregate, is the sum of its leaves) and
the rules of the framework with `=`. Both become linear equations over delivered cells; an aggregate that was not
delivered is replaced by its leaves, as `schemas.sql.completion` does.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import NamedTuple

from intake.equations import Equation, Equations, Values
from intake.rules import CellKey, RuleInput, tolerance
from schemas.formula import Expression, Number, Operation, SumOver, Term
from schemas.framework_model import Framework
from schemas.plan import Lookup, Point, rule_plan
from schemas.remembered import remembered
from schemas.shapes import TOTAL, member_key

Linear = dict[int, Decimal]
_KEPT = 8
"""Answers kept: one for each set of sub-areas that deliveries of a batch name."""


Named = tuple[frozenset[CellKey], Equation]


class Parts(NamedTuple):
    """Cells that make up another one; those that collect what could not be assigned may be absent."""

    dimension: str
    cells: tuple[tuple[CellKey, bool], ...]


@dataclass
class Sums:
    """Equations of deliveries. One object per check: what follows from the framework is worked out once for all."""

    framework: Framework
    dynamic: Mapping[str, frozenset[str]]
    _parts: dict[CellKey, list[Parts]] = field(default_factory=dict)
    _expansions: dict[CellKey, Parts] = field(default_factory=dict)
    _slacks: dict[str, Decimal] = field(default_factory=dict)
    _known: dict[Hashable, list[Named]] = field(default_factory=dict)
    _same: dict[Hashable, Equations] = field(default_factory=dict)
    _years: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def for_items(cls, framework: Framework, items: Iterable[RuleInput]) -> Sums:
        """For these deliveries, or others with the same members of dynamic dimensions."""
        return cls(framework, dynamic_members(framework, items))

    def of(self, item: RuleInput, values: Values) -> Equations:
        """All equations whose cells were delivered; an equation that rules and dimensions both state, once, as rule.

        They follow from which cells have a value, not from the values: many deliveries of the same form share them all.
        """
        unknown = frozenset(c for c, o in zip(item.cells, item.observations, strict=True) if o.value is None)
        order = tuple(values)
        same = (self._tried(item.year), unknown, order)
        if same not in self._same:
            self._same[same] = Equations(order, self._stated(item, values, unknown))
        return self._same[same]

    def _tried(self, year: int) -> tuple[str, ...]:
        """Linear rules that are tried on a reporting year."""
        if year not in self._years:
            self._years[year] = tuple(owner for owner in self._owners if self.framework.rules[owner].tried_in(year))
        return self._years[year]

    def _stated(self, item: RuleInput, values: Values, unknown: Collection[CellKey]) -> list[Equation]:
        """The same one by one; what follows from which cells of a variable have a value is shared by most deliveries."""
        found: dict[frozenset[CellKey], Equation] = {}
        delivered: dict[str, list[CellKey]] = {}
        for cell in values:
            delivered.setdefault(cell[0], []).append(cell)
        without: dict[str, list[CellKey]] = {}
        for cell in unknown:
            without.setdefault(cell[0], []).append(cell)
        seen = {
            variable: (tuple(delivered.get(variable, ())), frozenset(without.get(variable, ())))
            for variable in (*delivered, *without)
        }
        for owner in self._tried(item.year):
            key: Hashable = (owner, *(seen.get(variable) for variable in self._owners[owner]))
            if key not in self._known:
                self._known[key] = _named(self._of_rule(owner, values, unknown))
            for cells, equation in self._known[key]:
                found.setdefault(cells, equation)
        for variable, own in delivered.items():
            key = (variable, *seen[variable])
            if key not in self._known:
                self._known[key] = _named(self._of_dimensions(own, values, unknown))
            for cells, equation in self._known[key]:
                found.setdefault(cells, equation)
        return list(found.values())

    # --- dimensions ---------------------------------------------------------------------------------------------------

    def _of_dimensions(
        self, own: Iterable[CellKey], values: Values, unknown: Collection[CellKey]
    ) -> Iterator[Equation]:
        """Equations of the cells of one variable."""
        for whole in own:
            if whole not in self._parts:
                self._parts[whole] = list(self._parts_of(*whole))
                self._slacks.setdefault(whole[0], self._slack(whole[0]))
            for dimension, parts in self._parts[whole]:
                cells = _present(parts, values, unknown)
                if cells:
                    slack = self._slacks[whole[0]] * (len(cells) + 1)
                    yield Equation(((whole, _ONE), *((cell, -_ONE) for cell in cells)), slack, "", dimension, whole)

    def _parts_of(self, variable: str, key: str) -> Iterator[Parts]:
        """Per dimension the leaves of a cell that is a total or an aggregate there."""
        named = members_of(key)
        dimensions = self.framework.variable_dimensions(variable)
        for dimension in dimensions:
            entry = self.framework.dimensions[dimension]
            if entry.dynamic:
                continue
            scheme = entry.scheme(self.framework.variables[variable].schemes.get(dimension))
            cells = []
            for leaf in scheme.aggregates.get(named.get(dimension, TOTAL), ()):
                members = {**named, dimension: leaf}
                part = member_key((other, members[other]) for other in dimensions if other in members)
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
    def _points(self) -> Mapping[str, list[tuple[list[tuple[Lookup, Decimal]], Decimal]]]:
        """Every point of every linear rule, by rule: its lookups with their factors, and its tolerance."""
        members = tuple((dimension, tuple(sorted(found))) for dimension, found in sorted(self.dynamic.items()))
        return remembered(self.framework, self._all_points, "points of linear rules", members, most=_KEPT)

    def _all_points(self) -> Mapping[str, list[tuple[list[tuple[Lookup, Decimal]], Decimal]]]:
        shown = [code for code, rule in self.framework.rules.items() if rule.shown]
        linear = {code: found for code in shown if (found := _linear_rule(self.framework, code))}
        points: dict[str, list[tuple[list[tuple[Lookup, Decimal]], Decimal]]] = {}
        for point in rule_plan(self.framework, self.dynamic, linear).points:
            looks = [
                (look, factor) for slot, factor in linear[point.owner].items() for look in _slot_lookups(point, slot)
            ]
            if all(look.lag == 0 for look, _ in looks):
                points.setdefault(point.owner, []).append((looks, tolerance(self.framework, point)))
        return points

    @cached_property
    def _owners(self) -> Mapping[str, tuple[str, ...]]:
        """The variables of every linear rule."""
        return {
            owner: tuple(sorted({look.variable for looks, _ in points for look, _ in looks}))
            for owner, points in self._points.items()
        }

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
        if cell not in self._expansions:
            self._expansions[cell] = Parts("", tuple(self._expanded(cell)))
        return _present(self._expansions[cell].cells, values, unknown) or ([] if look.zero else None)

    def _expanded(self, cell: CellKey) -> Iterator[tuple[CellKey, bool]]:
        variable, key = cell
        named = members_of(key)
        choices: list[list[tuple[str, str]]] = []
        for dimension in self.framework.variable_dimensions(variable):
            member = named.get(dimension, TOTAL)
            static = not self.framework.dimensions[dimension].dynamic
            leaves = self.framework.scheme(variable, dimension).aggregates.get(member) if static else None
            choices.append([(dimension, leaf) for leaf in (leaves or [member])])
        for members in product(*choices):
            part = (variable, member_key(members))
            if part != cell:
                yield part, any(self.framework.dimensions[d].is_residual(member) for d, member in members)


_ONE, _NONE = Decimal(1), Decimal(0)


def _named(equations: Iterable[Equation]) -> list[Named]:
    """Equations of more than one cell, each with the set of its cells."""
    return [(frozenset(cell for cell, _ in found.cells), found) for found in equations if len(found.cells) > 1]


def _present(
    parts: Sequence[tuple[CellKey, bool]], values: Mapping[CellKey, object], unknown: Collection[CellKey]
) -> list[CellKey] | None:
    """The cells that were delivered, None when one that is needed was not."""
    found = []
    for cell, optional in parts:
        if cell in values:
            found.append(cell)
        elif not optional or cell in unknown:
            return None
    return found


def _slot_lookups(point: Point, slot: int) -> Iterator[Lookup]:
    """The lookups of a slot; optional parts of a sum count as 0 when absent."""
    if slot in point.lookups:
        yield point.lookups[slot]
    for part in point.sums.get(slot, ()):
        for look in part.lookups:
            yield replace(look, zero=True) if part.optional else look


def members_of(key: str) -> dict[str, str]:
    """`GRP=A,SEX=W` -> {GRP: A, SEX: W}."""
    return dict(part.split("=", 1) for part in key.split(",") if part)


def dynamic_members(framework: Framework, items: Iterable[RuleInput]) -> dict[str, frozenset[str]]:
    """Members of the dynamic dimensions that occur in deliveries."""
    found: dict[str, set[str]] = {code: set() for code, entry in framework.dimensions.items() if entry.dynamic}
    for item in items:
        for members in item.all_members:
            for dimension, member in members:
                if dimension in found and member != TOTAL:
                    found[dimension].add(member)
    return {code: frozenset(own) for code, own in found.items()}


def _linear_rule(framework: Framework, code: str) -> Linear | None:
    """Factor of every slot of a rule with `=`, or None when it is no linear equation without a constant."""
    statement = framework.statements[code]
    slots: list[Expression] = []
    left, right = (_linear(side, slots) for side in (statement.left, statement.right))
    if statement.operator != "=" or left is None or right is None:
        return None
    if any(isinstance(slot, SumOver) and not isinstance(slot.expression, Term) for slot in slots):
        return None
    return {slot: left.get(slot, Decimal(0)) - right.get(slot, Decimal(0)) for slot in (*left, *right)}


def _linear(expression: Expression, slots: list[Expression]) -> Linear | None:
    """Factors by slot; slots are numbered as `schemas.plan` numbers them."""
    match expression:
        case Term() | SumOver():
            if expression not in slots:
                slots.append(expression)
            return {slots.index(expression): Decimal(1)}
        case Operation("*", Number(value), inner) | Operation("*", inner, Number(value)):
            parts = _linear(inner, slots)
            factor = Decimal(value.numerator) / value.denominator
            return None if parts is None else {slot: part * factor for slot, part in parts.items()}
        case Operation("+" | "-" as sign, left, right):
            sides = (_linear(left, slots), _linear(right, slots))
            if sides[0] is None or sides[1] is None:
                return None
            joined = dict(sides[0])
            for slot, part in sides[1].items():
                joined[slot] = joined.get(slot, Decimal(0)) + (part if sign == "+" else -part)
            return joined
        case _:
            return None
