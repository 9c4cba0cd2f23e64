"""The demographic profile: what is hidden outside, sums over members only when all are there, faults of a projection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indicators.profile import PROJECTION, ProjectionError, profile_statements, read_projection
from schemas import sql
from schemas.framework_model import Framework

Counts = Mapping[tuple[str, int, str, str], int]
"""Persons by region, year, dimension and member; the total without dimension."""


def profile(framework: Framework, counts: Counts, members: list[tuple[str, int, str, int]]) -> dict[str, list[dict]]:
    """Both tables of the profile, made from counts of the first measure's variable and aggregates (code, year, member, n)."""
    variable = framework.profile.measures[0].variable
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.execute(sql.create_cell(framework, "calc_"))
        for (region, year, dimension, member), value in counts.items():
            named = [f"'{member if code == dimension else 'T'}'" for code in framework.dimension_order]
            connection.execute(
                f"INSERT INTO calc_cell VALUES ('', '{region}', {year}, '{variable}', {', '.join(named)}, {value}, 0)"
            )
        rows = [dict(zip(("aggregate", "year", "member", "n_members"), row, strict=True)) for row in members]
        kinds = [("aggregate", pa.string()), ("year", pa.int32()), ("member", pa.string()), ("n_members", pa.int32())]
        connection.register("calc_member", pa.Table.from_pylist(rows, schema=pa.schema(kinds)))
        connection.register("calc_projection", PROJECTION.empty_table())
        connection.execute("CREATE TEMP TABLE calc_status AS SELECT 'ok' AS code, 0 AS rank")
        connection.execute("CREATE TEMP TABLE no_break (region VARCHAR, year INTEGER, indicator VARCHAR)")
        for statement in profile_statements(framework, "no_break"):
            connection.execute(statement)
        tables = ("profile_value", "published_profile")
        return {name: connection.sql(f"FROM calc_{name}").to_arrow_table().to_pylist() for name in tables}


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_hidden_rows_cannot_be_worked_out_from_the_total(framework: Framework, data: st.DataObject) -> None:
    """At least two rows are hidden that are not zero, and together they are no small number."""
    measure = next(m for m in framework.profile.measures if len(m.bands) > 3 and m.dimension)
    sizes = st.sampled_from([0, 1, 2, 3, 5, 40, 200])
    counts: dict[tuple[str, int, str, str], int] = {}
    rows: dict[str, int] = {}
    for band in measure.bands:
        for member in band.parts:
            counts["R", 2020, str(measure.dimension), member] = data.draw(sizes)
        rows[band.code] = sum(counts["R", 2020, str(measure.dimension), member] for member in band.parts)
    total = sum(rows.values())
    counts["R", 2020, "", ""] = total
    shown = profile(framework, counts, [])["published_profile"]
    hidden = {r["member"]: rows[r["member"]] for r in shown if r["measure"] == measure.code and r["status"] == "secret"}
    small = framework.head.confidentiality.suppress_counts_below
    for code, size in rows.items():
        assert size == 0 or size >= small or code in hidden
    if hidden and set(hidden) != set(rows):
        assert len(hidden) >= 2
        assert sum(hidden.values()) >= small
    assert all(row["value"] is None for row in shown if row["status"] == "secret")


def test_a_group_has_no_figure_while_a_member_is_missing(framework: Framework) -> None:
    members = [("G", 2020, "A", 2), ("G", 2020, "B", 2), ("G", 2021, "A", 2), ("G", 2021, "B", 2)]
    counts = {("A", 2020, "", ""): 100, ("B", 2020, "", ""): 300, ("A", 2021, "", ""): 100}
    rows = profile(framework, counts, members)["profile_value"]
    first = framework.profile.measures[0].code
    assert {(r["year"], r["value"]) for r in rows if r["region"] == "G" and r["measure"] == first} == {(2020, 400.0)}


def test_nothing_of_a_tiny_population_is_published(framework: Framework) -> None:
    few = framework.head.confidentiality.min_denominator_rate - 1
    tables = profile(framework, {("A", 2020, "", ""): few}, [])
    assert any(row["value"] == few for row in tables["profile_value"])
    assert all(row["value"] is None for row in tables["published_profile"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region;year;value;source\n", ":1: Erwartet werden die Spalten"),
        ("region,year,value,source\n06999,2030,5,Amt\n", ":2: Das Gebiet „06999“"),
        ("region,year,value,source\n06413,bald,5,Amt\n", ":2: Jahr und Wert sind Zahlen"),
        ("region,year,value,source\n06413,2030,-5,Amt\n", ":2: Jahr und Wert sind Zahlen"),
        ("region,year,value,source\n06413,2030,5,\n", ":2: Die Quelle fehlt"),
        ("region,year,value,source\n06413,2030,5,Amt, Stand 2025\n", ":2: Die Zeile hat nicht vier Spalten"),
    ],
)
def test_faults_of_a_projection_are_told(framework: Framework, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "projection.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectionError, match=said):
        read_projection(path, framework)
