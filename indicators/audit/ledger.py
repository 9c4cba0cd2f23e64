"""The ledger of releases as a witness: every cell that was ever shown, and at which releases it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.editions import Told
from indicators.audit.evidence import Index
from indicators.audit.family import NEVER
from indicators.audit.forms import Forms
from indicators.audit.relations import Relations
from indicators.audit.versions import TODAY, Versions

_TERM = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<factor>\d+(?:/\d+)?)\*)?(?P<regions>[^/\s]+)/(?P<year>\d{4})/(?P<rest>\w+\[[^\]]*\])"
)
_CELL = re.compile(r"(?P<variable>\w+)\[(?P<members>[^\]]*)\]")
_PLAIN = r"^(?P<region>[^/\s*+]+)/(?P<year>[0-9]{4})/(?P<rest>[0-9A-Za-z_]+\[[^\]]*\])$"
"""A cell of a single region: nearly all of them are."""
Term = tuple[float, int, int, int]
"""Factor, region, year, node."""


@dataclass(frozen=True)
class Records:
    """`shown`: cell, value, and from when to when it was told so (`since`, `until`, exclusive; microseconds), newest first.
    `cells`: the sum that each cell is. `moments`: of the releases; none when the ledger does not say them."""

    shown: pd.DataFrame
    cells: Relations
    moments: Sequence[int]

    @classmethod
    def read(cls, forms: Forms, index: Index, ledger: pa.Table) -> Records:
        """Records (cell, value, state and, where it is known, `published_at`), oldest first.

        A cell reads `1/2*06413+06414/2020/POP[GRP=A] - ...`: factor, regions that are added up, year, variable, members.
        """
        coded = pc.dictionary_encode(ledger["cell"].combine_chunks())
        rows = pd.DataFrame({"cell": coded.indices.to_numpy(), "value": ledger["value"].cast(pa.float64()).to_numpy()})
        dated = "published_at" in ledger.column_names
        rows["since"] = _microseconds(ledger["published_at"]) if dated else 0
        rows["until"] = rows.groupby("cell")["since"].shift(-1, fill_value=NEVER)
        told = pc.and_(pc.equal(ledger["state"], "shown"), pc.is_valid(ledger["value"])).to_numpy()
        zeros = np.zeros(len(coded.dictionary))
        cells = Relations(zeros, zeros, *_terms(forms, index, coded.dictionary))
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
        rows = [*zip(once["cell"], once["value"], np.full(len(once), TODAY), strict=True)]
        starts = np.searchsorted(cells.owner, np.arange(len(cells) + 1))
        for cell, value, *window in self.shown[moved].drop_duplicates().itertuples(index=False):
            first, end = np.searchsorted(versions.moments, window)
            own = family[starts[cell] : starts[cell + 1]]
            states = versions.state[own[own >= 0], first:end]
            rows += [(cell, value, first + place) for place in np.unique(states, axis=1, return_index=True)[1]]
        columns = (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.zeros(0, np.int64)] * 3
        cell, value, moment = columns
        return Told(moment, replace(cells.taken(cell), low=value.astype(float), high=value.astype(float)))


def _microseconds(moments: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(moments.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy())


def _terms(forms: Forms, index: Index, cells: pa.Array) -> tuple[np.ndarray, ...]:
    """Cell, factor, region, year and node of every term of the cells, in their order."""
    nodes: dict[str, int | None] = {}
    plain = pc.extract_regex(cells, _PLAIN)
    valid = plain.is_valid().to_numpy(zero_copy_only=False)
    here = np.flatnonzero(valid)
    region, year = (pd.Series(plain.field(name).take(pa.array(here)).to_pylist()) for name in ("region", "year"))
    rests = pc.dictionary_encode(plain.field("rest").take(pa.array(here)))
    numbers = [_node(forms, nodes, rest) for rest in rests.dictionary.to_pylist()]
    table = pd.DataFrame(
        {
            "cell": here,
            "factor": 1.0,
            "region": region.map(index.region),
            "year": year.astype(int).map(index.year),
            "node": pd.Series(numbers, dtype=float).reindex(rests.indices.to_numpy()).to_numpy(),
        }
    ).dropna()
    rows = [
        (cell, *term)
        for cell in np.flatnonzero(~valid).tolist()
        for term in _parsed(forms, index, nodes, cells[cell].as_py())
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0)] * 5
    joined = [np.concatenate([table[name], more]) for name, more in zip(table.columns, columns, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    owner, factor, *places = (column[order] for column in joined)
    return owner.astype(np.int64), factor.astype(float), *(place.astype(np.int64) for place in places)


def _node(forms: Forms, known: dict[str, int | None], rest: str) -> int | None:
    """Number of the node of `POP[GRP=A]`, None of what is no secret."""
    if rest not in known:
        inside = _CELL.fullmatch(rest)
        variable = inside["variable"] if inside else ""
        known[rest] = None
        if inside is not None and variable in forms.framework.variables and forms.tracked(variable):
            pairs = [pair.partition("=") for pair in inside["members"].split(",") if pair]
            known[rest] = forms.node(variable, {dimension: member for dimension, _, member in pairs})
    return known[rest]


def _parsed(forms: Forms, index: Index, nodes: dict[str, int | None], cell: str) -> list[Term]:
    """The terms of a cell, none when one of them is not understood."""
    found: list[Term] = []
    position = 0
    for match in _TERM.finditer(cell):
        if cell[position : match.start()].strip():
            return []
        position = match.end()
        node, regions, year = _node(forms, nodes, match["rest"]), match["regions"].split("+"), int(match["year"])
        if node is None or year not in index.year or any(region not in index.region for region in regions):
            return []
        factor = float(Fraction(match["factor"] or 1)) * (-1 if match["sign"] == "-" else 1)
        found += [(factor, index.region[region], index.year[year], node) for region in regions]
    return [] if cell[position:].strip() else found
