"""From printed figures to equations: the value of every node that is known, and relations between those that are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from indicators.audit.evidence import COUNTED, Evidence, Index
from indicators.audit.forms import Forms
from indicators.audit.profile import of_profile
from indicators.audit.relations import Relations
from indicators.audit.sides import Part, Side
from schemas.framework_model import Framework

Sides = Sequence[tuple[int, Side, np.ndarray]]
_EXACT = 1e-6


@dataclass
class Facts:
    """What one edition gives away: values of nodes by region, year and node (NaN unknown), and relations."""

    nodes: np.ndarray
    relations: Relations = field(default_factory=Relations.none)
    contradictions: int = 0

    def settle(self) -> None:
        """Solve the relations as far as one unknown at a time goes."""
        self.relations, wrong = self.relations.settled(self.nodes)
        self.contradictions += wrong


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


def facts_of(forms: Forms, index: Index, seen: Evidence, where: Places, profile: pa.Table | None = None) -> Facts:
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
    found = [*_of_units(forms, made, sides, units, where)]
    if forms.framework.confidentiality.zeros == "published":
        found += _of_blanks(forms, index, seen, units)
    found += _of_ratios(forms, index, seen, units)
    found += _of_strata(forms, index, seen, made, units & ~_moving(where, len(units)))
    found += _of_aggregates(forms, made, seen, sides, where)
    below = {(aggregate, year): own for year, aggregate, own in where.aggregates}
    found += of_profile(forms, index, below, profile)
    made.relations = Relations.joined(found)
    made.settle()
    return made


def grown(facts: Iterable[Facts], nodes: int) -> Iterator[Facts]:
    """The same facts with room for all nodes, solved as far as one unknown at a time goes."""
    for one in facts:
        room = nodes - one.nodes.shape[2]
        if room:
            one.nodes = np.concatenate([one.nodes, np.full((*one.nodes.shape[:2], room), np.nan)], axis=2)
        one.settle()
        yield one


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


def _changed(where: Places, shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape[:2], bool)
    for region, year in where.changed:
        found[region, year] = True
    return found


def _lagged(side: Side) -> bool:
    return any(lag for lag, _, _ in side.parts)


def _of_units(forms: Forms, made: Facts, sides: Sides, units: np.ndarray, where: Places) -> Iterator[Relations]:
    same = ~_changed(where, made.nodes.shape)
    for figure, side, printed in sides:
        blur = forms.blurred(side)
        if len(side.parts) < 2 and not blur:
            continue
        open_ = ~np.isnan(printed[:, :, figure]) & units[:, None]
        if not open_.any():
            continue
        open_ &= np.isnan(side_values(made.nodes, side))
        region, year = np.nonzero(open_ & same if _lagged(side) else open_)
        value = printed[region, year, figure]
        yield Relations.of_side(side, region, year, value - blur, value + blur)


def _by_figure(places: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Figures that are marked somewhere, with the regions and years."""
    for number in np.flatnonzero(places.any(axis=(0, 1))):
        region, year = np.nonzero(places[:, :, number])
        yield int(number), region, year


def _of_blanks(forms: Forms, index: Index, seen: Evidence, units: np.ndarray) -> Iterator[Relations]:
    """Where every zero is printed, a blank is at least one."""
    for number, region, year in _by_figure(seen.secret & units[:, None, None]):
        side = forms.figures[index.figures[number]].numerator
        if side is not None and side.counted:
            yield Relations.of_side(side, region, year, np.ones(len(region)), np.full(len(region), np.inf))


def _of_ratios(forms: Forms, index: Index, seen: Evidence, units: np.ndarray) -> Iterator[Relations]:
    """A value without its numerator and denominator still says how they stand to each other."""
    bare = ~np.isnan(seen.value) & np.isnan(seen.numerator) & np.isnan(seen.denominator) & units[:, None, None]
    for number, region, year in _by_figure(bare):
        figure = forms.figures[index.figures[number]]
        if figure.numerator is None or figure.denominator is None:
            continue
        ends, size = np.full(len(region), _EXACT), len(region)
        above = Relations.of_side(figure.numerator, region, year, -ends, ends, figure.multiplier)
        below = Relations.of_side(figure.denominator, region, year, -ends, ends, -seen.value[region, year, number])
        yield Relations.joined([above, below]).summed(np.tile(np.arange(size), 2), -ends, ends)


def _moving(where: Places, regions: int) -> np.ndarray:
    """Regions whose territory changed in any year."""
    return np.isin(np.arange(regions), [region for region, _ in where.changed])


def _of_strata(forms: Forms, index: Index, seen: Evidence, made: Facts, units: np.ndarray) -> Iterator[Relations]:
    """A standardised rate weighs the cases of its strata: with known bases it is an equation between them."""
    for number, region, year in _by_figure(~np.isnan(seen.standardised) & units[:, None, None]):
        strata = forms.strata.get(index.figures[number], ())
        bases = [side_values(made.nodes, one.base)[region, year] for one in strata]
        known = np.all([base > 0 for base in bases], axis=0) if strata else np.zeros(len(region), bool)
        if not known.any():
            continue
        at, size = (region[known], year[known]), int(known.sum())
        rate, ends = seen.standardised[*at, number], np.zeros(size)
        scale = forms.figures[index.figures[number]].multiplier
        parts = [
            Relations.of_side(one.cases, *at, ends, ends, scale * one.weight / base[known])
            for one, base in zip(strata, bases, strict=True)
        ]
        owner = np.tile(np.arange(size), len(parts))
        yield Relations.joined(parts).summed(owner, rate - _EXACT, rate + _EXACT)


def _of_aggregates(forms: Forms, made: Facts, seen: Evidence, sides: Sides, where: Places) -> Iterator[Relations]:
    """Sums over the members that have counts, wherever these are as many as the row says."""
    if not where.aggregates:
        return
    year, region, counts = (np.array(c) for c in zip(*((y, a, len(m)) for y, a, m in where.aggregates), strict=True))
    member = np.array([m for _, _, members in where.aggregates for m in members])
    owner = np.repeat(np.arange(len(year)), counts)
    same = np.bincount(owner, _changed(where, made.nodes.shape)[member, year[owner]], len(year)) == 0
    for figure, side, printed in sides:
        value = printed[region, year, figure]
        told = ~np.isnan(value) & (same if _lagged(side) else True)
        if not told.any():
            continue
        counted = seen.state[member, year[owner], figure] == COUNTED
        told &= np.bincount(owner[counted], minlength=len(year)) == seen.reported[region, year, figure]
        known, blur = side_values(made.nodes, side)[member, year[owner]], forms.blurred(side)
        unknown = counted & np.isnan(known) & told[owner]
        if not unknown.any():
            continue
        rest = value - np.bincount(owner, np.where(counted & ~np.isnan(known), known, 0.0), len(year))
        ends = np.zeros(np.count_nonzero(unknown))
        chosen = np.unique(owner[unknown])
        one = Relations.of_side(side, member[unknown], year[owner[unknown]], ends, ends)
        yield one.summed(np.searchsorted(chosen, owner[unknown]), rest[chosen] - blur, rest[chosen] + blur)
