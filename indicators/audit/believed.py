"""What an attacker believes of a table that was corrected: which of its hidden numbers are still the old ones.

He sees which printed sums moved, and subtracts what he sees move within them. Where nothing is left to explain he takes the
rest of a sum for unchanged; where something is, nobody outside the house can say what of the rest it was. What no printed
sum speaks of he takes for unchanged, too. Where that is wrong it proves nothing (see `versions`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from indicators.audit.atoms import Atoms
from indicators.audit.editions import Told
from indicators.audit.facts import Facts
from indicators.audit.versions import Versions

_NEAR = 1e-6


def believed(versions: Versions, atoms: Atoms, newest: Facts, older: Iterable[Told]) -> Versions:
    """The versions, with one of its own for every number that stayed although nobody outside the house could tell."""
    changes: dict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    for told in older:
        for family, state, node, moved_by in _printed_twice(versions, newest, told):
            changes[family, state].setdefault(sum(1 << atom for atom in atoms.of_node[node]), moved_by)
    place = {int(versions.family[tuple(where)]): where for where in np.argwhere(versions.family >= 0)}
    known = set(versions.key.tolist())
    found: list[tuple[int, int, float]] = []
    for (family, state), moves in changes.items():
        region, year, _ = place[family]
        for atom in _bits(moved(moves)):
            (key,) = versions.keys(np.array([family]), np.array([state]), np.array([atom])).tolist()
            if key not in known:
                found.append((key, state + 1, versions.today[region, year, atom]))
    if not found:
        return versions
    key, version, value = (np.array(column) for column in zip(*found, strict=True))
    keys = np.concatenate([versions.key, key])
    order = np.argsort(keys)
    return replace(
        versions,
        key=keys[order],
        version=np.concatenate([versions.version, version])[order],
        value=np.concatenate([versions.value, value])[order],
    )


def _printed_twice(versions: Versions, newest: Facts, told: Told) -> Iterable[tuple[int, int, int, float]]:
    """Family, its state then, node, and by how much less it is now: of nodes of changed families printed then and now."""
    relations = told.relations
    alone = (np.bincount(relations.owner, minlength=len(relations)) == 1) & (relations.low == relations.high)
    family = versions.family_of_nodes(relations.region, relations.year, relations.node)
    moment = told.moment[relations.owner]
    now = newest.nodes[relations.region, relations.year, relations.node]
    terms = np.flatnonzero(alone[relations.owner] & (family >= 0) & (moment >= 0) & ~np.isnan(now))
    then = relations.low[relations.owner[terms]] / relations.factor[terms]
    state = versions.state[family[terms], moment[terms]]
    columns = (family[terms], state, relations.node[terms], then - now[terms])
    return zip(*(column.tolist() for column in columns), strict=True)


def moved(changes: Mapping[int, float]) -> int:
    """Atoms (bits) that may have changed, by what changed in sums of them (bits as well)."""
    kept, rests = 0, []
    sizes = sorted(changes, key=lambda own: (-own.bit_count(), own))
    for place, whole in enumerate(sizes):
        rest, left = whole, changes[whole]
        for part in sizes[place + 1 :]:  # the largest parts that do not overlap
            if part & rest == part:
                rest, left = rest ^ part, left - changes[part]
        if abs(left) > _NEAR:
            rests.append(rest)
        else:
            kept |= rest
    apart = 0
    for rest in rests:
        apart |= rest & ~kept or rest
    return apart


def _bits(number: int) -> Iterable[int]:
    return (place for place in range(number.bit_length()) if number >> place & 1)
