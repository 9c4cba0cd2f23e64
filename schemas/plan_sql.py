"""SQL text that evaluates a plan of formulas on cells which `schemas.sql` has completed. Text only, as there.

Tables by contract (`prefix` is put before every name):

    {p}lookup      point, slot, variable, key, lag, zero                                         (from the plan)
    {p}part        point, slot, part, optional, sub, variable, key, lag, zero, runs, inner_shape  (from the plan)
    {p}point       point, owner, key, shape, slots, additive                                      (from the plan)
    {p}keyed       unit, region, year, lag, variable, key, value, rank           (of `keyed_cells`, after `completion`)
    {p}slot_value  unit, region, year, point, slot, value, real, rank, undefined                  (of `slot_values`)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from schemas.framework_model import Framework
from schemas.plan import Plan
from schemas.sql import VALUE_TYPE, key_expression

if TYPE_CHECKING:
    import pyarrow as pa

_SLOT = re.compile(r"\b[vr][0-9]+\b")


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


def keyed_cells(framework: Framework, prefix: str, condition: str = "true") -> str:
    """`{p}keyed`: cells with their member key, once for every lag with which anything looks them up; under a condition on
    their places (`p`)."""
    return f"""
CREATE OR REPLACE TEMP TABLE {prefix}keyed AS
SELECT p.unit, p.region, p.year + k.lag AS year, k.lag, k.variable, k.key, n.value, n.rank
FROM {prefix}numbered n JOIN {prefix}place p USING (place) JOIN (
    SELECT kind, asked.variable, asked.key, asked.lag
    FROM (SELECT kind, variable, {key_expression(framework)} AS key FROM {prefix}kind) known
    JOIN (SELECT variable, key, lag FROM {prefix}lookup UNION SELECT variable, key, lag FROM {prefix}part) asked
      USING (variable, key)
) k USING (kind) WHERE {condition}"""


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
), delivered AS (
    SELECT DISTINCT k.unit, k.region, k.year, p.point, p.slot, p.part
    FROM (FROM {prefix}part WHERE runs) p JOIN {prefix}keyed k ON k.variable = p.variable AND k.key = p.key AND k.lag = p.lag
), looked_up AS (
    SELECT k.unit, k.region, k.year, p.point, p.slot, p.part, any_value(p.optional) AS optional,
           any_value(p.inner_shape) AS inner_shape, max(k.rank) AS rank, count(k.value) AS known, {pivot}
    FROM {prefix}part p JOIN {prefix}keyed k ON k.variable = p.variable AND k.key = p.key AND k.lag = p.lag
    SEMI JOIN delivered d ON d.unit = k.unit AND d.region = k.region AND d.year = k.year AND d.point = p.point
        AND d.slot = p.slot AND d.part = p.part
    GROUP BY k.unit, k.region, k.year, p.point, p.slot, p.part
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


def pivoted(plan: Plan, prefix: str) -> str:
    """`{p}pivoted`: the slots of every point side by side, for every unit, region and year that has any of them.

    Columns: unit, region, year, point, those of `_slot_columns`, known (slots with a value), present (slots with a value,
    or undefined), rank.
    """
    return f"""
CREATE OR REPLACE TEMP TABLE {prefix}pivoted AS {_pivoted(plan, prefix)}"""


def summed_slots(plan: Plan, rows: str, order: str) -> str:
    """SQL of the slots of `rows` of `pivoted` added up; floating-point ones in an order, because the last digit depends
    on it."""
    return ", ".join(
        f"sum({rows}.{name} ORDER BY {order}) FILTER ({rows}.{name} IS NOT NULL) AS {name}"
        if name.startswith("r")
        else f"sum({rows}.{name}) AS {name}"
        for name in _slot_columns(plan)
    )


def evaluated(plan: Plan, prefix: str, slots: str = "", condition: str = "true") -> str:
    """`{p}evaluated`: left and right side of every point for every unit, region and year that has any of its slots.

    `slots`: relation of the shape of `pivoted`, where it was made before; under a `condition` on its rows. Columns: unit,
    region, year, point, present (slots with a value, or undefined), slots, rank, left_value, right_value.
    """
    names = ", ".join(_slot_columns(plan))
    left = " ".join(f"WHEN {number} THEN {left}" for (left, _), number in shape_numbers(plan).items())
    right = " ".join(f"WHEN {number} THEN {right}" for (_, right), number in shape_numbers(plan).items())
    return f"""
CREATE OR REPLACE TEMP TABLE {prefix}evaluated AS
SELECT q.unit, q.region, q.year, q.point, q.present, p.slots, q.rank,
       CASE p.shape {left} END AS left_value,
       CASE p.shape {right} END AS right_value
FROM (SELECT unit, region, year, point, present, rank, {names} FROM {slots or f"({_pivoted(plan, prefix)})"} WHERE {condition}) q
JOIN {prefix}point p USING (point)"""


def _slot_columns(plan: Plan) -> list[str]:
    """Names of the slots as far as any shape asks for them: v0, v1, … (exact) and r0, r1, … (floating point)."""
    asked = {
        name for shape in plan.shapes.values() for side in (shape.left, shape.right) for name in _SLOT.findall(side)
    }
    return sorted(asked) or ["v0"]


def _pivoted(plan: Plan, prefix: str) -> str:
    kinds = {"v": "value", "r": "real"}
    columns = ", ".join(
        f"max(CASE WHEN s.slot = {name[1:]} THEN s.{kinds[name[0]]} END) AS {name}" for name in _slot_columns(plan)
    )
    return f"""
SELECT s.unit, s.region, s.year, s.point, {columns}, count(s.value) AS known,
       count(*) FILTER (s.value IS NOT NULL OR s.undefined) AS present, max(s.rank) AS rank
FROM {prefix}slot_value s GROUP BY s.unit, s.region, s.year, s.point"""
