"""Deliveries that a run answered before it was killed: it left no report, so the report of the next run names them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from flows.heartbeat import dead_runs
from schemas.shapes import Verdict
from warehouse.access import Connection, rows


@dataclass(frozen=True)
class Answered:
    """One delivery as a report tells it."""

    id: str
    file_name: str
    sender: str
    verdict: Verdict
    findings: int

    @property
    def back(self) -> bool:
        """Does the sender have to deliver again?"""
        return self.verdict in (Verdict.RETURNED, Verdict.REFUSED)


def answered_by_the_dead(connection: Connection, root: Path, open_claims: Collection[str]) -> list[Answered]:
    """What killed runs have stored and nobody has reported, oldest first; not what this run takes up again.

    A killed run counts until a run has come through to a published state (`heartbeat.unmark_running`).
    """
    runs = dead_runs(root)
    if not runs:
        return []
    query = """
        SELECT s.id, s.file_name, s.sender, s.verdict, count(f.code) FILTER (f.state <> 'shadow')
        FROM submission s LEFT JOIN finding f ON f.submission_id = s.id
        WHERE s.run_id IN (SELECT unnest(CAST(? AS VARCHAR[]))) GROUP BY ALL ORDER BY min(s.received_at), s.id"""
    return [
        Answered(number, file_name, sender, Verdict(verdict), findings)
        for number, file_name, sender, verdict, findings in rows(connection, query, [runs])
        if number not in open_claims
    ]
