"""The machines that work on tasks: a Dask scheduler somewhere, with workers anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from flows.settings import InputRefused, Settings
from flows.wording import text

_SECONDS = 60
"""So long a scheduler may take to answer, and the first worker to come."""


class Task(Protocol):
    """Something a crew works on; `result` waits for it."""

    def result(self) -> Any:
        """What the function returned; raises what it raised, or that it could not be finished."""


class Crew(Protocol):
    """Takes tasks; a task that was given to another as an argument is replaced by its result, wherever that lies."""

    @property
    def size(self) -> int:
        """How many tasks it works on at a time."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        """Begin a task."""

    def finished(self, tasks: Sequence[Task]) -> Iterator[Task]:
        """The tasks as they end, in whatever order."""


@contextmanager
def crew(settings: Settings) -> Iterator[Crew]:
    """The crew that the settings name. Raises InputRefused when nobody is there."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputRefused(text("scaling.packages")) from error
    try:
        client = Client(settings.workers, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        told = text("scaling.unreachable", address=settings.workers, kind=type(error).__name__)
        raise InputRefused(told) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS)
        except TimeoutError as error:
            raise InputRefused(text("scaling.nobody", address=settings.workers)) from error
        yield _Dask(client)


class _Dask:
    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def size(self) -> int:
        return max(1, sum(int(threads) for threads in self.client.nthreads().values()))

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Task:
        task: Task = self.client.submit(function, *arguments, pure=False)
        return task

    def finished(self, tasks: Sequence[Task]) -> Iterator[Task]:
        from distributed import as_completed

        return iter(as_completed(tasks, loop=self.client.loop, raise_errors=False))
