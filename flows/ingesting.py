"""Process the inbox once: claim, read, check, archive, load, answer. Running it again after a crash finishes the work."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import repeat

from flows.interrupted import Answered, answered_by_the_dead
from flows.known_past import KnownPast
from flows.misplaced import untold_files
from flows.reading_ahead import HELD, Readers, opened_before
from flows.settings import Settings
from flows.wording import counted, text
from indicators.remembered import give_back, without_collecting
from intake.answer import write_reply
from intake.checking import Past, check_read
from intake.deliveries import PERSONAL_DATA, ReadDelivery, Received, latest_year, read_deliveries, year_in
from intake.form_answers import find_cover
from intake.inbox import Claim, Inbox
from intake.inbox_files import readable
from intake.messages import finding
from intake.rules import Known
from schemas.framework_model import Framework
from schemas.remembered import forget
from schemas.shapes import CheckedDelivery, Verdict
from warehouse.loading import known_sha, load_together, loading_many, next_submission_id
from warehouse.past import deliveries_before, known_contents, moments_before, verdict_of_submission
from warehouse.store import Writer

Progress = Callable[[str], None]
BATCHES = 8
"""After so many batches what refers to itself is looked for: few objects do, and all have to be gone through for these."""
FEW = 8
"""So many deliveries ask for less when each region's past is read alone."""


@dataclass
class IngestResult:
    """What one pass over the inbox did: deliveries without what they say, and how many `values` that was."""

    deliveries: list[CheckedDelivery] = field(default_factory=list)
    values: int = 0
    duplicates: list[CheckedDelivery] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    interrupted: list[Answered] = field(default_factory=list)

    def add(self, delivery: CheckedDelivery) -> None:
        """Note a delivery that is loaded and answered. What it says lies in the warehouse; the memory is for the next."""
        self.values += len(delivery.observations)
        self.deliveries.append(replace(delivery, observations=(), records=()))

    def count(self, *verdicts: Verdict) -> int:
        """Number of deliveries with one of these verdicts."""
        return sum(1 for delivery in self.deliveries if delivery.submission.verdict in verdicts)

    @property
    def needs_eye(self) -> bool:
        """Was something returned, refused or broken, here or by a killed run, or lies where nobody takes it?"""
        back = self.count(Verdict.RETURNED, Verdict.REFUSED) + sum(delivery.back for delivery in self.interrupted)
        return bool(self.broken or self.misplaced) or back > 0


def ingest(settings: Settings, framework: Framework, writer: Writer, run_id: str, progress: Progress) -> IngestResult:
    """Claim everything that is complete and work through it in bounded batches."""
    inbox = Inbox(settings.root, settings.settle_seconds)
    claims = inbox.claim_all()
    result = IngestResult(
        waiting=[readable(f"{path.parent.name}/{path.name}") for path in inbox.unsettled()],
        misplaced=untold_files(settings.root),
    )
    taken_up = {claim.submission_id for claim in claims}
    result.interrupted = answered_by_the_dead(writer.connection, settings.root, taken_up)
    if claims:
        progress(counted("run.files", len(claims)))
    many = len(claims) > settings.batch_files
    known = KnownPast(writer.connection, few=len(claims) <= FEW)
    with (
        Readers() as readers,
        loading_many(writer.connection),
        _batches(settings, claims) as begin,
        without_collecting(),
    ):
        if many:
            claims = _by_year(settings, framework, claims, readers)
        for number, start in enumerate(range(0, len(claims), settings.batch_files), start=1):
            batch = claims[start : start + settings.batch_files]
            begin(settings, framework, writer, run_id, inbox, result, known, readers).run(batch)
            if number % BATCHES == 0:
                gc.collect()
            progress(text("run.processed", done=min(start + len(batch), len(claims)), count=len(claims)))
    if many:  # what the checks had worked out would lie beside the computation
        del known
        forget(framework)
        give_back()
    return result


