"""Targets of a large piece, decided in their surroundings: the unknowns of their region and year, and of what is tied.

Two questions with certain answers. With everything else as in one known solution: what is possible then is possible. With
everything else free: what is impossible then is impossible. Where both give the same verdict the whole piece would, too.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from indicators.audit.implied import obeyed
from indicators.audit.memory import Memory, question
from indicators.audit.piece import Piece
from indicators.audit.program import Contradiction, Real, Rows, Solver, Whole, added
from indicators.audit.relations import distinct
from indicators.audit.verdicts import OK, Interval, is_wide, judged

Area = tuple[int, int]
"""Region and year."""
_TIED = (0, 5, 16)
"""How many tied areas are taken in, one attempt after the other."""
Ends = tuple[float, float]


def decided(piece: Piece, map_: Map, centre: Real, memory: Memory) -> dict[int, Interval]:
    """Intervals of the targets that can be judged from their surroundings, by their number in the piece.

    `centre` is a solution of all rows. A wide interval is what is possible, any other one what cannot be ruled out.
    """
    left: dict[frozenset[Area], list[int]] = defaultdict(list)
    for number, target in enumerate(piece.targets):
        left[frozenset(place[:2] for place in target.touched)].append(number)
    found: dict[int, Interval] = {}
    for width in _TIED:
        for own, numbers in left.items():
            open_ = [number for number in numbers if number not in found]
            if open_:
                around = _Surroundings(piece, map_.around(own, width), memory)
                found |= around.judge(open_, centre)
    return found


@dataclass(frozen=True)
class Map:
    """Columns and rows of every area."""

    columns: dict[Area, Whole]
    rows: dict[Area, Whole]
    areas_of_row: dict[int, tuple[Area, ...]] = field(repr=False)
    """Of rows that speak of several areas."""
    home: list[Area] = field(repr=False)
    """Area of each column."""

    @classmethod
    def of(cls, piece: Piece) -> Map:
        """The areas of a piece."""
        rows = piece.rows
        found, home = distinct(piece.places[:, 1:3])
        areas = [(int(region), int(year)) for region, year in found]
        order = np.argsort(home, kind="stable")
        columns = np.split(order, np.cumsum(np.bincount(home, minlength=len(areas)))[:-1])
        pairs = np.unique(home[rows.columns] * len(rows) + rows.owner)
        split = np.split(pairs % len(rows), np.searchsorted(pairs, np.arange(1, len(areas)) * len(rows)))
        shared: dict[int, list[Area]] = defaultdict(list)
        crossing = np.bincount(pairs % len(rows), minlength=len(rows)) > 1
        for area, mine in zip(areas, split, strict=True):
            for row in mine[crossing[mine]].tolist():
                shared[row].append(area)
        return cls(
            dict(zip(areas, columns, strict=True)),
            dict(zip(areas, split, strict=True)),
            {row: tuple(found) for row, found in shared.items()},
            [areas[number] for number in home.tolist()],
        )

    def areas_of(self, row: int, rows: Rows) -> tuple[Area, ...]:
        """The areas that a row speaks of."""
        return self.areas_of_row.get(row) or (self.home[int(rows.columns[rows.starts[row]])],)

    def around(self, own: Iterable[Area], width: int) -> tuple[Whole, Whole]:
        """Columns of some areas and of those that most rows tie to them, and every row that touches one of them."""
        chosen = sorted(own)
        if width:
            ties = Counter(
                other
                for area in chosen
                for row in self.rows[area].tolist()
                for other in self.areas_of_row.get(row, ())
                if other not in chosen
            )
            chosen += sorted(ties, key=lambda area: (-ties[area], area))[:width]
        columns = np.concatenate([self.columns[area] for area in chosen])
        return columns, np.unique(np.concatenate([self.rows[area] for area in chosen]))


class _Surroundings:
    """Some columns with every row that touches them."""

    def __init__(self, piece: Piece, around: tuple[Whole, Whole], memory: Memory) -> None:
        self.piece, self.rows, self.memory = piece, piece.rows, memory
        self.columns, self.touching = around
        self.place = np.full(self.rows.size, -1)
        self.place[self.columns] = np.arange(len(self.columns))

    def judge(self, numbers: list[int], centre: Real) -> dict[int, Interval]:
        """Those of the targets on which both questions agree."""
        found: dict[int, Interval] = {}
        possible = self._ends(self._fixed(centre), numbers, centre[self.columns])
        for number in numbers:
            one = judged(self.piece.targets[number], *possible[number])
            if one.verdict == OK:
                found[number] = one
        narrow = [number for number in numbers if number not in found]
        outer = self._ends(self._free(), narrow, None) if narrow else {}
        for number in narrow:
            inside, outside = (judged(self.piece.targets[number], *ends[number]) for ends in (possible, outer))
            if inside.verdict == outside.verdict:
                found[number] = outside
        return found

    def _fixed(self, centre: Real) -> Rows:
        """Everything else stays as in a known solution, which therefore still is one."""
        every = self.rows.of_rows(self.touching)
        terms = self.rows.values[every] * centre[self.rows.columns[every]]
        outside = self.place[self.rows.columns[every]] < 0
        owner = np.repeat(np.arange(len(self.touching)), np.diff(self.rows.starts)[self.touching])
        given = added(owner[outside], terms[outside], len(self.touching))
        total = added(owner, terms, len(self.touching))
        low = np.minimum(self.rows.low[self.touching], total) - given
        high = np.maximum(self.rows.high[self.touching], total) - given
        rows = self.rows.part(self.columns, self.touching, low, high)
        rows = rows.kept(rows.once())  # what differs only elsewhere is the same here
        return rows.kept(~obeyed(rows, np.ones(len(rows), bool)))

    def _free(self) -> Rows:
        """Everything else may be anything that a single row allows."""
        every = self.rows.of_rows(self.touching)
        outside = self.place[self.rows.columns[every]] < 0
        owner = np.repeat(np.arange(len(self.touching)), np.diff(self.rows.starts)[self.touching])[outside]
        values, most = self.rows.values[every][outside], self.rows.most[self.rows.columns[every][outside]]
        with np.errstate(invalid="ignore"):
            up = added(owner, np.where(values > 0, values * most, 0.0), len(self.touching))
            down = added(owner, np.where(values < 0, values * most, 0.0), len(self.touching))
        low, high = self.rows.low[self.touching] - up, self.rows.high[self.touching] - down
        return self.rows.part(self.columns, self.touching, low, high)

    def _ends(self, rows: Rows, numbers: list[int], known: Real | None) -> dict[int, Ends]:
        """Least and most of every target; of a wide one only what witnesses show. Remembered, where it was asked before."""
        required, sizes, columns, values = self.piece.asked(numbers)
        further = (required, sizes, self.place[columns], values, np.zeros(0) if known is None else known)
        answer = self.memory.recall(question(rows, *further), lambda: self._asked(rows, numbers, known))
        return {number: (low, high) for number, (low, high) in zip(numbers, answer.tolist(), strict=True)}

    def _asked(self, rows: Rows, numbers: list[int], known: Real | None) -> Real:
        solver, shown = Solver(rows), known is not None
        if known is not None:
            solver.witnesses.append(known)
        tops, bottoms = (np.stack([self._objective(number, side) for number in numbers]) for side in (True, False))
        capped = np.clip(tops.sum(axis=0), 0, 1)
        ends = np.tile([math.inf, -math.inf], (len(numbers), 1))
        found = np.empty_like(ends)
        try:
            solver.solve(capped, most=False)
            solver.solve(capped, most=True)
            for place, number in enumerate(numbers):
                for witness in solver.witnesses:
                    ends[:, 0] = np.minimum(ends[:, 0], bottoms @ witness)
                    ends[:, 1] = np.maximum(ends[:, 1], tops @ witness)
                solver.witnesses.clear()  # it is in the ends
                found[place] = self._ends_of(solver, number, tops[place], bottoms[place], ends[place], shown)
        except Contradiction:  # by the last digits of the known solution
            found[:] = (math.inf, -math.inf) if shown else (-math.inf, math.inf)
        return found

    def _ends_of(self, solver: Solver, number: int, top: Real, bottom: Real, ends: Real, shown: bool) -> Ends:
        """Without an answer of the solver: what witnesses show (`ends`, where they are `shown`), or anything."""
        low, high = ends.tolist()
        target = self.piece.targets[number]
        if is_wide(target, low, high):
            return low, high
        most = solver.solve(top, most=True)
        if most is not None and is_wide(target, low, most):
            return low, most
        least = solver.solve(bottom, most=False)
        if least is None:
            least = low if shown else -math.inf
        if most is None:
            most = high if shown else math.inf
        return least, most

    def _objective(self, number: int, touched: bool) -> Real:
        found = np.zeros(len(self.columns))
        columns, values = self.piece.of_target(number, touched)
        found[self.place[columns]] = values
        return found
