"""`monitor doctor`: is this machine fit for the operation? Every check says what is wrong and what to do.

Looks only, changes nothing (except a probe file that it removes), needs no Prefect and no lock. A check that itself
breaks counts as not passed and does not stop the others. What concerns files and rights stands in `doctor_files`.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flows import doctor_files as files
from flows.alarm_settings import load_alarm_settings
from flows.alarms import waiting_alarms
from flows.doctor_files import Check, Checks, existing
from flows.heartbeat import check as look_for_life
from flows.run_log import describe, now_utc
from flows.settings import Settings
from flows.wording import GERMAN, again, answered, text

PROJECT = Path(__file__).resolve().parents[1]
HANG = timedelta(hours=6)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def checks(settings: Settings) -> list[Check]:
    """All checks in the order in which an operator repairs things."""
    looks: tuple[tuple[str, Callable[[], Checks]], ...] = (
        ("check.python", python_version),
        ("check.packages", lambda: packages(PROJECT / "requirements.lock")),
        ("check.encoding_and_zone", encoding),
        ("check.duckdb", duckdb_opens),
        ("check.framework", lambda: framework(settings.root)),
        ("check.folders", lambda: files.folders(settings.root)),
        ("check.rights", lambda: files.rights(settings.root)),
        ("check.senders", lambda: files.senders(settings.root)),
        ("check.file_system", lambda: files.file_system(settings.root)),
        ("check.disk", lambda: files.disk(settings.root)),
        ("check.clock", lambda: files.clock(settings.root, now_utc())),
        ("check.lock", lambda: lock(settings.root, now_utc())),
        ("check.claims", lambda: files.claims(settings.root, now_utc())),
        ("check.left_overs", lambda: files.left_overs(settings.root)),
        ("check.snapshot", lambda: snapshot(settings.root)),
        ("check.prefect", lambda: prefect(settings, os.environ)),
        ("check.alarms", lambda: alarms(settings.root)),
        ("check.alive", lambda: alive(settings.root, now_utc())),
    )
    return [found for name, look in looks for found in _looked(name, look)]


def as_text(found: Sequence[Check]) -> str:
    """First what to do, then everything that was looked at."""
    bad = [check for check in found if not check.ok]
    lines: list[str] = [text("doctor.bad", bad=len(bad), count=len(found)) if bad else text("doctor.good")]
    for check in bad:
        lines += [f"  ✗ {check.name}: {check.message_de}", f"    {check.remedy_de}"]
    return "\n".join([*lines, *(f"  ✓ {check.name}: {check.message_de}" for check in found if check.ok)])


def as_records(found: Sequence[Check]) -> list[dict[str, Any]]:
    """For machines: the texts in German, in whatever language the command was asked."""
    return [{key: again(value, GERMAN) for key, value in vars(check).items()} for check in found]


def exit_code(found: Sequence[Check]) -> int:
    """0 when every check has passed, else 1."""
    return 0 if all(check.ok for check in found) else 1


def _looked(name: str, look: Callable[[], Checks]) -> list[Check]:
    try:
        return list(look())
    except Exception as error:
        return [Check(text(name), False, text("doctor.failed", why=describe(error)), text("doctor.failed_remedy"))]


# --- the program ------------------------------------------------------------------------------------------------------


def python_version() -> Checks:
    """3.11 or newer."""
    version = text("doctor.version", version=".".join(map(str, sys.version_info[:3])))
    yield Check(text("check.python"), sys.version_info >= (3, 11), version, text("doctor.python_remedy"))


def packages(lock_file: Path) -> Checks:
    """Installed versions against the lock file."""
    if not lock_file.exists():
        yield Check(text("check.packages"), True, text("doctor.packages_unknown"))
        return
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock_file.read_text(encoding="utf-8"), re.MULTILINE)
    wanted: dict[str, set[str]] = {}
    for name, version in found:
        wanted.setdefault(name, set()).add(version)
    wrong: list[str] = []
    for name, versions in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed not in versions:
            either = text("doctor.or").join(sorted(versions))
            wrong.append(text("doctor.packages_instead", name=name, installed=installed, wanted=either))
    for name in ("duckdb", "pandas", "prefect", "openpyxl"):
        if name in wanted and not _installed(name):
            wrong.append(text("doctor.packages_missing", name=name))
    right = text("doctor.packages_right", count=len(wanted))
    message = text("doctor.packages_wrong", names=", ".join(sorted(wrong))) if wrong else right
    yield Check(text("check.packages"), not wrong, message, text("doctor.setup_remedy"))


def encoding() -> Checks:
    """UTF-8 for file names and output, German time."""
    names = sys.getfilesystemencoding(), str(sys.stdout.encoding or "utf-8")
    good = all(name.lower().replace("-", "") == "utf8" for name in names)
    message = text("doctor.encoding", names=names[0], output=names[1])
    yield Check(text("check.encoding"), good, message, text("doctor.encoding_remedy"))
    hours = datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")).utcoffset()
    yield Check(text("check.zone"), hours == timedelta(hours=2), text("doctor.zone"), text("doctor.zone_remedy"))


def duckdb_opens() -> Checks:
    """The engine works and has the version the files need."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        works = connection.execute("SELECT 1").fetchall() == [(1,)]
    good = works and duckdb.__version__.startswith("2.")
    version = text("doctor.version", version=duckdb.__version__)
    yield Check(text("check.duckdb"), good, version, text("doctor.setup_remedy"))


