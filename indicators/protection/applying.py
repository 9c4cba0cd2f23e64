"""Protect a computation: read its figures, choose and prove what stays hidden, and say so in tables.

`calc_hidden` (region, year, point, cause) is what the published tables leave out. `cell_protection` and the ledger stay in
the house: reasons, intervals and values of hidden cells would give them away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.alternatives import round_figures
from indicators.protection.deciding import Deciding, NotProved
from indicators.protection.decision import Decision, nothing_decided, read_decision
from indicators.protection.entered import (
    Entered,
    forget,
    number_parts,
    present,
    read_additions,
    read_before,
    tied_before,
    touch,
)
from indicators.protection.figures import tell
from indicators.protection.forms import Sides, point_sides
from indicators.protection.memory import Memory, Part
from indicators.protection.parting import Home, homes, shared
from indicators.protection.policy import Policy
from indicators.protection.reporting import Protection, Report
from indicators.protection.settled import not_said, regarded
from indicators.remembered import LARGE, give_back, without_collecting
from indicators.window import TooNarrow, Window
from schemas.framework_model import Framework
from schemas.plan import Plan

__all__ = ["NotProved", "protect_computation"]

_MANY = 100
"""Parts to decide from which on it is worth the time to give memory back first."""


def protect_computation(
    connection: duckdb.DuckDBPyConnection,
    framework: Framework,
    plan: Plan,
    earlier: pa.Table | None = None,
    sides: list[Sides] | None = None,
    memory: Memory | None = None,
    window: Window | None = None,
) -> Protection:
    """Make `calc_hidden` and `calc_cell_protection` from the figures of `calc_indicator_judged`.

    `earlier` is the ledger so far (`ledger.SCHEMA`), `sides` the linear forms of the plan where they are
    known, `memory` what the last night found. Raises NotProved when the check of the proof fails. With a `window` only the
    parts of its years are looked at: both tables are complete in the years that it makes. Raises TooNarrow.
    """
    known = ledger.empty() if earlier is None else earlier
    with without_collecting():
        run = _Protecting(connection, Policy(framework), plan, known, sides, window)
        found = run.result(Memory() if memory is None else memory)
    if run.worked_out > LARGE:
        del run
        give_back(connection)
    return found


class _Protecting:
    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        policy: Policy,
        plan: Plan,
        earlier: pa.Table,
        sides: list[Sides] | None,
        window: Window | None,
    ) -> None:
        self.connection = connection
        self.policy = policy
        self.framework = policy.framework
        self.plan = plan
        self.earlier = earlier
        self.window = window
        self.worked_out = 0  # figures of the parts that were decided anew
        self.batch = 1  # of the records of this release
        self.sides: list[Sides] = point_sides(self.framework, plan) if sides is None else sides
        self.lags = max((lag for s in self.sides for f in s.all() for _, _, lag in f), default=0)

    def result(self, memory: Memory) -> Protection:
        tell(self.connection, self.framework, self.plan, self.sides)
        places = [(point.owner, point.key) for point in self.plan.points]
        round_figures(self.connection, self.policy, self.sides, places)
        parts, touched = self._parts()
        groups = self._groups()
        entered = Entered(self.connection, self.policy, self.plan, parts, _by_year(groups))
        asked = entered.digests()
        looked_at = [number for number, part in enumerate(parts) if self._concerned(part)]
        decisions: dict[int, Decision] = {}
        for number in looked_at:
            found = self._taken(memory, asked[number])
            if found is not None:
                decisions[number] = found
        anew = [number for number in looked_at if number not in decisions]
        self._within(parts[number] for number in anew)
        questions: dict[int, tuple[bytes, ...]] = {}
        if len(anew) > _MANY:
            give_back(self.connection)  # what the figures were made of is not asked for a long while
        if anew:
            new = {n: parts[n] for n in anew}
            deciding = Deciding(self.connection, self.policy, self.plan, self.sides, touched, groups, new.values())
            decisions |= self._decided(deciding, new, memory, questions)
            del deciding
        nothing = nothing_decided(self.framework.dimension_order)
        report = Report(self.connection, self.policy, [decisions.get(n, nothing) for n in range(len(parts))], anew)
        report.hide()
        protection = report.protection(self.earlier, self.lags)
        unsettled = self._keep(protection, entered, asked, {n: decisions[n] for n in anew}, questions, memory)
        forget(self.connection)
        return replace(protection, unsettled=frozenset(year for n in unsettled for _, year in parts[n]))

    def _concerned(self, part: Home) -> bool:
        """Has the part to be looked at? Raises TooNarrow where it is one of years inside and outside of the window."""
        if self.window is None:
            return True
        inside = [year in self.window.decided for _, year in part]
        if any(inside) and not all(inside):
            raise TooNarrow("a part of the release lies in years that are looked at and in others")
        return any(inside)

    def _within(self, anew: Iterable[Home]) -> None:
        """Raises TooNarrow where a part has to be decided in which nothing can have changed: its figures may be hidden by
        parts that nobody looks at."""
        if self.window is not None and any(year not in self.window.changeable for part in anew for _, year in part):
            raise TooNarrow("what was decided of a part has been forgotten")

    def _decided(
        self, deciding: Deciding, parts: Mapping[int, Home], memory: Memory, questions: dict[int, tuple[bytes, ...]]
    ) -> dict[int, Decision]:
        """Decide parts, each with as little of the ledger as will do (see `settled`)."""
        batches = regarded(self.connection, self.lags, parts)
        decisions: dict[int, Decision] = {}
        asked = dict(batches)
        while asked:
            found: dict[int, Decision] = {}
            for years, numbers in _batches(parts, sorted(asked)):
                for number, decision in deciding.decisions(years, {n: parts[n] for n in numbers}, asked, memory):
                    found[number] = decision
                    questions[number] = memory.noted()
                    self.worked_out += decision.figures
            decisions |= found
            asked = not_said(self.connection, self.lags, found, asked)
        return decisions

    def _keep(
        self,
        protection: Protection,
        entered: Entered,
        asked: Sequence[bytes],
        anew: Mapping[int, Decision],
        questions: Mapping[int, tuple[bytes, ...]],
        memory: Memory,
    ) -> set[int]:
        """Keep what was decided tonight for the night in which the ledger has its records, too. Returns the parts of which
        that night will not find anything."""
        added = read_additions(self.connection, protection.ledger, self.batch)
        later = entered.digests("calc_added") if added else asked
        mixed = self._mixed() if added else set()
        unclear = not_said(self.connection, self.lags, anew, dict.fromkeys(anew, self.batch - 1), "calc_added")
        for number, decision in anew.items():
            if number not in unclear and number not in mixed & added:
                years = tuple(sorted({year for _, year in entered.parts[number]}))
                memory.keep_part(later[number], Part(decision.written(), questions[number], years))
        if self.window is not None:
            memory.keep_others(self.window.decided)
        return {number for number in {*anew, *added} if later[number] not in memory.parts_used}

    def _mixed(self) -> set[int]:
        """Parts of which the ledger has records that nothing will tell from those of tonight."""
        rows = self.connection.execute(
            "SELECT DISTINCT part FROM calc_record WHERE batch >= ?", [self.batch]
        ).fetchall()
        return {part for (part,) in rows}

    def _parts(self) -> tuple[list[Home], dict[tuple[int, int], tuple[int, ...]]]:
        """What is protected by itself, and in which parts each point has pieces in each year."""
        group = shared(self.policy, self.plan, self.sides)
        there = present(self.connection)
        parts = homes(group, there, ())
        number = number_parts(self.connection, self.policy, parts)
        years = None if self.window is None else self.window.decided
        self.batch = read_before(self.connection, self.earlier, years)
        tied = tied_before(self.connection, self.policy, number)
        if tied:
            parts = homes(group, there, tied)
            number = number_parts(self.connection, self.policy, parts)
            read_before(self.connection, self.earlier, years)
        return parts, touch(self.connection, self.policy, self.plan, self.sides, number)

    def _taken(self, memory: Memory, which: bytes) -> Decision | None:
        """What an earlier night decided of the same part."""
        found = memory.parts.get(which)
        try:
            decision = None if found is None else read_decision(found.text, self.framework.dimension_order)
        except (ValueError, OSError):
            return None
        if found is not None:
            memory.keep_part(which, found)
        return decision

    def _groups(self) -> dict[tuple[str, int], tuple[str, ...]]:
        """Members of every aggregate and year in which all of them are there."""
        rows = self.connection.execute(
            "SELECT aggregate, year, list(member ORDER BY member) FROM calc_member GROUP BY ALL ORDER BY ALL"
        )
        return {(aggregate, year): tuple(members) for aggregate, year, members in rows.fetchall()}


def _by_year(groups: Mapping[tuple[str, int], tuple[str, ...]]) -> dict[int, str]:
    """Who belongs to whom in each year, as text."""
    found: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for (aggregate, year), members in sorted(groups.items()):
        found.setdefault(year, []).append((aggregate, members))
    return {year: repr(own) for year, own in found.items()}


def _batches(parts: Mapping[int, Home], numbers: Sequence[int]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """The parts of the same years, which are read together."""
    found: dict[tuple[int, ...], list[int]] = {}
    for number in numbers:
        found.setdefault(tuple(sorted({year for _, year in parts[number]})), []).append(number)
    yield from sorted(found.items())
