"""What relations hold, as fingerprints of which a run asks for each once: what it writes itself it adds and takes away.

The fingerprint of a relation is the number of its rows, the sum of their hashes and their exclusive or, whatever their
order. All three follow from those of before and of the rows that were written and deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from warehouse.access import Connection, rows

_SUMS = "count(*), sum(CAST({0} AS HUGEINT)), bit_xor({0})"
_ROW = "hash(t)"
"""SQL of the hash of a row of the relation `t`."""


@dataclass(frozen=True, slots=True)
class Content:
    """Fingerprint of some rows."""

    rows: int
    total: int
    mixed: int

    def changed(self, change: Change) -> Content:
        """Of the same rows after a change."""
        old, new = change.deleted, change.written
        total, mixed = self.total - old.total + new.total, self.mixed ^ old.mixed ^ new.mixed
        return Content(self.rows - old.rows + new.rows, total, mixed)


@dataclass(frozen=True, slots=True)
class Change:
    """The rows that were deleted from a table, and those that were written into it."""

    deleted: Content
    written: Content


NOTHING = Content(0, 0, 0)


def content(connection: Connection, relation: str, mark: str = _ROW) -> Content:
    """Of the rows of a relation (SQL, as after FROM), or of other rows of which it has the hashes (`mark`)."""
    ((number, total, mixed),) = rows(connection, f"SELECT {_SUMS.format(mark)} FROM {relation} t")
    return Content(number, total or 0, mixed or 0)


class Contents:
    """What a connection holds as long as nobody else writes: whoever writes must say so (`change`, `forget`)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, Content] = {}
        self._years: dict[str, list[str]] = {}

    def of(self, name: str) -> list[str]:
        """Name and fingerprint of a table or view."""
        if name not in self._known:
            self._known[name] = content(self._connection, name)
        found = self._known[name]
        sums = (found.total, found.mixed) if found.rows else (None, None)  # as the database tells those of no rows
        return [name, str(found.rows), *map(str, sums)]

    def years(self) -> dict[str, list[str]]:
        """The same of the accepted values of each year. Nobody writes these while results are computed."""
        if not self._years:
            query = f"SELECT year, {_SUMS.format(_ROW)} FROM observation t GROUP BY year"
            for year, *found in sorted(rows(self._connection, query)):
                self._years[str(year)] = [str(one) for one in found]
        return self._years

    def change(self, changes: Mapping[str, Change | None]) -> None:
        """Tables were written to; None: in a way that nobody followed."""
        for name, change in changes.items():
            if name in self._known and change is not None:
                self._known[name] = self._known[name].changed(change)
            else:
                self.forget([name])

    def forget(self, names: Iterable[str]) -> None:
        """These tables are read again when somebody asks."""
        for name in names:
            self._known.pop(name, None)
