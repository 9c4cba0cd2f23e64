"""Protect a computation: read its figures, choose and prove what stays hidden, and say so in tables.

`calc_hidden` (region, year, point, cause) is what the published tables leave out. `cell_protection` and the ledger stay in
the house: reasons, intervals and values of hidden cells would give them away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.alternatives import round_figures
from indicators.protection.blocks import Blocks, read_blocks
from indicators.protection.figure import Exact, Figure
from indicators.protection.figures import EMPTY, STANDARDISED, Told, tell, told
from indicators.protection.forms import Linear, Sides, point_sides
from indicators.protection.lattice import Key, key_of
from indicators.protection.memory import Memory
from indicators.protection.policy import Policy
from indicators.protection.profiles import profile_cells, profile_figures
from indicators.protection.protect import protect
from indicators.protection.release import Release
from indicators.protection.reporting import Protection, Reporter
from indicators.protection.verify import verify
from indicators.remembered import give_back, without_collecting
from schemas.framework_model import Framework
from schemas.plan import Plan

DENOMINATOR_REASON = "small_denominator"
_LARGE = 50_000
"""Figures from which on it is worth the time to give memory back at once."""
PRIMARY_REASONS = ("small_numerator", "small_remainder")


class NotProved(RuntimeError):
    """The mask and its certificate do not fit: nothing may be published."""


def protect_computation(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    plan: Plan,
    earlier: pa.Table | None = None,
    sides: list[Sides] | None = None,
    memory: Memory | None = None,
) -> Protection:
    """Make `calc_hidden` and `calc_cell_protection` from the figures of `calc_indicator_judged`.

    `earlier` is the ledger so far (`ledger.SCHEMA`), `sides` the linear forms of the plan where they are
    known, `memory` what the last night found. Raises NotProved when the check of the proof fails.
    """
    with without_collecting():
        run = _Protecting(connection, Policy(framework), plan, ledger.empty() if earlier is None else earlier, sides)
        found = run.result(memory)
    del run
    if found.counts["figures"] > _LARGE:
        give_back()
    return found


class _Protecting:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        policy: Policy,
        plan: Plan,
        earlier: pa.Table,
        sides: list[Sides] | None,
    ) -> None:
        self.connection = connection
        self.policy = policy
        self.framework = policy.framework
        self.plan = plan
        self.earlier = earlier
        self.sides: list[Sides] = point_sides(self.framework, plan) if sides is None else sides
        self.external: set[int] = set()
        self._costs: dict[tuple[str, str, bool], float] = {}

    def result(self, memory: Memory | None) -> Protection:
        tell(self.connection, self.framework, self.plan, self.sides)
        places = [(point.owner, point.key) for point in self.plan.points]
        round_figures(self.connection, self.policy, self.sides, places)
        blocks = read_blocks(self.connection, self.policy, self._keys(), self._secret_ranks())
        active = self._active(blocks)
        release = Release(policy=self.policy, blocks=blocks, active=active)
        wanted = {v for v, _ in active}
        points = [n for n, s in enumerate(self.sides) if any(v in wanted for f in s.all() for v, _, _ in f)]
        for figure in self._figures(points, active):
            release.add(figure)
        for figure in profile_figures(release, self._groups()):
            release.add(figure)
        release.add_tables()
        shown, hidden = ledger.told_before(self.connection, self.earlier, active)
        release.add_known(shown)
        self.external = release.add_external()
        release.add_frozen(hidden)
        problem = release.problem()
        release.forget()
        mask = protect(problem, memory=memory)
        faults = verify(problem, mask)
        if faults:
            raise NotProved("; ".join(faults[:5]))
        reporter = Reporter(self.connection, release, problem, mask, self.external)
        reporter.hide()
        nonlinear = [n for n, sides in enumerate(self.sides) if sides.parts]
        for figure in (self._figure(row, self.sides[row.point]) for row in told(self.connection, nonlinear)):
            reporter.tell_parts(figure)
        return reporter.protection(
            self.earlier, max((lag for s in self.sides for f in s.all() for _, _, lag in f), default=0)
        )

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

    def _active(self, blocks: Blocks) -> set[tuple[str, int]]:
        """Variables and years in which anything small may come to light."""
        found = blocks.small(self.policy)
        dearest = max((self.policy.threshold(v) for v in self.framework.variables), default=0)
        rows = self.connection.execute(
            "SELECT DISTINCT year, point FROM calc_told WHERE (numerator >= 0 AND numerator < $most)"
            " OR (denominator - numerator >= 0 AND denominator - numerator < $most)"
            " OR (denominator > 0 AND denominator < $most)",
            {"most": dearest},
        )
        for year, point in rows.fetchall():
            for form in self.sides[point].all():
                found |= {(v, year - lag) for v, _, lag in form if self.policy.protects(v)}
        return {(v, year) for v, year in found if year >= self.policy.rules.history_start}

    def _groups(self) -> dict[tuple[str, int], tuple[str, ...]]:
        """Members of every aggregate and year in which all of them are there."""
        rows = self.connection.execute(
            "SELECT aggregate, year, list(member ORDER BY member) FROM calc_member GROUP BY ALL ORDER BY ALL"
        )
        return {(aggregate, year): tuple(members) for aggregate, year, members in rows.fetchall()}

    def _figures(self, points: Sequence[int], active: set[tuple[str, int]]) -> Iterator[Figure]:
        """Figures that touch what is active; the strata of a standardised rate are one figure."""
        strata: dict[tuple[str, int, str, str], list[Told]] = {}
        touched: dict[tuple[int, int], bool] = {}
        for row in told(self.connection, points):
            sides = self.sides[row.point]
            which = (row.point, row.year)
            if which not in touched:
                touched[which] = any((v, row.year - lag) in active for form in sides.all() for v, _, lag in form)
            if not touched[which]:
                continue
            if row.reason == STANDARDISED:
                owner = self.plan.points[row.point].owner.split("/")[0]
                strata.setdefault((row.region, row.year, owner, self.plan.points[row.point].key), []).append(row)
            else:
                yield self._figure(row, sides)
        for place, rows in sorted(strata.items()):
            yield self._stratified(place, rows)

    def _figure(self, row: Told, sides: Sides) -> Figure:
        point = self.plan.points[row.point]
        linear = sides.numerator is not None and sides.denominator is not None
        quotient = linear and bool(sides.denominator)
        limit = self.framework.head.confidentiality.min_denominator_rate - 1
        forms: tuple[Linear, ...] = sides.parts
        values: tuple[Exact | None, ...] = (None,) * len(forms)
        if sides.numerator is not None and sides.denominator is not None:
            forms = (sides.numerator, sides.denominator) if quotient else (sides.numerator,)
            values = (row.numerator, row.denominator)[: len(forms)]
        shown = row.reason in ("", *PRIMARY_REASONS) and (linear or self.policy.rules.index_rule == "parts")
        return Figure(
            (row.region, row.year, point.owner, point.key),
            row.members,
            forms,
            values,
            share=quotient and self.policy.is_share(point.owner),
            counted=linear and not self.policy.is_index(point.owner),
            shown=shown,
            cost=self._cost(point.owner, point.key, row.members),
            limit={DENOMINATOR_REASON: limit, EMPTY: 0}.get(row.reason),
        )

    def _stratified(self, place: tuple[str, int, str, str], rows: list[Told]) -> Figure:
        forms = [f for row in rows for f in (self.sides[row.point].numerator, self.sides[row.point].denominator) if f]
        values: list[Exact | None] = [v for row in rows for v in (row.numerator, row.denominator)]
        region, year, owner, key = place
        return Figure(
            (region, year, f"{owner}/{STANDARDISED}", key),
            rows[0].members,
            tuple(forms),
            tuple(values),
            share=False,
            counted=True,
            shown=True,
            cost=self._cost(owner, key, rows[0].members),
        )

    def _cost(self, indicator: str, key: str, members: tuple[str, ...]) -> float:
        which = (indicator, key, len(members) > 1)
        if which not in self._costs:
            self._costs[which] = self.policy.cost(indicator, len(key_of(key)), len(members) > 1)
        return self._costs[which]
