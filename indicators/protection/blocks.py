"""Blocks: the atoms of one table of one variable in one place and year, with a start table that fits what is known.

Where every cell was delivered the start table is the truth. Cells that a supplier withholds, or nobody delivered, get the
smallest numbers that fit: the protection must hold for whatever they may be. A delivered total that contradicts its parts
keeps its difference; an attacker is taken to know it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from indicators.protection.delivered import Delivered, span_of
from indicators.protection.lattice import Array, Key, Lattice
from indicators.protection.policy import Policy
from indicators.protection.tables import Table
from indicators.remembered import remembered
from schemas.territory import reference_day

Flags = npt.NDArray[np.bool_]
Together = tuple[str, tuple[str, ...], int, int]
"""variable, places, year, number of the table"""
REST = "~"
"""Prefix of a Kreis without its reporting towns."""


@dataclass(frozen=True, slots=True)
class Block:
    """`atoms` are the numbers of the start table, `first` the number of its first atom in the problem.

    `fixed` atoms are known to everybody: members that describe nobody, and residual groups that do not occur.
    `withheld` are cells that the supplier keeps secret. `delivered`: of the rest of a Kreis whose towns deliver more
    than it does, the atoms of the Kreis as it delivered them, which then are not the sum of its parts.
    """

    lattice: Lattice
    place: str
    year: int
    first: int
    atoms: Array
    fixed: np.ndarray
    withheld: tuple[Key, ...] = ()
    delivered: Array | None = None


@dataclass
class Blocks:
    """All blocks of a computation. `parts` says of which places a region consists (a Kreis: its towns and the rest)."""

    blocks: list[Block] = field(default_factory=list)
    index: dict[tuple[str, str, int], list[int]] = field(default_factory=dict)
    parts: dict[tuple[str, str, int], tuple[str, ...]] = field(default_factory=dict)
    size: int = 0
    _small: dict[Together, Flags] | None = None

    def add(
        self,
        lattice: Lattice,
        place: str,
        year: int,
        atoms: Array,
        withheld: tuple[Key, ...] = (),
        delivered: Array | None = None,
        fixed: np.ndarray | None = None,
    ) -> None:
        """Add a block behind the others."""
        if fixed is None:
            fixed = _fixed(lattice, atoms[None])[0]
        self.index.setdefault((lattice.variable, place, year), []).append(len(self.blocks))
        self.blocks.append(Block(lattice, place, year, self.size, atoms, fixed, withheld, delivered))
        self.size += lattice.size

    def places(self, variable: str, region: str, year: int) -> tuple[str, ...]:
        """The places whose atoms a region's cells are made of; empty when nothing is known of it."""
        return self.parts.get((variable, region, year), ())

    def of(self, variable: str, place: str, year: int) -> list[Block]:
        """The blocks of a variable in one place, by table."""
        return [self.blocks[number] for number in self.index.get((variable, place, year), ())]

    @cached_property
    def lattices(self) -> dict[tuple[str, str], list[Lattice]]:
        """The tables of each variable and region, of all years and of all places that the region consists of."""
        found: dict[tuple[str, str], dict[int, Lattice]] = {}
        for (variable, region, year), places in self.parts.items():
            for place in places:
                for block in self.of(variable, place, year):
                    found.setdefault((variable, region), {})[id(block.lattice)] = block.lattice
        return {where: list(tables.values()) for where, tables in found.items()}

    def alike(self, block: Block, places: Iterable[str]) -> list[Block]:
        """The blocks of the same table in several places of one year. A town may have delivered more tables than its
        Kreis, so that their places in the list differ."""
        return [
            next(one for one in self.of(block.lattice.variable, place, block.year) if one.lattice is block.lattice)
            for place in places
        ]

    def small(self, policy: Policy) -> set[tuple[str, int]]:
        """Variables and years with a cell that printing everything would give back, and that is small or withheld."""
        found = {(block.lattice.variable, block.year) for block in self.blocks if block.withheld}
        return found | {(variable, year) for variable, _, year, _ in self.small_cells(policy)}

    def small_cells(self, policy: Policy) -> dict[Together, Flags]:
        """The small ones among the cells at risk, of the places that are taken together: each by itself, and those of a
        region. Only where there are any."""
        if self._small is None:
            stacked: dict[int, tuple[Lattice, dict[Together, list[Array]]]] = {}
            for (variable, _, year), places in self.parts.items():
                for block in self.of(variable, places[0], year):
                    together = [one.atoms for one in self.alike(block, places)]
                    _, own = stacked.setdefault(id(block.lattice), (block.lattice, {}))
                    for place, atoms in zip(places, together, strict=True):
                        own[variable, (place,), year, block.lattice.number] = [atoms]
                    if len(places) > 1:
                        printed = [] if block.delivered is None else [block.delivered]
                        own[variable, places, year, block.lattice.number] = [np.sum(together, axis=0), *printed]
            self._small = {}
            for lattice, entries in stacked.values():
                self._small |= _small_of(lattice, entries, policy.threshold(lattice.variable))
        return self._small

    def start(self) -> Array:
        """The start table of the whole problem."""
        return np.concatenate([block.atoms for block in self.blocks]) if self.blocks else np.empty(0)


