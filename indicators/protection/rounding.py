"""Rounding instead of suppression: to a base, each cell on its own, or so that sums still hold.

Deterministic rounding never tells a small count exactly, but tells which blanks are not zero, and sums no longer hold.
Controlled rounding keeps them. Never round and suppress the same counts: two versions of one margin bound each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from indicators.protection.solve import Program

Whole = npt.NDArray[np.int64]


class NoRounding(ValueError):
    """No table of multiples of the base lies within one base of every cell."""


def rounded(values: Whole, base: int = 5) -> Whole:
    """The nearest multiple of the base; the half goes up. The same value is always rounded to the same number."""
    return (np.floor_divide(2 * values + base, 2 * base) * base).astype(np.int64)


def controlled(values: Whole, equations: Sequence[tuple[int, Sequence[int]]], base: int = 5) -> Whole:
    """Multiples of the base next to every value, so that each total still is the sum of its parts.

    `equations` are pairs of the position of a total and those of its parts. A multiple of the base stays as it is (zero
    too), every other value goes to one of its two neighbours; together they move as little as possible. Raises NoRounding
    when there is no such table.
    """
    floors = np.floor_divide(values, base) * base
    program = Program()
    for value, floor in zip(values.tolist(), floors.tolist(), strict=True):
        program.variable(0, 0 if value == floor else 1, base - 2 * (value - floor))
    for total, parts in equations:
        missing = (floors[total] - floors[list(parts)].sum()) / base
        program.row([*parts, total], [1.0] * len(parts) + [-1.0], missing, missing)
    solution = program.solve()
    if solution is None:
        raise NoRounding("no rounded table keeps all sums")
    result: Whole = floors + base * np.rint(solution).astype(np.int64)
    if any(result[total] != result[list(parts)].sum() for total, parts in equations):
        raise NoRounding("the rounded table does not keep its sums")
    return result
