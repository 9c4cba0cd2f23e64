"""The contract of an observation table, generated from the framework as a pandera schema.

Reading has typed every cell before (a reader that coerces would hide one bad cell behind another), so the contract gets
clean nullable types and answers with the row of every violation. A translator turns rows into findings; no pandera text
ever reaches a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from schemas.framework_model import Framework
from schemas.shapes import TOTAL, Observation, member_key, member_keys

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


@dataclass(frozen=True, slots=True)
class Violation:
    """Row number of the observation and the code of the finding."""

    row: int
    code: str


def observation_frame(observations: Sequence[Observation], unit: Sequence[str]) -> pd.DataFrame:
    """One row per observation with the columns of the contract; `unit` names the delivery of each row."""
    keys = member_keys(observations)
    return pd.DataFrame(
        {
            "unit": pd.Series(list(unit), dtype="str"),
            "region": pd.Series([o.region for o in observations], dtype="str"),
            "year": pd.Series([o.year for o in observations], dtype="int64"),
            "variable": pd.Series([o.variable for o in observations], dtype="str"),
            "members": pd.Series(keys, dtype="str"),
            "cell": pd.Series([f"{o.variable}|{key}" for o, key in zip(observations, keys, strict=True)], dtype="str"),
            "value": pd.Series([None if o.value is None else float(o.value) for o in observations], dtype="float64"),
            "status": pd.Series([o.status for o in observations], dtype="str"),
        }
    )


def contract(framework: Framework) -> DataFrameSchema:
    """The pandera schema of an observation frame (`observation_frame`), one named check per finding code.

    V15  the framework does not ask for this cell (variable and members; sub-areas are checked against the region)
    V04  a value is negative       V05  a count has decimals
    V10  the status is unknown, or it stands beside a value although it must not (or the other way round)
    S05  a cell occurs twice in one delivery
    """
    import pandera.pandas as pa

    cells, known = allowed_cells(framework), framework.territory.known
    statuses = framework.statuses
    with_value = {code for code, status in statuses.items() if status.has_value}
    counts = {code for code in framework.variables if framework.is_integer(code)}
    fixed = {code for code in framework.variables if not _dynamic(framework, code)}
    return pa.DataFrameSchema(
        {
            "unit": pa.Column(str),
            "region": pa.Column(
                str, pa.Check(lambda column: column.isin([*filter(known, column.unique())]), name="C01")
            ),
            "year": pa.Column(int, pa.Check.in_range(1900, 2200), nullable=False),
            "variable": pa.Column(str, pa.Check.isin(list(framework.variables), name="V15")),
            "status": pa.Column(str, pa.Check.isin(list(statuses), name="V10")),
            "value": pa.Column(float, pa.Check.ge(0, name="V04"), nullable=True),
        },
        checks=[
            pa.Check(lambda frame: ~frame["variable"].isin(fixed) | frame["cell"].isin(cells), name="V15"),
            pa.Check(
                lambda frame: ~frame["variable"].isin(counts) | frame["value"].isna() | (frame["value"] % 1 == 0),
                name="V05",
            ),
            pa.Check(lambda frame: frame["status"].isin(with_value) == frame["value"].notna(), name="V10"),
            pa.Check(lambda frame: ~frame.duplicated(["unit", "region", "year", "cell"]), name="S05"),
        ],
    )


def check_contract(framework: Framework, frame: pd.DataFrame) -> list[Violation]:
    """All violations of a frame, one per row and code, in row order. One call serves a whole batch of deliveries."""
    from pandera.errors import SchemaErrors

    if frame.empty:
        return []
    try:
        _cached_contract(framework).validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].isna().any():
            raise AssertionError(
                f"the frame does not have the columns of the contract: {sorted(set(cases['check']))}"
            ) from None
        found = {Violation(int(row), str(code)) for row, code in zip(cases["index"], cases["check"], strict=True)}
        return sorted(found, key=lambda violation: (violation.row, violation.code))
    return []


def allowed_cells(framework: Framework) -> frozenset[str]:
    """`variable|member key` of every cell that may be delivered, aggregates included, without dynamic dimensions."""
    found: set[str] = set()
    for code, variable in framework.variables.items():
        for table in variable.tables:
            dims = [dimension for dimension in framework.dimension_order if dimension in table]
            if any(framework.dimensions[dimension].dynamic for dimension in dims):
                continue
            for members in product(*((TOTAL, *framework.members(code, dimension)) for dimension in dims)):
                found.add(f"{code}|{member_key(zip(dims, members, strict=True))}")
    return frozenset(found)


def _dynamic(framework: Framework, variable: str) -> bool:
    return any(framework.dimensions[d].dynamic for d in framework.variable_dimensions(variable))


_schemas: dict[str, DataFrameSchema] = {}


def _cached_contract(framework: Framework) -> DataFrameSchema:
    """Generating the schema costs more than checking a small delivery, so it is kept per content of the framework."""
    if framework.content_hash not in _schemas:
        _schemas[framework.content_hash] = contract(framework)
    return _schemas[framework.content_hash]


__all__ = ["Violation", "allowed_cells", "check_contract", "contract", "observation_frame"]
