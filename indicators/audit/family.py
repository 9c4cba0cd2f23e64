"""A family of atoms (one table: region, year, variable) through time: in which state it was, and how that differs from today.

What was delivered at the finest says so itself. Atoms that were never delivered one by one have numbers that agree with
all that was delivered and differ from those of today as little as they can: so whatever was published of any state agrees
with these tables, and nothing that is proved of them rests on a contradiction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from indicators.audit.atoms import Atoms
from indicators.audit.forms import Cell
from indicators.audit.program import Contradiction, Rows, Solver
from indicators.audit.relations import Real, Whole

NEVER = int(np.iinfo(np.int64).max)
_DIGITS = 6
Values = Mapping[int, float]
"""Delivered values by the kind of their cell; numbers of atoms likewise."""


@dataclass(frozen=True)
class Kinds:
    """What the kinds of delivered cells are: `sums`, the atoms whose sum one is, as bits of a number (0 when it is no sum
    of atoms); `finest`, the atom that one is a leaf cell of (-1 when it is none); `size`, leaf cells by atom."""

    sums: list[int]
    finest: list[int]
    size: list[int]

    @classmethod
    def of(cls, atoms: Atoms, kinds: Iterable[tuple[Cell, ...]]) -> Kinds:
        sums, finest = [], []
        for cells in kinds:
            around = atoms.around(cells)
            exact = around is not None and around[0] == around[1]
            sums.append(sum(1 << atom for atom in around[0]) if around is not None and exact else 0)
            finest.append(atoms.of_cell.get(cells[0], -1) if len(cells) == 1 else -1)
        return cls(sums, finest, atoms.sizes)

    def numbers(self, values: Values) -> dict[int, float]:
        """The numbers of the atoms of which every leaf cell is told."""
        found: dict[int, list[float]] = {}
        for kind, value in values.items():
            if self.finest[kind] >= 0:
                found.setdefault(self.finest[kind], []).append(value)
        return {atom: sum(parts) for atom, parts in found.items() if len(parts) == self.size[atom]}


@dataclass(frozen=True)
class Family:
    """`rows`: kind, value, since, until. `atoms`: its numbers."""

    rows: pd.DataFrame
    kinds: Kinds
    atoms: Whole

    @cached_property
    def _turns(self) -> Whole:
        """Moments at which anything changed, in order."""
        turns = np.unique(np.concatenate(self._columns[2:]))
        return turns[turns < NEVER]

    def state_at(self, moments: Whole) -> Whole:
        """The number of the state at each moment; the last one is today's."""
        return np.searchsorted(self._turns, moments, side="right")

    @cached_property
    def today(self) -> Real:
        """The table of today: number by atom, not a number where it is not known."""
        return self._table(len(self._turns))

    def differences(self, states: Whole) -> Iterator[tuple[int, int, int, float]]:
        """State, atom, version and number (if known) of what differs from today in any of these states."""
        last = len(self._turns)
        first = dict.fromkeys(zip(self.atoms.tolist(), self.today.round(_DIGITS).tolist(), strict=True), 0)
        for state in sorted(set(states.tolist()) - {last}, reverse=True):
            table = self._table(state, self.today)
            for atom, number in zip(self.atoms.tolist(), table.round(_DIGITS).tolist(), strict=True):
                version = first.setdefault((atom, number), state + 1)
                if version:
                    yield state, atom, version, number

    def _table(self, state: int, near: Real | None = None) -> Real:
        """A table that agrees with all that was told in a state, as near to another as can be."""
        told = self._told(state)
        known = self.kinds.numbers(told)
        table = np.array([known.get(atom, np.nan) for atom in self.atoms.tolist()])
        if told and np.isnan(table).any():
            with suppress(Contradiction):  # what was told contradicts itself: what is not known stays unknown
                return _filled(self._rows(told, known), table, near)
        return table

    def _told(self, state: int) -> Values:
        """Delivered values in a state by kind."""
        if not state:
            return {}
        turn, (kind, value, since, until) = self._turns[state - 1], self._columns
        then = (since <= turn) & (until > turn)
        return dict(zip(kind[then].tolist(), value[then].tolist(), strict=True))

    @cached_property
    def _columns(self) -> tuple[npt.NDArray[Any], ...]:
        return tuple(self.rows[name].to_numpy() for name in ("kind", "value", "since", "until"))

    def _rows(self, told: Values, known: Values) -> list[tuple[dict[int, float], float, float]]:
        """What was told, as equations between the places of the atoms."""
        sums = {self.kinds.sums[kind]: value for kind, value in told.items()}
        sums |= {1 << atom: number for atom, number in known.items()}
        place = {atom: number for number, atom in enumerate(self.atoms.tolist())}
        return [
            ({place[atom]: 1.0 for atom in place if own >> atom & 1}, value, value)
            for own, value in sums.items()
            if own
        ]


def _filled(rows: list[tuple[dict[int, float], float, float]], table: Real, near: Real | None) -> Real:
    """The table with a number in every place. Raises Contradiction."""
    size = len(table)
    costs = np.zeros(3 * size)
    moves = [
        ({place: 1.0, size + place: 1.0, 2 * size + place: -1.0}, value, value)
        for place, value in enumerate([] if near is None else near.tolist())
        if not np.isnan(value)
    ]
    costs[size:] = 1.0
    solver = Solver(Rows.of(3 * size, [*rows, *moves]))
    if solver.solve(costs, most=False) is None:
        raise Contradiction
    return np.where(np.isnan(table), solver.witnesses[-1][:size], table)
