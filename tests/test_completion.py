"""Cells that are numbered where they lie and read through a view are those of a table that is filled up."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from random import Random

import duckdb
import pyarrow as pa
import pytest

from schemas import sql
from schemas.framework_model import Framework
from schemas.shapes import TOTAL

Cell = tuple[str, int, tuple[str, ...]]
"""Region, year, and one member for each dimension."""


def delivered(framework: Framework, variable: str, dice: Random) -> dict[Cell, Decimal | None]:
    """Some cells of a variable: nearly all leaves, few totals, some without a value."""
    dims = framework.dimension_order
    own = framework.variable_dimensions(variable)
    leaves = [framework.scheme(variable, d).leaves if d in own else (TOTAL,) for d in dims]
    tops = [(TOTAL, *some[:1]) if d in own else (TOTAL,) for d, some in zip(dims, leaves, strict=True)]
    cells: dict[Cell, Decimal | None] = {}
    for region, year in product(("06411", "06412"), (2024, 2025)):
        for members in product(*leaves):
            if dice.random() < 0.98:
                cells[region, year, members] = None if dice.random() < 0.005 else Decimal(dice.randrange(500))
        for members in product(*tops):
            if dice.random() < 0.2:
                cells[region, year, members] = Decimal(dice.randrange(5000))
    return cells


def summed(framework: Framework, variable: str, cells: dict[Cell, Decimal | None]) -> dict[Cell, Decimal | None]:
    """The plain way: totals dimension by dimension, then aggregates; of leaves that all have a value, residual ones may be
    absent."""
    filled = dict(cells)
    for totals, (number, code) in product((True, False), enumerate(framework.dimension_order)):
        if code not in framework.variable_dimensions(variable):
            continue
        found: dict[Cell, Decimal | None] = {}
        for member, leaves in framework.scheme(variable, code).aggregates.items():
            if (member == TOTAL) != totals:
                continue
            for region, year, members in filled:
                target = (region, year, (*members[:number], member, *members[number + 1 :]))
                parts = {leaf: (region, year, (*members[:number], leaf, *members[number + 1 :])) for leaf in leaves}
                there = [filled[cell] for cell in parts.values() if cell in filled]
                needed = [cell for leaf, cell in parts.items() if not framework.dimensions[code].is_residual(leaf)]
                if target not in filled and there and None not in there and filled.keys() >= {*needed}:
                    found[target] = sum((value for value in there if value is not None), Decimal(0))
        filled |= found
    return filled


@pytest.mark.parametrize("seed", [1, 2])
def test_cells_are_filled_up_as_one_would_by_hand(framework: Framework, seed: int) -> None:
    """Variables of one, two and three dimensions at once: what is filled in the same round are different dimensions."""
    dice = Random(seed)
    given = {variable: delivered(framework, variable, dice) for variable in ("BIRTHS", "PROT", "KITA_CH", "FOR")}
    rows = [(v, *cell[:2], *cell[2], value) for v, cells in given.items() for cell, value in cells.items()]
    dims = [code.lower() for code in framework.dimension_order]
    names = ["variable", "region", "year", *dims, "value"]
    kinds = {"year": pa.int32(), "value": pa.decimal128(24, 4)}
    columns = {n: pa.array(c, kinds.get(n, pa.string())) for n, c in zip(names, zip(*rows, strict=True), strict=True)}
    with duckdb.connect(":memory:", config={"threads": "2"}) as connection:
        connection.register("given", pa.table(columns))
        connection.register("leaves", sql.leaf_table(framework))
        quoted = ", ".join(sql.dimension_columns(framework))
        query = f"SELECT '' AS unit, region, year, variable, {quoted}, value, 0 AS rank FROM given"
        connection.execute(sql.create_cell(framework, "whole_"))
        connection.execute(f"INSERT INTO whole_cell BY NAME {query}")
        for statement in (
            *sql.completion(framework, "whole_", "leaves"),
            *sql.numbering(framework, "part_", query),
            *sql.completion(framework, "part_", "leaves", numbered=True),
            sql.cell_view(framework, "part_cell", "part_", "p.year = 2025 AND k.variable <> 'FOR'"),
        ):
            connection.execute(statement)
        asked = f"SELECT variable, region, year, [{quoted}], value FROM"
        filled = connection.execute(f"{asked} whole_cell").fetchall()
        viewed = connection.execute(f"{asked} part_cell").fetchall()
    expected = {
        (variable, *cell[:2], cell[2], value)
        for variable, cells in given.items()
        for cell, value in summed(framework, variable, cells).items()
    }
    found = {(variable, region, year, tuple(members), value) for variable, region, year, members, value in filled}
    assert len(found) == len(filled)
    assert found == expected
    assert {(*row[:3], tuple(row[3]), row[4]) for row in viewed} == {
        row for row in expected if row[2] == 2025 and row[0] != "FOR"
    }
