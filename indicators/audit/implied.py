"""Which equations follow from the others: the solver need not be told them, and each of its steps takes that much less.

What is known of a table are sums at every level: a total, its parts by one dimension and by another, parts of these. Nearly
half of such equations are sums and differences of the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from indicators.audit.program import Rows
from indicators.audit.relations import Flags, Real, Whole

_NOTHING, _OFF = 1e-7, 1e-6
_CELLS = 1 << 20
"""Coefficients that are worked on at once: it bounds the memory."""


def implied(rows: Rows, family: Whole, sure: Flags) -> Flags:
    """The equations of one family that sum up others of it, and agree with them. `family`: of each column; `sure`: rows that
    may be taken for true. Smaller sums stay rather than larger ones: they say more of each unknown by itself."""
    found = np.zeros(len(rows), bool)
    sizes = np.diff(rows.starts)
    chosen = np.flatnonzero(sure & (rows.low == rows.high) & (sizes > 0))
    home = family[rows.columns[rows.starts[chosen]]]
    first = np.full(len(rows), -1)
    first[chosen] = home
    across = np.bincount(rows.owner, family[rows.columns] != first[rows.owner], len(rows))[chosen] > 0
    chosen, home = chosen[~across], home[~across]
    order = np.lexsort((sizes[chosen], home))
    chosen, home = chosen[order], home[order]
    for mine in _together(home, rows, chosen):
        tables, row = _tables(rows, chosen[mine], home[mine])
        found[chosen[mine]] = _following(*tables)[row]
    return found


def _together(home: Whole, rows: Rows, chosen: Whole) -> Iterator[Whole]:
    """Places of the rows of families of about the same size, as many as are worked on at once."""
    _, number, counts = np.unique(home, return_inverse=True, return_counts=True)
    for power in np.unique(np.ceil(np.log2(counts))):
        mine = np.flatnonzero((np.ceil(np.log2(counts)) == power)[number])
        yield mine


def _tables(rows: Rows, chosen: Whole, home: Whole) -> tuple[tuple[Real, Real], tuple[Whole, Whole]]:
    """Coefficients by family, row and column, and what the rows come to; the family and row of each of `chosen`."""
    _, first, family, counts = np.unique(home, return_index=True, return_inverse=True, return_counts=True)
    row = np.arange(len(home)) - first[family]
    terms = rows.of_rows(chosen)
    owner = np.repeat(np.arange(len(chosen)), np.diff(rows.starts)[chosen])
    columns, column = np.unique(rows.columns[terms], return_inverse=True)
    own = np.zeros(len(columns), np.int64)
    own[column] = family[owner]
    order = np.argsort(own, kind="stable")
    widths = np.bincount(own, minlength=len(counts))
    place = np.empty(len(columns), np.int64)
    place[order] = np.arange(len(columns)) - np.repeat(np.cumsum(widths) - widths, widths)
    table = np.zeros((len(counts), int(counts.max()), int(widths.max())))
    table[family[owner], row[owner], place[column]] = rows.values[terms]
    ends = np.zeros(table.shape[:2])
    ends[family, row] = rows.low[chosen]
    return (table, ends), (family, row)


def _following(table: Real, ends: Real) -> Flags:
    """By family and row: do the rows before it say the same? They are subtracted, each of them where its pivot is."""
    families, height, _ = table.shape
    every, left = np.arange(families), np.abs(ends).max(axis=1, initial=1.0)
    found = np.zeros((families, height), bool)
    for row in range(height):
        own = table[:, row]
        pivot = np.abs(own).argmax(axis=1)
        size = own[every, pivot]
        none = np.abs(size) < _NOTHING
        found[:, row] = none & (np.abs(ends[:, row]) <= _OFF * left)
        factor = table[every, row + 1 :, pivot] / np.where(none, np.inf, size)[:, None]
        table[:, row + 1 :] -= factor[:, :, None] * own[:, None, :]
        ends[:, row + 1 :] -= factor * ends[:, row, None]
    return found
