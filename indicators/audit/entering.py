"""Everything that enters a part of the attack, as a digest: the same digest is the same question, so it has the same answer.

Taken of the equations in the making, where all editions, the ledger, what is true and the framework have come together: from
here on nothing else decides what is found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from indicators.audit.atoms import Atoms
from indicators.audit.evidence import Index
from indicators.audit.relations import Flags, Relations, Whole
from indicators.audit.system import Part, System
from indicators.audit.targets import Target
from indicators.audit.versions import Versions

_SIZE = 16


class Entering:
    """Digests of the parts of one system. `further`: whatever else decides."""

    def __init__(self, system: System, index: Index, *further: object) -> None:
        self.system = system
        where = np.nonzero(~np.isnan(system.known.nodes))
        family = system.families(where[0], where[1], system.variable_of_node[where[2]])
        order = np.argsort(family, kind="stable")
        self._family = family[order]
        told = (*where, system.known.nodes[where], system.known.doubtful_nodes[where])
        self._known = tuple(column[order] for column in told)
        sizes, atoms = system.atoms.of_nodes(np.arange(len(system.atoms.of_node)))
        numbers = (sizes, atoms, system.variable_of_node, system.variable_of_atom, np.array(system.shape))
        names = repr((index.regions, index.years, system.atoms.variables, further)).encode()
        self._common = digest_of([*numbers, np.frombuffer(names, np.uint8)])

    def digest(self, part: Part) -> bytes:
        """Of all that the equations of a part are made of, and of what is sought in it."""
        return digest_of([np.frombuffer(self._common, np.uint8), part.families, *self._facts(part), *self._rules(part)])

    def _facts(self, part: Part) -> Iterator[npt.NDArray[Any]]:
        """Known nodes; relations with the versions of the atoms that they speak of."""
        system = self.system
        start, end = np.searchsorted(self._family, [part.families, part.families + 1])
        sizes = end - start
        mine = np.arange(int(sizes.sum())) + np.repeat(start - np.cumsum(sizes) + sizes, sizes)
        yield from (column[mine] for column in self._known)
        atoms, versions = system.atoms, system.versions
        yield from said(system.relations, system.moment, system.doubtful, atoms, versions, part.relations)

    def _rules(self, part: Part) -> Iterator[npt.NDArray[Any]]:
        """What a Kreis holds; targets."""
        system = self.system
        region, year, variable = np.unravel_index(part.families, system.shape)
        held: list[object] = []
        for number in np.unique(variable).tolist():
            here = variable == number
            units = set(zip(region[here].tolist(), year[here].tolist(), strict=True))
            singly = system.singly[number]  # of which the numbers of the atoms say everything
            held += [(number, *one, sums is singly or sums) for *one, sums in system.holding(units, number)]
        yield text_of(held)
        yield text_of(_told(target) for target in part.targets)


def said(
    relations: Relations, moment: Whole, doubtful: Flags, atoms: Atoms, versions: Versions, numbers: Whole
) -> Iterator[npt.NDArray[Any]]:
    """Some relations, with the versions of the atoms that they speak of."""
    told, moment = relations.taken(numbers), moment[numbers]
    yield from (told.low, told.high, told.owner, told.factor, told.region, told.year, told.node)
    yield doubtful[numbers]
    terms = np.flatnonzero(moment[told.owner] >= 0)
    if not len(terms):
        return
    sizes, atom = atoms.of_nodes(told.node[terms])
    term = np.repeat(terms, sizes)
    version, _ = versions.at(moment[told.owner[term]], told.region[term], told.year[term], atom)
    older = np.flatnonzero(version)  # of all others the number is that of today
    yield from (term[older], atom[older], version[older])


def _told(target: Target) -> tuple[object, ...]:
    """All that is sought of a target and said of it in the end, its atoms included."""
    sums = (target.touched, target.inside if target.inside != target.touched else None)
    names = (target.region, target.year, target.subject, target.key, target.side)
    return (*names, target.true, target.required, *sums, target.beyond, target.rounded)


def text_of(parts: Iterable[object]) -> npt.NDArray[np.uint8]:
    return np.frombuffer("\n".join(map(repr, parts)).encode(), np.uint8)


def digest_of(arrays: Iterable[npt.NDArray[Any] | Whole]) -> bytes:
    """Of arrays, each with its length and kind, so that none runs into the next one."""
    found = hashlib.blake2b(digest_size=_SIZE)
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.digest()
