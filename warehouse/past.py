"""What earlier deliveries said, for the checks that look back and for the answer to the sender.

A withdrawn delivery says nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from schemas.shapes import Finding, FindingState, Severity, member_key
from warehouse.access import Connection, dimension_codes, dimension_names, ledger, records, rows

Values = dict[tuple[str, str], tuple[Decimal | None, str]]
"""(variable, member key) -> (value, status)."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The delivery before: its number, when it came, and what was noticed."""

    id: str
    received_at: datetime
    findings: tuple[Finding, ...]


def values_of_year(connection: Connection, year: int) -> dict[str, Values]:
    """Current values of every region for a year, read in one pass."""
    codes, names = dimension_codes(connection), dimension_names(connection)
    listed = "".join(f"{name}, " for name in names)
    query = f"SELECT region, variable, {listed} value, status FROM observation WHERE year = ?"
    found: dict[str, Values] = {}
    for region, variable, *members, value, status in rows(connection, query, [year]):
        key = member_key(zip(codes, members, strict=True))
        found.setdefault(region, {})[(variable, key)] = (value, status)
    return found


def delivery_before(
    connection: Connection, own_id: str, sender: str, region: str, year: int, layout: str
) -> Earlier | None:
    """The newest other delivery of this sender for a region, year and layout, accepted or not, with its findings."""
    query = f"""
        SELECT id, received_at FROM {ledger()}
        WHERE id <> ? AND sender = ? AND region = ? AND year = ? AND layout = ? AND withdrawn_at IS NULL
        ORDER BY checked_at DESC LIMIT 1"""
    for number, received_at in rows(connection, query, [own_id, sender, region, year, layout]):
        return Earlier(number, received_at, findings_of(connection, number))
    return None


def verdict_of_submission(connection: Connection, submission_id: str) -> str:
    """Stored verdict of a delivery, empty when it is not known or withdrawn."""
    found = rows(connection, f"SELECT verdict FROM {ledger()} WHERE id = ? AND withdrawn_at IS NULL", [submission_id])
    return next((str(verdict) for (verdict,) in found), "")


def findings_of(connection: Connection, submission_id: str) -> tuple[Finding, ...]:
    """Stored findings of a delivery."""
    return tuple(
        _finding(entry)
        for entry in records(connection, _FINDINGS + " WHERE submission_id = ? AND state <> 'shadow'", [submission_id])
    )


def confirmed_findings(connection: Connection, region: str, year: int) -> tuple[Finding, ...]:
    """Warnings of the accepted deliveries of a region and year that the sender confirmed with a reason."""
    query = f"""{_FINDINGS} WHERE state = 'confirmed' AND submission_id IN (
        SELECT id FROM {ledger()}
        WHERE region = ? AND year = ? AND starts_with(verdict, 'accepted') AND withdrawn_at IS NULL)"""
    return tuple(_finding(entry) for entry in records(connection, query, [region, year]))


_COLUMNS = (
    "code, severity, message, remedy, sheet, cell, row_label, column_label, region, variable, members, found, expected,"
    " previous_value, reason, state"
)
_FINDINGS = f"SELECT submission_id AS submission, {_COLUMNS} FROM finding"


def _finding(entry: dict[str, object]) -> Finding:
    texts = {name: "" if value is None else str(value) for name, value in entry.items()}
    severity, state = Severity(texts.pop("severity")), FindingState(texts.pop("state"))
    return Finding(severity=severity, state=state, **texts)  # type: ignore[arg-type]
