"""Plans of rules, put together of what is kept for each rule: few of them depend on the sub-areas in a delivery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import partial

from intake.rule_places import split_key
from schemas.formula import summed_dimensions
from schemas.framework_model import Framework
from schemas.plan import Lookup, Plan, Point, rule_plan
from schemas.remembered import remembered

_KEPT = 1 << 9
"""Answers kept: one for each rule, and for each set of sub-areas where a rule adds these up."""
_MOST_SEEN = 1 << 11

Dynamic = Mapping[str, Iterable[str]]
"""Members of the dynamic dimensions that occur in deliveries."""
Summed = tuple[tuple[str, tuple[str, ...]], ...]


def plan_of(framework: Framework, dynamic: Dynamic, codes: Iterable[str]) -> tuple[Plan, list[Decimal]]:
    """The plan of these rules as `schemas.plan.rule_plan` makes it, and the tolerance of each of its points."""
    plan, allowed = Plan(), list[Decimal]()
    for code in codes:
        summed = summed_members(framework, dynamic, code)
        own, tolerances = remembered(
            framework, partial(_of_rule, framework, code, summed), "rule", code, summed, most=_KEPT
        )
        plan.shapes |= own.shapes
        first = len(plan.points)
        plan.points += [Point(first + p.number, p.owner, p.key, p.lookups, p.sums) for p in own.points]
        allowed += tolerances
    return plan, allowed


def summed_members(framework: Framework, dynamic: Dynamic, code: str) -> Summed:
    """The members of dynamic dimensions that a rule adds up: the only ones that its plan depends on."""
    dimensions = remembered(framework, partial(_summed, framework, code), "summed", code, most=_KEPT)
    return tuple((dimension, tuple(sorted(dynamic.get(dimension, ())))) for dimension in dimensions)


def with_seen(framework: Framework, dynamic: Dynamic, codes: Iterable[str]) -> Dynamic:
    """The members of deliveries, with those of deliveries before, so that the plan of these rules stays the same: in a sum
    a member that nobody delivers counts as nothing. Where it would count for a tolerance, those of the deliveries alone."""
    if any(isinstance(framework.rules[code].tolerance, str) and summed_members(framework, {}, code) for code in codes):
        return dynamic
    seen: dict[str, frozenset[str]] = remembered(framework, dict, "members seen")
    for dimension, found in dynamic.items():
        together = seen.get(dimension, frozenset()) | frozenset(found)
        seen[dimension] = together if len(together) <= _MOST_SEEN else frozenset(found)
    return {dimension: seen[dimension] for dimension in dynamic}


def _summed(framework: Framework, code: str) -> tuple[str, ...]:
    statement = framework.statements[code]
    found = {*summed_dimensions(statement.left), *summed_dimensions(statement.right)}
    return tuple(sorted(dimension for dimension in found if framework.dimensions[dimension].dynamic))


def _of_rule(framework: Framework, code: str, summed: Summed) -> tuple[Plan, list[Decimal]]:
    plan = rule_plan(framework, dict(summed), [code])
    return plan, [tolerance(framework, point) for point in plan.points]


def tolerance(framework: Framework, point: Point) -> Decimal:
    """Allowed difference at a point: the declared number, or for `round` the sum over the cells involved of half the
    rounding base of their source (rounded down), plus one per annual mean (framework grammar, `tolerance`)."""
    declared = framework.rules[point.owner].tolerance
    if not isinstance(declared, str):
        return Decimal(declared)
    lookups = [*point.lookups.values(), *(look for parts in point.sums.values() for p in parts for look in p.lookups)]
    return sum((_slack(framework, lookup) for lookup in lookups), Decimal(0))


def _slack(framework: Framework, lookup: Lookup) -> Decimal:
    variable = framework.variables[lookup.variable]
    cells = 1
    for dimension, member in split_key(lookup.key):
        if not framework.dimensions[dimension].dynamic:
            cells *= len(framework.scheme(lookup.variable, dimension).aggregates.get(member, (member,)))
    mean = 1 if framework.periods[variable.period].annual_mean else 0
    return Decimal(cells * (framework.sources[variable.source].rounding // 2 + mean))
