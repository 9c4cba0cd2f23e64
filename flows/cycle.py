"""The steps of a night as plain functions: ingest, compute, publish. The Prefect flow and the commands call these."""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from flows.corrections import correct
from flows.corrections import summary as corrections_summary
from flows.ingesting import IngestResult, ingest
from flows.previews import write_previews
from flows.settings import Settings
from flows.wording import count
from indicators.compute import compute
from schemas.framework_model import Framework
from schemas.shapes import Verdict
from warehouse.compacting import compact
from warehouse.corrections import CorrectionResult
from warehouse.publishing import Generation, publish
from warehouse.results import Run, data_years, record_run, replace_all_results, write_framework
from warehouse.store import Lock, writer

Progress = Callable[[str], None]
_PROJECT = Path(__file__).resolve().parents[1]


@dataclass
class Night:
    """What a run did, for its report: counts, duration of each step, the published generation."""

    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))
    ingested: IngestResult = field(default_factory=IngestResult)
    generation: Generation | None = None
    corrections: CorrectionResult | None = None
    indicator_values: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 clean, 1 something was returned or needs an eye, 3 a delivery broke our own code."""
        if self.ingested.broken:
            return 3
        mismatched = self.corrections is not None and bool(self.corrections.mismatched)
        return 1 if self.ingested.needs_eye or mismatched else 0


def ingest_inbox(
    settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress
) -> IngestResult:
    """Work through the inbox and note the run in the warehouse."""
    with writer(settings.root, framework, lock=lock) as store:
        night.ingested = ingest(settings, framework, store, night.id, progress)
        record_run(store.connection, _run(framework, night, "ingest"))
    return night.ingested


def compute_indicators(settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress) -> int:
    """Recompute all result tables from the accepted values; returns the number of indicator values."""
    with writer(settings.root, framework, lock=lock) as store:
        night.corrections = correct(settings.root, framework, store, datetime.now(UTC), night.id)
        results = compute(store.connection, framework, "observation")
        replace_all_results(store.connection, results.tables)
        write_framework(store.connection, framework, data_years(store.connection))
        night.indicator_values = results.values.num_rows
        progress(f"{night.indicator_values} Indikatorwerte berechnet")
    previews = write_previews(settings, framework, night.ingested, results)
    if previews:
        progress(f"{count(previews, 'Vorschau', 'Vorschauen')} für die Absender geschrieben")
    return night.indicator_values


def publish_snapshot(
    settings: Settings, framework: Framework, night: Night, lock: Lock, progress: Progress
) -> Generation:
    """Swap the new state in as a whole; the same content is not published twice."""
    night.generation = publish(settings.root, framework, lock=lock)
    compact(settings.root, framework, lock=lock)
    state = "neu veröffentlicht" if night.generation.new else "unverändert"
    progress(f"Datenbestand Nr. {night.generation.number} ({state})")
    return night.generation


def summary(night: Night) -> list[str]:
    """The run report in German; the first line says what to do."""
    result = night.ingested
    returned, refused = result.count(Verdict.RETURNED), result.count(Verdict.REFUSED)
    accepted = result.count(Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_REMARKS)
    lines = [_first_line(result, returned, refused)]
    known = len(result.duplicates)
    lines.append(f"Angenommen: {accepted}, zurückgegeben: {returned}, nicht lesbar: {refused}, schon bekannt: {known}")
    lines += [f"  Programmfehler bei {name}: {why}" for name, why in result.broken.items()]
    for delivery in result.deliveries:
        if delivery.submission.verdict in (Verdict.RETURNED, Verdict.REFUSED):
            submission = delivery.submission
            noticed = count(len(delivery.findings), "Auffälligkeit", "Auffälligkeiten")
            lines.append(f"  {submission.id} „{submission.file_name}“ von {submission.sender}: {noticed}")
    if night.corrections is not None:
        lines += corrections_summary(night.corrections)
    if result.waiting:
        lines.append(f"Noch nicht vollständig und deshalb liegen gelassen: {', '.join(result.waiting)}")
    if night.generation:
        state = "neu" if night.generation.new else "unverändert"
        lines.append(f"Datenbestand Nr. {night.generation.number} ({state}), {night.indicator_values} Indikatorwerte")
    return lines


def _first_line(result: IngestResult, returned: int, refused: int) -> str:
    if result.broken:
        files = count(len(result.broken), "Datei konnte", "Dateien konnten")
        return f"Bitte prüfen: {files} wegen eines Programmfehlers nicht verarbeitet werden."
    if returned or refused:
        back = count(returned, "Lieferung", "Lieferungen")
        return f"Bitte nachfassen: {back} zurückgegeben, {refused} nicht lesbar."
    return "Nichts zu tun."


def _run(framework: Framework, night: Night, kind: str) -> Run:
    result = night.ingested
    return Run(
        id=night.id,
        started_at=night.started_at,
        finished_at=datetime.now(UTC).replace(tzinfo=None),
        kind=kind,
        outcome="broken" if result.broken else "findings" if result.needs_eye else "clean",
        code_version=code_version(),
        lock_hash=lock_hash(),
        framework_version=framework.version,
        framework_hash=framework.content_hash,
        counts={
            **{str(verdict): result.count(verdict) for verdict in Verdict},
            "duplicates": len(result.duplicates),
            "broken": len(result.broken),
            "waiting": len(result.waiting),
        },
        message=summary(night)[0],
    )


def code_version() -> str:
    """Commit of the checkout, or `unknown` where the code is installed without its history."""
    try:
        found = subprocess.run(
            ["git", "-C", str(_PROJECT), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return found.stdout.strip() or "unknown"


def lock_hash() -> str:
    """Fingerprint of the lock file, so that a run names the packages it ran with."""
    path = _PROJECT / "requirements.lock"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
