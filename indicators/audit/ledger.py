"""The ledger of releases as a witness: every cell that was ever shown, and at which releases it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.cells import terms_of
from indicators.audit.editions import Told
from indicators.audit.evidence import Index
from indicators.audit.facts import Facts
from indicators.audit.family import NEVER
from indicators.audit.forms import Forms
from indicators.audit.relations import Relations, Whole
from indicators.audit.versions import TODAY, Versions


@dataclass(frozen=True)
class Records:
    """`shown`: number of a record, value, and from when to when it was told so (`since`, `until`, exclusive; microseconds),
    newest first. `cells`: the sum that each record tells. `moments`: of the releases; none when the ledger does not say
    them."""

    shown: pd.DataFrame
    cells: Relations
    moments: Sequence[int]

    @classmethod
    def read(cls, forms: Forms, index: Index, ledger: pa.Table) -> Records:
        """Records (cell as in `audit.cells`, value, state and, where it is known, `published_at`), oldest first."""
        dated = "published_at" in ledger.column_names
        since = _microseconds(ledger["published_at"]) if dated else np.zeros(ledger.num_rows, np.int64)
        told = pc.and_(pc.equal(ledger["state"], "shown"), pc.is_valid(ledger["value"])).to_numpy()
        value = ledger["value"].cast(pa.float64()).to_numpy()
        cells = Relations(value, value, *terms_of(forms, index, ledger["cell"].combine_chunks()))
        rows = pd.DataFrame({"record": np.arange(len(value)), "value": value, "since": since, "until": NEVER})
        again = pc.is_in(ledger["cell"], ledger["cell"].filter(pa.array(since > since.min(initial=NEVER)))).to_numpy()
        texts = ledger["cell"].filter(pa.array(again)).to_pandas()  # of all others there is one release
        rows.loc[again, "until"] = rows["since"][again].groupby(texts.to_numpy()).shift(-1, fill_value=NEVER)
        spoken = np.bincount(cells.owner, minlength=len(cells)) > 0
        return cls(rows[told & spoken].iloc[::-1], cells, np.unique(since).tolist() if dated else [])

    def told(self, versions: Versions, newest: Facts) -> Told:
        """What was shown, once for every state of the tables that it speaks of; without what the newest edition says anyway
        and never changed, which is nearly everything."""
        cells = self.cells
        changed = versions.family_of_nodes(cells.region, cells.year, cells.node) >= 0
        ever = np.bincount(cells.owner, changed, len(cells)) > 0
        unsaid = np.bincount(cells.owner, np.isnan(newest.nodes[cells.region, cells.year, cells.node]), len(cells)) > 0
        moved, alone = (which[self.shown["record"]] for which in (ever, unsaid & ~ever))
        once, rows = (self.shown[which]["record"].to_numpy() for which in (alone, moved))
        place, moment = _states(versions, cells.taken(rows), self.shown[moved])
        records = np.concatenate([once, rows[place]])
        return Told(np.concatenate([np.full(len(once), TODAY), moment]), cells.taken(records))


def _states(versions: Versions, told: Relations, windows: pd.DataFrame) -> tuple[Whole, Whole]:
    """Numbers of relations, and of the first moment in their windows of each state of all families that they speak of."""
    family = versions.family_of_nodes(told.region, told.year, told.node)
    term = np.flatnonzero(family >= 0)  # every relation has one
    turned = np.diff(versions.state, axis=1, prepend=-1) != 0
    any_ = np.logical_or.reduceat(turned[family[term]], np.searchsorted(told.owner[term], np.arange(len(told))))
    first, end = (np.searchsorted(versions.moments, windows[name]) for name in ("since", "until"))
    when = np.arange(len(versions.moments))
    here = (when >= first[:, None]) & (when < end[:, None])
    record, moment = np.nonzero(here & (any_ | (when == first[:, None])))
    return record.astype(np.int64), moment.astype(np.int64)


def told_today(forms: Forms, index: Index, records: pa.Table) -> Told:
    """What the release that is attacked will say in the ledger (columns as there, without moments), last first."""
    shown = records.filter(pc.and_(pc.equal(records["state"], "shown"), pc.is_valid(records["value"])))
    value = shown["value"].cast(pa.float64()).to_numpy()
    cells = Relations(value, value, *terms_of(forms, index, shown["cell"].combine_chunks()))
    spoken = np.flatnonzero(np.bincount(cells.owner, minlength=len(cells)))[::-1]
    return Told(np.full(len(spoken), TODAY), cells.taken(spoken))


def _microseconds(moments: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(moments.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy())
