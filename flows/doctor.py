"""`monitor doctor`: is this machine fit for the operation? Every check says what is wrong and what to do, in German.

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
from dataclasses import asdict
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
from flows.run_log import describe, german_time, now_utc
from flows.settings import Settings

PROJECT = Path(__file__).resolve().parents[1]
HANG = timedelta(hours=6)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def checks(settings: Settings) -> list[Check]:
    """All checks in the order in which an operator repairs things."""
    looks: tuple[tuple[str, Callable[[], Checks]], ...] = (
        ("Python", python_version),
        ("Pakete", lambda: packages(PROJECT / "requirements.lock")),
        ("Zeichensatz und Zeitzone", encoding),
        ("DuckDB", duckdb_opens),
        ("Rahmen", lambda: framework(settings.root)),
        ("Ordner", lambda: files.folders(settings.root)),
        ("Rechte", lambda: files.rights(settings.root)),
        ("Absender", lambda: files.senders(settings.root)),
        ("Dateisystem", lambda: files.file_system(settings.root)),
        ("Plattenplatz", lambda: files.disk(settings.root)),
        ("Uhr", lambda: files.clock(settings.root, now_utc())),
        ("Sperre", lambda: lock(settings.root, now_utc())),
        ("Übernahmen", lambda: files.claims(settings.root, now_utc())),
        ("Reste", lambda: files.left_overs(settings.root)),
        ("Datenbestand", lambda: snapshot(settings.root)),
        ("Prefect", lambda: prefect(settings, os.environ)),
        ("Alarme", lambda: alarms(settings.root)),
        ("Lebenszeichen", lambda: alive(settings.root, now_utc())),
    )
    return [found for name, look in looks for found in _looked(name, look)]


def as_text(found: Sequence[Check]) -> str:
    """First what to do, then everything that was looked at."""
    bad = [check for check in found if not check.ok]
    lines = [f"Bitte beheben: {len(bad)} von {len(found)} Prüfungen." if bad else "Alles in Ordnung."]
    for check in bad:
        lines += [f"  ✗ {check.name}: {check.message_de}", f"    {check.remedy_de}"]
    return "\n".join([*lines, *(f"  ✓ {check.name}: {check.message_de}" for check in found if check.ok)])


def as_records(found: Sequence[Check]) -> list[dict[str, Any]]:
    """For machines."""
    return [asdict(check) for check in found]


def exit_code(found: Sequence[Check]) -> int:
    """0 when every check has passed, else 1."""
    return 0 if all(check.ok for check in found) else 1


def _looked(name: str, look: Callable[[], Checks]) -> list[Check]:
    try:
        return list(look())
    except Exception as error:
        return [Check(name, False, f"Die Prüfung ist gescheitert: {describe(error)}.", "Bitte von Hand nachsehen.")]


# --- the program ------------------------------------------------------------------------------------------------------


def python_version() -> Checks:
    """3.11 or newer."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("Python", sys.version_info >= (3, 11), f"Version {version}", "Python 3.11 oder neuer einrichten.")


def packages(lock_file: Path) -> Checks:
    """Installed versions against the lock file."""
    if not lock_file.exists():
        yield Check("Pakete", True, "Keine Liste der Versionen vorhanden (Installation ohne Quellordner).")
        return
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", lock_file.read_text(encoding="utf-8"), re.MULTILINE)
    wanted: dict[str, set[str]] = {}
    for name, version in found:
        wanted.setdefault(name, set()).add(version)
    wrong = []
    for name, versions in wanted.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed not in versions:
            wrong.append(f"{name} {installed} statt {' oder '.join(sorted(versions))}")
    for name in ("duckdb", "pandas", "prefect", "openpyxl"):
        if name in wanted and not _installed(name):
            wrong.append(f"{name} fehlt")
    message = f"abweichend: {', '.join(sorted(wrong))}" if wrong else f"{len(wanted)} Einträge, wie festgelegt"
    yield Check("Pakete", not wrong, message, "Umgebung neu einrichten: make setup.")


def encoding() -> Checks:
    """UTF-8 for file names and output, German time."""
    names = sys.getfilesystemencoding(), str(sys.stdout.encoding or "utf-8")
    good = all(name.lower().replace("-", "") == "utf8" for name in names)
    yield Check("Zeichensatz", good, f"Dateinamen {names[0]}, Ausgabe {names[1]}", "LANG=C.UTF-8 setzen.")
    hours = datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")).utcoffset()
    yield Check("Zeitzone", hours == timedelta(hours=2), "Europe/Berlin ist bekannt", "Das Paket tzdata installieren.")


