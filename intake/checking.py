"""The full check of a batch of deliveries: one contract check and one rule pass for all, then causes and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from intake.cause_cells import label, place
from intake.cause_outliers import History
from intake.causes import Grouped, explain
from intake.deliveries import ReadDelivery, Reader, Received, read_deliveries
from intake.form_reading import control_sums
from intake.form_request import REGISTER_FORM
from intake.messages import finding
from intake.reasons import Reason, apply_reasons, reason_notes
from intake.register_content import by_register, register_content
from intake.register_records import Before
from intake.rules import Known, RuleInput, check_rules, shown_rules
from intake.sandbox import read_safely
from schemas.contract import batch_frame, check_contract
from schemas.contract_kept import keeps_contract
from schemas.framework_model import Framework
from schemas.observations import Observations
from schemas.remembered import remembered
from schemas.shapes import CheckedDelivery, Finding, Record, Severity, member_key, verdict_of

WRONG_FOLDER = "C04"
_SEVERITY_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Past:
    """What is known from earlier deliveries; the rules that look back, and the prefill, ask here."""

    values: Callable[[str, int], Known] = lambda region, year: {}
    population_basis: Callable[[str, int], str] = lambda region, year: ""
    peers: Callable[[str, int], Sequence[Known]] = lambda region, year: ()
    reasons: Callable[[str, int], Iterable[Reason]] = lambda region, year: ()
    records: Callable[[str, int], Sequence[Record]] = lambda region, year: ()


def check_deliveries(
    framework: Framework, files: Sequence[Received], past: Past | None = None, reader: Reader = read_safely
) -> list[CheckedDelivery]:
    """Read and check every file; one file that breaks does not stop the others. Same order as `files`."""
    return check_read(framework, read_deliveries(framework, files, reader), past)


def check_read(
    framework: Framework, deliveries: Sequence[ReadDelivery], past: Past | None = None
) -> list[CheckedDelivery]:
    """One contract check and one rule pass for all deliveries together; findings, verdict and counts of each."""
    past = past or Past()
    deliveries = [with_registers(framework, delivery, past) for delivery in deliveries]
    _contract(framework, deliveries)
    counts = _rules(framework, deliveries, past)
    return [_result(framework, delivery, counts[number]) for number, delivery in enumerate(deliveries)]


def with_registers(framework: Framework, delivery: ReadDelivery, past: Past) -> ReadDelivery:
    """A copy of the delivery with the records of its registers, and what is counted from them beside its values."""
    copy = replace(delivery, findings=list(delivery.findings), observations=Observations.of(delivery.observations))
    region, year = delivery.submission.region, delivery.submission.year
    if delivery.sheets is None or not region or year is None:
        return copy
    before = Before()
    if not from_wrong_folder(delivery):
        before = Before(by_register(past.records(region, year - 1)), by_register(past.records(region, year)))
    copy.content = register_content(framework, delivery.sheets, before, region, year)
    copy.observations = Observations.of(delivery.observations) + copy.content.observations
    return copy


def _contract(framework: Framework, deliveries: Sequence[ReadDelivery]) -> None:
    """One vectorised contract check for the whole batch, where it is not plain that nothing violates the contract;
    violations go to the delivery they belong to."""
    said = [Observations.of(delivery.observations) for delivery in deliveries]
    if keeps_contract(framework, said):
        return
    violations = check_contract(framework, batch_frame(said))
    if not violations:
        return
    rows = [(number, o) for number, observations in enumerate(said) for o in observations]
    first_place = {(n, o.key): o for n, o in reversed(rows)}
    for violation in violations:
        number, o = rows[violation.row]
        other = first_place[(number, o.key)]
        details = {"label": label(framework, o), "found": o.text, "other": f"„{other.sheet}“ {other.cell}"}
        deliveries[number].findings.append(finding(framework, violation.code, details, **place(o)))


@dataclass
class _Tried:
    """How many rules were tried on a delivery and how many could not be; what rules on trial noticed."""

    run: int = 0
    missing: int = 0
    shadow: tuple[Finding, ...] = ()


def _rules(framework: Framework, deliveries: Sequence[ReadDelivery], past: Past) -> list[_Tried]:
    """Rules, plausibility and causes; returns what was tried on each delivery."""
    inputs: list[RuleInput] = []
    owner: dict[str, int] = {}
    for number, delivery in enumerate(deliveries):
        for item in _inputs(framework, number, delivery, past):
            inputs.append(item)
            owner[item.unit] = number
        delivery.findings += _basis_changed(framework, delivery, past)
    results = check_rules(framework, inputs)
    alone = {number for number, units in Counter(owner.values()).items() if units == 1}
    noticed = {
        unit: [*(deliveries[owner[unit]].findings if owner[unit] in alone else ()), *result.findings]
        for unit, result in results.items()
    }
    explained: dict[str, Grouped] = {}
    for history, items in _by_history(deliveries, inputs, owner, past):
        explained |= explain(framework, items, {item.unit: noticed[item.unit] for item in items}, history)
    for number in alone:
        deliveries[number].findings = []
    for unit, grouped in explained.items():
        deliveries[owner[unit]].findings += grouped.findings
    tried = [_Tried(missing=len(shown_rules(framework, d.submission.year or 0))) for d in deliveries]
    for unit, result in results.items():
        of = tried[owner[unit]]
        of.missing = result.not_evaluable if not of.run else min(of.missing, result.not_evaluable)
        of.run = max(of.run, result.run)
        of.shadow += tuple(result.shadow)
    for delivery in deliveries:
        delivery.findings += delivery.content.findings
        _confirm(framework, delivery, past)
    return tried


def _by_history(
    deliveries: Sequence[ReadDelivery], inputs: Sequence[RuleInput], owner: Mapping[str, int], past: Past
) -> Iterable[tuple[History, list[RuleInput]]]:
    """Inputs with what they may be compared with: nothing, for a delivery from a folder that is not the region's own."""
    foreign = [item for item in inputs if from_wrong_folder(deliveries[owner[item.unit]])]
    strange = {item.unit for item in foreign}
    own = [item for item in inputs if item.unit not in strange]
    for history, items in ((History(past.values, past.peers), own), (History(), foreign)):
        if items:
            yield history, items


