"""Suspicions about whole tables: last year's values, another power of ten, exchanged rows or columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import combinations
from math import log, log10
from statistics import median
from typing import Any

import numpy as np

from intake.cause_basis import part_missing, percent
from intake.cause_cells import Cells, Flags, Suspicion, scaled
from intake.cause_groups import Group, Groups, suspicion
from intake.cause_settings import Limits
from intake.rules import CellKey
from schemas.framework_model import Framework
from schemas.shapes import Finding

COPIED, FACTOR, SWAPPED = "P01", "P02", "P03"


def table_suspicions(
    framework: Framework, limits: Limits, cells: Cells, reading: Sequence[Finding] = ()
) -> list[Suspicion]:
    """All suspicions about tables; cells that one of them explains are not tried again by the next."""
    groups = Groups(framework, cells)
    check = _TableCheck(framework, limits, cells, groups)
    found = list(percent(framework, limits, groups, reading))
    for suspicions in (check.shifted, check.copied, check.swapped):
        taken = {cell for earlier in found for cell in earlier.corrected}
        found += suspicions(frozenset(taken))
    if not found:
        found += part_missing(framework, limits, cells)
    return found


@dataclass(frozen=True)
class _TableCheck:
    framework: Framework
    limits: Limits
    cells: Cells
    groups: Groups

    # --- P01: last year's values --------------------------------------------------------------------------------------

    def copied(self, taken: frozenset[CellKey]) -> Iterator[Suspicion]:
        """Delivery, sheet or table that repeats last year's values; the largest group only."""
        limits, cells = self.limits.copied, self.cells
        if np.count_nonzero(cells.now[cells.grown] == cells.was[cells.grown]) < limits.cells:
            return
        large = (np.fmax(cells.now, cells.was) >= limits.minimum) & ~np.isnan(cells.was)
        same = large & (cells.now == cells.was)
        if np.count_nonzero(same) < limits.share * limits.cells:
            return
        left = np.ones(len(large), np.bool_)
        left[cells.places(taken)] = False
        for group in self._repeating(large & left, same & left):
            places = cells.places(group.cells)
            own = places[left[places]]
            repeated, counted = np.count_nonzero(same[own]), np.count_nonzero(large[own])
            if self._repeats(repeated, counted):
                left[places] = False
                details = {"place": group.name, "same": str(repeated), "count": str(counted)}
                explained = dict.fromkeys(cell for cell in group.cells if cell in cells.values)
                yield suspicion(self.framework, COPIED, group, details, explained)

    def _repeats(self, same: Any, count: Any) -> Any:
        """Do so many of some cells repeat last year's value? Of one group, or of many at once."""
        return (count >= self.limits.copied.cells) & (same >= self.limits.copied.share * count)

    def _repeating(self, large: Flags, same: Flags) -> Iterator[Group]:
        """The groups to look at: of delivery and sheets, which have no cells in common, those that repeat; of tables also
        others."""
        if self._repeats(np.count_nonzero(same), np.count_nonzero(large)):
            yield from self.groups.delivery()
        sheets, which = self.cells.sheets
        counts = (np.bincount(which[flags], minlength=len(sheets)) for flags in (same, large))
        found = {sheets[number] for number in np.flatnonzero(self._repeats(*counts)).tolist()}
        yield from map(self.groups.sheet, filter(found.__contains__, self.cells.at.by_sheet if found else ()))
        yield from self.groups.tables_with(self.cells.where(same), self.limits.copied.share * self.limits.copied.cells)

    # --- P02: another power of ten ------------------------------------------------------------------------------------

    def shifted(self, taken: frozenset[CellKey]) -> Iterator[Suspicion]:
        """Delivery, sheet, table, row or column whose values are a power of ten times those of last year."""
        least = (min(map(abs, self.limits.factor.powers)) - self.limits.factor.width) * log(10)
        if len(self.cells.changed(least)) < self.limits.factor.cells:
            return
        done = set(taken)
        for group in self.groups.all():
            pairs = [pair for pair in self.cells.pairs(group.cells) if pair[0] not in done]
            for power, name in self.limits.factor.powers.items():
                if fitting := self._shifted_by(pairs, power):
                    done |= set(fitting)
                    details = {"place": group.name, "count": str(len(fitting)), "factor": name}
                    mended = {cell: self._unshifted(cell, power) for cell in fitting}
                    yield suspicion(self.framework, FACTOR, group, details, mended)
                    break

    def _shifted_by(self, pairs: Sequence[tuple[CellKey, float, float]], power: int) -> list[CellKey]:
        limits = self.limits.factor
        evident = [p for p in pairs if min(p[2], p[2] * 10.0**power) >= limits.minimum]
        fitting = [c for c, now, before in evident if now and abs(log10(now / before) - power) <= limits.width]
        if len(fitting) < limits.cells or len(fitting) < limits.share * len(evident):
            return []
        return [cell for cell, now, before in pairs if abs(now - before * 10.0**power) <= max(1.0, 0.5 * now)]

    def _unshifted(self, cell: CellKey, power: int) -> Decimal | None:
        """What was meant; digits that were cut off are not known."""
        return scaled(self.framework, self.cells, cell, Decimal(10) ** -power) if power > 0 else None

    # --- P03: exchanged rows or columns -------------------------------------------------------------------------------

    def swapped(self, taken: frozenset[CellKey]) -> Iterator[Suspicion]:
        """Two rows or two columns of a table that fit each other's values of last year."""
        if len(self.cells.changed(self.limits.swapped.own)) < self.limits.swapped.cells:
            return
        far = Counter(variable for variable, _ in self._far)
        if far.total() < 2 * self._fewest:
            return
        for table in self.groups.tables:
            if sum(far[variable] for variable in {*table.variables}) < 2 * self._fewest:
                continue
            for kind, lines in self.groups.lines(table).items():
                strange = [line for line in lines if not taken.intersection(line.cells) and self._strange(line)]
                pairs = [pair for pair in combinations(strange, 2) if self._exchanged(*pair)]
                if pairs:
                    yield self._swap(self.groups.table(table), kind, pairs)

    def _swap(self, table: Group, kind: str, pairs: Sequence[tuple[Group, Group]]) -> Suspicion:
        names = "; ".join(f"„{one.name}“ und „{two.name}“" for one, two in pairs)
        mended: dict[CellKey, Decimal | None] = {}
        for one, two in pairs:
            for left, right in zip(one.cells, two.cells, strict=True):
                if left in self.cells.values and right in self.cells.values:
                    mended |= {left: self.cells.values[right], right: self.cells.values[left]}
        return suspicion(self.framework, SWAPPED, table, {"place": table.name, "kind": kind, "names": names}, mended)

    @cached_property
    def _far(self) -> frozenset[CellKey]:
        """Cells that do not fit their own value of last year."""
        limits = self.limits.swapped
        pairs = self.cells.changed(limits.own)
        return frozenset(cell for cell, now, before in pairs if min(now, before) >= limits.minimum)

    @property
    def _fewest(self) -> int:
        """So many cells of a strange line are far off at least: half of them, because it is the median that counts."""
        return (self.limits.swapped.cells + 1) // 2

    def _strange(self, line: Group) -> bool:
        """Does the line not fit its own values of last year?"""
        if sum(map(self._far.__contains__, line.cells)) < self._fewest:
            return False
        least = self.limits.swapped.minimum
        pairs = self.cells.pairs(line.cells)
        changes = [abs(log(now / before)) for _, now, before in pairs if min(now, before) >= least]
        return len(changes) >= self.limits.swapped.cells and median(changes) >= self.limits.swapped.own

    def _exchanged(self, one: Group, two: Group) -> bool:
        limits = self.limits.swapped
        own: tuple[list[float], list[float]] = ([], [])
        cross: tuple[list[float], list[float]] = ([], [])
        for cells in zip(one.cells, two.cells, strict=True):
            if not all(cell in self.cells.values and cell in self.cells.before for cell in cells):
                continue
            now = [float(self.cells.values[cell]) for cell in cells]
            before = [float(self.cells.before[cell]) for cell in cells]
            if min(*now, *before) < limits.minimum:
                continue
            for side in (0, 1):
                own[side].append(abs(log(now[side] / before[side])))
                cross[side].append(abs(log(now[side] / before[1 - side])))
        return len(own[0]) >= limits.cells and all(
            median(own[side]) >= limits.own and median(cross[side]) <= limits.cross for side in (0, 1)
        )
