"""Everything ever published, put together: what an earlier edition printed is still known.

A cell is taken as unchanged between editions unless a sum that both print has changed; then the cells that could have
changed it are told apart, each edition with its own. The ledger of releases is one more witness.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pyarrow as pa

from indicators.audit.evidence import Index
from indicators.audit.facts import Facts, NodeTerm, Relation, settle_relations
from indicators.audit.forms import Atoms, Forms

_NEAR = 1e-6
Place = tuple[int, int, int, int]
"""Edition (0 the newest), region, year, atom."""


@dataclass
class Knowledge:
    """Values of nodes that count now and the edition each comes from, relations with theirs, and nodes as they were
    before a correction (edition, region, year, node, value)."""

    nodes: np.ndarray
    relations: list[tuple[int, Relation]]
    origin: np.ndarray
    former: list[tuple[int, int, int, int, float]] = field(default_factory=list)
    changed: dict[tuple[int, int, int], frozenset[int]] = field(default_factory=dict)

    @property
    def corrected(self) -> frozenset[tuple[int, int]]:
        """Regions and years in which some printed number is another than before."""
        return frozenset((region, year) for (_, region, year), atoms in self.changed.items() if atoms)

    def atom(self, edition: int, region: int, year: int, atom: int) -> Place:
        """The atom as it was in an edition: the same as now unless it was corrected since."""
        own = self.changed.get((edition, region, year), ())
        return (edition if atom in own else 0, region, year, atom)


def combine(atoms: Atoms, editions: Sequence[Facts]) -> Knowledge:
    """Editions, newest first, as one."""
    newest = editions[0]
    origin = np.where(np.isnan(newest.nodes), len(editions), 0)
    known = Knowledge(newest.nodes.copy(), [(0, relation) for relation in newest.relations], origin)
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
        known.relations += [(number, relation) for relation in older.relations]
    untouched = Facts(known.nodes, [relation for edition, relation in known.relations if not known.changed])
    if untouched.relations:
        settle_relations(untouched)
        known.relations = [(0, relation) for relation in untouched.relations]
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


def ledger_editions(forms: Forms, index: Index, ledger: pa.Table) -> list[Facts]:
    """The shown records of the ledger (cell, value, state, oldest first) as editions, newest first.

    A cell reads `1/2*06413+06414/2020/POP[GRP=A] - ...`: factor, regions that are added up, year, variable and members.
    """
    told: dict[str, list[float]] = defaultdict(list)
    columns = (ledger.column(name).to_pylist() for name in ("cell", "value", "state"))
    for cell, value, state in zip(*columns, strict=True):
        if state == "shown" and value is not None:
            told[cell].append(float(value))
    found: list[Facts] = []
    shape = (len(index.regions), len(index.years), 0)
    for cell, values in told.items():
        terms = tuple(_parsed(forms, index, cell))
        distinct = list(dict.fromkeys(reversed(values)))
        for age, value in enumerate(distinct if terms else ()):
            while len(found) <= age:
                found.append(Facts(np.full(shape, np.nan)))
            found[age].relations.append(Relation(terms, value, value))
    return found


def grown(facts: Iterable[Facts], nodes: int) -> Iterator[Facts]:
    """The same facts with room for all nodes, solved as far as one unknown at a time goes."""
    for one in facts:
        room = nodes - one.nodes.shape[2]
        if room:
            one.nodes = np.concatenate([one.nodes, np.full((*one.nodes.shape[:2], room), np.nan)], axis=2)
        settle_relations(one)
        yield one


def _parsed(forms: Forms, index: Index, cell: str) -> Iterator[NodeTerm]:
    found, position = [], 0
    for match in _TERM.finditer(cell):
        if cell[position : match.start()].strip():
            return
        position = match.end()
        inside = _CELL.fullmatch(match["rest"])
        regions = match["regions"].split("+")
        year = int(match["year"])
        if inside is None or inside["variable"] not in forms.framework.variables or year not in index.year:
            return
        if not forms.tracked(inside["variable"]) or any(region not in index.region for region in regions):
            return
        pairs = [pair.partition("=") for pair in inside["members"].split(",") if pair]
        node = forms.node(inside["variable"], {dimension: member for dimension, _, member in pairs})
        factor = float(Fraction(match["factor"] or 1)) * (-1 if match["sign"] == "-" else 1)
        found += [(factor, index.region[region], index.year[year], node) for region in regions]
    if not cell[position:].strip():
        yield from found
