"""Hand-computed cases: every folder of `cases/` is delivered, computed and compared (see `cases/README.md`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from reference import key_of, members_of

from flows.beside import beside
from indicators.compute import Beside, compute, values_alone
from indicators.former import SYMBOLS
from schemas.framework_model import Framework

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
TABLES = {
    "value": "indicator_value",
    "gap": "indicator_gap",
    "published": "indicator_published",
    "published_gap": "published_gap",
    "trend": "indicator_trend",
    "published_trend": "published_trend",
    "convergence": "indicator_convergence",
    "last": "indicator_last",
    "today": "indicator_value_today",
    "published_today": "published_today",
    "trend_today": "indicator_trend_today",
    "published_trend_today": "published_trend_today",
    "break": "series_break",
    "target": "target_status",
    "published_target": "published_target",
    "profile": "profile_value",
    "published_profile": "published_profile",
}
TELLING = {"trend": "period", "published_trend": "period", "convergence": "measure", "break": "reason"}
TELLING |= {
    "trend_today": "period",
    "published_trend_today": "period",
    "target": "target_id",
    "published_target": "target_id",
    "profile": "measure",
    "published_profile": "measure",
}
"""Column whose content is a part of the name of the table, where a figure has several rows."""
PLACE = ("table", "region", "year", "indicator", "members")
LOOKED_AT = (*PLACE, "row")
Figures = dict[tuple[str, ...], dict[str, Any]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def known_beside(framework: Framework, folder: Path) -> Beside:
    """Targets, projection and former symbols of a case."""
    known = beside(folder, framework)
    if not (folder / "symbols.csv").exists():
        return known
    former = [row | {"year": int(row["year"])} for row in rows(folder / "symbols.csv")]
    return replace(known, symbols=pa.Table.from_pylist(former, schema=SYMBOLS))


def computed(
    framework: Framework,
    delivered: list[dict[str, str]],
    indicators: set[str],
    folder: Path | None = None,
    *,
    values: bool = False,
) -> Figures:
    """The result tables of a delivery, each figure by table, region, year, indicator and members; `folder` may hold
    targets.yaml, projection.csv and symbols.csv. `values`: nothing else is asked for."""
    cells: dict[str, list[Any]] = {
        "region": [row["region"] for row in delivered],
        "year": [int(row["year"]) for row in delivered],
        "variable": [row["variable"] for row in delivered],
        "value": [Decimal(row["value"]) if row["value"] else None for row in delivered],
        "status": [row["status"] or "ok" for row in delivered],
    }
    members = [dict(members_of(row["members"].replace(" ", ","))) for row in delivered]
    for dimension in framework.dimensions:
        cells[dimension.lower()] = [named.get(dimension, "T") for named in members]
    kinds = {"year": pa.int32(), "value": pa.decimal128(24, 4)}
    table = pa.table({name: pa.array(column, type=kinds.get(name, pa.string())) for name, column in cells.items()})
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        # planning some hundred statements takes longer than a handful of cells; `test_reference_agreement` has the
        # same figures of the same formulas from statements that were optimised
        connection.execute("PRAGMA disable_optimizer")
        connection.register("delivered", table)
        connection.execute("CREATE TABLE observation AS FROM delivered")
        codes = sorted(indicators - {""}) or [next(iter(framework.indicators))]
        results: Mapping[str, pa.Table] = (
            {"indicator_value": values_alone(connection, framework, "observation", codes)}
            if values
            else compute(
                connection, framework, "observation", codes, known_beside(framework, folder) if folder else None
            ).tables
        )
    found: Figures = {}
    for name, result in TABLES.items():
        if result not in results:
            continue
        for row in results[result].to_pylist():
            key = key_of(framework, {dimension: row.get(dimension.lower(), "T") for dimension in framework.dimensions})
            kind = f"{name}_standardised" if row.get("standardised") else name
            kind = f"{name}_{row[TELLING[name]]}" if name in TELLING else kind
            place = (
                kind,
                row.get("region") or row["scope"],
                str(row["year"]),
                row.get("indicator", ""),
                key.replace(",", " "),
            )
            if "member" in row:
                place = (*place[:4], "" if row["member"] == "T" else row["member"])
            assert place not in found, "a figure has two rows"
            found[place] = row
    return found


def agrees(column: str, wanted: str, got: Any) -> bool:
    if wanted == "none":
        return got is None or got == ""
    if got is None or isinstance(got, str | date | bool):
        return wanted == (got if got is None else str(got))
    if wanted.startswith("~"):
        digits = Decimal(wanted[1:]).as_tuple().exponent
        return abs(Decimal(got) - Decimal(wanted[1:])) <= Decimal(5).scaleb(int(digits) - 1)
    if isinstance(got, float):
        return got == pytest.approx(float(Fraction(wanted)), rel=1e-9, abs=1e-12)
    return Fraction(got) == Fraction(wanted)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case_comes_out_as_computed_by_hand(framework: Framework, case: Path) -> None:
    expected = rows(case / "expected.csv")
    values = {row["table"] for row in expected} == {"value"}
    figures = computed(framework, rows(case / "input.csv"), {row["indicator"] for row in expected}, case, values=values)
    for row in expected:
        place = tuple(row[name] for name in PLACE)
        if row.get("row") == "none":
            assert place not in figures
            continue
        figure = figures[place]
        looked_at = {name: wanted for name, wanted in row.items() if name not in LOOKED_AT and wanted}
        assert looked_at, "the line looks at nothing"
        for name, wanted in looked_at.items():
            where = " ".join(row[part] for part in PLACE)
            assert agrees(name, wanted, figure[name]), f"{where}: {name} is {figure[name]}, by hand {wanted}"


def test_cases_are_numbered_and_explained() -> None:
    assert len(CASES) >= 12
    assert [case.name[:2] for case in CASES] == [f"{number:02}" for number in range(1, len(CASES) + 1)]
    for case in CASES:
        assert (case / "why.md").read_text(encoding="utf-8").startswith("# ")


def test_cases_name_only_what_the_framework_knows(framework: Framework) -> None:
    """A misspelt code would make a case pass for the wrong reason."""
    for case in CASES:
        for row in rows(case / "input.csv"):
            assert row["variable"] in framework.variables
            assert row["status"] in {"", *framework.statuses}
            for dimension, member in members_of(row["members"].replace(" ", ",")):
                assert dimension in framework.variable_dimensions(row["variable"])
                if not framework.dimensions[dimension].dynamic:
                    assert member in framework.members(row["variable"], dimension)
            assert framework.territory.known(row["region"])
        for row in rows(case / "expected.csv"):
            assert row["indicator"] in framework.indicators or "profile_" in row["table"]


def test_no_delivery_gives_no_figure(framework: Framework) -> None:
    assert computed(framework, [], set(framework.indicators)) == {}


def test_members_without_a_figure_of_their_own_have_none(framework: Framework) -> None:
    """Residual members are delivered, and counted in totals, but never published as a group."""
    delivered = [
        {"region": "06413", "year": "2025", "variable": v, "members": m, "value": "100", "status": ""}
        for v in ("UNEMP", "LABF")
        for m in ("GRP=D", "GRP=A", "GRP=U", "GRP=D SEX=X")
    ]
    found = computed(framework, delivered, {"ARB-02"})
    assert {place[4] for place in found if place[:2] == ("value", "06413")} == {"", "GRP=D", "GRP=A"}
