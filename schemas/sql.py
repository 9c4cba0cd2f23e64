"""SQL text for evaluating formulas set-wise. Text only: the rooms that own a connection execute it.

Tables by contract (`prefix` is put before every name, so that rules and indicators can live in one connection):

    {p}cell        unit, region, year, variable, one column per dimension, value DECIMAL, rank   (delivered cells in,
                   filled with totals and aggregates by `completion`)
    {p}lookup      point, slot, variable, key, lag, zero                                         (from the plan)
    {p}part        point, slot, part, optional, sub, variable, key, lag, zero, runs, inner_shape  (from the plan)
    {p}point       point, owner, key, shape, slots, additive                                      (from the plan)
    {p}keyed       unit, region, year, lag, variable, key, value, rank           (of `keyed_cells`, after `completion`)
    {p}slot_value  unit, region, year, point, slot, value, real, rank, undefined                  (of `slot_values`)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from schemas.framework_model import Framework
from schemas.plan import Plan
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


def plan_tables(plan: Plan) -> dict[str, pa.Table]:
    """The plan as Arrow tables `point`, `lookup` and `part`, with the shapes numbered."""
    shapes = shape_numbers(plan)
    inner = inner_shape_numbers(plan)
    points, lookups, parts = [], [], []
    for point in plan.points:
        shape = plan.shapes[point.owner]
        number = shapes[(shape.left, shape.right)]
        points.append((point.number, point.owner, point.key, number, shape.slots, shape.additive))
        for slot, look in point.lookups.items():
            lookups.append((point.number, slot, look.variable, look.key, look.lag, look.zero))
        for slot, members in point.sums.items():
            inner_number = inner[shape.inner[slot]]
            for part in members:
                for sub, look in enumerate(part.lookups):
                    place = (point.number, slot, part.member, part.optional, sub)
                    parts.append((*place, look.variable, look.key, look.lag, look.zero, look.runs, inner_number))
    return {
        "point": _table(points, "point:i owner key shape:i slots:i additive:b"),
        "lookup": _table(lookups, "point:i slot:i variable key lag:i zero:b"),
        "part": _table(parts, "point:i slot:i part optional:b sub:i variable key lag:i zero:b runs:b inner_shape:i"),
    }


def shape_numbers(plan: Plan) -> dict[tuple[str, str], int]:
    """Number of each distinct pair of side texts."""
    return {text: number for number, text in enumerate(dict.fromkeys((s.left, s.right) for s in plan.shapes.values()))}


def inner_shape_numbers(plan: Plan) -> dict[str, int]:
    """Number of each distinct text inside a sum."""
    texts = dict.fromkeys(text for shape in plan.shapes.values() for text in shape.inner.values())
    return {text: number for number, text in enumerate(texts)}


def _table(rows: list[tuple[Any, ...]], columns: str) -> pa.Table:
    import pyarrow as pa

    kinds = {"i": pa.int32(), "b": pa.bool_()}
    names = [spec.partition(":") for spec in columns.split()]
    arrays = [
        pa.array([row[index] for row in rows], type=kinds.get(kind, pa.string()))
        for index, (_, _, kind) in enumerate(names)
    ]
    return pa.table(dict(zip([name for name, _, _ in names], arrays, strict=True)))


def keyed_cells(framework: Framework, prefix: str) -> str:
    """`{p}keyed`: cells with their member key, once for every lag with which anything looks them up."""
    return f"""
CREATE OR REPLACE TEMP TABLE {prefix}keyed AS
SELECT p.unit, p.region, p.year + k.lag AS year, k.lag, k.variable, k.key, n.value, n.rank
FROM {prefix}numbered n JOIN {prefix}place p USING (place) JOIN (
    SELECT kind, asked.variable, asked.key, asked.lag
    FROM (SELECT kind, variable, {key_expression(framework)} AS key FROM {prefix}kind) known
    JOIN (SELECT variable, key, lag FROM {prefix}lookup UNION SELECT variable, key, lag FROM {prefix}part) asked
      USING (variable, key)
) k USING (kind)"""


def slot_values(plan: Plan, prefix: str) -> Iterator[str]:
    """`{p}slot_value`: the value of every slot of every point, for every unit, region and year that has data for it.

    A slot that finds nothing has no row, unless absence counts as zero.
    """
    yield f"""
CREATE OR REPLACE TEMP TABLE {prefix}slot_value AS
SELECT k.unit, k.region, k.year, l.point, l.slot, k.value, CAST(NULL AS DOUBLE) AS real, k.rank, false AS undefined
FROM {prefix}lookup l JOIN {prefix}keyed k ON k.variable = l.variable AND k.key = l.key AND k.lag = l.lag"""
    width = plan.inner_width
    if width:
        yield _sum_values(plan, prefix, width)
    yield f"""
