"""The dead-man file: every run leaves a sign of life, and `monitor alive` alarms when it stays away.

`<data root>/state/last_run.json` is written at the end of every run. `state/running/<run id>.json` lies there while a run
works and tells a run that was killed from one that works. `monitor alive` needs no Prefect, no warehouse and no
framework: cron or a timer calls it.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from flows.alarm_settings import AlarmSettings
from flows.alarms import Alarm, raise_alarm, retry
from flows.misplaced import told_folders
from flows.run_log import durable_write, now_utc, read_json, state_folder
from flows.wording import GERMAN, again, counted, text
from intake.inbox_files import holds_deliveries

CLOCK_TOLERANCE = timedelta(minutes=10)
WATCHER_SILENT = timedelta(minutes=30)
_NOISE = ("thumbs.db", "desktop.ini", ".ds_store", ".gitkeep")


@dataclass(frozen=True)
class Beat:
    """The end of a run: `outcome` is ok, findings or failed; `message` is the first line of its report."""

    at: datetime
    outcome: str
    run_id: str
    kind: str
    generation: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Alive:
    """Is the operation alive? `alarms` says what is not."""

    alarms: tuple[Alarm, ...]
    beat: Beat | None

    @property
    def ok(self) -> bool:
        """Nothing to alarm about."""
        return not self.alarms

    @property
    def headline(self) -> str:
        """What to do first, or that all is well."""
        if self.alarms:
            return self.alarms[0].todo
        assert self.beat is not None
        return text("alive.fine", at=self.beat.at, outcome=text(f"outcome.{self.beat.outcome}"))

    def text(self) -> str:
        """For the operator and for the mail that cron sends."""
        lines = [line for alarm in self.alarms for line in (alarm.todo, *(f"  {d}" for d in alarm.details))]
        return "\n".join(lines or [self.headline])


@dataclass(frozen=True)
class Stuck:
    """Entries of one folder that nobody takes: where, how many, since when, of what kind."""

    folder: str
    count: int
    since: datetime
    why: str


def write_beat(root: Path, beat: Beat) -> None:
    """The sign of life at the end of a run."""
    durable_write(_last(root), json.dumps({**asdict(beat), "at": beat.at.isoformat()}, ensure_ascii=False, indent=1))


def read_beat(root: Path) -> Beat | None:
    """The last sign of life, None when there is none or it cannot be read."""
    found = read_json(_last(root))
    try:
        return Beat(**{**found, "at": datetime.fromisoformat(found["at"])}) if found else None
    except (KeyError, TypeError, ValueError):
        return None


def mark_running(root: Path, run_id: str, kind: str) -> None:
    """A run begins. The start time of the process tells it from a later one with the same number."""
    mark = {"pid": os.getpid(), "born": _born(os.getpid()), "kind": kind, "at": now_utc().isoformat()}
    durable_write(_running(root) / f"{run_id}.json", json.dumps(mark))


def unmark_running(root: Path, run_id: str, *, repaired: bool) -> None:
    """A run has ended; with `repaired` the marks of killed runs go too, because this one did their work."""
    with suppress(OSError):
        (_running(root) / f"{run_id}.json").unlink(missing_ok=True)
        for path in [entry for entry, mark in _marks(root) if repaired and not _works(mark)]:
            path.unlink(missing_ok=True)


def dead_runs(root: Path) -> list[str]:
    """Runs that were killed, until another one has done their work."""
    return [path.stem for path, mark in _marks(root) if not _works(mark)]


def check(root: Path, settings: AlarmSettings, now: datetime) -> Alive:
    """What `monitor alive` looks at: the last run, runs that hang or were killed, stuck files, the watcher, the disk."""
    beat = read_beat(root)
    found = [
        *_silence(beat, settings, now),
        *_runs(root, settings, now),
        *_stuck(root, settings, now),
        *_watcher(root, now),
        *_disk(root, settings),
    ]
    return Alive(tuple(found), beat)


def report_alive(root: Path, settings: AlarmSettings, now: datetime | None = None) -> Alive:
    """Check, send the alarms, and try again what could not be sent before."""
    moment = now or now_utc()
    alive = check(root, settings, moment)
    for alarm in alive.alarms:
        raise_alarm(root, settings, alarm)
    if alive.ok:
        retry(root, settings, moment)
    return alive


def stuck_in_inbox(root: Path, hours: float, now: datetime) -> Iterator[Stuck]:
    """Entries that no run took for so long: unfinished uploads, folders, links, files outside a sender's folder.

    A file counts from its arrival (change time), because copying may keep an old modification time.
    """
    inbox = root / "raw" / "inbox"
    told = {inbox / name for name in told_folders(root)}
    seen: dict[tuple[str, str], list[datetime]] = {}
    for folder in sorted(inbox.iterdir()) if inbox.is_dir() else ():
        hidden = folder.name.startswith(".") and folder.is_dir() and not folder.is_symlink()
        if hidden and not holds_deliveries(folder):  # what a file server or a program keeps for itself
            continue
        direct = hidden or not folder.is_dir() or folder.is_symlink()
        for path in [folder] if direct else sorted(folder.iterdir()):
            if path in told:  # a run has named it; the status does
                continue
            with suppress(FileNotFoundError):
                facts = path.lstat()
                arrived = datetime.fromtimestamp(facts.st_ctime, now.tzinfo)
                if path.name.lower() in _NOISE or now - arrived < timedelta(hours=hours):
                    continue
                place = text("run.here") if direct else text("stuck.folder", name=folder.name)
                seen.setdefault((place, _why(path, facts, direct)), []).append(arrived)
    for (where, why), moments in seen.items():
        yield Stuck(where, len(moments), min(moments), why)


def stuck_claims(root: Path, hours: float, now: datetime) -> list[datetime]:
    """Since when claims lie there that are older than that."""
    folder = root / "raw" / "claims"
    moments = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            claimed = datetime.fromtimestamp(_claim_time(path), now.tzinfo)
            if now - claimed >= timedelta(hours=hours):
                moments.append(claimed)
    return sorted(moments)


def watcher_sign(root: Path) -> Path:
    """The file that the watch mode touches while it lives and removes when it is stopped."""
    return state_folder(root) / "watch.json"


def _silence(beat: Beat | None, settings: AlarmSettings, now: datetime) -> Iterator[Alarm]:
    if beat is None:
        yield Alarm("STILLE", text("alarm.no_run"), at=now)
        return
    last = (text("alarm.last_run", at=beat.at),)
    if beat.at > now + CLOCK_TOLERANCE:
        yield Alarm("UHR", text("alarm.future"), last, at=now)
    elif now - beat.at > timedelta(hours=settings.silence_hours):
        hours = int((now - beat.at).total_seconds() // 3600)
        yield Alarm("STILLE", text("alarm.silence", hours=hours), last, at=now)
    if beat.outcome == "failed":
        details = (text("alarm.failed_run", at=beat.at, run=beat.run_id, kind=beat.kind), beat.message)
        key = f"LAUF:{beat.kind}:{beat.message}"
        yield Alarm("LAUF", text("alarm.failed"), tuple(filter(None, details)), key, now)


def _runs(root: Path, settings: AlarmSettings, now: datetime) -> Iterator[Alarm]:
    for path, mark in _marks(root):
        with suppress(KeyError, TypeError, ValueError):
            begun = datetime.fromisoformat(str(mark["at"]))
            details = (text("alarm.begun", run=path.stem, kind=mark["kind"], at=begun),)
            if not _works(mark):
                yield Alarm("ABBRUCH", text("alarm.killed"), details, f"ABBRUCH:{path.stem}", now)
            elif now - begun > timedelta(hours=settings.hang_hours):
                todo = text("alarm.hangs", hours=f"{settings.hang_hours:.0f}")
                yield Alarm("HAENGT", todo, details, f"HAENGT:{path.stem}", now)


def _stuck(root: Path, settings: AlarmSettings, now: datetime) -> Iterator[Alarm]:
    for found in stuck_in_inbox(root, settings.stuck_hours, now):
        todo = counted("alarm.inbox", found.count, hours=f"{settings.stuck_hours:.0f}")
        details = (text("alarm.inbox_where", folder=found.folder, why=found.why, since=found.since),)
        key = f"EINGANG:{again(found.folder, GERMAN)}:{again(found.why, GERMAN)}"
        yield Alarm("EINGANG", todo, details, key, now)
    claims = stuck_claims(root, settings.claim_hours, now)
    if claims:
        oldest = text("alarm.oldest_claim", at=claims[0])
        yield Alarm("UEBERNAHME", counted("alarm.claims", len(claims)), (oldest,), at=now)


def _watcher(root: Path, now: datetime) -> Iterator[Alarm]:
    path = watcher_sign(root)
    with suppress(FileNotFoundError):
        seen = datetime.fromtimestamp(path.stat().st_mtime, now.tzinfo)
        if now - seen > WATCHER_SILENT:
            yield Alarm("WAECHTER", text("alarm.watcher"), (text("alarm.last_sign", at=seen),), at=now)


def _disk(root: Path, settings: AlarmSettings) -> Iterator[Alarm]:
    with suppress(OSError):
        free = shutil.disk_usage(root).free // 2**20
        if free < settings.min_free_mb:
            yield Alarm("PLATTE", text("alarm.disk", free=free))


def _why(path: Path, facts: os.stat_result, direct: bool) -> str:
    name = path.name.lower()
    if not stat.S_ISREG(facts.st_mode):
        return text("stuck.never_read")
    if name.startswith(("~$", ".~lock")):
        return text("stuck.office_lock")
    if name.startswith(".") or name.endswith((".tmp", ".part", ".filepart", ".crdownload", ".partial", ".download")):
        return text("stuck.unfinished")
    return text("stuck.no_sender") if direct else text("stuck.not_taken")


def _claim_time(folder: Path) -> float:
    """A claim counts from the moment it was made; later notes in its folder do not make it younger."""
    meta = read_json(folder / "meta.json")
    with suppress(KeyError, TypeError, ValueError):
        return datetime.fromisoformat(f"{(meta or {})['received_at']}+00:00").timestamp()
    return folder.lstat().st_mtime


def _marks(root: Path) -> list[tuple[Path, dict[str, object]]]:
    folder = _running(root)
    return [(path, read_json(path) or {}) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []


def _works(mark: dict[str, object]) -> bool:
    """Is the process of the mark still the same one?"""
    pid = mark.get("pid")
    return isinstance(pid, int) and _born(pid) == mark.get("born") != ""


def _born(pid: int) -> str:
    """When a process was started, in ticks since this boot of the machine, with the boot itself; empty when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}:{fields[19]}" if fields[0] != "Z" else ""
    except (OSError, IndexError):
        return ""


def _last(root: Path) -> Path:
    return state_folder(root) / "last_run.json"


def _running(root: Path) -> Path:
    return state_folder(root) / "running"
