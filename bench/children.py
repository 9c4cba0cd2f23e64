"""Work in forked children: a process that forks others must never have opened a database."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any


def in_a_child(work: Callable[[], Any], overdue: Callable[[], bool] = lambda: False) -> None:
    """Do it in a forked child and wait for it.

    A child that is `overdue` is killed, because one that hangs inside the database hears nothing else.
    """
    child = fork(work)
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended:
        if overdue():
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise RuntimeError("it took longer than --minutes allows")
        time.sleep(0.05)
        ended, status = os.waitpid(child, os.WNOHANG)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError("the child failed")


def fork(work: Callable[[], Any]) -> int:
    """Begin it in a forked child, whose number is returned; it ends with 0 where nothing failed."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)
