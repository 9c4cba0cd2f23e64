"""A connected piece of the attacker's equation system: its unknowns, rows, and the targets that lie in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from indicators.audit.program import Real, Rows, Whole
from indicators.audit.relations import Flags
from indicators.audit.targets import Sum, Target

_OFF = 1e-6
Place = tuple[int, int, int, int]
"""Edition (0 the newest), region, year, atom."""


@dataclass(frozen=True)
class Piece:
    """Unknown atoms and what ties them. `places`: Place of each column; `older`: rows that only an older edition tells, or
    that are assumed. Every atom is 0 or more."""

    places: Whole
    rows: Rows
    targets: list[Target]
    older: Flags

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

    def without_untrue(self, true: Real) -> Piece:
        """Without older rows that are not true any more: a number that was corrected since proves nothing of today.
        `true`: see `delivered.true_atoms`; rows with an atom of which it is not known, or of a former state, stay."""
        edition, region, year, atom = self.places.T
        values = np.where(edition == 0, true[region, year, atom], np.nan)
        sums = np.bincount(self.rows.owner, self.rows.values * values[self.rows.columns], len(self.rows))
        off = np.maximum(self.rows.low - sums, sums - self.rows.high)
        size = np.where(np.isfinite(self.rows.high), np.abs(self.rows.high), np.abs(self.rows.low))
        wrong = self.older & (off > _OFF * np.maximum(1.0, size))  # not a number: not known, so not wrong
        return Piece(self.places, self.rows.kept(~wrong), self.targets, self.older[~wrong]) if wrong.any() else self

    def asked(self, numbers: Sequence[int]) -> tuple[Real | Whole, ...]:
        """All that decides the intervals of some targets beside the equations, as arrays."""
        sums = [self.terms(sums) for n in numbers for sums in (self.targets[n].touched, self.targets[n].inside)]
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
