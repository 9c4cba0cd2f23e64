"""Texts of which there are few, as numbers: the database compares, sorts and hands over a number several times as fast.

Regions, indicators and members of dimensions stand beside every figure. Their columns are of types that exist for a
computation alone (`code_region`, `code_unit`, `code_indicator` and one for each dimension); whoever reads such a column
gets the text. What is fingerprinted must be text: the numbers depend on what else there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from schemas.framework_model import Framework
from schemas.plan import Plan
from schemas.shapes import TOTAL
from schemas.sql import column

REGION, UNIT, INDICATOR = "code_region", "code_unit", "code_indicator"


def member_type(dimension: str) -> str:
    """Type of the column of a dimension."""
    return f"code_of_{dimension.lower()}"


def type_statement(name: str, values: Iterable[str]) -> str:
    """SQL that makes a type of these texts; they are ordered as texts are."""
    quoted = ("'" + value.replace("'", "''") + "'" for value in sorted({*values}) or [""])
    return f"CREATE OR REPLACE TEMP TYPE {name} AS ENUM ({', '.join(quoted)})"


def coded(framework: Framework, relation: str, *, dimensions: bool = False) -> str:
    """SQL of a relation with the columns region and indicator as numbers, or indicator and those of the dimensions; what has
    none is empty, and so beside no figure."""
    kinds = {"indicator": INDICATOR} | ({} if dimensions else {"region": REGION})
    if dimensions:
        kinds |= {column(dimension): member_type(dimension) for dimension in framework.dimension_order}
    chosen = ", ".join(f"TRY_CAST({name} AS {kind}) AS {name}" for name, kind in kinds.items())
    return f"(SELECT * REPLACE ({chosen}) FROM {relation})"


def of_few(expression: str, *texts: str) -> str:
    """SQL of an expression that is one of these texts, of a type that needs no name."""
    quoted = ", ".join(f"'{text}'" for text in sorted(texts))
    return f"CAST({expression} AS ENUM ({quoted}))"


def plan_types(framework: Framework, plan: Plan) -> Iterator[str]:
    """SQL that makes the types of indicators and of the members that points of the plan stand at."""
    yield type_statement(INDICATOR, framework.indicators)
    members: dict[str, set[str]] = {dimension: {TOTAL} for dimension in framework.dimension_order}
    for point in plan.points:
        for pair in filter(None, point.key.split(",")):
            dimension, _, member = pair.partition("=")
            members[dimension].add(member)
    for dimension, found in members.items():
        yield type_statement(member_type(dimension), found)


def plain(table: pa.Table) -> pa.Table:
    """A table with texts in place of numbers."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table
