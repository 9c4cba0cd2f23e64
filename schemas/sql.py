"""SQL text that fills delivered cells up with totals and aggregates, set-wise. Text only: the rooms that own a connection
execute it. What evaluates formulas on these cells is in `schemas.plan_sql`.

Tables by contract (`prefix` is put before every name, so that rules and indicators can live in one connection):

    {p}cell        unit, region, year, variable, one column per dimension, value DECIMAL, rank   (delivered cells in,
                   filled with totals and aggregates by `completion`)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from schemas.framework_model import Framework
from schemas.shapes import TOTAL

if TYPE_CHECKING:
    import pyarrow as pa

VALUE_TYPE = "DECIMAL(24, 4)"
COMPLETION_TABLES = ("kind", "place", "numbered", "adding")
"""Tables that `completion` makes beside the cells; only `keyed_cells` needs them afterwards."""


def column(dimension: str) -> str:
    """Column of a dimension in every observation table: its code in lower case."""
    return f'"{dimension.lower()}"'


def dimension_columns(framework: Framework) -> list[str]:
    """Quoted dimension columns in framework order."""
    return [column(dimension) for dimension in framework.dimension_order]


def key_expression(framework: Framework, alias: str = "") -> str:
    """SQL of the member key (`GRP=A,SEX=W`) from the dimension columns."""
    dot = f"{alias}." if alias else ""
    parts = [
        f"CASE WHEN {dot}{column(d)} <> '{TOTAL}' THEN '{d}=' || {dot}{column(d)} END"
        for d in framework.dimension_order
    ]
    return f"concat_ws(',', {', '.join(parts)})"


def listed(columns: str, rows: Iterable[Sequence[object]]) -> str:
    """SQL of a relation of constants without missing values: `columns` are names, `name:TYPE` where it is no text.

    One text for each column instead of VALUES: the database reads hundreds of literals ten times as slowly.
    """
    table = [[str(entry) for entry in row] for row in rows]
    names = [spec.partition(":") for spec in columns.split()]
    if any(_BETWEEN in entry for row in table for entry in row):
        raise ValueError("a constant holds the mark that divides constants")
    chosen = []
    for number, (name, _, kind) in enumerate(names):
        text = _BETWEEN.join(row[number] for row in table).replace("'", "''")
        whole = f"unnest(string_split('{text}', '{_BETWEEN}'))"
        chosen.append(f"{f'CAST({whole} AS {kind})' if kind else whole} AS {name}")
    return f"SELECT {', '.join(chosen)}" if table else _no_rows(names)


_BETWEEN = "\x1f"


def _no_rows(names: list[tuple[str, str, str]]) -> str:
    chosen = (f"CAST(NULL AS {kind or 'VARCHAR'}) AS {name}" for name, _, kind in names)
    return f"SELECT {', '.join(chosen)} WHERE false"


def create_cell(framework: Framework, prefix: str) -> str:
    """Empty cell table."""
    dims = ", ".join(f"{name} VARCHAR NOT NULL" for name in dimension_columns(framework))
    return (
        f"CREATE OR REPLACE TEMP TABLE {prefix}cell (unit VARCHAR NOT NULL, region VARCHAR NOT NULL, year INTEGER NOT NULL,"
        f" variable VARCHAR NOT NULL, {dims}, value {VALUE_TYPE}, rank INTEGER NOT NULL)"
    )


def leaf_table(framework: Framework) -> pa.Table:
    """variable, dimension, member, leaf, optional: of which leaves every total and aggregate is made."""
    rows: list[dict[str, Any]] = []
    for variable in framework.variables:
        for dimension in framework.variable_dimensions(variable):
            entry = framework.dimensions[dimension]
            if entry.dynamic:
                continue
            for member, leaves in framework.scheme(variable, dimension).aggregates.items():
                for leaf in leaves:
                    rows.append(
                        {
                            "variable": variable,
                            "dimension": dimension,
                            "member": member,
                            "leaf": leaf,
                            "optional": entry.is_residual(leaf),
                        }
                    )
    import pyarrow as pa  # not with the module: commands that only ask the warehouse do without

    texts = [(name, pa.string()) for name in ("variable", "dimension", "member", "leaf")]
    schema = pa.schema([*texts, ("optional", pa.bool_())])
    return pa.Table.from_pylist(rows, schema=schema)


def completion(
    framework: Framework, prefix: str, leaves: str, present: Collection[str] | None = None, *, numbered: bool = False
) -> Iterator[str]:
    """Statements that fill undelivered totals, then undelivered aggregates, dimension by dimension in framework order.

    A member that was not delivered is the sum of its leaf members when all of them have a value; residual leaves may
    be absent. What was delivered, or filled before, stays. `leaves` names the table of `leaf_table`. `present` are the
    dimensions in which any cell is broken down (see `broken_down`): in the others there is nothing to add up.

    A few thousand kinds of cells (variable and members) and some hundred places (unit, region, year) make up millions of
    cells, so kinds and places are numbered first, and what adds up to what is worked out for the kinds alone:
    `{p}kind`, `{p}place` and `{p}numbered` (place, kind, value, rank, made) stay for `keyed_cells`. Where these are
    `numbered` already, `{p}cell` is neither read nor written.
    """
    if not numbered:
        yield from _numbering(framework, prefix)
    for totals in (True, False):
        for dimension in framework.dimension_order:
            if present is not None and dimension not in present:
                continue
            if not framework.dimensions[dimension].dynamic:
                yield from _fill(framework, prefix, dimension, _leaves_of(leaves, dimension, totals=totals))
            elif totals:
                yield from _fill(framework, prefix, dimension, _members_of(framework, prefix, dimension))
    if numbered:
        return
    kind = ", ".join(f"k.{name}" for name in dimension_columns(framework))
    yield f"""
