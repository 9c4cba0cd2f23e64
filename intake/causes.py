"""One cause, one finding: what goes away together is reported once, at the value that is to be corrected.

A suspicion (`intake.plausibility`) says which values would be right. Whether it explains a finding is tried out, not
guessed: the delivery is checked once more with these values, and a finding that is gone was a symptom. Whole tables
come first, then cells that the sums of the delivery point to, then cells that jumped. A finding that no suspicion
explains stays as it is; a finding is the symptom of one cause at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from intake.cause_cells import Cells, Suspicion, cells_of, corrected, label, place, restricted
from intake.cause_equations import Sums
from intake.cause_outliers import History
from intake.cause_settings import Limits, load_limits
from intake.cause_single import SUM
from intake.messages import finding
from intake.plausibility import Noticed, cell_findings, check_plausibility
from intake.rule_plans import plan_of
from intake.rules import CellKey, RuleInput, check_rules
from intake.values import german
from schemas.formula import rule_terms
from schemas.framework_model import Framework
from schemas.shapes import Finding, Severity

_RANK = {severity: rank for rank, severity in enumerate(Severity)}
FindingKey = tuple[str, ...]


@dataclass
class Grouped:
    """Findings of one delivery after grouping; `symptoms` are the original findings behind `findings[index]`."""

    findings: list[Finding] = field(default_factory=list)
    symptoms: dict[int, list[Finding]] = field(default_factory=dict)


def explain(
    framework: Framework,
    items: Sequence[RuleInput],
    findings: Mapping[str, Sequence[Finding]],
    history: History | None = None,
) -> dict[str, Grouped]:
    """Plausibility and grouping in one: `findings` (of reading and rules, by `unit`) are joined by what else is noticed."""
    noticed = check_plausibility(framework, items, history, findings)
    return group(framework, items, findings, noticed, history)


def group(
    framework: Framework,
    items: Sequence[RuleInput],
    findings: Mapping[str, Sequence[Finding]],
    noticed: Mapping[str, Noticed],
    history: History | None = None,
) -> dict[str, Grouped]:
    """Findings by delivery, each either kept or listed as a symptom of exactly one cause."""
    limits = load_limits(framework)
    cases = [
        _Case(framework, limits, item, [*findings.get(item.unit, ()), *noticed[item.unit].findings], noticed[item.unit])
        for item in items
    ]
    for structural in (True, False):
        trials = {unit: trial for case in cases for unit, trial in case.trials(structural=structural).items()}
        still_open = [found for case in cases for found in case.open]
        remaining = _check_again(framework, list(trials.values()), still_open, history)
        for case in cases:
            case.settle(remaining)
    return {case.item.unit: case.result() for case in cases}


def involved(framework: Framework, item: RuleInput, findings: Sequence[Finding]) -> list[set[CellKey]]:
    """The delivered cells that each finding is about: all cells of a rule, else the cell of the finding."""
    codes = list(dict.fromkeys(found.code for found in findings if found.code in framework.rules))
    if not codes:
        return [{(found.variable, found.members)} for found in findings]
    sums = Sums.for_items(framework, [item])
    plan, _ = plan_of(framework, sums.dynamic, codes)
    points = {(point.owner, point.key): point for point in plan.points}
    at = cells_of(item).at
    result: list[set[CellKey]] = []
    for found in findings:
        point = points.get((found.code, found.members))
        if point is None:
            result.append({(found.variable, found.members)})
            continue
        lookups = [
            *point.lookups.values(),
            *(look for parts in point.sums.values() for p in parts for look in p.lookups),
        ]
        cells = [sums.resolve(look, at) or [] for look in lookups if look.lag == 0]
        result.append({cell for found_cells in cells for cell in found_cells})
    return result


def _check_again(
    framework: Framework, trials: Sequence[RuleInput], findings: Sequence[Finding], history: History | None
) -> dict[str, set[FindingKey]]:
    """What is still noticed in each trial: the rules that had failed, and everything about single cells."""
    if not trials:
        return {}
    rules = {found.code: framework.rules[found.code] for found in findings if found.code in framework.rules}
    failed = replace(framework, rules=rules)
    broken = check_rules(failed, trials, told=False) if rules else {}
    asked = cell_findings(framework, trials, history)
    return {
        trial.unit: {
            _key(framework, found) for found in [*(broken[trial.unit].findings if rules else ()), *asked[trial.unit]]
        }
        for trial in trials
    }


def _key(framework: Framework, found: Finding) -> FindingKey:
    """What makes two findings of two checks the same; the numbers in the text do not."""
    if found.code in framework.rules:
        return (found.code, found.members)
    return (found.code, found.variable, found.members, found.remedy)


@dataclass
class _Case:
    """One delivery: what was found in it, the suspicions on trial, and what they turned out to explain."""

    framework: Framework
    limits: Limits
    item: RuleInput
    open: list[Finding]
    noticed: Noticed
    tried: list[Suspicion] = field(default_factory=list)
    grouped: Grouped = field(default_factory=Grouped)

    def trials(self, *, structural: bool) -> dict[str, RuleInput]:
        """The delivery as each suspicion would have it, by the unit of the trial; only what the findings are about."""
        chosen = [s for s in self.noticed.suspicions if s.structural == structural and self._worth_a_trial(s)]
        self.tried = chosen if structural else chosen[: self.limits.suspect.trials]
        if not self.tried:
            return {}
        codes = {found.code for found in self.open} & self.framework.rules.keys()
        used = {term.variable for code in codes for term in rule_terms(self.framework.statements[code])}
        used |= {found.variable for found in self.open if found.variable}
        used |= {self.limits.size.variable} if self.limits.size else set()
        own = restricted(self.item, frozenset(used))
        return {
            self._unit(number): replace(corrected(own, suspicion.corrected), unit=self._unit(number))
            for number, suspicion in enumerate(self.tried)
        }

    def _unit(self, number: int) -> str:
        return f"{self.item.unit}~{number}"

    def _worth_a_trial(self, suspicion: Suspicion) -> bool:
        """Not explained yet; and where its own finding is about one cell, another finding involves it, too."""
        own = suspicion.finding
        if own is None or suspicion.structural:
            return bool(self.open)
        return self._is_open(own) and not self._involved.isdisjoint(suspicion.corrected)

    @cached_property
    def _involved(self) -> set[CellKey]:
        rules = [found for found in self.open if found.code in self.framework.rules]
        return set().union(*involved(self.framework, self.item, rules)) if rules else set()

    def settle(self, remaining: Mapping[str, set[FindingKey]]) -> None:
        """Put the findings that are gone in a trial behind its suspicion, in the order of the suspicions."""
        for number, suspicion in enumerate(self.tried):
            own = suspicion.finding
            if own is not None and not self._is_open(own):
                continue
            gone = [found for found in self.open if self._explained(found, suspicion, remaining[self._unit(number)])]
            if len(gone) > (1 if own is not None and not suspicion.structural else 0):
                explained = set(map(id, gone))
                self.open = [found for found in self.open if id(found) not in explained]
                self.grouped.symptoms[len(self.grouped.findings)] = gone
                self.grouped.findings.append(self._cause(suspicion, gone))

    def _is_open(self, own: Finding) -> bool:
        return any(found is own for found in self.open)

    def result(self) -> Grouped:
        """Causes first, then what nothing explains."""
        return Grouped([*self.grouped.findings, *self.open], self.grouped.symptoms)

    def _explained(self, found: Finding, suspicion: Suspicion, remaining: set[FindingKey]) -> bool:
        if found is suspicion.finding:
            return True
        at_cell = (found.variable, found.members) in suspicion.corrected
        if found.code in suspicion.explains:
            return at_cell
        many = found.code in self.framework.rules or found.code in self._many
        return (many or (at_cell and id(found) in self._asked)) and _key(self.framework, found) not in remaining

    @cached_property
    def _many(self) -> set[str]:
        """Codes of findings of plausibility about more than one cell."""
        return {SUM, *(rule.message for rule in self.limits.rules)}

    @cached_property
    def _asked(self) -> set[int]:
        """Findings of plausibility about single cells; those about tables stand for themselves."""
        tables = {id(suspicion.finding) for suspicion in self.noticed.suspicions if suspicion.structural}
        return {id(found) for found in self.noticed.findings} - tables

    def _cause(self, suspicion: Suspicion, symptoms: Sequence[Finding]) -> Finding:
        """The strongest symptom, at the place of the cause, with the worst severity and the promise."""
        own = suspicion.finding
        strongest = min(symptoms, key=lambda found: (_RANK[found.severity], found is not own))
        base = own if own is not None and suspicion.structural else strongest
        built = base if suspicion.structural else self._at_cell(suspicion, base)
        remedy = " ".join(filter(None, (built.remedy, self._promise(suspicion, len(symptoms) - 1))))
        return replace(built, severity=strongest.severity, remedy=remedy, count=len(symptoms))

    def _promise(self, suspicion: Suspicion, others: int) -> str:
        if not others:
            return ""
        code = f"CAUSE_{'TABLE_' if suspicion.structural else ''}{'ONE' if others == 1 else 'MORE'}"
        return finding(self.framework, code, {"count": german(others)}).remedy

    def _at_cell(self, suspicion: Suspicion, base: Finding) -> Finding:
        """Move a finding to the suspected cell and say what would be right there, as far as that is known."""
        cells: Cells = cells_of(self.item)
        (cell, value), *_ = suspicion.corrected.items()
        observation, own = cells.at[cell], suspicion.finding
        details = {"found": german(cells.values[cell]), "label": label(self.framework, observation)}
        moved = replace(
            base, **place(observation), found=details["found"], previous_value=german(cells.before.get(cell))
        )
        if own is not None:
            message = base.message if base is own else f"{base.message} {own.message}"
            return replace(moved, message=message, expected=own.expected or base.expected)
        said = finding(self.framework, "CAUSE_VALUE", {**details, "expected": german(value)})
        return replace(
            moved,
            message=f"{base.message} {said.message}",
            remedy=f"{said.remedy} {base.remedy}",
            expected=said.expected,
        )