def _small_of(lattice: Lattice, entries: dict[Together, list[Array]], threshold: int) -> dict[Together, Flags]:
    """Which cells at risk are small in any of the tables of each entry; entries without any are left out."""
    values = lattice.at_risk @ np.stack(list(chain.from_iterable(entries.values()))).T
    small = ((values > 0) & (values < threshold)).T
    owner = [entry for entry, tables in entries.items() for _ in tables]
    found: dict[Together, Flags] = {}
    for number in np.flatnonzero(small.any(axis=1)).tolist():
        entry = owner[number]
        found[entry] = found[entry] | small[number] if entry in found else small[number]
    return found


def _fixed(lattice: Lattice, atoms: Array) -> np.ndarray:
    """What everybody knows of some blocks (rows) of one table: atoms that describe nobody, and those of a residual class in
    which the whole block has nobody."""
    table = atoms.reshape(-1, *lattice.shape)
    empty = np.zeros(table.shape, dtype=bool)
    for number, axis in enumerate(lattice.axes):
        if not axis.residual.any():
            continue
        others = tuple(n + 1 for n in range(len(lattice.axes)) if n != number)
        empty |= (table.sum(axis=others, keepdims=True) == 0) & axis.residual.reshape(_along(lattice, number))
    return lattice.open | (lattice.residual & empty.reshape(atoms.shape))


def _along(lattice: Lattice, number: int) -> list[int]:
    """The shape of something that varies on one axis alone."""
    return [-1 if n == number else 1 for n in range(len(lattice.axes))]


def read_blocks(
    policy: Policy,
    delivered: Delivered,
    variables: Iterable[str],
    *,
    together: bool = True,
    home: Collection[tuple[str, int]] | None = None,
) -> Blocks:
    """Blocks of some variables from their tables, of all years or of the variables and years of `home`.

    With `together` a Kreis is cut into its reporting towns and the rest, so that both are made of the same atoms.
    """
    found = Blocks()
    span = None if home is None else span_of(home)
    for variable in sorted(variables):
        for made, tables in delivered.get((variable, span), ()):
            if home is not None and span is None:
                tables = [{at: one for at, one in table.items() if (variable, at[1]) in home} for table in tables]
            _place(policy, found, made, tables, together)
    return found


def _place(policy: Policy, found: Blocks, made: list[Lattice], tables: list[Table], together: bool) -> None:
    """Add the blocks of one variable; a Kreis whose towns report too is cut into the towns and the rest.

    So is a region of Kreise, whose parts then are those of its Kreise. Where towns deliver more than their Kreis, nobody
    is left in the rest: one such cell must not untie the others, which a reader subtracts all the same.
    """
    territory = policy.framework.territory
    children = remembered(policy.framework, lambda: cache(territory.children), "children")
    everywhere = sorted(set().union(*tables)) if tables else []
    reporting: dict[int, set[str]] = {}
    for region, year in everywhere:
        reporting.setdefault(year, set()).add(region)
    waiting: list[tuple[int, str, int, Array, tuple[Key, ...], Array | None]] = []
    for region, year in everywhere:
        present = [n for n, table in enumerate(tables) if (region, year) in table]
        day, there = reference_day(year), reporting[year]
        below = [t for t in children(region, day) if t in there] if together else []
        below = below if below and territory.valid(region, day) else []
        towns = [t for t in below if all((t, year) in tables[n] for n in present)]
        name = f"{REST}{region}" if towns else region
        for n in present:
            atoms, withheld = tables[n][region, year]
            delivered, rest = None, atoms
            if towns:
                rest = atoms - sum(tables[n][t, year][0] for t in towns)
                delivered, rest = atoms if (rest < 0).any() else None, np.maximum(rest, 0)
            waiting.append((n, name, year, rest, withheld, delivered))
        found.parts[made[0].variable, region, year] = (name, *towns) if towns else (region,)
    stacked: dict[int, list[Array]] = {}
    for n, _, _, atoms, _, _ in waiting:
        stacked.setdefault(n, []).append(atoms)
    fixed = {n: iter(_fixed(made[n], np.stack(atoms))) for n, atoms in stacked.items()}
    for n, name, year, atoms, withheld, delivered in waiting:
        found.add(made[n], name, year, atoms, withheld, delivered, next(fixed[n]))
    for region, year in everywhere if together else ():
        found.parts[made[0].variable, region, year] = tuple(_uncut(found, made[0].variable, region, year))


def _uncut(found: Blocks, variable: str, region: str, year: int) -> Iterator[str]:
    """The places of a region that are not made of others."""
    for place in found.places(variable, region, year):
        if place == region or place.startswith(REST):
            yield place
        else:
            yield from _uncut(found, variable, place, year)
