"""Which deliveries still wait for what follows from the next publication, whatever happened since they were stored."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from schemas.shapes import Submission, Verdict
from warehouse.access import Connection, records, rows
from warehouse.snapshot import NoSnapshot, open_snapshot


def unpublished_deliveries(connection: Connection, root: Path) -> list[Submission]:
    """Accepted deliveries with values that the published generation does not know yet, in the order they were stored.

    Asked of the warehouse and not of the run that stored them: a run may end between storing and publishing, and the
    next one finishes its work.
    """
    query = """
        SELECT * FROM submission
        WHERE starts_with(verdict, 'accepted') AND withdrawn_at IS NULL AND region <> '' AND year IS NOT NULL
          AND id IN (SELECT submission_id FROM observation_version)
        ORDER BY checked_at"""
    published = _published(root)
    return [_submission(entry) for entry in records(connection, query) if entry["id"] not in published]


def _published(root: Path) -> set[str]:
    try:
        with open_snapshot(root) as snapshot:
            return {name for (name,) in rows(snapshot.connection, "SELECT id FROM submission")}
    except NoSnapshot:
        return set()


def _submission(entry: dict[str, object]) -> Submission:
    known = {field.name: entry[field.name] for field in fields(Submission)}
    return Submission(**{**known, "verdict": Verdict(str(entry["verdict"]))})  # type: ignore[arg-type]
