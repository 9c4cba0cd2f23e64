"""What the computations of one framework share."""

from __future__ import annotations

import atexit
import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import duckdb
import pyarrow as pa

from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework
from schemas.remembered import remembered

LARGE = 100_000
"""Figures from which on it is worth the time to give memory back at once."""
_LEAST = "32MiB"
_YOUNG = 10_000
"""Objects that hold others; they take some hundred bytes each."""


def crosswalk_of(framework: Framework) -> Crosswalk:
    """The one table of changes of a framework, with the answers that it has given so far."""
    return remembered(framework, lambda: Crosswalk(framework.territory), "crosswalk")


@contextmanager
def without_collecting() -> Iterator[None]:
    """A batch or a protection makes millions of objects and few rings among them; looking through them again and again finds
    nothing."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@cache
def let_stay() -> None:
    """What is there now (modules, the framework) stays as long as the process: collecting need not look through it, again and
    again. Only the first call of a process counts: what becomes garbage of what was there then is never found."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # extensions tell of everything that is left at the end as a leak


def give_back(connection: duckdb.DuckDBPyConnection | None = None) -> None:
    """Return to the system what is used no more: every allocator keeps it for later otherwise, and it counts as ours.

    With a connection also what its database can read again, or lay into its temporary folder, until somebody asks for it.
    """
    young, _, old = gc.get_count()
    if young > _YOUNG or old:  # few that are new hold no rings worth looking for
        gc.collect()
    if connection is not None:
        _set_aside(connection)
    trim()


def trim() -> None:
    """Return to the system what is free at the moment, without looking for more: some hundredths of a second."""
    pa.default_memory_pool().release_unused()
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)


def _set_aside(connection: duckdb.DuckDBPyConnection) -> None:
    """A limit of memory that is set makes DuckDB evict what is above it and empty its allocator: nothing else does."""
    ((limit,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    with suppress(duckdb.OutOfMemoryException):  # it needs more than that at the moment: what could go has gone
        connection.execute(f"SET memory_limit = '{_LEAST}'")
    connection.execute(f"SET memory_limit = '{limit}'")


__all__ = ["crosswalk_of", "give_back", "let_stay", "remembered", "trim", "without_collecting"]
