"""Which rows follow from the others: the solver need not be told them, and each of its steps takes that much less.

What is known of a table are sums at every level: a total, its parts by one dimension and by another, parts of these. Two
fifths of such equations add up from the others. A quarter of the rules, and more where a part of the equations is asked alone,
are obeyed whatever the hidden numbers are, as printed sums limit these.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indicators.audit.program import Rows, added
from indicators.audit.relations import Flags, Real, Whole

_NOTHING, _NEAR = 1e-7, 1e-6
_LAST = 1e-9
"""Digits of a sum that cannot be told from none: what is left out may be broken by no more."""
_ROWS = 20_000
"""Rows that are worked on at once, but for those of one family: it bounds the memory."""


def implied(rows: Rows, family: Whole, sure: Flags) -> Flags:
    """The equations of one family that add up from others of it, right sides too. `family`: of each column; `sure`: rows
    that stay in the end whatever contradicts them. The shorter ones are kept: they say more of each unknown by themselves."""
    found, sizes = np.zeros(len(rows), bool), np.diff(rows.starts)
    chosen = np.flatnonzero(sure & (rows.low == rows.high) & (sizes > 0))
    home = np.full(len(rows), -1)
    home[chosen] = family[rows.columns[rows.starts[chosen]]]
    across = np.bincount(rows.owner, family[rows.columns] != home[rows.owner], len(rows)) > 0
    chosen = chosen[~across[chosen]]
    chosen = chosen[np.lexsort((sizes[chosen], home[chosen]))]
    for mine in _together(home[chosen]):
        own = chosen[mine]
        table, ends, places = _tables(rows, own, home[own])
        found[own] = _following(table, ends)[places]
    return found


def obeyed(rows: Rows, sure: Flags) -> Flags:
    """The inequalities that cannot be broken by unknowns within what the equations (those that are `sure`) limit each to."""
    equal = ~(rows.high - rows.low > _NEAR)
    most = rows.kept(equal & sure).most[rows.columns] * rows.values
    with np.errstate(invalid="ignore"):
        high, low = (added(rows.owner, np.where(side, most, 0.0), len(rows)) for side in (most > 0, most < 0))
        return ~equal & (high <= rows.high + _LAST) & (low >= rows.low - _LAST)


def _together(home: Whole) -> Iterator[Whole]:
    """Places of the rows of families that have about as many of them; `home`: of each row, in order."""
    _, family, counts = np.unique(home, return_inverse=True, return_counts=True)
    magnitude = np.ceil(np.log2(np.maximum(1, counts)))[family]
    for one in np.unique(magnitude):
        mine = np.flatnonzero(magnitude == one)
        cuts = np.flatnonzero(np.diff(family[mine], prepend=-1))  # where a family starts
        cuts = cuts[np.flatnonzero(np.diff(cuts // _ROWS, prepend=0))]
        yield from np.split(mine, cuts)


def _tables(rows: Rows, chosen: Whole, home: Whole) -> tuple[Real, Real, tuple[Whole, Whole]]:
    """Coefficients by family, row and column; what the rows come to, by family and row; family and row of each of `chosen`."""
    _, first, family, heights = np.unique(home, return_index=True, return_inverse=True, return_counts=True)
    row = np.arange(len(home)) - first[family]
    terms, owner = rows.of_rows(chosen), np.repeat(np.arange(len(chosen)), np.diff(rows.starts)[chosen])
    columns, column = np.unique(family[owner] * rows.size + rows.columns[terms], return_inverse=True)
    widths = np.bincount(columns // rows.size, minlength=len(heights))
    place = np.arange(len(columns)) - np.repeat(np.cumsum(widths) - widths, widths)
    table = np.zeros((len(heights), int(heights.max()), int(widths.max())))
    table[family[owner], row[owner], place[column]] = rows.values[terms]
    ends = np.zeros(table.shape[:2])
    ends[family, row] = rows.low[chosen]
    return table, ends, (family, row)


def _following(table: Real, ends: Real) -> Flags:
    """By family and row: is it a sum of multiples of rows before it, and does it come to theirs? Takes both arrays apart."""
    every, scale = np.arange(len(table)), np.maximum(1.0, np.abs(ends).max(axis=1, initial=0.0))
    found = np.zeros(ends.shape, bool)
    for row in range(ends.shape[1]):
        own = table[:, row]
        pivot = np.abs(own).argmax(axis=1)
        size = own[every, pivot]
        nothing = np.abs(size) < _NOTHING
        found[:, row] = nothing & (np.abs(ends[:, row]) <= _LAST * scale)
        factor = table[every, row + 1 :, pivot] / np.where(nothing, np.inf, size)[:, None]
        family, below = np.nonzero(factor)  # few sums have a part in common
        factor = factor[family, below]
        table[family, below + row + 1] -= factor[:, None] * own[family]
        ends[family, below + row + 1] -= factor * ends[family, row]
    return found
