"""The set-based SQL and the reference on paper (`reference.py`) must say the same.

First for the sample world: every indicator at every point, for every region and aggregate. Then for deliveries as bad
as Hypothesis can make them: cells missing, secret, zero, totals delivered or not, residual members present or absent.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import chain, product
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference import Cells, Figure, Members, Reference, Years, key_of, members_of, parsed

from flows.demo.registers import load_registers
from flows.demo.world import World, load_world
from indicators.compute import compute, values_alone
from intake.rules import RuleInput, check_rules
from schemas.counting import counted
from schemas.framework_model import Framework
from schemas.loading import load_framework
from schemas.shapes import Observation

DESCRIPTION = Path(__file__).resolve().parents[1] / "flows" / "demo" / "world.yaml"
YEARS = (2020, 2021, 2022)

# One indicator for each shape: linear with aggregates of leaves, a difference over a mean of two years, stock of the
# year before, listed members, several terms on both sides, a ratio of ratios, a sum of ratios over own sub-areas.
SHAPES = (
    *("BEV-01", "BEV-04", "ARB-02", "ARB-05", "ARB-07", "REC-02", "REC-04", "REC-06", "LEB-01", "LEB-03", "FRB-01"),
    *("FRB-03", "FRB-04", "GEF-02", "GEF-05", "SCH-03", "SCH-06", "SPR-04", "SIC-03", "TEI-01", "TEI-03", "TEI-04"),
    *("IDE-03", "WOH-02", "WOH-03"),
)

Deliveries = Mapping[tuple[str, int], Cells]
Point = tuple[str, int, str, str]
"""region, year, indicator, member key"""


@dataclass(frozen=True)
class Line:
    """One row of indicator_value."""

    value: float | None
    status: str
    numerator: Decimal | None
    denominator: Decimal | None
    n_reported: int
    n_members: int


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture(scope="module")
def reference(framework: Framework) -> Reference:
    return Reference(framework)


@pytest.fixture(scope="module")
def world(framework: Framework) -> World:
    return load_world(DESCRIPTION, framework)


# --- both calculations ----------------------------------------------------------------------------------------------


def by_sql(framework: Framework, deliveries: Deliveries, codes: Iterable[str]) -> dict[Point, Line]:
    """`indicators.compute` on an in-memory database, without what follows from the values."""
    with delivered(framework, deliveries) as connection:
        rows = values_alone(connection, framework, "observation", list(codes)).to_pylist()
    found = {}
    for row in rows:
        key = key_of(framework, {dimension: row[dimension.lower()] for dimension in framework.dimensions})
        line = Line(*(row[name] for name in Line.__dataclass_fields__))
        found[row["region"], row["year"], row["indicator"], key] = line
    assert len(found) == len(rows), "a point has two rows"
    return found


@contextmanager
def delivered(framework: Framework, deliveries: Deliveries) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the cells as `observation`; a cell without a number is withheld by its supplier."""
    columns: dict[str, list[object]] = {name: [] for name in ("region", "year", "variable", "value", "status")}
    dims: dict[str, list[str]] = {dimension.lower(): [] for dimension in framework.dimensions}
    for (region, year), cells in deliveries.items():
        for (variable, members), value in cells.items():
            row = (
                region,
                year,
                variable,
                None if value is None else decimal(value),
                "secret" if value is None else "ok",
            )
            for name, item in zip(columns, row, strict=True):
                columns[name].append(item)
            named = dict(members)
            for dimension in framework.dimensions:
                dims[dimension.lower()].append(named.get(dimension, "T"))
    kinds = {"year": pa.int32(), "value": pa.decimal128(24, 4)}
    table = pa.table({n: pa.array(c, type=kinds.get(n, pa.string())) for n, c in (columns | dims).items()})
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.register("delivered", table)
        connection.execute("CREATE TABLE observation AS FROM delivered")
        yield connection


def on_paper(
    reference: Reference, deliveries: Deliveries, codes: Iterable[str]
) -> Iterator[tuple[Point, Figure, tuple[int, bool] | None]]:
    """Every indicator at every point of every region and aggregate; for aggregates size and whether all must report."""
    framework = reference.framework
    places: dict[str, dict[int, Cells]] = {}
    for (region, year), cells in deliveries.items():
        places.setdefault(region, {})[year] = reference.complete(cells)
    points = {code: list(reference.indicator_points(code)) for code in codes}
    for year in sorted({year for _, year in deliveries}):
        asked: list[tuple[str, list[Years], tuple[int, bool] | None]] = [
            (region, [place], None) for region, place in places.items()
        ]
        for aggregate in framework.territory.aggregates(year):
            inside = [places[member] for member in aggregate.members if member in places]
            asked.append((aggregate.code, inside, (len(aggregate.members), aggregate.coverage == "complete")))
        for (region, inside, size), (code, running) in product(asked, ((c, p) for c in codes for p in points[c])):
            figure = reference.indicator(code, inside, year, running, aggregate_of=size[0] if size else 0)
            yield (region, year, code, key_of(framework, running)), figure, size


