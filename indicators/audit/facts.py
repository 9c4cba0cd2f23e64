"""From printed figures to equations: the value of every node that is known, and relations between those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from indicators.audit.evidence import COUNTED, Evidence, Index, ProfileRow
from indicators.audit.forms import Forms, Part, Side
from schemas.framework_model import Framework

NodeTerm = tuple[float, int, int, int]
"""Coefficient, region, year, node."""
_EXACT = 1e-6


@dataclass(frozen=True, slots=True)
class Relation:
    """low <= sum of terms <= high."""

    terms: tuple[NodeTerm, ...]
    low: float
    high: float


@dataclass
class Facts:
    """What one edition gives away: values of nodes by region, year and node (NaN unknown), and relations."""

    nodes: np.ndarray
    relations: list[Relation] = field(default_factory=list)
    contradictions: int = 0


@dataclass(frozen=True)
class Places:
    """Aggregates by year as numbers: (year, aggregate, members), and where a look back crosses a change of territory."""

    aggregates: tuple[tuple[int, int, tuple[int, ...]], ...]
    changed: frozenset[tuple[int, int]]


def places(framework: Framework, index: Index) -> Places:
    """The territory in the numbers of the index."""
    territory = framework.territory
    rows = []
    for year, number in index.year.items():
        for aggregate in territory.aggregates(year):
            if aggregate.code in index.region:
                members = tuple(index.region[member] for member in aggregate.members)
                rows.append((number, index.region[aggregate.code], members))
    changed = set()
    for change in territory.changes():
        codes = {change.old_code, change.new_code}
        codes |= {above for code in codes for above in territory.ancestors(code, change.day)}
        codes |= {code[:5] for code in codes}
        changed |= {
            (index.region[code], index.year[change.day.year])
            for code in codes
            if code in index.region and change.day.year in index.year
        }
    return Places(tuple(rows), frozenset(changed))


def facts_of(forms: Forms, index: Index, seen: Evidence, where: Places, profile: Iterable[ProfileRow] = ()) -> Facts:
    """Equations of an edition, solved as far as one unknown at a time goes."""
    made = Facts(np.full((len(index.regions), len(index.years), len(forms.nodes)), np.nan))
    sides = [
        (number, side, printed)
        for number, key in enumerate(index.figures)
        for side, printed in (
            (forms.figures[key].numerator, seen.numerator),
            (forms.figures[key].denominator, seen.denominator),
        )
        if side is not None
    ]
    aggregates = {aggregate for _, aggregate, _ in where.aggregates}
    units = np.array([number not in aggregates for number in range(len(index.regions))], bool)
    for year, aggregate, members in where.aggregates:
        if len(members) == 1:  # another name for the same region
            for printed in (seen.numerator, seen.denominator):
                own = printed[members[0], year]
                printed[members[0], year] = np.where(np.isnan(own), printed[aggregate, year], own)
    for figure, side, printed in sides:
        if len(side.parts) == 1 and not forms.blurred(side):
            _settle(made.nodes, side.parts[0], printed[:, :, figure], units, where)
    made.relations += _of_units(forms, made, sides, units, where)
    if forms.framework.confidentiality.zeros == "published":
        made.relations += _of_blanks(forms, index, seen, units)
    made.relations += _of_ratios(forms, index, seen, units)
    made.relations += _of_aggregates(forms, made, seen, sides, where)
    made.relations += _of_profile(forms, index, where, profile)
    settle_relations(made)
    return made


def _settle(nodes: np.ndarray, part: Part, printed: np.ndarray, units: np.ndarray, where: Places) -> None:
    lag, node, coefficient = part
    value = np.where(units[:, None], printed, np.nan) / coefficient
    if lag:
        for region, year in where.changed:
            value[region, year] = np.nan
        value = np.concatenate([value[:, lag:], np.full((len(value), lag), np.nan)], axis=1)
    nodes[:, :, node] = np.where(np.isnan(nodes[:, :, node]), value, nodes[:, :, node])


def side_values(nodes: np.ndarray, side: Side) -> np.ndarray:
    """Value of a side by region and year, NaN where a node is unknown."""
    total = np.zeros(nodes.shape[:2])
    for lag, node, coefficient in side.parts:
        own = nodes[:, :, node]
        if lag:
            own = np.concatenate([np.full((len(own), lag), np.nan), own[:, :-lag]], axis=1)
        total = total + coefficient * own
    return total


def _terms(side: Side, region: int, year: int, factor: float = 1.0) -> Iterator[NodeTerm]:
    for lag, node, coefficient in side.parts:
        yield factor * coefficient, region, year - lag, node


Sides = Sequence[tuple[int, Side, np.ndarray]]


def _of_units(forms: Forms, made: Facts, sides: Sides, units: np.ndarray, where: Places) -> Iterator[Relation]:
    for figure, side, printed in sides:
        blur = forms.blurred(side)
        if len(side.parts) < 2 and not blur:
            continue
        lagged = any(lag for lag, _, _ in side.parts)
        open_places = ~np.isnan(printed[:, :, figure]) & np.isnan(side_values(made.nodes, side)) & units[:, None]
        for region, year in zip(*np.nonzero(open_places), strict=True):
            if not (lagged and (region, year) in where.changed):
                value = float(printed[region, year, figure])
                yield Relation(tuple(_terms(side, int(region), int(year))), value - blur, value + blur)


def _of_blanks(forms: Forms, index: Index, seen: Evidence, units: np.ndarray) -> Iterator[Relation]:
    """Where every zero is printed, a blank is at least one."""
    for region, year, number in zip(*np.nonzero(seen.secret & units[:, None, None]), strict=True):
        side = forms.figures[index.figures[number]].numerator
        if side is not None and side.counted:
            yield Relation(tuple(_terms(side, int(region), int(year))), 1.0, np.inf)


def _of_ratios(forms: Forms, index: Index, seen: Evidence, units: np.ndarray) -> Iterator[Relation]:
    """A value without its numerator and denominator still says how they stand to each other."""
    bare = ~np.isnan(seen.value) & np.isnan(seen.numerator) & np.isnan(seen.denominator) & units[:, None, None]
    for region, year, number in zip(*np.nonzero(bare), strict=True):
        figure = forms.figures[index.figures[number]]
        if figure.numerator is None or figure.denominator is None:
            continue
        value = float(seen.value[region, year, number])
        above = _terms(figure.numerator, int(region), int(year), figure.multiplier)
        below = _terms(figure.denominator, int(region), int(year), -value)
        yield Relation((*above, *below), -_EXACT, _EXACT)


def _of_aggregates(forms: Forms, made: Facts, seen: Evidence, sides: Sides, where: Places) -> Iterator[Relation]:
    """Sums over the members that have counts, wherever these are as many as the row says."""
    for figure, side, printed in sides:
        known, blur = side_values(made.nodes, side), forms.blurred(side)
        lagged = any(lag for lag, _, _ in side.parts)
        for year, aggregate, members in where.aggregates:
            value = printed[aggregate, year, figure]
            if np.isnan(value) or (lagged and any((member, year) in where.changed for member in members)):
                continue
            counted = [m for m in members if seen.state[m, year, figure] == COUNTED]
            if len(counted) != seen.reported[aggregate, year, figure]:
                continue
            unknown = [m for m in counted if np.isnan(known[m, year])]
            if unknown:
                rest = float(value) - sum(float(known[m, year]) for m in counted if m not in unknown)
                terms = tuple(term for m in unknown for term in _terms(side, m, year))
                yield Relation(terms, rest - blur, rest + blur)


def _of_profile(forms: Forms, index: Index, where: Places, profile: Iterable[ProfileRow]) -> Iterator[Relation]:
    members = {(aggregate, year): found for year, aggregate, found in where.aggregates}
    for code, calendar_year, variable, cells, count in profile:
        if code not in index.region or calendar_year not in index.year or not forms.tracked(variable):
            continue
        region, year = index.region[code], index.year[calendar_year]
        nodes = [forms.node(variable, cell) for cell in cells]
        terms = ((1.0, m, year, node) for m in members.get((region, year), (region,)) for node in nodes)
        blur = forms.spread(variable)
        yield Relation(tuple(terms), count - blur, count + blur)


def settle_relations(made: Facts) -> None:
    """Take known nodes out of the relations; one that has a single unknown node left settles it."""
    changed = True
    while changed:
        changed = False
        left = []
        for relation in made.relations:
            rest, known = [], 0.0
            for term in relation.terms:
                value = made.nodes[term[1], term[2], term[3]]
                if np.isnan(value):
                    rest.append(term)
                else:
                    known += term[0] * float(value)
            low, high = relation.low - known, relation.high - known
            if len(rest) == 1 and high - low < _EXACT:
                coefficient, region, year, node = rest[0]
                made.nodes[region, year, node] = low / coefficient
                changed = True
            elif rest:
                left.append(Relation(tuple(rest), low, high))
            elif low > _EXACT * max(1, abs(known)) or high < -_EXACT * max(1, abs(known)):
                made.contradictions += 1
        made.relations = left
