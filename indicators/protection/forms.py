"""Sides of indicators as exact linear forms over base cells.

A side that is no linear form (a ratio of ratios, a sum of absolute differences) is told by its *parts*: the maximal
linear forms inside it. Such a figure may be shown only when every one of its parts may be shown, and an attacker is
taken to know them all once it is shown. That errs on the safe side: the parts give the figure, not the reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from schemas.formula import Expression, Function, Number, Operation, SumOver, Term
from schemas.framework_model import Framework
from schemas.plan import Lookup, Plan, Point
from schemas.supports import supports

Base = tuple[str, str, int]
"""variable, member key, years to go back"""
Linear = dict[Base, Fraction]


@dataclass(frozen=True, slots=True)
class Sides:
    """Numerator and denominator of an indicator at a point, or its parts where one of them is not linear."""

    numerator: Linear | None
    denominator: Linear | None
    parts: tuple[Linear, ...] = ()

    def all(self) -> tuple[Linear, ...]:
        """Every form that the figure tells."""
        return tuple(form for form in (self.numerator, self.denominator, *self.parts) if form)


def point_sides(framework: Framework, plan: Plan) -> list[Sides]:
    """Sides of every point of the plan of indicators and of what stands beside them, in its order."""
    expressions = {one.owner: (one.left, one.right) for one in supports(framework, framework.indicators)}
    for code in framework.indicators:
        ratio = framework.ratio(code)
        expressions[code] = (ratio.numerator, ratio.denominator or Number(Fraction(1)))
    return [_sides(point, expressions[point.owner]) for point in plan.points]


def _sides(point: Point, expressions: tuple[Expression, Expression]) -> Sides:
    slots: list[Term | SumOver] = []
    for side in expressions:
        _slots(side, slots)
    reader = _Reader(point, slots)
    numerator, denominator = (reader.linear(side) for side in expressions)
    if numerator is not None and denominator is not None:
        return Sides(_cells(numerator), _cells(denominator))
    parts = [_cells(part) for side in expressions for part in reader.parts(side)]
    unique = {tuple(sorted(part.items())): part for part in parts if part}
    return Sides(None, None, tuple(unique.values()))


def _slots(expression: Expression, found: list[Term | SumOver]) -> None:
    """The slots of a formula in the order of `schemas.plan`."""
    match expression:
        case Term() | SumOver():
            if expression not in found:
                found.append(expression)
        case Function(_, arguments):
            for argument in arguments:
                _slots(argument, found)
        case Operation(_, left, right):
            _slots(left, found)
            _slots(right, found)
        case Number():
            pass


_CONSTANT: Base = ("", "", 0)
Mixed = Mapping[Base, Fraction]


def _cells(form: Mixed) -> Linear:
    return {base: factor for base, factor in form.items() if base != _CONSTANT and factor}


class _Reader:
    """Linear forms of the expressions of one formula at one point."""

    def __init__(self, point: Point, slots: list[Term | SumOver]) -> None:
        self.point = point
        self.slots = slots

    def linear(self, expression: Expression) -> Mixed | None:
        match expression:
            case Number(value):
                return {_CONSTANT: value}
            case Term():
                return {_base(self.point.lookups[self.slots.index(expression)]): Fraction(1)}
            case SumOver(Term(), _):
                parts = self.point.sums[self.slots.index(expression)]
                return _added(({_base(look): Fraction(1)}, 1) for part in parts for look in part.lookups)
            case Operation("+", left, right):
                return _combined(self.linear(left), self.linear(right), 1)
            case Operation("-", left, right):
                return _combined(self.linear(left), self.linear(right), -1)
            case Operation("*", left, right):
                return _scaled(self.linear(left), self.linear(right)) or _scaled(self.linear(right), self.linear(left))
            case Operation("/", left, right):
                return _scaled(self.linear(left), _inverse(self.linear(right)))
        return None

    def parts(self, expression: Expression) -> Iterator[Mixed]:
        """The maximal linear forms inside an expression."""
        whole = self.linear(expression)
        if whole is not None:
            yield whole
            return
        match expression:
            case Operation(_, left, right):
                yield from self.parts(left)
                yield from self.parts(right)
            case Function(_, arguments):
                for argument in arguments:
                    yield from self.parts(argument)
            case SumOver():
                for part in self.point.sums[self.slots.index(expression)]:
                    for look in part.lookups:
                        yield {_base(look): Fraction(1)}


def _base(lookup: Lookup) -> Base:
    return lookup.variable, lookup.key, lookup.lag


def _added(terms: Iterator[tuple[Mixed, int]]) -> Mixed:
    total: dict[Base, Fraction] = {}
    for form, sign in terms:
        for base, factor in form.items():
            total[base] = total.get(base, Fraction(0)) + sign * factor
    return total


def _combined(left: Mixed | None, right: Mixed | None, sign: int) -> Mixed | None:
    return None if left is None or right is None else _added(iter(((left, 1), (right, sign))))


def _scaled(form: Mixed | None, factor: Mixed | None) -> Mixed | None:
    """The product when the second is a constant."""
    if form is None or factor is None or set(factor) - {_CONSTANT}:
        return None
    number = factor.get(_CONSTANT, Fraction(0))
    return {base: value * number for base, value in form.items()}


def _inverse(form: Mixed | None) -> Mixed | None:
    if form is None or set(form) != {_CONSTANT} or not form[_CONSTANT]:
        return None
    return {_CONSTANT: 1 / form[_CONSTANT]}
