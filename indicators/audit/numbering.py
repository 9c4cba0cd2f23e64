"""Columns of tables as numbers: what rows say, what entries are called, and numbers themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_MANY = 1 << 48


def kinds_of(table: pa.Table) -> tuple[np.ndarray, Callable[[int], tuple[str, ...]]]:
    """Rows that say the same have the same number, in the order of what they say; the second result is what a number stands
    for."""
    kinds = np.zeros(table.num_rows, np.int64)
    for name in table.column_names:
        coded = encoded(table[name])
        rank = np.argsort(pc.array_sort_indices(coded.dictionary).to_numpy())
        kinds = kinds * max(1, len(rank)) + rank[coded.indices.to_numpy(zero_copy_only=False)]
        if kinds.max(initial=0) > _MANY:
            kinds = np.unique(kinds, return_inverse=True)[1]
    kind, different = pd.factorize(kinds)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(kind), prepend=-1))
    order = np.argsort(different)
    first, kind = first[order], np.argsort(order)[kind]
    columns = table.take(pa.array(first)).to_pydict().values()
    rows = list(zip(*columns, strict=True))
    return kind, rows.__getitem__


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Every different entry once (none is one, too), and which of them each row has."""
    return pc.dictionary_encode(column, null_encoding="encode").combine_chunks()


def numbered(column: pa.ChunkedArray, numbers: Mapping[Any, int]) -> np.ndarray:
    """Number of each entry, -1 when it has none."""
    coded = encoded(column)
    found = np.array([numbers.get(entry, -1) for entry in coded.dictionary.to_pylist()], np.int64)
    return found[coded.indices.to_numpy(zero_copy_only=False)] if len(found) else np.zeros(0, np.int64)


def real(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers, NaN where there is none."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), float)
