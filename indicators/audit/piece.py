"""A connected piece of the attacker's equation system: its unknowns, rows, and the targets that lie in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from indicators.audit.implied import implied, obeyed
from indicators.audit.program import Real, Rows, Whole
from indicators.audit.relations import Flags
from indicators.audit.targets import Sum, Target

Place = tuple[int, int, int, int]
"""Version (0: the number of today, see `versions`), region, year, atom."""


@dataclass(frozen=True)
class Piece:
    """Unknown atoms and what ties them. `places`: Place of each column; `doubtful`: rows of older
    editions of which nobody knows whether they are true. Every atom is 0 or more."""

    places: Whole
    rows: Rows
    targets: list[Target]
    doubtful: Flags

    @cached_property
    def _order(self) -> tuple[Whole, Whole, Whole]:
        """The widths of a place as one number, the order of these, and they themselves in order."""
        widths = self.places.max(axis=0, initial=0) + 1
        keys = np.ravel_multi_index(tuple(self.places.T), tuple(widths))
        order = np.argsort(keys, kind="stable")
        return widths, order, keys[order]

    def terms(self, sums: Sum) -> tuple[Whole, Real]:
        """Columns of a sum, in order, with their coefficients."""
        widths, order, keys = self._order
        places = np.array([(0, *place) for place in sums], np.int64).reshape(-1, 4)
        found = order[np.searchsorted(keys, np.ravel_multi_index(tuple(places.T), tuple(widths)))]
        values = np.fromiter(sums.values(), float, len(sums))
        sorting = np.argsort(found)
        return found[sorting], values[sorting]

    @cached_property
    def _touched(self) -> tuple[Whole, Whole, Real]:
        """`terms` of what each target touches, one target after the other, and where they start."""
        sums = [target.touched for target in self.targets]
        sizes = [len(own) for own in sums]
        places = np.array([(0, *place) for own in sums for place in own], np.int64).reshape(-1, 4)
        widths, order, keys = self._order
        found = order[np.searchsorted(keys, np.ravel_multi_index(tuple(places.T), tuple(widths)))]
        values = np.array([value for own in sums for value in own.values()], float)
        sorting = np.lexsort((found, np.repeat(np.arange(len(sums)), sizes)))
        return np.cumsum([0, *sizes]), found[sorting], values[sorting]

    @cached_property
    def _told(self) -> dict[int, tuple[Whole, Real]]:
        return {}

    def of_target(self, number: int, touched: bool) -> tuple[Whole, Real]:
        """The terms of what a target touches, or of what lies wholly in it; nobody may change them."""
        target = self.targets[number]
        if touched or target.inside is target.touched:
            starts, columns, values = self._touched
            return columns[starts[number] : starts[number + 1]], values[starts[number] : starts[number + 1]]
        if number not in self._told:
            self._told[number] = self.terms(target.inside)
        return self._told[number]

    def reduced(self, targets: Sequence[list[Target]], of_place: Whole, of_row: Whole, family: Whole) -> list[Piece]:
        """The pieces that this one consists of, by their targets, the piece of each column and of each row, and the family of
        each column: without unknowns that a row tells by itself (but for those of targets), and without rows that say
        nothing new."""
        kept = np.zeros(len(self.places), bool)
        kept[self._touched[1]] = True
        rows, doubtful = self.rows, self.doubtful
        while True:
            alone = (np.diff(rows.starts) == 1) & (rows.low == rows.high) & ~doubtful
            terms = np.flatnonzero(alone[rows.owner] & ~kept[rows.columns])
            value = np.full(rows.size, np.nan)
            value[rows.columns[terms]] = rows.low[rows.owner[terms]] / rows.values[terms]
            value[value < 0] = np.nan  # a contradiction, for the solver
            value[rows.nothing((rows.low == rows.high) & ~doubtful) & ~kept] = 0.0
            if np.isnan(value).all():
                break
            rows = rows.put(value)
            new = rows.new()
            rows, doubtful, of_row = rows.kept(new), doubtful[new], of_row[new]
        new = rows.once(of_row)
        rows, doubtful, of_row = rows.kept(new), doubtful[new], of_row[new]
        new = ~(implied(rows, family, ~doubtful) | obeyed(rows, ~doubtful))
        rows, doubtful, of_row = rows.kept(new), doubtful[new], of_row[new]
        kept[rows.columns] = True
        found = []
        for number, own in enumerate(targets):
            columns, mine = np.flatnonzero(kept & (of_place == number)), np.flatnonzero(of_row == number)
            part = rows.part(columns, mine, rows.low[mine], rows.high[mine])
            found.append(Piece(self.places[columns], part, own, doubtful[mine]))
        return found

    def asked(self, numbers: Sequence[int]) -> tuple[Real | Whole, ...]:
        """All that decides the intervals of some targets beside the equations, as arrays."""
        sums = [self.of_target(number, touched) for number in numbers for touched in (True, False)]
        columns = [columns for columns, _ in sums]
        return (
            np.array([self.targets[number].required for number in numbers]),
            np.array([len(own) for own in columns]),
            np.concatenate([*columns, []]).astype(np.int64),
            np.concatenate([*(values for _, values in sums), []]),
        )


@dataclass
class Draft:
    """A piece in the making, by hand: rows of (coefficients by column, low, high)."""

    columns: dict[Place, int] = field(default_factory=dict)
    rows: list[tuple[Mapping[int, float], float, float]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def column(self, place: Place) -> int:
        """Number of the column of an atom, a new one at need."""
        return self.columns.setdefault(place, len(self.columns))

    def piece(self) -> Piece:
        """The piece as it is now."""
        rows = Rows.of(len(self.columns), self.rows)
        places = np.array(list(self.columns), np.int64).reshape(-1, 4)
        return Piece(places, rows, self.targets, np.zeros(len(rows), bool))
