"""Who was expected to deliver, who did, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from report.data import ReportData, as_text, records
from schemas.framework_model import Framework
from schemas.shapes import Severity, Verdict
from schemas.territory import reference_day

ACCEPTED = (Verdict.ACCEPTED.value, Verdict.ACCEPTED_WITH_REMARKS.value)
EXPECTED, NOT_EXPECTED, NIL = "expected", "not_expected", "nil_return"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One received file. `used`: its values are the ones in force; `findings` counts by severity."""

    id: str
    region: str
    year: int
    received_at: str
    sha256: str
    verdict: str
    layout: str
    framework_version: str
    supersedes: str
    nil_return: bool
    used: bool
    findings: Mapping[str, int]

    @property
    def outcome(self) -> str:
        """Verdict, or nil return for an accepted answer that there is nothing to report."""
        return NIL if self.nil_return and self.verdict in ACCEPTED else self.verdict


@dataclass(frozen=True)
class Deliveries:
    """All deliveries up to the report year, and the regions that were expected in each year."""

    received: tuple[Delivery, ...]
    expected: Mapping[int, tuple[str, ...]]

    def of(self, region: str, year: int) -> tuple[Delivery, ...]:
        """Deliveries of a region for a year, oldest first."""
        return tuple(entry for entry in self.received if (entry.region, entry.year) == (region, year))

    def current(self, region: str, year: int) -> Delivery | None:
        """The delivery in force, else the latest one."""
        found = self.of(region, year)
        return next((entry for entry in found if entry.used), found[-1] if found else None)

    def state(self, region: str, year: int) -> str:
        """Outcome of the current delivery, `expected` when there is none, `not_expected` when none was due."""
        current = self.current(region, year)
        if current is not None:
            return current.outcome
        return EXPECTED if region in self.expected.get(year, ()) else NOT_EXPECTED

    def accepted(self, year: int) -> tuple[str, ...]:
        """Expected regions with a delivery in force for the year."""
        return tuple(region for region in self.expected[year] if any(entry.used for entry in self.of(region, year)))

    def senders(self) -> tuple[str, ...]:
        """Regions that delivered at least once."""
        return tuple(dict.fromkeys(entry.region for entry in self.received))


def deliveries(data: ReportData, framework: Framework, year: int) -> Deliveries:
    """Deliveries of all years up to the report year, oldest first."""
    counts = _counts(data.findings)
    columns = [
        "id",
        "region",
        "year",
        "received_at",
        "sha256",
        "verdict",
        "layout",
        "framework_version",
        "supersedes",
        "nil_return",
    ]
    rows = [row for row in records(data.submissions, columns) if as_text(row[1]) and as_text(row[2])]
    rows = sorted((row for row in rows if int(float(str(row[2]))) <= year), key=lambda row: (str(row[3]), str(row[0])))
    superseded = {as_text(row[8]) for row in rows if str(row[5]) in ACCEPTED}
    in_force = {
        (str(row[1]), int(float(str(row[2])))): str(row[0])
        for row in rows
        if str(row[5]) in ACCEPTED and str(row[0]) not in superseded
    }
    received = tuple(_delivery(row, in_force, counts) for row in rows)
    years = sorted({entry.year for entry in received} | {year})
    expected = {each: framework.territory.reporters(reference_day(each)) for each in range(years[0], year + 1)}
    return Deliveries(received, expected)


def _delivery(
    row: tuple[object, ...], in_force: Mapping[tuple[str, int], str], counts: Mapping[str, Counter[str]]
) -> Delivery:
    identity, region, year = str(row[0]), str(row[1]), int(float(str(row[2])))
    found = counts.get(identity, Counter())
    return Delivery(
        id=identity,
        region=region,
        year=year,
        received_at=_iso(row[3]),
        sha256=as_text(row[4]),
        verdict=str(row[5]),
        layout=as_text(row[6]),
        framework_version=as_text(row[7]),
        supersedes=as_text(row[8]),
        nil_return=as_text(row[9]) in ("True", "1"),
        used=in_force.get((region, year)) == identity,
        findings={severity.value: found.get(severity.value, 0) for severity in Severity},
    )


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, pd.Timestamp) else as_text(value)


def _counts(findings: pd.DataFrame) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for submission, severity in records(findings, ["submission_id", "severity"]):
        counts.setdefault(str(submission), Counter())[str(severity)] += 1
    return counts
