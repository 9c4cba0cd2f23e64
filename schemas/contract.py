"""The contract of an observation table, generated from the framework as a pandera schema.

Reading has typed every cell before (a reader that coerces would hide one bad cell behind another), so the contract gets
clean nullable types and answers with the row of every violation. A translator turns rows into findings; no pandera text
ever reaches a person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from schemas.framework_model import Framework
from schemas.observations import Observations, Places
from schemas.shapes import TOTAL, Observation, member_key

FIRST_YEAR, LAST_YEAR = 1900, 2200

if TYPE_CHECKING:
    from pandera.pandas import DataFrameSchema


@dataclass(frozen=True, slots=True)
class Violation:
    """Row number of the observation and the code of the finding."""

    row: int
    code: str


def observation_frame(observations: Sequence[Observation], unit: Sequence[str]) -> pd.DataFrame:
    """One row per observation with the columns of the contract; `unit` names the delivery of each row."""
    frame = batch_frame([Observations.of(observations)])
    return frame.assign(unit=pd.Series(list(unit), dtype="str"))


def batch_frame(deliveries: Sequence[Observations]) -> pd.DataFrame:
    """The same for many deliveries, whose `unit` is their number."""
    stretches = [(number, stretch) for number, said in enumerate(deliveries) for stretch in said.stretches]
    sizes = np.array([len(stretch) for _, stretch in stretches], dtype=np.int64)
    cells = [_cells(stretch.places) for _, stretch in stretches]
    values = chain.from_iterable(stretch.numbers for _, stretch in stretches)
    statuses = chain.from_iterable(stretch.statuses for _, stretch in stretches)
    return pd.DataFrame(
        {
            "unit": _repeated([str(number) for number, _ in stretches], sizes),
            "region": _repeated([stretch.region for _, stretch in stretches], sizes),
            "year": np.repeat(np.array([stretch.year for _, stretch in stretches], dtype=np.int64), sizes),
            "variable": _texts([variable for variable, _, _ in cells]),
            "members": _texts([members for _, members, _ in cells]),
            "cell": _texts([cell for _, _, cell in cells]),
            "value": np.fromiter(values, dtype=float, count=sizes.sum()),
            "status": _texts([pa.array(list(statuses), pa.large_string())]),
        }
    )


def _cells(places: Places) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Variables, member keys, and both together."""
    if "contract" not in places.derived:
        columns = zip(*((variable, key, f"{variable}|{key}") for variable, key in places.keys), strict=True)
        places.derived["contract"] = tuple(pa.array(column, pa.large_string()) for column in columns)
    found: tuple[pa.Array, pa.Array, pa.Array] = places.derived["contract"]
    return found


def _repeated(texts: Sequence[str], sizes: NDArray[np.int64]) -> pd.Series[str]:
    taken = pa.array(np.repeat(np.arange(len(texts)), sizes))
    return _texts([pa.array(texts, pa.large_string()).take(taken)])


def _texts(parts: Sequence[pa.Array]) -> pd.Series[str]:
    """Arrow's texts as pandas holds them, without a copy of each."""
    together = pa.concat_arrays(parts) if parts else pa.array([], pa.large_string())
    return pd.Series(pd.array(together, dtype=pd.StringDtype(na_value=np.nan)))


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
    fixed = {code for code in framework.variables if not is_dynamic(framework, code)}
    return pa.DataFrameSchema(
        {
            "unit": pa.Column(str),
            "region": pa.Column(str, pa.Check(lambda column: _each(column, known), name="C01")),
            "year": pa.Column(int, pa.Check.in_range(FIRST_YEAR, LAST_YEAR), nullable=False),
            "variable": pa.Column(str, pa.Check.isin(list(framework.variables), name="V15")),
            "status": pa.Column(str, pa.Check.isin(list(statuses), name="V10")),
            "value": pa.Column(float, pa.Check.ge(0, name="V04"), nullable=True),
        },
        checks=[
            pa.Check(
                lambda frame: ~frame["variable"].isin(fixed) | _each(frame["cell"], cells.__contains__), name="V15"
            ),
            pa.Check(
                lambda frame: ~frame["variable"].isin(counts) | frame["value"].isna() | (frame["value"] % 1 == 0),
                name="V05",
            ),
            pa.Check(lambda frame: frame["status"].isin(with_value) == frame["value"].notna(), name="V10"),
            pa.Check(lambda frame: ~frame.duplicated(["unit", "region", "year", "cell"]), name="S05"),
        ],
    )


def _each(column: pd.Series[str], holds: Callable[[str], bool]) -> pd.Series[bool]:
    """Does it hold for each text of a column? Every different text is asked about once: many rows have the same ones."""
    which, texts = pd.factorize(column)
    held = np.array([*map(holds, texts), False], np.bool_)  # the last for what is missing, which has the number -1
    return pd.Series(held[which], column.index)


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


def is_dynamic(framework: Framework, variable: str) -> bool:
    """Is the variable broken down by members that each region brings itself?"""
    return any(framework.dimensions[d].dynamic for d in framework.variable_dimensions(variable))


_schemas: dict[str, DataFrameSchema] = {}


def _cached_contract(framework: Framework) -> DataFrameSchema:
    """Generating the schema costs more than checking a small delivery, so it is kept per content of the framework."""
    if framework.content_hash not in _schemas:
        _schemas[framework.content_hash] = contract(framework)
    return _schemas[framework.content_hash]


__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Violation",
    "allowed_cells",
    "batch_frame",
    "check_contract",
    "contract",
    "is_dynamic",
    "observation_frame",
]
