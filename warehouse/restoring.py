"""Bring a backup back as the state of the warehouse. What it replaces is kept beside it; readers never wait.

The published numbers go on counting: the generation of the backup gets a new number when another one has its own by now.
Nothing is touched before the whole backup has been verified and copied. After a crash, restore again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from schemas.framework_model import Framework
from warehouse.access import connect, rows
from warehouse.backup import CORRECTIONS, WORK, BackupRefused, checksum, read_manifest
from warehouse.lake import refuse_for_lake
from warehouse.migrations import ForeignFramework, NewerWarehouse, available
from warehouse.places import Places, generation_number, refuse_open, refuse_wal, sync_file, sync_folder, wal_of
from warehouse.publishing import current_generation, point_to, published_numbers
from warehouse.store import Lock, exclusive

_REPLACED = "replaced-"


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there now. `replaced`: the folder with the former state, None when there was none; `generation`: what
    readers get, None when the backup held none."""

    replaced: Path | None
    generation: int | None
    created_at: str


def restore(
    root: Path,
    source: Path,
    framework: Framework,
    *,
    wait_seconds: float = 0.0,
    lock: Lock | None = None,
    keep: int | None = None,
) -> Restored:
    """Replace the state of the warehouse by a backup.

    The file of declared corrections is brought back only where there is none: what people wrote since stays. Raises
    Locked, BackupRefused, ForeignFramework, NewerWarehouse or StorageFault; the state is then as it was. With `keep`,
    only so many former states stay (see `prune_replaced`).
    """
    refuse_for_lake("Die Rückkehr zu einer Sicherung mit diesem Befehl")
    with ExitStack() as stack:
        held = lock or stack.enter_context(exclusive(root, wait_seconds=wait_seconds))
        if held.connected or held.root != root:
            raise RuntimeError("the lock is of another root, or its work file is still open")
        manifest = read_manifest(source)
        _refuse_foreign(manifest, framework)
        places = Places(root)
        refuse_open(places.work_file)
        incoming = places.work / ".restored"
        shutil.rmtree(incoming, ignore_errors=True)
        try:
            _bring(source, incoming, manifest)
            restored = _put_in_place(places, incoming, manifest)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        if keep is not None:
            prune_replaced(places, keep)
        return restored


def prune_replaced(places: Places, keep: int) -> tuple[Path, ...]:
    """Remove the oldest former states so that `keep` stay; the newest one that can be opened stays in any case."""
    states = sorted(places.folder.glob(f"{_REPLACED}*"))
    kept = set(states[-keep:])
    if not any(map(_opens, kept)):
        kept |= {next((path for path in reversed(states) if _opens(path)), states[-1])} if states else set()
    removed = tuple(path for path in states if path not in kept)
    for path in removed:
        shutil.rmtree(path, ignore_errors=True)
    return removed


def _opens(state: Path) -> bool:
    """Can the work file of a former state be read? One that was replaced because it was damaged cannot."""
    try:
        with connect(state / WORK, read_only=True) as connection:
            return bool(rows(connection, "SELECT count(*) FROM meta_warehouse"))
    except duckdb.Error:
        return False


def _refuse_foreign(manifest: Mapping[str, Any], framework: Framework) -> None:
    code, version = manifest["framework"]["code"], manifest["framework"]["version"]
    if code != framework.code:
        raise ForeignFramework(f"Die Sicherung gehört zum Rahmen {code} ({version}), nicht zu {framework.code}.")
    known = {step.step for step in available()}
    if newer := {(int(number), str(name)) for number, name in manifest["migrations"]} - known:
        raise NewerWarehouse(
            f"Die Sicherung hat Stand {max(newer)[0]}, dieses Programm kennt nur Stand {max(known)[0]}."
            " Bitte das Programm aktualisieren."
        )


def _bring(source: Path, incoming: Path, manifest: Mapping[str, Any]) -> None:
    """Copies on the disk of the warehouse, compared with the manifest once more."""
    incoming.mkdir(mode=0o700)
    for name, entry in manifest["files"].items():
        shutil.copyfile(source / name, incoming / name)
        sync_file(incoming / name)
        if checksum(incoming / name) != entry["sha256"]:
            raise BackupRefused(f"Die Kopie von {name} gleicht nicht der Sicherung. Bitte den Datenträger prüfen.")


def _put_in_place(places: Places, incoming: Path, manifest: Mapping[str, Any]) -> Restored:
    replaced = _keep(places)
    wal_of(places.work_file).unlink(missing_ok=True)
    os.replace(incoming / WORK, places.work_file)
    sync_folder(places.work)
    generation = next((name for name in manifest["files"] if generation_number(Path(name))), None)
    number = None
    if generation is not None:
        number = _install(places, incoming / generation, manifest["files"][generation]["sha256"])
    if (incoming / CORRECTIONS).exists() and not (places.root / CORRECTIONS).exists():
        os.replace(incoming / CORRECTIONS, places.root / CORRECTIONS)
    return Restored(replaced, number, manifest["created_at"])


def _keep(places: Places) -> Path | None:
    """The former state under `replaced-<moment>`: the work file with the log of a crash, and what was published."""
    if not places.work_file.exists():
        return None
    _recover(places.work_file)
    kept = places.folder / f"{_REPLACED}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    current = current_generation(places.root)
    files = [path for path in (places.work_file, wal_of(places.work_file)) if path.exists()]
    kept.mkdir(mode=0o700)
    try:
        for path in [*files, *([current.path] if current else [])]:
            shutil.copyfile(path, kept / path.name)
            sync_file(kept / path.name)
    except BaseException:
        shutil.rmtree(kept, ignore_errors=True)
        raise
    sync_folder(kept)
    return kept


def _recover(work_file: Path) -> None:
    """Bring the log of a crash into the file; a damaged file, perhaps the very reason to restore, stays as it is."""
    if wal_of(work_file).exists():
        with suppress(duckdb.Error), connect(work_file) as connection:
            connection.execute("CHECKPOINT")


def _install(places: Places, incoming: Path, sha256: str) -> int:
    """Publish the generation of the backup: under its own number, or the next one when newer ones are there."""
    refuse_wal(incoming)
    number, taken = generation_number(incoming) or 1, published_numbers(places)
    newest = taken[-1] if taken else 0
    there = number == newest and checksum(places.generation(number)) == sha256
    if not there:
        number = max(number, newest + 1)
        incoming.chmod(0o440)
        os.rename(incoming, places.generation(number))
        sync_folder(places.generations)
    point_to(places, places.generation(number))
    return number
