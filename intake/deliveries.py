"""Open and read one delivery: which form or layout it is, what its cells say, what was noticed on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from intake.cover import read_cover, wrong_folder
from intake.form_answers import find_cover, nil_fields
from intake.form_reading import read_tables
from intake.form_request import OUR_FORM, REGISTER_FORM
from intake.layout_model import Layout
from intake.layouts import LayoutError, extract, load_layouts, recognise
from intake.messages import finding
from intake.personal import personal_rows
from intake.reading import UnreadableFile, Workbook
from intake.reasons import Reason, find_protocol, read_reasons, without_protocol
from intake.register_content import RegisterContent, people_listed
from intake.register_reading import RegisterSheets, read_registers, without_entries
from intake.sandbox import ReaderPool, read_safely
from schemas.framework_model import Framework
from schemas.shapes import Finding, Observation, Submission

PERSONAL_DATA = "F11"
"""A file that lists persons: refused, and nothing of it is kept but its fingerprint."""

Reader = Callable[[Path], Workbook]


@dataclass(frozen=True)
class Received:
    """A file that came in: where it lies now, who put it where, and its fingerprint."""

    path: Path
    file_name: str
    sender: str
    sha256: str
    received_at: datetime
    submission_id: str = ""


@dataclass
class ReadDelivery:
    """A delivery after reading, before contract and rules.

    `sheets`: the rows of its registers; `content`: what the check has made of them, which needs to know the past;
    `answered`: does it hold our answer to an earlier one, None where nobody looked.
    """

    submission: Submission
    observations: Sequence[Observation] = ()
    findings: list[Finding] = field(default_factory=list)
    nil: tuple[str, ...] = ()
    expected: int = 0
    reasons: tuple[Reason, ...] = ()
    sheets: RegisterSheets | None = None
    content: RegisterContent = field(default_factory=RegisterContent)
    answered: bool | None = None

    @property
    def latest_year(self) -> int:
        """Newest year the delivery speaks of; deliveries are checked in this order because rules look back."""
        return self.submission.year or max((o.year for o in self.observations), default=0)


def read_deliveries(
    framework: Framework, files: Sequence[Received], reader: Reader = read_safely
) -> list[ReadDelivery]:
    """Open and read every file, nothing else; what cannot be read carries a fatal finding.

    `reader` parses in a child process with limits unless the caller has its own.
    """
    return [_read(framework, received, reader) for received in files]


def latest_year(framework: Framework, received: Received, pool: ReaderPool) -> int:
    """`ReadDelivery.latest_year` of a file, 0 when it names none: of our form, the cover in front is enough."""
    return year_in(framework, received, pool.read(received.path, sheets=1), pool.read)


def year_in(framework: Framework, received: Received, opened: Workbook, reader: Reader) -> int:
    """The same of a file that was opened, at least its cover; `reader` opens what has none."""
    cover = find_cover(opened)
    if cover is not None:
        return read_cover(framework, cover, received.file_name, received.sender).year or 0
    return read_deliveries(framework, [received], reader)[0].latest_year


def _read(framework: Framework, received: Received, reader: Reader) -> ReadDelivery:
    submission = Submission(
        id=received.submission_id,
        sha256=received.sha256,
        file_name=received.file_name,
        sender=received.sender,
        received_at=received.received_at,
        framework_version=framework.version,
    )
    try:
        workbook = replace(reader(received.path), file_name=received.file_name)
    except UnreadableFile as error:
        details = {**error.details, "file": received.file_name}
        return ReadDelivery(submission, findings=[finding(framework, error.code, details)])
    ours = find_cover(workbook) is not None
    # what stands in our registers is looked at field by field: organisations have addresses, too
    if people := personal_rows(without_entries(workbook, framework) if ours else workbook):
        return _list_of_people(framework, submission, people.details)
    reasons, answered = read_reasons(workbook), find_protocol(workbook) is not None
    workbook = without_protocol(workbook)
    delivery = (_read_form if ours else _read_layout)(framework, workbook, submission)
    if delivery.sheets and (listed := people_listed(framework, delivery.sheets)):
        return _list_of_people(framework, submission, {"found": "Namen", "place": f"{listed[0]}, ab Zelle {listed[1]}"})
    delivery.reasons, delivery.answered = reasons, answered
    delivery.findings += [
        finding(framework, code, {**details, "file": received.file_name}) for code, details in workbook.notices
    ]
    return delivery


def _list_of_people(framework: Framework, submission: Submission, details: Mapping[str, str]) -> ReadDelivery:
    told = {**details, "file": submission.file_name}
    return ReadDelivery(submission, findings=[finding(framework, PERSONAL_DATA, told)])


def _read_form(framework: Framework, workbook: Workbook, submission: Submission) -> ReadDelivery:
    cover = find_cover(workbook)
    assert cover is not None
    answers = read_cover(framework, cover, submission.file_name, submission.sender)
    submission = replace(
        submission,
        layout=REGISTER_FORM if answers.registers_only else OUR_FORM,
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
    delivery.sheets = read_registers(workbook, framework, cover, answers.year)
    if answers.registers_only:
        content = read_tables(workbook, framework, cover, answers.region, answers.year, answers.profile, figures=False)
        delivery.findings += content.findings
        return delivery
    delivery.nil = nil_fields(framework, cover, answers.year)
    if all(framework.variable_field[v] in delivery.nil for v in framework.variables):
        delivery.submission = replace(delivery.submission, nil_return=True)
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
    for place in sorted({(o.region, o.year) for o in observations}):
        if details := wrong_folder(framework, submission.sender, *place):
            findings.append(finding(framework, "C04", details, region=place[0]))
            break
    return ReadDelivery(submission, observations, findings, (), extraction.expected_cells)


_known_layouts: dict[str, tuple[Layout, ...]] = {}


def _layouts(framework: Framework) -> tuple[Layout, ...]:
    """Layouts of a framework, loaded once per content."""
    if framework.content_hash not in _known_layouts:
        _known_layouts[framework.content_hash] = load_layouts(framework)
    return _known_layouts[framework.content_hash]