def duckdb_opens() -> Checks:
    """The engine works and has the version the files need."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        works = connection.execute("SELECT 1").fetchall() == [(1,)]
    good = works and duckdb.__version__.startswith("2.")
    yield Check("DuckDB", good, f"Version {duckdb.__version__}", "Umgebung neu einrichten: make setup.")


def framework(root: Path) -> Checks:
    """Framework, calendar, waivers and contacts can be read."""
    from flows.deadlines import load_waivers
    from flows.reminders import load_contacts
    from schemas.loading import load_framework
    from schemas.yaml_source import FrameworkError

    try:
        loaded = load_framework()
        waivers = load_waivers(root, loaded)
        load_contacts(root, loaded)
    except FrameworkError as error:
        first = f"{error.problems[0]} (insgesamt {len(error.problems)})"
        yield Check("Rahmen", False, first, "Die genannte Zeile berichtigen.")
        return
    yield Check("Rahmen", True, f"{loaded.code} {loaded.version}, {len(loaded.variables)} Merkmale")
    expired = [waiver for waiver in waivers if not waiver.holds(date.today())]
    message = f"{len(waivers)}, davon abgelaufen {len(expired)}"
    yield Check("Ausnahmen", not expired, message, "Abgelaufene Einträge in waivers.yaml verlängern oder entfernen.")


# --- the machine ------------------------------------------------------------------------------------------------------


def lock(root: Path, now: datetime) -> Checks:
    """Nobody holds the warehouse for hours."""
    from warehouse.store import lock_holder

    holder = lock_holder(root)
    if holder is None:
        yield Check("Sperre", True, "frei")
        return
    since = datetime.fromisoformat(holder.since) if holder.since else now
    remedy = "Prüfen, ob der Prozess noch arbeitet; sonst beenden. Die Sperre wird dann von selbst frei."
    yield Check("Sperre", now - since < HANG, str(holder), remedy)


def snapshot(root: Path) -> Checks:
    """The published state can be opened and asked."""
    from warehouse.access import rows
    from warehouse.places import Places, WarehouseError
    from warehouse.snapshot import open_snapshot

    if not Places(root).work_file.exists() and not Places(root).link.is_symlink():
        yield Check("Datenbestand", True, "noch nichts veröffentlicht")
        return
    try:
        with open_snapshot(root) as found:
            query = "SELECT max(published_at), (SELECT count(*) FROM submission) FROM meta_generation"
            ((moment, deliveries),) = rows(found.connection, query)
            number = found.generation
    except WarehouseError as error:
        yield Check(
            "Datenbestand", False, str(error), "monitor compute ausführen; sonst aus der Sicherung zurückholen."
        )
        return
    age = (now_utc().replace(tzinfo=None) - moment).days
    message = f"Nr. {number} vom {german_time(moment)} (vor {age} Tagen), {deliveries} Lieferungen"
    yield Check("Datenbestand", age >= 0, message, "Der Stand liegt in der Zukunft: Datum des Rechners stellen.")


def prefect(settings: Settings, environment: Mapping[str, str]) -> Checks:
    """Prefect finds its home, is patient at the start, and listens on this machine only. Prefect is not imported."""
    home = Path(environment.get("PREFECT_HOME") or settings.root / "prefect")
    writable = os.access(existing(home), os.W_OK)
    yield Check("Prefect-Ordner", writable, str(home), "Schreibrecht für den Dienst geben oder PREFECT_HOME setzen.")
    name = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    seconds = float(environment.get(name) or settings.prefect_start_seconds)
    remedy = f"{name} auf 300 setzen (die Voreinstellung von 20 scheitert auf einem belasteten Rechner)."
    yield Check("Prefect-Start", seconds >= 120, f"wartet bis zu {seconds:.0f} s", remedy)
    version = importlib.metadata.version("sqlalchemy")
    plans = tuple(map(int, version.split(".")[:2])) < (2, 1)
    message = f"SQLAlchemy {version}{'' if plans else ': Prefect 3.8 plant damit keine Läufe'}"
    yield Check("Prefect-Zeitplan", plans, message, "sqlalchemy<2.1 festlegen oder den Zeitplan von systemd benutzen.")
    address = environment.get("PREFECT_API_URL") or _profile(home).get("PREFECT_API_URL", "")
    if not address:
        yield Check("Prefect-Server", True, "startet mit dem Lauf (keine PREFECT_API_URL)")
        return
    place = urlsplit(address)
    host, port = place.hostname or "", place.port or (443 if place.scheme == "https" else 80)
    protected = host in _LOOPBACK or bool(environment.get("PREFECT_API_AUTH_STRING"))
    remedy = "Server an 127.0.0.1 binden oder PREFECT_API_AUTH_STRING setzen."
    yield Check("Prefect-Zugang", protected, f"Server auf {host}", remedy)
    try:
        socket.create_connection((host, port), timeout=3).close()
        yield Check("Prefect-Server", True, f"{host}:{port} antwortet")
    except OSError:
        remedy = "Dienst prefect-server starten oder PREFECT_API_URL entfernen."
        yield Check("Prefect-Server", False, f"{host}:{port} antwortet nicht", remedy)


def alarms(root: Path) -> Checks:
    """Alarms reach somebody."""
    channels = load_alarm_settings(root).channels
    remedy = "In settings.toml unter [alarm] mail_to und smtp_host oder webhook eintragen."
    yield Check("Alarmwege", bool(channels), ", ".join(channels) or "Alarme gehen an niemanden", remedy)
    waiting = waiting_alarms(root)
    remedy = "Mailserver oder Webhook prüfen; monitor alive versucht es erneut."
    yield Check("Alarme", not waiting, f"{waiting} noch nicht versandt", remedy)


def alive(root: Path, now: datetime) -> Checks:
    """The same look as `monitor alive`, without sending anything."""
    found = look_for_life(root, load_alarm_settings(root), now)
    first = "Siehe docs/runbook.md, Alarm " + ", ".join(dict.fromkeys(alarm.code for alarm in found.alarms)) + "."
    yield Check("Lebenszeichen", found.ok, found.text().splitlines()[0], first)


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
