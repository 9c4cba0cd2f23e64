"""Publish the work file as a new generation: a finished copy under a new name, then one atomic swap of the link.

Readers keep the generation they have opened. A crash at any point leaves the old link; leftovers are removed by the
next publication. When nothing that readers can see has changed, nothing is published.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.framework_model import Framework
from warehouse.access import Connection, rows, transaction, utc
from warehouse.computed import results_fingerprint
from warehouse.lake import chosen, write_generation
from warehouse.places import Places, generation_number, refuse_open, refuse_wal, sync_file, sync_folder
from warehouse.results import data_years, insert_framework
from warehouse.store import Lock, exclusive, writer

KEEP = 7
"""Generations that stay, the current one included."""


@dataclass(frozen=True, slots=True)
class Generation:
    """A published state; `new` when this call made it."""

    number: int
    path: Path
    new: bool = False


def publish(
    root: Path, framework: Framework, *, wait_seconds: float = 0.0, lock: Lock | None = None, results: str = ""
) -> Generation:
    """Publish what is in the work file; the generation that readers get from now on.

    Takes the lock itself unless one is given, which must have no writer open. `results`: the `results_fingerprint`, where
    the caller asked for it under the same lock and wrote no result since.
    """
    places = Places(root)
    with ExitStack() as stack:
        held = lock or stack.enter_context(exclusive(root, wait_seconds=wait_seconds))
        with writer(root, framework, lock=held) as opened:
            generation = _announce(opened.connection, framework, places, results)
        if generation.new:
            _copy(places, generation.path)
            point_to(places, generation.path)
        _prune(places, generation.number)
    return generation


def current_generation(root: Path) -> Generation | None:
    """The generation to which the link points, None when nothing is published."""
    places = Places(root)
    try:
        path = places.link.resolve(strict=True)
    except (FileNotFoundError, RuntimeError):
        return None
    number = generation_number(path)
    return Generation(number, path) if number is not None else None


def fingerprint(connection: Connection, framework: Framework, results: str = "") -> str:
    """What readers can see, as one hash: the same after a run that changed nothing, whatever the order of rows.

    Runs do not count. Versions of values are told by their counts and moments, because they are only ever added or
    closed at a moment of their own. `results`: the fingerprint of the result tables, where it is known.
    """
    seen: list[object] = [framework.code, framework.content_hash, results or results_fingerprint(connection)]
    seen += rows(connection, "SELECT framework_code, views FROM meta_warehouse")
    seen += rows(connection, "SELECT number FROM meta_migration ORDER BY number")
    seen += rows(
        connection,
        "SELECT count(*), count(valid_to), max(valid_from), max(valid_to), sum(value) FROM observation_version",
    )
    seen += rows(connection, "SELECT count(*), count(valid_to), max(valid_from), max(valid_to) FROM record_version")
    seen += rows(connection, "SELECT count(*), count(valid_to), max(valid_from), max(valid_to) FROM register_version")
    for name in ("submission", "finding", "correction"):
        seen += rows(connection, f"SELECT count(*), sum(CAST(hash(t) AS HUGEINT)) FROM {name} t")
    return hashlib.sha256(json.dumps(seen, default=str).encode()).hexdigest()


def _announce(connection: Connection, framework: Framework, places: Places, results: str) -> Generation:
    """Write into the work file which generation comes next, unless the published one shows the same already."""
    current = current_generation(places.root)
    mark = fingerprint(connection, framework, results)
    last = rows(connection, "SELECT number, fingerprint FROM meta_generation ORDER BY number DESC LIMIT 1")
    if current and last == [(current.number, mark)]:
        return current
    number = max([0, *(entry[0] for entry in last), *(published_numbers(places))]) + 1
    with transaction(connection):
        insert_framework(connection, framework, data_years(connection))
        entry = (number, mark, utc(datetime.now(UTC)), framework.version, framework.content_hash)
        connection.execute("INSERT INTO meta_generation VALUES (?, ?, ?, ?, ?)", entry)
    return Generation(number, places.generation(number), new=True)


def published_numbers(places: Places) -> list[int]:
    """Numbers of the generations that are there, oldest first."""
    numbers = (generation_number(path) for path in places.generations.iterdir())
    return sorted(number for number in numbers if number is not None)


def _copy(places: Places, target: Path) -> None:
    """A complete, durable, read-only file under its final name. The work file, or the lake, is closed."""
    lake = chosen()
    refuse_open(places.work_file)
    refuse_wal(places.work_file)
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        if lake:
            write_generation(lake, temporary)
        else:
            shutil.copyfile(places.work_file, temporary)
        temporary.chmod(0o440)
        sync_file(temporary)
        os.rename(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(places.generations)


def point_to(places: Places, target: Path) -> None:
    """Let the link point to the new file; it never points to nothing."""
    temporary = places.link.with_name(f".{places.link.name}.next")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target.relative_to(places.folder))
    os.replace(temporary, places.link)
    sync_folder(places.folder)


def _prune(places: Places, current: int) -> None:
    """Remove unfinished copies and all but the last generations."""
    for leftover in places.generations.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    for number in published_numbers(places)[:-KEEP]:
        if number != current:
            places.generation(number).unlink(missing_ok=True)
