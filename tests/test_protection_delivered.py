"""Cells and figures as the protection reads them: together what each year says by itself, numbers as they are written."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import duckdb
import numpy as np
import pytest

from indicators.protection.delivered import Delivered, read_delivered, span_of
from indicators.protection.figure import Exact
from indicators.protection.figures import told
from indicators.protection.lattice import Key, key_of
from indicators.protection.policy import Policy
from indicators.protection.tables import Cells
from schemas import sql
from schemas.framework_model import Framework
from schemas.loading import load_framework

TOWN, OTHER = "06413", "06411"
SECRET = 17
KEYS: dict[str, set[Key]] = {
    "POP_DIST": {(), key_of("DIST=NORD"), key_of("DIST=SUED"), key_of("DIST=WEST"), key_of("GRP=A,DIST=NORD")},
    "UNEMP": {(), key_of("GRP=A"), key_of("GRP=A,SEX=W"), key_of("SEX=W")},
}


@pytest.fixture(scope="module")
def framework() -> Framework:
    return load_framework()


@pytest.fixture
def connection(framework: Framework) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two regions, two years, districts that one of them has in one year alone, a cell that is withheld, and a part that is
    larger than its whole."""
    cells: list[tuple[str, int, str, str, int | None, int]] = []
    districts = {(TOWN, 2023): "NS", (TOWN, 2024): "NSW", (OTHER, 2023): "NS", (OTHER, 2024): "NS"}
    for n, ((region, year), letters) in enumerate(districts.items()):
        for m, name in enumerate({"N": "NORD", "S": "SUED", "W": "WEST"}[letter] for letter in letters):
            cells += [
                (region, year, "POP_DIST", f"GRP=A,DIST={name}", 7 + n + m, 0),
                (region, year, "POP_DIST", f"GRP=D,DIST={name}", 100 * (m + 1) + n, 0),
                (region, year, "POP_DIST", f"DIST={name}", 107 + n + m + 100 * m + n, 0),
            ]
        for group, sex, value in (("A", "M", 40), ("A", "W", 2 + n), ("D", "M", 200), ("D", "W", 180)):
            secret = (n, group, sex) == (3, "A", "W")
            cells.append((region, year, "UNEMP", f"GRP={group},SEX={sex}", None if secret else value, SECRET * secret))
        cells.append((region, year, "UNEMP", "GRP=A", 42 + n if n != 1 else 12, 0))
        cells.append((region, year, "UNEMP", "", 422 + n, 0))
    dims = framework.dimension_order
    rows = []
    for region, year, variable, key, value, rank in cells:
        members = dict(key_of(key))
        texts = ", ".join(f"'{members.get(dimension, 'T')}'" for dimension in dims)
        rows.append(
            f"('', '{region}', {year}, '{variable}', {texts}, {'NULL' if value is None else value}::DECIMAL(24, 4), {rank})"
        )
    names = ", ".join(["unit", "region", "year", "variable", *sql.dimension_columns(framework), "value", "rank"])
    with duckdb.connect(":memory:", config={"threads": "1"}) as opened:
        for statement in sql.numbering(framework, "calc_", f"SELECT * FROM (VALUES {', '.join(rows)}) c({names})"):
            opened.execute(statement)
        yield opened


def said(delivered: Delivered) -> dict[str, object]:
    """Everything that was read, by what it is about."""
    found: dict[str, object] = {}
    for (variable, _), groups in delivered.items():
        for made, tables in groups:
            for lattice, table in zip(made, tables, strict=True):
                for place, (atoms, withheld) in table.items():
                    found[f"{variable} {lattice.number} {place}"] = (id(lattice), atoms.tolist(), withheld)
    return found


def test_years_that_are_read_together_say_what_each_says_by_itself(
    framework: Framework, connection: duckdb.DuckDBPyConnection
) -> None:
    policy = Policy(framework)
    together = read_delivered(connection, policy, KEYS, {SECRET}, apart=True)
    assert set(together) == {(variable, year) for variable in KEYS for year in (2023, 2024)}
    alone: dict[str, object] = {}
    for year in (2023, 2024):
        alone |= said(read_delivered(connection, policy, KEYS, {SECRET}, [year]))
    assert said(together) == alone
    assert len(alone) == 8
    west = {
        (place, key)
        for groups in together.values()
        for made, tables in groups
        for lattice, table in zip(made, tables, strict=True)
        for place in table
        for key in lattice.keys
        if key == key_of("DIST=WEST")
    }
    assert west == {((TOWN, 2024), key_of("DIST=WEST"))}, "a district that was not there makes no other table wider"


def test_of_years_together_a_region_has_its_districts_of_all_years(
    framework: Framework, connection: duckdb.DuckDBPyConnection
) -> None:
    whole = read_delivered(connection, Policy(framework), KEYS, {SECRET})
    assert set(whole) == {(variable, None) for variable in KEYS}
    groups = whole["POP_DIST", None]
    assert [sorted(tables[0]) for _, tables in groups] == [
        [(OTHER, 2023), (OTHER, 2024)],
        [(TOWN, 2023), (TOWN, 2024)],
    ]
    assert span_of({("UNEMP", 2023), ("POP", 2023)}) == 2023
    assert span_of({("UNEMP", 2023), ("UNEMP", 2024)}) is None


def test_cells_are_those_that_were_numbered(framework: Framework, connection: duckdb.DuckDBPyConnection) -> None:
    cells = Cells(connection, ["UNEMP"], framework.dimension_order, [2024])
    rows = cells.of("UNEMP", ["GRP"])
    assert sorted(cells.value[rows].tolist()) == [12.0, 45.0, 423.0, 425.0]
    assert {cells.regions[place // 100_000] for place in cells.place[rows].tolist()} == {TOWN, OTHER}
    assert not len(cells.of("POP_DIST", ["DIST"])), "nobody asked for it"
    missing = np.isnan(cells.value[cells.of("UNEMP", ["GRP", "SEX"])])
    assert missing.sum() == 1


@pytest.mark.parametrize("slice_", ["", "LIMIT 5 OFFSET 3"])
def test_numbers_of_figures_are_exact(slice_: str) -> None:
    """Whole ones are whole numbers, whatever their size and sign; others are fractions; nothing stays nothing."""
    texts = ["3", "-4", "0", "0.5", "-0.5", "-1", "123456789012", "-92233720368547758.25", "9223372036854775807123",
             "0.00000001", "-0.00000001", None]  # fmt: skip
    with duckdb.connect(":memory:") as connection:
        values = ", ".join(
            f"({n}, CAST({'NULL' if t is None else repr(t)} AS DECIMAL(30, 8)))" for n, t in enumerate(texts)
        )
        connection.execute(f"""
            CREATE TEMP TABLE calc_told AS
            SELECT '0641' || (n % 3) AS region, 2000 + n AS year, 7 AS point, 'a+b' AS members, value AS numerator,
                   NULL::DECIMAL(30, 8) AS denominator, '' AS reason FROM (VALUES {values}) v(n, value) {slice_}""")
        found = list(told(connection, [7]))
    for row in found:
        text = texts[row.year - 2000]
        expected: Exact | None = None if text is None else Fraction(text)
        assert row.numerator == expected
        if expected is not None:
            assert isinstance(row.numerator, int) == (Fraction(text).denominator == 1)
        assert (row.denominator, row.members, row.region) == (None, ("a", "b"), f"0641{(row.year - 2000) % 3}")
    assert len(found) == (5 if slice_ else len(texts))
