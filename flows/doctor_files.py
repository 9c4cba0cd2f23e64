"""The checks of `monitor doctor` about files: folders, rights and roles, senders, file systems, leftovers.

Three roles (docs/runbook.md): senders write into their own inbox folder only, the service owns everything, analysts read
the published snapshot and the reports. A right is judged by the mode of the file, not by trying.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.alarm_settings import load_alarm_settings
from flows.heartbeat import stuck_claims
from flows.wording import count

OWN_FOLDERS = ("raw", "raw/inbox", "outbox", "warehouse", "reports")
CLOSED = ("raw/claims", "raw/quarantine", "warehouse/work", "state/alarms")
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.davfs", "9p", "webdav")
OLD = timedelta(hours=1)
CLOCK_TOLERANCE = 5.0
PROJECT = Path(__file__).resolve().parents[1]
_MOST = 5


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. The remedy is empty when nothing has to be done."""

    name: str
    ok: bool
    message_de: str
    remedy_de: str = ""


Checks = Iterator[Check]


def folders(root: Path) -> Checks:
    """The folders are there and the service may write into them."""
    if not root.is_dir():
        yield Check("Datenordner", False, f"{root} fehlt", "Ordner anlegen oder MONITOR_DATA richtig setzen.")
        return
    absent = [name for name in OWN_FOLDERS if not (root / name).is_dir()]
    remedy = "Wird beim ersten Lauf angelegt; sonst: install -d -m 0750 (siehe deploy/monitor.tmpfiles)."
    yield Check("Ordner", "raw/inbox" not in absent, _listed(absent, "fehlt", "vollständig"), remedy)
    closed = [name for name in (".", *OWN_FOLDERS) if (root / name).is_dir() and not os.access(root / name, os.W_OK)]
    remedy = "Eigentümer auf den Benutzer des Dienstes setzen (chown)."
    yield Check("Schreibrecht", not closed, _listed(closed, "nicht beschreibbar", "überall"), remedy)


def rights(root: Path) -> Checks:
    """Nobody else may write anywhere, read what is closed, or change the snapshot."""
    known = [root, *(root / name for name in (*OWN_FOLDERS, *CLOSED)), *_sender_folders(root)]
    names = [_short(root, path) for path in known if path.is_dir() and path.stat().st_mode & stat.S_IWOTH]
    yield Check("Fremde Schreibrechte", not names, _listed(names, "für alle beschreibbar", "keine"), "chmod o-w ORDNER")
    mask = _umask()
    message, remedy = f"umask {mask:04o}", "UMask=0027 im Dienst setzen (deploy/monitor-nightly.service)."
    yield Check("umask", mask & 0o027 == 0o027, message, remedy)
    yield Check("Benutzer", os.geteuid() != 0, f"Benutzerkennung {os.geteuid()}", "Nicht als root ausführen.")
    open_ones = [name for name in CLOSED if (root / name).is_dir() and (root / name).stat().st_mode & 0o077]
    message = _listed(open_ones, "für andere lesbar", "nur für den Dienst")
    yield Check("Geschlossene Ordner", not open_ones, message, "chmod 0700 ORDNER; Analysten lesen dort nie.")
    yield from _snapshot_rights(root)
    yield from _secret_rights(root)


def senders(root: Path) -> Checks:
    """Every inbox folder belongs to a region; a region has somewhere to drop."""
    from schemas.loading import load_framework

    territory = load_framework().territory
    there = _sender_folders(root)
    unknown = [path.name for path in there if territory.sender_region(path.name) is None]
    remedy = "Ordner umbenennen (amtlicher Schlüssel) oder in schemas/regions/senders.csv eintragen."
    yield Check("Absenderordner", not unknown, _listed(unknown, "unbekannt", f"{len(there)} Ordner"), remedy)
    today = datetime.now().date()
    served = {territory.sender_region(path.name, today) for path in there}
    absent = [code for code in territory.reporters(today) if code not in served]
    yield Check("Meldende Gebiete", True, _listed(absent, "ohne Ordner", "jedes hat seinen Ordner"))


def file_system(root: Path) -> Checks:
    """One file system below the inbox and one below the warehouse, so that a rename is atomic; the warehouse is local."""
    for name, names in (
        ("Eingang", ("inbox", "claims", "archive", "quarantine")),
        ("Datenbestand", ("work", "generations")),
    ):
        base = root / ("raw" if name == "Eingang" else "warehouse")
        parts = [base / part for part in names if (base / part).is_dir()]
        parts += _sender_folders(root) if name == "Eingang" else []
        foreign = [_short(root, path) for path in parts if path.stat().st_dev != base.stat().st_dev]
        message = _listed(foreign, "auf anderem Datenträger", "auf einem Datenträger")
        yield Check(f"Datenträger {name}", not foreign, message, "Alle Ordner auf denselben Datenträger legen.")
    kind = _kind_of_file_system(root / "warehouse")
    remedy = "Den Datenbestand auf eine Platte des Rechners legen; nur der Eingang darf auf einem Dateiserver liegen."
    yield Check("Art des Datenträgers", kind not in REMOTE, kind or "nicht bekannt", remedy)


def claims(root: Path, now: datetime) -> Checks:
    """No delivery was taken and then left."""
    old = stuck_claims(root, load_alarm_settings(root).claim_hours, now)
    message = f"{count(len(old), 'Lieferung', 'Lieferungen')} übernommen und nicht zu Ende bearbeitet"
    yield Check(
        "Übernahmen", not old, message, "monitor ingest ausführen; nennt der Lauf einen Programmfehler: melden."
    )


