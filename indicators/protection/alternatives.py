"""Rounded figures instead of hidden ones, for variables whose `mode` says so: `calc_rounded`.

Numerator and denominator are rounded, the figure is their quotient; nothing else is said of it. A figure that is no
quotient of linear forms is withheld. The counts of one variable are either rounded or suppressed, never both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import duckdb
import numpy as np
import pyarrow as pa

from indicators.protection.blocks import Block, read_blocks
from indicators.protection.delivered import read_delivered
from indicators.protection.figure import Exact
from indicators.protection.figures import EMPTY, Told, told
from indicators.protection.forms import Linear, Sides
from indicators.protection.lattice import Key, key_of
from indicators.protection.naming import Cell
from indicators.protection.policy import Policy
from indicators.protection.rounding import NoRounding, controlled, rounded
from schemas.shapes import member_key

BASE = 5
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("region", "indicator", "key")),
        ("year", pa.int32()),
        *((name, pa.decimal128(30, 8)) for name in ("numerator", "denominator")),
    ]
)


def round_figures(
    connection: duckdb.DuckDBPyConnection, policy: Policy, sides: Sequence[Sides], places: Sequence[tuple[str, str]]
) -> None:
    """Make `calc_rounded` (region, year, indicator, key, numerator, denominator) from `calc_told`.

    `places` are indicator and member key of every point. The denominator is empty where it is rounded to nothing.
    """
    modes = {variable: policy.mode(variable) for side in sides for form in side.all() for variable, _, _ in form}
    chosen = [
        number
        for number, side in enumerate(sides)
        if any(modes[v] in ("round5", "controlled_rounding") for form in side.all() for v, _, _ in form)
    ]
    cells = _cells(connection, policy, sides, {v for v, mode in modes.items() if mode == "controlled_rounding"})
    rows = []
    for row in told(connection, chosen):
        if row.reason == EMPTY:
            continue
        indicator, key = places[row.point]
        numerator, denominator = (
            _side(form, value, row, cells)
            for form, value in (
                (sides[row.point].numerator, row.numerator),
                (sides[row.point].denominator, row.denominator),
            )
        )
        entry = {"region": row.region, "year": row.year, "indicator": indicator, "key": key}
        rows.append(entry | {"numerator": numerator, "denominator": denominator or None})
    connection.register("calc_new_rounded", pa.Table.from_pylist(rows, schema=_SCHEMA))
    connection.execute("CREATE OR REPLACE TEMP TABLE calc_rounded AS FROM calc_new_rounded")
    connection.unregister("calc_new_rounded")


def _side(form: Linear | None, value: Exact | None, row: Told, cells: dict[Cell, int]) -> int | None:
    """The rounded side; None where the figure is no quotient of linear forms."""
    if form is None or value is None:
        return None
    names = [
        ((region, row.year - lag, variable, key), factor)
        for (variable, key, lag), factor in form.items()
        for region in row.members
    ]
    if names and all(name in cells for name, _ in names):
        return round(sum((factor * cells[name] for name, factor in names), Fraction(0)))
    return int(rounded(np.array([round(value)]), BASE)[0])


def _cells(
    connection: duckdb.DuckDBPyConnection, policy: Policy, sides: Sequence[Sides], variables: set[str]
) -> dict[Cell, int]:
    """Cells of the variables, rounded so that they still add up inside each place and year."""
    keys: dict[str, set[Key]] = {}
    for side in sides:
        for form in side.all():
            for variable, key, _ in form:
                if variable in variables:
                    keys.setdefault(variable, set()).add(key_of(key))
    if not keys:
        return {}
    blocks = read_blocks(policy, read_delivered(connection, policy, keys, set()), keys, together=False)
    found: dict[Cell, int] = {}
    for block in blocks.blocks:
        for pairs, value in _rounded_block(block):
            name = member_key(pairs)
            found.setdefault((block.place, block.year, block.lattice.variable, name), value)
    return found


def _rounded_block(block: Block) -> Iterable[tuple[Key, int]]:
    """Every printed cell of a block as a sum of rounded atoms, where there is such a table; else each on its own."""
    atoms = block.atoms.astype(np.int64)
    inside = [np.nonzero(block.lattice.row(key))[0] for key in block.lattice.keys]
    sums = np.array([atoms[part].sum() for part in inside], dtype=np.int64)
    equations = [(len(atoms) + number, part.tolist()) for number, part in enumerate(inside)]
    try:
        values = controlled(np.concatenate([atoms, sums]), equations, BASE)[len(atoms) :]
    except NoRounding:
        values = rounded(sums, BASE)
    return zip(block.lattice.keys, values.tolist(), strict=True)
