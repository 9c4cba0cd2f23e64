"""Read delivered files in a child process that may do nothing else and can be killed.

A panic, an abort, a hang or too much memory takes only the child down and becomes an UnreadableFile for that one file.
The child is kept for the next file, because starting it costs more than reading a workbook.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from intake.gate import UnreadableFile, refused
from intake.reader_answer import Heard, NotUnderstood, decode, misunderstood
from intake.reading import Workbook

PROJECT = Path(__file__).resolve().parents[1]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from intake.reader_child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)
_MOST_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost, and after how many files a child is replaced."""

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 20
    wall_seconds: float = 60.0
    answer_bytes: int = 1 << 29
    files_per_child: int = 1_000


class _ChildFailed(Exception):
    """The child ended or was ended before it gave a whole answer; `why` is the rest of a German sentence.

    Not `final`: the child had read other files before, so a new one has to show whether this file is to blame.
    """

    def __init__(self, why: str, *, final: bool) -> None:
        super().__init__(why)
        self.why, self.final = why, final


class _Child:
    """One child process. Not for several threads at a time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.files = 0
        self.timed_out = False
        self.heard = Heard()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-B",
                "-X",
                "utf8",
                "-c",
                _START,
                str(PROJECT),
                str(os.getpid()),
                str(limits.memory_bytes),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={} if os.name == "posix" else {"SYSTEMROOT": os.environ.get("SYSTEMROOT", "")},
            cwd=os.path.abspath(os.sep),
            start_new_session=True,
        )

    @property
    def usable(self) -> bool:
        """Is it alive and still to be used? The system ends a child together with the thread that started it."""
        return self.process.poll() is None and self.files < self.limits.files_per_child

    def read(self, path: Path, sheets: int | None) -> Any:
        """Have one file read; the decoded answer, or _ChildFailed."""
        self.files += 1
        request = {"path": os.path.abspath(path), "seconds": self.limits.cpu_seconds, "sheets": sheets}
        try:
            with self._watched():
                return json.loads(self._exchange(json.dumps(request).encode("ascii") + b"\n"))
        except (OSError, EOFError, ValueError, RecursionError) as error:
            raise self._failure() from error

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """End the child when it takes too long: whoever waits for it looks at the clock, where the system lets him."""
        self.until = time.monotonic() + self.limits.wall_seconds
        if hasattr(select, "poll"):
            yield
            return
        timer = threading.Timer(self.limits.wall_seconds, self._time_out)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _exchange(self, request: bytes) -> bytes:
        assert self.process.stdin is not None
        self.process.stdin.write(request)
        self.process.stdin.flush()
        length = int.from_bytes(self._receive(8), "big")
        if not 0 < length <= self.limits.answer_bytes:
            raise ValueError
        return self._receive(length)

    def _receive(self, length: int) -> bytes:
        """So many bytes, or EOFError."""
        assert self.process.stdout is not None
        received = bytearray()
        place = self.process.stdout.fileno()
        while len(received) < length:
            self._wait(place)
            part = os.read(place, min(length - len(received), _MOST_AT_ONCE))
            if not part:
                raise EOFError
            received += part
        return bytes(received)

    def _wait(self, place: int) -> None:
        """Until there is something to read; EOFError when that takes too long."""
        if not hasattr(select, "poll"):
            return
        waiting = select.poll()
        waiting.register(place, select.POLLIN)
        if not waiting.poll(max(0, round((self.until - time.monotonic()) * 1_000))):
            self._time_out()
            raise EOFError

    def _failure(self) -> _ChildFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        cpu = getattr(signal, "SIGXCPU", None)
        if self.timed_out or (cpu is not None and self.process.returncode == -cpu):
            return _ChildFailed("das Einlesen dauerte zu lange", final=True)
        return _ChildFailed("sie ließ sich nicht sicher einlesen", final=self.files == 1)

    def _time_out(self) -> None:
        self.timed_out = True
        self.end()

    def end(self) -> None:
        """Kill the child and whatever it may have started, and wait for it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()


class ReaderPool:
    """A few children that read files; `read` may be called from several threads, each call takes one child.

    Use as a context manager, or `close` it: the children end with it.
    """

    def __init__(self, size: int = 1, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.slots: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self.size = size
        for _ in range(size):
            self.slots.put(None)

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: Path, sheets: int | None = None) -> Workbook:
        """Read one file like `read_workbook`; raises UnreadableFile, also when the child breaks or takes too long."""
        try:
            return self._read(path, sheets)
        except _ChildFailed as error:
            if error.final:
                raise refused(path, error.why) from error
        try:
            return self._read(path, sheets, fresh=True)
        except _ChildFailed as error:
            raise refused(path, error.why) from error

    def _read(self, path: Path, sheets: int | None, *, fresh: bool = False) -> Workbook:
        child = self.slots.get()
        try:
            if child is not None and (fresh or not child.usable):
                child.end()
                child = None
            child = child or _Child(self.limits)
            answer = child.read(path, sheets)
            heard = child.heard
            if isinstance(answer, dict) and answer.get("last"):
                first = child.files == 1
                child.end()
                child = None
                if not first:  # what it had kept of other files must not be to the disadvantage of this one
                    raise _ChildFailed("sie ließ sich nicht sicher einlesen", final=False)
            return decode(answer, path, heard)
        except UnreadableFile:
            raise
        except BaseException as error:  # whatever it was, the child may be in the middle of an answer
            if child is not None:
                child.end()
                child = None
            if isinstance(error, NotUnderstood):
                raise misunderstood(path) from error
            raise
        finally:
            self.slots.put(child)

    def close(self) -> None:
        """End all children. A pool that is used again starts new ones."""
        for _ in range(self.size):
            child = self.slots.get()
            if child is not None:
                child.end()
            self.slots.put(None)


def read_safely(path: Path) -> Workbook:
    """Read one file in the child that this process keeps for it; raises UnreadableFile."""
    return _default_pool(os.getpid()).read(path)


@cache
def _default_pool(process: int) -> ReaderPool:
    """The pool of a process; a forked process must not share the pipes of the one it came from."""
    pool = ReaderPool()
    atexit.register(pool.close)
    return pool
