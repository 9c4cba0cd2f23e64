"""What the protection decided, as tables: what to leave out, the house's protocol, the records of the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.decision import (
    COUNTS,
    HIDDEN,
    INCIDENTS,
    Decision,
    nothing_decided,
    protocol_schema,
    table_of,
)
from indicators.protection.entered import store
from indicators.protection.figure import PROFILE, Figure
from indicators.protection.figures import STANDARDISED, shown_sides
from indicators.protection.lattice import key_of
from indicators.protection.policy import Policy
from indicators.protection.problem import Mask, Problem, known_forms
from indicators.protection.release import Release
from indicators.protection.settled import exact
from schemas import sql
from schemas.shapes import TOTAL

PROFILE_HIDDEN = "calc_profile_protected"
"""Rows of the profile that stay in the house: region, year, measure, member."""
PRIMARY, SECONDARY, FROZEN, WITHHELD = "primary", "secondary", "frozen", "withheld"


@dataclass(frozen=True, slots=True, order=True)
class Incident:
    """A secret number that earlier releases or other publishers give away; hiding it now does not undo that."""

    region: str
    year: int
    variable: str
    members: str


@dataclass
class Protection:
    """What was decided. `ledger`: records to add; `counts`: numbers for the run report, no values; `unsettled`: years of
    parts that the next protection will decide anew even where nothing has changed, now that the ledger has these records."""

    ledger: pa.Table
    incidents: tuple[Incident, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    policy: str = ""
    unsettled: frozenset[int] = frozenset()


@dataclass
class Reporter:
    """Turns the mask of a part into a decision. `external`: forms that other publishers print."""

    release: Release
    problem: Problem
    mask: Mask
    external: set[int]
    causes: dict[int, str] = field(init=False)
    secret: set[int] = field(init=False)

    def __post_init__(self) -> None:
        self.secret = self._secret()
        targets = {target.form for target in self.problem.targets}
        self.causes = {}
        for number in sorted(self.mask.hidden):
            held = self.problem.rows[number].holds
            needed = FROZEN if self.mask.moved.isdisjoint(held) else SECONDARY
            cause = needed if targets.isdisjoint(held) else PRIMARY
            self.causes[number] = WITHHELD if cause == FROZEN and number in self.mask.withheld else cause

    def decision(self, indirect: Iterable[Figure]) -> Decision:
        """What was decided; `indirect` are figures that tell something without being a form of it."""
        rows = [(*self.release.places[number], cause) for number, cause in self.causes.items()]
        counts = {
            "figures": len(self.problem.rows),
            "targets": len(self.problem.targets),
            "lost": len(self.mask.lost),
        }
        return Decision(
            table_of(rows, HIDDEN),
            self._protocol(),
            table_of(sorted(set(self._incidents())), INCIDENTS),
            table_of(list(counts.items()), COUNTS),
            self._kept(),
            tuple((figure.place, told) for figure in indirect if (told := self._told(figure))),
        )

    def _told(self, figure: Figure) -> dict[str, Fraction]:
        """Cells that a figure tells although it is no linear form of them; nothing where it is not shown anyway."""
        if not figure.shown:
            return {}
        year = figure.place[1]
        told = self.release.layout.told_parts(figure.sides, figure.regions, year - self.release.shift)
        numbers = [self.release.number(which) for which in told]
        return {self.release.name(number): self.release.value_of(number) for number in numbers}

    def _kept(self) -> dict[str, Fraction]:
        names = ((self.release.name(n), n) for n in sorted(self.secret))
        return {name: self.release.value_of(n) for name, n in names if not name.startswith("@")}

    def _secret(self) -> set[int]:
        """What a hidden figure holds and no shown one, and every target: it does not depend on the witnesses, so that the
        next night finds the same whichever it took."""
        rows = self.problem.rows
        held = {form for number in self.mask.hidden for form in rows[number].holds}
        held -= {form for number, row in enumerate(rows) if number not in self.mask.hidden for form in row.holds}
        held |= {target.form for target in self.problem.targets} | self.problem.frozen
        return held - known_forms(self.problem, self.mask.hidden)

    def _protocol(self) -> pa.Table:
        """Every hidden form of every hidden figure: why, and in which interval the certificate leaves it."""
        targets = self.problem.targets
        numbers = {targets[n].form: n for n in reversed(range(len(targets)))}
        dims = [dimension.lower() for dimension in self.release.policy.framework.dimension_order]
        schema = protocol_schema(dims)
        columns: dict[str, list[object]] = {name: [] for name in schema.names}
        for row, cause in self.causes.items():
            region, year, indicator, key = self.release.places[row]
            members = {d.lower(): member for d, member in key_of(key)}
            for form in self.problem.rows[row].holds:
                number = numbers.get(form)
                if number is None and form not in self.secret:
                    continue
                lower, upper, required, state = self._interval(form, number)
                entry = (region, year, indicator, *(members.get(d, TOTAL) for d in dims))
                entry += (self.release.name(form), state, cause, lower, upper, required)
                for column, value in zip(columns.values(), entry, strict=True):
                    column.append(value)
        return pa.table([pa.array(c, f.type) for c, f in zip(columns.values(), schema, strict=True)], schema=schema)

    def _interval(self, form: int, number: int | None) -> tuple[float | None, float | None, float | None, str]:
        """Between which values a target may lie, how wide that has to be, and whether it is proved."""
        if number is None:
            return None, None, None, "hidden"
        target, witness = self.problem.targets[number], self.mask.certificate.get(number)
        if witness is None:
            return None, None, float(target.need), "lost"
        moved = self.problem.forms[form]
        lower, upper = (float(target.value + moved.change(moves)) for moves in (witness.down, witness.up))
        return lower, upper, float(target.need), "hidden"

    def _incidents(self) -> Iterable[tuple[str, int, str, str]]:
        for number in self.mask.lost:
            form = self.problem.targets[number].form
            if form in self.external:
                continue
            atom = int(self.problem.forms[form].atoms[0])
            block = next(b for b in self.release.blocks.blocks if b.first <= atom < b.first + b.lattice.size)
            key = self.release.name(form)
            yield block.place.lstrip("~"), block.year, block.lattice.variable, "" if key.startswith("@") else key


@dataclass
class Report:
    """The decisions of all parts together; `anew` are the numbers of those that were worked out tonight."""

    connection: duckdb.DuckDBPyConnection
    policy: Policy
    decisions: Sequence[Decision]
    anew: Sequence[int]

    def hide(self) -> None:
        """Make `calc_hidden` (region, year, indicator, key) and `calc_cell_protection`."""
        store(self.connection, "calc_reasons", self._together("hidden"))
        self.connection.execute("""
            CREATE OR REPLACE TEMP TABLE calc_hidden AS
            SELECT region, year, indicator, key FROM calc_reasons GROUP BY ALL ORDER BY ALL""")
        store(self.connection, "calc_cell_protection", self._together("protocol"))
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE {PROFILE_HIDDEN} AS
            SELECT region, year, substr(indicator, {len(PROFILE) + 1}) AS measure, coalesce(nullif(key, ''), '{TOTAL}') AS member
            FROM calc_hidden WHERE starts_with(indicator, '{PROFILE}')""")
        if self.connection.sql("FROM duckdb_tables() WHERE table_name = 'calc_published_standardised'").fetchall():
            same = " AND ".join(f"h.{name} = s.{name}" for name in ("region", "year"))
            key = sql.key_expression(self.policy.framework, "s")
            self.connection.execute(f"""
                DELETE FROM calc_published_standardised s WHERE EXISTS (
                    SELECT 1 FROM calc_hidden h WHERE {same} AND h.key = {key}
                    AND h.indicator = s.indicator || '/{STANDARDISED}')""")

    def protection(self, earlier: pa.Table, lags: int) -> Protection:
        """Records of the ledger, incidents and counts."""
        counts: Counter[str] = Counter({"figures": 0, "targets": 0, "lost": 0})
        for decision in self.decisions:
            counts.update({row["name"]: row["number"] for row in decision.counts.to_pylist()})
        causes = self.connection.execute(f"""
            SELECT cause, count(*) FROM (
                SELECT arg_min(cause, list_position(['{PRIMARY}', '{SECONDARY}', '{WITHHELD}', '{FROZEN}'], cause)) AS cause
                FROM calc_reasons GROUP BY region, year, indicator, key) GROUP BY cause ORDER BY cause""").fetchall()
        incidents = self._together("incidents").to_pylist()
        return Protection(
            ledger.additions(self.connection, earlier, self._now(lags)),
            tuple(sorted({Incident(**row) for row in incidents})),
            {**counts, **dict(causes)},
            self.policy.hash,
        )

    def _together(self, table: str) -> pa.Table:
        nothing = nothing_decided(self.policy.framework.dimension_order)
        return pa.concat_tables(getattr(decision, table) for decision in (nothing, *self.decisions))

    def _now(self, lags: int) -> pa.Table:
        """What this release tells and keeps, by name, as far as it was worked out tonight: the ledger has the rest."""
        away = {(r, y, i, k) for r, y, i, k in self.connection.execute("FROM calc_hidden").fetchall()}
        told: dict[str, Fraction] = {}
        kept: dict[str, Fraction] = {}
        for number in self.anew:
            for place, names in self.decisions[number].told:
                if place not in away:
                    told |= names
            kept |= self.decisions[number].kept
        cells, values = [*told, *kept], [*told.values(), *kept.values()]
        states = [ledger.SHOWN] * len(told) + [ledger.HIDDEN] * len(kept)
        own = pa.table(
            [pa.array(cells, pa.string()), pa.array([exact(v) for v in values], ledger.SCHEMA.field("value").type),
             pa.array(states, pa.string())],
            schema=ledger.SCHEMA,
        )  # fmt: skip
        self.connection.register("calc_own", own)
        table = self.connection.sql(f"""
            WITH shown AS (
                SELECT s.name AS cell, any_value(s.value) AS value FROM ({shown_sides(lags, self.anew)}) s
                ANTI JOIN calc_hidden h USING (region, year, indicator, key) GROUP BY s.name
            )
            SELECT cell, value, 'shown' AS state FROM shown
            UNION ALL SELECT cell, value, state FROM calc_own ANTI JOIN shown USING (cell)""").to_arrow_table()
        self.connection.unregister("calc_own")
        return table
