"""The one writer: a file lock that a crash frees, and the writer's own database file behind it.

The lock is a flock on `<data root>/warehouse/lock`; what is written into that file only names the holder. The file is
never deleted. A process forked (not spawned) by the holder would share the lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from schemas.framework_model import Framework
from warehouse.access import Connection, end_reading
from warehouse.faults import told_plainly
from warehouse.lake import Lake, chosen, locked, open_lake
from warehouse.migrations import open_work
from warehouse.places import Places, WarehouseError

_RETRY_SECONDS = 0.05


class Locked(WarehouseError):
    """Somebody else is writing; says who. Fields are empty when the holder has not written its name yet."""

    def __init__(self, pid: int | None, since: str, host: str, command: str) -> None:
        self.pid, self.since, self.host, self.command = pid, since, host, command
        who = f"Prozess {pid} auf {host} seit {since} ({command})" if pid else "einem anderen Prozess"
        super().__init__(f"Der Datenbestand wird gerade von {who} beschrieben.")


@dataclass(slots=True)
class Lock:
    """The held lock. `connected` while a writer of this lock has the work file open."""

    root: Path
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Writer:
    """The open work file. Other rooms get the connection lent and must not keep it, or a reader of it, afterwards."""

    connection: Connection
    root: Path
    framework: Framework


@contextmanager
def exclusive(root: Path, *, wait_seconds: float = 0.0) -> Iterator[Lock]:
    """Hold the warehouse lock; raises Locked when it is not free within the time.

    Hold it around several `writer` and `publish` calls to keep everybody else out in between. Raises StorageFault when
    the disk refuses, here and in whatever is done with the lock.
    """
    places = Places(root)
    with told_plainly():
        places.make()
        descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, places.lock, time.monotonic() + wait_seconds)
        with told_plainly(), _everywhere(chosen()):
            _sign(descriptor)
            yield Lock(root)
    finally:
        os.close(descriptor)


@contextmanager
def _everywhere(lake: Lake | None) -> Iterator[None]:
    """Keep writers on other machines out of a lake as well; raises Locked."""
    if lake is None:
        yield
        return
    with locked(lake) as held:
        if not held:
            raise Locked(None, "", "", "")
        yield


@contextmanager
def writer(
    root: Path, framework: Framework, *, wait_seconds: float = 0.0, lock: Lock | None = None
) -> Iterator[Writer]:
    """Open the work file for writing, migrated to this code and framework; checkpoint and close it at the end.

    Takes the lock itself unless one is given. Raises Locked, ForeignFramework, NewerWarehouse, Unusable, or StorageFault
    when the disk refuses, also while the borrower writes.
    """
    with ExitStack() as stack:
        held = lock or stack.enter_context(exclusive(root, wait_seconds=wait_seconds))
        if held.connected or held.root != root:
            raise RuntimeError("the lock is of another root, or its work file is still open")
        stack.enter_context(told_plainly())
        lake = chosen()
        connection = open_lake(lake, Places(root), framework) if lake else open_work(Places(root), framework)
        held.connected = True
        try:
            yield Writer(connection, root, framework)
            _finish(connection, durable=lake is not None)
        finally:
            with suppress(duckdb.Error):
                connection.close()
            held.connected = False


def _finish(connection: Connection, *, durable: bool) -> None:
    """Everything into the file, unless each commit is `durable` by itself. What the borrower left open is his mistake,
    and said so, not committed or lost."""
    end_reading(connection)
    try:
        connection.execute("ROLLBACK")
    except duckdb.TransactionException:
        if not durable:
            connection.execute("CHECKPOINT")
    else:
        raise RuntimeError("a transaction was left open; it has been rolled back")


def lock_holder(root: Path) -> Locked | None:
    """Who is writing at the moment, None when nobody is."""
    try:
        descriptor = os.open(Places(root).lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(Places(root).lock)
    finally:
        os.close(descriptor)
    return None


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _holder(path) from None
            time.sleep(_RETRY_SECONDS)


def _sign(descriptor: int) -> None:
    """Write into the lock file who holds it."""
    command = " ".join([Path(sys.argv[0] or "python").name, *sys.argv[1:]])
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "since": since, "host": socket.gethostname(), "command": command})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _holder(path: Path) -> Locked:
    try:
        said = json.loads(path.read_text())
        return Locked(int(said["pid"]), str(said["since"]), str(said["host"]), str(said["command"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Locked(None, "", "", "")
