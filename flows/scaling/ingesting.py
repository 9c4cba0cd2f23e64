"""The batch of `flows.ingesting`, worked on by a crew: they read, check and answer, one process here files and loads.

A batch goes in the same steps and has the same result: what the deliveries of a year may be compared with is what was
accepted before any of them. Whatever dies in between, the next run finishes the work: the claims are still there.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from flows.ingesting import Batch, now
from flows.scaling.crew import Crew, Task, crew
from flows.scaling.exchange import Exchange
from flows.scaling.work import (
    Account,
    Job,
    Mismatch,
    Outcome,
    Parcel,
    accounts,
    answer,
    check,
    fingerprint,
    outcome,
    packed,
    picked,
    read_parcel,
)
from flows.settings import InputRefused, Settings
from flows.wording import text
from intake.inbox import Claim
from schemas.shapes import CheckedDelivery
from warehouse.access import Connection
from warehouse.bulk_loading import joined, load_prepared
from warehouse.desk import Wanted, copied, laid
from warehouse.loading import next_submission_id
from warehouse.past import deliveries_before
from warehouse.places import Places
from warehouse.stored import vocabulary_of

LARGEST_PARCEL = 50
"""Deliveries in one task: enough to make its overhead small, few enough to lose little with a machine."""
PARCELS_EACH = 4
"""So many tasks for every worker, so that all end at about the same time."""


@dataclass(slots=True)
class _Item:
    """One delivery on its way: which parcel it travels in, at which place, and what its reader said."""

    claim: Claim
    parcel: int
    place: int
    account: Account

    @property
    def number(self) -> str:
        return self.claim.submission_id

    @property
    def latest_year(self) -> int:
        return self.account.latest_year


@contextmanager
def scaled(settings: Settings) -> Iterator[Callable[..., ScaledBatch]]:
    """What makes a batch that the crew of the settings works on. Raises InputRefused."""
    if not settings.exchange:
        raise InputRefused(text("scaling.exchange"))
    exchange = Exchange(settings.exchange)
    exchange.sweep()
    with crew(settings) as found:
        yield lambda *arguments: ScaledBatch(*arguments, crew=found, exchange=exchange)


class ScaledBatch(Batch):
    """One batch. Questions about earlier deliveries go to a desk, a small copy of the warehouse."""

    def __init__(self, *arguments: Any, crew: Crew, exchange: Exchange) -> None:
        super().__init__(*arguments)
        self.crew = crew
        self.job = Job(exchange, self.framework.content_hash, fingerprint())
        self.vocabulary = vocabulary_of(self.warehouse)
        self.read: list[Task] = []
        self.objects: list[str] = []
        self.numbers: dict[tuple[str, int], str] = {}
        self.counted: dict[str, int] = {}

    def run(self, claims: Sequence[Claim]) -> None:
        """Work through a batch; what lies in the exchange for it goes at the end."""
        try:
            with self._at_desk(Wanted(senders={claim.sender for claim in claims})):
                super().run(claims)
        finally:
            self.job.exchange.remove(self.objects)

    def _known(self, claim: Claim) -> bool:
        if not self.read:
            return super()._known(claim)
        with self._at_desk(Wanted({claim.sender})):  # this batch has stored since the desk was laid
            return super()._known(claim)

    def _read(self, claims: Iterable[Claim]) -> list[tuple[Claim, Any]]:
        """Let the crew read; returns what was said of each, under its number."""
        claims = list(claims)
        begun = [(group, self._send(group)) for group in self._split(claims)]
        said = self._results({self.crew.submit(accounts, read): place for place, (_, read) in enumerate(begun)})
        items = []
        for place, (group, _) in enumerate(begun):
            found = said[place]
            for at, claim in enumerate(group):
                account = found[at] if isinstance(found, list) else Account(broken=found)
                items.append(_Item(claim, place, at, account))
        whole = [item for item in items if not item.account.broken]
        for item in items:
            if item.account.broken:
                self._broken_by(item.claim, item.account.broken)
        regions = {region for item in whole for region, _ in item.account.places} | {i.account.region for i in whole}
        senders = {item.claim.sender for item in whole}
        with self._at_desk(Wanted(senders, regions)):
            for item in whole:
                item.claim = self._numbered(item)
        return [(item.claim, item) for item in whole]

    def _split(self, whole: Sequence[Any]) -> list[Sequence[Any]]:
        """Parts of about the same size, several for every worker."""
        size = max(1, min(LARGEST_PARCEL, -(-len(whole) // (PARCELS_EACH * self.crew.size))))
        return [whole[start : start + size] for start in range(0, len(whole), size)]

    def _numbered(self, item: _Item) -> Claim:
        claim = item.claim
        if claim.submission_id:
            return claim
        region = item.account.region or self.framework.territory.sender_region(claim.sender) or ""
        key = (region, claim.received_at.year)
        if last := self.numbers.get(key):
            head, _, end = last.rpartition("-")
            number = f"{head}-{int(end) + 1:04d}"
        else:
            number = next_submission_id(self.connection, region, claim.received_at, self.taken)
        self.numbers[key] = number
        self.taken.add(number)
        return self.inbox.remember(claim, number)

    def _check_and_load(self, pairs: list[tuple[Claim, Any]], moment: datetime | None) -> None:
        """One year: checked by the crew, loaded here in one transaction, answered by the crew."""
        items: list[_Item] = [item for _, item in pairs]
        places = {place for item in items for place in item.account.places}
        wanted = Wanted(
            {item.claim.sender for item in items}, {region for region, _ in places}, {year for _, year in places}
        )
        past = self.job.exchange.put_tables(copied(self.warehouse, wanted, moment))
        try:
            self._work_through(items, past)
        finally:
            self.job.exchange.remove(past.values())

    def _work_through(self, items: list[_Item], past: dict[str, str]) -> None:
        groups = [list(group) for group in self._split(items)]
        checks = [self._begin_check(group, past) for group in groups]
        said = self._results({self.crew.submit(outcome, task): place for place, task in enumerate(checks)})
        came: dict[str, CheckedDelivery] = {}
        rows: dict[str, list[pa.Table]] = defaultdict(list)
        for place, group in enumerate(groups):
            found = said[place]
            if not isinstance(found, Outcome):
                found = Outcome({}, {}, dict.fromkeys((item.number for item in group), found), {})
            for item in group:
                if item.number in found.broken:
                    self._broken_by(item.claim, found.broken[item.number])
            came |= found.deliveries
            self.counted |= found.values
            self.objects += found.tables.values()
            for name, table in self.job.exchange.get_tables(found.tables).items():
                rows[name].append(table)
        stored = [item for item in items if item.number in came]
        for item in stored:
            self._file(item.claim, came[item.number])
        load_prepared(self.warehouse, _ordered(joined(rows), stored), now(), self.run_id)
        before = deliveries_before(self.warehouse, [item.number for item in stored])
        tasks = {}
        for place, group in enumerate(groups):
            if wanted := {item.number: before.get(item.number) for item in group if item.number in came}:
                tasks[self.crew.submit(answer, self.job, past, checks[place], wanted)] = place
        self._release(groups, came, self._results(tasks))

    def _begin_check(self, group: Sequence[_Item], past: dict[str, str]) -> Task:
        """Deliveries of one year lie in many parcels: each gives the ones that are wanted."""
        wanted: dict[int, dict[int, str]] = defaultdict(dict)
        for item in group:
            wanted[item.parcel][item.place] = item.number
        parts = [self.crew.submit(picked, self.read[parcel], numbers) for parcel, numbers in wanted.items()]
        order = tuple(item.number for item in group)
        return self.crew.submit(check, self.job, past, self.vocabulary, order, *parts)

    def _release(self, groups: list[list[_Item]], came: dict[str, CheckedDelivery], answers: dict[int, Any]) -> None:
        """A claim goes when its answer lies in the outbox."""
        for place, found in answers.items():
            if isinstance(found, bytes):
                _unpack(found, self.settings.outbox)
            for item in groups[place]:
                if item.number not in came:
                    continue
                if isinstance(found, bytes):
                    self.result.deliveries.append(came[item.number])
                    self.result.values += self.counted[item.number]  # they stayed with the crew
                    self.inbox.release(item.claim)
                else:
                    self._broken_by(item.claim, found)

    def _send(self, claims: Sequence[Claim]) -> Task:
        """Put the files of a parcel into the exchange and begin to read it."""
        received = tuple(self._received(claim, claim.submission_id) for claim in claims)
        parcel = Parcel(received, self.job.exchange.put_tables({"files": packed(received)}))
        self.objects += parcel.files.values()
        self.read.append(self.crew.submit(read_parcel, self.job, parcel))
        return self.read[-1]

    def _results(self, tasks: dict[Task, int]) -> dict[int, Any]:
        """The result of each task; in its place the kind of error, when it could not be finished."""
        found: dict[int, Any] = {}
        for task in self.crew.finished(list(tasks)):
            try:
                found[tasks[task]] = task.result()
            except Mismatch as error:
                raise InputRefused(text(str(error))) from error
            except Exception as error:  # the claims stay, the run says so
                found[tasks[task]] = type(error).__name__
        return found

    def _broken_by(self, claim: Claim, why: str) -> None:
        self.result.broken[f"{claim.sender}/{claim.file_name}"] = why

    @contextmanager
    def _at_desk(self, wanted: Wanted) -> Iterator[None]:
        outer: Connection = self.connection
        tables = copied(self.warehouse, wanted)
        with closing(laid(tables, self.framework, Places(self.settings.root).work / "tmp")) as self.connection:
            try:
                yield
            finally:
                self.connection = outer


def _ordered(tables: dict[str, pa.Table], stored: Sequence[_Item]) -> dict[str, pa.Table]:
    """The ledger in the order of the batch: it decides which delivery replaces which."""
    if not stored:
        return {}
    at = {name: row for row, name in enumerate(tables["submission"]["id"].to_pylist())}
    order = pa.array([at[item.number] for item in stored])
    return tables | {"submission": tables["submission"].take(order)}


def _unpack(answers: bytes, outbox: Path) -> None:
    """Put answers into the outbox, each file as a whole."""
    with zipfile.ZipFile(io.BytesIO(answers)) as archive:
        for name in archive.namelist():
            target = outbox / name
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.tmp")
            temporary.write_bytes(archive.read(name))
            os.replace(temporary, target)
