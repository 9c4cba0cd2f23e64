"""What the protection decided, as tables: what to leave out, the house's protocol, the records of the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import duckdb
import pyarrow as pa

from indicators.protection import ledger
from indicators.protection.figure import PROFILE, Figure, Place
from indicators.protection.figures import STANDARDISED, named_sides
from indicators.protection.lattice import key_of
from indicators.protection.problem import Mask, Problem, known_forms
from indicators.protection.release import Release
from schemas import sql
from schemas.shapes import TOTAL

PROFILE_HIDDEN = "calc_profile_protected"
"""Rows of the profile that stay in the house: region, year, measure, member."""
PRIMARY, SECONDARY, FROZEN, WITHHELD = "primary", "secondary", "frozen", "withheld"


@dataclass(frozen=True, slots=True)
class Incident:
    """A secret number that earlier releases or other publishers give away; hiding it now does not undo that."""

    region: str
    year: int
    variable: str
    members: str


@dataclass
class Protection:
    """What was decided. `ledger`: records to add; `counts`: numbers for the run report, no values."""

    ledger: pa.Table
    incidents: tuple[Incident, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    policy: str = ""


@dataclass
class Reporter:
    """Turns a mask into tables of the connection. `external`: forms that other publishers print."""

    connection: duckdb.DuckDBPyConnection
    release: Release
    problem: Problem
    mask: Mask
    external: set[int]
    causes: dict[int, str] = field(init=False)
    needed: set[int] = field(init=False)
    parts: dict[str, Fraction] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.needed = self.mask.moved(self.problem)
        secret = {target.form for target in self.problem.targets}
        self.causes = {}
        for number in sorted(self.mask.hidden):
            held = set(self.problem.rows[number].holds)
            cause = PRIMARY if held & secret else SECONDARY if held & self.needed else FROZEN
            self.causes[number] = WITHHELD if cause == FROZEN and number in self.mask.withheld else cause

    def hide(self) -> None:
        """Make `calc_hidden` (region, year, indicator, key) and `calc_cell_protection`."""
        places = [self.release.places[number] for number in sorted(self.causes)]
        names = ("region", "year", "indicator", "key")
        kinds = (pa.string(), pa.int32(), pa.string(), pa.string())
        columns = list(zip(*places, strict=True)) or [()] * 4
        table = pa.table({n: pa.array(c, type=k) for n, c, k in zip(names, columns, kinds, strict=True)})
        self._store("calc_hidden", table)
        self._store("calc_cell_protection", self._protocol())
        self.connection.execute(f"""
            CREATE OR REPLACE TEMP TABLE {PROFILE_HIDDEN} AS
            SELECT region, year, substr(indicator, {len(PROFILE) + 1}) AS measure, coalesce(nullif(key, ''), '{TOTAL}') AS member
            FROM calc_hidden WHERE starts_with(indicator, '{PROFILE}')""")
        if self.connection.sql("FROM duckdb_tables() WHERE table_name = 'calc_published_standardised'").fetchall():
            same = " AND ".join(f"h.{name} = s.{name}" for name in ("region", "year"))
            key = sql.key_expression(self.release.policy.framework, "s")
            self.connection.execute(f"""
                DELETE FROM calc_published_standardised s WHERE EXISTS (
                    SELECT 1 FROM calc_hidden h WHERE {same} AND h.key = {key}
                    AND h.indicator = s.indicator || '/{STANDARDISED}')""")

    def tell_parts(self, figure: Figure) -> None:
        """Cells that a shown figure tells although it is no linear form of them."""
        shown = figure.shown and figure.place not in self._hidden_places()
        for number in self.release.told_parts(figure.sides, figure.regions, figure.place[1]) if shown else ():
            self.parts[self.release.forms[number].key] = self.release.value_of(number)

    def protection(self, earlier: pa.Table, lags: int) -> Protection:
        """Records of the ledger, incidents and counts."""
        targets = len(self.problem.targets)
        counts = Counter(self.causes.values())
        return Protection(
            ledger.additions(self.connection, earlier, self._now(lags)),
            tuple(self._incidents()),
            {"figures": len(self.problem.rows), "targets": targets, "lost": len(self.mask.lost), **counts},
            self.release.policy.hash,
        )

    def _store(self, name: str, table: pa.Table) -> None:
        self.connection.register("calc_stored", table)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM calc_stored")
        self.connection.unregister("calc_stored")

    def _hidden_places(self) -> set[Place]:
        if not hasattr(self, "_places"):
            self._places = {self.release.places[number] for number in self.causes}
        return self._places

    def _protocol(self) -> pa.Table:
        """Every hidden form of every hidden figure: why, and in which interval the certificate leaves it."""
        numbers = {target.form: n for n, target in enumerate(self.problem.targets)}
        dims = [dimension.lower() for dimension in self.release.policy.framework.dimension_order]
        rows = []
        for row, cause in self.causes.items():
            region, year, indicator, key = self.release.places[row]
            for form in self.problem.rows[row].holds:
                number = numbers.get(form)
                if number is None and form not in self.needed and form not in self.problem.frozen:
                    continue
                entry = {"region": region, "year": year, "indicator": indicator, **dict.fromkeys(dims, TOTAL)}
                entry |= {d.lower(): member for d, member in key_of(key) if d.lower() in dims}
                entry |= {"side": self.problem.forms[form].key, "state": "hidden", "cause": cause}
                entry |= {"lower": None, "upper": None, "required": None}
                if number is not None:
                    target, witness = self.problem.targets[number], self.mask.certificate.get(number)
                    entry["required"] = float(target.need)
                    entry["state"] = "hidden" if witness else "lost"
                    if witness is not None:
                        moved = self.problem.forms[form]
                        entry["lower"] = float(target.value + moved.change(witness.down))
                        entry["upper"] = float(target.value + moved.change(witness.up))
                rows.append(entry)
        texts = [(name, pa.string()) for name in ("indicator", *dims, "side", "state", "cause")]
        numbers_of = [(name, pa.float64()) for name in ("lower", "upper", "required")]
        schema = pa.schema([("region", pa.string()), ("year", pa.int32()), *texts, *numbers_of])
        return pa.Table.from_pylist(rows, schema=schema)

    def _now(self, lags: int) -> pa.Table:
        """What this release tells and keeps, by name."""
        known = known_forms(self.problem, self.mask.hidden)
        secret = {target.form for target in self.problem.targets}
        kept = {}
        for number in sorted((secret | self.needed | self.problem.frozen) - known):
            name = self.problem.forms[number].key
            if not name.startswith("@"):
                kept[name] = self.release.value_of(number)
        names = [*self.parts, *kept]
        values = [*self.parts.values(), *kept.values()]
        states = [ledger.SHOWN] * len(self.parts) + [ledger.HIDDEN] * len(kept)
        own = pa.table(
            [pa.array(names, pa.string()), pa.array([_decimal(v) for v in values], ledger.SCHEMA.field("value").type),
             pa.array(states, pa.string())],
            schema=ledger.SCHEMA,
        )  # fmt: skip
        self.connection.register("calc_own", own)
        table = self.connection.sql(f"""
            WITH told AS ({named_sides(self.connection, lags)}),
            shown AS (
                SELECT DISTINCT t.name AS cell, t.value FROM told t JOIN calc_point p USING (point)
                ANTI JOIN calc_hidden h ON h.region = t.region AND h.year = t.year AND h.key = p.key
                 AND h.indicator = CASE WHEN t.reason = 'standardised' THEN split_part(p.owner, '/', 1)
                     || '/standardised' ELSE p.owner END
                ANTI JOIN calc_rounded r ON r.region = t.region AND r.year = t.year AND r.key = p.key
                 AND r.indicator = split_part(p.owner, '/', 1)
                WHERE t.reason IN ('', 'standardised')
            )
            SELECT cell, any_value(value) AS value, 'shown' AS state FROM shown GROUP BY cell
            UNION ALL SELECT cell, value, state FROM calc_own ANTI JOIN shown USING (cell) ORDER BY cell""").to_arrow_table()
        self.connection.unregister("calc_own")
        return table

    def _incidents(self) -> list[Incident]:
        found = []
        for number in self.mask.lost:
            form = self.problem.targets[number].form
            if form in self.external:
                continue
            atom = int(self.problem.forms[form].atoms[0])
            block = next(b for b in self.release.blocks.blocks if b.first <= atom < b.first + b.lattice.size)
            key = self.problem.forms[form].key
            members = "" if key.startswith("@") else key
            found.append(Incident(block.place.lstrip("~"), block.year, block.lattice.variable, members))
        return sorted(set(found), key=lambda i: (i.region, i.year, i.variable, i.members))


def _decimal(value: Fraction) -> Decimal:
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(Decimal("0.00000001"))
