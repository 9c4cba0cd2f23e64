"""Try the framework's rules on a batch of deliveries, set-wise in SQL, and say in German what does not fit.

A rule is tried for the total and for every combination of members of its `for_each`; it is not evaluable where a term
is missing. Rules that look at the previous year get its accepted values.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

from intake.messages import finding
from intake.rule_cells import Known as Known
from intake.rule_cells import RuleInput as RuleInput
from intake.rule_cells import cell_tables
from intake.rule_places import (
    CellKey as CellKey,
)
from intake.rule_places import (
    Delivered,
    cell_list,
    cells_sentence,
    has_delivered_cell,
    involved,
    split_key,
    without_consequences,
)
from intake.rule_plans import Dynamic, plan_of, with_seen
from intake.rule_screen import Screen
from intake.rule_text import describe
from intake.values import german
from schemas import plan_sql, sql
from schemas.framework_model import Framework
from schemas.plan import Plan, Point
from schemas.remembered import forget, remembered
from schemas.shapes import TOTAL, Finding, FindingState, Severity

_PLANS = 8
"""Plans kept: a night has one or two, the watch mode one for each of the last regions."""


@dataclass
class RuleResult:
    """Findings of one delivery and how many rules could be tried; `shadow` is what rules on trial noticed."""

    findings: list[Finding] = field(default_factory=list)
    shadow: list[Finding] = field(default_factory=list)
    run: int = 0
    not_evaluable: int = 0

    def add(self, run: int) -> None:
        """Rules that could be tried after all."""
        self.run += run
        self.not_evaluable -= run


def check_rules(framework: Framework, deliveries: Sequence[RuleInput], *, told: bool = True) -> dict[str, RuleResult]:
    """All findings of all rules by delivery (`unit`); a rule is tried on the reporting years it is valid in.

    Rules on trial (shadow) are kept apart and not counted. Findings that nobody is `told` have code and members only.
    """
    results = {delivery.unit: RuleResult() for delivery in deliveries}
    for delivery in deliveries:
        results[delivery.unit].not_evaluable = len(shown_rules(framework, delivery.year))
    years = {delivery.year for delivery in deliveries if delivery.observations}
    codes = [code for code, rule in framework.rules.items() if any(rule.tried_in(year) for year in years)]
    if not codes:
        return results
    planned = _planned(framework, with_seen(framework, _dynamic_members(framework, deliveries), codes), tuple(codes))
    plan = planned.plan
    inputs = {delivery.unit: delivery for delivery in deliveries}
    delivered: dict[str, Delivered] = {}  # of the few that anything is said about
    computed: dict[tuple[str, bool], set[int]] = defaultdict(set)
    for unit, number, left, right in _violations(framework, planned, deliveries, results):
        point = plan.points[number]
        shown = framework.rules[point.owner].shown
        noticed = results[unit].findings if shown else results[unit].shadow
        if unit not in delivered:
            delivered[unit] = Delivered.of(framework, inputs[unit].observations)
        if not has_delivered_cell(point, delivered[unit].at):
            computed[unit, shown].add(len(noticed))
        sides = _decimal(left), _decimal(right)
        noticed.append(_finding(framework, point, inputs[unit], delivered[unit], sides) if told else _bare(point))
    for unit, result in results.items():
        result.findings = without_consequences(framework, result.findings, computed[unit, True])
        result.shadow = without_consequences(framework, result.shadow, computed[unit, False])
    return results


def _violations(
    framework: Framework, planned: _Planned, deliveries: Sequence[RuleInput], results: dict[str, RuleResult]
) -> Iterator[tuple[str, int, Any, Any]]:
    """Unit, point and both sides of what does not fit; notes in the results how many rules could be tried."""
    rest = deliveries
    if planned.screen is not None:
        screened = planned.screen.tried(deliveries)
        for unit, run in screened.run.items():
            results[unit].add(run)
        rest = [delivery for delivery in deliveries if delivery.unit in screened.left]
        if screened.slots.num_rows:
            with _connected(framework, planned) as connection:
                connection.register("slot_value", screened.slots)
                connection.execute(plan_sql.evaluated(planned.plan, ""))
                _count(connection, results, screened.linear)
                yield from connection.execute(_VIOLATIONS).fetchall()
    if rest:
        with _connected(framework, planned) as connection:
            _evaluate(framework, planned.plan, rest, connection)
            _count(connection, results)
            yield from connection.execute(_VIOLATIONS).fetchall()


_VIOLATIONS = """
SELECT e.unit, e.point, e.left_value, e.right_value
FROM evaluated e JOIN point p USING (point) JOIN rule r ON r.owner = p.owner JOIN tolerance t USING (point)
WHERE e.left_value IS NOT NULL AND e.right_value IS NOT NULL
  AND e.year BETWEEN coalesce(r.since, e.year) AND coalesce(r.until, e.year) AND NOT CASE r.operator
    WHEN '=' THEN abs(e.left_value - e.right_value) <= t.tolerance
    WHEN '<=' THEN e.left_value <= e.right_value + t.tolerance
    WHEN '>=' THEN e.left_value + t.tolerance >= e.right_value
    WHEN '<' THEN e.left_value < e.right_value + t.tolerance
    WHEN '>' THEN e.left_value + t.tolerance > e.right_value END
