"""Everything ever published, put together: what an earlier edition printed is still known.

A cell is taken as unchanged between editions unless a sum that both print has changed; then the cells that could have
changed it are told apart, each edition with its own. The ledger of releases is one more witness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.evidence import Index
from indicators.audit.facts import Facts
from indicators.audit.forms import Atoms, Forms
from indicators.audit.relations import Relations

_NEAR = 1e-6


@dataclass
class Knowledge:
    """Values of nodes that count now and the edition each comes from, relations with theirs, and nodes as they were
    before a correction (edition, region, year, node, value)."""

    nodes: np.ndarray
    relations: list[tuple[int, Relations]]
    origin: np.ndarray
    former: list[tuple[int, int, int, int, float]] = field(default_factory=list)
    changed: dict[tuple[int, int, int], frozenset[int]] = field(default_factory=dict)

    @property
    def corrected(self) -> frozenset[tuple[int, int]]:
        """Regions and years in which some printed number is another than before."""
        return frozenset((region, year) for (_, region, year), atoms in self.changed.items() if atoms)

    def editions_of(self, edition: np.ndarray, region: np.ndarray, year: np.ndarray, atom: np.ndarray) -> np.ndarray:
        """Which edition an atom is to be taken from, each seen from one: the newest unless it was corrected since."""
        places = [(e, r, y, a) for (e, r, y), atoms in self.changed.items() for a in atoms]
        if not places:
            return np.zeros_like(edition)
        widths = tuple(
            max(int(column.max(initial=0)), *own) + 1
            for column, own in zip((edition, region, year, atom), zip(*places, strict=True), strict=True)
        )
        changed = np.ravel_multi_index(tuple(np.array(places).T), widths)
        own = np.isin(np.ravel_multi_index((edition, region, year, atom), widths), changed)
        return np.where(own, edition, 0)


def combine(atoms: Atoms, editions: Sequence[Facts]) -> Knowledge:
    """Editions, newest first, as one."""
    newest = editions[0]
    origin = np.where(np.isnan(newest.nodes), len(editions), 0)
    known = Knowledge(newest.nodes.copy(), [(0, newest.relations)], origin)
    for number, older in enumerate(editions[1:], start=1):
        both = ~np.isnan(known.nodes) & ~np.isnan(older.nodes)
        size = np.maximum(1, np.abs(np.nan_to_num(known.nodes)))
        differs = both & (np.abs(known.nodes - older.nodes) > _NEAR * size)
        takes = np.isnan(known.nodes) & ~np.isnan(older.nodes)
        for region, year in sorted({(int(r), int(y)) for r, y, _ in zip(*np.nonzero(differs), strict=True)}):
            at = (region, year)
            apart = _changed(atoms, known.nodes[at], older.nodes[at], differs[at], both[at])
            known.changed[number, region, year] = apart
            for node in np.flatnonzero(~np.isnan(older.nodes[region, year])):
                if apart & set(atoms.of_node[node]):
                    known.former.append((number, region, year, int(node), float(older.nodes[region, year, node])))
                    takes[region, year, node] = False
        known.nodes = np.where(takes, older.nodes, known.nodes)
        known.origin[takes] = number
        known.relations.append((number, older.relations))
    if not known.changed:
        left, _ = Relations.joined([relations for _, relations in known.relations]).settled(known.nodes)
        known.relations = [(0, left)]
    return known


def _changed(atoms: Atoms, now: np.ndarray, then: np.ndarray, differs: np.ndarray, both: np.ndarray) -> frozenset[int]:
    """Atoms that may have changed: those of the smallest sums that did, as far as no sum printed twice says otherwise;
    and where such a sum stayed although a part of it moved, the rest of it, which must have made up for it."""
    moves = {frozenset(atoms.of_node[n]): float(then[n] - now[n]) for n in np.flatnonzero(differs)}
    smallest = {own: by for own, by in moves.items() if not any(other < own for other in moves)}
    stayed = sorted({frozenset(atoms.of_node[n]) for n in np.flatnonzero(both & ~differs)}, key=len)
    apart = set().union(*smallest)
    balanced: list[frozenset[int]] = []
    for whole in stayed:
        inside = [own for own in smallest if own <= whole and not any(own <= other < whole for other in balanced)]
        if abs(sum(smallest[own] for own in inside)) > _NEAR:
            balanced.append(whole)
            apart |= whole
    for own in moves:  # a sum that moved although none of its parts is known to have
        if not apart & own:
            apart |= own
    return frozenset(apart)


_TERM = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<factor>\d+(?:/\d+)?)\*)?(?P<regions>[^/\s]+)/(?P<year>\d{4})/(?P<rest>\w+\[[^\]]*\])"
)
_CELL = re.compile(r"(?P<variable>\w+)\[(?P<members>[^\]]*)\]")
_PLAIN = r"^(?P<region>[^/\s*+]+)/(?P<year>[0-9]{4})/(?P<rest>[0-9A-Za-z_]+\[[^\]]*\])$"
"""A cell of a single region: nearly all of them are."""
Term = tuple[float, int, int, int]
"""Factor, region, year, node."""


def ledger_editions(forms: Forms, index: Index, ledger: pa.Table) -> list[Facts]:
    """The shown records of the ledger (cell, value, state, oldest first) as editions, newest first.

    A cell reads `1/2*06413+06414/2020/POP[GRP=A] - ...`: factor, regions that are added up, year, variable and members.
    """
    told = ledger.filter(pc.and_(pc.equal(ledger["state"], "shown"), pc.is_valid(ledger["value"])))
    coded = pc.dictionary_encode(told["cell"].combine_chunks())
    records = pd.DataFrame({"cell": coded.indices.to_numpy(), "value": told["value"].cast(pa.float64()).to_numpy()})
    records = records.iloc[::-1].drop_duplicates()
    records["age"] = records.groupby("cell").cumcount()
    terms = _terms(forms, index, coded.dictionary)
    found = []
    for _, mine in records.groupby("age"):
        value = np.full(len(coded.dictionary), np.nan)
        value[mine["cell"]] = mine["value"]
        facts = Facts(np.full((len(index.regions), len(index.years), 0), np.nan))
        facts.relations = Relations(value, value, *terms).part(~np.isnan(value) & _spoken(terms[0], len(value)))
        found.append(facts)
    return found


def _spoken(owner: np.ndarray, size: int) -> np.ndarray:
    """Cells of which any term is understood."""
    return np.bincount(owner, minlength=size) > 0


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


def grown(facts: Iterable[Facts], nodes: int) -> Iterator[Facts]:
    """The same facts with room for all nodes, solved as far as one unknown at a time goes."""
    for one in facts:
        room = nodes - one.nodes.shape[2]
        if room:
            one.nodes = np.concatenate([one.nodes, np.full((*one.nodes.shape[:2], room), np.nan)], axis=2)
        one.settle()
        yield one


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
