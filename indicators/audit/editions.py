"""Everything ever published, put together: what an earlier edition printed is still known.

An atom is one unknown in all editions in which it held the same number (`versions`). What is not true is left out: a
number that was corrected since, taken for one of today, would prove anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indicators.audit.atoms import Atoms
from indicators.audit.facts import Facts
from indicators.audit.relations import Flags, Real, Relations, Whole
from indicators.audit.versions import TODAY, Versions

_OFF, _MOST = 1e-6, 1e5
_PART = 100_000
"""Relations that are taken apart at once: it bounds the memory."""


@dataclass(frozen=True)
class Told:
    """Relations, and of each the number of the moment at which it held."""

    moment: Whole
    relations: Relations


@dataclass(frozen=True)
class Knowledge:
    """Values of nodes today (not a number: unknown), relations between nodes with the moment at which each held, which of
    both an older edition tells without that anybody knows whether it is true, and how many contradict each other."""

    nodes: Real
    doubtful_nodes: Flags
    told: Told
    doubtful: Flags
    contradictions: int


def told_by(versions: Versions, facts: Facts, newest: Facts, moment: int) -> Told:
    """What an edition of a moment told (of an unknown one: as if it were today), but for nodes that the newest one tells, too,
    and that never changed."""
    where = np.nonzero(~np.isnan(facts.nodes))
    new = np.isnan(newest.nodes[where]) | (versions.family_of_nodes(*where) >= 0)
    region, year, node = (places[new] for places in where)
    value, size = facts.nodes[region, year, node], int(new.sum())
    alone = Relations(value, value, np.arange(size), np.ones(size), region, year, node)
    both = Relations.joined([alone, facts.relations])
    return Told(np.full(len(both), versions.number(moment)), both)


def combine(atoms: Atoms, versions: Versions, newest: Facts, older: Sequence[Told]) -> Knowledge:
    """The newest edition, and what older ones (newest first) tell beside it."""
    nodes = newest.nodes.copy()
    told = _new(versions, newest, older)
    told, former, sums = _once(told, newest.relations, *_true_sums(atoms, versions, told))
    off = _off(told.relations, sums)  # not a number: not known, so not wrong
    proved, unsure, apart = ~former & (off <= _OFF), ~former & np.isnan(off), former & ~(off > _OFF)
    given = Relations.joined([newest.relations, told.relations.part(proved)])
    left, contradictions = given.settled(nodes)
    sure = ~np.isnan(nodes)
    maybe = _maybe(told.relations.part(unsure), nodes)
    doubtful = np.concatenate([np.zeros(len(left), bool), np.ones(len(maybe), bool), np.isnan(off[apart])])
    moment = np.concatenate([np.full(len(left) + len(maybe), TODAY), told.moment[apart]])
    relations, order = Relations.joined([left, maybe, told.relations.part(apart)]).in_order()
    return Knowledge(nodes, ~sure & ~np.isnan(nodes), Told(moment[order], relations), doubtful[order], contradictions)


def _new(versions: Versions, newest: Facts, older: Sequence[Told]) -> Told:
    """Without what the newest edition says anyway and never changed."""
    moment = np.concatenate([np.zeros(0, np.int64), *(told.moment for told in older)])
    relations = Relations.joined([told.relations for told in older])
    place = (relations.region, relations.year, relations.node)
    new = np.isnan(newest.nodes[place]) | (versions.family_of_nodes(*place) >= 0)
    chosen = np.bincount(relations.owner, new, len(relations)) > 0
    return Told(moment[chosen], relations.part(chosen))


def _once(told: Told, newest: Relations, former: Flags, sums: Real) -> tuple[Told, Flags, Real]:
    """Without what was said before or the newest edition says: of numbers that are those of today it is the same whenever it
    was told. An edition and the ledger's records of it, one night and the next: nothing new is no new question."""
    when = np.where(former, told.moment, TODAY)
    said = np.concatenate([newest.said(np.full(len(newest), TODAY)), told.relations.said(when)])
    new = np.zeros(len(said), bool)
    new[np.unique(said, return_index=True)[1]] = True
    new = new[len(newest) :]
    return Told(when[new], told.relations.part(new)), former[new], sums[new]


def _true_sums(atoms: Atoms, versions: Versions, told: Told) -> tuple[Flags, Real]:
    """Of each relation: does it speak of a number that another one has replaced, and what it truly comes to."""
    former, sums = np.zeros(len(told.relations), bool), np.zeros(len(told.relations))
    for start in range(0, len(sums), _PART):
        numbers = np.arange(start, min(start + _PART, len(sums)))
        part = told.relations.taken(numbers)
        sizes, atom = atoms.of_nodes(part.node)
        term = np.repeat(np.arange(len(part.node)), sizes)
        owner = part.owner[term]
        version, value = versions.at(told.moment[numbers][owner], part.region[term], part.year[term], atom)
        former[numbers] = np.bincount(owner, version > 0, len(numbers)) > 0
        sums[numbers] = np.bincount(owner, part.factor[term] * value, len(numbers))
    return former, sums


def _off(relations: Relations, sums: Real) -> Real:
    """How far sums are outside of the ends of their relations, beside the size of these; one person is never little."""
    size = np.where(np.isfinite(relations.high), np.abs(relations.high), np.abs(relations.low)).clip(max=_MOST)
    off: Real = np.maximum(relations.low - sums, sums - relations.high) / np.maximum(1, size)
    return off


def _maybe(relations: Relations, nodes: Real) -> Relations:
    """Relations of which nobody knows whether they still hold: a single node is taken for known (in `nodes`) where nothing
    else tells it, and what speaks of known ones alone is left out."""
    alone = (np.bincount(relations.owner, minlength=len(relations)) == 1) & (relations.low == relations.high)
    terms = np.flatnonzero(alone[relations.owner])[::-1]  # the newest is written last, and counts
    place = (relations.region[terms], relations.year[terms], relations.node[terms])
    told = np.where(
        np.isnan(nodes[place]), relations.low[relations.owner[terms]] / relations.factor[terms], nodes[place]
    )
    nodes[place] = told
    known = nodes[relations.region, relations.year, relations.node]
    return relations.part(np.bincount(relations.owner, np.isnan(known), len(relations)) > 0)