@contextmanager
def _batches(settings: Settings, claims: Sequence[Claim]) -> Iterator[Callable[..., Batch]]:
    """What makes a batch: here, or with the crew that the settings name."""
    if not (settings.workers and claims):
        yield Batch
        return
    from flows.scaling.ingesting import scaled

    with scaled(settings) as begin:
        yield begin


def _by_year(settings: Settings, framework: Framework, claims: Sequence[Claim], readers: Readers) -> list[Claim]:
    """Claims in the order of the years they speak of: what one batch accepts, the rules of the next may look back to.

    What was opened for that is held for its turn, unless there is too much of it, or a crew does the reading.
    """
    years = dict.fromkeys((claim.folder for claim in claims), 0)
    hold = len(claims) <= HELD and not settings.workers
    for claim, workbook in readers.ahead(claims) if hold else zip(claims, repeat(None)):
        received = Received(claim.path, claim.file_name, claim.sender, claim.sha256, claim.received_at)
        with suppress(Exception):  # reported when its batch is worked through
            if workbook is None:
                years[claim.folder] = latest_year(framework, received, readers.pool)
            else:
                years[claim.folder] = year_in(framework, received, workbook.result(), opened_before(workbook))
                if find_cover(workbook.result()) is not None:  # another one is far larger for what it holds
                    readers.hold(claim, workbook)
    return sorted(claims, key=lambda claim: years[claim.folder])


