"""What the computations of one framework share."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.crosswalk import Crosswalk
from schemas.framework_model import Framework
from schemas.remembered import remembered


def crosswalk_of(framework: Framework) -> Crosswalk:
    """The one table of changes of a framework, with the answers that it has given so far."""
    return remembered(framework, lambda: Crosswalk(framework.territory), "crosswalk")


@contextmanager
def without_collecting() -> Iterator[None]:
    """A protection makes millions of objects and no rings among them; looking through them again and again finds nothing."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def give_back() -> None:
    """Return to the system what is used no more: the C library keeps it for later otherwise, and it counts as ours."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


__all__ = ["crosswalk_of", "give_back", "remembered", "without_collecting"]
