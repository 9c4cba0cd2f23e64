"""Deliveries opened ahead of their turn, on another processor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from intake.deliveries import Reader, Received
from intake.inbox import Claim
from intake.reading import Workbook
from intake.sandbox import ReaderPool
from intake.sheets import FilledStrip, Sheet

HELD, HELD_VALUES, LARGEST_HELD = 500, 2_000_000, 1 << 18
"""So many workbooks of our form are held at most, with so many values together (forty megabytes), none larger than that."""
_LONG = 32
"""Characters of a text beyond which it counts as more than one value."""
Claimed = TypeVar("Claimed", Claim, Received)
READERS = 1
"""Child processes that open deliveries. One is faster than what is done with the workbooks, and learns the forms once."""


class Readers:
    """Opens deliveries ahead of their turn, on the other processor. A context manager for all batches of a run: what the
    child process that reads has learnt of our form serves the next batch, too."""

    def __init__(self) -> None:
        self.pool, self.threads = ReaderPool(READERS), ThreadPoolExecutor(READERS)
        self.held: dict[Path, Future[Workbook]] = {}
        self.room = HELD_VALUES

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)
        self.pool.close()

    def ahead(self, claims: Iterable[Claimed]) -> Iterator[tuple[Claimed, Future[Workbook]]]:
        """Each claim with its workbook; the next ones are opened meanwhile, few at a time."""
        coming = iter(claims)
        opened = deque((claim, self._open(claim)) for claim in islice(coming, READERS + 1))
        while opened:
            yield opened.popleft()
            opened.extend((claim, self._open(claim)) for claim in islice(coming, 1))

    def hold(self, claim: Claimed, workbook: Future[Workbook]) -> None:
        """Keep what was opened for the turn of the delivery, as long as there is room; the others are opened again."""
        values = sum(map(_values_of, workbook.result().sheets))
        if values <= self.room and claim.path.stat().st_size <= LARGEST_HELD:
            self.room -= values
            self.held[claim.path] = workbook

    def _open(self, claim: Claimed) -> Future[Workbook]:
        return self.held.pop(claim.path, None) or self.threads.submit(self.pool.read, claim.path)


def opened_before(workbook: Future[Workbook]) -> Reader:
    """A reader of the one file that `Readers.ahead` has opened; what went wrong there goes wrong here."""
    return lambda path: workbook.result()


def _values_of(sheet: Sheet) -> int:
    """How many values a sheet has for itself; what stands in every workbook of a form is shared."""
    if not sheet.in_rows:
        return sum(_size(cell.value) for cell in sheet.cells.values())
    return sum(
        len(part.numbers) if isinstance(part, FilledStrip) else sum(map(_size, part.values)) for part in sheet.pieces
    )


def _size(value: object) -> int:
    return 1 + len(value) // _LONG if isinstance(value, str) else 1