def differences(
    reference: Reference, deliveries: Deliveries, codes: Iterable[str]
) -> tuple[list[str], Counter[str], int]:
    """Where the two calculations differ, how many values each indicator has, and how many points have none."""
    computed = by_sql(reference.framework, deliveries, codes)
    found: list[str] = []
    valued: Counter[str] = Counter()
    empty = 0
    for point, figure, size in on_paper(reference, deliveries, codes):
        line = computed.pop(point, Line(None, "not_computable", None, None, figure.reported, size[0] if size else 1))
        if size and size[1] and figure.reported < size[0]:  # a programme region is complete, or has no figure
            figure = Figure(None, None, None, figure.reported)
        valued[point[2]] += figure.value is not None
        empty += figure.value is None
        found += [f"{point}: {text}" for text in disagreement(reference.framework, line, figure, size)]
    found += [f"{point}: has a row, but is no point of the indicator" for point in computed]
    return found, valued, empty


def disagreement(framework: Framework, line: Line, figure: Figure, size: tuple[int, bool] | None) -> Iterator[str]:
    for name, exact, got in (
        ("numerator", figure.numerator, line.numerator),
        ("denominator", figure.denominator, line.denominator),
    ):
        if (exact is None) != (got is None) or (exact is not None and not same_decimal(exact, got)):
            yield f"{name} is {got}, on paper {exact}"
    if (figure.value is None) != (line.value is None):
        yield f"value is {line.value}, on paper {figure.value} (status {line.status})"
    elif figure.value is not None and line.value != pytest.approx(float(figure.value), rel=1e-9, abs=0):
        yield f"value is {line.value}, on paper {float(figure.value)}"
    if framework.statuses[line.status].has_value != (figure.value is not None):
        yield f"status {line.status} does not go with {figure.value}"
    if figure.numerator is not None and figure.denominator == 0 and line.status != "not_applicable":
        yield f"status {line.status} although the denominator is zero"
    if size and (line.n_reported, line.n_members) != (figure.reported, size[0]):
        yield f"{line.n_reported} of {line.n_members} reported, on paper {figure.reported} of {size[0]}"


def same_decimal(exact: Fraction, got: Decimal | None) -> bool:
    """Equal; where the exact number has more than the eight digits of the table, equal after rounding."""
    if (exact * 10**8).denominator == 1:
        return Fraction(got or 0) == exact
    return abs(Fraction(got or 0) - exact) <= Fraction(1, 10**8)


def decimal(value: Fraction) -> Decimal:
    """Delivered values have at most four digits."""
    return Decimal(value.numerator) / Decimal(value.denominator)


# --- the sample world -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(world: World) -> dict[tuple[str, int], Cells]:
    """What is typed, and in the last two years what is counted from the registers (which the sample has for later years)."""
    framework, sample = world.framework, load_registers(world.framework)
    cells: dict[tuple[str, int], Cells] = {}
    for region, year in product(world.regions, YEARS):
        typed = {(v, members_of(key)): Fraction(x) for (v, key), x in world.values(region, year).items()}
        for of in sample.years[-1:] if year == YEARS[-1] else sample.years[:1] if year == YEARS[-2] else ():
            records = list(chain.from_iterable(sample.records(framework, region, of).values()))
            for o in counted(framework, region, of, framework.registers, records):
                typed[o.variable, members_of("")] = Fraction(o.value or 0)
        cells[region, year] = typed
    return cells


def test_all_indicators_of_the_sample_world_are_as_on_paper(reference: Reference, demo: Deliveries) -> None:
    found, valued, empty = differences(reference, demo, list(reference.framework.indicators))
    assert not found, f"{len(found)} differences, among them\n" + "\n".join(found[:20])
    assert all(valued[code] for code in reference.framework.indicators), "an indicator without any value shows nothing"
    assert empty > 1_000  # first year without a year before, variables a town does not have, the Land


# --- deliveries as bad as they come ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """How bad the deliveries of an example are: shares of cells in percent."""

    seed: int
    missing: int
    secret: int
    zero: int
    residual: int
    totals: int
    aggregates: int
    silent_variables: int
    largest: int


