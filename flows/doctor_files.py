"""The checks of `monitor doctor` about files: folders, rights and roles, senders, file systems, leftovers.

Three roles (docs/runbook.md): senders write into their own inbox folder only, the service owns everything, analysts read
the published snapshot and the reports. A right is judged by the mode of the file, not by trying.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.alarm_settings import load_alarm_settings
from flows.heartbeat import stuck_claims
from flows.wording import Said, counted, text
from intake.inbox_files import hidden_folders, readable

OWN_FOLDERS = ("raw", "raw/inbox", "outbox", "warehouse", "reports")
CLOSED = ("raw/claims", "raw/quarantine", "warehouse/work", "state", "state/alarms")
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.davfs", "9p", "webdav")
OLD = timedelta(hours=1)
CLOCK_TOLERANCE = 5.0
PROJECT = Path(__file__).resolve().parents[1]
_MOST = 5


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, in the language asked for. The remedy is empty when nothing has to be done."""

    name: str
    ok: bool
    message_de: str
    remedy_de: str = ""


Checks = Iterator[Check]


def folders(root: Path) -> Checks:
    """The folders are there and the service may write into them."""
    if not root.is_dir():
        yield Check(text("check.root"), False, text("doctor.root_missing", path=root), text("doctor.root_remedy"))
        return
    absent = [name for name in OWN_FOLDERS if not (root / name).is_dir()]
    message = _listed(absent, text("doctor.missing"), text("doctor.complete"))
    yield Check(text("check.folders"), "raw/inbox" not in absent, message, text("doctor.folders_remedy"))
    closed = [name for name in (".", *OWN_FOLDERS) if (root / name).is_dir() and not os.access(root / name, os.W_OK)]
    message = _listed(closed, text("doctor.not_writable"), text("doctor.everywhere"))
    yield Check(text("check.writable"), not closed, message, text("doctor.writable_remedy"))


def rights(root: Path) -> Checks:
    """Nobody else may write anywhere, read what is closed, or change the snapshot."""
    known = [root, *(root / name for name in (*OWN_FOLDERS, *CLOSED)), *_sender_folders(root)]
    names = [_short(root, path) for path in known if path.is_dir() and path.stat().st_mode & stat.S_IWOTH]
    message = _listed(names, text("doctor.foreign"), text("doctor.none"))
    yield Check(text("check.foreign"), not names, message, text("doctor.foreign_remedy"))
    mask = _umask()
    message = text("doctor.umask", mask=f"{mask:04o}")
    yield Check(text("check.umask"), mask & 0o027 == 0o027, message, text("doctor.umask_remedy"))
    user = os.geteuid()
    yield Check(text("check.user"), user != 0, text("doctor.user", number=user), text("doctor.user_remedy"))
    open_ones = [name for name in CLOSED if (root / name).is_dir() and (root / name).stat().st_mode & 0o077]
    message = _listed(open_ones, text("doctor.open"), text("doctor.closed"))
    yield Check(text("check.closed"), not open_ones, message, text("doctor.closed_remedy"))
    yield from _snapshot_rights(root)
    yield from _secret_rights(root)


def senders(root: Path) -> Checks:
    """Every inbox folder belongs to a region; a region has somewhere to drop; nothing hides."""
    from schemas.loading import load_framework

    territory = load_framework().territory
    there = _sender_folders(root)
    unknown = [path.name for path in there if territory.sender_region(path.name) is None]
    message = _listed(unknown, text("doctor.unknown"), text("doctor.folder_count", count=len(there)))
    yield Check(text("check.sender_folders"), not unknown, message, text("doctor.senders_remedy"))
    hidden = [readable(path.name) for path in hidden_folders(root / "raw" / "inbox")]
    message = _listed(hidden, text("doctor.hidden"), text("doctor.none"))
    yield Check(text("check.hidden"), not hidden, message, text("doctor.hidden_remedy"))
    today = datetime.now().date()
    served = {territory.sender_region(path.name, today) for path in there}
    absent = [code for code in territory.reporters(today) if code not in served]
    message = _listed(absent, text("doctor.no_folder"), text("doctor.all_folders"))
    yield Check(text("check.reporters"), True, message)


def file_system(root: Path) -> Checks:
    """One file system below the inbox and one below the warehouse, so that a rename is atomic; the warehouse is local."""
    inbox, warehouse = root / "raw", root / "warehouse"
    below = [inbox / name for name in ("inbox", "claims", "archive", "quarantine")]
    yield _one_volume(root, text("check.volume_inbox"), inbox, [*below, *_sender_folders(root)])
    below = [warehouse / name for name in ("work", "generations")]
    yield _one_volume(root, text("check.volume_warehouse"), warehouse, below)
    kind = _kind_of_file_system(warehouse)
    message = kind or text("doctor.not_known")
    yield Check(text("check.volume_kind"), kind not in REMOTE, message, text("doctor.local_remedy"))


