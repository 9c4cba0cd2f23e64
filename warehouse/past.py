"""What earlier deliveries said, for the checks that look back and for the answer to the sender.

A withdrawn delivery says nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Current values of every region for a year, read in one pass; equal cells of the regions share their key."""
    codes, names = dimension_codes(connection), dimension_names(connection)
    listed = "".join(f", {name}" for name in names)
    query = f"SELECT region, value, status, variable{listed} FROM observation WHERE year = ?"
    found: dict[str, Values] = {}
    cells: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in rows(connection, query, [year]):
        region, value, status, *_ = row
        place = row[3:]
        cell = cells.get(place)
        if cell is None:
            cell = cells[place] = (place[0], member_key(zip(codes, place[1:], strict=True)))
        if region not in found:
            found[region] = {}
        found[region][cell] = (value, status)
    return found


def population_bases(connection: Connection, year: int) -> dict[str, str]:
    """Population basis that the newest accepted delivery of each region declared for a year, where one did."""
    query = f"""
        SELECT region, arg_max(population_basis, checked_at) FROM {ledger()}
        WHERE year = ? AND starts_with(verdict, 'accepted') AND population_basis <> '' AND withdrawn_at IS NULL
        GROUP BY region"""
    return {region: str(basis) for region, basis in rows(connection, query, [year])}


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


def deliveries_before(connection: Connection, ids: Sequence[str]) -> dict[str, Earlier]:
    """For each of these stored deliveries the newest one that was stored before it and is of the same sender, region,
    year and layout, accepted or not; for many at once what `delivery_before` says of one that is not stored yet."""
    query = f"""
        WITH known AS (SELECT * FROM {ledger()})
        SELECT own.id, arg_max(other.id, other.checked_at), arg_max(other.received_at, other.checked_at)
        FROM known own JOIN known other USING (sender, region, year, layout)
        WHERE own.id IN (SELECT unnest(CAST(? AS VARCHAR[]))) AND own.region <> ''
          AND other.checked_at < own.checked_at AND other.withdrawn_at IS NULL
        GROUP BY own.id"""
    return {
        own: Earlier(number, received_at, findings_of(connection, number))
        for own, number, received_at in rows(connection, query, [list(ids)])
    }


def known_contents(connection: Connection, fingerprints: Sequence[str]) -> set[str]:
    """Which of these bytes the ledger knows at all, from whatever sender."""
    query = "SELECT DISTINCT sha256 FROM submission WHERE sha256 IN (SELECT unnest(CAST(? AS VARCHAR[])))"
    return {sha256 for (sha256,) in rows(connection, query, [list(fingerprints)])}


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


def confirmed_findings_of_year(connection: Connection, year: int) -> dict[str, list[Finding]]:
    """`confirmed_findings` of every region for a year."""
    accepted = f"{ledger()} WHERE year = ? AND starts_with(verdict, 'accepted') AND withdrawn_at IS NULL"
    query = f"{_FINDINGS} WHERE state = 'confirmed' AND submission_id IN (SELECT id FROM {accepted})"
    entries = records(connection, query, [year])
    regions = dict(rows(connection, f"SELECT id, region FROM {accepted}", [year])) if entries else {}
    found: dict[str, list[Finding]] = {}
    for entry in entries:
        found.setdefault(regions[str(entry["submission"])], []).append(_finding(entry))
    return found


_COLUMNS = (
    "code, severity, message, remedy, sheet, cell, row_label, column_label, region, variable, members, found, expected,"
    " previous_value, reason, state"
)
_FINDINGS = f"SELECT submission_id AS submission, {_COLUMNS} FROM finding"


def _finding(entry: dict[str, object]) -> Finding:
    texts = {name: "" if value is None else str(value) for name, value in entry.items()}
    severity, state = Severity(texts.pop("severity")), FindingState(texts.pop("state"))
    return Finding(severity=severity, state=state, **texts)  # type: ignore[arg-type]