troubles = st.builds(
    Trouble,
    seed=st.integers(0, 2**32),
    missing=st.sampled_from([0, 1, 5, 40]),
    secret=st.sampled_from([0, 1, 5, 30]),
    zero=st.sampled_from([0, 5, 50, 95]),
    residual=st.sampled_from([0, 50, 100]),
    totals=st.sampled_from([0, 50, 100]),
    aggregates=st.sampled_from([0, 20]),
    silent_variables=st.sampled_from([0, 10, 30]),
    largest=st.sampled_from([1, 9, 250_000]),
)


def delivery(reference: Reference, variables: Iterable[str], dice: random.Random, trouble: Trouble) -> Cells:
    """One region and year: cells need not fit together, totals contradict their parts."""

    def happens(percent: int) -> bool:
        return dice.random() * 100 < percent

    framework = reference.framework
    areas = ("01", "02", "03", "99")
    cells: Cells = {}
    for variable in variables:
        if happens(trouble.silent_variables):
            continue
        totals = {d: happens(trouble.totals) for d in framework.dimensions}
        for table in framework.variables[variable].tables:
            ordered = [dimension for dimension in framework.dimensions if dimension in table]
            for members in product(*(choices(reference, variable, d, areas) for d in ordered)):
                pairs = dict(zip(ordered, members, strict=True))
                if any(
                    m == "T" and not totals[d]
                    for d, m in pairs.items()
                    if d not in framework.variables[variable].members
                ):
                    continue
                if any(reference.residual(d, m) for d, m in pairs.items()) and not happens(trouble.residual):
                    continue
                made = any(m in reference.scheme(variable, d)[1] and m != "T" for d, m in pairs.items())
                if happens(trouble.missing) or (made and not happens(trouble.aggregates)):
                    continue
                value = Fraction(0 if happens(trouble.zero) else dice.randint(1, trouble.largest))
                if framework.variables[variable].type != "count":
                    value += Fraction(dice.randint(0, 9999), 10_000)
                key = frozenset(pair for pair in pairs.items() if pair[1] != "T")
                cells[variable, key] = None if happens(trouble.secret) else value
    return cells


def choices(reference: Reference, variable: str, dimension: str, areas: tuple[str, ...]) -> list[str]:
    if reference.framework.dimensions[dimension].dynamic:
        return [*areas, "T"]
    leaves, aggregates = reference.scheme(variable, dimension)
    return list(dict.fromkeys([*leaves, *aggregates, "T"]))


def variables_of(reference: Reference, texts: Iterable[str]) -> list[str]:
    used = {variable for text in texts for variable in reference.variables(text)}
    return [variable for variable in reference.framework.variables if variable in used]


