"""A table as Parquet: codes and texts as dictionaries, numbers as numbers, a missing cell is null.

Statistics in the file footer are those of the written, hence published, cells.
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

from report.opendata.table import Column, Table, Value

_TYPES = {
    "code": pa.dictionary(pa.int32(), pa.string()),
    "text": pa.dictionary(pa.int32(), pa.string()),
    "year": pa.int32(),
    "integer": pa.int64(),
    "decimal": pa.float64(),
}


def parquet_bytes(table: Table) -> bytes:
    """The table as one Parquet file; the meaning of each column stands in its metadata."""
    cells = list(zip(*table.rows, strict=True)) if table.rows else [() for _ in table.columns]
    arrays = [_array(column, values) for column, values in zip(table.columns, cells, strict=True)]
    fields = [
        pa.field(column.name, array.type, metadata={"de": column.text_de, "en": column.text_en})
        for column, array in zip(table.columns, arrays, strict=True)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def _array(column: Column, values: tuple[Value, ...]) -> pa.Array:
    plain = [float(value) if isinstance(value, Decimal) else value for value in values]
    if column.kind in ("code", "text"):
        return pa.array(plain, type=pa.string()).dictionary_encode().cast(_TYPES[column.kind])
    return pa.array(plain, type=_TYPES[column.kind])
