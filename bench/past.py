"""`python -m bench.past 4000`: how much memory and time it takes to read what all regions said in a year.

A check compares a delivery with these values, so one machine, and every worker, holds them while a batch is checked.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.speed.measuring import Facts, measure, peak_megabytes

REGIONS = "4000"


def write(regions: str, database: str) -> Facts:
    """Generated values of one year of so many regions, and the dimensions, as the warehouse has them."""
    import duckdb

    from bench.speed.worlds import Size, load_rows
    from schemas.loading import load_framework

    framework = load_framework()
    with duckdb.connect(database) as connection:
        load_rows(connection, framework, Size(int(regions), 1), "observation")
        connection.execute("CREATE TABLE dimension (code VARCHAR, position INTEGER)")
        dimensions = [(code, number) for number, code in enumerate(framework.dimension_order)]
        connection.executemany("INSERT INTO dimension VALUES (?, ?)", dimensions)
    return {}


def read(database: str) -> Facts:
    """The values by region, and what the process took above what it takes without them, in MB."""
    from schemas.known_values import KnownValues
    from warehouse.access import connect, rows
    from warehouse.past import values_of_year

    with connect(Path(database), read_only=True) as connection:
        ((year, values),) = rows(connection, "SELECT min(year), count(*) FROM observation")
        before, began = peak_megabytes(), time.process_time()
        known = values_of_year(connection, year)
        taken = time.process_time() - began
    held = sum(one.said.nbytes for one in known.values() if isinstance(one, KnownValues)) / 2**20
    return {"values": values, "regions": len(known), "above": peak_megabytes() - before, "held": held, "seconds": taken}


def main() -> int:
    """Measure in processes of their own and print."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        database = str(Path(folder) / "values.duckdb")
        written = measure("bench.past:write", *(sys.argv[1:] or [REGIONS]), database)
        told = measure("bench.past:read", database) if written.done else written
    if not told.done:
        print(f"not measured: {told.why}")
        return 1
    facts = told.facts
    each = {name: facts[name] * 2**20 / facts["values"] for name in ("above", "held")}
    print(f"{facts['values']:,} values of {facts['regions']:,} regions: {facts['seconds']:.1f} CPU s,"
          f" {facts['above']:.0f} MB while they are read ({each['above']:.0f} bytes a value),"
          f" {facts['held']:.0f} MB held ({each['held']:.0f} bytes a value)")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
