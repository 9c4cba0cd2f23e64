"""Runs under observation, and the watch mode that answers a drop within a minute.

`recorded` wraps every run, however it is started: log, report, sign of life, alarm when it fails. `watch` looks into the
inbox every few seconds; looking works on SMB and NFS too, where the kernel tells nothing about other machines.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from flows.alarm_settings import AlarmSettings, load_alarm_settings
from flows.alarms import Alarm, raise_alarm
from flows.heartbeat import Beat, mark_running, unmark_running, watcher_sign, write_beat
from flows.misplaced import note_told
from flows.run_limit import Overdue, limited
from flows.run_log import RunLog, describe, now_utc, report_lines
from flows.settings import Settings, SettingsError
from flows.wording import GERMAN, again, catalogue, counted, language, speaking, text

if TYPE_CHECKING:
    from flows.cycle import Night
    from schemas.framework_model import Framework

SETTLE_SECONDS = 30.0
"""In watch mode a file is taken when it has not changed for so long: with the time to look and to work, within a minute."""
RETRY_SECONDS = 900.0
_OUTCOME = {0: "ok", 1: "findings"}


@dataclass
class Record:
    """A run under observation. Tell it the framework and the night as soon as they are there."""

    log: RunLog
    night: Night | None = None

    def uses(self, framework: Framework, night: Night) -> None:
        """What this run works with; its id becomes the one of the night."""
        self.log.uses(framework)
        self.night = night
        night.id, night.kind = self.log.run_id, self.log.kind

    def step(self, name: str) -> AbstractContextManager[None]:
        """Measure a step: `with record.step("ingest"):`."""
        return self.log.step(name)


@contextmanager
def recorded(settings: Settings, kind: str) -> Iterator[Record]:
    """Log, report, sign of life; an alarm when the run fails. The error itself always goes on to the caller.

    A run that is refused because another one works is only noted in the log: the other one gives the sign of life.
    """
    from warehouse.store import Locked

    record = Record(RunLog(settings.root, uuid.uuid4().hex[:12], kind))
    log = record.log
    log.start()
    _quietly(lambda: mark_running(settings.root, log.run_id, kind))
    try:
        with limited(settings.run_hours, lambda late: _overdue(settings, record, late)):
            yield record
    except Locked as error:
        log.end("refused", record.night, describe(error))
        raise
    except KeyboardInterrupt as error:
        log.end("stopped", record.night, describe(error))
        raise
    except BaseException as error:
        if not getattr(error, "monitor_recorded", False):
            _failed(settings, record, error)
        raise
    else:
        _ended(settings, record)
    finally:
        _quietly(lambda: unmark_running(settings.root, log.run_id, repaired=False))


@contextmanager
def guarded(settings: Settings, kind: str) -> Iterator[None]:
    """For what surrounds a recorded run (the start of Prefect): a failure before the run began is a failed run too."""
    from warehouse.store import Locked

    try:
        yield
    except (Locked, KeyboardInterrupt):
        raise
    except BaseException as error:
        if not getattr(error, "monitor_recorded", False):
            _failed(settings, Record(RunLog(settings.root, uuid.uuid4().hex[:12], kind)), error)
        raise


def _ended(settings: Settings, record: Record) -> None:
    night, log = record.night, record.log
    outcome = _OUTCOME.get(night.exit_code, "failed") if night else "ok"
    lines = report_lines(night) if night else [catalogue(GERMAN)["run.nothing"]]
    log.end(outcome, night)
    _quietly(lambda: log.save_report(log.report(outcome, lines)))
    _quietly(lambda: note_told(settings.root, night.ingested.misplaced if night else ()))
    generation = night.generation.number if night and night.generation else None
    try:
        write_beat(settings.root, Beat(now_utc(), outcome, log.run_id, log.kind, generation, lines[0]))
    except OSError as error:
        _failed(settings, record, error)
        raise
    unmark_running(settings.root, log.run_id, repaired=outcome != "failed" and generation is not None)
    if outcome == "failed":
        details = (text("alarm.run_kind", run=log.run_id, kind=log.kind),)
        _alarm(settings, Alarm("LAUF", lines[0], details, f"LAUF:{log.kind}:{lines[0]}"))


def _failed(settings: Settings, record: Record, error: BaseException) -> None:
    """Everything that can be left behind is; nothing here raises, the original error matters."""
    log, why = record.log, cause(error)
    with suppress(Exception):
        error.monitor_recorded = True  # type: ignore[attr-defined]
    log.end("failed", record.night, describe(error))
    first = text("alarm.run_failed", kind=log.kind)
    _quietly(lambda: log.save_report(log.report("failed", [again(first, GERMAN), why])))
    _quietly(lambda: write_beat(settings.root, Beat(now_utc(), "failed", log.run_id, log.kind, None, why)))
    _alarm(settings, Alarm("LAUF", first, (why, text("alarm.run", run=log.run_id)), f"LAUF:{log.kind}:{why}"))


def _overdue(settings: Settings, record: Record, late: Overdue) -> None:
    """All that a failed run leaves behind; the process ends then."""
    _failed(settings, record, late)
    _quietly(lambda: unmark_running(settings.root, record.log.run_id, repaired=False))
    _quietly(lambda: print(again(late.args[0], language()), file=sys.stderr, flush=True))


def cause(error: BaseException) -> str:
    """Why a run failed, in German. Only texts of our own refusals are quoted; others could hold a value or a name."""
    from schemas.yaml_source import FrameworkError
    from warehouse.places import WarehouseError

    with speaking(GERMAN):
        if isinstance(error, FrameworkError):  # of its texts only the place: one about a correction may quote a value
            places = [f"{problem.file}:{problem.line}" for problem in error.problems]
            return counted("why_failed.framework", len(places), place=places[0])
        if isinstance(error, (WarehouseError, SettingsError, Overdue)):
            return str(again(next(iter(error.args), ""), GERMAN)).strip().splitlines()[0]
        if isinstance(error, OSError):
            own = type(error).__module__.startswith("warehouse.")
            why = error.strerror or (error if own else type(error).__name__)
            return text("why_failed.disk", why=why)
        return text("why_failed.fault", what=describe(error))


def _alarm(settings: Settings, alarm: Alarm) -> None:
    try:
        ways = load_alarm_settings(settings.root)
    except SettingsError:
        ways = AlarmSettings()
    raise_alarm(settings.root, ways, alarm)


def _quietly(action: Callable[[], object]) -> None:
    with suppress(Exception):
        action()


# --- watch mode -------------------------------------------------------------------------------------------------------


class Stop:
    """A request to end, which a signal handler may make at any moment of a wait.

    `threading.Event` locks itself up when the handler interrupts its own `wait`, and a signal that comes just before
    the system call is not seen until that ends. A pipe that the signal itself writes to wakes in both cases.
    """

    def __init__(self) -> None:
        self._asked = False
        self._woken, self.waking = os.pipe()
        for end in (self._woken, self.waking):
            os.set_blocking(end, False)
            weakref.finalize(self, os.close, end)

    def set(self) -> None:
        """Ask; more than once does no harm."""
        self._asked = True
        with suppress(BlockingIOError):  # full: it will be woken anyway
            os.write(self.waking, b"\0")

    def is_set(self) -> bool:
        """Has anybody asked?"""
        return self._asked

    def wait(self, seconds: float) -> None:
        """Sleep for so long, or until somebody asks."""
        if not self._asked and select.select([self._woken], [], [], seconds)[0]:
            os.read(self._woken, 4096)


def stop_on_signals() -> Stop:
    """What SIGTERM and SIGINT set: the run at hand is finished, then the watch mode ends."""
    stop = Stop()

    def asked(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.set_wakeup_fd(stop.waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
    return stop


def quick(settings: Settings) -> Settings:
    """The settings of the watch mode: settled sooner, so that the answer comes within a minute."""
    return replace(settings, settle_seconds=min(settings.settle_seconds, SETTLE_SECONDS))


def run_once(settings: Settings, say: Callable[[str], None]) -> int:
    """One pass over the inbox as plain functions: ingest, compute, publish; returns the exit code of the run."""
    from flows import cycle
    from schemas.loading import load_framework
    from warehouse.store import exclusive

    with recorded(settings, "watch") as record:
        framework, night = load_framework(), cycle.Night()
        record.uses(framework, night)
        with exclusive(settings.root, wait_seconds=settings.lock_wait_seconds) as lock:
            with record.step("ingest"):
                cycle.ingest_inbox(settings, framework, night, lock, say)
            with record.step("compute"):
                cycle.compute_indicators(settings, framework, night, lock, say)
            with record.step("publish"):
                cycle.publish_snapshot(settings, framework, night, lock, say)
    say("\n".join(report_lines(night, language())))
    return night.exit_code


def watch(settings: Settings, run_once: Callable[[], object], *, poll_seconds: float = 10.0, stop: Stop) -> None:
    """Call `run_once` whenever something settled is waiting, until `stop` is set. Survives whatever goes wrong.

    What a run left lying (an error of ours, a file without rights) is tried again after a quarter of an hour, or as
    soon as something else arrives. While another run holds the lock it is tried again at the next look.
    """
    from warehouse.store import Locked, lock_holder

    tried: frozenset[tuple[str, int, int, int]] = frozenset()
    again_at = 0.0
    while not stop.is_set():
        try:
            _sign(settings.root)
            waiting = _waiting(settings)
            due = time.monotonic() >= again_at and bool(waiting or _claims(settings.root))
            if (waiting - tried or due) and lock_holder(settings.root) is None:
                tried, again_at = waiting, time.monotonic() + RETRY_SECONDS
                run_once()
        except Locked:
            tried, again_at = frozenset(), 0.0
        except Exception as error:
            if not getattr(error, "monitor_recorded", False):
                todo, key = text("alarm.watcher_error"), f"WAECHTER:{describe(error)}"
                _alarm(settings, Alarm("WAECHTER", todo, (cause(error),), key))
        stop.wait(poll_seconds)
    _quietly(lambda: watcher_sign(settings.root).unlink(missing_ok=True))


def _waiting(settings: Settings) -> frozenset[tuple[str, int, int, int]]:
    """What is complete, with its size and time, so that a changed file counts as new."""
    from intake.inbox import Inbox

    found = set()
    for path in Inbox(settings.root, settings.settle_seconds).waiting():
        with suppress(FileNotFoundError):
            facts = path.lstat()
            found.add((str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return frozenset(found)


def _claims(root: Path) -> bool:
    """Is there a claim that no run has finished?"""
    folder = root / "raw" / "claims"
    return folder.is_dir() and any(folder.iterdir())


def _sign(root: Path) -> None:
    path = watcher_sign(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path)
