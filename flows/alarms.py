"""Alarms: by mail and webhook, in German, the first line says what to do. Never a value, never a name.

An alarm is written to `<data root>/state/alarms/spool` first and then handed over; what could not be handed over is tried
again with every later alarm and with every `monitor alive`. The same alarm is sent once in 24 hours. Nothing here
raises: an alarm that fails must not hide the error it reports.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from flows import mail
from flows.alarm_settings import AlarmSettings
from flows.run_log import describe, durable_write, german_time, now_utc, read_json, state_folder
from flows.wording import GERMAN, again, text

KEEP_DAYS = 30


@dataclass(frozen=True)
class Alarm:
    """`code` names the section of the runbook, `key` what counts as the same alarm, `todo` is the first line.

    The terminal hears it in the language of the command; what is sent is German.
    """

    code: str
    todo: str
    details: tuple[str, ...] = ()
    key: str = ""
    at: datetime = field(default_factory=now_utc)

    @property
    def same(self) -> str:
        """The key, by default the code."""
        return self.key or self.code

    def text(self, system: str) -> str:
        """The message as people read it."""
        lines = [self.todo, *(["", *self.details] if self.details else []), ""]
        lines += [f"Meldung von: {system}, {german_time(self.at)}"]
        return "\n".join(
            [*lines, f"Was zu tun ist, steht im Betriebshandbuch (docs/runbook.md), Alarm {self.code}.", ""]
        )


@dataclass
class Handover:
    """What became of alarms: handed over, still waiting, suppressed because the same one was sent lately."""

    sent: int = 0
    waiting: int = 0
    suppressed: int = 0
    errors: list[str] = field(default_factory=list)


def raise_alarm(root: Path, settings: AlarmSettings, alarm: Alarm) -> Handover:
    """Send an alarm, or keep it for later; never raises."""
    try:
        with _alone(root) as box:
            return box.add(settings, alarm)
    except Exception as error:
        line = text("alarm.unsent", alarm=alarm.todo, why=describe(error))
        print(f"ALARM {alarm.code}: {line}", file=sys.stderr, flush=True)
        return Handover(waiting=1, errors=[describe(error)])


def retry(root: Path, settings: AlarmSettings, now: datetime | None = None) -> Handover:
    """Hand over what is still waiting; never raises."""
    try:
        with _alone(root) as box:
            return box.flush(settings, now or now_utc())
    except Exception as error:
        return Handover(errors=[describe(error)])


def waiting_alarms(root: Path) -> int:
    """How many alarms could not be handed over yet."""
    return len(list((state_folder(root) / "alarms" / "spool").glob("*.json")))


@contextmanager
def _alone(root: Path) -> Iterator[_Box]:
    """One process at a time, so that nothing is sent twice."""
    folder = state_folder(root) / "alarms"
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in (folder, folder / "spool"):
        path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield _Box(folder)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class _Box:
    """Spool and memory of alarms on disk."""

    folder: Path

    def add(self, settings: AlarmSettings, alarm: Alarm) -> Handover:
        path = self.folder / "spool" / f"{sha256(alarm.same.encode()).hexdigest()[:16]}.json"
        if self._sent_lately(settings, alarm) or path.exists():
            handover = self.flush(settings, alarm.at)
            handover.suppressed += 1
            return handover
        print(f"ALARM {alarm.code}: {alarm.todo}", file=sys.stderr, flush=True)
        entry = {
            "code": alarm.code,
            "key": alarm.same,
            "todo": again(alarm.todo, GERMAN),
            "details": [again(line, GERMAN) for line in alarm.details],
            "at": alarm.at.isoformat(),
            "done": [],
        }
        durable_write(path, json.dumps(entry, ensure_ascii=False, indent=1))
        return self.flush(settings, alarm.at)

    def flush(self, settings: AlarmSettings, now: datetime) -> Handover:
        """Each alarm on each way once. A way that fails is not tried again for the others of this round."""
        handover, failed = Handover(), set[str]()
        for path in sorted((self.folder / "spool").glob("*.json"), key=lambda entry: entry.stat().st_mtime):
            entry = read_json(path) or {}
            alarm = _restored(entry)
            if alarm is None or now - alarm.at > timedelta(days=KEEP_DAYS):
                path.unlink(missing_ok=True)
                continue
            self._try(settings, alarm, entry, failed, handover)
            if settings.channels and set(settings.channels) <= set(entry["done"]):
                self._remember(settings, entry["key"], now)
                path.unlink(missing_ok=True)
                handover.sent += 1
            else:
                durable_write(path, json.dumps(entry, ensure_ascii=False, indent=1))
                handover.waiting += 1
        return handover

    def _try(
        self, settings: AlarmSettings, alarm: Alarm, entry: dict[str, Any], failed: set[str], handover: Handover
    ) -> None:
        for channel in settings.channels:
            if channel in entry["done"] or channel in failed:
                continue
            try:
                {"mail": _by_mail, "webhook": _by_webhook}[channel](settings, alarm)
                entry["done"].append(channel)
            except Exception as error:
                failed.add(channel)
                handover.errors.append(str(error) if isinstance(error, mail.MailError) else describe(error))

    def _sent_lately(self, settings: AlarmSettings, alarm: Alarm) -> bool:
        sent = self._memory().get(alarm.same)
        return sent is not None and timedelta(0) <= alarm.at - sent < timedelta(hours=settings.repeat_hours)

    def _remember(self, settings: AlarmSettings, key: str, now: datetime) -> None:
        limit = timedelta(hours=settings.repeat_hours)
        kept = {name: at.isoformat() for name, at in self._memory().items() if now - at < limit}
        durable_write(self.folder / "sent.json", json.dumps({**kept, key: now.isoformat()}, indent=1))

    def _memory(self) -> dict[str, datetime]:
        """When which alarm was sent; what is damaged counts as not sent."""
        try:
            return {k: datetime.fromisoformat(at) for k, at in (read_json(self.folder / "sent.json") or {}).items()}
        except (TypeError, ValueError):
            return {}


def _restored(entry: Mapping[str, Any]) -> Alarm | None:
    """An alarm from the spool, None when its file is damaged."""
    try:
        moment = datetime.fromisoformat(entry["at"])
        entry["done"].copy()
        return Alarm(entry["code"], entry["todo"], tuple(entry["details"]), entry["key"], moment)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _by_mail(settings: AlarmSettings, alarm: Alarm) -> None:
    subject = f"[{settings.system}] {alarm.todo}"
    message = mail.compose(settings.mail_from, settings.mail_to, subject, alarm.text(settings.system), alarm.at)
    mail.send(settings.server, message)


def _by_webhook(settings: AlarmSettings, alarm: Alarm) -> None:
    """A JSON document; `text` is what chat programs show."""
    document = {
        "text": alarm.text(settings.system),
        "title": alarm.todo,
        "code": alarm.code,
        "system": settings.system,
        "time": alarm.at.astimezone(UTC).isoformat(timespec="seconds"),
    }
    request = urllib.request.Request(
        settings.webhook,
        data=json.dumps(document, ensure_ascii=False).encode(),
        headers={"Content-Type": "application/json; charset=utf-8"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=settings.timeout_seconds):
        pass
