"""The full check of a batch of deliveries: read each, then one contract check and one rule pass for all together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from intake.cover import read_cover
from intake.form_answers import find_cover, nil_fields
from intake.form_reading import control_sums, read_tables
from intake.layout_model import Layout
from intake.layouts import LayoutError, extract, load_layouts, recognise
from intake.messages import finding
from intake.reading import UnreadableFile, Workbook, read_workbook
from intake.rules import Known, RuleInput, check_rules
from intake.values import german
from schemas.contract import check_contract, observation_frame
from schemas.framework_model import Framework
from schemas.shapes import (
    CheckedDelivery,
    Finding,
    Observation,
    Severity,
    Submission,
    member_key,
    verdict_of,
)
from schemas.tables import entry_tables

OUR_FORM = "form"
_SEVERITY_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Received:
    """A file that came in: where it lies now, who put it where, and its fingerprint."""

    path: Path
    file_name: str
    sender: str
    sha256: str
    received_at: datetime
    submission_id: str = ""


@dataclass(frozen=True)
class Past:
    """What is known from earlier deliveries; the rules that look back, and the prefill, ask here."""

    values: Callable[[str, int], Known] = lambda region, year: {}
    population_basis: Callable[[str, int], str] = lambda region, year: ""


@dataclass
class ReadDelivery:
    """A delivery after reading, before contract and rules."""

    submission: Submission
    observations: list[Observation] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    nil: tuple[str, ...] = ()
    expected: int = 0

    @property
    def latest_year(self) -> int:
        """Newest year the delivery speaks of; deliveries are checked in this order because rules look back."""
        return self.submission.year or max((o.year for o in self.observations), default=0)


def check_deliveries(
    framework: Framework, files: Sequence[Received], past: Past | None = None
) -> list[CheckedDelivery]:
    """Read and check every file; one file that breaks does not stop the others. Same order as `files`."""
    return check_read(framework, read_deliveries(framework, files), past)


def read_deliveries(framework: Framework, files: Sequence[Received]) -> list[ReadDelivery]:
    """Open and read every file, nothing else; what cannot be read carries a fatal finding."""
    return [_read(framework, received) for received in files]


def check_read(
    framework: Framework, deliveries: Sequence[ReadDelivery], past: Past | None = None
) -> list[CheckedDelivery]:
    """One contract check and one rule pass for all deliveries together; findings, verdict and counts of each."""
    _contract(framework, deliveries)
    counts = _rules(framework, deliveries, past or Past())
    return [_result(framework, delivery, *counts[number]) for number, delivery in enumerate(deliveries)]


def _read(framework: Framework, received: Received) -> ReadDelivery:
    submission = Submission(
        id=received.submission_id,
        sha256=received.sha256,
        file_name=received.file_name,
        sender=received.sender,
        received_at=received.received_at,
        framework_version=framework.version,
    )
    try:
        workbook = replace(read_workbook(received.path), file_name=received.file_name)
    except UnreadableFile as error:
        details = {**error.details, "file": received.file_name}
        return ReadDelivery(submission, findings=[finding(framework, error.code, details)])
    if find_cover(workbook) is not None:
        return _read_form(framework, workbook, submission)
    return _read_layout(framework, workbook, submission)


def _read_form(framework: Framework, workbook: Workbook, submission: Submission) -> ReadDelivery:
    cover = find_cover(workbook)
    assert cover is not None
    answers = read_cover(framework, cover, submission.file_name, submission.sender)
    submission = replace(
        submission,
        layout=OUR_FORM,
        region=answers.region,
        year=answers.year,
        population_basis=answers.population_basis,
        contact=answers.contact,
        nil_return=answers.nil,
        framework_version=answers.version or submission.framework_version,
    )
    delivery = ReadDelivery(submission, findings=answers.findings)
    if not (answers.region and answers.year and answers.profile):
        return delivery
    delivery.submission = replace(submission, sign_profile=answers.profile.code)
    delivery.nil = nil_fields(framework, cover, answers.year)
    content = read_tables(workbook, framework, cover, answers.region, answers.year, answers.profile)
    nil_variables = {code for code in framework.variables if framework.variable_field[code] in delivery.nil}
    delivery.observations = content.observations
    delivery.findings += [
        found for found in content.findings if not (found.code in ("V01", "V02") and found.variable in nil_variables)
    ]
    delivery.expected = content.expected_cells
    return delivery


def _read_layout(framework: Framework, workbook: Workbook, submission: Submission) -> ReadDelivery:
    try:
        layout = recognise(workbook, _layouts(framework))
    except LayoutError as error:  # two layouts claim the file: ours to mend, the sender gets it back
        return ReadDelivery(
            submission, findings=[finding(framework, "F12", {"file": submission.file_name, "why": str(error)})]
        )
    if layout is None:
        return ReadDelivery(submission, findings=[finding(framework, "F03", {"file": submission.file_name})])
    sender = framework.territory.sender_region(submission.sender) if submission.sender else None
    extraction = extract(workbook, layout, framework, folder_region=sender)
    regions = {o.region for o in extraction.observations}
    years = {o.year for o in extraction.observations}
    submission = replace(
        submission,
        layout=extraction.layout,
        sign_profile=layout.sign_profile,
        region=regions.pop() if len(regions) == 1 else "",
        year=years.pop() if len(years) == 1 else None,
    )
    observations, findings = list(extraction.observations), list(extraction.findings)
    return ReadDelivery(submission, observations, findings, (), extraction.expected_cells)


_known_layouts: dict[str, tuple[Layout, ...]] = {}


def _layouts(framework: Framework) -> tuple[Layout, ...]:
    """Layouts of a framework, loaded once per content."""
    if framework.content_hash not in _known_layouts:
        _known_layouts[framework.content_hash] = load_layouts(framework)
    return _known_layouts[framework.content_hash]


def _contract(framework: Framework, deliveries: Sequence[ReadDelivery]) -> None:
    """One vectorised contract check for the whole batch; violations go to the delivery they belong to."""
    rows = [(number, o) for number, delivery in enumerate(deliveries) for o in delivery.observations]
    if not rows:
        return
    frame = observation_frame([o for _, o in rows], [str(number) for number, _ in rows])
    first_place = {(n, o.key): o for n, o in reversed(rows)}
    for violation in check_contract(framework, frame):
        number, o = rows[violation.row]
        other = first_place[(number, o.key)]
        details = {"label": _label(framework, o), "found": o.text, "other": f"„{other.sheet}“ {other.cell}"}
        deliveries[number].findings.append(finding(framework, violation.code, details, **_place(o)))


def _label(framework: Framework, o: Observation) -> str:
    """What the value is called in the form: variable, row and column, each once."""
    name = framework.variables[o.variable].name_de if o.variable in framework.variables else o.variable
    return ", ".join(dict.fromkeys(filter(None, (name, o.row_label, o.column_label))))


def _place(o: Observation) -> dict[str, str]:
    return {
        "sheet": o.sheet,
        "cell": o.cell,
        "row_label": o.row_label,
        "column_label": o.column_label,
        "region": o.region,
        "variable": o.variable,
        "members": member_key(o.members),
    }


def _rules(framework: Framework, deliveries: Sequence[ReadDelivery], past: Past) -> list[tuple[int, int]]:
    inputs: list[RuleInput] = []
    owner: dict[str, int] = {}
    for number, delivery in enumerate(deliveries):
        groups: dict[tuple[str, int], list[Observation]] = {}
        for observation in delivery.observations:
            if observation.variable in framework.variables:
                groups.setdefault((observation.region, observation.year), []).append(observation)
        for (region, year), observations in groups.items():
            unit = f"{number}#{region}#{year}"
            owner[unit] = number
            own = {(o.variable, member_key(o.members)): (o.value, o.status) for o in groups.get((region, year - 1), ())}
            inputs.append(RuleInput(unit, region, year, observations, {**past.values(region, year - 1), **own}))
        delivery.findings += _basis_changed(framework, delivery, past)
    run, missing = [0] * len(deliveries), [len(framework.rules)] * len(deliveries)
    for unit, result in check_rules(framework, inputs).items():
        deliveries[owner[unit]].findings += result.findings
        run[owner[unit]] = max(run[owner[unit]], result.run)
        missing[owner[unit]] = min(missing[owner[unit]], result.not_evaluable)
    for item in inputs:
        deliveries[owner[item.unit]].findings += _year_on_year(framework, item)
    return list(zip(run, missing, strict=True))


def _basis_changed(framework: Framework, delivery: ReadDelivery, past: Past) -> list[Finding]:
    submission = delivery.submission
    if not (submission.region and submission.year and submission.population_basis):
        return []
    before = past.population_basis(submission.region, submission.year - 1)
    if not before or before == submission.population_basis:
        return []
    return [
        finding(framework, "C08", {"found": submission.population_basis, "expected": before}, region=submission.region)
    ]


def _year_on_year(framework: Framework, item: RuleInput) -> list[Finding]:
    """Delivery rule M15: a count that was 30 or more and now lies outside 40 to 250 percent is asked about."""
    found = []
    for o in item.observations:
        before = item.previous.get((o.variable, member_key(o.members)), (None, ""))[0]
        if before is None or o.value is None or before < 30 or not framework.is_integer(o.variable):
            continue
        if not before * Decimal("0.4") <= o.value <= before * Decimal("2.5"):
            change = (o.value / before - 1) * 100
            details = {
                "label": ", ".join(
                    filter(None, (framework.variables[o.variable].name_de, o.row_label, o.column_label))
                ),
                "found": german(o.value),
                "previous": german(before),
                "change": f"{'+' if change > 0 else ''}{german(change, 0)}\u202f%",
            }
            found.append(finding(framework, "M15", details, previous_value=german(before), **_place(o)))
    return found


def _result(framework: Framework, delivery: ReadDelivery, rules_run: int, rules_missing: int) -> CheckedDelivery:
    opened = not any(found.severity is Severity.FATAL for found in delivery.findings)
    if opened and not delivery.observations and not delivery.submission.nil_return:
        delivery.findings.append(finding(framework, "C09", region=delivery.submission.region))
    findings = sorted(
        (replace(found, submission=delivery.submission.id) for found in delivery.findings),
        key=lambda found: (_SEVERITY_ORDER[found.severity], found.sheet, _cell_order(found.cell), found.code),
    )
    verdict = verdict_of(findings)
    return CheckedDelivery(
        submission=replace(delivery.submission, verdict=verdict),
        observations=tuple(delivery.observations),
        findings=tuple(findings),
        nil_fields=delivery.nil,
        expected_cells=delivery.expected,
        read_cells=len(delivery.observations),
        rules_run=rules_run,
        rules_not_evaluable=rules_missing,
        control_sums=control_sums(delivery.observations),
    )


def _cell_order(cell: str) -> tuple[int, int, str]:
    letters = cell.rstrip("0123456789")
    number = cell[len(letters) :]
    return (int(number) if number else 0, len(letters), letters)


def expected_variables(framework: Framework, region: str, year: int) -> Mapping[str, int]:
    """Number of cells that a full delivery of a region must fill, by variable."""
    counts: dict[str, int] = {}
    for table in entry_tables(framework, region, year):
        for row, column, _ in table.cells():
            if not column.optional:
                counts[row.variable] = counts.get(row.variable, 0) + 1
    return counts
