"""What readers open: one published generation, read-only, the same from the first query to the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from warehouse.access import Connection, arrow, connect
from warehouse.places import Places, WarehouseError
from warehouse.publishing import current_generation

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ATTEMPTS = 3


class NoSnapshot(WarehouseError):
    """Nothing has been published yet, or the published file is gone."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened generation. `connection` is read-only; use `connection.cursor()` in other threads."""

    generation: int
    path: Path
    connection: Connection

    def frame(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pd.DataFrame:
        """The result of a query as a data frame (DECIMAL columns become floating point there)."""
        return self.connection.execute(query, parameters or None).df()

    def table(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> pa.Table:
        """The result of a query as an Arrow table (DECIMAL columns stay exact)."""
        return arrow(self.connection, query, parameters)


@contextmanager
def open_snapshot(root: Path) -> Iterator[Snapshot]:
    """Open the newest published generation. Raises NoSnapshot.

    The link is resolved once. Should the file be pruned between looking and opening, the newer one is taken.
    """
    for attempt in range(_ATTEMPTS):
        found = current_generation(root)
        if found is None:
            raise NoSnapshot(_nothing(root))
        try:
            connection = connect(found.path, read_only=True)
        except duckdb.IOException:
            if found.path.exists() or attempt == _ATTEMPTS - 1:
                raise
            continue
        try:
            yield Snapshot(found.number, found.path, connection)
        finally:
            connection.close()
        return


def _nothing(root: Path) -> str:
    if Places(root).link.is_symlink():
        return "Der veröffentlichte Datenbestand fehlt: Die Verknüpfung zeigt ins Leere. Bitte neu veröffentlichen."
    return "Es ist noch kein Datenbestand veröffentlicht. Bitte zuerst Lieferungen verarbeiten und rechnen."
