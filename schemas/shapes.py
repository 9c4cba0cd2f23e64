"""The plain shapes that the rooms exchange. Data only: no behaviour that needs a database, a workbook or Prefect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

TOTAL = "T"
"""Member code of the total in every dimension."""


class Severity(StrEnum):
    """How bad a finding is, and with it what happens to the delivery."""

    FATAL = "fatal"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Verdict(StrEnum):
    """What becomes of a delivery: a function of the worst open finding, nothing else."""

    ACCEPTED = "accepted"
    ACCEPTED_WITH_REMARKS = "accepted_with_remarks"
    RETURNED = "returned"
    REFUSED = "refused"


class FindingState(StrEnum):
    """Open until the sender has corrected the value or confirmed it with a reason. What a rule on trial noticed is a
    shadow: it is stored, and nobody is asked."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed in a delivery, with its place and what to do about it (design 3.5).

    `message` and `remedy` are complete German sentences; `found` and `expected` are written in German number format.
    `count` says how many cells share the cause when a finding stands for several of them.
    """

    code: str
    severity: Severity
    message: str
    remedy: str
    submission: str = ""
    sheet: str = ""
    cell: str = ""
    row_label: str = ""
    column_label: str = ""
    region: str = ""
    variable: str = ""
    members: str = ""
    found: str = ""
    expected: str = ""
    previous_value: str = ""
    reason: str = ""
    state: FindingState = FindingState.OPEN
    count: int = 1


class Observation(NamedTuple):
    """One delivered cell: what it says, its status, and where it stood. A tuple, because there are many of them.

    `members` holds only the members that differ from the total, as `DIM=MEMBER` pairs in framework order (see
    `member_key`); a dimension that is not named stands at its total.
    """

    region: str
    year: int
    variable: str
    members: tuple[tuple[str, str], ...]
    value: Decimal | None
    status: str
    sheet: str
    cell: str
    text: str
    note: str = ""
    row_label: str = ""
    column_label: str = ""

    @property
    def key(self) -> tuple[str, int, str, tuple[tuple[str, str], ...]]:
        """What must be unique within a delivery."""
        return (self.region, self.year, self.variable, self.members)


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a delivered register: an offer, a target, a body. Its id stays the same over the years.

    `values` holds the filled fields by code, as canonical text: dates `YYYY-MM-DD`, numbers with a point and without
    grouping, `yes`/`no`, codes of a list instead of their names, several entries separated by `;`. An empty field is
    absent. `cells` gives the address of every filled field on `sheet`.
    """

    region: str
    year: int
    register: str
    id: str
    values: Mapping[str, str]
    sheet: str
    row: int
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegisterChange:
    """How many entries a delivered register has, and how it differs from last year's; `known`: was there one?"""

    entries: int
    new: int = 0
    changed: int = 0
    ended: int = 0
    known: bool = False


@dataclass(frozen=True, slots=True)
class Registers:
    """Registers of many regions and years: which were delivered (region, year, register), and all their rows."""

    delivered: tuple[tuple[str, int, str], ...] = ()
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of a result table: those of some regions, or None, and of some years, or None: of all."""

    regions: frozenset[str] | None = None
    years: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """One received file and what became of it."""

    id: str
    sha256: str
    file_name: str
    sender: str
    received_at: datetime
    region: str = ""
    year: int | None = None
    framework_version: str = ""
    layout: str = ""
    verdict: Verdict = Verdict.REFUSED
    supersedes: str = ""
    nil_return: bool = False
    population_basis: str = ""
    sign_profile: str = ""
    contact: str = ""


@dataclass(frozen=True, slots=True)
class CheckedDelivery:
    """The result of reading and checking one file: what it is, what it says, what was noticed.

    `shadow`: what rules on trial noticed; part of no answer, count or verdict. `registers`: the codes of the registers
    that the file delivered, an empty one included; `records`: their rows.
    """

    submission: Submission
    observations: Sequence[Observation] = ()
    findings: tuple[Finding, ...] = ()
    nil_fields: tuple[str, ...] = ()
    expected_cells: int = 0
    read_cells: int = 0
    rules_run: int = 0
    rules_not_evaluable: int = 0
    control_sums: Mapping[str, Decimal] = field(default_factory=dict)
    shadow: tuple[Finding, ...] = ()
    registers: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    register_changes: Mapping[str, RegisterChange] = field(default_factory=dict)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict follows from the worst open finding; a confirmed warning no longer counts as open."""
    open_severities = {finding.severity for finding in findings if finding.state is FindingState.OPEN}
    if Severity.FATAL in open_severities:
        return Verdict.REFUSED
    if Severity.ERROR in open_severities:
        return Verdict.RETURNED
    if Severity.WARNING in open_severities:
        return Verdict.ACCEPTED_WITH_REMARKS
    return Verdict.ACCEPTED


def member_key(members: Iterable[tuple[str, str]]) -> str:
    """`(("GRP", "A"), ("SEX", "W"))` -> `GRP=A,SEX=W`; totals are left out, the empty key is the grand total."""
    return _joined(tuple(members))


@lru_cache(maxsize=1 << 16)  # a batch asks for some thousand keys, hundreds of times each
def _joined(members: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f"{dimension}={member}" for dimension, member in members if member != TOTAL)
