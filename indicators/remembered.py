"""What the computations of one framework share."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pyarrow as pa

from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework
from schemas.remembered import remembered

LARGE = 50_000
"""Figures from which on it is worth the time to give memory back at once."""
_LEAST = "32MiB"


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


def give_back(connection: duckdb.DuckDBPyConnection | None = None) -> None:
    """Return to the system what is used no more: every allocator keeps it for later otherwise, and it counts as ours.

    With a connection also what its database can read again, or lay into its temporary folder, until somebody asks for it.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    if connection is not None:
        _set_aside(connection)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _set_aside(connection: duckdb.DuckDBPyConnection) -> None:
    """A limit of memory that is set makes DuckDB evict what is above it and empty its allocator: nothing else does."""
    ((limit,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    with suppress(duckdb.OutOfMemoryException):  # it needs more than that at the moment: what could go has gone
        connection.execute(f"SET memory_limit = '{_LEAST}'")
    connection.execute(f"SET memory_limit = '{limit}'")


__all__ = ["crosswalk_of", "give_back", "remembered", "without_collecting"]
