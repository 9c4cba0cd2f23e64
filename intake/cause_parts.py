"""The cells that sums are made of: what makes up a cell, which of it was delivered, and what rules look up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from intake.linear import Linear, linear_sides
from intake.rules import CellKey, RuleInput
from schemas.framework_model import Framework
from schemas.plan import Lookup, Point
from schemas.shapes import TOTAL


class Parts(NamedTuple):
    """Cells that make up another one; those that collect what could not be assigned may be absent."""

    dimension: str
    cells: tuple[tuple[CellKey, bool], ...]


def present(
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


def slot_lookups(point: Point, slot: int) -> Iterator[Lookup]:
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
    for members in {members for item in items for members in item.members}:
        for dimension, member in members:
            if dimension in found and member != TOTAL:
                found[dimension].add(member)
    return {code: frozenset(own) for code, own in found.items()}


def linear_rules(framework: Framework) -> dict[str, Linear]:
    """The linear ones of the rules that senders see."""
    shown = [code for code, rule in framework.rules.items() if rule.shown]
    return {code: found for code in shown if (found := _linear_rule(framework, code))}


def _linear_rule(framework: Framework, code: str) -> Linear | None:
    """Factor of every slot of a rule with `=`, or None when it is no linear equation without a constant."""
    statement = framework.statements[code]
    return linear_sides(statement) if statement.operator == "=" else None
