"""Back up the warehouse into a folder, and bring it back.

A backup is a folder with the work file, the newest generation, the declared corrections, a list of every file ever
received with its checksum, and a manifest that names each of these with its SHA-256. It appears under its name only when
it is complete. The received files themselves never change; back up `raw/archive` with the means of the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from warehouse.access import connect, records, rows
from warehouse.lake import refuse_for_lake
from warehouse.places import Places, WarehouseError, refuse_open, refuse_orphan_wal, refuse_wal, sync_file, sync_folder
from warehouse.publishing import current_generation
from warehouse.store import Lock, exclusive

FORMAT = 1
MANIFEST, WORK, LEDGER, CORRECTIONS = "manifest.json", "warehouse.duckdb", "archive.json", "corrections.yaml"
_CHUNK = 1 << 20


class BackupRefused(WarehouseError):
    """There is nothing to back up, the target is in use, or the backup is not what its manifest says."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A complete backup. `missing` are submissions whose received file was not found in the archive, `removed` are
    older backups that were not to be kept."""

    path: Path
    generation: int | None
    submissions: int
    missing: tuple[str, ...]
    removed: tuple[Path, ...] = ()


def backup(
    root: Path, target: Path, *, wait_seconds: float = 0.0, lock: Lock | None = None, keep: int | None = None
) -> Backup:
    """Make a backup as the new folder `target`. Raises Locked, Unusable, BackupRefused or StorageFault.

    Takes the lock itself unless one is given, which must have no writer open. The work file is not migrated. With
    `keep`, afterwards only the newest good backups of this data root stay beside it (see `prune_backups`).
    """
    refuse_for_lake("Die Sicherung mit diesem Befehl")
    with ExitStack() as stack:
        held = lock or stack.enter_context(exclusive(root, wait_seconds=wait_seconds))
        if held.connected or held.root != root:
            raise RuntimeError("the lock is of another root, or its work file is still open")
        if target.exists():
            raise BackupRefused(f"Das Ziel {target} gibt es schon. Eine Sicherung bekommt immer einen eigenen Ordner.")
        described = _describe(Places(root))
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{_mark(root)}{target.name}.tmp")
        for leftover in target.parent.glob(f"{_mark(root)}*.tmp"):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            made = _fill(Places(root), unfinished, target, described)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return replace(made, removed=prune_backups(root, target, keep)) if keep is not None else made


def prune_backups(root: Path, newest: Path, keep: int) -> tuple[Path, ...]:
    """Remove backups of this data root that lie beside `newest`, so that it and the newest good others stay: `keep`.

    Another root's backup, one whose manifest does not name its root, and a damaged one, which may be the trace of a
    failing disk, are neither counted nor removed. `newest` stays whatever the clock says.
    """
    others = [(_made_at(path, root), path) for path in newest.parent.iterdir() if path != newest]
    good = sorted((moment, path) for moment, path in others if moment)
    removed = tuple(path for _, path in good[: max(len(good) - keep + 1, 0)])
    for path in removed:
        hidden = path.with_name(f"{_mark(root)}{path.name}.tmp")  # no half of a backup keeps the name of one
        os.rename(path, hidden)
        shutil.rmtree(hidden, ignore_errors=True)
    return removed


def _made_at(path: Path, root: Path) -> str:
    """When a backup of this data root was made; empty for anything else and for one that lacks something."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        whole = all((path / name).stat().st_size == entry["bytes"] for name, entry in manifest["files"].items())
        return str(manifest["created_at"]) if whole and manifest.get("root") == _mark(root) else ""
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest of a backup after every file was compared with it. Raises BackupRefused."""
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text("utf-8"))
        files, kind = dict(manifest["files"]), manifest["format"]
        expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in files.items()}
        _ = manifest["created_at"], manifest["framework"]["code"], manifest["framework"]["version"]
        _ = {(int(number), str(name)) for number, name in manifest["migrations"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupRefused(
            f"{source} ist keine vollständige Sicherung: {MANIFEST} fehlt oder ist unlesbar."
        ) from error
    if kind != FORMAT or not {WORK, LEDGER} <= expected.keys():
        raise BackupRefused(f"{source} ist keine Sicherung, die dieses Programm versteht.")
    for name, (size, sha256) in expected.items():
        path = source / name
        if Path(name).name != name or not path.is_file():
            raise BackupRefused(f"Die Sicherung {source} ist beschädigt: {name} fehlt.")
        if path.stat().st_size != size or checksum(path) != sha256:
            raise BackupRefused(f"Die Sicherung {source} ist beschädigt: {name} ist nicht mehr, was gesichert wurde.")
    return manifest


def checksum(path: Path) -> str:
    """SHA-256 of a closed file. Never call it for a file that is open as a database in this process."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _mark(root: Path) -> str:
    """How unfinished backups of this data root begin; under its lock there is no other one at work."""
    return f".monitor-{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]}-"


