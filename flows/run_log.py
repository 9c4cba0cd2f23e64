"""What a run leaves behind for the operator: structured lines, a report in German, files that survive a power cut.

`<data root>/state/log/YYYY-MM.jsonl` holds one JSON object per step: ids, counts, durations, versions. Never a value of a
cell, a file name, a name or an address; an error is told by its class and place, because its text may quote a cell.
`<data root>/state/runs/<run id>.txt` is the report of one run; its first line says what to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flows.wording import GERMAN, catalogue, speaking
from flows.wording import moment as written

if TYPE_CHECKING:
    from flows.cycle import Night
    from schemas.framework_model import Framework

KEEP_REPORTS = 400
STEPS = {"ingest": "Eingang", "compute": "Berechnung", "publish": "Veröffentlichung"}
_TEMPORARY = re.compile(r"\..+\.(?P<process>\d+)\.tmp")
_PROJECT = Path(__file__).resolve().parents[1]
_ZONE = ZoneInfo("Europe/Berlin")


def state_folder(root: Path) -> Path:
    """Where the operation keeps its own notes."""
    return root / "state"


def close_state(root: Path) -> None:
    """Make the folder for the owner alone: what the attack found and remembers lies there, and who was told what."""
    folder = state_folder(root)
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)


def now_utc() -> datetime:
    """The present moment with its zone."""
    return datetime.now(UTC)


def german_time(moment: datetime) -> str:
    """A moment as it is written in what is kept; a moment without zone is taken as UTC."""
    with speaking(GERMAN):
        return written(moment)


def german_day(moment: datetime) -> date:
    """The day on a German calendar; a moment without zone is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(_ZONE).date()


def durable_write(path: Path, text: str, mode: int = 0o640) -> None:
    """Write a file whole or not at all, so that a power cut leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(root: Path, lock: Path) -> None:
    """Remove what processes that were killed left of `durable_write`: older than the one that holds the lock, and gone."""
    with suppress(OSError):
        held_since = lock.stat().st_mtime
        for path in state_folder(root).rglob(".*.tmp"):
            found = _TEMPORARY.fullmatch(path.name)
            if found and path.lstat().st_mtime < held_since and not Path("/proc", found["process"]).exists():
                path.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file, None when there is no file or no object in it."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def describe(error: BaseException) -> str:
    """Class and innermost own place of an error; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(_PROJECT)] or list(frames)
    if not own:
        return type(error).__name__
    path = Path(own[-1].filename)
    place = path.relative_to(_PROJECT) if path.is_relative_to(_PROJECT) else Path(path.name)
    return f"{type(error).__name__} ({place}:{own[-1].lineno})"


def rule_set_hash(framework: Framework) -> str:
    """Fingerprint of all rules, delivery rules and thresholds of plausibility: the same ones give the same answer."""
    digest = hashlib.sha256()
    for entries in (framework.rules, framework.delivery_rules):
        for code in sorted(entries):
            digest.update(entries[code].model_dump_json().encode())
    thresholds = framework.folder / "plausibility.yaml"
    digest.update(thresholds.read_bytes() if thresholds.exists() else b"")
    return digest.hexdigest()


def counts_of(night: Night) -> dict[str, int]:
    """What a run did, as numbers."""
    from schemas.shapes import Verdict

    result = night.ingested
    counts = {str(verdict): result.count(verdict) for verdict in Verdict}
    counts |= {"duplicates": len(result.duplicates), "broken": len(result.broken), "waiting": len(result.waiting)}
    counts["misplaced"] = len(result.misplaced)
    counts["findings"] = sum(len(delivery.findings) for delivery in result.deliveries)
    counts["values"] = result.values
    counts["indicator_values"] = night.indicator_values
    if night.generation:
        counts |= {"generation": night.generation.number, "new_generation": int(night.generation.new)}
    return counts


