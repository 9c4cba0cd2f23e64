"""The delivered cells of one table of a variable, read for all regions and years at once, and their atoms."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

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
_YEARS = 100_000
"""More than the number of any year."""


class Cells:
    """The delivered cells of some variables, as numbered for the evaluation (`schemas.sql.numbering`): a few thousand kinds of
    cells in some hundred places. Texts are numbers into lists of what stands there.

    By row, variable after variable: `kind`, `place` (region and year as one number), `value`, `rank`. By kind: `member` of each
    dimension. `regions`, `members`: the texts.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        variables: Iterable[str],
        dimensions: Sequence[str],
        years: Iterable[int] | None = None,
    ) -> None:
        self.dimensions = list(dimensions)
        within = "" if years is None else f"WHERE year IN ({', '.join(map(str, sorted(years))) or 'NULL'})"
        places = connection.sql(f"SELECT place, region, year FROM calc_place {within}").to_arrow_table()
        chosen = ", ".join(column(d) for d in self.dimensions)
        kinds = connection.sql(
            f"SELECT kind, variable, {chosen} FROM calc_kind WHERE list_contains(?, variable)",
            params=[sorted(variables)],
        ).to_arrow_table()
        for name, table in (("calc_read_place", places), ("calc_read_kind", kinds)):
            connection.register(name, table)
        rows = connection.sql("""
            SELECT place, kind, CAST(value AS DOUBLE) AS value, rank FROM calc_numbered
            SEMI JOIN calc_read_place USING (place) SEMI JOIN calc_read_kind USING (kind)""").to_arrow_table()
        for name in ("calc_read_place", "calc_read_kind"):
            connection.unregister(name)
        number = kinds.column("kind").to_numpy()
        owner, names = _coded(kinds.column("variable"))
        kind = rows.column("kind").to_numpy()
        order = np.argsort(_by_number(number, owner)[kind].astype(np.int16), kind="stable")
        self.kind: Codes = kind[order]
        ends = np.cumsum(np.bincount(_by_number(number, owner)[kind], minlength=len(names)))
        self._rows = {name: slice(int(ends[n - 1]) if n else 0, int(ends[n])) for n, name in enumerate(names)}
        region, self.regions = _coded(places.column("region"))
        where = region * _YEARS + places.column("year").to_numpy()
        self.place: Codes = _by_number(places.column("place").to_numpy(), where)[rows.column("place").to_numpy()[order]]
        self.value, self.rank = (rows.column(name).to_numpy()[order] for name in ("value", "rank"))
        self.members: list[list[str]] = []
        self.member: list[Codes] = []
        broken_down = np.zeros(len(number), dtype=np.int64)
        for n, dimension in enumerate(self.dimensions):
            own, members = _coded(kinds.column(column(dimension).strip('"')))
            self.members.append(members)
            self.member.append(_by_number(number, own))
            broken_down |= (own != (members.index(TOTAL) if TOTAL in members else -1)).astype(np.int64) << n
        self._broken_down = _by_number(number, broken_down)

    def of(self, variable: str, dimensions: Sequence[str]) -> Codes:
        """Numbers of the rows of a variable that stand at the total of every dimension but some."""
        rows = self._rows.get(variable, slice(0, 0))
        others = sum(1 << number for number, d in enumerate(self.dimensions) if d not in dimensions)
        return rows.start + np.flatnonzero((self._broken_down & others == 0)[self.kind[rows]])

    def places_by_members(
        self, variable: str, dimensions: Sequence[str], *, apart: bool
    ) -> dict[tuple[tuple[str, ...], ...], Codes]:
        """The members of some dimensions that there are cells for, and the rows of the places that have just these: regions in
        all years together or, with `apart`, in each year."""
        rows = self._rows.get(variable, slice(0, 0))
        there, place = np.unique(self.place[rows] // (1 if apart else _YEARS), return_inverse=True)
        columns = []
        for dimension in dimensions:
            number = self.dimensions.index(dimension)
            names = np.array(self.members[number], dtype=object)
            pairs = np.unique(place * len(names) + self.member[number][self.kind[rows]])
            ends = np.searchsorted(pairs, np.arange(1, len(there) + 1) * len(names))
            own = np.split(names[pairs % len(names)], ends[:-1]) if len(there) else []
            columns.append([tuple(sorted(name for name in one if name != TOTAL)) for one in own])
        found: dict[tuple[tuple[str, ...], ...], list[int]] = {}
        for number, members in enumerate(zip(*columns, strict=True)):
            found.setdefault(members, []).append(number)
        return {members: rows.start + np.flatnonzero(np.isin(place, numbers)) for members, numbers in found.items()}


def read_table(cells: Cells, lattice: Lattice, among: Codes | None, secret_ranks: Collection[int]) -> Table:
    """Atoms of every region and year of one lattice; `among` some rows alone."""
    order, delivered, withheld = _cells_of(lattice, cells, among, secret_ranks)
    if not order:
        return {}
    stacked = _residual_as_zero(lattice, delivered, np.array([place not in withheld for place in order]))
    solved = np.rint(atoms_of(lattice, stacked))
    for number in np.flatnonzero(~(solved >= 0).all(axis=1)).tolist():
        solved[number] = _completed(lattice, stacked[number])
    return {place: (atoms, tuple(withheld.get(place, ()))) for place, atoms in zip(order, solved, strict=True)}


def _cells_of(
    lattice: Lattice, cells: Cells, among: Codes | None, secret_ranks: Collection[int]
) -> tuple[list[tuple[str, int]], Array, dict[tuple[str, int], list[Key]]]:
    """Regions and years in order, the cells of each (not a number where there is none), and those that are withheld."""
    rows = cells.of(lattice.variable, [axis.dimension for axis in lattice.axes])
    if among is not None:
        rows = np.intersect1d(rows, among, assume_unique=True)
    known = np.ones(len(rows), dtype=bool)
    at = []
    for axis in lattice.axes:
        number = cells.dimensions.index(axis.dimension)
        position = {member: n for n, member in enumerate(axis.members)}
        place = np.array([position.get(m, -1) for m in cells.members[number]], dtype=np.int64)
        at.append(place[cells.member[number]][cells.kind[rows]])
        known &= at[-1] >= 0
    rows, here = rows[known], tuple(one[known] for one in at)
    places, number_of = np.unique(cells.place[rows], return_inverse=True)
    order = [(cells.regions[int(place) // _YEARS], int(place) % _YEARS) for place in places]
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


def _by_number(numbers: Codes, values: Codes) -> Codes:
    """The values at the places of their numbers."""
    found = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    found[numbers] = values
    return found


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