def disk(root: Path) -> Checks:
    """Room for the warehouse three times over, because publishing copies it; and for new files at all."""
    from warehouse.places import Places

    limit = load_alarm_settings(root).min_free_mb
    work = Places(root).work_file
    needed = max(limit, 3 * (work.stat().st_size if work.exists() else 0) // 2**20)
    there = existing(root)
    free = shutil.disk_usage(there).free // 2**20
    remedy = f"Mindestens {needed} MB frei machen (alte Berichte, fremde Dateien; nie das Archiv)."
    yield Check("Plattenplatz", free >= needed, f"{free} MB frei, nötig {needed} MB", remedy)
    facts = os.statvfs(there)
    if facts.f_files:
        yield Check("Dateizahl", facts.f_favail > 10_000, f"{facts.f_favail} neue Dateien möglich", remedy)


def clock(root: Path, now: datetime) -> Checks:
    """The file system and the machine agree, and neither lies in the past of the program or far in the future."""
    skew = abs(probe_time(existing(root)) - now.timestamp())
    message = f"Abweichung zwischen Rechner und Dateisystem {skew:.1f} s"
    remedy = "Zeitabgleich (NTP) auf Rechner und Dateiserver einrichten."
    yield Check("Uhr", skew <= CLOCK_TOLERANCE, message, remedy)
    built = datetime.fromtimestamp((PROJECT / "flows" / "cli.py").stat().st_mtime, UTC)
    plausible = built - timedelta(days=1) <= now <= built + timedelta(days=3650)
    yield Check("Datum", plausible, f"Heute ist der {now:%d.%m.%Y}", "Datum des Rechners stellen.")


def left_overs(root: Path) -> Checks:
    """Nothing unfinished lies beside finished files while nobody works."""
    from warehouse.places import Places, wal_of
    from warehouse.store import lock_holder

    places = Places(root)
    if lock_holder(root) is not None:
        yield Check("Reste", True, "ein Lauf arbeitet, es wird nicht gesucht")
        return
    logs = [*places.generations.glob("*.wal"), *places.folder.glob("*.wal")]
    names = [_short(root, path) for path in logs]
    yield Check("Protokolle", not names, _listed(names, "gehört hier nicht hin", "keine"), "Datei entfernen.")
    crashed = wal_of(places.work_file).exists()
    message = "der letzte Lauf wurde mittendrin beendet" if crashed else "der letzte Lauf ist zu Ende gegangen"
    yield Check("Arbeitsdatei", not crashed, message, "Den Lauf wiederholen; er führt das Begonnene zu Ende.")
    old = [_short(root, path) for path in _temporary(root) if _age(path) > OLD]
    message = _listed(old, "unfertig", "keine")
    yield Check("Unfertige Dateien", not old, message, "Den Lauf wiederholen; was dann noch da ist, entfernen.")


def probe_time(folder: Path) -> float:
    """The time that the file system gives a new file."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
        return os.stat(probe.name).st_mtime


def existing(path: Path) -> Path:
    """The path, or the nearest folder above that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _snapshot_rights(root: Path) -> Checks:
    generations = root / "warehouse" / "generations"
    wrong = [path.name for path in generations.glob("monitor-*.duckdb") if path.stat().st_mode & 0o227]
    yield Check("Veröffentlichter Stand", not wrong, _listed(wrong, "beschreibbar", "nur lesbar"), "chmod 0440 DATEI")


def _secret_rights(root: Path) -> Checks:
    names = ("settings.toml", "contacts.yaml", "waivers.yaml")
    wrong = [name for name in names if (root / name).exists() and (root / name).stat().st_mode & 0o007]
    yield Check("Einstellungen", not wrong, _listed(wrong, "für alle lesbar", "geschützt"), "chmod 0640 DATEI")


def _sender_folders(root: Path) -> list[Path]:
    inbox = root / "raw" / "inbox"
    return sorted(path for path in inbox.iterdir() if path.is_dir()) if inbox.is_dir() else []


def _temporary(root: Path) -> Iterator[Path]:
    """Unfinished files of our own; what senders have not finished is the business of `monitor alive`."""
    for name in ("raw/claims", "raw/archive", "raw/quarantine", "outbox", "warehouse", "state", "reports"):
        for path in (root / name).rglob("*"):
            if path.name.endswith((".tmp", ".next", ".next.duckdb")) and path.is_file():
                yield path


def _age(path: Path) -> timedelta:
    with suppress(FileNotFoundError):
        return timedelta(seconds=max(0.0, datetime.now().timestamp() - path.stat().st_mtime))
    return timedelta(0)


def _umask() -> int:
    """Read without changing it, where the kernel tells."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _kind_of_file_system(path: Path) -> str:
    """Type of the file system that holds the path: the longest mount point above it."""
    there = next(folder for folder in (path.resolve(), *path.resolve().parents) if folder.exists())
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, point, found, *_ = line.split()
        point = point.replace("\\040", " ")
        if there.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return kind


def _short(root: Path, path: Path) -> str:
    return str(path.relative_to(root)) if path != root else "."


def _listed(names: list[str], trouble: str, fine: str) -> str:
    """`fehlt: a, b, c und 4 weitere`, or what is said when there is nothing to list."""
    if not names:
        return fine
    more = f" und {len(names) - _MOST} weitere" if len(names) > _MOST else ""
    return f"{trouble}: {', '.join(names[:_MOST])}{more}"