def from_wrong_folder(delivery: ReadDelivery | CheckedDelivery) -> bool:
    """Does it come from a folder that is not the region's own? Its sender must learn nothing of what the region said."""
    return any(found.code == WRONG_FOLDER for found in delivery.findings)


def _inputs(framework: Framework, number: int, delivery: ReadDelivery, past: Past) -> Iterable[RuleInput]:
    """One input for each region and year a delivery speaks of, with what is known of the year before."""
    groups = Observations.of(delivery.observations).restricted(known_variables(framework)).by_place
    for (region, year), observations in groups.items():
        own = {(o.variable, member_key(o.members)): (o.value, o.status) for o in groups.get((region, year - 1), ())}
        # who delivers from a folder that is not the region's own must not learn what the region delivered before
        earlier = {} if from_wrong_folder(delivery) else past.values(region, year - 1)
        known = {**earlier, **own} if own else earlier
        yield RuleInput(f"{number}#{region}#{year}", region, year, observations, known)


def known_variables(framework: Framework) -> frozenset[str]:
    """The variables of a framework as a set."""
    return remembered(framework, lambda: frozenset(framework.variables), "known variables")


def _confirm(framework: Framework, delivery: ReadDelivery, past: Past) -> None:
    """Warnings that the sender has answered, in this workbook or last year, are no longer open."""
    submission = delivery.submission
    if from_wrong_folder(delivery):
        past = Past()
    remembered = past.reasons(submission.region, submission.year - 1) if submission.year else ()
    earlier = past.reasons(submission.region, submission.year) if submission.year else ()
    delivery.findings = apply_reasons(delivery.findings, (*delivery.reasons, *earlier), remembered)
    delivery.findings += reason_notes(framework, delivery.findings, delivery.reasons)


def _basis_changed(framework: Framework, delivery: ReadDelivery, past: Past) -> list[Finding]:
    submission = delivery.submission
    if not (submission.region and submission.year and submission.population_basis) or from_wrong_folder(delivery):
        return []
    before = past.population_basis(submission.region, submission.year - 1)
    if not before or before == submission.population_basis:
        return []
    return [
        finding(framework, "C08", {"found": submission.population_basis, "expected": before}, region=submission.region)
    ]


def _result(framework: Framework, delivery: ReadDelivery, tried: _Tried) -> CheckedDelivery:
    opened = not any(found.severity is Severity.FATAL for found in delivery.findings)
    content = delivery.content
    typed = len(delivery.observations) - len(content.observations)
    if opened and delivery.expected and not typed and not delivery.submission.nil_return:
        delivery.findings.append(finding(framework, "C09", region=delivery.submission.region))
    if opened and delivery.submission.layout == REGISTER_FORM and delivery.sheets and not content.registers:
        delivery.findings.append(finding(framework, "E31", region=delivery.submission.region))
    findings = sorted(
        (replace(found, submission=delivery.submission.id) for found in delivery.findings),
        key=lambda found: (_SEVERITY_ORDER[found.severity], found.sheet, _cell_order(found.cell), found.code),
    )
    verdict = verdict_of(findings)
    return CheckedDelivery(
        submission=replace(delivery.submission, verdict=verdict),
        observations=Observations.of(delivery.observations),
        findings=tuple(findings),
        nil_fields=delivery.nil,
        expected_cells=delivery.expected,
        read_cells=typed,
        rules_run=tried.run,
        rules_not_evaluable=tried.missing,
        control_sums=control_sums(Observations.of(delivery.observations)),
        shadow=tuple(replace(found, submission=delivery.submission.id) for found in tried.shadow),
        registers=content.registers,
        records=content.records,
        register_changes=content.changes,
    )


def _cell_order(cell: str) -> tuple[int, int, str]:
    letters = cell.rstrip("0123456789")
    number = cell[len(letters) :]
    return (int(number) if number else 0, len(letters), letters)


__all__ = [
    "Past",
    "ReadDelivery",
    "Received",
    "check_deliveries",
    "check_read",
    "read_deliveries",
    "with_registers",
]
