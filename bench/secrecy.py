"""How well small numbers are kept, and what that costs: `python -m bench.secrecy [--years N] [--only state|municipalities]`.

Two generated worlds. State scale: all reporting units of the framework, every table, some years; each unit takes the
sample world's cells under another seed, and a Kreis holds its reporting towns. Municipalities: every municipality and its
Kreis as the sum, one table by group and sex with many small cells. The release is made as in a night run; then the
attacker of the audit tries to recover what is hidden, and once more what hiding small numbers alone would leave.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from flows.demo.running import WORLD
from flows.demo.world import World, load_world
from indicators.audit.audit import AuditReport, audit
from indicators.audit.targets import Truth
from indicators.compute import Results, compute
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import TOTAL
from schemas.territory import GEMEINDE, reference_day

LAST = 2024
HIDDEN = "secret"
TABLE = ("ARB-05", "UNEMP_LT", "UNEMP")
"""An indicator of two breakdowns with the variables of its numerator and denominator."""
Cells = dict[tuple[str, str], Decimal]


@dataclass(frozen=True)
class Kept:
    """A release and what the attacker made of it. `seconds` of the processor: release, attack."""

    figures: int
    hidden: int
    seconds: dict[str, float]
    report: AuditReport

    @property
    def facts(self) -> dict[str, Any]:
        """As plain numbers: figures, how many of them are hidden, attacked, recovered, too narrow, beyond proof."""
        found = self.report
        counts = {"attacked": found.judged, "recovered": found.recovered, "narrow": found.leaks - found.recovered}
        return {
            "figures": self.figures,
            "hidden": self.hidden,
            **counts,
            "beyond": found.beyond,
            "seconds": self.seconds,
        }

    def line(self, name: str, primary_only: AuditReport) -> str:
        """One row of the table."""
        facts, share = self.facts, 100 * self.hidden / max(1, self.figures)
        return (
            f"{name:<34} {self.figures:>8,} {share:>6.1f}% {facts['attacked']:>8,} {facts['recovered']:>9}"
            f" {facts['narrow']:>6} {facts['beyond']:>7} {primary_only.recovered:>13,}"
            f" {self.seconds['release']:>9.1f} {self.seconds['attack']:>9.1f}"
        )


HEAD = (
    f"{'world':<34} {'figures':>8} {'hidden':>7} {'attacked':>8} {'recovered':>9} {'narrow':>6} {'beyond':>7}"
    f" {'unprotected':>13} {'release s':>9} {'attack s':>9}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when something was recovered or is too narrow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=15)
    parser.add_argument("--only", choices=("state", "municipalities"))
    options = parser.parse_args(arguments)
    framework = load_framework()
    print(f"{HEAD}  (CPU seconds; unprotected: recovered when only small numbers are hidden)", flush=True)
    worst = 0
    if options.only != "state":
        worst += _shown(framework, "municipalities, 1 table", municipalities(framework), [TABLE[0]])
    if options.only != "municipalities":
        rows = state(framework, options.years)
        worst += _shown(framework, f"state, all tables, {options.years} years", rows, None)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 1 if worst else 0


def _shown(framework: Framework, name: str, observations: pa.Table, codes: list[str] | None) -> int:
    kept, results, truth = _released(framework, name, observations, codes)
    bare = audit(framework, [{"indicator_published": primary_only(framework, results)}], truth)
    print(kept.line(name, bare), flush=True)
    return kept.report.leaks


def kept_secret(framework: Framework, years: int) -> Kept:
    """The release of the whole state over so many years, and the attack on it; without years that of the municipalities."""
    observations = state(framework, years) if years else municipalities(framework)
    return _released(framework, "release", observations, None if years else [TABLE[0]])[0]


def _released(
    framework: Framework, name: str, observations: pa.Table, codes: list[str] | None
) -> tuple[Kept, Results, Truth]:
    started = time.process_time()
    with duckdb.connect(":memory:") as connection:
        connection.register("observation", observations)
        results = compute(connection, framework, "observation", codes=codes)
    computed = time.process_time()
    print(f"{name}: release made in {computed - started:.0f} CPU s, attacking", file=sys.stderr, flush=True)
    truth = Truth(results.values, observations)
    report = audit(framework, [results.tables], truth)
    seconds = {"release": computed - started, "attack": time.process_time() - computed}
    hidden = pc.sum(pc.equal(results.published.column("status"), HIDDEN)).as_py() or 0
    figures = hidden + results.published.num_rows - results.published.column("value").null_count
    return Kept(figures, hidden, seconds, report), results, truth


def primary_only(framework: Framework, results: Results) -> pa.Table:
    """The release as it would be with small numbers hidden one by one."""
    limit = framework.head.confidentiality.suppress_counts_below
    small = " OR ".join(f"{number} BETWEEN 1 AND {limit - 1}" for number in ("n", "d", "d - n"))
    numbers = ("value", "numerator", "denominator")
    shown = ", ".join(f"CASE WHEN small THEN NULL ELSE {name} END AS {name}" for name in numbers)
    with duckdb.connect(":memory:") as connection:
        connection.register("given", results.values)
        return connection.sql(f"""
            SELECT * EXCLUDE (value, numerator, denominator, status, small, n, d, lower, upper, cases), {shown},
                   CASE WHEN small THEN '{HIDDEN}' ELSE status END AS status
            FROM (SELECT *, coalesce({small}, false) AS small
                  FROM (SELECT *, numerator AS n, denominator AS d FROM given))""").to_arrow_table()


# --- worlds -------------------------------------------------------------------------------------------------------------


def state(framework: Framework, years: int) -> pa.Table:
    """Every reporting unit in every year; a unit borrows the cells of a sample region of its level under its own seed."""
    world = load_world(WORLD, framework)
    rows: list[dict[str, Any]] = []
    for year in range(LAST - years + 1, LAST + 1):
        day = reference_day(year)
        units = framework.territory.reporters(day)
        made: dict[str, Cells] = {}
        for number, unit in enumerate(units):
            made[unit] = _borrowed(world, framework, unit, number, year)
        for unit in units:
            for above in framework.territory.ancestors(unit, day):
                if above in made:
                    for key, value in made[unit].items():
                        if key in made[above]:
                            made[above][key] += value
        for unit, cells in made.items():
            rows += _rows(framework, unit, year, cells)
    return _table(framework, rows)


def _borrowed(world: World, framework: Framework, unit: str, number: int, year: int) -> Cells:
    level = framework.territory.unit(unit).level
    models = [region for region in world.regions if framework.territory.unit(region).level == level] or world.regions
    block, place = divmod(LAST - year, len(world.years))
    seeded = replace(world, description=world.description.model_copy(update={"seed": f"{unit}-{block}"}), _grids={})
    values = seeded.values(models[number % len(models)], world.years[-1 - place])
    return {key: Decimal(str(value)) for key, value in values.items() if value is not None}


def municipalities(framework: Framework) -> pa.Table:
    """Every municipality with its Kreis as the sum: counts that fall with the population, many of them small."""
    chance = random.Random(421)
    day = reference_day(LAST)
    totals: dict[str, Cells] = {}
    rows: list[dict[str, Any]] = []
    for unit in framework.territory.valid_units(day):
        if unit.level != GEMEINDE or not unit.population_2022:
            continue
        cells: Cells = {}
        for members, weight in _split(chance):
            people = chance.gauss(unit.population_2022 * 0.012 * weight, 1)
            base = max(0, round(people))
            cells[TABLE[2], members] = Decimal(base)
            cells[TABLE[1], members] = Decimal(min(base, max(0, round(chance.gauss(base * 0.2, 1)))))
        rows += _rows(framework, unit.code, LAST, cells)
        above = totals.setdefault(unit.parent or "", {})
        for key, value in cells.items():
            above[key] = above.get(key, Decimal(0)) + value
    for kreis, cells in totals.items():
        rows += _rows(framework, kreis, LAST, cells)
    return _table(framework, rows)


def _split(chance: random.Random) -> Iterator[tuple[str, float]]:
    for group, share in (("D", 0.6), ("A", 0.4)):
        for sex, half in (("M", 0.55), ("W", 0.45)):
            yield f"GRP={group},SEX={sex}", share * half * chance.uniform(0.5, 1.5)


def _rows(framework: Framework, region: str, year: int, cells: Cells) -> Iterator[dict[str, Any]]:
    names = [dimension.lower() for dimension in framework.dimension_order]
    for (variable, key), value in cells.items():
        members = dict(pair.split("=") for pair in key.split(",") if pair)
        place = {name: members.get(name.upper(), TOTAL) for name in names}
        yield {"region": region, "year": year, "variable": variable, **place, "value": value, "status": "ok"}


def _table(framework: Framework, rows: list[dict[str, Any]]) -> pa.Table:
    dims = [(dimension.lower(), pa.string()) for dimension in framework.dimension_order]
    keys = [("region", pa.string()), ("year", pa.int32()), ("variable", pa.string())]
    schema = pa.schema([*keys, *dims, ("value", pa.decimal128(24, 4)), ("status", pa.string())])
    return pa.Table.from_pylist(rows, schema=schema)


if __name__ == "__main__":
    sys.exit(main())
