"""What was decided of one part of a release, and how it is kept for the night in which nothing of the part has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import pyarrow as pa

from indicators.protection.figure import Place

HIDDEN = pa.schema(
    [
        ("region", pa.string()),
        ("year", pa.int32()),
        *((name, pa.string()) for name in ("indicator", "key", "cause")),
    ]
)
INCIDENTS = pa.schema(
    [("region", pa.string()), ("year", pa.int32()), ("variable", pa.string()), ("members", pa.string())]
)
COUNTS = pa.schema([("name", pa.string()), ("number", pa.int64())])


@dataclass(frozen=True)
class Decision:
    """What was decided of a part of the release: hidden figures and why (`hidden`), rows of `cell_protection`.

    `kept`: what stays hidden from now on; `told`: of figures that are no forms of what they tell, what they tell if they
    are shown. Both name forms with their values, for the ledger alone.
    """

    hidden: pa.Table
    protocol: pa.Table
    incidents: pa.Table
    counts: pa.Table
    kept: dict[str, Fraction] = field(default_factory=dict)
    told: tuple[tuple[Place, dict[str, Fraction]], ...] = ()

    @property
    def figures(self) -> int:
        """How many figures have pieces in the part."""
        return sum(row["number"] for row in self.counts.to_pylist() if row["name"] == "figures")

    def written(self) -> bytes:
        """What a later night needs in which nothing of the part has changed: the ledger then has all of its names."""
        if not self.counts.num_rows:
            return b""
        sink = pa.BufferOutputStream()
        for table in (self.hidden, self.protocol, self.incidents, self.counts):
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
        return bytes(sink.getvalue().to_pybytes())


def read_decision(text: bytes, dims: Sequence[str]) -> Decision:
    """The decision that was written. Raises ValueError or OSError where the text is something else."""
    if not text:
        return nothing_decided(dims)
    source = pa.BufferReader(text)
    tables = [pa.ipc.open_stream(source).read_all() for _ in range(4)]
    wanted = (HIDDEN, protocol_schema(dims), INCIDENTS, COUNTS)
    if any(not table.schema.equals(schema) for table, schema in zip(tables, wanted, strict=True)):
        raise ValueError("no decision of a part")
    return Decision(*tables)


def nothing_decided(dims: Sequence[str]) -> Decision:
    """Of a part in which nothing is small."""
    return _nothing(tuple(dims))


@cache
def _nothing(dims: tuple[str, ...]) -> Decision:
    return Decision(*(s.empty_table() for s in (HIDDEN, protocol_schema(dims), INCIDENTS, COUNTS)))


def protocol_schema(dims: Sequence[str]) -> pa.Schema:
    """Columns of `cell_protection`."""
    texts = [(name.lower(), pa.string()) for name in ("indicator", *dims, "side", "state", "cause")]
    numbers = [(name, pa.float64()) for name in ("lower", "upper", "required")]
    return pa.schema([("region", pa.string()), ("year", pa.int32()), *texts, *numbers])


def table_of(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    """Rows as a table."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
