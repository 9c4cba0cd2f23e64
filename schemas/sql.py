"""SQL text that fills delivered cells up with totals and aggregates, set-wise. Text only: the rooms that own a connection
execute it. What evaluates formulas on these cells is in `schemas.plan_sql`.

Tables by contract (`prefix` is put before every name, so that rules and indicators can live in one connection):

    {p}cell        unit, region, year, variable, one column per dimension, value DECIMAL, rank   (delivered cells in,
                   filled with totals and aggregates by `completion`)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from schemas.framework_model import Framework
from schemas.shapes import TOTAL

if TYPE_CHECKING:
    import pyarrow as pa

VALUE_TYPE = "DECIMAL(24, 4)"
COMPLETION_TABLES = ("kind", "place", "numbered", "adding")
"""Tables that `completion` makes beside the cells; only `keyed_cells` and `cell_view` need them afterwards."""


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
    `numbered` already (see `numbering`), `{p}cell` is neither read nor written.
    """
    if not numbered:
        yield from numbering(framework, prefix, f"SELECT * FROM {prefix}cell")
    for totals in (True, False):
        for dimensions in _rounds(framework, present, totals=totals):
            yield from _fill(
                framework, prefix, dimensions, _leaves_of(framework, prefix, leaves, dimensions, totals=totals)
            )
    if not numbered:
        yield f"INSERT INTO {prefix}cell {_cells(framework, prefix)} WHERE n.made"


def _cells(framework: Framework, prefix: str) -> str:
    """SQL of the cells, in the columns of `{p}cell`, that are numbered (`n`) in places (`p`)."""
    kind = ", ".join(f"k.{name}" for name in dimension_columns(framework))
    return f"""
SELECT CAST(p.unit AS VARCHAR) AS unit, CAST(p.region AS VARCHAR) AS region, p.year, k.variable, {kind}, n.value, n.rank
FROM {prefix}numbered n JOIN {prefix}place p USING (place) JOIN {prefix}kind k USING (kind)"""


def cell_view(framework: Framework, view: str, prefix: str, condition: str) -> str:
    """The columns of `{p}cell` as a view of what `numbering` and `completion` made, under a condition on place (`p`) and
    kind (`k`)."""
    return f"CREATE OR REPLACE TEMP VIEW {view} AS {_cells(framework, prefix)} WHERE {condition}"


def broken_down(framework: Framework, prefix: str) -> str:
    """Query of one row: for every dimension, in framework order, whether any cell has another member than the total.
    Asks the kinds of `numbering`."""
    asked = (f"coalesce(bool_or({name} <> '{TOTAL}'), false)" for name in dimension_columns(framework))
    return f"SELECT {', '.join(asked)} FROM {prefix}kind"


def numbering(framework: Framework, prefix: str, cells: str) -> Iterator[str]:
    """Statements that make `{p}kind`, `{p}place` and `{p}numbered` of `completion` from a query of cells (the columns of
    `{p}cell`)."""
    kind = ", ".join(["variable", *dimension_columns(framework)])
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}kind AS
SELECT CAST(row_number() OVER () AS INTEGER) AS kind, * FROM (SELECT DISTINCT {kind} FROM ({cells}))"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}place AS
SELECT CAST(row_number() OVER () AS INTEGER) AS place, * FROM (SELECT DISTINCT unit, region, year FROM ({cells}))"""
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}numbered AS
SELECT p.place, k.kind, c.value, c.rank, false AS made
FROM ({cells}) c JOIN {prefix}place p USING (unit, region, year) JOIN {prefix}kind k USING ({kind})"""


def _rounds(framework: Framework, present: Collection[str] | None, *, totals: bool) -> Iterator[dict[str, str]]:
    """Dimension by variable: in the first round the first one that each variable is broken down by, and so on.

    What is filled of one variable says nothing of another, so dimensions of different variables share a round."""
    rounds: list[dict[str, str]] = []
    for variable in framework.variables:
        own = framework.variable_dimensions(variable)
        asked = [d for d in framework.dimension_order if d in own and (present is None or d in present)]
        for number, dimension in enumerate(d for d in asked if totals or not framework.dimensions[d].dynamic):
            if number == len(rounds):
                rounds.append({})
            rounds[number][variable] = dimension
    yield from rounds


def _leaves_of(framework: Framework, prefix: str, leaves: str, dimensions: Mapping[str, str], *, totals: bool) -> str:
    """SQL of variable, dimension, leaf, member, optional, needed: the leaves of the totals, or of the aggregates, of one
    dimension for each variable. Of a dimension without a fixed list whatever members were delivered make up the total."""
    fixed = f"""
    SELECT variable, dimension, leaf, member, optional,
           count(*) FILTER (NOT optional) OVER (PARTITION BY variable, member) AS needed
    FROM {leaves} JOIN ({listed("variable dimension", dimensions.items())}) USING (variable, dimension)
    WHERE member {"=" if totals else "<>"} '{TOTAL}'"""
    branches = [fixed]
    for dimension in sorted({d for d in dimensions.values() if framework.dimensions[d].dynamic}):
        own = column(dimension)
        names = ", ".join(f"'{variable}'" for variable, other in dimensions.items() if other == dimension)
        branches.append(f"""
    SELECT DISTINCT variable, '{dimension}', {own}, '{TOTAL}', true, 0
    FROM {prefix}kind WHERE variable IN ({names}) AND {own} <> '{TOTAL}'""")
    return " UNION ALL ".join(branches)


def _fill(framework: Framework, prefix: str, dimensions: Mapping[str, str], leaves: str) -> Iterator[str]:
    """One round: what can be added up over one dimension of each variable."""
    kind = ", ".join(["variable", *dimension_columns(framework)])
    asked = [d for d in framework.dimension_order if d in dimensions.values()]
    own = " ".join(f"WHEN '{d}' THEN k.{column(d)}" for d in asked)
    made = ", ".join(
        f"CASE leaf.dimension WHEN '{d}' THEN leaf.member ELSE k.{column(d)} END AS {column(d)}" for d in asked
    )
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}adding AS
SELECT k.kind AS leaf_kind, k.* EXCLUDE (kind) REPLACE ({made}), leaf.optional, leaf.needed
FROM {prefix}kind k JOIN ({leaves}) leaf ON leaf.variable = k.variable AND leaf.leaf = CASE leaf.dimension {own} END"""
    yield f"""
INSERT INTO {prefix}kind
SELECT (SELECT max(kind) FROM {prefix}kind) + row_number() OVER (), *
FROM (SELECT DISTINCT {kind} FROM {prefix}adding) ANTI JOIN {prefix}kind USING ({kind})"""
    yield f"""
INSERT INTO {prefix}numbered
WITH a AS MATERIALIZED (SELECT leaf_kind, kind, optional, needed FROM {prefix}adding JOIN {prefix}kind USING ({kind}))
SELECT place, kind, value, rank, true AS made
FROM (
    SELECT n.place, a.kind, sum(n.value) AS value, max(n.rank) AS rank
    FROM {prefix}numbered n JOIN a ON a.leaf_kind = n.kind
    GROUP BY n.place, a.kind, a.needed
    HAVING count(*) FILTER (n.value IS NULL) = 0 AND count(*) FILTER (NOT a.optional) = a.needed
) made
ANTI JOIN (SELECT place, kind FROM {prefix}numbered SEMI JOIN a USING (kind)) have USING (place, kind)"""
