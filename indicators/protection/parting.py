"""A release in parts that are protected each by itself: variables and years that no form ties to the others.

A form of one year ties the variables in it; so does the remainder of a share whose sides are of one year. Whatever lies in
several parts (a mean of two years, a share of last year's population, a rate per head) is taken to tell its piece of each
part: who knows all pieces knows it, so nothing that is proved part by part is given away by it. A witness of one part
leaves all others as they are, and so is a witness of the whole. The year before last and another topic then are no longer a
matter of tonight's correction, and a part of which nothing has changed keeps its decision (`entered`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import gcd, lcm

from indicators.protection.forms import Base, Linear, Sides
from indicators.protection.naming import Term, joined, terms_of
from indicators.protection.policy import Policy
from schemas.plan import Plan

Where = tuple[str, int]
"""variable, year"""
Home = frozenset[Where]


@dataclass(frozen=True, slots=True)
class Piece:
    """What a part has of a side: `side` times `factor`. `whole`: the part has all of it that is protected."""

    side: Linear
    factor: Fraction
    whole: bool


def shared(policy: Policy, plan: Plan, sides: Sequence[Sides]) -> dict[str, str]:
    """For every protected variable a name of those that forms of one year tie to it."""
    group: dict[str, str] = {}

    def first(variable: str) -> str:
        while group.setdefault(variable, variable) != variable:
            variable = group[variable]
        return variable

    for point, told in zip(plan.points, sides, strict=True):
        forms: list[Iterable[Linear]] = [(form,) for form in told.all()]
        if told.numerator and told.denominator and is_share(policy, point.owner):
            lags = {lag for form in (told.numerator, told.denominator) for _, _, lag in form}
            forms += [(told.numerator, told.denominator)] if len(lags) == 1 else []
        for together in forms:
            by_lag: dict[int, list[str]] = {}
            for variable, _, lag in (base for form in together for base in form):
                if policy.protects(variable):
                    by_lag.setdefault(lag, []).append(variable)
            for variables in by_lag.values():
                firsts = sorted(first(variable) for variable in variables)
                group.update(dict.fromkeys(firsts, firsts[0]))
    return {variable: first(variable) for variable in sorted(group)}


def is_share(policy: Policy, owner: str) -> bool:
    """Is the point's numerator a part of its denominator?"""
    return owner in policy.framework.indicators and policy.is_share(owner)


def homes(group: Mapping[str, str], present: Iterable[Where], tied: Iterable[Iterable[Where]]) -> list[Home]:
    """The parts of a release: what is there, by group and year; `tied` says what else hangs together."""
    found: dict[tuple[str, int], set[Where]] = {}
    for variable, year in present:
        found.setdefault((group.get(variable, variable), year), set()).add((variable, year))
    parts = list(found.values())
    for together in tied:
        wanted = set(together)
        touched = [part for part in parts if part & wanted]
        if len(touched) > 1:
            parts = [part for part in parts if not part & wanted] + [set().union(*touched)]
    return sorted((frozenset(part) for part in parts), key=lambda part: sorted((y, v) for v, y in part))


@dataclass
class Pieces:
    """What one part has of sides; the same side and year have the same piece, told by identity."""

    policy: Policy
    home: Home | None
    _found: dict[tuple[int, int], tuple[Linear, Piece | None]] = field(default_factory=dict)
    _guarded: dict[int, tuple[Linear, list[Base]]] = field(default_factory=dict)
    _several: dict[tuple[int, int], tuple[object, tuple[Linear, ...]]] = field(default_factory=dict)

    def of(self, side: Linear, year: int) -> Piece | None:
        """The piece of a side of a figure of the year; None where the part has nothing protected of it."""
        which = (id(side), year)
        if which not in self._found:
            self._found[which] = (side, self._piece(side, year))
        return self._found[which][1]

    def of_all(self, sides: tuple[Linear, ...], year: int) -> tuple[Linear, ...]:
        """What there is of several sides."""
        which = (id(sides), year)
        if which not in self._several:
            pieces = (self.of(side, year) for side in sides)
            self._several[which] = (sides, tuple(piece.side for piece in pieces if piece is not None))
        return self._several[which][1]

    def all_here(self, side: Linear, year: int) -> bool:
        """Has the part all of the side that is protected?"""
        found = self.of(side, year)
        return found.whole if found is not None else not self._protected(side)

    def bears(self, side: Linear, year: int) -> bool:
        """Is this the part that answers for a side which others have pieces of, too: that of its latest year?"""
        terms = self._protected(side)
        latest = min(terms, key=lambda base: (base[2], base[0])) if terms else None
        return latest is not None and (self.home is None or (latest[0], year - latest[2]) in self.home)

    def protected(self, side: Linear) -> bool:
        """Is there anything in the side that suppression protects?"""
        return bool(self._protected(side))

    def _protected(self, side: Linear) -> list[Base]:
        found = self._guarded.get(id(side))
        if found is None:
            own = [base for base, factor in side.items() if factor and self.policy.protects(base[0])]
            found = self._guarded[id(side)] = (side, own)
        return found[1]

    def _piece(self, side: Linear, year: int) -> Piece | None:
        protected = self._protected(side)
        here = [b for b in protected if self.home is None or (b[0], year - b[2]) in self.home]
        if not here:
            return None
        if len(here) == len(protected):
            return Piece(side, Fraction(1), True)
        factor = _size([side[base] for base in here])
        return Piece({base: side[base] / factor for base in here}, factor, False)


def _size(factors: Sequence[Fraction]) -> Fraction:
    """The largest number of which all factors are whole multiples."""
    scale = lcm(*(factor.denominator for factor in factors))
    return Fraction(gcd(*(int(factor * scale) for factor in factors)), scale)


def names_by_home(name: str, number: Mapping[Where, int]) -> list[str]:
    """The names of the pieces of a named form, one for each part that has any of it."""
    parts: dict[int, list[Term]] = {}
    for term in terms_of(name):
        part = number.get((term.variable, term.year))
        if part is not None:
            parts.setdefault(part, []).append(term)
    found = []
    for terms in parts.values():
        size = terms[0].factor if len({term.factor for term in terms}) == 1 else _size([t.factor for t in terms])
        found.append(joined(replace(term, factor=term.factor / size) for term in terms))
    return found
