"""Decide of parts of a computation: read their cells and figures, choose and prove what stays hidden."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb

from indicators.protection import ledger
from indicators.protection.blocks import Blocks, read_blocks
from indicators.protection.decision import Decision, nothing_decided
from indicators.protection.delivered import Delivered, read_delivered, span_of
from indicators.protection.figure import Exact, Figure
from indicators.protection.figures import EMPTY, STANDARDISED, Told, small, told
from indicators.protection.forms import Linear, Sides
from indicators.protection.lattice import Key, key_of
from indicators.protection.layout import Layout, Signature, signature
from indicators.protection.memory import Memory
from indicators.protection.naming import terms_of
from indicators.protection.parting import Home
from indicators.protection.policy import Policy
from indicators.protection.profiles import profile_cells, profile_figures
from indicators.protection.protect import protect
from indicators.protection.release import Release
from indicators.protection.reporting import Reporter
from indicators.protection.telling import Tellings
from indicators.protection.verify import verify
from schemas.plan import Plan

DENOMINATOR_REASON = "small_denominator"
PRIMARY_REASONS = ("small_numerator", "small_remainder")


class NotProved(RuntimeError):
    """The mask and its certificate do not fit: nothing may be published."""


class _OfPoint(NamedTuple):
    """What all figures of a point have in common: what they tell, whether they are forms of it, and whether they may be
    shown. `costs`: what it costs to hide one of a region and one of several."""

    owner: str
    key: str
    forms: tuple[Linear, ...]
    linear: bool
    share: bool
    counted: bool
    visible: bool
    costs: tuple[float, float]


class Deciding:
    """`touched`: the parts in which figures of a point and year have pieces; `groups`: the members of every aggregate and
    year; `parts`: what will be decided of."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        policy: Policy,
        plan: Plan,
        sides: Sequence[Sides],
        touched: Mapping[tuple[int, int], tuple[int, ...]],
        groups: Mapping[tuple[str, int], tuple[str, ...]],
        parts: Collection[Home],
    ) -> None:
        self.connection = connection
        self.policy = policy
        self.framework = policy.framework
        self.plan = plan
        self.sides = sides
        self.touched = touched
        self.groups = groups
        self.keys = self._keys()
        self.withheld = self._secret_ranks()
        self.small = self._small()
        self.delivered = self._delivered([part for part in parts if span_of(part) is not None], apart=True)
        self._alike: dict[Signature, Tellings] = {}
        self._former: dict[Signature, Tellings] = {}
        self._strata: dict[tuple[int, ...], tuple[Linear, ...]] = {}
        self._spoken: dict[int, _OfPoint] = {}
        self._shown = frozenset(("", *PRIMARY_REASONS))
        few = self.framework.head.confidentiality.min_denominator_rate - 1
        self._limits = {DENOMINATOR_REASON: few, EMPTY: 0}
        self._indirect = {
            number
            for number, own in enumerate(sides)
            if own.parts or any(len({lag for _, _, lag in form}) > 1 for form in own.all())
        }

    def decisions(
        self, years: Sequence[int], parts: Mapping[int, Home], batches: Mapping[int, int], memory: Memory
    ) -> Iterator[tuple[int, Decision]]:
        """Decisions of parts that have the same years, by number; `batches`: up to which batch each regards the ledger.
        Raises NotProved when the check of a proof fails."""
        self._former, self._alike = self._alike, {}  # what no part of the last years had alike is given up
        delivered = self.delivered if len(years) == 1 else self._delivered(parts.values(), apart=False)
        shown, hidden = ledger.told_before(self.connection, {number: batches[number] for number in parts})
        found: dict[int, tuple[Blocks, set[tuple[str, int]]]] = {}
        for number, part in parts.items():
            blocks = read_blocks(self.policy, delivered, {v for v, _ in part} & self.keys.keys(), home=part)
            found[number] = blocks, self._active(blocks, part, hidden[number])
        busy = [number for number, (_, active) in found.items() if active]
        figures = self._figures(busy)
        for number, part in parts.items():
            blocks, active = found.pop(number)
            if not active:
                yield number, nothing_decided(self.framework.dimension_order)
                continue
            tellings, shift = self._tellings(blocks, part)
            layout = tellings.layout
            release = Release(blocks=blocks, active=active, layout=layout, shift=shift, tellings=tellings)
            yield number, self._decision(release, figures.pop(number), shown[number], hidden[number], memory)

    def _decision(
        self,
        release: Release,
        figures: Sequence[tuple[Figure, bool]],
        shown: Sequence[tuple[str, Exact]],
        hidden: Sequence[str],
        memory: Memory,
    ) -> Decision:
        release.add([*(figure for figure, _ in figures), *profile_figures(release, self.groups)])
        release.add_tables()
        release.add_known(shown)
        external = release.add_external()
        release.add_frozen(hidden)
        problem = release.problem()
        mask = protect(problem, memory=memory)
        faults = verify(problem, mask)
        if faults:
            raise NotProved("; ".join(faults[:5]))
        return Reporter(release, problem, mask, external).decision(figure for figure, indirect in figures if indirect)

    def _tellings(self, blocks: Blocks, part: Home) -> tuple[Tellings, int]:
        """The forms that parts of the last years with the same tables have found, and by how many years this one is later."""
        first = min(year for _, year in part)
        which = signature(blocks, part, first)
        found = self._alike.get(which) or self._former.get(which)
        self._alike[which] = found = found or Tellings(Layout(self.policy, blocks, part, first))
        return found, first - found.layout.first

    def _delivered(self, parts: Collection[Home], *, apart: bool) -> Delivered:
        """The tables of some parts, each year by itself or all together."""
        keys = {variable: self.keys[variable] for part in parts for variable, _ in part if variable in self.keys}
        years = {year for part in parts for _, year in part}
        return read_delivered(self.connection, self.policy, keys, self.withheld, years, apart=apart)

    # --- what is looked at ---------------------------------------------------------------------------------------------

    def _keys(self) -> dict[str, set[Key]]:
        """What may be published of each protected variable: the cells that figures and profiles tell."""
        found: dict[str, set[Key]] = {}
        for sides in self.sides:
            for form in sides.all():
                for variable, key, _ in form:
                    found.setdefault(variable, set()).add(key_of(key))
        for variable, key in profile_cells(self.framework):
            found.setdefault(variable, set()).add(key_of(key))
        return {variable: keys for variable, keys in found.items() if self.policy.protects(variable)}

    def _secret_ranks(self) -> set[int]:
        """Ranks of the statuses under which a supplier withholds a number."""
        free = self.framework.statuses["ok"].conf_status
        return {s.rank for s in self.framework.statuses.values() if not s.has_value and s.conf_status != free}

    def _small(self) -> set[tuple[str, int]]:
        """Variables and years of figures that are small, or of which a part or the rest is."""
        rows = self.connection.execute(f"SELECT DISTINCT year, point FROM calc_told o WHERE {small('o', self.policy)}")
        found = set()
        for year, point in rows.fetchall():
            for form in self.sides[point].all():
                found |= {(v, year - lag) for v, _, lag in form if self.policy.protects(v)}
        return found

    def _active(self, blocks: Blocks, part: Home, hidden: Iterable[str]) -> set[tuple[str, int]]:
        """Variables and years of a part in which anything small may come to light, or was hidden before: that stays hidden
        when it is corrected to a large number."""
        found = blocks.small(self.policy) | (self.small & part)
        found |= {(term.variable, term.year) for name in hidden for term in terms_of(name)} & part
        return {(v, year) for v, year in found if year >= self.policy.rules.history_start}

    def _figures(self, parts: Collection[int]) -> dict[int, list[tuple[Figure, bool]]]:
        """The figures with pieces in each part, and whether they tell what they are no form of; the strata of a standardised
        rate are one figure."""
        found: dict[int, list[tuple[Figure, bool]]] = {number: [] for number in parts}
        strata: dict[tuple[str, int, str, str], list[Told]] = {}
        concerned: dict[tuple[str, int, str, str], set[int]] = {}
        for row in told(self.connection, touching=sorted(parts)) if parts else ():
            own = [number for number in self.touched[row.point, row.year] if number in found]
            if row.reason == STANDARDISED:
                owner = self.plan.points[row.point].owner.split("/")[0]
                place = (row.region, row.year, owner, self.plan.points[row.point].key)
                strata.setdefault(place, []).append(row)
                concerned.setdefault(place, set()).update(own)
                continue
            figure = self._figure(row), row.point in self._indirect
            for number in own:
                found[number].append(figure)
        for place, rows in sorted(strata.items()):
            figure = self._stratified(place, rows), False
            for number in concerned[place]:
                found[number].append(figure)
        return found

    def _figure(self, row: Told) -> Figure:
        spoken = self._spoken.get(row.point)
        if spoken is None:
            spoken = self._spoken[row.point] = self._of_point(row.point)
        values = (row.numerator, row.denominator)[: len(spoken.forms)] if spoken.linear else (None,) * len(spoken.forms)
        return Figure(
            (row.region, row.year, spoken.owner, spoken.key),
            row.members,
            spoken.forms,
            values,
            spoken.share,
            spoken.counted,
            row.reason in self._shown and spoken.visible,
            spoken.costs[len(row.members) > 1],
            self._limits.get(row.reason),
        )

    def _of_point(self, number: int) -> _OfPoint:
        point, sides = self.plan.points[number], self.sides[number]
        linear = sides.numerator is not None and sides.denominator is not None
        quotient = linear and bool(sides.denominator)
        forms: tuple[Linear, ...] = sides.parts
        if sides.numerator is not None and sides.denominator is not None:
            forms = (sides.numerator, sides.denominator) if quotient else (sides.numerator,)
        return _OfPoint(
            point.owner,
            point.key,
            forms,
            linear,
            share=quotient and self.policy.is_share(point.owner),
            counted=linear and not self.policy.is_index(point.owner),
            visible=linear or self.policy.rules.index_rule == "parts",
            costs=self._costs(point.owner, point.key),
        )

    def _stratified(self, place: tuple[str, int, str, str], rows: list[Told]) -> Figure:
        own = [f for row in rows for f in (self.sides[row.point].numerator, self.sides[row.point].denominator) if f]
        forms = self._strata.setdefault(tuple(map(id, own)), tuple(own))  # sides are told by identity
        values: list[Exact | None] = [v for row in rows for v in (row.numerator, row.denominator)]
        region, year, owner, key = place
        return Figure(
            (region, year, f"{owner}/{STANDARDISED}", key),
            rows[0].members,
            forms,
            tuple(values),
            share=False,
            counted=True,
            shown=True,
            cost=self._costs(owner, key)[len(rows[0].members) > 1],
        )

    def _costs(self, indicator: str, key: str) -> tuple[float, float]:
        depth = len(key_of(key))
        return self.policy.cost(indicator, depth, aggregate=False), self.policy.cost(indicator, depth, aggregate=True)
