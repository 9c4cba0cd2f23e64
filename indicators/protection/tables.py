"""The delivered cells of one table of a variable, read for all regions and years at once, and their atoms."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from indicators.protection.lattice import Array, Key, Lattice, atoms_of, cells_of
from indicators.protection.solve import Program
from schemas.shapes import TOTAL
from schemas.sql import column

Table = dict[tuple[str, int], tuple[Array, tuple[Key, ...]]]
"""Atoms and withheld cells by region and year."""


def read_table(
    connection: duckdb.DuckDBPyConnection, lattice: Lattice, regions: list[str] | None, secret_ranks: set[int]
) -> Table:
    """Atoms of every region and year of one lattice."""
    dims = [axis.dimension for axis in lattice.axes]
    names = [row[0] for row in connection.execute("DESCRIBE calc_cell").fetchall()]
    others = [n for n in names if n not in ("unit", "region", "year", "variable", "value", "rank")]
    others = [n for n in others if n not in {d.lower() for d in dims}]
    at_total = "".join(f" AND \"{name}\" = '{TOTAL}'" for name in others)
    chosen = "".join(f", {column(d)}" for d in dims)
    rows = connection.sql(
        f"SELECT region, year, CAST(value AS DOUBLE) AS value, rank{chosen} FROM calc_cell WHERE variable = ?{at_total}"
        " ORDER BY ALL",
        params=[lattice.variable],
    ).to_arrow_table()
    order, cells, withheld = _cells_of(lattice, rows, regions, secret_ranks)
    if not order:
        return {}
    stacked = np.stack(
        [_residual_as_zero(lattice, table, withheld.get(place, [])) for place, table in zip(order, cells, strict=True)]
    )
    solved = np.rint(atoms_of(lattice, stacked))
    found: Table = {}
    for number, place in enumerate(order):
        atoms = solved[number]
        if np.isnan(atoms).any() or (atoms < 0).any():
            atoms = _completed(lattice, stacked[number])
        found[place] = (atoms, tuple(withheld.get(place, ())))
    return found


def _cells_of(
    lattice: Lattice, rows: pa.Table, regions: list[str] | None, secret_ranks: set[int]
) -> tuple[list[tuple[str, int]], Array, dict[tuple[str, int], list[Key]]]:
    """Regions and years in order, the cells of each (not a number where there is none), and those that are withheld."""
    codes, names = _coded(rows.column("region"))
    known = np.ones(rows.num_rows, dtype=bool)
    if regions is not None:
        known &= np.isin(np.array(names, dtype=object), regions)[codes] if names else False
    at = []
    for axis in lattice.axes:
        own, members = _coded(rows.column(axis.dimension.lower()))
        place = np.array([axis.members.index(m) if m in axis.members else -1 for m in members], dtype=np.int64)
        at.append(place[own])
        known &= at[-1] >= 0
    years = rows.column("year").to_numpy()
    pairs = codes[known] * 100_000 + years[known]
    places, first, number = np.unique(pairs, return_index=True, return_inverse=True)
    turn = np.argsort(first)
    order = [(names[int(place) // 100_000], int(place) % 100_000) for place in places[turn]]
    number = np.argsort(turn)[number]
    values = rows.column("value").to_numpy()[known]
    cells = np.full((len(order), *(len(axis.members) for axis in lattice.axes)), np.nan)
    here = tuple(one[known] for one in at)
    there = ~np.isnan(values)
    cells[(number[there], *(one[there] for one in here))] = values[there]
    ranks = rows.column("rank").to_numpy()[known]
    withheld: dict[tuple[str, int], list[Key]] = {}
    for row in np.flatnonzero(~there & np.isin(ranks, sorted(secret_ranks))).tolist():
        chosen = [(a.dimension, a.members[int(one[row])]) for a, one in zip(lattice.axes, here, strict=True)]
        withheld.setdefault(order[number[row]], []).append(tuple(pair for pair in chosen if pair[1] != TOTAL))
    return order, cells, withheld


def _coded(texts: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """A number for each text, and the texts by their number."""
    whole = texts.combine_chunks().dictionary_encode()
    return whole.indices.to_numpy(zero_copy_only=False).astype(np.int64), whole.dictionary.to_pylist()


def _residual_as_zero(lattice: Lattice, cells: Array, withheld: list[Key]) -> Array:
    """Residual members that nobody delivered count as nobody, as in every sum of the framework."""
    if withheld or np.isnan(cells).all():
        return cells
    filled = cells.copy()
    for number, axis in enumerate(lattice.axes):
        for position, row in enumerate(axis.incidence):
            if axis.residual[row > 0].all():
                inside = (slice(None),) * number + (position,)
                filled[inside] = np.nan_to_num(filled[inside], nan=0.0)
    return filled


def _completed(lattice: Lattice, cells: Array) -> Array:
    """Whole numbers for all atoms that contradict the known cells as little as possible, and are small otherwise."""
    program = Program()
    atoms = [program.variable(0, 1e9, 1e-3) for _ in range(lattice.size)]
    for (_, row), value in zip(cells_of(lattice), cells.ravel(), strict=True):
        if np.isnan(value):
            continue
        over, under = (program.variable(0, 1e9, 1.0, whole=False) for _ in range(2))
        inside = np.nonzero(row)[0]
        program.row([*(atoms[a] for a in inside), over, under], [1.0] * len(inside) + [1.0, -1.0], value, value)
    solution = program.solve()
    if solution is None:
        return np.zeros(lattice.size)
    return np.rint(solution[: lattice.size])