def _describe(places: Places) -> dict[str, Any]:
    """Bring the log of a crash into the work file, and read what the manifest and the ledger say."""
    refuse_orphan_wal(places.work_file)
    refuse_open(places.work_file)
    if not places.work_file.exists():
        raise BackupRefused("Es gibt noch keinen Datenbestand, der gesichert werden könnte.")
    with connect(places.work_file) as connection:
        connection.execute("CHECKPOINT")
        query = "SELECT framework_code, framework_version, framework_hash FROM meta_warehouse"
        ((code, version, digest),) = rows(connection, query)
        steps = rows(connection, "SELECT number, name FROM meta_migration ORDER BY number, name")
        query = "SELECT id, sha256, file_name, sender, region, year, verdict FROM submission ORDER BY checked_at, id"
        submissions = records(connection, query)
    refuse_wal(places.work_file)
    framework = {"code": code, "version": version, "hash": digest}
    return {"framework": framework, "migrations": [list(step) for step in steps], "submissions": submissions}


def _fill(places: Places, unfinished: Path, target: Path, described: dict[str, Any]) -> Backup:
    unfinished.mkdir(mode=0o700)
    generation = current_generation(places.root)
    ledger = _ledger(places, described.pop("submissions"))
    sources = {WORK: places.work_file}
    sources |= {generation.path.name: generation.path} if generation else {}
    sources |= {CORRECTIONS: places.root / CORRECTIONS} if (places.root / CORRECTIONS).exists() else {}
    files = {name: _copy(path, unfinished / name) for name, path in sources.items()}
    files[LEDGER] = _write(unfinished / LEDGER, json.dumps(ledger, ensure_ascii=False, indent=1))
    manifest = {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "root": _mark(places.root),
        "generation": generation.number if generation else None,
        **described,
        "files": files,
    }
    _write(unfinished / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    sync_folder(unfinished)
    os.rename(unfinished, target)
    sync_folder(target.parent)
    missing = tuple(entry["id"] for entry in ledger if entry["path"] is None)
    return Backup(target, manifest["generation"], len(ledger), missing)


def _ledger(places: Places, submissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every submission with its checksum and where its file lies below `raw`.

    The archive names files by their checksum, the quarantine names a folder so.
    """
    raw = places.root / "raw"
    found = {path.parent.name: path for path in _files(raw / "quarantine")}
    found |= {path.stem: path for path in _files(raw / "archive")}
    return [
        entry
        | {"path": str(found[entry["sha256"]].relative_to(places.root)) if entry["sha256"] in found else None}
        | {"bytes": found[entry["sha256"]].stat().st_size if entry["sha256"] in found else None}
        for entry in submissions
    ]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".json")


def _copy(source: Path, target: Path) -> dict[str, Any]:
    """Copy, and tell size and checksum of what was read; the copy is compared with it."""
    digest = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            writing.write(chunk)
    sync_file(target)
    if checksum(target) != digest.hexdigest():
        raise BackupRefused(f"Die Kopie {target.name} gleicht nicht dem Original. Bitte den Datenträger prüfen.")
    return {"bytes": target.stat().st_size, "sha256": digest.hexdigest()}


def _write(target: Path, text: str) -> dict[str, Any]:
    target.write_text(text, "utf-8")
    sync_file(target)
    return {"bytes": target.stat().st_size, "sha256": checksum(target)}
