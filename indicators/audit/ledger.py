"""The ledger of releases as a witness: every cell that was ever shown, and at which releases it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.cells import terms_of
from indicators.audit.editions import Told
from indicators.audit.evidence import Index, encoded
from indicators.audit.family import NEVER
from indicators.audit.forms import Forms
from indicators.audit.relations import Relations
from indicators.audit.versions import TODAY, Versions


@dataclass(frozen=True)
class Records:
    """`shown`: cell, value, and from when to when it was told so (`since`, `until`, exclusive; microseconds), newest first.
    `cells`: the sum that each cell is. `moments`: of the releases; none when the ledger does not say them."""

    shown: pd.DataFrame
    cells: Relations
    moments: Sequence[int]

    @classmethod
    def read(cls, forms: Forms, index: Index, ledger: pa.Table) -> Records:
        """Records (cell as in `audit.cells`, value, state and, where it is known, `published_at`), oldest first."""
        coded = encoded(ledger["cell"])
        rows = pd.DataFrame({"cell": coded.indices.to_numpy(), "value": ledger["value"].cast(pa.float64()).to_numpy()})
        dated = "published_at" in ledger.column_names
        rows["since"] = _microseconds(ledger["published_at"]) if dated else 0
        rows["until"] = rows.groupby("cell")["since"].shift(-1, fill_value=NEVER)
        told = pc.and_(pc.equal(ledger["state"], "shown"), pc.is_valid(ledger["value"])).to_numpy()
        zeros = np.zeros(len(coded.dictionary))
        cells = Relations(zeros, zeros, *terms_of(forms, index, coded.dictionary))
        spoken = np.bincount(cells.owner, minlength=len(cells)) > 0
        moments = sorted(set(rows["since"].tolist())) if dated else []
        return cls(rows[told & spoken[rows["cell"]]].iloc[::-1], cells, moments)

    def told(self, versions: Versions) -> Told:
        """What was shown, once for every state of the tables that it speaks of."""
        cells = self.cells
        family = versions.family_of_nodes(cells.region, cells.year, cells.node)
        ever = np.bincount(cells.owner, family >= 0, len(cells)) > 0
        moved = ever[self.shown["cell"]]
        once = self.shown[~moved].drop_duplicates(["cell", "value"])
        starts = np.searchsorted(cells.owner, np.arange(len(cells) + 1))
        rows: list[tuple[int, float, int]] = []
        for cell, number, *window in self.shown[moved].drop_duplicates().itertuples(index=False):
            first, end = np.searchsorted(versions.moments, window)
            own = family[starts[cell] : starts[cell + 1]]
            states = versions.state[own[own >= 0], first:end]
            rows += [(cell, number, first + place) for place in np.unique(states, axis=1, return_index=True)[1]]
        more = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0, np.int64)] * 3
        columns = (once["cell"].to_numpy(), once["value"].to_numpy(), np.full(len(once), TODAY))
        cell, value, moment = (np.concatenate(pair) for pair in zip(columns, more, strict=True))
        return Told(moment, replace(cells.taken(cell), low=value, high=value))


def _microseconds(moments: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(moments.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy())
