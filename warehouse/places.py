"""Where the files of the warehouse lie under the data root, and how a file change is made to last."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_GENERATION = re.compile(r"^monitor-(\d+)\.duckdb$")


class WarehouseError(Exception):
    """Base of what can be wrong with the warehouse; the text is for people."""


class Unusable(WarehouseError):
    """The files of the warehouse do not fit together."""


@dataclass(frozen=True, slots=True)
class Places:
    """Paths below `<data root>/warehouse`."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "warehouse"

    @property
    def work(self) -> Path:
        """Folder of the writer: analysts do not read here."""
        return self.folder / "work"

    @property
    def work_file(self) -> Path:
        return self.work / "warehouse.duckdb"

    @property
    def next_file(self) -> Path:
        """A migrated copy on its way to become the work file."""
        return self.work / ".next.duckdb"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def generations(self) -> Path:
        return self.folder / "generations"

    @property
    def link(self) -> Path:
        """The published snapshot: a relative link to the newest generation."""
        return self.folder / "monitor.duckdb"

    def generation(self, number: int) -> Path:
        return self.generations / f"monitor-{number}.duckdb"

    def make(self) -> None:
        """Create the folders; the writer's own is closed to others."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(mode=0o700, exist_ok=True)
        self.generations.mkdir(mode=0o755, exist_ok=True)


def generation_number(path: Path) -> int | None:
    """Number of a generation's file, None for any other file."""
    found = _GENERATION.match(path.name)
    return int(found.group(1)) if found else None


def wal_of(database: Path) -> Path:
    """The log that DuckDB keeps beside an open, or crashed, database."""
    return database.with_name(database.name + ".wal")


def refuse_wal(database: Path) -> None:
    """A log beside a closed file belongs to a crash or to another file: never copy or replace the file beside it."""
    if wal_of(database).exists():
        raise Unusable(
            f"Neben {database.name} liegt noch ein Protokoll ({wal_of(database).name}). Der Datenbestand wird so nicht"
            " kopiert oder ersetzt; bitte den Lauf wiederholen."
        )


def refuse_orphan_wal(database: Path) -> None:
    """DuckDB would make an empty database beside a log without its file, and lose what the log holds."""
    if wal_of(database).exists() and not database.exists():
        raise Unusable(
            f"{database.name} fehlt, aber sein Protokoll {wal_of(database).name} ist da. Bitte beide Dateien aus der"
            " Sicherung zurückholen oder das Protokoll entfernen."
        )


def sync_file(path: Path) -> None:
    """Wait until the content of a file has reached the disk. Never call it for a file that is open as a database."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until renames in a folder have reached the disk."""
    sync_file(folder)


def refuse_open(database: Path) -> None:
    """Refuse when this process still has the database open through a forgotten streaming reader.

    Opening it again would wait for ever, and copying it would drop DuckDB's own lock (any close of any descriptor
    does). Asked of the kernel, because asking by opening would be the very mistake; where the kernel does not tell,
    nothing is refused.
    """
    try:
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        mark = f":{database.stat().st_ino}"
    except OSError:
        return
    if any(len(fields) > 5 and fields[4] == str(os.getpid()) and fields[5].endswith(mark) for fields in locks):
        raise Unusable("Der Datenbestand ist in diesem Prozess noch geöffnet: Eine Abfrage wurde nicht beendet.")
