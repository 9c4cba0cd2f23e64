"""The longest that a run may take. An engine that computes on and on is out of reach for a timeout of Prefect or of Python:
the process tells what happened and ends itself, as it might be killed at any time anyway.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.cli import OUR_FAULT
from flows.wording import text


class Overdue(RuntimeError):
    """The run took longer than it may; the message says how long that is."""


@contextmanager
def limited(hours: float, failed: Callable[[Overdue], object]) -> Iterator[None]:
    """End this process when the work inside takes longer; `failed` is told before. 0 hours: no limit."""
    if not hours:
        yield
        return
    timer = threading.Timer(hours * 3600, _end, [hours, failed])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _end(hours: float, failed: Callable[[Overdue], object]) -> None:
    try:
        failed(Overdue(text("why_failed.overdue", hours=f"{hours:g}")))
    finally:
        os._exit(OUR_FAULT)  # the published state is unchanged, the lock is free, claims are taken up again
