"""`python -m bench.past 4000`: how much memory and time it takes to read what all regions said in a year, and to compare a
region that never delivered before with all of them.

One machine, and every worker, holds these values while a batch is checked.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
    above = peak_megabytes() - before
    return {"values": values, "regions": len(known), "above": above, "held": held, "seconds": taken} | _compared(known)


def _compared(known: Mapping[str, Any]) -> Facts:
    """CPU seconds of the check of single cells for one region, with few and with all others."""
    from intake.plausibility import History, cell_findings
    from intake.rules import RuleInput
    from schemas.loading import load_framework
    from schemas.shapes import Observation

    def members(key: str) -> tuple[tuple[str, str], ...]:
        return tuple((part.split("=")[0], part.split("=")[1]) for part in key.split(",") if part)

    framework = load_framework()
    own, *others = known
    said = [
        Observation(own, 2025, variable, members(key), value, status, *[""] * 6)
        for (variable, key), (value, status) in known[own].items()
    ]  # fmt: skip
    first = RuleInput("", own, 2025, said)

    def seconds(regions: Sequence[str]) -> float:
        began = time.process_time()
        cell_findings(framework, [first], History(peers=lambda *_: [known[region] for region in regions]))
        return time.process_time() - began

    seconds(others[:20])  # what is worked out once for the framework
    return {"few": seconds(others[:20]), "all": seconds(others)}


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
    print(
        f"{facts['values']:,} values of {facts['regions']:,} regions: {facts['seconds']:.1f} CPU s",
        f"{facts['above']:.0f} MB while they are read ({each['above']:.0f} bytes a value)",
        f"{facts['held']:.0f} MB held ({each['held']:.0f} bytes a value)",
        f"a first delivery beside 20 others {1000 * facts['few']:.0f} ms, beside all {1000 * facts['all']:.0f} ms",
        sep=", ",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