def framework(root: Path) -> Checks:
    """Framework, calendar, waivers and contacts can be read."""
    from flows.deadlines import load_waivers
    from flows.reminders import load_contacts
    from schemas.loading import load_framework
    from schemas.yaml_source import FrameworkError

    name = text("check.framework")
    try:
        loaded = load_framework()
        waivers = load_waivers(root, loaded)
        load_contacts(root, loaded)
    except FrameworkError as error:
        first = text("doctor.framework_broken", problem=error.problems[0], count=len(error.problems))
        yield Check(name, False, first, text("doctor.framework_remedy"))
        return
    facts = {"code": loaded.code, "version": loaded.version, "count": len(loaded.variables)}
    yield Check(name, True, text("doctor.framework", **facts))
    expired = [waiver for waiver in waivers if not waiver.holds(date.today())]
    message = text("doctor.waivers", count=len(waivers), expired=len(expired))
    yield Check(text("check.waivers"), not expired, message, text("doctor.waivers_remedy"))


# --- the machine ------------------------------------------------------------------------------------------------------


def lock(root: Path, now: datetime) -> Checks:
    """Nobody holds the warehouse for hours."""
    from warehouse.store import lock_holder

    name, holder = text("check.lock"), lock_holder(root)
    if holder is None:
        yield Check(name, True, text("doctor.lock_free"))
        return
    since = datetime.fromisoformat(holder.since) if holder.since else now
    yield Check(name, now - since < HANG, answered(str(holder)), text("doctor.lock_remedy"))


def snapshot(root: Path) -> Checks:
    """The published state can be opened and asked."""
    from warehouse.access import rows
    from warehouse.places import Places, WarehouseError
    from warehouse.snapshot import open_snapshot

    name = text("check.snapshot")
    if not Places(root).work_file.exists() and not Places(root).link.is_symlink():
        yield Check(name, True, text("doctor.snapshot_none"))
        return
    try:
        with open_snapshot(root) as found:
            query = "SELECT max(published_at), (SELECT count(*) FROM submission) FROM meta_generation"
            ((moment, deliveries),) = rows(found.connection, query)
            number = found.generation
    except WarehouseError as error:
        yield Check(name, False, answered(str(error)), text("doctor.snapshot_remedy"))
        return
    age = (now_utc().replace(tzinfo=None) - moment).days
    message = text("doctor.snapshot", number=number, published=moment, days=age, deliveries=deliveries)
    yield Check(name, age >= 0, message, text("doctor.snapshot_future"))


def prefect(settings: Settings, environment: Mapping[str, str]) -> Checks:
    """Prefect finds its home, is patient at the start, and listens on this machine only. Prefect is not imported."""
    home = Path(environment.get("PREFECT_HOME") or settings.root / "prefect")
    writable = os.access(existing(home), os.W_OK)
    yield Check(text("check.prefect_home"), writable, str(home), text("doctor.prefect_home_remedy"))
    name = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    seconds = float(environment.get(name) or settings.prefect_start_seconds)
    message, remedy = (
        text("doctor.prefect_start", seconds=f"{seconds:.0f}"),
        text("doctor.prefect_start_remedy", name=name),
    )
    yield Check(text("check.prefect_start"), seconds >= 120, message, remedy)
    version = importlib.metadata.version("sqlalchemy")
    plans = tuple(map(int, version.split(".")[:2])) < (2, 1)
    message = text("doctor.prefect_plans" if plans else "doctor.prefect_no_plans", version=version)
    yield Check(text("check.prefect_schedule"), plans, message, text("doctor.prefect_plans_remedy"))
    yield from _prefect_server(home, environment)


def _prefect_server(home: Path, environment: Mapping[str, str]) -> Checks:
    name = text("check.prefect_server")
    address = environment.get("PREFECT_API_URL") or _profile(home).get("PREFECT_API_URL", "")
    if not address:
        yield Check(name, True, text("doctor.prefect_own"))
        return
    place = urlsplit(address)
    host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
    protected = host in _LOOPBACK or bool(environment.get("PREFECT_API_AUTH_STRING"))
    message, remedy = text("doctor.prefect_on", host=host), text("doctor.prefect_on_remedy")
    yield Check(text("check.prefect_access"), protected, message, remedy)
    try:
        socket.create_connection((host, port), timeout=3).close()
        yield Check(name, True, text("doctor.prefect_answers", host=host, port=port))
    except OSError:
        silent = text("doctor.prefect_silent", host=host, port=port)
        yield Check(name, False, silent, text("doctor.prefect_silent_remedy"))


def alarms(root: Path) -> Checks:
    """Alarms reach somebody."""
    channels = load_alarm_settings(root).channels
    message = ", ".join(channels) or text("doctor.alarms_nobody")
    yield Check(text("check.alarm_ways"), bool(channels), message, text("doctor.alarms_nobody_remedy"))
    waiting = waiting_alarms(root)
    message = text("doctor.alarms_waiting", count=waiting)
    yield Check(text("check.alarms"), not waiting, message, text("doctor.alarms_waiting_remedy"))


def alive(root: Path, now: datetime) -> Checks:
    """The same look as `monitor alive`, without sending anything."""
    found = look_for_life(root, load_alarm_settings(root), now)
    remedy = text("doctor.alive_remedy", codes=", ".join(dict.fromkeys(alarm.code for alarm in found.alarms)))
    yield Check(text("check.alive"), found.ok, found.headline, remedy)


def _installed(name: str) -> bool:
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


def _profile(home: Path) -> dict[str, str]:
    """Settings of the active Prefect profile, where there is one."""
    try:
        content = tomllib.loads((home / "profiles.toml").read_text(encoding="utf-8"))
        found = content["profiles"][content["active"]]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError):
        return {}
    return {str(name): str(value) for name, value in found.items()}
