"""The process that opens delivered files: it gives up its rights first, then reads one file after the other.

Started by `sandbox`, never imported by other code. A request is one JSON line on standard input; an answer is its length
in eight bytes and then JSON on standard output. Only calamine and the standard library are imported here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from pathlib import Path

from intake.gate import UnreadableFile, broken, refused
from intake.reader_answer import Told, encode, encode_refusal
from intake.reading import read_workbook

MAX_OPEN_FILES = 32
_NO_NEW_PRIVILEGES, _PARENT_DEATH_SIGNAL, _DUMPABLE = 38, 1, 4
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SIGKILL = 9


def main(parent: int, memory: int) -> None:
    """Confine this process, then answer requests until standard input ends."""
    confine(parent, memory)
    gc.disable()  # cells do not refer to each other; the process is replaced after a number of files
    answers, told = sys.stdout.buffer, Told()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_time(request["seconds"])
        payload, go_on = _answer(Path(request["path"]), request["sheets"], told)
        answers.write(len(payload).to_bytes(8, "big") + payload)
        answers.flush()
        if not go_on:
            return


def confine(parent: int, memory: int) -> None:
    """Give up what reading needs not: network, new files, new processes, new rights, unbounded memory.

    What this system or this user may not do is left out; the limits are layers, none of them is the only one.
    """
    if sys.platform != "linux":
        return
    import ctypes
    import resource

    libc = ctypes.CDLL(None)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PARENT_DEATH_SIGNAL, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit()  # the parent ended before the signal was asked for
    if libc.unshare(_NEW_NETWORK) != 0:
        libc.unshare(_NEW_USER | _NEW_NETWORK)
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_NPROC, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))


def _limit_time(seconds: int) -> None:
    """The kernel ends this process when one file takes more processor time than that."""
    if sys.platform == "linux":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(used.ru_utime + used.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answer(path: Path, sheets: int | None, told: Told) -> tuple[bytes, bool]:
    """The answer for one file, and whether this process is fit for another one."""
    try:
        return encode(read_workbook(path, sheets), told), True
    except UnreadableFile as error:
        return encode_refusal(error), True
    except MemoryError:
        return encode_refusal(refused(path, "sie braucht zu viel Speicher"), last=True), False
    except Exception as error:  # a defect of ours must not stop the other files; its kind goes into the details
        failure = broken(path, "ihr Aufbau ist unerwartet")
        failure.details["error"] = type(error).__name__
        return encode_refusal(failure, last=True), False