INSERT INTO {prefix}slot_value
SELECT have.unit, have.region, have.year, z.point, z.slot, CAST(0 AS {VALUE_TYPE}) AS value, NULL AS real, 0 AS rank,
       false AS undefined
FROM (SELECT DISTINCT unit, region, year, point FROM {prefix}slot_value) have
JOIN {prefix}lookup z ON z.point = have.point AND z.zero
ANTI JOIN {prefix}slot_value s
  ON s.unit = have.unit AND s.region = have.region AND s.year = have.year AND s.point = z.point AND s.slot = z.slot"""


def _sum_values(plan: Plan, prefix: str, width: int) -> str:
    """Values of the slots that are sums: a required part must have a value, an optional one may be absent.

    Floating-point parts are added in a fixed order, because the last digit depends on it. A sum whose parts have all
    their terms and that still has no value divides by zero: it is `undefined`, which is not the same as missing.
    """
    pivot = ", ".join(
        f"max(k.value) FILTER (p.sub = {n}) AS x{n}, count(*) FILTER (p.sub = {n}) AS n{n},"
        f" bool_or(p.zero) FILTER (p.sub = {n}) AS z{n}"
        for n in range(width)
    )
    values = ", ".join(f"CASE WHEN n{n} = 0 AND z{n} THEN 0 ELSE x{n} END AS w{n}" for n in range(width))
    cases = " ".join(f"WHEN {number} THEN {text}" for text, number in inner_shape_numbers(plan).items())
    return f"""
INSERT INTO {prefix}slot_value
WITH needed AS (
    SELECT point, slot, count(DISTINCT part) FILTER (NOT optional) AS needed, max(sub) + 1 AS subs
    FROM {prefix}part GROUP BY ALL
), looked_up AS (
    SELECT k.unit, k.region, k.year, p.point, p.slot, p.part, any_value(p.optional) AS optional,
           any_value(p.inner_shape) AS inner_shape, max(k.rank) AS rank, count(k.value) AS known, {pivot}
    FROM {prefix}part p JOIN {prefix}keyed k ON k.variable = p.variable AND k.key = p.key AND k.lag = p.lag
    GROUP BY k.unit, k.region, k.year, p.point, p.slot, p.part
    HAVING count(*) FILTER (p.runs) > 0
), valued AS (
    SELECT *, CASE inner_shape {cases} END AS part_value
    FROM (SELECT unit, region, year, point, slot, part, optional, inner_shape, rank, known, {values} FROM looked_up)
)
SELECT v.unit, v.region, v.year, v.point, v.slot,
       CASE WHEN count(*) = count(part_value) THEN sum(v.part_value) END AS value,
       CASE WHEN count(*) = count(part_value) THEN sum(CAST(v.part_value AS DOUBLE) ORDER BY v.part) END AS real,
       max(v.rank) AS rank, count(*) > count(part_value) AS undefined
FROM valued v JOIN needed USING (point, slot)
GROUP BY v.unit, v.region, v.year, v.point, v.slot, needed.needed
HAVING count(*) FILTER (part_value IS NULL AND known < subs) = 0
   AND count(*) FILTER (NOT optional) = needed.needed"""


def evaluated(plan: Plan, prefix: str) -> str:
    """`{p}evaluated`: left and right side of every point for every unit, region and year that has any of its slots.

    Columns: unit, region, year, point, present (slots with a value, or undefined), slots, rank, left_value, right_value.
    """
    width = plan.width
    pivot = ", ".join(
        f"max(s.value) FILTER (s.slot = {n}) AS v{n}, max(s.real) FILTER (s.slot = {n}) AS r{n}" for n in range(width)
    )
    names = ", ".join(f"v{n}, r{n}" for n in range(width))
    left = " ".join(f"WHEN {number} THEN {left}" for (left, _), number in shape_numbers(plan).items())
    right = " ".join(f"WHEN {number} THEN {right}" for (_, right), number in shape_numbers(plan).items())
    return f"""
CREATE OR REPLACE TEMP TABLE {prefix}evaluated AS
WITH pivoted AS (
    SELECT s.unit, s.region, s.year, s.point, {pivot}, count(*) FILTER (s.value IS NOT NULL OR s.undefined) AS present,
           max(s.rank) AS rank
    FROM {prefix}slot_value s GROUP BY s.unit, s.region, s.year, s.point
)
SELECT q.unit, q.region, q.year, q.point, q.present, p.slots, q.rank,
       CASE p.shape {left} END AS left_value,
       CASE p.shape {right} END AS right_value
FROM (SELECT unit, region, year, point, present, rank, {names} FROM pivoted) q
JOIN {prefix}point p USING (point)"""