INSERT INTO {prefix}cell
SELECT p.unit, p.region, p.year, k.variable, {kind}, n.value, n.rank
FROM {prefix}numbered n JOIN {prefix}place p USING (place) JOIN {prefix}kind k USING (kind) WHERE n.made"""


def broken_down(framework: Framework, prefix: str) -> str:
    """Query of one row: for every dimension, in framework order, whether any cell has another member than the total."""
    asked = (f"coalesce(bool_or({name} <> '{TOTAL}'), false)" for name in dimension_columns(framework))
    return f"SELECT {', '.join(asked)} FROM {prefix}cell"


def _numbering(framework: Framework, prefix: str) -> Iterator[str]:
    dims = dimension_columns(framework)
    kind = ", ".join(["variable", *dims])
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}kind AS
SELECT CAST(row_number() OVER () AS INTEGER) AS kind, * FROM (SELECT DISTINCT {kind} FROM {prefix}cell)"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}place AS
SELECT CAST(row_number() OVER () AS INTEGER) AS place, * FROM (SELECT DISTINCT unit, region, year FROM {prefix}cell)"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}numbered AS
SELECT p.place, k.kind, c.value, c.rank, false AS made
FROM {prefix}cell c JOIN {prefix}place p USING (unit, region, year) JOIN {prefix}kind k USING ({kind})"""


def _leaves_of(leaves: str, dimension: str, *, totals: bool) -> str:
    """SQL of variable, leaf, member, optional, needed: the leaves of the totals, or of the aggregates, of a dimension."""
    return f"""
    SELECT variable, leaf, member, optional,
           count(*) FILTER (NOT optional) OVER (PARTITION BY variable, member) AS needed
    FROM {leaves} WHERE dimension = '{dimension}' AND member {"=" if totals else "<>"} '{TOTAL}'"""


def _members_of(framework: Framework, prefix: str, dimension: str) -> str:
    """The same for a dimension without a fixed list: whatever members were delivered make up the total."""
    own = column(dimension)
    having = [v for v in framework.variables if dimension in framework.variable_dimensions(v)]
    names = ", ".join(f"'{variable}'" for variable in having) or "''"
    return f"""
    SELECT DISTINCT variable, {own} AS leaf, '{TOTAL}' AS member, true AS optional, 0 AS needed
    FROM {prefix}kind WHERE variable IN ({names}) AND {own} <> '{TOTAL}'"""


def _fill(framework: Framework, prefix: str, dimension: str, leaves: str) -> Iterator[str]:
    own = column(dimension)
    kind = ", ".join(["variable", *dimension_columns(framework)])
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}adding AS
SELECT k.kind AS leaf_kind, k.* EXCLUDE (kind) REPLACE (leaf.member AS {own}), leaf.optional, leaf.needed
FROM {prefix}kind k JOIN ({leaves}) leaf ON leaf.variable = k.variable AND leaf.leaf = k.{own}"""
    yield f"""
INSERT INTO {prefix}kind
SELECT (SELECT max(kind) FROM {prefix}kind) + row_number() OVER (), *
FROM (SELECT DISTINCT {kind} FROM {prefix}adding) ANTI JOIN {prefix}kind USING ({kind})"""
    yield f"""
INSERT INTO {prefix}numbered
SELECT place, kind, value, rank, true AS made
FROM (
    SELECT n.place, a.kind, sum(n.value) AS value, max(n.rank) AS rank
    FROM {prefix}numbered n
    JOIN (SELECT leaf_kind, kind, optional, needed FROM {prefix}adding JOIN {prefix}kind USING ({kind})) a
      ON a.leaf_kind = n.kind
    GROUP BY n.place, a.kind, a.needed
    HAVING count(*) FILTER (n.value IS NULL) = 0 AND count(*) FILTER (NOT a.optional) = a.needed
) made
ANTI JOIN {prefix}numbered have USING (place, kind)"""
