"""Rules that are linear: the factor of every value they look up."""

from __future__ import annotations

from decimal import Decimal

from schemas.formula import Comparison, Expression, Number, Operation, SumOver, Term

Linear = dict[int, Decimal]
"""Factor by slot, as `schemas.plan` numbers the slots of a formula."""


def linear_sides(statement: Comparison) -> Linear | None:
    """Factor of every slot in `left - right`; None when that is not linear, holds a constant, or sums up more than cells."""
    slots: list[Expression] = []
    left, right = (_linear(side, slots) for side in (statement.left, statement.right))
    if left is None or right is None:
        return None
    if any(isinstance(slot, SumOver) and not isinstance(slot.expression, Term) for slot in slots):
        return None
    return {slot: left.get(slot, Decimal(0)) - right.get(slot, Decimal(0)) for slot in (*left, *right)}


def _linear(expression: Expression, slots: list[Expression]) -> Linear | None:
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
