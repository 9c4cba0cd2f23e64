"""A solution of yesterday's equations, mended to solve today's: only where they changed is anything sought anew."""

from __future__ import annotations

import numpy as np

from indicators.audit.areas import Map
from indicators.audit.program import Real, Rows, Solver, Whole, added


def mended(rows: Rows, map_: Map, guess: Real) -> Real | None:
    """A solution that differs from the guess (NaN: unknown) in few regions and years; None when none is found near it."""
    new = np.isnan(guess)
    solution = np.where(new, 0.0, guess)
    broken = np.flatnonzero(rows.broken(solution))
    if not len(broken) and not new.any():
        return solution
    own = {map_.home[column] for column in np.flatnonzero(new).tolist()}
    among = [map_.areas_of(row, rows) for row in broken.tolist()]
    near = own | {areas[0] for areas in among if len(areas) == 1}
    for chosen in (near, own.union(*among)):
        if chosen and all(chosen & set(areas) for areas in among):
            found = _inside(rows, map_.around(chosen, 0), solution)
            if found is not None:
                return found
    return None


def _inside(rows: Rows, around: tuple[Whole, Whole], solution: Real) -> Real | None:
    """The solution with some columns sought anew, all others as they are."""
    columns, touching = around
    inside = np.zeros(rows.size, bool)
    inside[columns] = True
    every = rows.of_rows(touching)
    owner = np.repeat(np.arange(len(touching)), np.diff(rows.starts)[touching])
    outside = ~inside[rows.columns[every]]
    terms = rows.values[every] * solution[rows.columns[every]]
    given = added(owner[outside], terms[outside], len(touching))
    part = rows.part(columns, touching, rows.low[touching] - given, rows.high[touching] - given)
    found = Solver(part).centre()
    if found is None:
        return None
    whole = solution.copy()
    whole[columns] = found
    return whole if rows.fits(whole) else None