def bad_deliveries(examples: int) -> settings:
    """The same examples on every run. A failing one is shown as it is: making it smaller would take minutes."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.thorough
def test_indicators_of_troubled_deliveries_are_as_on_paper(reference: Reference, world: World) -> None:
    seen: Counter[str] = Counter()

    @bad_deliveries(20)
    @given(trouble=troubles)
    def example(trouble: Trouble) -> None:
        dice = random.Random(trouble.seed)
        codes = dice.sample(SHAPES, 7)
        variables = variables_of(reference, [reference.framework.indicators[code].formula for code in codes])
        deliveries = {
            (region, year): delivery(reference, variables, dice, trouble)
            for region, year in product(world.regions, YEARS)
            if dice.random() < 0.9
        }
        found, valued, empty = differences(reference, deliveries, codes)
        seen.update(valued=valued.total(), empty=empty, indicators=len(codes))
        assert not found, f"{len(found)} differences, among them\n" + "\n".join(found[:10])

    example()
    assert min(seen["valued"], seen["empty"]) > 10_000, "the deliveries are too good or too bad to show anything"


def test_what_is_published_of_troubled_deliveries_is_as_on_paper_and_not_small(
    reference: Reference, world: World
) -> None:
    """The release as a whole: a number that is shown is the right one, and a small count of persons is never shown."""
    framework, seen = reference.framework, Counter[str]()
    small = framework.head.confidentiality.suppress_counts_below

    @bad_deliveries(4)
    @given(trouble=troubles)
    def example(trouble: Trouble) -> None:
        dice = random.Random(trouble.seed)
        codes = dice.sample([code for code in SHAPES if framework.indicators[code].unit == "percent"], 2)
        variables = variables_of(reference, [framework.indicators[code].formula for code in codes])
        deliveries = {
            (region, year): delivery(reference, variables, dice, trouble)
            for region, year in product(world.regions[:3], YEARS[:2])
        }
        with delivered(framework, deliveries) as connection:
            rows = compute(connection, framework, "observation", codes).published.to_pylist()
        paper = {point: figure for point, figure, _ in on_paper(reference, deliveries, codes)}
        for row in rows:
            key = key_of(framework, {dimension: row[dimension.lower()] for dimension in framework.dimensions})
            figure = paper[row["region"], row["year"], row["indicator"], key]
            seen[row["status"]] += 1
            if row["value"] is not None:
                assert row["value"] == pytest.approx(float(figure.value), rel=1e-9, abs=0)
                assert row["numerator"] == 0 or row["numerator"] >= small or row["numerator"] < 0

    example()
    assert seen["secret"] > 5, seen
    assert seen["ok"] + seen["zero"] + seen["partial"] > 20, seen


@pytest.mark.thorough
def test_rules_find_in_troubled_deliveries_what_they_find_on_paper(reference: Reference) -> None:
    framework: Framework = reference.framework
    seen: Counter[bool | None] = Counter()

    @bad_deliveries(20)
    @given(trouble=troubles)
    def example(trouble: Trouble) -> None:
        dice = random.Random(trouble.seed)
        codes = dice.sample(list(framework.rules), 14)
        few = replace(framework, rules={code: framework.rules[code] for code in codes})
        variables = variables_of(reference, [framework.rules[code].expression for code in codes])
        units = {unit: {y: delivery(reference, variables, dice, trouble) for y in YEARS[:2]} for unit in "abc"}
        results = check_rules(few, [rule_input(framework, unit, years) for unit, years in units.items()])
        for unit, years in units.items():
            place = {year: reference.complete(cells) for year, cells in years.items()}
            verdicts = {
                (code, key_of(framework, running)): reference.verdict(code, place, YEARS[1], running)
                for code in codes
                for running in reference.rule_points(code)
            }
            seen.update(verdicts.values())
            tried = {code for (code, _), holds in verdicts.items() if holds is not None}
            broken = {point for point, holds in verdicts.items() if holds is False}
            wanted = {point for point in broken if not only_follows(reference, point, broken, years)}
            assert sorted((finding.code, finding.members) for finding in results[unit].findings) == sorted(wanted)
            assert (results[unit].run, results[unit].not_evaluable) == (len(tried), len(codes) - len(tried))

    example()
    assert min(seen[True], seen[False], seen[None]) > 1_000, "the deliveries are too good or too bad to show anything"


def only_follows(
    reference: Reference, point: tuple[str, str], broken: set[tuple[str, str]], years: Mapping[int, Cells]
) -> bool:
    """At a point without any delivered cell there is nothing to mend where a part of it breaks the rule, too."""
    code, whole = point[0], dict(members_of(point[1]))
    node = parsed(reference.framework.rules[code].expression)
    cells = reference.involved(node, years, YEARS[1], whole)
    if any(year == YEARS[1] and (variable, members) in years[year] for variable, members, year in cells):
        return False
    parts = [dict(members_of(key)) for other, key in broken if (other, key) != point and other == code]
    return any(
        all(part.get(d, "T") in {whole.get(d, "T"), *leaves_of(reference, d, whole.get(d, "T"))} for d in part | whole)
        for part in parts
    )


def leaves_of(reference: Reference, dimension: str, member: str) -> set[str]:
    """What an aggregate is made of, in any scheme of the dimension."""
    entry = reference.framework.dimensions[dimension]
    return {leaf for scheme in [entry, *entry.schemes.values()] for leaf in scheme.aggregates.get(member, ())}


def rule_input(framework: Framework, unit: str, years: Mapping[int, Cells]) -> RuleInput:
    """Last year as accepted, this year as delivered."""
    earlier, now = sorted(years)
    observations = [observation(framework, number, v, m, x) for number, ((v, m), x) in enumerate(years[now].items())]
    previous = {
        (v, key_of(framework, m)): (None if x is None else decimal(x), "secret" if x is None else "ok")
        for (v, m), x in years[earlier].items()
    }
    return RuleInput(unit, "06413", now, observations, previous)


def observation(framework: Framework, row: int, variable: str, members: Members, value: Fraction | None) -> Observation:
    named = dict(members)
    return Observation(
        region="06413",
        year=YEARS[1],
        variable=variable,
        members=tuple((d, named[d]) for d in framework.dimensions if d in named),
        value=None if value is None else decimal(value),
        status="secret" if value is None else "ok",
        sheet="Blatt",
        cell=f"C{row + 1}",
        text="" if value is None else str(decimal(value)),
    )