@dataclass
class RunLog:
    """Lines of one run. A line that cannot be written (disk full) never stops the run."""

    root: Path
    run_id: str
    kind: str
    started_at: datetime = field(default_factory=now_utc)
    seconds: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def write(self, event: str, **facts: Any) -> None:
        """Append one line; whole lines of several processes do not mix."""
        moment = now_utc()
        line = {"at": moment.isoformat(timespec="milliseconds"), "run": self.run_id, "kind": self.kind, "event": event}
        text = json.dumps({**line, **facts}, ensure_ascii=False, sort_keys=False) + "\n"
        path = state_folder(self.root) / "log" / f"{moment:%Y-%m}.jsonl"
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)

    def start(self) -> None:
        """The first line: which program."""
        from flows.versions import code_version, lock_hash

        close_state(self.root)
        self.versions |= {"code": code_version(), "lock": lock_hash()}
        self.write("start", **self.versions)

    def uses(self, framework: Framework) -> None:
        """Note the framework and the rules as soon as they are loaded."""
        self.versions |= {
            "framework": f"{framework.code} {framework.version}",
            "framework_hash": framework.content_hash,
            "rules": rule_set_hash(framework),
            "calendar": framework.calendar_hash,
        }

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step and note how it ended."""
        begun = time.monotonic()
        try:
            yield
        except BaseException as error:
            self._ended(name, begun, error=describe(error))
            raise
        self._ended(name, begun)

    def _ended(self, name: str, begun: float, **facts: str) -> None:
        self.seconds[name] = round(time.monotonic() - begun, 3)
        self.write("step", step=name, seconds=self.seconds[name], **facts)

    def end(self, outcome: str, night: Night | None, error: str = "") -> None:
        """The last line: outcome, counts, durations, versions."""
        facts: dict[str, Any] = {"outcome": outcome, "seconds": self._total(), "steps": self.seconds}
        facts["counts"] = counts_of(night) if night else {}
        if error:
            facts["error"] = error
        self.write("end", **facts, **self.versions)

    def report(self, outcome: str, lines: Sequence[str]) -> str:
        """The report in German: `lines` (the first says what to do), then what a later reader needs."""
        done = f"Lauf {self.run_id} ({self.kind}), begonnen {german_time(self.started_at)}"
        parts = [f"{STEPS.get(name, name)} {_seconds(value)}" for name, value in self.seconds.items()]
        versions = {"code": "Programm", "lock": "Pakete", "framework": "Rahmen", "rules": "Regeln"}
        named = [f"{label} {self.versions[key][:24]}" for key, label in versions.items() if self.versions.get(key)]
        ended = catalogue(GERMAN).get(f"outcome.{outcome}", outcome)
        tail = [f"{done}, {ended}, Dauer {_seconds(self._total())}"]
        tail += [f"Schritte: {', '.join(parts)}"] if parts else []
        tail += [f"Stand: {', '.join(named)}"] if named else []
        return "\n".join([*lines, "", *tail, ""])

    def save_report(self, text: str) -> Path:
        """Keep the report under the id of the run; only the newest reports stay."""
        folder = state_folder(self.root) / "runs"
        path = folder / f"{self.run_id}.txt"
        durable_write(path, text)
        known = sorted(folder.glob("*.txt"), key=lambda entry: entry.stat().st_mtime)
        for old in known[:-KEEP_REPORTS]:
            old.unlink(missing_ok=True)
        return path

    def _total(self) -> float:
        return round((now_utc() - self.started_at).total_seconds(), 3)


def report_lines(night: Night, language: str = GERMAN) -> list[str]:
    """The summary of a run; what is kept is German; of a program error only its class, because its text may quote a cell."""
    from flows.cycle import summary

    broken: Mapping[str, str] = {name: why.partition(":")[0] for name, why in night.ingested.broken.items()}
    with speaking(language):
        return summary(replace(night, ingested=replace(night.ingested, broken=dict(broken))))


def _seconds(value: float) -> str:
    return f"{value:.1f} s".replace(".", ",")
