"""The sample world: complete, clean under every rule, deterministic, plausible, and with small cells in it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, product
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from flows.demo.registers import SampleRegisters, load_registers
from flows.demo.world import Value, World, load_world
from schemas import plan_sql, sql
from schemas.counting import counted
from schemas.framework_model import Framework
from schemas.plan import Lookup, Point, rule_plan
from schemas.shapes import TOTAL, member_key
from schemas.yaml_source import FrameworkError

DESCRIPTION = Path(__file__).resolve().parents[1] / "flows" / "demo" / "world.yaml"
Cells = dict[tuple[str, str], Value]
HOLDS = {
    "=": "abs(left_value - right_value) <= tolerance",
    "<=": "left_value <= right_value + tolerance",
    ">=": "left_value >= right_value - tolerance",
    "<": "left_value < right_value + tolerance",
    ">": "left_value > right_value - tolerance",
}


@pytest.fixture(scope="module")
def world(framework: Framework) -> World:
    return load_world(DESCRIPTION, framework)


@pytest.fixture(scope="module")
def cells(world: World) -> dict[tuple[str, int], Cells]:
    return {(region, year): world.values(region, year) for region in world.regions for year in world.years}


@pytest.fixture(scope="module")
def registers(framework: Framework) -> SampleRegisters:
    return load_registers(framework)


@pytest.fixture(scope="module")
def figures(
    framework: Framework, registers: SampleRegisters, cells: dict[tuple[str, int], Cells]
) -> dict[tuple[str, int], Cells]:
    """What is typed and what is counted from the registers."""
    found = {}
    for (region, year), typed in cells.items():
        delivered = framework.registers if year in registers.years else ()
        records = list(chain.from_iterable(registers.records(framework, region, year).values()))
        known = counted(framework, region, year, delivered, records)
        found[region, year] = typed | {(o.variable, ""): int(o.value or 0) for o in known}
    return found


# --- complete ------------------------------------------------------------------------------------------------------


def asked(framework: Framework, region: str, year: int) -> Iterator[tuple[str, str, bool]]:
    """(variable, member key, may be left out) of every cell of the form."""
    for code, variable in framework.variables.items():
        typed = variable.valid_in(year) and variable.computed_from is None
        for table in variable.asked_in(year) if typed else ():
            dimensions = [dimension for dimension in framework.dimension_order if dimension in table]
            members = [
                tuple(framework.territory.subareas(region, date(year, 12, 31)))
                if framework.dimensions[dimension].dynamic
                else framework.entry_members(code, dimension)
                for dimension in dimensions
            ]
            for combination in product(*members):
                pairs = list(zip(dimensions, combination, strict=True))
                yield code, member_key(pairs), any(framework.dimensions[d].is_residual(m) for d, m in pairs)


def test_every_cell_of_the_form_has_an_answer(
    framework: Framework, world: World, cells: dict[tuple[str, int], Cells]
) -> None:
    for (region, year), values in cells.items():
        silent = world.unavailable(region, year) | world.pending(region, year)
        wanted = {(code, key): optional for code, key, optional in asked(framework, region, year)}
        assert set(values) <= set(wanted)
        missing = {cell for cell, optional in wanted.items() if cell not in values and not optional}
        assert {code for code, _ in missing} == silent
        assert not {code for code, _ in values} & silent


def test_values_are_whole_numbers_except_weighted_ones_and_never_negative(
    framework: Framework, cells: dict[tuple[str, int], Cells]
) -> None:
    for values in cells.values():
        for (code, _), value in values.items():
            assert value >= 0
            assert isinstance(value, int) == framework.is_integer(code)


def test_a_town_below_the_kreis_says_so_and_knows_its_own_records(framework: Framework, world: World) -> None:
    town = world.unavailable("06532023", 2025)
    assert {"LABF", "NATZ", "LEAV", "SGB12_HLU"} <= town
    assert not {"FOR", "PROT", "UMA", "POP"} & town
    assert all(not world.unavailable(region, 2025) for region in world.regions[:-1])
    assert "ABW_ELIG" in world.pending("06413", 2025)
    assert "ABW_ELIG" not in world.pending("06413", 2021)


# --- clean ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    rule: str
    key: str
    region: str
    year: int
    left: Decimal
    right: Decimal
    holds: bool


@pytest.fixture(scope="module")
def evaluations(framework: Framework, figures: dict[tuple[str, int], Cells]) -> list[Evaluation]:
    """Every rule at every point for all regions and years, by the set-based SQL that checks deliveries."""
    subareas = {code for region, year in figures for code in framework.territory.subareas(region, date(year, 12, 31))}
    dynamic = {code: subareas for code, entry in framework.dimensions.items() if entry.dynamic}
    plan = rule_plan(framework, dynamic)
    con = duckdb.connect()
    con.execute(sql.create_cell(framework, ""))
    cell_table = _cell_table(framework, figures)
    con.register("given", cell_table)
    con.execute("INSERT INTO cell SELECT * FROM given")
    con.register("leaf", sql.leaf_table(framework))
    for statement in sql.completion(framework, "", "leaf"):
        con.execute(statement)
    for name, table in plan_sql.plan_tables(plan).items():
        con.register(name, table)
    con.execute(plan_sql.keyed_cells(framework, ""))
    for statement in plan_sql.slot_values(plan, ""):
        con.execute(statement)
    con.execute(plan_sql.evaluated(plan, ""))
    con.register("tolerances", _tolerances(framework, plan.points))
    cases = " ".join(f"WHEN '{operator}' THEN {condition}" for operator, condition in HOLDS.items())
    rows = con.execute(
        f"""SELECT t.rule, t.key, e.region, e.year, e.left_value, e.right_value, CASE t.operator {cases} END
        FROM evaluated e JOIN tolerances t USING (point) WHERE e.present = e.slots"""
    ).fetchall()
    return [Evaluation(*row) for row in rows]


def _cell_table(framework: Framework, cells: dict[tuple[str, int], Cells]) -> pa.Table:
    rows = []
    for (region, year), values in cells.items():
        for (variable, key), value in values.items():
            members = dict(pair.split("=") for pair in key.split(",") if pair)
            row = {"unit": region, "region": region, "year": year, "variable": variable}
            row |= {dimension: members.get(dimension, TOTAL) for dimension in framework.dimension_order}
            rows.append(row | {"value": Decimal(value), "rank": 0})
    return pa.Table.from_pylist(rows)


def _tolerances(framework: Framework, points: list[Point]) -> pa.Table:
    rows = []
    for point in points:
        rule = framework.rules[point.owner]
        parts = [look for found in point.sums.values() for part in found for look in part.lookups]
        looks: list[Lookup] = [*point.lookups.values(), *parts]
        slack = sum((_slack(framework, look.variable) for look in looks), 0)
        tolerance = Decimal(slack) if rule.tolerance == "round" else Decimal(rule.tolerance)
        operator = framework.statements[point.owner].operator
        rows.append((point.number, point.owner, point.key, operator, tolerance))
    names = ["point", "rule", "key", "operator", "tolerance"]
    return pa.table({name: [row[index] for row in rows] for index, name in enumerate(names)})


def _slack(framework: Framework, variable: str) -> int:
    entry = framework.variables[variable]
    return framework.sources[entry.source].rounding // 2 + (entry.period == "JD")


def test_every_rule_is_evaluated_in_every_region_year_that_has_its_values(
    framework: Framework, figures: dict[tuple[str, int], Cells], world: World, evaluations: list[Evaluation]
) -> None:
    computed = {code for code, entry in framework.variables.items() if entry.computed_from is not None}
    seen: dict[str, set[tuple[str, int]]] = {}
    for evaluation in evaluations:
        seen.setdefault(evaluation.rule, set()).add((evaluation.region, evaluation.year))
    for code, statement in framework.statements.items():
        plan_terms = [point for point in rule_plan(framework, {}, [code]).points if not point.key]
        looks = [look for point in plan_terms for look in point.lookups.values()]
        looks += [
            look for point in plan_terms for parts in point.sums.values() for part in parts for look in part.lookups
        ]
        for region, year in product(world.regions, world.years):
            known = all(
                year - look.lag in world.years
                and all(
                    framework.variables[look.variable].asked_since.get(pair.split("=")[0], 0) <= year - look.lag
                    for pair in look.key.split(",")
                )
                and look.variable
                not in world.unavailable(region, year - look.lag) | world.pending(region, year - look.lag)
                and (look.variable not in computed or (look.variable, "") in figures[region, year - look.lag])
                for look in looks
            )
            assert ((region, year) in seen[code]) == known, (code, statement, region, year)


def test_every_rule_holds(framework: Framework, evaluations: list[Evaluation]) -> None:
    assert len({evaluation.rule for evaluation in evaluations}) == len(framework.rules) == 114
    broken = [evaluation for evaluation in evaluations if not evaluation.holds]
    assert not broken, broken[:10]


def test_no_count_jumps_against_the_year_before(
    framework: Framework, world: World, figures: dict[tuple[str, int], Cells]
) -> None:
    for (region, year), values in figures.items():
        before = figures.get((region, year - 1), {})
        for (code, key), value in values.items():
            earlier = before.get((code, key), 0)
            if framework.is_integer(code) and earlier >= 30:
                assert 4 * earlier <= 10 * value <= 25 * earlier, (region, year, code, key, earlier, value)


def test_survey_weights_are_normalised(cells: dict[tuple[str, int], Cells]) -> None:
    checked = 0
    for values in cells.values():
        for (code, key), count in values.items():
            if code == "SV_N":
                assert count <= 2 * values["SV_VALID", key]
                assert values["SV_VALID", key] <= 2 * count
                checked += 1
    assert checked > 1000


# --- plausible -----------------------------------------------------------------------------------------------------


def share(values: Cells, part: str, whole: str) -> float:
    """Percent of one cell in another, both as `VARIABLE GRP=A,SEX=W`; a sum of cells with ` + `."""
    top, bottom = (
        sum(values[code, key] for code, _, key in (cell.partition(" ") for cell in text.split(" + ")))
        for text in (part, whole)
    )
    return float(100 * top / bottom)


PUBLISHED = [
    ("06413", 2020, "POP GRP=A", "POP ", 37.0, 1.5),
    ("06413", 2020, "POP GRP=A + POP GRP=DMM", "POP ", 64.0, 1.5),
    ("06413", 2022, "POP GRP=A + POP GRP=DMM", "POP ", 65.8, 1.5),
    ("06414", 2022, "POP GRP=A", "POP ", 22.0, 1.5),
    ("06414", 2022, "POP GRP=A + POP GRP=DMM", "POP ", 40.0, 2.0),
    ("06434", 2020, "POP GRP=A", "POP ", 16.5, 1.0),
    ("06434", 2025, "POP GRP=A", "POP ", 19.0, 1.0),
    ("06434", 2020, "PUP8 GRP=A,STYPE=GYM", "PUP8 GRP=A", 32.1, 3.0),
    ("06434", 2020, "PUP8 GRP=DOM,STYPE=GYM + PUP8 GRP=DMM,STYPE=GYM", "PUP8 GRP=DOM + PUP8 GRP=DMM", 59.2, 3.0),
    ("06434", 2020, "UNEMP ", "LABF ", 3.6, 0.5),
    ("06434", 2020, "SVB_RES GRP=A", "SVB_RES ", 17.0, 2.0),
    ("06414", 2020, "FOR RES=EUF + FOR RES=UNB", "FOR ", 72.0, 2.0),
    ("06414", 2020, "FOR STAY=S00_03", "FOR ", 23.3, 2.0),
    ("06414", 2020, "FOR_NATZ_ELIG ", "FOR ", 46.0, 3.0),
    ("06414", 2020, "SEU_OW GRP=MMH", "SEU_BMI GRP=MMH", 11.7, 1.5),
    ("06414", 2020, "SEU_OW GRP=OMH", "SEU_BMI GRP=OMH", 7.8, 1.5),
    ("06414", 2020, "SEU_GER_OK GRP=MMH", "SEU_EXAM GRP=MMH", 66.0, 3.0),
]


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_shares_are_near_published_values(
    cells: dict[tuple[str, int], Cells], case: tuple[str, int, str, str, float, float]
) -> None:
    region, year, part, whole, published, width = case
    assert share(cells[region, year], part, whole) == pytest.approx(published, abs=width)


def test_population_is_near_the_official_one(
    framework: Framework, world: World, cells: dict[tuple[str, int], Cells]
) -> None:
    for region in world.regions:
        official = framework.territory.unit(region, date(2022, 12, 31)).population_2022
        assert official is not None
        assert float(cells[region, 2022]["POP", ""]) == pytest.approx(official, rel=0.06)
    assert cells["06413", 2020]["POP", ""] == pytest.approx(140_496, rel=0.01)


def test_naturalisations_rise_after_the_law_of_2024(world: World, cells: dict[tuple[str, int], Cells]) -> None:
    for region in world.regions[:-1]:
        rates = [
            float(100 * cells[region, year]["NATZ", ""] / cells[region, year - 1]["FOR", ""])
            for year in world.years[1:]
        ]
        assert all(1.7 <= rate <= 4.6 for rate in rates)
        assert rates[-1] > rates[-3] + 0.5


# --- small cells, zeros, residuals ---------------------------------------------------------------------------------


def test_small_cells_zeros_and_residual_members_occur(
    framework: Framework, cells: dict[tuple[str, int], Cells]
) -> None:
    for year in range(2020, 2026):
        town = cells["06532023", year]
        assert sum(1 for value in town.values() if value in (1, 2)) >= 30
        assert sum(1 for value in town.values() if value == 0) >= 10
    offenbach = cells["06413", 2025]
    assert 1 <= offenbach["POP", "SEX=X"] < 200
    assert offenbach["POP", ""] == sum(offenbach["POP", f"SEX={sex}"] for sex in "MWX")
    assert 1 <= offenbach["SEU_EXAM", "GRP=U"] < 100


def test_rounded_sources_are_rounded_cell_by_cell(framework: Framework, cells: dict[tuple[str, int], Cells]) -> None:
    off = 0
    for values in cells.values():
        for (code, _), value in values.items():
            base = framework.sources[framework.variables[code].source].rounding
            assert not base or value % base == 0
        parts = [values[cell] for cell in values if cell[0] == "FOR" and "STAY" in cell[1] and "SEX" not in cell[1]]
        off += sum(parts) != values["FOR", ""]
    assert off > 5


# --- deterministic -------------------------------------------------------------------------------------------------


def dump(world: World) -> str:
    digest = hashlib.sha256()
    for region in sorted(world.regions, reverse=True):
        for year in sorted(world.years, reverse=True):
            for (variable, key), value in sorted(world.values(region, year).items()):
                digest.update(f"{region};{year};{variable};{key};{value}\n".encode())
    return digest.hexdigest()


@pytest.mark.thorough
def test_the_same_description_gives_the_same_values_in_any_order_and_process(
    framework: Framework, world: World
) -> None:
    script = (
        "import runpy, sys; from pathlib import Path; from flows.demo.world import load_world;"
        "from schemas.loading import load_framework;"
        f"dump = runpy.run_path({str(Path(__file__))!r})['dump'];"
        f"print(dump(load_world(Path({str(DESCRIPTION)!r}), load_framework())))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(DESCRIPTION.parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "4711")
    }
    assert found == {dump(world)}


# --- the description is checked ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n  MIG_OUT:", "\n  MIG_OUTT:", "MIG_OUT"),
        ("of: prev(POP)", "part: prev(POP)", "part"),
        ("value: '1'\n    residual", "value: MIG_IN\n    residual", "cycle"),
        ("of: MIG_IN\n", "of: MIG_INN\n", "MIG_INN"),
        ("      - office\n      - year: {2020: 0.82", "      - ofice\n      - year: {2020: 0.82", "ofice"),
    ],
)
def test_faults_in_the_description_are_named(
    framework: Framework, tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = DESCRIPTION.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "world.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FrameworkError, match=message):
        load_world(path, framework)
