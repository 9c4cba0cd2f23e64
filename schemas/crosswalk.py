"""From the territory of one year to that of another, by the table of changes (`regions/changes.csv`).

A territory is told by its smallest units (municipalities, or what has nothing below it). The table of changes says which
share of an old unit belongs to which new one; from that follows how a territory of today is put together from the
reports of an earlier year. Only counts are converted, with these weights; a rate is made again from its counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import cache

from schemas.territory import Territory, reference_day

Shares = Mapping[str, Fraction]
"""Share of each old unit (above 0, at most 1), or coefficient of each report."""


class Crosswalk:
    """Answers are kept, so that one object serves a whole computation."""

    def __init__(self, territory: Territory) -> None:
        self.territory = territory
        self.units_of = cache(self._units_of)
        self._leaves = cache(self._smallest)
        self._days = cache(self._changing)
        self._between = cache(self._stayed_and_moved)
        self._touched = cache(self._left_or_entered)
        self.shares = cache(self._shares)
        self.parts = cache(self._parts)

    def changed(self, code: str, earlier: int, later: int) -> bool:
        """Has the territory behind the code changed? False where the code had no territory in one of the years."""
        before, now = self.units_of(code, earlier), self.units_of(code, later)
        if not before or not now or (before == now and not self._days(earlier, later)):
            return False
        if (
            before == now
            and before.isdisjoint(self._touched(earlier, later))
            and before <= self._between(earlier, later)[0]
        ):
            return False  # nothing happened to any of its units
        return not self._same(code, earlier, later)

    def _changing(self, earlier: int, later: int) -> list[date]:
        """Days between two reference days on which the table of changes has an entry."""
        first, last = reference_day(earlier), reference_day(later)
        return sorted({change.day for change in self.territory.changes() if first < change.day <= last})

    def _same(self, code: str, earlier: int, later: int) -> bool:
        shares = self.shares(code, later, earlier)
        whole = dict.fromkeys(self.units_of(code, earlier), Fraction(1))
        stayed, moved = self._between(earlier, later)
        left = self.units_of(code, later) - stayed
        return shares == whole and left <= {unit for state in moved.values() for units, _ in state for unit in units}

    def _units_of(self, code: str, year: int) -> frozenset[str]:
        """The smallest units of a unit, a group or the Land at the end of a year; empty when it does not exist then."""
        return frozenset(unit for member in self.territory.members(code, year) for unit in self._leaves(member, year))

    def _smallest(self, code: str, year: int) -> tuple[str, ...]:
        below = self.territory.children(code, reference_day(year))
        return tuple(leaf for child in below for leaf in self._leaves(child, year)) if below else (code,)

    def _forward(self, earlier: int, later: int) -> dict[str, dict[str, Fraction] | None]:
        """For every smallest unit of the earlier year: which share of it lies in which unit of the later year; None where
        the table of changes says nothing of it."""
        first = reference_day(earlier)
        parents = self.territory.below(first)
        states: dict[str, dict[str, Fraction] | None] = {
            unit.code: None for unit in self.territory.valid_units(first) if unit.code not in parents
        }
        for day in self._days(earlier, later):
            moves = self._moves(day)
            above = not moves.keys().isdisjoint(parents)
            for old, state in states.items():
                higher = self.territory.ancestors(old, first) if above else ()
                if state is not None or old in moves or not moves.keys().isdisjoint(higher):
                    states[old] = _moved({old: Fraction(1)} if state is None else state, moves, higher)
        return states

    def _stayed_and_moved(
        self, earlier: int, later: int
    ) -> tuple[frozenset[str], dict[str, list[tuple[list[str], Fraction]]]]:
        """Smallest units of the earlier year that are still what they were, which almost all are, and of every other one
        which share of it lies in which smallest units of the later year."""
        moved: dict[str, list[tuple[list[str], Fraction]]] = {}
        states = self._forward(earlier, later)
        for old, state in states.items():
            if self._leaves(old, later) != (old,) or (state is not None and state != {old: 1}):
                parts = {old: Fraction(1)} if state is None else state
                moved[old] = [([*self._leaves(new, later)], weight) for new, weight in parts.items()]
        return frozenset(states.keys() - moved.keys()), moved

    def _left_or_entered(self, earlier: int, later: int) -> frozenset[str]:
        """The units of the earlier year that are not what they were, and those of the later year in which they lie."""
        _, moved = self._between(earlier, later)
        entered = (unit for state in moved.values() for units, _ in state for unit in units)
        return frozenset(moved).union(entered)

    def _moves(self, day: date) -> dict[str, dict[str, Fraction]]:
        moves: dict[str, dict[str, Fraction]] = {}
        for change in self.territory.changes():
            if change.day == day:
                moves.setdefault(change.old_code, {})[change.new_code] = Fraction(str(change.weight))
        return moves

    def _shares(self, code: str, later: int, earlier: int) -> dict[str, Fraction]:
        """Which share of which unit of the earlier year lies in the territory that the code has in the later year."""
        inside = self.units_of(code, later)
        stayed, moved = self._between(earlier, later)
        found = dict.fromkeys(sorted(stayed & inside), Fraction(1))
        for old, state in moved.items():
            share = sum((weight for units, weight in state if inside.issuperset(units)), Fraction(0))
            if share:
                found[old] = share
        return found

    def _parts(self, code: str, later: int, earlier: int) -> Shares | None:
        """The later territory of a code as a sum of reports of the earlier year: {reporter: coefficient}.

        A coefficient is below 0 where a reporter inside another one has to be taken away (a Kreis without the town that
        left it), and below 1 where a report is divided. None where the reports cannot be put together that way.
        """
        shares = self.shares(code, later, earlier)
        day = reference_day(earlier)
        reporters = self.territory.reporters(day)
        top = self.territory.disjoint(reporters, day)
        found: dict[str, Fraction] = {}
        covered: set[str] = set()
        for above in top:
            units = self.units_of(above, earlier)
            covered |= units
            if units.isdisjoint(shares):
                continue
            inside = [r for r in reporters if above in self.territory.ancestors(r, day)]
            coefficients = _coefficients(shares, above, units, {r: self.units_of(r, earlier) for r in inside})
            if coefficients is None:
                return None
            found |= coefficients
        return found if found and covered >= shares.keys() else None


def _moved(
    state: dict[str, Fraction], moves: Mapping[str, Mapping[str, Fraction]], above: tuple[str, ...]
) -> dict[str, Fraction]:
    """One day of changes: a unit goes where the table says, or where it says for the unit above; the rest stays."""
    if moves.keys().isdisjoint(state) and moves.keys().isdisjoint(above):
        return state
    result: dict[str, Fraction] = {}
    for unit, share in state.items():
        going: Mapping[str, Fraction] = next((moves[code] for code in (unit, *above) if code in moves), {})
        for new, weight in going.items():
            result[new] = result.get(new, Fraction(0)) + share * weight
        rest = 1 - sum(going.values(), Fraction(0))
        if rest > 0:
            result[unit] = result.get(unit, Fraction(0)) + share * rest
    return result


def _coefficients(
    shares: Shares, above: str, units: frozenset[str], inside: Mapping[str, frozenset[str]]
) -> dict[str, Fraction] | None:
    """Coefficients of a reporter and of the reporters inside it, so that every unit counts with its share.

    All units outside the inner reporters must have one share, and all units of an inner reporter too.
    """
    own = {shares.get(unit, Fraction(0)) for unit in units.difference(*inside.values())}
    within = {code: {shares.get(unit, Fraction(0)) for unit in held} for code, held in inside.items()}
    if len(own) > 1 or any(len(found) > 1 for found in within.values()):
        return None
    everything = own.union(*within.values())
    base = next(iter(own)) if own else next(iter(everything)) if len(everything) == 1 else Fraction(0)
    coefficients = {above: base} | {code: next(iter(found)) - base for code, found in within.items()}
    return {code: value for code, value in coefficients.items() if value}