ORDER BY e.unit, e.point"""


def shown_rules(framework: Framework, year: int) -> list[str]:
    """Rules whose findings a sender of this reporting year sees."""
    return [code for code, rule in framework.rules.items() if rule.shown and rule.tried_in(year)]


@dataclass(frozen=True)
class _Planned:
    """What rules ask for, the same as tables, and (where that serves) as arrays."""

    plan: Plan
    tables: Mapping[str, pa.Table]
    screen: Screen | None


def _planned(framework: Framework, dynamic: Dynamic, codes: tuple[str, ...]) -> _Planned:
    """The plan of these rules; it depends on the sub-areas in the deliveries, too, and is used again for the next ones."""

    def made() -> _Planned:
        plan, allowed = plan_of(framework, dynamic, codes)
        own = {"rule": _rule_table(framework), "tolerance": _tolerance_table(plan, allowed)}
        tables = {"leaves": sql.leaf_table(framework), **own, **plan_sql.plan_tables(plan)}
        return _Planned(plan, tables, Screen(framework, plan, allowed) if Screen.serves(plan) else None)

    members = tuple((dimension, tuple(sorted(found))) for dimension, found in sorted(dynamic.items()))
    return remembered(framework, made, "rule plan", codes, members, most=_PLANS)


@contextmanager
def _connected(framework: Framework, planned: _Planned) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own to a database in memory, which starting anew would take longer than most checks."""

    def made() -> duckdb.DuckDBPyConnection:
        return duckdb.connect(":memory:", config={"threads": "2"})

    with remembered(framework, made, "database", os.getpid()).cursor() as connection:
        for name, table in planned.tables.items():
            connection.register(name, table)
        try:
            yield connection
        except (duckdb.FatalException, duckdb.InternalException):
            forget(framework)  # such a database answers nobody any more: the next delivery gets another one
            raise


def _evaluate(
    framework: Framework, plan: Plan, deliveries: Sequence[RuleInput], connection: duckdb.DuckDBPyConnection
) -> None:
    """All in SQL: for cells delivered twice, for huge numbers, and for sums of what is worked out of several cells."""
    cells = cell_tables(framework, deliveries)
    for name, table in cells.tables.items():
        connection.register(f"own_{name}", table)
        connection.execute(f"CREATE TEMP TABLE {name} AS FROM own_{name}")
    for statement in sql.completion(framework, "", "leaves", cells.broken_down, numbered=True):
        connection.execute(statement)
    connection.execute(plan_sql.keyed_cells(framework, ""))
    for statement in plan_sql.slot_values(plan, ""):
        connection.execute(statement)
    connection.execute(plan_sql.evaluated(plan, ""))
    connection.execute("DELETE FROM evaluated WHERE (unit, year) NOT IN (SELECT (unit, year) FROM reported)")


def _dynamic_members(framework: Framework, deliveries: Sequence[RuleInput]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {code: set() for code, dimension in framework.dimensions.items() if dimension.dynamic}
    for members in {members for delivery in deliveries for members in delivery.members}:
        for dimension, member in members:
            if dimension in found and member != TOTAL:
                found[dimension].add(member)
    return found


def _rule_table(framework: Framework) -> pa.Table:
    rules = framework.rules
    return pa.table(
        {
            "owner": list(rules),
            "operator": [framework.statements[code].operator for code in rules],
            "since": pa.array([rule.since for rule in rules.values()], type=pa.int32()),
            "until": pa.array([rule.until for rule in rules.values()], type=pa.int32()),
            "shown": [rule.shown for rule in rules.values()],
        }
    )


def _tolerance_table(plan: Plan, allowed: Sequence[Decimal]) -> pa.Table:
    return pa.table(
        {
            "point": pa.array([point.number for point in plan.points], type=pa.int32()),
            "tolerance": pa.array(allowed, type=pa.decimal128(24, 4)),
        }
    )


def _count(
    connection: duckdb.DuckDBPyConnection, results: dict[str, RuleResult], counted: frozenset[str] = frozenset()
) -> None:
    """Add the rules that could be tried, but for those that are counted already."""
    tried = connection.execute("""
        SELECT DISTINCT e.unit, p.owner FROM evaluated e JOIN point p USING (point) JOIN rule r ON r.owner = p.owner
        WHERE e.left_value IS NOT NULL AND e.right_value IS NOT NULL AND r.shown
          AND e.year BETWEEN coalesce(r.since, e.year) AND coalesce(r.until, e.year)""").fetchall()
    for unit, run in Counter(unit for unit, owner in tried if owner not in counted).items():
        results[unit].add(run)


def _finding(
    framework: Framework,
    point: Point,
    delivery: RuleInput,
    delivered: Delivered,
    sides: tuple[Decimal, Decimal],
) -> Finding:
    rule = framework.rules[point.owner]
    statement = framework.statements[point.owner]
    cells = involved(point, delivered)
    first = cells[0] if cells else None
    template = {"=": "RULE_EQ", "<=": "RULE_LE", "<": "RULE_LE"}.get(statement.operator, "RULE_GE")
    running = dict(split_key(point.key))
    details = {
        "left_label": describe(framework, statement.left, running, delivery.region, delivery.year),
        "right_label": describe(framework, statement.right, running, delivery.region, delivery.year),
        "found": german(sides[0]),
        "expected": german(sides[1]),
        "difference": german(sides[0] - sides[1]),
        "cells": cell_list(cells),
    }
    remedy = " ".join(part for part in (rule.why_de, rule.remedy_de) if part)
    built = finding(
        framework,
        template,
        details,
        severity=rule.weight,
        remedy=f"{remedy} {cells_sentence(cells)}".strip() if remedy else None,
        sheet=first.sheet if first else "",
        cell=first.cell if first else "",
        row_label=first.row_label if first else "",
        column_label=first.column_label if first else "",
        region=delivery.region,
        variable=first.variable if first else "",
        members=point.key,
    )
    state = FindingState.OPEN if rule.shown else FindingState.SHADOW
    return replace(built, code=point.owner, state=state)


def _bare(point: Point) -> Finding:
    return Finding(point.owner, Severity.INFO, "", "", members=point.key)


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
