"""Where may a rule be broken? Sums of whole numbers decide it for a whole batch; SQL has the last word on the rest.

Nearly every rule compares sums of cells times a number. For these it is worked out here, exactly, at which points a
delivery has all they need, and at which of those they do not hold. What is left (rules of another form, and broken ones)
becomes the rows of `{p}slot_value` as `schemas.plan_sql` evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from intake.linear import linear_sides
from intake.rule_cells import RuleInput
from intake.rule_places import CellKey
from intake.rule_sums import DECIMALS, Filled, Flags, Whole, filled
from schemas.framework_model import Framework
from schemas.plan import Lookup, Plan, Point

_FINEST = 10**6
"""Factors of rules have no more decimals than this."""
_FIRST_YEAR, _LAST_YEAR = 0, 9999
Numbers = NDArray[Any]
Asked = tuple[str, str, int]
"""Variable, member key, years to go back."""


@dataclass(frozen=True)
class Screened:
    """What is left for SQL: rows of `slot_value`, and deliveries (by unit) that are not looked at here at all.

    `run`: how many shown linear rules could be tried, by unit; `linear` are their codes.
    """

    slots: pa.Table
    run: Mapping[str, int]
    linear: frozenset[str]
    left: frozenset[str]


class Screen:
    """A plan of rules as arrays: entries (cells looked up) make up slots, slots make up points, points belong to owners."""

    def __init__(self, framework: Framework, plan: Plan, tolerances: Sequence[Decimal]) -> None:
        self.framework, self.plan = framework, plan
        self.points = [point for point in plan.points if point.lookups or point.sums]
        self._asked: dict[Asked, int] = {}
        self._found: tuple[Mapping[CellKey, int], NDArray[np.intp], NDArray[np.intp]] | None = None
        self._read_slots()
        self._read_points(tolerances)
        self._read_owners()

    @staticmethod
    def serves(plan: Plan) -> bool:
        """Are all sums over members sums of single cells?"""
        looks = [p.lookups for point in plan.points for parts in point.sums.values() for p in parts]
        inner = {text for shape in plan.shapes.values() for text in shape.inner.values()}
        return inner <= {"w0"} and all(len(found) == 1 and found[0].runs for found in looks)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Variables that any rule looks up."""
        return frozenset(self.plan.variables())

    def _read_slots(self) -> None:
        entries: list[int] = []
        needed: list[bool] = []
        sizes: list[int] = []
        zero: list[bool] = []
        for point in self.points:
            for slot in range(self.plan.shapes[point.owner].slots):
                found = [*self._entries(point, slot)]
                entries += [number for number, _ in found] or [-1]
                needed += [need for _, need in found] or [True]
                sizes.append(len(found) or 1)
                zero.append(slot in point.lookups and point.lookups[slot].zero)
        self._entry = np.array(entries, np.intp)
        self._needed = np.array(needed, np.bool_)[:, None]
        self._slot_starts = _starts(sizes)
        self._zero = np.array(zero, np.bool_)[:, None]

    def _entries(self, point: Point, slot: int) -> Iterator[tuple[int, bool]]:
        if slot in point.lookups:
            yield self._number(point.lookups[slot]), True
        for part in point.sums.get(slot, ()):
            yield self._number(part.lookups[0]), not part.optional

    def _number(self, look: Lookup) -> int:
        return self._asked.setdefault((look.variable, look.key, look.lag), len(self._asked))

    def _read_points(self, tolerances: Sequence[Decimal]) -> None:
        factors: list[int] = []
        slacks: list[int] = []
        exact = {code: self._factors(code) for code in dict.fromkeys(point.owner for point in self.points)}
        self.linear = frozenset(code for code, found in exact.items() if found is not None)
        for point in self.points:
            own, scale = exact[point.owner] or ([0] * self.plan.shapes[point.owner].slots, 1)
            factors += own
            slacks.append(int(tolerances[point.number] * scale * 10**DECIMALS))
        sizes = [self.plan.shapes[point.owner].slots for point in self.points]
        self._sizes = np.array(sizes, np.intp)
        self._starts = _starts(sizes)
        self._factor = np.array(factors, np.int64)[:, None]
        self._slack = np.array(slacks, np.int64)[:, None]
        self.room = float(np.add.reduceat(np.abs(self._factor[:, 0]), self._starts).max(initial=1)) if sizes else 1.0

    def _factors(self, code: str) -> tuple[list[int], int] | None:
        """Whole factors by slot, and by how much they are multiplied to be whole."""
        factors = linear_sides(self.framework.statements[code])
        if factors is None:
            return None
        scale = 1
        while any(factor * scale % 1 for factor in factors.values()):
            scale *= 10
            if scale > _FINEST:
                return None
        return [int(factors[slot] * scale) for slot in range(self.plan.shapes[code].slots)], scale

    def _read_owners(self) -> None:
        owners = [point.owner for point in self.points]
        self._owners = list(dict.fromkeys(owners))
        self._owner_starts = np.array([owners.index(code) for code in self._owners], np.intp)
        number = {code: n for n, code in enumerate(self._owners)}
        self._owner = np.array([number[code] for code in owners], np.intp)
        rules = [self.framework.rules[code] for code in self._owners]
        self._since = np.array([_FIRST_YEAR if r.since is None else r.since for r in rules])[:, None]
        self._until = np.array([_LAST_YEAR if r.until is None else r.until for r in rules])[:, None]
        self._is_linear = np.array([code in self.linear for code in self._owners], np.bool_)[:, None]
        self._shown = np.array([rule.shown for rule in rules], np.bool_)[:, None]
        signs = np.array([self.framework.statements[code].operator for code in self._owners])
        self._sign = signs[self._owner][:, None] if self._owners else signs

    def tried(self, deliveries: Sequence[RuleInput]) -> Screened:
        """Try the rules on these deliveries."""
        held = filled(self.framework, deliveries, self.variables, self.room)
        values, known, any_known = self._slots(held)
        asked = np.array([bool(d.observations) for d in deliveries], np.bool_) & held.plain
        possible = (
            np.logical_and.reduceat(known, self._starts) & np.logical_or.reduceat(any_known, self._starts) & asked
        )
        years = np.array([delivery.year for delivery in deliveries])
        valid = (self._since <= years) & (years <= self._until)
        possible &= valid[self._owner]
        run = np.logical_or.reduceat(possible, self._owner_starts) & self._shown & self._is_linear
        open_ones = possible & ~(self._is_linear[self._owner] & self._fits(values))
        return Screened(
            self._rows(deliveries, values, *np.nonzero(open_ones)),
            dict(zip((d.unit for d in deliveries), run.sum(axis=0).tolist(), strict=True)),
            self.linear,
            frozenset(d.unit for d, plain in zip(deliveries, held.plain, strict=True) if not plain),
        )

    def _slots(self, held: Filled) -> tuple[Whole, Flags, Flags]:
        """Values of the slots, 0 where there is none; which have one; and which do so for a cell and not by being absent."""
        at, lag = self._looked_up(held.rows)
        there, secret = held.there[at, lag], held.secret[at, lag]
        some = np.logical_or.reduceat(there, self._slot_starts)
        lacking = np.logical_or.reduceat(secret | (self._needed & ~there), self._slot_starts)
        known = some & ~lacking
        values = np.add.reduceat(held.values[at, lag], self._slot_starts)
        return np.where(known, values, 0), known | (self._zero & ~some), known

    def _looked_up(self, rows: Mapping[CellKey, int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Row and lag of every entry; most batches have the same rows as the one before."""
        if self._found is None or self._found[0] is not rows:
            nobody = len(rows)
            row = [rows.get((variable, key), nobody) if lag in (0, 1) else nobody for variable, key, lag in self._asked]
            at = np.array([*row, nobody], np.intp)[self._entry]  # one of a slot without any is the last: nobody has it
            self._found = rows, at, np.array([*(min(lag, 1) for _, _, lag in self._asked), 0], np.intp)[self._entry]
        return self._found[1:]

    def _fits(self, values: Whole) -> Flags:
        """Does a linear rule hold at a point?"""
        difference = np.add.reduceat(values * self._factor, self._starts)
        fits = np.select(
            [self._sign == sign for sign in ("=", "<=", ">=", "<", ">")],
            [
                np.abs(difference) <= self._slack,
                difference <= self._slack,
                difference + self._slack >= 0,
                difference < self._slack,
                difference + self._slack > 0,
            ],
            default=False,
        )
        return fits.astype(np.bool_)

    def _rows(self, deliveries: Sequence[RuleInput], values: Whole, points: Numbers, units: Numbers) -> pa.Table:
        """All slots of some points, as rows of `slot_value`."""
        sizes = self._sizes[points]
        slot = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        unit = np.repeat(units, sizes)
        whole = values[np.repeat(self._starts[points], sizes) + slot, unit]
        number = np.array([point.number for point in self.points], np.int32)
        named = [pa.array([d.unit for d in deliveries]), pa.array([d.region for d in deliveries])]
        taken = pa.array(unit)
        columns = {
            "unit": named[0].take(taken),
            "region": named[1].take(taken),
            "year": pa.array(np.array([d.year for d in deliveries], np.int32)[unit]),
            "point": pa.array(np.repeat(number[points], sizes)),
            "slot": pa.array(slot.astype(np.int32)),
            "value": _decimals(whole),
            "real": pa.nulls(len(whole), pa.float64()),
            "rank": pa.array(np.zeros(len(whole), np.int32)),
            "undefined": pa.array(np.zeros(len(whole), np.bool_)),
        }
        return pa.table(columns)


def _starts(sizes: Sequence[int]) -> NDArray[np.intp]:
    return np.cumsum([0, *sizes[:-1]]).astype(np.intp)


def _decimals(whole: Whole) -> pa.Array:
    """Whole ten-thousandths as decimals."""
    halves = np.stack([whole, whole >> 63], axis=1)
    kind = pa.decimal128(24, DECIMALS)
    return pa.Array.from_buffers(kind, len(whole), [None, pa.py_buffer(np.ascontiguousarray(halves))])
