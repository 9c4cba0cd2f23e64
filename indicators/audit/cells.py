"""Cells of the ledger of releases, read into terms: which regions, year and node each of them adds up, and how often.

A cell reads `1/2*06413+06414/2020/POP[GRP=A] - ...`: factor, regions that are added up, year, variable, members.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from indicators.audit.evidence import Index
from indicators.audit.forms import Forms
from indicators.audit.relations import Flags, Real, Whole

_TERM = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<factor>\d+(?:/\d+)?)\*)?(?P<regions>[^/\s]+)/(?P<year>\d{4})/(?P<rest>\w+\[[^\]]*\])"
)
_CELL = re.compile(r"(?P<variable>\w+)\[(?P<members>[^\]]*)\]")
_PLACE = re.compile(r"(?:(?P<factor>\d+(?:/\d+)?)\*)?(?P<regions>[^/\s*+-][^/\s*]*)")
_UNKNOWN, _ODD = -1, -2
"""Instead of a number: what has none; what is not written as a release writes it."""
_PARTS = 3
"""Of a term: factor and regions, year, variable with members."""
Term = tuple[float, int, int, int]
"""Factor, region, year, node."""
Terms = tuple[Whole, Real, Whole, Whole, Whole]
"""Columns: cell, factor, region, year and node."""


def terms_of(forms: Forms, index: Index, cells: pa.Array) -> Terms:
    """All terms of the cells, in their order; a cell of which anything is not understood has none."""
    reader = _Reader(forms, index)
    words = pc.split_pattern(cells, " ")
    cell, word = pc.list_parent_indices(words).to_numpy(), pc.list_flatten(words)
    sign = np.where(_is(word, "-"), -1.0, np.where(_is(word, "+"), 1.0, 0.0))
    after_sign = np.zeros(len(cell), bool)
    after_sign[1:] = (sign[:-1] != 0) & (cell[1:] == cell[:-1])
    parts = pc.split_pattern(word, "/", max_splits=2, reverse=True)
    counts = pc.list_value_length(parts).to_numpy()
    mine, first = np.flatnonzero(counts == _PARTS), (np.cumsum(counts) - counts)[counts == _PARTS]
    flat = pc.list_flatten(parts)
    read = reader.read(*(flat.take(pa.array(first + part)) for part in range(_PARTS)))
    term = np.zeros(len(cell), bool)
    term[mine[read.written]] = True
    lone = (sign != 0) & ~np.append((term & after_sign)[1:], False)
    odd = np.unique(cell[lone | ((sign == 0) & ~term)])  # not as a release writes it
    signs = np.where(after_sign[mine], sign[mine - 1], 1.0)
    found = _joined(reader.columns(read, cell[mine], signs), odd)
    rows = [(number, *one) for number in odd.tolist() for one in reader.parsed(cells[number].as_py())]
    if not rows:
        return found
    joined = [np.concatenate(pair) for pair in zip(found, map(np.array, zip(*rows, strict=True)), strict=True)]
    order = np.argsort(joined[0], kind="stable")
    owner, factor, region, year, node = (column[order] for column in joined)
    return owner, factor.astype(float), region, year, node


def _joined(columns: Terms, odd: Whole) -> Terms:
    """Without the cells that have a term of nothing known (negative), and without the odd ones."""
    cell, _, region, year, node = columns
    without = np.append(odd, cell[(region < 0) | (year < 0) | (node < 0)])
    if not len(without):
        return columns
    here = np.ones(max(int(cell.max(initial=0)), int(without.max())) + 1, bool)
    here[without] = False
    return tuple(column[here[cell]] for column in columns)  # type: ignore[return-value]


def _is(words: pa.Array, wanted: str) -> Flags:
    return np.asarray(pc.equal(words, wanted).to_numpy(zero_copy_only=False), bool)


@dataclass(frozen=True)
class _Read:
    """By term: place (of `factors` and `regions`), year, node, and whether it is written as a release writes it."""

    place: Whole
    factors: list[float]
    regions: list[list[int]]
    year: Whole
    node: Whole
    written: Flags


class _Reader:
    """Texts to numbers; the node of each text is looked up once."""

    def __init__(self, forms: Forms, index: Index) -> None:
        self.forms, self.index = forms, index
        self._nodes: dict[str, int | None] = {}

    def read(self, place: pa.Array, year: pa.Array, rest: pa.Array) -> _Read:
        """The parts of terms as numbers, every different text read once."""
        places = pc.dictionary_encode(place)
        matches = [_PLACE.fullmatch(text) for text in places.dictionary.to_pylist()]
        factors = [float(Fraction(match["factor"] or 1)) if match else 0.0 for match in matches]
        regions = [self._regions(match["regions"]) if match else [_ODD] for match in matches]
        years, nodes = _looked_up(year, self._year), _looked_up(rest, self._number)
        which = places.indices.to_numpy()
        written = np.array([match is not None for match in matches], bool)[which] & (years != _ODD) & (nodes != _ODD)
        return _Read(which, factors, regions, years, nodes, written)

    def columns(self, read: _Read, cell: Whole, sign: Real) -> Terms:
        """Terms, one row for each of their regions."""
        sizes = np.array([len(one) for one in read.regions], np.int64)
        flat = np.array([code for one in read.regions for code in one], np.int64)
        counts, first = sizes[read.place], (np.cumsum(sizes) - sizes)[read.place]
        each = np.repeat(np.arange(len(counts)), counts)
        inside = np.arange(len(each)) - np.repeat(np.cumsum(counts) - counts, counts)
        factor = sign * np.array(read.factors, float)[read.place]
        return cell[each], factor[each], flat[first[each] + inside], read.year[each], read.node[each]

    def _regions(self, text: str) -> list[int]:
        return [self.index.region.get(code, _UNKNOWN) for code in text.split("+")]

    def _year(self, text: str) -> int:
        return self.index.year.get(int(text), _UNKNOWN) if re.fullmatch(r"\d{4}", text) else _ODD

    def _number(self, rest: str) -> int:
        node = self.node(rest) if _CELL.fullmatch(rest) else _ODD
        return _UNKNOWN if node is None else node

    def node(self, rest: str) -> int | None:
        """Number of the node of `POP[GRP=A]`, None of what is no secret."""
        forms = self.forms
        if rest not in self._nodes:
            inside = _CELL.fullmatch(rest)
            variable = inside["variable"] if inside else ""
            self._nodes[rest] = None
            if inside is not None and variable in forms.framework.variables and forms.tracked(variable):
                pairs = [pair.partition("=") for pair in inside["members"].split(",") if pair]
                self._nodes[rest] = forms.node(variable, {dimension: member for dimension, _, member in pairs})
        return self._nodes[rest]

    def parsed(self, cell: str) -> list[Term]:
        """The terms of a cell, none when one of them is not understood."""
        index, found, position = self.index, list[Term](), 0
        for match in _TERM.finditer(cell):
            if cell[position : match.start()].strip():
                return []
            position = match.end()
            node, regions, year = self.node(match["rest"]), match["regions"].split("+"), int(match["year"])
            if node is None or year not in index.year or any(region not in index.region for region in regions):
                return []
            factor = float(Fraction(match["factor"] or 1)) * (-1 if match["sign"] == "-" else 1)
            found += [(factor, index.region[region], index.year[year], node) for region in regions]
        return [] if cell[position:].strip() else found


def _looked_up(column: pa.Array, meaning: Callable[[str], int]) -> Whole:
    """What each text means, every different one asked once."""
    coded = pc.dictionary_encode(column)
    meanings = np.array([meaning(text) for text in coded.dictionary.to_pylist()], np.int64)
    found: Whole = meanings[coded.indices.to_numpy()]
    return found