class Batch:
    """Some deliveries, worked through in one process; `flows.scaling` does the same steps on several machines."""

    def __init__(
        self,
        settings: Settings,
        framework: Framework,
        writer: Writer,
        run_id: str,
        inbox: Inbox,
        result: IngestResult,
        known: KnownPast,
        readers: Readers,
    ) -> None:
        self.settings = settings
        self.framework = framework
        self.warehouse = self.connection = writer.connection
        self.run_id = run_id
        self.inbox = inbox
        self.result = result
        self.known = known
        self.readers = readers
        self.numbers = known.numbers
        self.taken = set(inbox.numbers)

    def run(self, claims: Sequence[Claim]) -> None:
        stored = known_contents(self.connection, [claim.sha256 for claim in claims])
        fresh = [claim for claim in claims if claim.sha256 not in stored or not self._known(claim)]
        moments = moments_before(self.warehouse, [claim.submission_id for claim in fresh if claim.submission_id])
        first = {(claim.sha256, claim.sender): claim for claim in reversed(fresh)}
        read = self._read([claim for claim in fresh if first[claim.sha256, claim.sender] is claim])
        # what a run loaded that died before it answered is checked again with what that run knew
        groups: dict[tuple[int, datetime | None], list[tuple[Claim, ReadDelivery]]] = defaultdict(list)
        for claim, delivery in read:
            groups[delivery.latest_year, moments.get(claim.submission_id)].append((claim, delivery))
        del read  # a year that is loaded need not be held any longer
        for place in sorted(groups, key=lambda place: place[0]):
            self._check_and_load(groups.pop(place), place[1])
        for claim in fresh:  # the same bytes twice in one night: the second is answered with the number of the first
            if first[claim.sha256, claim.sender] is not claim:
                self._known(claim)

    def _known(self, claim: Claim) -> bool:
        """The same bytes from the same sender: answered with a reference, nothing is loaded.

        A claim that already carries the number under which it is stored was interrupted after the load and before its
        reply; it is worked through again, which changes nothing but completes the reply.
        """
        earlier = known_sha(self.connection, claim.sha256, claim.sender)
        if earlier is None or earlier == claim.submission_id:
            return False
        received = self._received(claim, earlier)
        read = read_deliveries(self.framework, [received])[0]
        note = finding(self.framework, "F06", {"other": earlier}, submission=earlier)
        verdict = Verdict(verdict_of_submission(self.connection, earlier))
        delivery = CheckedDelivery(replace(read.submission, verdict=verdict), findings=(note,))
        write_reply(self.framework, delivery, self.settings.outbox, duplicate_of=earlier)
        self.result.duplicates.append(delivery)
        self.inbox.release(claim)
        return True

    def _read(self, claims: Iterable[Claim]) -> list[tuple[Claim, ReadDelivery]]:
        found = []
        for claim, workbook in self.readers.ahead(claims):
            try:
                received = self._received(claim, claim.submission_id)
                read = read_deliveries(self.framework, [received], opened_before(workbook))[0]
            except Exception as error:  # one delivery that breaks must not stop the others
                self._broken(claim, error)
                continue
            numbered = claim
            if not claim.submission_id:
                region = read.submission.region or self.framework.territory.sender_region(claim.sender) or ""
                numbered = self.inbox.remember(claim, self._next_number(region, claim.received_at))
            read.submission = replace(read.submission, id=numbered.submission_id)
            found.append((numbered, read))
        return found

    def _next_number(self, region: str, received_at: datetime) -> str:
        """The next free number; the warehouse is asked for the first one of a region."""
        place = (region, received_at.year)
        if last := self.numbers.get(place):
            head, _, end = last.rpartition("-")
            number = f"{head}-{int(end) + 1:04d}"
        else:
            number = next_submission_id(self.connection, region, received_at, self.taken)
        self.numbers[place] = number
        self.taken.add(number)
        return number

    def _check_and_load(self, pairs: list[tuple[Claim, ReadDelivery]], moment: datetime | None) -> None:
        past = (KnownPast(self.connection, moment) if moment else self.known).past
        try:
            checked = check_read(self.framework, [read for _, read in pairs], past)
        except Exception as error:
            if len(pairs) == 1:
                self._broken(pairs[0][0], error)
            else:  # find the one that breaks, let the others pass
                for pair in pairs:
                    self._check_and_load([pair], moment)
            return
        claims = [claim for claim, _ in pairs]
        for claim, delivery in zip(claims, checked, strict=True):
            self._file(claim, delivery)
        last_years = [_last_year(delivery, past) for delivery in checked]
        loaded = load_together(self.connection, checked, now(), self.run_id)
        self.known.forget(checked)
        before = deliveries_before(self.connection, [delivery.submission.id for delivery in checked])
        for (claim, read), delivery, last_year in zip(pairs, checked, last_years, strict=True):
            number = delivery.submission.id
            if number in loaded.failed:
                self._broken(claim, RuntimeError(loaded.failed[number]))
                continue
            write_reply(
                self.framework,
                delivery,
                self.settings.outbox,
                before=before.get(number),
                source=claim.path,
                last_year=last_year,
                answered=read.answered,
            )
            self.result.add(delivery)
            self.inbox.release(claim)

    def _file(self, claim: Claim, delivery: CheckedDelivery) -> None:
        submission = delivery.submission
        if any(found.code == PERSONAL_DATA for found in delivery.findings):
            return  # a list of persons is not kept, only its fingerprint in the ledger
        if submission.verdict is Verdict.REFUSED:
            reasons = [{"code": found.code, "message": found.message} for found in delivery.findings]
            self.inbox.quarantine_file(claim, {"submission": submission.id, "reasons": reasons})
        else:
            self.inbox.archive_file(claim, submission.year, submission.region)

    def _broken(self, claim: Claim, error: Exception) -> None:
        """Our own fault: the claim stays, is tried again next time, and the run says so."""
        # the text of an error may quote a value; the log of the run must not
        self.result.broken[f"{claim.sender}/{claim.file_name}"] = type(error).__name__

    def _received(self, claim: Claim, submission_id: str) -> Received:
        return Received(claim.path, claim.file_name, claim.sender, claim.sha256, claim.received_at, submission_id)


def _last_year(delivery: CheckedDelivery, past: Past) -> Known | None:
    region, year = delivery.submission.region, delivery.submission.year
    return past.values(region, year - 1) if year else None


def now() -> datetime:
    """Now as the warehouse stores it: UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)
