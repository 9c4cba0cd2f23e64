"""Plausibility beyond the rules: against the region's own past, against other regions, and within the delivery.

Everything here asks; it never changes a value. What belongs to single cells is worked out in `intake.cause_single`, what concerns
whole tables in `intake.cause_tables`. Both also say which values would be right if the suspicion is: `intake.causes`
uses this to find out which other findings would go away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from intake.cause_cells import Suspicion, cells_of, restricted
from intake.cause_equations import Sums
from intake.cause_guilty import Suspect, suspects
from intake.cause_outliers import History
from intake.cause_settings import Limits, ValueRule, load_limits
from intake.cause_single import CellCheck
from intake.cause_tables import table_suspicions
from intake.equations import Equation
from intake.messages import finding
from intake.rules import RuleInput, check_rules
from schemas.formula import rule_terms
from schemas.framework_model import Framework
from schemas.remembered import remembered
from schemas.shapes import Finding

__all__ = ["History", "Noticed", "Suspicion", "cell_findings", "check_plausibility"]


@dataclass
class Noticed:
    """Findings of one delivery, and the suspicions that could explain several findings at once."""

    findings: list[Finding] = field(default_factory=list)
    suspicions: list[Suspicion] = field(default_factory=list)


def check_plausibility(
    framework: Framework,
    items: Sequence[RuleInput],
    history: History | None = None,
    reading: Mapping[str, Sequence[Finding]] | None = None,
) -> dict[str, Noticed]:
    """All findings and suspicions by delivery (`unit`). `reading` holds what was noticed while reading it."""
    limits = load_limits(framework)
    sums = Sums.for_items(framework, items)
    explained = _value_rules(framework, limits, items)
    result = {}
    for item in items:
        check = CellCheck(framework, limits, cells_of(item), history or History())
        equations = sums.of(item, check.cells.values)
        broken = equations.broken(check.cells.values, check.cells.now)
        structural = table_suspicions(framework, limits, check.cells, (reading or {}).get(item.unit, ()))
        guilty = _guilty(check, equations.all, structural) if broken else []
        found = [suspicion.finding for suspicion in structural if suspicion.finding]
        found += [*explained.get(item.unit, ()), *check.findings(equations, broken, guilty)]
        mended = [Suspicion(None, {suspect.cell: suspect.value}, structural=False) for suspect in guilty]
        result[item.unit] = Noticed(found, [*structural, *mended, *check.slips(found, guilty)])
    return result


def _guilty(check: CellCheck, equations: Sequence[Equation], structural: Sequence[Suspicion]) -> list[Suspect]:
    """Cells that sums point to, outside of what a table explains."""
    explained = {cell for suspicion in structural for cell in suspicion.corrected}
    kept = [equation for equation in equations if explained.isdisjoint(cell for cell, _ in equation.cells)]
    return suspects(kept, check.cells.values, check.likely, check.neat)


def cell_findings(
    framework: Framework, items: Sequence[RuleInput], history: History | None = None
) -> dict[str, list[Finding]]:
    """Only the findings about single cells, by delivery, and without the search for the guilty one."""
    limits = load_limits(framework)
    sums = Sums.for_items(framework, items)
    found = _value_rules(framework, limits, items)
    for item in items:
        check = CellCheck(framework, limits, cells_of(item), history or History())
        equations = sums.of(item, check.cells.values)
        broken = equations.broken(check.cells.values, check.cells.now)
        found.setdefault(item.unit, []).extend(check.findings(equations, broken, ()))
    return found


def _value_rules(framework: Framework, limits: Limits, items: Sequence[RuleInput]) -> dict[str, list[Finding]]:
    """Rules of the plausibility file (M16), by the same set-wise pass as the rules of the fields."""
    rules = {rule.code: rule for rule in limits.rules}
    own: Framework = remembered(framework, lambda: replace(framework, rules=rules), "value rules", repr(limits.rules))
    used = frozenset(term.variable for statement in own.statements.values() for term in rule_terms(statement))
    reduced = [restricted(item, used) for item in items]
    checked = check_rules(own, [item for item in reduced if item.observations]) if rules else {}
    return {
        unit: [_explained(framework, rules[found.code], found) for found in result.findings]
        for unit, result in checked.items()
    }


def _explained(framework: Framework, rule: ValueRule, found: Finding) -> Finding:
    """The finding of a rule with the message that the plausibility file names."""
    label = ", ".join(dict.fromkeys(filter(None, (found.row_label, found.column_label))))
    details = {"found": found.found, "expected": found.expected, "relation": rule.relation, "label": label}
    said = finding(framework, rule.message, details)
    return replace(found, code=said.code, severity=said.severity, message=said.message, remedy=said.remedy)