def _one_volume(root: Path, name: str, base: Path, below: Sequence[Path]) -> Check:
    there = [path for path in below if path.is_dir()]
    foreign = [_short(root, path) for path in there if path.stat().st_dev != base.stat().st_dev]
    message = _listed(foreign, text("doctor.elsewhere"), text("doctor.together"))
    return Check(name, not foreign, message, text("doctor.together_remedy"))


def claims(root: Path, now: datetime) -> Checks:
    """No delivery was taken and then left."""
    old = stuck_claims(root, load_alarm_settings(root).claim_hours, now)
    yield Check(text("check.claims"), not old, counted("doctor.claims", len(old)), text("doctor.claims_remedy"))


def disk(root: Path) -> Checks:
    """Room for the warehouse three times over, because publishing copies it; and for new files at all."""
    from warehouse.places import Places

    limit = load_alarm_settings(root).min_free_mb
    work = Places(root).work_file
    needed = max(limit, 3 * (work.stat().st_size if work.exists() else 0) // 2**20)
    there = existing(root)
    free = shutil.disk_usage(there).free // 2**20
    remedy = text("doctor.disk_remedy", needed=needed)
    yield Check(text("check.disk"), free >= needed, text("doctor.disk", free=free, needed=needed), remedy)
    facts = os.statvfs(there)
    if facts.f_files:
        possible = text("doctor.files", count=facts.f_favail)
        yield Check(text("check.files"), facts.f_favail > 10_000, possible, remedy)


def clock(root: Path, now: datetime) -> Checks:
    """The file system and the machine agree, and neither lies in the past of the program or far in the future."""
    skew = abs(probe_time(existing(root)) - now.timestamp())
    message = text("doctor.clock", seconds=f"{skew:.1f}")
    yield Check(text("check.clock"), skew <= CLOCK_TOLERANCE, message, text("doctor.clock_remedy"))
    built = datetime.fromtimestamp((PROJECT / "flows" / "cli.py").stat().st_mtime, UTC)
    plausible = built - timedelta(days=1) <= now <= built + timedelta(days=3650)
    yield Check(text("check.date"), plausible, text("doctor.today", today=now.date()), text("doctor.today_remedy"))


def left_overs(root: Path) -> Checks:
    """Nothing unfinished lies beside finished files while nobody works."""
    from warehouse.places import Places, wal_of
    from warehouse.store import lock_holder

    places = Places(root)
    if lock_holder(root) is not None:
        yield Check(text("check.left_overs"), True, text("doctor.works"))
        return
    logs = [*places.generations.glob("*.wal"), *places.folder.glob("*.wal")]
    names = [_short(root, path) for path in logs]
    message = _listed(names, text("doctor.strange"), text("doctor.none"))
    yield Check(text("check.logs"), not names, message, text("doctor.remove_remedy"))
    crashed = wal_of(places.work_file).exists()
    message = text("doctor.crashed" if crashed else "doctor.finished")
    yield Check(text("check.work_file"), not crashed, message, text("doctor.again_remedy"))
    old = [_short(root, path) for path in _temporary(root) if _age(path) > OLD]
    message = _listed(old, text("doctor.unfinished"), text("doctor.none"))
    yield Check(text("check.unfinished"), not old, message, text("doctor.unfinished_remedy"))


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
    message = _listed(wrong, text("doctor.changeable"), text("doctor.read_only"))
    yield Check(text("check.published"), not wrong, message, text("doctor.read_only_remedy"))


def _secret_rights(root: Path) -> Checks:
    names = ("settings.toml", "contacts.yaml", "waivers.yaml")
    wrong = [name for name in names if (root / name).exists() and (root / name).stat().st_mode & 0o007]
    message = _listed(wrong, text("doctor.readable"), text("doctor.protected"))
    yield Check(text("check.settings"), not wrong, message, text("doctor.protected_remedy"))


def _sender_folders(root: Path) -> list[Path]:
    inbox = root / "raw" / "inbox"
    there = inbox.iterdir() if inbox.is_dir() else ()
    return sorted(path for path in there if path.is_dir() and not path.name.startswith("."))


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


def _listed(names: Sequence[str], trouble: str, fine: Said) -> Said:
    """`fehlt: a, b, c und 4 weitere`, or what is said when there is nothing to list."""
    if not names:
        return fine
    told, more = ", ".join(names[:_MOST]), len(names) - _MOST
    return text("doctor.listed_more" if more > 0 else "doctor.listed", trouble=trouble, names=told, count=more)
