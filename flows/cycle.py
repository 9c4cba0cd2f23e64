"""The steps of a night as plain functions: ingest, compute, publish. The Prefect flow and the commands call these."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from flows.auditing import guard
from flows.beside import beside
from flows.corrections import FILE, correct
from flows.corrections import summary as corrections_summary
from flows.ingesting import IngestResult, ingest
from flows.interrupted import Answered
from flows.misplaced import misplaced_lines
from flows.previews import write_previews
from flows.remembering_proofs import NEXT, believe_next, keep_proofs, recall_proofs
from flows.reusing import beside_of, state_of
from flows.run_log import counts_of, rule_set_hash, sweep
from flows.settings import Settings
from flows.versions import code_version, lock_hash
from flows.wording import GERMAN, counted, speaking, text
from indicators.compute import Beside, compute
from indicators.laying_down import LaidDown, laying_down
from indicators.remembered import LARGE, give_back, let_stay
from schemas.framework_model import Framework
from schemas.shapes import Verdict
from warehouse.access import Connection, of_little
from warehouse.compacting import compact, live_bytes
from warehouse.computed import LEDGER, NOTE, SYMBOLS, changed_years, computed_before, computed_beside
from warehouse.computed import note as computed_note
from warehouse.contents import Contents
from warehouse.corrections import CorrectionResult
from warehouse.ledger import append_ledger, read_ledger
from warehouse.owed import unpublished_deliveries
from warehouse.places import Places
from warehouse.publishing import Generation, publish
from warehouse.records import all_registers
from warehouse.results import (
    Completed,
    Run,
    count_values,
    data_years,
    record_run,
    replace_all_results,
    write_framework,
)
from warehouse.store import Lock, writer
from warehouse.symbols import append_symbols, read_symbols

Progress = Callable[[str], None]
_MOST = 3


@dataclass
class Night:
    """What a run did, for its report: counts, duration of each step, the published generation."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    ingested: IngestResult = field(default_factory=IngestResult)
    generation: Generation | None = None
    corrections: CorrectionResult | None = None
    indicator_values: int = 0
    given_away: int = 0
    computed: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "ingest"
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 something was returned or needs an eye, 3 a delivery broke our own code."""
        if self.ingested.broken:
            return 3
        return 1 if self.ingested.needs_eye or self.mismatched or self.given_away else 0

    @property
    def mismatched(self) -> tuple[str, ...]:
        """Declared corrections that do not fit what counts."""
        return tuple(self.corrections.mismatched) if self.corrections else ()

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[], None]]:
        """Measure a step; what it yields notes the seconds up to now, for a record that is written inside the step."""
        begun = time.monotonic()

        def note() -> None:
            self.seconds[name] = round(time.monotonic() - begun, 3)

        try:
            yield note
        finally:
            note()


def ingest_inbox(
    settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress
) -> IngestResult:
    """Work through the inbox and note the run in the warehouse."""
    let_stay()
    sweep(settings.root, Places(settings.root).lock)
    with night.step("ingest") as note, writer(settings.root, framework, lock=lock) as store:
        night.ingested = ingest(settings, framework, store, night.id, progress)
        note()
        record_run(store.connection, run_of(framework, night))
    return night.ingested


def compute_indicators(settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress) -> int:
    """Recompute all result tables from the accepted values; returns the number of indicator values.

    When nothing that enters the computation changed since the stored results were made, they stay.
    """
    sweep(settings.root, Places(settings.root).lock)
    with laying_down(Places(settings.root).work) as tables:
        return _computed(settings, framework, night, lock, progress, tables)


def _computed(
    settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress, tables: LaidDown
) -> int:
    """The same with the place where the new tables lie until they are stored and shown."""
    with night.step("compute") as note, writer(settings.root, framework, lock=lock) as store:
        night.corrections = correct(settings.root, framework, store, datetime.now(UTC), night.id)
        registers = all_registers(store.connection)
        known = beside(settings.root, framework, registers)
        known = replace(known, ledger=read_ledger(store.connection), symbols=read_symbols(store.connection))
        owed = unpublished_deliveries(store.connection, settings.root)  # an interrupted run may have left some
        seen = Contents(store.connection)
        if not owed and _stands(store.connection, framework, night, known, seen):
            write_framework(store.connection, framework, data_years(store.connection))
            note()
            record_run(store.connection, run_of(framework, night))
            progress(text("run.values_stand", count=night.indicator_values))
            return night.indicator_values
        given = beside_of(framework, known)
        proofs = recall_proofs(settings.root, framework)
        noted = computed_beside(store.connection, given, seen)
        changed = changed_years(store.connection, noted, seen) if noted else None
        if changed is not None:  # who delivered gets a preview, even where it is the same again
            changed |= {submission.year for submission in owed if submission.year is not None}
        known = replace(known, proofs=proofs, stands=noted is not None, changed=changed)
        of_little(store.connection, changed is not None)
        results = compute(store.connection, framework, "observation", beside=known, into=tables)
        of_little(store.connection, results.window is not None)
        keep_proofs(settings.root, framework, proofs, NEXT)
        known = replace(known, proofs=None)
        del proofs
        whole = Completed(store.connection, results.tables, results.partial)
        records = results.protection.ledger
        guard(framework, store.connection, whole, known.ledger, settings.root, records, results.anew)
        if results.values.num_rows > LARGE:
            give_back(store.connection)
        seen.change(replace_all_results(store.connection, results.tables, results.changed))
        told = results.protection
        moment = datetime.now(UTC)
        append_ledger(store.connection, night.id, moment, told.policy, told.ledger)
        append_symbols(store.connection, framework, night.id, moment, results.tables["published_target"])
        seen.forget([LEDGER, SYMBOLS])
        believe_next(settings.root)
        night.given_away = len(told.incidents)
        if night.given_away:  # never which cell: the house looks into cell_protection
            progress(text("run.given_away", count=night.given_away))
        write_framework(store.connection, framework, data_years(store.connection))
        night.indicator_values = count_values(store.connection)
        state = state_of(store.connection, framework, known, seen)
        night.computed = computed_note(store.connection, state, night.given_away, given, told.unsettled, seen)
        note()
        record_run(store.connection, run_of(framework, night))
        progress(text("run.values", count=night.indicator_values))
    previews = write_previews(settings, framework, owed, results)
    if previews:
        progress(counted("run.previews", previews))
    return night.indicator_values


def _stands(connection: Connection, framework: Framework, night: Night, known: Beside, seen: Contents) -> bool:
    """Do the stored results say what a computation would say now? Notes in the night what they are."""
    found = computed_before(connection, state_of(connection, framework, known, seen), seen)
    if found is None:
        return False
    night.computed, night.given_away = found, found["given_away"]
    night.indicator_values = count_values(connection)
    return True


def publish_snapshot(
    settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress
) -> Generation:
    """Swap the new state in as a whole; the same content is not published twice.

    What publishing itself did is noted in the work file afterwards: readers see it from the next generation on.
    """
    with night.step("publish") as note:
        known = str(night.computed.get("results", ""))
        night.generation = publish(settings.root, framework, lock=lock, results=known)
        with writer(settings.root, framework, lock=lock) as store:
            note()
            record_run(store.connection, run_of(framework, night))
            live = live_bytes(store.connection)
        compact(settings.root, framework, lock=lock, live=live)
    state = "run.generation_new" if night.generation.new else "run.generation_same"
    progress(text(state, number=night.generation.number))
    return night.generation


def summary(night: Night) -> list[str]:
    """The run report in the language asked for; the first line says what to do."""
    result = night.ingested
    returned, refused = result.count(Verdict.RETURNED), result.count(Verdict.REFUSED)
    accepted = result.count(Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)
    dead = Counter(delivery.verdict for delivery in result.interrupted)
    lines: list[str] = [_first_line(night, returned + dead[Verdict.RETURNED], refused + dead[Verdict.REFUSED])]
    numbers = {"accepted": accepted, "returned": returned, "refused": refused, "known": len(result.duplicates)}
    lines.append(text("run.counts", **numbers))
    lines += [text("run.broken", name=name, why=why) for name, why in result.broken.items()]
    for delivery in result.deliveries:
        if delivery.submission.verdict in (Verdict.RETURNED, Verdict.REFUSED):
            sent = delivery.submission
            named = {"id": sent.id, "file": sent.file_name, "sender": sent.sender}
            lines.append(counted("run.delivery", len(delivery.findings), **named))
    lines += _interrupted_lines(result.interrupted)
    if night.corrections is not None:
        lines += corrections_summary(night.corrections)
    if result.waiting:
        lines.append(text("run.waiting", names=", ".join(result.waiting)))
    lines += misplaced_lines(result.misplaced)
    if night.generation:
        state = "run.published" if night.generation.new else "run.unchanged"
        lines.append(text(state, number=night.generation.number, count=night.indicator_values))
    return lines


def _interrupted_lines(answered: Sequence[Answered]) -> list[str]:
    """What a killed run answered and could not report."""
    if not answered:
        return []
    dead = Counter(delivery.verdict for delivery in answered)
    numbers = {"returned": dead[Verdict.RETURNED], "refused": dead[Verdict.REFUSED]}
    back = [sent for sent in answered if sent.back]
    named = [counted("run.delivery", e.findings, id=e.id, file=e.file_name, sender=e.sender) for e in back]
    return [counted("run.interrupted", len(answered), **numbers), *named]


def correction_lines(night: Night) -> list[str]:
    """What became of the declared corrections, for a run that has no report; empty when there is nothing to say."""
    if night.corrections is None:
        return []
    first = [summary(night)[0]] if night.mismatched else []
    return first + corrections_summary(night.corrections)


def _first_line(night: Night, returned: int, refused: int) -> str:
    todo: list[str] = []
    if night.ingested.broken:
        todo.append(counted("run.broken", len(night.ingested.broken)))
    elif returned or refused:
        todo.append(counted("run.returned", returned, refused=refused))
    todo += misplaced_lines(night.ingested.misplaced)[:1]
    if night.mismatched:
        names, more = ", ".join(night.mismatched[:_MOST]), len(night.mismatched) - _MOST
        named = text("run.mismatched_more", names=names, count=more) if more > 0 else names
        todo.append(counted("run.mismatched", len(night.mismatched), file=FILE, names=named))
    if night.given_away:
        todo.append(text("run.given_away", count=night.given_away))
    return " ".join(todo) or text("run.nothing")


def run_of(framework: Framework, night: Night) -> Run:
    """What the warehouse keeps of a run, as far as it has come. Never a value, a file name or a name."""
    corrections = night.corrections
    with speaking(GERMAN):
        message = summary(night)[0]
    return Run(
        id=night.id,
        started_at=night.started_at,
        finished_at=datetime.now(UTC).replace(tzinfo=None),
        kind=night.kind,
        outcome={0: "clean", 1: "findings"}.get(night.exit_code, "broken"),
        code_version=code_version(),
        lock_hash=lock_hash(),
        framework_version=framework.version,
        framework_hash=framework.content_hash,
        counts=counts_of(night),
        message=message,
        rules_hash=rule_set_hash(framework),
        seconds=dict(night.seconds),
        details={"calendar_hash": framework.calendar_hash}
        | ({NOTE: dict(night.computed)} if night.computed else {})
        | ({"corrections": asdict(corrections)} if corrections else {}),
    )
