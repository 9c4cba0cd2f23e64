"""How many slipped digits the checks notice, and how often they cry wolf: `python -m bench.detection`.

300 times one filled cell of a random region and year of the demo is multiplied or divided by ten; it counts as noticed
when an error or a warning names the cell, its row or its column. Then 300 demo deliveries as they are, from worlds with
other seeds, must have no error and at most one warning each. The observations go through rules, plausibility and
grouping as in a night run; only the workbooks are left out.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from flows.demo.world import World, load_world
from intake.cause_outliers import History
from intake.causes import Grouped, explain, involved
from intake.rules import CellKey, Known, RuleInput, check_rules
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Finding, Observation, Severity
from schemas.tables import entry_tables

DESCRIPTION = Path(__file__).resolve().parent.parent / "flows" / "demo" / "world.yaml"
ASKED = (Severity.FATAL, Severity.ERROR, Severity.WARNING)
WANTED_NOTICED = 0.99


@dataclass(frozen=True)
class Error:
    """One slipped digit."""

    unit: str
    cell: CellKey
    right: Decimal
    wrong: Decimal

    @property
    def kind(self) -> str:
        """Size of the right value and direction."""
        size = next(name for limit, name in _SIZES if self.right < limit)
        return f"{size:>8} {'x 10' if self.wrong > self.right else ': 10'}"


_SIZES = ((5, "1-4"), (10, "5-9"), (30, "10-29"), (100, "30-99"), (Decimal("Infinity"), "100+"))


class Demo:
    """Deliveries of one world as the checks read them."""

    def __init__(self, framework: Framework, world: World) -> None:
        self.framework = framework
        self.world = world
        self.values = {(region, year): world.values(region, year) for region in world.regions for year in world.years}

    def known(self, region: str, year: int) -> Known:
        """What was accepted for a region and year."""
        return {cell: (Decimal(value), "ok") for cell, value in self.values.get((region, year), {}).items()}

    def history(self) -> History:
        """Earlier years of the region and the same year of the others."""
        others = {
            (region, year): [self.known(other, year) for other in self.world.regions if other != region]
            for region, year in self.values
        }
        return History(self.known, lambda region, year: others[region, year])

    def item(self, region: str, year: int, unit: str) -> RuleInput:
        """One delivery, every value with a sheet and a cell."""
        found = []
        for number, table in enumerate(entry_tables(self.framework, region, year)):
            for row, column, cell in table.cells():
                if (value := self.values[region, year].get(cell)) is None:
                    continue
                members = tuple(tuple(part.split("=", 1)) for part in cell[1].split(",") if part)
                address = f"{chr(65 + table.columns.index(column))}{1000 * number + table.rows.index(row)}"
                labels = (row.label, " / ".join(column.labels))
                place = (table.field, address, str(value), "", *labels)
                found.append(Observation(region, year, cell[0], members, Decimal(value), "ok", *place))  # type: ignore[arg-type]
        return RuleInput(unit, region, year, found, self.known(region, year - 1))


def check(framework: Framework, items: Sequence[RuleInput], history: History) -> dict[str, Grouped]:
    """The full check of observations."""
    rules = {unit: result.findings for unit, result in check_rules(framework, items).items()}
    return explain(framework, items, rules, history)


def damaged(demo: Demo, count: int, seed: str) -> tuple[list[RuleInput], list[Error]]:
    """Random deliveries with one slipped digit each."""
    chance = random.Random(seed)
    items: list[RuleInput] = []
    errors: list[Error] = []
    while len(items) < count:
        region, year = chance.choice(demo.world.regions), chance.choice(demo.world.years[1:])
        unit = f"{len(items)}#{region}#{year}"
        item = demo.item(region, year, unit)
        place = chance.choice([n for n, o in enumerate(item.observations) if o.value is not None and o.value >= 1])
        o = item.observations[place]
        assert o.value is not None
        whole = demo.framework.is_integer(o.variable)
        wrong = o.value * 10 if chance.random() < 0.5 else o.value / 10
        wrong = Decimal(round(wrong)) if whole else round(wrong, 1)
        if wrong == o.value:
            continue
        observations = [*item.observations[:place], o._replace(value=wrong), *item.observations[place + 1 :]]
        items.append(replace(item, observations=observations))
        errors.append(Error(unit, (o.variable, ",".join(f"{d}={m}" for d, m in o.members)), o.value, wrong))
    return items, errors


def notices(framework: Framework, item: RuleInput, grouped: Grouped, error: Error) -> str:
    """`cell`: a finding stands at the wrong value; `involved`: one names it; empty: not noticed."""
    findings = [found for found in grouped.findings if found.severity in ASKED]
    if any((found.variable, found.members) == error.cell for found in findings):
        return "cell"
    symptoms = [found for listed in grouped.symptoms.values() for found in listed if found.severity in ASKED]
    named = involved(framework, item, [*findings, *symptoms])
    if any(error.cell in cells for cells in named) or _address(item, error) & _addresses([*findings, *symptoms]):
        return "involved"
    return ""


def _address(item: RuleInput, error: Error) -> set[str]:
    return {o.cell for o in item.observations if (o.variable, ",".join(f"{d}={m}" for d, m in o.members)) == error.cell}


def _addresses(findings: Sequence[Finding]) -> set[str]:
    texts = " ".join(found.remedy for found in findings)
    return {word.strip(".,;:") for word in texts.split()}


def measure_noticed(demo: Demo, count: int, seed: str) -> int:
    """Print how many of the slipped digits are noticed; returns their number."""
    items, errors = damaged(demo, count, seed)
    checked = check(demo.framework, items, demo.history())
    by_kind: dict[str, Counter[str]] = {}
    missed, extra = [], 0
    for item, error in zip(items, errors, strict=True):
        grouped = checked[error.unit]
        how = notices(demo.framework, item, grouped, error)
        by_kind.setdefault(error.kind, Counter())[how] += 1
        extra += len([found for found in grouped.findings if found.severity in ASKED])
        if not how:
            missed.append(error)
    noticed = count - len(missed)
    print(f"{noticed} of {count} slipped digits noticed ({extra / count:.2f} findings each after grouping)")
    print(f"  {'right value':13}{'at the cell':>12}{'involved':>10}{'missed':>8}")
    for kind, found in sorted(by_kind.items()):
        print(f"  {kind:13}{found['cell']:>12}{found['involved']:>10}{found['']:>8}")
    for error in missed:
        _, region, year = error.unit.split("#")
        print(f"  missed: {region} {year} {error.cell[0]} {error.cell[1]} {error.right} -> {error.wrong}")
    return noticed


def measure_untouched(framework: Framework, worlds: Sequence[World], count: int) -> tuple[int, int]:
    """Print what is said about deliveries as they are; returns false errors and deliveries with several warnings."""
    errors, several, done, codes = 0, 0, 0, Counter[str]()
    for world in worlds:
        demo = Demo(framework, world)
        places = list(demo.values)[: count - done]
        items = [demo.item(region, year, f"{done}#{region}#{year}") for region, year in places]
        done += len(items)
        for unit, grouped in check(framework, items, demo.history()).items():
            found = Counter(finding.severity for finding in grouped.findings)
            errors += found[Severity.ERROR] + found[Severity.FATAL]
            several += found[Severity.WARNING] > 1
            for finding in grouped.findings:
                if finding.severity in ASKED:
                    codes[finding.code] += 1
                    print(f"  false {finding.severity}: {unit} {finding.code} {finding.members}: {finding.message}")
    print(
        f"{done} untouched deliveries: {errors} errors, {sum(codes.values())} findings, {several} with several warnings"
    )
    return errors, several


def worlds_of(framework: Framework, count: int) -> list[World]:
    """Enough worlds for so many deliveries: the demo and the same description with other seeds."""
    first = load_world(DESCRIPTION, framework)
    each = len(first.regions) * len(first.years)
    seeds = [first.description.seed, *(f"bench-{number}" for number in range(1, -(-count // each)))]
    return [World(framework, first.description.model_copy(update={"seed": seed})) for seed in seeds]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both; exit code 1 when the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="errors, and untouched deliveries")
    parser.add_argument("--seed", default="detection-1", help="of the random errors")
    chosen = parser.parse_args(arguments)
    framework = load_framework()
    worlds = worlds_of(framework, chosen.count)
    noticed = measure_noticed(Demo(framework, worlds[0]), chosen.count, chosen.seed)
    errors, several = measure_untouched(framework, worlds, chosen.count)
    return 0 if noticed >= WANTED_NOTICED * chosen.count and not errors and not several else 1


if __name__ == "__main__":
    sys.exit(main())
