"""The delivered cells of one table of a variable, read for all regions and years at once, and their atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from indicators.protection.lattice import Array, Key, Lattice, atoms_of
from indicators.protection.solve import Matrix
from schemas.shapes import TOTAL
from schemas.sql import column

Codes = npt.NDArray[np.int64]
Table = dict[tuple[str, int], tuple[Array, tuple[Key, ...]]]
"""Atoms and withheld cells by region and year."""
_WHOLE = 1e-6


class Cells:
    """The delivered cells of some variables, read once: texts as numbers into lists of what stands there."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        variables: Iterable[str],
        dimensions: Sequence[str],
        years: Iterable[int] | None = None,
    ) -> None:
        self.dimensions = list(dimensions)
        listed = sorted(variables)
        within = "" if years is None else f" AND year IN ({', '.join(map(str, sorted(years))) or 'NULL'})"
        chosen = "".join(f", {column(d)}" for d in self.dimensions)
        rows = connection.sql(
            f"SELECT variable, region, year, CAST(value AS DOUBLE) AS value, rank{chosen} FROM calc_cell"
            f" WHERE list_contains(?, variable){within}",
            params=[listed],
        ).to_arrow_table()
        owner, names = _coded(rows.column("variable"))
        order = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[order], np.arange(len(names) + 1))
        self._rows = {name: slice(int(ends[n]), int(ends[n + 1])) for n, name in enumerate(names)}
        own, self.regions = _coded(rows.column("region"))
        self.region = own[order]
        self.year, self.value, self.rank = (rows.column(name).to_numpy()[order] for name in ("year", "value", "rank"))
        self.members: list[list[str]] = []
        self.member: list[Codes] = []
        self.broken_down = np.zeros(len(order), dtype=np.int64)
        for number, dimension in enumerate(self.dimensions):
            own, members = _coded(rows.column(column(dimension).strip('"')))
            self.members.append(members)
            self.member.append(own[order])
            total = members.index(TOTAL) if TOTAL in members else -1
            self.broken_down |= (self.member[-1] != total).astype(np.int64) << number

    def of(self, variable: str, dimensions: Sequence[str]) -> Codes:
        """Numbers of the rows of a variable that stand at the total of every dimension but some."""
        rows = self._rows.get(variable, slice(0, 0))
        others = sum(1 << number for number, d in enumerate(self.dimensions) if d not in dimensions)
        return rows.start + np.flatnonzero(self.broken_down[rows] & others == 0)

    def members_by_region(self, variable: str, dimensions: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
        """The members of some dimensions that each region has cells for."""
        rows = self._rows.get(variable, slice(0, 0))
        there = np.unique(self.region[rows])
        columns = []
        for dimension in dimensions:
            number = self.dimensions.index(dimension)
            names = np.array(self.members[number], dtype=object)
            pairs = np.unique(self.region[rows] * len(names) + self.member[number][rows])
            ends = np.searchsorted(pairs, (there + 1) * len(names))
            own = np.split(names[pairs % len(names)], ends[:-1]) if len(there) else []
            columns.append([tuple(sorted(name for name in one if name != TOTAL)) for one in own])
        found = {self.regions[n]: one for n, *one in zip(there.tolist(), *columns, strict=True)}
        return {region: tuple(own) for region, own in sorted(found.items())}


def read_table(cells: Cells, lattice: Lattice, regions: list[str] | None, secret_ranks: set[int]) -> Table:
    """Atoms of every region and year of one lattice."""
    order, delivered, withheld = _cells_of(lattice, cells, regions, secret_ranks)
    if not order:
        return {}
    stacked = _residual_as_zero(lattice, delivered, np.array([place not in withheld for place in order]))
    solved = np.rint(atoms_of(lattice, stacked))
    for number in np.flatnonzero(~(solved >= 0).all(axis=1)).tolist():
        solved[number] = _completed(lattice, stacked[number])
    return {place: (atoms, tuple(withheld.get(place, ()))) for place, atoms in zip(order, solved, strict=True)}


def _cells_of(
    lattice: Lattice, cells: Cells, regions: list[str] | None, secret_ranks: set[int]
) -> tuple[list[tuple[str, int]], Array, dict[tuple[str, int], list[Key]]]:
    """Regions and years in order, the cells of each (not a number where there is none), and those that are withheld."""
    rows = cells.of(lattice.variable, [axis.dimension for axis in lattice.axes])
    known = np.ones(len(rows), dtype=bool)
    if regions is not None:
        known &= np.isin(np.array(cells.regions, dtype=object), regions)[cells.region[rows]]
    at = []
    for axis in lattice.axes:
        number = cells.dimensions.index(axis.dimension)
        position = {member: n for n, member in enumerate(axis.members)}
        place = np.array([position.get(m, -1) for m in cells.members[number]], dtype=np.int64)
        at.append(place[cells.member[number][rows]])
        known &= at[-1] >= 0
    rows, here = rows[known], tuple(one[known] for one in at)
    places, number_of = np.unique(cells.region[rows] * 100_000 + cells.year[rows], return_inverse=True)
    order = [(cells.regions[int(place) // 100_000], int(place) % 100_000) for place in places]
    values = cells.value[rows]
    filled = np.full((len(order), *(len(axis.members) for axis in lattice.axes)), np.nan)
    there = ~np.isnan(values)
    filled[(number_of[there], *(one[there] for one in here))] = values[there]
    withheld: dict[tuple[str, int], list[Key]] = {}
    for row in np.flatnonzero(~there & np.isin(cells.rank[rows], sorted(secret_ranks))).tolist():
        chosen = [(a.dimension, a.members[int(one[row])]) for a, one in zip(lattice.axes, here, strict=True)]
        withheld.setdefault(order[number_of[row]], []).append(tuple(pair for pair in chosen if pair[1] != TOTAL))
    return order, filled, {place: sorted(keys) for place, keys in withheld.items()}


def _coded(texts: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """A number for each text, and the texts by their number."""
    whole = texts.dictionary_encode().combine_chunks()  # the texts are the longer ones to copy
    names: list[str] = whole.dictionary.to_pylist()
    return whole.indices.to_numpy(zero_copy_only=False).astype(np.int64), names


def _residual_as_zero(lattice: Lattice, cells: Array, whole: npt.NDArray[np.bool_]) -> Array:
    """Residual members that nobody delivered count as nobody, as in every sum of the framework, in tables of which nothing
    is withheld and something was delivered."""
    chosen = np.flatnonzero(whole & ~np.isnan(cells).reshape(len(cells), -1).all(axis=1))
    filled = cells[chosen]
    for number, axis in enumerate(lattice.axes):
        for position, row in enumerate(axis.incidence):
            if axis.residual[row > 0].all():
                inside = (slice(None),) * (number + 1) + (position,)
                filled[inside] = np.nan_to_num(filled[inside], nan=0.0)
    cells[chosen] = filled
    return cells


def _completed(lattice: Lattice, cells: Array) -> Array:
    """Whole numbers for all atoms that contradict the known cells as little as possible, and are small otherwise."""
    known = np.flatnonzero(~np.isnan(cells.ravel()))
    if not len(known):
        return np.zeros(lattice.size)
    program = _contradicting(lattice.cells[known], cells.ravel()[known])
    solution = program.solve(relaxed=True)
    if solution is None or np.abs(solution - np.rint(solution))[: lattice.size].max() > _WHOLE:
        solution = program.solve()
    if solution is None:
        return np.zeros(lattice.size)
    return np.rint(solution[: lattice.size])


def _contradicting(inside: npt.NDArray[np.bool_], values: Array) -> Matrix:
    """Atoms that add up to the values of cells, each with a column for what is above and one for what is below."""
    count, size = inside.shape
    behind = size + np.arange(2 * count).reshape(count, 2)
    starts = np.concatenate([[0], np.cumsum(inside.sum(axis=1) + 2)])
    columns, factors = np.empty(starts[-1], dtype=np.int64), np.ones(starts[-1])
    last = starts[1:, None] - [2, 1]
    own = np.ones(starts[-1], dtype=bool)
    own[last] = False
    columns[own], columns[last] = np.nonzero(inside)[1], behind
    factors[last[:, 1]] = -1.0
    whole = np.arange(size + 2 * count) < size
    return Matrix(
        np.where(whole, 1e-3, 1.0),
        np.zeros(len(whole)),
        np.full(len(whole), 1e9),
        whole,
        starts,
        columns,
        factors,
        values,
        values,
    )
