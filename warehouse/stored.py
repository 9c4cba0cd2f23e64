"""What a load works with: what is stored already and decides about a delivery that comes, and what the load did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.shapes import CheckedDelivery, Submission, Verdict
from warehouse.access import Connection, dimension_codes, rows, utc
from warehouse.delivery_tables import ACCEPTED, Vocabulary
from warehouse.history import TICK, last_moment


@dataclass(slots=True)
class LoadResult:
    """What a load did. `loaded` are the stored submissions (any verdict), `accepted` those whose values now count.

    `duplicates` maps a submission that changed nothing to the one stored earlier, `failed` one that could not be
    stored to the reason: our fault, to be reported, never the sender's.
    """

    loaded: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    duplicates: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    values_added: int = 0
    values_closed: int = 0

    def add(self, other: LoadResult) -> None:
        """What another load did after this one."""
        self.loaded += other.loaded
        self.accepted += other.accepted
        self.duplicates |= other.duplicates
        self.failed |= other.failed
        self.values_added += other.values_added
        self.values_closed += other.values_closed


def vocabulary_of(connection: Connection) -> Vocabulary:
    """What the tables of this warehouse can hold."""
    statuses = dict(rows(connection, "SELECT code, conf_status FROM status"))
    counted = dict(rows(connection, "SELECT code, register FROM variable WHERE register IS NOT NULL"))
    return Vocabulary(dimension_codes(connection), statuses, counted)


@dataclass(slots=True)
class StoredDeliveries:
    """What is stored already and concerns the deliveries of one load; kept up to date while it goes on."""

    ids: set[str] = field(default_factory=set)
    contents: dict[tuple[str, str], str] = field(default_factory=dict)
    counting: dict[tuple[str, int | None, str], str] = field(default_factory=dict)
    last: datetime = datetime.min

    @classmethod
    def read(cls, connection: Connection, deliveries: Sequence[CheckedDelivery]) -> StoredDeliveries:
        ledger = cls(last=last_moment(connection))
        query = """
            SELECT id, sha256, sender, region, year, layout, verdict, checked_at, withdrawn_at FROM submission
            WHERE id IN (SELECT unnest($ids)) OR sha256 IN (SELECT unnest($contents))
               OR region IN (SELECT unnest($regions))
            ORDER BY checked_at"""
        coming = [delivery.submission for delivery in deliveries]
        parameters = {
            "ids": [submission.id for submission in coming],
            "contents": [submission.sha256 for submission in coming],
            "regions": [submission.region for submission in coming],
        }
        for name, sha256, sender, region, year, layout, verdict, moment, gone in rows(connection, query, parameters):
            if gone is not None:
                ledger.ids.add(name)
                continue
            ledger._note(name, (sha256, sender), (region, year, layout), Verdict(verdict), moment)
        return ledger

    def add(self, stored: Submission, moment: datetime) -> None:
        place = (stored.region, stored.year, stored.layout)
        self._note(stored.id, (stored.sha256, stored.sender), place, stored.verdict, moment)

    def stored_as(self, submission: Submission) -> str | None:
        """The stored submission with this id, or with these bytes from this sender."""
        if submission.id in self.ids:
            return submission.id
        return self.contents.get((submission.sha256, submission.sender))

    def superseded(self, submission: Submission) -> str:
        """The accepted submission of the same region, year and layout that counts until now."""
        if submission.verdict not in ACCEPTED or submission.year is None:
            return ""
        return self.counting.get((submission.region, submission.year, submission.layout), "")

    def next_moment(self, now: datetime) -> datetime:
        """Now, or just after the last stored moment when the clock stands still or went back."""
        return max(utc(now), self.last + TICK)

    def _note(
        self,
        name: str,
        content: tuple[str, str],
        place: tuple[str, int | None, str],
        verdict: Verdict,
        moment: datetime,
    ) -> None:
        self.ids.add(name)
        self.contents[content] = name
        if verdict in ACCEPTED:
            self.counting[place] = name
        self.last = max(self.last, moment)
