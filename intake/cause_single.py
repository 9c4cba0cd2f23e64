"""The checks of single cells of one delivery: broken sums, jumps, slipped digits, outliers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import log

from intake.cause_cells import Cells, Suspicion, place
from intake.cause_guilty import Suspect
from intake.cause_outliers import History, Past, Rates, stabilised
from intake.cause_settings import Limits
from intake.equations import Equation, Equations
from intake.messages import finding
from intake.rules import CellKey
from intake.values import german
from schemas.framework_model import Framework
from schemas.shapes import Finding

SUM, DIGIT, JUMP, PAST, PEERS = "P07", "P06", "M15", "M12", "M12_PEERS"


@dataclass(frozen=True)
class CellCheck:
    """One delivery, what is known about it, and the limits."""

    framework: Framework
    limits: Limits
    cells: Cells
    history: History

    def findings(self, equations: Equations, broken: Sequence[Equation], guilty: Sequence[Suspect]) -> list[Finding]:
        """Everything that is to be asked about single cells; `broken` are those of the equations that do not hold."""
        return [*self._broken_sums(broken), *self._changes(equations.guarded, guilty)]

    def slips(self, found: Sequence[Finding], guilty: Sequence[Suspect]) -> Iterator[Suspicion]:
        """A change against earlier years on a cell that no sum explains: perhaps other findings follow from it."""
        explained = {suspect.cell for suspect in guilty}
        for noticed in found:
            cell = (noticed.variable, noticed.members)
            before = self.cells.before.get(cell)
            if noticed.code in (DIGIT, JUMP, PAST) and cell not in explained:
                now = self.cells.values[cell]
                tenth = self._digit_moved(cell, now, before) if noticed.code == DIGIT and before is not None else before
                yield Suspicion(noticed, {cell: tenth}, structural=False)

    # --- sums ---------------------------------------------------------------------------------------------------------

    def _broken_sums(self, broken: Sequence[Equation]) -> Iterator[Finding]:
        """A total is not the sum of its parts, and no rule of the framework says so already."""
        values = self.cells.values
        for equation in broken:
            if equation.owner:
                continue
            parts = sum((values[cell] for cell, _ in equation.cells[1:]), Decimal(0))
            details = {
                "label": self.cells.label(self.framework, equation.whole),
                "dimension": self.framework.dimensions[equation.dimension].name_de,
                "found": german(values[equation.whole]),
                "expected": german(parts),
                "difference": german(values[equation.whole] - parts),
                "cells": ", ".join(dict.fromkeys(filter(None, (self.cells.at[c].cell for c, _ in equation.cells)))),
            }
            yield finding(self.framework, SUM, details, **place(self.cells.at[equation.whole]))

    # --- the past and the others --------------------------------------------------------------------------------------

    def _changes(self, guarded: frozenset[CellKey], guilty: Sequence[Suspect]) -> Iterator[Finding]:
        """At most one question per cell, the most telling one."""
        past = Past.of(self.limits, self.cells, self.history)
        rates = Rates(self.framework, self.limits, self.cells, self.history, guarded)
        mended = {suspect.cell: suspect.value for suspect in guilty}
        known = [some for some in (self.cells.before, mended, *past.years) if some]
        if not (known or rates.comparable):  # others are read of the warehouse when nothing else is known
            return
        cells = self.cells
        ordinary = self.limits.year_on_year.usual(cells.now, cells.was) & self.limits.outlier.usual(
            cells.now, cells.was
        )
        for cell in cells.where(~ordinary):  # most are so near to last year's value that they need no closer look
            if not self.framework.is_integer(cell[0]):
                continue
            if any(cell in some for some in known) or rates.comparable:
                noticed = self._jump(cell, cell in guarded) or self._slipped(cell, mended) or self._past(cell, past)
                noticed = noticed or self._peers(cell, rates)
                if noticed:
                    yield noticed

    def _jump(self, cell: CellKey, guarded: bool) -> Finding | None:
        """Far from last year's value, and not by chance; one digit too many or too few may explain it."""
        now, before = self.cells.values[cell], self.cells.before.get(cell)
        if before is None or not self._far(now, before, guarded):
            return None
        if self._tenfold(now, before):
            return self._digit(cell, self._digit_moved(cell, now, before))
        change = (
            f"{'+' if now > before else ''}{german((now / before - 1) * 100, 0)}\u202f%" if before else "bisher null"
        )
        return self._asked(JUMP, cell, {"change": change})

    def _far(self, now: Decimal, before: Decimal, guarded: bool) -> bool:
        limits = self.limits.year_on_year
        if limits.usual(float(now), float(before)):
            return False
        return abs(stabilised(float(now), float(before))) >= (limits.z if guarded else limits.alone)

    def _tenfold(self, now: Decimal, before: Decimal) -> bool:
        size = abs(_log_ratio(now, before)) / log(10)
        return self.limits.tenfold.low <= size <= self.limits.tenfold.high

    def _slipped(self, cell: CellKey, mended: Mapping[CellKey, Decimal]) -> Finding | None:
        """Without a year before: the sums of the table suggest a tenth or the tenfold."""
        right = mended.get(cell)
        if right is None or cell in self.cells.before or not one_digit_apart(self.cells.values[cell], right):
            return None
        return self._digit(cell, right)

    def _digit(self, cell: CellKey, expected: Decimal) -> Finding:
        more = "viel" if self.cells.values[cell] > expected else "wenig"
        return self._asked(DIGIT, cell, {"more": more, "expected": german(expected)})

    def _digit_moved(self, cell: CellKey, now: Decimal, before: Decimal) -> Decimal:
        return self.neat(cell, now / 10, now / 10) if now > before else now * 10

    def _past(self, cell: CellKey, past: Past) -> Finding | None:
        before = self.cells.before.get(cell)
        usual = past.usual(cell, float(self.cells.values[cell]), None if before is None else float(before))
        if usual is None:
            return None
        return self._asked(PAST, cell, {"usual": german(round(usual)), "years": str(len(past.series(cell)))})

    def _peers(self, cell: CellKey, rates: Rates) -> Finding | None:
        times = rates.unusual(cell)
        if times is None:
            return None
        return self._asked(PEERS, cell, {"more": "höher" if times > 1 else "niedriger"})

    def _asked(self, code: str, cell: CellKey, details: Mapping[str, str]) -> Finding:
        before = german(self.cells.before.get(cell))
        shown = {
            "label": self.cells.label(self.framework, cell),
            "found": german(self.cells.values[cell]),
            "previous": before,
            **details,
        }
        return finding(self.framework, code, shown, previous_value=before, **place(self.cells.at[cell]))

    # --- for the search of the guilty cell ----------------------------------------------------------------------------

    def likely(self, cell: CellKey, value: Decimal) -> bool:
        """Does the year before, or the digits where there is none, speak for this correction?"""
        now, before = self.cells.values[cell], self.cells.before.get(cell)
        if before is None:
            return one_digit_apart(now, value)
        limits = self.limits.suspect
        return abs(_log_ratio(now, before)) >= limits.apart and abs(_log_ratio(value, before)) <= limits.near

    def neat(self, cell: CellKey, low: Decimal, high: Decimal) -> Decimal:
        """The value between two bounds that the sender most likely meant: one digit less or more, else the middle."""
        now, variable = self.cells.values[cell], self.framework.variables[cell[0]]
        middle = (low + high) / 2
        if not self.framework.is_integer(cell[0]):
            return round(middle, 4)
        step = Decimal(self.framework.sources[variable.source].rounding or 1)
        for value in (now / 10, now * 10, round(middle / step) * step):
            if low <= value <= high and value % step == 0:
                return Decimal(int(value))
        return Decimal(round(middle))


def one_digit_apart(one: Decimal, other: Decimal) -> bool:
    """Is one value the other with one digit more?"""
    small, large = sorted((one, other))
    return small < large and abs(large / 10 - small) <= Decimal("0.5")


def _log_ratio(one: Decimal, other: Decimal) -> float:
    return log(max(float(one), 0.5) / max(float(other), 0.5))
